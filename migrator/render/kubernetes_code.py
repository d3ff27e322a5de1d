"""The plan's entries as manifests for two controllers: ACK (``eks.services.k8s.aws``) and
Crossplane's AWS provider (``eks.aws.upbound.io``).

Both take over what exists: ACK by its adoption annotations ("Resource Adoption"), Crossplane by the
external name, which is the import id of the Terraform provider below it. Both leave the entry where
the object is deleted. ACK does not come to an end with entries of node types
(aws-controllers-k8s/community#2144), so that these are left out.

Every text is in double quotes. Flux replaces ``${NAME}`` in manifests where a Kustomization says
so; the annotation for it keeps the texts (Flux, "Post build variable substitution").
"""

import json
from collections.abc import Iterable
from typing import Any

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.files.yaml_text import yaml_lines
from migrator.model.plan import Plan
from migrator.render.code_entries import (
    given_groups,
    given_username,
    only_literal,
    origin,
    without,
)
from migrator.render.escape import survives_hcl
from migrator.render.program_code import comment_lines

_LITERAL = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
_NOT_NORMAL = (
    "one of its texts is not in Unicode normal form C, into which the provider turns every text"
)
_TAGS = (
    "Apply them after the last command of migrate: a controller may remove the tags by which "
    "migrate knows its entries."
)


def ack(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate ack``."""
    code = without(entries, _refused_by_ack)
    head = [
        "For the ACK controller of EKS (kubectl apply -n NAMESPACE).",
        "Version 1.14.1 associates no policies when it makes an entry "
        "(aws-controllers-k8s/community#2917): take a later one.",
    ]
    objects = ((entry, [_ack_entry(plan, entry)]) for entry in code.entries)
    return _manifests(plan, code, head, objects)


def crossplane(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate crossplane``."""
    code = only_literal(entries, survives_hcl, _NOT_NORMAL, plan.cluster.name)
    head = ["For Crossplane's provider-aws-eks, with its ProviderConfig named default."]
    objects = ((entry, _crossplane_objects(plan, entry)) for entry in code.entries)
    return _manifests(plan, code, head, objects)


def _refused_by_ack(
    entry: CodeEntry,
) -> str:
    """Why ACK cannot carry the entry; empty where it can."""
    if entry.spec.type == "STANDARD":
        return ""
    return (
        f"ACK does not sync an entry of type {entry.spec.type} (aws-controllers-k8s/community#2144)"
    )


def _manifests(
    plan: Plan,
    code: CodeEntries,
    head: list[str],
    objects: Iterable[tuple[CodeEntry, list[dict[str, Any]]]],
) -> dict[str, str]:
    """One file with a document for each object, and who is left out."""
    cluster = plan.cluster
    title = f"Access entries of the EKS cluster {cluster.name} ({cluster.arn})."
    lines = comment_lines("#", [title, f"Made from {code.made_from}.", *head, _TAGS])
    for entry, made in objects:
        lines += comment_lines("#", [origin(entry)])
        for each in made:
            lines += ["---", *yaml_lines(each)]
    if code.left_out:
        lines += comment_lines("#", ["Left out:"])
        named = [f"  {item.principal_arn}: {item.reason}" for item in code.left_out]
        lines += comment_lines("#", named)
    return {"access-entries.yaml": "\n".join(lines) + "\n"}


def _object_name(
    entry: CodeEntry,
) -> str:
    """A name of a Kubernetes object: lower-case letters, digits and hyphens."""
    return entry.name.lower().replace("_", "-")


def _ack_entry(
    plan: Plan,
    entry: CodeEntry,
) -> dict[str, Any]:
    """An ``AccessEntry`` of ACK, which adopts what is there or makes it."""
    place = {"clusterName": plan.cluster.name, "principalARN": entry.principal_arn}
    spec: dict[str, Any] = {**place, "type": entry.spec.type}
    username, groups = given_username(entry), given_groups(entry)
    if username is not None:
        spec["username"] = username
    if groups:
        spec["kubernetesGroups"] = list(groups)
    if entry.spec.access_policies:
        spec["accessPolicies"] = [
            {"policyARN": policy.policy_arn, "accessScope": _scope(policy)}
            for policy in entry.spec.access_policies
        ]
    annotations = {
        "services.k8s.aws/region": plan.cluster.region,
        "services.k8s.aws/adoption-policy": "adopt-or-create",
        "services.k8s.aws/adoption-fields": json.dumps(place),
        "services.k8s.aws/deletion-policy": "retain",
        **_LITERAL,
    }
    return {
        "apiVersion": "eks.services.k8s.aws/v1alpha1",
        "kind": "AccessEntry",
        "metadata": {"name": _object_name(entry), "annotations": annotations},
        "spec": spec,
    }


def _crossplane_objects(
    plan: Plan,
    entry: CodeEntry,
) -> list[dict[str, Any]]:
    """The entry, and an object for each of its policies."""
    cluster, arn = plan.cluster.name, entry.principal_arn
    given: dict[str, Any] = {"clusterName": cluster, "principalArn": arn, "type": entry.spec.type}
    username, groups = given_username(entry), given_groups(entry)
    if username is not None:
        given["userName"] = username
    if groups:
        given["kubernetesGroups"] = list(groups)
    name = _object_name(entry)
    objects = [_managed(plan, "AccessEntry", name, f"{cluster}:{arn}", given)]
    for policy in entry.spec.access_policies:
        associated = {
            "clusterName": cluster,
            "principalArn": arn,
            "policyArn": policy.policy_arn,
            "accessScope": [_scope(policy)],
        }
        identity = f"{cluster}#{arn}#{policy.policy_arn}"
        beside = f"{name}-{policy.policy_name.lower()}"
        objects.append(_managed(plan, "AccessPolicyAssociation", beside, identity, associated))
    return objects


def _managed(
    plan: Plan,
    kind: str,
    name: str,
    identity: str,
    given: dict[str, Any],
) -> dict[str, Any]:
    """A managed resource of Crossplane; ``identity`` is its external name."""
    return {
        "apiVersion": "eks.aws.upbound.io/v1beta1",
        "kind": kind,
        "metadata": {
            "name": name,
            "annotations": {"crossplane.io/external-name": identity, **_LITERAL},
        },
        "spec": {
            "deletionPolicy": "Orphan",
            "forProvider": {"region": plan.cluster.region, **given},
        },
    }


def _scope(
    policy: AssociatedPolicy,
) -> dict[str, Any]:
    """The access scope; a scope of type cluster names no namespaces."""
    if policy.scope.namespaces:
        return {"type": policy.scope.type, "namespaces": list(policy.scope.namespaces)}
    return {"type": policy.scope.type}
