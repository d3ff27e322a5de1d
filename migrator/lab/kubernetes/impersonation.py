"""``kubectl --as``: the right to speak under another name.

Source: apiserver ``pkg/endpoints/filters/impersonation.go``.
"""

from urllib.parse import unquote

from migrator.decide.access.quoting import quoted
from migrator.lab.http_wire import Request
from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes.status import ApiError, forbidden
from migrator.lab.kubernetes.user import (
    ANONYMOUS,
    UNAUTHENTICATED,
    User,
    with_group_of_every_login,
)
from migrator.model.rbac import AccessRequest

_AUTHENTICATION = "authentication.k8s.io"
_EXTRA = "impersonate-extra-"
_SERVICE_ACCOUNT = "system:serviceaccount:"


def impersonated(request: Request, user: User, authorizer: Authorizer) -> User | None:
    """Whom the request speaks as, None without impersonation headers.

    The right to impersonate is asked for each header: user or service account, groups, uid and each
    value of an extra. Raises a 403 ApiError where one is missing. A user without groups gets those
    that authentication would give.
    """
    headers = request.headers
    name = request.header("impersonate-user")
    groups = tuple(headers.get("impersonate-group", ()))
    uid = request.header("impersonate-uid")
    extra = {
        unquote(key.removeprefix(_EXTRA)): tuple(values)
        for key, values in headers.items()
        if key.startswith(_EXTRA)
    }
    if not any((name, groups, uid, extra)):
        return None
    if not name:
        text = "Internal Server Error: impersonating groups without impersonating a user"
        raise ApiError(500, "InternalError", text)
    _check(authorizer, user, _who(name))
    for group in groups:
        _check(authorizer, user, AccessRequest("impersonate", "", "groups", name=group))
    for key, values in extra.items():
        for value in values:
            asked = AccessRequest(
                "impersonate",
                _AUTHENTICATION,
                "userextras",
                key,
                None,
                value,
            )
            _check(authorizer, user, asked)
    if uid:
        _check(authorizer, user, AccessRequest("impersonate", _AUTHENTICATION, "uids", name=uid))
    if not groups and name.startswith(_SERVICE_ACCOUNT):
        namespace = name.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    # Who speaks as the anonymous user is what a request without credentials is (impersonation.go).
    if name == ANONYMOUS.username and UNAUTHENTICATED not in groups:
        groups = (*groups, UNAUTHENTICATED)
    groups = with_group_of_every_login(name, groups)
    return User(name, groups, uid, extra, impersonated=True)


def _who(name: str) -> AccessRequest:
    """What is asked for a username: a service account is an object of its namespace."""
    if name.startswith(_SERVICE_ACCOUNT):
        namespace, _, account = name.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return AccessRequest(
            "impersonate",
            "",
            "serviceaccounts",
            "",
            namespace,
            account,
        )
    return AccessRequest("impersonate", "", "users", name=name)


def _check(authorizer: Authorizer, user: User, asked: AccessRequest) -> None:
    """Raise a 403 ApiError unless ``user`` may impersonate what is asked; access policies count."""
    decision = authorizer.decide(user, asked)
    if not decision.allowed:
        raise forbidden(
            asked.resource, asked.api_group, asked.name, denial(user, asked, decision.reason)
        )


def denial(user: User, asked: AccessRequest, reason: str) -> str:
    """Why, in the words of kube-apiserver (``pkg/endpoints/handlers/responsewriters/errors.go``).

    ``reason`` is the authorizers' own text and may be empty.
    """
    text = f"User {quoted(user.username)} cannot {asked.verb}"
    if asked.path is not None:
        text += f' path "{asked.path}"'
    else:
        resource, where = asked.resource, "at the cluster scope"
        if asked.subresource:
            resource += f"/{asked.subresource}"
        if asked.namespace:
            where = f'in the namespace "{asked.namespace}"'
        text += f' resource "{resource}" in API group "{asked.api_group}" {where}'
    if reason:
        text += f": {reason}"
    return text
