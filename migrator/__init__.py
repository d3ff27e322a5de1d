"""Moves EKS clusters from the aws-auth ConfigMap to access entries.

Two calls are the stable library: :func:`read_aws_auth` says what an aws-auth ConfigMap really
grants, and :func:`plan` turns a snapshot of a cluster into the plan document. Importing this
package loads nothing heavy.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from migrator.errors import MigratorError

__version__ = "0.1.0"
__all__ = ["MigratorError", "__version__", "plan", "read_aws_auth"]


def read_aws_auth(data: Mapping[str, str]) -> dict[str, Any]:
    """What the authenticator makes of the ConfigMap's ``data``: only what is effective.

    Returns ``{"error": bool, "doubt": bool, "roles": {lower-cased ARN: row}, "users": {ARN as
    written: row}, "accounts": [...]}`` with rows ``{"arn", "username", "groups"}`` and ``"sso":
    True`` on rows of the SSO matcher. ``error``: the authenticator would log an error. ``doubt``:
    YAML parsers differ on this text and the reading may not equal the authenticator's, or no
    ConfigMap can hold it (a value that is not text, more than 1 MiB). Raises nothing for any
    content.
    """
    from migrator.decide.reading.read_aws_auth import effective_document

    return effective_document(data)


def plan(
    snapshot: Mapping[str, Any],
    decisions: Mapping[str, Any] | None = None,
    *,
    strategy: str = "preserve",
    target: str = "API",
    now: datetime,
    accept_gap: bool = False,
) -> dict[str, Any]:
    """The plan document (``migrator/plan/v1``) for a snapshot document (``migrator/snapshot/v1``).

    A blocked plan is returned, not raised. ``now`` (with a time zone) says which answers of
    ``decisions`` have ended (``until``), and nothing else: ``createdAt`` is the snapshot's
    ``takenAt``, so that the same input gives the same bytes.
    ``accept_gap`` builds no bridge for administrators, for operators who may not create bindings:
    the plan says who has nothing for a moment. Raises :class:`MigratorError` for a document that is
    malformed or a decision that answers nothing.
    """
    from migrator.run.write_plan import plan_document

    return plan_document(
        snapshot, decisions, strategy=strategy, target=target, now=now, accept_gap=accept_gap
    )
