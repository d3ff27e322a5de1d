"""The architecture page shows the imports as they are, and every path that a page names exists."""

import re
from pathlib import Path

import pytest

from tests.support.rooms_picture import COMMAND, ROOMS, cycles, picture, shown

ROOT = Path(__file__).resolve().parents[2]
# The changelog names files as they were when it was written.
PAGES = [
    *(page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"),
    *ROOT.glob("playbooks/**/*.md"),
    *ROOT.glob("tests/*.md"),
    *ROOT.glob(".github/**/*.md"),
]
# A path in backticks that begins with a folder of the repository; `migrator/plan/v1` is the format
# of a document.
NAMED = re.compile(
    r"`(?!migrator/[\w-]+/v\d+`)((?:migrator|tests|playbooks|examples|\.ci|\.github)/[\w./-]+)`|\]\(((?!https?:|#)[^)#\s]+)"
)


def test_picture_of_the_rooms_is_the_import_graph() -> None:
    assert shown() == picture(), f"The imports changed. Run `{COMMAND}` and review the difference."


def test_no_modules_import_each_other() -> None:
    assert cycles() == []


def test_every_room_is_explained() -> None:
    page = (ROOT / "playbooks" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    existing = [
        room
        for room in ROOMS
        if (ROOT / "migrator" / room).exists() or (ROOT / "migrator" / f"{room}.py").exists()
    ]
    assert len(existing) >= 10
    missing = [room for room in existing if f"| `{room}" not in page]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    missing = []
    for in_backticks, link in NAMED.findall(page.read_text(encoding="utf-8")):
        place = ROOT / in_backticks if in_backticks else page.parent / link
        if not place.exists():
            missing.append(in_backticks or link)
    assert missing == []
