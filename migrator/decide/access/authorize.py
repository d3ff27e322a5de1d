"""Who may do what: kube-apiserver's RBAC authorizer, and the whole chain of a cluster's
authorizers.

Source: kubernetes ``plugin/pkg/auth/authorizer/rbac/rbac.go`` and
``pkg/registry/rbac/validation/rule.go``. An :class:`RbacIndex` is made once per state of the
cluster and asked thousands of times.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.decide.access.access_policies import PolicyAnswer, policy_allows
from migrator.decide.access.aggregate_roles import effective_rules
from migrator.decide.access.match_rules import Grant, RuleSet
from migrator.decide.access.quoting import quoted
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.rbac import AccessRequest, Binding, RbacState, Subject

MASTERS = "system:masters"
NODES = "system:nodes"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = "system:anonymous"
_LAST_CHARACTER = "\U0010ffff"
# Identities whose bindings are remembered: more than the principals of a cluster.
_VIEWS_KEPT = 4096

Answer: TypeAlias = tuple[bool, str]
SubjectNames: TypeAlias = Literal["users", "groups"]


@dataclass(frozen=True, slots=True)
class BoundRole:
    """A binding that applies to an identity, by which of its subjects, and the rules it gives.

    ``rules`` is None where the role does not exist: the binding then gives nothing and the reason
    says so.
    """

    binding: Binding
    subject: Subject
    rules: RuleSet | None


@dataclass(frozen=True, slots=True)
class BoundRoles:
    """All bindings of an identity: cluster-wide ones, and those of each namespace, in the state's
    order.
    """

    cluster: tuple[BoundRole, ...]
    by_namespace: Mapping[str, tuple[BoundRole, ...]]


class RbacIndex:
    """RBAC of one cluster, indexed by subject."""

    def __init__(self, state: RbacState) -> None:
        rules = {key: RuleSet(value) for key, value in effective_rules(state).items()}
        self._rules = [rules.get(_role_key(binding)) for binding in state.bindings]
        self._bindings = state.bindings
        self._users: dict[str, list[tuple[int, int]]] = {}
        self._groups: dict[str, list[tuple[int, int]]] = {}
        for number, binding in enumerate(state.bindings):
            for place, subject in enumerate(binding.subjects):
                if subject.kind == "Group":
                    self._groups.setdefault(subject.name, []).append((number, place))
                    continue
                name = _username_of(subject, binding)
                if name is not None:
                    self._users.setdefault(name, []).append((number, place))
        self._sorted: dict[SubjectNames, list[str]] = {}
        self._granted: dict[tuple[SubjectNames, str], frozenset[Grant]] = {}
        self._views: dict[tuple[str, tuple[str, ...]], BoundRoles] = {}

    def names_with_prefix(self, names: SubjectNames, prefix: str) -> Sequence[str]:
        """Usernames or groups that subjects name and that start with ``prefix``, sorted.

        ServiceAccounts are named by their username, ``system:serviceaccount:NAMESPACE:NAME``.
        """
        if names not in self._sorted:
            self._sorted[names] = sorted(self._places(names))
        known = self._sorted[names]
        start = bisect_left(known, prefix)
        return known[start : bisect_left(known, prefix + _LAST_CHARACTER, start)]

    def grants(self, username: str, groups: Sequence[str]) -> frozenset[Grant]:
        """What RBAC gives to this username and exactly these groups.

        RBAC only adds, subject by subject, so that the grants of each name are found once and
        joined.
        """
        return self._grants_of("users", username).union(
            *(self._grants_of("groups", group) for group in groups)
        )

    def _grants_of(self, names: SubjectNames, name: str) -> frozenset[Grant]:
        """What the bindings of one username or group give.

        Answers are kept: principals share groups, and each is asked about before and after.
        """
        places = self._places(names).get(name)
        if places is None:
            return frozenset()
        known = self._granted.get((names, name))
        if known is None:
            found = (self._grant_at(number) for number, _ in places)
            known = frozenset(grant for grant in found if grant is not None)
            self._granted[names, name] = known
        return known

    def _grant_at(self, number: int) -> Grant | None:
        """What the binding with this number gives to each of its subjects; None where it gives
        nothing.
        """
        namespace, rules = self._bindings[number].namespace, self._rules[number]
        # The role does not exist: RBAC skips the binding (VisitRulesFor).
        if rules is None:
            return None
        # No namespace has an empty name or a star in its name: such a binding grants nothing, and
        # must not be read as a prefix.
        if namespace is not None and (not namespace or "*" in namespace):
            return None
        return Grant(namespace, rules)

    def _places(self, names: SubjectNames) -> Mapping[str, list[tuple[int, int]]]:
        """Name -> where it is a subject, as ``(number of the binding, place in its subjects)``."""
        if names == "users":
            return self._users
        return self._groups

    def bound_roles(self, username: str, groups: Sequence[str]) -> BoundRoles:
        """The bindings that apply to this username and exactly these groups (none is implied)."""
        key = (username, tuple(groups))
        view = self._views.get(key)
        if view is not None:
            return view
        # Memory is bounded: sessions' names are as many as a cluster's users make.
        if len(self._views) >= _VIEWS_KEPT:
            self._views.clear()
        view = self._views[key] = self._bound_roles(*key)
        return view

    def _bound_roles(self, username: str, groups: tuple[str, ...]) -> BoundRoles:
        """The same, without what is remembered: bindings in the order of the cluster's state."""
        cluster: list[BoundRole] = []
        by_namespace: dict[str, list[BoundRole]] = {}
        for number, place in sorted(self._first_subjects(username, groups).items()):
            binding = self._bindings[number]
            bound = BoundRole(binding, binding.subjects[place], self._rules[number])
            if binding.namespace is None:
                cluster.append(bound)
                continue
            by_namespace.setdefault(binding.namespace, []).append(bound)
        return BoundRoles(
            cluster=tuple(cluster),
            by_namespace={namespace: tuple(found) for namespace, found in by_namespace.items()},
        )

    def _first_subjects(self, username: str, groups: tuple[str, ...]) -> dict[int, int]:
        """Number of each binding of the identity -> the place of the first of its subjects that
        applies.

        The API server names that one in its reason (``validation/rule.go``, appliesTo).
        """
        first: dict[int, int] = {}
        for number, place in self._users.get(username, ()):
            first[number] = min(place, first.get(number, place))
        for group in groups:
            for number, place in self._groups.get(group, ()):
                first[number] = min(place, first.get(number, place))
        return first

    def allows(
        self,
        username: str,
        groups: Sequence[str],
        request: AccessRequest,
    ) -> Answer:
        """RBAC's decision and its reason, for exactly these groups.

        ``system:masters`` means nothing here, and ``system:authenticated`` is not implied. The
        reason is the API server's text; of a denial it is empty unless a binding names a role that
        does not exist.

        Source: ``plugin/pkg/auth/authorizer/rbac/rbac.go``, Authorize.
        """
        view = self.bound_roles(username, groups)
        candidates = view.cluster
        # A RoleBinding holds in its namespace only, never for paths or cluster-wide requests
        # (VisitRulesFor).
        if request.path is None and request.namespace:
            candidates = candidates + view.by_namespace.get(request.namespace, ())
        for bound in candidates:
            if bound.rules is not None and bound.rules.allows(request):
                return True, f"RBAC: allowed by {_describe(bound)}"
        return False, _missing_roles(candidates)


def authorize(
    index: RbacIndex,
    username: str,
    groups: Sequence[str],
    policies: Sequence[AssociatedPolicy],
    request: AccessRequest,
) -> PolicyAnswer:
    """The whole chain for a logged-in identity.

    ``system:masters`` comes before everything else, then RBAC, then access policies. ``groups`` are
    the identity's own; ``system:authenticated`` is added as the API server adds it. The answer is
    ``(allowed, reason)``, where None means that only an opaque policy could allow it.
    """
    # The API server allows this group everything before it asks an authorizer
    # (authorizerfactory.NewPrivilegedGroups).
    if MASTERS in groups:
        return True, ""
    allowed, reason = index.allows(username, groups_of_login(username, groups), request)
    if allowed:
        return allowed, reason
    by_policy, policy_reason = policy_allows(policies, request)
    return by_policy, policy_reason or reason


def groups_of_login(username: str, groups: Sequence[str]) -> tuple[str, ...]:
    """The groups of a logged-in identity, each once: its own, and ``system:authenticated`` unless
    the identity says that it is not.

    Source: apiserver ``pkg/authentication/group/authenticated_group_adder.go``.
    """
    own = tuple(dict.fromkeys(groups))
    # A row may give this name, which means that there was no login.
    if username == ANONYMOUS:
        return own
    # A row that names one of the two groups has said which: the API server adds neither.
    if AUTHENTICATED in own or UNAUTHENTICATED in own:
        return own
    return (*own, AUTHENTICATED)


def _role_key(binding: Binding) -> tuple[str | None, str]:
    """Where the role is looked up: its namespace, None for a ClusterRole, and its name."""
    if binding.role_kind == "ClusterRole":
        return None, binding.role_name
    # A ClusterRoleBinding cannot name a Role: namespace "" holds none (GetRoleReferenceRules).
    return binding.namespace or "", binding.role_name


def _username_of(subject: Subject, binding: Binding) -> str | None:
    """The username that a login must have to be this subject; None where no login can be it.

    ``subject`` is a User or a ServiceAccount.
    """
    if subject.kind == "User":
        return subject.name
    # A ServiceAccount without a namespace is one of the binding's (appliesToUser). Without either
    # the subject matches no login.
    namespace = subject.namespace or binding.namespace
    if not namespace:
        return None
    return f"system:serviceaccount:{namespace}:{subject.name}"


def _describe(bound: BoundRole) -> str:
    """A binding by which something is allowed, as the API server words it.

    ``RoleBinding "readers/shop" of ClusterRole "view" to Group "dev"`` (``rbac.go``,
    ruleAccumulator and clusterRoleBindingDescriber).
    """
    binding = bound.binding
    subject = bound.subject
    kind = "ClusterRoleBinding"
    name = binding.name
    if binding.namespace is not None:
        kind = "RoleBinding"
        name = f"{binding.name}/{binding.namespace}"
    whom = subject.name
    if subject.kind == "ServiceAccount":
        whom = f"{subject.name}/{subject.namespace or binding.namespace}"
    return (
        f"{kind} {quoted(name)} of {binding.role_kind} {quoted(binding.role_name)} to "
        f"{subject.kind} {quoted(whom)}"
    )


def _missing_roles(candidates: Iterable[BoundRole]) -> str:
    """Why RBAC says no: roles that bindings name and that do not exist. Empty without such a role.

    Roles come in the order of their bindings, each once.
    """
    bindings = [bound.binding for bound in candidates if bound.rules is None]
    missing = list(dict.fromkeys(_missing_role(binding) for binding in bindings))
    if not missing:
        return ""
    # The API server writes one error as it is, several as a list (utilerrors.NewAggregate).
    if len(missing) == 1:
        return f"RBAC: {missing[0]}"
    return f"RBAC: [{', '.join(missing)}]"


def _missing_role(binding: Binding) -> str:
    """The API server's text for a role that does not exist."""
    kind = f"{binding.role_kind.lower()}.rbac.authorization.k8s.io"
    return f"{kind} {quoted(binding.role_name)} not found"
