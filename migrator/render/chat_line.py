"""The plan in one line, to paste into a chat: what is done with the principals, who gains, who
loses.
"""

from collections import Counter
from collections.abc import Iterator

from migrator.model.plan import Action, Plan
from migrator.render.access_counts import gains, is_unsure, loses

_ALWAYS = ("create", "block")  # said also where there are none


def chat_line(plan: Plan) -> str:
    """``orders: 12 create, 2 skip, 0 block; no principal gains access, no principal loses access``.

    What is not known is counted as such, and a principal that a person must decide about first is
    not among those that keep their access. The text is foreign: the caller escapes it.
    """
    counts = {action: 0 for action in _ALWAYS} | dict(Counter(_actions(plan)))
    done = ", ".join(f"{counts[action]} {action}" for action in plan.summary if action in counts)
    changes = [each.access for each in plan.principals]
    words = [
        _who(sum(map(gains, changes)), "gains", "gain"),
        _who(sum(map(loses, changes)), "loses", "lose") + _by_decision(plan),
    ]
    unsure = sum(map(is_unsure, changes))
    if unsure:
        words.append(f"of {unsure} a part is not known")
    if plan.summary["block"]:
        words.append(f"of {plan.summary['block']} it is not decided")
    return f"{plan.cluster.name}: {done}; {', '.join(words)}"


def _actions(plan: Plan) -> Iterator[Action]:
    """The action of each principal, in the order of the plan; ``Plan.summary`` counts those too
    that no principal has.
    """
    return (each.action for each in plan.principals)


def _who(count: int, one: str, many: str) -> str:
    """How many principals: ``_who(2, "gains", "gain")`` is ``2 principals gain access``."""
    few = {
        0: f"no principal {one} access",
        1: f"1 principal {one} access",
    }
    return few.get(count, f"{count} principals {many} access")


def _by_decision(plan: Plan) -> str:
    """How many of those who lose access lose it because a person accepted that."""
    accepted = 0
    for each in plan.principals:
        # The finding is there also where nothing was left to lose.
        if "loss-accepted" in each.findings:
            accepted += loses(each.access)
    if not accepted:
        return ""
    return f" ({accepted} by decision)"
