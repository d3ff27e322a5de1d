"""The documentation builds as a site (``make docs``) that fetches nothing from elsewhere; a link to
nowhere fails the build.
"""

import re
from pathlib import Path

import pytest
from mkdocs.exceptions import Abort

from tests.support import site

# What a browser fetches when it shows a page; a link is fetched by a reader alone.
_FETCHED = re.compile(r"<(?:script|img|iframe|link|source)\b[^>]*\b(?:src|href)=\"?([^\" >]+)")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


def test_site_has_every_page_of_the_index(built: Path) -> None:
    (index,) = [each for each in site.navigation() if "Reference" in each]
    assert "playbooks/reference/errors.md" in index["Reference"]
    pages = [page for part in site.navigation() for pages in part.values() for page in pages]
    assert len(pages) > 30
    for page in pages:
        at = "index.html" if page == "README.md" else page.removesuffix(".md") + ".html"
        assert (built / at.replace("README.html", "index.html")).is_file(), page


def test_pages_of_the_site_fetch_nothing_from_elsewhere(built: Path) -> None:
    found = {
        (page.name, fetched)
        for page in built.rglob("*.html")
        for fetched in _FETCHED.findall(page.read_text(encoding="utf-8"))
    }
    assert len(found) > 50
    assert {each for each in found if re.match(r"(?:https?:)?//", each[1])} == set()
    # The theme fetches a program for diagrams from elsewhere where a page has an element for one.
    assert [page for page in built.rglob("*.html") if 'class="mermaid"' in page.read_text()] == []


def test_styles_of_the_site_fetch_nothing_from_elsewhere(built: Path) -> None:
    styles = [*built.rglob("*.css")]
    assert styles
    assert [each for each in styles if re.search(r"url\((?:https?:)?//", each.read_text())] == []


@pytest.mark.parametrize("link", ["nowhere.md", "break-glass.md#nowhere"])
def test_link_that_leads_nowhere_fails_the_build(
    link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = tmp_path / "repository"
    (pages / "playbooks").mkdir(parents=True)
    for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY"):
        (pages / f"{name}.md").write_text(f"# {name}\n", encoding="utf-8")
    text = f"# Index\n\n## How-to: do\n\n- [Break glass](break-glass.md): see [x]({link})\n"
    (pages / "playbooks" / "README.md").write_text(text, encoding="utf-8")
    (pages / "playbooks" / "break-glass.md").write_text("# Break glass\n", encoding="utf-8")
    monkeypatch.setattr(site, "ROOT", pages)
    monkeypatch.setattr(site, "INDEX", pages / "playbooks" / "README.md")
    with pytest.raises(Abort):
        site.build(tmp_path / "site")
