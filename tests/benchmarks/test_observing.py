"""Observing two million log lines through CloudWatch's operations: bounded memory, exact, and gone
on with.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.decide.observing.usage import MOST_NAMES
from migrator.lab.lab_client import enter_lab, lab_state
from tests.support import yardstick
from tests.support.benchmark_table import Measured
from tests.support.generated_logs import START, Logs, brute_force
from tests.support.process_memory import PeakMemory, seconds_of
from tests.support.small_lab import CLUSTER

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3000)]
LINES = int(os.environ.get("MIGRATE_BENCH_LOG_LINES", "2000000"))
MEBIBYTES = 200  # of the process that observes
THOUSAND_LINES = 1.5  # times the yardstick
LOGS = Logs(LINES, principals=300)
SERVE = """\
import json, sys, threading
from datetime import timedelta
from pathlib import Path
from migrator.lab.worlds.log_store import GeneratedLog
from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import build_world
from tests.support import yardstick
from tests.support.benchmark_table import Measured
from tests.support.generated_logs import Logs
from tests.support.small_lab import world_document

folder, lines = Path(sys.argv[1]), int(sys.argv[2])
logs = Logs(lines, principals=300)
world = build_world(world_document(createdAt="2024-01-01T00:00:00Z"))
world.clock.advance_to(max(world.now(), logs.end + timedelta(hours=1)))
lab = Lab(world, folder)
lab.start()
for cluster in world.clusters.values():
    cluster.logs = GeneratedLog(logs.count, logs)
print("ready", flush=True)
sys.stdin.read()
lab.stop()
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A lab in a process of its own, and the variables that lead to it."""
    lab = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path / "lab"), str(LINES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert lab.stdout is not None
        assert lab.stdout.readline().strip() == "ready"
        found = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AWS_", "MIGRATE_"))
        }
        enter_lab(tmp_path / "lab", found)
        found.pop("MIGRATE_CLOCK_URL")
        yield found | {"MIGRATE_STATE_DIR": str(tmp_path / "state")}
    finally:
        lab.terminate()
        lab.communicate()


def command(out: Path) -> list[str]:
    days = (time.time() - START.timestamp()) // 86_400 + 1
    since = f"{int(days)}d"
    return [
        sys.executable,
        *(
            "-m",
            "migrator",
            "observe",
            CLUSTER,
            "--since",
            since,
            "--scan",
            "filter",
            "--yes",
            "--out",
            str(out),
        ),
    ]


def check(document: Any, plain: dict[str, Any]) -> None:  # noqa: ANN401
    """The document against the plain count. Names that are too many for one principal are folded
    into one, and kinds of denials that are too many are left out and counted.
    """
    names: dict[Any, set[str]] = {}
    for arn, username, groups in plain["logins"]:
        names.setdefault((arn, groups), set()).add(username)
    logins: dict[Any, int] = {}
    for (arn, username, groups), (_, _, count) in plain["logins"].items():
        key = (
            arn,
            "people:session-*" if len(names[arn, groups]) > MOST_NAMES else username,
            groups,
        )
        logins[key] = logins.get(key, 0) + count
    assert {
        (x["arn"], x["username"], tuple(x["groups"])): x["count"] for x in document["logins"]
    } == logins
    found = {
        x["arn"]: {k: v for k, v in x.items() if k != "arn" and v} for x in document["decisions"]
    }
    assert found == plain["decisions"]
    denials = {(x["arn"], x["what"]): x["count"] for x in document["denials"]}
    assert denials.items() <= plain["denials"].items()
    assert sum(denials.values()) + document["denialsLeftOut"] == sum(plain["denials"].values())


def test_two_million_lines_in_bounded_memory_interrupted_and_gone_on_with(
    tmp_path: Path, environment: dict[str, str], measured: Measured
) -> None:
    out = tmp_path / "usage.json"
    begun = time.monotonic()
    first = subprocess.Popen(
        command(out),
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    checkpoint = wait_for_checkpoint(tmp_path, first)
    first.kill()
    first.communicate()
    at = json.loads(checkpoint.read_bytes())["tally"]["lines"]
    assert 0 < at < LINES

    lab_before, began = lab_seconds(tmp_path), time.monotonic()
    second = subprocess.Popen(
        command(out),
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory = PeakMemory.of(second.pid)
    assert second.stderr is not None
    with second.stderr:
        said = second.stderr.read()
    _, status, used = os.wait4(second.pid, 0)
    second.returncode = os.waitstatus_to_exitcode(status)
    wall, peak = time.monotonic() - began, memory.end()
    seconds, lab = time.monotonic() - begun, lab_seconds(tmp_path) - lab_before
    assert second.returncode == 0, said
    assert "going on with the scan that stopped" in said

    document = json.loads(out.read_bytes())
    print(  # noqa: T201
        f"\nobserve: {LINES} lines, {document['scan']['lines']} of them told something, in "
        f"{seconds:.0f} s with the "
        f"lab's own work; stopped after {at} and gone on with, in {wall:.0f} s "
        f"beside {lab:.0f} s of the lab's CPU"
    )
    check(document, brute_force(LOGS))
    what = f"observe: {LINES:,} lines"
    measured(f"{what}, memory", of="the limit", ideal=MEBIBYTES, ours=peak, bound=1, unit="MiB")
    ours = used.ru_utime + used.ru_stime
    measured(
        f"{what}, CPU of 1,000 lines",
        of=yardstick.OF,
        ideal=yardstick.seconds() * 1000,
        ours=ours / (LINES - at) * 1e6,
        bound=THOUSAND_LINES,
        unit="ms",
    )


def lab_seconds(folder: Path) -> float:
    """CPU that the lab took so far."""
    return seconds_of(int(lab_state(folder / "lab")["pid"]))


def wait_for_checkpoint(folder: Path, process: "subprocess.Popen[str]") -> Path:
    """The state file, once something was counted."""
    while process.poll() is None:
        found = next(folder.glob("state/*/*/*/*/observe.json"), None)
        if found is not None and found.stat().st_size:
            return found
        time.sleep(0.2)
    raise AssertionError(process.communicate()[1])
