"""After the tests, one line says how much the independent evaluator judged in this run."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.judge.tally import TALLY

_BEFORE = pytest.StashKey[Counter[str]]()
_NAME = "judged independently"


class JudgedAnswers:
    """Counts in every process of the tests, adds up where the summary is shown."""

    def __init__(self) -> None:
        self.judged: Counter[str] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note what was judged before a test and its fixtures."""
        item.stash[_BEFORE] = TALLY.all()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Iterator[None]:
        """The last report of a test carries what it had judged, also to another process."""
        report = yield
        judged = TALLY.all() - item.stash[_BEFORE]
        if call.when == "teardown" and judged:
            report.user_properties.append((_NAME, dict(judged)))  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up."""
        for name, value in report.user_properties:
            if name == _NAME and isinstance(value, dict):
                self.judged.update(value)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line: how many answers of each kind, how many were left open, how many differ."""
        if not self.judged:
            return
        differ = self.judged.pop("differences", 0)
        parts = [f"{number:,} {kind}" for kind, number in sorted(self.judged.items())]
        terminalreporter.write_line(f"{_NAME}: {', '.join(parts)}; {differ} differences")


def pytest_configure(config: pytest.Config) -> None:
    """Take part in this run."""
    config.pluginmanager.register(JudgedAnswers())
