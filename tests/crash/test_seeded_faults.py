"""Runs of ``migrate apply`` on bad days: throttling, errors, lost answers, stale reads, another
writer, a kill.

Whatever happens, the oracle finds nobody wrongly denied or allowed, and each command either reaches
the end or stops with a statement that is true and an exit code that says so. ``make test-crash``
tries the first seeds, ``make test-long`` 500 more. A seed has a name: ``pytest
'tests/crash/test_seeded_faults.py' -k 'seed-17-'``.
"""

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from migrator.lab.worlds.faults import FaultKind
from migrator.model.way import WAY_CODES
from tests.support.crash_part import part_of
from tests.support.crash_runs import APPLY, Prepared, nothing_wrong, prepared, session_of
from tests.support.crash_worlds import BY_NAME
from tests.support.judged.oracle import JudgedOracle
from tests.support.lab_session import KILLED, LabSession
from tests.support.seeded_faults import COMMENT, Schedule, another_administrator, injected, schedule

SEEDS, IN_EVERY_CRASH_RUN = 530, 30
_NAMES = [name for name in BY_NAME if name != "demo"]
CASES = [
    pytest.param(
        seed,
        _NAMES[seed % len(_NAMES)],
        marks=(
            pytest.mark.xdist_group(_NAMES[seed % len(_NAMES)]),
            pytest.mark.crash if seed < IN_EVERY_CRASH_RUN else pytest.mark.long,
        ),
        id=f"seed-{seed}-{_NAMES[seed % len(_NAMES)]}",
    )
    for seed in part_of(range(SEEDS))
]
# What a fault may make a command say, once all retries are used up.
EXPLAINS: dict[FaultKind, set[str]] = {
    "throttle": {"throttled", "api-server-failed"},
    "error": {"aws-server-error", "api-server-failed"},
    "reset": {"aws-no-answer", "aws-unreachable", "api-server-no-answer", *WAY_CODES},
    "lost-answer": {"aws-no-answer", "api-server-no-answer"},
    "stale-read": set(),
    "latency": set(),
    "partial-page": set(),
    "expired-credentials": {"credentials-expired", "credentials-invalid", "not-authenticated"},
    "update-fails": {"update-failed"},
}
CHANGED = {"entry-changed", "cluster-changed", "unexpected-entries"}


@pytest.mark.parametrize(("seed", "name"), CASES)
def test_on_a_bad_day_nobody_is_wronged_and_every_command_tells_the_truth(
    seed: int, name: str, tmp_path: Path
) -> None:
    found = prepared(name)
    plan = schedule(seed, found)
    with session_of(found.world, tmp_path, found.files) as session:
        oracle = JudgedOracle(session.world, stated=found.stated)
        faults = injected(session, plan)
        with another_administrator(session, found, plan) as changed:
            for attempt in range(3):
                done = session.migrate(*APPLY, kill=plan.kill if attempt == 0 else None)
                struck = {fault.kind for fault in faults if fault.struck}
                tells_the_truth(found, plan, session, done, struck, changed())
                if done.returncode == 0 and reached(session, found):
                    break
        session.world.faults.clear()
        done = session.migrate(*APPLY)
        tells_the_truth(found, plan, session, done, set(), changed())
        oracle.stop()
        nothing_wrong(found, oracle, session.effects())
        # what somebody deleted while it was being made is made again; what was deleted later is
        # told
        assert done.returncode == (0 if reached(session, found) else 5), (plan, done)


def reached(session: LabSession, found: Prepared) -> bool:
    """Whether the cluster is at the plan's end; a comment in aws-auth may have come meanwhile."""
    state = session.end_state()
    for cluster in state.values():
        cluster["awsAuth"] = [
            {key: text.removeprefix(COMMENT) for key, text in data.items()}
            for data in cluster["awsAuth"]
        ]
    return state == found.after


def tells_the_truth(
    found: Prepared,
    plan: Schedule,
    session: LabSession,
    done: CompletedProcess[str],
    struck: Collection[FaultKind],
    changed: Sequence[str],
) -> None:
    """Exit code, error and what is printed fit each other, the faults that struck, and the
    cluster.
    """
    said = (plan, done.returncode, done.stdout[-1500:], done.stderr[-1500:])
    assert "Traceback" not in done.stderr, said
    if done.returncode == KILLED:
        assert plan.kill is not None, said
        return
    code = (re.findall(r"^error: .*\[([a-z-]+)\]$", done.stderr, re.M) or [""])[-1]
    steps = len(json.loads(found.files["plan.json"])["steps"])
    counted = re.search(r"apply: (\d+) of (\d+) steps done", done.stdout)
    complete = counted is not None and counted[1] == counted[2] == str(steps)
    match done.returncode:
        case 0 if complete:
            # what was done may be undone by others: the next run sees it
            assert changed or reached(session, found), said
        case 6 | 7:
            assert struck, said
            lost = code == "cluster-lock-lost"
            assert lost or "Waiting for proof" in done.stdout or "Left" in done.stdout, said
        case 1:
            taken_back = (
                {"not-shown"} if changed else set()
            )  # by somebody else, right after it was made
            assert code in taken_back.union(*(EXPLAINS[kind] for kind in struck)), said
        case 5:
            assert code in CHANGED, said
            assert changed, said
            assert all(arn.rpartition("/")[2] in done.stderr for arn in changed), said
        case _:
            raise AssertionError(said)
