"""Terraform: raw ``aws_eks_access_entry`` and ``aws_eks_access_policy_association`` resources.

Three files. ``access_entries.tf`` holds the resources. ``access_entries_import.tf`` holds an
``import`` block for each (Terraform 1.5), because every entry exists already or will after apply;
the files may go once imported. ``aws_auth_removed.tf`` holds ``removed`` blocks (Terraform 1.7), so
that taking the aws-auth resource out of the code forgets it instead of deleting the ConfigMap while
principals still use it.

Import ids: ``CLUSTER:PRINCIPAL`` and ``CLUSTER#PRINCIPAL#POLICY`` (provider documentation of the
two resources). The output is as ``terraform fmt`` writes it.
"""

from collections.abc import Iterable

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry, LeftOut
from migrator.model.plan import Plan
from migrator.render.code_entries import only_literal, origin
from migrator.render.escape import hcl, survives_hcl
from migrator.render.hcl_blocks import attributes, block, body, comments

_AWS_AUTH_ADDRESSES = (
    "kubernetes_config_map.aws_auth",
    "kubernetes_config_map_v1.aws_auth",
    "kubernetes_config_map_v1_data.aws_auth",
)


def terraform(plan: Plan, entries: CodeEntries) -> dict[str, str]:
    """File name -> content for ``migrate generate terraform``."""
    code = only_exact(entries)
    return {
        "access_entries.tf": _resources(plan, code),
        "access_entries_import.tf": _imports(plan, code.entries),
        "aws_auth_removed.tf": removed_blocks(),
    }


def _resources(plan: Plan, code: CodeEntries) -> str:
    """The resources of all entries and of their policies."""
    cluster = plan.cluster.name
    blocks = [_header(plan)]
    for entry in code.entries:
        blocks.append(_entry(cluster, entry))
        blocks.extend(_association(cluster, entry, policy) for policy in entry.spec.access_policies)
    if code.left_out:
        blocks.append(_left_out(code.left_out))
    return "\n".join(blocks)


def only_exact(code: CodeEntries) -> CodeEntries:
    """Without the entries whose texts Terraform would change on reading."""
    reason = (
        "one of its texts is not in Unicode normal form C, into which Terraform turns every text"
    )
    return only_literal(code, survives_hcl, reason)


def _header(plan: Plan) -> str:
    """What the file is, as a comment above it."""
    return comments(
        f"Access entries of the EKS cluster {plan.cluster.name} ({plan.cluster.arn}).",
        f"Made from the plan of {plan.created_at}. access_entries_import.tf takes over what exists "
        f"already.",
        "Tags are left as they are: migrate apply marks what it made, and a resumed run looks for "
        "these marks.",
        "",
        "The cluster's own resource needs this, or a change of the flag replaces the cluster:",
        "  lifecycle {",
        "    ignore_changes = [access_config[0].bootstrap_cluster_creator_admin_permissions]",
        "  }",
    )


def _entry(cluster: str, entry: CodeEntry) -> str:
    """An ``aws_eks_access_entry``, as the AWS provider's documentation has it."""
    spec = entry.spec
    texts = {
        "cluster_name": hcl(cluster),
        "principal_arn": hcl(entry.principal_arn),
        "type": hcl(spec.type),
    }
    lists: dict[str, tuple[str, ...]] = {}
    if spec.type == "STANDARD":  # node types have a username and groups that may not be set
        if spec.username is not None:
            texts["user_name"] = hcl(spec.username)
        if spec.kubernetes_groups:
            lists["kubernetes_groups"] = spec.kubernetes_groups
    parts = [*body(texts, lists), block("lifecycle", ["ignore_changes = [tags, tags_all]\n"])]
    return comments(origin(entry)) + block(f'resource "aws_eks_access_entry" "{entry.name}"', parts)


def _association(cluster: str, entry: CodeEntry, policy: AssociatedPolicy) -> str:
    """An ``aws_eks_access_policy_association``, tied to its entry by a reference, so that it is
    made after it.
    """
    texts = {
        "cluster_name": hcl(cluster),
        "principal_arn": f"aws_eks_access_entry.{entry.name}.principal_arn",
        "policy_arn": hcl(policy.policy_arn),
    }
    namespaces = {"namespaces": policy.scope.namespaces} if policy.scope.namespaces else {}
    scope = block("access_scope", body({"type": hcl(policy.scope.type)}, namespaces))
    head = f'resource "aws_eks_access_policy_association" "{_association_name(entry, policy)}"'
    return block(head, [*body(texts, {}), scope])


def _association_name(entry: CodeEntry, policy: AssociatedPolicy) -> str:
    """The name of an association: letters, digits and underscores only."""
    safe = "".join(
        char if char.isascii() and char.isalnum() else "_" for char in policy.policy_name
    )
    return f"{entry.name}_{safe}"


def _imports(plan: Plan, entries: Iterable[CodeEntry]) -> str:
    """An ``import`` block for each entry and association of the code."""
    cluster = plan.cluster.name
    blocks = [
        comments(
            "Takes the entries into the state as they are. This file may go after the first apply."
        )
    ]
    for entry in entries:
        to = f"aws_eks_access_entry.{entry.name}"
        blocks.append(
            block("import", [attributes({"to": to, "id": hcl(f"{cluster}:{entry.principal_arn}")})])
        )
        for policy in entry.spec.access_policies:
            to = f"aws_eks_access_policy_association.{_association_name(entry, policy)}"
            identity = hcl(f"{cluster}#{entry.principal_arn}#{policy.policy_arn}")
            blocks.append(block("import", [attributes({"to": to, "id": identity})]))
    return "\n".join(blocks)


def removed_blocks() -> str:
    """``removed`` blocks that forget the aws-auth ConfigMap without destroying it."""
    head = comments(
        "Forgets the aws-auth ConfigMap without deleting it: its deletion locks out every "
        "principal without an entry.",
        "Take the resource itself out of the code in the same change. For a resource inside a "
        "module write the",
        "module's address, for example module.eks.kubernetes_config_map.aws_auth. Addresses that "
        "are in no state",
        "do nothing. This file may go after the first apply.",
    )
    blocks = [
        block("removed", [f"from = {address}\n", block("lifecycle", ["destroy = false\n"])])
        for address in _AWS_AUTH_ADDRESSES
    ]
    return "\n".join([head, *blocks])


def _left_out(left_out: Iterable[LeftOut]) -> str:
    """The principals without an entry, as a comment with the reason."""
    return comments("Left out:", *(f"  {item.principal_arn}: {item.reason}" for item in left_out))
