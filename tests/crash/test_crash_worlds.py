"""On every small world: kill ``migrate apply`` at every effect, both ways, and resume or roll back.

The lab's oracle judges every principal and probe after every change: nobody is ever wrongly denied, nobody wrongly
allowed, however the run dies. Without a bridge, exactly the gap that the plan states.
"""

from pathlib import Path

import pytest

from tests.support.crash_runs import goes_back, kill_points, nothing_wrong_in, prepared, survives
from tests.support.crash_worlds import BY_NAME

pytestmark = pytest.mark.crash
NAMES = sorted(BY_NAME)


@pytest.mark.parametrize("name", NAMES)
def test_an_undisturbed_run_is_never_wrong(name: str) -> None:
    found = prepared(name)
    nothing_wrong_in(found, found.wrong, found.effects)
    assert found.report["moments"] > len(found.effects) // 2
    assert found.report["probes"] >= 30


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_a_run_killed_at_any_effect_goes_on_to_the_same_end(name: str, part: int, tmp_path: Path) -> None:
    found = prepared(name)
    for after, point in kill_points(len(found.effects))[part::3]:
        survives(found, tmp_path / f"{after}-{point}", after, point)


@pytest.mark.parametrize("part", range(2))
@pytest.mark.parametrize("name", NAMES)
def test_a_run_killed_at_any_effect_goes_back_to_what_was_there(name: str, part: int, tmp_path: Path) -> None:
    found = prepared(name)
    for after, point in kill_points(len(found.effects))[part::2]:
        goes_back(found, tmp_path / f"{after}-{point}", after, point)


def test_without_a_bridge_the_stated_gap_is_there_and_is_seen() -> None:
    """An oracle that never finds anything would prove nothing."""
    found = prepared("no-bridge")
    assert {each.kind for each in found.wrong} == {"denied"}
    assert len({each.principal_arn for each in found.wrong}) == 5
    assert found.report["wrongDenials"] > 100
