"""A cluster's public endpoint in memory, for commands that open it: killed at any effect, or taking
turns with another command at any call.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal

from migrator.errors import Failed
from migrator.model.opened_endpoint import (
    EndpointSeen,
    Opening,
    openings_in,
    tag_key,
    tag_value,
    with_listed,
)
from migrator.model.proposal import Proposal
from migrator.run.open_endpoint import OpenPorts
from tests.support.memory_ports import MemoryStore

AT = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
MINE = "198.51.100.7"
BEFORE = ("203.0.113.0/24",)
UPDATE = timedelta(seconds=8)  # how long an update runs


class Killed(BaseException):
    """The process ends here: nothing after this runs, no clean-up either."""


@dataclass
class Endpoint:
    """The cluster: its list, its tags, and its updates, each with its end. ``on_the_wire``: a
    request whose caller is interrupted arrives so much later; None where it never arrives.
    """

    cidrs: tuple[str, ...] = BEFORE
    tags: dict[str, str] = field(default_factory=dict)
    public: bool = True
    family: str = "ipv4"
    now: datetime = AT
    updates: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    store: MemoryStore = field(default_factory=MemoryStore)
    asked: list[str] = field(default_factory=list)
    on_the_wire: timedelta | None = None

    @property
    def openings(self) -> tuple[Opening, ...]:
        return with_listed(openings_in(self.tags), self.effective)

    @property
    def effective(self) -> tuple[str, ...]:
        """Who is admitted now: an update counts when it has ended."""
        found = self.cidrs
        for done, cidrs in self.updates:
            if done <= self.now:
                found = cidrs
        return found

    @property
    def is_changing(self) -> bool:
        """Whether an update runs."""
        return any(done - UPDATE <= self.now < done for done, _ in self.updates)


@dataclass
class Command:
    """One command on the endpoint: its ports. ``before`` is called before each call that reads or
    changes anything (``effect`` True); it may raise ``Killed``.
    ``wait`` is called when it sleeps: time passes for all commands.
    """

    endpoint: Endpoint
    process: str
    before: Callable[[bool], None] = lambda _: None
    wait: Callable[[], None] = lambda: None
    dead: bool = False
    address: str = MINE
    answer: bool = True
    said: list[str] = field(default_factory=list)

    def ports(self) -> OpenPorts:
        self.endpoint.alive.add(self.process)
        return OpenPorts(
            access=self,
            updates=self,
            source=self,
            store=_Store(self),
            approver=self,
            events=self,
            clock=self,
            cluster="prod",
            caller="arn:aws:sts::111122223333:assumed-role/operator/me",
            process=self.process,
            runs=lambda mark: mark in self.endpoint.alive,
        )

    def step(self, effect: bool) -> None:
        # A killed process takes no further step: its clean-up does not run.
        if self.dead:
            raise Killed
        try:
            self.before(effect)
        except Killed:
            self.dead = True
            self.endpoint.alive.discard(self.process)
            raise

    def read(self) -> EndpointSeen:
        self.step(False)
        here = self.endpoint
        return EndpointSeen(here.public, False, here.effective, here.family, here.openings)

    def set_public_cidrs(self, cidrs: Sequence[str], *, token: str) -> str:
        here = self.endpoint
        try:
            self.step(True)
        except KeyboardInterrupt:
            if here.on_the_wire is not None:
                here.updates.append((here.now + here.on_the_wire + UPDATE, tuple(cidrs)))
            raise
        if here.is_changing:
            raise Failed("update-in-progress", "Another update runs.")
        if tuple(cidrs) == here.effective:
            raise Failed("aws-refused", "Cluster is already at the desired configuration.")
        here.updates.append((here.now + UPDATE, tuple(cidrs)))
        return str(len(here.updates) - 1)

    def is_changing(self) -> bool:
        self.step(False)
        return self.endpoint.is_changing

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        self.step(False)
        done = self.endpoint.updates[int(update_id)][0] <= self.endpoint.now
        return ("Successful" if done else "InProgress"), []

    def write_opening(self, opening: Opening) -> None:
        self.step(True)
        self.endpoint.tags[tag_key(opening.run)] = tag_value(opening)

    def remove_opening(self, run: str) -> None:
        self.step(True)
        self.endpoint.tags.pop(tag_key(run), None)

    def now(self) -> datetime:
        return self.endpoint.now

    def sleep(self, duration: timedelta) -> None:
        self.step(False)
        self.endpoint.now += duration
        self.wait()

    def public_address(self) -> str | None:
        return self.address

    def show(self, proposal: Proposal) -> None:
        raise AssertionError(proposal)

    def confirm(self, question: str) -> None:
        self.endpoint.asked.append(question)

    def type_again(self, what: str, expected: str) -> None:
        raise AssertionError(what)

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **_about: str,
    ) -> None:
        self.said.append(message)

    def doing(self, what: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing."""


class _Store(MemoryStore):
    """The state of the endpoint's cluster, whose lines are effects of the command."""

    def __init__(self, command: Command) -> None:
        super().__init__(files=command.endpoint.store.files)
        self._command = command

    def append_line(self, name: str, line: bytes) -> None:
        self._command.step(True)
        super().append_line(name, line)


class Turns:
    """Two commands in threads, of which one takes a step at a time.

    ``switches`` are the numbers of steps, counted over both, before which the other one gets its
    turn. A command that ends or sleeps gives the turn away. Until the step ``alone`` the first
    command works and the second has not begun.
    """

    def __init__(self, switches: Sequence[int], alone: int = 0) -> None:
        self._switches = {*switches, alone}
        self._alone = alone
        self._condition = threading.Condition()
        self._turn = 0
        self.count = 0
        self._ended: set[int] = set()

    def before(self, me: int) -> None:
        """Wait for the turn; give it away first where the schedule says so."""
        with self._condition:
            self._wait_for(me)
            self.count += 1
            if self.count in self._switches:
                self._give_away(me)

    def sleep(self, me: int) -> None:
        """Give the turn away."""
        with self._condition:
            self._give_away(me)

    def end(self, me: int) -> None:
        """The command takes no further step."""
        with self._condition:
            self._ended.add(me)
            self._turn = 1 - me
            self._condition.notify_all()

    def _give_away(self, me: int) -> None:
        if self._ended or self.count < self._alone:
            return
        self._turn = 1 - me
        self._condition.notify_all()
        self._wait_for(me)

    def _wait_for(self, me: int) -> None:
        if not self._condition.wait_for(lambda: self._turn == me, timeout=30):
            raise AssertionError("both commands wait")
