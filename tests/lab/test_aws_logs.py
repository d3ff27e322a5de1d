"""CloudWatch Logs: filters and Insights queries over a cluster's control-plane log."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from migrator.decide.observing.usage import OWN_USER_AGENT
from migrator.decide.observing.usage_queries import query_of
from migrator.lab.aws.errors import AwsError
from migrator.lab.aws.filter_pattern import compile_pattern
from migrator.lab.aws.insights import Query
from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.log_store import LogStore
from migrator.model.observation import LogType
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


def store() -> LogStore:
    logs = LogStore()
    for number in range(6):
        name = f"user-{number % 2}"
        event = {
            "stage": "ResponseComplete",
            "verb": "get",
            "user": {
                "username": name,
                "groups": ["dev"],
                "extra": {"canonicalArn": [f"arn:aws:iam::1:role/{name}"]},
            },
            "objectRef": {"apiGroup": "apps", "resource": "deployments"},
            "userAgent": f"{OWN_USER_AGENT}/1.0" if number == 0 else "kubectl",
            "annotations": {
                "authorization.k8s.io/decision": "allow",
                "authorization.k8s.io/reason": "RBAC: allowed by RoleBinding x",
            },
        }
        stages = ("RequestReceived", "ResponseComplete")
        for stage in stages:
            line = json.dumps({**event, "stage": stage}, separators=(",", ":"))
            logs.append("kube-apiserver-audit-demo", line, NOON + timedelta(minutes=number))
    granted = (
        'level=info msg="access granted" arn="arn:aws:iam::1:role/a" groups="[dev ops]" '
        'username="alice|x"'
    )
    denied = 'level=warning msg="access denied" arn="arn:aws:iam::1:role/b" error="no mapping"'
    for line in (granted, granted, denied, 'level=info msg="access granted"'):
        logs.append("authenticator-demo", line, NOON)
    return logs


def run(text: str, limit: int | None = None) -> list[dict[str, str]]:
    return [dict(row) for row in Query(text, limit).run(store().between(None, None))]


def window(log_type: LogType, minutes: int, *, as_login: bool = False) -> str:
    end = milliseconds(NOON + timedelta(minutes=minutes))
    return query_of(log_type, milliseconds(NOON), end, as_login=as_login)


def test_authenticator_query_of_migrate_counts_logins() -> None:
    at = {"first": "2026-11-22 12:00:00.000", "last": "2026-11-22 12:00:00.000"}
    assert run(window("authenticator", 1)) == [
        {
            "outcome": "granted",
            "arn": "arn:aws:iam::1:role/a",
            "username": '"alice|x"',
            "groups": '"[dev ops]"',
            "n": "2",
            **at,
        },
        {
            "outcome": "denied",
            "arn": "arn:aws:iam::1:role/b",
            "error": '"no mapping"',
            "n": "1",
            **at,
        },
    ]


REQUEST = {
    "decision": "allow",
    "spoken": "False",
    "by": "RBAC: allowed",
    "verb": "get",
    "objectRef.apiGroup": "apps",
    "objectRef.resource": "deployments",
}


def test_audit_query_of_migrate_counts_completed_requests() -> None:
    minute = "2026-11-22 12:0{}:00.000".format
    assert run(window("audit", 4)) == [
        {
            **REQUEST,
            "arn": "arn:aws:iam::1:role/user-0",
            "own": OWN_USER_AGENT,
            "n": "1",
            "first": minute(0),
            "last": minute(0),
        },
        {
            **REQUEST,
            "arn": "arn:aws:iam::1:role/user-1",
            "n": "2",
            "first": minute(1),
            "last": minute(3),
        },
        {
            **REQUEST,
            "arn": "arn:aws:iam::1:role/user-0",
            "n": "1",
            "first": minute(2),
            "last": minute(2),
        },
    ]


def test_audit_query_as_login_groups_by_username_and_groups() -> None:
    rows = run(window("audit", 1, as_login=True))
    assert [(row["user.username"], row["groups"]) for row in rows] == [("user-0", '["dev"]')]


def test_permission_query_of_migrate_gives_the_newest_event() -> None:
    rows = run("fields @timestamp | limit 1")
    assert [row["@timestamp"] for row in rows] == ["2026-11-22 12:05:00.000"]
    assert rows[0]["@ptr"].startswith("ptr")


def test_limit_of_the_request_bounds_the_rows() -> None:
    assert len(run(window("audit", 6), 2)) == 2


def test_stats_count_by_field_with_first_and_last() -> None:
    rows = run(
        "filter ispresent(user.username) | stats count(*) as n, min(@timestamp) as first, "
        "max(@timestamp) as last by user.username"
    )
    assert [(row["user.username"], row["n"], row["first"][14:16]) for row in rows] == [
        ("user-0", "6", "00"),
        ("user-1", "6", "01"),
    ]
    assert [row["last"][14:16] for row in rows] == ["04", "05"]


STATS = " | stats count(*) as n by @logStream"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "nonsense" + STATS,
        "filter" + STATS,
        "filter a ==" + STATS,
        'filter a = "x" or a = "y"' + STATS,
        'filter not a = "x"' + STATS,
        "filter a like b" + STATS,
        "filter a like /(/" + STATS,
        "fields a b" + STATS,
        "parse @message /x/" + STATS,
        'parse @message "a=*" as a' + STATS,
        "dedup a" + STATS,
        "fields @message as text",
        "stats count(*) as n",
        "stats median(n) as n by a",
        "stats count(*) as n by a b",
        "stats count(*) as n by bin(3m)",
        STATS.removeprefix(" | ") + " | sort n",
        STATS.removeprefix(" | ") + " | limit 5",
        STATS.removeprefix(" | ") + STATS,
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
    found = results(client(lab, "logs"), "stats count(*) as n by @logStream")
    assert found["status"] == "Complete"
    rows = [{item["field"]: item["value"] for item in row} for row in found["results"]]
    assert sorted(rows, key=lambda row: row["@logStream"]) == [
        {"@logStream": "authenticator-demo", "n": "5"},
        {"@logStream": "kube-apiserver-audit-demo", "n": "10"},
    ]
    assert found["statistics"]["recordsScanned"] == 15
    assert (
        error_of(client(lab, "logs").get_query_results, queryId="none")[0]
        == "ResourceNotFoundException"
    )
