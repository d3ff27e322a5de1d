"""On every small world: kill ``migrate apply`` at every effect, both ways, and resume or roll back.

The lab's oracle judges every principal and probe after every change: nobody is ever wrongly denied,
nobody wrongly allowed, however the run dies. Without a bridge, exactly the gap that the plan
states. One point per kind of effect of the demo world is tried in every test run; all of them on
all worlds in ``make test-crash``.
"""

from pathlib import Path

import pytest

from tests.support.crash_part import part_of
from tests.support.crash_runs import (
    goes_back,
    kill_points,
    nothing_wrong_in,
    one_of_each_kind,
    prepared,
    survives,
    tried_everywhere,
)
from tests.support.crash_worlds import BY_NAME

# Tests of one world go to one worker, which plans and applies it undisturbed only once.
WORLDS = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in BY_NAME]


def test_one_kill_per_kind_of_effect_is_survived(tmp_path: Path) -> None:
    found = prepared("demo")
    chosen = one_of_each_kind(found)
    assert len(chosen) >= 5
    tried_everywhere(found, survives, chosen, tmp_path)


@pytest.mark.crash
@pytest.mark.parametrize("name", WORLDS)
def test_an_undisturbed_run_is_never_wrong(name: str) -> None:
    found = prepared(name)
    nothing_wrong_in(found, found.wrong, found.effects)
    assert found.report["moments"] > len(found.effects) // 2
    assert found.report["probes"] >= 30


@pytest.mark.crash
@pytest.mark.parametrize("name", WORLDS)
def test_a_run_killed_at_any_effect_goes_on_to_the_same_end(name: str, tmp_path: Path) -> None:
    found = prepared(name)
    tried_everywhere(found, survives, part_of(kill_points(len(found.effects))), tmp_path)


@pytest.mark.crash
@pytest.mark.parametrize("name", WORLDS)
def test_a_run_killed_at_any_effect_goes_back_to_what_was_there(name: str, tmp_path: Path) -> None:
    found = prepared(name)
    tried_everywhere(found, goes_back, part_of(kill_points(len(found.effects))), tmp_path)


@pytest.mark.crash
@pytest.mark.xdist_group("no-bridge")
def test_without_a_bridge_the_stated_gap_is_there_and_is_seen() -> None:
    """An oracle that never finds anything would prove nothing."""
    found = prepared("no-bridge")
    assert {each.kind for each in found.wrong} == {"denied"}
    assert len({each.principal_arn for each in found.wrong}) == 5
    assert found.report["wrongDenials"] > 100
