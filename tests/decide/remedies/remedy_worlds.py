"""For every kind of finding a small cluster that has it, and the same cluster once its remedy was
carried out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from migrator.decide.findings.platform import MAX_ENTRIES
from migrator.decide.steps.entry_states import PLAN_TAG, default_username
from migrator.model.access_entry import EntryType
from migrator.model.node_network import (
    NatGateway,
    NodeNetwork,
    NodeRoute,
    NodeRouteTable,
    NodeSubnet,
)
from migrator.model.rbac import PolicyRule, RbacState, Role, Subject
from migrator.model.snapshot import BeforeModeStep, Creator, Nodegroup, Snapshot
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from tests.support.worlds import (
    ACCOUNT,
    LONG_AGO,
    NODE_GROUPS,
    NODE_USERNAME,
    NOW,
    OTHER,
    SESSION_NODE,
    VIEW_RULES,
    WINDOWS,
    bind,
    config_map,
    entry,
    group,
    iam,
    login,
    named,
    node,
    node_row,
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

DEV, NODES, MAKER, ANA, OPS = role("dev"), role("nodes"), role("maker"), user("ana"), role("ops")
FOREIGN = role("partner", OTHER)
EC2, FARGATE = [iam(NODES, "ec2")], [iam(NODES, "eks-fargate-pods")]
SESSION_ROW = row(NODES, SESSION_NODE, NODE_GROUPS)
FARGATE_ROW = row(NODES, SESSION_NODE, (*NODE_GROUPS, "system:node-proxier"))
BROKEN = {"mapRoles": "- rolearn: x\n\tusername: y\n"}
OLD = LONG_AGO - timedelta(days=400)
MASTERS = ("system:masters",)

# What ends a finding:
# answers: decisions.yaml; cluster: a change of the cluster, of aws-auth, of IAM or of what may be
# read; apply: the run itself; retake: taking the answer back; informs: nothing has to be done;
# stays: nothing ends it, and the cluster keeps aws-auth.
How = Literal["answers", "cluster", "apply", "retake", "informs", "stays"]


@dataclass(frozen=True, kw_only=True)
class Remedied:
    """``world`` with ``answers`` (decisions.yaml) has the finding ``code``. ``done`` is the world
    after the steps of the remedy, with the answers of ``then``; ``filled`` are a person's words for
    what is in angle brackets in the stubs; ``options`` are those of the plan.
    """

    code: str
    world: Snapshot
    how: frozenset[How]
    answers: str = ""
    done: Snapshot | None = None
    then: str = ""
    filled: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    then_options: Mapping[str, Any] | None = None
    # The world once what the first answer asks for is bound, where it asks for a binding.
    bound: Snapshot | None = None
    # Kinds of findings that ask for parts of the same answer.
    beside: tuple[str, ...] = ()
    variant: str = ""

    @property
    def name(self) -> str:
        """The code, and what is special about this world."""
        return f"{self.code}-{self.variant}" if self.variant else self.code


def _row(
    code: str,
    snapshot: Snapshot,
    *how: How,
    **fields: Any,  # noqa: ANN401 - any field
) -> Remedied:
    return Remedied(code=code, world=snapshot, how=frozenset(how), **fields)


def _dead(code: str, arn: str) -> Remedied:
    """A row that matches no log-in; deleted afterwards."""
    return _row(code, world([row(arn)], principals=[]), "cluster", done=world())


def _accept(section: str, arn: str) -> str:
    return f"{section}:\n  {arn}:\n    by: Ana\n    reason: reviewed\n"


def _answer(arn: str, **fields: object) -> str:
    lines = "".join(f"    {name}: {value}\n" for name, value in fields.items())
    return f"principals:\n  {arn}:\n    reason: decided\n{lines}"


def _made(*rows: Any, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    """A cluster in CONFIG_MAP mode with a known creator."""
    fields: dict[str, Any] = {
        "mode": "CONFIG_MAP",
        "creator": Creator(MAKER, "CloudTrail"),
        "principals": [iam(MAKER), iam(DEV)],
    }
    return world(rows, **fields | changes)


def _automatic(*rows: Any, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    """A cluster in dual mode whose creator's row is shadowed by the entry of EKS."""
    made = entry(MAKER, default_username(MAKER), access_policies=(on_cluster(),))
    bound = rbac(bind(group("ci")), bind(named("terraform"), name="by-name"))
    return world(rows, entries=[made], rbac=bound, **changes)


_MAKERS_ROW = row(MAKER, "terraform", ("system:masters", "ci"))
_TIMER = bind(
    Subject("ServiceAccount", "migrator-rehearsal", "kube-system"),
    name="migrator-rehearsal",
    namespace="kube-system",
    labels={MANAGED_BY_LABEL: MANAGED_BY, "eks-access-migrator/rehearsal": "1"},
)
_LEFT = bind(
    group("migrator-bridge:00"),
    role_name="cluster-admin",
    name="left",
    labels={MANAGED_BY_LABEL: MANAGED_BY},
)
_HALF_MADE = entry(DEV, "x", ("devs", "migrator-probe:0011"), tags={PLAN_TAG: "sha256:1"})
_JENKINS = row(DEV, "jenkins-{{EC2PrivateDNSName}}", ("builders",))
_OIDC_UNREAD = world(
    [row(DEV, "x", ("eks:x",))],
    rbac=rbac(bind(group("eks:x"))),
    identity_provider_configs=None,
)
_RENAMED = "groups:\n  eks:x:\n    rename_to: team-x\n"


_EVERY_LOGIN = rbac(bind(group("system:authenticated")))
_PUBLIC = rbac(bind(group("system:authenticated"), group("system:unauthenticated")))


def _wider_view() -> RbacState:
    """``view`` with a custom resource, which no access policy has."""
    state = rbac(bind(group("v")))
    widgets = PolicyRule(("get",), ("example.io",), ("widgets",))
    return RbacState(
        (Role("view", None, (*VIEW_RULES, widgets), {}), *state.roles[2:]), state.bindings
    )


_READING = (
    _row("section-lost", world(data=BROKEN), "answers", "cluster", done=world([row(DEV)])),
    _row("section-doubtful", world(data={"mapUsers": "- .1_0\n"}), "cluster", done=world()),
    _row(
        "lost-section-nodes-unknown",
        world(data=BROKEN, nodes=None),
        "cluster",
        answers="accept_lost_sections: [mapRoles]\n",
        done=world(data=BROKEN),
        then="accept_lost_sections: [mapRoles]\n",
    ),
    _row(
        "row-stripped",
        world([row(DEV, "x", "devs")]),
        "cluster",
        done=world([row(DEV, "x", ("devs",))]),
    ),
    _row("row-dropped", world(data={"mapRoles": "- rolearn: ''\n"}), "cluster", done=world()),
    _row("unknown-data-key", world(data={"mapusers": "- x"}), "cluster", done=world()),
    _row(
        "row-unread",
        world(data={"mapRoles": f"[]\n---\n- rolearn: {DEV}\n  username: x\n"}),
        "cluster",
        done=world(),
    ),
    _row(
        "row-shadowed",
        world([row(DEV, "a"), row(DEV, "b")]),
        "cluster",
        done=world([row(DEV, "b")]),
    ),
    _row(
        "ambiguous-user",
        world(users=[row(ANA, "a", ("x",)), row(user("ANA"), "b")], principals=[iam(ANA)]),
        "answers",
        "cluster",
        filled={"<username>": "a", "<group>": "x"},
        done=world(users=[row(ANA, "a", ("x",))]),
    ),
    _dead("dead-role-path", role("teams/dev")),
    _dead("dead-sts-session", f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/me"),
    _dead("dead-iam-group", f"arn:aws:iam::{ACCOUNT}:group/devs"),
    _dead("dead-wildcard", role("dev*")),
    _dead("dead-blank-in-arn", role("dev ")),
    _dead("dead-other-partition", role("dev", partition="aws-cn")),
    _dead("dead-malformed-arn", "admin"),
    _row(
        "dead-sso-matcher",
        world(data={"mapRoles": f"- sso: {{permissionSetName: Admin, accountID: '{ACCOUNT}'}}\n"}),
        "cluster",
        done=world(),
    ),
    _row("dead-node-template", world(users=[row(ANA, NODE_USERNAME)]), "cluster", done=world()),
    _row(
        "dead-row-logged-in",
        world(users=[row(ANA, NODE_USERNAME)], usage=usage(login(ANA))),
        "answers",
    ),
    _row(
        "map-accounts",
        world(accounts=[OTHER]),
        "answers",
        "cluster",
        filled={"<name>": "partner"},
        done=world(accounts=[OTHER]),
        then_options={"target": "API_AND_CONFIG_MAP"},
    ),
    _row("map-accounts-dead", world(accounts=["none"]), "informs", done=world()),
    _row(
        "account-skipped",
        world(accounts=[OTHER]),
        "retake",
        answers=f"accounts:\n  '{OTHER}':\n    action: skip\n    reason: decided\n",
    ),
    _row(
        "account-expanded",
        world(accounts=[OTHER]),
        "retake",
        answers=f"expand_accounts:\n  '{OTHER}': ['{FOREIGN}']\n",
    ),
)

_PRINCIPALS = (
    _row("principal-absent", world([row(DEV)], principals=[]), "cluster", done=world()),
    _row(
        "absent-but-logged-in",
        world([row(DEV, "x")], principals=[], usage=usage(login(DEV, "x"))),
        "answers",
        "cluster",
        done=world([row(DEV, "x")], usage=usage(login(DEV, "x"))),
    ),
    _row(
        "role-unverified",
        world([row(DEV)], principals=[], accounts_read=()),
        "answers",
        "cluster",
        filled={"<path>/": "", "<path>": "teams"},
        done=world([row(DEV)]),
    ),
    _row(
        "user-unverified",
        world(users=[row(ANA)], principals=[], accounts_read=()),
        "cluster",
        done=world(users=[row(ANA)]),
    ),
    _row(
        "foreign-role-unverified",
        world([row(FOREIGN)]),
        "answers",
        "cluster",
        filled={"<path>": "teams"},
        done=world([row(FOREIGN)], principals=[iam(FOREIGN)]),
    ),
    _row(
        "foreign-user-unverified",
        world(users=[row(user("ana", OTHER))]),
        "cluster",
        done=world(users=[row(user("ana", OTHER))], principals=[iam(user("ana", OTHER))]),
    ),
    _row(
        "principal-ambiguous",
        world([row(DEV)], principals=[iam(role("a/dev")), iam(role("b/dev"))]),
        "cluster",
        done=world([row(DEV)], principals=[iam(role("a/dev"))]),
    ),
    *(
        _row(
            code,
            snapshot,
            "answers",
            "cluster",
            done=snapshot,
            then_options={"target": "API_AND_CONFIG_MAP"},
        )
        for code, snapshot in (
            ("service-linked-role", world([row(role("AWSServiceRoleForEMR"), "emr")])),
            ("federated-user", world(users=[row(f"arn:aws:sts::{ACCOUNT}:federated-user/a", "a")])),
        )
    ),
    _row(
        "root-user",
        world(users=[row(f"arn:aws:iam::{ACCOUNT}:root", "r", MASTERS)]),
        "answers",
        "cluster",
        done=world([row(OPS, "r", MASTERS)]),
    ),
    _row(
        "group-template",
        world([row(DEV, "x", ("a", "t:{{SessionName}}"))]),
        "answers",
        "cluster",
        done=world([row(DEV, "x", ("a",))]),
    ),
    _row(
        "stays-in-config-map",
        world([row(DEV, "x", ("t:{{SessionName}}",))]),
        "cluster",
        options={"target": "API_AND_CONFIG_MAP"},
        done=world([row(DEV, "x", ("t",))]),
    ),
    _row(
        "row-inert",
        world([row(DEV)], mode="API"),
        "informs",
        done=world(config_map=None, mode="API"),
    ),
    _row(
        "row-unused",
        world([row(DEV)], usage=usage()),
        "informs",
        done=world([row(DEV)], usage=usage()),
        then=_answer(DEV, action="skip") + _accept("accept_loss", DEV),
    ),
)

_NODES = (
    _row(
        "node-role-without-node-row",
        world([row(NODES, "x", ("g",))], principals=EC2, nodes=(node(NODES),)),
        "answers",
        "cluster",
        done=world([node_row(NODES)], principals=EC2, nodes=(node(NODES),)),
    ),
    _row(
        "node-row-with-masters",
        world([node_row(NODES, "system:masters")], principals=EC2, nodes=(node(NODES),)),
        "answers",
        "cluster",
        done=world(
            [node_row(NODES), row(OPS, "ops", MASTERS)],
            principals=[*EC2, iam(OPS)],
            nodes=(node(NODES),),
        ),
    ),
    _row(
        "node-row-extra-groups",
        world([node_row(NODES, "g")], rbac=rbac(bind(group("g")))),
        "answers",
        "cluster",
        done=world([node_row(NODES)], rbac=rbac(bind(group("g")))),
    ),
    _row(
        "node-groups-dropped",
        world([node_row(NODES)]),
        "informs",
        done=world([row(NODES, NODE_USERNAME, ("system:nodes",))]),
    ),
    _row(
        "windows-group-added",
        world([node_row(NODES)], nodes=(node(NODES, "windows"),)),
        "cluster",
        done=world([node_row(NODES, WINDOWS)], nodes=(node(NODES, "windows"),)),
    ),
    _row(
        "fargate-group-added",
        world(
            [SESSION_ROW], principals=FARGATE, fargate_profiles=(profile(NODES),), mode="CONFIG_MAP"
        ),
        "cluster",
        done=world(
            [FARGATE_ROW], principals=FARGATE, fargate_profiles=(profile(NODES),), mode="CONFIG_MAP"
        ),
    ),
    _row(
        "node-row-without-nodes-group",
        world([row(NODES, NODE_USERNAME, ())]),
        "answers",
        "cluster",
        done=world([node_row(NODES)]),
    ),
    _row(
        "node-name-differs",
        world([row(NODES, "system:node:x-{{EC2PrivateDNSName}}", NODE_GROUPS)]),
        "answers",
        "cluster",
        done=world([node_row(NODES)]),
    ),
    _row(
        "node-trust-ambiguous",
        world([node_row(NODES)], principals=[iam(NODES, "ec2", "ssm")]),
        "answers",
        "cluster",
        filled={"<type>": "EC2_LINUX"},
        done=world([node_row(NODES)], principals=EC2),
    ),
    _row(
        "node-os-mixed",
        world([node_row(NODES)], nodes=(node(NODES), node(NODES, "windows"))),
        "cluster",
        done=world(
            [node_row(NODES), node_row(role("windows"), WINDOWS)],
            nodes=(node(NODES), node(role("windows"), "windows")),
        ),
    ),
    _row(
        "node-os-differs",
        world([node_row(NODES, WINDOWS)], nodes=(node(NODES),)),
        "cluster",
        done=world([node_row(NODES)], nodes=(node(NODES),)),
    ),
    _row(
        "node-type-unknown",
        world([SESSION_ROW], principals=[iam(NODES, trust_read=False)]),
        "answers",
        "cluster",
        filled={"<type>": "HYBRID_LINUX"},
        done=world([SESSION_ROW], principals=[iam(NODES, "ssm")]),
    ),
    _row("instance-id-node-names", world([SESSION_ROW], principals=EC2), "answers"),
    _row(
        "node-template-refuted",
        world([SESSION_ROW], principals=[iam(NODES)]),
        "answers",
        "cluster",
        done=world([row(NODES, "jobs", ("jobs",))], principals=[iam(NODES)]),
    ),
    _row(
        "node-template-unverified",
        world([_JENKINS], principals=[iam(DEV, trust_read=False)]),
        "answers",
        "cluster",
        filled={"<username>": "jenkins"},
        done=world([_JENKINS], principals=[iam(DEV, "lambda")]),
    ),
    _row("fargate-unused", world([FARGATE_ROW], principals=FARGATE), "cluster", done=world()),
    _row(
        "fargate-entry-missing",
        world([FARGATE_ROW], principals=FARGATE, fargate_profiles=(profile(NODES),)),
        "cluster",
        done=world(
            [FARGATE_ROW],
            principals=FARGATE,
            fargate_profiles=(profile(NODES),),
            entries=[entry(NODES, SESSION_NODE, ("system:nodes",), type="FARGATE_LINUX")],
        ),
    ),
    _row(
        "fargate-profiles-unread",
        world([FARGATE_ROW], principals=FARGATE, fargate_profiles=None),
        "cluster",
        done=world([FARGATE_ROW], principals=FARGATE),
    ),
    _row(
        "entry-wrong-type",
        world([node_row(NODES)], nodes=(node(NODES),), entries=[entry(NODES, "x")]),
        "cluster",
        done=world([node_row(NODES)], nodes=(node(NODES),)),
    ),
    _row(
        "automatic-entry-differs",
        world([node_row(NODES, WINDOWS)], nodegroups=(nodegroup(NODES),), mode="CONFIG_MAP"),
        "cluster",
        done=world(
            [node_row(NODES), node_row(role("windows"), WINDOWS)],
            nodegroups=(nodegroup(NODES), nodegroup(role("windows"), "WINDOWS_CORE_2022_x86_64")),
            mode="CONFIG_MAP",
        ),
    ),
    _row(
        "automatic-entry",
        world([node_row(NODES)], nodegroups=(nodegroup(NODES),), mode="CONFIG_MAP"),
        "informs",
    ),
    _row(
        "foreign-node-row",
        world([node_row(FOREIGN)]),
        "answers",
        "cluster",
        done=world([node_row(FOREIGN)]),
        then_options={"target": "API_AND_CONFIG_MAP"},
    ),
    _row("pass-role-needed", world([node_row(NODES)]), "informs"),
)

_STANDARD = (
    _row("masters-becomes-policy", world([row(DEV, "x", MASTERS)]), "informs"),
    _row(
        "masters-referenced",
        world([row(DEV, "x", MASTERS)], group_references=(reference("system:masters"),)),
        "cluster",
        done=world(
            [row(DEV, "x", MASTERS)],
            group_references=(reference("system:masters"), reference("admins")),
        ),
        then="groups:\n  system:masters:\n    also: admins\n",
    ),
    _row(
        "policy-unavailable",
        world([row(DEV, "x", MASTERS)], access_policies=()),
        "answers",
        "cluster",
        done=world(
            [row(DEV, "x", ("ops",))],
            rbac=rbac(bind(group("ops"), role_name="cluster-admin")),
            access_policies=(),
        ),
        filled={"<group bound to cluster-admin>": "ops"},
        bound=world(
            [row(DEV, "x", MASTERS)],
            rbac=rbac(bind(group("ops"), role_name="cluster-admin")),
            access_policies=(),
        ),
    ),
    _row(
        "masters-also-group",
        world([row(DEV, "x", MASTERS)]),
        "informs",
        answers="groups:\n  system:masters:\n    also: admins\n",
    ),
    _row("reserved-group-dropped", world([row(DEV, "x", ("eks:x",))]), "informs"),
    _row(
        "reserved-group-bound",
        world([row(DEV, "x", ("eks:x",))], rbac=rbac(bind(group("eks:x")))),
        "answers",
    ),
    _row(
        "reserved-group-unread",
        world([row(DEV, "x", ("eks:x",))], rbac=None),
        "cluster",
        done=world([row(DEV, "x", ("eks:x",))]),
    ),
    _row(
        "group-name-unread",
        _OIDC_UNREAD,
        "cluster",
        answers=_RENAMED,
        done=replace(_OIDC_UNREAD, identity_provider_configs=()),
        then=_RENAMED,
    ),
    _row(
        "reserved-group-renamed",
        replace(_OIDC_UNREAD, identity_provider_configs=()),
        "informs",
        answers=_RENAMED,
    ),
    _row(
        "renamed-group-referenced",
        world(
            [row(DEV, "x", ("eks:x",))],
            rbac=rbac(bind(group("eks:x"))),
            group_references=(reference("eks:x"),),
        ),
        "cluster",
        answers=_RENAMED,
        done=world(
            [row(DEV, "x", ("eks:x",))],
            rbac=rbac(bind(group("eks:x"))),
            group_references=(reference("eks:x"), reference("team-x")),
        ),
        then=_RENAMED,
    ),
    _row(
        "node-groups-bound",
        world([row(DEV, "x", ("a", "system:nodes"))], rbac=rbac(bind(group("system:nodes")))),
        "answers",
        "cluster",
        done=world([row(DEV, "x", ("a",))], rbac=rbac(bind(group("system:nodes")))),
    ),
    _row("username-default", world([row(DEV, "{{SessionName}}")]), "informs"),
    _row(
        "username-bound",
        world([row(DEV, "{{SessionName}}")], rbac=rbac(bind(named("alice")))),
        "answers",
        "cluster",
        filled={"<username>": "dev:{{SessionName}}"},
        done=world([row(DEV, "dev:{{SessionName}}")], rbac=rbac(bind(named("dev:alice")))),
        bound=world(
            [row(DEV, "{{SessionName}}")],
            rbac=rbac(bind(named("alice"), named("dev:alice"))),
        ),
    ),
    _row(
        "username-unread",
        world([row(DEV, "{{SessionName}}")], rbac=None),
        "cluster",
        done=world([row(DEV, "{{SessionName}}")]),
    ),
    _row(
        "username-ec2-template",
        world([_JENKINS], principals=[iam(DEV, "ec2")]),
        "answers",
        filled={"<username>": "jenkins"},
    ),
    _row(
        "username-reserved",
        world([row(DEV, "system:admin", ("devs",))]),
        "answers",
        "cluster",
        filled={"<username>": "admin"},
        done=world([row(DEV, "system:admin", ("devs",))], usage=usage(login(DEV, "system:admin"))),
    ),
    _row("username-empty", world([row(DEV, "")]), "informs"),
    _row("grants-nothing", world([row(DEV, "x")]), "informs"),
    _row(
        "group-replaced-by-policy",
        world([row(DEV, "x", ("v",))], rbac=rbac(bind(group("v")))),
        "cluster",
        options={"strategy": "policies"},
        done=world([row(DEV, "x", ("v",))], rbac=rbac(bind(group("v")))),
        then_options={},
    ),
    _row(
        "group-kept",
        world(
            [row(DEV, "x", ("v",))],
            rbac=rbac(bind(group("v"))),
            group_references=(reference("v"),),
        ),
        "informs",
        options={"strategy": "policies"},
    ),
    _row(
        "policy-loses-rules",
        world([row(DEV, "x", ("v",))], rbac=_wider_view()),
        "answers",
        "cluster",
        options={"strategy": "policies"},
        done=world([row(DEV, "x", ("v",))], rbac=_wider_view()),
        then_options={},
    ),
)

_ENTRIES = (
    _row(
        "row-shadowed-by-entry",
        world([row(DEV, "x", ("devs",))], entries=[entry(DEV, "y")]),
        "cluster",
        done=world(entries=[entry(DEV, "y")], principals=[iam(DEV)]),
    ),
    _row("automatic-entry-thinner", _automatic(_MAKERS_ROW), "answers"),
    _row(
        "automatic-entry-completed",
        _automatic(
            _MAKERS_ROW,
            before_mode_step=BeforeModeStep(
                "ab" * 8, NOW - timedelta(minutes=1), config_map([_MAKERS_ROW])["data"], frozenset()
            ),
        ),
        "apply",
    ),
    _row("entry-dead", world([row(DEV, "x")], entries=[entry(DEV, created_at=OLD)]), "apply"),
    _row(
        "orphan-dead-entry",
        world(entries=[entry(DEV)], principals=[]),
        "cluster",
        done=world(),
    ),
    _row(
        "node-entry-dead",
        world(
            entries=[entry(NODES, "", type="EC2_LINUX", created_at=OLD)],
            principals=EC2,
            nodes=(node(NODES),),
        ),
        "answers",
    ),
    _row(
        "entry-liveness-unknown",
        world([row(DEV, "x")], entries=[entry(DEV, "x")], principals=[iam(DEV, created=None)]),
        "cluster",
        done=world([row(DEV, "x")], entries=[entry(DEV, "x")]),
    ),
    _row("entry-half-made", world([row(DEV, "x", ("devs",))], entries=[_HALF_MADE]), "apply"),
    _row(
        "half-made-without-row",
        world(entries=[_HALF_MADE], principals=[iam(DEV)]),
        "answers",
        "cluster",
        done=world(principals=[iam(DEV)]),
    ),
)

_DECISIONS = (
    _row(
        "skipped-by-decision",
        world([row(DEV, "x")], rbac=rbac(bind(group("readers")))),
        "retake",
        answers=_answer(DEV, action="skip") + _accept("accept_loss", DEV),
    ),
    _row(
        "loss-accepted",
        world([row(DEV, "x", ("readers",))], rbac=rbac(bind(group("readers")))),
        "retake",
        answers=_answer(DEV, action="skip") + _accept("accept_loss", DEV),
    ),
    _row(
        "loss-not-accepted",
        world([row(DEV, "x", ("readers",))], rbac=rbac(bind(group("readers")))),
        "answers",
        "retake",
        answers=_answer(DEV, action="create", groups="[]"),
    ),
    _row(
        "log-in-population-gained",
        world([_JENKINS], principals=[iam(DEV, "ec2")]),
        "answers",
        answers=_answer(DEV, action="create", username="jenkins"),
    ),
    _row(
        "authenticated-group-gained",
        world([row(DEV, "x", ("system:unauthenticated",))], rbac=_EVERY_LOGIN),
        "answers",
    ),
    _row(
        "authenticated-group-gained",
        world([row(DEV, "x", ("system:unauthenticated",))], rbac=_PUBLIC),
        "answers",
        beside=("reserved-group-bound",),
        variant="bound",
    ),
    _row(
        "gain-accepted",
        world([_JENKINS], principals=[iam(DEV, "ec2")]),
        "retake",
        answers=_answer(DEV, action="create", username="jenkins") + _accept("accept_gain", DEV),
    ),
    _row(
        "new-grant",
        world(users=[row(ANA, NODE_USERNAME)]),
        "retake",
        answers=_answer(ANA, action="create", username="ana"),
    ),
    _row(
        "answered",
        world([row(DEV, "x")]),
        "informs",
        answers=_answer(DEV, action="create", username="dev"),
    ),
    _row(
        "answer-drops-name",
        world([row(DEV, "x", ("devs",))], group_references=(reference("devs"),)),
        "retake",
        "cluster",
        answers=_answer(DEV, action="create", username="x", groups="[team]"),
        done=world([row(DEV, "x", ("devs",))], group_references=(reference("devs"),)),
        then=_answer(DEV, action="create", username="x", groups="[devs, team]"),
    ),
    _row(
        "answer-unjudged",
        world([row(DEV, "{{SessionName}}", ("readers",))], rbac=None),
        "cluster",
        answers=_answer(DEV, action="create", username="sso:{{SessionName}}"),
        done=world([row(DEV, "{{SessionName}}", ("readers",))]),
        then=_answer(DEV, action="create", username="sso:{{SessionName}}"),
    ),
)

_CLUSTER = (
    _row("nothing-to-migrate", world(config_map=None), "informs"),
    _row("input-unknown", world(unknown=("nodegroups",)), "cluster", done=world()),
    _row(
        "entries-unread",
        world([row(DEV)], access_entries=None),
        "cluster",
        done=world([row(DEV)]),
    ),
    _row(
        "creator-unknown",
        _made(creator=None),
        "cluster",
        done=_made(),
    ),
    _row("creator-becomes-entry", _made(), "informs"),
    _row(
        "creator-row-differs",
        _made(row(MAKER, "boss", (*MASTERS, "devs")), rbac=rbac(bind(group("devs")))),
        "answers",
        "cluster",
        done=_made(row(MAKER, default_username(MAKER), MASTERS), rbac=rbac(bind(group("devs")))),
    ),
    _row("creator-entry-wider", _made(row(MAKER, "boss", ("unbound",))), "answers"),
    _row(
        "creator-entry-wider",
        _made(row(MAKER, "boss", ("devs",)), rbac=rbac(bind(group("devs")))),
        "answers",
        variant="bound",
    ),
    _row(
        "creator-name-referenced",
        _made(rbac=rbac(bind(named("kubernetes-admin")))),
        "cluster",
        done=_made(rbac=rbac(bind(named(default_username(MAKER))))),
    ),
    _row(
        "single-admin",
        world([row(DEV, "x", MASTERS)]),
        "cluster",
        done=world([row(DEV, "x", MASTERS)]),
        then=f"break_glass: {role('glass')}\n",
    ),
    _row(
        "login-unexplained",
        world([row(DEV, "x")], usage=usage(login(DEV), login(role("ghost")))),
        "cluster",
        done=world(
            [row(DEV, "x"), row(role("ghost"))], usage=usage(login(DEV), login(role("ghost")))
        ),
    ),
    _row(
        "gap-accepted",
        world([row(DEV, "x", MASTERS)]),
        "cluster",
        options={"accept_gap": True},
        done=world([row(DEV, "x", MASTERS)]),
        then_options={},
    ),
    _row("leftover-bridge", world([row(DEV, "x")], rbac=rbac(_LEFT)), "apply"),
    _row(
        "rehearsal-unfinished",
        world(config_map={"data": {"mapRoles": "", "mapUsers": ""}}, rbac=rbac(_TIMER)),
        "cluster",
        done=world([row(DEV, "x")]),
    ),
    _row(
        "bridge-name-used",
        world([row(DEV, "x")], rbac=rbac(bind(group("migrator-bridge:mine")))),
        "cluster",
        done=world([row(DEV, "x")], rbac=rbac(bind(group("ours")))),
    ),
)

_MANAGED: dict[str, Any] = {"nodegroups": (nodegroup(NODES),), "mode": "CONFIG_MAP"}


def _managed(code: str, *rows: Any, **changes: Any) -> Remedied:  # noqa: ANN401 - any field
    """The same kind under a node group, whose entry EKS makes: no answer leaves it out."""
    done = world([node_row(NODES)], principals=EC2, **_MANAGED)
    fields: dict[str, Any] = {"principals": EC2, **_MANAGED, **changes}
    return _row(code, world(rows, **fields), "cluster", done=done, variant="managed")


def _dead_nodes_entry(kind: EntryType = "EC2_LINUX", **changes: Any) -> Snapshot:  # noqa: ANN401
    """An entry for nodes that is older than its role."""
    fields: dict[str, Any] = {
        "entries": [entry(NODES, "", type=kind, created_at=OLD)],
        "principals": EC2,
        **changes,
    }
    return world(**fields)


_VARIANTS = (
    _row(
        "orphan-dead-entry",
        _dead_nodes_entry(nodes=None),
        "answers",
        "cluster",
        done=world(principals=EC2),
        variant="nodes-unread",
    ),
    _row(
        "orphan-dead-entry",
        _dead_nodes_entry(nodes=(node(None),)),
        "answers",
        "cluster",
        done=world(principals=EC2),
        variant="role-unresolved",
    ),
    _row(
        "orphan-dead-entry",
        _dead_nodes_entry(nodegroups=None),
        "answers",
        "cluster",
        done=world(principals=EC2),
        variant="groups-unread",
    ),
    _row(
        "node-entry-dead",
        _dead_nodes_entry(nodegroups=(nodegroup(NODES),)),
        "answers",
        variant="managed",
    ),
    _row(
        "node-entry-dead",
        _dead_nodes_entry("FARGATE_LINUX", principals=FARGATE, fargate_profiles=(profile(NODES),)),
        "cluster",
        done=world(
            entries=[entry(NODES, SESSION_NODE, ("system:nodes",), type="FARGATE_LINUX")],
            principals=FARGATE,
            fargate_profiles=(profile(NODES),),
        ),
        variant="fargate",
    ),
    _row(
        "node-role-without-node-row",
        world(principals=FARGATE, fargate_profiles=(profile(NODES),), mode="CONFIG_MAP"),
        "cluster",
        done=world(
            [FARGATE_ROW],
            principals=FARGATE,
            fargate_profiles=(profile(NODES),),
            mode="CONFIG_MAP",
        ),
        variant="fargate",
    ),
    _managed("node-role-without-node-row", row(NODES, "x", ("g",))),
    _managed("node-name-differs", row(NODES, "system:node:x-{{EC2PrivateDNSName}}", NODE_GROUPS)),
    _managed("node-row-without-nodes-group", row(NODES, NODE_USERNAME, ())),
    _managed("node-template-refuted", node_row(NODES), principals=[iam(NODES)]),
    _row(
        "node-row-with-masters",
        world([node_row(NODES, "system:masters")], principals=EC2, **_MANAGED),
        "answers",
        variant="managed",
    ),
    _row(
        "node-row-with-masters",
        world([row(DEV, "system:node:ip-10-0-0-1", MASTERS)]),
        "answers",
        variant="one-node",
    ),
    _row(
        "node-role-without-node-row",
        world(principals=EC2, **_MANAGED),
        "answers",
        variant="no-row-managed",
    ),
    _row(
        "node-role-without-node-row",
        world(principals=EC2, nodes=(node(NODES, "windows"),)),
        "answers",
        filled={"<type>": "EC2_WINDOWS"},
        variant="no-row",
    ),
    _row(
        "node-role-without-node-row",
        world(
            [row(NODES, "x", ("g", "system:masters"))],
            principals=EC2,
            nodes=(node(NODES),),
            rbac=rbac(bind(group("g")), bind(named("x"), name="x")),
        ),
        "answers",
        variant="bound",
    ),
    _row(
        "username-unread",
        world([row(DEV, "{{SessionName}}")], group_references=None),
        "answers",
        filled={"<username>": "dev:{{SessionName}}"},
        variant="references",
    ),
    _row(
        "reserved-group-unread",
        world([row(DEV, "x", ("eks:x",))], group_references=None),
        "cluster",
        done=world([row(DEV, "x", ("eks:x",))]),
        variant="references",
    ),
    _row(
        "ambiguous-user",
        world(
            users=[row(ANA, "a", ("x",)), row(user("ANA"), "b", MASTERS)],
            principals=[iam(ANA)],
            rbac=rbac(bind(group("x"))),
        ),
        "answers",
        variant="bound",
    ),
    _row(
        "group-template",
        world([row(DEV, "x", ("a", "t:{{SessionName}}"))], rbac=rbac(bind(group("t:alice")))),
        "answers",
        variant="bound",
    ),
    _row(
        "node-groups-bound",
        world([row(DEV, "x", ("system:nodes",))], rbac=None),
        "cluster",
        done=world([row(DEV, "x", ("system:nodes",))]),
        variant="unread",
    ),
    _row(
        "absent-but-logged-in",
        world([node_row(NODES)], principals=[], nodes=(node(NODES),)),
        "answers",
        variant="nodes",
    ),
    _row(
        "half-made-without-row",
        world(entries=[_HALF_MADE], principals=[iam(DEV)], rbac=rbac(bind(group("devs")))),
        "answers",
        variant="bound",
    ),
    _row(
        "node-trust-ambiguous",
        world([SESSION_ROW], principals=EC2, fargate_profiles=(profile(NODES),)),
        "answers",
        filled={"<type>": "EC2"},
        variant="profile",
    ),
    _row(
        "username-bound",
        world(
            [row(DEV, "")],
            rbac=rbac(bind(named(default_username(DEV).replace("{{SessionName}}", "a")))),
        ),
        "answers",
        filled={"<username>": "dev"},
        bound=world(
            [row(DEV, "")],
            rbac=rbac(bind(named(default_username(DEV).replace("{{SessionName}}", "a")))),
        ),
        variant="empty",
    ),
    _row(
        "group-template",
        world(
            [node_row(NODES, "x:{{SessionName}}")], principals=EC2, rbac=rbac(bind(group("x:a")))
        ),
        "answers",
        variant="nodes",
    ),
    _row(
        "role-unverified",
        world([node_row(NODES)], principals=[], accounts_read=()),
        "answers",
        filled={"<path>": "eks"},
        variant="nodes",
    ),
)

_INSTANCE = "i-0123456789abcdef0"
_MANY = [entry(role(f"r{n}")) for n in range(MAX_ENTRIES)]
_TRAP = {
    "endpointPublicAccess": True,
    "endpointPrivateAccess": False,
    "publicAccessCidrs": ["203.0.113.0/24"],
    "subnetIds": ["subnet-a"],
}
_OUT = NodeNetwork(
    subnets=(NodeSubnet("subnet-a", "vpc-1"), NodeSubnet("subnet-b", "vpc-1")),
    route_tables=(
        NodeRouteTable("vpc-1", True, frozenset(), (NodeRoute("0.0.0.0/0", "nat-1"),)),
        NodeRouteTable("vpc-1", False, frozenset({"subnet-b"}), (NodeRoute("0.0.0.0/0", "nat-2"),)),
    ),
    nat_gateways=(
        NatGateway("nat-1", "available", True, ("198.51.100.4",)),
        NatGateway("nat-2", "available", True, ("198.51.100.5",)),
    ),
    own_addresses=(),
)


def _trap(fails: bool = False, **vpc: Any) -> Snapshot:  # noqa: ANN401 - any field
    """A restricted public endpoint, and two node groups behind NAT gateways."""
    workers = Nodegroup("workers", None, "ACTIVE", "", ("subnet-a",), fails)
    spare = Nodegroup("spare", None, "ACTIVE", "", ("subnet-b",))
    return world(
        [row(DEV)],
        cluster_raw={"name": "prod", "resourcesVpcConfig": {**_TRAP, **vpc}},
        nodegroups=(workers, spare),
        node_network=_OUT,
    )


_OLD_PLATFORM = {"version": "1.24", "platformVersion": "eks.1"}
_PLATFORM = (
    _row(
        "node-names-contradict",
        world([node_row(NODES)], principals=EC2, nodes=(node(NODES, name=_INSTANCE),)),
        "answers",
        "cluster",
        filled={"<type>": "EC2_LINUX"},
        done=world(
            [node_row(NODES, username=SESSION_NODE)],
            principals=EC2,
            nodes=(node(NODES, name=_INSTANCE),),
        ),
        then=f"principals:\n  {NODES}:\n    action: create\n    type: EC2\n    reason: ready\n",
    ),
    _row(
        "outpost-without-entries",
        world([row(DEV)], mode="CONFIG_MAP", cluster_raw={"outpostConfig": {"outpostArns": ["x"]}}),
        "stays",
    ),
    _row(
        "platform-without-entries",
        world([row(DEV)], mode="CONFIG_MAP", cluster_raw=_OLD_PLATFORM),
        "cluster",
        done=world(
            [row(DEV)],
            mode="CONFIG_MAP",
            cluster_raw={"version": "1.30", "platformVersion": "eks.9"},
        ),
    ),
    _row(
        "nodes-join-by-address",
        _trap(),
        "cluster",
        variant="private access",
        done=_trap(endpointPrivateAccess=True),
    ),
    _row(
        "nodes-join-by-address",
        _trap(fails=True),
        "cluster",
        variant="addresses of NAT gateways",
        done=_trap(fails=True, publicAccessCidrs=["203.0.113.0/24", "198.51.100.4/31"]),
    ),
    _row(
        "entries-over-quota",
        world([row(DEV)], entries=_MANY),
        "cluster",
        done=world([row(DEV)], entries=_MANY[1:]),
    ),
)

REMEDIED: tuple[Remedied, ...] = (
    *_READING,
    *_PRINCIPALS,
    *_NODES,
    *_STANDARD,
    *_ENTRIES,
    *_DECISIONS,
    *_CLUSTER,
    *_VARIANTS,
    *_PLATFORM,
)
