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


class Node:
    """A scalar, collection or alias with its place (``line`` and ``column`` count from 1).

    Set by :mod:`.compose`: ``text`` of scalars, ``tag`` in full or ``""``, ``implicit`` (plain, or
    tagged ``!``), ``flow`` of collections, ``children`` (keys and values in turn for mappings),
    ``target`` of aliases, ``is_merge_key``, ``depth`` (number of open collections around it). Set
    by :mod:`.decode`: ``decoded``, ``value`` of scalars, ``items`` of mappings (last duplicate
    wins, merges applied), ``size`` (decode operations, aliases expanded), ``nesting`` (JSON
    levels), ``refusal`` (why JSON cannot hold it).
    """

    # Defaults stand here and not in the constructor: a map has up to 120,000 nodes, most of them
    # plain scalars.
    tag: str = ""
    text: str = ""
    implicit: bool = False
    flow: bool = False
    is_merge_key: bool = False
    target: "Node | None" = None
    value: ScalarValue = None
    size: int = 1
    nesting: int = 0
    refusal: str | None = None
    decoded: bool = False
    _no_children: ClassVar[list["Node"]] = []
    _no_items: ClassVar[dict[MapKey, "Node"]] = {}

    def __init__(
        self,
        kind: Kind,
        line: int,
        column: int,
        depth: int,
    ) -> None:
        self.kind: Kind = kind
        self.line = line
        self.column = column
        self.depth = depth
        self.children: list[Node] = self._no_children
        self.items: dict[MapKey, Node] = self._no_items
        if kind in ("sequence", "mapping"):
            self.children = []
        if kind == "mapping":
            self.items = {}

    @property
    def resolved(self) -> "Node":
        """The node that an alias names (never another alias); any other node itself."""
        if self.target is None:
            return self
        return self.target
