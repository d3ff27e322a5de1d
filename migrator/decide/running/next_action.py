"""Pure state machine of a run: the next action, from plan, journal and observations.

It is total: for every plan, journal and observation there is an action. After a crash the same
function decides, by what is seen, what an ``intended`` without a ``done`` means; it never repeats a
write without a look. Apply, cut-over and roll-back execute its actions and decide nothing.
"""

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
from migrator.model.journal import Journal
from migrator.model.plan import Plan
from migrator.model.step import Step as PlanStep


def next_action(
    plan: Plan, journal: Journal, observed: Observed, run_request: RunRequest
) -> Action:
    """The one next action. ``journal`` holds the records of this plan's runs
    (:func:`progress.records_of`).
    """
    return next_actions(run_state(plan, progress_of(plan, journal), observed, run_request))[0]


def next_actions(state: RunState) -> tuple[Action, ...]:
    """Everything that may happen now: at most one action per sequence, never none.

    A refusal is the only action of its answer, and so is ``Finished``. Waits come last.
    """
    doing: list[Action] = []
    waiting: list[Action] = []
    left: list[tuple[PlanStep, str]] = []
    for key in state.sequences:
        action = sequence_action(state, key)
        match action:
            case Refuse():
                return (action,)
            case Finished():
                left.extend(action.left)
            case Wait():
                waiting.append(action)
            case _:
                doing.append(action)
    return tuple(doing + waiting) or (Finished(tuple(left)),)


def sequence_action(state: RunState, key: str) -> Action:
    """The next action of one sequence; ``Finished`` when it has none now."""
    sequence = state.sequences[key]
    if state.run_request.back:
        return back(state, sequence)
    if refusal_of(sequence, state.progress) is not None:
        return give_up(state, sequence)
    return forward(state, sequence)
