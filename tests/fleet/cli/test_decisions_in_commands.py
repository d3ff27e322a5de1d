"""A command to copy names a decisions file only where there is one."""

from pathlib import Path

import pytest

from migrator.fleet.cli.commands_to_copy import _over_the_fleet

BLOCKED = ("fleet", "plan", "fleet.yaml", "--cluster", "c", "--decisions", "decisions.yaml")


@pytest.mark.parametrize("is_there", [True, False])
def test_decisions_are_named_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if is_there:
        Path("decisions.yaml").write_text("", encoding="utf-8")
    assert ("decisions.yaml" in _over_the_fleet(BLOCKED)) == is_there
    assert "--cluster" not in _over_the_fleet(BLOCKED)
