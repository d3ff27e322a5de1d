"""Several who wait on a lab's clock: nobody is flown past, and nobody waits longer than all of them
must.
"""

import threading
from datetime import datetime, timedelta, timezone

from migrator.fleet.adapters.shared_lab_time import SharedLabTime

START = datetime(2026, 11, 22, tzinfo=timezone.utc)


class Stepped:
    """Time that goes on only when somebody sleeps; every step is kept."""

    def __init__(self) -> None:
        self.at = START
        self.steps: list[float] = []

    def now(self) -> datetime:
        return self.at

    def sleep(self, duration: timedelta) -> None:
        self.steps.append(duration.total_seconds())
        self.at += duration


def test_one_alone_steps_at_once() -> None:
    clock = Stepped()
    shared = SharedLabTime(clock)
    with shared.part() as mine:
        mine.sleep(timedelta(seconds=15))
    assert clock.steps == [15.0]


def test_time_stands_while_anybody_is_busy_and_goes_on_when_all_wait() -> None:
    clock = Stepped()
    shared = SharedLabTime(clock)
    woken: list[tuple[str, float]] = []
    free = threading.Event()

    def wait(name: str, seconds: float) -> None:
        with shared.part() as mine:
            mine.sleep(timedelta(seconds=seconds))
            woken.append((name, (clock.now() - START).total_seconds()))

    with shared.part():
        threads = [
            threading.Thread(target=wait, args=each) for each in (("short", 10.0), ("long", 25.0))
        ]
        for thread in threads:
            thread.start()
        free.wait(0.2)
        assert (clock.steps, woken) == ([], [])  # this one is busy
    for thread in threads:
        thread.join(10)
    assert woken == [("short", 10.0), ("long", 25.0)]
    assert clock.steps == [10.0, 15.0]


def test_side_by_side_sleeps_do_not_add_up() -> None:
    clock = Stepped()
    shared = SharedLabTime(clock)
    begin = threading.Barrier(5)

    def beat() -> None:
        with shared.part() as mine:
            begin.wait(10)
            for _ in range(20):
                mine.sleep(timedelta(seconds=15))

    threads = [threading.Thread(target=beat) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert clock.now() - START < timedelta(seconds=15 * 20 + 15 * 5)
