"""The plan's entries as the maps that two widely used Terraform modules take, with import blocks
into them. The code is a local of the root module; wiring lines in it say what the module block
needs.

terraform-aws-modules/eks, v20 and v21 (``main.tf`` of both): ``access_entries``, keyed by a name;
resources ``aws_eks_access_entry.this[KEY]`` and
``aws_eks_access_policy_association.this[KEY_POLICYKEY]``; type, username and groups are passed on.
A policy of a node type other than EC2 ends in an error, and v20 is bound to an AWS provider
before 6.0, which does not know HYPERPOD_LINUX.

cloudposse/eks-cluster, v4 (``auth.tf``): ``access_entry_map``, keyed by the principal's ARN,
policies by theirs; resources ``.map[ARN]`` and ``.map[ARN-POLICYARN]``. The resource sets no
username, whatever the map has, and sets the groups of every type, which EKS refuses for nodes:
roles of EC2_LINUX and EC2_WINDOWS go through the lists of ``access_entries_for_nodes`` instead
(resources ``.linux[INDEX]`` and ``.windows[INDEX]``), which takes no other type. v2 and v3 have no
access entries at all: they own aws-auth, and the entries are resources beside the module.
"""

from collections.abc import Iterable

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry, ModuleVersion
from migrator.model.plan import ClusterRef, Plan
from migrator.render.code_entries import mode_lines, mode_of, origin, without
from migrator.render.escape import hcl, shell
from migrator.render.facts import default_username
from migrator.render.hcl_blocks import attributes, block, body, comments, member
from migrator.render.terraform import (
    GUARD_LINES,
    ONE_CLUSTER,
    guard,
    header,
    identity_of,
    import_block,
    import_blocks,
    left_out,
    only_exact,
    policies_object,
    policy_key,
    policy_names,
    removed_blocks,
    resources,
    scope_of,
    state_commands,
)

_TAGS = (
    "The module sets its own tags on the entries, which takes the marks of migrate apply away: "
    "apply this",
    "code after the last migrate command of the migration.",
)
_AWS_AUTH = ("kubernetes_config_map.aws_auth", "kubernetes_config_map_v1_data.aws_auth")
# Where the modules had aws-auth: in the module itself before v20, in a separate module in v20.
_AWS_MODULES_STATE = tuple(
    f"{module}.{address}"
    for module in ("module.eks", "module.eks_aws_auth")
    for address in _AWS_AUTH
)
_CLOUDPOSSE_STATE = (
    "module.eks_cluster.kubernetes_config_map.aws_auth",
    "module.eks_cluster.kubernetes_config_map.aws_auth_ignore_changes",
)
# Types that EKS gives no access policy (EKS user guide, "Associate access policies").
_WITHOUT_POLICIES = frozenset({"EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"})
# The lists of cloudposse v4 for nodes: type -> name of the resource.
_NODE_LISTS = {"EC2_LINUX": "linux", "EC2_WINDOWS": "windows"}
# v20 and v21, ``main.tf``: what the flag of the creator makes.
_CREATOR = (
    "Where enable_cluster_creator_admin_permissions was true, Terraform destroys the entry that it "
    "made. Take it out",
    "of the state before the next apply, and the entry stays:",
    *(
        f"  terraform state rm {shell(address)}"
        for address in (
            'module.eks.aws_eks_access_entry.this["cluster_creator"]',
            'module.eks.aws_eks_access_policy_association.this["cluster_creator_admin"]',
        )
    ),
)
# v20 and v21: ``modules/self-managed-node-group`` and ``modules/karpenter`` have it as a default.
_OTHER_ENTRIES = (
    "Node groups that are self-managed and modules/karpenter make an entry of their own: set",
    "create_access_entry = false there for roles that are below, since EKS refuses a second entry.",
)
_IMPORT_HEAD = (
    "Takes the entries into the state as they are. The addresses are those of {}: change them",
    "where your module block has another name. This file may go after the first apply.",
)


def terraform_aws_modules(
    plan: Plan, entries: CodeEntries, version: ModuleVersion
) -> dict[str, str]:
    """File name -> content for ``migrate generate terraform-aws-modules``."""
    code = without(only_exact(entries), lambda entry: _not_in_aws_modules(entry, version))
    policies = policy_names(code)
    members = [
        comments(origin(entry)) + block(f"{entry.name} =", _aws_modules_entry(entry, policies))
        for entry in code.entries
    ]
    imports = []
    for entry in code.entries:
        address = f'module.eks.aws_eks_access_entry.this["{entry.name}"]'
        of_policies = {
            policy.policy_arn: "module.eks.aws_eks_access_policy_association"
            f'.this["{entry.name}_{policy_key(policy)}"]'
            for policy in entry.spec.access_policies
        }
        imports += _imports(plan.cluster, entry, address, of_policies)
    head = header(
        plan.cluster,
        code,
        f"For terraform-aws-modules/eks {version}. The module block needs:",
        *aws_modules_wiring(plan.cluster, version),
        *_CREATOR,
        *_OTHER_ENTRIES,
        *mode_lines(plan.cluster),
        *_TAGS,
        *GUARD_LINES,
    )
    parts = [*policies_object(code, "access_policies"), block("access_entries =", members)]
    return {
        "access_entries.tf": _locals(plan.cluster, head, parts) + left_out(code),
        "access_entries_import.tf": "\n".join([_import_head("module.eks"), *imports]),
        "aws_auth_removed.tf": removed_blocks(_AWS_MODULES_STATE),
    }


def _locals(
    cluster: ClusterRef,
    head: str,
    parts: list[str],
) -> str:
    """The map of the module as a local of the root module, and the guard of the account."""
    return "\n".join([head, block("locals", parts), guard(cluster, hcl(cluster.name))])


def aws_modules_wiring(
    cluster: ClusterRef,
    version: ModuleVersion,
) -> tuple[str, ...]:
    """What the module block needs. Without a mode the module sets API_AND_CONFIG_MAP (v20 and v21,
    ``variables.tf``), which EKS refuses in API mode. The flag of the creator makes an entry for the
    caller of Terraform, which another caller replaces: every entry has its ARN here.
    """
    number = version.removeprefix("v")
    lines = {
        "version": hcl(f"~> {number}.0"),
        "authentication_mode": hcl(mode_of(cluster)),
        "access_entries": "local.access_entries",
        "enable_cluster_creator_admin_permissions": "false",
    }
    return _as_wiring(lines)


def _as_wiring(
    lines: dict[str, str],
) -> tuple[str, ...]:
    return tuple(f"  {line}" for line in attributes(lines).splitlines())


def _not_in_aws_modules(
    entry: CodeEntry,
    version: ModuleVersion,
) -> str:
    if entry.spec.access_policies and entry.spec.type in _WITHOUT_POLICIES:
        return f"the module fails for a policy of type {entry.spec.type}"
    if version == "v20" and entry.spec.type == "HYPERPOD_LINUX":
        return "the AWS provider that v20 of the module takes has no type HYPERPOD_LINUX"
    return ""


def _aws_modules_entry(
    entry: CodeEntry,
    policies: dict[str, str],
) -> list[str]:
    """An item of ``access_entries`` of terraform-aws-modules/eks."""
    identity, groups = identity_of(entry)
    parts = body({"principal_arn": hcl(entry.principal_arn), **identity}, groups)
    associations = [
        block(
            f"{policy_key(policy)} =",
            [
                attributes(
                    {"policy_arn": member("local.access_policies", policies[policy.policy_arn])}
                ),
                _scope(policy),
            ],
        )
        for policy in entry.spec.access_policies
    ]
    return [*parts, block("policy_associations =", associations)] if associations else parts


def _scope(
    policy: AssociatedPolicy,
) -> str:
    """The access scope of an association, as an object."""
    return block("access_scope =", scope_of(policy))


def terraform_cloudposse(
    plan: Plan, entries: CodeEntries, version: ModuleVersion
) -> dict[str, str]:
    """File name -> content for ``migrate generate terraform-cloudposse``."""
    if version != "v4":
        return _beside_cloudposse(plan, only_exact(entries), version)
    code = without(only_exact(entries), _not_in_cloudposse)
    listed = {
        kind: [entry for entry in code.entries if entry.spec.type == kind] for kind in _NODE_LISTS
    }
    mapped = [entry for entry in code.entries if entry.spec.type not in _NODE_LISTS]
    members = [
        comments(origin(entry)) + block(f"{hcl(entry.principal_arn)} =", _cloudposse_entry(entry))
        for entry in mapped
    ]
    head = header(
        plan.cluster,
        code,
        "For cloudposse/eks-cluster v4. The module block needs:",
        *_cloudposse_wiring(plan.cluster),
        *mode_lines(plan.cluster),
        "access_entries_for_nodes holds lists, and an entry is known by its place in one: add at "
        "the end only. What",
        "is put before another moves it, and Terraform destroys and makes again what has moved.",
        *_TAGS,
        *GUARD_LINES,
    )
    lists = body(
        {},
        {kind: [each.principal_arn for each in found] for kind, found in listed.items() if found},
    )
    parts = [block("access_entry_map =", members), block("access_entries_for_nodes =", lists)]
    return {
        "access_entries.tf": _locals(plan.cluster, head, parts) + left_out(code),
        "access_entries_import.tf": "\n".join(
            [
                _import_head("module.eks_cluster"),
                *_cloudposse_imports(plan.cluster, mapped, listed),
            ]
        ),
        "aws_auth_removed.tf": removed_blocks(_CLOUDPOSSE_STATE),
    }


def _cloudposse_wiring(
    cluster: ClusterRef,
) -> tuple[str, ...]:
    """What the module block of v4 needs. Without ``access_config`` the module sets the mode API
    (``variables.tf`` of v4), which is the cut-over.
    """
    return _as_wiring(
        {
            "version": hcl("~> 4.0"),
            "access_config": f"{{ authentication_mode = {hcl(mode_of(cluster))} }}",
            "access_entry_map": "local.access_entry_map",
            "access_entries_for_nodes": "local.access_entries_for_nodes",
        }
    )


def _not_in_cloudposse(
    entry: CodeEntry,
) -> str:
    spec = entry.spec
    if spec.type in _NODE_LISTS:
        return f"the module has no policy for type {spec.type}" if spec.access_policies else ""
    if spec.type != "STANDARD":
        return f"the module sets groups, which EKS refuses for type {spec.type}"
    # The name that EKS gives is the one that the module leaves to it.
    if spec.username in (None, default_username(entry.principal_arn, spec)):
        return ""
    return f"the module sets no username: EKS would give another one than {spec.username}"


def _cloudposse_entry(
    entry: CodeEntry,
) -> list[str]:
    """An item of ``access_entry_map`` of cloudposse/eks-cluster. The username is left out: the
    module does not read it.
    """
    identity, groups = identity_of(entry)
    parts = body({"type": identity["type"]}, groups)
    policies = [
        block(f"{hcl(policy.policy_arn)} =", [_scope(policy)])
        for policy in entry.spec.access_policies
    ]
    return [*parts, block("access_policy_associations =", policies)] if policies else parts


def _cloudposse_imports(
    cluster: ClusterRef, mapped: Iterable[CodeEntry], listed: dict[str, list[CodeEntry]]
) -> list[str]:
    """The import blocks of the map and of the lists."""
    blocks = []
    for entry in mapped:
        arn = entry.principal_arn
        policies = {
            policy.policy_arn: "module.eks_cluster.aws_eks_access_policy_association"
            f".map[{hcl(f'{arn}-{policy.policy_arn}')}]"
            for policy in entry.spec.access_policies
        }
        address = f"module.eks_cluster.aws_eks_access_entry.map[{hcl(arn)}]"
        blocks += _imports(cluster, entry, address, policies)
    for kind, found in listed.items():
        for index, entry in enumerate(found):
            address = f"module.eks_cluster.aws_eks_access_entry.{_NODE_LISTS[kind]}[{index}]"
            blocks += _imports(cluster, entry, address, {})
    return blocks


def _beside_cloudposse(
    plan: Plan,
    code: CodeEntries,
    version: ModuleVersion,
) -> dict[str, str]:
    """v2 and v3 of cloudposse/eks-cluster: resources beside the module."""
    head = comments(
        f"cloudposse/eks-cluster {version} has no access entries: these resources go beside the "
        "module block.",
        "It owns aws-auth, and a removed block cannot name a resource that is still in the "
        "module's code.",
        "So take it out of the state first, and only then switch it off in the module block; in "
        "the other order",
        "Terraform deletes aws-auth:",
        *(f"  {command}" for command in beside_cloudposse_wiring()),
    )
    names = ONE_CLUSTER
    return {
        "access_entries.tf": f"{head}\n{resources(plan.cluster, code, names)}",
        "access_entries_import.tf": "\n".join(
            [_import_head("the resources"), *import_blocks(plan.cluster, code, names)]
        ),
    }


def beside_cloudposse_wiring() -> tuple[str, ...]:
    """The order in which v2 and v3 give aws-auth up without deleting it."""
    instances = [f"{address}[0]" for address in _CLOUDPOSSE_STATE]
    return (*state_commands(instances), "apply_config_map_aws_auth = false")


def _import_head(
    module: str,
) -> str:
    return comments(*(line.format(module) for line in _IMPORT_HEAD))


def _imports(
    cluster: ClusterRef,
    entry: CodeEntry,
    address: str,
    policies: dict[str, str],
) -> list[str]:
    """The import blocks of an entry and of its policies: ARN of each policy -> address."""
    arn = entry.principal_arn
    return [
        import_block(address, f"{cluster.name}:{arn}"),
        *(import_block(to, f"{cluster.name}#{arn}#{policy}") for policy, to in policies.items()),
    ]


def aws_modules_lines(
    cluster: ClusterRef,
    version: ModuleVersion,
) -> tuple[str, ...]:
    """What the module block of terraform-aws-modules/eks needs, and how aws-auth leaves the
    state.
    """
    commands = (f"  {command}" for command in state_commands(_AWS_MODULES_STATE))
    return (
        "The module block needs:",
        *aws_modules_wiring(cluster, version),
        *_CREATOR,
        *_OTHER_ENTRIES,
        *mode_lines(cluster),
        "aws-auth leaves the state, where it is in one, by:",
        *commands,
    )


def cloudposse_lines(
    cluster: ClusterRef,
    version: ModuleVersion,
) -> tuple[str, ...]:
    """What the module block of cloudposse/eks-cluster needs, and how aws-auth leaves the state."""
    if version != "v4":
        return (
            "In this order:",
            *(f"  {command}" for command in beside_cloudposse_wiring()),
        )
    commands = (f"  {command}" for command in state_commands(_CLOUDPOSSE_STATE))
    return (
        "The module block needs:",
        *_cloudposse_wiring(cluster),
        *mode_lines(cluster),
        "aws-auth leaves the state, where it is in one, by:",
        *commands,
    )
