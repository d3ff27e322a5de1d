"""One cluster's part of each fleet command: ``do(command, cluster, request)``.

It calls the function of :mod:`migrator.app` that the command on one cluster calls.
Every error is an answer: a cluster that fails says so and takes nothing else along.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from migrator.app.apply import ApplyRequest, apply
from migrator.app.cut_over import CutOverRequest, cut_over
from migrator.app.on_plan import OnPlan
from migrator.app.rehearse import RehearseRequest
from migrator.app.retire import RetireRequest, retire
from migrator.app.roll_back import RollBackRequest, roll_back
from migrator.app.verify import VerifyRequest, verify
from migrator.errors import Failed, Interrupted, MigratorError
from migrator.fleet.app.part import Ending, Part, part_of, result_of
from migrator.fleet.app.plan_one import plan_one
from migrator.fleet.app.read_one import access_one, drift_one
from migrator.fleet.app.rehearsal import own_tasks, rehearse_one
from migrator.fleet.app.worker import Worker, worker_of
from migrator.fleet.decide.aws_lines import in_account
from migrator.fleet.decide.endings import result_of_error
from migrator.fleet.model.files.job_options import options_from_document
from migrator.fleet.model.files.records import cluster_from_document, result_to_document
from migrator.fleet.model.fleet import Command, FleetAccount, FleetCluster
from migrator.fleet.model.job import JobRequest
from migrator.fleet.model.outcome import ClusterResult
from migrator.model.outcome import CutOverOutcome, RehearseOutcome, RunOutcome, VerifyOutcome

CarryOut: TypeAlias = Callable[[Any, Part, Worker], Any]


def do_job(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What executors call, with JSON: :func:`do`. However it ends, the answer is a result
    document.
    """
    command: Command = arguments["command"]
    cluster = cluster_from_document(arguments["cluster"])
    account = FleetAccount(cluster.account)
    try:
        request = JobRequest(**arguments["request"])
        worker = worker_of(arguments)
        account = worker.accounts.get(cluster.account, account)
        result = do(command, cluster, request, worker)
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
    return result_to_document(replace(result, remedy=in_account(result.remedy, account)))


def do(
    command: Command,
    cluster: FleetCluster,
    request: JobRequest,
    worker: Worker,
) -> ClusterResult:
    """The command on one cluster. Raises what the command on this cluster alone raises."""
    if command in READS:
        return READS[command](cluster, request, worker)
    way = ON_PLANS[command]
    part = part_of(
        worker,
        cluster,
        request,
        typed=cluster.name if way.name_was_typed else None,
        may_switch=way.may_switch and not request.reversible,
        tasks=own_tasks() if way.watches else None,
    )
    asked = way.request(
        plan=part.plan,
        digest=part.digest,
        answers=part.answers,
        **options_from_document(way.request, request.options),
    )
    outcome = way.carry_out(asked, part, worker)
    return result_of(cluster, command, part.digest, way.ending(asked, outcome))


# What only reads the cluster, and needs no plan.
READS: Mapping[Command, Callable[[FleetCluster, JobRequest, Worker], ClusterResult]] = {
    "plan": plan_one,
    "access": access_one,
    "drift": drift_one,
}


def _over_part(function: Callable[..., Any]) -> CarryOut:
    """A function of :mod:`migrator.app` over the connection of the part."""

    def carry_out(request: OnPlan, part: Part, _worker: Worker) -> Any:  # noqa: ANN401 - outcomes
        return function(request, part.operator, part.connection)

    return carry_out


def _reasons(each: Iterable[str]) -> str:
    """The first of the reasons. Several steps of a principal have one reason."""
    return "; ".join([*dict.fromkeys(each)][:5])


def _applied(request: ApplyRequest, outcome: RunOutcome) -> Ending:
    """How an apply ended on a cluster. The first round of a fleet does the mode step alone: that it
    leaves the principals' steps is no failure.
    """
    named = [f"{who}: {reason}" for who, reason in (*outcome.refused, *outcome.outstanding)]
    # A step about a person's answer is named at the step, with the command that settles it.
    named = named or [f"{each.principal_arn or each.kind}: {each.why}" for each in outcome.left]
    unfinished = outcome.exit_code == Interrupted.exit_code and outcome.error is None
    # After the round of the mode step the principals come next, in the round that follows.
    exit_code, message = outcome.exit_code, ""
    if unfinished and request.mode_only:
        exit_code = 0
    if exit_code:
        message = f"{outcome.done} of {outcome.total} steps done."
    return Ending(
        exit_code,
        outcome.error,
        message=message,
        why=_reasons((*named, *outcome.leftovers)),
        detail={
            "done": outcome.done,
            "total": outcome.total,
            "refused": len(outcome.refused),
            "outstanding": len(outcome.outstanding),
            "left": len(outcome.left),
        },
        # A bridge that exists is no proof that is open: it stops the wave.
        waits=bool(exit_code) and unfinished and not outcome.leftovers,
    )


def _verified(request: VerifyRequest, outcome: VerifyOutcome) -> Ending:
    """How a verification ended on a cluster: every principal that is not proven, with the reason;
    of a baseline every one that is not as the plan reads it.
    """
    if request.baseline:
        bad, message = _baseline(outcome)
    else:
        bad = [
            f"{each.principal_arn}: {each.verdict} ({each.why})"
            for each in outcome.verdicts
            if each.verdict != "ok"
        ]
        message = f"{len(bad)} of {len(outcome.verdicts)} principals are not proven."
    return Ending(
        outcome.exit_code,
        None,
        message=message if outcome.exit_code else "",
        why=_reasons(bad),
        detail={"verdict": outcome.verdict, "phase": outcome.phase, "mode": outcome.mode},
    )


def _baseline(outcome: VerifyOutcome) -> tuple[list[str], str]:
    """Principals whose baseline is not as the plan reads them, and the message. A baseline that
    comes after the entries proves nothing.
    """
    if not outcome.evidence:
        return [], "No baseline was taken in time: entries are in force."
    bad = [
        f"{each.principal_arn}: {', '.join(each.differences) or 'a question has another answer'}"
        for each in outcome.evidence
        if not each.holds
    ]
    count = len(outcome.evidence)
    return bad, f"{len(bad)} of {count} principals are not as the plan reads them."


def _rehearsed(_request: RehearseRequest, outcome: RehearseOutcome) -> Ending:
    """How a rehearsal ended on a cluster, and what became of aws-auth."""
    message = ""
    if outcome.exit_code:
        message = f"The rehearsal did not pass; aws-auth is {outcome.aws_auth}."
    return Ending(
        outcome.exit_code,
        outcome.error,
        message=message,
        why=outcome.why,
        detail={
            "seconds": outcome.seconds,
            "evidence": outcome.evidence,
            "awsAuth": outcome.aws_auth,
        },
    )


def _cut_over(_request: CutOverRequest, outcome: CutOverOutcome) -> Ending:
    """How a cut-over ended on a cluster: the gates that are closed, or what the verification after
    the switch says.
    """
    closed = [gate for gate in outcome.gates if not gate.passes]
    verdict = message = ""
    if outcome.verification is not None:
        verdict = outcome.verification.verdict
    if outcome.exit_code:
        message = f"Switched to {outcome.mode}; the verification is {verdict or 'open'}."
    return Ending(
        outcome.exit_code,
        outcome.error,
        message=message,
        why="; ".join(f"{gate.name}: {gate.detail}" for gate in closed),
        detail={
            "mode": outcome.mode,
            "verdict": verdict,
            "closed": [gate.name for gate in closed],
            "waived": [f"{g.name}, by {g.waived_by}" for g in outcome.gates if g.is_waived],
            "waivers": [gate.waiver for gate in outcome.gates if gate.is_waived],
            "verdicts": dict(Counter(each.verdict for each in outcome.verdicts)),
        },
    )


def _run_ended(_request: OnPlan, outcome: RunOutcome) -> Ending:
    """Of a run whose every exit code but 0 leaves the cluster not done."""
    named = [f"{who}: {reason}" for who, reason in (*outcome.refused, *outcome.outstanding)]
    # A roll-back that leaves an entry of EKS's own in force says why, and which command settles it,
    # at the step that is left.
    named += [f"{each.principal_arn or each.kind}: {each.why}" for each in outcome.left]
    return Ending(
        outcome.exit_code,
        outcome.error,
        message=f"{outcome.done} of {outcome.total} steps done." if outcome.exit_code else "",
        why=_reasons((*named, *outcome.leftovers)),
        detail={
            "done": outcome.done,
            "total": outcome.total,
            "refused": len(outcome.refused),
            "left": len(outcome.left),
            "leftovers": len(outcome.leftovers),
        },
    )


@dataclass(frozen=True, slots=True)
class OnPlans:
    """A command on the plan of a cluster.

    ``request`` and ``carry_out`` are those of the command on one cluster, ``ending`` says how it
    ended. ``may_switch``: it may switch the mode. ``name_was_typed``: the fleet's name was typed
    for that of each cluster. ``watches``: it has separate threads, because a login that waits for
    another cluster's call may come too late.
    """

    request: type[OnPlan]
    carry_out: CarryOut
    ending: Callable[[Any, Any], Ending]
    may_switch: bool = False
    name_was_typed: bool = False
    watches: bool = False


_GATES = OnPlans(CutOverRequest, _over_part(cut_over), _cut_over)
ON_PLANS: Mapping[Command, OnPlans] = {
    "apply": OnPlans(ApplyRequest, _over_part(apply), _applied, may_switch=True),
    "verify": OnPlans(VerifyRequest, _over_part(verify), _verified),
    "rehearse": OnPlans(RehearseRequest, rehearse_one, _rehearsed, watches=True),
    "gates": _GATES,
    # One-way: for the coordinator, after the fleet's name was typed again.
    "cutover": replace(_GATES, may_switch=True, name_was_typed=True),
    "rollback": OnPlans(RollBackRequest, _over_part(roll_back), _run_ended),
    "retire": OnPlans(RetireRequest, _over_part(retire), _run_ended),
}
