"""Long lists in texts for people: the first items, and how many more there are."""

from collections.abc import Sequence


def and_more(total: int, shown: int, what: str = "") -> str:
    """``and 3 more``, or ``and 3 more probes``; empty where all are shown."""
    if total <= shown:
        return ""
    return f"and {total - shown} more {what}".rstrip()


def some_of(
    names: Sequence[str],
    most: int,
    what: str = "",
    *,
    between: str = ", ",
    last: str = " ",
) -> str:
    """``a, b and 3 more``: the first names in one text. ``last`` comes before ``and``."""
    text = between.join(names[:most])
    rest = and_more(len(names), most, what)
    if not rest:
        return text
    return f"{text}{last}{rest}"


def first_lines(lines: Sequence[str], most: int, what: str = "") -> list[str]:
    """The first lines, and one more that says how many are left out."""
    rest = and_more(len(lines), most, what)
    if not rest:
        return list(lines)
    return [*lines[:most], rest]
