"""What ``fleet apply``, ``verify``, ``rehearse`` and ``cutover`` have in common: plans from the
state, one job each.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from migrator.app.settings import Settings
from migrator.cli.terminal import TerminalApprover
from migrator.errors import MigratorError
from migrator.fleet.app.asked import Asked
from migrator.fleet.app.connect import (
    discover_fleet,
    fleet_ports,
    inputs_of,
    open_fleet,
    selection_of,
)
from migrator.fleet.app.executor import Jobs
from migrator.fleet.app.opened_fleet import Fleet
from migrator.fleet.cli.files import read_fleet, read_fleet_decisions
from migrator.fleet.cli.print_outcome import fleet_ended
from migrator.fleet.model.fleet import WRITING, Command, FleetCluster, Inventory
from migrator.fleet.model.job import Job
from migrator.fleet.model.outcome import ClusterFacts, ClusterResult
from migrator.fleet.ports import FleetPorts
from migrator.fleet.run.run_fleet import FleetOptions, run_fleet
from migrator.fleet.run.status import facts_of, ref_of
from migrator.model.step import EnableEntries
from migrator.run.read_plan import read_plan


@dataclass(frozen=True, slots=True)
class RunOfPlans:
    """One command on the plans of a fleet. ``task`` is of :mod:`migrator.fleet.app.jobs`, ``more``
    its arguments.

    ``question`` is asked once, with the number of clusters; ``type_again``: the fleet's name is,
    for what is one-way. ``holds``: whether the cluster's own files show, at a moment, that the
    command was done on it; None: it is done anew unless a run is gone on with.
    """

    command: Command
    task: str
    more: Mapping[str, Any]
    question: str = ""
    type_again: bool = False
    in_coordinator: bool = False
    holds: Callable[[ClusterFacts, datetime], bool] | None = None


def run_plans(
    settings: Settings, fleet_file: str, given: Mapping[str, Any], what: RunOfPlans
) -> int:
    """Discover, ask once, do it wave by wave, show how it ended; returns the exit code."""
    asked = Asked.of(given)
    file, decisions = read_fleet(fleet_file), read_fleet_decisions(given.get("decisions"))
    fleet, found = discover_fleet(open_fleet(settings, file), asked)
    ports = fleet_ports(fleet, asked, typed=given.get("confirm"))
    jobs = Jobs(fleet, found, ports, own_machine=asked.scheduler is None)
    maker = _Maker(jobs, ports, what, decisions if given.get("decisions") else None)
    _ask(found.inventory, fleet, ports, what, yes=bool(given.get("yes")))
    options = FleetOptions(
        inputs=inputs_of(what.command, what.more, decisions, selection_of(file, asked.clusters)),
        fresh=asked.fresh,
        approved=tuple(given.get("approve") or ()),
        part=bool(asked.clusters),
        in_coordinator=what.in_coordinator,
        still_done=maker.still_done(found.inventory),
    )
    return fleet_ended(
        settings, run_fleet(file, found.inventory, what.command, maker.job, ports, options)
    )


def _ask(
    inventory: Inventory, fleet: Fleet, ports: FleetPorts, what: RunOfPlans, *, yes: bool
) -> None:
    """The question of the whole command. Raises ``Refused``."""
    if what.question:
        question = what.question.format(clusters=len(inventory.clusters), fleet=fleet.file.name)
        TerminalApprover(sys.stdin, sys.stderr, yes=yes).confirm(question)
    if what.type_again:
        ports.approver.type_again("the fleet's name", fleet.file.name)


class _Maker:
    """Makes the job of one cluster from the plan in its folder."""

    def __init__(
        self, jobs: Jobs, ports: FleetPorts, what: RunOfPlans, decisions: Mapping[str, Any] | None
    ) -> None:
        from migrator.fleet.model.files.decisions import decode_fleet_decisions

        self._jobs = jobs
        self._ports = ports
        self._what = what
        self._answers = None if decisions is None else decode_fleet_decisions(decisions)
        self._remote = ports.jobs is not ports.here

    def job(self, cluster: FleetCluster) -> "Job | ClusterResult":
        """What is to be done on the cluster, or why nothing can be."""
        try:
            content = self._ports.store_of(ref_of(cluster)).read("plan.json")
            plan = None if content is None else read_plan(content)[0]
        except MigratorError as error:
            why = f"{error.message} {error.why}".strip()
            return self._not(
                cluster,
                error.code,
                f"Its plan cannot be used: {why}",
                error.remedy or "Plan it again.",
            )
        if plan is None:
            return self._not(cluster, "no-plan", "It has no plan.", "Make one: migrate fleet plan.")
        blocking = sorted(
            {finding.code for finding in plan.findings if finding.severity == "block"}
        )
        if plan.blocked and self._what.command in WRITING:
            remedy = "Answer in decisions.yaml and plan again."
            refused = self._not(
                cluster, "plan-blocked", f"Its plan is blocked: {', '.join(blocking)}.", remedy
            )
            return replace(refused, status="blocked", exit_code=3)
        more = {**self._what.more, **self._given(cluster)}
        if self._what.command != "apply" or not self._remote:
            return self._jobs.make(cluster, self._what.task, here=self._what.in_coordinator, **more)
        first = self._jobs.make(cluster, self._what.task, here=True, **{**more, "modeOnly": True})
        main = self._jobs.make(cluster, self._what.task, **{**more, "reversible": True})
        one_way = any(isinstance(step.effect, EnableEntries) for step in plan.steps)
        return replace(main, first=first if one_way else None)

    def _given(self, cluster: FleetCluster) -> dict[str, Any]:
        from migrator.fleet.decide.answers import answers_for
        from migrator.fleet.model.files.decisions import decisions_to_document

        if self._answers is None:
            return {}
        return {"answers": decisions_to_document(answers_for(self._answers, cluster))}

    def _not(self, cluster: FleetCluster, code: str, message: str, remedy: str) -> ClusterResult:
        return ClusterResult(
            arn=cluster.arn,
            command=self._what.command,
            status="failed",
            exit_code=1,
            at="",
            code=code,
            message=message,
            remedy=remedy,
        )

    def still_done(self, inventory: Inventory) -> "Callable[[ClusterResult], bool] | None":
        """Whether an earlier result of this command holds, by the cluster's own files and for the
        same plan.
        """
        judge = self._what.holds
        if judge is None:
            return None
        clusters = {cluster.arn: cluster for cluster in inventory.clusters}
        now = self._ports.clock.now()

        def holds(result: ClusterResult) -> bool:
            cluster = clusters[result.arn]
            try:
                facts = facts_of(cluster, self._ports.store_of(ref_of(cluster)), self._ports.clock)
            except MigratorError:
                return False
            return facts.plan_digest == result.plan_digest and judge(facts, now)

        return holds
