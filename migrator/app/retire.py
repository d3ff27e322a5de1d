"""Delete the aws-auth that is not asked any more."""

from dataclasses import dataclass

from migrator.app.connect import Connection
from migrator.app.on_plan import OnPlan, ports_for
from migrator.app.operator import Operator
from migrator.model.outcome import RunOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireRequest(OnPlan):
    """The plan whose cluster was cut over."""


def retire(
    request: RetireRequest, operator: Operator, connection: Connection | None = None
) -> RunOutcome:
    """Back up and delete aws-auth, over ``connection`` where there is one. Raises what
    :func:`migrator.run.retire.retire` raises.
    """
    from migrator.run.retire import retire as delete_map

    ports = ports_for(request, operator, connection)
    return delete_map(request.plan, request.digest, ports)
