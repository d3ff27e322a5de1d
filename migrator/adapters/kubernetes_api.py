"""The Kubernetes API of one cluster: the aws-auth ConfigMap, RBAC, namespaces, nodes, what names
groups.

Source of paths and semantics: Kubernetes API reference; "Server-Side Apply" for the field manager.
"""

import re
from collections.abc import Mapping
from typing import Any

from migrator.adapters.group_reference_objects import list_group_reference_objects
from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.adapters.kubernetes_wire import query
from migrator.errors import Failed, MigratorError
from migrator.model.aws_auth import FIELD_MANAGER
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL
from migrator.ports import Raw, TaskRunner

AWS_AUTH = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
_AWS_AUTH_RESOURCE = "configmaps aws-auth"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_RBAC_LISTS = {
    "roles": "roles",
    "roleBindings": "rolebindings",
    "clusterRoles": "clusterroles",
    "clusterRoleBindings": "clusterrolebindings",
}
_SEGMENT = re.compile(r"[^/%?#]+")  # what the API takes as a name of an RBAC object


class KubernetesConfigMaps:
    """:class:`migrator.ports.ConfigMaps`: kube-system/aws-auth."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    def read(self) -> Raw | None:
        """The ConfigMap as the API gives it, None when absent."""
        return self._client.find(AWS_AUTH, _AWS_AUTH_RESOURCE)

    def write_data(self, data: Mapping[str, str], *, resource_version: str) -> Raw:
        """Replace ``data`` and nothing else, in one request that fails when the object is no longer
        the one with ``resource_version``. Raises ``aws-auth-changed`` (``Changed``); so it does
        when the object no longer exists.
        """
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/data", "value": dict(data)},
        ]
        try:
            return self._client.write(
                "patch",
                "PATCH",
                AWS_AUTH,
                _AWS_AUTH_RESOURCE,
                patch,
                content_type="application/json-patch+json",
            )
        except Failed as error:
            raise _gone(error) from error

    def create(self, config_map: Raw) -> Raw:
        """Create it with the data, labels and annotations of ``config_map``. Raises
        ``aws-auth-changed`` if it exists.
        """
        metadata = config_map.get("metadata") or {}
        kept = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "aws-auth", "namespace": "kube-system", **kept},
            **{key: config_map[key] for key in ("data", "binaryData") if config_map.get(key)},
        }
        return self._client.write(
            "create", "POST", AWS_AUTH.rpartition("/")[0], _AWS_AUTH_RESOURCE, body
        )

    def delete(self, *, resource_version: str) -> None:
        """Delete it while it is the one with ``resource_version``. Raises ``aws-auth-changed``."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {"resourceVersion": resource_version},
        }
        try:
            self._client.send("delete", "DELETE", AWS_AUTH, _AWS_AUTH_RESOURCE, body=body)
        except Failed as error:
            raise _gone(error) from error


def _gone(error: MigratorError) -> MigratorError:
    """A guarded write that finds nothing met another writer."""
    from migrator.errors import Changed

    if error.code != "not-found":
        return error
    return Changed(
        "aws-auth-changed",
        "Another writer deleted the aws-auth ConfigMap at the same time.",
        remedy="Find out who manages it, then make a fresh plan.",
    )


class KubernetesRbac:
    """:class:`migrator.ports.Rbac`. ``tasks`` reads independent listings concurrently."""

    def __init__(self, client: KubernetesClient, tasks: TaskRunner) -> None:
        self._client = client
        self._tasks = tasks

    def read_rbac(self) -> Raw:
        """``{roles, roleBindings, clusterRoles, clusterRoleBindings}``. A list that may not be read
        is left out, and ``unread`` maps its name to the reason; nothing readable raises
        ``kubernetes-denied``.
        """

        def read(resource: str) -> list[Raw] | MigratorError:
            try:
                return self._client.list(f"{_RBAC}/{resource}", resource)
            except MigratorError as error:
                if error.code != "kubernetes-denied":
                    raise
                return error

        found = dict(
            zip(_RBAC_LISTS, self._tasks.map(read, list(_RBAC_LISTS.values())), strict=True)
        )
        denied = {
            name: answer for name, answer in found.items() if isinstance(answer, MigratorError)
        }
        if len(denied) == len(found):
            raise next(iter(denied.values()))
        rbac: dict[str, Any] = {
            name: answer for name, answer in found.items() if name not in denied
        }
        if denied:
            rbac["unread"] = {
                name: {"code": error.code, "message": error.message, "remedy": error.remedy}
                for name, error in denied.items()
            }
        return rbac

    def list_namespaces(self) -> list[str]:
        """Names of all namespaces."""
        return [
            item["metadata"]["name"]
            for item in self._client.list("/api/v1/namespaces", "namespaces")
        ]

    def list_nodes(self) -> list[Raw]:
        """Nodes cut to ``name``, ``labels``, ``providerID``."""
        return [
            {
                "name": node["metadata"]["name"],
                "labels": node["metadata"].get("labels") or {},
                "providerID": (node.get("spec") or {}).get("providerID") or "",
            }
            for node in self._client.list("/api/v1/nodes", "nodes")
        ]

    def list_group_reference_objects(self) -> list[Raw]:
        """Raw objects that may name groups or usernames, of every kind the cluster serves. One kind
        that is served and may not be read raises: part of a list would pass for the whole.
        """
        return list_group_reference_objects(self._client, self._tasks)

    def read_binding(self, name: str, namespace: str | None) -> Raw | None:
        """A (Cluster)RoleBinding, None when absent."""
        return self._client.find(_binding_path(name, namespace), _binding_kind(namespace))

    def list_own_bindings(self) -> list[Raw]:
        """(Cluster)RoleBindings with our label, in all namespaces."""
        selector = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
        kinds = ("clusterrolebindings", "rolebindings")
        found = self._tasks.map(
            lambda kind: self._client.list(f"{_RBAC}/{kind}", kind, labelSelector=selector), kinds
        )
        return [raw for listed in found for raw in listed]

    def apply_binding(self, binding: Raw) -> Raw:
        """Server-side apply with our field manager, never by force. Raises ``kubernetes-conflict``
        when another manager owns a field.
        """
        metadata = binding["metadata"]
        namespace = metadata.get("namespace")
        return self._client.write(
            "patch",
            "PATCH",
            _binding_path(metadata["name"], namespace),
            _binding_kind(namespace),
            binding,
            content_type="application/apply-patch+yaml",
            repeatable=True,
        )

    def delete_binding(
        self,
        name: str,
        namespace: str | None,
        *,
        seen: Raw | None = None,
    ) -> None:
        """Delete a binding; absent is fine. ``seen``: only the object that was read, unchanged;
        else raises ``kubernetes-conflict``.
        """
        path = _binding_path(name, namespace) + query({"fieldManager": FIELD_MANAGER})
        kind = _binding_kind(namespace)
        guarded = {} if seen is None else {"body": _only(seen)}
        try:
            self._client.send(
                "delete",
                "DELETE",
                path,
                kind,
                repeatable=True,
                **guarded,
            )
        except Failed as error:
            if error.code != "not-found":
                raise


def _only(seen: Raw) -> dict[str, object]:
    """DeleteOptions for the object that was read (Kubernetes API reference, Preconditions)."""
    metadata = seen.get("metadata") or {}
    named = {key: metadata[key] for key in ("uid", "resourceVersion") if metadata.get(key)}
    return {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": named}


def _binding_kind(namespace: str | None) -> str:
    return "clusterrolebindings" if namespace is None else "rolebindings"


def _binding_path(name: str, namespace: str | None) -> str:
    from urllib.parse import quote

    for part in (name, *([namespace] if namespace is not None else [])):
        if not _SEGMENT.fullmatch(part) or part in (".", ".."):
            raise Failed(
                "name-invalid", "This is no name of a binding or namespace.", why=part[:64]
            )
    middle = "" if namespace is None else f"/namespaces/{quote(namespace, safe='')}"
    return f"{_RBAC}{middle}/{_binding_kind(namespace)}/{quote(name, safe='')}"
