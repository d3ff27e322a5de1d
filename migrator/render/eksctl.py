"""The plan's entries as an eksctl ClusterConfig (``accessConfig.accessEntries``).

For ``eksctl create accessentry -f``; eksctl makes one CloudFormation stack for each entry and does
not take over entries that are there (eksctl user guide, "EKS access entries"). So a text reaches
CloudFormation, which replaces dynamic references in it: such an entry is left out.
"""

from typing import Any

from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.files.yaml_text import yaml_lines
from migrator.model.plan import Plan
from migrator.render.code_entries import DYNAMIC_REFERENCE, only_literal, origin
from migrator.render.escape import cloudformation_comment, survives_cloudformation


def eksctl(plan: Plan, entries: CodeEntries) -> dict[str, str]:
    """File name -> content for ``migrate generate eksctl``."""
    cluster = plan.cluster
    code = only_literal(entries, survives_cloudformation, DYNAMIC_REFERENCE, cluster.name)
    mode = "API_AND_CONFIG_MAP"
    if plan.target == "API":
        mode = "API"
    title = f"Access entries of the EKS cluster {cluster.name} ({cluster.arn})."
    lines = [
        f"# {cloudformation_comment(title)}",
        f"# Made from the plan of {cloudformation_comment(plan.created_at)}.",
        *yaml_lines({"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig"}),
        *yaml_lines({"metadata": {"name": plan.cluster.name, "region": plan.cluster.region}}),
        "accessConfig:",
        f"  authenticationMode: {mode}",
        "  accessEntries:" if code.entries else "  accessEntries: []",
    ]
    for entry in code.entries:
        lines.append(f"    # {cloudformation_comment(origin(entry))}")
        lines += [f"    {line}" for line in yaml_lines([_entry(entry)])]
    if code.left_out:
        lines.append("# Left out:")
        lines += [
            f"#   {cloudformation_comment(item.principal_arn)}: "
            f"{cloudformation_comment(item.reason)}"
            for item in code.left_out
        ]
    return {"access-entries.yaml": "\n".join(lines) + "\n"}


def _entry(entry: CodeEntry) -> dict[str, Any]:
    """An item of ``accessConfig.accessEntries`` in eksctl's schema."""
    spec = entry.spec
    found: dict[str, Any] = {"principalARN": entry.principal_arn, "type": spec.type}
    if spec.type == "STANDARD":
        if spec.username is not None:
            found["kubernetesUsername"] = spec.username
        if spec.kubernetes_groups:
            found["kubernetesGroups"] = list(spec.kubernetes_groups)
    if spec.access_policies:
        found["accessPolicies"] = [
            {
                "policyARN": policy.policy_arn,
                "accessScope": _scope(policy.scope.type, policy.scope.namespaces),
            }
            for policy in spec.access_policies
        ]
    return found


def _scope(kind: str, namespaces: tuple[str, ...]) -> dict[str, Any]:
    """The access scope in eksctl's spelling."""
    if namespaces:
        return {"type": kind, "namespaces": list(namespaces)}
    return {"type": kind}
