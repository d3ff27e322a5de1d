"""Who am I, may I, may they: the review kinds of ``authentication.k8s.io`` and
``authorization.k8s.io``.
"""

from collections.abc import Callable, Mapping

from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.status import bad_request, invalid
from migrator.lab.kubernetes.user import User
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

    def answer(self, resource: str, user: User, body: Json, namespace: str) -> Json:
        """The review with its ``status``; raises ApiError for a review that asks nothing or too
        much.
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
        decision = self._authorizer.decide(user, _asked(kind, body.get("spec") or {}))
        status: Json = {"allowed": decision.allowed}
        if decision.reason:
            status["reason"] = decision.reason
        return {**body, "metadata": body.get("metadata") or {}, "status": status}

    def _local_review(self, body: Json, namespace: str) -> Json:
        kind, spec = "LocalSubjectAccessReview", body.get("spec") or {}
        asked = (spec.get("resourceAttributes") or {}).get("namespace", "")
        if asked != namespace:
            text = f'Invalid value: "{asked}": must match metadata.namespace'
            field = "spec.resourceAttributes.namespace"
            raise invalid(kind, AUTHORIZATION, "", [("FieldValueInvalid", field, text)])
        return self._access_review(kind, _subject(kind, body), body)

    def _rules_review(self, user: User, body: Json) -> Json:
        namespace = (body.get("spec") or {}).get("namespace", "")
        if not namespace:
            raise bad_request("no namespace on request")
        resource_rules, url_rules = [], []
        for rule in self._authorizer.rules_held(user, namespace):
            if rule.resources:
                shown: Json = {
                    "verbs": list(rule.verbs),
                    "apiGroups": list(rule.api_groups),
                    "resources": list(rule.resources),
                }
                if rule.resource_names:
                    shown["resourceNames"] = list(rule.resource_names)
                resource_rules.append(shown)
            if rule.non_resource_urls:
                url_rules.append(
                    {"verbs": list(rule.verbs), "nonResourceURLs": list(rule.non_resource_urls)}
                )
        status = {
            "resourceRules": resource_rules,
            "nonResourceRules": url_rules,
            "incomplete": True,
            "evaluationError": _INCOMPLETE,
        }
        return {**body, "metadata": body.get("metadata") or {}, "status": status}

    def _token_review(self, body: Json) -> Json:
        token = (body.get("spec") or {}).get("token") or ""
        if not token:
            text = "Required value: token is required for TokenReview in authentication"
            raise invalid(
                "TokenReview", AUTHENTICATION, "", [("FieldValueRequired", "spec.token", text)]
            )
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
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        text = (
            'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes '
            "must be specified"
            if resource is None
            else 'Invalid value: "null": cannot be specified in combination with resourceAttributes'
        )
        field = "spec.resourceAttributes" if resource is None else "spec.nonResourceAttributes"
        raise invalid(kind, AUTHORIZATION, "", [("FieldValueInvalid", field, text)])
    if resource is None:
        return (
            AccessRequest(path.get("verb", ""), path=path.get("path", ""))
            if path
            else AccessRequest("")
        )
    return AccessRequest(
        resource.get("verb", ""),
        resource.get("group", ""),
        resource.get("resource", ""),
        resource.get("subresource", ""),
        resource.get("namespace") or None,
        resource.get("name", ""),
    )


def _subject(kind: str, body: Json) -> User:
    spec = body.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        text = 'Invalid value: "": at least one of user or group must be specified'
        raise invalid(kind, AUTHORIZATION, "", [("FieldValueInvalid", "spec.user", text)])
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)
