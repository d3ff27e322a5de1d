"""Access entries and the authentication mode of one cluster: everything here that writes to EKS.

Rules of the API: EKS user guide ("Create access entries", "Associate access policies with access
entries") and botocore's service model. Creating is idempotent by clientRequestToken, associating by
its key, and a deletion that botocore sent twice counts as done. The switch of the mode, which is
one-way, is sent once and never by a retry.
"""

from collections.abc import Mapping
from typing import Any, get_args

from migrator.adapters.aws_session import AwsSession, jsonable
from migrator.errors import Failed, MigratorError
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, AuthenticationMode, EntrySpec
from migrator.model.files.snapshot import access_entry
from migrator.ports import Raw

_MODES: tuple[AuthenticationMode, ...] = get_args(AuthenticationMode)


class EksAccessEntries:
    """:class:`migrator.ports.AccessEntries` of one cluster."""

    def __init__(self, session: AwsSession, cluster: str) -> None:
        self._session = session
        self._cluster = cluster

    def describe(self, principal_arn: str) -> AccessEntry | None:
        """The entry with its policies; None when there is none, or none can be in CONFIG_MAP
        mode.
        """
        try:
            raw = self._call("describe_access_entry", principal_arn)["accessEntry"]
            policies = self._session.pages(
                "eks",
                "list_associated_access_policies",
                "associatedAccessPolicies",
                subject=self._subject(principal_arn),
                clusterName=self._cluster,
                principalArn=principal_arn,
            )
        except MigratorError as error:
            if error.code in ("entry-not-found", "entries-not-enabled"):
                return None
            raise
        return access_entry(jsonable({**raw, "associatedAccessPolicies": policies}), principal_arn)

    def create(
        self,
        principal_arn: str,
        entry: EntrySpec,
        *,
        tags: Mapping[str, str],
        token: str,
    ) -> None:
        """CreateAccessEntry; policies are associated apart. Raises ``entry-exists``,
        ``invalid-principal``, ``invalid-entry``, ``entries-not-enabled``.
        """
        self._call(
            "create_access_entry",
            principal_arn,
            type=entry.type,
            tags=dict(tags),
            clientRequestToken=token,
            **_name_and_groups(entry),
        )

    def update(
        self,
        principal_arn: str,
        entry: EntrySpec,
        *,
        token: str,
    ) -> None:
        """UpdateAccessEntry with every field: EKS resets a username that is left out. Raises
        ``entry-not-found``.
        """
        self._call(
            "update_access_entry",
            principal_arn,
            clientRequestToken=token,
            **_name_and_groups(entry),
        )

    def delete(self, principal_arn: str) -> None:
        """DeleteAccessEntry. Raises ``entry-not-found``, unless that is the answer to our own
        repeated request.
        """
        self._gone_is_fine_after_retry("delete_access_entry", principal_arn)

    def associate(self, principal_arn: str, policy: AssociatedPolicy) -> None:
        """AssociateAccessPolicy: an upsert that replaces the scope."""
        scope: dict[str, Any] = {"type": policy.scope.type}
        if policy.scope.type == "namespace":
            scope["namespaces"] = list(policy.scope.namespaces)
        self._call(
            "associate_access_policy", principal_arn, policyArn=policy.policy_arn, accessScope=scope
        )

    def disassociate(self, principal_arn: str, policy_arn: str) -> None:
        """DisassociateAccessPolicy. Raises ``entry-not-found``, ``policy-not-found`` likewise."""
        self._gone_is_fine_after_retry(
            "disassociate_access_policy", principal_arn, policyArn=policy_arn
        )

    def _gone_is_fine_after_retry(self, method: str, principal_arn: str, **parameters: Any) -> None:
        try:
            self._call(method, principal_arn, **parameters)
        except MigratorError as error:
            answer = getattr(error.__cause__, "response", {}).get("ResponseMetadata", {})
            if (
                error.code in ("entry-not-found", "policy-not-found")
                and answer.get("RetryAttempts", 0) > 0
            ):
                return  # the first attempt did it and its answer was lost
            raise

    def _call(self, method: str, principal_arn: str, **parameters: Any) -> Raw:
        return self._session.call(
            "eks",
            method,
            subject=self._subject(principal_arn),
            clusterName=self._cluster,
            principalArn=principal_arn,
            **parameters,
        )

    def _subject(self, principal_arn: str) -> str:
        return f"{principal_arn} on cluster {self._cluster}"


def _name_and_groups(entry: EntrySpec) -> dict[str, Any]:
    """Node types take neither; a username of None is left to EKS (boto3 does not take None)."""
    if entry.type != "STANDARD":
        return {}
    fields: dict[str, Any] = {"kubernetesGroups": list(entry.kubernetes_groups)}
    if entry.username is not None:
        fields["username"] = entry.username
    return fields


class EksAuthMode:
    """:class:`migrator.ports.AuthMode` of one cluster."""

    def __init__(self, session: AwsSession, cluster: str) -> None:
        self._session = session
        self._cluster = cluster
        self._subject = f"cluster {cluster}"

    def read(self) -> tuple[AuthenticationMode, str]:
        """``(mode, cluster status)``, read now. A cluster without accessConfig is in CONFIG_MAP
        mode.
        """
        cluster = self._session.call(
            "eks", "describe_cluster", subject=self._subject, name=self._cluster
        )["cluster"]
        text = (cluster.get("accessConfig") or {}).get("authenticationMode") or "CONFIG_MAP"
        mode = next((mode for mode in _MODES if mode == text), None)
        if mode is None:
            raise Failed(
                "mode-unknown",
                f"The cluster has an authentication mode that is not known here: {str(text)[:40]}.",
                remedy="Upgrade eks-access-migrator.",
            )
        return mode, str(cluster.get("status", ""))

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        """UpdateClusterConfig, sent exactly once; returns the update id. One-way.

        Raises ``update-in-progress``, ``unsupported-change``. After ``aws-no-answer`` and
        ``aws-server-error`` the switch may have started: look, do not send it again.
        """
        client = self._session.client("eks", retries=False)
        answer = self._session.call_on(
            client,
            "update_cluster_config",
            subject=f"{self._subject} to {to}",
            name=self._cluster,
            accessConfig={"authenticationMode": to},
            clientRequestToken=token,
        )
        return str(answer["update"]["id"])

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        """DescribeUpdate: ``(InProgress|Failed|Cancelled|Successful, error messages)``."""
        answer = self._session.call(
            "eks",
            "describe_update",
            subject=f"update {update_id}",
            name=self._cluster,
            updateId=update_id,
        )["update"]
        errors = [
            f"{item.get('errorCode', '')}: {item.get('errorMessage', '')}"
            for item in answer.get("errors", ())
        ]
        return str(answer["status"]), errors
