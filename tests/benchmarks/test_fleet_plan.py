"""``migrate fleet plan`` over an organisation of 1,000 clusters in 40 accounts, over a network of
50 ms a call.

2 % of the calls fail (throttled, unavailable, cut off), 5 accounts deny, 10 clusters cannot be
reached. The lab is a process of its own and eats of the same cores, so the split of CPU is printed
beside the ratios. What a user would set is set: 16 clusters at once, and the default rates. Then
each cluster makes one call at a time, and nothing can be faster than all calls' latency over 16, or
than the tokens of the busiest account and Region.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.aws_session import AwsSession, AwsSettings, RoleToAssume, open_session
from migrator.adapters.tasks_threads import Threads
from migrator.app.connect import connect, snapshot_ports
from migrator.app.settings import Settings
from migrator.cli.operator import operator_of
from migrator.errors import MigratorError
from migrator.fleet.adapters.rate_limits import DEFAULT_RATES
from migrator.fleet.adapters.sessions import load_sdks
from migrator.fleet.model.files.records import RUNS_FILE, decode_records
from migrator.lab.lab_client import control, enter_lab, lab_state
from migrator.run.take_snapshot import take_snapshot
from migrator.run.write_plan import plan_document
from tests.support import yardstick
from tests.support.benchmark_table import Measured
from tests.support.cli_lab import CliLab, running
from tests.support.fleet_world import EXTERNAL_ID, ROLE
from tests.support.organisation import Organisation, organisation
from tests.support.process_memory import PeakMemory

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
DENIED, UNREACHABLE = 5, 10
ACCOUNTS = int(os.environ.get("MIGRATE_BENCH_ACCOUNTS", "40"))
CLUSTERS = int(os.environ.get("MIGRATE_BENCH_CLUSTERS", "1000"))
AT_ONCE = int(os.environ.get("MIGRATE_BENCH_AT_ONCE", "16"))
LATENCY = 0.050
RATIO, MEBIBYTES, YARDSTICKS = 1.25, 700, 2.5
SERVICES = ("eks", "iam", "sts", "ec2", "kubernetes")
TICKS = os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """What was measured, for whoever reads `make bench`."""
    print(text)  # noqa: T201


@dataclass(frozen=True)
class Scale:
    """The organisation, served."""

    lab: CliLab
    organisation: Organisation

    def start(self, state: str) -> "subprocess.Popen[bytes]":
        """The command, with the machine's clock as users have it: the lab's is asked over HTTP."""
        environment = self.lab.environment()
        environment.pop("MIGRATE_CLOCK_URL")
        out = (self.lab.work / f"{state}.json").open("wb")
        err = (self.lab.work / f"{state}.err").open("ab")
        with out, err:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "migrator",
                    "fleet",
                    "plan",
                    "--output",
                    "json",
                    "--state-dir",
                    state,
                ],
                cwd=self.lab.work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def plan(self, account: str, region: str, name: str, state: str) -> dict[str, Any]:
        return self.lab.document(f"{state}/aws/{account}/{region}/{name}/plan.json")

    def network(self, seconds: float, faults: float) -> None:
        """Latency of every call, and seeded faults; calls are counted from here on."""
        control(self.lab.directory, "POST", "latency", {"operation": "*", "seconds": seconds})
        control(self.lab.directory, "POST", "fault", {"clear": True})
        for service in SERVICES:
            kinds = [("error", 0.5), ("reset", 0.25)] + (
                [("throttle", 0.25)] if service != "kubernetes" else []
            )
            for seed, (kind, share) in enumerate(kinds, 1):
                fault = {
                    "operation": f"{service}:*",
                    "kind": kind,
                    "probability": faults * share,
                    "seed": seed,
                }
                more = {"status": 503} if kind == "error" else {}
                control(self.lab.directory, "POST", "fault", {**fault, **more})

    def calls(self) -> dict[str, int]:
        """Requests since :meth:`network`, by service."""
        faults = control(self.lab.directory, "GET", "fault")["faults"]
        return {fault["operation"].partition(":")[0]: fault["seen"] for fault in faults}

    def lab_seconds(self) -> float:
        """CPU of the lab so far."""
        return _stat(int(lab_state(self.lab.directory)["pid"]))

    def lab_facts(self) -> str:
        pid = int(lab_state(self.lab.directory)["pid"])
        status = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if ":" in line
        )
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return f"{status['VmRSS'].strip()}, {status['Threads'].strip()} threads, {files} open files"


class Queueing(threading.Thread):
    """How long threads of a process were ready to run and had no core: what other work on the
    machine costs it.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._tasks, self._over = Path(f"/proc/{pid}/task"), threading.Event()
        self._seconds: dict[str, float] = {}

    def run(self) -> None:
        while not self._over.wait(0.5):
            with contextlib.suppress(OSError):
                for task in self._tasks.iterdir():
                    with contextlib.suppress(OSError):
                        self._seconds[task.name] = (
                            int((task / "schedstat").read_text().split()[1]) / 1e9
                        )

    def end(self) -> float:
        """Thread-seconds so far."""
        self._over.set()
        return sum(self._seconds.values())


def _stat(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scale]:
    made = organisation(
        ACCOUNTS,
        CLUSTERS,
        denied=DENIED,
        unreachable=UNREACHABLE,
        concurrency={"overall": AT_ONCE, "per_account": AT_ONCE // 2},
    )
    started = time.perf_counter()
    with running(tmp_path_factory.mktemp("scale"), json.dumps(made.world), beside=True) as lab:
        (lab.work / "fleet.yaml").write_text(json.dumps(made.fleet), encoding="utf-8")
        found = Scale(lab, made)
        up = time.perf_counter() - started
        say(f"\nlab with {CLUSTERS} clusters: up in {up:.1f} s, {found.lab_seconds():.1f} s of CPU")
        yield found


def _ideal(calls: Mapping[str, int]) -> tuple[float, float]:
    """Seconds of nothing but latency, and of nothing but tokens in an account and Region of average
    business.
    """
    places = (ACCOUNTS - DENIED) * 3
    rate = {rule.api.partition(":")[0]: rule for rule in DEFAULT_RATES}
    tokens = max(
        (calls["eks"] / places - rate["eks"].burst) / rate["eks"].per_second,
        (calls["iam"] / (ACCOUNTS - DENIED) - rate["iam"].burst) / rate["iam"].per_second,
    )
    return sum(calls.values()) * LATENCY / AT_ONCE, max(0.0, tokens)


def _check(scale: Scale, document: Mapping[str, Any]) -> None:
    """Every cluster and every account is accounted for."""
    states = {result["arn"].rpartition("/")[2]: result["status"] for result in document["results"]}
    readable = {each["name"] for each in scale.organisation.readable}
    assert {name for name, status in states.items() if status in ("done", "blocked")} == readable
    assert {
        name for name, status in states.items() if status == "unreachable"
    } == scale.organisation.unreachable
    assert len(states) == len(readable) + UNREACHABLE
    assert (document["accounts"]["expected"], document["accounts"]["answered"]) == (
        ACCOUNTS,
        ACCOUNTS - DENIED,
    )
    assert {each["account"] for each in document["accounts"]["silent"]} == scale.organisation.denied


def test_a_thousand_clusters_are_planned_as_fast_as_the_network_lets(
    scale: Scale, measured: Measured
) -> None:
    scale.network(LATENCY, 0.02)
    before, started = scale.lab_seconds(), time.perf_counter()
    process = scale.start("whole")
    queueing, memory = Queueing(process.pid), PeakMemory.of(process.pid)
    queueing.start()
    _, status, used = os.wait4(process.pid, 0)
    wall, lab_cpu = time.perf_counter() - started, scale.lab_seconds() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    document = scale.lab.document("whole.json")
    calls = scale.calls()
    latency, tokens = _ideal(calls)
    ideal = max(latency, tokens)
    ours, mebibytes = used.ru_utime + used.ru_stime, memory.end()
    cores = os.cpu_count() or 1
    say(f"calls: {sum(calls.values())}, {dict(sorted(calls.items()))}; results {_counts(document)}")
    say(
        f"wall {wall:.1f} s = {wall / ideal:.2f} x ideal {ideal:.1f} s (latency {latency:.1f}, "
        f"tokens {tokens:.1f})"
    )
    say(
        f"CPU: ours {ours:.1f} s, the lab's {lab_cpu:.1f} s: "
        f"{(ours + lab_cpu) / (wall * cores):.0%} of {cores} cores"
    )
    waited = queueing.end()
    say(
        f"ready without a core: {waited:.0f} thread-seconds, {waited / AT_ONCE:.0f} s for each of "
        f"{AT_ONCE} threads"
    )
    say(
        f"memory: ours {mebibytes:.0f} MiB, the lab's {scale.lab_facts()}; load "
        f"{os.getloadavg()[0]:.1f}"
    )
    # Three attempts failed, one call in 100,000.
    failed = [
        result["arn"]
        for result in document["results"]
        if result["status"] == "failed" or result.get("code") == "aws-server-error"
    ]
    if failed or document["accounts"]["answered"] < ACCOUNTS - DENIED:
        say(f"a call failed three times; the same command goes on with {failed or 'the account'}")
        assert scale.start("whole").wait() == 8
        document = scale.lab.document("whole.json")
    _check(scale, document)
    assert process.returncode == 8
    what = f"fleet plan: {CLUSTERS:,} clusters in {ACCOUNTS} accounts"
    measured(what, of="the network's latency alone", ideal=ideal, ours=wall, bound=RATIO)
    measured(
        f"{what}, CPU of a cluster",
        of=yardstick.OF,
        ideal=yardstick.seconds() * 1000,
        ours=ours / len(scale.organisation.readable) * 1000,
        bound=YARDSTICKS,
        unit="ms",
    )
    measured(
        f"{what}, memory", of="the limit", ideal=MEBIBYTES, ours=mebibytes, bound=1, unit="MiB"
    )


def _counts(document: Mapping[str, Any]) -> dict[str, int]:
    return dict(Counter(result["status"] for result in document["results"]))


def test_killed_twice_it_goes_on_where_it_was(scale: Scale) -> None:
    scale.network(LATENCY, 0.02)
    record = scale.lab.work / "killed/fleet/organisation" / RUNS_FILE
    third = len(scale.organisation.readable) // 3
    for goal in (third, 2 * third):
        process = scale.start("killed")
        while _recorded(record) < goal:
            assert process.poll() is None, (scale.lab.work / "killed.err").read_text()
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert scale.start("killed").wait() == 8
    _check(scale, scale.lab.document("killed.json"))
    done = Counter(
        record.result.arn
        for record in decode_records(record.read_bytes())
        if record.result is not None and record.result.status in ("done", "blocked")
    )
    planned = sum(scale.calls().values())
    say(
        f"killed twice: {len(done)} clusters planned, {sum(done.values())} times; {planned} calls "
        f"in all"
    )
    assert set(done.values()) == {1}
    assert len({each.run for each in decode_records(record.read_bytes())}) == 1


def _recorded(record: Path) -> int:
    return record.read_bytes().count(b'"event":"cluster"') if record.exists() else 0


def test_every_plan_is_the_one_that_a_single_command_makes(
    scale: Scale, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale.network(0, 0)
    environment = dict(os.environ)
    enter_lab(scale.lab.directory, environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    load_sdks()
    sessions: dict[str, AwsSession] = {}

    def alone(cluster: Mapping[str, Any]) -> str:
        """The plan by a snapshot of its own, with IAM read for this cluster only; why it differs,
        if it does.
        """
        account, region, name = cluster["account"], cluster["region"], cluster["name"]
        mine = scale.plan(account, region, name, "whole")
        settings = Settings()
        try:
            connection = connect(
                settings, name, session=sessions[account].in_region(region), tasks=Threads(1)
            )
            moment = _moment(mine["createdAt"])
            snapshot = take_snapshot(snapshot_ports(operator_of(settings), connection), now=moment)
        except MigratorError as error:
            return f"{name}: {error.message} {error.why}"
        theirs = plan_document(snapshot, None, strategy="preserve", target="API", now=moment)
        connection.wire.close()
        return "" if json.loads(json.dumps(theirs)) == mine else name

    for account in {each["account"] for each in scale.organisation.readable}:
        link = RoleToAssume(f"arn:aws:iam::{account}:role/{ROLE}", EXTERNAL_ID)
        sessions[account] = open_session(AwsSettings(region="eu-central-1", assume_roles=(link,)))
    different = [why for why in Threads(4).map(alone, scale.organisation.readable) if why]
    say(f"{len(scale.organisation.readable)} plans compared, {len(different)} differ")
    assert different == []


def _moment(text: str) -> Any:  # noqa: ANN401 - datetime
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00"))
