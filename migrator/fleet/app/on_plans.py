"""A command on the plans of a fleet: plans from the state, one job each, wave by wave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from migrator.app.read_plan import read_plan
from migrator.decide.running.progress import Progress
from migrator.errors import Interrupted, MigratorError
from migrator.fleet.app.connect import (
    discover_fleet,
    fleet_ports,
    inputs_of,
    open_fleet,
    selection_of,
)
from migrator.fleet.app.executor import Jobs
from migrator.fleet.app.operator import FleetOperator
from migrator.fleet.app.part import PLAN_FILE, no_plan
from migrator.fleet.app.request import FleetRequest
from migrator.fleet.app.worker import Worker
from migrator.fleet.decide.endings import NO_PLAN, result_of_error, unread_of, without_plan
from migrator.fleet.decide.proposals import (
    PlannedCluster,
    cut_over_proposal,
    planned_proposal,
    to_apply,
    to_roll_back,
)
from migrator.fleet.model.files.job_options import options_to_document
from migrator.fleet.model.files.records import RUNS_FILE, decode_records
from migrator.fleet.model.fleet import Command, FleetCluster, Inventory
from migrator.fleet.model.job import Job, JobRequest
from migrator.fleet.model.outcome import ClusterFacts, ClusterResult, FleetOutcome
from migrator.fleet.ports import FleetPorts
from migrator.fleet.run.run_fleet import FleetOptions, run_fleet
from migrator.fleet.run.status import facts_of, ref_of
from migrator.model.access_entry import AccessEntry
from migrator.model.journal import Journal
from migrator.model.plan import Plan
from migrator.model.step import EnableEntries
from migrator.ports import StateStore

Holds = Callable[[ClusterFacts, datetime], bool]
# By its plan, the plan's digest, the journal and the entries that the cluster has now.
HoldsLive = Callable[[Plan, str, Progress, Sequence[AccessEntry]], bool]

# Asked once, with the number of clusters.
_QUESTIONS: Mapping[Command, str] = {
    "apply": "Apply the plans of {clusters} clusters of fleet {fleet}? Clusters in CONFIG_MAP mode "
    "get access entries switched on, and there is no way back from that.",
    "rehearse": "Rehearse API mode on {clusters} clusters of fleet {fleet}? On each, aws-auth is "
    "blank meanwhile; a Job in the cluster puts it back if this process dies.",
    "retire": "Delete aws-auth in {clusters} clusters of fleet {fleet}? A backup of each is kept "
    "in the state.",
    "rollback": "Roll back the plans of {clusters} clusters of fleet {fleet}? Their entries are "
    "deleted or restored, and their principals log in through aws-auth again.",
}
_TITLES: Mapping[Command, str] = {
    "apply": "Apply the plans of {clusters} clusters of fleet {fleet}.",
    "retire": "Delete aws-auth in {clusters} clusters of fleet {fleet}.",
    "rollback": "Roll back the plans of {clusters} clusters of fleet {fleet}.",
}
# One-way: the fleet's name is typed again, and only this process does it.
_TYPED: frozenset[Command] = frozenset({"cutover"})
# A roll-back also removes bindings, which are not looked at here; a proof may be old.
_ONLY_SAME_RUN: frozenset[Command] = frozenset({"rollback", "verify"})
_IN_COORDINATOR: frozenset[Command] = frozenset({"cutover", "retire"})
_REFUSE_BLOCKED: frozenset[Command] = frozenset({"apply", "rehearse", "gates", "cutover"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPlansRequest(FleetRequest):
    """``options``: the fields of the request that the same command on one cluster makes of the same
    options. ``approved``: waves that need no question.
    """

    command: Command
    options: Mapping[str, Any]
    approved: tuple[str, ...] = ()


def run_on_plans(request: OnPlansRequest, operator: FleetOperator) -> FleetOutcome:
    """Discover, ask once, do it wave by wave. Raises what
    :func:`migrator.fleet.run.run_fleet.run_fleet` raises, and ``Refused`` without an answer.
    """
    file, asked, command = request.file, request.asked, request.command
    fleet, found = discover_fleet(open_fleet(operator.settings, file), request, operator)
    ports = fleet_ports(fleet, asked, operator)
    jobs = Jobs(fleet, found, ports, own_machine=asked.scheduler is None)
    maker = _Maker(jobs, ports, request)
    operator_sees = _Shown(found.inventory, ports, jobs, request)
    operator_sees.show(operator)
    _ask(found.inventory, request, operator)
    options = FleetOptions(
        inputs=inputs_of(
            command,
            options_to_document(request.options),
            request.decisions or {},
            selection_of(file, asked.clusters),
        ),
        fresh=asked.fresh,
        approved=request.approved,
        part=bool(asked.clusters),
        in_coordinator=command in _IN_COORDINATOR,
        still_done=maker.still_done(found.inventory, fleet.worker),
        only_same_run=command in _ONLY_SAME_RUN,
    )
    return run_fleet(
        file,
        found.inventory,
        command,
        maker.job,
        ports,
        options,
    )


def _ask(inventory: Inventory, request: OnPlansRequest, operator: FleetOperator) -> None:
    """The question of the whole command. Raises ``Refused``."""
    name = request.file.name
    question = _QUESTIONS.get(request.command)
    if question is not None:
        operator.approver.confirm(question.format(clusters=len(inventory.clusters), fleet=name))
    if request.command in _TYPED:
        operator.approver.type_again("the fleet's name", name)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the question is about, cluster by cluster and in sum."""

    inventory: Inventory
    ports: FleetPorts
    jobs: Jobs
    request: OnPlansRequest

    def show(self, operator: FleetOperator) -> None:
        """Show it, where the command asks."""
        command, name = self.request.command, self.request.file.name
        if command in _TITLES:
            clusters = self.ports.tasks.map(self._planned, self.inventory.clusters)
            title = _TITLES[command].format(clusters=len(clusters), fleet=name)
            forward = command == "apply"
            operator.approver.show(planned_proposal(title, clusters, forward=forward))
        # Also where the name was given beforehand: what it permits is in the record of the run.
        if command == "cutover":
            operator.events.say("info", "judging the gates of every cluster", event="doing")
            operator.approver.show(cut_over_proposal(name, self._judged()))

    def _planned(self, cluster: FleetCluster) -> PlannedCluster:
        """What is left of the plan by its file and journal, for people: the plan is proven where it
        is carried out.
        """
        from migrator.model.files.plan import decode_plan_with_digest
        from migrator.run.begin_run import progress_in

        try:
            store = self.ports.store_of(ref_of(cluster))
            plan, digest = decode_plan_with_digest(store.read(PLAN_FILE) or b"")
            journal = store.journal()
            progress = progress_in(journal, plan, digest)
            older: Mapping[str, tuple[Plan, Progress] | None] = {}
            if self.request.command == "rollback":
                older = _older_plans(store, journal, digest)
        except MigratorError:
            return PlannedCluster(cluster.arn, None)
        match self.request.command:
            case "apply":
                return to_apply(cluster.arn, plan, progress)
            case "rollback":
                return to_roll_back(cluster.arn, plan, progress, older)
            case _:
                return PlannedCluster(cluster.arn, plan.summary)

    def _judged(self) -> tuple[ClusterResult, ...]:
        request = replace(
            self.request, command="gates", options={**self.request.options, "gates_only": True}
        )
        asked = request.asked
        options = FleetOptions(
            inputs=inputs_of(
                "gates",
                options_to_document(request.options),
                request.decisions or {},
                selection_of(request.file, asked.clusters),
            ),
            fresh=True,
            part=bool(asked.clusters),
        )
        maker = _Maker(self.jobs, self.ports, request)
        outcome = run_fleet(
            request.file,
            self.inventory,
            "gates",
            maker.job,
            self.ports,
            options,
        )
        # Ctrl-C while the gates are judged: the operator wants no question now.
        if outcome.exit_code == Interrupted.exit_code:
            raise Interrupted("interrupted", "Stopped before the question; nothing was switched.")
        return outcome.results


def _older_plans(
    store: StateStore, journal: Journal, digest: str
) -> Mapping[str, tuple[Plan, Progress] | None]:
    """The plans of a cluster's earlier runs that ``migrate fleet plan`` has kept, by their place,
    and how far each is; None for one that cannot be read.
    """
    from migrator.fleet.app.plan_one import kept_plan
    from migrator.model.files.plan import decode_plan_with_digest
    from migrator.run.begin_run import progress_in

    started = dict.fromkeys(
        str(record.effect.get("planDigest")) for record in journal if record.event == "run-started"
    )
    found: dict[str, tuple[Plan, Progress] | None] = {}
    for each in started:
        content = None if each == digest else store.read(kept_plan(each))
        if content is None:
            continue
        place = f"{store.location}/{kept_plan(each)}"
        try:
            plan, _ = decode_plan_with_digest(content)
        # This cluster can be rolled back by its plan, and others have nothing to do with it.
        except MigratorError:
            found[place] = None
        else:
            found[place] = (plan, progress_in(journal, plan, each))
    return found


def _holds(request: OnPlansRequest) -> Holds | None:
    """Whether the cluster's own files show, at a moment, that the command was done on it; None: it
    is done again unless a run is continued.
    """
    from migrator.run.rehearse import EVIDENCE_AFTER

    match request.command:
        case "apply":
            return lambda facts, _: facts.done == facts.steps
        case "rollback":
            return lambda facts, _: facts.rolled_back
        case "verify" if not request.options.get("baseline"):
            return lambda facts, _: not (facts.rolled_back or facts.rolled_back_in_part)
        case "cutover":
            return lambda facts, _: facts.mode == "API"
        case "retire":
            return lambda facts, _: facts.retired
        # A shorter rehearsal leaves nothing that would hold.
        case "rehearse" if request.options.get("length", timedelta()) >= EVIDENCE_AFTER:
            return _passed_lately
        case _:
            return None


def _holds_live(command: Command) -> HoldsLive | None:
    """Whether the entries of the cluster are as the command left them; None: they are not asked.

    The files do not have what a run from another state folder did, nor what a person did by hand.
    """
    match command:
        case "apply" | "verify":
            return _as_applied
        case "rollback":
            return _none_of_plan
        case _:
            return None


def _as_applied(
    plan: Plan, digest: str, progress: Progress, entries: Sequence[AccessEntry]
) -> bool:
    from migrator.decide.running.changes import entries_astray, kept_entries_astray

    if entries_astray(plan, progress, entries, digest):
        return False
    return not kept_entries_astray(plan, entries, digest)


def _none_of_plan(
    _plan: Plan, digest: str, _progress: Progress, entries: Sequence[AccessEntry]
) -> bool:
    from migrator.decide.running.cluster_leftovers import plan_made_elsewhere

    return not plan_made_elsewhere(digest, (), entries)


def _passed_lately(facts: ClusterFacts, now: datetime) -> bool:
    """Whether the cut-over's gate would count the rehearsal, or has no use for one any more."""
    from migrator.decide.running.gates import REHEARSAL_AGE

    if facts.mode == "API":
        return True
    return facts.rehearsed is not None and now - facts.rehearsed <= REHEARSAL_AGE


class _Maker:
    """Makes the job of one cluster from the plan in its folder."""

    def __init__(
        self,
        jobs: Jobs,
        ports: FleetPorts,
        request: OnPlansRequest,
    ) -> None:
        from migrator.fleet.model.files.decisions import decode_fleet_decisions

        self._jobs = jobs
        self._ports = ports
        self._request = request
        self._command = request.command
        self._options = options_to_document(request.options)
        given = request.decisions
        self._answers = None if given is None else decode_fleet_decisions(given)
        self._remote = ports.jobs is not ports.here
        records = decode_records(ports.store.read(RUNS_FILE) or b"")
        self._unread = unread_of(each.result for each in records if each.result is not None)

    def job(self, cluster: FleetCluster) -> "Job | ClusterResult":
        """What is to be done on the cluster, or why nothing can be: the error is the one that the
        command on this cluster alone ends with.
        """
        try:
            plan = self._plan_of(cluster)
        except MigratorError as error:
            if error.code == NO_PLAN:
                return without_plan(cluster.arn, self._command, error, self._unread)
            return result_of_error(cluster.arn, self._command, error)
        asked = JobRequest(self._options, self._given(cluster))
        if self._command != "apply" or not self._remote:
            here = self._command in _IN_COORDINATOR
            return self._jobs.make(cluster, self._command, asked, here=here)
        mode_only = replace(asked, options={**self._options, "mode_only": True})
        first = self._jobs.make(cluster, "apply", mode_only, here=True)
        main = self._jobs.make(cluster, "apply", replace(asked, reversible=True))
        one_way = any(isinstance(step.effect, EnableEntries) for step in plan.steps)
        return replace(main, first=first if one_way else None)

    def _plan_of(self, cluster: FleetCluster) -> Plan:
        """The plan that the cluster's folder has. Raises where it cannot be used: nothing is tried
        on the cluster then, and a wave does not fail for it.
        """
        from migrator.run.begin_run import refuse_blocked

        content = self._ports.store_of(ref_of(cluster)).read(PLAN_FILE)
        if content is None:
            raise no_plan()
        plan, _ = read_plan(content)
        if self._command in _REFUSE_BLOCKED:
            refuse_blocked(plan)
        return plan

    def _given(self, cluster: FleetCluster) -> dict[str, Any] | None:
        from migrator.fleet.decide.answers import answers_for
        from migrator.fleet.model.files.decisions import decisions_to_document

        if self._answers is None:
            return None
        return decisions_to_document(answers_for(self._answers, cluster))

    def still_done(
        self, inventory: Inventory, worker: Worker
    ) -> "Callable[[ClusterResult], bool] | None":
        """Whether an earlier result of this command holds, for the same plan: by the cluster's own
        files, and by its entries where the command is about them.
        """
        judge, judge_live = _holds(self._request), _holds_live(self._command)
        if judge is None:
            return None
        clusters = {cluster.arn: cluster for cluster in inventory.clusters}
        now = self._ports.clock.now()

        def holds(result: ClusterResult) -> bool:
            cluster = clusters[result.arn]
            store = self._ports.store_of(ref_of(cluster))
            try:
                facts = facts_of(cluster, store, self._ports.clock)
                if facts.plan_digest != result.plan_digest or not judge(facts, now):
                    return False
                return judge_live is None or _look(judge_live, cluster, store, worker)
            except MigratorError:
                return False

        return holds


def _look(judge: HoldsLive, cluster: FleetCluster, store: StateStore, worker: Worker) -> bool:
    """Whether a cluster's entries, read now, are as they should be."""
    from migrator.model.files.plan import decode_plan_with_digest
    from migrator.model.files.snapshot import access_entry
    from migrator.run.begin_run import progress_in

    # It was proven with the facts of the cluster, and its digest is compared here again.
    plan, digest = decode_plan_with_digest(store.read(PLAN_FILE) or b"")
    progress = progress_in(store.journal(), plan, digest)
    listed = worker.entries(cluster) or ()
    entries = [access_entry(each, "accessEntry") for each in listed]
    return judge(plan, digest, progress, entries)
