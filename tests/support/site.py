"""The documentation as a site: ``python -m tests.support.site FOLDER`` (``make docs``).

The pages are the Markdown files of the repository where they are, so that one text is right on
GitHub and on the site. What pages link to beside them (examples, schemas) is copied. The navigation
is that of ``playbooks/README.md``.
"""

import logging
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / ".mkdocs.yml"
INDEX = ROOT / "playbooks" / "README.md"
_SECTION = re.compile(r"^## (?P<title>[\w-]+)")
_PAGE = re.compile(r"^- \[[^\]]+\]\((?P<page>[^)]+)\)")
# Beside the pages of the index: what they, and the README, link to.
_FOLDERS = ("playbooks", "examples")
_PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_OTHERS = (*_PROJECT, "README.md", "LICENSE", "tests/**/*.md")
_TEST = re.compile(r"\]\((tests/[\w/]+\.py)")


def navigation() -> list[dict[str, Any]]:
    """The sections of the index with their pages, between the README and the project's pages."""
    sections: dict[str, list[str]] = {}
    title = ""
    for line in INDEX.read_text(encoding="utf-8").splitlines():
        if found := _SECTION.match(line):
            title = found["title"]
            sections[title] = []
        elif listed := _PAGE.match(line):
            sections[title].append(f"playbooks/{listed['page']}")
    every = [{title: pages} for title, pages in sections.items()]
    return [{"Start": ["README.md", "playbooks/README.md"]}, *every, {"Project": [*_PROJECT]}]


def _files() -> Iterator[Path]:
    for folder in _FOLDERS:
        yield from (path for path in (ROOT / folder).rglob("*") if path.is_file())
    for pattern in _OTHERS:
        yield from ROOT.glob(pattern)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    yield from (ROOT / name for name in set(_TEST.findall(readme)))


def build(folder: Path) -> None:
    """Write the site into the folder. Raises ``mkdocs.exceptions.Abort`` for a link or an anchor
    that leads nowhere.
    """
    from mkdocs.commands.build import build as build_site
    from mkdocs.config import load_config

    with TemporaryDirectory() as place:
        pages = Path(place)
        for path in _files():
            copy = pages / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        config = load_config(
            str(CONFIGURATION), docs_dir=str(pages), site_dir=str(folder), nav=navigation()
        )
        build_site(config)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    target = Path(sys.argv[1]).resolve()
    build(target)
    sys.stdout.write(f"{target / 'index.html'}\n")
