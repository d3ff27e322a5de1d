"""Completion: what values are offered, and that real shells insert them."""

import fcntl
import json
import os
import pty
import re
import shutil
import string
import struct
import subprocess
import sys
import termios
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from migrator.cli.completed import BY_NAME, BY_PLACEHOLDER, CompletedText
from migrator.cli.completion_values import KINDS
from migrator.cli.kubectl_completion import kubectl_lines
from migrator.cli.main import cli
from tests.support.command_tree import commands

ARN = "arn:aws:iam::111122223333:role/ci/runner"
ALICE = "arn:aws:iam::111122223333:user/alice"
HERE, THERE = (
    f"arn:aws:eks:{each}:111122223333:cluster/orders" for each in ("eu-central-1", "us-east-1")
)
ROOT = Path(__file__).parents[2]

# Text that no file on this machine knows.
FREE = {
    "ADDRESS",
    "FLEET",
    "ID",
    "IMAGE",
    "IP",
    "KEY=VALUE,…",
    "NAMESPACE[/ACCOUNT]",
    "OWNER",
    "TIME",
    "URL",
    "WAVE",
    "[KEY=VALUE]...",
    "ssm:INSTANCE[:HOST:PORT]",
    "confirm",
    "length",
    "operation",
    "policy",
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a kubeconfig, an AWS configuration, and a plan beside it."""
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".kube" / "config").write_text(
        "contexts:\n"
        "- {name: orders-admin, context: {cluster: c}}\n"
        "- {name: 'arn:aws:eks:eu-central-1:111122223333:cluster/orders', context: {}}\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        f"[default]\n[profile orders-admin]\nrole_arn = {ARN}\n[sso-session corp]\nx = y\n"
    )
    (tmp_path / ".aws" / "credentials").write_text("[keys]\naws_access_key_id = x\n")
    (tmp_path / ".migrate/aws/111122223333/eu-central-1/payments").mkdir(parents=True)
    principals = [
        {"principalArn": ARN, "sources": ["mapRoles[3]", "mapRoles[12]"]},
        {"principalArn": "arn:aws:iam::1:root"},
    ]
    (tmp_path / "plan.json").write_text(json.dumps({"principals": principals}))
    (tmp_path / ".migrate/lab").mkdir()
    (tmp_path / ".migrate/lab/lab.json").write_text(
        json.dumps({"profiles": {ARN: "runner", ALICE: "alice"}, "clusters": [HERE, THERE]})
    )
    for name in ("KUBECONFIG", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(*words: str) -> list[str]:
    """What is offered for the last word, a file as ``<file>``."""
    found = ShellComplete(cli, {}, "migrate", "").get_completions([*words[:-1]], words[-1])
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("pl",), ["plan"]),
        (("fleet", "re"), ["rehearse", "retire", "report"]),
        (("lab", "de"), ["demo"]),
        (("plan", "--write"), ["--write-decisions"]),
        (("plan", "--output", "js"), ["json"]),
        (("plan", "o"), ["orders"]),
        (("plan", "p"), ["payments"]),
        (("plan", "arn:aws:eks"), ["arn:aws:eks:eu-central-1:111122223333:cluster/orders"]),
        (("plan", "--cluster-arn", ""), ["arn:aws:eks:eu-central-1:111122223333:cluster/orders"]),
        (("plan", "--snapshot", ""), ["<file>"]),
        (("plan", "--out", ""), ["<file>"]),
        (("--profile", "o"), ["orders-admin"]),
        (("plan", "--profile", ""), ["default", "orders-admin", "keys"]),
        (("plan", "--region", "eu-central-"), ["eu-central-1", "eu-central-2"]),
        (("--region=eu-north",), ["eu-north-1"]),
        (("plan", "--context", "orders"), ["orders-admin"]),
        (("plan", "--assume-role", ""), [ARN]),
        (("apply", "p"), ["<file>"]),
        (("status", "o"), ["<file>", "orders"]),
        (("apply", "plan.json", "--only", ""), [ARN, "arn:aws:iam::1:root"]),
        (("explain", "plan.json", "role"), ["role/ci/runner"]),
        (("explain", "plan.json", "role/r"), ["role/runner"]),
        (("explain", "plan.json", "runn"), ["runner"]),
        (("explain", "plan.json", "11112"), ["111122223333:role/ci/runner"]),
        (("explain", "plan.json", "mapR"), ["mapRoles[3]"]),
        (("explain", "plan.json", "mapRoles[1"), ["mapRoles[12]"]),
        (("apply", "plan.json", "--only", "runn"), ["runner"]),
        (("verify", "plan.json", "--as", "mapRoles[3"), ["mapRoles[3]="]),
        (("lab", "kubeconfig", "--as", ""), [ARN, ALICE]),
        (("lab", "kubeconfig", "--as", "al"), ["alice"]),
        (("lab", "kubeconfig", "o"), ["orders"]),
        (("lab", "kubeconfig", "arn"), [HERE, THERE]),
        (("lab", "credentials", "ali"), ["alice"]),
        (("lab", "credentials", "--lab-dir", "elsewhere", "ali"), []),
        (("explain", "row-shadowed-b"), ["<file>", "row-shadowed-by-entry"]),
        (("verify", "plan.json", "--as", "arn:aws:iam::11"), [f"{ARN}="]),
        (("verify", "plan.json", "--as", f"{ARN}=or"), [f"{ARN}=orders-admin"]),
        (("fleet", "plan", ""), ["<file>"]),
        (("lab", "up", "--world", ""), ["<file>"]),
        (("help", "fl"), ["fleet"]),
        (("help", "fleet", "sta"), ["status"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("timer", "--service-account", ""), ["<dir>"]),
    ],
    ids=lambda given: " ".join(given)[:40] or "nothing",
)
def test_value_is_offered(machine: Path, line: tuple[str, ...], expected: list[str]) -> None:
    assert offered(*line) == expected


@pytest.mark.parametrize("ctx", commands(), ids=lambda ctx: str(ctx.command_path))
def test_every_value_of_a_command_is_completed_or_known_to_be_free_text(
    ctx: click.Context,
) -> None:
    for param in ctx.command.get_params(ctx):
        if isinstance(param, click.Option) and (param.is_flag or param.count):
            continue
        if not isinstance(param.type, click.types.StringParamType):
            continue
        known = isinstance(param.type, CompletedText)
        free = param.name in FREE or param.metavar in FREE
        assert known is not free, (ctx.command_path, param.name, param.metavar)


def test_tables_name_kinds_that_exist() -> None:
    assert {*BY_NAME.values(), *BY_PLACEHOLDER.values()} == set(KINDS)


@pytest.mark.parametrize("sign", sorted(set(string.printable) - set(string.ascii_letters)))
def test_value_that_a_shell_would_read_is_not_offered(machine: Path, sign: str) -> None:
    hostile = f"arn:aws:iam::1:role/x{sign}id"
    (machine / "plan.json").write_text(json.dumps({"principals": [{"principalArn": hostile}]}))
    for found in offered("explain", "plan.json", "arn"):
        assert found == hostile
        echoed = subprocess.run(
            ["bash", "-c", f"printf %s {found}"], capture_output=True, text=True, check=True
        )
        assert echoed.stdout == hostile


def test_end_that_two_principals_have_is_not_offered(machine: Path) -> None:
    arns = [f"arn:aws:iam::{account}:role/dev" for account in ("111122223333", "444455556666")]
    principals = [{"principalArn": arn} for arn in arns]
    (machine / "plan.json").write_text(json.dumps({"principals": principals}))
    assert offered("explain", "plan.json", "de") == []
    assert offered("explain", "plan.json", "role/") == []
    assert offered("explain", "plan.json", "4444") == ["444455556666:role/dev"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[", b"- 1", b"contexts: 5", b"a: !!x y"])
def test_file_that_is_damaged_is_passed_over(machine: Path, content: bytes) -> None:
    files = (
        ".kube/config",
        ".aws/config",
        ".aws/credentials",
        "plan.json",
        ".migrate/lab/lab.json",
    )
    for path in files:
        (machine / path).write_bytes(content)
    assert offered("plan", "o") == []
    assert offered("plan", "--context", "") == []
    assert offered("plan", "--profile", "") == []
    assert offered("explain", "plan.json", "") == []
    assert offered("lab", "credentials", "") == []


SET_UP = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(migrate completion bash)"'),
    "zsh": (
        ["-f", "-i"],
        'bindkey -e; autoload -U compinit; compinit -u; eval "$(migrate completion zsh)"',
    ),
    "fish": (["--no-config", "-i"], "migrate completion fish | source"),
}


# A shell with job control has a controlling terminal.
AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def _typed(shell: str, home: Path, lines: list[str]) -> list[str]:
    """What a line is after the tabulator key, in a real shell at a terminal."""
    arguments, set_up = SET_UP[shell]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    keys = [f"{set_up}\r"]
    # Ctrl-A and `echo` in front show the words as the shell reads them.
    keys += [f"{line}\t\x01echo '=>' \r" for line in lines]
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
    done = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, shell, *arguments],
        stdin=there,
        stdout=there,
        stderr=there,
        env=environment,
        cwd=home,
        start_new_session=True,
    )
    os.close(there)
    os.write(here, "".join([*keys, "exit\r"]).encode())
    shown = b""
    try:
        while piece := os.read(here, 65536):
            shown += piece
    except OSError:  # Linux: the other side is closed
        pass
    finally:
        os.close(here)
        done.wait(30)
    text = re.sub(r"\x1b(\[[0-9;?>=]*[A-Za-z]|[=>()][0-9B]?|\][^\x07]*\x07)", "", shown.decode())
    return re.findall(r"^=> (.*?)\s*$", text.replace("\r", "\n"), re.M)


@pytest.mark.parametrize("shell", SET_UP)
def test_shell_inserts_commands_files_and_values(machine: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    (machine / "a file.yaml").touch()
    (machine / "mapRoles3").touch()
    typed = {
        "migrate rep": "migrate report",
        "migrate plan --write": "migrate plan --write-decisions",
        "migrate status pla": "migrate status plan.json",
        "migrate plan orde": "migrate plan orders",
        "migrate apply plan.json --only arn:aws:iam::111": f"migrate apply plan.json --only {ARN}",
        "migrate explain plan.json runn": "migrate explain plan.json runner",
        "migrate explain plan.json mapR": "migrate explain plan.json mapRoles[3]",
        "migrate lab credentials 111122223333:u": "migrate lab credentials 111122223333:user/alice",
        "migrate plan --decisions a": "migrate plan --decisions a file.yaml",
        "migrate show plan.json --output=js": "migrate show plan.json --output=json",
        "migrate plan --snapshot=pla": "migrate plan --snapshot=plan.json",
        "migrate apply plan.json --only=arn:aws:iam::111": f"migrate apply plan.json --only={ARN}",
    }
    found = _typed(shell, machine, list(typed))
    assert dict(zip(typed, found, strict=True)) == typed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("lab", "de"), ["demo", ":36"]),
        (("plan", "o"), ["orders", ":36"]),
        (("plan", "--output=js",), ["json", ":36"]),
        (("explain", "plan.json", "runn"), ["runner", ":36"]),
        (("verify", "plan.json", "--as", ARN), [f"{ARN}=", ":38"]),
        (("apply", "p"), [":0"]),
        (("timer", "--service-account", ""), [":16"]),
        (("plan", "nothing"), [":36"]),
    ],
)  # fmt: skip
def test_kubectl_is_answered(machine: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert kubectl_lines(words) == expected


def test_kubectl_completes_the_plugin(machine: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed here")
    pyproject = (ROOT / "pyproject.toml").read_text()
    scripts = re.findall(r'^(kubectl\S+) = "(\S+):(\S+)"', pyproject, re.M)
    (machine / "bin").mkdir()
    for name, module, function in scripts:
        program = machine / "bin" / name
        program.write_text(f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n")
        program.chmod(0o755)
    environment = {"PATH": f"{machine / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    asked = subprocess.run(
        ["kubectl", "__complete", "eks-access", "explain", "plan.json", "runn"],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, "HOME": str(machine)},
        cwd=machine,
    )
    assert asked.stdout.splitlines() == ["runner", ":36"]
