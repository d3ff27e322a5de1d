"""Until the cut-over: back to what was there."""

from dataclasses import dataclass

from migrator.app.connect import Connection, connect, run_ports
from migrator.app.on_plan import OnPlan, arns_of, ports_for
from migrator.app.operator import Operator
from migrator.app.preflight import preflight
from migrator.model.leftover import LeftoversOutcome
from migrator.model.outcome import RunOutcome
from migrator.model.plan import ClusterRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackRequest(OnPlan):
    """``only``: these principals (:func:`arns_of`); ``max_rate``: writes per second."""

    only: tuple[str, ...] = ()
    max_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftoversRequest:
    """``break_lock``: whose lock on the cluster is taken away first."""

    cluster: ClusterRef
    break_lock: str | None = None


def roll_back(
    request: RollBackRequest, operator: Operator, connection: Connection | None = None
) -> RunOutcome:
    """Undo what runs of the plan made, over ``connection`` where there is one.

    The outcome's ``exit_code``: 0 everything is undone, 4 something stays (to undo it would take
    access from a principal, or EKS made it), 5 another writer changed an entry meanwhile, 7 a
    bridge is still there, else that of its ``error``.

    Raises ``Refused`` (4): ``no-way-back`` after the cut-over, another cluster, locked; and what
    :func:`migrator.app.connect.connect` raises.
    """
    from migrator.run.roll_back import RollBackOptions
    from migrator.run.roll_back import roll_back as take_back

    options = RollBackOptions(only=arns_of(request.plan, request.only), max_rate=request.max_rate)
    ports = ports_for(request, operator, connection)
    return take_back(request.plan, request.digest, ports, options)


def remove_leftovers(
    request: LeftoversRequest, operator: Operator, connection: Connection | None = None
) -> LeftoversOutcome:
    """Remove what runs of any plan left and no entry needs, after it was shown and asked for. What
    an entry needs stays: ``exit_code`` 7. Raises ``Refused`` (4): locked, not confirmed.
    """
    from migrator.adapters.kubernetes_objects import KubernetesObjects
    from migrator.run.read_leftovers import remove_leftovers as remove

    preflight(operator.settings)
    cluster = request.cluster
    connected = connection or connect(
        operator.settings, cluster.name, operator=operator, region=cluster.region
    )
    ports = run_ports(operator, cluster, connection=connected, break_lock=request.break_lock)
    return remove(cluster.name, ports, KubernetesObjects(connected.client))
