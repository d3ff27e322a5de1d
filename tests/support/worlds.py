"""Snapshots made of a few facts, for tests of decisions: rows, IAM, nodes, entries, RBAC."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from migrator.decide.planning.make_plan import make_plan
from migrator.model.access_entry import (
    AccessEntry,
    AccessScope,
    AssociatedPolicy,
    AuthenticationMode,
)
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.decision import Acceptance, Decisions, GroupAnswer, PrincipalAnswer
from migrator.model.finding import Finding
from migrator.model.plan import ClusterRef, Plan, PlannedPrincipal
from migrator.model.principal import AccountRead, IamPrincipal, parse_arn
from migrator.model.rbac import Binding, PolicyRule, RbacState, Role, Subject
from migrator.model.snapshot import (
    FargateProfile,
    GroupReference,
    Login,
    Node,
    Nodegroup,
    Snapshot,
    Usage,
)

ACCOUNT = "111122223333"
OTHER = "444455556666"
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
LONG_AGO = datetime(2024, 1, 10, 12, tzinfo=timezone.utc)
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
NODE_USERNAME = "system:node:{{EC2PrivateDNSName}}"
SESSION_NODE = "system:node:{{SessionName}}"
NODE_GROUPS = ("system:bootstrappers", "system:nodes")
WINDOWS = "eks:kube-proxy-windows"
ACCEPTED = Acceptance("Ana", "reviewed")

Row = Mapping[str, Any]


def role(name: str, account: str = ACCOUNT, partition: str = "aws") -> str:
    """The ARN of a role; ``name`` may hold a path."""
    return f"arn:{partition}:iam::{account}:role/{name}"


def user(name: str, account: str = ACCOUNT) -> str:
    """The ARN of a user; ``name`` may hold a path."""
    return f"arn:aws:iam::{account}:user/{name}"


def row(arn: str, username: object = "someone", groups: object = ()) -> Row:
    """A row of mapRoles or mapUsers; None leaves a field out."""
    fields = {
        "arn": arn,
        "username": username,
        "groups": list(groups) if isinstance(groups, tuple) else groups,
    }
    return {key: value for key, value in fields.items() if value is not None}


def node_row(arn: str, *extra: str, username: str = NODE_USERNAME) -> Row:
    """A row as EKS writes it for nodes, with further groups."""
    return row(arn, username, (*NODE_GROUPS, *extra))


def iam(
    arn: str, *services: str, created: datetime | None = LONG_AGO, trust_read: bool = True
) -> IamPrincipal:
    """A principal of IAM; ``services`` by label (``ec2``)."""
    trusts = tuple(f"{service}.amazonaws.com" for service in services) if trust_read else None
    return IamPrincipal(arn, "AROA" + arn.rpartition("/")[2].upper(), created, trusts)


def entry(
    arn: str,
    username: str = "someone",
    groups: Sequence[str] = (),
    **changes: Any,  # noqa: ANN401 - any field
) -> AccessEntry:
    """An access entry that is younger than any principal here."""
    fields: dict[str, Any] = {"type": "STANDARD", "created_at": NOW, "access_policies": ()}
    fields.update(changes)
    return AccessEntry(
        principal_arn=arn, username=username, kubernetes_groups=tuple(groups), **fields
    )


def on_cluster(policy_arn: str = ADMIN_POLICY) -> AssociatedPolicy:
    """A policy for the whole cluster."""
    return AssociatedPolicy(policy_arn)


def in_namespaces(policy_arn: str, *namespaces: str) -> AssociatedPolicy:
    """A policy for namespaces."""
    return AssociatedPolicy(policy_arn, AccessScope("namespace", namespaces))


def bind(
    *subjects: Subject,
    role_name: str = "view",
    namespace: str | None = None,
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Binding:
    """A binding of subjects to a ClusterRole."""
    return Binding(
        name or f"{role_name}-binding", namespace, "ClusterRole", role_name, subjects, labels or {}
    )


def group(name: str) -> Subject:
    """A Group subject."""
    return Subject("Group", name)


def named(name: str) -> Subject:
    """A User subject."""
    return Subject("User", name)


def service_account(namespace: str, name: str) -> Subject:
    """A ServiceAccount subject."""
    return Subject("ServiceAccount", name, namespace)


_ALL = PolicyRule(verbs=("*",), api_groups=("*",), resources=("*",))
_URLS = PolicyRule(verbs=("*",), non_resource_urls=("*",))
VIEW_RULES = ACCESS_POLICIES["AmazonEKSViewPolicy"].rules
BUILT_IN = (
    Role("cluster-admin", None, (_ALL, _URLS), {}),
    Role("view", None, VIEW_RULES, {}),
    Role("edit", None, ACCESS_POLICIES["AmazonEKSEditPolicy"].rules, {}),
)


def rbac(*bindings: Binding, roles: Iterable[Role] = ()) -> RbacState:
    """RBAC with a few built-in ClusterRoles and these bindings."""
    return RbacState((*BUILT_IN, *roles), bindings)


def nodegroup(
    role_arn: str, ami: str = "AL2023_x86_64_STANDARD", status: str = "ACTIVE"
) -> Nodegroup:
    """A managed node group."""
    return Nodegroup("workers", role_arn, status, ami)


def profile(role_arn: str, status: str = "ACTIVE") -> FargateProfile:
    """A Fargate profile."""
    return FargateProfile("serverless", role_arn, status)


def node(
    role_arn: str | None, system: str = "linux", compute: str = "", name: str = "ip-10-0-0-1"
) -> Node:
    """A live node under a role."""
    labels = {"kubernetes.io/os": system} | (
        {"eks.amazonaws.com/compute-type": compute} if compute else {}
    )
    return Node(name, labels, "aws:///eu-west-1a/i-0123456789abcdef0", role_arn)


def reference(text: str, kind: str = "FlowSchema") -> GroupReference:
    """Something outside RBAC that names a group or username."""
    return GroupReference("example.io/v1", kind, None, "rule", "spec.subjects[0]", text)


def login(arn: str, username: str = "someone") -> Login:
    """A login that the logs show."""
    return Login(arn, username, (), NOW, NOW, 1)


def usage(*logins: Login, complete: bool = True) -> Usage:
    """A log window with these logins."""
    return Usage(LONG_AGO, NOW, complete, logins)


def config_map(
    roles: Sequence[Row] = (),
    users: Sequence[Row] = (),
    accounts: Sequence[str] = (),
    data: Mapping[str, str] = {},
) -> dict[str, Any]:
    """The aws-auth ConfigMap, its sections written as JSON, which is YAML."""
    found: dict[str, str] = {}
    if roles:
        found["mapRoles"] = json.dumps(
            [{"rolearn": r["arn"], **{k: r[k] for k in r if k != "arn"}} for r in roles]
        )
    if users:
        found["mapUsers"] = json.dumps(
            [{"userarn": r["arn"], **{k: r[k] for k in r if k != "arn"}} for r in users]
        )
    if accounts:
        found["mapAccounts"] = json.dumps(list(accounts))
    return {
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": found | dict(data),
    }


def world(
    roles: Sequence[Row] = (),
    users: Sequence[Row] = (),
    accounts: Sequence[str] = (),
    *,
    data: Mapping[str, str] = {},
    mode: AuthenticationMode = "API_AND_CONFIG_MAP",
    principals: Sequence[IamPrincipal] | None = None,
    entries: Sequence[AccessEntry] = (),
    partition: str = "aws",
    **changes: Any,  # noqa: ANN401 - any field
) -> Snapshot:
    """A cluster of which everything was read. Without ``principals`` IAM has whoever the rows name,
    roles trusting nobody (EC2, where the username is a node's).
    """
    cluster_arn = f"arn:{partition}:eks:eu-west-1:{ACCOUNT}:cluster/prod"
    fields: dict[str, Any] = {
        "taken_at": "2026-11-22T00:00:00Z",
        "cluster": ClusterRef("prod", cluster_arn, ACCOUNT, "eu-west-1", partition, mode),
        "cluster_raw": {"arn": cluster_arn, "accessConfig": {"authenticationMode": mode}},
        "config_map": config_map(roles, users, accounts, data),
        "caller_arn": f"arn:{partition}:sts::{ACCOUNT}:assumed-role/operator/me",
        "caller_chain": (),
        "access_entries": None if mode == "CONFIG_MAP" else tuple(entries),
        "access_policies": tuple(
            f"arn:{partition}:eks::aws:cluster-access-policy/{name}" for name in ACCESS_POLICIES
        ),
        "nodegroups": (),
        "fargate_profiles": (),
        "nodes": (),
        "rbac": rbac(),
        "namespaces": ("default", "shop"),
        "group_references": (),
        "iam_principals": tuple(_everybody((*roles, *users)) if principals is None else principals),
        "accounts_read": (AccountRead(ACCOUNT, roles=True, users=True),),
        "capabilities": (),
        "identity_provider_configs": (),
    }
    return Snapshot(**{**fields, **changes})


def _everybody(rows: Iterable[Row]) -> Iterable[IamPrincipal]:
    for arn, username in {str(r["arn"]): str(r.get("username", "")) for r in rows}.items():
        parsed = parse_arn(arn)
        if (
            parsed is None
            or parsed.account != ACCOUNT
            or parsed.kind not in ("role", "user")
            or " " in arn
        ):
            continue
        if parsed.kind == "user" or parsed.path == "/":
            yield iam(arn, *(("ec2",) if "EC2PrivateDNSName" in username else ()))


def planned(snapshot: Snapshot, decisions: Decisions | None = None, **options: Any) -> Plan:  # noqa: ANN401 - any field
    """The plan of a snapshot."""
    return make_plan(snapshot, decisions or Decisions(), now=NOW, **options)


def one(plan: Plan, arn: str) -> PlannedPrincipal:
    """The one principal with this ARN."""
    (found,) = (principal for principal in plan.principals if principal.principal_arn == arn)
    return found


def only(plan: Plan) -> PlannedPrincipal:
    """The one principal of a plan that has one."""
    (found,) = plan.principals
    return found


def findings(plan: Plan, code: str) -> tuple[Finding, ...]:
    """The findings of one code."""
    return tuple(finding for finding in plan.findings if finding.code == code)


def finding(plan: Plan, code: str) -> Finding:
    """The one finding of this code."""
    (found,) = findings(plan, code)
    return found


def kinds(plan: Plan, arn: str | None = None) -> list[str]:
    """The kinds of a plan's steps, of one principal if asked."""
    return [step.effect.kind for step in plan.steps if arn is None or step.principal_arn == arn]


def answers(arn: str, action: str = "create", **fields: Any) -> Decisions:  # noqa: ANN401 - any field
    """decisions.yaml with an answer for one principal; ``accepted`` accepts its loss."""
    accepted = fields.pop("accepted", False)
    answer = PrincipalAnswer("skip" if action == "skip" else "create", reason="decided", **fields)
    return Decisions(principals={arn: answer}, accept_loss={arn: ACCEPTED} if accepted else {})


def group_answers(**names: str) -> Decisions:
    """decisions.yaml that renames groups; ``__`` stands for a colon."""
    return Decisions(
        groups={old.replace("__", ":"): GroupAnswer(rename_to=new) for old, new in names.items()}
    )
