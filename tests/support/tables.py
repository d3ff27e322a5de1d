"""Tables in Markdown that name tests: what they hold, and which tests there are."""

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def table_rows(path: Path) -> list[list[str]]:
    """The cells of every row of every table of a file, without heads and rules."""
    found: list[list[str]] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("| ") and not below.startswith("|---"):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def functions_of_tests() -> set[str]:
    """The names of all test functions."""
    return {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
