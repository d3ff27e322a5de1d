"""One cluster's part of each fleet command: what jobs name by import path. Arguments and answers are JSON.

Every error is an answer: a cluster that fails says so and takes nothing else along.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migrator.cli.fleet_worker import AnsweredBefore, QuietEvents, Worker, worker_of
from migrator.decide.fleet.endings import result_of_error, status_of
from migrator.errors import Failed, MigratorError
from migrator.model.canonical import pretty_bytes
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.model.files.fleet_records import cluster_from_document, result_to_document
from migrator.model.fleet import ClusterResult, Command, FleetCluster
from migrator.ports import StateStore

if TYPE_CHECKING:
    from migrator.model.plan import Plan
    from migrator.run.begin_run import RunPorts

PLAN_FILE = "plan.json"
SNAPSHOT_FILE = "snapshot.json"
DECISIONS_FILE = "decisions.yaml"
Arguments = Mapping[str, Any]
_Work = Callable[[Worker, FleetCluster, Arguments], ClusterResult]


def _task(command: Command, arguments: Arguments, work: _Work) -> dict[str, Any]:
    cluster = cluster_from_document(arguments["cluster"])
    try:
        result = work(worker_of(arguments), cluster, arguments)
    except MigratorError as error:
        result = result_of_error(cluster.arn, command, error)
    except Exception as error:
        unexpected = Failed(
            "unexpected",
            "Something went wrong that should not.",
            why=f"{type(error).__name__}: {error}",
            remedy="Run the command on this cluster alone with --traceback, and report what that shows.",
        )
        result = result_of_error(cluster.arn, command, unexpected)
    return result_to_document(result)


def plan_cluster(arguments: Arguments) -> dict[str, Any]:
    """Read the cluster and plan it; snapshot, plan and its share of the answers go into its folder."""
    return _task("plan", arguments, _plan)


def _plan(worker: Worker, cluster: FleetCluster, arguments: Arguments) -> ClusterResult:
    from migrator.cli.wiring import now, snapshot_ports
    from migrator.decide.fleet.answers import answers_for, asked
    from migrator.model.files.fleet_decisions import decisions_to_document, decode_fleet_decisions
    from migrator.model.files.snapshot import decode_snapshot
    from migrator.run.take_snapshot import take_snapshot
    from migrator.run.write_plan import plan_document

    connection = worker.connect(cluster, arguments.get("described"))
    moment = now()
    ports = snapshot_ports(worker.settings, connection, events=QuietEvents(cluster.arn))
    snapshot = take_snapshot(ports, now=moment, described=connection.described)
    answers = decode_fleet_decisions(arguments.get("decisions"))
    decisions, questions = asked(answers_for(answers, cluster), decode_snapshot(snapshot))
    answered = decisions_to_document(decisions)
    document = plan_document(snapshot, answered, strategy=arguments["strategy"], target=arguments["target"], now=moment)
    _keep(worker.store(cluster), snapshot, document, answered)
    return _planned(cluster, document, snapshot, questions)


def _keep(
    store: StateStore, snapshot: Mapping[str, Any], document: Mapping[str, Any], answered: Mapping[str, Any]
) -> None:
    """Write the files of a single migration. A plan that a journal tells about stays beside the new one."""
    from migrator.render.as_yaml import yaml_text

    with store.lock("migrate fleet plan"):
        before = store.read(PLAN_FILE)
        digest = _digest_in(before)
        if before is not None and digest and digest != document["planDigest"] and store.read("journal.jsonl"):
            store.write(f"plans/{digest.removeprefix('sha256:')[:16]}.json", before)
        store.write(SNAPSHOT_FILE, pretty_bytes(snapshot))
        if answered or store.read(DECISIONS_FILE) is not None:
            store.write(DECISIONS_FILE, yaml_text(answered).encode())
        store.write(PLAN_FILE, pretty_bytes(document))


def _digest_in(content: bytes | None) -> str:
    try:
        return str(json.loads(content or b"{}").get("planDigest", ""))
    except (ValueError, AttributeError):
        return ""


def _planned(
    cluster: FleetCluster,
    document: Mapping[str, Any],
    snapshot: Mapping[str, Any],
    questions: tuple[tuple[str, str], ...],
) -> ClusterResult:
    blocking = sorted({f["code"] for f in document["findings"] if f["severity"] == "block"})
    detail = {
        "summary": document["summary"],
        "mode": document["cluster"]["authenticationMode"],
        "steps": len(document["steps"]),
        "blocking": blocking,
        "unread": [item["what"] for item in snapshot.get("unread", ())],
        "asked": [list(question) for question in questions],
    }
    exit_code = 3 if blocking else 0
    return ClusterResult(
        arn=cluster.arn,
        command="plan",
        status=status_of(exit_code),
        exit_code=exit_code,
        at="",
        code="plan-blocked" if blocking else "",
        message=f"A person must decide first: {', '.join(blocking)}." if blocking else "",
        remedy="Answer in decisions.yaml (migrate plan --write-decisions adds stubs) and plan again."
        if blocking
        else "",
        plan_digest=document["planDigest"],
        detail=detail,
    )


def decisions_of(store: StateStore) -> Decisions:
    """The answers in a cluster's folder."""
    from ruamel.yaml import YAML

    from migrator.model.files.decisions import decode_decisions

    content = store.read(DECISIONS_FILE)
    if content is None:
        return NO_DECISIONS
    return decode_decisions(YAML(typ="safe", pure=True).load(content.decode()))


def run_ports_of(
    worker: Worker, cluster: FleetCluster, arguments: Arguments, *, typed: str | None = None
) -> "tuple[Plan, str, RunPorts]":
    """The plan in the cluster's folder with its digest, and the ports of a run of it. Raises ``no-plan``."""
    from migrator.cli.answers import ways_to_become
    from migrator.cli.wiring import run_ports
    from migrator.model.files.plan import decode_plan_with_digest

    store = worker.store(cluster)
    content = store.read(PLAN_FILE)
    if content is None:
        raise Failed("no-plan", "The cluster has no plan.", remedy="Make one: migrate fleet plan.")
    plan, digest = decode_plan_with_digest(content)
    ports = run_ports(
        worker.settings,
        plan,
        ways=ways_to_become(decisions_of(store), ()),
        connection=worker.connect(cluster, arguments.get("described")),
        events=QuietEvents(cluster.arn),
    )
    return plan, digest, replace(ports, store=store, approver=AnsweredBefore(typed))
