"""Delete the inert aws-auth after the cut-over, with a backup: EKS no longer reads it, and it would
mislead its readers.
"""

from collections.abc import Mapping
from typing import Any

from migrator.decide.reading.aws_auth_owners import AwsAuthWriters, writers_of
from migrator.decide.running.progress import RETIRE, Progress
from migrator.decide.running.proposals import retire_proposal
from migrator.decide.running.retirement import next_retirement
from migrator.decide.running.row_identity import groups_by_row
from migrator.decide.running.source_differences import added_rows, row_difference
from migrator.errors import MigratorError, Refused, assert_never
from migrator.model.canonical import pretty_bytes
from migrator.model.journal import Event
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.run.begin_run import (
    RunPorts,
    aws_auth_backups,
    progress_in,
    refuse_other_cluster,
)
from migrator.run.hold_cluster import hold_cluster
from migrator.run.journaled_run import JournaledRun
from migrator.run.look_again import changed_since, entry_differences
from migrator.run.what_was_begun import with_what_was_begun

STEP = f"{RETIRE}-delete"


def retire(plan: Plan, plan_digest: str, ports: RunPorts) -> RunOutcome:
    """Back up and delete kube-system/aws-auth. Exit code 0 deleted, now or before; 7 deleted, and
    the switch is not verified.

    Raises ``Refused``: ``not-cut-over`` while the ConfigMap may still be asked, another cluster,
    locked, not confirmed. ``Changed`` (5) for rows added or entries changed since.
    ``aws-auth-changed`` (1) when it was written in between.
    """
    with hold_cluster(ports, RETIRE, plan_digest) as held:
        ports, chain = held.ports, held.chain
        snapshot = ports.read_snapshot()
        refuse_other_cluster(plan, snapshot)
        progress = progress_in(ports.store.journal(), plan, plan_digest)
        found = ports.config_maps.read()
        action = next_retirement(ports.mode.read()[0], found is not None, progress.of(STEP).status)
        match action:
            case "refuse":
                raise Refused(
                    "not-cut-over",
                    "aws-auth is still asked: the cluster is not in API mode.",
                    why=f"It is in {snapshot.cluster.authentication_mode} mode.",
                    remedy="Run `migrate cutover PLAN` first.",
                )
            case "finished":
                done = _outcome(ports, progress, None)
                return with_what_was_begun(plan, plan_digest, done, ports.store)
            case "adopt":
                _journal(ports).record(STEP, "adopted", {"why": "it does not exist any more"})
                done = _outcome(ports, progress, None)
                return with_what_was_begun(plan, plan_digest, done, ports.store)
            case "delete":
                _refuse_changed(plan, plan_digest, ports, progress, snapshot)
                return _delete(
                    plan,
                    plan_digest,
                    ports,
                    progress,
                    dict(found or {}),
                    chain[-1],
                )
            case _:
                assert_never(action)


def _refuse_changed(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    progress: Progress,
    snapshot: Snapshot,
) -> None:
    """Raises ``Changed`` (5): a row that was added or edited since shows that a person still relies
    on aws-auth, and an entry that is not as it was left is looked at before the old map is deleted.
    Rows deleted since say nothing.
    """
    data = None
    if snapshot.config_map is not None:
        data = snapshot.aws_auth_data
    edited = (
        difference
        for planned in plan.principals
        if groups_by_row(data, planned.principal_arn) is not None
        and (difference := row_difference(data, planned)) is not None
    )
    entries = entry_differences(plan, progress, snapshot.access_entries or (), plan_digest)
    error = changed_since(plan, (*added_rows(plan, data), *edited, *entries))
    if error is not None:
        raise error


def _journal(ports: RunPorts) -> JournaledRun:
    def record(step: str | None, event: Event, effect: Mapping[str, Any]) -> None:
        ports.store.append_record(step, event, effect, ports.clock.now())

    return JournaledRun(record)


def _delete(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    progress: Progress,
    found: dict[str, Any],
    caller: str,
) -> RunOutcome:
    """Delete aws-auth after a backup and a confirmation, with the resourceVersion that was read:
    what another writer changed since is not deleted.
    """
    now = ports.clock.now()
    journal = _journal(ports)
    again = _what_comes_back(writers_of((found, *aws_auth_backups(ports.store))))
    ports.approver.show(retire_proposal(plan, found.get("data")))
    ports.approver.confirm(
        f"Delete the ConfigMap kube-system/aws-auth, which is not asked any more?{again}"
    )
    name = f"backup/{RETIRE}-{now.strftime('%Y%m%dT%H%M%SZ')}.json"
    ports.store.write(name, pretty_bytes(found))
    journal.start(RETIRE, run=progress.run or "", plan_digest=plan_digest, caller=caller)
    journal.backed_up([name])
    metadata = found.get("metadata")
    version = ""
    if isinstance(metadata, dict):
        version = str(metadata.get("resourceVersion", ""))
    error = journal.carry_out(
        STEP,
        intended={"delete": "kube-system/aws-auth", "resourceVersion": version},
        effect=lambda: ports.config_maps.delete(resource_version=version),
        done=lambda _: {"deleted": "kube-system/aws-auth"},
        # The next run reads the map again and decides by that alone, whatever the error was.
        over=lambda _: True,
    )
    outcome = _outcome(ports, progress, error)
    outcome = with_what_was_begun(plan, plan_digest, outcome, ports.store)
    journal.end(outcome.exit_code)
    return outcome


def _what_comes_back(writers: AwsAuthWriters | None) -> str:
    """What the question adds where code may write aws-auth again."""
    if writers is None:
        return " It does not tell whether code writes it again."
    said = ""
    if writers.owners:
        said += f" It will come back: {'; '.join(writers.owners)}."
    if writers.unknown:
        said += f" It may come back, written by {'; '.join(writers.unknown)}."
    if not writers.tells:
        said += " It does not tell whether other code writes it again."
    return said


def _outcome(ports: RunPorts, progress: Progress, error: MigratorError | None) -> RunOutcome:
    """The outcome of a retirement: one step, done unless there is an error."""
    code = 0
    if error:
        code = error.exit_code
    return RunOutcome(
        RETIRE,
        progress.run or "",
        code,
        0 if error else 1,
        1,
        error=error,
        state=ports.store.location,
    )
