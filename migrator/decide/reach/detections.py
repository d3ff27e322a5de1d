"""Published detections that watch the calls of a migration.

Names, sources and conditions are as their publishers state them; a rule of a customer's own is
unknown here. No public rule for the change of the authentication mode was found.
"""

from typing import Final

from migrator.model.security_note import Detection

_ENTRY_CALLS: Final = frozenset(
    {
        "eks:CreateAccessEntry",
        "eks:UpdateAccessEntry",
        "eks:DeleteAccessEntry",
        "eks:AssociateAccessPolicy",
        "eks:DisassociateAccessPolicy",
    }
)
_ADMIN_POLICIES: Final = frozenset({"AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy"})
_RBAC: Final = "rbac.authorization.k8s.io"
_CLUSTER_BINDINGS: Final = f"clusterrolebindings.{_RBAC}"
_BINDINGS: Final = (f"rolebindings.{_RBAC}", _CLUSTER_BINDINGS)
_APPLIED: Final = "asks for the verb create; this tool sends patch (server-side apply)"
_ELASTIC: Final = "https://elastic.github.io/detection-rules-explorer/rules"
_ELASTIC_DOCS: Final = "https://www.elastic.co/docs/reference/security/prebuilt-rules/rules"
_DATADOG: Final = "https://docs.datadoghq.com/security/default_rules"
_SIGMA: Final = (
    "https://github.com/SigmaHQ/sigma/blob/master/rules/application/kubernetes/audit"
    "/kubernetes_audit"
)
_GUARD_DUTY: Final = "https://docs.aws.amazon.com/guardduty/latest/ug"
_EKS_FINDINGS: Final = f"{_GUARD_DUTY}/guardduty-finding-types-eks-audit-logs.html"
_ANOMALOUS: Final = "only where its model finds the request unusual for the caller"

DETECTIONS: Final = (
    Detection(
        "Elastic",
        "AWS EKS Access Entry Modified",
        f"{_ELASTIC}/90c0ce77-3fb4-484f-a8ad-4648e12b35b1",
        _ENTRY_CALLS,
        condition="not for a caller whose ARN holds eksctl, terraform or AWSCloudFormation",
    ),
    Detection(
        "Elastic",
        "AWS EKS Access Entry Granted Cluster Admin Policy",
        f"{_ELASTIC}/9550ec87-e73c-4baa-ad44-e448a33fbc3d",
        frozenset({"eks:AssociateAccessPolicy"}),
        _ADMIN_POLICIES,
    ),
    Detection(
        "Datadog",
        "AWS principal assigned administrative privileges in an EKS cluster",
        f"{_DATADOG}/def-000-cm5/",
        frozenset({"eks:AssociateAccessPolicy"}),
        _ADMIN_POLICIES,
    ),
    Detection(
        "Datadog",
        "AWS principal granted access to a EKS cluster then removed",
        f"{_DATADOG}/cloudtrail-aws-eks-principal-creates-then-deletes-accessentry/",
        frozenset({"eks:DeleteAccessEntry"}),
        condition="only within an hour after CreateAccessEntry for the same principal",
    ),
    Detection(
        "Elastic",
        "EKS Authentication Configuration Modified",
        f"{_ELASTIC}/5202697c-313b-4bf0-9029-73fe78cd4b6d",
        frozenset({f"{verb} configmaps" for verb in ("update", "patch", "delete")}),
        frozenset({"aws-auth"}),
    ),
    Detection(
        "GuardDuty",
        "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated",
        f"{_EKS_FINDINGS}#privesc-kubernetes-anomalousbehavior-rolebindingcreated",
        frozenset({f"patch {resource}" for resource in _BINDINGS}),
        condition=_ANOMALOUS,
    ),
    Detection(
        "GuardDuty",
        "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleCreated",
        f"{_EKS_FINDINGS}#privesc-kubernetes-anomalousbehavior-rolecreated",
        frozenset({f"patch roles.{_RBAC}"}),
        condition=_ANOMALOUS,
    ),
    Detection(
        "GuardDuty",
        "Discovery:Kubernetes/AnomalousBehavior.PermissionChecked",
        f"{_EKS_FINDINGS}#discovery-kubernetes-anomalousbehavrior-permissionchecked",
        frozenset({"create selfsubjectaccessreviews.authorization.k8s.io"}),
        condition=_ANOMALOUS,
    ),
    Detection(
        "GuardDuty",
        "Execution:Kubernetes/AnomalousBehavior.WorkloadDeployed",
        _EKS_FINDINGS,
        frozenset({"patch jobs.batch", "create pods"}),
        condition=_ANOMALOUS,
    ),
    Detection(
        "GuardDuty",
        "Discovery:IAMUser/AnomalousBehavior",
        f"{_GUARD_DUTY}/guardduty_finding-types-iam.html#discovery-iam-anomalousbehavior",
        frozenset({"iam:ListRoles", "iam:ListUsers", "ec2:DescribeInstances"}),
        condition=_ANOMALOUS,
    ),
    Detection(
        "Sigma",
        "Kubernetes Rolebinding Modification",
        f"{_SIGMA}_rolebinding_modification.yml",
        frozenset({f"{verb} {each}" for verb in ("patch", "delete") for each in _BINDINGS}),
    ),
    Detection(
        "Sigma",
        "Kubernetes CronJob/Job Modification",
        f"{_SIGMA}_cronjob_modification.yml",
        frozenset({"patch jobs.batch", "delete jobs.batch"}),
    ),
    Detection(
        "Sigma",
        "New Kubernetes Service Account Created",
        f"{_SIGMA}_serviceaccount_creation.yml",
        frozenset({"patch serviceaccounts"}),
        condition=_APPLIED,
    ),
    Detection(
        "Elastic",
        "Kubernetes Cluster-Admin Role Binding Created",
        f"{_ELASTIC_DOCS}/integrations/kubernetes/persistence_cluster_admin_rolebinding_created",
        frozenset({f"patch {resource}" for resource in _BINDINGS}),
        frozenset({"cluster-admin"}),
        condition=_APPLIED,
    ),
    Detection(
        "Datadog",
        "A Kubernetes user was assigned cluster administrator permissions",
        f"{_DATADOG}/q2g-reo-fw1/",
        frozenset({f"patch {_CLUSTER_BINDINGS}"}),
        frozenset({"cluster-admin"}),
    ),
)


def watching(call: str, detail: str) -> tuple[str, ...]:
    """Names of the detections that watch the call; their conditions besides are not judged."""
    return tuple(
        each.name
        for each in DETECTIONS
        if call in each.calls and (not each.details or detail in each.details)
    )
