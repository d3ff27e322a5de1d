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
    """Back up and delete aws-auth, over ``connection`` where there is one. Asks before it deletes.

    The outcome's ``exit_code`` is 0 where aws-auth is deleted, now or before. Raises ``Refused``
    (4): ``not-cut-over``, another cluster, locked, not confirmed; ``Changed`` (5) for rows added or
    entries changed since; ``aws-auth-changed`` (1); and what
    :func:`migrator.app.connect.connect` raises.
    """
    from migrator.run.retire import retire as delete_map

    ports = ports_for(request, operator, connection)
    return delete_map(request.plan, request.digest, ports)
