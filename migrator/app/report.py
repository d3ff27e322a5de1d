"""Everything that is known about a plan and its runs, in one value."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.app.on_plan import OnPlan, ports_for
from migrator.app.operator import Operator

if TYPE_CHECKING:
    from migrator.model.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest(OnPlan):
    """The plan that the report is about, and the answers that its gates are judged by."""


def report(request: ReportRequest, operator: Operator) -> "Report":
    """Make the report, from the journal, the evidence there is, and the cluster as it is now.
    Raises ``Refused`` (4) for another cluster, and what keeps it from being read.
    """
    from migrator.run.cut_over import CutOverOptions
    from migrator.run.make_report import make_report

    options = CutOverOptions(
        waive_gates=request.answers.waive_gates,
        waive_verification=request.answers.waive_verification,
        proof_policy=request.answers.proof_policy,
        creator=request.answers.creator,
    )
    ports = ports_for(request, operator)
    source = operator.settings.source_address
    return make_report(request.plan, request.digest, ports, options, source)
