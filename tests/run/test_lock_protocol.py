"""The lock's protocol under schedules: contenders that interleave, pause, die and are suspended;
never two holders.

Every request and every wait is a point where another contender may go on and time may pass. The
schedule is drawn from a seed; the same seed gives the same run.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest

from migrator.decide.running.lock_protocol import LEASE_SECONDS, MARGIN_SECONDS, TAG_SETTLE_SECONDS
from migrator.errors import Failed, Interrupted, MigratorError, Refused
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.run.lock_cluster import Hold, LeasedLock, LockPorts
from tests.support.memory_ports import MemoryEvents

START = datetime(2026, 11, 22, tzinfo=timezone.utc)
# seconds: the bound on pauses; a settled tag allows TAG_SETTLE_SECONDS / 2, a Lease the margin
LONGEST_REQUEST = 4.0
assert min(MARGIN_SECONDS, TAG_SETTLE_SECONDS / 2) > LONGEST_REQUEST


class Died(BaseException):
    """The process of a contender was killed."""


@dataclass
class Place:
    """Where a lock is written down: with compare-and-set as a Lease, without as a tag."""

    settle_seconds: float
    value: LockSeen | None = None
    writes: int = 0


@dataclass
class World:
    """Simulated time, and the contenders' turns."""

    draw: random.Random
    now: float = 0.0
    lease: Place = field(default_factory=lambda: Place(0.0))
    tag: Place = field(default_factory=lambda: Place(TAG_SETTLE_SECONDS))
    writing: list[tuple[str, float]] = field(
        default_factory=list
    )  # who, until when its write may land
    overlaps: list[str] = field(default_factory=list)
    held: int = 0
    current: "Contender | None" = None


class Contender:
    """One run: takes the lock, writes and renews for a while, lets it go, or dies."""

    def __init__(
        self, world: World, name: str, *, lease: str = "writes", dies: float = 0.0
    ) -> None:
        self.world, self.name, self.dies = world, name, dies
        self.wake = 0.0
        self.turn, self.back = threading.Semaphore(0), threading.Semaphore(0)
        self.over = False
        self.error: BaseException | None = None
        self.events = MemoryEvents()
        self.ports = LockPorts(
            lease=Records(self, world.lease, lease),
            tag=Records(self, world.tag, "writes"),
            time=Time(self),
            events=self.events,
            runs=lambda _mark: None,
            this_holder=LockHolder,
        )
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def point(self, seconds: float) -> None:
        """Let the others go on; come back after so many seconds at the earliest."""
        self.wake = self.world.now + seconds
        self.back.release()
        self.turn.acquire()
        if self.dies and self.world.draw.random() < self.dies:
            raise Died

    def request(self) -> None:
        self.point(self.world.draw.uniform(0, LONGEST_REQUEST / 2))

    def run(self) -> None:
        self.turn.acquire()
        try:
            self.hold_once()
        except (MigratorError, Died) as ended:
            self.error = ended
        except BaseException as broken:
            self.error = broken
        self.over = True
        self.back.release()

    def hold_once(self) -> None:
        lock, world = LeasedLock(self.ports), self.world
        hold = lock.acquire(LockHolder(f"{self.name}@here/1", token=self.name))
        try:
            hold.first_look()
            for _ in range(world.draw.randint(1, 8)):
                hold.check()
                self.write()
                self.point(world.draw.choice((0.0, 1.0, 5.0, 12.0)))
                if (
                    world.draw.random() < 0.7
                ):  # renewals fail at times, and the machine sleeps at times
                    self.renewed(hold)
                elif world.draw.random() < 0.2:
                    self.point(3.0 * LEASE_SECONDS)
        except Died:
            raise
        except BaseException:
            hold.release()
            raise
        hold.release()

    def renewed(self, hold: Hold) -> None:
        hold.renew()
        hold.look_for_tag(first=False)

    def write(self) -> None:
        """A write of the run begins now, and lands within the margin."""
        world = self.world
        world.held += 1
        lands = world.now + LONGEST_REQUEST
        world.overlaps += [
            f"{self.name} writes at {world.now:.1f} while {who} may until {until:.1f}"
            for who, until in world.writing
            if who != self.name and until > world.now
        ]
        world.writing.append((self.name, lands))


@dataclass
class Time:
    owner: Contender

    def seconds(self) -> float:
        return self.owner.world.now

    def wait(self, seconds: float) -> None:
        self.owner.point(seconds)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.owner.world.now)


@dataclass
class Records:
    """LockRecords; ``may``: writes, reads, nothing."""

    owner: Contender
    where: Place
    may: str

    @property
    def place(self) -> str:
        return "tag" if self.where.settle_seconds else "Lease"

    @property
    def settle_seconds(self) -> float:
        return self.where.settle_seconds

    def read(self) -> LockSeen | None:
        self.owner.request()
        if self.may == "nothing":
            raise Failed("kubernetes-denied", "get leases")
        found = self.where.value
        self.owner.request()
        return found

    def write(self, record: LockRecord, *, over: str | None) -> str:
        if self.may != "writes":
            raise Failed("kubernetes-denied", "create leases")
        if self.where.settle_seconds:  # look, then write: no compare-and-set
            self._expect(over)
            self.owner.request()
        else:
            self.owner.request()
            self._expect(over)
        self.where.writes += 1
        version = f"v{self.where.writes}"
        self.where.value = LockSeen(record, version, self.place)
        self.owner.request()
        return version

    def clear(self, *, version: str) -> None:
        self.owner.request()
        self._expect(version)
        self.where.value = None

    def _expect(self, version: str | None) -> None:
        found = self.where.value
        if (found.version if found else None) != version:
            raise Failed("lock-changed", "changed")


def run_schedule(seed: int, make: Callable[[World], list[Contender]]) -> World:
    world = World(random.Random(seed))
    contenders = make(world)
    for _ in range(5_000):
        going = [each for each in contenders if not each.over]
        if not going:
            break
        ready = [each for each in going if each.wake <= world.now]
        if not ready:
            world.now = min(each.wake for each in going)
            continue
        chosen = world.draw.choice(ready)
        chosen.turn.release()
        chosen.back.acquire()
    for each in contenders:
        assert each.over, f"seed {seed}: {each.name} never ends"
        assert each.error is None or isinstance(each.error, (Refused, Interrupted, Died)), (
            seed,
            each.error,
        )
    return world


KINDS: dict[str, Callable[[World], list[Contender]]] = {
    "two by the Lease": lambda world: [
        Contender(world, "a", dies=0.02),
        Contender(world, "b", dies=0.02),
    ],
    "three by the Lease": lambda world: [Contender(world, name, dies=0.02) for name in "abc"],
    "two by the tag": lambda world: [
        Contender(world, name, lease="nothing", dies=0.02) for name in "ab"
    ],
    "one by each": lambda world: [
        Contender(world, "a", dies=0.02),
        Contender(world, "b", lease="nothing", dies=0.02),
    ],
    "one reads the Lease": lambda world: [
        Contender(world, "a", dies=0.02),
        Contender(world, "b", lease="reads"),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_holders_at_once(kind: str) -> None:
    held = 0
    for seed in range(150):
        world = run_schedule(seed, KINDS[kind])
        assert world.overlaps == [], (kind, seed)
        held += world.held
    assert held > 150  # the schedules let runs write
