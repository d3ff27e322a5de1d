"""Jobs on threads: how many at once, in all and in an account, and how they are stopped."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.tasks_threads import SharedThreads, Threads
from migrator.fleet.adapters.threads import FleetThreads, Waiting
from migrator.fleet.model.job import Job, JobEnd

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
    name = "tests.fleet.adapters.test_threads:task"
    return Job(f"arn:{number}", account, name, {"account": account, **more})


def run(jobs: list[Job], limit: int = 99, overall: int = 4, per_account: int = 2) -> list[JobEnd]:
    _MOST.clear()
    return list(
        FleetThreads(overall, per_account).run(jobs, limit=lambda: limit, interrupted=lambda: None)
    )


def test_so_many_at_once_in_all_and_so_many_in_one_account() -> None:
    jobs = [job(number, "a" if number < 4 else "b") for number in range(8)]
    ends = run(jobs)
    assert sorted(end.arn for end in ends) == [f"arn:{number}" for number in range(8)]
    assert (_MOST["all"], _MOST["a"], _MOST["b"]) == (4, 2, 2)


def test_at_limit_zero_nothing_is_begun() -> None:
    assert run([job(1, "a")], limit=0) == []
    assert _MOST["all"] == 0


def test_a_job_that_breaks_is_lost_and_no_other_is() -> None:
    jobs = [
        job(number, str(number), **({"break": True} if number == 1 else {})) for number in range(4)
    ]
    ends = {end.arn: end for end in run(jobs)}
    assert ends["arn:1"].lost == "OSError: broken"
    assert all(ends[f"arn:{number}"].answer for number in (0, 2, 3))


def test_an_account_at_its_limit_lets_the_others_go_first() -> None:
    waiting = Waiting(
        [job(number, "a" if number < 4 else "b") for number in range(6)], per_account=2
    )
    assert [each.arn for each in iter(waiting.take, None)] == ["arn:0", "arn:1", "arn:4", "arn:5"]


def test_where_nobody_chose_the_order_every_account_has_its_turn_and_large_ones_more_often() -> (
    None
):
    jobs = [job(number, "small" if number < 3 else "large") for number in range(9)]
    waiting = Waiting(jobs, per_account=3, in_order=False)
    begun = [each.account for each in iter(waiting.take, None)]
    assert Counter(begun) == {"small": 3, "large": 3}
    assert begun[:3] == [
        "large",
        "small",
        "large",
    ]  # 6 jobs for one slot, then 3 each for one, of which first is first


@given(
    st.lists(st.sampled_from("abc"), max_size=20),
    st.integers(1, 4),
    st.integers(1, 6),
    st.booleans(),
)
def test_no_job_waits_while_there_is_room_for_it(
    accounts: list[str], per_account: int, overall: int, in_order: bool
) -> None:
    """Jobs end in the order of their beginning: each is begun once, and a slot is empty only where
    all are full.
    """
    waiting = Waiting(
        [job(n, account) for n, account in enumerate(accounts)], per_account, in_order=in_order
    )
    running: list[Job] = []
    begun: list[str] = []
    while True:
        while len(running) < overall and (found := waiting.take()) is not None:
            running.append(found)
            begun.append(found.arn)
        busy = Counter(each.account for each in running)
        left = {each.account for each in waiting}
        assert len(running) == overall or all(busy[account] == per_account for account in left)
        assert all(count <= per_account for count in busy.values())
        if not running:
            break
        waiting.give_back(running.pop(0))
    assert sorted(begun) == sorted(f"arn:{number}" for number in range(len(accounts)))


class Meter:
    """How many calls are under way, and were at most."""

    def __init__(self, seconds: float = 0.005) -> None:
        self.now = self.most = 0
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, item: int) -> int:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self._seconds)
        with self._lock:
            self.now -= 1
        return -item


def test_a_job_that_is_alone_makes_so_many_calls_side_by_side() -> None:
    meter = Meter(0.02)
    assert SharedThreads(calls=16, each=4).map(meter, range(12)) == [-item for item in range(12)]
    assert 1 < meter.most <= 4


def test_as_many_jobs_as_calls_make_one_each() -> None:
    shared, meter = SharedThreads(calls=4, each=4), Meter()
    together = threading.Barrier(4)

    def one_job(_: int) -> list[int]:
        together.wait(20)
        return shared.map(meter, range(10))

    assert Threads(4).map(one_job, range(4)) == [[-item for item in range(10)]] * 4
    assert (
        meter.most <= 7
    )  # a helper that has begun a call ends it; three had when the last job began


def test_what_a_job_leaves_of_its_share_another_takes() -> None:
    shared, meter = SharedThreads(calls=2, each=4), Meter()
    busy, enough = threading.Event(), threading.Event()

    def wait_inside(_: int) -> None:
        busy.set()
        enough.wait(20)

    other = threading.Thread(target=lambda: shared.map(wait_inside, [0]))
    other.start()
    busy.wait(20)
    shared.map(meter, range(6))
    assert meter.most == 1  # the other job has the other share
    enough.set()
    other.join()
    shared.map(meter, range(6))
    assert meter.most == 2


def test_a_call_that_calls_side_by_side_itself_has_one_share() -> None:
    shared, meter = SharedThreads(calls=1, each=4), Meter()
    assert shared.map(lambda item: shared.map(meter, range(item)), range(4)) == [
        [],
        [0],
        [0, -1],
        [0, -1, -2],
    ]
    assert meter.most == 1
    assert shared.map(meter, []) == []


def test_the_first_error_is_raised_after_all_have_ended() -> None:
    shared, ended = SharedThreads(calls=4, each=4), []

    def call(item: int) -> None:
        time.sleep(0.002 * item)
        ended.append(item)
        if item in (2, 5):
            raise OSError(item)

    with pytest.raises(OSError, match="2"):
        shared.map(call, range(8))
    assert sorted(ended) == list(range(8))


def test_an_interruption_begins_nothing_more() -> None:
    shared, begun = SharedThreads(calls=1), []

    def call(item: int) -> None:
        begun.append(item)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared.map(call, range(8))
    assert begun == [0]
    assert shared.map(abs, [-1]) == [1]
