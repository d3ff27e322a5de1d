"""Plans made by hand and by hypothesis, for tests of everything that shows or uses a plan."""

from typing import Any

from hypothesis import strategies as st

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import (
    AccessScope,
    AssociatedPolicy,
    EntrySpec,
    EntryType,
    Identity,
)
from migrator.model.code_entries import CodeKind
from migrator.model.finding import Finding
from migrator.model.plan import ACTIONS, Action, ClusterRef, Plan, PlannedPrincipal
from migrator.model.rbac import PermissionRow
from migrator.model.step import CreateEntry, EnableEntries, Step
from migrator.render.code_files import code_files

ACCOUNT = "111122223333"
CLUSTER_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
REFERENCE = "https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html"


def role(name: str, account: str = ACCOUNT) -> str:
    """The ARN of a role; ``name`` may hold a path."""
    return f"arn:aws:iam::{account}:role/{name}"


def generated(kind: CodeKind, value: Plan, *, include_owned: bool = False) -> dict[str, str]:
    """File name -> content of the plan's entries as code."""
    return code_files(kind, value, code_entries(value, include_owned=include_owned))


def cluster(**changes: Any) -> ClusterRef:  # noqa: ANN401 - any field
    """A cluster in CONFIG_MAP mode."""
    fields: dict[str, Any] = {
        "name": "prod",
        "arn": f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod",
        "account_id": ACCOUNT,
        "region": "eu-west-1",
        "partition": "aws",
        "authentication_mode": "CONFIG_MAP",
    }
    return ClusterRef(**{**fields, **changes})


def principal(arn: str, action: Action = "create", **changes: Any) -> PlannedPrincipal:  # noqa: ANN401 - any field
    """A principal whose row gives the group ``devs``, and an entry that gives the same."""
    fields: dict[str, Any] = {
        "before": Identity("dev", ("devs",), "config-map"),
        "sources": ("mapRoles[0]",),
        "entry": None if action in ("skip", "block") else EntrySpec("STANDARD", "dev", ("devs",)),
    }
    return PlannedPrincipal(principal_arn=arn, action=action, **{**fields, **changes})


def plan(*principals: PlannedPrincipal, **changes: Any) -> Plan:  # noqa: ANN401 - any field
    """A plan of the given principals, with one step each for those that are created."""
    steps = [Step("s01", EnableEntries())]
    for each in principals:
        if each.action == "create" and each.entry is not None:
            step = Step(
                f"s{len(steps) + 1:02d}",
                CreateEntry(each.principal_arn, each.entry),
                ("s01",),
                each.sources,
                None,
            )
            steps.append(step)
    fields: dict[str, Any] = {
        "created_at": "2026-11-22T00:00:00Z",
        "cluster": cluster(),
        "basis": {},
        "snapshot_digest": "sha256:" + "0" * 64,
        "strategy": "preserve",
        "target": "API",
        "principals": principals,
        "findings": (),
        "steps": tuple(steps),
    }
    return Plan(**{**fields, **changes})


def company() -> Plan:
    """A plan with every action, every severity, and access that changes."""
    sso = role(
        "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_AdministratorAccess_0123456789abcdef"
    )
    dead = role("teams/payments/deployer")
    masters = Identity("admin:{{SessionName}}", ("system:masters", "platform"), "config-map")
    admin = EntrySpec(
        "STANDARD",
        "admin:{{SessionName}}",
        ("platform",),
        (AssociatedPolicy(CLUSTER_ADMIN, AccessScope()),),
    )
    node = Identity(
        "system:node:{{EC2PrivateDNSName}}", ("system:bootstrappers", "system:nodes"), "config-map"
    )
    return plan(
        principal(
            sso,
            sources=("mapRoles[0]", "mapRoles[4]"),
            before=masters,
            entry=admin,
            findings=("row-shadowed",),
        ),
        principal(
            role("nodes"),
            "create",
            sources=("mapRoles[1]",),
            before=node,
            entry=EntrySpec("EC2_LINUX"),
        ),
        principal(
            role("managed-nodes"),
            "await",
            sources=("mapRoles[2]",),
            before=node,
            entry=EntrySpec("EC2_LINUX"),
        ),
        principal(
            dead,
            "skip",
            sources=("mapRoles[3]",),
            before=Identity("", (), "none"),
            findings=("dead-role-path",),
        ),
        principal(f"arn:aws:iam::{ACCOUNT}:user/anna", "update", sources=("mapUsers[0]",)),
        principal(f"arn:aws:iam::{ACCOUNT}:user/ben", "keep", sources=("mapUsers[1]",)),
        principal(role("ci/runner"), "recreate", sources=("mapRoles[5]",)),
        principal(
            "arn:aws:iam::444455556666:role/partner",
            "block",
            sources=("mapRoles[6]",),
            proposed=EntrySpec("STANDARD", "partner", ("partners",)),
            findings=("foreign-role-unverified",),
        ),
        findings=(
            Finding(
                "foreign-role-unverified",
                "block",
                "The role belongs to account 444455556666, which nobody read: EKS refuses a role "
                "that does not exist.",
                "Name a reader role for the account, or answer in decisions.yaml under principals.",
                REFERENCE,
                "mapRoles[6]",
                31,
                "arn:aws:iam::444455556666:role/partner",
            ),
            Finding(
                "dead-role-path",
                "warn",
                "A role ARN with a path never matches.",
                "Nothing.",
                REFERENCE,
                "mapRoles[3]",
                14,
                dead,
            ),
            Finding(
                "row-shadowed",
                "info",
                "mapRoles[0] is overridden.",
                "Nothing.",
                REFERENCE,
                "mapRoles[0]",
                1,
                sso,
            ),
            Finding(
                "creator-unknown",
                "warn",
                "The cluster's creator is not known.",
                "Name it.",
                REFERENCE,
            ),
        ),
    )


HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "abc\rdef\nghi\ttab",
    "user\u202egnp.exe",
    "zero\u200bwidth\u2060",
    "[bold red]markup[/]",
    "[link=https://evil.example]x[/link]",
    "<script>alert(1)</script>",
    "![x](https://evil.example/p.png)",
    "`code` | cell | ``two``",
    "@octocat please #12 https://evil.example www.evil.example",
    '${file("/etc/passwd")} %{ if true }x%{ endif } $${a} $$${a}',
    "$(reboot) `reboot` ; rm -rf / #",
    "'single' \"double\" \\back",
    "yes",
    "null",
    ": - # & * ! | > % @",
    "e\u0301 combining",
    "\ufeffbom",
    "\u3164",
    "",
    " ",
    "emoji \U0001f600",
    "\U000e0041tag",
    "file:///etc/passwd",
    "--endpoint-url",
    '["a","b"]',
    "{{resolve:secretsmanager:prod/db:SecretString:password}}",
    "a{{ Resolve:ssm:x}}",
    "]]>",
    "</script><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "##vso[task.setvariable variable=x]y",
    "##[add-mask]x",
    "::set-output name=x::y",
    "::error::x",
    "${Token[TOKEN.3]}",
    "#{Token[x.1]}",
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # Pulumi: a value that is not known yet
    "${NAME}",
)

hostile_text = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=20),
    st.text(alphabet="${}%\\\"'`|<>[]()@# \n\x1b\u202ea", max_size=20),
    st.lists(
        st.sampled_from(
            ["{", "{{", "resolve", "RESOLVE:", " ", "ssm:x", "}}", "##", "vso[", "::", "error"]
        )
    ).map("".join),
)
names = st.from_regex(r"[A-Za-z0-9+=,.@_-]{1,20}", fullmatch=True)
accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)


@st.composite
def arns(draw: st.DrawFn) -> str:
    """ARNs of roles and users, with and without paths."""
    kind = draw(st.sampled_from(["role", "user"]))
    path = "".join(f"{part}/" for part in draw(st.lists(names, max_size=2)))
    return f"arn:aws:iam::{draw(accounts)}:{kind}/{path}{draw(names)}"


@st.composite
def policies(draw: st.DrawFn) -> AssociatedPolicy:
    """An access policy for the cluster or for namespaces."""
    namespaces = tuple(
        draw(st.lists(st.from_regex(r"[a-z*-]{1,30}", fullmatch=True), max_size=9, unique=True))
    )
    scope = AccessScope("namespace", namespaces) if namespaces else AccessScope()
    return AssociatedPolicy(draw(st.sampled_from([CLUSTER_ADMIN, VIEW])), scope)


@st.composite
def specs(draw: st.DrawFn, text: st.SearchStrategy[str] = hostile_text) -> EntrySpec:
    """What an entry is meant to be: STANDARD with anything, node types with nothing."""
    kind: EntryType = draw(
        st.sampled_from(["STANDARD", "STANDARD", "STANDARD", "EC2_LINUX", "EC2_WINDOWS", "EC2"])
    )
    if kind != "STANDARD":
        return EntrySpec(kind)
    return EntrySpec(
        kind,
        draw(st.none() | text),
        tuple(draw(st.lists(text, max_size=5, unique=True))),
        tuple(draw(st.lists(policies(), max_size=2, unique_by=lambda policy: policy.policy_arn))),
    )


@st.composite
def plans(draw: st.DrawFn, text: st.SearchStrategy[str] = hostile_text) -> Plan:
    """Plans whose foreign texts are as hostile as they may be."""
    planned = []
    for index, arn in enumerate(draw(st.lists(arns(), max_size=4, unique=True))):
        action = draw(st.sampled_from(ACTIONS))
        before = Identity(draw(text), tuple(draw(st.lists(text, max_size=3))), "config-map")
        entry = None if action in ("skip", "block") else draw(specs(text))
        planned.append(
            principal(arn, action, before=before, entry=entry, sources=(f"mapRoles[{index}]",))
        )
    findings = tuple(
        Finding(
            "row-shadowed",
            draw(st.sampled_from(["block", "warn", "info"])),
            draw(text),
            draw(text),
            REFERENCE,
        )
        for _ in range(draw(st.integers(0, 3)))
    )
    return plan(*planned, findings=findings)


LOST = PermissionRow("namespace shop", ("apps",), ("deployments",), ("get", "list"))
