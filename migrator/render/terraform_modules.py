"""The plan's entries as the maps that two widely used Terraform modules take, with import blocks
into them.

terraform-aws-modules/eks (v20, v21): ``access_entries``, keyed by a name; resources
``aws_eks_access_entry.this[KEY]`` and ``aws_eks_access_policy_association.this[KEY_POLICYKEY]``.
cloudposse/eks-cluster (v4): ``access_entry_map``, keyed by the principal's ARN, policies by theirs;
resources ``.map[ARN]`` and ``.map[ARN-POLICYARN]``.

The maps are files of variables (``*.auto.tfvars``), so that nothing of the modules' own code is
touched. The import blocks assume the modules' usual addresses; a comment says which.
"""

from collections.abc import Callable

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.plan import Plan
from migrator.render.code_entries import origin
from migrator.render.escape import hcl
from migrator.render.hcl_blocks import attributes, block, body, comments
from migrator.render.terraform import only_exact, removed_blocks


def terraform_aws_modules(plan: Plan, entries: CodeEntries) -> dict[str, str]:
    """File name -> content for ``migrate generate terraform-aws-modules``."""
    code = only_exact(entries)
    return _files(
        plan,
        code,
        variable="access_entries",
        module="module.eks",
        key=lambda entry: entry.name,
        entry=_aws_modules_entry,
        address=lambda entry: f'aws_eks_access_entry.this["{entry.name}"]',
        policy_address=lambda entry, policy: (
            f'aws_eks_access_policy_association.this["{entry.name}_{_policy_key(policy)}"]'
        ),
    )


def terraform_cloudposse(plan: Plan, entries: CodeEntries) -> dict[str, str]:
    """File name -> content for ``migrate generate terraform-cloudposse``."""
    code = only_exact(entries)
    return _files(
        plan,
        code,
        variable="access_entry_map",
        module="module.eks_cluster",
        key=lambda entry: hcl(entry.principal_arn),
        entry=_cloudposse_entry,
        address=lambda entry: f"aws_eks_access_entry.map[{hcl(entry.principal_arn)}]",
        policy_address=lambda entry, policy: (
            f"aws_eks_access_policy_association.map[{hcl(f'{entry.principal_arn}-{policy.policy_arn}')}]"
        ),
    )


def _files(
    plan: Plan,
    code: CodeEntries,
    *,
    variable: str,
    module: str,
    key: Callable[[CodeEntry], str],
    entry: Callable[[CodeEntry], list[str]],
    address: Callable[[CodeEntry], str],
    policy_address: Callable[[CodeEntry, AssociatedPolicy], str],
) -> dict[str, str]:
    head = comments(
        f"Access entries of the EKS cluster {plan.cluster.name} ({plan.cluster.arn}).",
        f"Made from the plan of {plan.created_at}, for the module's variable {variable}.",
    )
    members = [
        comments(origin(each)) + block(f"{key(each)} =", entry(each)) for each in code.entries
    ]
    left_out = [f"  {item.principal_arn}: {item.reason}" for item in code.left_out]
    tail = ""
    if left_out:
        tail = comments("", "Left out:", *left_out).partition("\n")[2]
    imports = [
        comments(
            f"Takes the entries into the state as they are. The addresses are those of {module}: "
            f"change them where",
            "your module block has another name. This file may go after the first apply.",
        )
    ]
    cluster = plan.cluster.name
    for each in code.entries:
        imports.append(_import(f"{module}.{address(each)}", f"{cluster}:{each.principal_arn}"))
        for policy in each.spec.access_policies:
            identity = f"{cluster}#{each.principal_arn}#{policy.policy_arn}"
            imports.append(_import(f"{module}.{policy_address(each, policy)}", identity))
    return {
        f"{variable}.auto.tfvars": f"{head}\n{block(f'{variable} =', members)}{tail}",
        f"{variable}_import.tf": "\n".join(imports),
        "aws_auth_removed.tf": removed_blocks(),
    }


def _import(to: str, identity: str) -> str:
    """An ``import`` block of one resource."""
    return block("import", [attributes({"to": to, "id": hcl(identity)})])


def _identity(entry: CodeEntry) -> list[str]:
    """Username and groups, for STANDARD entries only: node types have their own, which may not be
    set.
    """
    spec = entry.spec
    texts = {"type": hcl(spec.type)}
    groups = {}
    if spec.type == "STANDARD":
        if spec.username is not None:
            texts["user_name"] = hcl(spec.username)
        if spec.kubernetes_groups:
            groups["kubernetes_groups"] = spec.kubernetes_groups
    return body(texts, groups)


def _aws_modules_entry(entry: CodeEntry) -> list[str]:
    """An item of ``access_entries`` of terraform-aws-modules/eks."""
    parts = [attributes({"principal_arn": hcl(entry.principal_arn)}), *_identity(entry)]
    policies = [
        block(
            f"{_policy_key(policy)} =",
            [attributes({"policy_arn": hcl(policy.policy_arn)}), _scope(policy)],
        )
        for policy in entry.spec.access_policies
    ]
    if not policies:
        return parts
    return [*parts, block("policy_associations =", policies)]


def _cloudposse_entry(entry: CodeEntry) -> list[str]:
    """An item of ``access_entry_map`` of cloudposse/eks-cluster."""
    policies = [
        block(f"{hcl(policy.policy_arn)} =", [_scope(policy)])
        for policy in entry.spec.access_policies
    ]
    if policies:
        return [*_identity(entry), block("access_policy_associations =", policies)]
    return _identity(entry)


def _scope(policy: AssociatedPolicy) -> str:
    """The access scope of an association."""
    namespaces = {"namespaces": policy.scope.namespaces} if policy.scope.namespaces else {}
    return block("access_scope =", body({"type": hcl(policy.scope.type)}, namespaces))


def _policy_key(policy: AssociatedPolicy) -> str:
    """The key of an association in its map: letters, digits and underscores only."""
    return "".join(
        char if char.isascii() and char.isalnum() else "_" for char in policy.policy_name
    )
