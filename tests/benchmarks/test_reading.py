"""Speed of reading aws-auth: CPU time of one run, and ratios against the bare parser and a smaller
map.
"""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from migrator.decide.reading.effective_identity import Caller, identity_of, index_rows
from migrator.decide.reading.read_aws_auth import effective_document, read_aws_auth
from migrator.decide.reading.read_manifest import read_manifest
from migrator.errors import MigratorError

pytestmark = pytest.mark.benchmark

VECTORS = Path(__file__).parents[1] / "data" / "vectors-parse.jsonl.gz"
MIB = (1 << 20) - 64


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def rows(count: int) -> str:
    return "".join(
        f"- rolearn: arn:aws:iam::111122223333:role/r{n}\n  username: u{n}\n  groups: ['g{n}']\n"
        for n in range(count)
    )


def laughs(levels: int) -> str:
    lines = ["- &l0 [" + "x," * 9 + "]"]
    return "\n".join([*lines, *(f"- &l{n} [{f'*l{n - 1},' * 9}]" for n in range(1, levels))])


SHAPES = {
    "rows": rows(11_000),
    "rows in flow style": "".join(
        f"- {{rolearn: arn:aws:iam::1:role/r{n}, groups: [system:masters, a:{n}]}}\n"
        for n in range(13_000)
    ),
    "empty lists": "[" + "[]," * (MIB // 3) + "]",
    "colons in flow style": "[" + "a:b," * (MIB // 4) + "]",
    "colons that need repairs": "[" + "a :b," * (MIB // 5) + "]",
    "anchored colons": "[" + "&a a:b," * (MIB // 7) + "]",
    "items": "- a\n" * (MIB // 4),
    "keys": "a: b\n" * (MIB // 5),
    "merges": "- &a {"
    + ",".join(f"k{n}: v" for n in range(20_000))
    + "}\n"
    + "- {<<: *a}\n" * 10_000,
    "aliases": "- &a x\n" + "- *a\n" * (MIB // 5),
    "big aliased rows": "- &a {rolearn: a, groups: ["
    + "g," * 2_000
    + "]}\n"
    + "- *a\n" * (MIB // 6),
    "billion laughs": laughs(9),
    "many laughs": laughs(5_000),
    "deep flow": "[" * MIB,
    "deep flow in lines": "[\n" * (MIB // 2),
    "deep, then wide": "[" * 5_000 + "[]," * (MIB // 3 - 5_000),
    "deep block": "- " * (MIB // 2),
    "deep keys": "? " * (MIB // 2),
    "tag directives": "".join(f"%TAG !a{n}! b\n" for n in range(MIB // 17)),
    "escapes": '"' + "\\'" * (MIB // 2) + '"',
    "slashes": '- "a\\/b"\n' * (MIB // 9),
    "a long number": "9" * MIB,
    "a long word": "a:" * (MIB // 2),
    "blank": " " * MIB,
    "broken at the end": rows(10_000) + "\t- x",
    "damaged at the end": rows(10_000) + "\x01",
    "documents": "---\n" * (MIB // 4),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("section", ["mapRoles", "mapAccounts"])
def test_a_map_of_one_mebibyte_of_any_shape_is_read_or_refused_within_a_second(
    shape: str, section: str
) -> None:
    assert len(SHAPES[shape]) <= 1 << 20
    taken = seconds(lambda: read_aws_auth({section: SHAPES[shape]}))
    print(f"{shape} as {section}: {taken:.2f} s of CPU")  # noqa: T201 - a benchmark's result
    assert taken <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_a_manifest_of_one_mebibyte_of_any_shape_is_refused_within_a_second(shape: str) -> None:
    def refuse() -> None:
        with pytest.raises(MigratorError):
            read_manifest(SHAPES[shape].encode())

    assert seconds(refuse) <= 1


def test_four_thousand_recorded_texts_take_at_most_twenty_seconds() -> None:
    vectors: list[dict[str, Any]] = [
        json.loads(line) for line in gzip.decompress(VECTORS.read_bytes()).splitlines()
    ][1:]
    taken = seconds(lambda: [effective_document(vector["data"]) for vector in vectors])
    print(f"4,000 texts: {taken:.2f} s of CPU")  # noqa: T201 - a benchmark's result
    assert taken <= 20


def test_reading_is_many_times_faster_than_the_pure_python_parser() -> None:
    text = rows(300)
    ours = min(seconds(lambda: read_aws_auth({"mapRoles": text})) for _ in range(5))
    pure = seconds(lambda: YAML(typ="safe", pure=True).load(text))
    print(f"pure Python parser: {pure / ours:.0f} times slower")  # noqa: T201 - a benchmark's result
    assert pure >= 5 * ours


def test_reading_grows_with_the_rows() -> None:
    small, large = rows(500), rows(5_000)
    first = min(seconds(lambda: read_aws_auth({"mapRoles": small})) for _ in range(5))
    second = min(seconds(lambda: read_aws_auth({"mapRoles": large})) for _ in range(3))
    print(f"ten times the rows: {second / first:.1f} times the time")  # noqa: T201 - a benchmark's result
    assert second <= 20 * first


def test_asking_for_ten_thousand_callers_takes_no_second() -> None:
    index = index_rows(read_aws_auth({"mapRoles": rows(10_000)}))
    callers = [
        Caller(f"arn:aws:iam::111122223333:role/R{n}", "111122223333", "x", "s")
        for n in range(10_000)
    ]
    assert seconds(lambda: [identity_of(who, index, (), "CONFIG_MAP") for who in callers]) <= 1
