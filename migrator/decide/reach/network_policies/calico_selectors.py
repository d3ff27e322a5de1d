"""The selector language of Calico, parsed.

Source: Calico, reference of NetworkPolicy, "Selectors": ``==``, ``!=``, ``in``, ``not in``,
``has``, ``contains``, ``starts with``, ``ends with``, ``!``, ``&&`` before ``||``, ``all()``,
``global()``, parentheses; strings in single or double quotes without escapes; an empty selector
matches everything.
"""

import re
from typing import Final, NamedTuple

from migrator.model.network_policies.selectors import (
    AllOf,
    AnyOf,
    Compare,
    Everything,
    Globally,
    Not,
    Operator,
    Selector,
    Unparsed,
)

_LONGEST: Final = 20_000  # characters; a selector of Kubernetes' largest object fits many times
_DEEPEST: Final = 60  # parentheses in each other
_SHOWN: Final = 60
_TOKEN: Final = re.compile(
    r"""[ \t]*(?:
      (?P<has>has\([ \t]*(?P<label>[a-zA-Z0-9_./-]+)[ \t]*\))
    | (?P<all>all\([ \t]*\))
    | (?P<global>global\([ \t]*\))
    | (?P<string>"[^"]*"|'[^']*')
    | (?P<sign>==|!=|&&|\|\||[!(){},])
    | (?P<name>[a-zA-Z0-9_./-]+)
    )""",
    re.VERBOSE,
)
# Right after a label only an operator can stand, and it needs no space before a string.
_WORD: Final = re.compile(
    r"[ \t]*(contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in|==|!=)(?:[ \t]*)"
)
_OPERATORS: Final[dict[str, Operator]] = {
    "contains": "contains",
    "startswith": "starts with",
    "endswith": "ends with",
    "notin": "not in",
    "in": "in",
    "==": "in",
    "!=": "not in",
}
_SETS: Final = frozenset({"in", "notin"})


class _Wrong(Exception):
    """What is wrong with the selector."""


class _Token(NamedTuple):
    kind: str
    text: str


def parse_selector(text: object) -> Selector:
    """The selector; :class:`Unparsed` with the reason where it is not one of the language."""
    if text is None:
        return Everything()
    if not isinstance(text, str):
        return Unparsed("a selector that is no text")
    if len(text) > _LONGEST:
        return Unparsed("a selector that is too long")
    try:
        return _Parser(text).whole()
    except _Wrong as error:
        return Unparsed(f"selector {text[:_SHOWN]!r}: {error}")


class _Parser:
    """Reads one selector from its start to its end."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._next = self._scan()

    def whole(self) -> Selector:
        """All of it. Raises ``_Wrong``."""
        if self._next.kind == "end":
            return Everything()
        found = self._alternatives()
        if self._next.kind != "end":
            raise _Wrong(f"{self._next.text!r} is not expected")
        return found

    def _scan(self) -> _Token:
        """The token at the place, and the place after it."""
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            rest = self._text[self._at :].strip(" \t")
            if not rest:
                return _Token("end", "")
            raise _Wrong(f"{rest[:20]!r} is not expected")
        self._at = match.end()
        kind = match.lastgroup or ""
        if match["has"]:
            return _Token("has", match["label"])
        if kind == "string":
            return _Token(kind, match["string"][1:-1])
        return _Token(kind, match[kind])

    def _take(self, text: str) -> bool:
        """Whether that sign is next; it is then behind."""
        if self._next != _Token("sign", text):
            return False
        self._next = self._scan()
        return True

    def _alternatives(self) -> Selector:
        parts = [self._conjunction()]
        while self._take("||"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _conjunction(self) -> Selector:
        parts = [self._operation()]
        while self._take("&&"):
            parts.append(self._operation())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _operation(self) -> Selector:
        negative = False
        while self._take("!"):
            negative = not negative
        found = self._plain()
        return Not(found) if negative else found

    def _plain(self) -> Selector:
        token = self._next
        if self._take("("):
            return self._parenthesis()
        if token.kind == "name":
            return self._comparison(token.text)
        found: dict[str, Selector] = {
            "has": Compare(token.text, "has"),
            "all": Everything(),
            "global": Globally(),
        }
        if token.kind not in found:
            raise _Wrong(f"{token.text or 'the end'!r} is not expected")
        self._next = self._scan()
        return found[token.kind]

    def _parenthesis(self) -> Selector:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Wrong("too many parentheses")
        found = self._alternatives()
        if not self._take(")"):
            raise _Wrong("a parenthesis is not closed")
        self._depth -= 1
        return found

    def _comparison(self, label: str) -> Selector:
        """After a label: the scanner has not read more than it."""
        match = _WORD.match(self._text, self._at)
        if match is None:
            raise _Wrong(f"label {label[:40]!r} has no operator")
        self._at = match.end()
        word = re.sub(r"[ \t]", "", match[1])
        self._next = self._scan()
        values = self._values() if word in _SETS else (self._string(),)
        return Compare(label, _OPERATORS[word], values)

    def _string(self) -> str:
        token = self._next
        if token.kind != "string":
            raise _Wrong("a string is expected")
        self._next = self._scan()
        return token.text

    def _values(self) -> tuple[str, ...]:
        """``{'a', 'b'}``; a comma at the end is allowed."""
        if not self._take("{"):
            raise _Wrong("a set of strings is expected")
        values: list[str] = []
        while self._next.kind == "string":
            values.append(self._string())
            if not self._take(","):
                break
        if not self._take("}"):
            raise _Wrong("a set is not closed")
        return tuple(values)
