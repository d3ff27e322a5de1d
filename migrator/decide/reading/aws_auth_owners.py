"""Who writes aws-auth from code, as far as the object itself tells: field managers, labels,
annotations.
"""

from collections.abc import Iterator, Mapping
from typing import Any

# Field managers and marks that the tools leave on what they write, by the documentation of each
# tool.
_MANAGERS: tuple[tuple[str, str, str], ...] = (
    ("terraform", "Terraform", "the next terraform apply writes its aws-auth again"),
    ("hashicorp", "Terraform", "the next terraform apply writes its aws-auth again"),
    ("pulumi", "Pulumi", "the next pulumi up writes its aws-auth again"),
    ("helm", "Helm", "the next helm upgrade writes its aws-auth again"),
    ("argocd", "Argo CD", "Argo CD syncs its aws-auth again"),
    ("kustomize-controller", "Flux", "Flux reconciles its aws-auth within minutes"),
    ("helm-controller", "Flux", "Flux reconciles its aws-auth within minutes"),
    ("crossplane", "Crossplane", "Crossplane reconciles its aws-auth within minutes"),
)
_LABELS: tuple[tuple[str, str], ...] = (
    ("helm.sh/chart", "Helm"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("aws.cdk.eks/prune-", "CDK"),
)
_ANNOTATIONS: tuple[tuple[str, str], ...] = (
    ("meta.helm.sh/release-name", "Helm"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
)


def owners_of(config_map: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """The tools that own aws-auth, each with what it will do; empty when the object shows none.

    None when the object cannot tell: its field managers were cut off and no label or annotation
    names a tool. No ConfigMap has no owner.
    """
    if config_map is None:
        return ()
    metadata = config_map.get("metadata") or {}
    found: dict[str, str] = {}
    # The first sign of a tool counts: field managers say the most, the label of the tool's name the
    # least.
    for tool, sign in _signs(metadata):
        found.setdefault(tool, sign)
    # Exports and older tools cut the field managers off: then no sign does not mean no owner.
    if not found and "managedFields" not in metadata:
        return None
    return tuple(found[tool] for tool in sorted(found))


def _signs(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tools and what shows them, the surest signs first."""
    for manager in _managers(metadata):
        yield from _named(manager, f"field manager {manager}")
    yield from _marked(metadata.get("labels"), _LABELS, "label")
    yield from _marked(metadata.get("annotations"), _ANNOTATIONS, "annotation")
    by = str((metadata.get("labels") or {}).get("app.kubernetes.io/managed-by", ""))
    yield from _named(by, f"label app.kubernetes.io/managed-by={by}")


def _named(text: str, where: str) -> Iterator[tuple[str, str]]:
    for mark, tool, what in _MANAGERS:
        if mark in text.lower():
            yield tool, f"{tool} ({where}): {what}"


def _marked(
    keys: Mapping[str, Any] | None, marks: tuple[tuple[str, str], ...], kind: str
) -> Iterator[tuple[str, str]]:
    for key in keys or {}:
        for mark, tool in marks:
            if str(key).startswith(mark):
                yield tool, f"{tool} ({kind} {key})"


def _managers(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    entries = [entry for entry in metadata.get("managedFields") or () if entry]
    return tuple(str(entry.get("manager", "")) for entry in entries)
