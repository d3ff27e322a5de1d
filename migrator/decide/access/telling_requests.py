"""Requests that show the most when access changes: for probes, and for the witness of a
difference.
"""

from migrator.model.rbac import AccessRequest

# Of objects, paths and namespaces that need not exist: an access review does not read them.
PROBE_NAME = "migrator-probe"
COMMON_VERBS = ("delete", "create", "patch", "update", "get", "list", "watch")
_VERBS = (
    "impersonate",
    "escalate",
    "bind",
    *COMMON_VERBS,
    "deletecollection",
    "use",
    "approve",
    "sign",
)
VERB_RANKS = {verb: place for place, verb in enumerate(("*", *_VERBS))}
_RBAC = "rbac.authorization.k8s.io"
# What matters most when it changes hands; asked wherever a wildcard gives it, and first where a
# list names it.
TELLING: tuple[AccessRequest, ...] = (
    AccessRequest("get", "", "secrets"),
    AccessRequest("create", "", "pods", "exec"),
    AccessRequest("impersonate", "", "users"),
    AccessRequest("escalate", _RBAC, "clusterroles"),
    AccessRequest("bind", _RBAC, "clusterroles"),
    AccessRequest("create", _RBAC, "clusterrolebindings"),
    AccessRequest("list", "", "nodes"),
    AccessRequest("delete", "", "namespaces"),
    AccessRequest("create", "apiextensions.k8s.io", "customresourcedefinitions"),
    AccessRequest("patch", "apps", "deployments"),
    AccessRequest("delete", "", "pods"),
    AccessRequest("create", "", "serviceaccounts", "token"),
    AccessRequest("get", "", "configmaps"),
    AccessRequest("list", "", "pods"),
)
_RANKS = {
    (r.verb, r.api_group, r.resource, r.subresource): place for place, r in enumerate(TELLING)
}
CLUSTER_KINDS = frozenset(
    {
        "users",
        "clusterroles",
        "clusterrolebindings",
        "nodes",
        "namespaces",
        "customresourcedefinitions",
    }
)


def rank(request: AccessRequest) -> int:
    """How much the request tells when it changes hands: 0 is the most."""
    # Every login may read most paths (system:discovery, system:public-info-viewer).
    if request.path is not None:
        return len(TELLING) + 1
    return _RANKS.get(
        (request.verb, request.api_group, request.resource, request.subresource), len(TELLING)
    )


def order(request: AccessRequest) -> tuple[str, ...]:
    """A total order of requests, for results that are the same for the same input."""
    return (
        request.api_group,
        request.resource,
        request.subresource,
        request.verb,
        request.namespace or "",
        request.name,
        request.path or "",
    )
