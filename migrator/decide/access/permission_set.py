"""The permissions of an identity as a set of requests, and the exact difference of two such sets.

The universe: resource requests (namespace or none, API group, resource with subresource, verb,
name) and non-resource requests (path, verb). A cluster-wide grant holds requests without a
namespace and those in every namespace, the not yet existing ones too; a grant in a namespace holds
that namespace's requests only.

What cannot be known stays visible: an access policy without a published rule table, RBAC that was
not read, the node authorizer. It is compared by name, and a difference that it may hide is marked,
never shown as empty.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from migrator.decide.access.access_policies import namespace_matches, policy_rules
from migrator.decide.access.authorize import MASTERS, NODES, RbacIndex, groups_of_login
from migrator.decide.access.match_rules import Grant, RuleSet
from migrator.decide.access.permission_rows import arranged, resource_rows, url_rows
from migrator.decide.access.rule_boxes import ALL, Box, Node
from migrator.decide.access.subtract_boxes import (
    EMPTY,
    RESOURCE_DIMENSIONS,
    URL_DIMENSIONS,
    Difference,
)
from migrator.model.access_entry import AssociatedPolicy, Identity
from migrator.model.rbac import AccessRequest, PermissionRow, PolicyRule

_NODE_NAMES = "system:node:"
# Said of a policy beside the rows of its bound.
_UPPER_BOUND = "(AWS publishes an upper bound of its rules: it may give less than what is shown)"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that may allow requests in ``namespace`` (None: cluster-wide); which ones is
    unknown.

    ``rules`` are an upper bound where there is one: a policy whose scope is unclear, or of which
    AWS publishes an upper bound, gives no more than its rules.
    """

    what: str
    namespace: Node = None
    rules: RuleSet | None = None


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """Everything an identity may do. Equal sets may be built from different rules: compare with
    ``difference``.
    """

    grants: frozenset[Grant] = frozenset()
    unknown: frozenset[Unknown] = frozenset()

    def allows(self, request: AccessRequest) -> bool | None:
        """Whether the request is in the set; None where only something unknown could allow it."""
        return self.asker()(request)

    def asker(self) -> Callable[[AccessRequest], bool | None]:
        """``allows`` for many requests: the rules are merged once, by namespace.

        The function keeps what it needs of the set, and gives the same answers as ``allows``.
        """
        rules = self._rules_by_namespace()
        patterns = [place for place in rules if place is not None and place.endswith("*")]

        def allows(request: AccessRequest) -> bool | None:
            """True, False, or None where only something unknown could allow the request.

            What is known counts first: authorizers only add, so that nothing unknown takes a right
            away.
            """
            for place in _places(request, patterns):
                if place in rules and rules[place].allows(request):
                    return True
            # What is known allows it in none of these places: what is unknown may.
            for unknown in self.unknown:
                if _may_allow(unknown, request):
                    return None
            return False

        return allows

    def _rules_by_namespace(self) -> dict[Node, RuleSet]:
        """All rules that are granted in the same place, as one set; None is cluster-wide.

        Places are compared as texts here: ``dev-*`` is one of them.
        """
        found: dict[Node, list[PolicyRule]] = {}
        for grant in self.grants:
            found.setdefault(grant.namespace, []).extend(grant.rules.rules)
        return {namespace: RuleSet(rules) for namespace, rules in found.items()}

    def rows(self) -> tuple[PermissionRow, ...]:
        """All of it as rows."""
        return difference(self, NOTHING)

    def __or__(self, other: "PermissionSet") -> "PermissionSet":
        return PermissionSet(self.grants | other.grants, self.unknown | other.unknown)


NOTHING = PermissionSet()
_ALL_RULES = RuleSet(
    (
        PolicyRule(verbs=("*",), api_groups=("*",), resources=("*",)),
        PolicyRule(verbs=("*",), non_resource_urls=("*",)),
    )
)
EVERYTHING = PermissionSet(grants=frozenset({Grant(None, _ALL_RULES)}))


def permissions_of_login(
    identity: Identity,
    username: str,
    groups: tuple[str, ...],
    index: RbacIndex | None,
) -> PermissionSet:
    """The permissions of one login of an identity, with its rendered username and groups.

    ``groups`` are the identity's own; ``system:authenticated`` is added as the API server adds it.
    ``index`` None: RBAC was not read, and what it gives to each name is unknown.

    Sources: the API server asks its authorizers in turn and allows what any of them allows
    (Kubernetes, "Authorization"); those of EKS are the node authorizer, RBAC and access policies
    (EKS user guide, "Associate access policies with access entries").
    """
    # The API server allows this group everything, whatever RBAC says.
    if MASTERS in groups:
        return EVERYTHING
    grants, unknown = set[Grant](), set[Unknown]()
    if index is None:
        # RBAC only adds, subject by subject, so that names kept in both states cannot hide a
        # difference.
        unknown.add(Unknown(f"RBAC of user {identity.username}"))
        unknown.update(Unknown(f"RBAC of group {group}") for group in identity.groups)
    else:
        grants.update(index.grants(username, groups_of_login(username, groups)))
    # The node authorizer decides by a graph of pods, secrets and volumes, not by rules
    # (plugin/pkg/auth/authorizer/node); a node is known by this group and this prefix.
    if NODES in groups and username.startswith(_NODE_NAMES):
        unknown.add(Unknown(f"node authorizer for {identity.username}"))
    for policy in identity.policies:
        _add_policy(policy, grants, unknown)
    return PermissionSet(frozenset(grants), frozenset(unknown))


def is_login(identity: Identity) -> bool:
    """Whether the principal can log in at all."""
    return identity.via != "none"


def difference(
    a: PermissionSet, b: PermissionSet, *, with_bounds: bool = False
) -> tuple[PermissionRow, ...]:
    """The requests that ``a`` allows and ``b`` does not, as rows: disjoint, compact, sorted, the
    same for equal sets.

    Empty only where every request of ``a`` is known to be in ``b``. Rows whose scope is ``unknown
    WHAT`` say that the difference may be larger than the rows (WHAT is in ``a``) or smaller (WHAT
    is in ``b``).

    ``with_bounds``: the rows hold what policies of ``a`` give at most by their published bounds,
    beside the row that says so. For what is gained: a bound may over-state a gain and never hides
    one. It proves nothing of what an identity has, so it is never for what is lost.
    """
    if a.grants <= b.grants and a.unknown <= b.unknown:
        return ()
    doubts = {unknown for unknown in a.unknown if not _covered(unknown, b)}
    grants = a.grants
    if with_bounds:
        grants |= _bounds(doubts)
    rows = list(_known_rows(grants - b.grants, b.grants))
    # What is unknown in b may hold some of the rows: the difference may be smaller.
    if rows:
        doubts |= b.unknown
    rows += [PermissionRow(scope=_doubt(unknown)) for unknown in doubts]
    return arranged(rows)


def is_subset(a: PermissionSet, b: PermissionSet) -> bool:
    """Whether everything that ``a`` allows is known to be allowed by ``b``."""
    return not difference(a, b)


def _known_rows(a: frozenset[Grant], b: frozenset[Grant]) -> Iterator[PermissionRow]:
    """The requests of ``a`` without those of ``b``, as rows; grants on both sides are exact.

    Resource requests and paths are two universes: the rows of each come from a difference of their
    own.
    """
    resources = Difference(RESOURCE_DIMENSIONS)
    left = resources.subtract(_resource_boxes(a), _resource_boxes(b))
    if left != EMPTY:
        yield from resource_rows(resources, left)
    urls = Difference(URL_DIMENSIONS)
    left = urls.subtract(_url_boxes(a), _url_boxes(b))
    if left != EMPTY:
        yield from url_rows(urls, left)


def _resource_boxes(grants: frozenset[Grant]) -> frozenset[Box]:
    """``(namespaces, API groups, resources, verbs, resource names)`` of everything that is granted.

    Grants of the same rules become one box each rule, with all their namespaces: clusters bind a
    few roles in many namespaces.
    """
    where: dict[RuleSet, set[Node]] = {}
    for grant in grants:
        where.setdefault(grant.rules, set()).add(grant.namespace)
    found: set[Box] = set()
    for rules, namespaces in where.items():
        inside = frozenset(namespaces)
        # A cluster-wide grant holds every namespace: the others add nothing.
        if None in namespaces:
            inside = ALL
        resource_boxes, _ = rules.boxes
        found.update((inside, *box) for box in resource_boxes)
    return frozenset(found)


def _url_boxes(grants: frozenset[Grant]) -> frozenset[Box]:
    """``(URLs, verbs)`` of everything that is granted, for the difference of paths."""
    # A path has no namespace: only a ClusterRoleBinding can allow it (VisitRulesFor).
    cluster_wide = [grant.rules for grant in grants if grant.namespace is None]
    found: set[Box] = set()
    for rules in cluster_wide:
        _, url_boxes = rules.boxes
        found |= url_boxes
    return frozenset(found)


def _places(request: AccessRequest, patterns: list[str]) -> list[Node]:
    """The namespaces of grants that hold for the request, the whole cluster (None) first.

    ``patterns`` are those of the grants' namespaces that end in ``*``.
    """
    places: list[Node] = [None]
    # Paths and cluster-wide requests have no namespace: only cluster-wide grants hold for them.
    if request.path is not None or not request.namespace:
        return places
    places.append(request.namespace)
    places += [each for each in patterns if namespace_matches(each, request.namespace)]
    return places


def _may_allow(unknown: Unknown, request: AccessRequest) -> bool:
    """Whether the unknown thing could allow the request: in its place, and within its bound."""
    if not _may_cover(unknown.namespace, request):
        return False
    # Nothing is published about it: it may allow any request there.
    if unknown.rules is None:
        return True
    return unknown.rules.allows(request)


def _may_cover(namespace: Node, request: AccessRequest) -> bool:
    """Whether a scope could hold for the request; None is the whole cluster.

    A request for a path, or without a namespace, is in no namespace (VisitRulesFor).
    """
    if namespace is None:
        return True
    if request.path is not None:
        return False
    if not request.namespace:
        return False
    # None is a pattern of undocumented meaning: it may cover the namespace.
    return namespace_matches(namespace, request.namespace) is not False


def _add_policy(policy: AssociatedPolicy, grants: set[Grant], unknown: set[Unknown]) -> None:
    """Adds what an access policy gives: to ``grants`` what is certain, to ``unknown`` the rest.

    A policy without a published rule table may allow anything in its scope. One of which AWS
    publishes an upper bound allows at most that bound, and its name says so wherever it is shown.
    """
    rules, exact = policy_rules(policy.policy_arn)
    what = f"access policy {policy.policy_arn}"
    if rules is not None and not exact:
        what = f"{what} {_UPPER_BOUND}"
    namespaces: tuple[Node, ...] = policy.scope.namespaces
    if policy.scope.type == "cluster":
        namespaces = (None,)
    for namespace in namespaces:
        # No namespace has an empty name.
        if namespace == "":
            continue
        # Only what is certain is granted: exact rules, in a scope whose meaning is documented.
        if rules is None or not exact or _unclear(namespace):
            unknown.add(Unknown(what, namespace, rules))
            continue
        grants.add(Grant(namespace, rules))


def _bounds(unknown: Iterable[Unknown]) -> frozenset[Grant]:
    """The most that policies give where their scope is clear.

    Without a bound there is nothing to show beside the row that names the policy.
    """
    return frozenset(
        Grant(each.namespace, each.rules)
        for each in unknown
        if each.rules is not None and not _unclear(each.namespace)
    )


def _unclear(namespace: Node) -> bool:
    """Whether the namespace of a scope is a pattern that the EKS user guide does not document.

    It documents plain names and a star at the end ("Associate access policies with access
    entries").
    """
    if namespace is None:
        return False
    return "*" in namespace[:-1]


def _covered(unknown: Unknown, by: PermissionSet) -> bool:
    """Whether ``by`` allows everything that the unknown thing could allow.

    It does where the same thing is unknown in ``by`` in the same place or a wider one, or where
    known grants of ``by`` hold all that the thing could be.
    """
    same = [each.namespace for each in by.unknown if each.what == unknown.what]
    if any(_inside(unknown.namespace, namespace) for namespace in same):
        return True
    # Not known by name on both sides: it is covered only where its most is.
    rules = unknown.rules or _ALL_RULES
    namespace = unknown.namespace
    if namespace is not None:
        # A prefix pattern that holds whatever the pattern could mean.
        head, star, _ = namespace.partition("*")
        namespace = head + star
    widest = frozenset({Grant(namespace, rules)})
    return not any(_known_rows(widest, by.grants))


def _inside(inner: Node, outer: Node) -> bool:
    """Whether a scope lies inside another; None is the whole cluster."""
    if outer is None:
        return True
    if inner == outer:
        return True
    # The whole cluster is inside no namespace.
    if inner is None:
        return False
    if not outer.endswith("*"):
        return False
    prefix = outer[:-1]
    # Only a single star, at the end, is certain to be a prefix.
    if "*" in prefix:
        return False
    return inner.startswith(prefix)


def _doubt(unknown: Unknown) -> str:
    """The scope of a row that names something unknown, for example ``unknown access policy ARN in
    namespace dev``.
    """
    if unknown.namespace is None:
        return f"unknown {unknown.what}"
    return f"unknown {unknown.what} in namespace {unknown.namespace}"
