"""Waves over a fleet in memory: what is begun, what is not, what is recorded, and what is gone on
with.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from migrator.errors import Refused
from migrator.fleet.decide.endings import PROOF_OPEN
from migrator.fleet.model.files.records import RUNS_FILE, decode_inventory, decode_records
from migrator.fleet.model.fleet import (
    Amount,
    Answer,
    Command,
    FleetCluster,
    FleetFile,
    FreezeWindow,
    Hooks,
    Inventory,
    WaveRule,
)
from migrator.fleet.model.job import Job, JobEnd
from migrator.fleet.model.outcome import ClusterResult, FleetOutcome
from migrator.fleet.ports import FleetPorts
from migrator.fleet.run.run_fleet import FleetOptions, run_fleet
from migrator.model.proposal import Proposal
from tests.support.fleet_values import clusters, inventory
from tests.support.memory_ports import (
    START,
    Cluster,
    InTurn,
    MemoryClock,
    MemoryEvents,
    MemoryStore,
)

FILE = FleetFile("test")


class Killed(BaseException):
    """The process died."""


@dataclass
class Jobs:
    """Does jobs one after the other; ``bad`` clusters fail, and after so many jobs the process
    dies.
    """

    bad: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    unplaced: set[str] = field(default_factory=set)
    unproven: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    kill_after: int | None = None
    ctrl_c_after: int | None = None
    most: int = 0
    seen: Callable[[str], None] = lambda _name: None
    processes: int = 1
    in_order: set[bool] = field(default_factory=set)

    def run(
        self,
        jobs: Sequence[Job],
        *,
        limit: Callable[[], int],
        interrupted: Callable[[], None],
        in_order: bool = True,
    ) -> Iterator[JobEnd]:
        left = list(jobs)
        self.in_order.add(in_order)
        running: list[Job] = []
        while True:
            while left and len(running) < limit():
                running.append(left.pop(0))
                self.most = max(self.most, len(running))
            if not running:
                return
            job = running.pop(0)
            if _name(job.arn) in self.unplaced:
                yield JobEnd(job.arn, unplaced="no worker has the resource vpc:prod")
                continue
            if self.kill_after is not None and len(self.done) >= self.kill_after:
                raise Killed
            self.done.append(_name(job.arn))
            if self.ctrl_c_after == len(self.done):
                interrupted()
            self.seen(_name(job.arn))
            yield (
                JobEnd(job.arn, lost="the worker died")
                if _name(job.arn) in self.lost
                else JobEnd(job.arn, self._answer(job))
            )

    def _answer(self, job: Job) -> Mapping[str, Any]:
        name = _name(job.arn)
        kind = job.arguments.get("as")
        if name in self.bad:
            return {
                "status": "unproven",
                "exitCode": 6,
                "message": "proof failed",
                "planDigest": "d",
            }
        if name in self.unproven:
            return {"status": "waiting", "exitCode": 7, "code": PROOF_OPEN, "planDigest": "d"}
        if kind == "blocked":
            return {"status": "blocked", "exitCode": 3, "planDigest": "d"}
        return {"status": "done", "exitCode": 0, "planDigest": "d"}


@dataclass
class Veto:
    """Hooks that say no to certain waves."""

    no: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def ask(self, name: str, commands: Sequence[Sequence[str]], facts: Mapping[str, Any]) -> str:
        if not commands:
            return ""
        self.asked.append((name, facts))
        return self.no.get((name, str(facts["wave"])), "")


@dataclass
class Approver:
    """Says yes, or refuses."""

    yes: bool = True
    asked: list[str] = field(default_factory=list)

    def show(self, proposal: Proposal) -> None:
        raise AssertionError(proposal)

    def confirm(self, question: str) -> None:
        self.asked.append(question)
        if not self.yes:
            raise Refused("no-terminal", "A question needs an answer.")

    def type_again(self, what: str, expected: str) -> None:
        self.confirm(f"{what}: {expected}")


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


@dataclass
class Fleet:
    """A fleet of ``count`` clusters and everything that remembers."""

    count: int
    file: FleetFile = FILE
    jobs: Jobs = field(default_factory=Jobs)
    here: Jobs = field(default_factory=Jobs)
    veto: Veto = field(default_factory=Veto)
    approver: Approver = field(default_factory=Approver)
    clock: MemoryClock = field(default_factory=lambda: MemoryClock(Cluster()))
    store: MemoryStore = field(default_factory=MemoryStore)
    stop: Callable[[], bool] = lambda: False
    runs: int = 0
    silent: tuple[Answer, ...] = ()
    with_first: bool = False

    @property
    def inventory(self) -> Inventory:
        return inventory(clusters(self.count), silent=self.silent)

    def run(self, command: Command = "apply", inputs: str = "i", **options: Any) -> FleetOutcome:  # noqa: ANN401
        self.runs += 1
        number = self.runs
        ports = FleetPorts(
            store=self.store,
            store_of=lambda _: self.store,
            jobs=self.jobs,
            here=self.here,
            hooks=self.veto,
            clock=self.clock,
            approver=self.approver,
            events=MemoryEvents(),
            tasks=InTurn(),
            run_id=lambda: f"r{number}",
            stop_wanted=self.stop,
        )
        return run_fleet(
            self.file, self.inventory, command, self.job, ports, FleetOptions(inputs, **options)
        )

    def job(self, cluster: FleetCluster) -> "Job | ClusterResult":
        job = Job(cluster.arn, cluster.account, "m:f", {})
        return (
            replace(job, first=Job(cluster.arn, cluster.account, "m:first", {}))
            if self.with_first
            else job
        )

    def by_wave(self, outcome: FleetOutcome) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for result in outcome.results:
            found.setdefault(result.wave, []).append(result.status)
        return found


def test_all_waves_go_and_zero_says_so() -> None:
    fleet = Fleet(7)
    outcome = fleet.run()
    assert (outcome.exit_code, outcome.stopped) == (0, "")
    assert {wave: len(found) for wave, found in fleet.by_wave(outcome).items()} == {
        "canary": 1,
        "wave 2": 4,
        "wave 3": 2,
    }
    assert decode_inventory(fleet.store.read("inventory.json") or b"") == fleet.inventory


def test_a_failure_in_wave_two_stops_before_wave_three_and_the_rest_is_untouched() -> None:
    fleet = Fleet(20, jobs=Jobs(bad={"c002"}))
    outcome = fleet.run()
    assert outcome.exit_code == 8
    assert set(fleet.jobs.done) <= {"c000", "c001", "c002", "c003", "c004"}
    states = fleet.by_wave(outcome)
    assert states["canary"] == ["done"]
    assert "unproven" in states["wave 2"]
    assert set(states["wave 3"]) == {"waiting"}
    assert "wave 2" in outcome.stopped
    waiting = next(result for result in outcome.results if result.status == "waiting")
    assert "wave 2" in waiting.message


def test_after_the_fix_the_same_command_goes_on_and_does_nothing_twice() -> None:
    fleet = Fleet(20, jobs=Jobs(bad={"c002"}))
    assert fleet.run().exit_code == 8
    first = list(fleet.jobs.done)
    fleet.jobs.bad.clear()
    outcome = fleet.run()
    assert outcome.exit_code == 0
    again = fleet.jobs.done[len(first) :]
    assert [name for name in again if name in first] == ["c002"]
    assert len(fleet.jobs.done) == 21


def test_within_its_tolerance_a_wave_goes_on() -> None:
    fleet = Fleet(
        12,
        FleetFile("test", failure_tolerance=Amount(percent=50)),
        Jobs(bad={"c001", "c002", "c006"}),
    )
    outcome = fleet.run()
    assert len(fleet.jobs.done) == 12
    assert (outcome.exit_code, outcome.stopped) == (8, "")
    assert [_name(result.arn) for result in outcome.left] == ["c001", "c002", "c006"]


def test_a_strict_wave_never_has_more_under_way_than_may_fail() -> None:
    cut = Fleet(9)
    cut.run("cutover")
    assert cut.jobs.most == 1
    apply = Fleet(9)
    apply.run("apply")
    assert apply.jobs.most == 4
    two = Fleet(9, FleetFile("test", waves=(WaveRule("all", failure_tolerance=Amount(1)),)))
    two.run("cutover")
    assert two.jobs.most == 2


@pytest.mark.parametrize("at", range(7))
def test_killed_anywhere_it_goes_on_where_it_was(at: int) -> None:
    fleet = Fleet(6, jobs=Jobs(kill_after=at))
    for _ in range(2):
        if fleet.jobs.kill_after == 6:
            break
        with pytest.raises(Killed):
            fleet.run()
        fleet.jobs.kill_after = min(6, (fleet.jobs.kill_after or 0) + 1)
    fleet.jobs.kill_after = None
    outcome = fleet.run()
    assert outcome.exit_code == 0
    assert sorted(fleet.jobs.done) == [f"c{number:03}" for number in range(6)]


def test_a_torn_last_line_is_the_end_of_the_record() -> None:
    fleet = Fleet(3)
    fleet.run()
    content = fleet.store.read(RUNS_FILE) or b""
    assert len(decode_records(content + b'{"event":"clu')) == len(decode_records(content))


def test_other_inputs_are_another_run_and_fresh_begins_anew() -> None:
    fleet = Fleet(3)
    fleet.run("plan")
    assert len(fleet.jobs.done) == 3
    fleet.run("plan")  # that run was finished: another plan is another look
    assert len(fleet.jobs.done) == 6
    fleet.jobs.bad = {"c001"}
    fleet.run("plan")
    fleet.jobs.bad = set()
    fleet.run("plan")
    assert len(fleet.jobs.done) == 10  # only what failed
    fleet.jobs.bad = {"c001"}
    fleet.run("plan")
    fleet.run("plan", inputs="other")
    assert len(fleet.jobs.done) == 16
    fleet.run("plan", inputs="other", fresh=True)
    assert len(fleet.jobs.done) == 19


def test_what_the_clusters_own_files_deny_is_done_again() -> None:
    fleet = Fleet(3)
    fleet.run(still_done=lambda _: True)
    fleet.run(still_done=lambda _: True)
    assert len(fleet.jobs.done) == 3
    fleet.run(still_done=lambda result: not result.arn.endswith("c001"))
    assert fleet.jobs.done[3:] == ["c001"]


def test_results_of_the_same_run_alone_count_and_are_judged_too() -> None:
    fleet = Fleet(3, jobs=Jobs(bad={"c000"}))
    options: dict[str, Any] = {"only_same_run": True, "still_done": lambda _: True}
    fleet.run(**options)
    fleet.run(**options)
    assert fleet.jobs.done == ["c000"] * 2
    fleet.jobs.bad = set()
    fleet.run(**options)
    assert fleet.jobs.done[2:] == ["c000", "c001", "c002"]
    # That run was finished: nothing of it counts.
    fleet.run(**options)
    assert fleet.jobs.done[5:] == ["c000", "c001", "c002"]
    fleet.jobs.bad = {"c002"}
    fleet.run(**options)
    fleet.jobs.bad = set()
    fleet.run(only_same_run=True, still_done=lambda result: not result.arn.endswith("c001"))
    assert fleet.jobs.done[11:] == ["c001", "c002"]


def test_a_worker_that_is_lost_is_a_failed_cluster_and_no_other() -> None:
    fleet = Fleet(3, jobs=Jobs(lost={"c001"}))
    outcome = fleet.run("plan")
    assert [(result.status, result.code) for result in outcome.results] == [
        ("done", ""),
        ("failed", "worker-lost"),
        ("done", ""),
    ]


def test_a_cluster_that_no_worker_can_do_waits_and_its_wave_goes_no_further() -> None:
    fleet = Fleet(3, jobs=Jobs(unplaced={"c000"}))
    outcome = fleet.run("apply")
    first, *others = outcome.results
    assert (first.status, first.code, first.exit_code) == ("waiting", "no-worker", 8)
    assert first.why == "no worker has the resource vpc:prod"
    assert {(other.status, other.code) for other in others} == {("waiting", "not-begun")}
    fleet.jobs.unplaced.clear()
    assert fleet.run("apply").exit_code == 0


def test_cluster_that_waits_for_a_proof_stops_no_wave_and_is_not_done() -> None:
    fleet = Fleet(6, jobs=Jobs(unproven={"c000"}))
    outcome = fleet.run("apply")
    assert [each.status for each in outcome.results] == ["waiting", *["done"] * 5]
    assert (outcome.exit_code, outcome.stopped) == (8, "")
    assert [_name(each.arn) for each in outcome.left] == ["c000"]
    fleet.jobs.unproven.clear()
    assert fleet.run("apply").exit_code == 0
    assert fleet.jobs.done[6:] == ["c000"]


def test_reads_never_stop_for_a_failure() -> None:
    fleet = Fleet(6, jobs=Jobs(bad={f"c{number:03}" for number in range(5)}))
    assert len(fleet.run("verify").left) == 5
    assert len(fleet.jobs.done) == 6


def test_accounts_that_did_not_answer_keep_zero_away() -> None:
    fleet = Fleet(2, silent=(Answer("999999999999", "eu-west-1", "denied", code="iam-denied"),))
    outcome = fleet.run("plan")
    assert (outcome.exit_code, outcome.left) == (8, ())


def test_the_first_interrupt_lets_what_runs_end_and_begins_nothing() -> None:
    fleet = Fleet(9, jobs=Jobs(ctrl_c_after=2))
    outcome = fleet.run()
    assert outcome.exit_code == 7
    begun = [result for result in outcome.results if result.status == "done"]
    assert (
        len(begun) == len(fleet.jobs.done) == 5
    )  # the canary, and the wave of four that was under way
    assert fleet.run().exit_code == 0


def test_a_stop_file_stops_before_the_next_cluster() -> None:
    fleet = Fleet(9)
    fleet.stop = lambda: len(fleet.jobs.done) >= 1
    outcome = fleet.run()
    assert (outcome.exit_code, outcome.stopped) == (8, "the stop file is there")
    assert fleet.jobs.done == ["c000"]


def test_nothing_that_writes_is_begun_in_a_freeze_and_reads_are() -> None:
    window = FreezeWindow("year end", START - timedelta(1), START + timedelta(1))
    fleet = Fleet(3, FleetFile("test", freeze=(window,)))
    outcome = fleet.run("apply")
    assert (outcome.exit_code, fleet.jobs.done) == (8, [])
    assert "year end" in outcome.stopped
    assert fleet.run("verify").exit_code == 0


def test_a_freeze_that_begins_on_the_way_stops_the_rest() -> None:
    fleet = Fleet(
        9,
        FleetFile(
            "test", freeze=(FreezeWindow("", START + timedelta(hours=1), START + timedelta(9)),)
        ),
    )
    fleet.jobs.seen = lambda name: fleet.clock.sleep(timedelta(hours=2)) if name == "c000" else None
    outcome = fleet.run()
    assert (len(fleet.jobs.done), outcome.exit_code) == (1, 8)


def test_a_pause_is_kept_between_waves_also_after_a_restart() -> None:
    rules = (
        WaveRule("one", size=Amount(1)),
        WaveRule("two", size=Amount(1), pause=timedelta(hours=2)),
    )
    fleet = Fleet(2, FleetFile("test", waves=rules), Jobs(bad={"c001"}))
    at: dict[str, list[datetime]] = {}
    fleet.jobs.seen = lambda name: at.setdefault(name, []).append(fleet.clock.now())
    fleet.run()
    assert at["c001"][0] - at["c000"][0] == timedelta(hours=2)
    fleet.jobs.bad.clear()
    fleet.run()
    assert at["c001"][1] - at["c001"][0] == timedelta(
        hours=2
    )  # counted from the end of the last attempt


def test_a_stop_file_ends_a_pause() -> None:
    rules = (WaveRule("one", size=Amount(1)), WaveRule("two", pause=timedelta(days=3)))
    fleet = Fleet(4, FleetFile("test", waves=rules))
    fleet.stop = lambda: fleet.clock.now() > START + timedelta(hours=1)
    assert "stop file" in fleet.run().stopped
    assert fleet.clock.now() < START + timedelta(hours=2)


def test_a_wave_that_needs_approval_waits_for_it() -> None:
    rules = (WaveRule("one", size=Amount(1)), WaveRule("two", approve=True))
    fleet = Fleet(4, FleetFile("test", waves=rules), approver=Approver(yes=False))
    outcome = fleet.run()
    assert (outcome.exit_code, fleet.jobs.done) == (8, ["c000"])
    assert "--approve two" in outcome.stopped
    assert fleet.run(approved=("two",)).exit_code == 0
    assert len(fleet.jobs.done) == 4


def test_a_hook_vetoes_the_wave_it_is_asked_about() -> None:
    hooks = Hooks(before_wave=(("check",),), after_wave=(("check",),))
    fleet = Fleet(
        9,
        FleetFile("test", hooks=hooks),
        veto=Veto({("before_wave", "wave 2"): "the pager is on fire"}),
    )
    outcome = fleet.run()
    assert (outcome.stopped, fleet.jobs.done) == ("the pager is on fire", ["c000"])
    name, facts = fleet.veto.asked[1]
    assert (name, facts["wave"], facts["clusters"][0]["status"]) == ("after_wave", "canary", "done")
    after = Fleet(
        9, FleetFile("test", hooks=hooks), veto=Veto({("after_wave", "canary"): "look first"})
    )
    assert (after.run().stopped, after.jobs.done) == ("look first", ["c000"])


@pytest.mark.parametrize(("command", "spread_out"), [("verify", True), ("apply", False)])
def test_writes_keep_the_order_of_the_file_and_reads_go_through_accounts_evenly(
    command: Command, *, spread_out: bool
) -> None:
    fleet = Fleet(6, FleetFile("test", waves=(WaveRule("all"),)))
    fleet.run(command)
    assert fleet.jobs.in_order == {not spread_out}


def test_hooks_are_not_asked_about_reads() -> None:
    fleet = Fleet(2, FleetFile("test", hooks=Hooks(before_wave=(("check",),))))
    fleet.run("verify")
    assert fleet.veto.asked == []


def test_what_is_one_way_is_done_here_first_and_the_rest_elsewhere() -> None:
    fleet = Fleet(6, with_first=True, here=Jobs(bad={"c001"}))
    outcome = fleet.run()
    assert fleet.here.done == ["c000", "c001", "c002", "c003", "c004"]
    assert fleet.jobs.done[0] == "c000"
    assert "c001" not in fleet.jobs.done
    assert next(r for r in outcome.results if r.arn.endswith("c001")).status == "unproven"


def test_the_coordinator_keeps_cut_overs_to_itself() -> None:
    fleet = Fleet(3)
    fleet.run("cutover", in_coordinator=True)
    assert (len(fleet.here.done), fleet.jobs.done) == (3, [])


def test_two_commands_on_one_fleet_exclude_each_other_and_named_clusters_do_not() -> None:
    fleet = Fleet(2)
    with fleet.store.lock("somebody"):
        with pytest.raises(Refused):
            fleet.run()
        assert fleet.run(part=True).exit_code == 0
