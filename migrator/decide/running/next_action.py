"""Pure state machine of a run: the next action, from plan, journal and observations.

It is total: for every plan, journal and observation there is an action. After a crash the same
function decides, by what is seen, what an ``intended`` without a ``done`` means; it never repeats a
write without a look. Apply, cut-over and roll-back execute its actions and decide nothing.
"""

from collections.abc import Sequence

from migrator.decide.running.actions import (
    Action,
    Finished,
    Observed,
    Refuse,
    RunRequest,
    RunState,
    Wait,
    run_state,
)
from migrator.decide.running.go_back import back, give_up
from migrator.decide.running.go_forward import forward
from migrator.decide.running.progress import progress_of, refusal_of
from migrator.errors import Changed
from migrator.model.journal import Journal
from migrator.model.plan import Plan
from migrator.model.step import Step as PlanStep


def next_action(
    plan: Plan,
    journal: Journal,
    observed: Observed,
    run_request: RunRequest,
) -> Action:
    """The one next action. ``journal`` holds the records of this plan's runs
    (:func:`progress.records_of`).
    """
    return next_actions(run_state(plan, progress_of(plan, journal), observed, run_request))[0]


def next_actions(state: RunState) -> tuple[Action, ...]:
    """Everything that may happen now: at most one action per sequence, never none.

    A refusal is the only action of its answer, and so is ``Finished``. Waits come last. An entry
    that another writer changed ends the run once all other principals are done.
    """
    doing: dict[str, Action] = {}
    waiting: dict[str, Action] = {}
    left: list[tuple[PlanStep, str]] = []
    refused: list[Refuse] = []
    for key in state.sequences:
        action = sequence_action(state, key)
        match action:
            case Refuse(alone=False):
                return (action,)
            case Refuse():
                refused.append(action)
            case Finished():
                left.extend(action.left)
            case Wait():
                waiting[key] = action
            case _:
                doing[key] = action
    # The operator is last, and only where all others are as the plan has them: the changed entry
    # may be that of the administrator who could help.
    if refused and not state.run_request.back:
        for arn in state.observed.callers:
            doing.pop(arn, None)
            waiting.pop(arn, None)
    found = (*doing.values(), *waiting.values())
    if found:
        return found
    if refused:
        return (_together(refused),)
    return (Finished(tuple(left)),)


def _together(refused: Sequence[Refuse]) -> Refuse:
    """The first refusal, with the others in its reason."""
    first, *others = refused
    if not others:
        return first
    error = first.error
    why = " ".join((error.why, *(each.error.message for each in others)))
    return Refuse(Changed(error.code, error.message, why=why, remedy=error.remedy), alone=True)


def sequence_action(state: RunState, key: str) -> Action:
    """The next action of one sequence; ``Finished`` when it has none now."""
    sequence = state.sequences[key]
    if state.run_request.back:
        return back(state, sequence)
    if refusal_of(sequence, state.progress) is not None:
        return give_up(state, sequence)
    return forward(state, sequence)
