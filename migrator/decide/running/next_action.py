"""The one brain of everything that changes a cluster: what to do next, from plan, journal and what is seen.

Pure and total: for every plan, journal and observation there is an answer, and after a crash the same function
decides what an ``intended`` without a ``done`` means, by looking and not by repeating. Apply, cut-over and roll-back
execute what it answers and decide nothing themselves.
"""

from collections.abc import Iterator

from migrator.decide.running.actions import Action, Finished, Observed, Refuse, Situation, Wait, Wish, situation
from migrator.decide.running.go_back import back, give_up
from migrator.decide.running.go_forward import forward
from migrator.decide.running.progress import progress_of, refusal_of
from migrator.model.journal import Journal
from migrator.model.plan import Plan
from migrator.model.step import Step as PlanStep


def next_action(plan: Plan, journal: Journal, observed: Observed, wish: Wish) -> Action:
    """The one next action. ``journal`` holds the records of this plan's runs (:func:`progress.records_of`)."""
    return next_actions(situation(plan, progress_of(plan, journal), observed, wish))[0]


def next_actions(at: Situation) -> tuple[Action, ...]:
    """Everything that may happen now, side by side: at most one action per lane, never none.

    A refusal stands alone. Waiting comes after everything that can be done; ``Finished`` stands alone.
    """
    doing: list[Action] = []
    waiting: list[Action] = []
    left: list[tuple[PlanStep, str]] = []
    for key in at.lanes:
        for action in _lane_actions(at, key):
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


def lane_action(at: Situation, key: str) -> Action:
    """The next action of one lane; ``Finished`` when it has none now."""
    return next(_lane_actions(at, key), Finished())


def _lane_actions(at: Situation, key: str) -> Iterator[Action]:
    lane = at.lanes[key]
    if at.wish.back:
        yield back(at, lane)
    elif refusal_of(lane, at.progress) is not None:
        yield give_up(at, lane)
    else:
        yield forward(at, lane)
