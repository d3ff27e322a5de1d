"""500 entries at 20 writes a second with 50 ms a call: wall time against the ideal, and the
incumbent's pattern.

Propagation and proofs are off, as the target says: the plan has one canary and 499 entries that
require it. Everything goes over the wire: the lab is a process of its own whose every EKS call
takes 50 ms longer, and adapters, threads, journal (synced to disk) and rate are the product's. The
incumbent writes one entry after the other, without a rate of its own, and looks before and after.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from migrator.adapters.aws_session import AwsSettings, open_session
from migrator.adapters.clock import MachineClock
from migrator.adapters.eks_entries import EksAccessEntries
from migrator.app.connect import connect, run_ports
from migrator.app.settings import Settings
from migrator.cli.operator import operator_of
from migrator.lab.lab_client import control
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import CreateEntry
from migrator.ports import AccessEntries
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.begin_run import RunPorts
from tests.support.benchmark_table import Measured
from tests.support.cli_lab import ACCOUNT, CliLab, running
from tests.support.memory_ports import Cluster
from tests.support.memory_runs import DIGEST, PlanBuilder, delete

ENTRIES, RATE, LATENCY, SOME = 500, 20, 0.05, 40
WORLD = f"""\
format: migrator/world/v1
name: many
operator: arn:aws:iam::{ACCOUNT}:role/operator
settings: {{region: eu-central-1, propagationSeconds: 0, updateSeconds: 0}}
accounts:
  - id: "{ACCOUNT}"
    roles:
      - {{name: operator}}
{{roles}}
clusters:
  - name: many
    account: "{ACCOUNT}"
    region: eu-central-1
    authenticationMode: API_AND_CONFIG_MAP
    creator: arn:aws:iam::{ACCOUNT}:role/operator
    kubernetes:
      - apiVersion: v1
        kind: ConfigMap
        metadata: {{name: aws-auth, namespace: kube-system}}
        data:
          mapRoles: |
{{rows}}
"""


def arn_of(number: int) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/team-{number:03d}"


def many(count: int = ENTRIES) -> Plan:
    """Ordinary principals in API_AND_CONFIG_MAP mode, the first one alone."""
    build = PlanBuilder()
    canary = ""
    for number in range(count):
        arn = arn_of(number)
        spec = EntrySpec("STANDARD", f"team-{number:03d}", ("devs",))
        before = Identity(f"team-{number:03d}", ("devs",), "config-map")
        build.principals.append(PlannedPrincipal(arn, "create", before, entry=spec))
        step = build.add(CreateEntry(arn, spec), canary, undo=delete(arn, spec))
        canary = canary or step
    return build.plan(Cluster(mode="API_AND_CONFIG_MAP"))


@dataclass(frozen=True)
class Bed:
    """A lab with 500 roles and slow calls, and the product's ports over it, on machine time."""

    lab: CliLab
    ports: RunPorts
    plan: Plan

    def slow(self, seconds: float) -> None:
        control(self.lab.directory, "POST", "latency", {"operation": "eks:*", "seconds": seconds})


@contextmanager
def bed(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    roles = "\n".join(f"      - {{name: team-{number:03d}}}" for number in range(ENTRIES))
    rows = "\n".join(
        f"            - "
        f'{{rolearn: "{arn_of(number)}", username: team-{number:03d}, groups: [devs]}}'
        for number in range(ENTRIES)
    )
    with running(
        place, WORLD.replace("{roles}", roles).replace("{rows}", rows), beside=True
    ) as lab:
        for name, value in environment_of(lab).items():
            monkeypatch.setenv(name, value)
        settings = Settings(state_dir=str(place / "state"), quiet=True)
        session = open_session(AwsSettings(run="run"))
        operator = operator_of(settings, yes=True)
        connection = connect(settings, "many", session=session)
        ports = run_ports(operator, many(1), ways={}, connection=connection)
        snapshot = ports.read_snapshot()
        plan = replace(many(), cluster=snapshot.cluster, basis=ports.basis_of(snapshot))
        ports = replace(
            run_ports(operator, plan, ways={}, connection=connection),
            clock=MachineClock(),
        )
        yield Bed(lab, ports, plan)


def environment_of(lab: CliLab) -> Mapping[str, str]:
    return {
        name: value
        for name, value in lab.environment().items()
        if name.startswith(("AWS_", "SSL", "REQUESTS"))
    }


@pytest.mark.benchmark
def test_500_entries_at_20_writes_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    with bed(tmp_path / "ours", monkeypatch) as found:
        found.slow(LATENCY)
        entries = Timed(found.ports.entries)
        began = time.perf_counter()
        outcome = apply_plan(
            found.plan, DIGEST, replace(found.ports, entries=entries), ApplyOptions(max_rate=RATE)
        )
        wall = time.perf_counter() - began
        assert outcome.exit_code == 0, outcome
        created = [
            effect
            for effect in found.lab.effects()
            if effect["operation"] == "eks:CreateAccessEntry"
        ]
        assert (
            len(created) == len({effect["detail"]["principalArn"] for effect in created}) == ENTRIES
        )
    with bed(tmp_path / "theirs", monkeypatch) as found:
        found.slow(LATENCY)
        sequential = sequential_pattern(found)
    ideal = (
        ENTRIES - 1
    ) / RATE + 3 * LATENCY  # the canary's own write and its read-back come first
    assert entries.first is not None
    writing = (
        entries.last - entries.first
    )  # before: one snapshot; after: all entries once more, with nothing to write
    what = f"apply: {ENTRIES} entries at {RATE} writes a second"
    measured(what, of="the rate and one call's latency", ideal=ideal, ours=writing, bound=1.1)
    measured(
        f"{what}, with the snapshot before and the look after",
        of="as many one after the other",
        ideal=sequential,
        ours=wall,
        bound=1,
    )


class Timed:
    """The port for entries, which notes when the first write was sent and the last one was read
    back.
    """

    def __init__(self, entries: AccessEntries) -> None:
        self._entries = entries
        self.last = 0.0
        self.update, self.delete = entries.update, entries.delete
        self.associate, self.disassociate = entries.associate, entries.disassociate
        self.first: float | None = None

    def create(
        self, principal_arn: str, entry: EntrySpec, *, tags: Mapping[str, str], token: str
    ) -> None:
        self.first = self.first or time.perf_counter()
        self._entries.create(principal_arn, entry, tags=tags, token=token)

    def describe(self, principal_arn: str) -> AccessEntry | None:
        found = self._entries.describe(principal_arn)
        self.last = time.perf_counter()
        return found


def sequential_pattern(bed: Bed) -> float:
    """What the incumbent's pattern takes for as many: look, create, look again, one entry at a
    time.
    """
    entries = bed.ports.entries
    assert isinstance(entries, EksAccessEntries)
    began = time.perf_counter()
    for step in bed.plan.steps[:SOME]:
        assert isinstance(step.effect, CreateEntry)
        entries.describe(step.effect.principal_arn)
        entries.create(step.effect.principal_arn, step.effect.entry, tags={}, token=step.id)
        entries.describe(step.effect.principal_arn)
    return (time.perf_counter() - began) * ENTRIES / SOME


def test_the_benchmarks_plan_is_one_canary_and_all_the_others() -> None:
    assert [step.requires for step in many().steps] == [(), *[("s01",)] * (ENTRIES - 1)]
