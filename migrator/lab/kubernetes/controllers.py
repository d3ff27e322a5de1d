"""What the controllers of a real cluster do after a write or a removal, here without delay.

kube-controller-manager's garbage collector, namespace, service account and ClusterRole aggregation
controllers, and the API server's own for custom resource definitions. The store's lock is held.
"""

from collections.abc import Callable

from migrator.decide.access.aggregate_roles import selects
from migrator.lab.kubernetes import managed_fields
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.resources import ResourceType, ResourceTypes, type_of_definition
from migrator.lab.kubernetes.store import ObjectStore
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.model.rbac import LabelSelector

_NAMESPACES = ("", "namespaces")
_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
_CLUSTER_ROLES = ("rbac.authorization.k8s.io", "clusterroles")


class Controllers:
    """The controllers of one registry; ``load`` puts an object in without asking, ``stamp`` gives
    lab time.
    """

    def __init__(
        self,
        store: ObjectStore,
        types: ResourceTypes,
        load: Callable[[Json], Json],
        stamp: Callable[[], str],
    ) -> None:
        self._store, self._types, self._load, self._stamp = store, types, load, stamp

    def after_removal(self, kind: ResourceType, name: str, before: Json) -> None:
        """What the controllers of a real cluster do after a removal.

        The contents of a namespace and the objects of a definition are removed, aggregated roles
        lose the rules of a removed one, and what only the removed object owned is collected.
        """
        if kind.key == _NAMESPACES:
            self._empty_namespace(name)
        if kind.key == _DEFINITIONS:
            self._end_definition(before)
        if kind.key == _CLUSTER_ROLES:
            self._aggregate()
        self._collect_garbage(before["metadata"]["uid"])

    def _empty_namespace(self, name: str) -> None:
        """Remove everything in a namespace (kubernetes
        ``pkg/controller/namespace/deletion/namespaced_resources_deleter.go``), finalizers
        disregarded.
        """
        for kind in self._types.all():
            if kind.namespaced:
                for found in self._store.items(kind.key, name)[0]:
                    self._remove(kind.key, found)

    def _end_definition(self, definition: Json) -> None:
        """Custom objects end with their definition (apiextensions-apiserver
        ``pkg/controller/finalizer/crd_finalizer.go``), and their resource is no longer served.
        """
        announced = type_of_definition(definition)
        if announced is None:
            return
        for found in self._store.items(announced.key)[0]:
            self._remove(announced.key, found)
        self._types.remove(announced.group, announced.plural)

    def _collect_garbage(self, uid: str) -> None:
        """An object ends with the last of its owners (Kubernetes documentation, "Garbage
        Collection", "Owners and dependents").
        """
        for key in tuple(self._store.keys()):
            for found in self._store.items(key)[0]:
                owners = items_of(found["metadata"], "ownerReferences")
                if owners and all(owner.get("uid") == uid for owner in owners):
                    self._remove(key, found)

    def _remove(self, key: tuple[str, str], found: Json) -> None:
        metadata = found["metadata"]
        self._store.remove(key, metadata.get("namespace", ""), metadata["name"])

    def after_write(self, kind: ResourceType, stored: Json) -> None:
        """What the controllers of a real cluster do after a write.

        A definition is served, aggregated roles follow, and a namespace gets its service account.
        """
        if kind.key == _DEFINITIONS:
            announced = type_of_definition(stored)
            if announced is not None:
                self._types.add(announced)
        if kind.key == _CLUSTER_ROLES:
            self._aggregate()
        if kind.key == _NAMESPACES:
            self._furnish_namespace(stored["metadata"]["name"])

    def _furnish_namespace(self, name: str) -> None:
        """Make service account ``default`` (kubernetes
        ``pkg/controller/serviceaccount/serviceaccounts_controller.go``).
        """
        if self._store.get(("", "serviceaccounts"), name, "default") is not None:
            return
        metadata = {"name": "default", "namespace": name}
        self._load({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})

    def _aggregate(self) -> None:
        """Let the rules of aggregated ClusterRoles follow the roles that they select (kubernetes
        ``pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go``).

        One role is written at a time, and then all are looked at again: a role may aggregate
        aggregated roles, so this ends when nothing changes.
        """
        roles = {found["metadata"]["name"]: found for found in self._store.items(_CLUSTER_ROLES)[0]}
        for name, found in roles.items():
            if "aggregationRule" not in found:
                continue
            others = [role for other, role in roles.items() if other != name]
            rules = _aggregated_rules(found["aggregationRule"] or {}, others)
            if rules != items_of(found, "rules"):
                self._put_aggregated(name, {**found, "rules": rules})
                self._aggregate()
                return

    def _put_aggregated(self, name: str, found: Json) -> None:
        """Store an aggregated role as the controller's write, which its managedFields show."""
        before = self._store.get(_CLUSTER_ROLES, "", name)
        found = managed_fields.track_update(
            before,
            found,
            "clusterrole-aggregation-controller",
            "rbac.authorization.k8s.io/v1",
            self._stamp(),
        )
        self._store.put(_CLUSTER_ROLES, "", name, found)


def _aggregated_rules(aggregation: Json, others: list[Json]) -> list[Json]:
    """The rules of the roles that an aggregation rule selects, each once, in the order of its
    selectors.
    """
    rules: list[Json] = []
    for selector in items_of(aggregation, "clusterRoleSelectors"):
        chosen = LabelSelector.from_raw(selector)
        for role in others:
            if selects(chosen, part_of(role["metadata"], "labels")):
                rules += [rule for rule in items_of(role, "rules") if rule not in rules]
    return rules
