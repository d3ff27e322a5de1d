"""The few objects in kube-system that a rehearsal brings along, as raw JSON (Kubernetes API
reference).
"""

from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.adapters.kubernetes_wire import query
from migrator.errors import Failed
from migrator.model.aws_auth import FIELD_MANAGER
from migrator.ports import Raw

_IN = "namespaces/kube-system"
_PATHS = {
    "ConfigMap": f"/api/v1/{_IN}/configmaps",
    "ServiceAccount": f"/api/v1/{_IN}/serviceaccounts",
    "Role": f"/apis/rbac.authorization.k8s.io/v1/{_IN}/roles",
    "RoleBinding": f"/apis/rbac.authorization.k8s.io/v1/{_IN}/rolebindings",
    "Lease": f"/apis/coordination.k8s.io/v1/{_IN}/leases",
    "Job": f"/apis/batch/v1/{_IN}/jobs",
}


class KubernetesObjects:
    """:class:`migrator.ports.ClusterObjects`."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    def read(self, kind: str, name: str) -> Raw | None:
        """The object, None when absent."""
        return self._client.find(f"{_PATHS[kind]}/{name}", _resource(kind))

    def apply(self, manifest: Raw) -> Raw:
        """Server-side apply with our field manager, by force: these objects are ours, or are put
        back.
        """
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        path = f"{_PATHS[kind]}/{name}" + query({"fieldManager": FIELD_MANAGER, "force": "true"})
        written: Raw = self._client.send(
            "patch",
            "PATCH",
            path,
            _resource(kind),
            body=manifest,
            content_type="application/apply-patch+yaml",
            repeatable=True,
        ).json()
        return written

    def patch(
        self,
        kind: str,
        name: str,
        change: Raw,
    ) -> Raw:
        """A merge patch. Raises ``not-found``."""
        return self._client.write(
            "patch",
            "PATCH",
            f"{_PATHS[kind]}/{name}",
            _resource(kind),
            change,
            content_type="application/merge-patch+json",
            repeatable=True,
        )

    def delete(self, kind: str, name: str) -> None:
        """Delete it and, in the background, what it owns; absent is fine."""
        path = f"{_PATHS[kind]}/{name}" + query({"propagationPolicy": "Background"})
        try:
            self._client.send("delete", "DELETE", path, _resource(kind), repeatable=True)
        except Failed as error:
            if error.code != "not-found":
                raise


def _resource(kind: str) -> str:
    return _PATHS[kind].rpartition("/")[2]
