"""What each test takes of a processor, with the processes that it starts.

Time on the wall says nothing on a machine that does other things as well. After the tests the sum
of each folder is shown, and the tests above :data:`SECONDS` that ``tests/slow_tests.txt`` does not
list are named.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import forked_programs
from tests.support.forked_cli import ForkedCli

SECONDS = 6.0
LISTED = Path(__file__).parents[1] / "slow_tests.txt"
_BEGAN = pytest.StashKey[float]()
_NAME = "seconds of a processor"


def listed(text: str) -> frozenset[str]:
    """The tests of a list: one a line, without parameters; lines with # are words."""
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


class ProcessorTime:
    """Counts in every process of the tests, adds up where the summary is shown."""

    def __init__(self) -> None:
        self.of_tests: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """The fixtures that a test is the first to ask for are counted with it."""
        item.stash[_BEGAN] = _used()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[None]:
        """The last report of a test carries its time, also to another process."""
        report = yield
        if call.when == "teardown":
            took = round(_used() - item.stash[_BEGAN], 2)
            report.user_properties.append((_NAME, took))  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what was counted."""
        for name, value in report.user_properties:
            if name == _NAME and isinstance(value, float):
                self.of_tests[report.nodeid] = value

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Folder by folder, then whoever is above the limit unlisted."""
        if not self.of_tests:
            return
        folders: defaultdict[str, float] = defaultdict(float)
        for test, seconds in self.of_tests.items():
            folders["/".join(test.split("/")[1:2])] += seconds
        parts = [
            f"{folder} {seconds:.0f}"
            for folder, seconds in sorted(folders.items(), key=lambda each: -each[1])
        ]
        total = sum(folders.values())
        terminalreporter.write_line(f"seconds of a processor: {total:.0f} ({', '.join(parts)})")
        known = listed(LISTED.read_text(encoding="utf-8"))
        for test, seconds in above(self.of_tests, known).items():
            terminalreporter.write_line(
                f"{seconds:.1f} seconds of a processor: {test}. Make it quicker (tests/README.md), "
                "or list it in tests/slow_tests.txt with the reason."
            )


def above(of_tests: dict[str, float], known: frozenset[str]) -> dict[str, float]:
    """The tests above the limit that are not known, the slowest first."""
    return {
        test: seconds
        for test, seconds in sorted(of_tests.items(), key=lambda each: -each[1])
        if seconds > SECONDS and test.partition("[")[0] not in known
    }


def _used() -> float:
    """Of this process, of its children that ended, and of the commands that were forked."""
    return sum(os.times()[:4]) + ForkedCli.seconds + forked_programs.seconds()


def pytest_configure(config: pytest.Config) -> None:
    """Take part in this run."""
    config.pluginmanager.register(ProcessorTime())
