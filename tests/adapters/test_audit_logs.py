"""Control-plane logs over the wire: pages, windows, patterns, queries, and logs that are off."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import islice

import pytest

from migrator.adapters.audit_logs import CloudWatchAuditLogs
from migrator.errors import MigratorError
from migrator.lab.worlds.faults import Fault
from tests.support.small_lab import CLUSTER, SmallLab
from tests.support.stubbed_aws import answering, stubbed_session

Start = Callable[..., SmallLab]
T0 = datetime(2026, 11, 1, tzinfo=timezone.utc)


@pytest.fixture
def logs(lab: SmallLab) -> CloudWatchAuditLogs:
    (cluster,) = lab.lab.world.clusters.values()
    for minute in range(10):
        at = T0 + timedelta(minutes=minute)
        cluster.logs.append("authenticator-abc", f'level=info msg="access granted" n={minute}', at)
        cluster.logs.append("kube-apiserver-audit-abc", f'{{"kind": "Event", "n": {minute}}}', at)
    return CloudWatchAuditLogs(lab.session, CLUSTER)


def test_events_of_one_type_come_oldest_first(logs: CloudWatchAuditLogs) -> None:
    found = list(logs.events("authenticator", T0, T0 + timedelta(hours=1)))
    assert [event["message"].rpartition("=")[2] for event in found] == [str(n) for n in range(10)]
    assert found[0]["timestamp"] == int(T0.timestamp() * 1000)
    assert len({event["eventId"] for event in found}) == 10
    assert len(list(logs.events("audit", T0, T0 + timedelta(hours=1)))) == 10


def test_only_the_window_is_read(logs: CloudWatchAuditLogs) -> None:
    found = logs.events("authenticator", T0 + timedelta(minutes=3), T0 + timedelta(minutes=5))
    assert [event["message"][-1] for event in found] == ["3", "4", "5"]


def test_all_pages_are_read_and_at_most_one_ahead_of_what_is_asked_for(
    lab: SmallLab, logs: CloudWatchAuditLogs
) -> None:
    fault = lab.lab.world.faults.add(Fault("logs:FilterLogEvents", "partial-page", page_size=2))
    assert len(list(logs.events("audit", T0, T0 + timedelta(hours=1)))) == 10
    before = fault.seen
    assert len(list(islice(logs.events("audit", T0, T0 + timedelta(hours=1)), 2))) == 2
    assert fault.seen == before + 2


def test_a_pattern_filters_at_the_service(logs: CloudWatchAuditLogs) -> None:
    found = list(logs.events("audit", T0, T0 + timedelta(hours=1), pattern="{ $.n = 7 }"))
    assert [event["message"] for event in found] == ['{"kind": "Event", "n": 7}']


def test_an_empty_page_is_not_the_end() -> None:
    session = stubbed_session()
    event = {"timestamp": 1, "message": "x", "eventId": "e", "logStreamName": "authenticator-1"}
    with answering(session, "logs") as stub:
        stub.add_response("filter_log_events", {"events": [], "nextToken": "t"})
        stub.add_response("filter_log_events", {"events": [event]})
        assert [
            e["eventId"] for e in CloudWatchAuditLogs(session, "c").events("authenticator", T0, T0)
        ] == ["e"]


def test_the_api_log_is_not_the_audit_log() -> None:
    session = stubbed_session()
    events = [
        {"timestamp": 1, "message": "a", "logStreamName": "kube-apiserver-audit-1"},
        {"timestamp": 1, "message": "b", "logStreamName": "kube-apiserver-1"},
    ]
    with answering(session, "logs") as stub:
        stub.add_response("filter_log_events", {"events": events})
        assert [e["message"] for e in CloudWatchAuditLogs(session, "c").events("api", T0, T0)] == [
            "b"
        ]


def test_an_unknown_log_type_is_told(logs: CloudWatchAuditLogs) -> None:
    with pytest.raises(MigratorError) as caught:
        list(logs.events("everything", T0, T0))
    assert caught.value.code == "log-type-unknown"


def test_a_query_gives_rows(logs: CloudWatchAuditLogs) -> None:
    text = "filter @logStream like /authenticator/ | stats count(*) as logins by @logStream"
    found = logs.query(text, T0, T0 + timedelta(hours=1))
    assert [row["logins"] for row in found.rows] == ["10"]
    assert found.complete


def test_a_query_that_reaches_the_limit_is_not_complete() -> None:
    session = stubbed_session()
    rows = [[{"field": "n", "value": str(n)}] for n in range(10_000)]
    with answering(session, "logs") as stub:
        stub.add_response("start_query", {"queryId": "q"})
        stub.add_response("get_query_results", {"status": "Running", "results": []})
        stub.add_response(
            "get_query_results",
            {"status": "Complete", "results": rows, "statistics": {"bytesScanned": 5.0}},
        )
        found = CloudWatchAuditLogs(session, "c").query("stats count(*)", T0, T0)
    assert (found.complete, found.bytes_scanned, len(found.rows)) == (False, 5, 10_000)


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Timeout", "Unknown"])
def test_a_query_that_does_not_end_well_is_told(status: str) -> None:
    session = stubbed_session()
    with answering(session, "logs") as stub:
        stub.add_response("start_query", {"queryId": "q"})
        stub.add_response("get_query_results", {"status": status})
        with pytest.raises(MigratorError) as caught:
            CloudWatchAuditLogs(session, "c").query("x", T0, T0)
    assert caught.value.code == "query-failed"


def test_a_query_that_cannot_be_read_is_refused(logs: CloudWatchAuditLogs) -> None:
    with pytest.raises(MigratorError) as caught:
        logs.query("nonsense | nonsense", T0, T0)
    assert caught.value.code == "aws-refused"


def test_logs_that_are_off_are_told_with_the_way_to_switch_them_on(start_lab: Start) -> None:
    lab = start_lab(logTypes=[])
    logs = CloudWatchAuditLogs(lab.session, CLUSTER)
    for attempt in (
        logs.stored_bytes,
        lambda: list(logs.events("audit", T0, T0)),
        lambda: logs.query("fields @message", T0, T0),
    ):
        with pytest.raises(MigratorError) as caught:
            attempt()
        assert caught.value.code == "logs-off"
        assert "aws eks update-cluster-config" in caught.value.remedy


def test_the_size_of_the_logs_is_known(logs: CloudWatchAuditLogs) -> None:
    assert logs.stored_bytes() > 500
