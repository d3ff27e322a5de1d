"""Told to end on the way: what has begun comes to its end, nothing more begins, and the same
command goes on.
"""

import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from migrator.adapters.tasks_threads import Threads
from migrator.errors import Interrupted
from migrator.model.access_entry import EntrySpec
from migrator.run.apply_plan import apply_plan
from tests.run.test_apply_plan import oracle, reference, run_to_the_end
from tests.support.memory_ports import MemoryEntries
from tests.support.memory_runs import DEVS, DIGEST, World, company


@dataclass
class Slow(MemoryEntries):
    """Making the developers' entry takes its time, in which the whole run is interrupted."""

    begun: threading.Event
    interrupted: threading.Event

    def create(
        self, principal_arn: str, entry: EntrySpec, *, tags: Mapping[str, str], token: str
    ) -> None:
        if principal_arn == DEVS:
            self.begun.set()
            assert self.interrupted.wait(10)
            time.sleep(0.05)  # it is known by now that nothing more is to begin
        super().create(principal_arn, entry, tags=tags, token=token)


class CtrlC(Threads):
    """Threads whose caller is interrupted while an entry is being made."""

    def __init__(self, begun: threading.Event, interrupted: threading.Event) -> None:
        super().__init__(8)
        self.begun, self.interrupted = begun, interrupted

    def map(self, call, items):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        if DEVS not in items:
            return super().map(call, items)
        for item in items:
            threading.Thread(target=call, args=(item,), daemon=True).start()
        assert self.begun.wait(10)
        self.interrupted.set()
        raise KeyboardInterrupt


def test_what_has_begun_comes_to_its_end_and_nothing_more_begins() -> None:
    end, effects = reference()
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    begun, interrupted = threading.Event(), threading.Event()
    ports = replace(
        world.ports(), entries=Slow(cluster, begun, interrupted), tasks=CtrlC(begun, interrupted)
    )
    others = {*threading.enumerate()}  # of tests before this one
    outcome = apply_plan(plan, DIGEST, ports)
    assert outcome.exit_code == 7
    assert isinstance(outcome.error, Interrupted)
    assert cluster.effects.count(f"create {DEVS}") == 1
    assert f"update {DEVS}" not in cluster.effects
    *_, made, ended = world.store.journal()
    assert (made.event, ended.event, ended.effect) == ("done", "run-ended", {"exit": 7})
    for thread in {*threading.enumerate()} - others:
        thread.join(10)
        assert not thread.is_alive()
    run_to_the_end(world, plan)
    assert cluster.describe() == end
    assert sorted(cluster.effects) == sorted(effects)


def test_threads_that_are_interrupted_begin_nothing_more() -> None:
    began: list[int] = []
    free = threading.Event()

    def call(number: int) -> None:
        began.append(number)
        if number == 0:
            signal.raise_signal(signal.SIGINT)
        free.wait(10)

    with pytest.raises(KeyboardInterrupt):
        Threads(2).map(call, range(20))
    free.set()
    assert len(began) <= 2
