"""What benchmarks measured, as a table: ``make bench``.

Each benchmark is run three times, and of each measure the run counts whose ratio to the ideal is
the median. Ratios are compared with those of the committed table, never seconds: another machine
has other seconds. A ratio that is more than 15 % above the committed one fails, so does one above
its bound, and a measure that is missing. A row stays as it is where its ratio was better, so that
many small losses add up to one that fails. ``UPDATE=1`` takes what was measured as it is.
"""

import functools
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import which
from typing import Protocol

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "playbooks" / "reference" / "performance.md"
RESULTS = "BENCHMARK_RESULTS"
RUNS, AGAIN, SLOWER = 3, 2, 1.15
_HEAD = ("measure", "the ideal is", "ideal", "ours", "ratio", "bound")
_INTRO = """\
# Performance

What commands, and the parts that they spend their time in, take beside the least that is possible.
`make bench` measures each line three times and writes the run whose ratio is the median. The ratio
is that of one run on one machine, so it can be compared with the one of another machine; seconds
cannot. A ratio that is more than 15 % above the one in this table, or above its bound, fails
`make bench`.
"""


@dataclass(frozen=True)
class Measure:
    """One line of the table: less of ``ours`` is better."""

    name: str
    of: str
    ideal: float
    ours: float
    unit: str
    bound: float

    @property
    def ratio(self) -> float:
        """How many times the ideal."""
        return self.ours / self.ideal

    def __str__(self) -> str:
        return (
            f"{self.name}: {_number(self.ours)} {self.unit}, ideal {_number(self.ideal)} "
            f"({self.of}), ratio {_ratio(self.ratio)}, bound {self.bound:g}"
        )


class Measured(Protocol):
    """Takes what was measured; ``of`` says what the ideal is."""

    def __call__(
        self, name: str, *, of: str, ideal: float, ours: float, bound: float, unit: str = "s"
    ) -> None: ...


@dataclass(frozen=True)
class Pass:
    """One run of some benchmarks: whether all of them passed, and ``(test, measure)``."""

    passed: bool
    found: tuple[tuple[str, Measure], ...]


@dataclass(frozen=True)
class Result:
    """The medians, why the whole fails, by name, and whether every test passed."""

    measures: Mapping[str, Measure]
    wrong: Mapping[str, str]
    passed: bool

    @property
    def above_bound(self) -> bool:
        """Nobody can accept that but by another bound in the benchmark."""
        return any(each.ratio > each.bound for each in self.measures.values())


Run = Callable[[Sequence[str]], Pass]
Say = Callable[[str], None]


def line_of(test: str, measure: Measure) -> str:
    """What a test writes down for the runner."""
    return json.dumps({"test": test, **asdict(measure)}) + "\n"


def read_lines(text: str) -> Iterator[tuple[str, Measure]]:
    """What tests wrote down."""
    for line in text.splitlines():
        found = json.loads(line)
        yield found.pop("test"), Measure(**found)


def median(found: Iterable[Measure]) -> Measure:
    """The one whose ratio is the median, so that its numbers belong together."""
    runs = sorted(found, key=lambda each: each.ratio)
    return runs[(len(runs) - 1) // 2]


def medians(passes: Iterable[Pass]) -> dict[str, Measure]:
    """By name, in the order of the first run."""
    found = defaultdict[str, list[Measure]](list)
    for each in passes:
        for _, measure in each.found:
            found[measure.name].append(measure)
    return {name: median(measures) for name, measures in found.items()}


def faults(
    now: Mapping[str, Measure], committed: Mapping[str, float], *, whole: bool
) -> dict[str, str]:
    """Why ``make bench`` fails, by the measure's name."""
    found = {
        name: f"{_ratio(each.ratio)} is {each.ratio / before - 1:.0%} above "
        f"{_ratio(before)} of the table"
        for name, each in now.items()
        if (before := committed.get(name)) and each.ratio > SLOWER * before
    }
    found |= {
        name: f"{_ratio(each.ratio)} is above its bound {each.bound:g}"
        for name, each in now.items()
        if each.ratio > each.bound
    }
    if whole:
        found |= {name: "it was not measured" for name in committed if name not in now}
    return found


def page(measures: Iterable[Measure], where: str, kept: str = "") -> str:
    """The page, as Markdown. Rows of the page ``kept`` stay where their ratio is better."""
    best, rows = read_page(kept), _rows_of(kept)
    lines = [
        rows[each.name] if each.ratio > best.get(each.name, math.inf) else _row(_cells(each))
        for each in measures
    ]
    return "\n".join((_INTRO, where, "", _row(_HEAD), f"|{'---|' * len(_HEAD)}", *lines, ""))


def _cells(each: Measure) -> tuple[str, ...]:
    return (
        each.name,
        each.of,
        f"{_number(each.ideal)} {each.unit}",
        f"{_number(each.ours)} {each.unit}",
        _ratio(each.ratio),
        f"{each.bound:g}",
    )


def _rows_of(text: str) -> dict[str, str]:
    """The lines of a page's table, by the name in them."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.strip("|").partition("|")[0].strip(): line for line in lines}


def read_page(text: str) -> dict[str, float]:
    """The ratios of a page, by name. Raises ``ValueError`` for a table that was damaged."""
    found: dict[str, float] = {}
    for name, line in _rows_of(text).items():
        cells = line.strip("|").split("|")
        if name == _HEAD[0]:
            continue
        if len(cells) != len(_HEAD):
            raise ValueError(f"the table's row of {name!r} has {len(cells)} cells")
        found[name] = float(cells[-2])
    return found


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def measure_all(run: Run, committed: Mapping[str, float], only: Sequence[str], say: Say) -> Result:
    """Three runs; what is too slow then is measured twice more."""
    passes = [run(only)]
    if not passes[0].passed:
        return Result(medians(passes), {}, passed=False)
    for number in range(1, RUNS):
        say(f"run {number + 1} of {RUNS}")
        passes.append(run(_tests(passes[0], medians(passes))))
    now = medians(passes)
    wrong = faults(now, committed, whole=not only)
    if doubtful := _tests(passes[0], wrong):
        say(f"measured again: {', '.join(name for name in now if name in wrong)}")
        passes += [run(doubtful) for _ in range(AGAIN)]
        now = medians(passes)
        wrong = faults(now, committed, whole=not only)
    return Result(now, wrong, all(each.passed for each in passes))


def _tests(of: Pass, names: Container[str]) -> list[str]:
    """The tests that measured these. What tests share is set up again for each run."""
    return list(dict.fromkeys(test for test, each in of.found if each.name in names))


def bench(
    run: Run,
    place: Path,
    committed: str,
    say: Say,
    *,
    only: Sequence[str] = (),
    update: bool = False,
    where: str = "",
) -> int:
    """Measure, compare, say, and write the page where nothing is worse; the exit code."""
    try:
        before = read_page(committed)
    except ValueError as error:
        say(f"The committed {place.name} cannot be read: {error}")
        return 1
    if not only and not os.access(place if place.exists() else place.parent, os.W_OK):
        say(f"{place} cannot be written.")
        return 1
    result = measure_all(run, before, only, say)
    for name, each in result.measures.items():
        say(f"{each}" if name in before else f"{each}; it is new")
    for name, why in result.wrong.items():
        say(f"FAILED {name}: {why}")
    if not result.passed:
        say("A benchmark failed; its output is above. The table was not written.")
        return 1
    accepted = update and not result.above_bound
    if not before and not update and not only:
        say(f"There is no committed {place.name} to compare with. UPDATE=1 writes it.")
        return 1
    if result.wrong and not accepted:
        say(f"{place.name} was not written. UPDATE=1 takes what is within its bound.")
        return 1
    if not only:
        kept = "" if update else committed
        place.write_text(page(result.measures.values(), where, kept), encoding="utf-8")
        say(f"{place.name} was written")
    return 0


def run_tests(tests: Sequence[str]) -> Pass:
    """These benchmarks, or all of them, in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "measures.jsonl"
        written.touch()
        words = ("-s", "-p", "no:xdist", "-m", "benchmark")
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *words, *(tests or ["tests/benchmarks"])],
            cwd=ROOT,
            env={**os.environ, RESULTS: str(written)},
            check=False,
        )
        return Pass(ran.returncode == 0, tuple(read_lines(written.read_text(encoding="utf-8"))))


def machine() -> str:
    """Where and when it was measured, and of what."""
    model = next(iter(_lines_of(Path("/proc/cpuinfo"), "model name")), platform.machine())
    changed = " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    commit = _git("rev-parse", "--short=12", "HEAD") or "no commit"
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return (
        f"Measured on {day} at `{commit}`{changed}, on {os.cpu_count()} cores of {model} with "
        f"Python {platform.python_version()}; load before: {os.getloadavg()[0]:.1f}."
    )


def _lines_of(path: Path, name: str) -> Iterator[str]:
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(name):
                yield line.partition(":")[2].strip()


def _git(*words: str) -> str:
    if which("git") is None:
        return ""
    ran = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else ""


def main() -> int:
    """``make bench``; ``ONLY`` has the files or tests to run, and then nothing is written."""
    inside = PAGE.relative_to(ROOT).as_posix()
    return bench(
        run_tests,
        PAGE,
        _git("show", f"HEAD:{inside}"),
        functools.partial(print, flush=True),
        only=os.environ.get("ONLY", "").split(),
        update=os.environ.get("UPDATE") == "1",
        where=machine(),
    )


if __name__ == "__main__":
    sys.exit(main())
