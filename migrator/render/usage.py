"""What ``observe`` found, as text for people and as the ``usage`` document for ``plan --usage``."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migrator.model.long_lists import and_more
from migrator.model.snapshot import Login
from migrator.model.usage_report import Denial, NamesOfTemplate, SeenPrincipal, UsageReport
from migrator.render.text import MAX_WIDTH, foreign, rows_under, stack, text_of

FORMAT = "migrator/usage/v1"
_MOST_DENIALS = 20
_MOST_NAMES = 5


def usage_document(report: UsageReport, *, cluster: str) -> dict[str, Any]:
    """The report as JSON: the ``usage`` of a snapshot, and beside it what is for people."""
    usage = report.usage
    return {
        "format": FORMAT,
        "cluster": cluster,
        "from": _time(usage.start),
        "to": _time(usage.end),
        "complete": usage.complete,
        "gaps": list(report.gaps),
        "counted": report.counted,
        "scan": {
            "method": report.method,
            "lines": report.lines,
            "bytesScanned": report.bytes_scanned,
        },
        "logins": [_login(login) for login in usage.logins],
        "ownLogins": list(report.own),
        "decisions": [
            {
                "arn": each.arn,
                "rbac": each.rbac,
                "accessPolicy": each.access_policy,
                "other": each.other,
                "impersonated": each.impersonated,
                "denied": each.denied,
            }
            for each in report.decided
        ],
        "denials": [_denial(each) for each in report.denials],
        "denialsLeftOut": report.denials_left_out,
        "rowsKnown": report.rows_known,
        "unusedRows": [{"source": row.source, "arn": row.arn} for row in report.unused],
        "behindTemplates": [
            {
                "source": each.source,
                "arn": each.arn,
                "template": each.template,
                "names": list(each.names),
                "count": each.count,
            }
            for each in report.templates
        ],
        "behindAccounts": [_seen(each) for each in report.behind_accounts],
        "unexplained": [_seen(each) for each in report.unexplained],
    }


def _login(login: Login) -> dict[str, Any]:
    """One identity that logged in, as a JSON document."""
    return {
        "arn": login.arn,
        "username": login.username,
        "groups": list(login.groups),
        "first": _time(login.first),
        "last": _time(login.last),
        "count": login.count,
    }


def _denial(denial: Denial) -> dict[str, Any]:
    """One kind of denied request, as a JSON document."""
    return {
        "arn": denial.arn,
        "what": denial.what,
        "why": denial.why,
        "first": _time(denial.first),
        "last": _time(denial.last),
        "count": denial.count,
        "sinceApply": denial.since_apply,
    }


def _seen(seen: SeenPrincipal) -> dict[str, Any]:
    """One principal that was seen, as a JSON document."""
    return {
        "arn": seen.arn,
        "username": seen.username,
        "groups": list(seen.groups),
        "last": _time(seen.last),
        "count": seen.count,
        "account": seen.account,
        "hiddenCreator": seen.hidden_creator,
    }


def _time(moment: datetime) -> str:
    """A time in UTC with milliseconds, as the logs have them."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def usage_text(report: UsageReport, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """Who logged in, and below it whatever a person should look at."""
    parts: list[RenderableType] = [_logins(report, width)]
    for title, lines in _sections(report):
        found = list(lines)
        if found:
            parts += [
                Text(""),
                Text(title, style="bold"),
                *(foreign(f"  {line}") for line in found),
            ]
    parts += [Text(""), _last_line(report)]
    return text_of(Group(*parts), width=width, color=color)


def _logins(report: UsageReport, width: int) -> Table:
    """The table of identities that logged in, by principal, the latest one first."""
    logins = sorted(report.usage.logins, key=lambda each: (each.arn, -each.last.timestamp()))
    heads = [("LAST", 16), (report.counted.upper(), 10)]
    title = Text("PRINCIPAL, LOGGED IN AS")
    return rows_under(heads, title, map(_login_row, logins), width=width)


def _login_row(login: Login) -> tuple[list[Text], Text]:
    """A row of the table: when and how often, and who as what."""
    groups = ", ".join(login.groups) or "no groups"
    who = [foreign(login.arn, "bold"), foreign(f"{login.username or '(no name)'}; {groups}")]
    return [Text(f"{login.last:%Y-%m-%d %H:%M}"), Text(f"{login.count:>10}")], stack(who)


def _sections(report: UsageReport) -> Iterator[tuple[str, Iterable[str]]]:
    """``(title, lines)`` of everything that a person should look at; a section without lines is not
    shown.
    """
    yield (
        "Behind mapAccounts (to be named under expand_accounts):",
        (
            f"{each.arn} as {each.username}, last {each.last:%Y-%m-%d %H:%M}"
            for each in report.behind_accounts
        ),
    )
    yield (
        "Logged in, and no row or entry says why:",
        (
            f"{each.arn} as {each.username or '(no name)'}"
            + (": the cluster's hidden creator" if each.hidden_creator else "")
            for each in report.unexplained
        ),
    )
    yield (
        "What templates became:",
        (f"{each.source} {each.template}: {_names(each)}" for each in report.templates),
    )
    yield "Left out, because only this tool logged in as them:", report.own
    yield "Rows without a login in this time:", (f"{row.source} {row.arn}" for row in report.unused)
    yield (
        "Decided by access policies:",
        (
            f"{each.arn}: {each.access_policy} of "
            f"{each.rbac + each.access_policy + each.other + each.denied} requests"
            for each in report.decided
            if each.access_policy
        ),
    )
    yield "Denied, the latest first:", _denials(report)


def _names(template: NamesOfTemplate) -> str:
    """The first names that a template gave, and how many there are in all."""
    names = ", ".join(template.names[:_MOST_NAMES])
    # The report holds the first names of a template, and how many there are in all.
    rest = and_more(template.count, _MOST_NAMES)
    if not rest:
        return names
    return f"{names} {rest}"


def _denials(report: UsageReport) -> Iterator[str]:
    """The kinds of denied requests, and how many are not shown."""
    for each in report.denials[:_MOST_DENIALS]:
        since = ""
        if each.since_apply is not None:
            since = f", {each.since_apply} since the first apply"
        yield (
            f"{each.last:%Y-%m-%d %H:%M} {each.arn}: {each.what} ({each.why}), "
            f"{_times(each.count)}{since}"
        )
    left = len(report.denials) - _MOST_DENIALS
    if left > 0 or report.denials_left_out:
        yield (
            f"and {max(left, 0)} more kinds; {report.denials_left_out} denials of further kinds "
            f"were not kept"
        )


def _times(count: int) -> str:
    """How often, in words."""
    if count == 1:
        return "once"
    return f"{count} times"


def _last_line(report: UsageReport) -> Text:
    """What was read, and whether that is the whole window."""
    usage = report.usage
    window = f"{usage.start:%Y-%m-%d %H:%M} to {usage.end:%Y-%m-%d %H:%M}"
    principals = len({login.arn for login in usage.logins})
    line = Text.assemble(f"{principals} principals in {report.lines} lines, {window}: ")
    if usage.complete:
        return line.append("complete", style="green")
    line.append("not complete", style="yellow")
    return line.append(f" ({'; '.join(report.gaps)}): who is not seen may still be in use")
