"""The small worlds: one to three principals of each kind, and who may do what in them."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.exploring.answers import Facts, default_name
from tests.exploring.commands import ABANDON, APPLY, PLAN_APPLY, ROLL_BACK, Command
from tests.exploring.moves import Scene
from tests.exploring.ports import OPERATOR
from tests.exploring.world import ADMIN_POLICY, MASTERS, Cluster, Entry, Row, role
from tests.support.worlds import bind, group, named, nodegroup

ALICE, BOB, DEVS, NODES, LEAD = (role(name) for name in ("alice", "bob", "devs", "nodes", "lead"))
NODE_NAME = "system:node:{{EC2PrivateDNSName}}"
_ROWS = {
    ALICE: Row("alice", (MASTERS,)),
    BOB: Row("bob", (MASTERS, "platform")),
    DEVS: Row("dev", ("devs",)),
    NODES: Row(NODE_NAME, ("system:bootstrappers", "system:nodes")),
    OPERATOR: Row("operator", (MASTERS,)),
    LEAD: Row("lead", (MASTERS, "platform")),
}
_OPERATOR = {OPERATOR: Entry("STANDARD", "operator", (), (ADMIN_POLICY,))}
_BINDINGS = (
    bind(group(MASTERS), role_name="cluster-admin", name="cluster-admin"),
    bind(group("devs"), role_name="edit", name="devs"),
    bind(named("dev"), role_name="view", name="dev"),
    bind(group("platform"), role_name="view", name="platform"),
)


def _cluster(*arns: str, entries: Mapping[str, Entry] = _OPERATOR, **changes: Any) -> Cluster:  # noqa: ANN401
    """A cluster that asks both entries and rows, with the rows of these principals; the operator
    has an entry.
    """
    fields: dict[str, Any] = {
        "mode": "API_AND_CONFIG_MAP",
        "rows": {arn: _ROWS[arn] for arn in arns},
        "lives": dict.fromkeys((*arns, OPERATOR), 1),
        "entries": dict(entries),
    }
    return Cluster(**{**fields, **changes})


def _facts(**changes: Any) -> Facts:  # noqa: ANN401 - fields of Facts
    return Facts(others=_BINDINGS, **changes)


def standard() -> Scene:
    """A team that RBAC binds by its group."""
    return Scene(
        "standard",
        "one team through an ordinary group",
        _cluster(DEVS),
        _facts(),
        commands=(APPLY, ROLL_BACK, ABANDON),
        rows={DEVS: (None, Row("dev", ()))},
        entries={DEVS: (None,)},
        born_again=(DEVS,),
        named=frozenset({"dev"}),
    )


def one_admin() -> Scene:
    """One administrator, who needs a bridge."""
    return Scene(
        "one-admin",
        "an administrator through system:masters",
        _cluster(ALICE),
        _facts(),
        commands=(APPLY, ROLL_BACK, ABANDON),
        rows={ALICE: (None, Row("alice", ("devs",)))},
        entries={ALICE: (None,)},
        born_again=(ALICE,),
    )


def two_admins() -> Scene:
    """Two administrators, one after the other: what is read of the second is old when its turn
    comes.
    """
    return Scene(
        "two-admins",
        "two administrators through system:masters",
        _cluster(ALICE, BOB),
        _facts(),
        commands=(APPLY, ROLL_BACK, ABANDON),
        rows={BOB: (None, Row("bob", ("platform",)))},
        entries={BOB: (None,)},
        born_again=(BOB,),
    )


def only_one() -> Scene:
    """Two administrators and a team, applied and taken back one at a time."""
    return Scene(
        "only-one",
        "an administrator and a team, applied and taken back one at a time",
        _cluster(ALICE, DEVS),
        _facts(),
        commands=(APPLY, ROLL_BACK, Command("apply", (ALICE,)), Command("rollback", (ALICE,))),
        lost=False,
        old=False,
    )


def dead_standard() -> Scene:
    """A row that answers in place of a dead entry."""
    dead = Entry("STANDARD", "old-dev", ("old",), pinned=1)
    return Scene(
        "dead-standard",
        "a team through an ordinary group, with an entry pinned to a deleted role's id",
        _cluster(DEVS, lives={DEVS: 2, OPERATOR: 1}, entries={DEVS: dead, **_OPERATOR}),
        _facts(),
        commands=(APPLY, ROLL_BACK),
        rows={DEVS: (None,)},
        entries={DEVS: (None,)},
    )


def dead_admin() -> Scene:
    """A row of an administrator that answers in place of a dead entry."""
    dead = Entry("STANDARD", "old-alice", ("old",), pinned=1)
    return Scene(
        "dead-admin",
        "an administrator through system:masters, with an entry pinned to a deleted role's id",
        _cluster(ALICE, lives={ALICE: 2, OPERATOR: 1}, entries={ALICE: dead, **_OPERATOR}),
        _facts(),
        commands=(APPLY, ROLL_BACK),
        rows={ALICE: (None,)},
    )


def operator_itself() -> Scene:
    """The operator's own way in goes last."""
    return Scene(
        "operator-itself",
        "the operator and another administrator, both through system:masters; the mode step comes "
        "first",
        _cluster(ALICE, OPERATOR, mode="CONFIG_MAP", entries={}),
        _facts(),
        commands=(APPLY, ROLL_BACK),
        rows={ALICE: (None,)},
    )


def known_creator() -> Scene:
    """EKS makes the creator's entry itself; its row gave a name and nothing that anything
    references.
    """
    facts = _facts()
    facts.creator = LEAD
    made = Entry("STANDARD", default_name(LEAD), (), (ADMIN_POLICY,), automatic=True)
    return Scene(
        "known-creator",
        "the creator is known, and its row has a name of its own; the operator is another "
        "administrator",
        _cluster(
            LEAD,
            OPERATOR,
            mode="CONFIG_MAP",
            entries={},
            automatic={LEAD: made},
            rows=_creator_rows(),
        ),
        facts,
        commands=(APPLY, ROLL_BACK),
    )


def _creator_rows() -> dict[str, Row]:
    return {LEAD: Row("lead", (MASTERS,)), OPERATOR: _ROWS[OPERATOR]}


def hidden_creator() -> Scene:
    """EKS makes the entry of a creator that nobody knows; its row gave a group that a binding
    names.
    """
    made = Entry("STANDARD", default_name(LEAD), (), (ADMIN_POLICY,), automatic=True)
    return Scene(
        "hidden-creator",
        "the creator is not known, and its row has a name and a group of its own",
        _cluster(LEAD, OPERATOR, mode="CONFIG_MAP", entries={}, automatic={LEAD: made}),
        _facts(),
        commands=(APPLY, PLAN_APPLY, ROLL_BACK),
    )


def managed_nodes() -> Scene:
    """EKS makes the entry of a managed node group's role itself."""
    facts = _facts()
    facts.nodegroups = (nodegroup(NODES),)
    facts.services = {NODES: ("ec2.amazonaws.com",)}
    facts.cannot_become = frozenset({NODES})
    made = Entry("EC2_LINUX", NODE_NAME, ("system:nodes",), automatic=True)
    return Scene(
        "managed-nodes",
        "a managed node group and a team; the mode step comes first",
        _cluster(NODES, DEVS, OPERATOR, mode="CONFIG_MAP", entries={}, automatic={NODES: made}),
        facts,
        commands=(APPLY, ROLL_BACK),
    )


def own_nodes() -> Scene:
    """Nodes that nobody can log in as: their proof comes later."""
    facts = _facts()
    facts.services = {NODES: ("ec2.amazonaws.com",)}
    facts.cannot_become = frozenset({NODES})
    return Scene(
        "own-nodes",
        "a node role of its own, and a team",
        _cluster(NODES, DEVS),
        facts,
        commands=(APPLY, ROLL_BACK),
        rows={NODES: (None,)},
    )


def two_folders() -> Scene:
    """Two operators who do not see each other's state."""
    return Scene(
        "two-folders",
        "an administrator; two operators with a state folder each",
        _cluster(ALICE),
        _facts(),
        folders=(0, 1),
        commands=(APPLY, ROLL_BACK),
        lost=False,
        old=False,
    )


def one_folder() -> Scene:
    """Two operators who share one state folder."""
    return Scene(
        "one-folder",
        "an administrator; two operators with one state folder",
        _cluster(ALICE),
        _facts(),
        folders=(0, 0),
        commands=(APPLY, ROLL_BACK),
        lost=False,
        old=False,
    )


_MAKERS = (
    standard,
    one_admin,
    two_admins,
    only_one,
    dead_standard,
    dead_admin,
    operator_itself,
    known_creator,
    hidden_creator,
    managed_nodes,
    own_nodes,
    two_folders,
    one_folder,
)
SCENES: dict[str, Callable[[], Scene]] = {make.__name__.replace("_", "-"): make for make in _MAKERS}
