"""Observe who really uses a cluster, from its control-plane logs, in bounded memory; a scan can
stop anywhere and continue.

Logs Insights counts at the service where that is permitted, for a price by the bytes that it scans;
else events are read page by page and counted here. Either way what was counted is kept in the
state, so that the same command continues where it stopped.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from migrator.decide.observing.usage import Tally, milliseconds
from migrator.decide.observing.usage_report import Window, usage_report
from migrator.errors import Failed, Interrupted, MigratorError
from migrator.model.canonical import canonical_bytes
from migrator.model.moments import moment_of_text
from migrator.model.observation import LogType
from migrator.model.usage_report import LogGroup, ScanMethod, UsageReport
from migrator.ports import Approver, AuditLogs, Clock, ClusterReader, ConfigMaps, Events, StateStore
from migrator.run.scan_logs import Scan, Scanner

CHECKPOINT_FILE = "observe.json"
KEEPS = timedelta(hours=24)  # how long a scan that stopped can be continued
ASK_FROM = 1 << 30  # bytes: below this a scan costs less than a cent
PRICE_PER_GB = 0.005  # USD, CloudWatch Logs Insights in most Regions (CloudWatch pricing)
ScanWish: TypeAlias = Literal["auto", "insights", "filter"]
_LOG_TYPES: tuple[LogType, ...] = ("authenticator", "audit")


@dataclass(frozen=True, slots=True)
class ObservePorts:
    """What observing needs; ``config_maps`` and ``reader`` show what rows and entries there are."""

    logs: AuditLogs
    reader: ClusterReader
    config_maps: ConfigMaps
    store: StateStore
    clock: Clock
    approver: Approver
    events: Events


@dataclass(frozen=True, slots=True)
class ObserveOptions:
    """``since``: how long ago the window begins. ``scan``: by which operations. ``fresh``: do not
    continue a scan that stopped.
    """

    since: timedelta = timedelta(days=30)
    scan: ScanWish = "auto"
    fresh: bool = False


def observe(ports: ObservePorts, options: ObserveOptions = ObserveOptions()) -> UsageReport:
    """Scan the logs of the window and report. Raises ``logs-off`` (with how to switch them on),
    ``iam-denied`` where neither way of reading is permitted, ``Refused`` where the cost was not
    agreed to, and ``Interrupted``: the same command then continues.
    """
    types = ports.logs.log_types() & {"audit", "authenticator"}
    group = ports.logs.group()
    if not types:
        raise _types_off()
    scan = None
    if not options.fresh:
        scan = _stopped(ports, options, types, group)
    if scan is None:
        now = ports.clock.now()
        window = Window(now - options.since, now, types, group)
        scan = Scan(window, _method(ports, options, window), Tally(_applied(ports)), options.since)
        _agree(ports, scan)
    else:
        ports.events.say(
            "info",
            f"going on with the scan that stopped, of the window to "
            f"{scan.window.end:%Y-%m-%d %H:%MZ}",
            event="logs-read",
        )
    scanner = Scanner(ports.logs, ports.events, lambda found: _save(ports, found))
    try:
        for log_type in _LOG_TYPES:
            if log_type in types and log_type not in scan.finished:
                scanner.run(scan, log_type)
    except (
        KeyboardInterrupt
    ):  # what was saved last is consistent; what was counted since is counted again
        raise Interrupted(
            "interrupted",
            "Stopped on the way.",
            remedy="The same command continues from here; nothing is counted twice.",
        ) from None
    report = _report(ports, scan)
    ports.store.write(CHECKPOINT_FILE, b"")
    return report


def _types_off() -> Failed:
    return Failed(
        "logs-off",
        "The cluster writes neither the authenticator's log nor the audit log.",
        remedy="Switch them on: aws eks update-cluster-config --name CLUSTER --logging "
        '\'{"clusterLogging":[{"types":["audit","authenticator"],"enabled":true}]}\'; then wait '
        "until enough time "
        "has passed to tell who uses the cluster.",
    )


def _method(ports: ObservePorts, options: ObserveOptions, window: Window) -> ScanMethod:
    """Queries where they may be started: an empty query shows it."""
    if options.scan != "auto":
        return options.scan
    try:
        ports.logs.query(
            "fields @timestamp | limit 1", window.end - timedelta(seconds=1), window.end
        )
    except MigratorError as error:
        if error.code not in ("iam-denied", "query-failed"):
            raise
        ports.events.say(
            "info",
            f"Logs Insights cannot be used, so events are read page by page: {error.message}",
            event="logs-read",
        )
        return "filter"
    return "insights"


def _applied(ports: ObservePorts) -> int | None:
    """When a plan was first applied here."""
    for record in ports.store.journal():
        if record.event == "run-started" and record.effect.get("command") == "apply":
            return milliseconds(moment_of_text(record.at))
    return None


def _agree(ports: ObservePorts, scan: Scan) -> None:
    """Show what the scan costs, and ask where it costs something. Raises ``Refused``."""
    window = scan.window
    age = max(window.end - window.group.created, timedelta(seconds=1))
    if window.group.retention_days is not None:
        age = min(age, timedelta(days=window.group.retention_days))
    share = min(1.0, (window.end - window.start) / age)
    size = int(window.group.stored_bytes * share)
    if scan.method == "insights":
        scanned = size * len(window.types)
        cost = f"scans about {_size(scanned)}, for about {scanned / 1e9 * PRICE_PER_GB:.2f} USD"
    else:
        scanned = size
        cost = (
            f"reads up to {_size(size)} page by page, which is not charged by the byte and "
            f"takes its time"
        )
    text = f"Logs Insights {cost}" if scan.method == "insights" else f"FilterLogEvents {cost}"
    ports.events.say("info", f"{text}.", event="logs-read")
    if scanned >= ASK_FROM:
        ports.approver.confirm(f"{text}. Go on?")


def _size(count: int) -> str:
    """A number of bytes in words: ``1.2 GB``."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


# stopping, continuing, and the end


def _save(ports: ObservePorts, scan: Scan) -> None:
    """Write the checkpoint, so that a scan that is stopped continues instead of reading, and
    paying, again.
    """
    document = {
        "from": scan.window.start.isoformat(),
        "to": scan.window.end.isoformat(),
        "since": scan.since.total_seconds(),
        "types": sorted(scan.window.types),
        "method": scan.method,
        "cursors": scan.cursors,
        "finished": sorted(scan.finished),
        "bytesScanned": scan.bytes_scanned,
        "cut": scan.cut,
        "tally": scan.tally.document(),
    }
    ports.store.write(CHECKPOINT_FILE, canonical_bytes(document))


def _stopped(
    ports: ObservePorts,
    options: ObserveOptions,
    types: frozenset[str],
    group: LogGroup,
) -> Scan | None:
    """The scan of the same request that stopped less than a day ago; None where there is none to
    continue.
    """
    content = ports.store.read(CHECKPOINT_FILE)
    if not content:
        return None
    try:
        found: dict[str, Any] = json.loads(content)
        window = Window(
            moment_of_text(found["from"]),
            moment_of_text(found["to"]),
            frozenset(found["types"]),
            group,
        )
        scan = Scan(
            window,
            found["method"],
            Tally.of_document(found["tally"]),
            timedelta(seconds=found["since"]),
            {str(kind): (int(at), list(ids)) for kind, (at, ids) in found["cursors"].items()},
            set(found["finished"]),
            int(found["bytesScanned"]),
            list(found["cut"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        ports.events.say(
            "warn", "what an earlier scan left cannot be read: starting afresh", event="logs-read"
        )
        return None
    same = (
        scan.since == options.since
        and options.scan in ("auto", scan.method)
        and window.types == types
    )
    if same and ports.clock.now() - window.end < KEEPS:
        return scan
    return None


def _report(ports: ObservePorts, scan: Scan) -> UsageReport:
    return usage_report(
        scan.tally,
        scan.window,
        aws_auth=_aws_auth(ports),
        entries=_entries(ports),
        method=scan.method,
        bytes_scanned=scan.bytes_scanned,
        cut=scan.cut,
    )


def _aws_auth(ports: ObservePorts) -> Mapping[str, str] | None:
    """The data of aws-auth; empty where there is no ConfigMap, None where it cannot be read."""
    try:
        found = ports.config_maps.read()
    except MigratorError as error:
        ports.events.say(
            "warn",
            f"aws-auth could not be read, so nothing is said of rows: {error.message}",
            event="not-read",
        )
        return None
    if found is None:
        return {}
    return dict(found.get("data") or {})


def _entries(ports: ObservePorts) -> Iterator[str] | None:
    """The ARNs that have an access entry; None where entries cannot be read."""
    try:
        found = ports.reader.list_access_entries()
    except MigratorError as error:
        ports.events.say(
            "warn", f"access entries could not be read: {error.message}", event="not-read"
        )
        return None
    return iter([str(each["principalArn"]) for each in found or ()])
