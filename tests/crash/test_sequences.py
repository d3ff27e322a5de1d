"""Seeded sequences of commands of two operators, kills and an administrator's edits, played over
the wire.

In every one of them nobody is wrongly denied or allowed, and exit codes, errors and ``status`` say
what is so. A sequence is played again by its name: ``pytest tests/crash/test_sequences.py -k
seed-17-``. One that fails tells its story, one line a move. ``make test`` plays a few, ``make
test-crash`` all of them.
"""

import json
import re
from pathlib import Path

import pytest

from tests.support.crash_part import part_of
from tests.support.lab_session import KILLED
from tests.support.sequences import PLAN_AGAIN, Drawn, Play, Ran, drawn, played, shown

SEEDS = 200
IN_EVERY_RUN = frozenset({3, 6, 12, 15, 21})
CASES = [
    pytest.param(
        found,
        id=found.name,
        marks=()
        if found.seed in IN_EVERY_RUN
        else (pytest.mark.crash, pytest.mark.xdist_group(found.world)),
    )
    for found in map(drawn, sorted(IN_EVERY_RUN.union(part_of(range(SEEDS)))))
]
# What a command may stop with, by exit code.
STOPS = {
    1: {"not-shown"},
    3: {"blocked", "plan-blocked"},
    4: {"locked", "rehearsal-conditions", "rehearsal-unfinished", "rollback-unfinished"},
    5: {*PLAN_AGAIN, "aws-auth-lost", "policy-withdrawn"},
    6: {""},
    7: {"interrupted", "cluster-lock-lost", ""},
}
ALONE = {
    ("apply --only", 7),
    ("rehearse", 4),
    ("plan", 3),
}  # also where nobody has disturbed anything


@pytest.mark.parametrize("sequence", CASES)
def test_any_sequence_wrongs_nobody_and_tells_the_truth(sequence: Drawn, tmp_path: Path) -> None:
    with played(sequence, tmp_path) as play:
        faults: list[str] = []
        for move in (*sequence.moves, sequence.last):
            before = len(play.ran)
            ended = play.run(move)
            faults += [
                f"{ran.story}: {fault}"
                for ran in ended
                for fault in dishonest(play, ran, play.ran[:before])
            ]
            faults += [f"after {ended[-1].story}: {fault}" for fault in left_behind(play)]
        faults += unlike_status(play)
        play.oracle.stop()
        faults += not_at_the_end(play)
        wrong = play.wrong()
        faults += [f"{len(wrong)} wrong answers: {each}" for each in shown(wrong)]
        said = [
            f"{ran.story}\n{ran.done.stdout[-700:]}{ran.done.stderr[-900:]}"
            for ran in play.ran
            if ran.code > 0
        ]
        assert not faults, "\n".join((sequence.name, *play.story, "", *faults, "", *said))


def dishonest(play: Play, ran: Ran, earlier: list[Ran]) -> list[str]:
    """How exit code, error and output of a command do not fit each other, what others did, or the
    cluster.
    """
    if "Traceback" in ran.text:
        return ["a traceback"]
    if ran.code == KILLED:
        return [] if ran.move.kill is not None else ["it died"]
    if ran.code == 0:
        return unfinished(ran)
    faults = []
    explained = ran.code == 4 and re.search(r"^Left:|^why:", ran.done.stdout, re.M) is not None
    if ran.error not in STOPS.get(ran.code, set()) and not explained:
        faults.append(f"exit code {ran.code} with the error [{ran.error}]")
    others = play.edited or any(
        each.move.by != ran.move.by or each.code != 0 for each in play.ran if each is not ran
    )
    kept = ran.move.verb == "rollback" and ran.code == 4 and "EKS made the entry of" in ran.text
    alone = (ran.move.verb, ran.code) in ALONE or kept
    if not others and not alone and play.prepared.after is not None:
        faults.append("nobody has disturbed it")
    if ran.error == "locked" and ran.move.by == earlier_holder(play, ran, earlier):
        faults.append("it is locked by an operator's own former run")
    return faults


def earlier_holder(play: Play, ran: Ran, earlier: list[Ran]) -> str:
    """Who alone can have left a lock: nobody else's command ran beside this one, or was killed
    before.
    """
    beside = [each for each in play.ran[len(earlier) :] if each.move.by != ran.move.by]
    killed = [each for each in earlier if each.code == KILLED and each.move.by != ran.move.by]
    return "" if beside or killed else ran.move.by


def unfinished(ran: Ran) -> list[str]:
    """What a command that ended with 0 says to be left."""
    counted = re.search(r"apply: (\d+) of (\d+) steps done", ran.done.stdout)
    if ran.move.verb == "apply" and counted is not None and counted[1] != counted[2]:
        return [f"exit code 0 with {counted[1]} of {counted[2]} steps"]
    if ran.move.verb in ("apply", "rollback") and re.search(
        r"^(Left|Waiting for proof|!)", ran.done.stdout, re.M
    ):
        return ["exit code 0, and something is left"]
    return []


def left_behind(play: Play) -> list[str]:
    """A binding to cluster-admin that stands although each operator's last run is over and ended
    with 0.
    """
    last = {
        ran.move.by: ran
        for ran in play.ran
        if ran.move.verb in ("apply", "apply --only", "rollback")
    }
    standing = play.bridges()
    return [f"{standing} stand"] if standing and all(ran.code == 0 for ran in last.values()) else []


def unlike_status(play: Play) -> list[str]:
    """How ``status`` after the last command does not fit it."""
    last = play.ran[-1]
    operator = play.operators[last.move.by]
    done = operator.migrate("--output", "json", "status", "plan.json")
    play.story.append(f"{operator.name}: status: {done.returncode}")
    if "Traceback" in done.stderr or not done.stdout:
        return [f"status: {done.stderr[-500:]}"]
    faults = []
    steps = json.loads(done.stdout)["steps"]
    if (
        last.move.verb == "apply"
        and last.code == 0
        and (done.returncode, steps["done"]) != (0, steps["total"])
    ):
        faults.append(
            f"apply says 0, status {done.returncode} with {steps['done']} of {steps['total']} steps"
        )
    if (last.error == "entry-changed" or last.code in (6, 7)) and done.returncode == 0:
        faults.append(f"{last.move.verb} says {last.code} [{last.error}], status 0")
    if play.bridges() and done.returncode == 0:
        faults.append(f"status says 0 while {play.bridges()} stand")
    return faults


def not_at_the_end(play: Play) -> list[str]:
    """How the cluster is not at the end that the last command speaks of, where nobody edited it."""
    last, found = play.ran[-1], play.prepared
    if play.edited or last.code != 0:
        return []
    applied = {ran.move.by for ran in play.ran if ran.move.verb.startswith("apply")}
    planned = any(ran.move.verb == "plan" for ran in play.ran) or (
        "own" in play.plans_of and len(play.ran) > 0
    )
    if (
        last.move.verb == "rollback"
        and applied <= {last.move.by}
        and play.lasting() != found.before
    ):
        return [
            f"rollback says 0, and the cluster is not as it was: {play.lasting()} instead of "
            f"{found.before}"
        ]
    if (
        last.move.verb == "apply"
        and not planned
        and found.after is not None
        and play.state() != found.after
    ):
        return [
            f"apply says 0, and the cluster is not at the plan's end: {play.state()} instead of "
            f"{found.after}"
        ]
    return []
