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
        if place % 2:
            found.append(Variable(piece))
        else:
            found.append(piece)
    return tuple(found)


def render(name: str, values: Mapping[str, str]) -> str:
    """The name with each variable replaced by its value; variables without one stay.

    The authenticator replaces texts and parses nothing (``pkg/server/server.go``, renderTemplate):
    a value that looks like a variable is not replaced again.
    """
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), name)


def readings(template: str, name: str) -> tuple[dict[str, str], ...] | None:
    """Every assignment of variables under which ``template`` becomes ``name``.

    ``{"SessionName": "alice"}`` is one of them; a template without variables that is the name has
    one reading, which is empty. None when they are too many to be sure of all.
    """
    pieces = parts(template)
    if len(pieces) > _MOST_PARTS:
        return None
    last: Part = ""
    if pieces:
        last = pieces[-1]
    # Most names differ at their end, and this is found out without a search.
    if isinstance(last, str) and not name.endswith(last):
        return ()
    work = [_WORK]
    found = tuple(_read(pieces, name, {}, work))
    # The search was cut short: readings may be missing.
    if work[0] <= 0:
        return None
    return found


def _read(
    pieces: tuple[Part, ...],
    text: str,
    values: dict[str, str],
    work: list[int],
) -> Iterator[dict[str, str]]:
    """The readings of the rest of a name, given the values of the variables before it.

    ``work`` is one number, counted down with every step: names and templates are the cluster's, and
    the search must end.
    """
    work[0] -= 1
    if work[0] <= 0:
        return
    if not pieces:
        if not text:
            yield values
        return
    piece = pieces[0]
    rest = pieces[1:]
    if isinstance(piece, str):
        if text.startswith(piece):
            yield from _read(rest, text[len(piece) :], values, work)
        return
    for value in _values_at(piece.name, text, values, last=not rest):
        known = {**values, piece.name: value}
        yield from _read(rest, text[len(value) :], known, work)


def _values_at(
    variable: str,
    text: str,
    values: Mapping[str, str],
    *,
    last: bool,
) -> Iterator[str]:
    """What the variable can hold at the start of ``text``, shortest first.

    It is one value where the variable has one already, or ends the name.
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
    # The last variable holds all that is left.
    if last:
        shortest = max(shortest, len(text))
    for length in range(shortest, reach + 1):
        yield text[:length]
