"""The ways in of README.md, literally, as its reader takes them: from a clone, and from the wheel.

Only ``git clone …`` and the name of the wheel are filled in. What a line calls (``python3``,
``pipx``, ``uv``, ``make``) works with the Python in question.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLONE = "git clone …"
DEMO = "migrate lab demo"
SHOWN = "Done: no principal lost access, no principal gained any, and aws-auth is out of use."
# Where a way puts the programs; README.md says so of pip, settings say so to the others.
PROGRAMS = {"pipx": "pipx/bin", "uv": "uv/bin", "pip": "v/bin"}
_ROW = re.compile(r"^\| (\w+) \| `([^`]+)` \|", re.M)
_BLOCK = re.compile(r"```console\n(.*?)```", re.S)


@dataclass(frozen=True)
class Reader:
    """Somebody with an empty folder, a Python and the usual tools."""

    python: Path
    folder: Path

    def __post_init__(self) -> None:
        """Put ``python3``, ``pipx`` and ``uv`` there, and no ``migrate`` beside them."""
        tools = self.folder / "tools"
        tools.mkdir(parents=True)
        _script(tools / "python3", self.python)
        for name in ("pipx", "uv"):
            _script(tools / name, Path(sys.executable).with_name(name))

    def run(self, line: str, folder: Path | None = None, **settings: str) -> list[str]:
        """The lines that a line of README.md prints; ``CalledProcessError`` if it fails."""
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=folder or self.folder,
            env={**self._environment(), **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        return ended.stdout.splitlines()

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            # What the make that started this told its children, or an environment that is active.
            if not name.startswith("MAKE") and name not in {"MFLAGS", "PYTHON", "VIRTUAL_ENV"}
        }
        path = [*(str(self.folder / each) for each in (*PROGRAMS.values(), "tools"))]
        return {
            **kept,
            "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
            "PIPX_HOME": str(self.folder / "pipx"),
            "PIPX_BIN_DIR": str(self.folder / PROGRAMS["pipx"]),
            "PIPX_MAN_DIR": str(self.folder / "pipx" / "man"),
            "PIPX_DEFAULT_PYTHON": str(self.python),
            "UV_TOOL_DIR": str(self.folder / "uv"),
            "UV_TOOL_BIN_DIR": str(self.folder / PROGRAMS["uv"]),
            "UV_PYTHON": str(self.python),
        }


def _script(place: Path, program: Path) -> None:
    place.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n', "utf-8")
    place.chmod(0o755)


def ways(readme: str) -> dict[str, str]:
    """The lines of the table of ways, by what they install with."""
    return dict(_ROW.findall(readme.partition("## Install it\n")[2].partition("\n## ")[0]))


def clone_lines(readme: str) -> list[str]:
    """The first block, line by line."""
    return [line.removeprefix("$ ") for line in _BLOCK.findall(readme)[0].splitlines()]


def from_clone(readme: str, python: Path, folder: Path) -> list[str]:
    """The first block: it ends in the demo's end, and leaves a report to look at."""
    reader = Reader(python, folder)
    first, *lines = clone_lines(readme)
    clone, _, enter = first.partition(" && cd ")
    if clone != CLONE:
        raise ValueError(f"README.md begins with {first!r} and not with a clone")
    reader.run(shlex.join(["git", "clone", "--quiet", str(ROOT), enter]))
    printed: list[str] = []
    for line in lines:
        printed += reader.run(line, folder / enter, PYTHON=str(python))
    return _the_end_of_the_demo(printed, folder / enter)


def from_wheel(
    command: str, programs: str, wheel: Path, python: Path, folder: Path, *, demo: bool
) -> list[str]:
    """A line of the table, then the demo with what it installed; or only its version."""
    reader = Reader(python, folder)
    wheel_of_the_lab = f"{wheel}[lab]"
    reader.run(re.sub(r"\bWHEEL\b", lambda _: shlex.quote(wheel_of_the_lab), command))
    (found,) = reader.run("command -v migrate")
    if Path(found).parent != folder / programs:
        raise ValueError(f"{command}: migrate is {found} then, and not in {programs}")
    if demo:
        return _the_end_of_the_demo(reader.run(DEMO), folder)
    return reader.run("migrate version")


def _the_end_of_the_demo(printed: list[str], folder: Path) -> list[str]:
    if SHOWN not in printed or not (folder / "demo" / "report.html").is_file():
        raise ValueError("no end of the demo:\n" + "\n".join(printed))
    return [SHOWN]


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel
