"""Decide what becomes of every principal of a cluster: the dry run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from migrator.app.connect import now, read_cluster
from migrator.app.operator import Operator
from migrator.app.snapshot import snapshot_of_file
from migrator.model.decision import Stub
from migrator.model.long_lists import some_of
from migrator.model.outcome import PlanOutcome
from migrator.model.plan import Plan

_SAID = 5  # names in one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An aws-auth ConfigMap in a file, YAML or JSON, or mappings in the forms of eksctl, and the
    ARN of its cluster: for a first look, in which everything else is unknown.
    """

    content: bytes
    cluster_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """``of``: the name of a live cluster, a snapshot document, or a manifest. ``decisions``: the
    document of a decisions.yaml. ``usage``: the document of an observation, instead of the one in
    the snapshot. ``strategy``: ``preserve`` or ``policies``; ``target``: ``API`` or
    ``API_AND_CONFIG_MAP``. ``accept_gap``: no bridge for administrators.
    """

    of: str | Mapping[str, Any] | Manifest
    decisions: Mapping[str, Any] | None = None
    usage: Mapping[str, Any] | None = None
    strategy: str = "preserve"
    target: str = "API"
    accept_gap: bool = False


def plan(
    request: PlanRequest, operator: Operator, *, moment: datetime | None = None
) -> PlanOutcome:
    """Plan; nothing is changed, and nothing is written. A blocked plan is returned. ``moment``:
    when the answers must hold, None: now.

    Raises what :func:`migrator.run.write_plan.plan_of_documents` raises, what
    :func:`migrator.app.snapshot.snapshot` raises for a live cluster, and what
    :func:`migrator.app.snapshot.snapshot_of_file` raises for a file.
    """
    from migrator.decide.reading.read_aws_auth import lines_of_rows
    from migrator.model.files.plan import plan_on_one_line
    from migrator.run.write_plan import plan_of_documents

    moment = moment or now()
    snapshot, said = _snapshot(request, operator, moment)
    planned = plan_of_documents(
        snapshot,
        request.decisions,
        strategy=request.strategy,
        target=request.target,
        now=moment,
        accept_gap=request.accept_gap,
    )
    content, digest = plan_on_one_line(planned)
    return PlanOutcome(
        plan=planned,
        digest=digest,
        content=content,
        lines=lines_of_rows(snapshot.get("configMap")),
        said=(*said, *_log_ins_of_others(request, planned, snapshot)),
    )


def _log_ins_of_others(
    request: PlanRequest, planned: Plan, snapshot: Mapping[str, Any]
) -> Iterator[str]:
    """A line where ``verify_as`` names principals that this cluster does not have."""
    from migrator.decide.planning.proof.decisions_check import ways_of_others
    from migrator.decide.reading.read_aws_auth import read_aws_auth
    from migrator.model.files.decisions import decode_decisions

    answered = decode_decisions(request.decisions or {}).verify_as
    if not answered:
        return
    rows = read_aws_auth((snapshot.get("configMap") or {}).get("data") or {}).rows
    known = [each.principal_arn for each in planned.principals] + [row.arn for row in rows]
    others = ways_of_others(answered, known)
    if others:
        names = some_of(others, _SAID)
        yield f"verify_as has principals that {planned.cluster.name} does not have: {names}"


def _snapshot(
    request: PlanRequest, operator: Operator, moment: datetime
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The snapshot document, and what a person has to know of how it was read."""
    said: tuple[str, ...] = ()
    match request.of:
        case str(name):
            snapshot: Mapping[str, Any] = read_cluster(operator, name, moment=moment)
        case Manifest(content=content, cluster_arn=arn):
            snapshot, said = snapshot_of_file(content, arn, now=moment)
        case document:
            snapshot = document
    if request.usage is not None:
        snapshot = {**snapshot, "usage": request.usage}
    return snapshot, said


def what_lifts(plan: Plan, *command: str) -> str:
    """What a person does about the plan's blockers; empty without any."""
    from migrator.decide.planning import stubs

    return stubs.what_lifts(plan, *command)


def open_questions(plan: Plan) -> tuple[Stub, ...]:
    """The answers that could be given to the plan's blockers, in the plan's order, for a
    decisions.yaml; empty where no answer helps.
    """
    from migrator.decide.planning.stubs import stubs_for

    return stubs_for(plan)
