"""Who really uses the cluster, from its control-plane logs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from migrator.app.connect import observe_ports
from migrator.app.operator import Operator

if TYPE_CHECKING:
    from migrator.model.usage_report import UsageReport
    from migrator.run.observe import ScanWish


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveRequest:
    """``since``: how long ago the window begins. ``scan``: by which operations. ``fresh``: do not
    go on with a scan that stopped.
    """

    cluster: str
    since: timedelta = timedelta(days=30)
    scan: "ScanWish" = "auto"
    fresh: bool = False


def observe(request: ObserveRequest, operator: Operator) -> "tuple[UsageReport, str]":
    """What the logs tell, and the cluster's ARN. Raises what :func:`migrator.run.observe.observe`
    raises.
    """
    from migrator.run.observe import ObserveOptions
    from migrator.run.observe import observe as read_logs

    ports, arn = observe_ports(operator, request.cluster)
    return read_logs(ports, ObserveOptions(request.since, request.scan, request.fresh)), arn
