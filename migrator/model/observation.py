"""What a control-plane log line tells: a login, a refused login, a request that was decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

LogType: TypeAlias = Literal["authenticator", "audit"]
Decider: TypeAlias = Literal["rbac", "access-policy", "impersonated", "other"]


@dataclass(frozen=True, slots=True)
class SeenLogin:
    """A login that the cluster accepted, or (``refused`` says why) did not.

    ``arn`` is canonical: a role without its path. ``source`` is the log that shows it. The
    authenticator writes groups with blanks between them, so that a group with a blank in its name
    comes as two.
    """

    arn: str
    username: str
    groups: tuple[str, ...]
    at: datetime
    source: LogType
    refused: str = ""


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request in the audit log, of a caller who logged in through IAM.

    ``by``: what decided it, by the annotation ``authorization.k8s.io/reason``. ``target``:
    ``apiGroup/resource`` with its subresource; empty for a path, of which there may be any number.
    """

    arn: str
    username: str
    groups: tuple[str, ...]
    at: datetime
    allowed: bool
    by: Decider
    verb: str = ""
    target: str = ""
    namespace: str = ""
    user_agent: str = ""
