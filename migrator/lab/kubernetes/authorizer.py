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
from migrator.lab.worlds.raw_parts import items_of, part_of
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
        """The whole chain: the first authorizer that allows decides, and none denies.

        ``moment`` (lab time) takes the access policies of that moment, ``rbac`` the RBAC objects as
        they were; both are now by default. The reason of a refusal joins what RBAC and the policies
        say.
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
        reasons = (decision.reason, by_policy.reason)
        return Decision(False, "\n".join(filter(None, reasons)))

    def policies_of(self, user: User, moment: datetime) -> tuple[AssociatedPolicy, ...]:
        """The access policies that count for a user at a moment of lab time; none for a user
        without a principal's id, as an impersonated one.
        """
        if not user.principal_id:
            return ()
        held = self._policies_held(self._in_force.at(moment))
        _, policies = held.get(user.principal_id, ("", ()))
        return policies

    def rules_held(self, user: User, namespace: str) -> list[PolicyRule]:
        """The RBAC rules that bindings give to ``user``: cluster-wide ones and those of
        ``namespace``.
        """
        roles = self.rbac.bound_roles(user.username, user.groups)
        bound = roles.cluster
        if namespace:
            bound += roles.by_namespace.get(namespace, ())
        held: list[PolicyRule] = []
        for role in bound:
            # A binding may refer to a role that does not exist: it gives nothing.
            if role.rules is not None:
                held += role.rules.rules
        return held

    def rules_of_role(self, kind: str, name: str, namespace: str) -> list[PolicyRule]:
        """The rules of a role that a binding in ``namespace`` refers to; raises a 404 ApiError when
        it is missing, as the API server does for an escalation check that it cannot make
        (kubernetes ``pkg/registry/rbac/clusterrolebinding/policybased/storage.go``).
        """
        key, place = RBAC_KEYS[0], namespace
        if kind == "ClusterRole":
            key, place = RBAC_KEYS[2], ""
        found = self._store.get(key, place, name)
        if found is None:
            raise not_found(key[1], RBAC, name)
        return [PolicyRule.from_raw(rule) for rule in items_of(found, "rules")]

    @property
    def rbac(self) -> RbacIndex:
        """The index over the RBAC objects as they are now, kept until one of them is written.

        The number of writes is read again under the lock: an index may be newer than its number,
        and must not be older.
        """
        generation = self._store.generation(*RBAC_KEYS)
        known = self._index
        if known is None or known[0] != generation:
            with self._lock:
                generation = self._store.generation(*RBAC_KEYS)
                known = (generation, RbacIndex(self._rbac_state()))
                self._index = known
        return known[1]

    def _rbac_state(self) -> RbacState:
        """The RBAC objects of the store, cluster-wide ones first; what does not parse gives no
        right and is left out.
        """
        roles_key, bindings_key, cluster_roles_key, cluster_bindings_key = RBAC_KEYS
        items = self._store.items
        roles = map(_role.of, items(cluster_roles_key)[0] + items(roles_key)[0])
        bindings = map(_binding.of, items(cluster_bindings_key)[0] + items(bindings_key)[0])
        return RbacState(tuple(filter(None, roles)), tuple(filter(None, bindings)))

    # access policies

    def _by_policy(
        self, principal_id: str, request: AccessRequest, in_force: InForce
    ) -> Decision | None:
        """What access policies say; None where no entry in force is pinned to the principal's id.

        An opaque policy has no published rules: the lab grants nothing that it cannot know, and
        says so in the reason.
        """
        if not principal_id:
            return None
        held = self._policies_held(in_force).get(principal_id)
        if held is None:
            return None
        principal_arn, policies = held
        allowed, reason = policy_allows(
            policies, request, principal_arn=principal_arn, principal_id=principal_id
        )
        return Decision(bool(allowed), reason)

    def _policies_held(self, in_force: InForce) -> Held:
        """The policies of all entries by the principals' unique ids, kept while the same entries
        are in force.
        """
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
        """Whether a pod that is bound to the node names the object: the graph of the node
        authorizer has an edge for each (kubernetes ``plugin/pkg/auth/authorizer/node/graph.go``).
        """
        for pod in self._store.items(("", "pods"), request.namespace)[0]:
            spec = pod.get("spec", {})
            if spec.get("nodeName") != node:
                continue
            if request.name in _references(spec, request.resource):
                return True
        return False

    def _rules_of_nodes(self) -> RuleSet:
        """The rules of ClusterRole ``system:node``, kept until a ClusterRole is written.

        The real authorizer has them compiled in; the lab reads the object, which every world has.
        """
        generation = self._store.generation(RBAC_KEYS[2])
        known = self._node_rules
        if known is None or known[0] != generation:
            role = self._store.get(RBAC_KEYS[2], "", "system:node") or {}
            known = (
                generation,
                RuleSet([PolicyRule.from_raw(rule) for rule in items_of(role, "rules")]),
            )
            self._node_rules = known
        return known[1]


def _parse_role(found: Json) -> Role | None:
    """A stored role; None for one that does not parse.

    The registry aggregates as the controller does, so what is stored is what is in force, and the
    aggregation rule is left out.
    """
    role = Role.from_raw(found, namespaced=found.get("kind") == "Role")
    if role is None:
        return None
    return replace(role, aggregation=None)


def _parse_binding(found: Json) -> Binding | None:
    return Binding.from_raw(found, namespaced=found.get("kind") == "RoleBinding")


_role, _binding = ByIdentity(_parse_role), ByIdentity(_parse_binding)


def _associated(entry: LabEntry) -> tuple[AssociatedPolicy, ...]:
    return tuple(AssociatedPolicy(policy.policy_arn, policy.scope) for policy in entry.policies)


def _is_node_lease(request: AccessRequest) -> bool:
    """Whether a request is one of a kubelet on a lease of nodes, as the node authorizer allows it:
    the verbs of a single object, in ``kube-node-lease`` alone.
    """
    return request.namespace == "kube-node-lease" and request.verb in _OWN_LEASE_VERBS


def _references(spec: Mapping[str, Any], resource: str) -> Iterator[str | None]:
    """The names of a resource that the spec of a pod refers to, as volume, pull secret and
    environment (kubernetes ``pkg/api/v1/pod/util.go``). None for a reference without a name.
    """
    source, key = _VOLUME_SOURCES.get(resource, ("", ""))
    for volume in items_of(spec, "volumes"):
        yield volume.get(source, {}).get(key)
    if resource == "secrets":
        for reference in items_of(spec, "imagePullSecrets"):
            yield reference.get("name")
    for kind in ("containers", "initContainers"):
        for container in items_of(spec, kind):
            yield from _environment_references(container, resource)


def _environment_references(container: Mapping[str, Any], resource: str) -> Iterator[str | None]:
    """The names that the environment of a container takes from: whole objects (``envFrom``) and
    single keys (``env``). None for an entry that refers to another resource.
    """
    from_key, env_key = _ENVIRONMENT_SOURCES.get(resource, ("", ""))
    for item in items_of(container, "envFrom"):
        yield item.get(from_key, {}).get("name")
    for item in items_of(container, "env"):
        yield part_of(item, "valueFrom").get(env_key, {}).get("name")
