"""What commands of a plan began and did not finish, and the command that continues.

A status ends with 0 only where nothing is left to do or to prove, so every state that is not
finished is a line here.
"""

from collections.abc import Iterable
from datetime import datetime

from migrator.decide.running.carriers import carries
from migrator.decide.running.progress import (
    BEGUN,
    CUT_OVER,
    REHEARSE,
    RETIRE,
    ROLL_BACK,
    SETTLED,
    Progress,
    standing,
)
from migrator.model.evidence import Evidence
from migrator.model.journal import Journal
from migrator.model.moments import moment_of_text
from migrator.model.plan import Plan
from migrator.model.step import (
    AwaitEntry,
    CreateBridge,
    EnableEntries,
    Prove,
    RemoveBridge,
    Step,
)

_SWITCH, _DELETE = f"{CUT_OVER}-switch", f"{RETIRE}-delete"


def still_to_undo(plan: Plan, progress: Progress) -> tuple[Step, ...]:
    """Steps that a roll-back undoes and that are in the cluster, or may be. The mode step is
    one-way, and to remove a bridge leaves nothing.
    """
    found: list[Step] = []
    for sequence in plan.sequences.values():
        for step in standing(sequence, progress.states):
            if _is_undone_by_roll_back(step):
                found.append(step)
    return tuple(found)


def undone_steps(plan: Plan, progress: Progress) -> tuple[Step, ...]:
    """Steps that a roll-back has undone: each was in :func:`still_to_undo` before."""
    return tuple(
        step
        for step in plan.steps
        if progress.of(step.id).status == "undone" and _is_undone_by_roll_back(step)
    )


def asked_to_undo(
    plan: Plan,
    progress: Progress,
    steps: Iterable[Step],
    only: tuple[str, ...],
) -> tuple[Step, ...]:
    """What is undone of these steps: all, or those of the principals ``only``. The bridge that one
    of them crosses on its way back is removed with them, where no other entry is on it (go_back);
    parallel bindings stay.
    """
    if not only:
        return tuple(steps)
    found: list[Step] = []
    for step in steps:
        if step.principal_arn in only or _is_bridge_of(plan, progress, step, only):
            found.append(step)
    return tuple(found)


def _is_bridge_of(
    plan: Plan,
    progress: Progress,
    step: Step,
    only: tuple[str, ...],
) -> bool:
    """Whether a step builds a bridge that is there, or that one of these principals crosses."""
    if not isinstance(step.effect, CreateBridge):
        return False
    group = step.effect.group
    for each in plan.steps:
        if not isinstance(each.effect, RemoveBridge) or each.effect.group != group:
            continue
        if progress.of(each.id).status not in SETTLED:
            return True
    return any(carries(plan.sequences.get(arn, ()), "{run}", group) for arn in only)


def left_of_roll_back(plan: Plan, progress: Progress) -> tuple[Step, ...]:
    """What the last roll-back was asked for and has not undone. Of one that is over and was asked
    for some principals: only what had to stay.
    """
    steps = still_to_undo(plan, progress)
    if progress.going_back:
        return asked_to_undo(plan, progress, steps, progress.only)
    if not progress.only:
        return steps
    return tuple(step for step in steps if progress.of(step.id).held)


def begun_beside_roll_back(plan: Plan, progress: Progress) -> tuple[Step, ...]:
    """Steps that are not done, of principals whose entries an apply began and a roll-back of other
    principals left.
    """
    found: list[Step] = []
    for sequence in plan.sequences.values():
        if not standing(sequence, progress.states) or sequence[0].principal_arn is None:
            continue
        found += [step for step in sequence if progress.of(step.id).status not in SETTLED]
    return tuple(found)


def _is_undone_by_roll_back(step: Step) -> bool:
    """Whether it changes what can be changed back; a proof changes nothing."""
    if step.undo is None:
        return False
    return not isinstance(step.effect, EnableEntries | RemoveBridge | Prove | AwaitEntry)


def is_rolled_back(plan: Plan, progress: Progress) -> bool:
    """Whether the last command on the entries was a roll-back that left no step of the plan."""
    if progress.command != ROLL_BACK:
        return False
    return not still_to_undo(plan, progress)


def is_rolled_back_in_part(plan: Plan, progress: Progress) -> bool:
    """Whether the last command on the entries was a roll-back of some principals that undid all
    that it was asked for, and no other entry is half-made: what is left of the plan stays as it is.
    """
    if progress.command != ROLL_BACK or not still_to_undo(plan, progress):
        return False
    return not _of_roll_back(plan, progress)


def command_to_continue(plan: Plan, progress: Progress, *, is_verified: bool) -> str:
    """The command that continues what was begun, one line; empty where only an apply is left, or
    nothing. ``is_verified``: see :func:`verified_since_switch`.

    The first of: a roll-back, a cut-over, a retirement, the verification after the switch.
    """
    if progress.command == ROLL_BACK and still_to_undo(plan, progress):
        return _of_roll_back(plan, progress)
    switch = progress.of(_SWITCH).status
    delete = progress.of(_DELETE).status
    # A switch that was sent and not seen to arrive. After a complete roll-back no switch is wanted.
    if switch in BEGUN and not is_rolled_back(plan, progress):
        return "cutover: `migrate cutover PLAN` continues"
    # The ConfigMap may be deleted, and its absence not seen.
    if delete in BEGUN:
        return "retire: `migrate retire PLAN` continues"
    if switch not in SETTLED:
        return ""
    if is_verified:
        return ""
    # To delete aws-auth proves no principal.
    if delete in SETTLED:
        return "verify: the switch is not verified; `migrate verify PLAN`"
    return "verify: the switch is not verified; `migrate verify PLAN`, then retire aws-auth"


def rehearsal_to_repeat(progress: Progress, records: Journal) -> str:
    """One line where the last rehearsal failed or was stopped; else empty. A cut-over that follows
    makes it void (no rehearsal is possible after it), and so does a roll-back: what was rehearsed
    no longer exists.
    """
    if progress.of(_SWITCH).status != "pending":
        return ""
    if _last_exit(records, REHEARSE, void_after=ROLL_BACK) in (None, 0):
        return ""
    return "rehearse: the last rehearsal did not pass"


def image_of_rehearsals(records: Journal) -> str:
    """The image of the timer that a rehearsal was given last; empty where none was."""
    image = ""
    for record in records:
        if record.event == "run-started" and record.effect.get("command") == REHEARSE:
            image = str(record.effect.get("image", image))
    return image


def _of_roll_back(plan: Plan, progress: Progress) -> str:
    """The line about a roll-back after which steps of the plan are still in the cluster; empty
    where it has undone what it was asked for, and no other entry is half-made.
    """
    if progress.going_back:
        return "rollback: `migrate rollback PLAN` continues"
    # It leaves an entry in place, and is over.
    if left_of_roll_back(plan, progress):
        return (
            "rollback: `migrate rollback PLAN` undoes the rest, or go forward: `migrate apply PLAN`"
        )
    if begun_beside_roll_back(plan, progress):
        return "apply: `migrate apply PLAN` continues, also with what was rolled back"
    return ""


def verified_since_switch(
    plan: Plan,
    progress: Progress,
    records: Journal,
    evidence: Iterable[Evidence],
) -> bool:
    """Whether a verification in API mode succeeded: the cut-over's own, by its exit code, or a
    later one that proved every principal.
    """
    if _last_exit(records, CUT_OVER) == 0:
        return True
    switched = progress.of(_SWITCH).at
    newest: dict[str, Evidence] = {}
    for each in evidence:
        if each.phase != "after":
            continue
        # Before the switch a row may have answered.
        if _moment(each.at) >= _moment(switched):
            newest[each.principal_arn] = each
    for principal in plan.principals:
        if principal.action == "skip":
            continue
        proof = newest.get(principal.principal_arn)
        if proof is None or not proof.holds:
            return False
    return True


def _moment(text: str) -> datetime:
    """The time of a record or of a piece of evidence; ValueError for another text."""
    return moment_of_text(text)


def _last_exit(records: Journal, command: str, void_after: str = "") -> int | None:
    """The exit code of the last run of a command; None where it did not end, and where a run of
    ``void_after`` followed.
    """
    inside, code = False, None
    for record in records:
        if record.event == "run-started":
            started = record.effect.get("command")
            inside = started == command
            # The earlier run of the command does not answer for the one that starts here.
            if started in (command, void_after):
                code = None
        elif record.event == "run-ended" and inside:
            code = record.effect.get("exit")
    return code
