"""Steps of one principal in a plan that was read: each rule, broken by one change of a plan."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.planning.rereading.check_sequence import check_sequence
from migrator.decide.planning.rereading.plan_read import read_beside_basis
from migrator.model.access_entry import AccessScope, EntrySpec
from migrator.model.decision import Decisions
from migrator.model.plan import Plan
from migrator.model.snapshot import Creator
from migrator.model.step import (
    BRIDGE_GROUP,
    MARKER_GROUP,
    AssociatePolicy,
    AwaitEntry,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    EnableEntries,
    Prove,
    Step,
)
from tests.support.edited_plans import (
    place_of,
    said,
    with_effect,
    with_entry,
    with_more,
    with_other,
    with_principal,
    with_step,
    without_step,
)
from tests.support.worlds import (
    LONG_AGO,
    VIEW_POLICY,
    answers,
    bind,
    entry,
    group,
    iam,
    in_namespaces,
    node_row,
    on_cluster,
    one,
    planned,
    rbac,
    role,
    row,
    usage,
    world,
)

DEV, ADMIN, NODES, MAKER = role("dev"), role("admin"), role("nodes"), role("maker")
MASTERS = ("system:masters",)
DEAD = entry(DEV, "old", created_at=LONG_AGO.replace(year=2020))
VIEWERS = rbac(bind(group("viewers")))


def of_developer() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))]))


def of_admin() -> Plan:
    return planned(world([row(ADMIN, "y", ("ops", *MASTERS))]))


def of_viewer() -> Plan:
    """A policy takes the place of a group."""
    return planned(world([row(DEV, "x", ("viewers",))], rbac=VIEWERS), strategy="policies")


def of_nodes() -> Plan:
    return planned(world([node_row(NODES)]))


def of_dead_entry() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))], entries=[DEAD]))


def of_kept() -> Plan:
    return planned(world([row(DEV, "x", ("devs",))], entries=[entry(DEV, "x", ("devs",))]))


def of_answered(**changes: Any) -> Plan:  # noqa: ANN401 - any field
    """An answer narrows an entry that exists."""
    held = entry(DEV, "x", ("devs", "more"), access_policies=(on_cluster(),))
    snapshot = world(
        [row(DEV, "x", ("devs",))], entries=[held], rbac=rbac(bind(group("devs"))), **changes
    )
    return planned(snapshot, answers(DEV, groups=("devs",), policies=(), accepted=True))


def of_creator(groups: tuple[str, ...] | None, decisions: Decisions | None = None) -> Plan:
    """The hidden creator, with a row where there are groups."""
    rows = [] if groups is None else [row(MAKER, "boss", groups)]
    creator = Creator(MAKER, "CloudTrail")
    snapshot = world(rows, mode="CONFIG_MAP", creator=creator, principals=[iam(MAKER)])
    return planned(snapshot, decisions)


def of_creator_without_policy() -> Plan:
    return of_creator(("unbound",), answers(MAKER, policies=()))


MADE: dict[str, Callable[[], Plan]] = {
    "a developer": of_developer,
    "an administrator": of_admin,
    "an administrator with an accepted gap": lambda: planned(
        world([row(ADMIN, "y", MASTERS)]), accept_gap=True
    ),
    "a group replaced by a policy": of_viewer,
    "nodes": of_nodes,
    "a dead entry": of_dead_entry,
    "an entry that stays": of_kept,
    "an entry that an answer changes": of_answered,
    "the creator without a row": lambda: of_creator(None),
    "the creator whose policy goes": of_creator_without_policy,
    "the creator with a row that gives more": lambda: of_creator(("unbound", *MASTERS)),
}


@pytest.mark.parametrize("made", MADE)
def test_steps_as_they_were_made_are_consistent(made: str) -> None:
    assert said(MADE[made]()) == []


def entry_of(plan: Plan, arn: str) -> EntrySpec:
    found = one(plan, arn).entry
    assert found is not None
    return found


def second_create(plan: Plan) -> Plan:
    return with_more(plan, CreateEntry(DEV, EntrySpec("STANDARD", "x", ("devs",))))


def other_scope(plan: Plan, kind: str) -> Plan:
    place = place_of(plan, kind)
    return with_effect(plan, place, policy=in_namespaces(VIEW_POLICY, "shop"))


def associated(plan: Plan, arn: str, **fields: object) -> Plan:
    return with_more(plan, AssociatePolicy(arn, **fields))  # type: ignore[arg-type]


# The rule, a plan that breaks it, and a part of what is said.
BROKEN: dict[str, tuple[Callable[[], Plan], str]] = {
    "a principal that is kept has no steps": (
        lambda: with_more(of_kept_beside_other(), DeleteEntry(DEV, entry(DEV))),
        "is keep, which has no steps.",
    ),
    "a principal that gets an entry has one": (
        lambda: with_principal(of_developer(), DEV, entry=None),
        "It must have an entry.",
    ),
    "a step waits for the one before": (
        lambda: with_step(of_developer(), 1, requires=()),
        "It does not wait for step s01 of the same principal.",
    ),
    "steps end in the entry": (
        lambda: with_principal(
            of_developer(), DEV, entry=EntrySpec("STANDARD", "x", ("devs", "more"))
        ),
        "They do not end in its entry.",
    ),
    "steps that end without an entry do not end in it": (
        lambda: without_step(without_step(without_step(of_dead_entry(), 3), 2), 1),
        "They do not end in its entry.",
    ),
    "an entry with a policy is proven last": (
        lambda: without_step(of_admin(), place_of(of_admin(), "prove", nth=1)),
        "They do not end with a proof.",
    ),
    "an awaited entry is proven last": (
        lambda: without_step(of_creator_without_policy(), -1),
        "They do not end with a proof.",
    ),
    "all proofs are of one class": (
        lambda: with_effect(of_admin(), place_of(of_admin(), "prove"), proof_class="live"),
        "They ask for different classes of proof.",
    ),
    "no proof is weaker than the principal requires": (
        lambda: with_principal(of_developer(), DEV, required_proof="live"),
        "They ask for `observed` proof, and the principal requires live.",
    ),
    "an entry is awaited only where EKS makes it": (
        lambda: with_other(of_developer(), 0, AwaitEntry(DEV, entry_of(of_developer(), DEV))),
        "EKS does not make this entry.",
    ),
    "an entry is awaited first": (
        lambda: with_more(
            of_creator_without_policy(),
            AwaitEntry(MAKER, entry_of(of_creator_without_policy(), MAKER)),
        ),
        "EKS does not make this entry.",
    ),
    "the awaited entry is the principal's": (
        lambda: with_effect(
            of_creator_without_policy(), 1, expected=EntrySpec("STANDARD", "other")
        ),
        "It waits for another entry than the principal's.",
    ),
    "an entry is made once": (
        lambda: second_create(of_developer()),
        "There is an entry already, or none is to be made.",
    ),
    "an entry that exists is not made": (
        lambda: second_create(of_answered()),
        "There is an entry already, or none is to be made.",
    ),
    "an entry is made without policies": (
        lambda: with_entry(of_developer(), 0, access_policies=(on_cluster(),)),
        "Access policies are associated by steps of their own.",
    ),
    "an administrator's new entry carries the bridge": (
        lambda: with_entry(of_admin(), 1, kubernetes_groups=("ops", MARKER_GROUP)),
        "The principal needs the bridge group.",
    ),
    "no other new entry carries the bridge": (
        lambda: with_entry(of_developer(), 0, kubernetes_groups=("devs", BRIDGE_GROUP)),
        "The principal needs no bridge group.",
    ),
    "a new entry carries the marker": (
        lambda: with_entry(of_developer(), 0, kubernetes_groups=("devs",)),
        "A new entry carries the marker group until it is proven.",
    ),
    "an update knows the entry that it changes": (
        lambda: with_effect(of_developer(), 2, before=EntrySpec("STANDARD", "other")),
        "The entry is another one before this step.",
    ),
    "an update comes after its entry": (
        lambda: without_step(of_developer(), 0),
        "The entry is another one before this step.",
    ),
    "an update leaves the policies": (
        lambda: with_entry(of_developer(), 2, access_policies=(on_cluster(),)),
        "An update of names does not change access policies.",
    ),
    "an update gives or takes the marker": (
        lambda: with_entry(of_developer(), 2, kubernetes_groups=("devs", MARKER_GROUP)),
        "An entry is changed under the marker group, which is then taken away.",
    ),
    "the marker stays until the proof": (
        lambda: without_step(of_developer(), 1),
        "The marker group goes before the entry was proven.",
    ),
    "no update gives the bridge": (
        lambda: with_entry(of_developer(), 2, kubernetes_groups=("devs", BRIDGE_GROUP)),
        "The bridge group is given when the entry is made, and not later.",
    ),
    "an entry that is not dead is not deleted": (
        lambda: with_other(of_answered(), 0, DeleteEntry(DEV, entry(DEV))),
        "No dead entry is to be deleted.",
    ),
    "the dead entry is deleted first": (
        lambda: with_more(of_dead_entry(), DeleteEntry(DEV, DEAD)),
        "No dead entry is to be deleted.",
    ),
    "a policy is associated with an entry": (
        lambda: without_step(of_admin(), place_of(of_admin(), "create-entry")),
        "The access policy is associated in another way before this step.",
    ),
    "a policy that is new has no scope before": (
        lambda: with_effect(
            of_admin(), place_of(of_admin(), "associate-policy"), before=on_cluster()
        ),
        "The access policy is associated in another way before this step.",
    ),
    "a policy that is there is known with its scope": (
        lambda: associated(
            of_admin(), ADMIN, policy=on_cluster(), before=in_namespaces(on_cluster().policy_arn)
        ),
        "The access policy has another scope before this step.",
    ),
    "only policies of the entry are associated": (
        lambda: other_scope(of_admin(), "associate-policy"),
        "The principal's entry has no access policy AmazonEKSViewPolicy with this scope.",
    ),
    "a policy of the entry stays": (
        lambda: with_more(of_admin(), DisassociatePolicy(ADMIN, on_cluster())),
        "The principal's entry keeps the access policy AmazonEKSClusterAdminPolicy.",
    ),
    "a policy that goes is there": (
        lambda: other_scope(of_creator_without_policy(), "disassociate-policy"),
        "The entry has no such access policy before this step.",
    ),
    "a policy that goes has its scope": (
        lambda: with_effect(
            of_creator_without_policy(),
            place_of(of_creator_without_policy(), "disassociate-policy"),
            policy=replace(on_cluster(), scope=AccessScope("namespace", ("shop",))),
        ),
        "The entry has no such access policy before this step.",
    ),
    "a policy goes from an entry": (
        lambda: with_other(of_dead_entry(), 1, DisassociatePolicy(DEV, on_cluster())),
        "The entry has no such access policy before this step.",
    ),
    "a proof needs an entry": (
        lambda: without_step(of_developer(), 0),
        "There is no entry to prove.",
    ),
    "a proof is about the entry's username": (
        lambda: with_effect(of_developer(), 1, username="other"),
        "It proves another username or other groups than the entry gives then.",
    ),
    "a proof is about the entry's groups": (
        lambda: with_effect(of_developer(), 1, groups=("devs",)),
        "It proves another username or other groups than the entry gives then.",
    ),
    "a proof of nodes is tied by their groups": (
        lambda: with_effect(of_nodes(), 1, attribution="marker"),
        "A proof at this place is tied to the entry by node.",
    ),
    "a proof under the marker is tied by it": (
        lambda: with_effect(of_developer(), 1, attribution="policy"),
        "A proof at this place is tied to the entry by marker.",
    ),
    "a proof without the marker is tied by the policy": (
        lambda: with_effect(of_admin(), place_of(of_admin(), "prove", nth=1), attribution="node"),
        "A proof at this place is tied to the entry by policy.",
    ),
    "a proof without marker and policy is tied by a rehearsal": (
        lambda: with_effect(of_creator_without_policy(), -1, attribution="policy"),
        "A proof at this place is tied to the entry by rehearsal.",
    ),
    "an entry is of the principal's type": (
        lambda: with_entry(of_nodes(), 0, type="HYBRID_LINUX"),
        "It is of type HYBRID_LINUX, and the principal's entry is of type EC2_LINUX.",
    ),
    "an entry has the principal's username": (
        lambda: with_entry(of_developer(), 0, username=None),
        "Its username is not the one of the principal's entry: ``.",
    ),
    "an entry gives no other group": (
        lambda: with_entry(of_developer(), 0, kubernetes_groups=("devs", "viewers", MARKER_GROUP)),
        "It gives the groups `viewers`, which the principal's entry does not have.",
    ),
    "nodes get no bridge": (
        lambda: with_entry(of_nodes(), 0, kubernetes_groups=(BRIDGE_GROUP,)),
        "It gives the groups `migrator-bridge:{run}`, which the principal's entry does not have.",
    ),
    "an entry that exists gets no bridge": (
        lambda: with_entry(
            of_answered(),
            place_of(of_answered(), "update-entry"),
            kubernetes_groups=("devs", BRIDGE_GROUP, MARKER_GROUP),
        ),
        "It gives the groups `migrator-bridge:{run}`, which the principal's entry does not have.",
    ),
    "an entry gives every group of the principal's": (
        lambda: with_entry(of_developer(), 0, kubernetes_groups=(MARKER_GROUP,)),
        "It lacks the groups `devs` of the principal's entry.",
    ),
}


def of_kept_beside_other() -> Plan:
    return planned(
        world(
            [row(DEV, "x", ("devs",)), row(ADMIN, "y", MASTERS)],
            entries=[entry(DEV, "x", ("devs",))],
        )
    )


@pytest.mark.parametrize("rule", BROKEN)
def test_step_that_breaks_the_rule_is_refused(rule: str) -> None:
    broken, why = BROKEN[rule]
    assert [text for text in said(broken()) if text.endswith(why)], said(broken())


# The entry that a step deletes, in a way that the basis does not show it.
OTHER_ENTRIES = {
    "principal": replace(DEAD, principal_arn=role("other")),
    "username": replace(DEAD, username="other"),
    "groups": replace(DEAD, kubernetes_groups=("more",)),
    "policies": replace(DEAD, access_policies=(on_cluster(),)),
    "time": replace(DEAD, created_at=LONG_AGO),
}


@pytest.mark.parametrize("field", OTHER_ENTRIES)
def test_dead_entry_that_is_not_the_one_in_the_basis_is_not_deleted(field: str) -> None:
    plan = of_dead_entry()
    step = plan.steps[0]
    steps = [replace(step, effect=DeleteEntry(DEV, OTHER_ENTRIES[field])), *plan.steps[1:]]
    read = read_beside_basis(plan)
    found = [each.why for each in check_sequence(one(plan, DEV), steps, read)]
    assert found == ["The entry to be deleted is not the one in the basis."]


def test_step_about_the_cluster_among_those_of_a_principal_is_refused() -> None:
    plan = of_developer()
    steps = [Step("s00", EnableEntries()), *plan.steps]
    found = check_sequence(one(plan, DEV), steps, read_beside_basis(plan))
    assert "It is a step about the cluster, not about a principal." in [each.why for each in found]


def test_entry_that_may_be_dead_requires_more_proof_than_its_steps_ask_for() -> None:
    plan = of_answered(principals=[iam(DEV, created=None)], usage=usage())
    assert "entry-liveness-unknown" in one(plan, DEV).findings
    asked = {step.effect.proof_class for step in plan.steps if isinstance(step.effect, Prove)}
    assert (asked, one(plan, DEV).required_proof) == ({"simulated"}, "observed")
    assert said(plan) == []
    alive = of_answered(usage=usage())
    assert said(with_principal(alive, DEV, required_proof="observed")) != []


def test_group_that_no_entry_can_carry_is_no_interim_group() -> None:
    plan = of_admin()
    place = place_of(plan, "create-entry")
    groups = ("ops", *MASTERS, BRIDGE_GROUP, MARKER_GROUP)
    found = said(with_entry(plan, place, kubernetes_groups=groups))
    assert [text for text in found if "It gives the groups `system:masters`" in text]
