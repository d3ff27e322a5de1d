"""Questions to CloudWatch Logs Insights that count what ``usage.Tally`` counts, and their rows.

Source: CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax". Inside quoted
values of the authenticator's lines and of JSON every quote is escaped, so that ``name="`` always
begins a field.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from migrator.decide.observing.log_lines import moment_of, target_of, unquoted
from migrator.decide.observing.usage import OWN_USER_AGENT, Tally
from migrator.model.moments import moment_of_text
from migrator.model.observation import Decider, LogType, SeenLogin, SeenRequest

_BOUNDS = "toMillis(@timestamp) >= START and toMillis(@timestamp) < END"
_COUNTS = "stats count(*) as n, min(@timestamp) as first, max(@timestamp) as last by"
_AUTHENTICATOR = f"""\
filter @logStream like /^authenticator-/ and {_BOUNDS}
| filter @message like /msg="access (granted|denied)"/
| parse @message /msg="access (?<outcome>granted|denied)"/
| parse @message / arn="(?<arn>[^"]*)"/
| parse @message / groups=(?<groups>"(?:[^"\\\\]|\\\\.)*")/
| parse @message / username=(?<username>"(?:[^"\\\\]|\\\\.)*"|\\S*)\\s*$/
| parse @message / error=(?<error>"(?:[^"\\\\]|\\\\.)*"|\\S*)/
| filter ispresent(arn)
| {_COUNTS} outcome, arn, username, groups, error
"""
_AUDIT = f"""\
filter @logStream like /^kube-apiserver-audit-/ and {_BOUNDS}
| filter stage = "ResponseComplete" and ispresent(user.extra.canonicalArn.0)
| fields user.extra.canonicalArn.0 as arn, `annotations.authorization.k8s.io/decision` as decision,\
 ispresent(impersonatedUser.username) as spoken, `annotations.authorization.k8s.io/reason` as reason
| parse reason /^(?<by>RBAC: allowed|EKS Access Policy)/
| parse userAgent /^(?<own>{OWN_USER_AGENT})/
PARSE| {_COUNTS} arn, decision, spoken, by, own, verb, objectRef.apiGroup, objectRef.resource,\
 objectRef.subresourceNAMES
"""
_PARSE_GROUPS = '| parse @message /"groups":(?<groups>\\[[^\\]]*\\])/\n'
_BY: Mapping[str, Decider] = {"RBAC: allowed": "rbac", "EKS Access Policy": "access-policy"}


def query_of(
    log_type: LogType,
    start: int,
    end: int,
    *,
    as_login: bool,
) -> str:
    """The question about ``start <= time < end``, both in milliseconds since 1970.

    ``as_login``: username and groups of the caller are counted, too, because no other log has them.
    """
    text = _AUTHENTICATOR
    if log_type != "authenticator":
        parse = ""
        names = ""
        if as_login:
            parse = _PARSE_GROUPS
            names = ", user.username, groups"
        text = _AUDIT.replace("PARSE", parse).replace("NAMES", names)
    return text.replace("START", str(start)).replace("END", str(end))


def add_rows(
    tally: Tally,
    log_type: LogType,
    rows: Iterable[Mapping[str, str]],
    *,
    as_login: bool,
) -> None:
    """Count what a query counted. Rows without an ARN or a number do not count.

    A row maps the fields of the query to texts, as GetQueryResults gives them.
    """
    for row in rows:
        arn = row.get("arn", "")
        if not arn:
            continue
        count = _number(row.get("n", ""))
        if not count:
            continue
        first = _moment(row.get("first", ""))
        last = _moment(row.get("last", ""))
        if first is None or last is None:
            continue
        # A row says of the lines between these two only how many there were.
        for moment in dict.fromkeys((first, last)):
            tally.saw(log_type, int(moment.timestamp() * 1000), 0)
        tally.lines += count
        if log_type == "authenticator":
            tally.add_login(_login(row, arn, last), count=count, first=first)
        else:
            tally.add_request(_request(row, arn, last), as_login=as_login, count=count, first=first)


def _login(row: Mapping[str, str], arn: str, at: datetime) -> SeenLogin:
    """A row of the authenticator's log as the last of the log-ins that it counts."""
    if row.get("outcome") == "denied":
        refused = unquoted(row.get("error", "")) or "access denied"
        return SeenLogin(
            arn,
            "",
            (),
            at,
            "authenticator",
            refused=refused,
        )
    groups = unquoted(row.get("groups", "")).removeprefix("[").removesuffix("]").split()
    return SeenLogin(arn, unquoted(row.get("username", "")), tuple(groups), at, "authenticator")


def _request(row: Mapping[str, str], arn: str, at: datetime) -> SeenRequest:
    """A row of the audit log as the last of the requests that it counts."""
    by: Decider = _BY.get(row.get("by", ""), "other")
    # The decision is about the impersonated user, not about the one who logged in.
    if row.get("spoken", "").lower() in ("1", "true"):
        by = "impersonated"
    return SeenRequest(
        arn=arn,
        username=row.get("user.username", ""),
        groups=_groups(row.get("groups", "")),
        at=at,
        allowed=row.get("decision") != "forbid",
        by=by,
        verb=row.get("verb", ""),
        target=target_of(
            row.get("objectRef.apiGroup", ""),
            row.get("objectRef.resource", ""),
            row.get("objectRef.subresource", ""),
        ),
        user_agent=row.get("own", ""),
    )


def _groups(text: str) -> tuple[str, ...]:
    """The groups in a piece of JSON; none where it is no list."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(item for item in found if isinstance(item, str))


def _number(text: str) -> int:
    """A count as Insights gives it, which may be written as a float; 0 for what is no number."""
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return 0


def _moment(text: str) -> datetime | None:
    """A time as Insights gives it: milliseconds since 1970, or ``2026-11-22 07:00:00.000``."""
    try:
        if text.replace(".", "", 1).replace("E", "", 1).isdigit():
            return moment_of(int(float(text)))
        return moment_of_text(text).replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None
