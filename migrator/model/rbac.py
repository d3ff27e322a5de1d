"""RBAC objects and permissions as values. Source of the semantics: kubernetes ``plugin/pkg/auth/authorizer/rbac``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

SubjectKind: TypeAlias = Literal["User", "Group", "ServiceAccount"]


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a Role, a ClusterRole or an access policy; the API's own field meanings."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """A label selector of an aggregation rule: ``match_labels`` and ``(key, operator, values)`` expressions."""

    match_labels: tuple[tuple[str, str], ...] = ()
    match_expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """A Role (``namespace`` set) or ClusterRole (None)."""

    name: str
    namespace: str | None
    rules: tuple[PolicyRule, ...]
    labels: Mapping[str, str]
    aggregation: tuple[LabelSelector, ...] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a binding names. ``namespace`` matters for ServiceAccounts only."""

    kind: SubjectKind
    name: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding (``namespace`` set) or ClusterRoleBinding (None)."""

    name: str
    namespace: str | None
    role_kind: Literal["Role", "ClusterRole"]
    role_name: str
    subjects: tuple[Subject, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RbacState:
    """All RBAC objects of a cluster."""

    roles: tuple[Role, ...] = ()
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What an authorizer is asked (SubjectAccessReview attributes). ``path`` set: a non-resource request."""

    verb: str
    api_group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str | None = None
    name: str = ""
    path: str | None = None


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """A block of permissions as the plan shows it: ``scope`` is ``cluster``, ``namespace NAME`` or ``non-resource``."""

    scope: str
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    non_resource_urls: tuple[str, ...] = ()
