"""What commands of a plan began and did not finish, and the command that continues.

A status ends with 0 only where nothing is left to do or to prove, so every state that is not
finished is a line here.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from migrator.decide.running.progress import (
    CUT_OVER,
    RETIRE,
    ROLL_BACK,
    SETTLED,
    Progress,
    sequences_of,
    standing,
)
from migrator.model.evidence import Evidence
from migrator.model.journal import Journal
from migrator.model.plan import Plan
from migrator.model.step import EnableEntries, RemoveBridge, Step

_SWITCH, _DELETE = f"{CUT_OVER}-switch", f"{RETIRE}-delete"
_BEGUN = frozenset({"intended", "sent"})


def still_to_undo(plan: Plan, progress: Progress) -> tuple[Step, ...]:
    """Steps that a roll-back undoes and that are in the cluster, or may be. The mode step is
    one-way, and to remove a bridge leaves nothing.
    """
    return tuple(
        step
        for sequence in sequences_of(plan).values()
        for step in standing(sequence, progress.states)
        if not isinstance(step.effect, EnableEntries | RemoveBridge)
    )


def is_rolled_back(plan: Plan, progress: Progress) -> bool:
    """Whether the last command on the entries was a roll-back that left no step of the plan."""
    return progress.command == ROLL_BACK and not still_to_undo(plan, progress)


def command_to_continue(plan: Plan, progress: Progress, *, is_verified: bool) -> str:
    """The command that continues what was begun, one line; empty where only an apply is left, or
    nothing. ``is_verified``: see :func:`verified_since_switch`.
    """
    if progress.command == ROLL_BACK and still_to_undo(plan, progress):
        return _of_roll_back(progress)
    switch = progress.of(_SWITCH).status
    if switch in _BEGUN and not is_rolled_back(plan, progress):
        return "cutover: `migrate cutover PLAN` continues"
    delete = progress.of(_DELETE).status
    if delete in _BEGUN:
        return "retire: `migrate retire PLAN` continues"
    if switch in SETTLED and delete not in SETTLED and not is_verified:
        return "verify: the switch is not verified; `migrate verify PLAN`, then retire aws-auth"
    return ""


def _of_roll_back(progress: Progress) -> str:
    if progress.going_back:
        return "rollback: `migrate rollback PLAN` continues"
    # A roll-back of some principals, or one that leaves an entry in place, is over.
    return "rollback: `migrate rollback PLAN` undoes the rest, or go forward: `migrate apply PLAN`"


def verified_since_switch(
    plan: Plan, progress: Progress, records: Journal, evidence: Iterable[Evidence]
) -> bool:
    """Whether a verification in API mode succeeded: the cut-over's own, by its exit code, or a
    later one that proved every principal.
    """
    if _last_exit(records, CUT_OVER) == 0:
        return True
    switched = progress.of(_SWITCH).at
    newest: dict[str, Evidence] = {}
    for each in evidence:
        if each.phase == "after" and _is_since(each.at, switched):
            newest[each.principal_arn] = each
    return all(
        _holds(newest, each.principal_arn) for each in plan.principals if each.action != "skip"
    )


def _holds(newest: Mapping[str, Evidence], arn: str) -> bool:
    return arn in newest and newest[arn].holds


def _is_since(at: str, switched: str) -> bool:
    return _moment(at) >= _moment(switched)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _last_exit(records: Journal, command: str) -> int | None:
    """The exit code of the last run of a command; None where it did not end."""
    inside, code = False, None
    for record in records:
        if record.event == "run-started":
            inside = record.effect.get("command") == command
            code = None if inside else code
        elif record.event == "run-ended" and inside:
            code = record.effect.get("exit")
    return code
