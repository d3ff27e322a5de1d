"""The permissions of an identity as a set of requests, and the exact difference of two such sets.

The universe: resource requests (namespace or none, API group, resource with subresource, verb,
name) and non-resource requests (path, verb). A cluster-wide grant holds requests without a
namespace and those in every namespace, the not yet existing ones too; a grant in a namespace holds
that namespace's requests only.

What cannot be known stays visible: an access policy without a published rule table, RBAC that was
not read, the node authorizer. It is compared by name, and a difference that it may hide is marked,
never shown as empty.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrator.decide.access.access_policies import namespace_matches, policy_rules
from migrator.decide.access.authorize import MASTERS, NODES, RbacIndex, with_authenticated
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


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that may allow requests in ``namespace`` (None: cluster-wide), nobody can say
    which.

    ``rules`` are an upper bound where there is one: a policy whose scope is unclear gives no more
    than its rules.
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
        """``allows`` for many requests, made ready once."""
        where: dict[Node, list[PolicyRule]] = {}
        for grant in self.grants:
            where.setdefault(grant.namespace, []).extend(grant.rules.rules)
        rules = {namespace: RuleSet(found) for namespace, found in where.items()}
        patterns = [
            namespace for namespace in rules if namespace is not None and namespace.endswith("*")
        ]

        def allows(request: AccessRequest) -> bool | None:
            places: list[Node] = [None]
            if request.path is None and request.namespace:
                places += [
                    request.namespace,
                    *(p for p in patterns if namespace_matches(p, request.namespace)),
                ]
            if any(place in rules and rules[place].allows(request) for place in places):
                return True
            doubt = any(
                _covers(unknown.namespace, request) is not False
                and (unknown.rules is None or unknown.rules.allows(request))
                for unknown in self.unknown
            )
            return None if doubt else False

        return allows

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
    identity: Identity, username: str, groups: tuple[str, ...], index: RbacIndex | None
) -> PermissionSet:
    """The permissions of one login of an identity, with its rendered username and groups.

    ``index`` None: RBAC was not read, and what it gives to each name is unknown.
    """
    if MASTERS in groups:
        return EVERYTHING
    grants, unknown = set[Grant](), set[Unknown]()
    if index is None:
        # RBAC only adds, subject by subject, so that names kept on both sides cannot hide a
        # difference.
        unknown.add(Unknown(f"RBAC of user {identity.username}"))
        unknown.update(Unknown(f"RBAC of group {group}") for group in identity.groups)
    else:
        grants.update(index.grants(username, with_authenticated(groups)))
    if NODES in groups and username.startswith(_NODE_NAMES):
        unknown.add(Unknown(f"node authorizer for {identity.username}"))
    for policy in identity.policies:
        _add_policy(policy, grants, unknown)
    return PermissionSet(frozenset(grants), frozenset(unknown))


def is_login(identity: Identity) -> bool:
    """Whether the principal can log in at all."""
    return identity.via != "none"


def difference(a: PermissionSet, b: PermissionSet) -> tuple[PermissionRow, ...]:
    """The requests that ``a`` allows and ``b`` does not, as rows: disjoint, compact, sorted, the
    same for equal sets.

    Empty only where every request of ``a`` is known to be in ``b``. Rows whose scope is ``unknown
    WHAT`` say that the difference may be larger than the rows (WHAT is in ``a``) or smaller (WHAT
    is in ``b``).
    """
    if a.grants <= b.grants and a.unknown <= b.unknown:
        return ()
    rows = list(_known_rows(a.grants - b.grants, b.grants))
    doubts = {u for u in a.unknown if not _covered(u, b)}
    if rows:
        doubts |= b.unknown
    return arranged([*rows, *(PermissionRow(scope=_doubt(u)) for u in doubts)])


def is_subset(a: PermissionSet, b: PermissionSet) -> bool:
    """Whether everything that ``a`` allows is known to be allowed by ``b``."""
    return not difference(a, b)


def _known_rows(a: frozenset[Grant], b: frozenset[Grant]) -> Iterator[PermissionRow]:
    resources = Difference(RESOURCE_DIMENSIONS)
    left = resources.subtract(_resource_boxes(a), _resource_boxes(b))
    if left != EMPTY:
        yield from resource_rows(resources, left)
    urls = Difference(URL_DIMENSIONS)
    left = urls.subtract(_url_boxes(a), _url_boxes(b))
    if left != EMPTY:
        yield from url_rows(urls, left)


def _resource_boxes(grants: frozenset[Grant]) -> frozenset[Box]:
    where: dict[RuleSet, set[Node]] = {}
    for grant in grants:
        where.setdefault(grant.rules, set()).add(grant.namespace)
    return frozenset(
        (ALL if None in namespaces else frozenset(namespaces), *box)
        for rules, namespaces in where.items()
        for box in rules.boxes[0]
    )


def _url_boxes(grants: frozenset[Grant]) -> frozenset[Box]:
    return frozenset(
        box for grant in grants if grant.namespace is None for box in grant.rules.boxes[1]
    )


def _covers(namespace: Node, request: AccessRequest) -> bool | None:
    if namespace is None:
        return True
    if request.path is not None or not request.namespace:
        return False
    return namespace_matches(namespace, request.namespace)


def _add_policy(policy: AssociatedPolicy, grants: set[Grant], unknown: set[Unknown]) -> None:
    rules = policy_rules(policy.policy_arn)
    what = f"access policy {policy.policy_arn}"
    namespaces: tuple[Node, ...] = (
        (None,) if policy.scope.type == "cluster" else policy.scope.namespaces
    )
    for namespace in namespaces:
        if namespace == "":
            continue  # the name of no namespace
        if rules is None:
            unknown.add(Unknown(what, namespace))
        elif (
            namespace is not None and "*" in namespace[:-1]
        ):  # not published what such a pattern means
            unknown.add(Unknown(what, namespace, rules))
        else:
            grants.add(Grant(namespace, rules))


def _covered(unknown: Unknown, by: PermissionSet) -> bool:
    """Whether all that the unknown thing could allow is allowed by ``by``, whatever it turns out to
    be.
    """
    if any(u.what == unknown.what and _inside(unknown.namespace, u.namespace) for u in by.unknown):
        return True
    rules = unknown.rules or _ALL_RULES
    widest = frozenset({Grant(unknown.namespace and _upper(unknown.namespace), rules)})
    return not any(_known_rows(widest, by.grants))


def _inside(inner: Node, outer: Node) -> bool:
    if outer is None or inner == outer:
        return True
    return (
        inner is not None
        and outer.endswith("*")
        and "*" not in outer[:-1]
        and inner.startswith(outer[:-1])
    )


def _upper(pattern: str) -> str:
    """A prefix pattern that holds whatever the pattern could mean."""
    head, star, _ = pattern.partition("*")
    return head + star


def _doubt(unknown: Unknown) -> str:
    where = f" in namespace {unknown.namespace}" if unknown.namespace is not None else ""
    return f"unknown {unknown.what}{where}"
