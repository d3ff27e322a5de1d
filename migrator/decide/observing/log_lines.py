"""Control-plane log lines as values: the authenticator's text lines and the API server's audit
events.

Sources: aws-iam-authenticator ``pkg/server/server.go`` (messages and fields) and logrus' text
format; Kubernetes documentation, "Auditing" (``audit.k8s.io/v1``, annotations
``authorization.k8s.io/decision`` and ``…/reason``). Lines hold foreign text: whatever is not of the
expected shape is None, never an error.
"""

import re
from datetime import datetime, timezone

from migrator.model.files.audit_event import AuditEvent, read_audit_event
from migrator.model.observation import Decider, SeenLogin, SeenRequest

_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_GRANTED, _DENIED = 'msg="access granted"', 'msg="access denied"'
_POLICY, _RBAC = "EKS Access Policy", "RBAC: allowed"


def login_of(message: str, timestamp: int) -> SeenLogin | None:
    """The login that an authenticator line reports; None for other lines.

    ``timestamp`` is the log event's, in milliseconds since 1970. Refusals that name no principal
    are None, too. Shape of a line::

        time="…" level=info msg="access granted" arn="…" groups="[a b]" uid="…" username="…"
    """
    granted = _GRANTED in message
    if not granted and _DENIED not in message:
        return None
    fields = {name: unquoted(value) for name, value in _FIELD.findall(message)}
    arn = fields.get("arn", "")
    # STS did not accept the token: the authenticator does not know the caller.
    if not arn:
        return None
    at = moment_of(timestamp)
    if not granted:
        refused = fields.get("error") or "access denied"
        return SeenLogin(
            arn,
            "",
            (),
            at,
            "authenticator",
            refused=refused,
        )
    groups = fields.get("groups", "").removeprefix("[").removesuffix("]").split()
    return SeenLogin(arn, fields.get("username", ""), tuple(groups), at, "authenticator")


def unquoted(value: str) -> str:
    """A value as logrus prints it: plain, or quoted as by Go's ``%q`` (text_formatter.go)."""
    if not value.startswith('"'):
        return value
    inner = value[1:-1]
    if "\\" not in inner:
        return inner
    return _ESCAPE.sub(_character, inner)


def _character(match: re.Match[str]) -> str:
    """One escape of Go's ``%q``."""
    code = match[1] or match[2] or match[3]
    if code is None:
        return _ESCAPED.get(match[4], match[4])
    number = int(code, 16)
    # Eight digits can be more than the last code point of Unicode.
    if number > 0x10FFFF:
        return "\ufffd"
    return chr(number)


def request_of(message: str, timestamp: int) -> SeenRequest | None:
    """The request that an audit event reports, of a caller who logged in through IAM.

    None for other callers, for earlier stages of a request, and for what is no audit event. The
    line is JSON of ``audit.k8s.io/v1`` ``Event``.
    """
    # Only the authenticator gives this extra field (server.go): a cheap test before JSON is read.
    if "canonicalArn" not in message:
        return None
    event = read_audit_event(message)
    if event is None:
        return None
    # A request has an event for each stage: the last one alone counts ("Auditing").
    if event.stage != "ResponseComplete":
        return None
    arn = event.user.extra.canonical_arn[0] if event.user.extra.canonical_arn else ""
    if not arn:
        return None
    return SeenRequest(
        arn=arn,
        username=event.user.username,
        groups=event.user.groups,
        at=moment_of(timestamp),
        allowed=event.annotations.decision != "forbid",
        by=_decider(event),
        verb=event.verb,
        target=target_of(
            event.reference.api_group,
            event.reference.resource,
            event.reference.subresource,
        ),
        namespace=event.reference.namespace,
        user_agent=event.user_agent,
    )


def login_of_request(request: SeenRequest) -> SeenLogin:
    """A request as the login that it rests on: for clusters whose authenticator log is off."""
    return SeenLogin(request.arn, request.username, request.groups, request.at, "audit")


def _decider(event: AuditEvent) -> Decider:
    """What decided a request, by the reason in the audit log.

    RBAC's begins with ``RBAC: allowed by`` (``plugin/pkg/auth/authorizer/rbac/rbac.go``), that of
    access policies with ``EKS Access Policy``.
    """
    # The decision is about the impersonated user, not about the one who logged in.
    if event.impersonated:
        return "impersonated"
    if event.annotations.reason.startswith(_POLICY):
        return "access-policy"
    if event.annotations.reason.startswith(_RBAC):
        return "rbac"
    return "other"


def target_of(api_group: str, resource: str, subresource: str) -> str:
    """``apps/deployments/scale``, or ``pods`` of the core group.

    Empty where there is no resource: the request is for a path.
    """
    if not resource:
        return ""
    return "/".join(part for part in (api_group, resource, subresource) if part)


def moment_of(timestamp: int) -> datetime:
    """Milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(timestamp / 1000, tz=timezone.utc)
