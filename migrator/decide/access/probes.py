"""Questions to ask as a principal: some for every distinct rule and every scope it has, and some
just outside.

A probe that must be allowed shows lost access, one that must be denied shows gained access. Both
are evaluated on the same permissions before they are chosen, so an expectation is never a guess;
where an opaque access policy could decide, there is no probe.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

from migrator.decide.access.access_policies import namespace_matches
from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import permissions_of_unnamed
from migrator.decide.access.match_rules import RuleSet
from migrator.decide.access.permission_set import PermissionSet
from migrator.decide.access.rule_boxes import Node
from migrator.decide.access.telling_requests import (
    CLUSTER_KINDS,
    COMMON_VERBS,
    PROBE_NAME,
    TELLING,
    VERB_RANKS,
    order,
    rank,
)
from migrator.model.access_entry import Identity
from migrator.model.evidence import Probe
from migrator.model.rbac import AccessRequest, PolicyRule

_TELLING_RESOURCES = {
    f"{r.resource}/{r.subresource}".rstrip("/"): place for place, r in enumerate(TELLING)
}


@dataclass(frozen=True, slots=True)
class _Candidate:
    scope: str  # "" is cluster-wide
    rule: PolicyRule
    request: AccessRequest


def probes_for(
    before: Identity | PermissionSet,
    index: RbacIndex | None = None,
    *,
    limit: int = 30,
    namespaces: Sequence[str] = (),
    custom_resources: Sequence[tuple[str, str]] = (),
) -> tuple[Probe, ...]:
    """At most ``limit`` probes, the same for the same input; about a quarter of them must be
    denied.

    ``namespaces`` that exist make better examples for wildcards and for "just outside";
    ``custom_resources`` are ``(API group, resource)`` of installed CRDs. An identity with templates
    is asked as a login that RBAC does not name.
    """
    permissions = before
    if not isinstance(permissions, PermissionSet):
        permissions = permissions_of_unnamed(permissions, index)
    allows = permissions.asker()
    candidates = _candidates(permissions, namespaces, custom_resources)
    chosen = _chosen(candidates)
    # Lazily, and no more than can be used: there are many candidates, and each answer costs an
    # evaluation.
    yes = list(islice((request for request in chosen if allows(request) is True), limit))
    outside = dict.fromkeys(_outside(yes, permissions, namespaces))
    no = list(islice((request for request in outside if allows(request) is False), limit))
    yes = yes[: limit - min(len(no), limit // 4)]
    no = no[: limit - len(yes)]
    return (
        *(Probe(request, expected=True) for request in yes),
        *(Probe(request, expected=False) for request in no),
    )


def _candidates(
    permissions: PermissionSet,
    namespaces: Sequence[str],
    custom_resources: Sequence[tuple[str, str]],
) -> list[_Candidate]:
    """Requests for every rule at every scope: scopes in order, and in each the most telling
    requests first.
    """
    found: dict[tuple[str, PolicyRule], list[AccessRequest]] = {}
    for grant in permissions.grants:
        for rule in grant.rules.rules:
            scope = grant.namespace or ""
            if (scope, rule) not in found:
                place = _example(grant.namespace, namespaces)
                found[scope, rule] = list(dict.fromkeys(_requests(rule, place, custom_resources)))
    everything: list[_Candidate] = []
    for (scope, rule), requests in found.items():
        everything += [_Candidate(scope, rule, request) for request in requests]
    return sorted(
        everything, key=lambda c: (c.scope, rank(c.request), order(c.request), _texts(c.rule))
    )


def _requests(
    rule: PolicyRule, namespace: str | None, custom_resources: Sequence[tuple[str, str]]
) -> Iterator[AccessRequest]:
    verbs = _by_rank(rule.verbs)
    if not verbs:
        return
    # A path has no namespace: RBAC asks ClusterRoleBindings only.
    if rule.non_resource_urls and namespace is None:
        yield _path_request(verbs[0], min(rule.non_resource_urls))
    if not (rule.api_groups and rule.resources):
        return
    name = min(rule.resource_names, default="")
    resource, _, subresource = min(rule.resources, key=_by_telling).partition("/")
    asked = AccessRequest(verbs[0], min(rule.api_groups), resource, subresource, namespace, name)
    yield asked
    if "*" in rule.verbs:
        yield replace(asked, verb="delete")
    if "*" not in (*rule.verbs, *rule.api_groups, *rule.resources):
        return
    unnamed = RuleSet((replace(rule, resource_names=()),))
    custom = [AccessRequest("list", group, kind) for group, kind in custom_resources]
    for telling in (*TELLING, *custom):
        if _exists_in(namespace, telling) and unnamed.allows(telling):
            yield replace(telling, namespace=namespace, name=name)


def _path_request(verb: str, url: str) -> AccessRequest:
    path = f"{url.rstrip('*')}{PROBE_NAME}" if url.endswith("*") else url
    # A review refuses a path without its slash.
    if not path.startswith("/"):
        path = f"/{path}"
    return AccessRequest("get" if verb == "*" else verb, path=path)


def _by_telling(resource: str) -> tuple[int, str]:
    return _TELLING_RESOURCES.get(resource, len(TELLING)), resource


def _exists_in(namespace: str | None, request: AccessRequest) -> bool:
    """Whether the request can have this namespace: kinds of the cluster have none."""
    return namespace is None or request.resource not in CLUSTER_KINDS


def _by_rank(verbs: Iterable[str]) -> list[str]:
    return sorted(set(verbs), key=lambda verb: (VERB_RANKS.get(verb, len(VERB_RANKS)), verb))


def _example(scope: Node, namespaces: Sequence[str]) -> str | None:
    """A namespace that a scope covers; None cluster-wide."""
    if scope is None or not scope.endswith("*"):
        return scope
    existing = (n for n in sorted(namespaces) if namespace_matches(scope, n))
    return next(existing, f"{scope[:-1]}{PROBE_NAME}")


def _chosen(candidates: Sequence[_Candidate]) -> list[AccessRequest]:
    """Every scope once, then every rule once, then the rest: what a limit cuts off shows the
    least.
    """
    by_scope: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        by_scope.setdefault(candidate.scope, []).append(candidate)
    rules = set[PolicyRule]()
    first: list[_Candidate] = []
    for found in by_scope.values():
        best = next((c for c in found if c.rule not in rules), found[0])
        rules.add(best.rule)
        first.append(best)
    second: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: rank(c.request)):
        if candidate.rule not in rules:
            rules.add(candidate.rule)
            second.append(candidate)
    return list(dict.fromkeys(c.request for c in (*first, *second, *candidates)))


def _outside(
    chosen: Sequence[AccessRequest], permissions: PermissionSet, namespaces: Sequence[str]
) -> Iterator[AccessRequest]:
    """One step out of what is allowed, in turn with what matters most: elsewhere, wider, another
    verb or name.
    """
    granted = sorted({request.namespace for request in chosen if request.namespace})
    covered = [grant.namespace for grant in permissions.grants if grant.namespace is not None]
    known = (*sorted(namespaces), "kube-system", "default", f"{PROBE_NAME}-elsewhere")
    uncovered = (n for n in known if not any(namespace_matches(scope, n) for scope in covered))
    elsewhere = next(uncovered, None)
    steps = _in_turn(*(_steps(request, elsewhere) for request in chosen))
    telling: list[AccessRequest] = []
    for place in (None, *granted[:1], elsewhere):
        there = [request for request in TELLING if _exists_in(place, request)]
        telling += [replace(request, namespace=place) for request in there]
    yield from _in_turn(telling, list(steps))


def _in_turn(*lists: Iterable[AccessRequest]) -> Iterator[AccessRequest]:
    """The first of each list, then the second of each, until all are used up."""
    for turn in zip_longest(*lists):
        yield from (request for request in turn if request is not None)


def _steps(request: AccessRequest, elsewhere: str | None) -> Iterator[AccessRequest]:
    if request.path is not None:
        yield replace(request, path=f"{request.path.rstrip('/')}-{PROBE_NAME}")
        yield replace(request, verb="delete")
        return
    if request.namespace is not None:
        yield replace(request, namespace=elsewhere)
        yield replace(request, namespace=None)
    yield from (replace(request, verb=verb) for verb in COMMON_VERBS if verb != request.verb)
    if request.name:
        yield replace(request, name=f"{request.name}-{PROBE_NAME}")


def _texts(rule: PolicyRule) -> tuple[tuple[str, ...], ...]:
    return rule.verbs, rule.api_groups, rule.resources, rule.resource_names, rule.non_resource_urls
