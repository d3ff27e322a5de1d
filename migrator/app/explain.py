"""One principal of a plan: what it is, what it will be, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator.app.explain_code import all_codes
from migrator.app.on_plan import principal_meant
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
    from migrator.decide.reading.read_aws_auth import lines_of_rows

    try:
        found = principal_meant(request.plan, request.principal)
    except Failed as error:
        raise _code_meant(request.principal) or error from error
    lines = lines_of_rows((request.snapshot or {}).get("configMap"))
    return explain_principal(request.plan, found, lines=lines)


def _code_meant(text: str) -> Failed | None:
    """The error for a code of a finding or an error, which tables print beside the principals."""
    code = text.strip("[]`")
    if code not in all_codes():
        return None
    return Failed(
        "principal-not-in-plan",
        f"{code} is a code, and no principal of the plan.",
        remedy=f"migrate explain {code}",
    )
