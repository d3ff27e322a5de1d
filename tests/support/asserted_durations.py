"""Where a test asserts how quick something is."""

import ast
from collections.abc import Callable

# What gives a moment of this machine.
_CLOCKS = frozenset({"monotonic", "perf_counter", "process_time", "thread_time", "time"})


def asserted_durations(source: str) -> list[int]:
    """The lines on which a duration of this machine has to be shorter than something. That a wait
    ends before a moment is no duration: it keeps a test from waiting for ever.
    """
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return sorted({line for function in functions for line in _lines_in(function)})


def _lines_in(function: ast.FunctionDef) -> set[int]:
    moments = _assigned(function, _calls_a_clock)
    taken = _assigned(function, lambda value: _is_taken(value, moments))
    asserts = (node for node in ast.walk(function) if isinstance(node, ast.Assert))
    return {
        each.lineno
        for node in asserts
        for each in ast.walk(node)
        if isinstance(each, ast.Compare) and _has_upper_limit(each, moments, taken)
    }


def _assigned(function: ast.FunctionDef, fits: Callable[[ast.expr], bool]) -> frozenset[str]:
    """The names that get such a value, or to which one is appended."""
    names = set()
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if fits(value):
                names.add(name)
            case ast.Assign(targets=[ast.Tuple(elts=names_of)], value=ast.Tuple(elts=values)):
                names |= {
                    name.id
                    for name, value in zip(names_of, values, strict=False)
                    if isinstance(name, ast.Name) and fits(value)
                }
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[value]
            ) if fits(value):
                names.add(name)
            case _:
                pass
    return frozenset(names)


def _calls_a_clock(value: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "time"
        and node.func.attr in _CLOCKS
        for node in ast.walk(value)
    )


def _is_taken(value: ast.expr, moments: frozenset[str]) -> bool:
    """A difference of two moments."""
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and (_calls_a_clock(node.left) or _names(node.left) & moments)
        and (_calls_a_clock(node.right) or _names(node.right) & moments)
        for node in ast.walk(value)
    )


def _names(value: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}


def _has_upper_limit(compared: ast.Compare, moments: frozenset[str], taken: frozenset[str]) -> bool:
    sides = [compared.left, *compared.comparators]
    for left, operator, right in zip(sides, compared.ops, sides[1:], strict=False):
        if isinstance(operator, ast.Gt | ast.GtE):
            shorter = right
        elif isinstance(operator, ast.Lt | ast.LtE):
            shorter = left
        else:
            continue
        if _is_taken(shorter, moments) or _names(shorter) & taken:
            return True
    return False
