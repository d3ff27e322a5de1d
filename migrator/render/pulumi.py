"""The plan's entries as a Pulumi program with the AWS provider, in TypeScript and Python.

Existing entries come into a stack by ``pulumi import --file``, whose input is the file beside the
program; the ids are those of the provider (Pulumi registry, "AccessEntry" and
"AccessPolicyAssociation" of ``aws.eks``, "Import"). The program has no ``import`` option, which
would have to go once the import is done. ``retainOnDelete`` keeps a destroyed stack from locking
all principals out.

The program asks for the cluster first and ends where its ARN is another one: entries take
principals of any account, and a provider of the program's own (with ``allowedAccountIds``) would be
another one than ``pulumi import`` takes.
"""

import json

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.plan import ClusterRef, Plan
from migrator.render.code_entries import given_groups, given_username, only_literal, origin
from migrator.render.escape import javascript, python, survives_pulumi
from migrator.render.program_code import (
    Call,
    Name,
    Value,
    comment_lines,
    given,
    python_lines,
    typescript_lines,
)

IMPORTS = "pulumi-import.json"
_CHANGED = (
    "one of its texts is not in Unicode normal form C, into which the provider turns every text, "
    "or is one that Pulumi takes for a value that is not known yet"
)
_GUARD = "A cluster of the same name may be in another account or Region: then nothing is made."
_ELSEWHERE = "The cluster is in another account or Region."
# Tags are ignored, because migrate apply marks what it made and a resumed run looks for that.
_PYTHON_ENTRY = [
    "import pulumi",
    "import pulumi_aws as aws",
    "",
    "# Tags are left as they are: migrate apply marks what it made.",
    'kept = pulumi.ResourceOptions(retain_on_delete=True, ignore_changes=["tags"])',
]
_PYTHON_ASSOCIATION = ["kept_association = pulumi.ResourceOptions(retain_on_delete=True)"]
_TYPESCRIPT_ENTRY = [
    'import * as aws from "@pulumi/aws";',
    "",
    "// Tags are left as they are: migrate apply marks what it made.",
    'const kept = { retainOnDelete: true, ignoreChanges: ["tags"] };',
]
_TYPESCRIPT_ASSOCIATION = ["const keptAssociation = { retainOnDelete: true };"]
_ENTRY = "aws:eks/accessEntry:AccessEntry"
_ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"


def pulumi_python(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate pulumi-python``."""
    code = _only_pulumi(plan, entries)
    used = _used(code, _PYTHON_ENTRY, _PYTHON_ASSOCIATION, _python_guard(plan.cluster))
    lines = [*comment_lines("#", _head(plan, code, "pulumi-python")), *used]
    for entry in code.entries:
        first, *rest = python_lines(_python_entry(plan, entry))
        lines += ["", *comment_lines("#", [origin(entry)]), f"{_named(entry)}{first}", *rest]
        for policy in entry.spec.access_policies:
            lines += python_lines(_python_association(plan, entry, policy))
    lines += comment_lines("#", _left_out(code))
    return {"access_entries.py": "\n".join(lines) + "\n", IMPORTS: _imports(plan, code)}


def pulumi_typescript(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate pulumi-typescript``."""
    code = _only_pulumi(plan, entries)
    guard = _typescript_guard(plan.cluster)
    used = _used(code, _TYPESCRIPT_ENTRY, _TYPESCRIPT_ASSOCIATION, guard)
    lines = [*comment_lines("//", _head(plan, code, "pulumi-typescript")), *used]
    for entry in code.entries:
        first, *rest = _with_options(_typescript_entry(entry), "kept")
        lines += ["", *comment_lines("//", [origin(entry)])]
        const = "const " if entry.spec.access_policies else ""
        lines += [f"{const}{_named(entry)}{first}", *rest]
        for policy in entry.spec.access_policies:
            call = _typescript_association(entry, policy)
            lines += _with_options(call, "keptAssociation")
    lines += comment_lines("//", _left_out(code))
    return {"access-entries.ts": "\n".join(lines) + "\n", IMPORTS: _imports(plan, code)}


def _used(
    code: CodeEntries,
    entry: list[str],
    association: list[str],
    guard: list[str],
) -> list[str]:
    """Imports and options that the code uses, since compilers and linters refuse others; and the
    guard of what is made.
    """
    if not code.entries:
        return []
    if any(each.spec.access_policies for each in code.entries):
        return [*entry, *association, *guard]
    return [*entry, *guard]


def _python_guard(
    cluster: ClusterRef,
) -> list[str]:
    """Ends the program where the cluster of this name is another one. An item a line: the program
    is formatted whatever the names are.
    """
    asked = Call("aws.eks.get_cluster", (), {"name": cluster.name})
    first, *rest = python_lines(asked)
    allowed, *more = python_lines([cluster.arn])
    return [
        "",
        *comment_lines("#", [_GUARD]),
        f"cluster = {first}",
        *rest,
        f"cluster_arns = {allowed}",
        *more,
        "if cluster.arn not in cluster_arns:",
        f"    raise ValueError({python(_ELSEWHERE)})",
    ]


def _typescript_guard(
    cluster: ClusterRef,
) -> list[str]:
    """The name of the cluster, which no resource gets where the cluster is another one."""
    asked = typescript_lines(Call("aws.eks.getClusterOutput", (), {"name": cluster.name}))
    first, *rest = asked
    rest[-1] += ".arn.apply((arn) => {"
    return [
        "",
        *comment_lines("//", [_GUARD]),
        f"const clusterName = {first}",
        *rest,
        f"  if (arn !== {javascript(cluster.arn)}) {{",
        f"    throw new Error({javascript(_ELSEWHERE)});",
        "  }",
        f"  return {javascript(cluster.name)};",
        "});",
    ]


def _only_pulumi(
    plan: Plan,
    entries: CodeEntries,
) -> CodeEntries:
    """Without the entries whose texts Pulumi or its provider would change."""
    return only_literal(entries, survives_pulumi, _CHANGED, plan.cluster.name)


def _head(
    plan: Plan,
    code: CodeEntries,
    kind: str,
) -> list[str]:
    """What the file is. Foreign text comes after line 2: above it Python looks for the name of an
    encoding.
    """
    cluster = plan.cluster
    return [
        f"Made by migrate generate {kind}, for Pulumi's AWS provider.",
        "To take over what exists already (all entries must exist: run migrate apply first):",
        f"  pulumi import --file {IMPORTS} --generate-code=false --protect=false",
        f"Access entries of the EKS cluster {cluster.name} ({cluster.arn}), from {code.made_from}.",
        f"For the account {cluster.account_id} and the Region {cluster.region} alone: where the "
        "provider reaches another cluster",
        "of this name, the program ends with an error before it makes anything.",
        "Retained on delete: a stack that is destroyed leaves its entries, and no principal loses "
        "access.",
    ]


def _left_out(
    code: CodeEntries,
) -> list[str]:
    """Who has no code and why."""
    if not code.left_out:
        return []
    return ["Left out:", *(f"  {item.principal_arn}: {item.reason}" for item in code.left_out)]


def _imports(
    plan: Plan,
    code: CodeEntries,
) -> str:
    """``pulumi import --file``: type, name and id of each resource of the program."""
    cluster = plan.cluster.name
    resources: list[dict[str, str]] = []
    for entry in code.entries:
        arn = entry.principal_arn
        resources.append({"type": _ENTRY, "name": entry.name, "id": f"{cluster}:{arn}"})
        for policy in entry.spec.access_policies:
            identity = f"{cluster}#{arn}#{policy.policy_arn}"
            name = _association_name(entry, policy)
            resources.append({"type": _ASSOCIATION, "name": name, "id": identity})
    return json.dumps({"resources": resources}, indent=2) + "\n"


def _named(
    entry: CodeEntry,
) -> str:
    """The variable that the policies of the entry refer to; none where it has no policies."""
    if not entry.spec.access_policies:
        return ""
    return f"{entry.name} = "


def _association_name(
    entry: CodeEntry,
    policy: AssociatedPolicy,
) -> str:
    """``role_runner_1a2b3c4d_AmazonEKSViewPolicy``."""
    return f"{entry.name}_{policy.policy_name}"


def _python_entry(
    plan: Plan,
    entry: CodeEntry,
) -> Call:
    """An ``AccessEntry`` in Python's spelling."""
    named: dict[str, Value] = {
        "cluster_name": plan.cluster.name,
        "principal_arn": entry.principal_arn,
        "type": entry.spec.type,
    }
    named |= given("user_name", given_username(entry))
    named |= given("kubernetes_groups", given_groups(entry))
    named["opts"] = Name("kept")
    return Call("aws.eks.AccessEntry", (entry.name,), named)


def _python_association(
    plan: Plan,
    entry: CodeEntry,
    policy: AssociatedPolicy,
) -> Call:
    """An ``AccessPolicyAssociation``, tied to its entry by a reference, so that it is made after
    it.
    """
    scope: dict[str, Value] = {"type": policy.scope.type}
    scope |= given("namespaces", policy.scope.namespaces)
    named: dict[str, Value] = {
        "cluster_name": plan.cluster.name,
        "principal_arn": Name(f"{entry.name}.principal_arn"),
        "policy_arn": policy.policy_arn,
        "access_scope": Call("aws.eks.AccessPolicyAssociationAccessScopeArgs", (), scope),
        "opts": Name("kept_association"),
    }
    return Call("aws.eks.AccessPolicyAssociation", (_association_name(entry, policy),), named)


def _typescript_entry(
    entry: CodeEntry,
) -> Call:
    """An ``AccessEntry`` in TypeScript's spelling."""
    named: dict[str, Value] = {
        "clusterName": Name("clusterName"),
        "principalArn": entry.principal_arn,
        "type": entry.spec.type,
    }
    named |= given("userName", given_username(entry))
    named |= given("kubernetesGroups", given_groups(entry))
    return Call("new aws.eks.AccessEntry", (entry.name,), named)


def _typescript_association(
    entry: CodeEntry,
    policy: AssociatedPolicy,
) -> Call:
    """An ``AccessPolicyAssociation``, tied to its entry by a reference."""
    scope: dict[str, Value] = {"type": policy.scope.type}
    scope |= given("namespaces", policy.scope.namespaces)
    named: dict[str, Value] = {
        "clusterName": Name("clusterName"),
        "principalArn": Name(f"{entry.name}.principalArn"),
        "policyArn": policy.policy_arn,
        "accessScope": scope,
    }
    return Call("new aws.eks.AccessPolicyAssociation", (_association_name(entry, policy),), named)


def _with_options(
    call: Call,
    options: str,
) -> list[str]:
    """A statement: the call with the options behind its object."""
    *lines, last = typescript_lines(call)
    return [*lines, f"{last.removesuffix(')')}, {options});"]
