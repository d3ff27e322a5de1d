"""Pods of controllers that write aws-auth, by the signs that they leave on it.

Each label is that of the tool's own manifests or chart (Argo CD, Flux, Crossplane, kapp-controller,
Fleet, Cluster API); the others by the recommended labels (Kubernetes documentation, "Recommended
Labels").
"""

from collections.abc import Iterable
from typing import Final

_NAMED: Final = "app.kubernetes.io/name"
# Tool, as signs of aws-auth name it -> the label selector of its pods.
_SELECTORS: Final[dict[str, str]] = {
    "Argo CD": f"{_NAMED}=argocd-application-controller",
    "Flux": "app in (kustomize-controller,helm-controller)",
    "Crossplane": "pkg.crossplane.io/provider",
    "kapp": "app=kapp-controller",
    "Rancher Fleet": "app=fleet-agent",
    "aws-eks-iam-auth-controller": f"{_NAMED}=aws-eks-iam-auth-controller",
    "aws-auth-operator": f"{_NAMED}=aws-auth-operator",
    "aws-auth-manager": f"{_NAMED}=aws-auth-manager",
    "aws-iam-authenticator-sso-wrapper": f"{_NAMED}=aws-iam-authenticator-sso-wrapper",
    "Cluster API Provider AWS": "cluster.x-k8s.io/provider=infrastructure-aws",
}


def selectors_of(owners: Iterable[str]) -> dict[str, str]:
    """Tool -> label selector of its pods, for the tools that run in clusters. ``owners``: signs,
    each the name of the tool, a blank, and where it was seen in parentheses.
    """
    named = {sign.partition(" (")[0] for sign in owners}
    return {tool: found for tool, found in _SELECTORS.items() if tool in named}
