"""libyaml's events into a tree of nodes, read as go-yaml v2 would have read them.

go-yaml v2 is a port of libyaml, so events of the C library (``ruamel.yaml.clib``) are its events, but for a few places
that are levelled here (go-yaml ``scannerc.go``, ``readerc.go``, ``parserc.go``):

* ``[system:masters]``: libyaml 0.1 refuses a colon inside a plain scalar of a flow collection, go-yaml takes it.
  The colon is replaced by a character that the text does not have, and put back in the values.
* ``"\\'"`` is an escape of go-yaml only, ``"\\/"`` one of libyaml only.
* go-yaml stops at 10,000 levels, and reads in small chunks: what comes after the first document may be damaged.
* A byte order mark inside the text, an empty flow collection as a key, odd version directives: ``doubtful``.

Work is bounded: a text that could cost more than about a second (see the limits below) is ``doubtful`` and unread.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import _ruamel_yaml as libyaml

from migrator.decide.go_yaml.nodes import Kind, Node
from migrator.decide.go_yaml.problems import YamlProblem, doubtful, lost
from migrator.decide.go_yaml.resolve import MERGE_TAG

MAX_BYTES: Final = 1 << 20  # a ConfigMap holds no more
MAX_NODES: Final = 250_000
MAX_LEVELS: Final = 10_000  # go-yaml: max_flow_level, max_indents
_MAX_FLOW_WORK: Final = 200_000_000  # libyaml looks at every open flow level for every token
_MAX_DIRECTIVES: Final = 100  # libyaml compares every %TAG with every other
_MAX_REPAIRS: Final = 20

_BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_DIRECTIVE = re.compile("(?:^|[\r\n\x85\u2028\u2029])%")
_LONG_VERSION = re.compile(r"(?m)^%YAML[ \t]+(?:[0-9]{3,}\.|[0-9]*\.[0-9]{3,})")
_ESCAPED_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")
# A word with colons inside, at the start of a token, on a line without tags, anchors, aliases and directives.
_COLON_WORD = re.compile(r"(?<![^\s\[{,])[A-Za-z0-9_./@=+-]+(?::(?=\S)[A-Za-z0-9_./@=+*-]*)+")
_RISKY_LINE = re.compile("[!&*%]")
# Noncharacters would be refused by the reader; these are private use, in no font and in no ConfigMap.
_STAND_INS: Final = tuple(chr(code) for code in range(0xF171, 0xF171 + 32))


class Document:
    """The first document (``root`` None when the text holds none) and its nodes, children before parents."""

    __slots__ = ("nodes", "root")

    def __init__(self) -> None:
        self.root: Node | None = None
        self.nodes: list[Node] = []


def compose(text: str) -> Document:
    """The first document of ``text``; what follows it is not looked at. Raises YamlProblem."""
    for document in compose_all(text):
        return document
    return Document()


def compose_all(text: str) -> Iterator[Document]:
    """Every document in turn. Raises YamlProblem, after the documents before the problem were given."""
    text = text.removeprefix("\ufeff")
    _check_limits(text)
    source = _Source(text)
    done = 0
    while True:
        composer = _Composer(source)
        try:
            for number, document in enumerate(composer.documents()):
                if number >= done:
                    done += 1
                    yield document
        except libyaml.YAMLError as problem:
            source.repair(problem, documents_read=done)
        else:
            return


def _check_limits(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise doubtful(1, 1, "it holds half a surrogate pair") from None
    if size > MAX_BYTES:
        raise doubtful(1, 1, "it is longer than the 1 MiB that a ConfigMap can hold")
    if "\ufeff" in text:
        raise doubtful(*_place(text, text.index("\ufeff")), "a byte order mark in the middle of the text")
    if "%" in text and len(_DIRECTIVE.findall(text)) > _MAX_DIRECTIVES:
        raise doubtful(1, 1, "it has more than 100 lines that start like directives")
    if _LONG_VERSION.search(text):
        raise doubtful(1, 1, "its %YAML directive has a long version number")


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    line, start = 1, 0
    for found in _BREAKS.finditer(text, 0, index):
        line, start = line + 1, found.end()
    return line, index - start + 1


class _Source:
    """The text as libyaml gets it, and the way back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.has_escaped_slash = "\\/" in text
        self._stand_ins: list[str] = []
        self._repairs = 0
        self._starts: list[int] | None = None

    def original(self, value: str) -> str:
        """A scalar's value with the stand-ins taken back."""
        if not self._stand_ins:
            return value
        colon, backslash = self._stand_ins
        return value.replace(colon, ":").replace(backslash + "'", "'")

    def index(self, mark: Any) -> int:  # noqa: ANN401 - a mark of libyaml
        """The character that a mark of libyaml stands at."""
        if self._starts is None:
            self._starts = [0, *(found.end() for found in _BREAKS.finditer(self.text))]
        return min(self._starts[min(mark.line, len(self._starts) - 1)] + int(mark.column), len(self.text))

    def repair(self, problem: Any, *, documents_read: int) -> None:  # noqa: ANN401 - an error of libyaml
        """Put a stand-in where go-yaml reads on. Raises YamlProblem where it does not either."""
        mark = getattr(problem, "problem_mark", None)
        if mark is None:
            raise self._unreadable(problem, documents_read)
        at = self.index(mark)
        message = str(problem.problem)
        if message == "found unexpected ':'" and self.text[at : at + 1] == ":":
            self._take_stand_ins()
            self._replace(at, self._stand_ins[0])
            if self._repairs == 0:
                self._replace_colon_words()
        elif message == "found unknown escape character" and self.text[at : at + 2] == "\\'":
            self._take_stand_ins()
            self._replace(at, self._stand_ins[1])
        else:
            raise lost(mark.line + 1, mark.column + 1, _explain(problem, message, self._line_at(at)))
        self._repairs += 1
        if self._repairs > _MAX_REPAIRS:
            raise doubtful(mark.line + 1, mark.column + 1, "too many colons inside words of flow collections")

    def _line_at(self, at: int) -> str:
        return _BREAKS.split(self.text[max(0, at - 200) : at])[-1] + _BREAKS.split(self.text[at : at + 200])[0]

    def _unreadable(self, problem: Any, documents_read: int) -> YamlProblem:  # noqa: ANN401
        """A character that no YAML reader takes. Behind the first document's end go-yaml may not have got there."""
        at = next((i for i, char in enumerate(self.text) if not _allowed(char)), 0)
        line, column = _place(self.text, at)
        message = "control characters are not allowed"
        if documents_read == 0 and re.search(r"(?m)^(?:---|\.\.\.)(?:\s|$)", self.text[:at]):
            return doubtful(line, column, f"{message}, and this one may come after the first document")
        return lost(line, column, message)

    def _take_stand_ins(self) -> None:
        if not self._stand_ins:
            lowered = self.text.lower()
            free = [mark for mark in _STAND_INS if mark not in self.text and f"{ord(mark):x}" not in lowered]
            if len(free) < 2:
                raise doubtful(1, 1, "it uses the private characters that reading it would need")
            self._stand_ins = free[:2]

    def _replace(self, at: int, character: str) -> None:
        self.text = self.text[:at] + character + self.text[at + 1 :]

    def _replace_colon_words(self) -> None:
        """All that the first colon hints at, in one go: one repair at a time would read the text again for each."""
        colon = self._stand_ins[0]
        lines = self.text.splitlines(keepends=True)
        self.text = "".join(
            line if _RISKY_LINE.search(line) else _COLON_WORD.sub(lambda word: word[0].replace(":", colon), line)
            for line in lines
        )


def _allowed(char: str) -> bool:
    code = ord(char)
    return (
        code in (0x9, 0xA, 0xD, 0x85)
        or 0x20 <= code <= 0x7E
        or 0xA0 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or code >= 0x10000
    )


def _explain(problem: Any, message: str, line: str) -> str:  # noqa: ANN401 - an error of libyaml
    """libyaml's words, and what is usually behind them in an aws-auth ConfigMap."""
    context = f"{problem.context}: " if getattr(problem, "context", None) else ""
    hint = ""
    if line.lstrip(" ").startswith("\t"):
        hint = " (a tab cannot indent)"
    elif "{{" in line or "{%" in line:
        hint = " (a template at the start of a value must be quoted)"
    return f"{context}{message}{hint}"


class _Composer:
    """Builds the documents of one pass over the events."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._parser: Any = libyaml.CParser(source.text.encode())
        self._handlers: dict[type, Callable[[Any], None]] = {
            libyaml.ScalarEvent: self._on_scalar,
            libyaml.AliasEvent: self._on_alias,
            libyaml.SequenceStartEvent: self._on_sequence,
            libyaml.MappingStartEvent: self._on_mapping,
            libyaml.SequenceEndEvent: self._on_end,
            libyaml.MappingEndEvent: self._on_end,
        }
        self._document = Document()
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0
        self._flow_levels = 0
        self._flow_work = 0

    def documents(self) -> Iterator[Document]:
        """Documents in turn, each as soon as its end is read. Raises YamlProblem and libyaml's errors."""
        get_event = self._parser.get_event
        handlers = self._handlers
        get_event()  # the stream's start
        while (start := get_event()).__class__ is not libyaml.StreamEndEvent:
            if start.version not in (None, (1, 1)):  # libyaml takes 1.2 as well
                raise lost(start.start_mark.line + 1, 1, "found incompatible YAML document")
            self._document = Document()
            self._anchors = {}
            while (event := get_event()).__class__ is not libyaml.DocumentEndEvent:
                handlers[event.__class__](event)
            yield self._document

    def _add(self, kind: Kind, event: Any) -> Node:  # noqa: ANN401 - an event of libyaml
        mark = event.start_mark
        node = Node(kind, mark.line + 1, mark.column + 1, len(self._open))
        self._count += 1
        self._flow_work += self._flow_levels
        if self._count > MAX_NODES:
            raise doubtful(node.line, node.column, f"it has more than {MAX_NODES:,} values")
        if self._flow_work > _MAX_FLOW_WORK:
            raise doubtful(node.line, node.column, "its flow collections are too deep for their length")
        if self._open:
            parent = self._open[-1]
            if parent.kind == "mapping" and len(parent.children) % 2 == 0:
                self._check_key(node, kind, event)
            parent.children.append(node)
        else:
            self._document.root = node
        return node

    def _check_key(self, node: Node, kind: Kind, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        if kind == "scalar":
            node.is_merge_key = event.value == "<<" and (event.implicit[0] or event.tag == MERGE_TAG)

    def _on_scalar(self, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        node = self._add("scalar", event)
        node.text = self._source.original(event.value)
        node.tag = event.tag or ""
        node.implicit = event.implicit[0]
        if event.anchor:
            self._anchors[event.anchor] = node
        if self._source.has_escaped_slash and event.style == '"':
            self._check_slashes(event)
        self._document.nodes.append(node)

    def _check_slashes(self, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        start = self._source.index(event.start_mark)
        if _ESCAPED_SLASH.search(self._source.text, start, self._source.index(event.end_mark)):
            mark = event.start_mark
            raise lost(mark.line + 1, mark.column + 1, "while parsing a quoted scalar: unknown escape \\/")

    def _on_alias(self, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        node = self._add("alias", event)
        node.text = event.anchor
        node.target = self._anchors.get(event.anchor)
        if node.target is None:
            raise lost(node.line, node.column, f"unknown anchor {event.anchor[:40]!r} referenced")
        self._document.nodes.append(node)

    def _on_sequence(self, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        self._open_collection("sequence", event)

    def _on_mapping(self, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        self._open_collection("mapping", event)

    def _open_collection(self, kind: Kind, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        node = self._add(kind, event)
        node.flow = bool(event.flow_style)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._open.append(node)
        self._flow_levels += node.flow
        if self._flow_levels > MAX_LEVELS:
            raise lost(node.line, node.column, f"exceeded max depth of {MAX_LEVELS}")
        if len(self._open) - self._flow_levels > MAX_LEVELS:
            raise doubtful(node.line, node.column, f"it has more than {MAX_LEVELS:,} levels")

    def _on_end(self, event: Any) -> None:  # noqa: ANN401 - an event of libyaml
        node = self._open.pop()
        self._flow_levels -= node.flow
        self._document.nodes.append(node)
        if node.flow and not node.children and self._open and self._is_key(node):
            raise doubtful(node.line, node.column, "an empty flow collection as a key")

    def _is_key(self, node: Node) -> bool:
        parent = self._open[-1]
        return parent.kind == "mapping" and len(parent.children) % 2 == 1 and parent.children[-1] is node
