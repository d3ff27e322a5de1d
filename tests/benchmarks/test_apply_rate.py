"""500 entries at 20 writes a second with 50 ms a call: wall time against the ideal, and the incumbent's pattern.

Propagation and proofs are off, as the target says: the plan has one canary and 499 entries that require it. The cluster
is the one in memory, behind ports that take 50 ms a call; threads, journal (synced to disk) and rate are the product's.
The incumbent writes one entry after the other, without a rate of its own.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from migrator.adapters.clock import MachineClock
from migrator.adapters.state_files import StateFolder
from migrator.adapters.tasks_threads import Threads
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, EntrySpec, Identity
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import CreateEntry
from migrator.run.apply_plan import ApplyOptions, apply_plan
from tests.support.memory_ports import ACCOUNT, Cluster, MemoryEntries, cluster_ref
from tests.support.memory_runs import DIGEST, PlanBuilder, World, delete

ENTRIES, RATE, LATENCY = 500, 20, 0.05


@dataclass
class SlowEntries(MemoryEntries):
    """Every call takes its time on the way; describing takes two, for the entry and its policies."""

    def describe(self, principal_arn: str) -> AccessEntry | None:
        time.sleep(2 * LATENCY)
        return super().describe(principal_arn)

    def create(self, principal_arn: str, entry: EntrySpec, *, tags: object, token: str) -> None:
        time.sleep(LATENCY)
        super().create(principal_arn, entry, tags=dict(tags), token=token)  # type: ignore[call-overload]

    def associate(self, principal_arn: str, policy: AssociatedPolicy) -> None:
        time.sleep(LATENCY)
        super().associate(principal_arn, policy)


def many() -> tuple[Cluster, Plan]:
    """500 ordinary principals in API_AND_CONFIG_MAP mode, the first one alone."""
    build, rows = PlanBuilder(), {}
    canary = ""
    for number in range(ENTRIES):
        arn = f"arn:aws:iam::{ACCOUNT}:role/team-{number:03d}"
        spec = EntrySpec("STANDARD", f"team-{number:03d}", ("devs",))
        rows[arn] = Identity(f"team-{number:03d}", ("devs",), "config-map")
        build.principals.append(PlannedPrincipal(arn, "create", rows[arn], entry=spec))
        step = build.add(CreateEntry(arn, spec), canary, undo=delete(arn, spec))
        canary = canary or step
    cluster = Cluster(rows=rows, mode="API_AND_CONFIG_MAP")
    return cluster, build.plan(cluster)


@pytest.mark.benchmark
def test_500_entries_at_20_writes_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster, plan = many()
    ports = replace(
        World(cluster).ports(),
        entries=SlowEntries(cluster),
        clock=MachineClock(),
        store=StateFolder(tmp_path, cluster_ref("API_AND_CONFIG_MAP")),
        tasks=Threads(8),
    )
    began = time.perf_counter()
    outcome = apply_plan(plan, DIGEST, ports, ApplyOptions(max_rate=RATE))
    wall = time.perf_counter() - began
    assert outcome.exit_code == 0
    assert len(cluster.entries) == ENTRIES
    ideal = (ENTRIES - 1) / RATE + 3 * LATENCY  # the canary's own write and its read-back come first
    sequential = sequential_pattern()
    with capsys.disabled():
        print(f"\n{ENTRIES} entries: {wall:.1f} s, ideal {ideal:.1f} s, ratio {wall / ideal:.2f} (target 1.25)")  # noqa: T201
        print(f"one after the other, extrapolated from 40: {sequential:.1f} s")  # noqa: T201
    assert wall <= 1.25 * ideal


def sequential_pattern() -> float:
    """What the incumbent's pattern takes for as many: look, create, look again, one entry at a time."""
    cluster, plan = many()
    entries, some = SlowEntries(cluster), 40
    began = time.perf_counter()
    for step in plan.steps[:some]:
        assert isinstance(step.effect, CreateEntry)
        entries.describe(step.effect.principal_arn)
        entries.create(step.effect.principal_arn, step.effect.entry, tags={}, token=step.id)
        entries.describe(step.effect.principal_arn)
    return (time.perf_counter() - began) * ENTRIES / some


def test_the_benchmarks_plan_is_one_canary_and_all_the_others() -> None:
    _, plan = many()
    assert [step.requires for step in plan.steps] == [(), *[("s01",)] * (ENTRIES - 1)]
