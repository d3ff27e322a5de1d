"""One cluster's part of each fleet command: what jobs name by import path. Arguments and answers
are JSON.

Every error is an answer: a cluster that fails says so and takes nothing else along.
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from migrator.cli.exit_codes import INTERRUPTED
from migrator.errors import Failed, MigratorError
from migrator.fleet.app.part import (
    DECISIONS_FILE,
    PLAN_FILE,
    Arguments,
    Part,
    ended,
    operator_of,
    part_of,
)
from migrator.fleet.app.rehearsal import rehearse_one
from migrator.fleet.app.worker import Worker, worker_of
from migrator.fleet.decide.endings import result_of_error, status_of
from migrator.fleet.model.files.records import cluster_from_document, result_to_document
from migrator.fleet.model.fleet import Command, FleetCluster
from migrator.fleet.model.outcome import ClusterResult
from migrator.model.canonical import canonical_bytes
from migrator.model.decision import NO_DECISIONS
from migrator.model.outcome import RunOutcome
from migrator.ports import StateStore

if TYPE_CHECKING:
    pass

SNAPSHOT_FILE = "snapshot.json"
Work = Callable[[Worker, FleetCluster, Arguments], ClusterResult]


def task(command: Command, arguments: Arguments, work: Work) -> dict[str, Any]:
    """Do a cluster's part; however it ends, the answer is a result document."""
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
            remedy="Run the command on this cluster alone with --traceback, and report what that "
            "shows.",
        )
        result = result_of_error(cluster.arn, command, unexpected)
    return result_to_document(result)


def plan_cluster(arguments: Arguments) -> dict[str, Any]:
    """Read the cluster and plan it; snapshot, plan and its share of the answers go into its
    folder.
    """
    return task("plan", arguments, _plan)


def _plan(worker: Worker, cluster: FleetCluster, arguments: Arguments) -> ClusterResult:
    from migrator.app.connect import now, snapshot_ports
    from migrator.fleet.decide.answers import answers_for, asked
    from migrator.fleet.model.files.decisions import decisions_to_document, decode_fleet_decisions
    from migrator.model.files.snapshot import decode_snapshot
    from migrator.run.read_history import with_history
    from migrator.run.take_snapshot import take_snapshot
    from migrator.run.write_plan import plan_document

    connection = worker.connect(cluster, arguments.get("described"))
    moment = now()
    ports = snapshot_ports(operator_of(worker, cluster), connection)
    try:
        snapshot = take_snapshot(ports, now=moment, described=connection.described)
    finally:
        connection.wire.close()  # the next clusters want the sockets
    snapshot = with_history(snapshot, worker.store(cluster))
    questions: tuple[tuple[str, str], ...] = ()
    decisions = answers_for(decode_fleet_decisions(arguments.get("decisions")), cluster)
    if decisions != NO_DECISIONS:
        decisions, questions = asked(decisions, decode_snapshot(snapshot))
    answered = decisions_to_document(decisions)
    document = plan_document(
        snapshot, answered, strategy=arguments["strategy"], target=arguments["target"], now=moment
    )
    _keep(worker.store(cluster), snapshot, document, answered)
    return _planned(cluster, document, snapshot, questions)


def _keep(
    store: StateStore,
    snapshot: Mapping[str, Any],
    document: Mapping[str, Any],
    answered: Mapping[str, Any],
) -> None:
    """Write the files of a single migration. A plan that a journal tells about stays beside the new
    one.
    """
    from migrator.model.files.wire import pretty
    from migrator.model.files.yaml_text import yaml_text

    with store.lock("migrate fleet plan"):
        before = store.read(PLAN_FILE)
        digest = _digest_in(before)
        if (
            before is not None
            and digest
            and digest != document["planDigest"]
            and store.read("journal.jsonl")
        ):
            store.write(f"plans/{digest.removeprefix('sha256:')[:16]}.json", before)
        store.write(
            SNAPSHOT_FILE, canonical_bytes(snapshot)
        )  # one line: it is large, and read by machines
        if answered or store.read(DECISIONS_FILE) is not None:
            store.write(DECISIONS_FILE, yaml_text(answered).encode())
        store.write(PLAN_FILE, pretty(document))


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
        remedy="Answer in decisions.yaml (migrate plan --write-decisions adds stubs) and plan "
        "again."
        if blocking
        else "",
        plan_digest=document["planDigest"],
        detail=detail,
    )


def apply_cluster(arguments: Arguments) -> dict[str, Any]:
    """Apply the plan in the cluster's folder, or go on applying. ``modeOnly``: the one-way mode
    step and what comes before any principal; ``reversible``: everything else, and the mode step is
    refused.
    """
    return task("apply", arguments, _apply)


def _apply(worker: Worker, cluster: FleetCluster, arguments: Arguments) -> ClusterResult:
    from migrator.app.apply import ApplyRequest, apply

    part = part_of(worker, cluster, arguments, may_switch=not arguments.get("reversible"))
    request = ApplyRequest(
        plan=part.plan,
        digest=part.digest,
        answers=part.answers,
        mode_only=bool(arguments.get("modeOnly")),
        max_rate=arguments.get("maxRate"),
        keep_going=bool(arguments.get("keepGoing")),
    )
    outcome = apply(request, part.operator, part.connection)
    why = "; ".join(
        f"{who}: {reason}" for who, reason in (*outcome.refused, *outcome.outstanding)[:5]
    )
    # A cluster that only waits for proofs is no failure that stops a wave; `outstanding` and `left`
    # tell of it. After the round of the mode step a bridge stands for the principals, who come
    # next.
    waits = outcome.exit_code == INTERRUPTED and outcome.error is None
    exit_code = 0 if waits and (request.mode_only or not outcome.leftovers) else outcome.exit_code
    return ended(
        cluster,
        "apply",
        part.digest,
        (exit_code, outcome.error),
        message=f"{outcome.done} of {outcome.total} steps done." if exit_code else "",
        why=why,
        detail={
            "done": outcome.done,
            "total": outcome.total,
            "refused": len(outcome.refused),
            "outstanding": len(outcome.outstanding),
            "left": len(outcome.left),
        },
    )


def verify_cluster(arguments: Arguments) -> dict[str, Any]:
    """Prove access as each principal; ``baseline``: take what is before apply."""
    return task("verify", arguments, _verify)


def _verify(worker: Worker, cluster: FleetCluster, arguments: Arguments) -> ClusterResult:
    from migrator.app.verify import VerifyRequest, verify

    part = part_of(worker, cluster, arguments)
    request = VerifyRequest(
        plan=part.plan,
        digest=part.digest,
        answers=part.answers,
        baseline=bool(arguments.get("baseline")),
        probes=int(arguments.get("probes", 30)),
        canary_image=arguments.get("canaryImage"),
    )
    outcome = verify(request, part.operator, part.connection)
    too_late = (
        "No baseline was taken in time: entries are in force."
        if request.baseline and not outcome.evidence
        else ""
    )
    bad = [
        f"{each.principal_arn}: {each.verdict} ({each.why})"
        for each in outcome.verdicts
        if each.verdict != "ok"
    ]
    return ended(
        cluster,
        "verify",
        part.digest,
        (outcome.exit_code, None),
        message=too_late or f"{len(bad)} of {len(outcome.verdicts)} principals are not proven."
        if outcome.exit_code
        else "",
        why="; ".join(bad[:5]),
        detail={"verdict": outcome.verdict, "phase": outcome.phase, "mode": outcome.mode},
    )


def rehearse_cluster(arguments: Arguments) -> dict[str, Any]:
    """Blank aws-auth for ``seconds``, watch, put it back."""
    return task("rehearse", arguments, rehearse_one)


def cut_over_cluster(arguments: Arguments) -> dict[str, Any]:
    """All gates, the switch, verification. One-way: for the coordinator, after the fleet's name was
    typed again.
    """
    return task("cutover", arguments, lambda *given: _cut_over(*given, gates_only=False))


def judge_gates(arguments: Arguments) -> dict[str, Any]:
    """All gates of a cut-over, judged; nothing is switched."""
    return task("gates", arguments, lambda *given: _cut_over(*given, gates_only=True))


def _cut_over(
    worker: Worker, cluster: FleetCluster, arguments: Arguments, *, gates_only: bool
) -> ClusterResult:
    from migrator.app.cut_over import CutOverRequest, cut_over

    command: Command = "gates" if gates_only else "cutover"
    part = part_of(
        worker,
        cluster,
        arguments,
        typed=None if gates_only else cluster.name,
        may_switch=not gates_only,
    )
    request = CutOverRequest(
        plan=part.plan,
        digest=part.digest,
        answers=part.answers,
        gates_only=gates_only,
        canary_image=arguments.get("canaryImage"),
    )
    outcome = cut_over(request, part.operator, part.connection)
    closed = [f"{gate.name}: {gate.detail}" for gate in outcome.gates if not gate.passes]
    verdict = outcome.verification.verdict if outcome.verification is not None else ""
    return ended(
        cluster,
        command,
        part.digest,
        (outcome.exit_code, outcome.error),
        message=f"Switched to {outcome.mode}; the verification is {verdict or 'open'}."
        if outcome.exit_code
        else "",
        why="; ".join(closed),
        detail={
            "mode": outcome.mode,
            "verdict": verdict,
            "closed": [gate.name for gate in outcome.gates if not gate.passes],
        },
    )


def roll_back_cluster(arguments: Arguments) -> dict[str, Any]:
    """Undo what runs of the plan in the cluster's folder made, until the cut-over."""
    return task("rollback", arguments, _roll_back)


def _roll_back(worker: Worker, cluster: FleetCluster, arguments: Arguments) -> ClusterResult:
    from migrator.app.roll_back import RollBackRequest, roll_back

    part = part_of(worker, cluster, arguments, may_switch=False)
    request = RollBackRequest(
        plan=part.plan,
        digest=part.digest,
        answers=part.answers,
        max_rate=arguments.get("maxRate"),
    )
    return _of_run(cluster, "rollback", part, roll_back(request, part.operator, part.connection))


def retire_cluster(arguments: Arguments) -> dict[str, Any]:
    """Back up and delete the aws-auth of a cluster that was cut over. For the coordinator."""
    return task("retire", arguments, _retire)


def _retire(worker: Worker, cluster: FleetCluster, arguments: Arguments) -> ClusterResult:
    from migrator.app.retire import RetireRequest, retire

    part = part_of(worker, cluster, arguments, may_switch=False)
    request = RetireRequest(plan=part.plan, digest=part.digest, answers=part.answers)
    return _of_run(cluster, "retire", part, retire(request, part.operator, part.connection))


def _of_run(
    cluster: FleetCluster, command: Command, part: Part, outcome: RunOutcome
) -> ClusterResult:
    """The result of a run whose every exit code but 0 leaves the cluster not done."""
    named = [f"{who}: {reason}" for who, reason in (*outcome.refused, *outcome.outstanding)]
    # A roll-back that leaves an entry of EKS's own in force says why, and which command settles it,
    # at the step that is left.
    named += [f"{each.principal_arn or each.kind}: {each.why}" for each in outcome.left]
    return ended(
        cluster,
        command,
        part.digest,
        (outcome.exit_code, outcome.error),
        message=f"{outcome.done} of {outcome.total} steps done." if outcome.exit_code else "",
        why="; ".join((*named, *outcome.leftovers)[:5]),
        detail={
            "done": outcome.done,
            "total": outcome.total,
            "refused": len(outcome.refused),
            "left": len(outcome.left),
            "leftovers": len(outcome.leftovers),
        },
    )
