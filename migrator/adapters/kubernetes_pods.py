"""Canary pods as raw JSON (Kubernetes API reference, Pod and Event), with the operator's login."""

from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.adapters.kubernetes_wire import query
from migrator.errors import Failed
from migrator.ports import Raw


class KubernetesPods:
    """:class:`migrator.ports.Pods`."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    def create(self, manifest: Raw) -> Raw:
        """POST, sent once. Raises ``kubernetes-denied`` (RBAC, quotas, admission),
        ``kubernetes-refused``.
        """
        namespace = manifest["metadata"]["namespace"]
        return self._client.write("create", "POST", _pods(namespace), "pods", manifest)

    def read(self, namespace: str, name: str) -> Raw | None:
        """The pod, None when absent."""
        return self._client.find(f"{_pods(namespace)}/{name}", "pods")

    def labelled(self, selector: str) -> list[Raw]:
        """The pods of every namespace that a label selector chooses."""
        return list(self._client.list("/api/v1/pods", "pods", labelSelector=selector))

    def messages(self, namespace: str, name: str) -> list[str]:
        """What events say of the pod, oldest first; empty where they may not be listed."""
        wanted = {"fieldSelector": f"involvedObject.kind=Pod,involvedObject.name={name}"}
        try:
            events = self._client.list(f"/api/v1/namespaces/{namespace}/events", "events", **wanted)
        except Failed as error:
            if error.code == "kubernetes-denied":
                return []
            raise
        events.sort(
            key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or "")
        )
        return [foreign(event.get("message") or "") for event in events]

    def delete(self, namespace: str, name: str) -> None:
        """Delete it; absent is fine."""
        path = f"{_pods(namespace)}/{name}" + query({"propagationPolicy": "Background"})
        try:
            self._client.send("delete", "DELETE", path, "pods", repeatable=True)
        except Failed as error:
            if error.code != "not-found":
                raise


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"
