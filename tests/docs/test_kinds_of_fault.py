"""``tests/kinds_of_fault.md`` names tests that exist, at least one for each kind."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "tests" / "kinds_of_fault.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| kind |")
]


def test_every_kind_of_access_and_of_words_has_a_row() -> None:
    assert len(ROWS) == 22


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].removeprefix("| "))
def test_each_named_test_exists(row: str) -> None:
    names = re.findall(r"`(tests/[^`]+)`", row)
    assert names
    for name in names:
        path, _, function = name.partition("::")
        text = (ROOT / path).read_text()
        assert f"def {function or 'test_'}" in text, name
