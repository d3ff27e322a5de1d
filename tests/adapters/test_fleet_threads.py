"""Jobs on threads: how many at once, in all and in an account, and how they are stopped."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from migrator.adapters.fleet_threads import FleetThreads
from migrator.adapters.tasks_threads import SharedThreads
from migrator.model.fleet_job import Job, JobEnd

_LOCK = threading.Lock()
_RUNNING: Counter[str] = Counter()
_MOST: Counter[str] = Counter()
_TOGETHER = threading.Barrier(4)


def task(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Counted while it runs; four begin together or none goes on."""
    account = str(arguments["account"])
    with _LOCK:
        _RUNNING[account] += 1
        _RUNNING["all"] += 1
        for name in (account, "all"):
            _MOST[name] = max(_MOST[name], _RUNNING[name])
    _TOGETHER.wait(20)
    with _LOCK:
        _RUNNING[account] -= 1
        _RUNNING["all"] -= 1
    if arguments.get("break"):
        raise OSError("broken")
    return {"account": account}


def job(number: int, account: str, **more: Any) -> Job:  # noqa: ANN401
    name = "tests.adapters.test_fleet_threads:task"
    return Job(f"arn:{number}", account, name, {"account": account, **more})


def run(jobs: list[Job], limit: int = 99, overall: int = 4, per_account: int = 2) -> list[JobEnd]:
    _MOST.clear()
    return list(FleetThreads(overall, per_account).run(jobs, limit=lambda: limit, interrupted=lambda: None))


def test_so_many_at_once_in_all_and_so_many_in_one_account() -> None:
    jobs = [job(number, "a" if number < 4 else "b") for number in range(8)]
    ends = run(jobs)
    assert sorted(end.arn for end in ends) == [f"arn:{number}" for number in range(8)]
    assert (_MOST["all"], _MOST["a"], _MOST["b"]) == (4, 2, 2)


def test_at_limit_zero_nothing_is_begun() -> None:
    assert run([job(1, "a")], limit=0) == []
    assert _MOST["all"] == 0


def test_a_job_that_breaks_is_lost_and_no_other_is() -> None:
    jobs = [job(number, str(number), **({"break": True} if number == 1 else {})) for number in range(4)]
    ends = {end.arn: end for end in run(jobs)}
    assert ends["arn:1"].lost == "OSError: broken"
    assert all(ends[f"arn:{number}"].answer for number in (0, 2, 3))


def test_calls_at_once_are_shared_by_the_jobs_that_run() -> None:
    calls = SharedThreads(calls=16, each=8)
    assert calls.now == 8
    with calls.job(), calls.job():
        assert calls.now == 8
        with calls.job(), calls.job():
            assert calls.now == 4
            inside = [calls.job() for _ in range(30)]
            for each in inside:
                each.__enter__()
            assert calls.now == 1
            me = threading.get_ident()
            assert set(calls.map(lambda _: threading.get_ident(), [1, 2, 3])) == {me}
            for each in inside:
                each.__exit__(None, None, None)
    assert calls.now == 8
