"""Processes: the real workflows, each stopped at every call, and never run twice for the same
answers.

A process is told apart by its command and the answers that it had so far: nothing else can change
what it does next. So the processes form a tree, in which each branch is run once, whatever the
interleaving that it is met in. A workflow runs in a thread of its own that waits at its call; where
another branch has taken the thread along, a new one is fed the same answers up to the same call.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from migrator.errors import MigratorError
from tests.exploring.fingerprint import content, fingerprint
from tests.exploring.ports import Call, Wire

# One that waits takes 20 KiB; one that has to be run again takes as long as all its calls before.
MOST_THREADS = 4_000


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


class _Thread:
    """A workflow that runs until its next call; it is its own wire."""

    def __init__(self, workflow: Workflow, now: int, seed: int) -> None:
        self.now = now
        self.marked = (
            True  # whether its stack is looked at: not while it is fed what another was told before
        )
        self.print = 0
        self._seed = seed
        self._answers: SimpleQueue[Answer | None] = SimpleQueue()
        self._calls: SimpleQueue[Call | Exit | BaseException] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(workflow, seed), daemon=True)
        self._thread.start()

    def _run(self, workflow: Workflow, seed: int) -> None:
        try:
            self._calls.put(workflow(self, seed))
        except Ended:
            pass
        except BaseException as error:
            self._calls.put(error)

    def call(self, *call: Any) -> Any:  # noqa: ANN401 - each call has its own answer
        self.print = fingerprint(sys._getframe(1), self.now, self._seed) if self.marked else 0
        self._calls.put(call)
        answer = self._answers.get()
        if answer is None:
            raise Ended
        self.now = answer.now
        if answer.error is not None:
            raise answer.error
        return answer.value

    def pending(self) -> Call | Exit:
        found = self._calls.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def answer(self, answer: Answer) -> None:
        self._answers.put(answer)

    def end(self) -> None:
        self._answers.put(None)
        # a context manager on the way out may ask for one more thing
        while self._thread.is_alive():
            self._answers.put(None)
            self._thread.join(0.01)


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
    """The tree of processes, and the threads that wait in it. ``merges``: whether processes that
    can only go on alike are taken for one; without it nothing but their histories tells them apart.
    """

    def __init__(self, *, merges: bool = True) -> None:
        self.merges = merges
        self.roots: dict[Hashable, Process] = {}
        self.threads: OrderedDict[Process, _Thread] = OrderedDict()
        self.alike: dict[Hashable, Process] = {}
        self.replays = self.processes = 0

    def start(self, workflow: Workflow, key: Hashable, now: int, seed: int) -> Process:
        """A new process, at its first call."""
        name = (key, now, seed)
        if name not in self.roots:
            thread = _Thread(workflow, now, seed)
            self.roots[name] = self._waiting(
                Process(self, thread.pending(), key, (workflow, now, seed)), thread
            )
        return self.roots[name]

    def advance(self, process: Process, answer: Answer) -> Process:
        """Answer the call that the process waits at, and run it to its next one."""
        thread = self.threads.pop(process, None) or self._replayed(process)
        thread.marked = True
        thread.answer(answer)
        pending = thread.pending()
        # what it would do next, and what it can still depend on: one such process stands for all of
        # them
        name = (process.kind, thread.print, 0 if isinstance(pending, Exit) else content(pending))
        child = None if isinstance(pending, Exit) or not self.merges else self.alike.get(name)
        if child is None:
            self.processes += 1
            child = Process(self, pending, process.kind, process.root, process, answer)
            if not isinstance(pending, Exit):
                self.alike[name] = child
        elif child in self.threads:
            thread.end()
            return child
        return self._waiting(child, thread)

    def _waiting(self, process: Process, thread: _Thread) -> Process:
        if not isinstance(process.pending, Exit):
            self.threads[process] = thread
            if len(self.threads) > MOST_THREADS:
                self.threads.popitem(last=False)[1].end()
        return process

    def _replayed(self, process: Process) -> _Thread:
        self.replays += 1
        answers = []
        at: Process | None = process
        while at is not None and at.answered is not None:
            answers.append(at.answered)
            at = at.parent
        thread = _Thread(*process.root)
        thread.marked = False
        thread.pending()
        for answer in reversed(answers):
            thread.answer(answer)
            thread.pending()
        return thread

    def close(self) -> None:
        """End every thread."""
        while self.threads:
            self.threads.popitem()[1].end()
