"""What go-yaml v2 decodes a document into, and whether JSON can hold it.

The rules are those of go-yaml's ``decode.go`` for an untyped target and of ``sigs.k8s.io/yaml`` for
the step to JSON: the last of two equal keys wins, a merge overwrites what comes before it and is
overwritten by what comes after it, collections cannot be keys, aliases that blow the document up
are refused, and so are, only then, keys of null, NaN, infinities and more than 10,000 JSON levels.
Nothing is decoded twice: aliases share the node that they name, and only count what expanding them
would have cost Go. There is no recursion.
"""

import math
from typing import Final

from migrator.decide.reading.go_yaml.compose import Document
from migrator.decide.reading.go_yaml.nodes import (
    NULL_KEY,
    AliasNode,
    MapKey,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)
from migrator.decide.reading.go_yaml.problems import doubtful, lost
from migrator.decide.reading.go_yaml.resolve import (
    CannotDecodeError,
    NotCertainError,
    NotText,
    resolve,
    resolve_plain,
)

# go-yaml decode.go, allowedAliasRatio: how much of the work aliases may cause, by the size of the
# work.
_RATIO_LOW: Final = 400_000
_RATIO_HIGH: Final = 4_000_000
_JSON_LEVELS: Final = 10_000  # encoding/json, maxNestingDepth

_COLLECTIONS: Final = ("sequence", "mapping")


def decode(document: Document) -> Node | None:
    """Decode every node of the document; returns its root, fit for JSON.

    None is a text without a document. Children come before their parents, so that each node is
    decoded when what is in it is. Raises YamlProblem.
    """
    if document.root is None:
        return None
    budget = _AliasBudget()
    for node in document.nodes:
        if isinstance(node, ScalarNode):
            decode_scalar(node)
        elif isinstance(node, MappingNode):
            _decode_mapping(node)
        elif isinstance(node, SequenceNode):
            _decode_sequence(node)
        elif isinstance(node, AliasNode):
            _decode_alias(node, budget)
        # go-yaml does not decode the key `<<` (decode.go, mapping).
        if not node.is_merge_key:
            budget.done += 1
    _check_jsonable(document.root)
    return document.root


def decode_scalar(node: ScalarNode) -> None:
    """Give a scalar its ``value``. Raises YamlProblem.

    A quoted or block scalar is its text; others are resolved.
    """
    if not node.tag and not node.implicit:
        node.value = node.text
        return
    try:
        if node.tag:
            node.value = resolve(node.tag, node.text)
        else:
            node.value = resolve_plain(node.text)
    except CannotDecodeError as problem:
        raise lost(node.line, node.column, str(problem)) from None
    except NotCertainError as problem:
        raise doubtful(node.line, node.column, str(problem)) from None
    if isinstance(node.value, NotText) and not node.value.jsonable:
        node.refusal = f"JSON has no value for {node.text[:40]}"


class _AliasBudget:
    """How many decode operations were done, and how many of them through aliases."""

    __slots__ = ("done", "through_aliases")

    def __init__(self) -> None:
        self.done = 1  # the document itself
        self.through_aliases = 0

    def expand(self, node: Node, size: int) -> None:
        """Count an alias, which costs ``size`` operations.

        Its own operation and those of the open collections around it are started already.
        """
        self.done += size
        self.through_aliases += size
        started = self.done + node.depth + 1
        # go-yaml counts from 100 aliases and 1,000 operations on (decode.go, unmarshal).
        if self.through_aliases <= 100 or started <= 1000:
            return
        if self.through_aliases / started > _allowed_ratio(started):
            raise lost(node.line, node.column, "document contains excessive aliasing")


def _allowed_ratio(operations: int) -> float:
    """How much of the work may be due to aliases: from 0.99 down to 0.10 (allowedAliasRatio)."""
    if operations <= _RATIO_LOW:
        return 0.99
    over = (operations - _RATIO_LOW) / (_RATIO_HIGH - _RATIO_LOW)
    return max(0.99 - 0.89 * over, 0.10)


def _decode_alias(node: AliasNode, budget: _AliasBudget) -> None:
    """An alias shares the node that it names, and costs what decoding that node again would."""
    target = node.resolved
    # Still open: the alias is inside its own anchor.
    if not target.decoded:
        raise lost(node.line, node.column, f"anchor {node.text[:40]!r} value contains itself")
    budget.expand(node, target.size)
    node.size = 1 + target.size


def _decode_sequence(node: SequenceNode) -> None:
    """Size and nesting of a list, and why JSON cannot hold it if it cannot."""
    size = 1
    nesting = 0
    for child in node.children:
        value = child.resolved
        size += child.size
        nesting = max(nesting, value.nesting)
        if value.refusal:
            node.refusal = value.refusal
    node.size = size
    node.nesting = nesting + 1
    node.decoded = True


def _decode_mapping(node: MappingNode) -> None:
    """Members of a mapping, in order: a later key replaces an equal earlier one, and so does a
    merge.
    """
    items = node.items
    size = 1
    children = iter(node.children)
    for key, value in zip(children, children, strict=True):
        if key.is_merge_key:
            size += _merge(value, items)
            continue
        size += key.size + value.size
        items[_map_key(key)] = value.resolved
    nesting = 0
    for map_key, value in items.items():
        nesting = max(nesting, value.nesting)
        refusal = value.refusal or _key_refusal(map_key)
        if refusal:
            node.refusal = refusal
    node.size = size
    node.nesting = nesting + 1
    node.decoded = True


def _map_key(node: Node) -> MapKey:
    """What Go tells keys apart by: the type and the value. Raises YamlProblem for collections.

    Text keys stay text. ``1``, ``"1"`` and ``true`` are three keys, and so is every NaN one of its
    own.
    """
    key = node.resolved
    if key.kind in _COLLECTIONS:
        hint = ""
        # {{SessionName}} without quotes is a mapping whose key is a mapping.
        if key.kind == "mapping" and key.flow:
            hint = " (an unquoted template?)"
        raise lost(node.line, node.column, f"invalid map key{hint}")
    if key.value is None:
        return NULL_KEY
    if not isinstance(key.value, NotText):
        return key.value
    # Go keeps every NaN: none equals another.
    if math.isnan(key.value.value):
        return (key.value.kind, id(node))
    return (key.value.kind, key.value.value)


def _key_refusal(key: MapKey) -> str | None:
    """Why JSON cannot have the key; None where it can.

    Source: ``sigs.k8s.io/yaml``, convertToJSONableObject.
    """
    if isinstance(key, str):
        return None
    if key == NULL_KEY:
        return "JSON has no key for null"
    if key[0] == "uint":
        return "JSON has no key for a number beyond 63 bits"
    return None


def _merge(value: Node, items: dict[MapKey, Node]) -> int:
    """Merge ``<<: value`` into the mapping, in place; returns the decode operations it took.

    ``value`` is a mapping, or a list of mappings of which earlier ones count more (decode.go,
    merge).
    """
    if value.kind == "sequence":
        # Backwards, as earlier ones take precedence.
        for source in reversed(value.children):
            _merge_one(source, items)
        return value.size - 1
    _merge_one(value, items)
    return value.size


def _merge_one(value: Node, items: dict[MapKey, Node]) -> None:
    """Merge one mapping; an alias to one counts as the mapping. Raises YamlProblem for other
    values.
    """
    if value.resolved.kind != "mapping":
        message = "map merge requires map or sequence of maps as the value"
        raise lost(value.line, value.column, message)
    items.update(value.resolved.items)


def _check_jsonable(root: Node) -> None:
    """Raise YamlProblem for what JSON cannot hold, at the innermost place."""
    if root.refusal:
        # From the root down to the value that JSON cannot hold.
        node: Node | None = root
        culprit = root
        while node is not None:
            culprit = node
            node = next((child for child in _live_children(node) if child.refusal), None)
        raise lost(culprit.line, culprit.column, root.refusal)
    if root.nesting > _JSON_LEVELS:
        raise lost(root.line, root.column, f"exceeded max depth of {_JSON_LEVELS} in JSON")


def _live_children(node: Node) -> list[Node]:
    """What is in a collection after decoding: of equal keys only the last one's value."""
    if node.kind == "mapping":
        return list(node.items.values())
    return [child.resolved for child in node.children]
