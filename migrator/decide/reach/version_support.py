"""When EKS upgrades a cluster unasked: at the end of support of its Kubernetes version.

Source: EKS user guide, "Understand the Kubernetes version lifecycle": with the upgrade policy
STANDARD the control plane is upgraded at the end of standard support, with EXTENDED (the default)
at the end of extended support, at any time after that date and without a further question.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from migrator.decide.reach.aws_command import aws_eks
from migrator.model.diagnosis import Check
from migrator.model.moments import moment_of_text

NAME: Final = "version-support"
NEAR: Final = timedelta(days=60)
_ENDS: Final = {"STANDARD": "endOfStandardSupportDate", "EXTENDED": "endOfExtendedSupportDate"}


def forced_upgrade(cluster: Mapping[str, Any], support: Mapping[str, Any]) -> datetime | None:
    """The moment from which EKS upgrades the cluster unasked; None where it is not known.

    ``cluster``: DescribeCluster ``.cluster``. ``support``: the version's item of
    DescribeClusterVersions, with times as ISO 8601 text.
    """
    policy = (cluster.get("upgradePolicy") or {}).get("supportType") or "EXTENDED"
    text = support.get(_ENDS.get(policy, ""))
    if not text:
        return None
    return moment_of_text(str(text))


def near_upgrade(
    cluster: Mapping[str, Any], support: Mapping[str, Any], now: datetime
) -> datetime | None:
    """The moment of :func:`forced_upgrade` where it is near or has passed, else None."""
    at = forced_upgrade(cluster, support)
    if at is None or at - now > NEAR:
        return None
    return at


def version_support_check(
    cluster: Mapping[str, Any], support: Mapping[str, Any] | None, now: datetime
) -> Check:
    """Whether an upgrade that no operator starts can fall into the migration."""
    version = str(cluster.get("version") or "")
    if support is None:
        said = f"The end of support of Kubernetes {version} is not known."
        return Check(NAME, "unknown", said, "Allow eks:DescribeClusterVersions to the caller.")
    at = forced_upgrade(cluster, support)
    if at is None:
        return Check(NAME, "ok", f"EKS names no end of support of Kubernetes {version}.")
    said = f"EKS upgrades Kubernetes {version} without a request from {at.date()} on"
    if near_upgrade(cluster, support, now) is None:
        return Check(NAME, "ok", f"{said}.")
    return Check(
        NAME,
        "warn",
        f"{said}: an update can run during the migration.",
        f"Upgrade first: `{aws_eks(cluster, 'update-cluster-version')} --kubernetes-version "
        f"VERSION`",
    )
