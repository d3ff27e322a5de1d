"""The fields of an audit event that count, of ``audit.k8s.io/v1`` (Kubernetes documentation,
"Auditing").

A month of audit log has millions of events, most of whose text is the object of the request: fields
that do not count are skipped and never become Python values.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec


class AuditExtra(msgspec.Struct, frozen=True):
    """``user.extra``: the authenticator's field for the principal (server.go)."""

    canonical_arn: tuple[str, ...] = msgspec.field(name="canonicalArn", default=())


class AuditUser(msgspec.Struct, frozen=True):
    """``user``, of ``authentication.k8s.io/v1``."""

    username: str = ""
    groups: tuple[str, ...] = ()
    extra: AuditExtra = AuditExtra()


class AuditAnnotations(msgspec.Struct, frozen=True):
    """The two annotations of the API server's authorizer."""

    decision: str = msgspec.field(name="authorization.k8s.io/decision", default="")
    reason: str = msgspec.field(name="authorization.k8s.io/reason", default="")


class AuditReference(msgspec.Struct, frozen=True):
    """``objectRef``: what the request is about."""

    api_group: str = msgspec.field(name="apiGroup", default="")
    resource: str = ""
    subresource: str = ""
    namespace: str = ""


class AuditEvent(msgspec.Struct, frozen=True):
    """The fields of an ``audit.k8s.io/v1`` ``Event`` that count; others are skipped unread."""

    stage: str = ""
    verb: str = ""
    user_agent: str = msgspec.field(name="userAgent", default="")
    user: AuditUser = AuditUser()
    annotations: AuditAnnotations = AuditAnnotations()
    reference: AuditReference = msgspec.field(name="objectRef", default=AuditReference())
    impersonated_user: msgspec.Raw | msgspec.UnsetType = msgspec.field(
        name="impersonatedUser",
        default=msgspec.UNSET,
    )

    @property
    def impersonated(self) -> bool:
        """Whether the request was decided for another user than the one who logged in."""
        return self.impersonated_user is not msgspec.UNSET


_DECODE = msgspec.json.Decoder(AuditEvent).decode


def read_audit_event(message: str) -> AuditEvent | None:
    """The audit event; None for what is no JSON object. A field of another type counts as empty."""
    try:
        return _DECODE(message)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return odd_audit_event(message)


def odd_audit_event(message: str) -> AuditEvent | None:
    """An event that the API server does not write so: field by field."""
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    user = _mapping(event.get("user"))
    annotations = _mapping(event.get("annotations"))
    reference = _mapping(event.get("objectRef"))
    return AuditEvent(
        stage=_text(event.get("stage")),
        verb=_text(event.get("verb")),
        user_agent=_text(event.get("userAgent")),
        user=AuditUser(
            _text(user.get("username")),
            _texts(user.get("groups")),
            AuditExtra(_texts(_mapping(user.get("extra")).get("canonicalArn"))),
        ),
        annotations=AuditAnnotations(
            _text(annotations.get("authorization.k8s.io/decision")),
            _text(annotations.get("authorization.k8s.io/reason")),
        ),
        reference=AuditReference(
            _text(reference.get("apiGroup")),
            _text(reference.get("resource")),
            _text(reference.get("subresource")),
            _text(reference.get("namespace")),
        ),
        impersonated_user=msgspec.Raw(b"{}") if "impersonatedUser" in event else msgspec.UNSET,
    )


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
