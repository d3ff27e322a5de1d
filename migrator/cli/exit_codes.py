"""The exit codes: one table, used by the help page, the tests and the documentation.

Every :class:`~migrator.errors.MigratorError` carries its own; the rest is decided in ``main``.
"""

from collections.abc import Mapping

DONE = 0
FAILED = 1
CHANGES_PENDING = 2
BLOCKED = 3
REFUSED = 4
CHANGED = 5
UNPROVEN = 6
INTERRUPTED = 7
FLEET_INCOMPLETE = 8
USAGE = 64

MEANING: Mapping[int, str] = {
    DONE: "done, or nothing to do",
    FAILED: "failed, or unknown",
    CHANGES_PENDING: "changes are pending, or found (plan and drift --detailed-exitcode only)",
    BLOCKED: "findings that a person must decide block the plan",
    REFUSED: "refused by a gate, or a question without an answer",
    CHANGED: "the cluster changed since the plan; what changed is printed",
    UNPROVEN: "verification failed",
    INTERRUPTED: "not finished (interrupted, a proof is open, a bridge is left); the same command "
    "continues",
    FLEET_INCOMPLETE: "some clusters of a fleet are not done",
    USAGE: "wrong usage",
}


def epilog() -> str:
    """The table as the end of a help page; click keeps lines as they are after a backspace
    character.
    """
    return "\b\nExit codes:\n" + "\n".join(
        f"  {code:>2}  {meaning}" for code, meaning in MEANING.items()
    )
