"""The table of ``tests/lab/unkind.md``: what is unkind, and what the tool says and does then."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.support.cli_lab import Ran

PAGE = Path(__file__).parents[1] / "lab" / "unkind.md"
_ROW = re.compile(
    r"\| (?P<fault>.+?) \| (?P<says>.+?) \| (?P<exit>\d+) \| `(?P<test>tests/\S+?::\w+)` \|"
)


@dataclass(frozen=True)
class Row:
    """One fault: the texts that the tool's output has, the exit code, the test that shows it."""

    fault: str
    says: tuple[str, ...]
    exit: int
    test: str


@lru_cache
def rows() -> dict[str, Row]:
    """The rows by their fault."""
    found = [
        Row(
            match["fault"],
            tuple(re.findall(r"“(.+?)”", match["says"])),
            int(match["exit"]),
            match["test"],
        )
        for match in map(_ROW.fullmatch, PAGE.read_text(encoding="utf-8").splitlines())
        if match is not None
    ]
    return {row.fault: row for row in found}


def assert_as_stated(fault: str, ran: Ran) -> None:
    """The command ended as the row says, and said what stands between “ and ” in it."""
    row = rows()[fault]
    said = " ".join((ran.out + ran.err).split())
    assert ran.code == row.exit, said
    for text in row.says:
        assert text in said
