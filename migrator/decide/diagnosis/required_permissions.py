"""Which IAM actions and which Kubernetes requests each command needs, and on what.

Source: service authorization reference for Amazon EKS, IAM, EC2 and CloudWatch Logs. ``{cluster}``
is the cluster's ARN, ``{below}`` the ARN of what belongs to it:
``arn:…:KIND/CLUSTER/*``.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from migrator.decide.running.dead_man import NAME as TIMER_NAME
from migrator.decide.running.dead_man import NAMESPACE as TIMER_NAMESPACE
from migrator.model.cluster_lock import LEASE_NAME, LOCK_NAMESPACE
from migrator.model.plan import ClusterRef
from migrator.model.rbac import AccessRequest


class Need(NamedTuple):
    """An IAM action on a resource."""

    action: str
    resource: str


_READ: Final = (
    ("eks:DescribeCluster", "cluster"),
    ("eks:ListAccessEntries", "cluster"),
    ("eks:DescribeAccessEntry", "access-entry"),
    ("eks:ListAssociatedAccessPolicies", "access-entry"),
    ("eks:ListAccessPolicies", "*"),
    ("eks:ListNodegroups", "cluster"),
    ("eks:DescribeNodegroup", "nodegroup"),
    ("eks:ListFargateProfiles", "cluster"),
    ("eks:DescribeFargateProfile", "fargateprofile"),
    ("eks:ListCapabilities", "cluster"),
    ("eks:DescribeCapability", "capability"),
    ("eks:ListIdentityProviderConfigs", "cluster"),
    ("eks:DescribeIdentityProviderConfig", "identityproviderconfig"),
    ("iam:GetRole", "*"),
    ("iam:GetUser", "*"),
    ("iam:ListRoles", "*"),
    ("iam:ListUsers", "*"),
    ("iam:GetInstanceProfile", "*"),
    ("ec2:DescribeInstances", "*"),
    ("cloudtrail:LookupEvents", "*"),
)
_MODE: Final = (("eks:UpdateClusterConfig", "cluster"), ("eks:DescribeUpdate", "cluster"))
_WRITE: Final = (
    ("eks:CreateAccessEntry", "cluster"),
    ("eks:UpdateAccessEntry", "access-entry"),
    ("eks:DeleteAccessEntry", "access-entry"),
    ("eks:AssociateAccessPolicy", "access-entry"),
    ("eks:DisassociateAccessPolicy", "access-entry"),
    ("eks:TagResource", "access-entry"),
)
# The lock of a cluster is a Lease; an operator who may not write one locks by a tag
# (migrator.run.lock_cluster).
_LOCK_TAG: Final = (("eks:TagResource", "cluster"), ("eks:UntagResource", "cluster"))
_LOGS: Final = (
    ("logs:DescribeLogGroups", "*"),
    ("logs:FilterLogEvents", "*"),
    ("logs:StartQuery", "*"),
    ("logs:GetQueryResults", "*"),
)
_COMMANDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "snapshot": _READ,
    "plan": _READ,
    "verify": (*_READ, ("sts:AssumeRole", "*")),
    "apply": (*_READ, *_MODE, *_WRITE, *_LOCK_TAG, ("iam:PassRole", "*"), ("sts:AssumeRole", "*")),
    "rehearse": (*_READ, *_LOCK_TAG, ("sts:AssumeRole", "*")),
    "cutover": (*_READ, *_MODE, *_LOCK_TAG, ("sts:AssumeRole", "*")),
    "rollback": (*_READ, *_WRITE, *_LOCK_TAG),
    "retire": (*_READ, *_LOCK_TAG),
    "observe": (("eks:DescribeCluster", "cluster"), *_LOGS),
}
COMMANDS: Final = tuple(_COMMANDS)
LOCKING: Final = frozenset({"apply", "rehearse", "cutover", "rollback", "retire"})
# Requests by which a run takes, renews and releases the lock. ``create`` cannot be allowed by name
# (Kubernetes documentation, "Using RBAC Authorization", "Referring to resources").
LOCK_REQUESTS: Final = (
    AccessRequest("create", "coordination.k8s.io", "leases", namespace=LOCK_NAMESPACE),
    *(
        AccessRequest(
            verb, "coordination.k8s.io", "leases", namespace=LOCK_NAMESPACE, name=LEASE_NAME
        )
        for verb in ("get", "update", "delete")
    ),
)
# What a run cannot do without: the other reads are weaker answers, not failures.
ESSENTIAL: Final = frozenset(
    {"eks:DescribeCluster", "eks:ListAccessEntries", "eks:DescribeAccessEntry"}
)
_AWS_AUTH: Final = {"resource": "configmaps", "namespace": "kube-system", "name": "aws-auth"}
_RBAC: Final = "rbac.authorization.k8s.io"
_TIMER: Final = (
    ("", "serviceaccounts"),
    (_RBAC, "roles"),
    (_RBAC, "rolebindings"),
    ("", "configmaps"),
    ("coordination.k8s.io", "leases"),
    ("batch", "jobs"),
)


def needs_of(command: str, cluster: ClusterRef) -> tuple[Need, ...]:
    """IAM actions of a command with the resources they are asked on. Raises ``KeyError`` for no
    command.
    """
    return tuple(Need(action, _resource(kind, cluster)) for action, kind in _COMMANDS[command])


def lock_tag_needs(cluster: ClusterRef) -> tuple[Need, ...]:
    """IAM actions that the lock takes where no Lease may be written."""
    return tuple(Need(action, _resource(kind, cluster)) for action, kind in _LOCK_TAG)


def _resource(kind: str, cluster: ClusterRef) -> str:
    if kind == "*":
        return "*"
    if kind == "cluster":
        return cluster.arn
    return (
        f"arn:{cluster.partition}:eks:{cluster.region}:{cluster.account_id}:{kind}/{cluster.name}/*"
    )


def policy_document(commands: Iterable[str], cluster: ClusterRef) -> dict[str, Any]:
    """An IAM policy that allows the commands on this cluster: one statement a resource, nothing
    twice.
    """
    actions: dict[str, set[str]] = {}
    for command in commands:
        for need in needs_of(command, cluster):
            actions.setdefault(need.resource, set()).add(need.action)
    statements = [
        {"Effect": "Allow", "Action": sorted(actions[resource]), "Resource": resource}
        for resource in sorted(actions)
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _timer() -> Iterator[AccessRequest]:
    """What making and removing the objects of a rehearsal's timer takes; server-side apply of a new
    object is asked as ``patch`` and as ``create`` (Kubernetes documentation, "Server-Side Apply").
    """
    for group, resource in _TIMER:
        for verb in ("create", "patch", "delete"):
            yield AccessRequest(verb, group, resource, namespace=TIMER_NAMESPACE, name=TIMER_NAME)


def kubernetes_needs_of(command: str) -> tuple[AccessRequest, ...]:
    """Requests to the API server that a command makes as the caller."""
    reads = (
        AccessRequest("get", **_AWS_AUTH),
        AccessRequest("list", resource="namespaces"),
        AccessRequest("list", resource="nodes"),
        *(
            AccessRequest("list", _RBAC, resource)
            for resource in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
        ),
    )
    writes = tuple(
        AccessRequest(verb, _RBAC, "clusterrolebindings") for verb in ("create", "patch", "delete")
    )
    match command:
        case "apply" | "rollback":
            return (
                *reads,
                *writes,
                AccessRequest("bind", _RBAC, "clusterroles", name="cluster-admin"),
            )
        case "rehearse":
            return (*reads, AccessRequest("patch", **_AWS_AUTH), *_timer())
        case "retire":
            return (*reads, AccessRequest("delete", **_AWS_AUTH))
        case "observe":
            return ()
        case _:
            return reads
