"""One cluster's part of a fleet command: its proven plan, answers, connection and result."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from migrator.app.operator import AnsweredBefore, Operator
from migrator.app.read_plan import read_plan
from migrator.errors import Failed, MigratorError, Refused
from migrator.fleet.app.worker import QuietEvents, Worker
from migrator.fleet.decide.endings import NO_PLAN, PROOF_OPEN, status_of
from migrator.fleet.model.fleet import Command, FleetCluster
from migrator.fleet.model.job import JobRequest
from migrator.fleet.model.outcome import ClusterResult
from migrator.model.access_entry import AuthenticationMode
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.ports import AuthMode, StateStore, TaskRunner

if TYPE_CHECKING:
    from migrator.app.connect import Connection
    from migrator.model.plan import Plan

PLAN_FILE = "plan.json"
DECISIONS_FILE = "decisions.yaml"


@dataclass(frozen=True, slots=True)
class Part:
    """One cluster's part of a fleet command: its proven plan, the answers, and the way to it."""

    plan: "Plan"
    digest: str
    answers: Decisions
    operator: Operator
    connection: "Connection"


def part_of(
    worker: Worker,
    cluster: FleetCluster,
    request: JobRequest,
    *,
    typed: str | None = None,
    may_switch: bool = False,
    tasks: TaskRunner | None = None,
) -> Part:
    """The plan in the cluster's folder, and the way to the cluster. ``may_switch``: whether the
    mode may be switched. ``tasks``: not those that the jobs share. Raises ``no-plan``.
    """
    from migrator.adapters.eks_entries import EksAuthMode

    store = worker.store(cluster)
    content = store.read(PLAN_FILE)
    if content is None:
        raise no_plan()
    plan, digest = read_plan(content)
    answers = answers_of(store, request)
    connection = worker.connect(cluster, request.described, tasks=tasks)
    mode = EksAuthMode(connection.session, connection.name)
    return Part(
        plan,
        digest,
        answers,
        operator_of(worker, cluster, typed),
        replace(connection, store=store, mode=mode if may_switch else _NoSwitch(mode)),
    )


def no_plan() -> Failed:
    """A folder of the state without a plan."""
    return Failed(NO_PLAN, "The cluster has no plan.", remedy="Make one: migrate fleet plan.")


def operator_of(worker: Worker, cluster: FleetCluster, typed: str | None = None) -> Operator:
    """The operator of one cluster's part: its questions were answered once for the whole fleet."""
    return Operator(
        worker.settings, AnsweredBefore(yes=True, typed=typed), QuietEvents(cluster.arn)
    )


@dataclass(frozen=True, slots=True)
class _NoSwitch:
    """:class:`migrator.ports.AuthMode` that never switches: irreversible steps are the
    coordinator's alone.
    """

    mode: AuthMode

    def read(self) -> tuple[AuthenticationMode, str]:
        return self.mode.read()

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        del token
        raise Refused(
            "irreversible-on-worker",
            f"A worker never switches a cluster to {to}; the coordinator does.",
        )

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        return self.mode.update_status(update_id)


def answers_of(store: StateStore, request: JobRequest) -> Decisions:
    """The answers that came with the command, else those that the plan was made with."""
    from migrator.model.files.decisions import decode_decisions

    return decisions_of(store) if request.answers is None else decode_decisions(request.answers)


def decisions_of(store: StateStore) -> Decisions:
    """The answers in a cluster's folder."""
    from migrator.model.files.decisions import decode_decisions
    from migrator.model.files.yaml_document import YamlError, load_yaml

    content = store.read(DECISIONS_FILE)
    if content is None:
        return NO_DECISIONS
    try:
        return decode_decisions(load_yaml(content))
    except YamlError as error:
        message = f"{DECISIONS_FILE} in {store.location} is not YAML that can be used."
        raise Failed(
            "decisions-unreadable", message, why=str(error), remedy="Plan again."
        ) from error


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended on one cluster: its error's words where there is one, else what the
    outcome says. ``waits``: nothing failed, and a proof or an answer is open (exit code 7).
    """

    exit_code: int
    error: MigratorError | None
    message: str
    why: str
    detail: Mapping[str, Any]
    waits: bool = False


def result_of(
    cluster: FleetCluster,
    command: Command,
    digest: str,
    end: Ending,
) -> ClusterResult:
    """The ending as the fleet's record has it."""
    error = end.error
    if end.waits:
        return ClusterResult(
            arn=cluster.arn,
            command=command,
            status="waiting",
            exit_code=end.exit_code,
            at="",
            code=PROOF_OPEN,
            message=end.message,
            why=end.why,
            remedy="Prove who is named, or answer what is asked; then the same command continues.",
            plan_digest=digest,
            detail=end.detail,
        )
    return ClusterResult(
        arn=cluster.arn,
        command=command,
        status=status_of(end.exit_code, error.code if error else ""),
        exit_code=end.exit_code,
        at="",
        code=error.code if error else "",
        message=error.message if error else end.message,
        why=(error.why if error else "") or end.why,
        remedy=error.remedy if error else "",
        plan_digest=digest,
        detail=end.detail,
    )
