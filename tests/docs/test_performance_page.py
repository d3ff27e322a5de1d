"""``make bench`` compares what it measured with the committed table, and writes it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.support.benchmark_table import (
    Measure,
    Pass,
    bench,
    line_of,
    median,
    page,
    read_lines,
    read_page,
)

PLAN = Measure("plan: 10,000 rows", "the parser", 2.0, 3.0, "s", 2.0)
READ = Measure("read: ten times the rows", "ten times the time", 10, 9.8, "times", 1.1)
BOTH = {"test_plan": PLAN, "test_read": READ}
TABLE = page(BOTH.values(), "Measured here.")


class Bench:
    """Runs whose results are given, and what was said."""

    def __init__(self, place: Path, *rounds: dict[str, Measure], passed: bool = True) -> None:
        self.place, self.rounds, self.passed = place / "performance.md", list(rounds), passed
        self.place.write_text("as it was")
        self.asked: list[list[str]] = []
        self.said: list[str] = []

    def run(self, tests: Sequence[str]) -> Pass:
        """The next round, and the last one again and again."""
        self.asked.append(list(tests))
        found = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
        return Pass(self.passed, tuple(x for x in found.items() if not tests or x[0] in tests))

    def code(
        self, committed: str = TABLE, *, only: Sequence[str] = (), update: bool = False
    ) -> int:
        return bench(self.run, self.place, committed, self.said.append, only=only, update=update)

    @property
    def written(self) -> bool:
        return self.place.read_text() != "as it was"


def slower(times: float, of: Measure = PLAN) -> Measure:
    return replace(of, ours=of.ours * times)


def test_same_results_pass_and_are_written(tmp_path: Path) -> None:
    found = Bench(tmp_path, BOTH)
    assert found.code() == 0
    assert read_page(found.place.read_text()) == {PLAN.name: 1.5, READ.name: 0.98}
    assert found.asked == [[], [*BOTH], [*BOTH]]


def test_a_slow_result_fails_by_name_after_it_was_measured_again(tmp_path: Path) -> None:
    found = Bench(tmp_path, {**BOTH, "test_plan": slower(1.2)})
    assert found.code() == 1
    assert f"FAILED {PLAN.name}: 1.80 is 20% above 1.50 of the table" in found.said
    assert not any(READ.name in line for line in found.said if line.startswith("FAILED"))
    assert found.asked[3:] == [["test_plan"]] * 2
    assert not found.written


def test_slow_runs_that_are_not_the_median_do_not_fail(tmp_path: Path) -> None:
    slow, quick = {**BOTH, "test_plan": slower(1.3)}, BOTH
    found = Bench(tmp_path, slow, quick, slow, quick, quick)
    assert found.code() == 0
    assert f"measured again: {PLAN.name}" in found.said


def test_what_is_within_15_percent_is_as_before(tmp_path: Path) -> None:
    assert Bench(tmp_path, {**BOTH, "test_plan": slower(1.14)}).code() == 0


def test_many_small_losses_fail_in_the_end(tmp_path: Path) -> None:
    found = Bench(tmp_path, {**BOTH, "test_plan": slower(1.14)})
    assert found.code() == 0
    table = found.place.read_text()
    assert read_page(table) == {PLAN.name: 1.5, READ.name: 0.98}
    found.rounds = [{**BOTH, "test_plan": slower(1.14 * 1.14)}]
    assert found.code(table) == 1
    assert found.code(table, update=True) == 0
    assert read_page(found.place.read_text())[PLAN.name] == 1.95


def test_small_ratios_are_compared_as_they_are(tmp_path: Path) -> None:
    small = replace(PLAN, ideal=1000.0, ours=4.0)
    table = page([small], "")
    assert read_page(table) == {PLAN.name: 0.004}
    assert Bench(tmp_path, {"test_plan": slower(1.02, small)}).code(table) == 0
    assert Bench(tmp_path, {"test_plan": slower(1.2, small)}).code(table) == 1


def test_without_a_table_nothing_is_compared_and_that_fails(tmp_path: Path) -> None:
    found = Bench(tmp_path, BOTH)
    assert (found.code(""), found.written) == (1, False)
    assert "There is no committed performance.md to compare with. UPDATE=1 writes it." in found.said
    assert (found.code("", update=True), found.written) == (0, True)


def test_what_prevents_the_table_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    damaged = Bench(tmp_path, BOTH)
    assert (damaged.code(TABLE.replace("| 1.50 |", "| slow |")), damaged.asked) == (1, [])
    assert (damaged.code(TABLE.replace("| 1.50 |", "")), damaged.asked) == (1, [])
    damaged.place = tmp_path / "nowhere" / "performance.md"
    assert (damaged.code(), damaged.asked) == (1, [])
    assert "cannot be written" in damaged.said[-1]


def test_update_takes_a_slow_result_and_never_one_above_its_bound(tmp_path: Path) -> None:
    assert Bench(tmp_path, {**BOTH, "test_plan": slower(1.2)}).code(update=True) == 0
    beyond = Bench(tmp_path, {**BOTH, "test_plan": slower(1.5)})
    assert beyond.code(update=True) == 1
    assert f"FAILED {PLAN.name}: 2.25 is above its bound 2" in beyond.said
    assert not beyond.written


def test_a_result_above_its_bound_fails_without_a_table(tmp_path: Path) -> None:
    found = Bench(tmp_path, {"test_plan": slower(1.5)})
    assert found.code("") == 1
    assert f"FAILED {PLAN.name}: 2.25 is above its bound 2" in found.said


def test_a_new_measure_is_taken(tmp_path: Path) -> None:
    found = Bench(tmp_path, BOTH)
    assert found.code(page([PLAN], "")) == 0
    assert f"{READ}; it is new" in found.said
    assert READ.name in read_page(found.place.read_text())


def test_a_missing_measure_is_said_and_fails_until_it_is_taken(tmp_path: Path) -> None:
    assert Bench(tmp_path, {"test_plan": PLAN}).code(update=True) == 0
    found = Bench(tmp_path, {"test_plan": PLAN})
    assert found.code() == 1
    assert f"FAILED {READ.name}: it was not measured" in found.said


def test_some_benchmarks_alone_write_nothing_and_miss_nothing(tmp_path: Path) -> None:
    found = Bench(tmp_path, {"test_plan": PLAN})
    assert found.code(only=["test_plan"]) == 0
    assert not found.written


def test_a_benchmark_that_fails_fails_the_whole(tmp_path: Path) -> None:
    found = Bench(tmp_path, BOTH, passed=False)
    assert found.code() == 1
    assert found.asked == [[]]
    assert not found.written


def test_numbers_of_a_row_are_of_one_run() -> None:
    runs = [replace(PLAN, ideal=ideal, ours=ours) for ideal, ours in ((1, 9), (2, 4), (5, 5))]
    assert median(runs) == runs[1]


def test_what_is_written_down_is_read_again() -> None:
    text = line_of("test_plan", PLAN) + line_of("test_read", READ)
    assert list(read_lines(text)) == [*BOTH.items()]
