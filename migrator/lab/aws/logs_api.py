"""CloudWatch Logs: the control-plane logs of clusters, read by filter and by Insights queries.

A log group ``/aws/eks/NAME/cluster`` exists for every cluster that has a log type switched on.
"""

import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrator.lab.aws.call import Call, Handler, make_token, read_token
from migrator.lab.aws.errors import AwsError
from migrator.lab.aws.filter_pattern import compile_pattern
from migrator.lab.aws.insights import Query
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.log_store import LogLine
from migrator.lab.worlds.raw_parts import items_of

PAGE_EVENTS = 10_000
PAGE_BYTES = 1024 * 1024
_EVENT_OVERHEAD = 26  # bytes that the service counts for each event beside its message


def _groups(call: Call) -> dict[str, LabCluster]:
    """The log groups of the caller's account and region by name: one for each cluster that has a
    log type switched on (EKS user guide, "Send control plane logs to CloudWatch Logs").
    """
    mine = (call.caller.account, call.region)
    found = {}
    for cluster in call.world.clusters.values():
        if (cluster.account, cluster.region) != mine:
            continue
        if cluster.log_types_at(call.now):
            found[f"/aws/eks/{cluster.name}/cluster"] = cluster
    return found


def find_group(call: Call, name: str | None) -> LabCluster:
    """The cluster whose log group has this name or ARN. Raises ResourceNotFoundException."""
    wanted = str(name or "").removesuffix(":*").rpartition(":log-group:")[2]
    cluster = _groups(call).get(wanted)
    if cluster is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return cluster


def describe_log_groups(call: Call) -> Mapping[str, Any]:
    """DescribeLogGroups, by prefix."""
    prefix = str(call.params.get("logGroupNamePrefix") or "")
    stem = f"arn:{call.partition}:logs:{call.region}:{call.caller.account}:log-group"
    shown = [
        {
            "logGroupName": name,
            "arn": f"{stem}:{name}:*",
            "logGroupArn": f"{stem}:{name}",
            "creationTime": int(cluster.created_at.timestamp() * 1000),
            "storedBytes": cluster.logs.stored_bytes,
        }
        for name, cluster in sorted(_groups(call).items())
        if name.startswith(prefix)
    ]
    return {"logGroups": shown}


def describe_log_streams(call: Call) -> Mapping[str, Any]:
    """DescribeLogStreams, by prefix."""
    cluster = find_group(
        call, call.params.get("logGroupName") or call.params.get("logGroupIdentifier")
    )
    prefix = str(call.params.get("logStreamNamePrefix") or "")
    shown = [
        {"logStreamName": name, "firstEventTimestamp": first, "lastEventTimestamp": last}
        for name, (first, last) in sorted(cluster.logs.streams().items())
        if name.startswith(prefix)
    ]
    return {"logStreams": shown}


def filter_log_events(call: Call) -> Mapping[str, Any]:
    """FilterLogEvents: up to 10,000 events or 1 MiB a page, oldest first.

    Times are milliseconds since 1970. The token holds how many events were looked at; a page may be
    empty and have a token, since a search also ends a page (CloudWatch Logs API Reference,
    FilterLogEvents). Raises InvalidParameterException.
    """
    params = call.params
    cluster = find_group(call, params.get("logGroupName") or params.get("logGroupIdentifier"))
    limit = int(params.get("limit") or PAGE_EVENTS)
    if not 1 <= limit <= PAGE_EVENTS:
        raise AwsError("InvalidParameterException", "limit must be between 1 and 10000")
    passes = compile_pattern(str(params.get("filterPattern") or ""))
    position = 0
    if params.get("nextToken"):
        position = int(read_token(params["nextToken"]).partition(" ")[0])
    if partial := call.faults.get("partial-page"):
        # Nothing found yet, and more to come: what the service answers to a long search.
        if partial.page_size == 0:
            # No token comes twice in a row: clients take that for the end.
            token = make_token(f"{position} {partial.struck}")
            return {"events": [], "nextToken": token, "searchedLogStreams": []}
        limit = min(limit, partial.page_size)
    events: list[dict[str, Any]] = []
    size = 0
    for line in cluster.logs.between(params.get("startTime"), params.get("endTime"), position):
        if len(events) >= limit or size > PAGE_BYTES:
            token = make_token(str(position))
            return {"events": events, "nextToken": token, "searchedLogStreams": []}
        position += 1
        if not _in_streams(line, params):
            continue
        if passes(line.message):
            events.append(_show(line))
            size += len(line.message) + _EVENT_OVERHEAD
    return {"events": events, "searchedLogStreams": []}


def _in_streams(line: LogLine, params: Mapping[str, Any]) -> bool:
    """Whether an event is of the streams asked for: by name, or by prefix, or any."""
    if names := params.get("logStreamNames"):
        return line.stream in names
    return line.stream.startswith(str(params.get("logStreamNamePrefix") or ""))


def _show(line: LogLine) -> dict[str, Any]:
    return {
        "logStreamName": line.stream,
        "timestamp": line.timestamp,
        "message": line.message,
        "ingestionTime": line.timestamp + 500,
        "eventId": f"{line.timestamp:020d}{line.id:036d}",
    }


@dataclass(slots=True)
class RunningQuery:
    """An Insights query. It runs beside the world, which must not wait for a search through
    millions of lines.
    """

    status: str = "Running"
    rows: list[list[tuple[str, str]]] = field(default_factory=list)
    scanned: int = 0
    scanned_bytes: int = 0
    account: str = ""

    def run(self, query: Query, lines: Iterable[LogLine]) -> None:
        """Run to the end; what goes wrong is the query's status. A query that was stopped stays
        so.
        """
        try:
            self.rows = query.run(self._counted(lines))
            if self.status == "Running":
                self.status = "Complete"
        except Exception:  # no caller receives an exception of this thread
            self.status = "Failed"
            raise

    def _counted(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        for line in lines:
            self.scanned += 1
            self.scanned_bytes += len(line.message) + _EVENT_OVERHEAD
            yield line


def start_query(call: Call) -> Mapping[str, Any]:
    """StartQuery over one log group, with a name or an ARN in any of the three parameters.

    Times are seconds since 1970, the end included. The query runs in a separate thread. Raises
    InvalidParameterException, ResourceNotFoundException and MalformedQueryException.
    """
    params = call.params
    names = [*items_of(params, "logGroupNames"), *items_of(params, "logGroupIdentifiers")]
    if params.get("logGroupName"):
        names.append(params["logGroupName"])
    if len(names) != 1:
        raise AwsError("InvalidParameterException", "The lab queries one log group at a time.")
    cluster = find_group(call, names[0])
    start, end = int(call.need("startTime")), int(call.need("endTime"))
    if start > end:
        raise AwsError("InvalidParameterException", "startTime must not be after endTime")
    query = Query(str(call.need("queryString")), params.get("limit"))
    running = RunningQuery(account=call.caller.account)
    query_id = str(uuid.uuid4())
    call.world.queries[query_id] = running
    lines = cluster.logs.between(start * 1000, end * 1000 + 999)
    threading.Thread(
        target=running.run, args=(query, lines), name="lab-insights", daemon=True
    ).start()
    return {"queryId": query_id}


def _query(call: Call) -> RunningQuery:
    """The caller's query by its id; one of another account is not found."""
    found = call.world.queries.get(str(call.need("queryId")))
    if not isinstance(found, RunningQuery) or found.account != call.caller.account:
        raise AwsError("ResourceNotFoundException", "The query could not be found.")
    return found


def get_query_results(call: Call) -> Mapping[str, Any]:
    """GetQueryResults: rows once the query is complete, and before that how much was scanned."""
    query = _query(call)
    rows = []
    if query.status == "Complete":
        rows = query.rows
    return {
        "queryLanguage": "CWLI",
        "status": query.status,
        "results": [[{"field": name, "value": value} for name, value in row] for row in rows],
        "statistics": {
            "recordsMatched": float(len(rows)),
            "recordsScanned": float(query.scanned),
            "bytesScanned": float(query.scanned_bytes),
        },
    }


def stop_query(call: Call) -> Mapping[str, Any]:
    """StopQuery: its results are thrown away."""
    query = _query(call)
    query.status = "Cancelled"
    return {"success": True}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "FilterLogEvents": filter_log_events,
    "StartQuery": start_query,
    "GetQueryResults": get_query_results,
    "StopQuery": stop_query,
}
