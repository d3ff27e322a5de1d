"""Which addresses may reach a cluster's public endpoint (EKS user guide, "Cluster API server
endpoint"), and the tags that say which of them a command added for itself.
"""

from collections.abc import Sequence
from typing import Any

from migrator.adapters.aws_session import AwsSession
from migrator.model.opened_endpoint import EndpointSeen, Opening, seen_in, tag_key, tag_value

# Types of updates (EKS API reference, Update) that may change publicAccessCidrs.
_OF_ENDPOINT = frozenset({"EndpointAccessUpdate", "VpcConfigUpdate"})


class EksEndpointAccess:
    """:class:`migrator.ports.EndpointAccess` of one cluster, by its name and its ARN."""

    def __init__(
        self,
        session: AwsSession,
        cluster: str,
        arn: str,
    ) -> None:
        self._session = session
        self._cluster = cluster
        self._arn = arn
        self._ended: set[str] = set()  # updates that need not be described again

    def read(self) -> EndpointSeen:
        """DescribeCluster, read now."""
        answer = self._session.call(
            "eks", "describe_cluster", subject=f"cluster {self._cluster}", name=self._cluster
        )
        return seen_in(answer["cluster"])

    def is_changing(self) -> bool:
        """ListUpdates and DescribeUpdate. The status of the cluster does not answer this: it
        becomes UPDATING some time after the update started.
        """
        subject = f"updates of cluster {self._cluster}"
        listed = self._session.pages(
            "eks", "list_updates", "updateIds", subject=subject, name=self._cluster
        )
        return any(self._runs(str(each)) for each in listed if each not in self._ended)

    def _runs(self, update_id: str) -> bool:
        """Whether an update is one of the endpoint and has not ended."""
        answer = self._session.call(
            "eks",
            "describe_update",
            subject=f"update {update_id}",
            name=self._cluster,
            updateId=update_id,
        )["update"]
        if answer["status"] != "InProgress":
            self._ended.add(update_id)
            return False
        return answer["type"] in _OF_ENDPOINT

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

    def write_opening(self, opening: Opening) -> None:
        """TagResource: the opening as it is now."""
        self._call("tag_resource", tags={tag_key(opening.run): tag_value(opening)})

    def remove_opening(self, run: str) -> None:
        """UntagResource; nothing happens where there is no such tag."""
        self._call("untag_resource", tagKeys=[tag_key(run)])

    def _call(self, method: str, **parameters: Any) -> None:
        subject = f"tags of cluster {self._cluster}"
        self._session.call("eks", method, subject=subject, resourceArn=self._arn, **parameters)
