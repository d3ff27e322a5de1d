"""libyaml's events into a tree of nodes, read as go-yaml v2 would have read them.

go-yaml v2 is a port of libyaml, so events of the C library (``ruamel.yaml.clib``) are its events,
but for what :mod:`.source` levels and for three rules of go-yaml's scanner and parser that are kept
here: 10,000 levels are enough, only YAML 1.1 is compatible, and an empty flow collection as a key
confuses its list of simple keys (``doubtful``).

Work is bounded: a text that could cost more than about a second is ``doubtful`` and unread.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import _ruamel_yaml as libyaml

from migrator.decide.reading.go_yaml.nodes import (
    AliasNode,
    Collection,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)
from migrator.decide.reading.go_yaml.problems import doubtful, lost
from migrator.decide.reading.go_yaml.resolve import MERGE_TAG
from migrator.decide.reading.go_yaml.source import Source, check_limits

LibyamlEvent: TypeAlias = Any  # the extension module has no types

MAX_NODES: Final = 120_000
MAX_LEVELS: Final = 10_000  # go-yaml scannerc.go: max_flow_level, max_indents
_MAX_FLOW_WORK: Final = 100_000_000  # libyaml looks at every open flow level for every token


class Document:
    """The first document (``root`` None when the text holds none) and its nodes, children before
    parents.
    """

    __slots__ = ("nodes", "root")

    def __init__(self) -> None:
        self.root: Node | None = None
        self.nodes: list[Node] = []


def compose(text: str) -> Document:
    """The first document of ``text``; what follows it is not looked at.

    A text without a document gives one without a root. Raises YamlProblem.
    """
    for document in compose_all(text):
        return document
    return Document()


def compose_all(text: str) -> Iterator[Document]:
    """Every document in turn.

    Raises YamlProblem, after the documents before the problem were given. After each repair the
    text is read from its beginning, and documents that were given are passed over.
    """
    text = text.removeprefix("\ufeff")
    check_limits(text)
    source = Source(text)
    done = 0
    while True:
        composer = _Composer(source)
        try:
            for number, document in enumerate(composer.documents()):
                if number >= done:
                    done += 1
                    yield document
        except libyaml.YAMLError as problem:
            source.repair(problem, documents_read=done, values_read=composer.values_read)
        else:
            return


class _Composer:
    """Builds the documents of one pass over the events."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._parser: Any = libyaml.CParser(source.text.encode())
        self._document = Document()
        self._open: list[Collection] = []
        self._anchors: dict[str, Node] = {}
        self._keys: dict[str, str] = {}
        self.values_read = 0
        self._flow_levels = 0
        self._flow_work = 0

    def documents(self) -> Iterator[Document]:
        """Documents in turn, each as soon as its end is read.

        Raises YamlProblem and libyaml's errors.
        """
        get_event = self._parser.get_event
        # not kept on self: that would be a cycle, and every text's nodes garbage that is looked for
        handlers: dict[type, Callable[[LibyamlEvent], None]] = {
            libyaml.ScalarEvent: self._on_scalar,
            libyaml.AliasEvent: self._on_alias,
            libyaml.SequenceStartEvent: self._on_sequence,
            libyaml.MappingStartEvent: self._on_mapping,
            libyaml.SequenceEndEvent: self._on_end,
            libyaml.MappingEndEvent: self._on_end,
        }
        get_event()  # the stream's start
        while (start := get_event()).__class__ is not libyaml.StreamEndEvent:
            if start.version not in (None, (1, 1)):  # libyaml takes 1.2 as well
                raise lost(start.start_mark.line + 1, 1, "found incompatible YAML document")
            self._document = Document()
            self._anchors = {}
            while (event := get_event()).__class__ is not libyaml.DocumentEndEvent:
                handlers[event.__class__](event)
            yield self._document

    def _add(self, node: Node, event: LibyamlEvent) -> None:
        """A new node in the collection that is open, or as the document's root. Raises
        YamlProblem.
        """
        self.values_read += 1
        self._flow_work += self._flow_levels
        if self.values_read > MAX_NODES:
            raise doubtful(node.line, node.column, f"it has more than {MAX_NODES:,} values")
        if self._flow_work > _MAX_FLOW_WORK:
            message = "its flow collections are too deep for their length"
            raise doubtful(node.line, node.column, message)
        if not self._open:
            self._document.root = node
            return
        parent = self._open[-1]
        # Keys and values take turns, and the key comes first.
        if parent.kind == "mapping" and len(parent.children) % 2 == 0:
            self._check_key(node, event)
        parent.children.append(node)

    def _check_key(
        self,
        node: Node,
        event: LibyamlEvent,
    ) -> None:
        """Notes a merge key, ``<<``, which is a plain scalar or has the tag ``!!merge``."""
        # go-yaml takes `<<` for a merge where nothing says that it is text (decode.go, isMerge).
        if not isinstance(node, ScalarNode):
            return
        if event.value == "<<":
            node.is_merge_key = event.implicit[0] or event.tag == MERGE_TAG
        # Rows have the same keys.
        node.text = self._keys.setdefault(node.text, node.text)

    def _on_scalar(self, event: LibyamlEvent) -> None:
        """A text, which may have a tag or an anchor. Raises YamlProblem."""
        mark = event.start_mark
        text = event.value
        if self._source.is_repaired:
            text = self._source.original(text)
        node = ScalarNode(mark.line + 1, mark.column + 1, text, event.tag or "", event.implicit[0])
        self._add(node, event)
        if event.anchor:
            self._anchors[event.anchor] = node
        if self._source.has_escaped_slash and event.style == '"':
            self._check_slashes(event)
        self._document.nodes.append(node)

    def _check_slashes(self, event: LibyamlEvent) -> None:
        """Raise YamlProblem for an escape that libyaml knows and go-yaml does not."""
        mark = event.start_mark
        if self._source.escapes_slash(mark, event.end_mark):
            message = "while parsing a quoted scalar: unknown escape \\/"
            raise lost(mark.line + 1, mark.column + 1, message)

    def _on_alias(self, event: LibyamlEvent) -> None:
        """An alias of a node before it. Raises YamlProblem for an unknown anchor."""
        mark = event.start_mark
        node = AliasNode(mark.line + 1, mark.column + 1, event.anchor, len(self._open))
        self._add(node, event)
        node.target = self._anchors.get(event.anchor)
        if node.target is None:
            raise lost(node.line, node.column, f"unknown anchor {event.anchor[:40]!r} referenced")
        self._document.nodes.append(node)

    def _on_sequence(self, event: LibyamlEvent) -> None:
        mark = event.start_mark
        node = SequenceNode(mark.line + 1, mark.column + 1, bool(event.flow_style))
        self._open_collection(node, event)

    def _on_mapping(self, event: LibyamlEvent) -> None:
        mark = event.start_mark
        node = MappingNode(mark.line + 1, mark.column + 1, bool(event.flow_style))
        self._open_collection(node, event)

    def _open_collection(self, node: Collection, event: LibyamlEvent) -> None:
        """A collection whose members follow. Raises YamlProblem for too many levels."""
        self._add(node, event)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._open.append(node)
        self._flow_levels += node.flow
        if self._flow_levels > MAX_LEVELS:
            raise lost(node.line, node.column, f"exceeded max depth of {MAX_LEVELS}")
        if len(self._open) - self._flow_levels > MAX_LEVELS:
            raise doubtful(node.line, node.column, f"it has more than {MAX_LEVELS:,} levels")

    def _on_end(self, event: LibyamlEvent) -> None:
        """A collection is complete. Raises YamlProblem where versions of go-yaml differ over it."""
        node = self._open.pop()
        self._flow_levels -= node.flow
        self._document.nodes.append(node)
        # `{}` or `[]` as a key: go-yaml's list of simple keys loses count (scannerc.go).
        is_empty_flow = node.flow and not node.children
        if is_empty_flow and self._open and self._is_at_key():
            raise doubtful(node.line, node.column, "an empty flow collection as a key")

    def _is_at_key(self) -> bool:
        """Whether the last member of the collection that is open is a key: a value is missing."""
        parent = self._open[-1]
        if parent.kind != "mapping":
            return False
        return len(parent.children) % 2 == 1
