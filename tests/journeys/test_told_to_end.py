"""Being told to end: Ctrl-C, SIGTERM of a pipeline or a pod, a closed terminal, a reader that went
away.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrator.lab.lab_client import control
from tests.support.cli_lab import CliLab, running
from tests.support.held_calls import hold_calls


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path) as found:
        yield found


def begin(lab: CliLab, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "migrator", *arguments],
        cwd=lab.work,
        env=lab.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def once(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def journal(lab: CliLab) -> list[dict[str, object]]:
    (path,) = lab.work.rglob("journal.jsonl")
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_apply_that_is_told_to_end_is_exit_7_and_the_same_command_goes_on(
    lab: CliLab, told: signal.Signals
) -> None:
    assert lab.run("plan", "small", "--out", "plan.json", "--quiet").code == 0
    held = hold_calls(lab.world, "eks:CreateAccessEntry", passing=1)
    process = lab.begin("apply", "plan.json", "--yes")
    held.arrive()
    process.send_signal(told)
    held.go_on()
    done = process.wait(60)
    err = done.stderr
    assert done.returncode == 7, done.stdout + err
    assert "[interrupted]" in err
    assert "The same command continues from here" in err
    assert "Traceback" not in err
    *_, last = journal(lab)
    assert (last["event"], last["effect"]) == ("run-ended", {"exit": 7})
    assert lab.run("apply", "plan.json", "--yes").code == 0


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_verify_that_is_told_to_end_ends_soon_and_keeps_its_evidence(
    lab: CliLab, told: signal.Signals
) -> None:
    assert lab.run("plan", "small", "--out", "plan.json", "--quiet").code == 0
    control(lab.directory, "POST", "latency", {"operation": "*", "seconds": 0.05})
    process = lab.begin("verify", "plan.json", "--baseline")
    once(lambda: any(lab.work.rglob("evidence.jsonl")))
    process.send_signal(told)
    done = process.wait(60)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "[interrupted]" in done.stderr
    assert "Traceback" not in done.stderr
    (path,) = lab.work.rglob("evidence.jsonl")
    kept = path.read_bytes().splitlines(keepends=True)
    assert all(line.endswith(b"\n") and json.loads(line)["principal_arn"] for line in kept)
    control(lab.directory, "POST", "latency", {"operation": "*", "seconds": 0})
    lab.run("verify", "plan.json", "--baseline")
    assert path.read_bytes().splitlines(keepends=True)[: len(kept)] == kept


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_last_lines_of_the_json_log_of_one_that_is_told_to_end_are_objects(
    lab: CliLab, told: signal.Signals
) -> None:
    control(lab.directory, "POST", "latency", {"operation": "eks:*", "seconds": 30})
    process = begin(lab, "--log-format", "json", "status", "small")
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(told)
    _, rest = process.communicate(timeout=60)
    *_, last = [json.loads(line) for line in (first + rest).splitlines()]
    assert (process.returncode, last["code"]) == (7, "interrupted")


def test_one_that_is_told_to_end_while_a_class_is_made_ends_with_its_own_exit_code(
    tmp_path: Path,
) -> None:
    """Methods of data classes are made by ``exec`` of a text, while modules are imported."""
    (tmp_path / "told.py").write_text(
        "from migrator.cli import main\n"
        "def run(*arguments, **options):\n"
        "    try:\n"
        "        exec('raise KeyboardInterrupt', {})\n"
        "    except KeyboardInterrupt:\n"
        "        return 7\n"
        "main.run = run\n"
        "main.main(['status'])\n"
    )
    done = subprocess.run([sys.executable, "-m", "told"], cwd=tmp_path, check=False)
    assert done.returncode == 7


def test_a_reader_that_goes_away_ends_the_talk_and_not_the_run(lab: CliLab) -> None:
    assert lab.run("plan", "small", "--out", "plan.json", "--quiet").code == 0
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "migrator", "apply", "plan.json", "--yes"],
        cwd=lab.work,
        env=lab.environment(),
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0
    assert "steps done" in done.stdout
