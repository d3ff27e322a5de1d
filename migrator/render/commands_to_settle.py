"""The commands that settle what a status or a run names as left, as arguments.

``PLAN`` is the place of the plan's file, which only the caller knows.
"""

from collections.abc import Mapping

from migrator.model.leftover import Leftover
from migrator.model.outcome import RunOutcome, StatusOutcome

PLAN = "PLAN"
_UNFINISHED = 7
# By the first word of what is next, or the command that it begins with (migrator.run.show_status).
_BY_NEXT: Mapping[str, str] = {
    "apply": "apply",
    "prove": "apply",
    "answer": "apply",
    "verify": "verify",
    "rollback": "rollback",
    "cutover": "cutover",
    "retire": "retire",
    "rehearse": "rehearse",
}


def commands_of_status(status: StatusOutcome) -> tuple[tuple[str, ...], ...]:
    """One command for each kind of thing that is left; none unless the status ends with 7."""
    if status.exit_code != _UNFINISHED:
        return ()
    found: dict[tuple[str, ...], None] = {}
    for leftover in status.leftovers:
        command = _of_leftover(leftover, status)
        if command:
            found[command] = None
    if status.overdue:
        found["doctor", status.cluster, "--close-endpoint"] = None
    word = status.next.removeprefix("`migrate ").split(maxsplit=1)[0].rstrip(":")
    if word in _BY_NEXT:
        found[_BY_NEXT[word], PLAN] = None
    return tuple(found)


def commands_of_run(outcome: RunOutcome) -> tuple[tuple[str, ...], ...]:
    """The command that settles what a run that is not finished left: the same one, mostly."""
    if outcome.exit_code != _UNFINISHED:
        return ()
    # All that is left is a bridge of another run, which the same command never removes.
    if outcome.leftovers and not outcome.left and not outcome.outstanding:
        return (("rollback", PLAN, "--leftovers"),)
    return ((outcome.command, PLAN),)


def _of_leftover(leftover: Leftover, status: StatusOutcome) -> tuple[str, ...]:
    """Empty where no command of this cluster settles it: another run has it in use."""
    if leftover.removable:
        # By the plan: it names the Region, too.
        return "rollback", PLAN, "--leftovers"
    if status.run and leftover.run == status.run:
        return ("rollback" if status.command == "rollback" else "apply"), PLAN
    return ()
