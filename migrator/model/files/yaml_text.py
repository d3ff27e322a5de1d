"""A JSON document as YAML, for people: the same values, keys sorted, hostile text escaped inside
its quotes.
"""

import re
from typing import Any

from migrator.model.plain_characters import SHORT, code_point, is_plain

# What YAML 1.1 reads as a boolean or null, in any case.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def yaml_text(document: Any) -> str:  # noqa: ANN401 - any JSON value
    """A document in block style, two spaces a level, keys sorted.

    Every string is in double quotes, so that no YAML version reads it as something else.
    """
    return "\n".join(yaml_lines(document, sort=True)) + "\n"


def yaml_lines(value: Any, *, sort: bool = False) -> list[str]:  # noqa: ANN401 - any JSON value
    """The value as lines; keys in the order they come in, or sorted.

    Lines are not indented: what is inside is indented by what is around it. Recursion is as deep as
    the value, which this tool made or has read with a bound.
    """
    lines: list[str] = []
    if isinstance(value, dict):
        keys = list(value)
        if sort:
            keys.sort()
        for key in keys:
            lines += _under(f"{yaml_key(key)}:", value[key], sort)
    elif isinstance(value, (list, tuple)):
        for item in value:
            first, *rest = yaml_lines(item, sort=sort)
            lines.append(f"- {first}")
            lines += [f"  {line}" for line in rest]
    # A scalar, or a collection without items, which block style cannot write.
    if not lines:
        lines.append(_scalar(value))
    return lines


def _under(head: str, value: Any, sort: bool) -> list[str]:  # noqa: ANN401 - any JSON value
    """A key with its value: behind it on the same line, or below it and indented."""
    lines = yaml_lines(value, sort=sort)
    if not isinstance(value, (dict, list, tuple)):
        return [f"{head} {lines[0]}"]
    # `{}` and `[]` are written behind the key, as scalars are.
    if not value:
        return [f"{head} {lines[0]}"]
    return [head, *(f"  {line}" for line in lines)]


def yaml_key(key: str) -> str:
    """A key of a mapping, quoted unless it is a word that every YAML version reads as text.

    ``on`` and ``no`` are booleans to YAML 1.1, and a number as a key is no text to any version.
    """
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", key) is None:
        return quoted(key)
    if key.lower() in _WORDS:
        return quoted(key)
    return key


def _scalar(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value without items on one line. Raises ``TypeError`` for what JSON does not have."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        return repr(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def quoted(text: str) -> str:
    r"""A double-quoted YAML scalar, which no YAML version reads as anything but this string.

    ``##`` is written ``#\x23``: read back it is the same, and in the log of a pipeline it begins no
    command.
    """
    out = []
    for char in text:
        if char in ('"', "\\"):
            out.append("\\" + char)
        elif char in SHORT or not is_plain(char):
            out.append(code_point(char))
        else:
            out.append(char)
    return f'"{"".join(out)}"'.replace("##", "#\\x23")
