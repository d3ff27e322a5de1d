"""The plan's entries as CloudFormation templates of ``AWS::EKS::AccessEntry`` resources.

Existing entries come into a stack by an import change set, whose input is a file beside the
template. Imported resources need a DeletionPolicy (CloudFormation user guide, "Import existing
resources"); ``Retain`` also keeps a deleted stack from locking all principals out.

A template given with the call has at most 51,200 bytes, one from S3 1 MB; an import change set
takes at most 200 resources and a template 500 (CloudFormation user guide, "Understand
CloudFormation quotas"). More entries become several templates, one for each stack.

``{{resolve:...}}`` is replaced wherever it is in a template and cannot be escaped, so that an entry
with such a text is left out. ``${...}`` is literal outside ``Fn::Sub``, which these templates do
not use.
"""

import json
from collections.abc import Iterable
from typing import Any

from migrator.model.code_entries import CodeEntries, CodeEntry, LeftOut
from migrator.model.files.yaml_text import yaml_lines
from migrator.model.plan import Plan
from migrator.render.code_entries import (
    DYNAMIC_REFERENCE,
    CodePart,
    in_parts,
    only_literal,
    origin,
)
from migrator.render.escape import cloudformation_comment, shell, survives_cloudformation

INLINE_BYTES = 51_200
# The lower of two limits: an import change set's, and 500 resources of a template.
IMPORTED_RESOURCES = 200
LEFT_OUT = "left-out.txt"
_TYPE = "AWS::EKS::AccessEntry"
# DeletionPolicy keeps what a failed operation made, too (CloudFormation API, ExecuteChangeSet).
_WHERE_NONE_EXISTS = (
    "Where no entry exists yet (a cluster that is made again): --change-set-type CREATE without",
    "--resources-to-import, and execute-change-set with --retain-except-on-create. A creation that "
    "fails then deletes",
    "what it made, and is repeated after aws cloudformation delete-stack. Without that option, "
    "Retain keeps what it made,",
    "and EKS refuses to make it again: delete the stack, run migrate apply, and import as above.",
)


def cloudformation(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate cloudformation``."""
    code = only_cloudformation(plan, entries)
    files: dict[str, str] = {}
    made_from = code.made_from
    parts = in_parts(code.entries, lambda part: _fits(plan, made_from, part))
    # CloudFormation refuses a template without a resource.
    for part in parts if code.entries else ():
        files[_template_name(part)] = _template(plan, made_from, part)
        files[_import_name(part)] = _imports(plan, part)
    if code.left_out or not files:
        files[LEFT_OUT] = _left_out(plan, code.left_out)
    return files


def only_cloudformation(
    plan: Plan,
    entries: CodeEntries,
) -> CodeEntries:
    """Without the entries in which CloudFormation would replace a text."""
    return only_literal(entries, survives_cloudformation, DYNAMIC_REFERENCE, plan.cluster.name)


def _fits(
    plan: Plan,
    made_from: str,
    part: CodePart,
) -> bool:
    """Whether one call can import the part with its template beside it."""
    if len(part.entries) > IMPORTED_RESOURCES:
        return False
    return len(_template(plan, made_from, part).encode()) <= INLINE_BYTES


def _template_name(
    part: CodePart,
) -> str:
    """The template's file."""
    return f"access-entries{part.suffix}.yaml"


def _import_name(
    part: CodePart,
) -> str:
    """The file of what the import change set takes over."""
    return f"resources-to-import{part.suffix}.json"


def _template(
    plan: Plan,
    made_from: str,
    part: CodePart,
) -> str:
    """One template, for one stack."""
    lines = [f"# {cloudformation_comment(line)}".rstrip() for line in _head(plan, made_from, part)]
    lines += ['AWSTemplateFormatVersion: "2010-09-09"', "Description: EKS access entries"]
    lines += yaml_lines(_rules(plan))
    lines.append("Resources:")
    for entry in part.entries:
        lines.append(f"  # {cloudformation_comment(origin(entry))}")
        resource = {logical_id(entry): _resource(plan, entry)}
        lines += [f"  {line}" for line in yaml_lines(resource)]
    return "\n".join(lines) + "\n"


def _rules(plan: Plan) -> dict[str, Any]:
    """What CloudFormation asserts before it makes or changes a stack: a cluster of the same name
    may be in another account or Region (CloudFormation user guide, "Rules").
    """
    cluster = plan.cluster
    wanted = {
        "AWS::AccountId": cluster.account_id,
        "AWS::Region": cluster.region,
    }
    assertions = [
        {
            "Assert": {"Fn::Equals": [{"Ref": name}, value]},
            "AssertDescription": "The cluster is in another account or Region than the stack.",
        }
        for name, value in wanted.items()
    ]
    return {"Rules": {"WhereTheClusterIs": {"Assertions": assertions}}}


def _head(
    plan: Plan,
    made_from: str,
    part: CodePart,
) -> list[str]:
    """What the template is, and how a stack takes over what exists already."""
    stack = "STACK"
    which = ""
    if part.count > 1:
        stack = f"STACK-{part.number}"
        which = (
            f" Part {part.number} of {part.count}: one stack for each part, since a template given "
            f"with the call has at most {INLINE_BYTES:,} bytes and an import change set "
            f"{IMPORTED_RESOURCES} resources."
        )
    cluster = plan.cluster
    region = f"--region {shell(cluster.region)}"
    where = f"{region} --stack-name {stack}"
    change = f"{where} --change-set-name take-over"
    return [
        f"Access entries of the EKS cluster {cluster.name} ({cluster.arn}).{which}",
        f"Made from {made_from}. {LEFT_OUT}, where it is, names who is left out and why.",
        "To take over what exists already (all entries must exist: run migrate apply first),",
        f"with credentials of the account {cluster.account_id}:",
        f"  aws cloudformation create-change-set --change-set-type IMPORT {change} \\",
        f"    --template-body file://{_template_name(part)} \\",
        f"    --resources-to-import file://{_import_name(part)}",
        f"  aws cloudformation wait change-set-create-complete {change}",
        f"  aws cloudformation execute-change-set {change}",
        f"  aws cloudformation wait stack-import-complete {where}",
        f"Below {INLINE_BYTES:,} bytes no bucket is needed, which is why larger code is several "
        "templates and neither nested stacks nor one in S3. A template in S3 may have 1 MB: "
        "--template-url takes the place of --template-body.",
        "Retain: a stack that is deleted leaves its entries, and no principal loses access.",
        *_WHERE_NONE_EXISTS,
    ]


def _imports(
    plan: Plan,
    part: CodePart,
) -> str:
    """``--resources-to-import``: the identifier of a resource is its principal and its cluster."""
    imports = [
        {
            "ResourceType": _TYPE,
            "LogicalResourceId": logical_id(entry),
            "ResourceIdentifier": import_identifier(plan, entry),
        }
        for entry in part.entries
    ]
    return json.dumps(imports, indent=2) + "\n"


def import_identifier(
    plan: Plan,
    entry: CodeEntry,
) -> dict[str, str]:
    """The primary identifier of ``AWS::EKS::AccessEntry`` (CloudFormation resource schema)."""
    return {"PrincipalArn": entry.principal_arn, "ClusterName": plan.cluster.name}


def _left_out(
    plan: Plan,
    left_out: Iterable[LeftOut],
) -> str:
    """Who is left out and why, a line each."""
    lines = [f"Not in the code for the EKS cluster {plan.cluster.name}:"]
    lines += [f"  {item.principal_arn}: {item.reason}" for item in left_out]
    return "".join(f"{cloudformation_comment(line)}\n" for line in lines)


def logical_id(
    entry: CodeEntry,
) -> str:
    """Letters and digits only, as logical ids are."""
    return "".join(word.capitalize() for word in entry.name.split("_"))


def _resource(
    plan: Plan,
    entry: CodeEntry,
) -> dict[str, Any]:
    """An ``AWS::EKS::AccessEntry`` with its policies, as the CloudFormation user guide has it."""
    spec = entry.spec
    properties: dict[str, Any] = {
        "ClusterName": plan.cluster.name,
        "PrincipalArn": entry.principal_arn,
        "Type": spec.type,
    }
    if spec.type == "STANDARD":
        if spec.username is not None:
            properties["Username"] = spec.username
        if spec.kubernetes_groups:
            properties["KubernetesGroups"] = list(spec.kubernetes_groups)
    if spec.access_policies:
        properties["AccessPolicies"] = [
            {
                "PolicyArn": policy.policy_arn,
                "AccessScope": _scope(policy.scope.type, policy.scope.namespaces),
            }
            for policy in spec.access_policies
        ]
    return {
        "Type": _TYPE,
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }


def _scope(
    kind: str,
    namespaces: tuple[str, ...],
) -> dict[str, Any]:
    """The access scope in CloudFormation's spelling."""
    if namespaces:
        return {"Type": kind, "Namespaces": list(namespaces)}
    return {"Type": kind}
