"""``make test-pythons``: the package on every Python that it is published for.

    python -m tests.support.every_python          all that this machine has
    python -m tests.support.every_python --ends   the oldest and the newest of them
    python -m tests.support.every_python --lowest the oldest, with the lowest direct dependencies

The versions are those of the classifiers in pyproject.toml, two at a time. Each has its environment
in ``.venv-pythons``, with the packages of requirements/dev.txt, and is made again when one of the
two files changes. A version that this machine does not have is named and not counted.

Then README.md is followed on each: the demo from a clone, and the wheel by every way in of its
table. After each of them the demo is run; with ``--ends`` after the clone alone, and what the other
ways installed says its version.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from tests.support import readme_ways

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".venv-pythons"
SMOKE = (
    "tests/cli/test_start_up.py",
    "tests/model",
    "tests/adapters",
    "tests/fleet/model",
    "tests/lab/test_world_schema.py",
)
_CLASSIFIER = re.compile(r'^ +"Programming Language :: Python :: (3\.\d+)",$', re.MULTILINE)
Step: TypeAlias = Callable[[], list[str]]
_VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


@dataclass(frozen=True)
class Python:
    """An interpreter of this machine; ``release`` has three numbers, ``version`` two."""

    version: str
    release: str
    path: Path


def promised(pyproject: str) -> list[str]:
    """The versions that the package is published for, oldest first."""
    return sorted(_CLASSIFIER.findall(pyproject), key=numbers)


def numbers(version: str) -> tuple[int, ...]:
    """``3.10.2`` in the order of versions."""
    return tuple(int(each) for each in version.split("."))


def candidates(version: str, home: Path, search: str | None = None) -> Iterator[Path]:
    """Where an interpreter of a version may be: pyenv's folders, latest release first, then the
    search path, where pyenv's own scripts answer for versions that are not chosen.
    """
    found = [each for each in (home / ".pyenv" / "versions").glob(f"{version}.*")]
    released = [each for each in found if re.fullmatch(r"[\d.]+", each.name)]
    for folder in sorted(released, key=lambda each: numbers(each.name), reverse=True):
        yield folder / "bin" / "python"
    on_path = shutil.which(f"python{version}", path=search)
    if on_path:
        yield Path(on_path)
    yield Path(sys.executable)


def find(version: str, home: Path, search: str | None = None) -> Python | None:
    """The first candidate that runs and is of the version."""
    for path in candidates(version, home, search):
        release = _release(path)
        if release.startswith(f"{version}."):
            return Python(version, release, path)
    return None


def _release(path: Path) -> str:
    try:
        asked = subprocess.run(
            [str(path), "-c", _VERSION], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def chosen(found: Sequence[Python], *, ends: bool, lowest: bool = False) -> list[Python]:
    """All of them, or the oldest and the newest, or the oldest."""
    if lowest:
        return [*found[:1]]
    if ends and len(found) > 2:
        return [found[0], found[-1]]
    return [*found]


def main(arguments: Sequence[str]) -> int:
    """0: everything passed on every version that was tried. 1: something failed, or none of the
    versions is here.
    """
    found = []
    for version in promised((ROOT / "pyproject.toml").read_text("utf-8")):
        python = find(version, Path.home())
        if python is None:
            _say(f"{version}: skipped, because it is not here. `pyenv install {version}` gets it.")
        else:
            found.append(python)
    lowest, ends = "--lowest" in arguments, "--ends" in arguments
    tried = chosen(found, ends=ends, lowest=lowest)
    for python in found:
        if python not in tried:
            _say(f"{python.version}: left out by {' '.join(arguments)}")
    passes = partial(_passes, lowest=lowest, ends=ends, alone=len(tried) == 1)
    with ThreadPoolExecutor(2) as pool:
        passed = dict(zip(tried, pool.map(passes, tried), strict=True))
    failed = [python.version for python in tried if not passed[python]]
    if not tried:
        _say("No Python that the package is published for is here.")
    if failed:
        _say(f"failed on {', '.join(failed)}")
    return 1 if failed or not tried else 0


def _passes(python: Python, *, lowest: bool, ends: bool, alone: bool) -> bool:
    place = ENVIRONMENTS / (f"{python.version}-lowest" if lowest else python.version)
    steps: dict[str, Step] = {
        "install": lambda: install(python, place, lowest=lowest),
        "pip check": lambda: run_in(place, "pip", "check"),
        "tests": lambda: run_in(place, "pytest", "-p", "no:cacheprovider", *smoke_options(alone)),
        **({"demo": lambda: demo(place)} if lowest else {}),
    }
    _say(f"{place.name}: {python.path} ({python.release})")
    if not _succeed(place.name, steps):
        return False
    if lowest:
        return True
    with tempfile.TemporaryDirectory() as folder:
        return _succeed(place.name, ways_in(python, Path(folder), demo=not ends))


def _succeed(name: str, steps: dict[str, Step]) -> bool:
    """One after the other, up to the first that fails."""
    for title, step in steps.items():
        began = time.monotonic()
        try:
            printed = step()
        except subprocess.CalledProcessError as error:
            _say(f"{name}: {title} failed\n{error.output}")
            return False
        except ValueError as error:
            _say(f"{name}: {title} failed\n{error}")
            return False
        last = printed[-1] if printed else "done"
        _say(f"{name}: {title}: {last.strip(' =')} ({time.monotonic() - began:.0f} s)")
    return True


def smoke_options(alone: bool) -> list[str]:
    """What is asked of pytest on each version: every folder whose behaviour depends on it."""
    return ["-n", "2" if alone else "0", "--timeout", "300", *SMOKE]


def ways_in(python: Python, folder: Path, *, demo: bool) -> dict[str, Step]:
    """Each way of README.md to the program, in a folder of its own."""
    readme = (ROOT / "README.md").read_text("utf-8")
    commands = readme_ways.ways(readme)
    wheel = readme_ways.build_wheel(folder / "wheel")
    return {
        "README, clone": partial(readme_ways.from_clone, readme, python.path, folder / "clone"),
        **{
            f"README, {commands[name]}": partial(
                readme_ways.from_wheel,
                commands[name],
                programs,
                wheel,
                python.path,
                folder / name,
                demo=demo,
            )
            for name, programs in readme_ways.PROGRAMS.items()
        },
    }


def install(python: Python, place: Path, *, lowest: bool) -> list[str]:
    """An environment with the package, the lab and what the tests need. One that was made from the
    same files by the same release is left as it is.
    """
    constraints = ROOT / "requirements" / "dev.txt"
    files = [ROOT / "pyproject.toml", constraints]
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()
    state = f"{python.release} {ROOT} {digest}"
    stamp = place / "installed"
    if stamp.is_file() and stamp.read_text("utf-8") == state:
        return ["as before"]
    shutil.rmtree(place, ignore_errors=True)
    run(python.path, "-m", "venv", place)
    versions = ("--resolution", "lowest-direct") if lowest else ("--constraint", constraints)
    into = place / "bin" / "python"
    uv = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", into)
    run(*uv, *versions, "--editable", f"{ROOT}[test]")
    stamp.write_text(state, "utf-8")
    return []


def demo(place: Path) -> list[str]:
    """The whole migration of ``migrate lab demo``; its last line says what was shown."""
    with tempfile.TemporaryDirectory() as folder:
        return run(place / "bin" / "migrate", "lab", "demo", "--folder", Path(folder) / "demo")


def run_in(place: Path, *module: str) -> list[str]:
    """A module of an environment, with the lines that it prints."""
    return run(place / "bin" / "python", "-m", *module)


def run(*command: str | Path) -> list[str]:
    """Raises ``CalledProcessError`` with everything that was printed."""
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "quick"}
    ended = subprocess.run(
        [str(each) for each in command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return ended.stdout.splitlines()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
