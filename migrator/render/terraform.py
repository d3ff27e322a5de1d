"""Terraform: raw ``aws_eks_access_entry`` and ``aws_eks_access_policy_association`` resources.

Three files. ``access_entries.tf`` holds the resources. ``access_entries_import.tf`` holds an
``import`` block for each (Terraform 1.5), because every entry exists already or will after apply;
the files may go once imported. ``aws_auth_removed.tf`` holds ``removed`` blocks (Terraform 1.7), so
that taking the aws-auth resource out of the code forgets it instead of deleting the ConfigMap while
principals still use it, and the ``terraform state rm`` commands for Terraform without them.

Import ids: ``CLUSTER:PRINCIPAL`` and ``CLUSTER#PRINCIPAL#POLICY`` (provider documentation of the
two resources). The output is as ``terraform fmt`` writes it. The cluster's name and the ARN of a
policy are written once, as locals.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.plan import ClusterRef, Plan
from migrator.render.code_entries import only_literal, origin
from migrator.render.escape import hcl, shell, survives_hcl
from migrator.render.hcl_blocks import attributes, block, body, comments, key, member

_NOT_NORMAL = (
    "one of its texts is not in Unicode normal form C, into which Terraform turns every text"
)
AWS_AUTH_ADDRESSES = (
    "kubernetes_config_map.aws_auth",
    "kubernetes_config_map_v1.aws_auth",
    "kubernetes_config_map_v1_data.aws_auth",
)
GUARD_LINES = (
    "Terraform ends with an error before any change where its credentials reach another cluster "
    "of this name",
    "(data.aws_eks_cluster.access_entries).",
)
BOOTSTRAP_GUARD = (
    "The cluster's own resource needs this, or a change of the flag replaces the cluster:",
    "  lifecycle {",
    "    ignore_changes = [access_config[0].bootstrap_cluster_creator_admin_permissions]",
    "  }",
)
CHECK_LINES = (
    "Before terraform apply:",
    "  terraform plan -out=tfplan && terraform show -json tfplan > tfplan.json",
    "  migrate generate terraform PLAN --check tfplan.json",
)


@dataclass(frozen=True, slots=True)
class Names:
    """What the resources of one cluster are called: ``prefix`` stands before each resource's name,
    ``locals`` behind the names of the locals, and ``provider`` is the reference to its provider,
    empty for the default one. Clusters that share a folder differ in all three.
    """

    prefix: str = ""
    locals: str = ""
    provider: str = ""

    @property
    def cluster(self) -> str:
        """The local with the cluster's name."""
        return f"access_cluster_name{self.locals}"

    @property
    def policies(self) -> str:
        """The local with the ARNs of the policies."""
        return f"access_policies{self.locals}"

    def entry(
        self,
        entry: CodeEntry,
    ) -> str:
        """The address of an entry's resource."""
        return f"aws_eks_access_entry.{self.prefix}{entry.name}"

    def association(
        self,
        entry: CodeEntry,
        policy: AssociatedPolicy,
    ) -> str:
        """The address of an association's resource."""
        name = f"{self.prefix}{entry.name}_{policy_key(policy)}"
        return f"aws_eks_access_policy_association.{name}"


ONE_CLUSTER = Names()


def terraform(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate terraform``."""
    code = only_exact(entries)
    return {
        "access_entries.tf": resources(plan.cluster, code, ONE_CLUSTER),
        "access_entries_import.tf": "\n".join(
            [IMPORT_HEAD, *import_blocks(plan.cluster, code, ONE_CLUSTER)]
        ),
        "aws_auth_removed.tf": removed_blocks(AWS_AUTH_ADDRESSES),
    }


def only_exact(
    code: CodeEntries,
) -> CodeEntries:
    """Without the entries whose texts Terraform would change on reading."""
    return only_literal(code, survives_hcl, _NOT_NORMAL)


def resources(
    cluster: ClusterRef,
    code: CodeEntries,
    names: Names,
) -> str:
    """The locals, the resources of all entries and of their policies, and what is left out."""
    blocks = [
        header(
            cluster,
            code,
            "access_entries_import.tf takes over what exists already.",
            "Tags are left as they are: migrate apply marks what it made, and a resumed run looks "
            "for these marks.",
            f"Where the cluster is in the same code, set {names.cluster} to its name attribute.",
            *(() if names.provider else GUARD_LINES),
            "",
            *BOOTSTRAP_GUARD,
        ),
        _locals(cluster, code, names),
        *_guard_of(cluster, names),
    ]
    policies = policy_names(code)
    for entry in code.entries:
        blocks.append(_entry(entry, names))
        for policy in entry.spec.access_policies:
            arn = member(f"local.{names.policies}", policies[policy.policy_arn])
            blocks.append(_association(entry, policy, arn, names))
    return "\n".join(blocks) + left_out(code)


def header(
    cluster: ClusterRef,
    code: CodeEntries,
    *lines: str,
) -> str:
    """What a file is and what it was made from, as a comment above it."""
    return comments(
        f"Access entries of the EKS cluster {cluster.name} ({cluster.arn}).",
        f"Made from {code.made_from}.",
        *lines,
    )


def left_out(
    code: CodeEntries,
) -> str:
    """The principals without code, as a comment with the reason of each; empty without any."""
    lines = [f"  {item.principal_arn}: {item.reason}" for item in code.left_out]
    return "\n" + comments("Left out:", *lines) if lines else ""


def policy_names(
    code: CodeEntries,
) -> dict[str, str]:
    """ARN of each policy -> its key in the local: the name, or the ARN where two share a name."""
    found: dict[str, str] = {}
    for entry in code.entries:
        for policy in entry.spec.access_policies:
            taken = found.get(policy.policy_arn) or policy.policy_name
            if taken in {name for arn, name in found.items() if arn != policy.policy_arn}:
                taken = policy.policy_arn
            found[policy.policy_arn] = taken
    return found


def policies_object(
    code: CodeEntries,
    local: str,
) -> list[str]:
    """The local with the ARN of each policy, as part of a block; none where no entry has one."""
    members = {key(name): hcl(arn) for arn, name in policy_names(code).items()}
    return [block(f"{local} =", [attributes(members)])] if members else []


def policy_key(
    policy: AssociatedPolicy,
) -> str:
    """The policy in names of resources: letters, digits and underscores only. A policy whose ARN
    says more than that has eight hex digits of the ARN's SHA-256, so that no two are alike.
    """
    name = re.sub(r"[^A-Za-z0-9]", "_", policy.policy_name)
    if policy.policy_arn.endswith(f"::aws:cluster-access-policy/{name}"):
        return name
    digest = hashlib.sha256(policy.policy_arn.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name}_{digest[:8]}"


def _locals(
    cluster: ClusterRef,
    code: CodeEntries,
    names: Names,
) -> str:
    """What every resource below repeats."""
    name = attributes({names.cluster: hcl(cluster.name)})
    return block("locals", [name, *policies_object(code, names.policies)])


def _guard_of(
    cluster: ClusterRef,
    names: Names,
) -> list[str]:
    """The guard; a provider that is named has its account in ``allowed_account_ids`` instead."""
    return [] if names.provider else [guard(cluster, f"local.{names.cluster}")]


def guard(
    cluster: ClusterRef,
    name: str,
) -> str:
    """A data source that fails unless the cluster of this name is the one of the plan: entries take
    principals of any account. Terraform reads it while it plans. ``name``: an expression.
    """
    condition = attributes(
        {
            "condition": f"self.arn == {hcl(cluster.arn)}",
            "error_message": hcl("The cluster is in another account or Region than the entries."),
        }
    )
    parts = [
        attributes({"name": name}),
        block("lifecycle", [block("postcondition", [condition])]),
    ]
    return block('data "aws_eks_cluster" "access_entries"', parts)


def _with_provider(
    names: Names,
    parts: list[str],
) -> list[str]:
    """The provider of the cluster's account and Region first, where it is not the default one."""
    provider = [attributes({"provider": names.provider})] if names.provider else []
    return [*provider, *parts]


def _entry(
    entry: CodeEntry,
    names: Names,
) -> str:
    """An ``aws_eks_access_entry``, as the AWS provider's documentation has it."""
    texts = {
        "cluster_name": f"local.{names.cluster}",
        "principal_arn": hcl(entry.principal_arn),
    }
    identity, groups = identity_of(entry)
    parts = [
        *body({**texts, **identity}, groups),
        block("lifecycle", ["ignore_changes = [tags, tags_all]\n"]),
    ]
    head = f'resource "aws_eks_access_entry" "{names.prefix}{entry.name}"'
    return comments(origin(entry)) + block(head, _with_provider(names, parts))


def identity_of(
    entry: CodeEntry,
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Type and username, and groups, for STANDARD entries only: node types have their own, which
    may not be set.
    """
    spec = entry.spec
    texts = {"type": hcl(spec.type)}
    if spec.type != "STANDARD":
        return texts, {}
    if spec.username is not None:
        texts["user_name"] = hcl(spec.username)
    return texts, {"kubernetes_groups": spec.kubernetes_groups} if spec.kubernetes_groups else {}


def _association(
    entry: CodeEntry,
    policy: AssociatedPolicy,
    arn: str,
    names: Names,
) -> str:
    """An ``aws_eks_access_policy_association``, tied to its entry by a reference, so that it is
    made after it.
    """
    texts = {
        "cluster_name": f"local.{names.cluster}",
        "principal_arn": f"{names.entry(entry)}.principal_arn",
        "policy_arn": arn,
    }
    kind, _, name = names.association(entry, policy).partition(".")
    parts = [*body(texts, {}), block("access_scope", scope_of(policy))]
    return block(f'resource "{kind}" "{name}"', _with_provider(names, parts))


def scope_of(
    policy: AssociatedPolicy,
) -> list[str]:
    """The attributes of an access scope; one of type cluster has no namespaces."""
    namespaces = {"namespaces": policy.scope.namespaces} if policy.scope.namespaces else {}
    return body({"type": hcl(policy.scope.type)}, namespaces)


IMPORT_HEAD = comments(
    "Takes the entries into the state as they are. This file may go after the first apply."
)


def import_blocks(
    cluster: ClusterRef,
    code: CodeEntries,
    names: Names,
    module: str = "",
) -> list[str]:
    """An ``import`` block for each entry and association of the code. ``module``: what stands
    before the addresses, with its full stop; import blocks are for the root module only.
    """
    blocks = []
    for entry in code.entries:
        identity = f"{cluster.name}:{entry.principal_arn}"
        blocks.append(import_block(module + names.entry(entry), identity))
        for policy in entry.spec.access_policies:
            identity = f"{cluster.name}#{entry.principal_arn}#{policy.policy_arn}"
            blocks.append(import_block(module + names.association(entry, policy), identity))
    return blocks


def import_block(
    to: str,
    identity: str,
) -> str:
    """An ``import`` block of one resource. The id is literal: Terraform 1.5 takes nothing else."""
    return block("import", [attributes({"to": to, "id": hcl(identity)})])


def state_commands(
    addresses: Iterable[str],
) -> tuple[str, ...]:
    """The commands that take aws-auth out of the state and leave the ConfigMap as it is."""
    return (
        "terraform state list | grep aws_auth",
        *(f"terraform state rm {shell(address)}" for address in addresses),
    )


def removed_blocks(
    addresses: Iterable[str],
) -> str:
    """``removed`` blocks that forget the aws-auth ConfigMap without destroying it, and the commands
    that do the same.
    """
    addresses = tuple(addresses)
    head = comments(
        "Forgets the aws-auth ConfigMap without deleting it: its deletion locks out every "
        "principal without an entry.",
        "Take the resource itself out of the code in the same change. For a resource inside a "
        "module write the",
        "module's address, for example module.eks.kubernetes_config_map.aws_auth. Addresses that "
        "are in no state",
        "do nothing. This file may go after the first apply.",
        "",
        "Terraform before 1.7, and a resource that stays in a module's code, need these commands "
        "instead,",
        "each for an address that the first one prints (with [0] where it has it):",
        *(f"  {command}" for command in state_commands(addresses)),
    )
    blocks = [
        block("removed", [f"from = {address}\n", block("lifecycle", ["destroy = false\n"])])
        for address in addresses
    ]
    return "\n".join([head, *blocks])


def raw_lines() -> tuple[str, ...]:
    """What raw resources need of the rest of the code, and how aws-auth leaves the state."""
    commands = (f"  {command}" for command in state_commands(AWS_AUTH_ADDRESSES))
    return (*BOOTSTRAP_GUARD, "aws-auth leaves the state, where it is in one, by:", *commands)
