"""Control-plane log lines as values: the authenticator's text lines and the API server's audit
events.

Sources: aws-iam-authenticator ``pkg/server/server.go`` (messages and fields) and logrus' text
format; Kubernetes documentation, "Auditing" (``audit.k8s.io/v1``, annotations
``authorization.k8s.io/decision`` and ``…/reason``). Lines hold foreign text: whatever is not of the
expected shape is None, never an error.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

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
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    # A request has an event for each stage: the last one alone counts ("Auditing").
    if event.get("stage") != "ResponseComplete":
        return None
    user = _mapping(event.get("user"))
    extra = _mapping(user.get("extra"))
    arns = _texts(extra.get("canonicalArn"))
    if not arns or not arns[0]:
        return None
    annotations = _mapping(event.get("annotations"))
    reference = _mapping(event.get("objectRef"))
    return SeenRequest(
        arn=arns[0],
        username=_text(user.get("username")),
        groups=_texts(user.get("groups")),
        at=moment_of(timestamp),
        allowed=annotations.get("authorization.k8s.io/decision") != "forbid",
        by=_decider(_text(annotations.get("authorization.k8s.io/reason")), event),
        verb=_text(event.get("verb")),
        target=target_of(
            _text(reference.get("apiGroup")),
            _text(reference.get("resource")),
            _text(reference.get("subresource")),
        ),
        namespace=_text(reference.get("namespace")),
        user_agent=_text(event.get("userAgent")),
    )


def login_of_request(request: SeenRequest) -> SeenLogin:
    """A request as the login that it rests on: for clusters whose authenticator log is off."""
    return SeenLogin(request.arn, request.username, request.groups, request.at, "audit")


def _decider(reason: str, event: Mapping[str, Any]) -> Decider:
    """What decided a request, by the reason in the audit log.

    RBAC's begins with ``RBAC: allowed by`` (``plugin/pkg/auth/authorizer/rbac/rbac.go``), that of
    access policies with ``EKS Access Policy``.
    """
    # The decision is about the impersonated user, not about the one who logged in.
    if "impersonatedUser" in event:
        return "impersonated"
    if reason.startswith(_POLICY):
        return "access-policy"
    if reason.startswith(_RBAC):
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


def _mapping(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    return {}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return ""


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))
