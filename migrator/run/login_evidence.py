"""Logins of one principal, read from the control-plane logs: what it did, where the tool cannot log
in as it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from migrator.decide.observing.log_lines import login_of, login_of_request, request_of
from migrator.decide.proving.login_proof import LoginJudgement
from migrator.decide.reading.row_keys import canonical_arn, principal_key
from migrator.errors import MigratorError
from migrator.model.evidence import Evidence
from migrator.model.observation import SeenLogin, SeenRequest
from migrator.ports import AuditLogs

MOST_EVENTS = 50_000  # of one principal in one look
_NO_LOGS = frozenset({"logs-off", "iam-denied", "aws-refused", "region-disabled"})
HOW_TO_SWITCH_ON = (
    "Switch on the types audit and authenticator: aws eks update-cluster-config --name CLUSTER "
    "--logging "
    '\'{"clusterLogging":[{"types":["audit","authenticator"],"enabled":true}]}\''
)


@dataclass(frozen=True, slots=True)
class Logins:
    """What was seen; ``found`` None and ``why`` where no log can be read."""

    found: tuple[SeenLogin, ...] | None
    why: str = ""


def logins_of(
    logs: AuditLogs | None,
    principal_arn: str,
    start: datetime,
    end: datetime,
) -> Logins:
    """Accepted and refused logins of a principal in ``start`` to ``end``, oldest first.

    From the authenticator's log where it is on, which has one line a login; else from the audit
    log, where every request shows who asked.
    """
    if logs is None:
        return Logins(None, "the control-plane logs are not read")
    try:
        types = logs.log_types()
        if "authenticator" in types:
            return Logins(_from_authenticator(logs, principal_arn, start, end))
        if "audit" in types:
            return Logins(
                tuple(map(login_of_request, _from_audit(logs, principal_arn, start, end)))
            )
    except MigratorError as error:
        if error.code in _NO_LOGS:
            return Logins(None, error.message)
        raise
    return Logins(
        None, f"neither the authenticator's log nor the audit log is on. {HOW_TO_SWITCH_ON}"
    )


def requests_of(
    logs: AuditLogs | None,
    principal_arn: str,
    start: datetime,
    end: datetime,
) -> tuple[SeenRequest, ...]:
    """Requests of a principal in the audit log, oldest first; empty where that log cannot be
    read.
    """
    try:
        if logs is None or "audit" not in logs.log_types():
            return ()
        return _from_audit(logs, principal_arn, start, end)
    except MigratorError as error:
        if error.code in _NO_LOGS:
            return ()
        raise


def _from_authenticator(
    logs: AuditLogs,
    arn: str,
    start: datetime,
    end: datetime,
) -> tuple[SeenLogin, ...]:
    """Log-ins of a principal in the authenticator's log, between two times."""
    # A term in quotes is searched for as it is, with case; the line spells a role without its path.
    pattern = _quoted(canonical_arn(arn))
    events = logs.events("authenticator", start, end + timedelta(seconds=1), pattern=pattern)
    key = principal_key(arn)
    found: list[SeenLogin] = []
    for event in islice(events, MOST_EVENTS):
        login = login_of(event["message"], event["timestamp"])
        # A line about another thing, or about a principal whose ARN begins with this one.
        if login is None or principal_key(login.arn) != key:
            continue
        found.append(login)
    return tuple(found)


def _from_audit(
    logs: AuditLogs,
    arn: str,
    start: datetime,
    end: datetime,
) -> tuple[SeenRequest, ...]:
    """Requests of a principal in the audit log, between two times."""
    pattern = f"{{ $.user.extra.canonicalArn[0] = {_quoted(canonical_arn(arn))} }}"
    events = logs.events("audit", start, end + timedelta(seconds=1), pattern=pattern)
    key = principal_key(arn)
    found: list[SeenRequest] = []
    for event in islice(events, MOST_EVENTS):
        request = request_of(event["message"], event["timestamp"])
        if request is None or principal_key(request.arn) != key:
            continue
        found.append(request)
    return tuple(found)


def _quoted(text: str) -> str:
    """A term of a CloudWatch Logs filter pattern: in quotes, with quotes and backslashes escaped
    (CloudWatch Logs user guide, "Filter pattern syntax").
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def evidence_of_logins(
    arn: str,
    judged: LoginJudgement,
    *,
    state: str,
    why: str,
) -> Evidence:
    """Logins that the principal made itself, as evidence; it is as old as the last of them."""
    return Evidence(
        principal_arn=arn,
        proof_class="observed",
        phase="after",
        at=judged.login.at.isoformat(),
        state_digest=state,
        attribution=judged.attribution,
        subject=judged.subject,
        differences=judged.differences,
        how=f"{judged.how}; {why}",
    )
