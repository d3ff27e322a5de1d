"""The authorizers of an EKS cluster in their order: node, RBAC, access policies; ``system:masters``
is ahead of all.

Access policies are keyed by the unique id of the IAM principal that the token names (EKS user
guide, "Associate access policies with access entries": they do not count for impersonated users),
so for a request without that id RBAC alone decides. Such a request is an impersonation, or a
SubjectAccessReview with name and groups only.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from migrator.decide.access.access_policies import policy_allows
from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.match_rules import RuleSet
from migrator.lab.kubernetes.by_identity import ByIdentity
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.status import not_found
from migrator.lab.kubernetes.store import ObjectStore
from migrator.lab.kubernetes.user import MASTERS, User
from migrator.lab.worlds.in_force import EntriesInForce, InForce
from migrator.lab.worlds.world import LabEntry
from migrator.model.access_entry import AssociatedPolicy
from migrator.model.rbac import AccessRequest, Binding, PolicyRule, RbacState, Role

RBAC = "rbac.authorization.k8s.io"
RBAC_KEYS = (
    (RBAC, "roles"),
    (RBAC, "rolebindings"),
    (RBAC, "clusterroles"),
    (RBAC, "clusterrolebindings"),
)
_NODE_USER, _NODE_GROUP = "system:node:", "system:nodes"
_GRAPH = frozenset(
    (("", "configmaps"), ("", "secrets"), ("", "persistentvolumeclaims"), ("", "persistentvolumes"))
)
_READS = frozenset(("get", "list", "watch"))
_OWN_LEASE_VERBS = frozenset(("get", "create", "update", "patch", "delete"))
# Where the spec of a pod names an object of a resource: as a volume, as environment.
_VOLUME_SOURCES = {
    "configmaps": ("configMap", "name"),
    "secrets": ("secret", "secretName"),
    "persistentvolumeclaims": ("persistentVolumeClaim", "claimName"),
}
_ENVIRONMENT_SOURCES = {
    "configmaps": ("configMapRef", "configMapKeyRef"),
    "secrets": ("secretRef", "secretKeyRef"),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """An authorizer's answer: ``reason`` as audit annotations and access reviews show it."""

    allowed: bool
    reason: str = ""


# By unique id: the ARN and its policies.
Held: TypeAlias = Mapping[str, tuple[str, tuple[AssociatedPolicy, ...]]]


class Authorizer:
    """Decides for one cluster, on its objects as they are and its entries as far as they have
    propagated.
    """

    def __init__(self, in_force: EntriesInForce, store: ObjectStore) -> None:
        self._in_force, self._store = in_force, store
        self._lock = threading.Lock()
        self._index: tuple[int, RbacIndex] | None = None
        self._held: tuple[InForce | None, Held] = (None, {})
        self._node_rules: tuple[int, RuleSet] | None = None

    def decide(
        self,
        user: User,
        request: AccessRequest,
        *,
        moment: datetime | None = None,
        rbac: RbacIndex | None = None,
    ) -> Decision:
        """The whole chain, now or with the access policies of another moment and RBAC as it was
        (``rbac``).
        """
        if MASTERS in user.groups:
            return Decision(True)
        is_node = user.username.startswith(_NODE_USER) and _NODE_GROUP in user.groups
        if is_node and self._node_allows(user, request):
            return Decision(True)
        decision = Decision(*(rbac or self.rbac).allows(user.username, user.groups, request))
        if decision.allowed:
            return decision
        in_force = self._in_force.now() if moment is None else self._in_force.at(moment)
        by_policy = self._by_policy(user.principal_id, request, in_force)
        if by_policy is None:
            return decision
        if by_policy.allowed or not decision.reason:
            return by_policy
        return Decision(
            False, "\n".join(text for text in (decision.reason, by_policy.reason) if text)
        )

    def policies_of(self, user: User, moment: datetime) -> tuple[AssociatedPolicy, ...]:
        """The access policies that count for a user at a moment."""
        held = (
            self._policies_held(self._in_force.at(moment)).get(user.principal_id)
            if user.principal_id
            else None
        )
        return held[1] if held is not None else ()

    def rules_held(self, user: User, namespace: str) -> list[PolicyRule]:
        """The RBAC rules that bindings give to ``user``: cluster-wide ones and those of
        ``namespace``.
        """
        roles = self.rbac.bound_roles(user.username, user.groups)
        bound = roles.cluster + (roles.by_namespace.get(namespace, ()) if namespace else ())
        held: list[PolicyRule] = []
        for role in bound:
            if role.rules is not None:
                held += role.rules.rules
        return held

    def rules_of_role(self, kind: str, name: str, namespace: str) -> list[PolicyRule]:
        """The rules of a role that a binding in ``namespace`` refers to; raises a 404 ApiError when
        it is missing.
        """
        key, place = (RBAC_KEYS[2], "") if kind == "ClusterRole" else (RBAC_KEYS[0], namespace)
        found = self._store.get(key, place, name)
        if found is None:
            raise not_found(key[1], RBAC, name)
        return [PolicyRule.from_raw(rule) for rule in found.get("rules") or ()]

    @property
    def rbac(self) -> RbacIndex:
        """The index over the RBAC objects as they are now."""
        generation = self._store.generation(*RBAC_KEYS)
        known = self._index
        if known is None or known[0] != generation:
            with self._lock:
                generation = self._store.generation(*RBAC_KEYS)
                known = (generation, RbacIndex(self._rbac_state()))
                self._index = known
        return known[1]

    def _items(self, *keys: tuple[str, str]) -> Iterator[Json]:
        for key in keys:
            yield from self._store.items(key)[0]

    def _rbac_state(self) -> RbacState:
        roles = map(_role.of, self._items(RBAC_KEYS[2], RBAC_KEYS[0]))
        bindings = map(_binding.of, self._items(RBAC_KEYS[3], RBAC_KEYS[1]))
        return RbacState(
            tuple(role for role in roles if role is not None),
            tuple(binding for binding in bindings if binding is not None),
        )

    # access policies

    def _by_policy(
        self, principal_id: str, request: AccessRequest, in_force: InForce
    ) -> Decision | None:
        if not principal_id:
            return None
        held = self._policies_held(in_force).get(principal_id)
        if held is None:
            return None
        principal_arn, policies = held
        allowed, reason = policy_allows(
            policies, request, principal_arn=principal_arn, principal_id=principal_id
        )
        # An opaque policy has no published rules: the lab grants nothing that it cannot know, and
        # says so.
        return Decision(bool(allowed), reason)

    def _policies_held(self, in_force: InForce) -> Held:
        known = self._held
        if known[0] is not in_force:
            held = {
                entry.principal_id: (entry.principal_arn, _associated(entry))
                for entry in in_force.entries
            }
            known = self._held = (in_force, held)
        return known[1]

    # nodes

    def _node_allows(self, user: User, request: AccessRequest) -> bool:
        """The node authorizer: what is the node's own, what its pods refer to, and the rules of
        ``system:node``.
        """
        if request.path is not None:
            return False
        node = user.username.removeprefix(_NODE_USER)
        place = (request.api_group, request.resource)
        is_own_name = request.name in ("", node)
        # A kubelet renews only the lease of its node (node_authorizer.go, authorizeLease).
        if place == ("coordination.k8s.io", "leases"):
            return is_own_name and _is_node_lease(request)
        # What its pods refer to, by name (node_authorizer.go, authorizeReadNamespacedObject).
        if place in _GRAPH and request.verb in _READS and not request.subresource:
            return bool(request.name) and self._pods_refer(node, request)
        # A kubelet reads and writes its own node.
        if place == ("", "nodes") and not is_own_name:
            return False
        return self._rules_of_nodes().allows(request)

    def _pods_refer(self, node: str, request: AccessRequest) -> bool:
        for pod in self._store.items(("", "pods"), request.namespace)[0]:
            if pod.get("spec", {}).get("nodeName") != node:
                continue
            if _refers(pod, request.resource, request.name):
                return True
        return False

    def _rules_of_nodes(self) -> RuleSet:
        generation = self._store.generation(RBAC_KEYS[2])
        known = self._node_rules
        if known is None or known[0] != generation:
            role = self._store.get(RBAC_KEYS[2], "", "system:node") or {}
            known = (
                generation,
                RuleSet([PolicyRule.from_raw(rule) for rule in role.get("rules") or ()]),
            )
            self._node_rules = known
        return known[1]


def _parse_role(found: Json) -> Role | None:
    role = Role.from_raw(found, namespaced=found.get("kind") == "Role")
    # The registry aggregates as the controller does: what is stored is what is in force.
    return replace(role, aggregation=None) if role is not None else None


def _parse_binding(found: Json) -> Binding | None:
    return Binding.from_raw(found, namespaced=found.get("kind") == "RoleBinding")


_role, _binding = ByIdentity(_parse_role), ByIdentity(_parse_binding)


def _associated(entry: LabEntry) -> tuple[AssociatedPolicy, ...]:
    return tuple(AssociatedPolicy(policy.policy_arn, policy.scope) for policy in entry.policies)


def _is_node_lease(request: AccessRequest) -> bool:
    return request.namespace == "kube-node-lease" and request.verb in _OWN_LEASE_VERBS


def _refers(pod: Mapping[str, Any], resource: str, name: str) -> bool:
    """Whether a pod names a ConfigMap, Secret or claim as volume, environment or pull secret."""
    return name in _references(pod.get("spec", {}), resource)


def _references(spec: Mapping[str, Any], resource: str) -> Iterator[str | None]:
    """The names of a resource that a pod refers to (kubernetes ``pkg/api/v1/pod/util.go``)."""
    source, key = _VOLUME_SOURCES.get(resource, ("", ""))
    for volume in spec.get("volumes") or ():
        yield volume.get(source, {}).get(key)
    if resource == "secrets":
        for reference in spec.get("imagePullSecrets") or ():
            yield reference.get("name")
    for kind in ("containers", "initContainers"):
        for container in spec.get(kind) or ():
            yield from _environment_references(container, resource)


def _environment_references(container: Mapping[str, Any], resource: str) -> Iterator[str | None]:
    from_key, env_key = _ENVIRONMENT_SOURCES.get(resource, ("", ""))
    for item in container.get("envFrom") or ():
        yield item.get(from_key, {}).get("name")
    for item in container.get("env") or ():
        yield (item.get("valueFrom") or {}).get(env_key, {}).get("name")
