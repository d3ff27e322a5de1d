"""The order of records around an effect, and what stays on record when the effect fails."""

from collections.abc import Mapping
from typing import Any

import pytest

from migrator.errors import Failed, MigratorError
from migrator.model.journal import Event
from migrator.run.journaled_run import JournaledRun, OpenItems

Line = tuple[str | None, str, Mapping[str, Any]]


def journal() -> tuple[JournaledRun, list[Line]]:
    lines: list[Line] = []

    def record(step: str | None, event: Event, effect: Mapping[str, Any]) -> None:
        lines.append((step, event, effect))

    return JournaledRun(record), lines


def denied() -> None:
    raise Failed("denied", "The API server refused.")


def test_intention_is_on_record_before_the_effect_and_done_after_it() -> None:
    run, lines = journal()
    seen: list[int] = []
    error = run.carry_out(
        "s1", intended={"a": 1}, effect=lambda: seen.append(len(lines)), done=lambda _: {"b": 2}
    )
    assert error is None
    assert seen == [1]
    assert lines == [("s1", "intended", {"a": 1}), ("s1", "done", {"b": 2})]


def test_error_that_does_not_end_the_attempt_leaves_the_intention() -> None:
    run, lines = journal()
    with pytest.raises(MigratorError, match="refused"):
        run.carry_out("s1", intended={}, effect=denied, done=lambda _: {})
    assert lines == [("s1", "intended", {})]


def test_error_that_ends_the_attempt_is_recorded_and_returned() -> None:
    run, lines = journal()
    error = run.carry_out(
        "s1", intended={}, effect=denied, done=lambda _: {}, over=lambda e: e.code == "denied"
    )
    assert error is not None
    assert lines[1:] == [
        ("s1", "refused", {"code": "denied", "message": "The API server refused."})
    ]


def test_effect_that_is_not_seen_is_not_recorded_as_done() -> None:
    run, lines = journal()
    run.carry_out("s1", intended={}, effect=lambda: False, done=lambda seen: {} if seen else None)
    run.take_back("s1", undoing={}, effect=lambda: False, undone=lambda seen: {} if seen else None)
    assert [event for _, event, _ in lines] == ["intended", "undoing"]


def test_start_of_a_run_has_gates_only_where_they_were_judged() -> None:
    run, lines = journal()
    run.start("cutover", run="r", plan_digest="d", caller="c", gates=[{"number": 1}])
    run.start("apply", run="r", plan_digest="d", caller="c")
    with_gates, without = (effect for _, _, effect in lines)
    assert with_gates == {**without, "command": "cutover", "gates": [{"number": 1}]}
    assert without == {"run": "r", "command": "apply", "planDigest": "d", "caller": "c"}


def test_open_item_is_on_record_until_it_is_refused_or_taken_back() -> None:
    items: dict[str, Mapping[str, Any]] = {}

    def write(now: Mapping[str, Mapping[str, Any]]) -> None:
        items.clear()
        items.update(now)

    run = JournaledRun(OpenItems(lambda: items, write).record)
    for name in ("kept", "refused", "undone"):
        run.carry_out(name, intended={"name": name}, effect=lambda: None, done=lambda _: {})
    run.refuse("refused", Failed("denied", "No."))
    run.take_back("undone", undoing={}, effect=lambda: None, undone=lambda _: {})
    run.take_back("kept", undoing={}, effect=lambda: None, undone=lambda _: None)
    assert items == {"kept": {"name": "kept"}}
