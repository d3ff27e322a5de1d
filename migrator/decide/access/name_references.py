"""Everything in the cluster that names a group or a username: bindings, ``impersonate`` rules, and
whatever was collected into ``groupReferences`` (FlowSchemas, admission policies, webhooks, policy
engines, Argo CD).

Names decide what a login may do, far beyond RBAC: a name may only change or go where nothing here
can mean it.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import takewhile

from migrator.decide.reading.templates import can_become, literal_prefix, templates_in
from migrator.model.rbac import Binding, PolicyRule, RbacState, Role
from migrator.model.snapshot import GroupReference
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL


class NameIndex:
    """Names and the places that mention them. ``complete`` False: something was not read, absence
    means nothing.
    """

    def __init__(
        self,
        rbac: RbacState | None,
        references: Iterable[GroupReference] | None,
        *,
        complete: bool = True,
    ) -> None:
        self.complete = complete and rbac is not None and references is not None
        self.rbac_known = complete and rbac is not None
        self.groups: dict[str, list[str]] = {}
        self.group_bindings: dict[str, list[Binding]] = {}
        self._users: dict[str, list[str]] = {}
        self._patterns: dict[str, list[str]] = {}
        self._judged: dict[str, tuple[str, ...]] = {}
        if rbac is not None:
            for binding in rbac.bindings:
                self._add_binding(binding)
            for role in rbac.roles:
                self._add_impersonation(role)
        for reference in references or ():
            # RBAC that was read is indexed above.
            if rbac is not None and reference.api_version.startswith("rbac."):
                continue
            self._add_reference(reference)
        self._sorted_users = sorted(self._users)

    def of_group(self, group: str) -> tuple[str, ...]:
        """The places that name a group: what keeping or losing it can matter for.

        Each place is a text for findings, for example ``RoleBinding shop/readers`` or ``FlowSchema
        admins (spec.rules[0].subjects[0].group.name)``. The group may be a template.
        """
        found = list(self.groups.get(group, ()))
        for text, places in self._patterns.items():
            if can_become(group, text):
                found += places
        return tuple(found)

    def only_of_group(self, group: str, other: str) -> tuple[str, ...]:
        """The places that name ``group`` in objects that do not name ``other`` too."""
        both = {object_of(place) for place in self.of_group(other)}
        return tuple(place for place in self.of_group(group) if object_of(place) not in both)

    def bindings_of_group(self, group: str) -> tuple[Binding, ...]:
        """The bindings with the group among their subjects, in the cluster's order, each once.

        Templates and patterns do not count here: RBAC compares names as texts.
        """
        return tuple(self.group_bindings.get(group, ()))

    def of_username(self, username: str) -> tuple[str, ...]:
        """The places whose name the username, a template perhaps, can become.

        ServiceAccounts count as names, ``system:serviceaccount:NAMESPACE:NAME``. Answers are kept:
        the same username is asked about for its row, its entry and its steps.
        """
        if username not in self._judged:
            self._judged[username] = tuple(self._find(username))
        return self._judged[username]

    def users_starting(self, prefix: str) -> tuple[str, ...]:
        """The names of users, without wildcards, that begin so."""
        first = bisect_left(self._sorted_users, prefix)
        return tuple(takewhile(lambda name: name.startswith(prefix), self._sorted_users[first:]))

    def _find(self, username: str) -> Iterable[str]:
        """Places that name the username itself, then places with a pattern that it can match."""
        if templates_in(username):
            yield from self._find_rendered(username)
        else:
            yield from self._users.get(username, ())
        for text, places in self._patterns.items():
            if can_become(username, text):
                yield from places

    def _find_rendered(self, template: str) -> Iterable[str]:
        """Places of every known name that the template can become, in the order of the names."""
        prefix = literal_prefix(template)
        # Names are many and templates share a prefix with few of them.
        start = bisect_left(self._sorted_users, prefix)
        for name in self._sorted_users[start:]:
            if not name.startswith(prefix):
                break
            if can_become(template, name):
                yield from self._users[name]

    def _add_user(self, name: str, place: str) -> None:
        """A username, or a ServiceAccount's: ``*`` in it is any text."""
        known = self._users
        if "*" in name:
            known = self._patterns
        known.setdefault(name, []).append(place)

    def _add_binding(self, binding: Binding) -> None:
        """Each subject of a binding under the name that a login must have to match it.

        Names are compared as texts (``pkg/registry/rbac/validation/rule.go``, appliesToUser).
        """
        place = binding_place(binding)
        for subject in binding.subjects:
            if subject.kind == "Group":
                self.groups.setdefault(subject.name, []).append(place)
                bound = self.group_bindings.setdefault(subject.name, [])
                # A binding may name a group twice, and is one binding of it.
                if not bound or bound[-1] is not binding:
                    bound.append(binding)
                continue
            if subject.kind == "User":
                self._users.setdefault(subject.name, []).append(place)
                continue
            namespace = subject.namespace or binding.namespace
            # Without either the subject matches no login (appliesToUser).
            if namespace:
                account = f"system:serviceaccount:{namespace}:{subject.name}"
                self._users.setdefault(account, []).append(place)

    def _add_impersonation(self, role: Role) -> None:
        """The names that a role's ``impersonate`` rules are limited to.

        Such a rule lets others act under the name: who gets the name gets what it may do. A rule
        without ``resourceNames`` depends on no name.
        """
        for rule in role.rules:
            # Of very many rules hardly any names an object.
            if not rule.resource_names or not _may_impersonate(rule):
                continue
            kind = "Role"
            if role.namespace is None:
                kind = "ClusterRole"
            place = f"impersonate rule of {kind} {_at(role)}"
            # A ClusterRole may be bound in any namespace: its accounts may be of any.
            self._add_impersonated(rule, place, role.namespace or "*")

    def _add_impersonated(
        self,
        rule: PolicyRule,
        place: str,
        namespace: str,
    ) -> None:
        """The ``resourceNames`` of one rule, each as what its resources make of it.

        ``groups``, ``users``, ``nodes`` and ``serviceaccounts`` are resources of impersonation
        (Kubernetes, "User impersonation"). ``namespace`` is the one in which ServiceAccounts are
        impersonated, ``*`` for any.
        """
        for name in rule.resource_names:
            if not {"groups", "*"}.isdisjoint(rule.resources):
                self.groups.setdefault(name, []).append(place)
            if not {"users", "nodes", "*"}.isdisjoint(rule.resources):
                self._users.setdefault(name, []).append(place)
            if not {"serviceaccounts", "*"}.isdisjoint(rule.resources):
                self._add_user(f"system:serviceaccount:{namespace}:{name}", place)

    def _add_reference(self, reference: GroupReference) -> None:
        """A text of another object; ``*`` in it means any text."""
        place = f"{reference.kind} {_at(reference)} ({reference.path})"
        if "*" in reference.text:
            self._patterns.setdefault(reference.text, []).append(place)
            return
        # Outside RBAC a text does not say whether a user or a group has the name.
        self.groups.setdefault(reference.text, []).append(place)
        self._users.setdefault(reference.text, []).append(place)


def _may_impersonate(rule: PolicyRule) -> bool:
    """Whether a rule has a verb of impersonation."""
    # "impersonate:user-info" and the like are the constrained verbs (Kubernetes 1.36, constrained
    # impersonation).
    return any(verb == "*" or verb.startswith("impersonate") for verb in rule.verbs)


def binding_place(binding: Binding) -> str:
    """``RoleBinding shop/readers``: how findings name a binding."""
    if binding.namespace is None:
        return f"ClusterRoleBinding {binding.name}"
    return f"RoleBinding {_at(binding)}"


def object_of(place: str) -> str:
    """The object of a place, without the path inside it."""
    return place.partition(" (")[0]


def is_ours(binding: Binding) -> bool:
    """Whether a binding carries our label: this tool made it, and may delete it."""
    return binding.labels.get(MANAGED_BY_LABEL) == MANAGED_BY


def _at(item: Binding | Role | GroupReference) -> str:
    """``NAMESPACE/NAME``, or the name alone of an object of the cluster."""
    if item.namespace is None:
        return item.name
    return f"{item.namespace}/{item.name}"
