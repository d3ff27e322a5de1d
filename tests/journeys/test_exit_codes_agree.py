"""Which exit code each command gives in each state of a migration, on the lab: 0 only where nothing
is left; 7 with what is left and a command that is copied, run, and changes the state.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli_lab import WAIVERS, CliLab, running

pytestmark = pytest.mark.in_order
DEVELOPER = "arn:aws:iam::111122223333:role/developer"
ANSWERS = ("--decisions", "decisions.yaml")


@dataclass(frozen=True)
class State:
    """A state of the migration: ``by``, the commands that lead to it from the one before, and how
    each command ends in it.
    """

    name: str
    by: tuple[tuple[str, ...], ...]
    status: int
    again: tuple[tuple[tuple[str, ...], int], ...]


APPLY = ("apply", "plan.json", "--yes")
ROLL_BACK = ("rollback", "plan.json", "--yes")
BACK_ONE = (*ROLL_BACK, "--only", DEVELOPER)
VERIFY = ("verify", "plan.json")
CUT_OVER = ("cutover", "plan.json", "--confirm", "small", *ANSWERS)
GATES = (*CUT_OVER, "--gates")
RETIRE = ("retire", "plan.json", "--yes")
# In each state first the status; then commands that do not leave it, with their exit codes.
STATES = (
    State("planned", (), 7, ((GATES, 4), (RETIRE, 4), (ROLL_BACK, 0))),
    State("part", ((*APPLY, "--only", DEVELOPER),), 7, ((GATES, 4), (RETIRE, 4))),
    State("applied", (APPLY,), 0, ((APPLY, 0), (VERIFY, 0), (RETIRE, 4), (GATES, 0))),
    State("one rolled back", (BACK_ONE,), 0, ((BACK_ONE, 0), (GATES, 4), (RETIRE, 4))),
    State("rolled back", (ROLL_BACK,), 0, ((ROLL_BACK, 0), (GATES, 4), (RETIRE, 4))),
    State("applied again", (APPLY,), 0, ((APPLY, 0), (VERIFY, 0), (GATES, 0))),
    State("cut over", (CUT_OVER,), 0, ((CUT_OVER, 0), (VERIFY, 0), (ROLL_BACK, 4))),
    State("retired", (RETIRE,), 0, ((RETIRE, 0), (VERIFY, 0), (CUT_OVER, 0), (ROLL_BACK, 4))),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("states")) as found:
        (found.work / "decisions.yaml").write_text(WAIVERS)
        assert found.run("plan", "small", "--out", "plan.json", *ANSWERS).code == 0
        yield found


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_each_command_ends_in_each_state_as_the_table_says(lab: CliLab, state: State) -> None:
    for command in state.by:
        assert lab.run(*command).code in (0, 7), command
    status = lab.run("status", "plan.json")
    assert status.code == state.status, status.out
    assert bool(_to_copy(status.out)) == (state.status == 7), status.out
    for command, code in state.again:
        ran = lab.run(*command)
        assert ran.code == code, f"{command}: {ran.out}{ran.err}"
        assert lab.run("status", "plan.json").code == state.status, command


def _to_copy(text: str) -> list[str]:
    """The commands under a text, as a person copies them."""
    return re.findall(r"^Do {9}(migrate .*)$", text, re.M)


def _copied(lab: CliLab, line: str) -> int:
    """The exit code of a copied command, with a yes to its question."""
    words = shlex.split(line)
    assert words[0] == "migrate"
    return lab.run(*words[1:], "--yes").code


def test_what_is_left_is_settled_by_the_command_that_is_copied(tmp_path: Path) -> None:
    with running(tmp_path) as lab:
        (lab.work / "a folder").mkdir()
        where = ("--state-dir", "a folder/state")
        plan = "a folder/plan.json"
        assert lab.run("plan", "small", "--out", plan, *where).code == 0
        part = lab.run("apply", plan, "--yes", "--only", DEVELOPER, *where)
        assert part.code == 7, part.err
        # By the cluster's name the plan is the one in the state; by its file it is that file.
        named = lab.run("status", "small", *where)
        assert [named.code, *_to_copy(named.out)] == [7, _line(_state_of(lab))]
        before = lab.run("status", plan, *where)
        assert [before.code, *_to_copy(before.out)] == [7, _line(plan)]
        assert _copied(lab, _line(plan)) == 0
        after = lab.run("status", plan, *where)
        assert (after.code, _to_copy(after.out)) == (0, [])


def _line(plan: str) -> str:
    return f"migrate apply {shlex.quote(plan)} --state-dir 'a folder/state'"


def _state_of(lab: CliLab) -> str:
    """The plan in the state folder, as the status names its place."""
    (found,) = lab.work.rglob("small/plan.json")
    return str(found.relative_to(lab.work))


def test_commands_agree_where_another_state_folder_finished_the_plan(tmp_path: Path) -> None:
    """The proofs of the other run are not in this folder: apply takes its own, and then all say
    that nothing is left.
    """
    with running(tmp_path) as lab:
        (lab.work / "decisions.yaml").write_text(WAIVERS)
        assert lab.run("plan", "small", "--out", "plan.json", *ANSWERS).code == 0
        assert lab.run(*APPLY, "--state-dir", "elsewhere").code == 0
        # Before it this folder knows nothing, and no command says that all is done.
        assert lab.run("status", "plan.json").code == 1
        assert lab.run(*GATES).code == 4
        applied = lab.run(*APPLY)
        assert applied.code == 0, applied.err
        assert "this state has no proof of the entry" in applied.err
        for command in (("status", "plan.json"), VERIFY, GATES, APPLY):
            ran = lab.run(*command)
            assert ran.code == 0, f"{command}: {ran.out}{ran.err}"
