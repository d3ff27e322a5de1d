r"""Usernames and groups with template variables: which names they can become.

aws-iam-authenticator renders ``{{SessionName}}`` and four others in usernames and groups of every backend
(``pkg/server/server.go``, renderTemplate); spelling is exact, anything else stays literal. What a variable can
hold follows from what it is: a role session name is 2 to 64 of ``[\w+=,.@-]`` (STS API reference, AssumeRole),
and in ``{{SessionName}}`` every ``@`` has become ``-``.
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
_WORK = 20_000  # steps before a comparison of two names gives up and says that they may match
Values: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Variable:
    """A template variable inside a name."""

    name: str


Part: TypeAlias = str | Variable


def parts(name: str) -> tuple[Part, ...]:
    """The name as literal texts and variables, in order; no empty text, no two texts in a row."""
    pieces = _VARIABLE.split(name)  # text, variable, text, variable, … text
    return tuple(Variable(piece) if place % 2 else piece for place, piece in enumerate(pieces) if piece)


def is_template(name: str) -> bool:
    """Whether the authenticator would render anything in this name."""
    return _VARIABLE.search(name) is not None


def literal_prefix(name: str) -> str:
    """The text that everything the template can become starts with."""
    first = next(iter(parts(name)), "")
    return first if isinstance(first, str) else ""


def render(name: str, values: Values) -> str:
    """The name with the variables that have a value replaced by it."""
    for variable, value in values.items():
        name = name.replace(f"{{{{{variable}}}}}", value)
    return name


def readings(template: str, name: str) -> tuple[dict[str, str], ...] | None:
    """Every assignment of variables under which ``template`` becomes ``name``; None when there are too many to tell."""
    pieces = parts(template)
    last = pieces[-1] if pieces else ""
    if isinstance(last, str) and not name.endswith(last):
        return ()
    found: list[dict[str, str]] = []
    work = [_WORK]
    for reading in _read(pieces, name, {}, work):
        if reading not in found:
            found.append(reading)
    return tuple(found) if work[0] > 0 else None


def _read(pieces: tuple[Part, ...], text: str, values: dict[str, str], work: list[int]) -> Iterator[dict[str, str]]:
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


def _values_at(variable: str, text: str, values: Values, *, last: bool) -> Iterator[str]:
    """What the variable can hold at the start of ``text``; one value where it has one already, or ends the name."""
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


def may_match(one: str, other: str) -> bool:
    """Whether two names, each a literal or a template, can be the same name after rendering.

    Never wrongly False; True also where it would take too long to tell, or where one variable used twice would
    need two values.
    """
    if one == other:
        return True
    left, right = _symbols(one), _symbols(other)
    if all(isinstance(s, str) for s in (*left, *right)):
        return False
    if len(left) * len(right) > _WORK * 50:
        return True
    return _meet(left, right)


_Symbol: TypeAlias = str | frozenset[str]  # one character, or any number of characters of an alphabet


def _symbols(name: str) -> tuple[_Symbol, ...]:
    found: list[_Symbol] = []
    for part in parts(name):
        found.extend([ALPHABETS[part.name]] if isinstance(part, Variable) else part)
    return tuple(found)


def _meet(left: tuple[_Symbol, ...], right: tuple[_Symbol, ...]) -> bool:
    """Whether the two languages share a word: both automata walked at once, each pair of places once."""
    seen = {(0, 0)}
    queue = [(0, 0)]
    for i, j in queue:
        if i == len(left) and j == len(right):
            return True
        for place in _onward(left[i : i + 1], right[j : j + 1], i, j):
            if place not in seen:
                seen.add(place)
                queue.append(place)
    return False


def _onward(a: tuple[_Symbol, ...], b: tuple[_Symbol, ...], i: int, j: int) -> Iterator[tuple[int, int]]:
    if a and not isinstance(a[0], str):
        yield i + 1, j  # the variable ends here
        if b and isinstance(b[0], str) and b[0] in a[0]:
            yield i, j + 1  # it takes one more character
    if b and not isinstance(b[0], str):
        yield i, j + 1
        if a and isinstance(a[0], str) and a[0] in b[0]:
            yield i + 1, j
    if a and b and isinstance(a[0], str) and a[0] == b[0]:
        yield i + 1, j + 1
