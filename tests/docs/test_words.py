"""Prose is plain technical English: ``reference/glossary.md`` has a plain word for each idiom."""

from pathlib import Path

import pytest

from tests.support.command_tree import contexts
from tests.support.readability import IDIOM, measure, modules_of, said

ROOT = Path(__file__).resolve().parents[2]

# Words in 1,000 of docstrings, comments and messages. It only goes down.
IDIOMS_PER_THOUSAND_WORDS = 0.3

# The changelog is history, and the list of faults quotes what was seen.
PAGES = [
    page
    for pattern in (
        "*.md",
        "playbooks/**/*.md",
        "examples/**/*.md",
        "tests/**/*.md",
        ".github/**/*.md",
    )
    for page in ROOT.glob(pattern)
    if page.name not in ("CHANGELOG.md", "bugs.md")
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


# What a reader of the command line, a report or an example sees: no idiom at all.


def test_messages_have_no_idiom() -> None:
    found = [
        f"{path}:{line} {text}"
        for path in modules_of(ROOT / "migrator")
        for line, text in said(path.read_text(encoding="utf-8"))
        if IDIOM.search(text)
    ]
    assert found == []


def test_errors_are_among_the_messages() -> None:
    """Parts of a formatted message are one text, and names of codes are none."""
    source = (
        "def f(x):\n    'Told.'\n    raise Failed('nobody', f'None {x} of it', why='at once now')\n"
    )
    assert [text for _, text in said(source)] == ["None … of it", "at once now"]


def test_helps_have_no_idiom() -> None:
    shown = list(contexts())
    assert len(shown) > 30
    helps = (ctx.command.get_help(ctx) for ctx in shown)
    assert [line for text in helps for line in text.splitlines() if IDIOM.search(line)] == []


def test_templates_and_examples_have_no_idiom() -> None:
    files = [
        path
        for folder, patterns in (
            ("migrator", ("*.jinja", "*.js", "*.yaml")),
            ("examples", ("*.yaml", "*.yml", "*.asl.json", "*.schema.json", "plan.json")),
        )
        for pattern in patterns
        for path in (ROOT / folder).rglob(pattern)
    ]
    assert len(files) > 20
    found = [
        f"{path}: {line}"
        for path in files
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if IDIOM.search(line)
    ]
    assert found == []
