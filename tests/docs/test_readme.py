"""The README's comparison: every cell has a public source or a test of ours, and each test that a
cell names exists. Its order is that of a reader.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_TEST = re.compile(r'\]\((?P<file>tests/[\w/]+\.py) "(?P<name>test_\w+)"\)')
_SOURCE = re.compile(r"\]\[(?P<label>[\w-]+)\]")
_LABEL = re.compile(r"^\[(?P<label>[\w-]+)\]: (?P<url>\S+)$", re.M)


def _rows() -> list[list[str]]:
    """The cells of the comparison, without its head."""
    section = README.partition("\n## Compared with eksctl, and by hand\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def _names_of(file: Path) -> set[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {each.name for each in body if isinstance(each, ast.FunctionDef)}


def test_each_cell_of_ours_names_a_test_that_exists() -> None:
    rows = _rows()
    assert len(rows) >= 10
    for what, ours, *_ in rows:
        found = _TEST.search(ours)
        assert found is not None, what
        assert found["name"] in _names_of(ROOT / found["file"]), what


def test_each_cell_of_another_way_has_a_public_source() -> None:
    labels = {label: url for label, url in _LABEL.findall(README)}
    assert all(url.startswith("https://") for url in labels.values())
    # What may change is linked at a commit.
    assert all("/blob/main/" not in url and "/blob/master/" not in url for url in labels.values())
    for what, _, *others in _rows():
        assert len(others) == 2, what
        for cell in others:
            used = _SOURCE.findall(cell)
            assert used, f"{what}: {cell}"
            assert set(used) <= set(labels), what


def test_sections_are_in_the_order_of_a_reader() -> None:
    assert re.findall(r"^## (.+)$", README, re.M) == [
        "See it work",
        "Install it",
        "Your first plan",
        "The migration",
        "Why it is safe",
        "Limits",
        "Compared with eksctl, and by hand",
        "Read on",
    ]
