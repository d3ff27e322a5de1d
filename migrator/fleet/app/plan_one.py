"""One cluster of a fleet read and planned."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from migrator.app.connect import now
from migrator.app.plan import PlanRequest, plan, what_lifts
from migrator.app.snapshot import snapshot as read_cluster
from migrator.fleet.app.part import DECISIONS_FILE, PLAN_FILE, operator_of
from migrator.fleet.app.worker import Worker
from migrator.fleet.decide.answers import answers_for, asked
from migrator.fleet.decide.endings import status_of
from migrator.fleet.model.files.decisions import decisions_to_document, decode_fleet_decisions
from migrator.fleet.model.files.job_options import options_from_document
from migrator.fleet.model.fleet import FleetCluster, way_into
from migrator.fleet.model.job import JobRequest
from migrator.fleet.model.outcome import ClusterResult
from migrator.model.decision import NO_DECISIONS
from migrator.model.files.snapshot import decode_snapshot
from migrator.model.files.wire import compact, indented
from migrator.model.files.yaml_text import yaml_text
from migrator.model.outcome import PlanOutcome
from migrator.ports import StateStore

SNAPSHOT_FILE = "snapshot.json"


def plan_one(cluster: FleetCluster, request: JobRequest, worker: Worker) -> ClusterResult:
    """Read the cluster and plan it; snapshot, plan and its share of the answers go into its
    folder.
    """
    moment = now()
    store = worker.store(cluster)
    with worker.connected(cluster, request.described, store) as connection:
        operator = operator_of(worker, cluster)
        snapshot = read_cluster(cluster.name, operator, connection, moment=moment)
    questions: tuple[tuple[str, str], ...] = ()
    decisions = answers_for(decode_fleet_decisions(request.answers), cluster)
    if decisions != NO_DECISIONS:
        decisions, questions = asked(decisions, decode_snapshot(snapshot))
    answered = decisions_to_document(decisions)
    options = options_from_document(PlanRequest, request.options)
    asked_for = PlanRequest(of=snapshot, decisions=answered, **options)
    outcome = plan(asked_for, operator, moment=moment)
    _keep(store, snapshot, outcome, answered)
    result = _planned(cluster, outcome, snapshot, questions)
    way = way_into(worker.accounts[cluster.account], cluster.region)
    return replace(result, remedy=what_lifts(outcome.plan, _asks(cluster, way)))


def _asks(cluster: FleetCluster, way: Sequence[str]) -> str:
    """The command that writes the questions of one cluster, as a line to copy: the fleet's plan has
    no option for it.
    """
    words = ("migrate", "plan", cluster.arn, "--write-decisions", "decisions.yaml", *way)
    return f"`{shlex.join(words)}`"


def _keep(
    store: StateStore,
    snapshot: Mapping[str, Any],
    outcome: PlanOutcome,
    answered: Mapping[str, Any],
) -> None:
    """Write the files of a single migration. A plan that a journal tells about stays beside the new
    one.
    """
    with store.lock("migrate fleet plan"):
        before = store.read(PLAN_FILE)
        digest = _digest_in(before)
        if (
            before is not None
            and digest
            and digest != outcome.digest
            and store.read("journal.jsonl")
        ):
            store.write(kept_plan(digest), before)
        # One line: it is large, and read by machines.
        store.write(SNAPSHOT_FILE, compact(snapshot))
        if answered or store.read(DECISIONS_FILE) is not None:
            store.write(DECISIONS_FILE, yaml_text(answered).encode())
        store.write(PLAN_FILE, indented(outcome.content))


def kept_plan(digest: str) -> str:
    """The file in a cluster's state that keeps a plan once another one takes its place."""
    return f"plans/{digest.removeprefix('sha256:')[:16]}.json"


def _digest_in(content: bytes | None) -> str:
    try:
        return str(json.loads(content or b"{}").get("planDigest", ""))
    except (ValueError, AttributeError):
        return ""


def _planned(
    cluster: FleetCluster,
    outcome: PlanOutcome,
    snapshot: Mapping[str, Any],
    questions: tuple[tuple[str, str], ...],
) -> ClusterResult:
    """The result of a plan on a cluster. A blocked plan is a plan: the codes of what blocks are in
    the detail, with what could not be read and which answers were asked for.
    """
    made = outcome.plan
    blocking = sorted({each.code for each in made.findings if each.severity == "block"})
    detail = {
        "summary": made.summary,
        "mode": made.cluster.authentication_mode,
        "steps": len(made.steps),
        "blocking": blocking,
        "unread": [item["what"] for item in snapshot.get("unread", ())],
        "asked": [list(question) for question in questions],
    }
    return ClusterResult(
        arn=cluster.arn,
        command="plan",
        status=status_of(outcome.exit_code),
        exit_code=outcome.exit_code,
        at="",
        code="plan-blocked" if blocking else "",
        message=f"A person must decide first: {', '.join(blocking)}." if blocking else "",
        plan_digest=outcome.digest,
        detail=detail,
    )
