"""Configurations of admission webhooks as raw JSON (Kubernetes API reference)."""

from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.ports import Raw

_RESOURCES = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")


class KubernetesWebhooks:
    """:class:`migrator.ports.AdmissionWebhooks`."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    def configurations(self) -> list[Raw]:
        """All of them, validating ones first. Raises ``kubernetes-denied``."""
        return [
            each
            for resource in _RESOURCES
            for each in self._client.list(
                f"/apis/admissionregistration.k8s.io/v1/{resource}", resource
            )
        ]
