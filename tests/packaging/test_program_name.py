"""Three names of one program, and the systems that it refuses to run on."""

import io
import re
import sys

import pytest

from migrator.cli.main import run
from migrator.cli.program_name import SHOWN, program_name
from tests.support.every_python import ROOT

SCRIPTS = (ROOT / "pyproject.toml").read_text("utf-8").partition("[project.scripts]\n")[2]


def test_every_entry_point_is_the_same_program_with_a_name_of_its_own() -> None:
    table = SCRIPTS.partition("\n[")[0]
    found = dict(re.findall(r'^([\w-]+) = "(.*)"$', table, re.M))
    # kubectl asks it for completion, and shows no name of it.
    asked = found.pop("kubectl_complete-eks_access")
    assert asked == "migrator.cli.kubectl_completion:complete_for_kubectl"
    assert found == dict.fromkeys(SHOWN, "migrator.cli.main:main")


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("/usr/local/bin/migrate", "migrate"),
        ("eks-access-migrate", "eks-access-migrate"),
        ("/home/a b/.krew/bin/kubectl-eks_access", "kubectl eks-access"),
        ("/src/migrator/__main__.py", "migrate"),
        ("-c", "migrate"),
        ("", "migrate"),
    ],
)
def test_the_name_is_that_of_the_file_that_was_called(called: str, name: str) -> None:
    assert program_name([called]) == name


def test_without_arguments_the_name_is_the_ordinary_one() -> None:
    assert program_name([]) == "migrate"


@pytest.mark.parametrize("name", SHOWN.values())
@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["plan", "--help"], ["help", "fleet", "plan"], ["fleet"]]
)
def test_help_shows_the_name_that_was_typed(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stderr = io.StringIO()
    run(arguments, stderr=stderr, name=name)
    shown = capsys.readouterr().out + stderr.getvalue()
    assert f"{name} " in shown
    for other in set(SHOWN.values()) - {name}:
        assert not re.search(rf"^(Usage:|Global options \(| ) *{other} ", shown, re.M), shown


@pytest.mark.parametrize("name", SHOWN.values())
@pytest.mark.parametrize("asked", ["--version", "version"])
def test_the_version_is_shown_with_the_name(
    name: str, asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([asked], stderr=io.StringIO(), name=name) == 0
    assert re.fullmatch(rf"{name} \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("name", SHOWN.values())
def test_a_wrong_call_names_the_help_of_the_program_that_was_typed(name: str) -> None:
    stderr = io.StringIO()
    assert run(["show"], stderr=stderr, name=name) == 64
    assert f"do:    {name} show --help shows" in stderr.getvalue()


@pytest.mark.parametrize(("file", "name"), SHOWN.items())
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_the_file_that_a_shell_runs(
    file: str, name: str, shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell], stderr=io.StringIO(), name=name) == 0
    script = capsys.readouterr().out
    assert re.search(rf"^ *(complete|compdef) .*{file}\b", script, re.M)
    assert "kubectl eks-access" not in script


@pytest.mark.parametrize("arguments", [["plan", "prod"], ["plan", "--help"], ["lab", "demo"], []])
def test_a_system_without_file_locks_is_refused_in_words(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Windows has no fcntl; what would import it later is never reached."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    stderr = io.StringIO()
    assert run(arguments, stderr=stderr) == 1
    first, why, remedy = stderr.getvalue().splitlines()
    assert first.endswith("[system-unsupported]")
    assert "Windows" in why
    assert "WSL 2" in remedy
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_are_shown_on_every_system(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert run(arguments, stderr=io.StringIO()) == 0
    assert "migrate" in capsys.readouterr().out
