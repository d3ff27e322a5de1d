"""Which interpreters `make test-pythons` finds, and what it leaves out in plain sight."""

import re
from pathlib import Path

import pytest

from tests.support import every_python
from tests.support.every_python import ROOT, Python, chosen, find, promised

PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def interpreter(path: Path, release: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho {release}\nexit {code}\n")
    path.chmod(0o755)
    return path


def pythons(*versions: str) -> list[Python]:
    return [Python(version, f"{version}.1", Path("python")) for version in versions]


def test_the_oldest_version_promised_is_the_one_required() -> None:
    (required,) = re.findall(r'^requires-python = ">=([\d.]+)"$', PYPROJECT, re.M)
    versions = promised(PYPROJECT)
    assert versions[0] == required
    assert versions == [f"3.{minor}" for minor in range(10, 10 + len(versions))]


def test_the_latest_release_in_a_folder_of_pyenv_is_taken(tmp_path: Path) -> None:
    versions = tmp_path / ".pyenv" / "versions"
    interpreter(versions / "3.10.9" / "bin" / "python", "3.10.9")
    latest = interpreter(versions / "3.10.13" / "bin" / "python", "3.10.13")
    interpreter(versions / "3.10-dev" / "bin" / "python", "3.10.99")
    assert find("3.10", tmp_path, "") == Python("3.10", "3.10.13", latest)


def test_a_command_on_the_path_is_taken_if_it_runs_that_version(tmp_path: Path) -> None:
    there = interpreter(tmp_path / "bin" / "python3.99", "3.99.1")
    assert find("3.99", tmp_path, str(there.parent)) == Python("3.99", "3.99.1", there)


@pytest.mark.parametrize(("release", "code"), [("3.8.1", 0), ("3.99.1", 127), ("", 0)])
def test_a_command_that_runs_another_version_or_none_is_not_taken(
    tmp_path: Path, release: str, code: int
) -> None:
    there = interpreter(tmp_path / "bin" / "python3.99", release, code)
    assert find("3.99", tmp_path, str(there.parent)) is None


def test_the_ends_are_the_oldest_and_the_newest_that_are_here() -> None:
    four = pythons("3.10", "3.11", "3.12", "3.13")
    assert [each.version for each in chosen(four, ends=True)] == ["3.10", "3.13"]
    assert chosen(four, ends=False) == four
    assert chosen(four[:1], ends=True) == four[:1]
    assert chosen(four, ends=False, lowest=True) == four[:1]


def test_a_version_that_is_not_here_is_named_and_a_failure_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = {each.version: each for each in pythons("3.10", "3.12", "3.13")}
    monkeypatch.setattr(every_python, "find", lambda version, home: here.get(version))
    tried: list[str] = []

    def passes(python: Python, *, lowest: bool) -> bool:
        assert not lowest
        tried.append(python.version)
        return python.version != "3.13"

    monkeypatch.setattr(every_python, "_passes", passes)
    assert every_python.main(["--ends"]) == 1
    assert tried == ["3.10", "3.13"]
    printed = capsys.readouterr().out
    assert "3.11: skipped, because it is not here." in printed
    assert "3.12: left out by --ends" in printed
    assert printed.endswith("failed on 3.13\n")


def test_no_version_at_all_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(every_python, "find", lambda version, home: None)
    assert every_python.main([]) == 1
    assert "No Python that the package is published for is here." in capsys.readouterr().out


def test_a_step_that_fails_ends_its_version_with_what_it_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\necho no venv here\nexit 1\n")
    path.chmod(0o755)
    monkeypatch.setattr(every_python, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(
        every_python, "find", lambda version, home: Python(version, f"{version}.1", path)
    )
    assert every_python.main(["--ends"]) == 1
    printed = capsys.readouterr().out
    assert "3.10: install failed\nno venv here" in printed
    assert "tests" not in printed


def test_every_published_schema_is_compared_on_each_version() -> None:
    """Docstrings are part of schemas, and Python 3.13 began to indent them otherwise."""
    texts = [
        path.read_text("utf-8")
        for named in every_python.SMOKE
        for path in ([ROOT / named] if named.endswith(".py") else (ROOT / named).rglob("*.py"))
    ]
    assert texts
    for schema in (ROOT / "examples" / "schemas").glob("*.schema.json"):
        name = schema.name.removesuffix(".schema.json")
        assert any(f'"{name}"' in text or schema.name in text for text in texts), schema.name
