"""One principal of a plan: what it is, what it will be, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator.app.on_plan import principal_meant
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
    from migrator.decide.reading.read_aws_auth import lines_of_rows

    found = principal_meant(request.plan, request.principal)
    lines = lines_of_rows((request.snapshot or {}).get("configMap"))
    return explain_principal(request.plan, found, lines=lines)
