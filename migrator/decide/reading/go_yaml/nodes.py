"""The tree of one YAML document, before and after decoding. Mutable on purpose: it never gets far
from here.
"""

from typing import ClassVar, Final, Literal, TypeAlias

from migrator.decide.reading.go_yaml.resolve import ScalarValue

Kind: TypeAlias = Literal["scalar", "sequence", "mapping", "alias"]
# A Go map[interface{}]interface{} tells 1 from "1" from true; text keys, the only ones a row can
# use, stay str.
MapKey: TypeAlias = str | tuple[str, object]

NULL_KEY: Final[MapKey] = ("null", None)

_NO_CHILDREN: Final[list["Node"]] = []
_NO_ITEMS: Final[dict[MapKey, "Node"]] = {}


class Node:
    """A scalar, collection or alias with its place (``line`` and ``column`` count from 1).

    Set by :mod:`.compose`: ``text`` of scalars and aliases, ``tag`` in full or ``""``, ``implicit``
    (plain, or tagged ``!``), ``flow`` of collections, ``children`` (keys and values in turn for
    mappings), ``target`` of aliases, ``is_merge_key``, ``depth`` of aliases (number of open
    collections around it). Set by :mod:`.decode`: ``decoded``, ``value`` of scalars, ``items`` of
    mappings (last duplicate wins, merges applied), ``size`` (decode operations, aliases expanded),
    ``nesting`` (JSON levels), ``refusal`` (why JSON cannot hold it).
    """

    # A map has up to 120,000 nodes: each kind has slots for what it can have, and no dictionary.
    __slots__ = ("column", "line", "refusal", "tag")
    kind: ClassVar[Kind]
    text: str = ""
    implicit: bool = False
    flow: bool = False
    is_merge_key: bool = False
    depth: int = 0
    target: "Node | None" = None
    value: ScalarValue = None
    size: int = 1
    nesting: int = 0
    decoded: bool = True
    children: "list[Node]" = _NO_CHILDREN
    items: "dict[MapKey, Node]" = _NO_ITEMS

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        self.tag = ""
        self.refusal: str | None = None

    @property
    def resolved(self) -> "Node":
        """The node that an alias names (never another alias); any other node itself."""
        return self


class ScalarNode(Node):
    """One text."""

    __slots__ = ("implicit", "is_merge_key", "text", "value")
    kind = "scalar"

    def __init__(self, line: int, column: int, text: str, tag: str, implicit: bool) -> None:
        # Written out: most nodes are scalars.
        self.line = line
        self.column = column
        self.tag = tag
        self.refusal = None
        self.text = text
        self.value = None
        self.implicit = implicit
        self.is_merge_key = False


class AliasNode(Node):
    """Another place of a node that has an anchor."""

    __slots__ = ("depth", "size", "target", "text")
    kind = "alias"

    def __init__(self, line: int, column: int, text: str, depth: int) -> None:
        super().__init__(line, column)
        self.text = text
        self.depth = depth
        self.size = 1
        self.target = None

    @property
    def resolved(self) -> Node:
        """The node that it names."""
        return self.target or self


class Collection(Node):
    """A sequence or a mapping, open until its end is read."""

    __slots__ = ("children", "decoded", "flow", "nesting", "size")

    def __init__(self, line: int, column: int, flow: bool) -> None:
        super().__init__(line, column)
        self.flow = flow
        self.children = []
        self.size = 1
        self.nesting = 0
        self.decoded = False


class SequenceNode(Collection):
    """A list."""

    __slots__ = ()
    kind = "sequence"


class MappingNode(Collection):
    """Keys and values."""

    __slots__ = ("items",)
    kind = "mapping"

    def __init__(self, line: int, column: int, flow: bool) -> None:
        super().__init__(line, column, flow)
        self.items = {}
