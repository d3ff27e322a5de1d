"""Processes: the real workflows, each stopped at every call, and never run twice for the same
answers.

A process is told apart by its command and the answers that it had so far: nothing else can change
what it does next. So the processes form a tree, in which each branch is run once, whatever the
interleaving that it is met in. A workflow is a coroutine that waits at its call; where another
branch has taken the coroutine along, a new one is fed the same answers up to the same call.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from greenlet import greenlet

from migrator.errors import MigratorError
from tests.exploring.fingerprint import content, fingerprint
from tests.exploring.ports import Call, Wire

# One that waits takes 20 KiB; one that has to be run again takes as long as all its calls before.
MOST_WAITING = 4_000


class Ended(BaseException):
    """The process is over: no ``except Exception`` of the product may see it."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a workflow ended: its exit code, why, and whether anything was left that it was to do."""

    code: int
    why: str = ""
    left: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with: a value or an error, and the second it is then. ``key`` stands
    for it.
    """

    value: Any
    key: Hashable
    now: int
    error: MigratorError | None = None


Workflow = Callable[[Wire, int], Exit]


class _Coroutine:
    """A workflow that runs until its next call; it is its own wire. It has a stack of its own in
    the one thread of the test: to go on in it wakes up nobody.
    """

    def __init__(self, workflow: Workflow, now: int, seed: int) -> None:
        self.now = now
        self.marked = (
            True  # whether its stack is looked at: not while it is fed what another was told before
        )
        self.print = 0
        self._seed = seed
        self._asker = greenlet.getcurrent()
        self._stack = greenlet(self._run)
        self._found: Call | Exit | BaseException | None = self._stack.switch(workflow, seed)

    def _run(self, workflow: Workflow, seed: int) -> Exit | BaseException | None:
        try:
            return workflow(self, seed)
        except Ended:
            return None
        except BaseException as error:
            return error

    def call(self, *call: Any) -> Any:  # noqa: ANN401 - each call has its own answer
        self.print = fingerprint(sys._getframe(1), self.now, self._seed) if self.marked else 0
        answer: Answer | None = self._asker.switch(call)
        if answer is None:
            raise Ended
        self.now = answer.now
        if answer.error is not None:
            raise answer.error
        return answer.value

    def pending(self) -> Call | Exit:
        found = self._found
        if isinstance(found, BaseException):
            raise found
        assert found is not None
        return found

    def answer(self, answer: Answer) -> None:
        self._found = self._stack.switch(answer)

    def end(self) -> None:
        # a context manager on the way out may ask for one more thing
        while not self._stack.dead:
            self._stack.switch(None)


@dataclass(eq=False, slots=True)
class Process:
    """A workflow at a call, or at its end. Compared by identity: there is one for each history."""

    pool: "Pool"
    pending: Call | Exit
    kind: Hashable
    root: tuple[Workflow, int, int] = field(repr=False)
    parent: "Process | None" = field(default=None, repr=False)
    answered: Answer | None = field(default=None, repr=False)
    children: dict[Hashable, "Process"] = field(default_factory=dict, repr=False)

    def after(self, answer: Answer) -> "Process":
        """The process once its call was answered."""
        key = (answer.key, answer.now)
        child = self.children.get(key)
        if child is None:
            child = self.children[key] = self.pool.advance(self, answer)
        return child


class Pool:
    """The tree of processes, and the coroutines that wait in it. ``merges``: whether processes that
    can only go on alike are taken for one; without it nothing but their histories tells them apart.
    """

    def __init__(self, *, merges: bool = True) -> None:
        self.merges = merges
        self.roots: dict[Hashable, Process] = {}
        self.waiting: OrderedDict[Process, _Coroutine] = OrderedDict()
        self.alike: dict[Hashable, Process] = {}
        self.replays = self.processes = 0

    def start(self, workflow: Workflow, key: Hashable, now: int, seed: int) -> Process:
        """A new process, at its first call."""
        name = (key, now, seed)
        if name not in self.roots:
            coroutine = _Coroutine(workflow, now, seed)
            self.roots[name] = self._waiting(
                Process(self, coroutine.pending(), key, (workflow, now, seed)), coroutine
            )
        return self.roots[name]

    def advance(self, process: Process, answer: Answer) -> Process:
        """Answer the call that the process waits at, and run it to its next one."""
        coroutine = self.waiting.pop(process, None) or self._replayed(process)
        coroutine.marked = True
        coroutine.answer(answer)
        pending = coroutine.pending()
        # what it would do next, and what it can still depend on: one such process stands for all of
        # them
        name = (process.kind, coroutine.print, 0 if isinstance(pending, Exit) else content(pending))
        child = None if isinstance(pending, Exit) or not self.merges else self.alike.get(name)
        if child is None:
            self.processes += 1
            child = Process(self, pending, process.kind, process.root, process, answer)
            if not isinstance(pending, Exit):
                self.alike[name] = child
        elif child in self.waiting:
            coroutine.end()
            return child
        return self._waiting(child, coroutine)

    def _waiting(self, process: Process, coroutine: _Coroutine) -> Process:
        if not isinstance(process.pending, Exit):
            self.waiting[process] = coroutine
            if len(self.waiting) > MOST_WAITING:
                self.waiting.popitem(last=False)[1].end()
        return process

    def _replayed(self, process: Process) -> _Coroutine:
        self.replays += 1
        answers = []
        at: Process | None = process
        while at is not None and at.answered is not None:
            answers.append(at.answered)
            at = at.parent
        coroutine = _Coroutine(*process.root)
        coroutine.marked = False
        coroutine.pending()
        for answer in reversed(answers):
            coroutine.answer(answer)
            coroutine.pending()
        return coroutine

    def close(self) -> None:
        """End every coroutine."""
        while self.waiting:
            self.waiting.popitem()[1].end()
