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
    """What the logs tell, and the cluster's ARN. Asks where the scan costs money.

    Raises ``logs-off``, ``iam-denied``, ``Refused`` (4: the cost was not agreed to), and
    ``Interrupted`` (7), after which the same call continues.
    """
    from migrator.run.observe import ObserveOptions
    from migrator.run.observe import observe as read_logs

    ports, arn = observe_ports(operator, request.cluster)
    return read_logs(ports, ObserveOptions(request.since, request.scan, request.fresh)), arn
