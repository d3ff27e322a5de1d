"""How hard the package is to read: ``python -m tests.support.readability [FOLDER...]`` prints it.

Branches are counted as in cyclomatic complexity: one for the function, one for each ``if``, loop,
``except``, conditional expression, comprehension and match case, one for each further operand of
``and`` and ``or``. A function is dense when it has more than ten branches and more than one in two
lines: such code meets a bound on length by packing.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MANY_BRANCHES = 10
DENSE = 0.5  # branches a line
WIDE = 100  # columns
PROSE = 4  # words that make a string literal a message

# Words of a private idiom. Each has a plain word of the field: see playbooks/reference/glossary.md.
IDIOMS = (
    "whoever",
    "whomever",
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "anew",
    "told",
    "tells of",
    "stands (?:for|there|in|alone|beside|behind|above|under)",
    "stand (?:for|there|in|alone|beside|behind|above|under)",
    "(?:is|are) gone",
    "comes? to (?:an|its|their) end",
    "lets? in",
    "takes? back",
    "taken back",
    "goes? on",
    "gone on",
    "begun",
    "at once",
    "by itself",
    "of its own",
    "side by side",
    "brain",
    "room for",
    "doors?",
    "whose word",
    "came about",
    "has nothing for",
    "in its place",
    "for good",
    "after all",
    "none of",
)
IDIOM = re.compile(rf"\b(?:{'|'.join(IDIOMS)})\b", re.IGNORECASE)

_BRANCHING = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.IfExp,
    ast.comprehension,
    ast.match_case,
)
_GENERATED = {"access_policy_tables.py"}


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """A function by its place, its lines and its branches."""

    place: str
    lines: int
    branches: int

    @property
    def is_dense(self) -> bool:
        """More branches than a reader holds in mind, in fewer lines than they need."""
        return self.branches > MANY_BRANCHES and self.branches > DENSE * self.lines


@dataclass(frozen=True, slots=True)
class Readability:
    """What was measured of a tree of modules."""

    modules: int
    lines: int
    comments: int
    wide: int
    words: int
    idioms: int
    local_imports: int
    functions: tuple[FunctionSize, ...]

    @property
    def branches_per_line(self) -> float:
        """Branches of all functions by their lines."""
        lines = sum(each.lines for each in self.functions)
        return sum(each.branches for each in self.functions) / lines

    @property
    def dense(self) -> tuple[FunctionSize, ...]:
        """The dense functions, the most branches first."""
        found = [each for each in self.functions if each.is_dense]
        return tuple(sorted(found, key=lambda each: -each.branches))

    @property
    def comments_per_thousand(self) -> float:
        """Lines that are a comment alone, in 1,000 lines."""
        return 1000 * self.comments / self.lines

    @property
    def idioms_per_thousand(self) -> float:
        """Idioms in 1,000 words of docstrings, comments and messages."""
        return 1000 * self.idioms / max(1, self.words)


def branches(function: ast.AST) -> int:
    """The branches of a function, those of functions inside it included."""
    return _count(ast.walk(function))


def _count(nodes: Iterable[ast.AST]) -> int:
    count = 1
    for node in nodes:
        if isinstance(node, _BRANCHING):
            count += 1
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
    return count


def prose(source: str, nodes: Iterable[ast.AST] = ()) -> Iterator[tuple[int, str]]:
    """Line and text of every comment, docstring and message of a module; ``nodes`` are those of its
    tree.
    """
    if "#" in source:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("# ")
    for node in nodes or ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if len(node.value.split()) >= PROSE:
            yield node.lineno, node.value


def said(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string of two words or more that is no docstring: what a module says.

    A formatted string is one text; a value in it is shown as ``…``.
    """
    tree = ast.parse(source)
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) in documents | parts:
            continue
        text = _text(node)
        if len(text.split()) > 1:
            yield getattr(node, "lineno", 0), text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return ""


def modules_of(root: Path) -> list[Path]:
    """The modules of a folder that people wrote."""
    return sorted(each for each in root.rglob("*.py") if each.name not in _GENERATED)


def measure(files: Iterable[Path]) -> Readability:
    """Read the modules and count."""
    return sum_of([_of_module(path, path.read_text(encoding="utf-8")) for path in files])


def sum_of(parts: Sequence[Readability]) -> Readability:
    """What was measured of several modules, as one."""
    return Readability(
        modules=sum(part.modules for part in parts),
        lines=sum(part.lines for part in parts),
        comments=sum(part.comments for part in parts),
        wide=sum(part.wide for part in parts),
        words=sum(part.words for part in parts),
        idioms=sum(part.idioms for part in parts),
        local_imports=sum(part.local_imports for part in parts),
        functions=tuple(each for part in parts for each in part.functions),
    )


@cache
def _of_module(path: Path, source: str) -> Readability:
    """One module, counted once in a process."""
    rows = source.splitlines()
    nodes = list(ast.walk(ast.parse(source)))
    texts = [text for _, text in prose(source, nodes)]
    functions: list[FunctionSize] = []
    local_imports = 0
    for node in nodes:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        inside = list(ast.walk(node))
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        functions.append(FunctionSize(f"{path}:{node.lineno} {node.name}", length, _count(inside)))
        local_imports += sum(isinstance(inner, (ast.Import, ast.ImportFrom)) for inner in inside)
    return Readability(
        modules=1,
        lines=len(rows),
        comments=sum(row.strip().startswith("#") for row in rows),
        wide=sum(len(row) > WIDE for row in rows),
        words=sum(len(text.split()) for text in texts),
        idioms=sum(len(IDIOM.findall(text)) for text in texts),
        local_imports=local_imports,
        functions=tuple(functions),
    )


def table(found: Readability) -> str:
    """One measure a line."""
    by_lines = sorted(each.lines for each in found.functions)
    by_branches = sorted(each.branches for each in found.functions)
    nine_tenths = int(0.9 * len(found.functions))
    rows = {
        "lines": found.lines,
        "modules": found.modules,
        "function p90 lines": by_lines[nine_tenths],
        "function p90 branches": by_branches[nine_tenths],
        "branches per function line": round(found.branches_per_line, 3),
        "dense functions": len(found.dense),
        "comments per 1,000 lines": round(found.comments_per_thousand, 1),
        f"lines over {WIDE} columns": found.wide,
        "idioms per 1,000 words": round(found.idioms_per_thousand, 2),
        "imports inside functions": found.local_imports,
    }
    return "\n".join(f"{name:28} {value}" for name, value in rows.items())


if __name__ == "__main__":
    folders = [Path(each) for each in sys.argv[1:]] or [Path("migrator")]
    measured = measure(path for folder in folders for path in modules_of(folder))
    lines = [table(measured), *(f"dense: {each.place}" for each in measured.dense)]
    sys.stdout.write("\n".join(lines) + "\n")
