"""An administrator edits aws-auth while ``migrate apply`` runs: on the lab, over the wire, as an
operator meets it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrator.lab.worlds.effects import Effect
from tests.support.cli_lab import WORLD, CliLab, Ran, running

SECOND, DEVELOPER = (
    f"arn:aws:iam::111122223333:role/{name}" for name in ("team/second-admin", "developer")
)
_CREATE = "eks:CreateAccessEntry"
_ROWS = [line.strip() for line in WORLD.splitlines() if line.strip().startswith("- {rolearn")]
_SECOND_ROW = next(row for row in _ROWS if "second-admin" in row)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path) as found:
        ran = found.run("plan", "small", "--out", "plan.json")
        assert ran.code == 0, ran.err
        yield found


def _write_rows(lab: CliLab, *rows: str) -> None:
    assert lab.world is not None
    data = {"mapRoles": "\n".join(rows) + "\n"}
    write = lab.world.controls["writeAwsAuth"]
    write({"cluster": "small", "data": data, "manager": "kubectl"})


def _created(lab: CliLab) -> list[str]:
    made = (each for each in lab.effects() if each["operation"] == _CREATE)
    return [str(each["detail"]["principalArn"]) for each in made]


def _apply_while(lab: CliLab, after: str, act: Callable[[], None]) -> Ran:
    """Apply; once the entry of ``after`` is made, and before the answer, something happens."""
    assert lab.world is not None

    def watch(effect: Effect) -> None:
        made = effect.detail.get("principalArn") if effect.operation == _CREATE else None
        if made == after:
            act()

    lab.world.effects.listeners.append(watch)
    return lab.run("apply", "plan.json", "--yes")


def test_row_deleted_during_apply_is_exit_5_and_its_entry_is_not_made(lab: CliLab) -> None:
    others = [row for row in _ROWS if row != _SECOND_ROW]
    ran = _apply_while(lab, DEVELOPER, lambda: _write_rows(lab, *others))
    assert ran.code == 5, ran.out + ran.err
    assert SECOND not in _created(lab)
    assert ran.error_code == "row-changed"
    first = next(line for line in ran.err.splitlines() if line.startswith("error: "))
    assert first.startswith(f"error: aws-auth no longer has a row for {SECOND}.")
    assert "migrate plan small --out plan.json" in ran.err
    again = lab.run("apply", "plan.json", "--yes")
    assert (again.code, again.error_code) == (5, "cluster-changed"), again.err
    assert f"aws-auth no longer has a row for {SECOND}" in again.err.splitlines()[0]
    assert SECOND not in _created(lab)


def test_row_thinned_during_apply_takes_the_half_made_entry_back(lab: CliLab) -> None:
    thinned = [
        row.replace("system:masters", "viewers") if row == _SECOND_ROW else row for row in _ROWS
    ]
    ran = _apply_while(lab, SECOND, lambda: _write_rows(lab, *thinned))
    assert ran.code == 5, ran.out + ran.err
    deleted = [each for each in lab.effects() if each["operation"] == "eks:DeleteAccessEntry"]
    assert [each["detail"]["principalArn"] for each in deleted] == [SECOND]
    assert 'groups "viewers"' in ran.err


def test_row_deleted_after_apply_is_exit_5_of_the_next_apply(lab: CliLab) -> None:
    assert lab.run("apply", "plan.json", "--yes").code == 0
    _write_rows(lab, *(row for row in _ROWS if row != _SECOND_ROW))
    again = lab.run("apply", "plan.json", "--yes")
    assert (again.code, again.error_code) == (5, "row-changed"), again.err
    assert SECOND in again.err
