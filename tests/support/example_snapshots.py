"""Makes ``examples/*/snapshot.json`` from the ConfigMaps beside them and the facts below.

``python -m tests.support.example_snapshots`` writes them; a test makes them again and compares, so
that no example drifts from what the tool would read. The company is made up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.decide.reading.read_manifest import read_manifest
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.canonical import pretty_bytes

EXAMPLES = Path(__file__).parents[2] / "examples"
TAKEN_AT = "2026-11-22T00:00:00Z"
OPERATOR = "operator"


@dataclass(frozen=True)
class Facts:
    """What stands around a ConfigMap: IAM names (with paths), node groups, RBAC."""

    cluster: str
    roles: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # name with path -> trusted services
    users: tuple[str, ...] = ()
    nodegroups: Mapping[str, str] = field(default_factory=dict)  # node group -> role
    nodes: Mapping[str, str] = field(
        default_factory=dict
    )  # role -> operating system of its live node
    bind_groups: Mapping[str, str] = field(default_factory=dict)  # group -> ClusterRole
    bind_users: Mapping[str, str] = field(default_factory=dict)
    partition: str = "aws"
    region: str = "eu-central-1"
    account: str = "111122223333"
    mode: str = "CONFIG_MAP"
    entries: tuple["Entry", ...] = ()


@dataclass(frozen=True)
class Entry:
    """An access entry that is there: role with its path, type, names, access policies by scope
    (empty: the whole cluster).
    """

    role: str
    type: str
    username: str
    groups: tuple[str, ...] = ()
    policies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


_EC2 = ("ec2.amazonaws.com",)
_TEAMS = (
    "orders",
    "billing",
    "search",
    "catalog",
    "shipping",
    "returns",
    "identity",
    "media",
    "pricing",
    "reports",
)
_SSO = "aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_PlatformAdmin_0123456789abcdef"

FACTS: dict[str, Facts] = {
    "eksctl-written": Facts(
        cluster="orders",
        roles={
            "eksctl-orders-nodegroup-workers-NodeInstanceRole-1A2B3C4D5E6F": _EC2,
            _SSO: (),
            "teams/orders-developers": (),
        },
        nodegroups={"workers": "eksctl-orders-nodegroup-workers-NodeInstanceRole-1A2B3C4D5E6F"},
        bind_groups={"orders-developers": "edit"},
    ),
    "terraform-quoted": Facts(
        cluster="billing",
        roles={
            "billing-node-group-20240110120000": _EC2,
            "billing-windows-20240110120000": _EC2,
            "terraform": (),
        },
        users=("emergency", "auditors/ana"),
        nodes={
            "billing-node-group-20240110120000": "linux",
            "billing-windows-20240110120000": "windows",
        },
        bind_groups={"billing:read": "view"},
    ),
    "cdk-one-line-json": Facts(
        cluster="shop",
        roles={
            "ShopStack-ClusterMastersRole9AA35625-AB12CD34EF56": (),
            "ShopStack-ClusterNodegroupDefaultCapacityNodeGroupRole55953B04-GH78": _EC2,
            "ShopStack-DeployRole-IJ90": (),
        },
        nodegroups={
            "default": "ShopStack-ClusterNodegroupDefaultCapacityNodeGroupRole55953B04-GH78"
        },
        bind_users={"arn:aws:iam::111122223333:role/ShopStack-DeployRole-IJ90": "edit"},
    ),
    "kubectl-dump-stale-annotation": Facts(
        cluster="search",
        roles={"search-nodes": _EC2, "search-operators": (), "search-admins": ()},
        users=("lena",),
        nodes={"search-nodes": "linux"},
        bind_groups={"search-operators": "admin"},
        bind_users={"lena": "view"},
        mode="API_AND_CONFIG_MAP",
    ),
    "forty-two-roles": Facts(
        cluster="platform",
        roles={
            "platform-nodes": _EC2,
            "platform-operators": (),
            **{
                f"{team}-{level}": ()
                for team in _TEAMS
                for level in ("admin", "deploy", "debug", "read")
            },
        },
        nodegroups={"general": "platform-nodes"},
        bind_groups={
            **{f"{team}:read": "view" for team in _TEAMS},
            **{f"{team}:deploy": "edit" for team in _TEAMS},
            **{f"{team}:admin": "admin" for team in _TEAMS if team != "identity"},
        },
    ),
    "crlf": Facts(
        cluster="media",
        roles={"media-nodes": _EC2, "media-admins": ()},
        users=("tomas",),
        nodes={"media-nodes": "linux"},
        bind_groups={"media-viewers": "view"},
    ),
    "utf-16": Facts(
        cluster="photo",
        roles={"photo-nodes": _EC2, "photo-admins": ()},
        users=("tomas",),
        nodes={"photo-nodes": "linux"},
        bind_groups={"photo-viewers": "view"},
    ),
    "china-partition": Facts(
        cluster="games",
        roles={"games-nodes": ("ec2.amazonaws.com.cn",), "games-admins": ()},
        nodes={"games-nodes": "linux"},
        bind_groups={"games-audited": "view"},
        partition="aws-cn",
        region="cn-north-1",
    ),
    "entries-already-there": Facts(
        cluster="payments",
        roles={
            "payments-nodes": _EC2,
            "edge/payments-hybrid": ("ssm.amazonaws.com",),
            "teams/payments-admins": (),
            "teams/payments-deploy": (),
            "teams/payments-auditors": (),
            "teams/payments-oncall": (),
        },
        nodegroups={"general": "payments-nodes"},
        bind_groups={"payments:deploy": "edit", "payments:audit": "view"},
        mode="API_AND_CONFIG_MAP",
        entries=(
            Entry(
                "payments-nodes",
                "EC2_LINUX",
                "system:node:{{EC2PrivateDNSName}}",
                ("system:nodes",),
            ),
            Entry(
                "edge/payments-hybrid",
                "HYBRID_LINUX",
                "system:node:{{SessionName}}",
                ("system:nodes",),
            ),
            Entry("teams/payments-deploy", "STANDARD", "deploy", ("payments:deploy",)),
            Entry("teams/payments-auditors", "STANDARD", "auditors", ("payments:old",)),
            Entry(
                "teams/payments-oncall",
                "STANDARD",
                "oncall:{{SessionName}}",
                (),
                {"AmazonEKSEditPolicy": ("payments", "payments-*"), "AmazonEKSViewPolicy": ()},
                {"made-by": "terraform"},
            ),
        ),
    ),
    "map-accounts": Facts(cluster="lab", roles={"lab-admins": ()}),
    "lost-section": Facts(
        cluster="warehouse",
        roles={"warehouse-nodes": _EC2, "warehouse-admins": ()},
        users=("kofi",),
        bind_groups={"warehouse-viewers": "view"},
    ),
    "stripped-rows": Facts(
        cluster="stock",
        roles={
            name: ()
            for name in (
                "stock-admins",
                "stock-deploy",
                "stock-readers",
                "stock-robots",
                "stock-leads",
            )
        },
        users=("ines",),
        bind_groups={"stock-readers": "view", "stock-robots": "edit"},
    ),
    "hundred-fifty-entries": Facts(
        cluster="core",
        roles={
            "core-nodes": _EC2,
            "core-admins": (),
            **{f"squad-{number:03d}": () for number in range(98)},
        },
        users=tuple(f"staff/person-{number:02d}" for number in range(50)),
        nodegroups={"core": "core-nodes"},
        bind_groups={
            "engineers": "view",
            **{f"squad-{number:02d}": "edit" for number in range(25)},
        },
    ),
}


def snapshot_of(name: str) -> dict[str, Any]:
    """The snapshot document of one example."""
    facts = FACTS[name]
    config_map = read_manifest((EXAMPLES / name / "config-map.yaml").read_bytes())
    cluster_arn = (
        f"arn:{facts.partition}:eks:{facts.region}:{facts.account}:cluster/{facts.cluster}"
    )
    operator = _iam_arn(facts, "role", OPERATOR)
    return {
        "format": "migrator/snapshot/v1",
        "takenAt": TAKEN_AT,
        "callerIdentity": {
            "Account": facts.account,
            "Arn": f"arn:{facts.partition}:sts::{facts.account}:assumed-role/{OPERATOR}/on-call",
            "UserId": "AROAEXAMPLEOPERATOR00:on-call",
        },
        "callerChain": [operator],
        "cluster": {
            "name": facts.cluster,
            "arn": cluster_arn,
            "status": "ACTIVE",
            "version": "1.34",
            "platformVersion": "eks.9",
            "accessConfig": {"authenticationMode": facts.mode},
            "resourcesVpcConfig": {"endpointPublicAccess": True, "endpointPrivateAccess": True},
        },
        "configMap": config_map,
        "accessEntries": None
        if facts.mode == "CONFIG_MAP"
        else [_access_entry(facts, each) for each in facts.entries],
        "accessPolicies": [
            f"arn:{facts.partition}:eks::aws:cluster-access-policy/{policy}"
            for policy in sorted(ACCESS_POLICIES)
        ],
        "nodegroups": [
            {
                "nodegroupName": group,
                "nodeRole": _iam_arn(facts, "role", role),
                "status": "ACTIVE",
                "amiType": "AL2023_x86_64_STANDARD",
            }
            for group, role in facts.nodegroups.items()
        ],
        "fargateProfiles": [],
        "nodes": [
            _node(facts, number, role, system)
            for number, (role, system) in enumerate(facts.nodes.items())
        ],
        "rbac": _rbac(facts),
        "namespaces": ["default", "kube-node-lease", "kube-public", "kube-system"],
        "groupReferences": [],
        "iam": {
            "principals": list(_principals(facts)),
            "accountsRead": [{"account": facts.account, "roles": True, "users": True}],
        },
        "creator": None,
        "capabilities": [],
        "identityProviderConfigs": [],
        "usage": None,
    }


def _iam_arn(facts: Facts, kind: str, name: str) -> str:
    return f"arn:{facts.partition}:iam::{facts.account}:{kind}/{name}"


def _principals(facts: Facts) -> Iterable[dict[str, Any]]:
    known = [*facts.roles.items(), (OPERATOR, ())]
    for number, (name, services) in enumerate(known):
        yield {
            "arn": _iam_arn(facts, "role", name),
            "id": f"AROAEXAMPLE{number:010d}",
            "createDate": "2024-01-10T12:00:00Z",
            "trustedServices": list(services),
        }
    for number, name in enumerate(facts.users):
        yield {
            "arn": _iam_arn(facts, "user", name),
            "id": f"AIDAEXAMPLE{number:010d}",
            "createDate": "2024-01-10T12:00:00Z",
        }


def _node(facts: Facts, number: int, role: str, system: str) -> dict[str, Any]:
    return {
        "name": f"ip-10-0-{number}-10.{facts.region}.compute.internal",
        "labels": {"kubernetes.io/os": system, "kubernetes.io/arch": "amd64"},
        "providerID": f"aws:///{facts.region}a/i-0123456789abcde{number:02d}",
        "roleArn": _iam_arn(facts, "role", role),
    }


def _access_entry(facts: Facts, entry: Entry) -> dict[str, Any]:
    """As DescribeAccessEntry and ListAssociatedAccessPolicies have it."""
    place = f"arn:{facts.partition}:eks:{facts.region}:{facts.account}:access-entry"
    name = entry.role.rpartition("/")[2]
    policies = f"arn:{facts.partition}:eks::aws:cluster-access-policy"
    return {
        "clusterName": facts.cluster,
        "principalArn": _iam_arn(facts, "role", entry.role),
        "kubernetesGroups": list(entry.groups),
        "accessEntryArn": f"{place}/{facts.cluster}/role/{facts.account}/{name}/example",
        "createdAt": "2025-03-01T09:00:00Z",
        "modifiedAt": "2025-03-01T09:00:00Z",
        "tags": dict(entry.tags),
        "username": entry.username,
        "type": entry.type,
        "associatedAccessPolicies": [
            {
                "policyArn": f"{policies}/{policy}",
                "accessScope": {
                    "type": "namespace" if namespaces else "cluster",
                    "namespaces": list(namespaces),
                },
                "associatedAt": "2025-03-01T09:00:00Z",
                "modifiedAt": "2025-03-01T09:00:00Z",
            }
            for policy, namespaces in entry.policies.items()
        ],
    }


def _rbac(facts: Facts) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    bindings = [("Group", name, role) for name, role in facts.bind_groups.items()]
    bindings += [("User", name, role) for name, role in facts.bind_users.items()]
    built_in = {
        "cluster-admin": [
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["*"]},
        ],
        "admin": [{"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["*"]}],
        "edit": [
            {
                "apiGroups": ["", "apps", "batch"],
                "resources": ["configmaps", "cronjobs", "deployments", "jobs", "pods", "services"],
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            }
        ],
        "view": [
            {
                "apiGroups": ["", "apps", "batch"],
                "resources": ["configmaps", "cronjobs", "deployments", "jobs", "pods", "services"],
                "verbs": ["get", "list", "watch"],
            }
        ],
    }
    return {
        "roles": [],
        "roleBindings": [],
        "clusterRoles": [
            {"metadata": {"name": name}, "rules": rules} for name, rules in built_in.items()
        ],
        "clusterRoleBindings": [
            {
                "metadata": {"name": "cluster-admin"},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:masters"}],
            },
            *(
                {
                    "metadata": {"name": f"team-{number:02d}"},
                    "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                    "subjects": [{"apiGroup": group, "kind": kind, "name": name}],
                }
                for number, (kind, name, role) in enumerate(bindings)
            ),
        ],
    }


def main() -> None:
    """Write every example's snapshot."""
    for name in FACTS:
        (EXAMPLES / name / "snapshot.json").write_bytes(pretty_bytes(snapshot_of(name)))


if __name__ == "__main__":
    main()
