"""Small clusters, each with one thing that can go wrong, for runs that are killed at every
effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML

from migrator.lab.worlds.world_files import demo_world_path

ACCOUNT, FOREIGN = "111122223333", "444455556666"
REGION = "eu-central-1"
CLUSTER = "prod"
OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/ops/operator"
CREATOR = f"arn:aws:iam::{ACCOUNT}:role/creator"
READER = f"arn:aws:iam::{FOREIGN}:role/iam-reader"
MASTERS = "system:masters"
RBAC = "rbac.authorization.k8s.io"
NODE_GROUPS = ["system:bootstrappers", "system:nodes"]
SSO = "/aws-reserved/sso.amazonaws.com/eu-central-1/"

Json = dict[str, Any]


@dataclass(frozen=True)
class CrashWorld:
    """A world file's content, answers, and how it is planned.

    ``gap``: administrators go without a bridge. ``creator``: whom the operator knows to have
    created the cluster.
    """

    name: str
    document: Json
    answers: Json = field(default_factory=dict)
    plan_options: tuple[str, ...] = ()
    gap: bool = False
    creator: str | None = None

    @property
    def cluster(self) -> str:
        """The name of its one cluster."""
        return str(self.document["clusters"][0]["name"])


def role(name: str, path: str = "/", account: str = ACCOUNT) -> str:
    """The role's full ARN."""
    return f"arn:aws:iam::{account}:role{path}{name}"


def user(name: str, path: str = "/", account: str = ACCOUNT) -> str:
    """The user's ARN."""
    return f"arn:aws:iam::{account}:user{path}{name}"


def binding(name: str, of: str, *subjects: str, namespace: str | None = None) -> Json:
    """A binding of the ClusterRole ``of`` to ``Group:x`` or ``User:y``."""
    found = [
        {"apiGroup": RBAC, "kind": kind, "name": subject}
        for kind, _, subject in (text.partition(":") for text in subjects)
    ]
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": of},
        "subjects": found,
    }


def node(name: str, instance: str, os: str = "linux") -> Json:
    """A Node object of an instance."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/os": os, "kubernetes.io/hostname": name},
        },
        "spec": {"providerID": f"aws:///{REGION}a/{instance}"},
    }


def world(
    name: str,
    rows: Mapping[str, tuple[str | None, Sequence[str]]],
    *,
    roles: Sequence[Json] = (),
    users: Sequence[Json] = (),
    foreign_roles: Sequence[Json] = (),
    foreign_users: Sequence[Json] = (),
    objects: Sequence[Json] = (),
    account: Json | None = None,
    mode: str = "CONFIG_MAP",
    answers: Json | None = None,
    plan_options: tuple[str, ...] = (),
    gap: bool = False,
    creator: str | None = None,
    **cluster: Any,  # noqa: ANN401 - fields of a world file
) -> CrashWorld:
    """A world around ``rows`` of aws-auth (ARN as written: username, groups), with an operator who
    is an admin.
    """
    rows = {
        role("operator"): ("operator", [MASTERS]),
        role("second"): ("second", [MASTERS]),
        **rows,
    }
    document = {
        "format": "migrator/world/v1",
        "name": name,
        "operator": OPERATOR,
        "settings": {"region": REGION, "propagationSeconds": 4, "updateSeconds": 6},
        "accounts": [
            {
                "id": ACCOUNT,
                "roles": [
                    {"name": "operator", "path": "/ops/"},
                    {"name": "second"},
                    {"name": "creator"},
                    {"name": "stranger"},
                    *roles,
                ],
                "users": [*users],
                **(account or {}),
            },
            {
                "id": FOREIGN,
                "roles": [{"name": "iam-reader", "trust": {"aws": [OPERATOR]}}, *foreign_roles],
                "users": [*foreign_users],
            },
        ],
        "clusters": [
            {
                "name": CLUSTER,
                "account": ACCOUNT,
                "region": REGION,
                "authenticationMode": mode,
                "creator": CREATOR,
                "kubernetes": [_aws_auth(rows), *objects],
                **cluster,
            }
        ],
    }
    return CrashWorld(name, document, answers or {}, plan_options, gap, creator)


def _aws_auth(rows: Mapping[str, tuple[str | None, Sequence[str]]]) -> Json:
    def section(key: str, mark: str) -> str:
        lines = []
        for arn, (username, groups) in rows.items():
            if mark in arn:
                name = "" if username is None else f", username: '{username}'"
                lines.append(
                    f"- {{{key}: '{arn}'{name}, groups: [{', '.join(f'{g!r}' for g in groups)}]}}\n"
                )
        return "".join(lines)

    data = {"mapRoles": section("rolearn", ":role/"), "mapUsers": section("userarn", ":user/")}
    metadata = {"name": "aws-auth", "namespace": "kube-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def masters(name: str = "masters", *, gap: bool = False) -> CrashWorld:
    """Everybody is an administrator: by role, by role with a path, by user, and one with a group of
    its own.
    """
    return world(
        name,
        {
            role("admin"): ("admin:{{SessionName}}", [MASTERS]),
            role("oncall"): ("oncall", [MASTERS, "oncall"]),
            user("root-ish"): ("root-ish", [MASTERS]),
        },
        roles=[{"name": "admin", "path": "/team/"}, {"name": "oncall"}],
        users=[{"name": "root-ish"}],
        objects=[binding("oncall", "view", "Group:oncall", namespace="default")],
        plan_options=("--accept-gap",) if gap else (),
        gap=gap,
    )


def groups() -> CrashWorld:
    """Power by groups alone, one of them held by two principals."""
    return world(
        "groups",
        {
            role("dev"): ("dev:{{SessionName}}", ["devs"]),
            role("ops"): ("ops", ["devs", "operators"]),
            user("carol"): ("carol", ["readers"]),
        },
        roles=[{"name": "dev"}, {"name": "ops", "path": "/platform/"}],
        users=[{"name": "carol"}],
        objects=[
            binding("devs", "edit", "Group:devs", namespace="default"),
            binding("operators", "admin", "Group:operators", namespace="kube-system"),
            binding("readers", "view", "Group:readers"),
        ],
    )


def usernames() -> CrashWorld:
    """RBAC binds names: a plain one, one that a template renders for one session, one of a user."""
    return world(
        "usernames",
        {
            role("ci"): ("ci-runner", []),
            role("dev"): ("dev:{{SessionName}}", []),
            user("bob", "/contractors/"): ("bob", []),
            user("eve"): (None, ["readers"]),
        },
        roles=[{"name": "ci"}, {"name": "dev"}],
        users=[{"name": "bob", "path": "/contractors/"}, {"name": "eve"}],
        objects=[
            binding("ci", "edit", "User:ci-runner", namespace="default"),
            binding("alice", "admin", "User:dev:alice", namespace="default"),
            binding("bob", "view", "User:bob", namespace="kube-system"),
            binding("readers", "view", "Group:readers", namespace="default"),
        ],
    )


def nodes() -> CrashWorld:
    """A managed node group, nodes that people run themselves, Windows nodes, and a developer."""
    names = {
        f"i-0a1b2c3d4e5f6000{n}": f"ip-10-0-0-{n}.{REGION}.compute.internal" for n in (1, 2, 3)
    }
    profiles = dict(zip(names, ("managed", "own", "windows"), strict=True))
    ec2 = {"services": ["ec2.amazonaws.com"]}
    template = "system:node:{{EC2PrivateDNSName}}"
    return world(
        "nodes",
        {
            role("managed"): (template, NODE_GROUPS),
            role("own"): (template, NODE_GROUPS),
            role("windows"): (template, [*NODE_GROUPS, "eks:kube-proxy-windows"]),
            role("dev"): ("dev", ["devs"]),
        },
        roles=[
            {"name": "managed", "trust": ec2},
            {"name": "own", "path": "/nodes/", "trust": ec2},
            {"name": "windows", "trust": ec2},
            {"name": "dev"},
        ],
        account={
            "instanceProfiles": [
                {"name": name, "role": name} for name in ("managed", "own", "windows")
            ],
            "instances": [
                {
                    "id": i,
                    "region": REGION,
                    "privateDnsName": names[i],
                    "instanceProfile": profiles[i],
                }
                for i in names
            ],
        },
        objects=[
            *(node(names[i], i, "windows" if profiles[i] == "windows" else "linux") for i in names),
            binding("devs", "edit", "Group:devs", namespace="default"),
        ],
        nodegroups=[
            {
                "nodegroupName": "main",
                "nodeRole": role("managed"),
                "amiType": "AL2023_x86_64_STANDARD",
            }
        ],
    )


def sso() -> CrashWorld:
    """Roles of IAM Identity Center: rows without the path, principals with it."""
    admin, reader = (
        "AWSReservedSSO_Admin_0a1b2c3d4e5f6071",
        "AWSReservedSSO_Reader_1b2c3d4e5f607182",
    )
    saml = {
        "federated": [f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_0a1b2c3d4e5f6071_DO_NOT_DELETE"]
    }
    return world(
        "sso",
        {
            role(admin): ("admin:{{SessionName}}", [MASTERS]),
            role(reader): ("reader:{{SessionNameRaw}}", ["readers"]),
        },
        roles=[{"name": name, "path": SSO, "trust": saml} for name in (admin, reader)],
        objects=[binding("readers", "view", "Group:readers")],
    )


def existing() -> CrashWorld:
    """Entries from before: living ones, and dead ones of roles that were made anew, over rows that
    answer.
    """
    admin = "AmazonEKSClusterAdminPolicy"
    return world(
        "existing",
        {
            role("kept"): ("kept", ["devs"]),
            role("reborn"): ("reborn", ["devs"]),
            role("reborn-admin"): ("reborn-admin", [MASTERS]),
            role("new"): ("new", ["devs"]),
        },
        roles=[
            {"name": name, "createDate": "2025-06-01T00:00:00Z"}
            for name in ("kept", "reborn", "reborn-admin", "new", "entry-only", "orphan")
        ],
        mode="API_AND_CONFIG_MAP",
        objects=[binding("devs", "edit", "Group:devs", namespace="default")],
        createdAt="2024-03-01T00:00:00Z",
        accessEntries=[
            {
                "principalArn": role("kept"),
                "username": "kept",
                "kubernetesGroups": ["devs"],
                **_written(2025, 7),
            },
            {
                "principalArn": role("entry-only"),
                "policies": [{"policyArn": admin}],
                **_written(2025, 8),
            },
            *(
                {
                    "principalArn": role(name),
                    "principalId": f"AROAFORMER{name.upper().replace('-', ''):X<11}"[:21],
                    "kubernetesGroups": ["former"],
                    **_written(2024, 9),
                }
                for name in ("reborn", "reborn-admin", "orphan")
            ),
        ],
    )


def _written(year: int, month: int) -> Json:
    return {"createdAt": f"{year}-{month:02}-01T00:00:00Z"}


def foreign() -> CrashWorld:
    """Principals of another account: a role that a reader role looks up, with and without power."""
    trusted = {"aws": [f"arn:aws:iam::{ACCOUNT}:root"]}
    return world(
        "foreign",
        {
            role("metrics", account=FOREIGN): ("metrics", ["readers"]),
            role("partner", account=FOREIGN): ("partner:{{SessionName}}", [MASTERS]),
            user("dave", account=FOREIGN): ("dave", ["readers"]),
        },
        foreign_roles=[
            {"name": "metrics", "path": "/agents/", "trust": trusted},
            {"name": "partner", "trust": trusted},
        ],
        foreign_users=[{"name": "dave"}],
        objects=[binding("readers", "view", "Group:readers")],
    )


def dual() -> CrashWorld:
    """The mode step was taken long ago and nobody has migrated since; EKS has made its own
    entries.
    """
    return world(
        "dual",
        {role("admin"): ("admin", [MASTERS]), role("dev"): ("dev", ["devs"])},
        roles=[{"name": "admin"}, {"name": "dev"}],
        mode="API_AND_CONFIG_MAP",
        objects=[binding("devs", "edit", "Group:devs", namespace="default")],
    )


def reserved() -> CrashWorld:
    """Groups that entries cannot carry: new names, with parallel bindings of our own."""
    return world(
        "reserved",
        {
            role("viewer"): ("viewer", ["eks:viewers", "devs"]),
            role("auditor"): ("auditor:{{SessionName}}", ["eks:viewers", "system:auditors"]),
        },
        roles=[{"name": "viewer"}, {"name": "auditor"}],
        objects=[
            binding("viewers", "view", "Group:eks:viewers"),
            binding("viewers-too", "edit", "Group:eks:viewers", namespace="default"),
            binding("auditors", "admin", "Group:system:auditors", namespace="kube-system"),
            binding("devs", "edit", "Group:devs", namespace="kube-public"),
        ],
        answers={
            "groups": {
                "eks:viewers": {"rename_to": "cluster-viewers"},
                "system:auditors": {"rename_to": "auditors"},
            }
        },
    )


_ACCEPTED = {"by": "tests", "reason": "custom resources are not used"}


def policies() -> CrashWorld:
    """Groups are replaced by access policies; what these leave out was accepted by name."""
    return world(
        "policies",
        {role("viewer"): ("viewer", ["viewers"]), user("carol"): ("carol", ["viewers", "devs"])},
        roles=[{"name": "viewer"}],
        users=[{"name": "carol"}],
        objects=[
            binding("viewers", "view", "Group:viewers", namespace="default"),
            binding("devs", "edit", "Group:devs", namespace="default"),
        ],
        answers={"accept_loss": {arn: _ACCEPTED for arn in (role("viewer"), user("carol"))}},
        plan_options=("--strategy", "policies"),
    )


def also() -> CrashWorld:
    """Administrators keep an ordinary group that is bound to cluster-admin, besides the policy."""
    return world(
        "also",
        {role("admin"): ("admin", [MASTERS]), role("chief"): ("chief", [MASTERS, "devs"])},
        roles=[{"name": "admin"}, {"name": "chief"}],
        objects=[binding("platform-admins", "cluster-admin", "Group:platform-admins")],
        answers={"groups": {MASTERS: {"also": "platform-admins"}}},
    )


def creator_with_a_row() -> CrashWorld:
    """The creator has a row, too: EKS makes its entry at the first mode step, and the row's name is
    put on it.
    """
    return world(
        "creator", {role("creator"): ("creator:{{SessionName}}", [MASTERS])}, creator=CREATOR
    )


def demo() -> CrashWorld:
    """The demo world: a bit of everything, as it is shipped."""
    return CrashWorld("demo", YAML(typ="safe").load(demo_world_path().read_text(encoding="utf-8")))


WORLDS: tuple[CrashWorld, ...] = (
    demo(),
    masters(),
    groups(),
    usernames(),
    nodes(),
    sso(),
    existing(),
    foreign(),
    dual(),
    reserved(),
    policies(),
    also(),
    creator_with_a_row(),
    masters("no-bridge", gap=True),
)
BY_NAME = {each.name: each for each in WORLDS}
