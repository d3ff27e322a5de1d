"""Rules as boxes: products of sets, on which permissions can be added, subtracted and compared
exactly.

A component of a box is a set of *nodes*. None is everything, a string is one value, or a pattern
where the dimension has patterns: ``*/scale`` (that subresource of any resource), ``dev-*``
(namespaces), ``/healthz/*``. The meaning of ``*`` is kube-apiserver's
(``pkg/apis/rbac/v1/evaluation_helpers.go``).
"""

from collections.abc import Sequence
from typing import TypeAlias

from migrator.model.rbac import PolicyRule

Node: TypeAlias = str | None
Nodes: TypeAlias = frozenset[Node]
Box: TypeAlias = tuple[Nodes, ...]
ALL: Nodes = frozenset({None})


def resource_boxes(rules: Sequence[PolicyRule]) -> frozenset[Box]:
    """``(API groups, resources, verbs, resource names)`` of each rule that can match a resource
    request.
    """
    return frozenset(
        (
            _nodes(rule.api_groups),
            _nodes(rule.resources),
            _nodes(rule.verbs),
            frozenset(rule.resource_names) or ALL,
        )
        for rule in rules
        if rule.api_groups and rule.resources and rule.verbs
    )


def url_boxes(rules: Sequence[PolicyRule]) -> frozenset[Box]:
    """``(URLs, verbs)`` of each rule that can match a non-resource request."""
    return frozenset(
        (_nodes([_url(url) for url in rule.non_resource_urls]), _nodes(rule.verbs))
        for rule in rules
        if rule.non_resource_urls and rule.verbs
    )


def _nodes(values: Sequence[str]) -> Nodes:
    return ALL if "*" in values else frozenset(values)


def _url(url: str) -> str:
    return (
        url.rstrip("*") + "*" if url.endswith("*") else url
    )  # the API server trims every trailing star
