"""Prose is plain technical English: ``playbooks/glossary.md`` has a plain word for each idiom."""

from pathlib import Path

import pytest

from tests.support.readability import IDIOM, measure, modules_of

ROOT = Path(__file__).resolve().parents[2]

# Words in 1,000 of docstrings, comments and messages. The goal is 0.7; it only goes down.
IDIOMS_PER_THOUSAND_WORDS = 2.5

# The changelog and the page of findings: the first is history, the second is generated from source
# that the bound above covers.
PAGES = [
    page
    for pattern in ("*.md", "playbooks/**/*.md", "tests/*.md", ".github/**/*.md")
    for page in ROOT.glob(pattern)
    if page.name not in ("CHANGELOG.md", "findings.md", "bugs.md")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_has_no_idiom(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    found = [f"{number}: {line}" for number, line in enumerate(lines, 1) if IDIOM.search(line)]
    assert found == []


def test_pages_are_found() -> None:
    assert len(PAGES) > 15


def test_source_has_fewer_idioms_than_the_bound() -> None:
    found = measure(modules_of(ROOT / "migrator"))
    assert found.words > 10_000
    assert found.idioms_per_thousand <= IDIOMS_PER_THOUSAND_WORDS
