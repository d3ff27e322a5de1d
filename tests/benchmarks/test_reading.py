"""Speed of reading aws-auth: CPU time of one run, and ratios against the bare parser and a smaller
map.
"""

import contextlib
import gc
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from _ruamel_yaml import CParser, StreamEndEvent, YAMLError
from ruamel.yaml import YAML

from migrator.cli.main import collect_seldom
from migrator.decide.reading.effective_identity import Caller, identity_of, index_rows
from migrator.decide.reading.read_aws_auth import effective_document, read_aws_auth
from migrator.decide.reading.read_manifest import read_manifest
from migrator.errors import MigratorError
from tests.support import yardstick
from tests.support.benchmark_table import Measured

pytestmark = pytest.mark.benchmark

VECTORS = Path(__file__).parents[1] / "data" / "vectors-parse.jsonl.gz"
MIB = (1 << 20) - 64
GROWTH = 1.1
# Times the bare parser, and times the yardstick.
SLOWEST, TEXTS, ROWS, CALLERS = 12.0, 12.0, 6.0, 5.0


def seconds(call: Callable[[], object]) -> float:
    """CPU of a first reading."""
    yardstick.forget_readings()
    return yardstick.processor_seconds(call)


def rows(count: int) -> str:
    return "".join(
        f"- rolearn: arn:aws:iam::111122223333:role/r{n}\n  username: u{n}\n  groups: ['g{n}']\n"
        for n in range(count)
    )


def laughs(levels: int) -> str:
    lines = ["- &l0 [" + "x," * 9 + "]"]
    return "\n".join([*lines, *(f"- &l{n} [{f'*l{n - 1},' * 9}]" for n in range(1, levels))])


def merges(parts: int) -> str:
    keys = ",".join(f"k{n}: v" for n in range(20_000 // parts))
    return "- &a {" + keys + "}\n" + "- {<<: *a}\n" * 10_000


def shapes(parts: int) -> dict[str, str]:
    """Texts of one mebibyte, or of as many rows or levels as that has; or a part of that."""
    size = MIB // parts
    return {
        "rows": rows(11_000 // parts),
        "rows in flow style": "".join(
            f"- {{rolearn: arn:aws:iam::1:role/r{n}, groups: [system:masters, a:{n}]}}\n"
            for n in range(13_000 // parts)
        ),
        "empty lists": "[" + "[]," * (size // 3) + "]",
        "colons in flow style": "[" + "a:b," * (size // 4) + "]",
        "colons that need repairs": "[" + "a :b," * (size // 5) + "]",
        "anchored colons": "[" + "&a a:b," * (size // 7) + "]",
        "items": "- a\n" * (size // 4),
        "keys": "a: b\n" * (size // 5),
        "merges": merges(parts),
        "aliases": "- &a x\n" + "- *a\n" * (size // 5),
        "big aliased rows": "- &a {rolearn: a, groups: ["
        + "g," * 2_000
        + "]}\n"
        + "- *a\n" * (size // 6),
        "billion laughs": laughs(9),
        "many laughs": laughs(5_000 // parts),
        "deep flow": "[" * size,
        "deep flow in lines": "[\n" * (size // 2),
        "deep, then wide": "[" * 5_000 + "[]," * ((MIB // 3 - 5_000) // parts),
        "deep block": "- " * (size // 2),
        "deep keys": "? " * (size // 2),
        "tag directives": "".join(f"%TAG !a{n}! b\n" for n in range(size // 17)),
        "escapes": '"' + "\\'" * (size // 2) + '"',
        "slashes": '- "a\\/b"\n' * (size // 9),
        "a long number": "9" * size,
        "a long word": "a:" * (size // 2),
        "blank": " " * size,
        "broken at the end": rows(10_000 // parts) + "\t- x",
        "damaged at the end": rows(10_000 // parts) + "\x01",
        "documents": "---\n" * (size // 4),
    }


SHAPES, TENTHS = shapes(1), shapes(10)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("section", ["mapRoles", "mapAccounts"])
def test_a_map_of_one_mebibyte_of_any_shape_is_read_or_refused_within_a_second(
    shape: str, section: str
) -> None:
    assert len(SHAPES[shape]) <= 1 << 20
    taken = seconds(lambda: read_aws_auth({section: SHAPES[shape]}))
    print(f"{shape} as {section}: {taken:.2f} s of CPU")  # noqa: T201 - a benchmark's result
    assert taken <= 1


@pytest.mark.usefixtures("as_in_a_command")
def test_the_slowest_shape_takes_few_times_the_bare_parser(measured: Measured) -> None:
    """Which shapes are slow is seen in the test above."""
    parsed = min(seconds(lambda: parse(SHAPES["rows"])) for _ in range(3))
    slowest = {
        shape: min(seconds(lambda shape=shape: read_shape(shape)) for _ in range(2))  # type: ignore[misc]
        for shape in SHAPES
    }
    shape = max(slowest, key=slowest.__getitem__)
    print(f"{shape}: {slowest[shape]:.2f} s of CPU")  # noqa: T201 - a benchmark's result
    measured(
        "read: a mebibyte of the slowest shape",
        of="the bare parser on a mebibyte of rows",
        ideal=parsed,
        ours=slowest[shape],
        bound=SLOWEST,
    )


def read_shape(shape: str) -> None:
    read_aws_auth({"mapRoles": SHAPES[shape]})


def parse(text: str) -> None:
    """What libyaml does, and no more."""
    parser: Any = CParser(text.encode())
    while parser.get_event().__class__ is not StreamEndEvent:
        pass


@pytest.mark.parametrize("shape", SHAPES)
def test_a_manifest_of_one_mebibyte_of_any_shape_is_refused_within_a_second(shape: str) -> None:
    def refuse() -> None:
        with pytest.raises(MigratorError):
            read_manifest(SHAPES[shape].encode())

    assert seconds(refuse) <= 1


def test_four_thousand_recorded_texts_take_at_most_twenty_seconds(measured: Measured) -> None:
    vectors: list[dict[str, Any]] = [
        json.loads(line) for line in gzip.decompress(VECTORS.read_bytes()).splitlines()
    ][1:]
    taken = seconds(lambda: [effective_document(vector["data"]) for vector in vectors])
    assert taken <= 20
    measured(
        "read: 4,000 recorded texts",
        of="the bare parser on those that it reads",
        ideal=seconds(lambda: parse_what_is_yaml(vector["data"] for vector in vectors)),
        ours=taken,
        bound=TEXTS,
    )


def parse_what_is_yaml(vectors: Iterable[dict[str, Any]]) -> None:
    for text in chain.from_iterable(data.values() for data in vectors):
        with contextlib.suppress(YAMLError, TypeError, AttributeError):
            parse(text)


@pytest.mark.usefixtures("as_in_a_command")
def test_reading_is_many_times_faster_than_the_pure_python_parser(measured: Measured) -> None:
    text = rows(300)
    ours = min(seconds(lambda: read_aws_auth({"mapRoles": text})) for _ in range(5))
    pure = seconds(lambda: YAML(typ="safe", pure=True).load(text))
    assert pure >= 5 * ours
    measured(
        "read: 300 rows",
        of="the bare parser",
        ideal=min(seconds(lambda: parse(text)) for _ in range(9)) * 1000,
        ours=ours * 1000,
        bound=ROWS,
        unit="ms",
    )


@pytest.mark.parametrize("section", ["mapRoles", "mapAccounts"])
def test_reading_grows_with_the_text_whatever_its_shape(section: str, measured: Measured) -> None:
    """In a process of its own: free memory that another test left makes the longer text slower."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.test_reading", section],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    shape, growth = json.loads(done.stdout)
    print(f"{shape} as {section}: {growth:.1f} times")  # noqa: T201 - a benchmark's result
    measured(
        f"read: ten times the text, the worst shape of {section}",
        of="ten times the time",
        ideal=10,
        ours=growth,
        bound=GROWTH,
        unit="times",
    )


def worst_growth(section: str) -> tuple[str, float]:
    """The shape that grows most. Both lengths are read in turns, so that what else the machine does
    falls on both.
    """
    growing = [shape for shape in SHAPES if SHAPES[shape] != TENTHS[shape]]
    assert len(growing) == len(SHAPES) - 1
    growth = {shape: grown(section, shape, rounds=2) for shape in growing}
    # What else the machine does shows as growth: the worst ones are looked at longer.
    for shape in sorted(growing, key=lambda each: -growth[each])[:4]:
        growth[shape] = grown(section, shape, rounds=8)
    return max(growth.items(), key=lambda each: each[1])


def grown(section: str, shape: str, *, rounds: int) -> float:
    """How many times the time ten times the text takes."""
    small, large = TENTHS[shape], SHAPES[shape]
    pairs = [
        (
            min(seconds(lambda: read_aws_auth({section: small})) for _ in range(4)),
            seconds(lambda: read_aws_auth({section: large})),
        )
        for _ in range(rounds)
    ]
    first = min(pair[0] for pair in pairs)
    second = min(pair[1] for pair in pairs)
    return 10 * second / first * len(small) / len(large)


@pytest.mark.usefixtures("as_in_a_command")
def test_asking_for_ten_thousand_callers_takes_no_second(measured: Measured) -> None:
    index = index_rows(read_aws_auth({"mapRoles": rows(10_000)}))
    callers = [
        Caller(f"arn:aws:iam::111122223333:role/R{n}", "111122223333", "x", "s")
        for n in range(10_000)
    ]
    taken = seconds(lambda: [identity_of(who, index, (), "CONFIG_MAP") for who in callers])
    assert taken <= 1
    measured(
        "read: who 10,000 callers are among 10,000 rows",
        of=yardstick.OF,
        ideal=yardstick.seconds(),
        ours=taken,
        bound=CALLERS,
    )


if __name__ == "__main__":
    collect_seldom()
    gc.collect()
    print(json.dumps(worst_growth(sys.argv[1])))  # noqa: T201 - the result
