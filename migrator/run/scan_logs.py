"""Scan control-plane logs into a tally, by queries or by reading events, from where an earlier scan
stopped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from migrator.decide.observing.log_lines import login_of, moment_of, request_of
from migrator.decide.observing.usage import Tally, milliseconds
from migrator.decide.observing.usage_queries import add_rows, query_of
from migrator.decide.observing.usage_report import Window
from migrator.model.observation import LogType
from migrator.model.usage_report import ScanMethod
from migrator.ports import AuditLogs, Events, Raw

SAVE_EVERY = 20_000  # lines read
SLICE = timedelta(days=1)  # of one query: what an interruption loses at most
SHORTEST = timedelta(minutes=1)  # a slice with too many rows is halved down to this
PATTERNS: Mapping[LogType, str] = {
    "authenticator": '?"access granted" ?"access denied"',
    "audit": '{ $.user.extra.canonicalArn[0] = "arn:*" }',
}


@dataclass(slots=True)
class Scan:
    """A scan in progress. ``cursors``: how far it came, by log type: for queries the time up to
    which slices are done, for events also the ids that were read of the last millisecond. ``cut``:
    what could not be read to the end.
    """

    window: Window
    method: ScanMethod
    tally: Tally
    since: timedelta
    cursors: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    bytes_scanned: int = 0
    cut: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scanner:
    """Where logs are read, and how what was counted is kept (``save`` is called often enough)."""

    logs: AuditLogs
    events: Events
    save: Callable[[Scan], None]

    def run(self, scan: Scan, log_type: LogType) -> None:
        """One log to the end of the window."""
        if scan.method == "filter":
            self._read_events(scan, log_type)
        else:
            self._ask_queries(scan, log_type)
        scan.finished.add(log_type)
        self.save(scan)

    def _read_events(self, scan: Scan, log_type: LogType) -> None:
        """Read a log line by line, from the cursor on. Lines of the cursor's own millisecond may
        come again, and are counted once.
        """
        at, seen = scan.cursors.get(log_type, (milliseconds(scan.window.start), []))
        known, unsaved = set(seen), 0
        for event in self.logs.events(
            log_type, moment_of(at), scan.window.end, pattern=PATTERNS[log_type]
        ):
            timestamp, event_id = int(event["timestamp"]), str(event.get("eventId", ""))
            if timestamp > at:
                at, known = timestamp, set()
            elif event_id in known:
                continue
            _count(scan, log_type, event, timestamp)
            known.add(event_id)
            unsaved += 1
            if unsaved >= SAVE_EVERY:
                unsaved = 0
                scan.cursors[log_type] = (at, sorted(known))
                self.save(scan)
                self._show_progress(scan, log_type, at)

    def _ask_queries(self, scan: Scan, log_type: LogType) -> None:
        """Ask CloudWatch Logs Insights slice by slice, from the cursor on."""
        end = milliseconds(scan.window.end)
        at = scan.cursors.get(log_type, (milliseconds(scan.window.start), []))[0]
        while at < end:
            until = min(end, at + SLICE // timedelta(milliseconds=1))
            if scan.tally.applied is not None and at < scan.tally.applied < until:
                until = scan.tally.applied  # what was denied since then is counted separately
            self._ask_slice(scan, log_type, at, until)
            at = until
            scan.cursors[log_type] = (at, [])
            self.save(scan)
            self._show_progress(scan, log_type, at)

    def _ask_slice(
        self,
        scan: Scan,
        log_type: LogType,
        start: int,
        end: int,
    ) -> None:
        """One slice, ``start <= time < end``. What has more rows than a query gives is asked for in
        halves.
        """
        as_login = scan.window.login_log == "audit"
        # a query's own bounds are whole seconds; a filter in its text separates the lines at the
        # borders
        text = query_of(log_type, start, end, as_login=as_login)
        found = self.logs.query(text, moment_of(start), moment_of(end) + timedelta(seconds=1))
        scan.bytes_scanned += found.bytes_scanned
        if found.complete or (end - start) * timedelta(milliseconds=1) <= SHORTEST:
            if not found.complete:
                scan.cut.append(
                    f"more rows than a query gives at {moment_of(start):%Y-%m-%d %H:%MZ}"
                )
            add_rows(scan.tally, log_type, found.rows, as_login=as_login)
            return
        middle = (start + end) // 2
        self._ask_slice(scan, log_type, start, middle)
        self._ask_slice(scan, log_type, middle, end)

    def _show_progress(
        self,
        scan: Scan,
        log_type: LogType,
        at: int,
    ) -> None:
        start, end = milliseconds(scan.window.start), milliseconds(scan.window.end)
        self.events.progress(f"{log_type} log", 1000 * (at - start) // max(1, end - start), 1000)


def _count(
    scan: Scan,
    log_type: LogType,
    event: Raw,
    timestamp: int,
) -> None:
    """Add a line of a log to the tally. One that is no log-in and no request shows until when the
    log was read.
    """
    scan.tally.saw(log_type, timestamp)
    if log_type == "authenticator":
        login = login_of(event["message"], timestamp)
        if login is not None:
            scan.tally.add_login(login)
    else:
        request = request_of(event["message"], timestamp)
        if request is not None:
            scan.tally.add_request(request, as_login=scan.window.login_log == "audit")
