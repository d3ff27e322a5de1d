"""Who created the cluster, by evidence: the snapshot's own, logins that were observed, an answer.

No API shows the hidden creator while the mode is CONFIG_MAP. CloudTrail has CreateCluster for 90
days. Later only a login as ``kubernetes-admin`` that no row explains shows the creator, or a person
names it.
"""

from collections.abc import Mapping

from migrator.decide.planning.principals.find_principal import IamIndex
from migrator.decide.planning.principals.principal_answers import invalid
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.model.access_entry import SERVICE_LINKED_MARK
from migrator.model.aws_auth import AwsAuth
from migrator.model.decision import CreatorAnswer, Decisions
from migrator.model.principal import Arn, parse_arn
from migrator.model.snapshot import Creator, Snapshot

HIDDEN_NAME = "kubernetes-admin"  # as authenticator logs show the hidden creator


def known_creator(snapshot: Snapshot, decisions: Decisions, aws_auth: AwsAuth) -> Creator | None:
    """The cluster's creator, as far as evidence or an answer shows it.

    Raises ``Failed`` ``decision-invalid`` for an answer that cannot be right.
    """
    # EKS API: without bootstrapClusterCreatorAdminPermissions the creator has no hidden access.
    if not has_hidden_creator(snapshot.cluster_raw):
        if decisions.creator is not None and snapshot.cluster.authentication_mode == "CONFIG_MAP":
            why = "The cluster was made without admin permissions for its creator."
            raise invalid("creator", why, "Take the answer away.")
        return snapshot.creator
    iam = IamIndex(snapshot.iam_principals, snapshot.accounts_read, snapshot.cluster.account_id)
    known = snapshot.creator or _observed(snapshot, aws_auth, iam)
    answer = decisions.creator
    if answer is None:
        return known
    _check(answer, known, snapshot, iam)
    source = f"an answer in decisions.yaml by {answer.by}: {answer.reason}"
    return known or Creator(answer.arn, source)


def has_hidden_creator(cluster_raw: Mapping[str, object]) -> bool:
    """Whether the cluster was made with admin permissions for its creator (the default)."""
    config = cluster_raw.get("accessConfig")
    # DescribeCluster may leave the field out for clusters from before access entries, which all
    # have a hidden creator.
    if not isinstance(config, Mapping):
        return True
    return config.get("bootstrapClusterCreatorAdminPermissions") is not False


def _observed(snapshot: Snapshot, aws_auth: AwsAuth, iam: IamIndex) -> Creator | None:
    """The one principal that the logs show as ``kubernetes-admin`` without a row; None where it is
    none, or several.
    """
    # From the mode step on the creator has an entry, like other principals.
    if snapshot.cluster.authentication_mode != "CONFIG_MAP":
        return None
    # No log was read.
    if snapshot.usage is None:
        return None
    logins = snapshot.usage.logins
    rows = {row_key(row.arn) for row in aws_auth.rows}
    keys = {principal_key(login.arn) for login in logins if login.username == HIDDEN_NAME} - rows
    # A cluster has one creator. With several such logins, the log does not show which it is.
    if len(keys) != 1:
        return None
    key = keys.pop()
    last = max(login.last for login in logins if principal_key(login.arn) == key)
    found = iam.find(key)
    source = f"observe: a login as {HIDDEN_NAME} without a row, last {last:%Y-%m-%d}"
    return Creator(found.arn if found.state == "found" else _session(key), source)


def _session(key: str) -> str:
    """The ARN of a session: what is known of a role whose path was not read."""
    arn = parse_arn(key)
    # Users keep their path in every log: the key is the whole ARN.
    if arn is None or arn.kind != "role":
        return key
    return f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{arn.name}/{HIDDEN_NAME}"


def _can_create_clusters(arn: Arn) -> bool:
    """Whether a person can act as the principal: a service-linked role is a service's own."""
    if arn.kind not in ("role", "user", "root"):
        return False
    return SERVICE_LINKED_MARK not in str(arn)


def _check(
    answer: CreatorAnswer,
    known: Creator | None,
    snapshot: Snapshot,
    iam: IamIndex,
) -> None:
    """The answer beside the cluster, the evidence and IAM. Raises ``Failed``
    ``decision-invalid``.
    """
    _check_account(answer, snapshot)
    if known is not None and principal_key(known.arn) != principal_key(answer.arn):
        why = f"The creator is `{known.arn}` by {known.source}."
        raise invalid("creator", why, "Correct the answer, or take it away.")
    found = iam.find(answer.arn)
    if found.state == "absent":
        why = f"IAM has no `{answer.arn}`; for a principal that was deleted EKS makes no entry."
        raise invalid("creator", why, "Correct the ARN, or take the answer away.")
    if found.state == "found" and row_key(found.arn) != row_key(answer.arn):
        raise invalid("creator", f"IAM knows the principal as `{found.arn}`.", "Give that ARN.")


def _check_account(answer: CreatorAnswer, snapshot: Snapshot) -> None:
    arn, cluster = parse_arn(answer.arn), snapshot.cluster
    if arn is None or not _can_create_clusters(arn):
        why = f"`{answer.arn}` is no IAM role, IAM user or root user."
        raise invalid("creator", why, "Give the full ARN, of a role with its path.")
    if arn.partition != cluster.partition or arn.account != cluster.account_id:
        why = (
            f"`{answer.arn}` is of another account than the cluster, and CreateCluster makes "
            f"clusters in its own."
        )
        raise invalid(
            "creator", why, "Give the principal of the cluster's account that the creator acted as."
        )
