"""Changes of a Terraform plan that may matter to access, and whose effect the document does not
show: what is not judged is named, so that "no problem" is never read as more than it is.

Sources: the resource types of the AWS, AWS Cloud Control, Kubernetes, Helm and kubectl providers
(Terraform registry); the kinds of Kubernetes, Argo CD and Flux that decide what a login may do or
bring objects from elsewhere.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping

from migrator.model.files.terraform_kinds import (
    MANIFESTS,
    Sides,
    Values,
    manifest_unknown,
    object_of,
)
from migrator.model.terraform_plan import UnjudgedReason

# Actions that leave the object as it is.
_HARMLESS = frozenset({"no-op", "read", "forget"})
_TYPES: tuple[tuple[str, UnjudgedReason], ...] = (
    (r"kubernetes_(cluster_)?role(_v1)?", "role-rules"),
    (r"kubernetes_(validating|mutating)_(webhook|admission_policy).*", "names"),
    (r"aws_ssoadmin_.*|aws_identitystore_.*|awscc_sso_.*", "identity-center"),
    (r"aws_iam_(access_key|user_login_profile)", "user-keys"),
    (r"(aws|awscc)_eks_identity_provider_config", "log-in-provider"),
    (r"(aws|awscc)_eks_(node_?group|fargate_profile|capability)", "node-roles"),
    (r"aws_iam_(openid_connect|saml)_provider", "trusted-provider"),
    (r"awscc_iam_(oidc|saml)_provider", "trusted-provider"),
    (r"helm_release|kustomization_resource|argocd_.*|flux_.*", "objects-elsewhere"),
    (r"aws_cloudformation_stack.*|awscc_cloudformation_stack.*", "objects-elsewhere"),
    (r"aws_servicecatalog_provisioned_product|aws_cloudcontrolapi_resource", "objects-elsewhere"),
    (r"(aws|awscc)_emrcontainers_virtual_cluster", "node-roles"),
    (r"aws_lambda_invocation|aws_ssm_association|shell_script", "program"),
)
# Kinds of objects in manifests. A kind that is judged is not among them.
_KINDS: Mapping[str, UnjudgedReason] = {
    "ClusterRole": "role-rules",
    "Role": "role-rules",
    "AccessEntry": "manifest",
    "FlowSchema": "names",
    "ValidatingAdmissionPolicy": "names",
    "ValidatingAdmissionPolicyBinding": "names",
    "MutatingAdmissionPolicy": "names",
    "ValidatingWebhookConfiguration": "names",
    "MutatingWebhookConfiguration": "names",
    "ClusterPolicy": "names",
    "Policy": "names",
    "ConstraintTemplate": "names",
    "Application": "objects-elsewhere",
    "ApplicationSet": "objects-elsewhere",
    "HelmChart": "objects-elsewhere",
    "HelmRelease": "objects-elsewhere",
    "Kustomization": "objects-elsewhere",
    "List": "manifest",
}
# EKS user guide, "EKS Auto Mode": EKS makes the access entry of the node role in it.
_AUTO_MODE = "compute_config"
_CLUSTERS = frozenset({"aws_eks_cluster", "awscc_eks_cluster"})
_MANIFEST_TYPES = frozenset({"kubernetes_manifest", "kubectl_manifest", "k8s_manifest"})
# What says which object it is, and whom a binding names: the provider computes other parts.
_OBJECT_NAME = ("name", "namespace")
_SUBJECT_NAME = ("kind", *_OBJECT_NAME)
_CONFIG_MAPS = re.compile(r"kubernetes_config_map(_v1(_data)?)?|ConfigMap")
_BINDINGS = re.compile(r"kubernetes_(cluster_)?role_binding(_v1)?|(Cluster)?RoleBinding")


def unread_reasons(
    sides: Sides,
    *,
    runs_program: bool,
) -> Iterator[tuple[UnjudgedReason, str]]:
    """Why a resource is not judged, and what it is: the kind of the object or the resource's type.
    ``runs_program``: the code has a provisioner on it.
    """
    if not sides.actions - _HARMLESS:
        return
    if runs_program:
        yield "program", sides.type
    for pattern, reason in _TYPES:
        if re.fullmatch(pattern, sides.type) and _may_matter(sides, reason):
            yield reason, sides.type
    if sides.type in _CLUSTERS and _is_changed(sides, _AUTO_MODE):
        yield "node-roles", _AUTO_MODE
    if sides.type in _MANIFEST_TYPES:
        yield from _manifest(sides)
    else:
        yield from _later(sides.type, sides.unknown)


def _may_matter(
    sides: Sides,
    reason: UnjudgedReason,
) -> bool:
    """Whether what changes is what the reason is about, as far as the document shows it."""
    if reason == "role-rules" and sides.before is not None and sides.after is not None:
        return _is_changed(sides, "rule") or _is_changed(sides, "aggregation_rule")
    # The provider makes a node group with another role again.
    if reason == "node-roles":
        return sides.actions != {"update"}
    # What is made is named by no trust policy yet.
    return reason != "trusted-provider" or sides.before is not None


def _later(
    what: str,
    unknown: object,
) -> Iterator[tuple[UnjudgedReason, str]]:
    """Why an object is not judged of which a part is known after Terraform's apply only."""
    if _CONFIG_MAPS.fullmatch(what) and _is_unknown(unknown, "metadata", _OBJECT_NAME):
        yield "object-unknown", what
    # Whom a binding that exists loses is judged; whom it gets is not known.
    if _BINDINGS.fullmatch(what) and _is_unknown(unknown, "subject", _SUBJECT_NAME):
        yield "subjects-unknown", what


def _is_changed(
    sides: Sides,
    name: str,
) -> bool:
    """Whether an attribute is another one after the change, or may be."""
    before, after = ((each or {}).get(name) or None for each in (sides.before, sides.after))
    return before != after or _is_unknown(sides.unknown, name)


def _is_unknown(
    unknown: object,
    name: str,
    parts: Collection[str] = (),
) -> bool:
    """Whether an attribute is known after Terraform's apply only, or one of the ``parts`` of its
    blocks; without ``parts``, any of them.
    """
    if isinstance(unknown, dict):
        unknown = unknown.get(name)
    blocks = unknown if isinstance(unknown, list) else [unknown]
    return any(_is_later(each, parts) for each in blocks)


def _is_later(
    block: object,
    parts: Collection[str],
) -> bool:
    """Whether a block, or one of its ``parts``, is known later."""
    if isinstance(block, dict) and parts:
        block = [block.get(each) for each in parts]
    return "true" in json.dumps(block)


def _manifest(
    sides: Sides,
) -> Iterator[tuple[UnjudgedReason, str]]:
    """What the object in a manifest is, before or after."""
    found = {_kind(each, sides.type) for each in (sides.before, sides.after) if each is not None}
    # Which object an unknown manifest is may be known later only.
    if "" in found or not found:
        yield "manifest-unread", sides.type
    for kind in sorted(found & _KINDS.keys()):
        yield _KINDS[kind], kind
    for kind in sorted(found & MANIFESTS.keys()):
        yield from _later(kind, manifest_unknown(sides))


def _kind(
    values: Values,
    resource_type: str,
) -> str:
    """The kind of the object in a manifest; empty where it cannot be read."""
    found = object_of(values, resource_type)
    if not isinstance(found, dict):
        return ""
    kind = found.get("kind")
    return kind if isinstance(kind, str) else ""
