"""The log of effects, and the hook that kills a client at its n-th effect.

Every state-changing call of a client, on the AWS side and on the Kubernetes side, runs inside
:meth:`EffectLog.perform`. Effects are numbered from 1 in the order in which they happen. A kill
order names the client's process and an effect ``k``: with ``answer-lost`` the process dies after
effect ``k`` is done and before it is answered; with ``before-next`` it dies when effect ``k + 1``
has arrived and is not done.

The Lease by which runs of ``migrate`` lock a cluster is no effect: it is renewed by time, and a
number of an effect would mean another one in each run. :attr:`EffectLog.lock_writes` counts its
writes.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from migrator.lab.worlds.clock import LabClock
from migrator.model.cluster_lock import LEASE_NAME

KillPoint: TypeAlias = Literal["answer-lost", "before-next"]


@dataclass(frozen=True, slots=True)
class Effect:
    """One change of state that a client caused. ``at`` is lab time; ``who`` the caller's ARN or
    Kubernetes username.
    """

    n: int
    at: datetime
    who: str
    operation: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KillOrder:
    """Kill process ``pid`` with SIGKILL at effect ``after``, counted over the whole log."""

    pid: int
    after: int
    point: KillPoint


class ClientKilledError(Exception):
    """The client is dead: drop the connection without an answer."""


class EffectLog:
    """All effects of a lab. ``lock`` is the world's: an effect and its number are one."""

    def __init__(self, clock: LabClock, lock: "threading.RLock") -> None:
        self._clock = clock
        self._lock = lock
        self._effects: list[Effect] = []
        self._kill: KillOrder | None = None
        self.lock_writes = 0
        self.listeners: list[
            Callable[[Effect], None]
        ] = []  # called after every effect, lock held: the oracle's place

    def __len__(self) -> int:
        return len(self._effects)

    def all(self, since: int = 0) -> list[Effect]:
        """Effects with a number greater than ``since``."""
        with self._lock:
            return self._effects[since:]

    def order_kill(self, pid: int, after: int, point: KillPoint) -> None:
        """Arm the hook; it fires once. Only a process other than the lab's own can be named."""
        if pid <= 1 or pid == os.getpid():
            raise ValueError("the kill hook kills a client, never the lab itself")
        with self._lock:
            self._kill = KillOrder(pid, after, point)

    def cancel_kill(self) -> None:
        """Disarm the hook."""
        with self._lock:
            self._kill = None

    @property
    def kill_armed(self) -> bool:
        """Whether a kill order waits for its effect."""
        return self._kill is not None

    @contextmanager
    def perform(
        self, who: str, operation: str, detail: Mapping[str, Any] | None = None
    ) -> Iterator[None]:
        """Run one effect: counted when the body returns, not when it raises.

        Raises :class:`ClientKilledError` when the kill hook fired: before the body (then nothing is
        done) or after it (then it is done and counted). The server answers with a dropped
        connection.
        """
        if operation.endswith(" leases") and (detail or {}).get("name") == LEASE_NAME:
            yield
            self.lock_writes += 1
            return
        with self._lock:
            if self._due("before-next", len(self._effects)):
                self._fire()
            yield
            effect = Effect(
                len(self._effects) + 1, self._clock.now(), who, operation, dict(detail or {})
            )
            self._effects.append(effect)
            for listener in self.listeners:
                listener(effect)
            if self._due("answer-lost", effect.n):
                self._fire()

    def _due(self, point: KillPoint, count: int) -> bool:
        if self._kill is None or self._kill.point != point:
            return False
        return count >= self._kill.after

    def _fire(self) -> None:
        order, self._kill = self._kill, None
        if order is not None:
            try:
                os.kill(order.pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # the process has already ended: the effect continues
            raise ClientKilledError
