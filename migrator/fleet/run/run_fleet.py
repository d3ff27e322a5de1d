"""One command over a fleet: wave after wave, one cluster's failure never another's, everything
recorded as it ends.

The record is appended and synced as each cluster ends, so that a command that was killed continues
where it was: the same command with the same inputs does no cluster again that is done. What is
irreversible is done by this process; the rest by whatever executor the ports bring.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from migrator.errors import MigratorError
from migrator.fleet.decide.endings import (
    exit_code_of,
    is_failure,
    is_settled,
    results_of,
    run_to_go_on_with,
)
from migrator.fleet.decide.waves import at_once, frozen, waves_of
from migrator.fleet.model.files.records import (
    INVENTORY_FILE,
    RUNS_FILE,
    Event,
    FleetRecord,
    decode_records,
    encode_inventory,
    encode_record,
    result_from_document,
)
from migrator.fleet.model.fleet import WRITING, Command, FleetCluster, FleetFile, Inventory, Wave
from migrator.fleet.model.job import Job, JobEnd
from migrator.fleet.model.outcome import ClusterResult, FleetOutcome
from migrator.fleet.model.short_texts import short_cluster, utc_seconds
from migrator.fleet.ports import FleetPorts
from migrator.fleet.run.discover import kept_inventory
from migrator.model.moments import moment_of_text

LOOK = timedelta(seconds=5)  # how often a pause looks for a request to stop
MakeJob: TypeAlias = Callable[[FleetCluster], "Job | ClusterResult"]


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """``inputs``: digest of everything that makes this command another one. ``fresh``: begin a new
    run. ``approved``: waves that need no question. ``part``: only named clusters are worked on, and
    several such commands may run concurrently. ``in_coordinator``: the jobs may not leave this
    process. ``still_done`` judges a result of an earlier command, where the cluster and its own
    files can show that it holds. Without it, or with ``only_same_run``, results count in the run
    that wrote them and in no other.
    """

    inputs: str
    fresh: bool = False
    approved: tuple[str, ...] = ()
    part: bool = False
    in_coordinator: bool = False
    still_done: Callable[[ClusterResult], bool] | None = None
    only_same_run: bool = False


@dataclass
class _Run:
    """What is known of the run so far."""

    command: Command
    id: str
    file: FleetFile
    ports: FleetPorts
    options: FleetOptions
    results: dict[str, ClusterResult] = field(default_factory=dict)
    stopped: str = ""
    unapproved: str = ""
    interrupted: bool = False

    def record(self, event: Event, *, at: str = "", **more: object) -> None:
        """``at``: when it was, empty: now."""
        record = FleetRecord(event, self.id, at or self.now_text(), self.command, **more)  # type: ignore[arg-type]
        self.ports.store.append_line(RUNS_FILE, encode_record(record))

    def now_text(self) -> str:
        return utc_seconds(self.ports.clock.now())

    def keep(self, result: ClusterResult) -> None:
        self.results[result.arn] = result
        self.record("cluster", at=result.at, result=result)


def run_fleet(
    file: FleetFile,
    inventory: Inventory,
    command: Command,
    make_job: MakeJob,
    ports: FleetPorts,
    options: FleetOptions,
) -> FleetOutcome:
    """Do the command on every cluster of the inventory that it was not done on. ``make_job`` says
    what is to be done on one, or why nothing can be. Exit code 0 all done, 7 interrupted, 8 some
    clusters (or accounts) are not.

    Raises ``locked`` while another command works on this fleet, ``fleet-record-damaged``.
    """
    owner = f"fleet {command}"
    with nullcontext() if options.part else ports.store.lock(owner):
        started = ports.clock.now()
        run = _begin(file, inventory, command, ports, options)
        waves = waves_of(
            inventory.clusters,
            command,
            file.waves,
            order_by=file.order_by,
            tolerance=file.failure_tolerance,
        )
        for number, wave in enumerate(waves):
            _wave(run, wave, number, len(waves), make_job)
            if run.stopped:
                break
        _leave_waiting(run, waves)
        results = tuple(run.results[cluster.arn] for wave in waves for cluster in wave.clusters)
        code = exit_code_of(results, complete=inventory.complete, interrupted=run.interrupted)
        run.record("run-ended", exit_code=code, why=run.stopped)
    return FleetOutcome(
        fleet=file.name,
        command=command,
        run=run.id,
        inventory=inventory,
        results=results,
        exit_code=code,
        stopped=run.stopped,
        unapproved=run.unapproved,
        state=ports.store.location,
        seconds=(ports.clock.now() - started).total_seconds(),
    )


def _begin(
    file: FleetFile,
    inventory: Inventory,
    command: Command,
    ports: FleetPorts,
    options: FleetOptions,
) -> _Run:
    """The run: the latest one, if it had the same inputs and is not finished, else a new one.

    Its results so far are those that need not be tried again. The inventory is kept for status and
    report, except by a command on a part of the fleet.
    """
    records = decode_records(ports.store.read(RUNS_FILE) or b"")
    going_on = None
    if not options.fresh:
        going_on = run_to_go_on_with(records, command, options.inputs)
    run = _Run(command, going_on or ports.run_id(), file, ports, options)
    if going_on is None:
        run.record("run-started", inputs=options.inputs)
    if not options.fresh:
        run.results = _done_before(run, inventory, records, going_on)
    if run.results:
        ports.events.say(
            "info", f"{len(run.results)} clusters are done already", event="cluster-done"
        )
    if not options.part:
        kept = kept_inventory(inventory, ports.store.read(INVENTORY_FILE), file)
        ports.store.write(INVENTORY_FILE, encode_inventory(kept))
    return run


def _done_before(
    run: _Run,
    inventory: Inventory,
    records: Sequence[FleetRecord],
    going_on: str | None,
) -> dict[str, ClusterResult]:
    """Results of earlier runs that are final, of clusters that the fleet still has."""
    still_done = run.options.still_done
    only_same_run = still_done is None or run.options.only_same_run
    if only_same_run and going_on is None:
        return {}
    of_run = going_on if only_same_run else None
    final = _final(results_of(records, run.command, of_run), inventory)
    if still_done is None or not final:
        return final
    run.ports.events.doing(f"looking at {len(final)} clusters that were done before")
    holds = run.ports.tasks.map(still_done, list(final.values()))
    return {arn: each for (arn, each), hold in zip(final.items(), holds, strict=True) if hold}


def _final(results: Mapping[str, ClusterResult], inventory: Inventory) -> dict[str, ClusterResult]:
    """Results that need not be tried again, of clusters that the fleet still has."""
    here = {cluster.arn for cluster in inventory.clusters}
    return {arn: each for arn, each in results.items() if arn in here and is_settled(each)}


def _wave(
    run: _Run,
    wave: Wave,
    number: int,
    count: int,
    make_job: MakeJob,
) -> None:
    """One wave, as far as it goes. ``run.stopped`` says why nothing may follow."""
    todo = [cluster for cluster in wave.clusters if cluster.arn not in run.results]
    if not todo:
        return
    run.stopped = _before(run, wave, number, todo)
    if run.stopped:
        return
    label = f"{run.command} {wave.name} ({number + 1} of {count})"
    run.record("wave-started", wave=wave.name)
    failed, why = _work(run, wave, todo, make_job, label)
    run.record("wave-ended", wave=wave.name)
    if not why and failed > wave.tolerance:
        why = f"{failed} clusters of wave {wave.name} failed, and {wave.tolerance} may"
    if not why and run.command in WRITING:
        why = run.ports.hooks.ask("after_wave", run.file.hooks.after_wave, _facts(run, wave, todo))
    run.stopped = why


def _before(
    run: _Run,
    wave: Wave,
    number: int,
    todo: Sequence[FleetCluster],
) -> str:
    """Why the wave may not begin; empty where it may. The pause before it is kept here."""
    if run.command not in WRITING:
        return _stop(run)
    # Nothing comes before the first wave.
    paused = _pause(run, wave) if number and wave.pause else ""
    why = paused or _stop(run) or _unapproved(run, wave, todo)
    if why:
        return why
    return run.ports.hooks.ask("before_wave", run.file.hooks.before_wave, _facts(run, wave, todo))


def _unapproved(run: _Run, wave: Wave, todo: Sequence[FleetCluster]) -> str:
    """Why a wave that needs approval has none; empty where it has, or needs none.

    The answer is asked for at the terminal; without one the wave waits until a later command names
    it.
    """
    if not wave.approve:
        return ""
    if wave.name in run.options.approved:
        return ""
    try:
        run.ports.approver.confirm(
            f"Begin wave {wave.name}: {run.command} on {len(todo)} clusters?"
        )
    except MigratorError as error:
        run.unapproved = wave.name
        return f"wave {wave.name} waits for approval (--approve {wave.name}): {error.message}"
    return ""


def _stop(run: _Run) -> str:
    """Why nothing may begin right now; empty where it may. It is asked before each cluster, so that
    a freeze or the stop file takes effect within a wave.
    """
    if run.interrupted:
        return "it was interrupted"
    if run.ports.stop_wanted():
        return "the stop file is there"
    # A freeze is of changes: reads are not stopped.
    if run.command not in WRITING:
        return ""
    if not run.file.freeze:
        return ""
    window = frozen(run.file.freeze, run.ports.clock.now())
    if window is None:
        return ""
    reason, until = window
    return f"no cluster is started until {utc_seconds(until)}: {reason or 'a freeze window'}"


def _pause(run: _Run, wave: Wave) -> str:
    """Wait until the pause since the last wave is over, counted from when that ended, in this
    process or before.
    """
    ended = _last_wave_ended(run)
    if ended is None:
        return ""
    until = ended + wave.pause
    if run.ports.clock.now() < until:
        run.ports.events.say(
            "info", f"wave {wave.name} begins at {utc_seconds(until)}", event="wave"
        )
    while (left := until - run.ports.clock.now()) > timedelta(0):
        if run.ports.stop_wanted():
            return "the stop file is there"
        run.ports.clock.sleep(min(left, LOOK))
    return ""


def _last_wave_ended(run: _Run) -> datetime | None:
    """When the latest wave of this run ended, also in an earlier process; None before the first
    end.
    """
    ended = None
    for record in decode_records(run.ports.store.read(RUNS_FILE) or b""):
        if record.run == run.id and record.event == "wave-ended":
            ended = moment_of_text(record.at)
    return ended


def _work(
    run: _Run,
    wave: Wave,
    todo: Sequence[FleetCluster],
    make_job: MakeJob,
    label: str,
) -> tuple[int, str]:
    """Do the clusters; returns how many failed, and why no more were started.

    A cluster on which nothing could be tried is not done, and did not fail: no attempt shows that
    others are in danger.
    """
    jobs: list[Job] = []
    for cluster in todo:
        made = make_job(cluster)
        if isinstance(made, ClusterResult):
            run.keep(replace(made, at=run.now_text(), wave=wave.name))
        else:
            jobs.append(made)
    failed, stopped = 0, ""
    early = [job.first for job in jobs if job.first is not None]
    rounds = [(run.ports.here, early, False)] if early else []
    rounds.append((run.ports.here if run.options.in_coordinator else run.ports.jobs, jobs, True))

    def limit() -> int:
        nonlocal stopped
        stopped = stopped or _stop(run)
        return 0 if stopped else at_once(wave, len(todo), failed)

    def interrupted() -> None:
        run.interrupted = True
        run.ports.wind_down()
        run.ports.events.say(
            "warn",
            "stopping: clusters that are under way are brought to an end (Ctrl-C again: not)",
            event="stopping",
        )

    for runner, batch, last in rounds:
        left = [job for job in batch if job.arn not in run.results]
        run.ports.events.doing(f"{label}: 0/{len(left)}")
        ends = runner.run(
            left, limit=limit, interrupted=interrupted, in_order=run.command in WRITING
        )
        for done, end in enumerate(ends, 1):
            result = replace(_result(run, end), wave=wave.name)
            if last or not is_settled(result):
                run.keep(result)
            if is_failure(result):
                failed += 1
            if not is_settled(result):
                run.ports.events.say(
                    "warn",
                    f"{short_cluster(result.arn)}: {result.status}: {result.message}",
                    event="cluster-not-done",
                )
            run.ports.events.progress(label if last else f"{label}: mode", done, len(left))
    return failed, stopped


def _result(run: _Run, end: JobEnd) -> ClusterResult:
    """The result of a cluster from how its job ended: not started for want of a worker, lost with
    its worker, or with an answer.

    A lost job may have changed the cluster: what it did is in the cluster's own journal, from which
    the same command continues.
    """
    at = run.now_text()
    if end.unplaced:
        return ClusterResult(
            arn=end.arn,
            command=run.command,
            status="waiting",
            exit_code=8,
            at=at,
            code="no-worker",
            message="Not started: no worker can do it.",
            why=end.unplaced,
            remedy="Start such a worker and run the same command again.",
        )
    if end.answer is None:
        return ClusterResult(
            arn=end.arn,
            command=run.command,
            status="failed",
            exit_code=1,
            at=at,
            code="worker-lost",
            message="The work on this cluster did not end.",
            why=end.lost,
            remedy="The same command continues from here.",
        )
    document = {"arn": end.arn, "command": run.command, "at": at, **end.answer}
    return replace(result_from_document(document), at=at)


def _leave_waiting(run: _Run, waves: Sequence[Wave]) -> None:
    """Clusters that were not started are results, too: waiting, and for what."""
    why = run.stopped or "it was not started"
    at = run.now_text()
    for wave in waves:
        for cluster in wave.clusters:
            if cluster.arn in run.results:
                continue
            run.results[cluster.arn] = ClusterResult(
                arn=cluster.arn,
                command=run.command,
                status="waiting",
                exit_code=8,
                at=at,
                code="not-begun",
                message=f"Not started: {why}.",
                remedy="The same command continues from here.",
                wave=wave.name,
            )


def _facts(run: _Run, wave: Wave, todo: Sequence[FleetCluster]) -> Mapping[str, object]:
    """What a hook receives."""
    return {
        "fleet": run.file.name,
        "command": run.command,
        "run": run.id,
        "wave": wave.name,
        "clusters": [
            {
                "arn": cluster.arn,
                "status": run.results[cluster.arn].status if cluster.arn in run.results else None,
            }
            for cluster in todo
        ],
    }
