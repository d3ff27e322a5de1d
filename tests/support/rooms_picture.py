"""The picture of the rooms and of the imports between them, as Mermaid reads it.

``python -m tests.support.rooms_picture`` writes it into ``explanation/architecture.md``; a test
compares it with the import graph (grimp, the reader behind import-linter).
"""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

PAGE = Path(__file__).resolve().parents[2] / "playbooks" / "explanation" / "architecture.md"
COMMAND = "python -m tests.support.rooms_picture"

# Rooms as a newcomer meets them: a wing is one room, the core is shown floor by floor.
ROOMS = (
    "cli",
    "app",
    "run",
    "adapters",
    "render",
    "ports",
    "decide",
    "model",
    "errors",
    "fleet",
    "lab",
)
_BLOCK = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)


def imports_between_rooms() -> dict[tuple[str, str], int]:
    """(importing room, imported room) -> how many imports; rooms that do not exist have none."""
    graph = grimp.build_graph("migrator", cache_dir=None)
    found: dict[tuple[str, str], int] = {}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            pair = _room(module), _room(imported)
            if pair[0] != pair[1] and set(pair) <= set(ROOMS):
                found[pair] = found.get(pair, 0) + 1
    return found


def picture() -> str:
    """The Mermaid graph: arrows point to what is imported."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    edges = imports_between_rooms()
    present = {room for pair in edges for room in pair}
    yield "flowchart TD"
    for room in ROOMS:
        if room in present:
            yield f"  {room}"
    for room in ROOMS:
        targets = [other for other in ROOMS if (room, other) in edges]
        for other in targets:
            yield f"  {room} --> {other}"


def cycles() -> list[list[str]]:
    """The first group of modules that import each other, directly or through others.

    An import inside a function counts: it defers the cycle and does not remove it.
    """
    graph = grimp.build_graph("migrator", cache_dir=None)
    imports = {each: graph.find_modules_directly_imported_by(each) for each in graph.modules}
    sorter = TopologicalSorter(imports)
    try:
        sorter.prepare()
    except CycleError as error:
        return [list(error.args[1])]
    return []


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def shown() -> str:
    """The graph that the page has now."""
    found = _BLOCK.search(PAGE.read_text(encoding="utf-8"))
    return found.group(0) if found else ""


def write() -> None:
    """Put the graph of today into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(lambda _: picture(), page), encoding="utf-8")


if __name__ == "__main__":
    write()
