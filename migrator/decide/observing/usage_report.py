"""From counts to a report: unused rows, principals behind accounts and templates, logins that no
row explains, and whether the window is complete.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from migrator.decide.observing.log_lines import moment_of
from migrator.decide.observing.usage import Tally, milliseconds
from migrator.decide.planning.principals.creator_evidence import HIDDEN_NAME
from migrator.decide.reading.effective_identity import RowIndex, index_rows
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.reading.templates import templates_in
from migrator.model.aws_auth import AwsAuth, RowMapping
from migrator.model.long_lists import some_of
from migrator.model.principal import parse_arn
from migrator.model.snapshot import Login, Usage
from migrator.model.usage_report import (
    LogGroup,
    NamesOfTemplate,
    ScanMethod,
    SeenPrincipal,
    UnusedRow,
    UsageReport,
)

_DAY = timedelta(days=1)
_MOST_NAMES = 20
_MOST_DAYS = 5


@dataclass(frozen=True, slots=True)
class Window:
    """What was read: from ``start`` to ``end``, in the logs that are on (``types``) of a log
    group.
    """

    start: datetime
    end: datetime
    types: frozenset[str]
    group: LogGroup

    @property
    def login_log(self) -> Literal["authenticator", "audit"]:
        """The log that shows logins."""
        if "authenticator" in self.types:
            return "authenticator"
        return "audit"


def usage_report(
    tally: Tally,
    window: Window,
    *,
    aws_auth: Mapping[str, str] | None,
    entries: Iterable[str] | None,
    method: ScanMethod,
    bytes_scanned: int,
    cut: Iterable[str] = (),
) -> UsageReport:
    """The report of a window.

    ``aws_auth``: the ConfigMap's data, empty where there is none, None where it could not be read;
    ``entries``: the principals of the access entries, None where that is not known. ``cut``: what a
    scan could not read to the end, one text each. ``bytes_scanned`` is what CloudWatch Logs
    counted.

    Only a window without a gap says who did not log in.
    """
    own = tally.only_own()
    logins = tuple(login for login in tally.logins() if login.arn not in own)
    gaps = (*cut, *_gaps(tally, window))
    rows = None
    index = None
    unused: tuple[UnusedRow, ...] = ()
    templates: tuple[NamesOfTemplate, ...] = ()
    if aws_auth is not None:
        rows = read_aws_auth(aws_auth)
        index = index_rows(rows)
        seen = {principal_key(login.arn) for login in logins}
        unused = tuple(_unused(rows, seen))
        templates = tuple(_templates(index, logins))
    with_entry = frozenset(map(principal_key, entries or ()))
    unknown = tuple(_without_row(logins, index, with_entry))
    counted: Literal["logins", "requests"] = "requests"
    if window.login_log == "authenticator":
        counted = "logins"
    return UsageReport(
        usage=Usage(window.start, window.end, not gaps, logins),
        counted=counted,
        method=method,
        lines=tally.lines,
        bytes_scanned=bytes_scanned,
        decided=tally.decided(),
        denials=tally.denials(),
        denials_left_out=tally.denials_left_out,
        unused=unused,
        templates=templates,
        behind_accounts=tuple(each for each in unknown if each.account is not None),
        unexplained=tuple(each for each in unknown if each.account is None),
        gaps=gaps,
        rows_known=rows is not None,
        own=tuple(sorted(own)),
    )


def _gaps(tally: Tally, window: Window) -> Iterator[str]:
    """Why a principal without a login in the window may still be in use."""
    if not window.types & {"authenticator", "audit"}:
        yield "neither the authenticator's log nor the audit log is on"
        return
    if window.group.created > window.start:
        yield f"the log begins {window.group.created:%Y-%m-%d %H:%MZ}"
    # None: CloudWatch Logs keeps the lines for ever (its API, DescribeLogGroups).
    kept = window.group.retention_days
    if kept is not None and window.end - timedelta(days=kept) > window.start:
        yield f"lines are deleted after {kept} days"
    silent = list(_silent_days(tally.days.get(window.login_log, set()), window))
    if not silent:
        return
    days = some_of(silent, _MOST_DAYS, "days")
    yield f"no line of the {window.login_log} log on {days}"


def _silent_days(days: set[int], window: Window) -> Iterator[str]:
    """Days within the window without a single line: the log type was off, or nothing ever logged
    in.

    The first and the last day, of which only a part may be in the window, count when the window is
    shorter than two days.
    """
    day = milliseconds(_DAY + moment_of(0))
    first = milliseconds(window.start) // day
    last = milliseconds(window.end) // day
    # Parts of two days at the most: one line on either is enough.
    if last - first <= 1:
        if days.isdisjoint((first, last)):
            yield f"{window.start:%Y-%m-%d}"
        return
    for number in range(first + 1, last):
        if number not in days:
            yield f"{moment_of(number * day):%Y-%m-%d}"


def _unused(rows: AwsAuth, seen: set[str]) -> Iterator[UnusedRow]:
    """Rows whose ARN no login in the window had; ``seen`` are the keys of those that had one."""
    for row in rows.rows:
        # A role's row with a path matches no login, so that it is always unused.
        if row.arn and row_key(row.arn) not in seen:
            yield UnusedRow(row.source, row.arn)


def _templates(index: RowIndex, logins: Sequence[Login]) -> Iterator[NamesOfTemplate]:
    """What templated usernames and groups of the rows in force became, in the rows' order.

    At most ``_MOST_NAMES`` names of each are listed, and all are counted.
    """
    by_key: dict[str, list[Login]] = {}
    for login in logins:
        by_key.setdefault(principal_key(login.arn), []).append(login)
    rows: dict[str, RowMapping] = {}
    for found in (*index.roles.values(), *index.users.values()):
        rows.update((row.source, row) for row in found)
    for row in sorted(rows.values(), key=lambda each: (each.section, each.index)):
        mine = by_key.get(row_key(row.arn), [])
        for template, names in _rendered(row, mine):
            # No login came by this row in the window.
            if not names:
                continue
            shown = tuple(sorted(names)[:_MOST_NAMES])
            yield NamesOfTemplate(row.source, row.arn, template, shown, len(names))


def _rendered(row: RowMapping, logins: Sequence[Login]) -> Iterator[tuple[str, set[str]]]:
    """Each template of a row, with the names that its logins had instead of it.

    ``logins`` are those of the row's principal. Names that the row writes without a template, and
    the group of every login, are no values of a template.
    """
    if templates_in(row.username):
        yield row.username, {login.username for login in logins}
    templated = [group for group in row.effective_groups if templates_in(group)]
    # Groups that a login has without any template; the API server adds the first to every login.
    literal = {"system:authenticated", *row.effective_groups}.difference(templated)
    rendered: set[str] = set()
    for login in logins:
        rendered.update(login.groups)
    # Which of several templated groups a name came from cannot be seen in it.
    for group in templated:
        yield group, rendered - literal


def _without_row(
    logins: Sequence[Login], index: RowIndex | None, entries: frozenset[str]
) -> Iterator[SeenPrincipal]:
    """The newest login of each principal that neither a row nor an entry names."""
    newest: dict[str, Login] = {}
    counts: dict[str, int] = {}
    # aws-auth was not read: a login without a row cannot be known.
    if index is None:
        return
    for login in logins:
        key = principal_key(login.arn)
        if key in entries:
            continue
        if key in index.roles or key in index.users:
            continue
        counts[key] = counts.get(key, 0) + login.count
        if key not in newest or login.last > newest[key].last:
            newest[key] = login
    for key, login in sorted(newest.items()):
        yield SeenPrincipal(
            login.arn,
            login.username,
            login.groups,
            login.last,
            counts[key],
            account=_mapped_account(login, index),
            hidden_creator=login.username == HIDDEN_NAME,
        )


def _mapped_account(login: Login, index: RowIndex) -> str | None:
    """The principal's account, if mapAccounts admits it."""
    arn = parse_arn(login.arn)
    if arn is None:
        return None
    if arn.account not in index.accounts:
        return None
    return arn.account
