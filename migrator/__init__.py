"""Moves EKS clusters from the aws-auth ConfigMap to access entries.

The library. :func:`read_aws_auth` says what an aws-auth ConfigMap really grants, and :func:`plan`
turns a snapshot of a cluster into the plan document; both are pure. Every command is a call, too:
a frozen request and an :class:`Operator` in, a frozen outcome out. No call writes to a terminal or
asks one, and only :class:`MigratorError` is raised.

Importing this package loads nothing heavy: a call and its request are imported when they are used.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from migrator.errors import MigratorError

if TYPE_CHECKING:
    from migrator.app.access import AccessRequest, access
    from migrator.app.apply import ApplyRequest, apply
    from migrator.app.cut_over import CutOverRequest, cut_over
    from migrator.app.diagnose import diagnose, required_policy
    from migrator.app.drift import DriftRequest, SavedAccess, drift
    from migrator.app.explain import ExplainRequest, explain
    from migrator.app.generate import (
        CheckTerraformRequest,
        GenerateRequest,
        check_terraform,
        check_terraform_fleet,
        generate,
        read_entries,
    )
    from migrator.app.observe import ObserveRequest, observe
    from migrator.app.operator import AnsweredBefore, Operator
    from migrator.app.plan import Manifest, PlanRequest, open_questions
    from migrator.app.rehearse import RehearseRequest, rehearse
    from migrator.app.report import ReportRequest, report
    from migrator.app.retire import RetireRequest, retire
    from migrator.app.roll_back import (
        LeftoversRequest,
        RollBackRequest,
        remove_leftovers,
        roll_back,
    )
    from migrator.app.settings import Settings
    from migrator.app.show import ShowRequest, show
    from migrator.app.snapshot import snapshot
    from migrator.app.status import StatusRequest, status
    from migrator.app.timer import timer
    from migrator.app.token import TokenRequest, token
    from migrator.app.verify import VerifyRequest, verify
    from migrator.model.files.decisions import decode_decisions
    from migrator.model.outcome import PlanOutcome
    from migrator.render.code_files import code_files

__version__ = "0.1.0"
__all__ = [
    "AccessRequest",
    "AnsweredBefore",
    "ApplyRequest",
    "CheckTerraformRequest",
    "CutOverRequest",
    "DriftRequest",
    "ExplainRequest",
    "GenerateRequest",
    "LeftoversRequest",
    "Manifest",
    "MigratorError",
    "ObserveRequest",
    "Operator",
    "PlanOutcome",
    "PlanRequest",
    "RehearseRequest",
    "ReportRequest",
    "RetireRequest",
    "RollBackRequest",
    "SavedAccess",
    "Settings",
    "ShowRequest",
    "StatusRequest",
    "TokenRequest",
    "VerifyRequest",
    "__version__",
    "access",
    "apply",
    "check_terraform",
    "check_terraform_fleet",
    "code_files",
    "cut_over",
    "decode_decisions",
    "diagnose",
    "drift",
    "explain",
    "generate",
    "observe",
    "open_questions",
    "plan",
    "plan_cluster",
    "read_aws_auth",
    "read_entries",
    "rehearse",
    "remove_leftovers",
    "report",
    "required_policy",
    "retire",
    "roll_back",
    "show",
    "snapshot",
    "status",
    "timer",
    "token",
    "verify",
]

# Where each name is: the same as the imports above, which only a type checker carries out. A test
# compares them.
_HOMES: Mapping[str, tuple[str, ...]] = {
    "migrator.app.access": ("AccessRequest", "access"),
    "migrator.app.apply": ("ApplyRequest", "apply"),
    "migrator.app.cut_over": ("CutOverRequest", "cut_over"),
    "migrator.app.diagnose": ("diagnose", "required_policy"),
    "migrator.app.drift": ("DriftRequest", "SavedAccess", "drift"),
    "migrator.app.explain": ("ExplainRequest", "explain"),
    "migrator.app.generate": (
        "CheckTerraformRequest",
        "GenerateRequest",
        "check_terraform",
        "check_terraform_fleet",
        "generate",
        "read_entries",
    ),
    "migrator.app.observe": ("ObserveRequest", "observe"),
    "migrator.app.operator": ("AnsweredBefore", "Operator"),
    "migrator.app.plan": ("Manifest", "PlanRequest", "open_questions"),
    "migrator.app.rehearse": ("RehearseRequest", "rehearse"),
    "migrator.app.report": ("ReportRequest", "report"),
    "migrator.app.retire": ("RetireRequest", "retire"),
    "migrator.app.roll_back": (
        "LeftoversRequest",
        "RollBackRequest",
        "remove_leftovers",
        "roll_back",
    ),
    "migrator.app.settings": ("Settings",),
    "migrator.app.show": ("ShowRequest", "show"),
    "migrator.app.snapshot": ("snapshot",),
    "migrator.app.status": ("StatusRequest", "status"),
    "migrator.app.timer": ("timer",),
    "migrator.app.token": ("TokenRequest", "token"),
    "migrator.app.verify": ("VerifyRequest", "verify"),
    "migrator.model.files.decisions": ("decode_decisions",),
    "migrator.model.outcome": ("PlanOutcome",),
    "migrator.render.code_files": ("code_files",),
}


# Hidden from type checkers: they have the imports above, and a name that is not there is an error.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - as imported above
        """Import a call or a request when it is first used (PEP 562)."""
        for module, names in _HOMES.items():
            if name in names:
                found = getattr(import_module(module), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names of the library, imported or not."""
    return sorted({*globals(), *__all__})


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
    the plan says which principals have no access for a moment. Raises :class:`MigratorError` for a
    document that is malformed or a decision that answers nothing.
    """
    from migrator.run.write_plan import plan_document

    return plan_document(
        snapshot,
        decisions,
        strategy=strategy,
        target=target,
        now=now,
        accept_gap=accept_gap,
    )


def plan_cluster(request: "PlanRequest", operator: "Operator") -> "PlanOutcome":
    """The plan of a live cluster, a snapshot document or a manifest: ``plan`` and ``digest`` are
    what the requests of the other commands take.

    Only reads. A blocked plan is returned: ``exit_code`` is 3, and ``open_questions(plan)`` are the
    answers that would help. Raises :class:`MigratorError`: ``no-credentials``,
    ``cluster-not-found``, ``iam-denied``, ``api-server-unreachable``, ``kubernetes-denied`` for a
    live cluster; else as :func:`plan`.
    """
    from migrator.app.plan import plan as plan_with

    return plan_with(request, operator)
