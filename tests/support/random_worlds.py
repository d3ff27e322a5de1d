"""Clusters drawn at random from what goes wrong in life, and a second way to say who can do what in
them.

Everything is drawn from small pools, so that rows, entries, nodes and bindings meet. The judge
below uses the authenticator's rules and the authorizer on single requests, and nothing of what
plans are made with.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from migrator.decide.access.authorize import RbacIndex, authorize
from migrator.decide.reading.effective_identity import (
    Caller,
    LoggedIn,
    Outcome,
    PinnedEntry,
    canonical_arn,
    identity_of,
)
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode
from migrator.model.decision import Acceptance, Decisions, GroupAnswer, PrincipalAnswer
from migrator.model.principal import AccountRead, IamPrincipal, parse_arn
from migrator.model.rbac import AccessRequest, Binding, PolicyRule, Role, Subject
from migrator.model.snapshot import Creator, Snapshot
from tests.support.worlds import (
    ACCOUNT,
    LONG_AGO,
    NODE_GROUPS,
    NODE_USERNAME,
    NOW,
    OTHER,
    SESSION_NODE,
    VIEW_POLICY,
    WINDOWS,
    Row,
    iam,
    in_namespaces,
    login,
    node,
    nodegroup,
    on_cluster,
    profile,
    rbac,
    reference,
    role,
    row,
    usage,
    user,
    world,
)

# Everybody there is: two roles with a path, nodes of several kinds, users, one foreign role.
PEOPLE: Mapping[str, tuple[str, ...] | None] = {
    role("team/dev"): (),
    role("ops"): (),
    role("operator"): (),
    role("nodes"): ("ec2",),
    role("pods"): ("eks-fargate-pods",),
    role("edge"): ("ssm",),
    role("odd"): None,
    user("ana"): (),
    user("staff/ben"): (),
    role("x/partner", OTHER): (),
}
_OLD = LONG_AGO.replace(year=2020)
_WRITTEN = (
    role("dev"),
    role("DEV"),
    role("team/dev"),
    role("ops"),
    role("operator"),
    role("nodes"),
    role("pods"),
    role("edge"),
    role("odd"),
    role("gone"),
    role("partner", OTHER),
    role("unread", OTHER),
    user("ana"),
    user("ANA"),
    user("staff/ben"),
    user("ben"),
    f"arn:aws:iam::{ACCOUNT}:root",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/me",
    role("dev-*"),
    "nonsense",
)
_USERNAMES = (
    "alice",
    "dev:{{SessionName}}",
    "{{SessionName}}",
    "{{SessionNameRaw}}-x",
    "{{AccountID}}:x",
    "k:{{AccessKeyID}}",
    "system:admin",
    "aws:{{SessionName}}",
    "",
    NODE_USERNAME,
    SESSION_NODE,
    "n:{{EC2PrivateDNSName}}",
    "system:node:x",
)
_GROUPS = (
    "readers",
    "editors",
    "unbound",
    "system:masters",
    "system:authenticated",
    "",
    "eks:team",
    "system:free",
    "t:{{SessionName}}",
    WINDOWS,
    *NODE_GROUPS,
    "system:node-proxier",
)
_SUBJECTS = (
    *(Subject("Group", name) for name in _GROUPS if "{{" not in name and name),
    *(
        Subject("User", name)
        for name in (
            "alice",
            "dev:alice",
            "k:alice",
            "arn:aws:sts::111122223333:assumed-role/dev/alice",
        )
    ),
    Subject("Group", "system:unauthenticated"),
)
_ROLES = (
    Role("reader", None, (PolicyRule(("get",), ("",), ("pods",)),), {}),
    Role("editor", None, (PolicyRule(("get", "update"), ("",), ("pods", "secrets")),), {}),
    Role("sudo", None, (PolicyRule(("impersonate",), ("",), ("groups",), ("eks:team",)),), {}),
)
REQUESTS = (
    AccessRequest("get", "", "pods"),
    AccessRequest("get", "", "pods", namespace="shop"),
    AccessRequest("update", "", "secrets", namespace="shop"),
    AccessRequest("list", "", "configmaps", namespace="blog"),
    AccessRequest("delete", "apps", "deployments", namespace="shop"),
    AccessRequest("impersonate", "", "groups", name="eks:team"),
    AccessRequest("get", path="/metrics"),
)

rows = st.builds(
    row,
    st.sampled_from(_WRITTEN),
    st.sampled_from(_USERNAMES),
    st.lists(st.sampled_from(_GROUPS), max_size=4).map(tuple)
    | st.just("system:masters")
    | st.none(),
)
_good_node_rows = st.sampled_from(
    (
        row(role("nodes"), NODE_USERNAME, NODE_GROUPS),
        row(role("nodes"), NODE_USERNAME, (*NODE_GROUPS, WINDOWS)),
        row(role("pods"), SESSION_NODE, (*NODE_GROUPS, "system:node-proxier")),
        row(role("edge"), SESSION_NODE, NODE_GROUPS),
        row(role("nodes"), NODE_USERNAME, (*NODE_GROUPS, WINDOWS, "readers")),
        row(role("pods"), SESSION_NODE, (*NODE_GROUPS, "readers")),
    )
)
_plain_rows = st.builds(
    row,
    st.sampled_from(
        (
            role("dev"),
            role("ops"),
            role("operator"),
            user("ana"),
            user("staff/ben"),
            role("partner", OTHER),
        )
    ),
    st.sampled_from(("alice", "bob", "dev:{{SessionName}}")),
    st.lists(st.sampled_from(("readers", "editors", "unbound", "system:masters")), max_size=3).map(
        tuple
    ),
)
likely_rows = st.lists(_plain_rows | _good_node_rows | rows, max_size=5)


@st.composite
def bindings(draw: st.DrawFn) -> Binding:
    """A binding of one of three small roles."""
    namespace = draw(st.sampled_from((None, "shop")))
    subjects = tuple(
        draw(st.lists(st.sampled_from(_SUBJECTS), min_size=1, max_size=3, unique=True))
    )
    name = f"b{draw(st.integers(0, 9999))}"
    return Binding(
        name,
        namespace,
        "ClusterRole",
        draw(st.sampled_from(("reader", "editor", "sudo"))),
        subjects,
        {},
    )


_policies = st.lists(
    st.sampled_from((on_cluster(), on_cluster(VIEW_POLICY), in_namespaces(VIEW_POLICY, "shop"))),
    max_size=2,
    unique_by=lambda policy: policy.policy_arn,
)


@st.composite
def entries(draw: st.DrawFn, arn: str) -> AccessEntry:
    """An entry of a principal: alive, dead, of unknown age, ours and half-made, or of a node
    type.
    """
    created = draw(st.sampled_from((NOW, _OLD)))
    kind = (
        draw(st.sampled_from(("STANDARD", "STANDARD", "EC2_LINUX")))
        if ":role/" in arn and OTHER not in arn
        else "STANDARD"
    )
    if kind != "STANDARD":
        return AccessEntry(arn, "EC2_LINUX", NODE_USERNAME, ("system:nodes",), (), created)
    groups = draw(
        st.lists(st.sampled_from(("readers", "editors", "unbound")), max_size=2, unique=True)
    )
    ours = draw(st.sampled_from((None, None, None, "tag", "marker")))
    tags = {PLAN_TAG: "sha256:0"} if ours else {}
    extra = ["migrator-probe:00", "migrator-bridge:00"] if ours == "marker" else []
    name = draw(st.sampled_from(("alice", "bob")))
    return AccessEntry(
        arn, "STANDARD", name, (*groups, *extra), tuple(draw(_policies)), created, tags=tags
    )


@st.composite
def worlds(
    draw: st.DrawFn, *, modes: Sequence[AuthenticationMode] = ("CONFIG_MAP", "API_AND_CONFIG_MAP")
) -> Snapshot:
    """A cluster. IAM is right about whom it lists; what was not read stays unknown."""
    mode = draw(st.sampled_from(modes))
    read = draw(st.sampled_from((True, True, True, False)))
    arns = (
        draw(st.lists(st.sampled_from(sorted(PEOPLE)), max_size=3, unique=True))
        if mode != "CONFIG_MAP"
        else []
    )
    dated = draw(st.sampled_from((LONG_AGO, LONG_AGO, None)))
    principals = [_principal(arn, dated) for arn in PEOPLE] if read else []
    uses: dict[str, Any] = {}
    if draw(st.booleans()):
        status = draw(st.sampled_from(("ACTIVE", "DELETING")))
        images = draw(
            st.sampled_from(("AL2023_x86_64_STANDARD", "CUSTOM", "WINDOWS_CORE_2022_x86_64"))
        )
        uses["nodegroups"] = (nodegroup(role("nodes"), images, status),)
    if draw(st.booleans()):
        uses["fargate_profiles"] = draw(st.sampled_from(((profile(role("pods")),), None)))
    if draw(st.booleans()):
        uses["nodes"] = (
            node(
                role(draw(st.sampled_from(("nodes", "edge")))),
                draw(st.sampled_from(("linux", "windows"))),
            ),
        )
    if draw(st.integers(0, 5)) == 0:
        uses["group_references"] = draw(
            st.sampled_from(((reference("eks:team"),), (reference("dev*"),), None))
        )
    if draw(st.integers(0, 5)) == 0:
        uses["creator"] = Creator(draw(st.sampled_from((role("ops"), user("ana")))), "CloudTrail")
    if draw(st.integers(0, 4)) == 0:
        uses["usage"] = usage(
            *draw(
                st.lists(st.builds(login, st.sampled_from((role("dev"), user("ana")))), max_size=2)
            )
        )
    return world(
        draw(likely_rows),
        draw(st.lists(rows, max_size=2)),
        draw(st.lists(st.sampled_from((ACCOUNT, OTHER, "12")), max_size=1)),
        mode=mode,
        principals=principals,
        accounts_read=(AccountRead(ACCOUNT, roles=True, users=True),) if read else (),
        entries=[draw(entries(arn)) for arn in arns],
        rbac=rbac(
            *draw(st.lists(bindings(), max_size=4, unique_by=lambda b: b.name)), roles=_ROLES
        ),
        **uses,
    )


@st.composite
def node_worlds(draw: st.DrawFn) -> Snapshot:
    """A cluster of nodes alone: what their rows give, what EKS runs under their roles, and what
    names their groups.
    """
    image = draw(st.sampled_from(("AL2023_x86_64_STANDARD", "CUSTOM", "WINDOWS_CORE_2022_x86_64")))
    status = draw(st.sampled_from(("ACTIVE", "ACTIVE", "DELETING")))
    bound = [Binding("b", None, "ClusterRole", "reader", (Subject("Group", "readers"),), {})]
    return world(
        draw(st.lists(_good_node_rows, min_size=1, max_size=3, unique_by=lambda each: each["arn"])),
        mode=draw(st.sampled_from(("CONFIG_MAP", "API_AND_CONFIG_MAP"))),
        principals=[_principal(arn, LONG_AGO) for arn in PEOPLE],
        nodegroups=draw(st.sampled_from(((), (nodegroup(role("nodes"), image, status),)))),
        fargate_profiles=draw(st.sampled_from(((), (profile(role("pods")),)))),
        rbac=rbac(*draw(st.sampled_from(((), bound))), roles=_ROLES),
    )


def _principal(arn: str, created: Any) -> IamPrincipal:  # noqa: ANN401 - a time or None
    services = PEOPLE[arn]
    return iam(arn, *(services or ()), created=created, trust_read=services is not None)


@st.composite
def answered(draw: st.DrawFn) -> Decisions:
    """Answers for a few principals and groups, sensible or not."""
    arns = draw(
        st.lists(
            st.sampled_from((role("dev"), role("ops"), role("nodes"), user("ana"))),
            max_size=2,
            unique=True,
        )
    )
    answers = {
        arn: PrincipalAnswer(
            draw(st.sampled_from(("create", "create", "skip"))),
            "drawn",
            username=draw(st.sampled_from((None, "alice", "new"))),
            groups=draw(st.sampled_from((None, (), ("readers",), ("editors", "unbound")))),
            policies=draw(st.sampled_from((None, (), (on_cluster(VIEW_POLICY),), (on_cluster(),)))),
        )
        for arn in arns
    }
    losses = {arn: Acceptance("Ana", "drawn") for arn in arns if draw(st.booleans())}
    gains = {arn: Acceptance("Ana", "drawn") for arn in arns if draw(st.booleans())}
    groups = {"eks:team": GroupAnswer(rename_to="team-own")} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        groups["system:masters"] = GroupAnswer(also="own-admins")
    return Decisions(principals=answers, accept_loss=losses, accept_gain=gains, groups=groups)


@dataclass(frozen=True)
class Access:
    """Who a principal is for one login, and which of the sample requests it may make."""

    outcome: Outcome
    allowed: tuple[bool | None, ...]


def access_of(
    arn: str,
    snapshot: Snapshot,
    mode: AuthenticationMode | None = None,
    *,
    caller: Caller | None = None,
) -> Access:
    """One login of a principal, by the rules of the authenticator and the authorizer alone."""
    asked = mode or snapshot.cluster.authentication_mode
    caller = caller or _caller(arn)
    pinned = [
        PinnedEntry(e.principal_arn, _pinned_id(e), e.username, e.kubernetes_groups)
        for e in snapshot.access_entries or ()
    ]
    outcome = identity_of(caller, read_aws_auth(snapshot.aws_auth_data), pinned, asked)
    if not isinstance(outcome, LoggedIn):
        return Access(outcome, (False,) * len(REQUESTS))
    policies: tuple[AssociatedPolicy, ...] = ()
    if outcome.via == "access-entry":
        policies = next(
            e.access_policies
            for e in snapshot.access_entries or ()
            if e.principal_arn == outcome.source
        )
    assert snapshot.rbac is not None
    index = RbacIndex(snapshot.rbac)
    answers = [
        authorize(index, outcome.username, outcome.groups, policies, request)[0]
        for request in REQUESTS
    ]
    return Access(outcome, tuple(answers))


def _caller(arn: str) -> Caller:
    parsed = parse_arn(arn)
    assert parsed is not None
    canonical = canonical_arn(arn)
    assert canonical is not None
    if parsed.kind == "user":
        return Caller(canonical, parsed.account, arn, "")
    if "ec2" in (PEOPLE[arn] or ()):
        return Caller(
            canonical,
            parsed.account,
            arn,
            "i-0123456789abcdef0",
            "AKIA",
            "ip-10-0-0-1.ec2.internal",
        )
    return Caller(canonical, parsed.account, arn, "alice", "AKIAIOSFODNN7EXAMPLE")


def caller_with(arn: str, session_name: str, private_dns_name: str | None = None) -> Caller:
    """A principal of the world by a session of this name."""
    parsed, canonical = parse_arn(arn), canonical_arn(arn)
    assert parsed is not None
    assert canonical is not None
    return Caller(
        canonical, parsed.account, arn, session_name, "AKIAIOSFODNN7EXAMPLE", private_dns_name
    )


def _pinned_id(entry: AccessEntry) -> str:
    """The principal's own id (its ARN serves), or a deleted one's for an entry that is older than
    it.
    """
    return "deleted" if entry.created_at == _OLD else entry.principal_arn


def sections_of(snapshot: Snapshot) -> dict[str, list[Row]]:
    """The rows of mapRoles and mapUsers, as drawn."""
    data = snapshot.aws_auth_data
    return {
        section: json.loads(data[section])
        for section in ("mapRoles", "mapUsers")
        if section in data
    }
