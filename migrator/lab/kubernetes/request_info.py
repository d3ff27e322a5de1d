"""What a request asks for, in the authorizer's words. Source: apiserver
``pkg/endpoints/request/requestinfo.go``.
"""

import re
from dataclasses import dataclass

from migrator.lab.http_wire import Request
from migrator.model.rbac import AccessRequest

_NAMESPACE_SUBRESOURCES = frozenset(("status", "finalize"))
_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_NAME_FIELD = re.compile(r"(?:^|,)metadata\.name==?([^,!]+)(?:,|$)")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request's attributes. ``resource`` is empty for a non-resource request: it has ``path`` and
    ``verb`` only.
    """

    path: str
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def operation(self) -> str:
        """``kubernetes:patch configmaps``: how faults, latency and effects name it."""
        if not self.resource:
            return f"kubernetes:{self.verb} {self.path}"
        sub = f"/{self.subresource}" if self.subresource else ""
        return f"kubernetes:{self.verb} {self.resource}{sub}"

    def access_request(self) -> AccessRequest:
        """What the authorizers are asked."""
        if not self.resource:
            return AccessRequest(self.verb, path=self.path)
        return AccessRequest(
            self.verb,
            self.group,
            self.resource,
            self.subresource,
            self.namespace or None,
            self.name,
        )


def request_info(request: Request) -> RequestInfo:
    """Take a request's method, path and query apart."""
    parts = [part for part in request.path.split("/") if part]
    method = request.method
    if parts[:1] == ["api"] and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(request.path, method.lower())
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    verb = _VERBS.get(method, "")
    if not name and verb == "get":
        verb = "watch" if request.parameter("watch") in ("1", "true") else "list"
        if request.raw_query and (match := _NAME_FIELD.search(request.parameter("fieldSelector"))):
            name = match[1]
    elif not name and verb == "delete":
        verb = "deletecollection"
    return RequestInfo(request.path, verb, group, version, resource, subresource, namespace, name)
