"""Who am I, may I, may they: the review kinds of ``authentication.k8s.io`` and
``authorization.k8s.io``.
"""

from collections.abc import Callable, Mapping

from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.status import bad_request, invalid
from migrator.lab.kubernetes.user import User
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.model.rbac import AccessRequest

TokenLookup = Callable[[str], User | None]

AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"
# What EKS answers beside the RBAC rules: its authorizer of access policies is a webhook, which
# cannot list rules.
_INCOMPLETE = "webhook authorizer does not support user rule resolution"

# resource -> (API group, kind, namespaced)
REVIEWS: Mapping[tuple[str, str], tuple[str, bool]] = {
    (AUTHENTICATION, "selfsubjectreviews"): ("SelfSubjectReview", False),
    (AUTHENTICATION, "tokenreviews"): ("TokenReview", False),
    (AUTHORIZATION, "selfsubjectaccessreviews"): ("SelfSubjectAccessReview", False),
    (AUTHORIZATION, "subjectaccessreviews"): ("SubjectAccessReview", False),
    (AUTHORIZATION, "localsubjectaccessreviews"): ("LocalSubjectAccessReview", True),
    (AUTHORIZATION, "selfsubjectrulesreviews"): ("SelfSubjectRulesReview", False),
}
VERSIONS: Mapping[str, tuple[str, ...]] = {
    AUTHENTICATION: ("v1", "v1beta1", "v1alpha1"),
    AUTHORIZATION: ("v1",),
}


class Reviews:
    """Answers reviews for one cluster."""

    def __init__(self, authorizer: Authorizer, look_up: TokenLookup) -> None:
        self._authorizer, self._look_up = authorizer, look_up

    def answer(
        self,
        resource: str,
        user: User,
        body: Json,
        namespace: str,
    ) -> Json:
        """The review with its ``status``.

        ``body`` is the review as it was sent, ``namespace`` that of the URL, which a local review
        must repeat. Raises ApiError for a review that asks nothing or too much.
        """
        match resource:
            case "selfsubjectaccessreviews":
                return self._access_review("SelfSubjectAccessReview", user, body)
            case "selfsubjectreviews":
                return {**body, "metadata": {}, "status": {"userInfo": user.to_wire()}}
            case "selfsubjectrulesreviews":
                return self._rules_review(user, body)
            case "tokenreviews":
                return self._token_review(body)
            case "localsubjectaccessreviews":
                return self._local_review(body, namespace)
            case _:
                return self._access_review(
                    "SubjectAccessReview", _subject("SubjectAccessReview", body), body
                )

    def _access_review(self, kind: str, user: User, body: Json) -> Json:
        """May a user do it? The whole chain of authorizers is asked; ``reason`` is absent where
        none gives one.
        """
        decision = self._authorizer.decide(user, _asked(kind, part_of(body, "spec")))
        status: Json = {"allowed": decision.allowed}
        if decision.reason:
            status["reason"] = decision.reason
        return {**body, "metadata": part_of(body, "metadata"), "status": status}

    def _local_review(self, body: Json, namespace: str) -> Json:
        """The same in the namespace of the URL: its owner may ask without a right in other
        namespaces.
        """
        kind, spec = "LocalSubjectAccessReview", part_of(body, "spec")
        asked = part_of(spec, "resourceAttributes").get("namespace", "")
        if asked != namespace:
            text = f'Invalid value: "{asked}": must match metadata.namespace'
            field = "spec.resourceAttributes.namespace"
            raise invalid(kind, AUTHORIZATION, "", [("FieldValueInvalid", field, text)])
        return self._access_review(kind, _subject(kind, body), body)

    def _rules_review(self, user: User, body: Json) -> Json:
        """What RBAC lets a user do in a namespace. It is always incomplete: rights by access
        policies are not in it, as their authorizer cannot list them.
        """
        namespace = part_of(body, "spec").get("namespace", "")
        if not namespace:
            raise bad_request("no namespace on request")
        resource_rules, url_rules = [], []
        for rule in self._authorizer.rules_held(user, namespace):
            verbs = list(rule.verbs)
            if rule.resources:
                shown: Json = {
                    "verbs": verbs,
                    "apiGroups": list(rule.api_groups),
                    "resources": list(rule.resources),
                }
                if rule.resource_names:
                    shown["resourceNames"] = list(rule.resource_names)
                resource_rules.append(shown)
            if rule.non_resource_urls:
                urls = list(rule.non_resource_urls)
                url_rules.append({"verbs": verbs, "nonResourceURLs": urls})
        status = {
            "resourceRules": resource_rules,
            "nonResourceRules": url_rules,
            "incomplete": True,
            "evaluationError": _INCOMPLETE,
        }
        return {**body, "metadata": part_of(body, "metadata"), "status": status}

    def _token_review(self, body: Json) -> Json:
        """Who has a token? A token that is refused is an answer, not an error; a review without a
        token is a 422 ApiError.
        """
        token = part_of(body, "spec").get("token") or ""
        if not token:
            text = "Required value: token is required for TokenReview in authentication"
            cause = ("FieldValueRequired", "spec.token", text)
            raise invalid("TokenReview", AUTHENTICATION, "", [cause])
        user = self._look_up(token)
        status: Json = {"user": {}, "error": "[invalid bearer token]"}
        if user is not None:
            status = {
                "authenticated": True,
                "user": user.to_wire(),
                "audiences": ["https://kubernetes.default.svc"],
            }
        return {**body, "metadata": {}, "status": status}


def _asked(kind: str, spec: Json) -> AccessRequest:
    """The request that a review asks about. Raises a 422 ApiError unless it asks about exactly one
    of a resource and a path (kubernetes ``pkg/apis/authorization/validation/validation.go``).
    """
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is None and path is None:
        text = (
            'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes '
            "must be specified"
        )
        cause = ("FieldValueInvalid", "spec.resourceAttributes", text)
        raise invalid(kind, AUTHORIZATION, "", [cause])
    if resource is None:
        # Attributes without content ask about no path at all.
        if not path:
            return AccessRequest("")
        return AccessRequest(path.get("verb", ""), path=path.get("path", ""))
    if path is not None:
        text = 'Invalid value: "null": cannot be specified in combination with resourceAttributes'
        cause = ("FieldValueInvalid", "spec.nonResourceAttributes", text)
        raise invalid(kind, AUTHORIZATION, "", [cause])
    return AccessRequest(
        resource.get("verb", ""),
        resource.get("group", ""),
        resource.get("resource", ""),
        resource.get("subresource", ""),
        resource.get("namespace") or None,
        resource.get("name", ""),
    )


def _subject(kind: str, body: Json) -> User:
    """The user of a review about another user. Without a principal's id in its ``extra`` no access
    policy counts. Raises a 422 ApiError for a review of neither user nor group.
    """
    spec = part_of(body, "spec")
    name, groups = spec.get("user", ""), tuple(items_of(spec, "groups"))
    if not name and not groups:
        text = 'Invalid value: "": at least one of user or group must be specified'
        raise invalid(kind, AUTHORIZATION, "", [("FieldValueInvalid", "spec.user", text)])
    extra = {key: tuple(values) for key, values in part_of(spec, "extra").items()}
    return User(name, groups, spec.get("uid", ""), extra)
