"""The clock, randomness, and calls side by side."""

import threading
import time
from datetime import datetime, timedelta, timezone
from unittest.mock import Mock, call

import pytest

from migrator.adapters.clock import LabTimeClock, MachineClock, SystemEntropy, open_clock
from migrator.adapters.tasks_threads import Threads
from migrator.errors import MigratorError, WrongUse
from tests.support.scripted_api import Asked, Reply, scripted_api


def test_machine_time_is_utc_and_sleeping_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = Mock(wraps=time.sleep)
    monkeypatch.setattr(time, "sleep", sleep)
    clock = open_clock({})
    assert isinstance(clock, MachineClock)
    assert clock.now().tzinfo is timezone.utc
    before = time.monotonic()
    clock.sleep(timedelta(milliseconds=20))
    clock.sleep(timedelta(seconds=-5))
    assert time.monotonic() - before >= 0.02
    assert sleep.mock_calls == [call(0.02), call(0.0)]


def test_lab_time_is_asked_and_sleeping_steps_it() -> None:
    state = {"now": "2026-11-22T00:00:00+00:00"}

    def script(asked: Asked) -> Reply:
        if asked.method == "POST":
            state["now"] = asked.body["advanceTo"]
        return 200, state

    with scripted_api(script) as lab:
        clock = open_clock({"MIGRATE_CLOCK_URL": f"{lab.url}/_lab/v1/clock"})
        clock.sleep(timedelta(minutes=30))
        assert clock.now() == datetime(2026, 11, 22, 0, 30, tzinfo=timezone.utc)
        clock.sleep(timedelta(0))
        assert [asked.method for asked in lab.asked] == ["GET", "POST", "GET"]
        assert {asked.path for asked in lab.asked} == {"/_lab/v1/clock"}


@pytest.mark.parametrize(
    "url",
    [
        "http://clock.example/x",
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "127.0.0.1:80",
        "http://127.0.0.1.evil.example/",
    ],
)
def test_only_a_lab_on_this_machine_may_tell_the_time(url: str) -> None:
    with pytest.raises(WrongUse):
        LabTimeClock(url)


@pytest.mark.parametrize(
    "reply", [(500, {"error": "x"}), (200, []), (200, {}), (200, b"no"), (200, {"now": "x"}), None]
)
def test_a_lab_clock_that_does_not_answer_is_told(reply: Reply) -> None:
    with scripted_api(lambda _: reply) as lab, pytest.raises(MigratorError) as caught:
        LabTimeClock(f"{lab.url}/clock").now()
    assert caught.value.code == "lab-clock-unreachable"


def test_a_lab_clock_is_asked_again_where_its_connection_ended() -> None:
    moment: Reply = (200, {"now": "2026-11-26T10:00:00+00:00"})
    replies = iter((moment, None, moment))
    with scripted_api(lambda _: next(replies)) as lab:
        clock = LabTimeClock(f"{lab.url}/clock")
        assert clock.now() == clock.now()
        assert len(lab.asked) == 3


def test_run_ids_are_16_hexadecimal_digits_and_differ() -> None:
    ids = {SystemEntropy().run_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(len(one) == 16 and set(one) <= set("0123456789abcdef") for one in ids)


def test_results_come_in_the_order_of_the_items() -> None:
    def call(item: int) -> int:
        time.sleep(0.002 * (5 - item))
        return item * item

    assert Threads(5).map(call, range(5)) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("workers", [1, 4])
def test_the_first_error_is_raised_after_all_have_ended(workers: int) -> None:
    ended: list[int] = []

    def call(item: int) -> None:
        if item in (1, 2):
            raise ValueError(str(item))
        time.sleep(0.01)
        ended.append(item)

    with pytest.raises(ValueError, match="1"):
        Threads(workers).map(call, [0, 1, 2, 3, 4])
    assert sorted(ended) == [0, 3, 4]


def test_no_more_calls_run_side_by_side_than_workers() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def call(_: int) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1

    Threads(3).map(call, range(20))
    assert most[0] == 3


def test_a_call_that_maps_again_does_not_wait_for_itself() -> None:
    tasks = Threads(2)
    assert tasks.map(lambda a: sum(tasks.map(lambda b: a * b, [1, 2, 3])), [1, 2, 3, 4]) == [
        6,
        12,
        18,
        24,
    ]


def test_nothing_to_do_gives_nothing() -> None:
    assert Threads().map(str, []) == []
