"""On every small world: kill ``migrate apply`` at every effect, both ways, and resume or roll back.

The lab's oracle judges every principal and probe after every change: nobody is ever wrongly denied,
nobody wrongly allowed, however the run dies and whenever the next command is run. Without a bridge,
exactly the gap that the plan states. One point per kind of effect of the demo world is tried in
every test run; all of them on all worlds in ``make test-crash``.
"""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from migrator.lab.judge.oracle_cluster import WrongDecision
from migrator.lab.worlds.effects import Effect
from tests.support.crash_part import part_of
from tests.support.crash_runs import (
    PAUSES,
    Prepared,
    goes_back,
    in_the_stated_gap,
    kill_points,
    nothing_wrong_in,
    one_of_each_kind,
    pause_after,
    prepared,
    survives,
    tried_everywhere,
)
from tests.support.crash_worlds import BY_NAME, CREATOR, OPERATOR

# Tests of one world go to one worker, which plans and applies it undisturbed only once.
WORLDS = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in BY_NAME]


def test_one_kill_per_kind_of_effect_is_survived(tmp_path: Path) -> None:
    found = prepared("demo")
    chosen = one_of_each_kind(found)
    assert len(chosen) >= 5
    tried_everywhere(found, survives, chosen, tmp_path)


def test_each_kind_of_pause_comes_before_second_commands() -> None:
    points = kill_points(10)
    for point in ("answer-lost", "before-next"):
        assert {pause_after(n, at) for n, at in points if at == point} == set(PAUSES)


@pytest.mark.parametrize(
    ("denied", "changed", "is_stated"),
    [
        ((4, 8), {}, True),
        ((4, 3604), {"AssociateAccessPolicy": 3600}, True),
        ((4, 3604), {"AssociateAccessPolicy": 0, "DeleteAccessEntry": 3600}, True),
        ((4, None), {}, False),  # never over
        ((4, 3604), {}, False),  # over by what no command did
        ((4, 3610), {"AssociateAccessPolicy": 3600}, False),  # longer than EKS takes
        ((2, 8), {}, False),  # before the entry was in force
        ((60, 64), {"AssociateAccessPolicy": 60}, False),  # it did not begin with the entry
    ],
)
def test_the_stated_gap_lasts_through_a_pause_until_what_ends_it(
    denied: tuple[int, int | None], changed: dict[str, int], is_stated: bool
) -> None:
    def at(seconds: int) -> datetime:
        return datetime(2026, 12, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)

    message = f"administrators have nothing for a moment: `{OPERATOR}`"
    plan = {"findings": [{"code": "gap-accepted", "message": message}]}
    gap = Prepared(BY_NAME["no-bridge"], {"plan.json": json.dumps(plan)}, {}, 0, 0, (), (), {})
    made = {"CreateAccessEntry": 0, "AssociateAccessPolicy": 4, **changed}
    effects = [
        Effect(n, at(when), OPERATOR, f"eks:{what}", {"principalArn": OPERATOR})
        for n, (what, when) in enumerate(made.items(), 1)
    ]
    since, until = denied
    wrong = WrongDecision(
        cluster="prod",
        principal_arn=OPERATOR,
        login=OPERATOR,
        kind="denied",
        request="* */*",
        token="fresh",
        username="operator",
        reason="",
        since=at(since),
        effect=1,
        stated=False,
        until=None if until is None else at(until),
    )
    assert in_the_stated_gap(wrong, gap, effects) is is_stated
    assert not in_the_stated_gap(replace(wrong, kind="allowed"), gap, effects)
    assert not in_the_stated_gap(replace(wrong, principal_arn=CREATOR), gap, effects)


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
