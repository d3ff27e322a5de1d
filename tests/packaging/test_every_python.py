"""Which interpreters `make test-pythons` finds, and what it leaves out in plain sight."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import every_python, readme_ways
from tests.support.every_python import ROOT, Python, chosen, find, promised

README = (ROOT / "README.md").read_text("utf-8")
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

    def passes(python: Python, *, lowest: bool, ends: bool, alone: bool) -> bool:
        assert (lowest, ends, alone) == (False, True, False)
        tried.append(python.version)
        return python.version != "3.13"

    monkeypatch.setattr(every_python, "_passes", passes)
    assert every_python.main(["--ends"]) == 1
    assert sorted(tried) == ["3.10", "3.13"]
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


def test_every_way_in_of_the_readme_is_tried() -> None:
    """Docker is not here: tests/examples builds what the Dockerfile does."""
    assert {*readme_ways.ways(README)} == {*readme_ways.PROGRAMS, "Docker", "make"}
    assert readme_ways.ways(README)["make"] == readme_ways.clone_lines(README)[-1]
    assert "`WHEEL[lab]`" in README


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Something that only the name of a wheel stands for."""
    return tmp_path / "a b.whl"


def way(command: str, wheel: Path, *, demo: bool = False) -> list[str]:
    there = wheel.with_suffix("")
    return readme_ways.from_wheel(command, "v/bin", wheel, Path(sys.executable), there, demo=demo)


PROGRAM = "printf '#!/bin/sh\\necho %s\\n' WHEEL > v/bin/migrate && chmod +x v/bin/migrate"


def test_a_way_is_followed_with_the_wheel_and_asked_for_its_version(wheel: Path) -> None:
    printed = way(f"mkdir -p v/bin && {PROGRAM}", wheel)
    assert printed == [f"{wheel}[lab]"]


def test_a_way_that_puts_the_programs_elsewhere_fails(wheel: Path) -> None:
    elsewhere = f"mkdir -p v/bin pipx/bin && {PROGRAM} && mv v/bin/migrate pipx/bin"
    with pytest.raises(ValueError, match="not in v/bin"):
        way(elsewhere, wheel)


def test_a_demo_that_does_not_come_to_its_end_fails(wheel: Path) -> None:
    with pytest.raises(ValueError, match="no end of the demo"):
        way(f"mkdir -p v/bin && {PROGRAM}", wheel, demo=True)


@pytest.mark.parametrize("command", ["false", "true", "v/bin/pip install WHEEL"])
def test_a_way_that_installs_nothing_fails(
    command: str, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(subprocess.CalledProcessError):
        way(command, wheel)


def test_python3_is_the_python_that_is_tried(wheel: Path) -> None:
    reader = readme_ways.Reader(Path(sys.executable), wheel.with_suffix(""))
    assert reader.run("python3 -c 'import sys; print(sys.prefix)'") == [sys.prefix]


def test_a_readme_that_begins_otherwise_is_not_followed(tmp_path: Path) -> None:
    text = "```console\n$ curl … | sh\n```"
    with pytest.raises(ValueError, match="not with a clone"):
        readme_ways.from_clone(text, Path(sys.executable), tmp_path / "reader")


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
