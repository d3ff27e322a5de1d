"""The one place that reads the clock and draws random names.

Time is machine time, except in the lab: where ``MIGRATE_CLOCK_URL`` names a lab's clock on this
machine, now and sleep follow lab time, so that propagation and soak periods can be stepped over.
Signatures stay on machine time (:func:`machine_time`), in the lab too.
"""

import contextlib
import http.client
import json
import os
import secrets
import time
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from migrator.adapters.foreign_text import foreign
from migrator.adapters.http_heads import response_class
from migrator.adapters.lab_folder import lab_is_down
from migrator.errors import Failed, WrongUse
from migrator.model.moments import moment_of_text
from migrator.ports import Clock

VARIABLE = "MIGRATE_CLOCK_URL"
_ANSWER_SECONDS = 30


def machine_time() -> datetime:
    """Now on this machine, in UTC, whatever a lab says: what signatures are dated with."""
    return datetime.now(timezone.utc)


class SteadyTime:
    """:class:`migrator.ports.MachineTime`. It counts the time that the machine was suspended, too:
    a lock that was not renewed meanwhile is over (clock_gettime(2): CLOCK_MONOTONIC of Linux stops,
    CLOCK_BOOTTIME does not).
    """

    def seconds(self) -> float:
        """Seconds since the machine was started."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def wait(self, seconds: float) -> None:
        """Wait; not at all for a negative duration."""
        time.sleep(max(0.0, seconds))

    def now(self) -> datetime:
        """Now, in UTC."""
        return machine_time()


class SystemEntropy:
    """:class:`migrator.ports.Entropy` from the operating system."""

    def run_id(self) -> str:
        """16 lower-case hexadecimal digits that cannot be guessed."""
        return secrets.token_hex(8)


def open_clock(environment: Mapping[str, str]) -> Clock:
    """The machine's clock, or the lab's where the environment names it."""
    url = environment.get(VARIABLE)
    return _lab_clock(url) if url else MachineClock()


def open_waiting_clock(environment: Mapping[str, str]) -> Clock:
    """A clock for a process that only watches: its pauses take machine time and never step a lab
    on.
    """
    url = environment.get(VARIABLE)
    return WaitingClock(LabTimeClock(url)) if url else MachineClock()


class WaitingClock:
    """Lab time to look at, machine time to wait: a fifth of a second a pause, because lab time may
    fly.
    """

    def __init__(self, lab: "LabTimeClock") -> None:
        self._lab = lab

    def now(self) -> datetime:
        """Lab time, in UTC."""
        return self._lab.now()

    def sleep(self, duration: timedelta) -> None:
        """Wait a moment."""
        time.sleep(max(0.0, min(0.2, duration.total_seconds())))


class MachineClock:
    """Machine time."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return machine_time()

    def sleep(self, duration: timedelta) -> None:
        """Wait; not at all for a negative duration."""
        time.sleep(max(0.0, duration.total_seconds()))


class LabTimeClock:
    """Lab time, asked from a lab on this machine: ``GET`` reads it, ``POST`` steps it.

    Sleeping steps the lab to the moment when the sleep would end, so that concurrent sleeps do not
    add up.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise WrongUse(
                "clock-url-invalid",
                f"{VARIABLE} must be an http:// address of a lab on this machine.",
                why=foreign(url),
                remedy=f"Unset {VARIABLE}",
            )
        self._netloc, self._path = parts.netloc, parts.path or "/"
        # A command asks for the time hundreds of times.
        self._idle: list[http.client.HTTPConnection] = []
        weakref.finalize(self, _close_all, self._idle)

    def now(self) -> datetime:
        """Lab time, in UTC."""
        return self._moment(self._ask("GET", None))

    def sleep(self, duration: timedelta) -> None:
        """Step the lab to where it would be after the sleep."""
        if duration > timedelta(0):
            self._ask("POST", {"advanceTo": (self.now() + duration).isoformat()})

    def _ask(self, method: str, body: Mapping[str, str] | None) -> Mapping[str, Any]:
        content = None if body is None else json.dumps(body)
        try:
            status, text = self._answer(method, content)
            if status != 200:
                raise self._failed(f"HTTP {status}: {text[:200]!r}")
            document = json.loads(text)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._failed(error) from error
        if not isinstance(document, dict):
            raise self._failed("the answer is no JSON object")
        return document

    def _answer(self, method: str, content: str | None) -> tuple[int, bytes]:
        """Status and body. A connection that was kept may have ended: then once more on a new one;
        to step the lab to a moment twice is to step it once.
        """
        with contextlib.suppress(IndexError, OSError, http.client.HTTPException):
            return self._answer_on(self._idle.pop(), method, content)
        connection = http.client.HTTPConnection(self._netloc, timeout=_ANSWER_SECONDS)
        connection.response_class = response_class()
        return self._answer_on(connection, method, content)

    def _answer_on(
        self, connection: http.client.HTTPConnection, method: str, content: str | None
    ) -> tuple[int, bytes]:
        try:
            connection.request(method, self._path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status, text

    def _moment(self, document: Mapping[str, Any]) -> datetime:
        try:
            return moment_of_text(str(document["now"])).astimezone(timezone.utc)
        except (KeyError, ValueError) as error:
            raise self._failed(error) from error

    @staticmethod
    def _failed(why: object) -> Failed:
        return lab_is_down(os.environ) or Failed(
            "lab-clock-unreachable",
            "The lab's clock does not answer.",
            why=foreign(why),
            remedy=f"Start the lab again, or unset {VARIABLE} when this is no lab.",
        )


@lru_cache(maxsize=4)
def _lab_clock(url: str) -> LabTimeClock:
    """One clock of a lab for a process, with its connections."""
    return LabTimeClock(url)


# A process that is forked off must not ask over the connections of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lab_clock.cache_clear)


def _close_all(connections: Sequence[http.client.HTTPConnection]) -> None:
    for connection in connections:
        connection.close()
