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

    Resources are as rules write them, with the subresource after a slash. Names are single values:
    ``*`` among them is a name (ResourceNameMatches).
    """
    found: set[Box] = set()
    for rule in rules:
        # An empty list matches nothing (VerbMatches, APIGroupMatches, ResourceMatches).
        if not (rule.api_groups and rule.resources and rule.verbs):
            continue
        # Only resource names: an empty list matches every name (ResourceNameMatches).
        names = frozenset(rule.resource_names) or ALL
        groups, resources = _nodes(rule.api_groups), _nodes(rule.resources)
        found.add((groups, resources, _nodes(rule.verbs), names))
    return frozenset(found)


def url_boxes(rules: Sequence[PolicyRule]) -> frozenset[Box]:
    """``(URLs, verbs)`` of each rule that can match a non-resource request.

    A rule may hold both kinds of requests, and then gives a box of each.
    """
    found: set[Box] = set()
    for rule in rules:
        # An empty list matches nothing (VerbMatches, NonResourceURLMatches).
        if not rule.non_resource_urls:
            continue
        if not rule.verbs:
            continue
        urls = [_url(url) for url in rule.non_resource_urls]
        found.add((_nodes(urls), _nodes(rule.verbs)))
    return frozenset(found)


def _nodes(values: Sequence[str]) -> Nodes:
    """The values as they are written; ``*`` alone or among others is everything."""
    if "*" in values:
        return ALL
    return frozenset(values)


def _url(url: str) -> str:
    """A URL with one star at most, so that equal prefixes are written alike."""
    if not url.endswith("*"):
        return url
    # The API server cuts every trailing star (NonResourceURLMatches).
    return url.rstrip("*") + "*"
