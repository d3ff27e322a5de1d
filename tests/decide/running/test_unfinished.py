"""The command that continues what was begun."""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.running.progress import Progress, StepState
from migrator.decide.running.unfinished import (
    command_to_continue,
    is_rolled_back,
    rehearsal_to_repeat,
    verified_since_switch,
)
from migrator.model.evidence import Evidence
from migrator.model.journal import Journal, next_record
from tests.support.memory_runs import company

PLAN = company()[1]
ENTRY = next(step.id for step in PLAN.steps if step.effect.kind == "create-entry")
SWITCHED = "2026-11-22T12:00:00Z"


def progress(command: str = "apply", *, going_back: bool = False, **states: Any) -> Progress:  # noqa: ANN401 - statuses
    found = {step.replace("_", "-"): StepState(status, SWITCHED) for step, status in states.items()}
    return Progress(run="r", command=command, states=found, going_back=going_back)


def entry(status: str) -> dict[str, Any]:
    """The state of the step that makes an entry."""
    return {ENTRY: status}


def continued(found: Progress, *, is_verified: bool = False) -> str:
    return command_to_continue(PLAN, found, is_verified=is_verified)


def test_nothing_is_continued_where_only_an_apply_is_left() -> None:
    assert continued(progress(**entry("intended"))) == ""


def test_roll_back_that_did_not_finish_continues() -> None:
    begun = progress("rollback", going_back=True, **entry("done"))
    assert continued(begun) == "rollback: `migrate rollback PLAN` continues"
    assert not is_rolled_back(PLAN, begun)


def test_roll_back_that_left_entries_undoes_the_rest_or_goes_forward() -> None:
    found = continued(progress("rollback", **entry("done")))
    assert found.startswith("rollback: `migrate rollback PLAN` undoes the rest")


def test_roll_back_that_left_nothing_is_over() -> None:
    over = progress("rollback", **entry("undone"), cutover_switch="intended")
    assert is_rolled_back(PLAN, over)
    assert continued(over) == ""


@pytest.mark.parametrize("status", ["intended", "sent"])
def test_cut_over_that_died_at_its_switch_continues(status: str) -> None:
    found = continued(progress(cutover_switch=status))
    assert found == "cutover: `migrate cutover PLAN` continues"


@pytest.mark.parametrize("status", ["intended", "sent"])
def test_retire_that_died_at_its_deletion_continues(status: str) -> None:
    found = continued(progress(cutover_switch="done", retire_delete=status))
    assert found == "retire: `migrate retire PLAN` continues"


def test_switch_that_was_not_verified_is_verified_next() -> None:
    switched = progress(cutover_switch="done")
    assert continued(switched).startswith("verify: the switch is not verified")
    assert continued(switched, is_verified=True) == ""
    # Without aws-auth nothing proves the principals either.
    retired = progress(cutover_switch="done", retire_delete="done")
    assert continued(retired) == "verify: the switch is not verified; `migrate verify PLAN`"
    assert continued(retired, is_verified=True) == ""


def journal(*events: tuple[str, dict[str, object]]) -> Journal:
    records: Journal = ()
    for event, effect in events:
        record = next_record(records, at=SWITCHED, step=None, event=event, effect=effect)  # type: ignore[arg-type]
        records = (*records, record)
    return records


def began(command: str) -> tuple[str, dict[str, object]]:
    return ("run-started", {"command": command, "run": "r"})


def ended(code: int) -> tuple[str, dict[str, object]]:
    return ("run-ended", {"exit": code})


SWITCH = progress(cutover_switch="done")


@pytest.mark.parametrize(
    ("records", "verified"),
    [
        ((began("cutover"), ended(0)), True),
        ((began("cutover"), ended(0), began("status"), ended(4)), True),
        ((began("cutover"), ended(6)), False),
        ((began("cutover"), ended(0), began("cutover")), False),
        ((began("apply"), ended(0)), False),
        ((), False),
    ],
)
def test_switch_is_verified_where_the_last_cut_over_ended_with_0(
    records: tuple[tuple[str, dict[str, object]], ...], verified: bool
) -> None:
    assert verified_since_switch(PLAN, SWITCH, journal(*records), ()) == verified


def proofs(at: str, **changes: Any) -> list[Evidence]:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {"phase": "after", "at": at, "state_digest": "", **changes}
    return [Evidence(each.principal_arn, "live", **fields) for each in PLAN.principals]


def test_switch_is_verified_by_later_evidence_of_every_principal() -> None:
    later, earlier = "2026-11-22T12:01:00Z", "2026-11-22T11:59:00Z"
    assert verified_since_switch(PLAN, SWITCH, (), proofs(later))
    assert not verified_since_switch(PLAN, SWITCH, (), proofs(earlier))
    assert not verified_since_switch(PLAN, SWITCH, (), proofs(later, phase="before"))
    assert not verified_since_switch(PLAN, SWITCH, (), proofs(later)[1:])
    wrong = proofs(later, differences=("it lost a group",))
    assert not verified_since_switch(PLAN, SWITCH, (), wrong)


def test_mode_step_is_nothing_that_a_roll_back_leaves() -> None:
    assert is_rolled_back(PLAN, progress("rollback", s01="done"))


def test_principal_that_the_plan_leaves_out_needs_no_evidence() -> None:
    first, *others = PLAN.principals
    plan = replace(PLAN, principals=(replace(first, action="skip"), *others))
    found = proofs("2026-11-22T12:01:00Z")[1:]
    assert verified_since_switch(plan, SWITCH, (), found)


@pytest.mark.parametrize(
    ("codes", "is_next"), [((), False), ((0,), False), ((6,), True), ((7,), True), ((6, 0), False)]
)
def test_rehearsal_that_failed_or_was_stopped_comes_before_the_cut_over(
    codes: tuple[int, ...], *, is_next: bool
) -> None:
    records: list[tuple[str, dict[str, object]]] = []
    for code in codes:
        records += [began("rehearse"), ended(code)]
    said = rehearsal_to_repeat(progress(), journal(*records))
    assert said.startswith("rehearse:") == is_next
    assert rehearsal_to_repeat(SWITCH, journal(*records)) == ""
    # What was rehearsed is gone after a roll-back, also where an apply followed.
    gone = [*records, began("rollback"), ended(0), began("apply"), ended(0)]
    assert rehearsal_to_repeat(progress(), journal(*gone)) == ""
    again = [*gone, began("rehearse"), ended(6)]
    assert rehearsal_to_repeat(progress(), journal(*again)).startswith("rehearse:")
