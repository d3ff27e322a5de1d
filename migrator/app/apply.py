"""Make the access entries of a plan. The same request continues after any interruption."""

from dataclasses import dataclass

from migrator.app.connect import Connection
from migrator.app.on_plan import OnPlan, arns_of, ports_for
from migrator.app.operator import Operator
from migrator.model.outcome import RunOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest(OnPlan):
    """``only``: these principals (:func:`arns_of`); ``max_rate``: writes per second.
    ``keep_going``: a failed proof does not stop the others. ``abandon_rollback``: go forward
    although a roll-back did not finish. ``mode_only``: what comes before any principal, the one-way
    mode step with it.
    """

    only: tuple[str, ...] = ()
    max_rate: float | None = None
    keep_going: bool = False
    abandon_rollback: bool = False
    mode_only: bool = False


def apply(
    request: ApplyRequest, operator: Operator, connection: Connection | None = None
) -> RunOutcome:
    """Apply the plan, or go on applying it, over ``connection`` where there is one.

    The outcome's ``exit_code`` is 0 when every step is done, 7 where the same call continues (a
    proof is open, a bridge is there), else that of its ``error``. Asks before the one-way mode
    step.

    Raises before anything is written: ``Blocked`` (3), ``Refused`` (4: another cluster, locked, not
    confirmed), ``Changed`` (5: the cluster is not as the plan read it), ``WrongUse`` (a principal
    that the plan does not have), and what :func:`migrator.app.connect.connect` raises.
    """
    from migrator.run.apply_plan import ApplyOptions, apply_plan

    ports = ports_for(request, operator, connection)
    options = ApplyOptions(
        only=arns_of(request.plan, request.only),
        mode_only=request.mode_only,
        max_rate=request.max_rate,
        keep_going=request.keep_going,
        abandon_rollback=request.abandon_rollback,
        waive_verification=request.answers.waive_verification,
        waive_gates=request.answers.waive_gates,
        creator=request.answers.creator,
    )
    return apply_plan(request.plan, request.digest, ports, options)
