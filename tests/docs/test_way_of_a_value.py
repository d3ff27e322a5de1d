"""The way of a row and of a step is short enough to be read in one sitting.

``python -m tests.support.trace_value`` prints both. The bounds only go down.
"""

import pytest

from tests.support.trace_value import Way, follow, way_of_a_row, way_of_a_step


def test_row_passes_few_modules_and_returns() -> None:
    way = way_of_a_row()
    assert "migrator.decide.planning.entries.entry_for" in way.modules, way
    assert "migrator.decide.planning.order.order_steps" in way.modules, way
    # Two returns and a module are those of `model.files.wire`, which writes a plan in a seventh of
    # the time; two more those of the plan on one line, which is encoded once for file and digest.
    _assert_within(way, modules=23, returns=59)


def test_stages_of_planning_are_passed_in_their_order() -> None:
    stages = [
        stage
        for module in way_of_a_row().modules
        for stage in ("principals", "entries", "order", "proof")
        if f".planning.{stage}." in module
    ]
    first = {stage: stages.index(stage) for stage in stages}
    assert first["principals"] < first["entries"] < first["order"]


def test_step_passes_few_modules_and_returns() -> None:
    way = way_of_a_step()
    assert "migrator.run.execute_step" in way.modules, way
    # Shown in a proposal before it is taken; `model.files.wire` indents in half the time.
    _assert_within(way, modules=20, returns=90)


def test_return_that_holds_the_text_is_counted() -> None:
    from migrator.decide.access.quoting import quoted

    arn = "arn:aws:iam::111122223333:role/tracer"
    passed = follow("tracer", lambda: quoted(arn)).returns
    assert dict(passed) == {"migrator.decide.access.quoting": 1}
    assert follow("another", lambda: quoted(arn)).modules == []


def _assert_within(way: Way, *, modules: int, returns: int) -> None:
    found = len(way.modules), sum(way.returns.values())
    if found[0] > modules or found[1] > returns:
        pytest.fail(f"{way}\nallowed: {modules} modules, {returns} returns")
