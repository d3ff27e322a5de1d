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
    """At most ``limit`` probes, the same for the same input; about a quarter must be denied.

    ``before`` is an identity, then with the ``index`` of RBAC, or its permissions. ``namespaces``
    that exist make better examples for wildcards and for "just outside"; ``custom_resources`` are
    ``(API group, resource)`` of installed CRDs. An identity with templates is asked as a login that
    RBAC does not name.

    Nothing is asked here: a probe is a request and the answer that the permissions give to it.
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
    """Requests for every rule at every scope.

    Scopes come in order, and in each the most telling requests first. A rule that is granted
    several times in one scope is asked about once there.
    """
    found: dict[tuple[str, PolicyRule], list[AccessRequest]] = {}
    for grant in permissions.grants:
        for rule in grant.rules.rules:
            scope = grant.namespace or ""
            # Two roles may hold the same rule.
            if (scope, rule) in found:
                continue
            place = _example(grant.namespace, namespaces)
            requests = _requests(rule, place, custom_resources)
            found[scope, rule] = list(dict.fromkeys(requests))
    everything: list[_Candidate] = []
    for (scope, rule), asked in found.items():
        everything += [_Candidate(scope, rule, request) for request in asked]
    return sorted(
        everything, key=lambda c: (c.scope, rank(c.request), order(c.request), _texts(c.rule))
    )


def _requests(
    rule: PolicyRule, namespace: str | None, custom_resources: Sequence[tuple[str, str]]
) -> Iterator[AccessRequest]:
    """What shows that a rule holds in a namespace (None: cluster-wide).

    One request of what the rule names; where it has a wildcard also every telling request that it
    allows. ``custom_resources`` are ``(API group, resource)``.
    """
    verbs = _by_rank(rule.verbs)
    if not verbs:
        return
    # A path has no namespace: RBAC asks ClusterRoleBindings only.
    if rule.non_resource_urls and namespace is None:
        yield _path_request(verbs[0], min(rule.non_resource_urls))
    # An empty list matches nothing (APIGroupMatches, ResourceMatches).
    if not rule.api_groups:
        return
    if not rule.resources:
        return
    name = min(rule.resource_names, default="")
    resource, _, subresource = min(rule.resources, key=_by_telling).partition("/")
    asked = AccessRequest(
        verbs[0],
        min(rule.api_groups),
        resource,
        subresource,
        namespace,
        name,
    )
    yield asked
    if "*" in rule.verbs:
        yield replace(asked, verb="delete")
    # Without a wildcard the rule names what it gives, and that was asked.
    if "*" not in (*rule.verbs, *rule.api_groups, *rule.resources):
        return
    unnamed = RuleSet((replace(rule, resource_names=()),))
    custom = [AccessRequest("list", group, kind) for group, kind in custom_resources]
    for telling in (*TELLING, *custom):
        if _exists_in(namespace, telling) and unnamed.allows(telling):
            yield replace(telling, namespace=namespace, name=name)


def _path_request(verb: str, url: str) -> AccessRequest:
    """A request for a path that the URL of a rule holds, with a verb that HTTP has."""
    path = url
    if url.endswith("*"):
        path = f"{url.rstrip('*')}{PROBE_NAME}"
    # A review refuses a path without its slash.
    if not path.startswith("/"):
        path = f"/{path}"
    if verb == "*":
        verb = "get"
    return AccessRequest(verb, path=path)


def _by_telling(resource: str) -> tuple[int, str]:
    """The resource, with its subresource after a slash, by what it shows; all others by name."""
    return _TELLING_RESOURCES.get(resource, len(TELLING)), resource


def _exists_in(namespace: str | None, request: AccessRequest) -> bool:
    """Whether the request can have this namespace: kinds of the cluster have none."""
    if namespace is None:
        return True
    return request.resource not in CLUSTER_KINDS


def _by_rank(verbs: Iterable[str]) -> list[str]:
    """The verbs, each once, the most telling first and those that are not ranked by name."""
    return sorted(set(verbs), key=lambda verb: (VERB_RANKS.get(verb, len(VERB_RANKS)), verb))


def _example(scope: Node, namespaces: Sequence[str]) -> str | None:
    """A namespace that a scope covers; None cluster-wide.

    One that exists, if ``namespaces`` has one: its objects are real.
    """
    if scope is None:
        return None
    if not scope.endswith("*"):
        return scope
    for existing in sorted(namespaces):
        if namespace_matches(scope, existing):
            return existing
    # A review asks of namespaces that need not exist.
    return f"{scope[:-1]}{PROBE_NAME}"


def _chosen(candidates: Sequence[_Candidate]) -> list[AccessRequest]:
    """Every scope once, then every rule once, then the rest: what a limit cuts off shows the least.

    ``candidates`` are in their order; no request comes twice.
    """
    by_scope: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        by_scope.setdefault(candidate.scope, []).append(candidate)
    rules = set[PolicyRule]()
    first: list[_Candidate] = []
    for found in by_scope.values():
        # A rule that no other scope has shown yet, if there is one.
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
    """One step out of what is allowed, in turn with what matters most.

    Steps are elsewhere, wider, another verb or another name. Some of the requests may be allowed
    all the same: the caller asks the permissions before it expects a denial.
    """
    granted = sorted({request.namespace for request in chosen if request.namespace})
    elsewhere = _uncovered(permissions, namespaces)
    steps = _in_turn(*(_steps(request, elsewhere) for request in chosen))
    telling: list[AccessRequest] = []
    for place in (None, *granted[:1], elsewhere):
        there = [request for request in TELLING if _exists_in(place, request)]
        telling += [replace(request, namespace=place) for request in there]
    yield from _in_turn(telling, list(steps))


def _uncovered(permissions: PermissionSet, namespaces: Sequence[str]) -> str | None:
    """A namespace in which no grant of a namespace holds; one that exists if there is one.

    None where grants of namespaces cover all that could be asked about.
    """
    covered = [grant.namespace for grant in permissions.grants if grant.namespace is not None]
    known = (*sorted(namespaces), "kube-system", "default", f"{PROBE_NAME}-elsewhere")
    for namespace in known:
        if not any(namespace_matches(scope, namespace) for scope in covered):
            return namespace
    return None


def _in_turn(*lists: Iterable[AccessRequest]) -> Iterator[AccessRequest]:
    """The first of each list, then the second of each, until all are used up.

    A limit that cuts the result takes from every list.
    """
    for turn in zip_longest(*lists):
        yield from (request for request in turn if request is not None)


def _steps(request: AccessRequest, elsewhere: str | None) -> Iterator[AccessRequest]:
    """Requests that differ from an allowed one in one thing.

    ``elsewhere`` is a namespace; None asks cluster-wide.
    """
    if request.path is not None:
        yield replace(request, path=f"{request.path.rstrip('/')}-{PROBE_NAME}")
        yield replace(request, verb="delete")
        return
    if request.namespace is not None:
        yield replace(request, namespace=elsewhere)
        yield replace(request, namespace=None)
    for verb in COMMON_VERBS:
        if verb != request.verb:
            yield replace(request, verb=verb)
    if request.name:
        yield replace(request, name=f"{request.name}-{PROBE_NAME}")


def _texts(rule: PolicyRule) -> tuple[tuple[str, ...], ...]:
    """The rule as texts that can be sorted."""
    return rule.verbs, rule.api_groups, rule.resources, rule.resource_names, rule.non_resource_urls
