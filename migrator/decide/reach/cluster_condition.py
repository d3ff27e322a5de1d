"""What a cluster has under way or lacks: health issues, updates, certificate authorities, logs.

Sources: EKS user guide, "Cluster health FAQs and error codes with resolution paths", "Send control
plane logs to CloudWatch Logs"; EKS API reference, ClusterIssue, Logging, ListUpdates.
"""

from collections.abc import Mapping
from typing import Any, Final

from migrator.decide.reach.aws_command import aws_eks
from migrator.model.cluster_updates import ClusterUpdates
from migrator.model.diagnosis import Check

Raw = Mapping[str, Any]
HEALTH: Final = "cluster-health"
UPDATES: Final = "cluster-updates"
AUTHORITY: Final = "certificate-authority"
LOGS: Final = "control-plane-logs"
_NEEDED_LOGS: Final = ("audit", "authenticator")
_ROLE: Final = (
    "Give the cluster's role AmazonEKSClusterPolicy and a trust policy for eks.amazonaws.com"
)
_KEY: Final = "Make the KMS key of the cluster usable again: enable it, or cancel its deletion"
_VPC: Final = "Give the cluster subnets and security groups that exist (vpc-config of the cluster)"
_OTHER: Final = "Do what the issue says"
_REMEDIES: Final[Mapping[str | None, str]] = {
    "AccessDenied": _ROLE,
    "IamRoleNotFound": f"Create the cluster's role again under the same name. {_ROLE}",
    "Ec2SubnetNotFound": _VPC,
    "Ec2SecurityGroupNotFound": _VPC,
    "InsufficientFreeAddresses": "Free addresses in the subnets of the cluster, or give it others",
    "Ec2ServiceNotSubscribed": "Subscribe the account to EC2 in this Region",
    "StsRegionalEndpointDisabled": "Activate STS in this Region (IAM console, account settings)",
    "KmsKeyDisabled": _KEY,
    "KmsKeyMarkedForDeletion": _KEY,
    "KmsGrantRevoked": "Give the cluster's role the grant on its KMS key again",
    "UnsupportedVersion": "Upgrade the cluster",
}


def health_check(cluster: Raw) -> Check:
    """Issues that EKS reports of the cluster: EKS may fail an update of the cluster because of one.
    ``cluster``: DescribeCluster ``.cluster``.
    """
    issues = (cluster.get("health") or {}).get("issues")
    if not issues:
        return Check(HEALTH, "ok", "EKS reports no issue of the cluster.")
    said = "; ".join(_issue(issue) for issue in issues)
    known = dict.fromkeys(_REMEDIES.get(issue.get("code"), _OTHER) for issue in issues)
    remedy = ". ".join(known)
    return Check(
        HEALTH,
        "warn",
        f"EKS reports {said}. An update of the cluster, as of its authentication mode, may fail.",
        f"{remedy}; then see that the issue ends: `{aws_eks(cluster, 'describe-cluster')} --query "
        f"cluster.health`",
    )


def _issue(issue: Raw) -> str:
    about = ", ".join(map(str, issue.get("resourceIds", ())))
    message = str(issue.get("message", "")).rstrip(".")
    return f"{issue.get('code')} of {about}: {message}".replace(" of :", ":")


def logs_check(cluster: Raw) -> Check:
    """Whether the logs are on that say who logs in, and by which mapping."""
    setups = (cluster.get("logging") or {}).get("clusterLogging")
    if setups is None:
        return Check(LOGS, "unknown", "Which logs the control plane writes is not known.")
    enabled = {kind for setup in setups if setup.get("enabled") for kind in setup.get("types", ())}
    off = [kind for kind in _NEEDED_LOGS if kind not in enabled]
    if not off:
        return Check(LOGS, "ok", "The control plane writes the audit and the authenticator log.")
    types = ",".join(f'"{kind}"' for kind in off)
    return Check(
        LOGS,
        "warn",
        f"The control plane does not write the {' and the '.join(off)} log: `observe` and the "
        f"proof of nodes have no evidence of who logs in.",
        f"Switch this on (CloudWatch Logs has a price): "
        f"`{aws_eks(cluster, 'update-cluster-config')} --logging "
        f'\'{{"clusterLogging":[{{"types":[{types}],"enabled":true}}]}}\'`',
    )


def updates_checks(updates: ClusterUpdates) -> tuple[Check, ...]:
    """Updates that run, whatever the status of the cluster says, and a rotation of its authority:
    while one runs EKS refuses another, and a node that lacks the new authority drops out.
    """
    running = Check(UPDATES, "ok", "No update of the cluster is in progress.")
    if updates.running:
        said = "; ".join(map(str, updates.running))
        running = Check(
            UPDATES,
            "warn",
            f"In progress: {said}. EKS may refuse the change of the authentication mode meanwhile.",
            "Wait until the update has ended: `aws eks describe-update` shows its status.",
        )
    return (running, _authority_check(updates))


def _authority_check(updates: ClusterUpdates) -> Check:
    count = updates.certificate_authorities
    rotates = any(each.kind == "CertificateAuthorityUpdate" for each in updates.running)
    if count < 1:
        said = "The certificate authority in DescribeCluster could not be read."
        return Check(AUTHORITY, "unknown", said)
    if count == 1 and not rotates:
        return Check(AUTHORITY, "ok", "The cluster has one certificate authority.")
    return Check(
        AUTHORITY,
        "warn",
        f"A rotation of the certificate authority is under way ({count} in DescribeCluster): nodes "
        f"that lack the new one drop out when it is activated, which looks like the migration's "
        f"doing.",
        "Finish the rotation first: activate the new authority, see that all nodes are ready, and "
        "delete the old one.",
    )
