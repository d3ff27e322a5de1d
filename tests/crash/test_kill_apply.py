"""Kill ``migrate apply`` at every effect: the same command again ends in the same state, every effect made once.

Both ways to die are tried for each effect: it was done and the answer never came, and the next one had arrived and
was not done. One point per kind of effect runs in every test run; all of them in ``make test-crash``.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from migrator.lab.effects import Effect, KillPoint
from tests.support.lab_session import KILLED, LabSession, lab_session

POINTS: tuple[KillPoint, ...] = ("answer-lost", "before-next")


def plan(session: LabSession) -> None:
    session.migrate("plan", "demo", "-o", "plan.json", "--quiet")
    assert (session.folder / "plan.json").exists()


def made(effects: Iterable[Effect]) -> "Counter[tuple[str, str, str]]":
    """How often each effect was made, whatever the run's random id and the caller's session."""
    return Counter(
        (effect.operation, str(effect.detail.get("principalArn", "")), str(effect.detail.get("policyArn", "")))
        for effect in effects
    )


@cache
def undisturbed() -> tuple[tuple[Effect, ...], object]:
    """The effects and the end state of a run that nobody kills."""
    with TemporaryDirectory() as folder, lab_session(Path(folder)) as session:
        plan(session)
        session.run("apply", "plan.json", "--yes")
        return tuple(session.effects()), session.end_state()


def survives(folder: Path, after: int, point: KillPoint) -> None:
    """Kill at one effect, run the same command again, and compare with the undisturbed run."""
    effects, end_state = undisturbed()
    with lab_session(folder) as session:
        plan(session)
        killed = session.migrate("apply", "plan.json", "--yes", kill=(after, point))
        assert killed.returncode == KILLED, killed.stderr
        assert after <= len(session.effects()) < len(effects) + (point == "answer-lost")  # others were on their way
        session.run("apply", "plan.json", "--yes")
        assert session.end_state() == end_state
        assert made(session.effects()) == made(effects)


def one_of_each_kind() -> list[tuple[int, KillPoint]]:
    """The last effect of each kind, alternating the two ways to die."""
    last = {effect.operation: effect.n for effect in undisturbed()[0]}
    return [(n, POINTS[i % 2]) for i, n in enumerate(sorted(last.values())) if n < len(undisturbed()[0]) or i % 2 == 0]


def test_one_kill_per_kind_of_effect_is_survived(tmp_path: Path) -> None:
    chosen = one_of_each_kind()
    assert len(chosen) >= 5
    for after, point in chosen:
        survives(tmp_path / f"{after}-{point}", after, point)


@pytest.mark.crash
def test_a_kill_at_any_effect_is_survived(tmp_path: Path) -> None:
    total = len(undisturbed()[0])
    tried = [(after, point) for after in range(total + 1) for point in POINTS]
    tried = [
        (n, p) for n, p in tried if not (p == "before-next" and n == total) and not (p == "answer-lost" and n == 0)
    ]
    for after, point in tried:
        survives(tmp_path / f"{after}-{point}", after, point)
    assert len(tried) == 2 * total
