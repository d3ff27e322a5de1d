"""Which requests to the API server each command makes as the caller.

A test runs every command on the lab with exactly these rules and compares what the audit log shows
(``tests/journeys/test_stated_permissions.py``).
"""

from typing import Final, NamedTuple

from migrator.decide.running.dead_man import AWS_AUTH
from migrator.decide.running.dead_man import NAME as TIMER_NAME
from migrator.decide.running.dead_man import NAMESPACE as TIMER_NAMESPACE
from migrator.model.cluster_lock import LEASE_NAME, LOCK_NAMESPACE
from migrator.model.rbac import AccessRequest

_RBAC: Final = "rbac.authorization.k8s.io"
_LEASES: Final = "coordination.k8s.io"
_FLOWS: Final = "flowcontrol.apiserver.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"


class Conditional(NamedTuple):
    """A request that is made only where ``when`` holds: it is stated, and not asked for."""

    request: AccessRequest
    when: str


def _aws_auth(verb: str) -> AccessRequest:
    return AccessRequest(verb, resource="configmaps", namespace=TIMER_NAMESPACE, name=AWS_AUTH)


def _lists(group: str, *resources: str) -> tuple[AccessRequest, ...]:
    return tuple(AccessRequest("list", group, resource) for resource in resources)


def _on_lock(verb: str) -> AccessRequest:
    return AccessRequest(verb, _LEASES, "leases", namespace=LOCK_NAMESPACE, name=LEASE_NAME)


def _on_timer(verb: str, group: str, resource: str) -> AccessRequest:
    return AccessRequest(verb, group, resource, namespace=TIMER_NAMESPACE, name=TIMER_NAME)


# Requests by which a run takes, renews and releases the lock. ``create`` cannot be allowed by name
# (Kubernetes documentation, "Using RBAC Authorization", "Referring to resources").
LOCK_REQUESTS: Final = (
    AccessRequest("create", _LEASES, "leases", namespace=LOCK_NAMESPACE),
    *(_on_lock(verb) for verb in ("get", "update", "delete")),
)
_BINDINGS_READ: Final = _lists(_RBAC, "rolebindings", "clusterrolebindings")
_WEBHOOKS: Final = _lists(
    _ADMISSION, "validatingwebhookconfigurations", "mutatingwebhookconfigurations"
)
_READ: Final = (
    _aws_auth("get"),
    *_lists("", "namespaces", "nodes"),
    *_lists(_RBAC, "roles", "clusterroles"),
    *_BINDINGS_READ,
    # Where group names and usernames may stand besides RBAC.
    AccessRequest("list", resource="configmaps", name="argocd-rbac-cm"),
    *_lists(_FLOWS, "flowschemas"),
    *_lists(_ADMISSION, "validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    *_WEBHOOKS,
)
_NETWORK_POLICIES: Final = (
    *_lists("networking.k8s.io", "networkpolicies"),
    *_lists("apps", "daemonsets"),
)
_NODE_LEASES: Final = AccessRequest("list", _LEASES, "leases", namespace="kube-node-lease")
_BRIDGE: Final = (
    *(
        AccessRequest(verb, _RBAC, "clusterrolebindings")
        for verb in ("create", "get", "patch", "delete")
    ),
    AccessRequest("bind", _RBAC, "clusterroles", name="cluster-admin"),
)
# Server-side apply of a new object is asked as ``patch`` and as ``create`` (Kubernetes
# documentation, "Server-Side Apply").
_TIMER_KINDS: Final = (
    ("", "serviceaccounts"),
    (_RBAC, "roles"),
    (_RBAC, "rolebindings"),
    ("", "configmaps"),
    (_LEASES, "leases"),
    ("batch", "jobs"),
)
_TIMER_OBJECTS: Final = tuple(
    _on_timer(verb, group, resource)
    for group, resource in _TIMER_KINDS
    for verb in ("create", "patch", "delete")
)
# Who makes the timer's Role must hold what it allows (Kubernetes documentation, "Using RBAC
# Authorization", privilege escalation prevention).
TIMER_RULES: Final = (
    *(_aws_auth(verb) for verb in ("update", "patch", "create")),
    _on_timer("get", "", "configmaps"),
    _on_timer("get", _LEASES, "leases"),
    _on_timer("update", _LEASES, "leases"),
)
_CANARY_PODS: Final = (
    *(AccessRequest(verb, resource="pods") for verb in ("create", "get", "delete")),
    *_lists("", "events"),
)
_COMMANDS: Final[dict[str, tuple[AccessRequest, ...]]] = {
    "snapshot": _READ,
    "plan": _READ,
    "verify": (*_READ, _NODE_LEASES),
    "verify --canary-pods": (*_READ, _NODE_LEASES, *_CANARY_PODS),
    "apply": (*_READ, _NODE_LEASES, *_BRIDGE),
    "rehearse": (*_READ, _NODE_LEASES, *_NETWORK_POLICIES, *_TIMER_OBJECTS, *TIMER_RULES),
    "cutover": (*_READ, _NODE_LEASES),
    "rollback": (*_READ, *_BRIDGE),
    "retire": (*_READ, _aws_auth("delete")),
    "status": (_aws_auth("get"), *_BINDINGS_READ, _on_lock("get")),
    "report": (*_READ, _NODE_LEASES),
    "access": (_aws_auth("get"),),
    "drift": (_aws_auth("get"),),
    "observe": (_aws_auth("get"),),
    "doctor": (
        _aws_auth("get"),
        *_lists("", "nodes"),
        *_BINDINGS_READ,
        *_NETWORK_POLICIES,
        *_WEBHOOKS,
        _on_lock("get"),
    ),
}
_PARALLEL: Final = "where a group gets a new name: its bindings get a parallel one"


def _on_parallel(*verbs: str) -> tuple[Conditional, ...]:
    return tuple(
        Conditional(AccessRequest(verb, _RBAC, "rolebindings"), _PARALLEL) for verb in verbs
    )


# Who makes a binding must hold what its role allows, or may ``bind`` it.
_MAKES_PARALLEL: Final = (
    *_on_parallel("create", "get", "patch", "delete"),
    *(
        Conditional(
            AccessRequest("bind", _RBAC, resource),
            f"{_PARALLEL}; not for a role whose rules the caller holds",
        )
        for resource in ("clusterroles", "roles")
    ),
)
# Whether the rehearsal has ended is read of its Job and its Lease.
_WHERE_REHEARSED: Final[dict[str, tuple[Conditional, ...]]] = {
    command: tuple(
        Conditional(_on_timer("get", group, resource), "where a rehearsal left its timer")
        for group, resource in ((_LEASES, "leases"), ("batch", "jobs"))
    )
    for command in ("status", "doctor")
} | {
    "rollback": tuple(
        Conditional(
            _on_timer(verb, group, resource), "--leftovers, where a rehearsal left its timer"
        )
        for group, resource in _TIMER_KINDS
        for verb in ("get", "delete")
    ),
}
_WHERE_PLANNED: Final[dict[str, tuple[Conditional, ...]]] = {
    "apply": _MAKES_PARALLEL,
    "rollback": _MAKES_PARALLEL,
    "rehearse": _on_parallel("get", "patch"),
    "status": _on_parallel("get"),
    "report": _on_parallel("get"),
}
# What network policies depend on.
_WHERE_POLICIES: Final = (
    *(
        Conditional(request, "where there are network policies")
        for request in (
            *_lists("", "namespaces"),
            *_lists("discovery.k8s.io", "endpointslices"),
            AccessRequest("list", resource="pods", namespace="kube-system"),
            AccessRequest("get", resource="services", namespace="default", name="kubernetes"),
            AccessRequest("get", resource="services", namespace="kube-system", name="kube-dns"),
        )
    ),
    *(
        Conditional(request, "where policies are for ServiceAccounts")
        for request in _lists("", "serviceaccounts")
    ),
    *(
        Conditional(request, "where the cluster serves it")
        for group in (
            *("policy.networking.k8s.io", "projectcalico.org", "crd.projectcalico.org"),
            *("cilium.io", "networking.k8s.aws", "vpcresources.k8s.aws", "eks.amazonaws.com"),
            "crd.antrea.io",
        )
        for request in _lists(group, "*")
    ),
)
# Pods that doctor judges unasked.
_NEAR_PODS: Final = (
    Conditional(
        AccessRequest("list", resource="pods"), "where a controller of the cluster writes aws-auth"
    ),
    Conditional(AccessRequest("get", resource="pods"), "where the command runs in a pod"),
)
_JUDGES_POLICIES: Final = frozenset({"doctor", "rehearse"})
_WHERE_SERVED: Final = tuple(
    Conditional(request, "where the cluster serves it")
    for request in (
        *_lists(_ADMISSION, "mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
        *_lists("kyverno.io", "clusterpolicies", "policies", "policyexceptions"),
        *_lists("policies.kyverno.io", "*"),
        *_lists("templates.gatekeeper.sh", "constrainttemplates"),
        *_lists("constraints.gatekeeper.sh", "*"),
    )
)


def kubernetes_needs_of(command: str) -> tuple[AccessRequest, ...]:
    """Requests to the API server that a command makes as the caller, without those of the lock.

    Raises ``KeyError`` for no command.
    """
    return _COMMANDS[command]


def conditional_requests_of(command: str) -> tuple[Conditional, ...]:
    """Requests that a command makes only where the cluster or the plan asks for it.

    Raises ``KeyError`` for no command.
    """
    needs = _COMMANDS[command]
    served: tuple[Conditional, ...] = ()
    # Commands that read a snapshot look for names in everything that the cluster serves.
    if set(_READ) <= set(needs):
        served = _WHERE_SERVED
    policies = _WHERE_POLICIES if command in _JUDGES_POLICIES else ()
    # A request that the command makes in any case is stated as such.
    policies = tuple(each for each in policies if each.request not in needs)
    return (
        *served,
        *policies,
        *(_NEAR_PODS if command == "doctor" else ()),
        *_WHERE_PLANNED.get(command, ()),
        *_WHERE_REHEARSED.get(command, ()),
    )
