"""The plan's entries as a CloudFormation template of ``AWS::EKS::AccessEntry`` resources.

Existing entries come into a stack by an import change set, whose input is the second file. Imported
resources need a DeletionPolicy (CloudFormation user guide, "Import existing resources"); ``Retain``
also keeps a deleted stack from locking all principals out.

``{{resolve:...}}`` is replaced wherever it is in a template and cannot be escaped, so that an entry
with such a text is left out. ``${...}`` is literal outside ``Fn::Sub``, which these templates do
not use.
"""

import json
from typing import Any

from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.files.yaml_text import yaml_lines
from migrator.model.plan import Plan
from migrator.render.code_entries import DYNAMIC_REFERENCE, only_literal, origin
from migrator.render.escape import cloudformation_comment, survives_cloudformation

_TYPE = "AWS::EKS::AccessEntry"


def cloudformation(plan: Plan, entries: CodeEntries) -> dict[str, str]:
    """File name -> content for ``migrate generate cloudformation``."""
    cluster = plan.cluster
    code = only_literal(entries, survives_cloudformation, DYNAMIC_REFERENCE, cluster.name)
    title = f"Access entries of the EKS cluster {cluster.name} ({cluster.arn})."
    lines = [
        f"# {cloudformation_comment(title)}",
        f"# Made from the plan of {cloudformation_comment(plan.created_at)}. To take over what "
        f"exists already:",
        "#   aws cloudformation create-change-set --change-set-type IMPORT --change-set-name "
        "take-over \\",
        "#     --stack-name STACK --template-body file://access-entries.yaml \\",
        "#     --resources-to-import file://resources-to-import.json",
        'AWSTemplateFormatVersion: "2010-09-09"',
        "Description: EKS access entries",
        "Resources:" if code.entries else "Resources: {}",
    ]
    for entry in code.entries:
        lines.append(f"  # {cloudformation_comment(origin(entry))}")
        lines += [f"  {line}" for line in yaml_lines({_logical_id(entry): _resource(plan, entry)})]
    if code.left_out:
        lines.append("# Left out:")
        lines += [
            f"#   {cloudformation_comment(item.principal_arn)}: "
            f"{cloudformation_comment(item.reason)}"
            for item in code.left_out
        ]
    imports = [
        {
            "ResourceType": _TYPE,
            "LogicalResourceId": _logical_id(entry),
            "ResourceIdentifier": {
                "PrincipalArn": entry.principal_arn,
                "ClusterName": plan.cluster.name,
            },
        }
        for entry in code.entries
    ]
    return {
        "access-entries.yaml": "\n".join(lines) + "\n",
        "resources-to-import.json": json.dumps(imports, indent=2) + "\n",
    }


def _logical_id(entry: CodeEntry) -> str:
    """Letters and digits only, as logical ids are."""
    return "".join(word.capitalize() for word in entry.name.split("_"))


def _resource(plan: Plan, entry: CodeEntry) -> dict[str, Any]:
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


def _scope(kind: str, namespaces: tuple[str, ...]) -> dict[str, Any]:
    """The access scope in CloudFormation's spelling."""
    if namespaces:
        return {"Type": kind, "Namespaces": list(namespaces)}
    return {"Type": kind}
