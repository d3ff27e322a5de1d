"""A part of the many places at which runs are killed, for a machine that has no time for all.

``CRASH_PART=1/4`` keeps the second of every four. CI takes another part at every commit; without
the variable every place is tried.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

Place = TypeVar("Place")


def part_of(places: Sequence[Place], part: str | None = None) -> Sequence[Place]:
    """Every n-th place, counted from the part's number; all of them where no part is named.

    :param part: ``NUMBER/OF`` with 0 <= NUMBER < OF; else the variable ``CRASH_PART``.
    :raises ValueError: where it is written otherwise.
    """
    named = os.environ.get("CRASH_PART", "") if part is None else part
    if not named:
        return places
    number, of = (int(figure) for figure in named.split("/"))
    if not 0 <= number < of:
        raise ValueError(f"CRASH_PART={named}: the number before the stroke is from 0 to {of - 1}")
    return places[number::of]
