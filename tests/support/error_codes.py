"""Every code of an error that is raised anywhere in the package, found in the source text.

A code is followed from the constructor of an error through module constants, through parameters of
functions (``_refuse(code, …)``), and through values that carry one (:data:`CARRIERS`).
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from migrator import errors

EXIT_CODES = {
    name: each.exit_code
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, errors.MigratorError)
}
# What carries a code to where an error is made of it: the position of the code, and the exit code
# of that error.
CARRIERS = {
    "OtherFile": (0, 1),
    "Difference": (0, 5),
    "_rule": (1, 1),
    "_Refusal": (0, 1),
    "Cause": (0, 1),
}
# There a difference is one of boxes, and a rule is one of a network policy.
ROOMS_WITH_OTHERS = {"access", "network_policies"}
# The command line says these itself.
SAID = {"_say": 1}


@dataclass
class Found:
    """Where a code is raised, and with which exit codes."""

    places: list[str] = field(default_factory=list)
    exit_codes: set[int] = field(default_factory=set)


@cache
def codes_in_source() -> dict[str, Found]:
    """Code -> where it is raised. Fails on a code that cannot be followed."""
    return _Scan().run()


class _Scan:
    def __init__(self) -> None:
        self.found: dict[str, Found] = {}
        self.trees = {
            path: ast.parse(path.read_text()) for path in sorted(Path("migrator").rglob("*.py"))
        }
        self.calls = [(path, list(_calls(tree))) for path, tree in self.trees.items()]
        self.constants = dict(self._module_constants())
        # function name -> (position of its parameter that is a code, parameter name, exit code)
        self.makers: dict[str, tuple[int, str, int]] = {}

    def run(self) -> dict[str, Found]:
        """Follow codes until no further function is known to make errors of a parameter."""
        for _ in range(4):
            known = len(self.makers)
            self.found.clear()
            for path, calls in self.calls:
                for node, functions in calls:
                    self._call(path, node, functions)
            if len(self.makers) == known:
                break
        return self.found

    def _module_constants(self) -> Iterator[tuple[str, str]]:
        for tree in self.trees.values():
            for node in tree.body:
                value = getattr(node, "value", None)
                if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Constant):
                    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                    if isinstance(target, ast.Name) and isinstance(value.value, str):
                        yield target.id, value.value
                if isinstance(node, ast.Assign) and isinstance(value, ast.Tuple):
                    yield from _unpacked(node.targets[0], value)

    def _call(self, path: Path, call: ast.Call, functions: tuple[ast.FunctionDef, ...]) -> None:
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in EXIT_CODES:
            self._code(path, call, _argument(call, 0, "code"), functions, EXIT_CODES[name])
        elif name in CARRIERS and not ROOMS_WITH_OTHERS & set(path.parts):
            at, exit_code = CARRIERS[name]
            self._code(path, call, _argument(call, at, "code"), functions, exit_code)
        elif name in SAID and path.name == "main.py":
            self._code(path, call, _argument(call, SAID[name], "code"), functions, 0)
        elif name in self.makers:
            at, parameter, exit_code = self.makers[name]
            self._code(path, call, _argument(call, at, parameter), functions, exit_code)

    def _code(
        self,
        path: Path,
        call: ast.Call,
        code: ast.expr | None,
        functions: tuple[ast.FunctionDef, ...],
        exit_code: int,
    ) -> None:
        place = f"{path}:{call.lineno}"
        if isinstance(code, ast.IfExp):
            self._code(path, call, code.body, functions, exit_code)
            self._code(path, call, code.orelse, functions, exit_code)
        elif isinstance(code, ast.Constant):
            found = self.found.setdefault(str(code.value), Found())
            found.places.append(place)
            found.exit_codes.add(exit_code)
        elif isinstance(code, ast.Name) and code.id in self.constants:
            found = self.found.setdefault(self.constants[code.id], Found())
            found.places.append(place)
            found.exit_codes.add(exit_code)
        elif isinstance(code, ast.Name):
            self._variable(place, code.id, functions, exit_code)
        elif not _is_carried(code):
            raise AssertionError(f"{place}: this code cannot be followed")

    def _variable(
        self, place: str, name: str, functions: tuple[ast.FunctionDef, ...], exit_code: int
    ) -> None:
        for function in reversed(functions):
            names = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
            if name in names:
                self.makers[function.name] = (names.index(name), name, exit_code)
                return
            codes = [*_assigned(function, name), *_tables_with(function, name)]
            for code in codes:
                found = self.found.setdefault(code, Found())
                found.places.append(place)
                found.exit_codes.add(exit_code)
            if codes:
                return
        raise AssertionError(f"{place}: the variable {name} cannot be followed")


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, tuple[ast.FunctionDef, ...]]]:
    """All calls, each with the functions that it is in."""

    def walk(
        node: ast.AST, functions: tuple[ast.FunctionDef, ...]
    ) -> Iterator[tuple[ast.Call, tuple[ast.FunctionDef, ...]]]:
        for child in ast.iter_child_nodes(node):
            inside = (*functions, child) if isinstance(child, ast.FunctionDef) else functions
            if isinstance(child, ast.Call):
                yield child, inside
            yield from walk(child, inside)

    return walk(tree, ())


def _argument(call: ast.Call, at: int, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[at] if len(call.args) > at else None


def _is_carried(code: ast.expr | None) -> bool:
    """Whether the code is one that a value carries, or that a journal recorded."""
    if isinstance(code, ast.Attribute):
        return code.attr in ("code", "error")
    return code is not None and ast.unparse(code) == "str(state.effect['code'])"


def _unpacked(targets: ast.expr, values: ast.Tuple) -> Iterator[tuple[str, str]]:
    if isinstance(targets, ast.Tuple):
        for target, value in zip(targets.elts, values.elts, strict=False):
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                yield target.id, str(value.value)


def _assigned(function: ast.FunctionDef, name: str) -> Iterator[str]:
    """The texts that the function assigns to a variable."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and name in map(_name, node.targets):
            for value in ast.walk(node.value):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _tables_with(function: ast.FunctionDef, name: str) -> Iterator[str]:
    """The codes of a table that the function goes through with a loop variable of this name."""
    for node in ast.walk(function):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Tuple):
            names = [each.id for each in node.target.elts if isinstance(each, ast.Name)]
            if name in names:
                yield from _column(function, names.index(name))


def _column(function: ast.FunctionDef, at: int) -> list[str]:
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Tuple):
            for row in node.value.elts:
                if not isinstance(row, ast.Tuple):
                    continue
                code = row.elts[at]
                if isinstance(code, ast.Constant):
                    found.append(str(code.value))
    return found
