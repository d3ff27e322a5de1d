"""The log of effects, and the hook that kills a client at its n-th effect."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.lab.lab_client import control, enter_lab
from migrator.lab.server import Lab
from migrator.lab.worlds.clock import LabClock
from migrator.lab.worlds.effects import ClientKilledError, Effect, EffectLog, KillPoint
from tests.support.aws_lab import HOME, client, serving, small_world

# A client that makes five users; it is a process of its own, as it is going to be killed.
CLIENT = """
import os, sys
import boto3
iam = boto3.client("iam")
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    iam.create_user(UserName=f"user-{number}")
    print(number, flush=True)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


def users(lab: Lab) -> list[str]:
    return sorted(name for name in lab.world.accounts[HOME].users if name.startswith("user-"))


def run_client(lab: Lab, directory: Path, after: int, point: str) -> tuple[int, list[str]]:
    """Exit code and the effects that the client saw done."""
    environment = dict(os.environ)
    enter_lab(directory, environment)
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    control(directory, "POST", "kill", {"pid": process.pid, "after": after, "point": point})
    out, _ = process.communicate("go\n", timeout=60)
    return process.returncode, out.split()


def test_killed_with_the_answer_lost_the_effect_is_done(lab: Lab, tmp_path: Path) -> None:
    code, seen = run_client(lab, tmp_path, 3, "answer-lost")
    assert (code, seen) == (-signal.SIGKILL, ["0", "1"])
    assert users(lab) == ["user-0", "user-1", "user-2"]
    assert len(lab.world.effects) == 3


def test_killed_before_the_next_the_effect_is_not_done(lab: Lab, tmp_path: Path) -> None:
    code, seen = run_client(lab, tmp_path, 2, "before-next")
    assert (code, seen) == (-signal.SIGKILL, ["0", "1"])
    assert users(lab) == ["user-0", "user-1"]
    assert len(lab.world.effects) == 2


def test_a_kill_that_is_not_reached_kills_nobody(lab: Lab, tmp_path: Path) -> None:
    code, seen = run_client(lab, tmp_path, 50, "answer-lost")
    assert (code, len(seen), lab.world.effects.kill_armed) == (0, 5, True)
    control(tmp_path, "POST", "kill", {"cancel": True})
    assert not lab.world.effects.kill_armed


def test_the_lab_does_not_kill_itself(lab: Lab) -> None:
    for pid in (os.getpid(), 1, 0, -1):
        with pytest.raises(ValueError, match="never the lab itself"):
            lab.world.effects.order_kill(pid, 0, "answer-lost")


@pytest.mark.parametrize("point", ["answer-lost", "before-next"])
def test_a_client_that_is_gone_already_changes_nothing(point: KillPoint) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    log = EffectLog(LabClock(), threading.RLock())
    log.order_kill(gone.pid, 0, point)
    with log.perform("me", "x"):
        pass
    assert len(log) == 1


def test_an_effect_that_fails_is_none() -> None:
    log = EffectLog(LabClock(), threading.RLock())
    with pytest.raises(RuntimeError), log.perform("me", "x"):
        raise RuntimeError
    assert log.all() == []


def test_effects_are_numbered_and_listeners_see_each_once() -> None:
    log, heard = EffectLog(LabClock(), threading.RLock()), list[Effect]()
    log.listeners.append(heard.append)
    for name in ("a", "b"):
        with log.perform("me", name, {"k": 1}):
            assert len(heard) == len(log)
    assert [(effect.n, effect.operation, effect.who) for effect in heard] == [
        (1, "a", "me"),
        (2, "b", "me"),
    ]
    assert log.all(since=1) == heard[1:]


def test_a_killed_client_raises_for_the_server_to_hang_up() -> None:
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    log = EffectLog(LabClock(), threading.RLock())
    log.order_kill(victim.pid, 0, "before-next")
    with pytest.raises(ClientKilledError), log.perform("me", "x"):
        raise AssertionError("the body must not run")
    assert victim.wait(timeout=10) == -signal.SIGKILL


def test_side_by_side_every_effect_gets_its_own_number(lab: Lab) -> None:
    def create(first: int) -> None:
        iam = client(lab, "iam")
        for number in range(first, first + 10):
            iam.create_user(UserName=f"user-{number}")

    threads = [threading.Thread(target=create, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [effect.n for effect in lab.world.effects.all()] == list(range(1, 31))
    assert len(users(lab)) == 30
