"""Judge all gates and switch to access entries only. One-way."""

from dataclasses import dataclass

from migrator.app.connect import Connection
from migrator.app.on_plan import OnPlan, ports_for
from migrator.app.operator import Operator
from migrator.model.outcome import CutOverOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOverRequest(OnPlan):
    """``gates_only``: judge and show the gates, switch nothing. ``canary_image``: canary pods are
    allowed.
    """

    gates_only: bool = False
    canary_image: str | None = None


def cut_over(
    request: CutOverRequest, operator: Operator, connection: Connection | None = None
) -> CutOverOutcome:
    """Cut over the cluster of the plan, over ``connection`` where there is one. Raises what
    :func:`migrator.run.cut_over.cut_over` raises.
    """
    from migrator.run.cut_over import CutOverOptions
    from migrator.run.cut_over import cut_over as switch

    ports = ports_for(request, operator, connection)
    options = CutOverOptions(
        waive_gates=request.answers.waive_gates,
        waive_verification=request.answers.waive_verification,
        proof_policy=request.answers.proof_policy,
        creator=request.answers.creator,
        gates_only=request.gates_only,
        canary_image=request.canary_image,
    )
    return switch(request.plan, request.digest, ports, options)
