"""What the gates are told of the end: each entry as its last step leaves it, each step done, a
passed rehearsal.
"""

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.running.gates import end_state_changes, last_rehearsal, steps_left
from migrator.decide.running.progress import Progress, StepState
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.snapshot import Snapshot
from migrator.model.step import Prove
from tests.support.memory_ports import ACCOUNT, OPERATOR, snapshot_of
from tests.support.memory_runs import ALICE, CREATOR, DEVS, NODES, company

CLUSTER, PLAN = company()
RUN = "0000000000000001"
DIGEST = "simulated"  # what the simulation tags its entries with
END = simulate(snapshot_of(CLUSTER), PLAN.steps)
ALL_DONE = Progress(run=RUN, states={step.id: StepState("done") for step in PLAN.steps})


def changes(
    snapshot: Snapshot, plan: Plan = PLAN, progress: Progress = ALL_DONE
) -> tuple[str, ...]:
    return end_state_changes(plan, progress, snapshot, DIGEST, plan.basis)


def with_entry(arn: str, change: AccessEntry | None) -> Snapshot:
    """The end, with one entry as given, or without it."""
    others = tuple(entry for entry in END.access_entries or () if entry.principal_arn != arn)
    return replace(END, access_entries=others if change is None else (*others, change))


def entry_of(arn: str) -> AccessEntry:
    return next(entry for entry in END.access_entries or () if entry.principal_arn == arn)


def test_what_all_steps_lead_to_is_the_end() -> None:
    assert {entry.principal_arn for entry in END.access_entries or ()} >= {
        ALICE,
        DEVS,
        NODES,
        CREATOR,
        OPERATOR,
    }
    assert changes(END) == ()
    assert changes(END, progress=replace(ALL_DONE, run=None)) == ()


@pytest.mark.parametrize("arn", [ALICE, DEVS, NODES, CREATOR, OPERATOR])
def test_an_entry_that_is_gone_is_not_the_end(arn: str) -> None:
    assert changes(with_entry(arn, None)) == (f"the entry of {arn} is missing",)


@pytest.mark.parametrize(
    ("arn", "change"),
    [
        (DEVS, {"username": "somebody-else"}),
        (DEVS, {"kubernetes_groups": ("devs", "more")}),
        (
            DEVS,
            {"kubernetes_groups": ("devs", f"migrator-probe:{RUN}")},
        ),  # the marker was never taken off
        (DEVS, {"tags": {PLAN_TAG: "another plan"}}),
        (ALICE, {"access_policies": ()}),
        (NODES, {"type": "EC2_WINDOWS"}),
        (CREATOR, {"access_policies": ()}),
    ],
)
def test_an_entry_that_somebody_changed_is_not_the_end(arn: str, change: dict[str, object]) -> None:
    changed = replace(entry_of(arn), **change)  # type: ignore[arg-type]
    assert changes(with_entry(arn, changed)) == (
        f"the entry of {arn} is not what the plan ends in",
    )


def test_all_that_is_wrong_is_told_in_the_order_of_the_plan() -> None:
    nothing = replace(END, access_entries=())
    told = [f"the entry of {principal.principal_arn} is missing" for principal in PLAN.principals]
    assert list(changes(nothing)) == told
    assert list(changes(replace(END, access_entries=None))) == told


def test_what_changed_beside_the_entries_is_told_after_them() -> None:
    basis = {**PLAN.basis, "mode of something": "new"}
    told = end_state_changes(PLAN, ALL_DONE, with_entry(DEVS, None), DIGEST, basis)
    assert told == (f"the entry of {DEVS} is missing", "mode of something is new: `new`")


@pytest.mark.parametrize("action", ["skip", "block"])
def test_whoever_is_skipped_or_blocked_needs_no_entry_and_hides_nobody(action: str) -> None:
    left_out = PlannedPrincipal(
        f"arn:aws:iam::{ACCOUNT}:role/left-out",
        action,  # type: ignore[arg-type]
        Identity("left", (), "config-map"),
        entry=EntrySpec("STANDARD", "left"),
    )
    plan = replace(PLAN, principals=(left_out, *PLAN.principals))
    assert changes(END, plan) == ()
    assert changes(with_entry(DEVS, None), plan) == (f"the entry of {DEVS} is missing",)


def test_an_entry_that_no_step_is_about_must_be_as_planned() -> None:
    kept = f"arn:aws:iam::{ACCOUNT}:role/kept"
    spec = EntrySpec("STANDARD", "kept", ("keepers",))
    planned = PlannedPrincipal(
        kept, "keep", Identity("kept", ("keepers",), "access-entry"), entry=spec
    )
    plan = replace(PLAN, principals=(planned, *PLAN.principals))
    right = AccessEntry(kept, "STANDARD", "kept", ("keepers",))
    assert changes(with_entry(kept, right), plan) == ()
    wrong = replace(right, kubernetes_groups=())
    assert changes(with_entry(kept, wrong), plan) == (
        f"the entry of {kept} is not what the plan ends in",
    )
    assert changes(END, plan) == (f"the entry of {kept} is missing",)


def test_steps_that_are_not_done_are_left_with_whom_they_are_about() -> None:
    assert steps_left(PLAN, ALL_DONE) == ()
    left = steps_left(PLAN, Progress(run=RUN))
    assert left == tuple(
        f"{step.id} {step.effect.kind}" + (f" {step.principal_arn}" if step.principal_arn else "")
        for step in PLAN.steps
        if not isinstance(step.effect, Prove)
    )
    assert left[0] == "s01 enable-entries"


@pytest.mark.parametrize(
    "status", ["pending", "intended", "sent", "deferred", "refused", "undoing", "undone"]
)
def test_only_what_is_done_or_found_done_is_not_left(status: str) -> None:
    one = PLAN.steps[0]
    states = {**ALL_DONE.states, one.id: StepState(status)}  # type: ignore[arg-type]
    assert steps_left(PLAN, replace(ALL_DONE, states=states)) == ("s01 enable-entries",)
    states[one.id] = StepState("adopted")
    assert steps_left(PLAN, replace(ALL_DONE, states=states)) == ()


def test_a_proof_that_is_left_is_no_step_that_is_left() -> None:
    states = {
        step.id: StepState("done") for step in PLAN.steps if not isinstance(step.effect, Prove)
    }
    assert steps_left(PLAN, Progress(run=RUN, states=states)) == ()


@pytest.mark.parametrize("status", ["done", "adopted", "intended", "refused", "undone", "pending"])
def test_only_a_rehearsal_that_passed_counts(status: str) -> None:
    at = "2026-11-22T10:00:00Z"
    passed = Progress(run=RUN, states={"rehearse-passed": StepState(status, at)})  # type: ignore[arg-type]
    when = datetime(2026, 11, 22, 10, tzinfo=timezone.utc)
    assert last_rehearsal(passed) == (when if status in ("done", "adopted") else None)
    assert last_rehearsal(Progress(run=RUN)) is None
