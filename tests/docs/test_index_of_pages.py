"""``playbooks/README.md`` lists every page once, in the section of its folder, by its title."""

import re
from pathlib import Path

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
# One line a page: a link with the page's title, and what a reader gets from it.
_LINE = re.compile(r"^- \[(?P<title>[^\]]+)\]\((?P<page>[^)]+)\): \S")
_SECTION = re.compile(r"^## (?P<folder>[\w-]+): ")
FOLDERS = ("tutorials", "how-to", "reference", "explanation", "decisions")


def _listed() -> list[tuple[str, str, str]]:
    """``(section, page, title)`` of every line of the index."""
    section, found = "", []
    for line in (PLAYBOOKS / "README.md").read_text(encoding="utf-8").splitlines():
        if heading := _SECTION.match(line):
            section = heading["folder"].lower()
        elif listed := _LINE.match(line):
            found.append((section, listed["page"], listed["title"]))
        else:
            assert not line.startswith("- "), f"a line of the index without its form: {line}"
    return found


def _pages() -> list[Path]:
    return sorted(page for page in PLAYBOOKS.rglob("*.md") if page.name != "README.md")


def test_index_lists_every_page_once_in_the_section_of_its_folder() -> None:
    expected = [(page.parent.name, str(page.relative_to(PLAYBOOKS))) for page in _pages()]
    assert sorted((section, page) for section, page, _ in _listed()) == sorted(expected)


def test_index_names_every_page_by_its_title() -> None:
    wrong = [
        (page, title)
        for _, page, title in _listed()
        if (PLAYBOOKS / page).read_text(encoding="utf-8").partition("\n")[0] != f"# {title}"
    ]
    assert wrong == []


def test_every_page_is_in_a_folder_of_its_kind() -> None:
    assert {page.parent.relative_to(PLAYBOOKS).as_posix() for page in _pages()} == set(FOLDERS)
