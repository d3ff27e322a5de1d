"""Which tests ``make test`` runs."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("fast", "last", "tests"),
    [
        ("", "render", []),
        ("1", "render", ["tests/render"]),
        # A change of pages alone touches no package.
        ("1", "", ["tests/docs"]),
        ("decide", "render", ["tests/decide"]),
        ("render decide", "", ["tests/render", "tests/decide"]),
    ],
)
def test_fast_means_packages(fast: str, last: str, tests: list[str]) -> None:
    ran = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "run-tests", f"FAST={fast}", f"LAST={last}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    _, _, named = ran.stdout.strip().rpartition("benchmark'")
    assert named.split() == tests
    assert all((ROOT / each).is_dir() for each in tests)
