"""The tree of one YAML document, before and after decoding. Mutable on purpose: it never gets far from here."""

from typing import Final, Literal, TypeAlias

from migrator.decide.go_yaml.resolve import ScalarValue

Kind: TypeAlias = Literal["scalar", "sequence", "mapping", "alias"]
# A Go map[interface{}]interface{} tells 1 from "1" from true; text keys, the only ones a row can use, stay str.
MapKey: TypeAlias = str | tuple[str, object]

NULL_KEY: Final[MapKey] = ("null", None)
_LEAVES: Final = ("scalar", "alias")


class Node:
    """A scalar, collection or alias with its place (``line`` and ``column`` count from 1).

    Set by :mod:`.compose`: ``text`` of scalars, ``tag`` in full or ``""``, ``implicit`` (plain, or tagged ``!``),
    ``flow`` of collections, ``children`` (keys and values in turn for mappings), ``target`` of aliases,
    ``is_merge_key``, ``depth`` (number of open collections around it).
    Set by :mod:`.decode`: ``decoded``, ``value`` of scalars, ``items`` of mappings (last duplicate wins, merges
    applied), ``size`` (decode operations, aliases expanded), ``nesting`` (JSON levels), ``refusal`` (why JSON cannot
    hold it).
    """

    __slots__ = (
        "children",
        "column",
        "decoded",
        "depth",
        "flow",
        "implicit",
        "is_merge_key",
        "items",
        "kind",
        "line",
        "nesting",
        "refusal",
        "size",
        "tag",
        "target",
        "text",
        "value",
    )

    def __init__(self, kind: Kind, line: int, column: int, depth: int) -> None:
        self.kind: Kind = kind
        self.line = line
        self.column = column
        self.depth = depth
        self.tag = ""
        self.text = ""
        self.implicit = False
        self.flow = False
        self.is_merge_key = False
        # Most nodes are scalars: they share what they never fill.
        self.children: list[Node] = _NO_CHILDREN if kind in _LEAVES else []
        self.target: Node | None = None
        self.value: ScalarValue = None
        self.items: dict[MapKey, Node] = {} if kind == "mapping" else _NO_ITEMS
        self.size = 1
        self.nesting = 0
        self.refusal: str | None = None
        self.decoded = False

    @property
    def resolved(self) -> "Node":
        """What an alias stands for (never another alias); any other node itself."""
        return self.target if self.target is not None else self


_NO_CHILDREN: Final[list[Node]] = []
_NO_ITEMS: Final[dict[MapKey, Node]] = {}
