"""Which addresses may reach a cluster's public endpoint (EKS user guide, "Cluster API server
endpoint").
"""

from collections.abc import Sequence

from migrator.adapters.aws_session import AwsSession


class EksEndpointAccess:
    """:class:`migrator.ports.EndpointAccess` of one cluster."""

    def __init__(self, session: AwsSession, cluster: str) -> None:
        self._session = session
        self._cluster = cluster

    def public_cidrs(self) -> tuple[str, ...]:
        """``publicAccessCidrs``, read now."""
        answer = self._session.call(
            "eks", "describe_cluster", subject=f"cluster {self._cluster}", name=self._cluster
        )
        return tuple(
            (answer["cluster"].get("resourcesVpcConfig") or {}).get("publicAccessCidrs") or ()
        )

    def set_public_cidrs(self, cidrs: Sequence[str], *, token: str) -> str:
        """UpdateClusterConfig, sent once; nothing but the list changes. Raises
        ``update-in-progress``.
        """
        answer = self._session.call_on(
            self._session.client("eks", retries=False),
            "update_cluster_config",
            subject=f"publicAccessCidrs of cluster {self._cluster}",
            name=self._cluster,
            resourcesVpcConfig={"publicAccessCidrs": list(cidrs)},
            clientRequestToken=token,
        )
        return str(answer["update"]["id"])
