"""Which IAM actions each command needs, and on what.

A test runs every command on the lab with exactly these permissions and compares what it asks for
(``tests/journeys/test_stated_permissions.py``). Source of the resources: service authorization
reference for Amazon EKS, IAM, EC2 and CloudWatch Logs. ``cluster`` is the cluster's ARN; other
kinds are the ARN of what belongs to it: ``arn:…:KIND/CLUSTER/*``.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from migrator.model.plan import ClusterRef


class Need(NamedTuple):
    """An IAM action on a resource."""

    action: str
    resource: str


_CLUSTER: Final = (("eks:DescribeCluster", "cluster"),)
_ENTRIES: Final = (
    ("eks:ListAccessEntries", "cluster"),
    ("eks:DescribeAccessEntry", "access-entry"),
    ("eks:ListAssociatedAccessPolicies", "access-entry"),
)
_PRINCIPALS: Final = (("iam:GetRole", "*"), ("iam:GetUser", "*"))
_NODE_GROUPS: Final = (
    ("eks:ListNodegroups", "cluster"),
    ("eks:DescribeNodegroup", "nodegroup"),
    ("eks:ListFargateProfiles", "cluster"),
    ("eks:DescribeFargateProfile", "fargateprofile"),
)
# How nodes leave their VPC.
_NODE_WAYS: Final = (
    ("ec2:DescribeNatGateways", "*"),
    ("ec2:DescribeNetworkInterfaces", "*"),
    ("ec2:DescribeRouteTables", "*"),
    ("ec2:DescribeSubnets", "*"),
)
_READ: Final = (
    *_CLUSTER,
    *_ENTRIES,
    ("eks:ListAccessPolicies", "*"),
    *_NODE_GROUPS,
    ("eks:ListCapabilities", "cluster"),
    ("eks:DescribeCapability", "capability"),
    ("eks:ListIdentityProviderConfigs", "cluster"),
    ("eks:DescribeIdentityProviderConfig", "identityproviderconfig"),
    *_PRINCIPALS,
    ("iam:ListRoles", "*"),
    ("iam:ListUsers", "*"),
    ("iam:GetInstanceProfile", "*"),
    ("ec2:DescribeInstances", "*"),
    ("cloudtrail:LookupEvents", "*"),
    *_NODE_WAYS,
)
# Who can log in, and which entries EKS makes itself.
_LOG_INS: Final = (
    *_CLUSTER,
    *_ENTRIES,
    *_NODE_GROUPS,
    ("eks:ListCapabilities", "cluster"),
    ("eks:DescribeCapability", "capability"),
    *_PRINCIPALS,
    ("iam:ListRoles", "*"),
    ("iam:ListUsers", "*"),
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
    ("iam:PassRole", "*"),
)
# The lock of a cluster is a Lease; an operator who may not write one locks by a tag
# (migrator.run.lock_cluster).
_LOCK_TAG: Final = (("eks:TagResource", "cluster"), ("eks:UntagResource", "cluster"))
# Log-ins as principals, and the log-ins of nodes and people in the control plane's log.
_PROVE: Final = (("sts:AssumeRole", "*"), ("logs:FilterLogEvents", "*"))
_LOGS: Final = (
    ("logs:DescribeLogGroups", "*"),
    ("logs:FilterLogEvents", "*"),
    ("logs:StartQuery", "*"),
    ("logs:GetQueryResults", "*"),
)
# Updates that run, of the cluster, its node groups and its add-ons, and one that EKS starts by
# itself.
_UPDATES: Final = (
    ("eks:DescribeClusterVersions", "*"),
    ("eks:ListAddons", "cluster"),
    ("eks:ListUpdates", "cluster"),
    ("eks:ListUpdates", "nodegroup"),
    ("eks:ListUpdates", "addon"),
    ("eks:DescribeUpdate", "cluster"),
    ("eks:DescribeUpdate", "nodegroup"),
    ("eks:DescribeUpdate", "addon"),
)
# Security groups, and what they are judged with.
_NETWORK: Final = (
    ("ec2:DescribeInstances", "*"),
    ("ec2:DescribeNatGateways", "*"),
    ("ec2:DescribeNetworkInterfaces", "*"),
    ("ec2:DescribeRouteTables", "*"),
    ("ec2:DescribeSecurityGroups", "*"),
    ("ec2:DescribeSubnets", "*"),
    ("ec2:DescribeVpcEndpoints", "*"),
    ("ec2:GetManagedPrefixListEntries", "*"),
)
_COMMANDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "snapshot": _READ,
    "plan": _READ,
    "verify": (*_READ, *_PROVE),
    "verify --canary-pods": (*_READ, *_PROVE, *_LOCK_TAG),
    "apply": (
        *_READ,
        *_PROVE,
        *_MODE,
        *_WRITE,
        *_LOCK_TAG,
        ("iam:SimulatePrincipalPolicy", "*"),
    ),
    "rehearse": (*_READ, *_PROVE, *_LOCK_TAG),
    "cutover": (
        *_READ,
        *_PROVE,
        ("eks:UpdateClusterConfig", "cluster"),
        *_UPDATES,
        *_LOCK_TAG,
    ),
    "rollback": (*_READ, *_WRITE, *_LOCK_TAG),
    "retire": (*_READ, *_LOCK_TAG),
    "status": (*_CLUSTER, *_ENTRIES, *_PRINCIPALS),
    "report": (*_READ, *_UPDATES),
    "access": _LOG_INS,
    "drift": _LOG_INS,
    "observe": (*_CLUSTER, *_ENTRIES, *_LOGS),
    "doctor": (
        *_CLUSTER,
        *_ENTRIES,
        *_PRINCIPALS,
        *_UPDATES,
        ("eks:ListAccessPolicies", "*"),
        ("iam:SimulatePrincipalPolicy", "*"),
        *_NETWORK,
        ("ec2:DescribeNatGateways", "*"),
        *_NODE_GROUPS,
    ),
}
COMMANDS: Final = tuple(_COMMANDS)
LOCKING: Final = frozenset(
    {"verify --canary-pods", "apply", "rehearse", "cutover", "rollback", "retire"}
)
# What a fleet's command does on each of its clusters; status and report read files alone.
FLEET_COMMANDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "fleet discover": _CLUSTER,
    **{
        f"fleet {command}": _COMMANDS[command]
        for command in (
            *("plan", "apply", "verify", "rehearse", "cutover", "rollback", "retire"),
            *("access", "drift"),
        )
    },
}
# Besides, of the caller of a fleet's command, in its own account: the organization's where
# fleet.yaml has ``organization``.
FLEET_CALLER: Final = (
    ("organizations:ListRoots", "*"),
    ("organizations:ListOrganizationalUnitsForParent", "*"),
    ("organizations:ListAccountsForParent", "*"),
    ("organizations:ListTagsForResource", "*"),
    ("sts:AssumeRole", "*"),
)
# Besides, of the role that is assumed in each account: the second one where its Regions are all.
FLEET_ROLE: Final = (("eks:ListClusters", "*"), ("ec2:DescribeRegions", "*"))
# Besides, of each command that gets --open-endpoint-for-me, and of doctor --close-endpoint.
OPEN_ENDPOINT: Final = (
    ("eks:UpdateClusterConfig", "cluster"),
    ("eks:ListUpdates", "cluster"),
    ("eks:DescribeUpdate", "cluster"),
    ("eks:TagResource", "cluster"),
    ("eks:UntagResource", "cluster"),
)
_JOIN_TRAP: Final = "where the public endpoint is restricted and the private one is off"
# Actions that not every run takes, and when one does.
ONLY_WHERE: Final[Mapping[tuple[str, str], str]] = {
    ("iam:GetRole", "*"): "for principals that no list shows",
    ("iam:GetUser", "*"): "for principals that no list shows",
    ("cloudtrail:LookupEvents", "*"): "for a cluster of at most 90 days: who created it",
    **dict.fromkeys(_NODE_WAYS, _JOIN_TRAP),
    ("eks:ListFargateProfiles", "cluster"): f"doctor: {_JOIN_TRAP}",
    ("eks:DescribeNodegroup", "nodegroup"): "where there are managed node groups",
    ("eks:DescribeFargateProfile", "fargateprofile"): "where there are Fargate profiles",
    ("eks:DescribeCapability", "capability"): "where there are capabilities",
    ("eks:DescribeIdentityProviderConfig", "identityproviderconfig"): "where there are providers",
    ("iam:GetInstanceProfile", "*"): "where there are nodes on EC2",
    ("ec2:DescribeInstances", "*"): "where there are nodes on EC2",
    ("ec2:GetManagedPrefixListEntries", "*"): "where a rule names a prefix list",
    ("eks:UpdateClusterConfig", "cluster"): "apply: for a cluster in CONFIG_MAP mode",
    ("eks:DescribeUpdate", "cluster"): "apply: for a cluster in CONFIG_MAP mode; doctor: where the "
    "cluster has had updates",
    ("eks:ListUpdates", "nodegroup"): "where there are managed node groups",
    ("eks:ListUpdates", "addon"): "where there are add-ons",
    ("eks:DescribeUpdate", "nodegroup"): "where a node group has had updates",
    ("eks:DescribeUpdate", "addon"): "where an add-on has had updates",
    ("eks:CreateAccessEntry", "cluster"): "rollback: to make an entry again that a run deleted",
    ("eks:AssociateAccessPolicy", "access-entry"): "rollback: to give back a policy",
    ("eks:DeleteAccessEntry", "access-entry"): "apply: to make an entry of another type",
    ("eks:DisassociateAccessPolicy", "access-entry"): "to take a policy from an existing entry",
    ("eks:TagResource", "access-entry"): "EKS asks it when an entry with tags is made",
    ("iam:PassRole", "*"): "for entries of type EC2_LINUX and EC2_WINDOWS",
    ("eks:TagResource", "cluster"): "where no Lease may be written: the lock is a tag",
    ("eks:UntagResource", "cluster"): "where no Lease may be written: the lock is a tag",
    ("logs:FilterLogEvents", "*"): "where the control plane's log is on",
    ("logs:StartQuery", "*"): "observe --scan insights, or auto",
    ("logs:GetQueryResults", "*"): "observe --scan insights, or auto",
}
# Besides, of each command that gets --reader-role: to read IAM of another account.
READER_ROLE: Final = Need("sts:AssumeRole", "*")
# Besides, of each command that gets --via ssm:… (service authorization reference for AWS Systems
# Manager). The last one where --via names no instance by its id.
TUNNEL_DOCUMENT: Final = "AWS-StartPortForwardingSessionToRemoteHost"
TUNNEL: Final = (
    ("ssm:StartSession", "instance"),
    ("ssm:StartSession", "document"),
    ("ssm:TerminateSession", "session of a role"),
    ("ssm:TerminateSession", "session of a user"),
    ("ssm:DescribeInstanceInformation", "*"),
)
# Without it, whoever may start a session may also start a shell on the instance, whatever documents
# the policy names (Systems Manager user guide, "Enforce a session document permission check").
_NO_SHELL: Final = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}
# What a run cannot do without: the other reads are weaker answers, not failures.
ESSENTIAL: Final = frozenset(
    {"eks:DescribeCluster", "eks:ListAccessEntries", "eks:DescribeAccessEntry"}
)
# A gate of the cut-over that cannot be waived asks these.
ESSENTIAL_FOR: Final[Mapping[str, frozenset[str]]] = {
    "cutover": frozenset(
        {"eks:ListUpdates", "eks:DescribeUpdate", "eks:ListAddons", "eks:ListNodegroups"}
    )
}


def actions_of(command: str) -> tuple[tuple[str, str], ...]:
    """IAM actions of a command, each with the kind of resource.

    Raises ``KeyError`` for no command.
    """
    return _COMMANDS[command]


def needs_of(command: str, cluster: ClusterRef) -> tuple[Need, ...]:
    """IAM actions of a command with the resources they are asked on, as patterns of ARNs.

    Raises ``KeyError`` for no command.
    """
    return tuple(Need(action, _resource(kind, cluster)) for action, kind in _COMMANDS[command])


def lock_tag_needs(cluster: ClusterRef) -> tuple[Need, ...]:
    """IAM actions that the lock takes where no Lease may be written."""
    return tuple(Need(action, _resource(kind, cluster)) for action, kind in _LOCK_TAG)


def tunnel_needs(cluster: ClusterRef, instance: str) -> tuple[Need, ...]:
    """IAM actions of a tunnel through Session Manager, with the resources they are asked on.
    ``instance``: the id of the one that it goes through, ``*`` where it is looked for.
    """
    found: list[Need] = []
    for action, kind in TUNNEL:
        if kind == "*" and instance != "*":
            continue
        found.append(Need(action, _of_tunnel(kind, cluster, instance)))
    return tuple(found)


def _of_tunnel(kind: str, cluster: ClusterRef, instance: str) -> str:
    place = f"{cluster.partition}:ssm:{cluster.region}"
    if kind == "document":
        return f"arn:{place}::document/{TUNNEL_DOCUMENT}"
    # Sessions of the caller alone (Systems Manager user guide, "Sample IAM policies for Session
    # Manager"). A variable that the caller has no value for matches nothing.
    if kind == "session of a role":
        return f"arn:{place}:{cluster.account_id}:session/${{aws:userid}}-*"
    if kind == "session of a user":
        return f"arn:{place}:{cluster.account_id}:session/${{aws:username}}-*"
    # Hosts that are no EC2 instances are named in another way.
    if kind == "instance" and instance.startswith("mi-"):
        return f"arn:{place}:{cluster.account_id}:managed-instance/{instance}"
    if kind == "instance":
        ec2 = f"{cluster.partition}:ec2:{cluster.region}:{cluster.account_id}"
        return f"arn:{ec2}:instance/{instance}"
    return "*"


def endpoint_needs(cluster: ClusterRef) -> tuple[Need, ...]:
    """IAM actions of opening the public endpoint and closing it, with their resources."""
    return tuple(Need(action, _resource(kind, cluster)) for action, kind in OPEN_ENDPOINT)


def _resource(kind: str, cluster: ClusterRef) -> str:
    if kind == "*":
        return "*"
    place = f"{cluster.region}:{cluster.account_id}"
    if kind == "cluster":
        return cluster.arn
    # Entries, node groups and the like are named below their cluster.
    return f"arn:{cluster.partition}:eks:{place}:{kind}/{cluster.name}/*"


def fleet_policy(commands: Iterable[str], partition: str) -> dict[str, Any]:
    """An IAM policy for commands of a fleet: of the caller, and of the role in each account, told
    apart by their Sids, because both are one principal in a fleet of one account.

    Raises ``KeyError`` for no command of a fleet.
    """
    place = f"arn:{partition}:eks:*:*:cluster/*"
    every = ClusterRef("*", place, "*", "*", partition, "CONFIG_MAP")
    needs = [Need(*pair) for pair in FLEET_ROLE]
    for command in commands:
        needs += [Need(action, _resource(kind, every)) for action, kind in FLEET_COMMANDS[command]]
    caller = _statements(Need(*pair) for pair in FLEET_CALLER)
    statements = [{"Sid": "CallerOfTheFleet", **each} for each in caller]
    for number, each in enumerate(_statements(needs), 1):
        statements.append({"Sid": f"RoleInEachAccount{number}", **each})
    return {"Version": "2012-10-17", "Statement": statements}


def policy_document(
    commands: Iterable[str],
    cluster: ClusterRef,
    *,
    tunnel: str | None = None,
    endpoint: bool = False,
) -> dict[str, Any]:
    """An IAM policy that allows the commands on this cluster, with ``tunnel`` (the id of an
    instance, or ``*``) also through Session Manager, with ``endpoint`` also with its public
    endpoint opened and closed.

    One statement a resource, nothing twice, in one order: the same commands give the same text.
    """
    needs = [need for command in commands for need in needs_of(command, cluster)]
    needs += tunnel_needs(cluster, tunnel) if tunnel else ()
    needs += endpoint_needs(cluster) if endpoint else ()
    return {"Version": "2012-10-17", "Statement": _statements(needs)}


def _statements(needs: Iterable[Need]) -> list[dict[str, Any]]:
    actions: dict[str, set[str]] = {}
    for need in needs:
        actions.setdefault(need.resource, set()).add(need.action)
    found: list[dict[str, Any]] = []
    for resource in sorted(actions):
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": sorted(actions[resource]),
            "Resource": resource,
        }
        if "ssm:StartSession" in actions[resource]:
            statement["Condition"] = _NO_SHELL
        found.append(statement)
    return found
