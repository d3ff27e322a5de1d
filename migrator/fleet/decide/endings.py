"""What an ending means: a status for each error and exit code, and what need not be done again."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from migrator.errors import MigratorError
from migrator.fleet.model.files.records import FleetRecord
from migrator.fleet.model.fleet import Command
from migrator.fleet.model.outcome import ClusterResult, ClusterStatus
from migrator.model.way import WAY_CODES

_BY_EXIT_CODE: Mapping[int, ClusterStatus] = {
    0: "done",
    3: "blocked",
    4: "refused",
    5: "changed",
    6: "unproven",
    7: "interrupted",
}
_UNREACHABLE = WAY_CODES | frozenset(
    {
        "api-server-no-answer",
        "api-server-tls-failed",
        "api-server-failed",
        "api-server-unknown",
        "aws-unreachable",
        "aws-no-answer",
        "aws-server-error",
        "aws-tls-failed",
        "throttled",
    }
)
_DENIED = frozenset(
    {
        "iam-denied",
        "kubernetes-denied",
        "not-authenticated",
        "credentials-invalid",
        "credentials-expired",
        "no-credentials",
        "wrong-account",
        "profile-not-found",
    }
)

NO_PLAN = "no-plan"
# The code of a cluster that is not done because a proof or an answer is open, and nothing else.
PROOF_OPEN = "proof-open"


def status_of(exit_code: int, code: str = "") -> ClusterStatus:
    """The status for an exit code of a single cluster's command, and the code of the error behind
    it.

    Exit code 1 is any error; only some codes tell that the cluster or its account is the reason.
    """
    if exit_code != 1:
        return _BY_EXIT_CODE.get(exit_code, "failed")
    if code in _UNREACHABLE:
        return "unreachable"
    if code in _DENIED:
        return "denied"
    return "failed"


def result_of_error(
    arn: str,
    command: Command,
    error: MigratorError,
    *,
    at: str = "",
) -> ClusterResult:
    """How a cluster ended whose command raised."""
    return ClusterResult(
        arn=arn,
        command=command,
        status=status_of(error.exit_code, error.code),
        exit_code=error.exit_code,
        at=at,
        code=error.code,
        message=error.message,
        why=error.why,
        remedy=error.remedy,
    )


def is_settled(result: ClusterResult) -> bool:
    """Whether the same command with the same inputs need not try this cluster again. A blocked plan
    is a plan: it is made again after an answer, which is another input.
    """
    if result.done:
        return True
    return (result.command, result.status) == ("plan", "blocked")


def is_failure(result: ClusterResult) -> bool:
    """Whether a wave counts the cluster as failed. One that only waits for proofs is not done, and
    shows no danger for others.
    """
    if is_settled(result):
        return False
    return result.code != PROOF_OPEN


def run_to_go_on_with(records: Iterable[FleetRecord], command: Command, inputs: str) -> str | None:
    """The latest run of this command, if it had these inputs and is not finished; None: begin a new
    one.

    ``records`` are in the order in which they were written; ``inputs`` is a digest. A run that
    ended with another code than 0 is not finished.
    """
    run: str | None = None
    finished = True
    for record in records:
        if record.command != command:
            continue
        if record.event == "run-started":
            run = record.run if record.inputs == inputs else None
            finished = False
        elif record.event == "run-ended" and record.run == run:
            finished = record.exit_code == 0
    return None if finished else run


def results_of(
    records: Iterable[FleetRecord], command: Command, run: str | None
) -> dict[str, ClusterResult]:
    """The latest result of each cluster in a run of the command; ``run`` None: in any."""
    found = {}
    for record in records:
        if record.result is None or record.command != command:
            continue
        if run in (None, record.run):
            found[record.result.arn] = record.result
    return found


def unread_of(results: Iterable[ClusterResult]) -> dict[str, ClusterResult]:
    """Clusters that could not be read the last time that it was tried, with how that ended, in the
    order of the results. A command that found no plan did not try.
    """
    found: dict[str, ClusterResult] = {}
    for result in results:
        if result.code == NO_PLAN:
            continue
        found.pop(result.arn, None)
        if result.status in ("unreachable", "denied"):
            found[result.arn] = result
    return found


def without_plan(
    arn: str,
    command: Command,
    error: MigratorError,
    unread: Mapping[str, ClusterResult],
) -> ClusterResult:
    """How a cluster ended that has no plan: it stays unreachable, or denied, until it is read."""
    before = unread.get(arn)
    if before is None:
        return result_of_error(arn, command, error)
    return replace(
        before,
        command=command,
        message=f"The cluster has no plan: it could not be read when it was to be planned. "
        f"{before.message}",
        remedy=f"{before.remedy} Then plan it: migrate fleet plan.".strip(),
        wave="",
    )


def exit_code_of(results: Iterable[ClusterResult], *, complete: bool, interrupted: bool) -> int:
    """0 where every account answered and every cluster is done, 7 interrupted, else 8."""
    if interrupted:
        return 7
    if complete and all(result.done for result in results):
        return 0
    return 8
