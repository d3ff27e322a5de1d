"""The plan in one line, to paste into a chat: what is done with the principals, who gains, who
loses.
"""

from migrator.model.plan import Plan
from migrator.render.access_counts import gains, is_unsure, loses

_ALWAYS = ("create", "block")  # said also where there are none


def chat_line(plan: Plan) -> str:
    """``orders: 12 create, 2 skip, 0 block; no principal gains access, no principal loses access``.

    What is not known is counted as such, and a principal that a person must decide about first is
    not among those that keep their access. The text is foreign: the caller escapes it.
    """
    counts: list[str] = []
    for action, count in plan.summary.items():
        if count or action in _ALWAYS:
            counts.append(f"{count} {action}")
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
    return f"{plan.cluster.name}: {', '.join(counts)}; {', '.join(words)}"


def _who(count: int, one: str, many: str) -> str:
    if not count:
        return f"no principal {one} access"
    if count == 1:
        return f"1 principal {one} access"
    return f"{count} principals {many} access"


def _by_decision(plan: Plan) -> str:
    """How many of those who lose access lose it because a person accepted that."""
    losing = [each for each in plan.principals if loses(each.access)]
    accepted = sum("loss-accepted" in each.findings for each in losing)
    return f" ({accepted} by decision)" if accepted else ""
