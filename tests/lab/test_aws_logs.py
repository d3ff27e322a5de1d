"""CloudWatch Logs: filters and Insights queries over a cluster's control-plane log."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from migrator.lab.aws.errors import AwsError
from migrator.lab.aws.filter_pattern import compile_pattern
from migrator.lab.aws.insights import Query
from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.log_store import LogStore
from tests.support.aws_lab import Client, client, demo, error_of, serving, small_world

GROUP = "/aws/eks/demo/cluster"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
EVENT = {
    "verb": "get",
    "user": {
        "username": "alice",
        "groups": ["dev", "system:authenticated"],
        "extra": {"arn": ["arn:aws:iam::1:role/x"]},
    },
    "annotations": {"authorization.k8s.io/decision": "allow"},
    "responseStatus": {"code": 200},
    "dryRun": False,
    "objectRef": None,
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


def write(lab: Lab, count: int) -> None:
    for number in range(count):
        at = NOON + timedelta(seconds=number)
        event = {**EVENT, "user": {"username": f"user-{number % 3}"}, "number": number}
        demo(lab.world).log("kube-apiserver-audit", json.dumps(event), at)
        if number % 2 == 0:
            demo(lab.world).log(
                "authenticator", f'level=info msg="access granted" username="user-{number % 3}"', at
            )


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def test_events_come_page_by_page_oldest_first(lab: Lab) -> None:
    write(lab, 25)
    lab.world.faults.add(Fault("logs:FilterLogEvents", "partial-page", page_size=7))
    pages = (
        client(lab, "logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=GROUP, logStreamNamePrefix="kube-apiserver-audit")
    )
    events = [event for page in pages for event in page["events"]]
    assert [json.loads(event["message"])["number"] for event in events] == list(range(25))
    assert len({event["eventId"] for event in events}) == 25
    assert events[0]["logStreamName"] == "kube-apiserver-audit-demo"


def test_time_window_and_pattern_narrow_the_events(lab: Lab) -> None:
    write(lab, 20)
    logs = client(lab, "logs")
    found = logs.filter_log_events(
        logGroupName=GROUP,
        startTime=milliseconds(NOON + timedelta(seconds=5)),
        endTime=milliseconds(NOON + timedelta(seconds=15)),
        filterPattern='{ $.user.username = "user-1" }',
    )
    numbers = [json.loads(event["message"])["number"] for event in found["events"]]
    assert numbers == [7, 10, 13]


def test_a_group_exists_while_a_log_type_is_on(lab: Lab) -> None:
    logs = client(lab, "logs")
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == [GROUP]
    demo(lab.world).log_types = ()
    assert logs.describe_log_groups()["logGroups"] == []
    assert error_of(logs.filter_log_events, logGroupName=GROUP) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


def test_streams_are_named_by_log_type(lab: Lab) -> None:
    write(lab, 3)
    streams = client(lab, "logs").describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [
        "authenticator-demo",
        "kube-apiserver-audit-demo",
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "alice",
        '"system:authenticated" -mallory',
        "?nobody ?alice",
        '{ $.user.username = "ali*" }',
        '{ ($.verb = "get") && ($.user.username != "bob") }',
        '{ $.verb = "list" || $.verb = "get" }',
        "{ $.responseStatus.code = 200 }",
        "{ $.responseStatus.code >= 200 && $.responseStatus.code < 300 }",
        '{ $.user.groups[1] = "system:authenticated" }',
        '{ $.user.groups[*] = "dev" }',
        '{ $.annotations["authorization.k8s.io/decision"] = "allow" }',
        "{ $.user.extra EXISTS }",
        "{ $.user.nothing NOT EXISTS }",
        "{ $.objectRef IS NULL }",
        "{ $.dryRun IS FALSE }",
        "{ $.verb = %^g.t$% }",
    ],
)
def test_patterns_that_match_the_event(pattern: str) -> None:
    assert compile_pattern(pattern)(json.dumps(EVENT))


@pytest.mark.parametrize(
    "pattern",
    [
        "Alice",
        "alice -dev",
        "?nobody ?bob",
        '{ $.user.username = "bob" }',
        '{ $.verb = "get" && $.user.username = "bob" }',
        "{ $.responseStatus.code > 200 }",
        '{ $.user.groups[0] = "system:authenticated" }',
        "{ $.missing IS NULL }",
        "{ $.user.extra NOT EXISTS }",
        "{ $.verb = 200 }",
    ],
)
def test_patterns_that_do_not_match_the_event(pattern: str) -> None:
    assert not compile_pattern(pattern)(json.dumps(EVENT))


def test_a_json_pattern_matches_no_plain_text() -> None:
    assert not compile_pattern('{ $.verb != "get" }')("level=info")


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a }",
        "{ $.a = }",
        '{ $.a ~ "x" }',
        "{ a = 1 }",
        "{ ($.a = 1 }",
        "[a, b]",
        '{ $.a IS "x" }',
    ],
)
def test_a_pattern_that_is_not_understood_is_refused(lab: Lab, pattern: str) -> None:
    code, _ = error_of(
        client(lab, "logs").filter_log_events, logGroupName=GROUP, filterPattern=pattern
    )
    assert code == "InvalidParameterException"


# Insights.


def store(count: int = 6) -> LogStore:
    logs = LogStore()
    for number in range(count):
        name = f"user-{number % 2}"
        extra = {"arn": [f"arn:aws:sts::1:assumed-role/{name}/s"]}
        event = {
            "user": {"username": name, "extra": extra},
            "n": number,
            "stage": "ResponseComplete",
        }
        logs.append("audit", json.dumps(event), NOON + timedelta(minutes=number))
    logs.append("authenticator", 'msg="access granted" arn="arn:x" username="system:node:a"', NOON)
    return logs


def run(text: str, limit: int | None = None) -> list[dict[str, str]]:
    rows = Query(text, limit).run(store().between(None, None))
    return [{name: value for name, value in row if name != "@ptr"} for row in rows]


def test_stats_count_by_field_with_first_and_last() -> None:
    rows = run(
        "filter ispresent(user.username) | stats count(*) as n, min(@timestamp) as first, "
        "max(@timestamp) as last"
        " by user.username | sort user.username asc"
    )
    assert rows == [
        {
            "user.username": "user-0",
            "n": "3",
            "first": "2026-11-22 12:00:00.000",
            "last": "2026-11-22 12:04:00.000",
        },
        {
            "user.username": "user-1",
            "n": "3",
            "first": "2026-11-22 12:01:00.000",
            "last": "2026-11-22 12:05:00.000",
        },
    ]


def test_fields_of_arrays_are_numbered() -> None:
    rows = run(
        'fields user.extra.arn.0 as arn | filter user.username = "user-1" | sort n asc | limit 1'
    )
    assert rows == [{"arn": "arn:aws:sts::1:assumed-role/user-1/s"}]


def test_conditions_combine() -> None:
    rows = run(
        "fields n | filter (n >= 2 and n < 5 or n = 0) and not user.username like /-1$/ | sort n "
        "desc"
    )
    assert [row["n"] for row in rows] == ["4", "2", "0"]
    assert [
        row["n"] for row in run('fields n | filter n in [1, 3] and stage != "x" | sort n asc')
    ] == ["1", "3"]


def test_parse_takes_text_apart() -> None:
    query = (
        'filter @logStream like "authenticator" | parse @message "username=\\"*\\"" as name | '
        "fields name"
    )
    assert run(query) == [{"name": "system:node:a"}]
    assert run(
        'parse @message /arn="(?<found>[^"]+)"/ | filter ispresent(found) | fields found'
    ) == [{"found": "arn:x"}]


def test_bins_distinct_counts_and_sums() -> None:
    rows = run(
        "filter ispresent(n) | stats count_distinct(user.username) as who, sum(n) as total by "
        "bin(3m) as at | sort at"
    )
    assert rows == [
        {"at": "2026-11-22 12:00:00.000", "who": "2", "total": "3"},
        {"at": "2026-11-22 12:03:00.000", "who": "2", "total": "12"},
    ]


def test_without_an_order_the_newest_come_first_and_the_limit_holds() -> None:
    assert [row["n"] for row in run("fields n | filter ispresent(n)", 2)] == ["5", "4"]


def test_a_bar_inside_quotes_is_no_pipe() -> None:
    assert run('filter @message like "a|b" | fields n') == []
    assert run("filter @message like /granted|denied/ | fields @logStream") == [
        {"@logStream": "authenticator"}
    ]


@pytest.mark.parametrize(
    "query",
    [
        "nonsense",
        "filter",
        "filter a ==",
        "stats median(n)",
        "sort",
        "limit x",
        "filter a like b",
        "fields a b",
        "dedup a",
    ],
)
def test_a_query_that_is_not_understood_is_refused(query: str) -> None:
    with pytest.raises(AwsError) as refusal:
        Query(query)
    assert refusal.value.code == "MalformedQueryException"


def results(logs: Client, query: str) -> Client:
    started = logs.start_query(
        logGroupName=GROUP,
        startTime=int(NOON.timestamp()),
        endTime=int(NOON.timestamp()) + 3600,
        queryString=query,
    )["queryId"]
    for _ in range(200):
        found = logs.get_query_results(queryId=started)
        if found["status"] != "Running":
            return found
        time.sleep(0.02)
    raise AssertionError("the query never ended")


def test_queries_run_over_the_wire(lab: Lab) -> None:
    write(lab, 10)
    found = results(client(lab, "logs"), "stats count(*) as n by @logStream | sort @logStream")
    assert found["status"] == "Complete"
    assert [{item["field"]: item["value"] for item in row} for row in found["results"]] == [
        {"@logStream": "authenticator-demo", "n": "5"},
        {"@logStream": "kube-apiserver-audit-demo", "n": "10"},
    ]
    assert found["statistics"]["recordsScanned"] == 15
    assert (
        error_of(client(lab, "logs").get_query_results, queryId="none")[0]
        == "ResourceNotFoundException"
    )
