"""Exact difference of two unions of boxes, in one canonical shape.

The values of a dimension form a tree: everything, patterns inside it, single values inside those.
Each node means its values that no deeper node holds (its *class*), and every class has values,
so a union of boxes is decided class by class: for each node the boxes that hold it, then the same
question for the remaining dimensions. Nodes with the same answer belong together. The result is a
decision diagram with one node per distinct answer: equal sets give equal diagrams, whatever rules
they were written with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from migrator.decide.access.rule_boxes import ALL, Box, Node

Tails: TypeAlias = frozenset[Box]
# Nodes at which membership changes against their parent: a canonical way to write a set of classes.
Changes: TypeAlias = frozenset[Node]
Parents: TypeAlias = Callable[[Iterable[str]], list[tuple[str, Node]]]
EMPTY, FULL = 0, 1


@dataclass(frozen=True, slots=True)
class Dimension:
    """``parents`` orders nodes, parents first, each with its nearest ancestor among them (None: the
    root).

    ``split`` are nodes that together hold everything, so that no value is left to the root.
    """

    parents: Parents
    split: tuple[str, ...] = ()


def flat(nodes: Iterable[str]) -> list[tuple[str, Node]]:
    """Single values only: API groups, verbs, resource names."""
    return [(node, None) for node in nodes]


def by_subresource(nodes: Iterable[str]) -> list[tuple[str, Node]]:
    """``pods/log`` lies inside ``*/log`` where that is a node (ResourceMatches).

    ``*/`` with nothing after it is no pattern: no resource has an empty subresource.
    """
    known = set(nodes)
    patterns = {node for node in known if node.startswith("*/") and len(node) > len("*/")}
    found: list[tuple[str, Node]] = [(node, None) for node in patterns]
    for node in known - patterns:
        pattern = f"*/{node.partition('/')[2]}"
        if pattern in patterns:
            found.append((node, pattern))
        else:
            found.append((node, None))
    return found


def by_prefix(nodes: Iterable[str]) -> list[tuple[str, Node]]:
    """A node that ends in ``*`` is a prefix; what starts with it lies inside.

    Sorting by text puts each prefix before what it holds, so that one pass finds the nearest.
    """
    found: list[tuple[str, Node]] = []
    # The prefixes that the current node may lie in, widest first.
    around: list[str] = []
    in_order = sorted((node.removesuffix("*"), not node.endswith("*"), node) for node in nodes)
    for text, _, node in in_order:
        while around and not text.startswith(around[-1].removesuffix("*")):
            around.pop()
        nearest: Node = None
        if around:
            nearest = around[-1]
        found.append((node, nearest))
        if node.endswith("*"):
            around.append(node)
    return found


def in_namespaces(nodes: Iterable[str]) -> list[tuple[str, Node]]:
    """Namespaces and prefixes of namespaces.

    ``""`` is the request without a namespace; ``*`` is any namespace, so it does not hold ``""``.
    """
    known = set(nodes)
    found = by_prefix(known - {""})
    if "" in known:
        found.insert(0, ("", None))
    return found


NAMESPACES = Dimension(in_namespaces, split=("", "*"))
NAMES = Dimension(flat)
RESOURCE_DIMENSIONS = (
    NAMESPACES,
    Dimension(flat),
    Dimension(by_subresource),
    Dimension(flat),
    NAMES,
)
URL_DIMENSIONS = (Dimension(by_prefix), Dimension(flat))


@dataclass(slots=True)
class Difference:
    """``a`` minus ``b`` over some dimensions, as a diagram: ``entries[id]`` maps changes to the
    next diagram's id.
    """

    dimensions: tuple[Dimension, ...]
    entries: dict[int, frozenset[tuple[Changes, int]]] = field(default_factory=dict)
    _ids: dict[tuple[int, frozenset[tuple[Changes, int]]], int] = field(default_factory=dict)
    _known: dict[tuple[int, Tails, Tails], int] = field(default_factory=dict)

    def subtract(
        self,
        a: Tails,
        b: Tails,
        level: int = 0,
    ) -> int:
        """The id of the diagram of ``a`` minus ``b``; EMPTY when every request of ``a`` is in
        ``b``.

        Boxes have one component for each dimension from ``level`` on. Equal questions are answered
        once.
        """
        # A box that both hold is subtracted whole.
        a = a - b
        if not a:
            return EMPTY
        # b holds everything.
        if (ALL,) * (len(self.dimensions) - level) in b:
            return EMPTY
        if level == len(self.dimensions):
            return FULL
        key = level, a, b
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._split(level, a, b)
        return known

    def _split(
        self,
        level: int,
        a: Tails,
        b: Tails,
    ) -> int:
        """One level of ``subtract``: the nodes of a dimension, and the answer for each below it.

        A node's boxes are its own and those of all nodes that it lies in. The entry that is kept
        maps answers to the nodes at which they begin or end.
        """
        dimension = self.dimensions[level]
        own_a = _by_node(a)
        own_b = _by_node(b)
        nodes = {node for node in (*own_a, *own_b) if node is not None}
        root = own_a.get(None, frozenset()), own_b.get(None, frozenset())
        held: dict[Node, tuple[Tails, Tails]] = {None: root}
        # With a split no value is left to the root.
        answers: dict[Node, int] = {None: EMPTY}
        if not dimension.split:
            answers[None] = self.subtract(*root, level + 1)
        changes: dict[int, set[Node]] = {answers[None]: {None}}
        for node, parent in dimension.parents(nodes.union(dimension.split)):
            above_a, above_b = held[parent]
            held[node] = (
                above_a | own_a.get(node, frozenset()),
                above_b | own_b.get(node, frozenset()),
            )
            answer = answers[node] = self.subtract(*held[node], level + 1)
            # A node that answers as its parent is no change: equal sets get equal diagrams.
            if answer != answers[parent]:
                changes.setdefault(answer, set()).add(node)
                changes.setdefault(answers[parent], set()).add(node)
        changes.pop(EMPTY, None)
        if not changes:
            return EMPTY
        entry = frozenset((frozenset(where), answer) for answer, where in changes.items())
        identity = self._ids.setdefault((level, entry), len(self._ids) + FULL + 1)
        self.entries[identity] = entry
        return identity


def _by_node(boxes: Tails) -> dict[Node, Tails]:
    """Node of the first component -> the rest of every box that names it.

    A box that names several nodes is under each of them.
    """
    found: dict[Node, set[Box]] = {}
    for box in boxes:
        for node in box[0]:
            found.setdefault(node, set()).add(box[1:])
    return {node: frozenset(tails) for node, tails in found.items()}
