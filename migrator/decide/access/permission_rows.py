"""A difference of permissions as rows that people read: few, disjoint, always in the same order."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import TypeAlias

from migrator.decide.access.subtract_boxes import (
    FULL,
    NAMES,
    NAMESPACES,
    Changes,
    Difference,
    Dimension,
)
from migrator.model.rbac import PermissionRow

Tokens: TypeAlias = tuple[str, ...]
_SCOPE_KINDS = ("cluster", "namespace", "non-resource", "unknown")
_Fields: TypeAlias = tuple[Tokens, ...]  # of a PermissionRow without its witness, in their order


def resource_rows(difference: Difference, diagram: int) -> Iterator[PermissionRow]:
    """Rows of a diagram over (namespace, API group, resource, verb, resource name)."""
    for scope, groups, resources, verbs, names in _paths(difference, diagram, 0):
        yield PermissionRow(
            scope=scope[0],
            api_groups=groups,
            resources=resources,
            verbs=verbs,
            resource_names=names,
        )


def url_rows(difference: Difference, diagram: int) -> Iterator[PermissionRow]:
    """Rows of a diagram over (URL, verb)."""
    for urls, verbs in _paths(difference, diagram, 0):
        yield PermissionRow(scope="non-resource", verbs=verbs, non_resource_urls=urls)


def arranged(rows: Iterable[PermissionRow]) -> tuple[PermissionRow, ...]:
    """The rows in one order, those joined that differ in their API groups or in their resources
    only.

    Rows lose their witness: a joined row is another row. Equal sets of rows give equal results,
    whatever their order.
    """
    found: Iterable[_Fields] = {
        ((r.scope,), r.api_groups, r.resources, r.verbs, r.resource_names, r.non_resource_urls)
        for r in rows
    }
    for field in (1, 2):
        found = _joined(found, field)
    return tuple(
        PermissionRow(
            scope,
            groups,
            resources,
            verbs,
            names,
            urls,
        )
        for (scope,), groups, resources, verbs, names, urls in sorted(found, key=_order)
    )


def _paths(difference: Difference, diagram: int, level: int) -> Iterator[tuple[Tokens, ...]]:
    """Every way through a diagram from a level down, one tuple of tokens a dimension."""
    if diagram == FULL:
        yield ()
        return
    dimension = difference.dimensions[level]
    write = _WRITERS.get(id(dimension), _tokens)
    for changes, below in difference.entries.get(diagram, ()):
        heads = write(dimension, changes)
        tails = list(_paths(difference, below, level + 1))
        for head, tail in product(heads, tails):
            yield (head, *tail)


def _layers(
    dimension: Dimension, changes: Changes
) -> Iterator[tuple[list[str | None], dict[str | None, list[str]]]]:
    """What is in, outermost first: the nodes, and under each the ones that are out again.

    What is in inside those comes with the next layer, so that an exclusion never hides it.
    """
    # The root is in where it is a change, and is otherwise outside of all layers.
    depth: dict[str | None, int] = {None: 0}
    if None in changes:
        depth[None] = 1
    inside: dict[str | None, list[str]] = defaultdict(list)
    named = [node for node in changes if node is not None]
    for node, parent in dimension.parents(named):
        depth[node] = depth[parent] + 1
        inside[parent].append(node)
    deepest = max(depth.values())
    # Odd layers are in, even ones are out again.
    for layer in range(1, deepest + 1, 2):
        yield [node for node, at in depth.items() if at == layer], inside


def _tokens(dimension: Dimension, changes: Changes) -> list[Tokens]:
    """The values of a field, with those taken out that the row does not hold; one tuple a layer.

    ``("pods", "pods/log")``, ``("*", "!secrets")``, ``("*/scale", "!deployments/scale")``.
    """
    found: list[Tokens] = []
    for nodes, inside in _layers(dimension, changes):
        plus: list[str] = []
        minus: list[str] = []
        # The root holds every value: what lies inside a node and not in the row is taken out.
        for node in nodes:
            if node is None:
                plus.append("*")
            else:
                plus.append(node)
            minus += [f"!{out}" for out in inside[node]]
        found.append((*sorted(plus), *sorted(minus)))
    return found


def _scopes(dimension: Dimension, changes: Changes) -> list[Tokens]:
    """One scope a row: ``cluster``, ``namespace dev``, and what differences need besides.

    These are ``cluster outside namespaces``, ``cluster except namespace dev`` and ``namespace dev-*
    except dev-a``. ``""`` is the request without a namespace.
    """
    found: list[Tokens] = []
    for nodes, inside in _layers(dimension, changes):
        # Requests without a namespace and those of any namespace: one scope says both.
        whole = "" in nodes and "*" in nodes
        for node in nodes:
            if node == "" and whole:
                continue
            # Nothing lies inside the request without a namespace: it is one value.
            if node == "":
                found.append(("cluster outside namespaces",))
                continue
            scope, exception = f"namespace {node}", "except"
            if node == "*" and whole:
                scope, exception = "cluster", "except namespace"
            without = ", ".join(sorted(inside[node]))
            if without:
                scope = f"{scope} {exception} {without}"
            found.append((scope,))
    return found


def _names(dimension: Dimension, changes: Changes) -> list[Tokens]:
    """Names of objects. No token is every name.

    RBAC compares names as text, so that ``*`` alone is the name ``*`` (ResourceNameMatches).
    """
    if changes == {None}:
        return [()]
    return _tokens(dimension, changes)


_WRITERS: Mapping[int, Callable[[Dimension, Changes], list[Tokens]]] = {
    id(NAMESPACES): _scopes,
    id(NAMES): _names,
}


def _joined(rows: Iterable[_Fields], field: int) -> list[_Fields]:
    """Rows that are equal but for one list become one row with all values of the list.

    Rows with exclusions in it stay as they are: an exclusion holds for the values of its own row.
    """
    kept: list[_Fields] = []
    alike: dict[_Fields, set[str]] = defaultdict(set)
    for row in rows:
        tokens = row[field]
        if not tokens or any(token.startswith("!") for token in tokens):
            kept.append(row)
            continue
        rest = (*row[:field], (), *row[field + 1 :])
        alike[rest].update(tokens)
    for rest, together in alike.items():
        kept.append((*rest[:field], tuple(sorted(together)), *rest[field + 1 :]))
    return kept


def _order(row: _Fields) -> tuple[int, _Fields]:
    """Widest scopes first, what is unknown last; rows of one kind of scope by their texts."""
    (scope,) = row[0]
    kind = scope.partition(" ")[0]
    return _SCOPE_KINDS.index(kind), row
