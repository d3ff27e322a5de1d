"""Control-plane logs of a cluster in CloudWatch Logs: group ``/aws/eks/NAME/cluster``, one stream
prefix a log type.

Source: EKS user guide, "Send control plane logs to CloudWatch Logs"; CloudWatch Logs API reference
(FilterLogEvents, StartQuery). Events are read lazily, page by page: a month of audit log does not
fit into memory.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

from migrator.adapters.aws_session import AwsSession
from migrator.errors import Failed
from migrator.model.usage_report import LogGroup
from migrator.ports import QueryRows, Raw

ROWS = 10_000  # what Logs Insights gives at most
_STREAMS = {
    "audit": "kube-apiserver-audit-",
    "authenticator": "authenticator-",
    "api": "kube-apiserver-",
}
_QUERY_SECONDS = 3600.0  # Logs Insights ends a query after 60 minutes


class CloudWatchAuditLogs:
    """:class:`migrator.ports.AuditLogs` of one cluster."""

    def __init__(self, session: AwsSession, cluster: str) -> None:
        self._session = session
        self._cluster = cluster
        self._group = f"/aws/eks/{cluster}/cluster"
        self._lock = threading.Lock()
        self._types: frozenset[str] | None = None

    def log_types(self) -> frozenset[str]:
        """The types that are switched on, as DescribeCluster says; read once."""
        with self._lock:
            if self._types is None:
                found = self._session.call(
                    "eks", "describe_cluster", subject=self._cluster, name=self._cluster
                )
                setups = (found["cluster"].get("logging") or {}).get("clusterLogging") or ()
                self._types = frozenset(
                    kind for one in setups if one.get("enabled") for kind in one.get("types", ())
                )
            return self._types

    def stored_bytes(self) -> int:
        """Size of the log group. Raises ``logs-off`` where there is none."""
        return self.group().stored_bytes

    def group(self) -> LogGroup:
        """Size, age and retention of the log group. Raises ``logs-off`` where there is none."""
        groups = self._session.pages(
            "logs",
            "describe_log_groups",
            "logGroups",
            subject=self._group,
            logGroupNamePrefix=self._group,
        )
        for group in groups:
            if group["logGroupName"] == self._group:
                created = datetime.fromtimestamp(
                    group.get("creationTime", 0) / 1000, tz=timezone.utc
                )
                return LogGroup(
                    int(group.get("storedBytes", 0)), created, group.get("retentionInDays")
                )
        raise Failed(
            "logs-off",
            f"The cluster writes no control-plane logs ({self._group}).",
            remedy="Switch on the types audit and authenticator: aws eks update-cluster-config "
            f"--name {self._cluster} --logging "
            '\'{"clusterLogging":[{"types":["audit","authenticator"],"enabled":true}]}\'',
        )

    def events(
        self,
        log_type: str,
        start: datetime,
        end: datetime,
        *,
        pattern: str = "",
    ) -> Iterator[Raw]:
        """Log events of one type, oldest first. While one page is worked on, the next one is on its
        way; more than these two are never in memory.
        """
        if log_type not in _STREAMS:
            raise Failed(
                "log-type-unknown",
                f"There is no log type {log_type[:40]}.",
                remedy="Ask for audit.",
            )
        parameters = {"filterPattern": pattern} if pattern else {}

        def ask(token: Mapping[str, str]) -> dict[str, Any]:
            return self._session.call(
                "logs",
                "filter_log_events",
                subject=self._group,
                logGroupName=self._group,
                logStreamNamePrefix=_STREAMS[log_type],
                startTime=_milliseconds(start),
                endTime=_milliseconds(end),
                **parameters,
                **token,
            )

        for page in _read_ahead(ask):
            for event in page.get("events", ()):
                # "kube-apiserver-" is the beginning of the audit streams' names too
                if log_type != "api" or not event.get("logStreamName", "").startswith(
                    _STREAMS["audit"]
                ):
                    yield event

    def query(
        self,
        text: str,
        start: datetime,
        end: datetime,
    ) -> QueryRows:
        """Run a Logs Insights query and wait for it. Raises ``query-failed`` when it does not end
        well.
        """
        started = self._session.call(
            "logs",
            "start_query",
            subject=self._group,
            logGroupName=self._group,
            startTime=_milliseconds(start) // 1000,
            endTime=_milliseconds(end) // 1000,
            queryString=text,
            limit=ROWS,
        )
        waited, pause = 0.0, 0.05
        while waited < _QUERY_SECONDS:
            answer = self._session.call(
                "logs", "get_query_results", subject=self._group, queryId=started["queryId"]
            )
            if answer["status"] == "Complete":
                rows = [
                    {cell["field"]: cell.get("value", "") for cell in row}
                    for row in answer.get("results", ())
                ]
                scanned = int((answer.get("statistics") or {}).get("bytesScanned", 0))
                return QueryRows(rows, len(rows) < ROWS, scanned)
            if answer["status"] not in ("Scheduled", "Running"):
                break
            time.sleep(pause)  # the query runs on machine time
            waited, pause = waited + pause, min(pause * 1.5, 5.0)
        raise Failed(
            "query-failed",
            f"The query over {self._group} ended as {answer['status']}.",
            remedy="Ask for a shorter time.",
        )


def _read_ahead(ask: Callable[[Mapping[str, str]], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every page, each asked for while the one before it is worked on. A page may be empty and not
    the last.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="migrate-logs") as ahead:
        coming = ahead.submit(ask, {})
        while True:
            page = coming.result()
            token = page.get("nextToken")
            if token:
                coming = ahead.submit(ask, {"nextToken": token})
            yield page
            if not token:
                return


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
