"""One principal of a plan: what it is, what it will be, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator.errors import Failed
from migrator.model.explanation import Explanation
from migrator.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest:
    """``principal``: an ARN as IAM, aws-auth or a session spells it, the end of one
    (``role/ci/runner``, ``runner``), or a row (``mapRoles[3]``). ``snapshot``: the snapshot
    document of the plan, which tells the lines of the rows.
    """

    plan: Plan
    principal: str
    snapshot: Mapping[str, Any] | None = None


def explain(request: ExplainRequest) -> Explanation:
    """The explanation. Raises ``Failed``: ``principal-not-in-plan``, ``principal-ambiguous``."""
    from migrator.decide.planning.explain import explain as explain_principal
    from migrator.decide.planning.explain import principals_meant
    from migrator.decide.reading.read_aws_auth import lines_of_rows

    found = principals_meant(request.plan, request.principal)
    if len(found) != 1:
        raise _not_one(request.principal, [each.principal_arn for each in found])
    lines = lines_of_rows((request.snapshot or {}).get("configMap"))
    return explain_principal(request.plan, found[0].principal_arn, lines=lines)


def _not_one(principal: str, found: list[str]) -> Failed:
    if not found:
        remedy = "`migrate show PLAN` lists its principals."
        return Failed(
            "principal-not-in-plan", f"The plan knows no principal {principal!r}.", remedy=remedy
        )
    why = f"It may be {', '.join(found[:5])}."
    return Failed(
        "principal-ambiguous",
        f"{principal!r} is not one principal.",
        why=why,
        remedy="Give the whole ARN.",
    )
