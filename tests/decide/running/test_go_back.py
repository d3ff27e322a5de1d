"""Single answers of a roll-back about one sequence, for what happens rarely."""

from dataclasses import replace
from datetime import timedelta

import pytest

from migrator.decide.running.actions import (
    Action,
    Do,
    Finished,
    LeaveInPlace,
    ReadFirst,
    Refuse,
    RunRequest,
    Undo,
    Wait,
)
from migrator.decide.running.progress import StepState
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    MARKER_GROUP,
    CreateBridge,
    CreateEntry,
    Prove,
    RemoveBridge,
    UpdateEntry,
)
from tests.support.memory_ports import OPERATOR, Cluster
from tests.support.memory_runs import (
    ADMIN_POLICY,
    ALICE,
    BOB,
    CREATOR,
    DEVS,
    DIGEST,
    PlanBuilder,
    company,
    delete,
)
from tests.support.run_answers import BACK, EARLIER, LATER, NOW, RUN, TAGS, answer, done

# An entry that EKS made for a principal with a row: the plan puts the row's names on it.
BY_EKS = EntrySpec("STANDARD", default_username(CREATOR), (), (ADMIN_POLICY,))
MARKED = EntrySpec("STANDARD", "boss", ("ops", MARKER_GROUP), (ADMIN_POLICY,))
FINAL = EntrySpec("STANDARD", "boss", ("ops",), (ADMIN_POLICY,))


def of_completed() -> Plan:
    build = PlanBuilder()
    before = Identity("boss", ("ops", "system:masters"), "config-map")
    build.principals.append(PlannedPrincipal(CREATOR, "update", before, entry=FINAL))
    first = UpdateEntry(CREATOR, MARKED, BY_EKS)
    last = UpdateEntry(CREATOR, FINAL, MARKED)
    marked = build.add(first, undo=UpdateEntry(CREATOR, BY_EKS, MARKED))
    shown = build.add(Prove(CREATOR, "boss", MARKED.kubernetes_groups, "live", "marker"), marked)
    build.add(last, shown, undo=UpdateEntry(CREATOR, MARKED, FINAL))
    return build.plan(Cluster())


def there(spec: EntrySpec) -> AccessEntry:
    groups = tuple(group.replace("{run}", RUN) for group in spec.kubernetes_groups)
    return AccessEntry(CREATOR, spec.type, spec.username or "", groups, spec.access_policies)


def completed_back(**seen: object) -> Action:
    states = done("s01", "s02", "s03", at=EARLIER)
    return answer(of_completed(), CREATOR, states, BACK, now=LATER, **seen)


def test_entry_of_eks_is_read_before_it_goes_back() -> None:
    assert completed_back() == ReadFirst("entry", CREATOR)


def test_entry_of_eks_that_a_run_completed_stays() -> None:
    found = completed_back(entries={CREATOR: there(FINAL)})
    assert isinstance(found, LeaveInPlace)
    assert "It stays as it is" in found.why


def test_entry_of_eks_that_a_run_began_to_complete_shadows_the_row() -> None:
    found = completed_back(entries={CREATOR: there(MARKED)})
    assert isinstance(found, LeaveInPlace)
    assert f"Complete it: `migrate apply PLAN --only {CREATOR}`" in found.why


@pytest.mark.parametrize("entry", [None, there(BY_EKS)], ids=["deleted", "as EKS made it"])
def test_entry_of_eks_with_nothing_of_the_run_is_undone_already(entry: AccessEntry | None) -> None:
    found = completed_back(entries={CREATOR: entry})
    assert isinstance(found, Undo)
    assert (found.step.id, found.gone) == ("s01", True)


def test_entry_of_eks_that_another_writer_changed_is_refused() -> None:
    found = completed_back(entries={CREATOR: there(replace(FINAL, username="other"))})
    assert isinstance(found, Refuse)
    assert found.error.code == "entry-changed"


def test_entry_that_another_run_left_half_made_stays_as_this_plan_has_it() -> None:
    build = PlanBuilder()
    half_made = EntrySpec("STANDARD", "dev", ("devs", "migrator-bridge:old"))
    final = EntrySpec("STANDARD", "dev", ("devs",))
    before = Identity("dev", ("devs", "migrator-bridge:old"), "access-entry")
    build.principals.append(PlannedPrincipal(DEVS, "update", before, entry=final))
    build.add(UpdateEntry(DEVS, final, half_made), undo=UpdateEntry(DEVS, half_made, final))
    found = answer(build.plan(Cluster()), DEVS, done("s01"), BACK, now=LATER)
    assert isinstance(found, LeaveInPlace)
    assert "another run had left the entry" in found.why


def test_entry_that_is_older_than_the_plan_gets_its_names_back() -> None:
    build = PlanBuilder()
    old, new = EntrySpec("STANDARD", "dev", ("old",)), EntrySpec("STANDARD", "dev", ("new",))
    before = Identity("dev", ("old",), "access-entry")
    build.principals.append(PlannedPrincipal(DEVS, "update", before, entry=new))
    build.add(UpdateEntry(DEVS, new, old), undo=UpdateEntry(DEVS, old, new))
    entry = AccessEntry(DEVS, "STANDARD", "dev", ("new",))
    found = answer(
        build.plan(Cluster()), DEVS, done("s01", at=EARLIER), BACK, entries={DEVS: entry}, now=LATER
    )
    assert found == Undo(build.steps[0], first=(ReadFirst("entry", DEVS),))


# The bridge of administrators who go back.

NAME = f"/{BRIDGE_BINDING.replace('{run}', RUN)}"


def bridge_back(**seen: object) -> Action:
    """Roll-back of the bridge while the entries of two administrators are still there."""
    plan = company()[1]
    ids = [step.id for step in plan.steps]
    states = done(*ids, at=EARLIER) | {ids[-1]: StepState("done", EARLIER.isoformat())}
    held = seen.pop("held", {})
    return answer(plan, "step s02", {**states, **held}, BACK, now=LATER, **seen)  # type: ignore[dict-item]


def test_bridge_is_looked_at_where_an_entry_goes_back_over_it() -> None:
    assert bridge_back() == ReadFirst("binding", NAME)


def test_bridge_that_was_removed_is_built_again_for_an_entry_that_goes_back_over_it() -> None:
    found = bridge_back(bindings={NAME: None})
    assert isinstance(found, Do)
    assert found.step.id == "s02"


def test_bridge_is_not_built_again_for_entries_that_must_stay() -> None:
    plan = company()[1]
    last = [step.id for step in plan.steps if isinstance(step.effect, UpdateEntry)]
    held = {each: StepState("done", EARLIER.isoformat(), held="refused") for each in last}
    found = bridge_back(held=held, bindings={NAME: None})
    assert found == ReadFirst("carriers", f"migrator-bridge:{RUN}")


def test_bridge_stays_until_the_deletion_of_its_entries_is_in_the_journal() -> None:
    """A run that died as it deleted them, or another operator, did so a moment ago."""
    group = f"migrator-bridge:{RUN}"
    gone = {ALICE: None, OPERATOR: None}
    found = bridge_back(entries=gone, bindings={NAME: None}, carriers={group: frozenset()})
    assert isinstance(found, Finished)
    assert found.left[0][1] == "entries that need it are still there"


def test_entry_is_deleted_once_older_log_ins_are_forgotten() -> None:
    build = PlanBuilder()
    carried, final = EntrySpec("STANDARD", "x", ("readers",)), EntrySpec("STANDARD", "x", ())
    made = build.add(CreateEntry(BOB, carried), undo=delete(BOB, carried))
    build.add(UpdateEntry(BOB, final, carried), made, undo=UpdateEntry(BOB, carried, final))
    plan = build.plan(Cluster())
    states = done("s01", at=EARLIER) | {"s02": StepState("undone", NOW.isoformat())}
    entry = AccessEntry(BOB, "STANDARD", "x", ("readers",), tags=TAGS)
    seen = {"entries": {BOB: entry}, "rows": {BOB: True}}
    soon = answer(plan, BOB, states, BACK, now=NOW + timedelta(seconds=1), **seen)
    assert isinstance(soon, Wait)
    assert soon.why == "logins without the groups that it has again may still be remembered"
    later = answer(plan, BOB, states, BACK, now=LATER, **seen)
    assert isinstance(later, Undo)
    assert later.step.id == "s01"


def test_principal_that_was_not_asked_for_does_not_go_back() -> None:
    only = RunRequest(DIGEST, only=frozenset({ALICE}), back=True)
    build = PlanBuilder()
    build.standard(DEVS, "dev", ("devs",))
    found = answer(build.plan(Cluster()), DEVS, done("s01", "s02", "s03"), only, now=LATER)
    assert isinstance(found, Finished)


def only_alice(**seen: object) -> Action:
    """The bridge, where one of two administrators alone goes back and is undone."""
    plan = company()[1]
    of_alice = {step.id for step in plan.steps if step.principal_arn == ALICE}
    states = done(*(step.id for step in plan.steps if step.id not in of_alice), at=EARLIER)
    others = {step.id for step in plan.steps if step.principal_arn == OPERATOR}
    begun = {each: StepState("pending") for each in sorted(others)[1:]}
    only = RunRequest(DIGEST, only=frozenset({ALICE}), back=True)
    return answer(plan, "step s02", {**states, **begun}, only, now=LATER, **seen)


def test_bridge_that_another_administrator_is_on_stays_with_only() -> None:
    assert only_alice() == Finished()


def test_bridge_whose_group_an_entry_still_carries_is_left() -> None:
    build = PlanBuilder()
    build.add(CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP))
    plan, group = build.plan(Cluster()), f"migrator-bridge:{RUN}"
    carried = {group: frozenset({ALICE})}
    states = done("s01", at=EARLIER)
    steps = (replace(plan.steps[0], undo=RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP)),)
    found = answer(
        replace(plan, steps=steps), "step s01", states, BACK, now=LATER, carriers=carried
    )
    assert isinstance(found, Finished)
    assert found.left[0][1] == f"{ALICE} still carries the bridge group"
