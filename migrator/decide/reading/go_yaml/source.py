r"""A text as libyaml gets it, where libyaml and go-yaml differ over characters, and what neither is
asked to read.

go-yaml v2 is a port of libyaml; its ``scannerc.go`` and ``readerc.go`` differ from libyaml 0.1 in a
few places:

* ``[system:masters]``: libyaml refuses a colon inside a plain scalar of a flow collection, go-yaml
  takes it. The colon is replaced by a character that the text does not have, and put back in the
  values.
* ``"\'"`` is an escape of go-yaml only (a stand-in again), ``"\/"`` one of libyaml only (go-yaml
  refuses).
* A byte order mark inside the text, long version directives, and damage behind the first document,
  which go-yaml reads in smaller pieces: ``doubtful``.
"""

import re
from itertools import islice
from typing import Any, Final, TypeAlias

from migrator.decide.reading.go_yaml.problems import YamlProblem, doubtful, lost

LibyamlMark: TypeAlias = Any  # the extension module has no types
LibyamlError: TypeAlias = Any

MAX_BYTES: Final = 1 << 20  # a ConfigMap holds no more
_MAX_DIRECTIVES: Final = 100  # libyaml compares every %TAG with every other
_MAX_REPAIR_WORK: Final = 120_000  # values read again, and a part of the characters

# What a YAML text may hold besides tabs and line breaks (YAML 1.1, "Character Set").
_PRINTABLE: Final = ((0x20, 0x7E), (0xA0, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_DIRECTIVE = re.compile("(?:^|[\r\n\x85\u2028\u2029])%")
# After every break that go-yaml knows (scannerc.go, is_break).
_MAY_END = re.compile("(?:^|[\r\n\x85\u2028\u2029])(?:---|\\.\\.\\.|%)")
_LONG_VERSION = re.compile(r"(?m)^%YAML[ \t]+(?:[0-9]{3,}\.|[0-9]*\.[0-9]{3,})")
_ESCAPED_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")
# A word with colons inside, at the start of a token, on a line without tags and directives: nowhere
# in YAML is one of these colons an indicator.
_COLON_WORD = re.compile(r"(?<![^\s\[{,])[A-Za-z0-9_./@=+-]+(?::(?=\S)[A-Za-z0-9_./@=+*-]*)+")
_RISKY_LINE = re.compile("^%|!")
_REST_OF_WORD = re.compile(r"[^\s,?\[\]{}]*")
# What is usually wrong, by what libyaml says.
_HINTS: Final = {
    "could not find expected ':'": "a line that is no 'key: value', or a quote that is not closed",
    "did not find expected key": "the indentation differs from the keys before",
    "did not find expected '-' indicator": "the indentation differs from the items before",
    "mapping values are not allowed in this context": "a value with ': ' in it must be quoted",
    "block sequence entries are not allowed in this context": "a list starts on a new line",
    "did not find expected ',' or ']'": "a bracket that is not closed, or a comma that is missing",
    "did not find expected ',' or '}'": "a brace that is not closed, or a comma that is missing",
    "found character that cannot start any token": "a value that starts like this must be quoted",
    "found unexpected end of stream": "a quote that is not closed",
}
# Noncharacters would be refused by the reader; these are private use, in no font and in no
# ConfigMap.
_STAND_INS: Final = tuple(map(chr, range(0xF171, 0xF171 + 32)))


def check_limits(text: str) -> None:
    """Raise YamlProblem for a text that is not to be read at all.

    Where go-yaml and libyaml may read it differently, or reading it would take too long.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise doubtful(1, 1, "it holds half a surrogate pair") from None
    if size > MAX_BYTES:
        raise doubtful(1, 1, "it is longer than the 1 MiB that a ConfigMap can hold")
    if "\ufeff" in text:
        line, column = _place(text, text.index("\ufeff"))
        raise doubtful(line, column, "a byte order mark in the middle of the text")
    if any(islice(_DIRECTIVE.finditer(text), _MAX_DIRECTIVES, None)):
        raise doubtful(1, 1, "it has more than 100 lines that start like directives")
    if _LONG_VERSION.search(text):
        raise doubtful(1, 1, "its %YAML directive has a long version number")


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    line = 1
    start = 0
    for found in _BREAKS.finditer(text, 0, index):
        line += 1
        start = found.end()
    return line, index - start + 1


class Source:
    """The text as libyaml gets it, and the way back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.has_escaped_slash = "\\/" in text
        self._stand_ins: list[str] = []
        self._work = 0
        self._starts: list[int] | None = None

    @property
    def is_repaired(self) -> bool:
        """Whether scalars may hold stand-ins, so that :meth:`original` is needed."""
        return bool(self._stand_ins)

    def original(self, value: str) -> str:
        """A scalar's value of a repaired text, with the original characters instead of the
        stand-ins.
        """
        colon, backslash = self._stand_ins
        return value.replace(colon, ":").replace(backslash + "'", "'")

    def escapes_slash(self, start: LibyamlMark, end: LibyamlMark) -> bool:
        r"""Whether the double-quoted scalar between two marks has the escape ``\/``.

        go-yaml does not know it and refuses the text.
        """
        return _ESCAPED_SLASH.search(self.text, self.index(start), self.index(end)) is not None

    def index(self, mark: LibyamlMark) -> int:
        """The character that a mark of libyaml is at."""
        if self._starts is None:
            self._starts = [0, *(found.end() for found in _BREAKS.finditer(self.text))]
        # At the end of a text libyaml counts a line and a column more than there are.
        line = min(int(mark.line), len(self._starts) - 1)
        place = self._starts[line] + int(mark.column)
        return min(place, len(self.text))

    def repair(
        self,
        problem: LibyamlError,
        *,
        documents_read: int,
        values_read: int,
    ) -> None:
        """Put a stand-in where go-yaml reads on. Raises YamlProblem where it does not either.

        ``problem`` is libyaml's error. ``documents_read`` and ``values_read`` say how far the pass
        got: the text is read again from its beginning, and that work is bounded.
        """
        mark = getattr(problem, "problem_mark", None)
        if mark is None:
            raise self._unreadable(problem, documents_read)
        at = self.index(mark)
        message = str(problem.problem)
        if message == "found unexpected ':'" and self.text[at : at + 1] == ":":
            self._take_stand_ins()
            if self._work == 0:
                self._replace_colon_words()
            self._replace_in_word(at)
        elif message == "found unknown escape character" and self.text[at : at + 2] == "\\'":
            self._take_stand_ins()
            self.text = self.text[:at] + self._stand_ins[1] + self.text[at + 1 :]
        else:
            explained = _explain(problem, message, self._line_at(at))
            raise lost(mark.line + 1, mark.column + 1, explained)
        # Everything up to here is read again.
        self._work += values_read + len(self.text) // 50 + 1
        if self._work > _MAX_REPAIR_WORK:
            raise doubtful(
                mark.line + 1, mark.column + 1, "too many colons inside words of flow collections"
            )

    def _line_at(self, at: int) -> str:
        """The line around a character, at most 200 characters to each side."""
        start = max(0, at - 200)
        before = _BREAKS.split(self.text[start:at])[-1]
        after = _BREAKS.split(self.text[at : at + 200])[0]
        return before + after

    def _unreadable(self, problem: LibyamlError, documents_read: int) -> YamlProblem:
        """A character that no YAML reader takes.

        Behind the first document's end go-yaml may not have got there: it reads in smaller pieces.
        A line that begins like a marker or a directive may be that end.
        """
        at = next((i for i, char in enumerate(self.text) if not _allowed(char)), 0)
        line, column = _place(self.text, at)
        message = "control characters are not allowed"
        if documents_read == 0 and _MAY_END.search(self.text, 0, at):
            message = f"{message}, and this one may come after the first document"
            return doubtful(line, column, message)
        return lost(line, column, message)

    def _take_stand_ins(self) -> None:
        """Choose two characters that the text does not hold. Raises YamlProblem where there are
        none.
        """
        if self._stand_ins:
            return
        lowered = self.text.lower()
        unused = [mark for mark in _STAND_INS if mark not in self.text]
        # An escape writes a character by its number: "\\ue000".
        free = [mark for mark in unused if f"{ord(mark):x}" not in lowered]
        if len(free) < 2:
            raise doubtful(1, 1, "it uses the private characters that reading it would need")
        self._stand_ins = free[:2]

    def _replace_in_word(self, at: int) -> None:
        """All colons of the plain word that continues at ``at``, but one that ends it."""
        end = at + len(_REST_OF_WORD.match(self.text, at)[0])  # type: ignore[index]  # it matches everywhere
        is_last = end == len(self.text) or self.text[end].isspace()
        keep = ""
        # A colon at the end of a word makes it a key (YAML 1.2, "Plain Style").
        if is_last and end - 1 > at:
            keep = self.text[end - 1 : end]
        word = self.text[at : end - len(keep)].replace(":", self._stand_ins[0])
        self.text = self.text[:at] + word + keep + self.text[end:]

    def _replace_colon_words(self) -> None:
        """All that the first colon hints at, in one go.

        One repair at a time would read the text again for each.
        """
        colon = self._stand_ins[0]
        lines = self.text.splitlines(keepends=True)
        for place, line in enumerate(lines):
            # In tags and directives a colon means something.
            if _RISKY_LINE.search(line):
                continue
            lines[place] = _COLON_WORD.sub(lambda word: word[0].replace(":", colon), line)
        self.text = "".join(lines)


def _allowed(char: str) -> bool:
    """Whether a YAML text may hold the character (YAML 1.1, "Character Set")."""
    code = ord(char)
    if code in (0x9, 0xA, 0xD, 0x85):
        return True
    return any(first <= code <= last for first, last in _PRINTABLE)


def _explain(problem: LibyamlError, message: str, line: str) -> str:
    """What libyaml says, and what is usually behind it in an aws-auth ConfigMap."""
    context = ""
    if getattr(problem, "context", None):
        context = f"{problem.context}: "
    if line.lstrip(" ").startswith("\t"):
        hint = "a tab cannot indent"
    elif "{{" in line or "{%" in line:
        hint = "a template at the start of a value must be quoted"
    else:
        hint = _HINTS.get(message, "")
    if not hint:
        return f"{context}{message}"
    return f"{context}{message} ({hint})"
