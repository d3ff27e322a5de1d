"""Three-valued logic: yes, no, or a reason for which it is not known."""

from collections.abc import Iterable
from typing import TypeAlias

# A text is the reason for which it is not known.
Truth: TypeAlias = bool | str


def every(parts: Iterable[Truth]) -> Truth:
    """Whether all hold. One that does not hold decides, whatever is not known of the others."""
    return _unless(False, parts)


def some(parts: Iterable[Truth]) -> Truth:
    """Whether at least one holds. One that holds decides."""
    return _unless(True, parts)


def _unless(decisive: bool, parts: Iterable[Truth]) -> Truth:
    """``decisive`` where one of the parts is, else what is not known, else the contrary."""
    doubt = ""
    for part in parts:
        if part is decisive:
            return decisive
        if isinstance(part, str):
            doubt = doubt or part
    return doubt or not decisive


def negated(part: Truth) -> Truth:
    """The contrary; what is not known stays so."""
    if isinstance(part, str):
        return part
    return not part
