"""What can go wrong, written so that an operator can act on it at 3 a.m.

One root, :class:`MigratorError`: what happened, why, what to do, a stable code and the exit code.
Every subclass is one exit code of the command line, so an error is born with the answer a pipeline
needs. Exceptions of other libraries stop at the adapter that meets them and become one of these.
"""

import sys
from typing import ClassVar, NoReturn

if sys.version_info >= (3, 11):
    from typing import assert_never
else:  # pragma: no cover - Python 3.10 only

    def assert_never(value: NoReturn, /) -> NoReturn:
        """Tell the type checker, and a wrong program, that this place cannot be reached."""
        raise AssertionError(f"unreachable: {value!r}")


__all__ = [
    "Blocked",
    "Changed",
    "Failed",
    "FleetIncomplete",
    "Interrupted",
    "MigratorError",
    "Refused",
    "Unproven",
    "WrongUse",
    "assert_never",
]


class MigratorError(Exception):
    """Root of everything this package raises on purpose.

    ``code`` is stable (kebab-case, for example ``cluster-not-found``); ``message`` says what,
    ``why`` says why, ``remedy`` says what to do. Each is one line of plain text; foreign text in
    them is escaped by the code that prints them, never here.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        code: str,
        message: str,
        *,
        why: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message


class Failed(MigratorError):
    """It was tried and did not work, or the input cannot be used (exit code 1)."""

    exit_code = 1


class Blocked(MigratorError):
    """The plan holds findings that a person must decide first (exit code 3)."""

    exit_code = 3


class Refused(MigratorError):
    """A gate refused: nothing was done (exit code 4)."""

    exit_code = 4


class Changed(MigratorError):
    """The cluster is no longer the one the plan was made for (exit code 5)."""

    exit_code = 5


class Unproven(MigratorError):
    """Verification failed: the access of a principal differs, or could not be shown (exit code
    6).
    """

    exit_code = 6


class Interrupted(MigratorError):
    """Stopped on the way; the same command continues from here (exit code 7)."""

    exit_code = 7


class FleetIncomplete(MigratorError):
    """Some clusters of a fleet are not done (exit code 8)."""

    exit_code = 8


class WrongUse(MigratorError):
    """The command line or the library was called wrongly (exit code 64)."""

    exit_code = 64
