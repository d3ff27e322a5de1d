"""What the EKS API tells about one cluster: raw shapes for the snapshot.

Listings are read to their last page; what has to be described item by item is described
concurrently. Source of the shapes: botocore's service model of EKS. Writes are in
:mod:`migrator.adapters.eks_entries`.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from migrator.adapters.aws_session import AwsSession, jsonable
from migrator.errors import MigratorError
from migrator.model.cluster_updates import ClusterUpdates, RunningUpdate
from migrator.ports import Raw, TaskRunner


class EksCluster:
    """:class:`migrator.ports.ClusterReader`. ``tasks`` bounds how many describes run
    concurrently.
    """

    def __init__(
        self,
        session: AwsSession,
        name: str,
        tasks: TaskRunner,
    ) -> None:
        self._session = session
        self._name = name
        self._tasks = tasks
        self._subject = f"cluster {name} in {session.region or 'no region'}"

    def caller_identity(self) -> Raw:
        """STS GetCallerIdentity: Account, Arn, UserId."""
        return self._session.caller_identity()

    def caller_chain(self) -> Sequence[str]:
        """ARNs of the principals the caller arrives through, itself last."""
        return self._session.caller_chain()

    def describe_cluster(self) -> Raw:
        """DescribeCluster ``.cluster``. Raises ``cluster-not-found``."""
        return self._one("describe_cluster", "cluster", name=self._name)

    def list_access_entries(self) -> list[Raw] | None:
        """Every entry with ``associatedAccessPolicies``; None in CONFIG_MAP mode, which refuses to
        list them.
        """
        arns = self.list_entry_arns()
        if arns is None:
            return None
        return [entry for entry in self._tasks.map(self._entry, arns) if entry is not None]

    def list_entry_arns(self) -> list[str] | None:
        """The principals that have an entry; None in CONFIG_MAP mode, which refuses the listing."""
        try:
            return self._list("list_access_entries", "accessEntries")
        except MigratorError as error:
            if error.code == "entries-not-enabled":
                return None
            raise

    def _entry(self, arn: str) -> Raw | None:
        """One entry; None when it went away after the listing."""
        try:
            entry = self._one(
                "describe_access_entry", "accessEntry", clusterName=self._name, principalArn=arn
            )
            policies = self._list(
                "list_associated_access_policies", "associatedAccessPolicies", principalArn=arn
            )
        except MigratorError as error:
            if error.code == "entry-not-found":
                return None
            raise
        return {**entry, "associatedAccessPolicies": policies}

    def list_access_policies(self) -> list[str]:
        """ARNs of all access policies of the partition; asked once for all clusters of the
        session.
        """

        def read() -> list[str]:
            policies = self._session.pages(
                "eks", "list_access_policies", "accessPolicies", subject=self._subject
            )
            return sorted(policy["arn"] for policy in policies)

        return list(self._session.once("access policies", read))

    def list_nodegroups(self) -> list[Raw]:
        """DescribeNodegroup ``.nodegroup`` of every managed node group."""
        return self._described(
            "list_nodegroups", "nodegroups", "describe_nodegroup", "nodegroup", "nodegroupName"
        )

    def list_fargate_profiles(self) -> list[Raw]:
        """DescribeFargateProfile ``.fargateProfile`` of every profile."""
        return self._described(
            "list_fargate_profiles",
            "fargateProfileNames",
            "describe_fargate_profile",
            "fargateProfile",
            "fargateProfileName",
        )

    def list_capabilities(self) -> list[Raw]:
        """EKS capabilities with their ``roleArn``."""
        names = [item["capabilityName"] for item in self._list("list_capabilities", "capabilities")]
        return self._describe_each("describe_capability", "capability", "capabilityName", names)

    def list_identity_provider_configs(self) -> list[Raw]:
        """OIDC identity provider configurations (DescribeIdentityProviderConfig
        ``.identityProviderConfig``).
        """
        configs = self._list("list_identity_provider_configs", "identityProviderConfigs")
        return self._describe_each(
            "describe_identity_provider_config",
            "identityProviderConfig",
            "identityProviderConfig",
            configs,
        )

    def version_support(self, version: str) -> Raw:
        """The item of DescribeClusterVersions for a Kubernetes version, empty where EKS has none.
        Raises ``iam-denied``.
        """
        found = self._session.pages(
            "eks",
            "describe_cluster_versions",
            "clusterVersions",
            subject=f"Kubernetes {version}",
            clusterVersions=[version],
            includeAll=True,
        )
        items: list[Raw] = jsonable(found)
        return items[0] if items else {}

    def updates_now(self) -> ClusterUpdates:
        """Updates in progress, by ListUpdates and DescribeUpdate; the certificates of
        ``certificateAuthority.data``. Raises ``iam-denied``.
        """
        cluster = self.describe_cluster()
        sources: list[tuple[str, dict[str, str]]] = [("the cluster", {})]
        for name in self._list("list_nodegroups", "nodegroups"):
            sources.append((f"node group {name}", {"nodegroupName": name}))
        for name in self._list("list_addons", "addons"):
            sources.append((f"add-on {name}", {"addonName": name}))
        running = [each for found in self._tasks.map(self._running, sources) for each in found]
        return ClusterUpdates(tuple(running), _certificates(cluster))

    def _running(self, source: tuple[str, dict[str, str]]) -> list[RunningUpdate]:
        """Updates in progress of one resource; none where it was deleted after the listing."""
        resource, parameters = source
        try:
            ids = self._session.pages(
                "eks",
                "list_updates",
                "updateIds",
                subject=f"updates of {resource}",
                name=self._name,
                **parameters,
            )
            found: list[RunningUpdate] = []
            for update_id in ids:
                update = self._one(
                    "describe_update",
                    "update",
                    name=self._name,
                    updateId=update_id,
                    **parameters,
                )
                if update["status"] == "InProgress":
                    found.append(RunningUpdate(resource, str(update["type"]), str(update_id)))
        except MigratorError as error:
            if error.code == "not-found":
                return []
            raise
        return found

    def _described(
        self,
        listing: str,
        names_key: str,
        describe: str,
        key: str,
        parameter: str,
    ) -> list[Raw]:
        return self._describe_each(describe, key, parameter, self._list(listing, names_key))

    def _describe_each(
        self,
        method: str,
        key: str,
        parameter: str,
        values: Sequence[Any],
    ) -> list[Raw]:
        def describe(value: Any) -> Raw | None:
            try:
                return self._one(method, key, clusterName=self._name, **{parameter: value})
            except MigratorError as error:
                if error.code == "not-found":
                    return None  # went away after the listing
                raise

        return [item for item in self._tasks.map(describe, values) if item is not None]

    def _one(self, method: str, key: str, **parameters: Any) -> Raw:
        answer = self._session.call("eks", method, subject=self._subject, **parameters)
        item: Raw = jsonable(answer[key])
        return item

    def _list(self, method: str, key: str, **parameters: Any) -> list[Any]:
        listed = self._session.pages(
            "eks",
            method,
            key,
            subject=self._subject,
            clusterName=self._name,
            **parameters,
        )
        items: list[Any] = jsonable(listed)
        return items


def _certificates(cluster: Raw) -> int:
    """How many CA certificates DescribeCluster returns. During a rotation the text is a bundle (EKS
    user guide, certificate authority rotation).
    """
    text = str((cluster.get("certificateAuthority") or {}).get("data") or "")
    try:
        return base64.b64decode(text).count(b"-----BEGIN CERTIFICATE-----")
    except binascii.Error:
        return 0
