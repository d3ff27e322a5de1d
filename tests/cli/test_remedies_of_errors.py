"""Each error whose remedy is a command: caused on the lab, the command run as it is printed, and
the command that failed succeeds after it.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.model.error_catalogue import ERRORS
from tests.cli.remedy_cases import CASES, NOT_HERE, STORIES, Case
from tests.cli.test_commands_of_errors import CASES as OF_FILES
from tests.support.forked_cli import ALONE
from tests.support.remedy_lab import RemedyLab, cluster_of, remedy_lab

ASKS = ("apply", "rollback", "rehearse")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemedyLab]:
    with remedy_lab(tmp_path_factory.mktemp("remedies"), [*STORIES]) as found:
        yield found


def _words(line: str, name: str) -> list[str]:
    return shlex.split(line.replace("CLUSTER", name))


def _remedy(case: Case) -> str:
    """The catalogue's command with what a person has for its words."""
    words = {"PLAN": "plan.json", **case.words}
    line = " ".join(words.get(word, word) for word in ERRORS[case.code].example.split(" "))
    return line.removeprefix("migrate ")


def _is_a_command(code: str) -> bool:
    kind = ERRORS[code]
    return kind.example.startswith("migrate ") or "`migrate" in kind.remedy


def test_every_error_whose_remedy_is_a_command_is_here_or_says_why_not() -> None:
    codes = [*(case.code for case in CASES), *(case.code for case in OF_FILES)]
    assert len(codes) == len(set(codes))
    commands = {code for code in ERRORS if _is_a_command(code)}
    assert set(codes) <= commands
    assert NOT_HERE.keys() == commands - set(codes)
    assert all(NOT_HERE.values())


def test_each_test_that_a_reason_names_has_the_code() -> None:
    for code, reason in NOT_HERE.items():
        for named in re.findall(r"tests/[\w/]+\.py", reason):
            assert code in Path(named).read_text(encoding="utf-8"), f"{code}: {named}"


def test_share_of_remedies_that_are_run_does_not_fall() -> None:
    assert len(CASES) + len(OF_FILES) >= 41


@pytest.mark.parametrize("story", STORIES)
def test_command_of_the_catalogue_puts_the_error_right(shared: RemedyLab, story: str) -> None:
    lab = cluster_of(shared, story)
    for case in STORIES[story]:
        _follow(lab, case)


def _follow(lab: RemedyLab, case: Case) -> None:
    case.cause(lab)
    lab.variables[ALONE] = "yes"
    failed = lab.run(*_words(case.fails, lab.name))
    assert failed.error_code == case.code, f"{case.code}: {failed.out}{failed.err}"
    assert failed.code in ERRORS[case.code].exit_codes
    case.first(lab)
    remedy = _remedy(case)
    # The person at a terminal says yes.
    yes = ["--yes"] * (remedy.split()[0] in ASKS and "--yes" not in remedy)
    mended = lab.run(*_words(remedy, lab.name), *yes)
    assert mended.code in case.ends, f"{case.code}: {mended.out}{mended.err}"
    case.between(lab)
    if case.then:
        lab.ok(case.then)
