"""A cluster that only its VPC reaches, worked on from outside, through Session Manager: what a user
types, on a lab whose plugin really forwards.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from migrator.lab.lab_client import control, lab_state
from tests.support.cli_lab import CliLab, running
from tests.support.forked_cli import ForkedCli
from tests.support.private_world import LOST, NODE, OPERATOR, PRIVATE_WORLD, plugins


@pytest.fixture(scope="module")
def forked() -> Iterator[ForkedCli]:
    with ForkedCli() as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    """A lab that no test changes for the others."""
    with running(tmp_path_factory.mktemp("private"), PRIVATE_WORLD) as found:
        yield found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path, PRIVATE_WORLD) as found:
        yield found


def left_over(lab: CliLab) -> list[int]:
    return plugins(lab_state(lab.directory)["endpoint"])


def end_sessions(lab: CliLab) -> int:
    """Whatever sessions are open end; how many were."""
    answer = control(lab.directory, "POST", "world", {"endSessions": {}})
    return int(answer["endSessions"]["ended"])


def once(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("via", [f"ssm:{NODE}", "ssm:tag:Name=node-1", "ssm:auto"])
def test_a_private_cluster_is_read_through_an_instance_and_never_through_a_proxy(
    shared: CliLab, forked: ForkedCli, via: str
) -> None:
    nowhere = "http://127.0.0.1:9"
    environment = shared.environment(HTTPS_PROXY=nowhere, https_proxy=nowhere)
    for name in ("NO_PROXY", "no_proxy"):
        del environment[name]
    words = ["--via", via, "snapshot", "small", "--out", "-"]
    done = forked.run(words, shared.work, environment)
    assert done.returncode == 0, done.stderr
    assert f"through {NODE} leads to" in done.stderr
    assert end_sessions(shared) == 0
    assert left_over(shared) == []


def _without_plugin(lab: CliLab) -> dict[str, str]:
    return {"PATH": str(lab.work)}


def _program(text: str) -> Callable[[CliLab], dict[str, str]]:
    def put(lab: CliLab) -> dict[str, str]:
        folder = lab.work / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "session-manager-plugin").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "session-manager-plugin").chmod(0o700)
        return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    return put


def _as_it_is(_lab: CliLab) -> dict[str, str]:
    return {}


_DIES = 'test "$1" = --version && echo 1.2.707.0 && exit 0; echo no route; exit 3'


@pytest.mark.parametrize(
    ("via", "prepare", "code", "said"),
    [
        ("ssm:auto", _without_plugin, "plugin-missing", "not installed on this machine"),
        ("ssm:auto", _program("exit 127"), "plugin-too-old", "no version"),
        ("ssm:auto", _program("echo 1.2.463.0"), "plugin-too-old", "1.2.463.0"),
        ("ssm:auto", _program(_DIES), "tunnel-failed", "ended with code 3. no route"),
        (f"ssm:{LOST}", _as_it_is, "target-not-connected", "ssm:auto"),
        ("ssm:tag:Name=node-2", _as_it_is, "no-online-instance", "ConnectionLost"),
        ("ssm:tag:Name=bastion", _as_it_is, "no-online-instance", "agent 3.0.222.0, older than"),
        ("ssm:tag:Name=none", _as_it_is, "no-online-instance", "knows no instance"),
        ("ssm:auto:10.0.0.9:8118", _as_it_is, "tunnel-no-way", f"{NODE} does not reach 10.0.0.9"),
        ("ssm:auto:8118", _as_it_is, "via-malformed", "one of them is missing"),
    ],
)
def test_each_cause_has_its_own_sentence_and_nothing_stays_open(
    shared: CliLab,
    forked: ForkedCli,
    via: str,
    prepare: Callable[[CliLab], dict[str, str]],
    code: str,
    said: str,
) -> None:
    environment = shared.environment(**prepare(shared))
    words = ["--via", via, "snapshot", "small", "--out", "-"]
    done = forked.run(words, shared.work, environment)
    assert f"[{code}]" in done.stderr, done.stderr
    assert said in done.stderr, done.stderr
    assert done.returncode == (64 if code == "via-malformed" else 1)
    assert "Traceback" not in done.stderr
    assert end_sessions(shared) == 0
    assert left_over(shared) == []


@pytest.mark.parametrize("action", ["ssm:StartSession", "ssm:DescribeInstanceInformation"])
def test_an_action_that_is_denied_is_named(shared: CliLab, forked: ForkedCli, action: str) -> None:
    def deny(*actions: str) -> None:
        change = {"permissions": {OPERATOR: {"deniedActions": actions}}}
        control(shared.directory, "POST", "world", change)

    deny(action)
    words = ["--via", "ssm:auto", "snapshot", "small", "--out", "-"]
    done = forked.run(words, shared.work, shared.environment())
    deny()
    assert done.returncode == 1
    assert f"IAM does not allow {action}" in done.stderr


@pytest.mark.parametrize(("deaths", "code"), [(1, 0), (2, 7)])
def test_a_tunnel_that_ends_is_opened_once_more_and_then_the_run_stops_cleanly(
    lab: CliLab, deaths: int, code: int
) -> None:
    via = ("--via", "ssm:auto")
    assert lab.run(*via, "plan", "small", "--out", "plan.json", "--quiet").code == 0
    control(lab.directory, "POST", "latency", {"operation": "eks:*", "seconds": 0.1})
    process = lab.begin(*via, "apply", "plan.json", "--yes")
    for number in range(deaths):
        once(partial(_has_more_entries, lab, number))
        once(lambda: end_sessions(lab) > 0)
    done = process.wait(120)
    assert done.returncode == code, done.stdout + done.stderr
    assert "it is opened once more" in done.stderr
    assert ("[tunnel-lost]" in done.stderr) == (code == 7)
    assert end_sessions(lab) == 0
    assert left_over(lab) == []
    if code:
        control(lab.directory, "POST", "latency", {"operation": "eks:*", "seconds": 0})
        again = lab.run(*via, "apply", "plan.json", "--yes")
        assert again.code == 0, again.err
    made = [each for each in lab.effects() if each["operation"] == "eks:CreateAccessEntry"]
    assert len(made) == len({str(each["detail"]) for each in made}) == 3


def _has_more_entries(lab: CliLab, than: int) -> bool:
    made = [each for each in lab.effects() if each["operation"] == "eks:CreateAccessEntry"]
    return len(made) > than


@pytest.mark.parametrize("told", [signal.SIGKILL, signal.SIGTERM])
def test_the_plugin_ends_with_a_command_that_is_killed(
    shared: CliLab, told: signal.Signals
) -> None:
    control(shared.directory, "POST", "latency", {"operation": "kubernetes:*", "seconds": 5})
    process = shared.begin("--via", "ssm:auto", "snapshot", "small", "--out", "-")
    once(lambda: len(left_over(shared)) == 2)  # the plugin, and what watches it
    process.send_signal(told)
    done = process.wait(60)
    control(shared.directory, "POST", "latency", {"operation": "kubernetes:*", "seconds": 0})
    once(lambda: left_over(shared) == [])
    assert done.returncode != 0


def actions_printed(lab: CliLab, forked: ForkedCli, *command: str) -> list[str]:
    """The actions of the policy that doctor prints."""
    arn = "arn:aws:eks:eu-central-1:111122223333:cluster/small"
    words = ["--via", "ssm:auto", "doctor", arn, *(f"--policy={each}" for each in command)]
    done = forked.run(words, lab.work, lab.environment())
    assert done.returncode == 0, done.stderr
    found = [each["Action"] for each in json.loads(done.stdout)["Statement"]]
    return [action for each in found for action in ([each] if isinstance(each, str) else each)]


def test_a_command_through_a_tunnel_runs_with_exactly_its_policy(
    shared: CliLab, forked: ForkedCli
) -> None:
    """With all of the policy it reads the cluster and leaves no session; without any one of the
    actions of the tunnel it does not, or leaves one.
    """
    allowed = actions_printed(shared, forked, "snapshot")
    of_tunnel = [action for action in allowed if action.startswith("ssm:")]
    assert {*of_tunnel} == {
        "ssm:StartSession",
        "ssm:TerminateSession",
        "ssm:DescribeInstanceInformation",
    }
    words = ["--via", "ssm:auto", "snapshot", "small", "--out", "-"]

    def ends_well(actions: Sequence[str]) -> bool:
        change = {"permissions": {OPERATOR: {"allowedActions": actions}}}
        control(shared.directory, "POST", "world", change)
        end_sessions(shared)  # what killed commands of other tests left
        done = forked.run(words, shared.work, shared.environment())
        return done.returncode == 0 and end_sessions(shared) == 0

    try:
        assert ends_well(allowed)
        for action in sorted({*of_tunnel}):
            assert not ends_well([each for each in allowed if each != action]), action
    finally:
        control(shared.directory, "POST", "world", {"permissions": {OPERATOR: {}}})


def test_a_kubeconfig_without_an_authority_goes_through_the_tunnel(
    shared: CliLab, forked: ForkedCli
) -> None:
    """Its server is that of DescribeCluster, and the authority there is the one that is trusted."""
    end_sessions(shared)
    environment = shared.environment()
    read = ["--via", "ssm:auto", "snapshot", "small", "--out", "-"]
    snapshot = json.loads(forked.run(read, shared.work, environment).stdout)
    token = forked.run(["token", "small"], shared.work, environment)
    secret = json.loads(token.stdout)["status"]["token"]

    def ran(server: str) -> str:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": secret}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (shared.work / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
        words = ["--via", "ssm:auto", "--kubeconfig", "kubeconfig"]
        done = forked.run(
            [*words, "snapshot", "small", "--out", "-"], shared.work, shared.environment()
        )
        return f"{done.returncode} {done.stderr}"

    assert ran(snapshot["cluster"]["endpoint"]).startswith("0 ")
    assert "[kubeconfig-other-cluster]" in ran("https://other.example")
    assert end_sessions(shared) == 0
