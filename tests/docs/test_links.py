"""Every relative link of every Markdown page leads to a file, and to a heading where it names one.
No network: what is on the web is not asked for.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_FOLDERS = (".github", "examples", "playbooks", "tests")
PAGES = [
    page
    for place in (ROOT.glob("*.md"), *((ROOT / each).rglob("*.md") for each in _FOLDERS))
    for page in place
]


@cache
def _tokens(page: Path) -> tuple[Token, ...]:
    # GitHub's and the site's Markdown: CommonMark with tables.
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")))


def links(page: Path) -> Iterator[str]:
    """What the links and pictures of a page lead to."""
    for token in _tokens(page):
        for inner in token.children or ():
            target = inner.attrGet("href") or inner.attrGet("src")
            if target is not None:
                yield str(target)


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub gives the headings of a page: a heading that is there twice gets a
    number.
    """
    found: dict[str, int] = {}
    tokens = _tokens(page)
    for opened, inline in pairwise(tokens):
        if opened.type != "heading_open":
            continue
        text = "".join(each.content for each in inline.children or ())
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        if count:
            found[f"{anchor}-{count}"] = 1
    return frozenset(found)


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    wrong = []
    for link in links(page):
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_pages_and_links_are_found() -> None:
    assert len(PAGES) > 40
    assert sum(1 for page in PAGES for _ in links(page)) > 200


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `title`, twice\n\n## b\n\n## b\n\n"
        "[1](#a-title-twice) [2](#b-1) [3](page.md#b) ![4](page.md) [5](https://example.com/#x)\n\n"
        "| a |\n|---|\n| [6](gone.md) [7](#b-2) [8](page.md#c) ![9](gone.svg) |\n\n"
        "`[10](gone.md)`\n",
        encoding="utf-8",
    )
    assert broken(page) == ["gone.md", "#b-2", "page.md#c", "gone.svg"]


def test_spelling_is_right_where_lint_looks(tmp_path: Path) -> None:
    """`make lint` runs codespell with this configuration: it finds a word, and not ours."""
    wrong = "rec" + "ieve"  # not spelled here, where lint looks, too
    page = tmp_path / "page.md"
    page.write_text(f"They {wrong} befores.\n", encoding="utf-8")
    codespell = Path(sys.executable).with_name("codespell")
    command = [str(codespell), "--toml", str(ROOT / "pyproject.toml"), str(page)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 65, ended.stderr
    assert f"{wrong} ==> " in ended.stdout
    assert "befores ==>" not in ended.stdout
