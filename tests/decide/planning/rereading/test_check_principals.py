"""Principals of a plan that was read, compared with its basis: each rule, broken by one change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from migrator.decide.findings.findings_catalogue import make_finding
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import EntrySpec, Identity
from migrator.model.decision import Decisions
from migrator.model.plan import AccessChange, Plan
from migrator.model.rbac import PermissionRow
from migrator.model.snapshot import BeforeModeStep, Creator
from tests.support.edited_plans import (
    said,
    with_findings,
    with_principal,
    without_finding,
    without_principal,
)
from tests.support.worlds import (
    ACCOUNT,
    LONG_AGO,
    NOW,
    OTHER,
    answers,
    bind,
    config_map,
    entry,
    group,
    iam,
    named,
    node,
    node_row,
    nodegroup,
    on_cluster,
    one,
    planned,
    rbac,
    role,
    row,
    user,
    world,
)

DEV, NODES, MAKER, ANA = role("dev"), role("nodes"), role("maker"), user("ana")
OTHER_ANA = user("ana", OTHER)
PODS = PermissionRow("cluster", ("",), ("pods",), ("get",))
DEAD = entry(DEV, "old", created_at=LONG_AGO.replace(year=2020))
DEVS = EntrySpec("STANDARD", "x", ("devs",))


def of_developer() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))]))


def of_kept() -> Plan:
    there = entry(DEV, "x", ("devs",), access_policies=(on_cluster(),))
    return planned(world([row(DEV, "x", ("devs",))], entries=[there]))


def of_kept_nodes() -> Plan:
    return planned(world([node_row(NODES)], entries=[entry(NODES, "", type="EC2_LINUX")]))


def of_node_group() -> Plan:
    snapshot = world([node_row(NODES)], mode="CONFIG_MAP", nodegroups=(nodegroup(NODES),))
    return planned(snapshot)


def of_creator() -> Plan:
    creator = Creator(MAKER, "CloudTrail")
    return planned(world(mode="CONFIG_MAP", creator=creator, principals=[iam(MAKER)]))


def of_account(*, read: bool = False) -> Plan:
    """A user of another account out of mapAccounts."""
    arn = ANA if read else OTHER_ANA
    account = ACCOUNT if read else OTHER
    snapshot = world(
        accounts=[account], principals=[iam(ANA)], rbac=rbac(bind(named(arn), name="b"))
    )
    return planned(snapshot, Decisions(expand_accounts={account: (arn,)}))


def of_absent() -> Plan:
    """A row of a role that was deleted."""
    return planned(world([row(DEV, "x", ("devs",))], principals=[]))


def of_nodes_without_row() -> Plan:
    return planned(world(nodes=(node(NODES),), principals=[iam(NODES, "ec2")]))


def of_moved_nodes() -> Plan:
    """The basis knows the role by an entry under its old path, and only live nodes show it."""
    moved = role("new/nodes")
    return planned(
        world(
            entries=[entry(role("old/nodes"), "", type="EC2_LINUX")],
            nodes=(node(moved),),
            principals=[iam(moved, "ec2")],
        )
    )


def of_creator_with_dead_row() -> Plan:
    """A row with a path matches no log-in: the creator logs in under its hidden name."""
    full = role("team/maker")
    creator = Creator(full, "CloudTrail")
    rows = [row(full, "boss", ("devs",))]
    return planned(world(rows, mode="CONFIG_MAP", creator=creator, principals=[iam(full)]))


def of_nodes_whose_role_trusts_nothing() -> Plan:
    """The trust policy refutes the row, and live nodes log in by it."""
    snapshot = world([node_row(NODES)], nodes=(node(NODES),), principals=[iam(NODES)])
    return planned(snapshot)


def of_two_spellings() -> Plan:
    users = [row(ANA, "a", ("x",)), row(user("ANA"), "b", ("y",))]
    return planned(world([], users, principals=[iam(ANA)], rbac=rbac(bind(group("x")))))


def of_completed() -> Plan:
    """EKS's own entry of our mode step, which shadows the row that was in force before."""
    rows = [row(MAKER, "boss", ("system:masters", "ci"))]
    made = entry(MAKER, default_username(MAKER), access_policies=(on_cluster(),))
    before = BeforeModeStep(
        "ab" * 8, NOW - timedelta(minutes=1), config_map(rows)["data"], frozenset()
    )
    bound = rbac(bind(group("ci")), bind(named("boss"), name="b"))
    return planned(world(rows, entries=[made], before_mode_step=before, rbac=bound))


def of_skipped() -> Plan:
    return planned(
        world([row(DEV, "x", ("devs",))], rbac=rbac(bind(group("devs")))),
        answers(DEV, "skip", accepted=True),
    )


MADE: dict[str, Callable[[], Plan]] = {
    "a developer": of_developer,
    "an entry that stays": of_kept,
    "an entry of nodes that stays": of_kept_nodes,
    "a managed node group": of_node_group,
    "the hidden creator": of_creator,
    "the creator with a row that never matches": of_creator_with_dead_row,
    "nodes under a role that has moved": of_moved_nodes,
    "a user of another account": of_account,
    "a user of the own account": lambda: of_account(read=True),
    "a role that was deleted": of_absent,
    "live nodes without a row": of_nodes_without_row,
    "live nodes whose role trusts nothing": of_nodes_whose_role_trusts_nothing,
    "a user in two spellings": of_two_spellings,
    "a role that is left out": of_skipped,
    "an entry of EKS that is completed": of_completed,
    "a dead entry": lambda: planned(world([row(DEV, "x", ("devs",))], entries=[DEAD])),
}


@pytest.mark.parametrize("made", MADE)
def test_principals_as_they_were_made_are_consistent(made: str) -> None:
    assert said(MADE[made]()) == []


def twice(plan: Plan) -> Plan:
    return replace(plan, principals=(*plan.principals, *plan.principals))


def acting(plan: Plan, action: str, arn: str = DEV, **changes: object) -> Plan:
    return with_principal(plan, arn, action=action, **changes)


def found(plan: Plan, *codes: str, arn: str = DEV) -> Plan:
    """The findings, as if the planner had made them."""
    return with_findings(plan, *(make_finding(code, "", principal_arn=arn) for code in codes))


# The rule, a plan that breaks it, and what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "no principal is there twice": (lambda: twice(of_developer()), "The plan has it twice."),
    "no principal of the basis is missing": (
        lambda: without_principal(of_developer(), DEV),
        "The basis names it, and the plan has no principal for it.",
    ),
    "a principal has its rows": (
        lambda: with_principal(of_developer(), DEV, sources=()),
        "Its rows are mapRoles[0] in the basis.",
    ),
    "a principal without rows has none": (
        lambda: with_principal(of_creator(), MAKER, sources=("mapRoles[0]",)),
        "The basis gives its rows to another principal.",
    ),
    "a principal has its unique id": (
        lambda: with_principal(of_developer(), DEV, principal_id="AROAOTHER"),
        "Its principalId is not the one in the basis.",
    ),
    "a principal without a row has its unique id": (
        lambda: with_principal(of_moved_nodes(), role("new/nodes"), principal_id="AROAOTHER"),
        "Its principalId is not the one in the basis.",
    ),
    "the username before is the row's": (
        lambda: with_principal(
            of_developer(), DEV, before=Identity("other", ("devs",), "config-map")
        ),
        "Its identity before is not what the basis gives.",
    ),
    "the groups before are the row's": (
        lambda: with_principal(of_developer(), DEV, before=Identity("x", (), "config-map")),
        "Its identity before is not what the basis gives.",
    ),
    "the policies before are the entry's": (
        lambda: with_principal(of_kept(), DEV, before=Identity("x", ("devs",), "access-entry")),
        "Its identity before is not what the basis gives.",
    ),
    "a live entry decides before the row": (
        lambda: with_principal(of_kept(), DEV, before=Identity("x", ("devs",), "config-map")),
        "Its identity before is not what the basis gives.",
    ),
    "a principal without a row has the identity of mapAccounts": (
        lambda: with_principal(
            of_account(), OTHER_ANA, before=Identity("ana", ("devs",), "config-map")
        ),
        "Its identity before comes from no row and no entry of the basis.",
    ),
    "the creator without a row has its hidden identity": (
        lambda: with_principal(of_creator(), MAKER, before=Identity("x", (), "config-map")),
        "Its identity before comes from no row and no entry of the basis.",
    ),
    "no entry is made for nodes without a row": (
        lambda: acting(of_nodes_without_row(), "create", NODES, entry=EntrySpec("EC2_LINUX")),
        "Neither a row nor mapAccounts of the basis names it.",
    ),
    "no entry is made for a principal that is no ARN": (
        lambda: replace(
            of_developer(),
            principals=(
                *of_developer().principals,
                replace(one(of_developer(), DEV), principal_arn="dev", sources=()),
            ),
        ),
        "Neither a row nor mapAccounts of the basis names it.",
    ),
    "a principal that is made has an entry": (
        lambda: with_principal(of_developer(), DEV, entry=None),
        "It must have an entry.",
    ),
    "a principal that is left out has no entry": (
        lambda: with_principal(of_skipped(), DEV, entry=DEVS),
        "It can have no entry.",
    ),
    "only a blocked principal has a proposal": (
        lambda: with_principal(of_developer(), DEV, proposed=DEVS),
        "Only a blocked principal has a proposed entry.",
    ),
    "an entry that is there is not made": (
        lambda: acting(of_kept(), "create"),
        "The basis has an access entry for it.",
    ),
    "an entry that EKS makes is not made": (
        lambda: acting(of_node_group(), "create", NODES),
        "EKS makes this entry itself at the mode switch.",
    ),
    "only a dead entry is made again": (
        lambda: acting(of_kept(), "recreate"),
        "The basis has no dead access entry for it.",
    ),
    "no entry is made again where there is none": (
        lambda: acting(of_developer(), "recreate"),
        "The basis has no dead access entry for it.",
    ),
    "rows of another principal are no reason": (
        lambda: with_principal(of_developer(), DEV, principal_arn=role("other")),
        "The basis gives its rows to another principal.",
    ),
    "an update has a reason": (
        lambda: acting(of_kept(), "update"),
        "No access entry and no finding asks for an update.",
    ),
    "an update has an entry": (
        lambda: acting(found(of_developer(), "answered"), "update"),
        "No access entry and no finding asks for an update.",
    ),
    "an entry that stays is the one in the basis": (
        lambda: with_principal(of_kept(), DEV, entry=DEVS),
        "Its entry is not the one in the basis.",
    ),
    "an entry that stays is there": (
        lambda: acting(of_developer(), "keep"),
        "Its entry is not the one in the basis.",
    ),
    "an entry of nodes that stays has no groups": (
        lambda: with_principal(
            of_kept_nodes(), NODES, entry=EntrySpec("EC2_LINUX", None, ("more",))
        ),
        "Its entry is not the one in the basis.",
    ),
    "only an entry that EKS makes is awaited": (
        lambda: acting(of_developer(), "await"),
        "Nothing says that EKS makes an entry for it.",
    ),
    "the creator is awaited in CONFIG_MAP mode only": (
        lambda: acting(found(of_developer(), "creator-becomes-entry"), "await"),
        "Nothing says that EKS makes an entry for it.",
    ),
    "leaving out a principal that can log in has a reason": (
        lambda: without_finding(of_skipped(), "loss-accepted"),
        "It can log in today, and no finding says why it is left out.",
    ),
    "a node group is not left out": (
        lambda: acting(found(of_node_group(), "loss-accepted", arn=NODES), "skip", NODES),
        "EKS makes an entry for it at the mode switch, so that it cannot be left out.",
    ),
    "a proof is one that a policy asks for": (
        lambda: with_principal(of_developer(), DEV, required_proof="attested"),
        "No policy asks for the proof `attested`.",
    ),
    "a gain has a finding": (
        lambda: with_principal(of_developer(), DEV, access=AccessChange(gained=(PODS,))),
        "It has a gain of access that no finding accounts for.",
    ),
    "a loss has a finding": (
        lambda: with_principal(of_developer(), DEV, access=AccessChange(lost=(PODS,))),
        "It has a loss of access that no finding accounts for.",
    ),
    "a principal that is kept gains nothing": (
        lambda: with_principal(of_kept(), DEV, access=AccessChange(gained=(PODS,))),
        "A principal that is kept gains and loses nothing.",
    ),
    "two identities have two spellings": (
        lambda: found(of_developer(), "ambiguous-user"),
        "Its rows do not differ by spelling.",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_principal_that_breaks_the_rule_is_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    assert [text for text in said(broken()) if text.endswith(why)], said(broken())


def test_difference_of_a_blocked_principal_needs_no_finding() -> None:
    plan = planned(world([row(DEV, "x", ("t:{{SessionName}}",))]))
    assert one(plan, DEV).action == "block"
    assert said(with_principal(plan, DEV, access=AccessChange(lost=(PODS,)))) == []


def test_entry_of_eks_that_is_completed_has_the_shape_that_eks_gives() -> None:
    assert "automatic-entry-completed" in one(of_completed(), MAKER).findings
    other = found(of_kept(), "automatic-entry-completed")
    by_row = with_principal(other, DEV, before=Identity("x", ("devs",), "config-map"))
    assert [text for text in said(by_row) if "identity before" in text]
