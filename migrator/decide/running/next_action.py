"""The one brain of everything that changes a cluster: what to do next, from plan, journal and what
is seen.

Pure and total: for every plan, journal and observation there is an answer, and after a crash the
same function decides what an ``intended`` without a ``done`` means, by looking and not by
repeating. Apply, cut-over and roll-back execute what it answers and decide nothing themselves.
"""

from collections.abc import Iterator

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
    """Everything that may happen now, side by side: at most one action per sequence, never none.

    A refusal stands alone. Waiting comes after everything that can be done; ``Finished`` stands
    alone.
    """
    doing: list[Action] = []
    waiting: list[Action] = []
    left: list[tuple[PlanStep, str]] = []
    for key in state.sequences:
        for action in _sequence_actions(state, key):
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
    return next(_sequence_actions(state, key), Finished())


def _sequence_actions(state: RunState, key: str) -> Iterator[Action]:
    sequence = state.sequences[key]
    if state.run_request.back:
        yield back(state, sequence)
    elif refusal_of(sequence, state.progress) is not None:
        yield give_up(state, sequence)
    else:
        yield forward(state, sequence)
