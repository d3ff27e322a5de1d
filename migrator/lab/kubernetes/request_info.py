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
        about = self.resource or self.path
        if self.subresource:
            about += f"/{self.subresource}"
        return f"kubernetes:{self.verb} {about}"

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
    """Take a request's method, path and query apart.

    A path of a resource is ``/api/VERSION/…`` or ``/apis/GROUP/VERSION/…``; all others, discovery
    among them, are non-resource requests whose verb is the method. A GET without a name is a list,
    or with ``watch=true`` a watch; a DELETE without a name removes a collection.
    """
    path = request.path
    parts = [part for part in path.split("/") if part]
    # The group of the core API is empty, and its paths have none.
    if parts[:1] == ["api"]:
        parts.insert(1, "")
    elif parts[:1] != ["apis"]:
        parts.clear()
    if len(parts) < 4:
        return RequestInfo(path, request.method.lower())
    group, version = parts[1:3]
    namespace, (resource, name, subresource) = _place(parts[3:])
    verb = _VERBS.get(request.method, "")
    if not name and verb == "get":
        verb = "watch" if request.parameter("watch") in ("1", "true") else "list"
        name = _name_selected(request)
    elif not name and verb == "delete":
        verb = "deletecollection"
    return RequestInfo(
        path,
        verb,
        group,
        version,
        resource,
        subresource,
        namespace,
        name,
    )


def _place(rest: list[str]) -> tuple[str, tuple[str, str, str]]:
    """Namespace, then resource, name and subresource: what is behind the version in a path.

    ``namespaces/NAME`` and its two subresources are the namespace itself, which is its own
    namespace for authorisation.
    """
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource, *_ = *rest, "", ""
    return namespace, (resource, name, subresource)


def _name_selected(request: Request) -> str:
    """The name that a field selector asks for: a list of one object is authorised as that object,
    so that ``resourceNames`` of a rule can allow it. Empty where it selects no name.
    """
    if not request.raw_query:
        return ""
    match = _NAME_FIELD.search(request.parameter("fieldSelector"))
    if match is None:
        return ""
    return match[1]
