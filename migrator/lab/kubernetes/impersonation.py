"""``kubectl --as``: the right to speak under another name.

Source: apiserver ``pkg/endpoints/filters/impersonation.go``.
"""

from urllib.parse import unquote

from migrator.lab.http_wire import Request
from migrator.lab.kubernetes.authorizer import Authorizer
from migrator.lab.kubernetes.status import ApiError, forbidden
from migrator.lab.kubernetes.user import AUTHENTICATED, UNAUTHENTICATED, User
from migrator.model.rbac import AccessRequest

_EXTRA = "impersonate-extra-"
_SERVICE_ACCOUNT = "system:serviceaccount:"


def impersonated(request: Request, user: User, authorizer: Authorizer) -> User | None:
    """Whom the request speaks as, None without impersonation headers. Raises a 403 ApiError when it
    may not.
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
    if not (name or groups or uid or extra):
        return None
    if not name:
        raise ApiError(
            500,
            "InternalError",
            "Internal Server Error: impersonating groups without impersonating a user",
        )
    _check(authorizer, user, _who(name))
    for group in groups:
        _check(authorizer, user, AccessRequest("impersonate", "", "groups", name=group))
    for key, values in extra.items():
        for value in values:
            _check(
                authorizer,
                user,
                AccessRequest(
                    "impersonate", "authentication.k8s.io", "userextras", key, None, value
                ),
            )
    if uid:
        _check(
            authorizer,
            user,
            AccessRequest("impersonate", "authentication.k8s.io", "uids", name=uid),
        )
    if not groups and name.startswith(_SERVICE_ACCOUNT):
        namespace = name.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    if name != "system:anonymous" and not {AUTHENTICATED, UNAUTHENTICATED} & set(groups):
        groups = (*groups, AUTHENTICATED)
    return User(name, groups, uid, extra, impersonated=True)


def _who(name: str) -> AccessRequest:
    if name.startswith(_SERVICE_ACCOUNT):
        namespace, _, account = name.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return AccessRequest("impersonate", "", "serviceaccounts", "", namespace, account)
    return AccessRequest("impersonate", "", "users", name=name)


def _check(authorizer: Authorizer, user: User, asked: AccessRequest) -> None:
    decision = authorizer.decide(user, asked)
    if not decision.allowed:
        raise forbidden(
            asked.resource, asked.api_group, asked.name, denial(user, asked, decision.reason)
        )


def denial(user: User, asked: AccessRequest, reason: str) -> str:
    """Why, in the words of kube-apiserver
    (``pkg/endpoints/handlers/responsewriters/errors.go``).
    """
    if asked.path is not None:
        text = f'User "{user.username}" cannot {asked.verb} path "{asked.path}"'
    else:
        resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
        where = (
            f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
        )
        text = (
            f'User "{user.username}" cannot {asked.verb} resource "{resource}" in API group '
            f'"{asked.api_group}" {where}'
        )
    return f"{text}: {reason}" if reason else text
