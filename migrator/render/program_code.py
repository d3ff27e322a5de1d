"""Pieces of Python and TypeScript source: literals, lists, objects and calls, an item a line.

Every text is written by the escape of its language, so that no text ends its literal. An item a
line keeps the changes of a review as short as the change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from migrator.render.escape import comment, javascript, python


@dataclass(frozen=True, slots=True)
class Name:
    """An expression of the generator's own, written as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call: what is called, its arguments by place, then those by name.

    In TypeScript the arguments by name are one object after the others.
    """

    callee: str
    arguments: tuple["Value", ...] = ()
    named: Mapping[str, "Value"] = field(default_factory=dict)


Value: TypeAlias = "str | Name | Call | Sequence[Value] | Mapping[str, Value]"


def python_lines(
    value: Value,
) -> list[str]:
    """An expression of Python; inner lines are indented by four blanks."""
    if isinstance(value, str):
        return [python(value)]
    if isinstance(value, Name):
        return [value.text]
    if isinstance(value, Call):
        items = [python_lines(each) for each in value.arguments]
        items += [_led(f"{key}=", python_lines(each)) for key, each in value.named.items()]
        return _bracketed(f"{value.callee}(", items, ")", " " * 4)
    if isinstance(value, Mapping):
        pairs = [_led(f"{python(key)}: ", python_lines(each)) for key, each in value.items()]
        return _bracketed("{", pairs, "}", " " * 4)
    return _bracketed("[", map(python_lines, value), "]", " " * 4)


def typescript_lines(
    value: Value,
) -> list[str]:
    """An expression of TypeScript; inner lines are indented by two blanks."""
    if isinstance(value, str):
        return [javascript(value)]
    if isinstance(value, Name):
        return [value.text]
    if isinstance(value, Call):
        before = "".join(f"{typescript_lines(each)[0]}, " for each in value.arguments)
        first, *rest = typescript_lines(value.named)
        rest[-1] += ")"
        return [f"{value.callee}({before}{first}", *rest]
    if isinstance(value, Mapping):
        # Keys are the generator's own identifiers.
        pairs = [_led(f"{key}: ", typescript_lines(each)) for key, each in value.items()]
        return _bracketed("{", pairs, "}", " " * 2)
    return _bracketed("[", map(typescript_lines, value), "]", " " * 2)


def _led(
    lead: str,
    lines: list[str],
) -> list[str]:
    """The lines with a lead before the first."""
    return [f"{lead}{lines[0]}", *lines[1:]]


def _bracketed(
    head: str,
    items: Iterable[list[str]],
    tail: str,
    indent: str,
) -> list[str]:
    """Items between brackets, each with a comma behind it."""
    lines = [head]
    for item in items:
        lines += [f"{indent}{line}" for line in item[:-1]]
        lines.append(f"{indent}{item[-1]},")
    return [*lines, tail]


def indented(
    lines: Iterable[str],
    indent: str,
) -> list[str]:
    """Lines of a block; empty ones stay empty."""
    return [f"{indent}{line}" if line else "" for line in lines]


def comment_lines(
    mark: str,
    lines: Iterable[str],
) -> list[str]:
    """Comments that end with their line; ``mark`` is ``#`` or ``//``."""
    return [f"{mark} {comment(line)}".rstrip() for line in lines]


def given(
    key: str,
    value: "Value | None",
) -> dict[str, Value]:
    """A property that is set; none for what is left to EKS, or a list without items."""
    if value is None:
        return {}
    if isinstance(value, (list, tuple)) and not value:
        return {}
    return {key: value}
