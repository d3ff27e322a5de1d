"""An administrator edits aws-auth while ``migrate apply`` runs: on the lab, over the wire, as an
operator meets it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrator.lab.lab_client import control
from tests.support.cli_lab import WORLD, CliLab, Ran, running

SECOND, DEVELOPER = (
    f"arn:aws:iam::111122223333:role/{name}" for name in ("team/second-admin", "developer")
)
_ROWS = [line.strip() for line in WORLD.splitlines() if line.strip().startswith("- {rolearn")]
_SECOND_ROW = next(row for row in _ROWS if "second-admin" in row)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CliLab]:
    with running(tmp_path) as found:
        ran = found.run("plan", "small", "--out", "plan.json")
        assert ran.code == 0, ran.err
        yield found


def _write_rows(lab: CliLab, *rows: str) -> None:
    data = {"mapRoles": "\n".join(rows) + "\n"}
    control(
        lab.directory,
        "POST",
        "world",
        {"writeAwsAuth": {"cluster": "small", "data": data, "manager": "kubectl"}},
    )


def _created(lab: CliLab) -> list[str]:
    made = (each for each in lab.effects() if each["operation"] == "eks:CreateAccessEntry")
    return [str(each["detail"]["principalArn"]) for each in made]


def _apply_while(lab: CliLab, after: str, act: Callable[[], None]) -> Ran:
    """Apply; once the entry of ``after`` is made, something happens beside it."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if after in _created(lab):
                act()
                return
            time.sleep(0.05)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        return lab.run("apply", "plan.json", "--yes")
    finally:
        over.set()
        watching.join()


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
    # The administrator is quicker than the next write, on a busy machine too.
    slow = {"operation": "eks:AssociateAccessPolicy", "kind": "latency", "seconds": 2.0, "times": 1}
    control(lab.directory, "POST", "fault", slow)
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
