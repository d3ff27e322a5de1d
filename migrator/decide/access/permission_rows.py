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
    """The rows, those joined that differ in their API groups or in their resources only, in one
    order.
    """
    found: Iterable[_Fields] = {
        ((r.scope,), r.api_groups, r.resources, r.verbs, r.resource_names, r.non_resource_urls)
        for r in rows
    }
    for field in (1, 2):
        found = _joined(found, field)
    return tuple(
        PermissionRow(scope, groups, resources, verbs, names, urls)
        for (scope,), groups, resources, verbs, names, urls in sorted(found, key=_order)
    )


def _paths(difference: Difference, diagram: int, level: int) -> Iterator[tuple[Tokens, ...]]:
    if diagram == FULL:
        yield ()
        return
    dimension = difference.dimensions[level]
    write = _WRITERS.get(id(dimension), _tokens)
    for changes, below in difference.entries.get(diagram, ()):
        for head, tail in product(
            write(dimension, changes), list(_paths(difference, below, level + 1))
        ):
            yield (head, *tail)


def _layers(
    dimension: Dimension, changes: Changes
) -> Iterator[tuple[list[str | None], dict[str | None, list[str]]]]:
    """What is in, outermost first: the nodes, and under each the ones that are out again. What is
    in inside those comes with the next layer, so that an exclusion never hides it.
    """
    depth: dict[str | None, int] = {None: 1 if None in changes else 0}
    inside: dict[str | None, list[str]] = defaultdict(list)
    for node, parent in dimension.parents([node for node in changes if node is not None]):
        depth[node] = depth[parent] + 1
        inside[parent].append(node)
    for layer in range(1, max(depth.values()) + 1, 2):
        yield [node for node, at in depth.items() if at == layer], inside


def _tokens(dimension: Dimension, changes: Changes) -> list[Tokens]:
    """``("pods", "pods/log")``, ``("*", "!secrets")``, ``("*/scale", "!deployments/scale")``."""
    found: list[Tokens] = []
    for nodes, inside in _layers(dimension, changes):
        plus: list[str] = []
        minus: list[str] = []
        # The root holds every value: what lies inside a node and not in the row is taken out.
        for node in nodes:
            plus.append("*" if node is None else node)
            minus += [f"!{out}" for out in inside[node]]
        found.append((*sorted(plus), *sorted(minus)))
    return found


def _scopes(dimension: Dimension, changes: Changes) -> list[Tokens]:
    """One scope a row: ``cluster``, ``namespace dev``, and what differences need besides."""
    found: list[Tokens] = []
    for nodes, inside in _layers(dimension, changes):
        whole = "" in nodes and "*" in nodes
        for node in nodes:
            if node == "":
                found += [] if whole else [("cluster outside namespaces",)]
                continue
            without = ", ".join(sorted(inside[node]))
            if node == "*" and whole:
                found.append((f"cluster except namespace {without}" if without else "cluster",))
            else:
                found.append(
                    (f"namespace {node} except {without}" if without else f"namespace {node}",)
                )
    return found


def _names(dimension: Dimension, changes: Changes) -> list[Tokens]:
    """No token is every name; RBAC compares names as text, so that ``*`` alone is that name
    (ResourceNameMatches).
    """
    return [()] if changes == {None} else _tokens(dimension, changes)


_WRITERS: Mapping[int, Callable[[Dimension, Changes], list[Tokens]]] = {
    id(NAMESPACES): _scopes,
    id(NAMES): _names,
}


def _joined(rows: Iterable[_Fields], field: int) -> list[_Fields]:
    """Rows that are equal but for one list become one; rows with exclusions in it stay as they
    are.
    """
    kept: list[_Fields] = []
    alike: dict[_Fields, set[str]] = defaultdict(set)
    for row in rows:
        tokens = row[field]
        if not tokens or any(token.startswith("!") for token in tokens):
            kept.append(row)
        else:
            rest = (*row[:field], (), *row[field + 1 :])
            alike[rest].update(tokens)
    return kept + [
        (*row[:field], tuple(sorted(tokens)), *row[field + 1 :]) for row, tokens in alike.items()
    ]


def _order(row: _Fields) -> tuple[int, _Fields]:
    return ("cluster", "namespace", "non-resource", "unknown").index(
        row[0][0].partition(" ")[0]
    ), row
