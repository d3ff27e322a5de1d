"""The plan's entries as a Pulumi program with the AWS provider, in TypeScript and Python.

Existing entries come into a stack by ``pulumi import --file``, whose input is the file beside the
program; the ids are those of the provider (Pulumi registry, "AccessEntry" and
"AccessPolicyAssociation" of ``aws.eks``, "Import"). The program has no ``import`` option, which
would have to go once the import is done. ``retainOnDelete`` keeps a destroyed stack from locking
all principals out.
"""

import json

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.plan import Plan
from migrator.render.code_entries import given_groups, given_username, only_literal, origin
from migrator.render.escape import survives_pulumi
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
    lines = [
        *comment_lines("#", _head(plan, code, "pulumi-python")),
        *_used(code, _PYTHON_ENTRY, _PYTHON_ASSOCIATION),
    ]
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
    lines = [
        *comment_lines("//", _head(plan, code, "pulumi-typescript")),
        *_used(code, _TYPESCRIPT_ENTRY, _TYPESCRIPT_ASSOCIATION),
    ]
    for entry in code.entries:
        first, *rest = _with_options(_typescript_entry(plan, entry), "kept")
        lines += ["", *comment_lines("//", [origin(entry)])]
        const = "const " if entry.spec.access_policies else ""
        lines += [f"{const}{_named(entry)}{first}", *rest]
        for policy in entry.spec.access_policies:
            call = _typescript_association(plan, entry, policy)
            lines += _with_options(call, "keptAssociation")
    lines += comment_lines("//", _left_out(code))
    return {"access-entries.ts": "\n".join(lines) + "\n", IMPORTS: _imports(plan, code)}


def _used(
    code: CodeEntries,
    entry: list[str],
    association: list[str],
) -> list[str]:
    """Imports and options that the code uses: compilers and linters refuse others."""
    lines: list[str] = []
    if code.entries:
        lines += entry
    if any(each.spec.access_policies for each in code.entries):
        lines += association
    return lines


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
        f"The provider's region must be {cluster.region}, and its allowed accounts "
        f"{cluster.account_id} alone.",
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
    plan: Plan,
    entry: CodeEntry,
) -> Call:
    """An ``AccessEntry`` in TypeScript's spelling."""
    named: dict[str, Value] = {
        "clusterName": plan.cluster.name,
        "principalArn": entry.principal_arn,
        "type": entry.spec.type,
    }
    named |= given("userName", given_username(entry))
    named |= given("kubernetesGroups", given_groups(entry))
    return Call("new aws.eks.AccessEntry", (entry.name,), named)


def _typescript_association(
    plan: Plan,
    entry: CodeEntry,
    policy: AssociatedPolicy,
) -> Call:
    """An ``AccessPolicyAssociation``, tied to its entry by a reference."""
    scope: dict[str, Value] = {"type": policy.scope.type}
    scope |= given("namespaces", policy.scope.namespaces)
    named: dict[str, Value] = {
        "clusterName": plan.cluster.name,
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
