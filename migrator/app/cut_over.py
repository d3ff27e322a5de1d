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
    """Verify, judge the gates, switch the cluster of the plan to API mode and verify again, over
    ``connection`` where there is one. One-way; the operator types the cluster's name.

    The outcome's ``exit_code``: 0 switched and verified, 4 a gate or the operator refused, 5 the
    cluster changed after the gates were judged, 6 switched and the verification failed, 7
    interrupted, else that of its ``error``.

    Raises before anything is done: ``Blocked`` (3), ``Refused`` (4: another cluster, locked),
    ``WrongUse`` ``no-such-gate``, and what :func:`migrator.app.connect.connect` raises.
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
