"""The timeline's chart: places in percent, what took time, what came to which end."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.model.journal import EVENTS, Event, Journal, next_record
from migrator.model.plan import Plan
from migrator.model.step import Prove, Step
from migrator.render.run_chart import duration, run_charts
from tests.support.plans import plan, principal, role

ALICE = role("alice")
START = {"run": "ab07915c99ec7127", "command": "apply", "caller": role("operator")}


def planned() -> Plan:
    """``s01`` about the cluster, ``s02`` makes alice's entry, ``s03`` proves it."""
    made = plan(principal(ALICE))
    prove = Step("s03", Prove(ALICE, "dev", ("devs",), "live", "marker"), ("s02",))
    return plan(principal(ALICE), steps=(*made.steps, prove))


def journal(*records: tuple[float, Event, str | None], **ended: object) -> Journal:
    found: Journal = ()
    for second, event, step in ((0, "run-started", None), *records):
        at = (datetime(2026, 11, 22, 8) + timedelta(seconds=second)).isoformat() + "Z"
        effect = START if event == "run-started" else ended if event == "run-ended" else {}
        found += (next_record(found, at=at, step=step, event=event, effect=effect),)
    return found


def test_a_change_is_a_bar_and_a_proof_a_bar_that_ends_in_a_mark() -> None:
    records = journal(
        (10, "intended", "s02"),
        (20, "done", "s02"),
        (60, "done", "s03"),
        (100, "run-ended", None),
        exit=0,
    )
    (run,) = run_charts(planned(), records)
    assert (run.command, run.took, run.exit_code, run.caller) == (
        "apply",
        "1 min 40 s",
        0,
        role("operator"),
    )
    (lane,) = run.lanes
    assert lane.principal_arn == ALICE
    assert [(bar.start, bar.width, bar.tone) for bar in lane.bars] == [
        (10, 10, "change"),
        (20, 40, "proof"),
    ]
    assert [(mark.at, mark.shape) for mark in lane.marks] == [(60, "proven")]
    assert lane.words == "create-entry done +20 s; prove proven +1 min"


@pytest.mark.parametrize(
    ("event", "shape"),
    [("undone", "undone"), ("refused", "refused"), ("deferred", "open"), ("adopted", "adopted")],
)
def test_what_did_not_go_well_is_marked_by_shape_and_word(event: Event, shape: str) -> None:
    (run,) = run_charts(
        planned(),
        journal((1, "intended", "s02"), (2, event, "s02"), (4, "run-ended", None), exit=1),
    )
    (lane,) = run.lanes
    assert [mark.shape for mark in lane.marks] == [shape]
    assert shape in lane.words
    assert run.exit_code == 1


def test_taking_back_is_a_bar_of_its_own() -> None:
    records = journal(
        (1, "intended", "s02"), (2, "done", "s02"), (3, "undoing", "s02"), (4, "undone", "s02")
    )
    (run,) = run_charts(planned(), records)
    assert [bar.tone for bar in run.lanes[0].bars] == ["change", "undo"]
    assert run.exit_code is None


def test_a_step_whose_end_was_not_recorded_is_open() -> None:
    (run,) = run_charts(
        planned(), journal((1, "intended", "s01"), (2, "sent", "s01"), (3, "intended", "s02"))
    )
    assert [lane.principal_arn for lane in run.lanes] == [None, ALICE]
    assert all(lane.marks[-1].shape == "open" for lane in run.lanes)
    assert "its end was not recorded" in run.lanes[0].words


def test_each_run_has_its_own_axis() -> None:
    first = journal((1, "done", "s02"), (2, "run-ended", None), exit=7)
    second = next_record(
        first, at="2026-11-25T08:00:00Z", step=None, event="run-started", effect=START
    )
    third = next_record(
        (*first, second), at="2026-11-25T08:00:10Z", step="s03", event="done", effect={}
    )
    runs = run_charts(planned(), (*first, second, third))
    assert [run.took for run in runs] == ["2 s", "10 s"]
    assert [run.exit_code for run in runs] == [7, None]
    assert runs[1].lanes[0].marks[0].at == 100


def test_steps_of_another_command_are_about_the_cluster() -> None:
    (run,) = run_charts(
        planned(), journal((1, "intended", "cutover-switch"), (2, "done", "cutover-switch"))
    )
    assert run.lanes[0].principal_arn is None
    assert run.lanes[0].words == "cutover-switch done +2 s"


steps = st.sampled_from([None, "s01", "s02", "s03", "x"])
events = st.lists(st.tuples(st.floats(0, 300_000, allow_nan=False), st.sampled_from(EVENTS), steps))


@given(events)
def test_everything_stays_inside_the_chart_whatever_the_journal_says(
    records: list[tuple[float, Event, str]],
) -> None:
    for run in run_charts(planned(), journal(*records, exit=0)):
        assert run.ticks[0][1] == "0"
        assert len(run.ticks) <= 17
        assert all(0 <= place <= 100.01 for place, _ in run.ticks)
        for lane in run.lanes:
            assert lane.words
            assert all(
                bar.start >= 0 and bar.width > 0 and bar.start + bar.width <= 100.01
                for bar in lane.bars
            )
            assert all(0 <= mark.at <= 100 for mark in lane.marks)


def test_no_journal_is_no_run() -> None:
    assert run_charts(planned(), ()) == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (1.25, "1.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (77, "1 min 17 s"),
        (3600, "1 h"),
        (7845, "2 h 10 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations_have_two_parts_at_most(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words
