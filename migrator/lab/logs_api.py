"""CloudWatch Logs: the control-plane logs of clusters, read by filter and by Insights queries.

A log group ``/aws/eks/NAME/cluster`` exists for every cluster that has a log type switched on.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from migrator.lab.aws_call import Call, Handler, make_token, read_token
from migrator.lab.aws_errors import AwsError
from migrator.lab.filter_pattern import compile_pattern
from migrator.lab.lab_cluster import LabCluster
from migrator.lab.log_store import LogLine

PAGE_EVENTS = 10_000
PAGE_BYTES = 1024 * 1024


def _groups(call: Call) -> dict[str, LabCluster]:
    return {
        f"/aws/eks/{cluster.name}/cluster": cluster
        for cluster in call.world.clusters.values()
        if (cluster.account, cluster.region) == (call.caller.account, call.region) and cluster.log_types_at(call.now)
    }


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
    shown = [
        {
            "logGroupName": name,
            "arn": f"arn:{call.partition}:logs:{call.region}:{call.caller.account}:log-group:{name}:*",
            "logGroupArn": f"arn:{call.partition}:logs:{call.region}:{call.caller.account}:log-group:{name}",
            "creationTime": int(cluster.created_at.timestamp() * 1000),
            "storedBytes": cluster.logs.stored_bytes,
        }
        for name, cluster in sorted(_groups(call).items())
        if name.startswith(prefix)
    ]
    return {"logGroups": shown}


def describe_log_streams(call: Call) -> Mapping[str, Any]:
    """DescribeLogStreams, by prefix."""
    cluster = find_group(call, call.params.get("logGroupName") or call.params.get("logGroupIdentifier"))
    prefix = str(call.params.get("logStreamNamePrefix") or "")
    shown = [
        {"logStreamName": name, "firstEventTimestamp": first, "lastEventTimestamp": last}
        for name, (first, last) in sorted(cluster.logs.streams().items())
        if name.startswith(prefix)
    ]
    return {"logStreams": shown}


def filter_log_events(call: Call) -> Mapping[str, Any]:
    """FilterLogEvents: up to 10,000 events or 1 MiB a page, oldest first."""
    params = call.params
    cluster = find_group(call, params.get("logGroupName") or params.get("logGroupIdentifier"))
    limit = int(params.get("limit") or PAGE_EVENTS)
    if not 1 <= limit <= PAGE_EVENTS:
        raise AwsError("InvalidParameterException", "limit must be between 1 and 10000")
    if partial := call.faults.get("partial-page"):
        limit = min(limit, max(1, partial.page_size))
    passes = compile_pattern(str(params.get("filterPattern") or ""))
    position = int(read_token(params["nextToken"])) if params.get("nextToken") else 0
    events: list[dict[str, Any]] = []
    size = 0
    for line in islice(cluster.logs.between(params.get("startTime"), params.get("endTime")), position, None):
        if len(events) >= limit or size > PAGE_BYTES:
            return {"events": events, "nextToken": make_token(str(position)), "searchedLogStreams": []}
        position += 1
        if _in_streams(line, params) and passes(line.message):
            events.append(_show(line))
            size += len(line.message) + 26
    return {"events": events, "searchedLogStreams": []}


def _in_streams(line: LogLine, params: Mapping[str, Any]) -> bool:
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


OPERATIONS: Mapping[str, Handler] = {
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "FilterLogEvents": filter_log_events,
}
