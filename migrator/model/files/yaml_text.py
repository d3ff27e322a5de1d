"""A JSON document as YAML, for people: the same values, keys sorted, hostile text escaped inside
its quotes.
"""

import re
from typing import Any

from migrator.model.plain_characters import SHORT, code_point, is_plain

# What YAML 1.1 reads as a boolean or null, in any case.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def yaml_text(document: Any) -> str:  # noqa: ANN401 - any JSON value
    """Block style, two spaces; every string in double quotes, so that no YAML version reads it as
    something else.
    """
    return "\n".join(yaml_lines(document, sort=True)) + "\n"


def yaml_lines(value: Any, *, sort: bool = False) -> list[str]:  # noqa: ANN401 - any JSON value
    """The value as lines; keys in the order they come in, or sorted."""
    lines: list[str] = []
    if isinstance(value, dict):
        for key in sorted(value) if sort else value:
            lines += _under(f"{yaml_key(key)}:", value[key], sort)
    elif isinstance(value, (list, tuple)):
        for item in value:
            lines += _item(item, sort)
    # A scalar, or a collection without items, which block style cannot write.
    return lines or [_scalar(value)]


def _under(head: str, value: Any, sort: bool) -> list[str]:  # noqa: ANN401 - any JSON value
    lines = yaml_lines(value, sort=sort)
    if isinstance(value, (dict, list, tuple)) and value:
        return [head, *(f"  {line}" for line in lines)]
    return [f"{head} {lines[0]}"]


def _item(value: Any, sort: bool) -> list[str]:  # noqa: ANN401 - any JSON value
    first, *rest = yaml_lines(value, sort=sort)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def yaml_key(key: str) -> str:
    """A key of a mapping, quoted unless it is a word that every YAML version reads as text."""
    bare = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", key) is not None and key.lower() not in _WORDS
    return key if bare else quoted(key)


def _scalar(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
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
