r"""Which values a template must take to become a given name: needed where named logins are compared
one by one.

What a variable can hold follows from what it is: a role session name is 2 to 64 of ``[\w+=,.@-]``
(STS API reference, AssumeRole), and in ``{{SessionName}}`` every ``@`` has become ``-``
(aws-iam-authenticator ``pkg/server/server.go``, renderTemplate).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_letters, ascii_uppercase, digits
from typing import TypeAlias

_SESSION = frozenset(ascii_letters + digits + "_+=,.-")
ALPHABETS: Mapping[str, frozenset[str]] = {
    "SessionName": _SESSION,
    "SessionNameRaw": _SESSION | {"@"},
    "EC2PrivateDNSName": frozenset(ascii_letters + digits + ".-"),
    "AccountID": frozenset(digits),
    "AccessKeyID": frozenset(ascii_uppercase + digits),
}
_LENGTHS: Mapping[str, tuple[int, int]] = {
    "SessionName": (2, 64),
    "SessionNameRaw": (2, 64),
    "EC2PrivateDNSName": (1, 253),
    "AccountID": (12, 12),
    "AccessKeyID": (16, 128),
}
_VARIABLE = re.compile(r"\{\{(" + "|".join(ALPHABETS) + r")\}\}")
# Beyond these the readings of one name are too many; real names have one or two variables.
_WORK = 20_000
_MOST_PARTS = 50


@dataclass(frozen=True, slots=True)
class Variable:
    """A template variable inside a name."""

    name: str


Part: TypeAlias = str | Variable


def parts(name: str) -> tuple[Part, ...]:
    """The name as literal texts and variables, in order; no empty text, no two texts in a row."""
    found: list[Part] = []
    # A split by one group gives text, variable, text, variable, … text.
    for place, piece in enumerate(_VARIABLE.split(name)):
        if not piece:
            continue
        found.append(Variable(piece) if place % 2 else piece)
    return tuple(found)


def render(name: str, values: Mapping[str, str]) -> str:
    """The name with each variable replaced by its value; variables without one stay."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), name)


def readings(template: str, name: str) -> tuple[dict[str, str], ...] | None:
    """Every assignment of variables under which ``template`` becomes ``name``; None when they are
    too many.
    """
    pieces = parts(template)
    if len(pieces) > _MOST_PARTS:
        return None
    last = pieces[-1] if pieces else ""
    if isinstance(last, str) and not name.endswith(last):
        return ()
    work = [_WORK]
    found = list(_read(pieces, name, {}, work))
    return tuple(found) if work[0] > 0 else None


def _read(
    pieces: tuple[Part, ...], text: str, values: dict[str, str], work: list[int]
) -> Iterator[dict[str, str]]:
    work[0] -= 1
    if work[0] <= 0:
        return
    if not pieces:
        if not text:
            yield values
        return
    piece, rest = pieces[0], pieces[1:]
    if isinstance(piece, str):
        if text.startswith(piece):
            yield from _read(rest, text[len(piece) :], values, work)
        return
    for value in _values_at(piece.name, text, values, last=not rest):
        yield from _read(rest, text[len(value) :], {**values, piece.name: value}, work)


def _values_at(variable: str, text: str, values: Mapping[str, str], *, last: bool) -> Iterator[str]:
    """What the variable can hold at the start of ``text``; one value where it has one already, or
    ends the name.
    """
    known = values.get(variable)
    if known is not None:
        if text.startswith(known):
            yield known
        return
    shortest, longest = _LENGTHS[variable]
    alphabet = ALPHABETS[variable]
    reach = 0
    while reach < min(longest, len(text)) and text[reach] in alphabet:
        reach += 1
    for length in (len(text),) if last else range(shortest, reach + 1):
        if shortest <= length <= reach:
            yield text[:length]
