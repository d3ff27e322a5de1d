"""Who writes aws-auth from code, as far as the object itself shows: field managers, labels,
annotations, owner references.

A writer that no list knows is not proof of absence: it is named as unknown. Writes of this tool are
no evidence, and they hide who wrote before: a write takes over the fields that it changes
(Kubernetes documentation, "Server-Side Apply", managers). So backups from before the first write
are read as well.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrator.decide.reading.manager_marks import domain_of, looks_managed
from migrator.model.aws_auth import FIELD_MANAGER

# EKS writes the rows of managed node groups and Fargate profiles under this name.
_EKS = frozenset({"vpcLambda"})
# Programs by which a person edits: kubectl names each command that writes (kubectl source,
# `fieldManager` of each), a browser is the console. Each name counts whole: what only begins like
# one is another program.
_PERSONS = frozenset(
    {
        "k9s",
        "kubectl",
        "kubectl-annotate",
        "kubectl-client-side-apply",
        "kubectl-create",
        "kubectl-edit",
        "kubectl-label",
        "kubectl-patch",
        "kubectl-replace",
        "Mozilla",
    }
)

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
    ("kapp", "kapp", "the next kapp deploy writes its aws-auth again"),
    (
        "aws-eks-iam-auth-controller",
        "aws-eks-iam-auth-controller",
        "it writes a row for each IAMIdentityMapping again",
    ),
    ("aws-auth-operator", "aws-auth-operator", "it reconciles aws-auth"),
    ("aws-auth-manager", "aws-auth-manager", "it reconciles aws-auth"),
    (
        "aws-iam-authenticator-sso-wrapper",
        "aws-iam-authenticator-sso-wrapper",
        "it writes the rows of Identity Center roles again",
    ),
    (
        "cluster-api-provider-aws",
        "Cluster API Provider AWS",
        "it reconciles aws-auth from the control plane object",
    ),
)
_LABELS: tuple[tuple[str, str], ...] = (
    ("helm.sh/chart", "Helm"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("aws.cdk.eks/prune-", "CDK"),
    ("kapp.k14s.io/app", "kapp"),
    ("objectset.rio.cattle.io/", "Rancher Fleet"),
)
_ANNOTATIONS: tuple[tuple[str, str], ...] = (
    ("meta.helm.sh/release-name", "Helm"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("objectset.rio.cattle.io/", "Rancher Fleet"),
    ("moniker.spinnaker.io/", "Spinnaker"),
    ("artifact.spinnaker.io/", "Spinnaker"),
    ("fluxcd.io/sync-checksum", "Flux"),
)
# What a name that several programs use may be.
_MAY_BE = {
    "eksctl": "a person, or a pipeline with a ClusterConfig file",
    "OpenAPI-Generator": "a program of the Kubernetes Python client, such as Ansible",
    "manager": "a controller of unknown name",
}
# Argo CD tracks by this label by default before version 3; Helm charts set it as well.
_INSTANCE = "app.kubernetes.io/instance"
_SETS_INSTANCE = frozenset({"Argo CD", "Helm"})
_MANAGED_BY = "app.kubernetes.io/managed-by"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Domains of keys that have a rule above, or say nothing of who writes.
_NO_WRITERS = frozenset({"app.kubernetes.io", "kubectl.kubernetes.io"})


@dataclass(frozen=True, slots=True)
class AwsAuthWriters:
    """Who writes aws-auth. ``owners``: known tools, each with what it will do. ``unknown``: signs
    of a writer that no list knows, one text each. ``tells``: whether the absence of further signs
    means that there is no further writer.
    """

    owners: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    tells: bool = True


def writers_of(objects: Iterable[Mapping[str, Any] | None]) -> AwsAuthWriters | None:
    """The writers that aws-auth shows, in any of ``objects``.

    ``objects`` are the live ConfigMap, and backups of it from before this tool wrote; None is a
    cluster without one. The answer is None when the objects cannot tell: field managers were cut
    off, or this tool wrote the data last and no backup is there, and no other sign names a tool.
    """
    found: dict[str, str] = {}
    unknown: list[str] = []
    tells = False
    for config_map in objects:
        # No ConfigMap has no writer, and says so.
        if config_map is None:
            tells = True
            continue
        metadata = config_map.get("metadata") or {}
        # The first sign of a tool counts: field managers say the most, the label of the tool's name
        # the least.
        for tool, sign in _signs(metadata):
            found.setdefault(tool, sign)
        unknown += _unknown_signs(metadata)
        if _tells(config_map, metadata):
            tells = True
    if not found and not unknown and not tells:
        return None
    owners = tuple(found[tool] for tool in sorted(found))
    return AwsAuthWriters(owners, tuple(dict.fromkeys(unknown)), tells)


def _tells(config_map: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether no sign of a writer means that there is none.

    It does not where field managers were cut off or emptied, nor where this tool wrote the data:
    the writer before it is not on record.
    """
    # Exports and older tools cut the field managers off.
    if "managedFields" not in metadata:
        return False
    managers = _data_managers(metadata)
    # An empty list resets ownership (Kubernetes documentation, "Server-Side Apply").
    if config_map.get("data") and not managers:
        return False
    return FIELD_MANAGER not in managers


def _signs(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Known tools and what shows them, as ``(tool, text)``, the surest signs first.

    A field manager wrote the object itself. A label or annotation may be a copy of another
    object's, and the label of the tool's name is a convention that people use, too.
    """
    for entry in metadata.get("managedFields") or ():
        if not entry:
            continue
        manager = str(entry.get("manager", ""))
        yield from _named(manager, f"field manager {manager}")
    yield from _marked(metadata.get("labels"), _LABELS, "label")
    yield from _marked(metadata.get("annotations"), _ANNOTATIONS, "annotation")
    by = _label(metadata, _MANAGED_BY)
    yield from _named(by, f"label {_MANAGED_BY}={by}")


def _unknown_signs(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What shows a writer that is no known tool, nor EKS, nor this tool, nor a person.

    One text each, for the finding that asks who writes.
    """
    for manager in _data_managers(metadata):
        if _is_known(manager):
            continue
        sign = f"field manager {manager}"
        meaning = _MAY_BE.get(manager)
        # Several programs use the name: people know which of them they run.
        if meaning is not None:
            sign = f"{sign} ({meaning})"
        yield sign
    by = _label(metadata, _MANAGED_BY)
    is_known_tool = bool(tuple(_named(by, "")))
    if by and not is_known_tool:
        yield f"label {_MANAGED_BY}={by}"
    instance = _label(metadata, _INSTANCE)
    # Beside a tool that sets the label it is that tool's; another tool leaves its writer unknown.
    if instance and not _SETS_INSTANCE & {tool for tool, _ in _signs(metadata)}:
        yield f"label {_INSTANCE}={instance} (Argo CD before version 3, or a Helm chart)"
    yield from _applied_files(metadata)
    yield from _unknown_marks(metadata, "labels", _LABELS)
    yield from _unknown_marks(metadata, "annotations", _ANNOTATIONS)
    for owner in metadata.get("ownerReferences") or ():
        yield f"owner reference {owner.get('kind', '')} {owner.get('name', '')}"


def _applied_files(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Signs of `kubectl apply`, which writes a file that is kept elsewhere: the next run of a
    pipeline writes it again, whoever edited aws-auth since (Kubernetes documentation, "Declarative
    Management of Kubernetes Objects Using Configuration Files"; "Server-Side Apply").
    """
    if _LAST_APPLIED in (metadata.get("annotations") or {}):
        yield f"annotation {_LAST_APPLIED} (kubectl apply of a file: a person, or a pipeline)"
    for entry in metadata.get("managedFields") or ():
        if not entry:
            continue
        if (entry.get("manager"), entry.get("operation")) == ("kubectl", "Apply"):
            yield "field manager kubectl (server-side apply of a file: a person, or a pipeline)"


def _unknown_marks(
    metadata: Mapping[str, Any], field: str, known: tuple[tuple[str, str], ...]
) -> Iterator[str]:
    """Labels or annotations that look like the mark of a program, and of no tool of the list."""
    pairs = metadata.get(field) or {}
    marks = tuple(mark for mark, _ in known)
    # A known tool leaves further keys beside the one that the list has.
    tools = {domain_of(key) for key in pairs if str(key).startswith(marks)}
    for key, value in pairs.items():
        if domain_of(key) in tools | _NO_WRITERS:
            continue
        if looks_managed(key, str(value)):
            yield f"{field.removesuffix('s')} {key}={value}"


def _is_known(manager: str) -> bool:
    """Whether a field manager is this tool, EKS, a person's program or a tool of the list.

    Names of persons' programs are compared whole, those of tools as parts.
    """
    if manager == FIELD_MANAGER:
        return True
    if manager in _EKS:
        return True
    if manager in _PERSONS:
        return True
    return bool(tuple(_named(manager, "")))


def _label(metadata: Mapping[str, Any], name: str) -> str:
    """A label's value as text; empty where the object does not have it.

    A manifest of a backup may hold a number there, which the API server would refuse.
    """
    labels = metadata.get("labels") or {}
    return str(labels.get(name, ""))


def _named(text: str, where: str) -> Iterator[tuple[str, str]]:
    """The tools whose name is in a text, with where the text is from and what the tool will do."""
    lowered = text.lower()
    for mark, tool, what in _MANAGERS:
        # Tools add their version or a part of themselves to the name.
        if mark in lowered:
            yield tool, f"{tool} ({where}): {what}"


def _marked(
    keys: Mapping[str, Any] | None, marks: tuple[tuple[str, str], ...], kind: str
) -> Iterator[tuple[str, str]]:
    """The tools that leave one of these keys; ``kind`` is ``label`` or ``annotation``."""
    for key in keys or {}:
        for mark, tool in marks:
            # Some tools number or hash the rest of the key.
            if not str(key).startswith(mark):
                continue
            yield tool, f"{tool} ({kind} {key})"


def _data_managers(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Field managers that wrote rows: of an entry whose fields are cut off, that is assumed.

    Shape (Kubernetes API reference, ManagedFieldsEntry)::

        managedFields: [{manager, operation, fieldsV1: {"f:data": {"f:mapRoles": {}}}}]
    """
    found = []
    for entry in metadata.get("managedFields") or ():
        if not entry:
            continue
        fields = entry.get("fieldsV1")
        # Labels and annotations are no rows.
        if fields and "f:data" not in fields:
            continue
        found.append(str(entry.get("manager", "")))
    return tuple(found)
