"""Into a lab and out of it again: what a shell had before comes back, a shell of its own shows
itself in its prompt, and a lab that is down says so.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.lab.lab_client import control
from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import load_world
from tests.support.cli_lab import WORLD, CliLab, running
from tests.support.terminal import at_terminal

BEFORE = {
    "AWS_PROFILE": "production",
    "AWS_CA_BUNDLE": "/etc/company.pem",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "of a person's",
    "MIGRATE_LAB_DIR": "",
}
# As a person's start-up file that would lead out of the lab.
START_UP = "export AWS_PROFILE=production\n"
SHELLS = [each for each in ("bash", "zsh", "fish", "dash") if shutil.which(each)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    world = WORLD.replace("name: small\n", "name: second\n", 1)
    with running(tmp_path_factory.mktemp("second"), world) as started:
        yield started


def plain(**more: str) -> dict[str, str]:
    """The environment of a person who uses no lab."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **more}


def in_shell(script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-euc", script],
        env=plain(**environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_shell_gets_back_what_it_had_before_two_labs(lab: CliLab, second: CliLab) -> None:
    script = f"""
    env | sort > {lab.work}/before
    eval "$(migrate lab env --lab-dir {lab.directory})"
    eval "$(migrate lab env --lab-dir {second.directory})"
    cd / && migrate lab credentials developer > /dev/null
    echo "in:${{AWS_PROFILE-none}}:$AWS_CA_BUNDLE:$MIGRATE_LAB_DIR"
    lines="$(migrate lab env --unset)"
    eval "$lines"
    cd "$OLDPWD"
    env | sort > {lab.work}/after
    eval "$lines"
    env | sort > {lab.work}/twice
    """
    done = in_shell(script, **BEFORE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"in:none:{second.directory}/ca.pem:{second.directory}\n"
    before, after, twice = (
        {
            line
            for line in (lab.work / name).read_text().splitlines()
            if not line.startswith(("_=", "OLDPWD=", "PWD="))
        }
        for name in ("before", "after", "twice")
    )
    assert after == before
    assert twice == before


def test_lines_hold_no_value_of_the_shell_that_they_are_for(lab: CliLab) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG"
    environment = lab.environment(AWS_SECRET_ACCESS_KEY=secret)
    for more in ((), ("--unset",)):
        ran = lab.run("lab", "env", *more, environment=environment)
        assert (ran.code, secret in ran.out + ran.err) == (0, False)


def test_lines_as_a_document(lab: CliLab) -> None:
    document = json.loads(lab.run("lab", "env", "--unset", "--output", "json").out)
    assert {"AWS_ENDPOINT_URL", "MIGRATE_LAB_DIR", "AWS_CA_BUNDLE"} <= set(document["unset"])
    assert str(lab.directory / "bin") not in document["set"]["PATH"].split(os.pathsep)


@pytest.mark.parametrize("kind", SHELLS)
def test_a_shell_of_its_own_shows_the_lab_and_leaves_nothing(
    lab: CliLab, tmp_path: Path, kind: str
) -> None:
    for name in (".bashrc", ".zshrc"):
        (tmp_path / name).write_text(START_UP)
    (tmp_path / ".config" / "fish").mkdir(parents=True)
    # Without this folder fish reads every manual page of the machine when it is first used.
    (tmp_path / ".local" / "share" / "fish" / "generated_completions").mkdir(parents=True)
    (tmp_path / ".config" / "fish" / "config.fish").write_text("set -gx AWS_PROFILE production\n")
    typed = "env | grep -E '^(AWS_PROFILE|MIGRATE_LAB_DIR)='; exit"
    seen = at_terminal(
        lab,
        ["lab", "shell"],
        "(lab small)",
        typed,
        SHELL=str(shutil.which(kind)),
        HOME=str(tmp_path),
    )
    assert seen.code == 0, seen.before + seen.after
    assert f"MIGRATE_LAB_DIR={lab.directory}" in seen.after
    assert "AWS_PROFILE=production" not in seen.after
    assert "left the shell of the lab" in seen.after
    assert not list(lab.directory.glob("shell-*"))


def test_a_shell_without_a_terminal_runs_its_input_and_has_its_exit_code(lab: CliLab) -> None:
    environment = lab.environment(SHELL="/bin/sh")
    ran = lab.run("lab", "shell", environment=environment, stdin='test -n "$MIGRATE_IN_LAB"\n')
    assert ran.code == 0, ran.err
    assert lab.run("lab", "shell", environment=environment, stdin="exit 5\n").code == 5
    wrong = lab.run("lab", "shell", environment=lab.environment(SHELL="/nowhere/sh"))
    assert (wrong.code, wrong.error_code) == (1, "lab-failed")


COMMANDS = (
    ("plan", "small"),
    ("status", "small"),
    ("doctor", "small"),
    ("fleet", "discover", "fleet.yaml"),
    ("lab", "env"),
    ("lab", "shell"),
    ("lab", "credentials", "developer"),
    ("lab", "kubeconfig"),
    ("lab", "clock"),
    ("lab", "down"),
)
FLEET = {
    "format": "migrator/fleet/v1",
    "accounts": [{"account_id": "111122223333"}],
    "defaults": {"regions": ["eu-central-1"]},
}


def stopped(place: Path, *, note: bool = True) -> tuple[CliLab, dict[str, str]]:
    """A lab that was stopped, or killed where it left no note, and a shell that still uses it."""
    with running(place) as lab:
        environment = lab.environment()
        state = json.loads((lab.directory / "lab.json").read_text())
    (lab.work / "fleet.yaml").write_text(json.dumps(FLEET))
    if not note:
        (lab.directory / "down.json").unlink()
        (lab.directory / "lab.json").write_text(json.dumps({**state, "pid": 2**22 + 1}))
        (lab.directory / "control-token").write_text("x")
    return lab, environment


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> tuple[CliLab, dict[str, str]]:
    return stopped(tmp_path_factory.mktemp("down"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_that_the_lab_is_down_and_since_when(
    down: tuple[CliLab, dict[str, str]], command: tuple[str, ...]
) -> None:
    lab, environment = down
    note = json.loads((lab.directory / "down.json").read_text())
    ran = lab.run(*command, environment=environment)
    assert (ran.code, ran.error_code) == (1, "lab-not-running"), ran.err
    assert f"is down since {note['stoppedAt']}" in ran.err
    assert "migrate lab up --detach" in ran.err
    assert "Errno" not in ran.err


@pytest.mark.parametrize("command", COMMANDS[:6], ids=" ".join)
def test_a_lab_that_was_killed_is_said_to_have_ended(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    lab, environment = stopped(tmp_path, note=False)
    ran = lab.run(*command, environment=environment)
    assert (ran.code, ran.error_code) == (1, "lab-not-running"), ran.err
    assert "does not answer" in ran.err
    assert f"its process {2**22 + 1} has ended" in ran.err


def test_a_shell_of_a_lab_that_was_started_again_is_told_to_use_it(tmp_path: Path) -> None:
    lab, environment = stopped(tmp_path)
    again = Lab(load_world(tmp_path / "world.yaml"), lab.directory)
    again.start()
    try:
        ran = lab.run("plan", "small", environment=environment)
        assert (ran.code, ran.error_code) == (1, "lab-not-running"), ran.err
        assert "was started again after this shell began to use it" in ran.err
        assert 'eval "$(migrate lab env)"' in ran.err
        assert not (lab.directory / "down.json").exists()
    finally:
        again.stop()


def test_the_command_that_is_told_starts_the_same_lab_again(tmp_path: Path) -> None:
    place = tmp_path / "a lab"
    script = f"""
    cd {tmp_path}
    migrate lab up --fleet --detach --lab-dir '{place}'
    eval "$(migrate lab env --lab-dir '{place}')"
    migrate lab down
    """
    done = in_shell(script)
    assert done.returncode == 0, done.stderr
    assert f"cp '{place}/fleet.yaml' fleet.yaml" in done.stderr
    assert 'this shell still uses it; to leave it, run: eval "$(migrate lab env --unset)"' in (
        done.stderr
    )
    assert (place / "fleet.yaml").stat().st_mode & 0o777 == 0o600
    up = json.loads((place / "down.json").read_text())["up"]
    assert in_shell(f"cd / && {up}").returncode == 0
    try:
        assert len(control(place, "GET", "world")["clusters"]) == 12
    finally:
        in_shell(f"migrate lab down --lab-dir '{place}'")
