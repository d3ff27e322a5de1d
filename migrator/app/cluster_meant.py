"""Which cluster is meant by a name, an ARN or a kubectl context: one rule for every command."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from migrator.app.settings import Settings
from migrator.errors import Failed
from migrator.model.principal import is_cluster_arn, is_cluster_name, parse_arn

if TYPE_CHECKING:
    from migrator.adapters.kube_contexts import KubeContext


@dataclass(frozen=True, slots=True)
class ClusterMeant:
    """``cluster``: a name or an ARN; ``region`` of a context without an ARN. ``other``: the context
    of this name, which may be another cluster than the one that is called so.
    """

    cluster: str
    region: str | None = None
    other: "KubeContext | None" = None


def is_context(settings: Settings, text: str) -> bool:
    """Whether a kubectl context has this name and means an EKS cluster."""
    from migrator.adapters.kube_contexts import kube_contexts

    return text in kube_contexts(settings.kubeconfig)


def cluster_meant(settings: Settings, text: str) -> ClusterMeant:
    """What is meant, without a call. A name comes before a context of the same name.

    Raises ``cluster-not-found`` for what is neither an ARN, nor a name that EKS takes, nor a
    context.
    """
    from migrator.adapters.kube_contexts import kube_contexts

    # What begins as an ARN is judged as one.
    if is_cluster_arn(text) or parse_arn(text) is not None:
        return ClusterMeant(text)
    contexts = kube_contexts(settings.kubeconfig)
    found = contexts.get(text)
    if is_cluster_name(text):
        return ClusterMeant(text, other=found)
    if found is None:
        near = get_close_matches(text, contexts, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise Failed(
            "cluster-not-found",
            f"{text!r} names no cluster.",
            why="EKS takes no such name, and no kubectl context that means an EKS cluster has it."
            + hint,
            remedy="Give the cluster's name, its ARN, or a context that `kubectl config "
            "get-contexts` lists.",
        )
    return of_context(found)


def of_context(context: "KubeContext") -> ClusterMeant:
    """The cluster of a context."""
    return ClusterMeant(context.arn or context.name, context.region)
