"""Observing on the lab: both ways of reading agree with a plain count, stop and go on, and say what
they cost.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from migrator.app.connect import observe_ports
from migrator.app.settings import Settings
from migrator.cli.operator import operator_of
from migrator.errors import Interrupted, MigratorError, Refused
from migrator.lab.worlds.log_store import GeneratedLog
from migrator.model.files.schemas import usage_schema
from migrator.model.files.snapshot import decode_usage
from migrator.model.usage_report import LogGroup, UsageReport
from migrator.ports import AuditLogs, QueryRows, Raw
from migrator.render.usage import usage_document, usage_text
from migrator.run import scan_logs
from migrator.run.observe import CHECKPOINT_FILE, ObserveOptions, ObservePorts, ScanWish, observe
from tests.support.generated_logs import Logs, brute_force
from tests.support.memory_ports import MemoryApprover, MemoryEvents, MemoryStore
from tests.support.small_lab import CLUSTER, SmallLab, small_lab, world_document

LOGS = Logs(4000)
SINCE = timedelta(days=30)


class Clock:
    """Stands a little after the last line."""

    moment = LOGS.end + timedelta(hours=6)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, duration: timedelta) -> None:
        raise AssertionError("nothing waits")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallLab]:
    with small_lab(
        tmp_path / "lab", monkeypatch, world_document(createdAt="2024-01-01T00:00:00Z")
    ) as found:
        (cluster,) = found.lab.world.clusters.values()
        cluster.logs = GeneratedLog(LOGS.count, LOGS)
        yield found


@pytest.fixture
def ports(lab: SmallLab) -> ObservePorts:
    found, _ = observe_ports(operator_of(Settings(quiet=True)), CLUSTER)
    return replace(
        found, store=MemoryStore(), clock=Clock(), approver=MemoryApprover(), events=MemoryEvents()
    )


def counted(report: UsageReport) -> dict[str, Any]:
    """The report in the shape of the plain count."""
    decisions = {
        each.arn: {
            key: value
            for key, value in (
                ("rbac", each.rbac),
                ("accessPolicy", each.access_policy),
                ("other", each.other),
                ("impersonated", each.impersonated),
                ("denied", each.denied),
            )
            if value
        }
        for each in report.decided
    }
    logins = {
        (each.arn, each.username, each.groups): (
            round(each.first.timestamp() * 1000),
            round(each.last.timestamp() * 1000),
            each.count,
        )
        for each in report.usage.logins
    }
    denials = {(each.arn, each.what): each.count for each in report.denials}
    return {"logins": logins, "decisions": decisions, "denials": denials}


@pytest.mark.parametrize("scan", ["filter", "insights"])
def test_the_result_equals_a_plain_count(ports: ObservePorts, scan: ScanWish) -> None:
    report = observe(ports, ObserveOptions(SINCE, scan))
    assert counted(report) == brute_force(LOGS)
    assert (report.method, report.counted) == (scan, "logins")


def test_queries_are_preferred_and_events_read_where_queries_are_not_permitted(
    lab: SmallLab, ports: ObservePorts
) -> None:
    assert observe(ports, ObserveOptions(SINCE)).method == "insights"
    operator = lab.lab.world.principal(lab.lab.world.settings.operator or "")
    assert operator is not None
    operator.permissions.denied = ("logs:StartQuery",)
    report = observe(ports, ObserveOptions(SINCE))
    assert report.method == "filter"
    assert counted(report) == brute_force(LOGS)


class Breaking:
    """Logs that break off after some events or queries, as Ctrl-C does."""

    def __init__(self, logs: AuditLogs, after: int) -> None:
        self._logs, self.left = logs, after

    def log_types(self) -> frozenset[str]:
        return self._logs.log_types()

    def stored_bytes(self) -> int:
        return self._logs.stored_bytes()

    def group(self) -> LogGroup:
        return self._logs.group()

    def events(
        self, log_type: str, start: datetime, end: datetime, *, pattern: str = ""
    ) -> Iterator[Raw]:
        for event in self._logs.events(log_type, start, end, pattern=pattern):
            self._count()
            yield event

    def query(self, text: str, start: datetime, end: datetime) -> QueryRows:
        self._count()
        return self._logs.query(text, start, end)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("scan", "step"), [("filter", 900), ("insights", 17)])
def test_whatever_is_interrupted_goes_on_and_counts_nothing_twice(
    ports: ObservePorts,
    monkeypatch: pytest.MonkeyPatch,
    scan: ScanWish,
    step: int,
) -> None:
    monkeypatch.setattr(scan_logs, "SAVE_EVERY", 250)
    times = 0
    while True:
        times += 1
        try:
            report = observe(
                replace(ports, logs=Breaking(ports.logs, step)), ObserveOptions(SINCE, scan)
            )
            break
        except Interrupted as stopped:
            assert stopped.exit_code == 7
    assert times > 3
    assert counted(report) == brute_force(LOGS)
    assert not ports.store.read(CHECKPOINT_FILE)


def test_another_wish_or_a_damaged_file_begins_afresh(ports: ObservePorts) -> None:
    def stop() -> None:
        with pytest.raises(Interrupted):
            observe(
                replace(ports, logs=Breaking(ports.logs, 2000)), ObserveOptions(SINCE, "filter")
            )

    monkey = scan_logs.SAVE_EVERY
    scan_logs.SAVE_EVERY = 100
    try:
        stop()
        assert ports.store.read(CHECKPOINT_FILE)
        other = observe(ports, ObserveOptions(timedelta(days=10), "filter"))
        assert (other.usage.end - other.usage.start).days == 10
        stop()
        assert observe(ports, ObserveOptions(SINCE, "filter", fresh=True)).lines > 0
        ports.store.write(CHECKPOINT_FILE, b'{"from": 1}')
        assert counted(observe(ports, ObserveOptions(SINCE, "filter"))) == brute_force(LOGS)
    finally:
        scan_logs.SAVE_EVERY = monkey


def test_more_rows_than_a_query_gives_are_asked_for_in_halves(
    ports: ObservePorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from migrator.adapters import audit_logs

    monkeypatch.setattr(audit_logs, "ROWS", 40)
    report = observe(ports, ObserveOptions(SINCE, "insights"))
    assert counted(report) == brute_force(LOGS)


def test_a_scan_that_costs_something_is_asked_for_and_a_small_one_only_said(
    ports: ObservePorts,
) -> None:
    class Large(Breaking):
        def group(self) -> LogGroup:
            return replace(self._logs.group(), stored_bytes=400 * 10**9)

    approver, events = MemoryApprover(yes=False), MemoryEvents()
    large = replace(ports, logs=Large(ports.logs, 10**9), approver=approver, events=events)
    with pytest.raises(Refused):
        observe(large, ObserveOptions(SINCE))
    assert "scans about" in approver.asked[0]
    assert "USD" in approver.asked[0]
    small = MemoryApprover(yes=False)
    observe(replace(ports, approver=small, events=events), ObserveOptions(SINCE))
    assert small.asked == []
    assert any("Logs Insights scans about" in line for _, line in events.lines)


def test_logs_that_are_off_say_how_to_switch_them_on(lab: SmallLab, ports: ObservePorts) -> None:
    types = [{"types": ["audit", "authenticator", "api"], "enabled": False}]
    lab.session.call(
        "eks", "update_cluster_config", name=CLUSTER, logging={"clusterLogging": types}
    )
    fresh, _ = observe_ports(operator_of(Settings(quiet=True)), CLUSTER)
    with pytest.raises(MigratorError) as caught:
        observe(replace(ports, logs=fresh.logs), ObserveOptions(SINCE))
    assert caught.value.code == "logs-off"
    assert "aws eks update-cluster-config" in caught.value.remedy


def test_the_document_is_what_plans_take_and_the_text_says_what_is_missing(
    ports: ObservePorts,
) -> None:
    report = observe(ports, ObserveOptions(SINCE, "filter"))
    document = json.loads(
        json.dumps(
            usage_document(report, cluster="arn:aws:eks:eu-central-1:111122223333:cluster/prod")
        )
    )
    Draft202012Validator(usage_schema()).validate(document)
    usage = decode_usage(document)
    assert [(each.arn, each.username, each.count) for each in usage.logins] == [
        (each.arn, each.username, each.count) for each in report.usage.logins
    ]
    assert usage.complete == report.usage.complete
    text = usage_text(report)
    assert "Logged in, and no row or entry says why:" in text
    assert "Decided by access policies:" in text
    assert {each["arn"] for each in document["logins"]} == {
        arn for arn, _, _ in brute_force(LOGS)["logins"]
    }
