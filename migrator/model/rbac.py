"""RBAC objects and permissions as values. Source of the semantics: kubernetes
``plugin/pkg/auth/authorizer/rbac``.
"""

import marshal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeAlias, TypeVar

SubjectKind: TypeAlias = Literal["User", "Group", "ServiceAccount"]
RoleKind: TypeAlias = Literal["Role", "ClusterRole"]
_TEXTS = {str}
# What nearly all objects are; asking for a Mapping alone takes much longer.
_OBJECT = (dict, Mapping)
_MOST_KNOWN, _LONGEST_KNOWN = 1024, 8192
_OF_ROLES, _OF_BINDINGS = ("rules", "aggregationRule"), ("roleRef", "subjects")
_ABOUT = ("name", "namespace", "labels")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a Role, a ClusterRole or an access policy; the API's own field meanings."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> "PolicyRule":
        """A rule as the Kubernetes API gives it; what is no string is left out."""
        return cls(
            verbs=_strings(raw.get("verbs")),
            api_groups=_strings(raw.get("apiGroups")),
            resources=_strings(raw.get("resources")),
            resource_names=_strings(raw.get("resourceNames")),
            non_resource_urls=_strings(raw.get("nonResourceURLs")),
        )


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A label selector of an aggregation rule: ``match_labels`` and ``(key, operator, values)``
    expressions.
    """

    match_labels: tuple[tuple[str, str], ...] = ()
    match_expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> "LabelSelector":
        """A ``metav1.LabelSelector`` as the Kubernetes API gives it."""
        expressions: list[tuple[str, str, tuple[str, ...]]] = []
        for item in _objects(raw.get("matchExpressions")):
            key = str(item.get("key", ""))
            operator = str(item.get("operator", ""))
            expressions.append((key, operator, _strings(item.get("values"))))
        return cls(
            match_labels=tuple(sorted(_labels(raw.get("matchLabels")).items())),
            match_expressions=tuple(expressions),
        )


@dataclass(frozen=True, slots=True)
class Role:
    """A Role (``namespace`` set) or ClusterRole (None)."""

    name: str
    namespace: str | None
    rules: tuple[PolicyRule, ...]
    labels: Mapping[str, str]
    aggregation: tuple[LabelSelector, ...] | None = None

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any], *, namespaced: bool) -> "Role | None":
        """A Role or ClusterRole as the Kubernetes API gives it.

        None without a name, or without a namespace where it must have one (``namespaced``).
        """
        place = _place(raw, namespaced=namespaced)
        if place is None:
            return None
        aggregation = None
        # Only ClusterRoles are aggregated.
        if not namespaced:
            aggregation = _aggregation(raw.get("aggregationRule"))
        name, namespace = place
        return cls(
            name=name,
            namespace=namespace,
            rules=tuple(map(PolicyRule.from_raw, _objects(raw.get("rules")))),
            labels=_labels(_mapping(raw.get("metadata")).get("labels")),
            aggregation=aggregation,
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a binding names. ``namespace`` matters for ServiceAccounts only."""

    kind: SubjectKind
    name: str
    namespace: str | None = None

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> "Subject | None":
        """A subject as the Kubernetes API gives it.

        None for a kind that the authorizer does not know, or without a name: it matches no login
        (validation/rule.go, appliesToUser).
        """
        kind = raw.get("kind")
        name = raw.get("name")
        namespace = raw.get("namespace")
        if kind not in ("User", "Group", "ServiceAccount"):
            return None
        if not isinstance(name, str):
            return None
        if not isinstance(namespace, str) or not namespace:
            return cls(kind, name)
        return cls(kind, name, namespace)


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding (``namespace`` set) or ClusterRoleBinding (None)."""

    name: str
    namespace: str | None
    role_kind: RoleKind
    role_name: str
    subjects: tuple[Subject, ...]
    labels: Mapping[str, str]

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any], *, namespaced: bool) -> "Binding | None":
        """A RoleBinding or ClusterRoleBinding as the Kubernetes API gives it; None where it cannot
        grant anything.

        A RoleBinding without a namespace is never read as a ClusterRoleBinding: that would widen
        it. Subjects that match no login are left out.
        """
        place = _place(raw, namespaced=namespaced)
        if place is None:
            return None
        ref = _mapping(raw.get("roleRef"))
        kind = ref.get("kind")
        name = ref.get("name")
        # The authorizer knows no other kind (validation/rule.go, GetRoleReferenceRules).
        if kind not in ("Role", "ClusterRole"):
            return None
        if not isinstance(name, str):
            return None
        subjects = map(Subject.from_raw, _objects(raw.get("subjects")))
        return cls(
            name=place[0],
            namespace=place[1],
            role_kind=kind,
            role_name=name,
            subjects=tuple(subject for subject in subjects if subject is not None),
            labels=_labels(_mapping(raw.get("metadata")).get("labels")),
        )


@dataclass(frozen=True, slots=True)
class RbacState:
    """All RBAC objects of a cluster."""

    roles: tuple[Role, ...] = ()
    bindings: tuple[Binding, ...] = ()

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> "RbacState":
        """``{"roles": [], "roleBindings": [], "clusterRoles": [], "clusterRoleBindings": []}`` of
        raw objects.

        Each list is an array of objects or a Kubernetes ``List`` with ``items``; a missing one is
        empty. Objects and subjects that the API server could not hold are left out; nothing is
        raised.
        """
        roles = [
            _once(Role.from_raw, item, _OF_ROLES, namespaced=key == "roles")
            for key in ("clusterRoles", "roles")
            for item in _objects(raw.get(key))
        ]
        bindings = [
            _once(Binding.from_raw, item, _OF_BINDINGS, namespaced=key == "roleBindings")
            for key in ("clusterRoleBindings", "roleBindings")
            for item in _objects(raw.get(key))
        ]
        return cls(
            roles=tuple(role for role in roles if role is not None),
            bindings=tuple(binding for binding in bindings if binding is not None),
        )


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What an authorizer is asked (SubjectAccessReview attributes). ``path`` set: a non-resource
    request.
    """

    verb: str
    api_group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str | None = None
    name: str = ""
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """One request that shows a row of a difference: allowed either before the change or after it,
    and denied in the other case.

    ``non_resource_url`` set: a non-resource request. ``namespace`` None: a request without a
    namespace. ``login`` is empty where every login of the principal shows it; else it names the
    template variables of the logins that do, as ``SessionName=alice``.
    """

    verb: str
    api_group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str | None = None
    non_resource_url: str | None = None
    login: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: AccessRequest, login: tuple[str, ...] = ()) -> "Witness":
        """The witness that asks ``request``."""
        return cls(
            request.verb,
            request.api_group,
            request.resource,
            request.subresource,
            request.name,
            request.namespace,
            request.path,
            login,
        )

    @property
    def request(self) -> AccessRequest:
        """What to ask an authorizer."""
        return AccessRequest(
            self.verb,
            self.api_group,
            self.resource,
            self.subresource,
            self.namespace,
            self.name,
            self.non_resource_url,
        )


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """A block of permissions as the plan shows it: the product of its fields.

    ``scope`` is ``cluster`` (with and without a namespace, in all namespaces), ``namespace NAME``
    (NAME may end in ``*``) or ``non-resource``. A difference under wildcards can also be ``cluster
    except namespace A, B``, ``namespace dev-* except dev-a``, ``cluster outside namespaces``
    (requests without a namespace only), or ``unknown WHAT``: how far these permissions reach cannot
    be known, and the other fields are empty.

    A field that starts with ``*`` and continues with ``!x`` means all but ``x``; so does
    ``*/scale`` with ``!deployments/scale``. Resource names are as in RBAC: none is every name, and
    ``*`` alone is the name ``*``.

    ``witness`` shows the row of a plan by one request; it is no part of what the row says, and two
    rows that differ in it alone are equal. None where no request is certain (something unknown
    could decide it).
    """

    scope: str
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()
    witness: Witness | None = field(default=None, compare=False)

    @property
    def unknown(self) -> bool:
        """True for the marker that says that something cannot be known."""
        return self.scope.startswith("unknown ")


def _once(
    read: Callable[..., T],
    raw: Mapping[str, Any],
    fields: tuple[str, ...],
    *,
    namespaced: bool,
) -> T:
    """What ``read`` makes of an object. It is read once for all clusters that have the same: most
    roles and bindings are those that Kubernetes makes. ``fields``: all that is read of it besides
    its name, namespace and labels.
    """
    metadata = _mapping(raw.get("metadata"))
    about = [metadata.get(key) for key in _ABOUT]
    parts = (about, [raw.get(key) for key in fields])
    try:
        # Without references between equal parts: the same content gives the same bytes.
        content = marshal.dumps(parts, 2)
    except ValueError:  # it holds something that JSON has not
        return read(raw, namespaced=namespaced)
    if len(content) > _LONGEST_KNOWN:
        return read(raw, namespaced=namespaced)
    known: T = _read_known(read, fields, content, namespaced)
    return known


# A few megabytes; some tens at the most, whatever the clusters hold.
@lru_cache(maxsize=_MOST_KNOWN)
def _read_known(
    read: Callable[..., Any],
    fields: tuple[str, ...],
    content: bytes,
    namespaced: bool,
) -> Any:  # noqa: ANN401 - of any kind
    """The object by its content alone, so that it is the same for every cluster."""
    # These are bytes that were made here, never those of a file or an answer.
    about, values = marshal.loads(content)  # noqa: S302
    raw = {
        "metadata": dict(zip(_ABOUT, about, strict=True)),
        **dict(zip(fields, values, strict=True)),
    }
    return read(raw, namespaced=namespaced)


def _mapping(value: object) -> Mapping[Any, Any]:
    if isinstance(value, _OBJECT):
        return value
    return {}


def _objects(value: object) -> Iterable[Mapping[str, Any]]:
    """The objects of a list or of a Kubernetes ``List``; items of other types are left out."""
    if isinstance(value, _OBJECT):
        value = value.get("items")
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value if isinstance(item, _OBJECT)]


def _aggregation(rule: object) -> tuple[LabelSelector, ...] | None:
    """The selectors of an aggregation rule; None for a role without one."""
    if not isinstance(rule, _OBJECT):
        return None
    selectors = _objects(rule.get("clusterRoleSelectors"))
    return tuple(map(LabelSelector.from_raw, selectors))


def _strings(value: object) -> tuple[str, ...]:
    """The texts of a list; items of other types are left out."""
    # Most fields of most rules are empty.
    if not value or not isinstance(value, (list, tuple)):
        return ()
    # And the others hold nothing but texts.
    if set(map(type, value)) == _TEXTS:
        return tuple(value)
    return tuple([item for item in value if isinstance(item, str)])


def _labels(value: object) -> dict[str, str]:
    """Labels that the API server could hold: both sides are texts."""
    found: dict[str, str] = {}
    for key, text in _mapping(value).items():
        if isinstance(key, str) and isinstance(text, str):
            found[key] = text
    return found


def _place(raw: Mapping[str, Any], *, namespaced: bool) -> tuple[str, str | None] | None:
    """``(name, namespace)`` of an object; None where it lacks one that it must have.

    An object of the cluster has namespace None, also where it names one.
    """
    metadata = _mapping(raw.get("metadata"))
    name = metadata.get("name")
    namespace = metadata.get("namespace")
    if not isinstance(name, str) or not name:
        return None
    if not namespaced:
        return name, None
    if not isinstance(namespace, str) or not namespace:
        return None
    return name, namespace
