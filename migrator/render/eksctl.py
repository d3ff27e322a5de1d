"""The plan's entries as an eksctl ClusterConfig (``accessConfig.accessEntries``).

For ``eksctl create accessentry -f``; eksctl makes one CloudFormation stack for each entry and does
not take over entries that are there (eksctl user guide, "EKS access entries"). So a text reaches
CloudFormation, which replaces dynamic references in it: such an entry is left out.

What eksctl refuses or reads as something else is left out as well (eksctl main of 2026-08,
``pkg/apis/eksctl.io/v1alpha5/access_entry.go``, ``pkg/actions/accessentry/creator.go``): types that
it does not know, node types with policies, namespaces without a name, an empty username, which it
takes for none, and every entry where the cluster's name fits in no name of a stack.
"""

import re
from typing import Any

from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.files.yaml_text import yaml_lines
from migrator.model.plan import Plan
from migrator.render.code_entries import (
    DYNAMIC_REFERENCE,
    mode_lines,
    mode_of,
    only_literal,
    origin,
    without,
)
from migrator.render.escape import cloudformation_comment, survives_cloudformation

# validateAccessEntries names these four; each other type ends the whole command.
_TYPES = frozenset({"STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX"})
# `eksctl-CLUSTER-accessentry-` and 32 letters of a digest, of 128 characters in all; a stack's name
# has letters, digits and hyphens (CloudFormation API, CreateStack).
_CLUSTER_IN_STACK = re.compile(r"[A-Za-z0-9-]{1,76}")

# `create accessentry` makes a stack for each entry, and CreateAccessEntry refuses a principal that
# has one.
_HEAD = (
    "# For a new cluster, without these entries:",
    "#   eksctl create accessentry -f access-entries.yaml",
    "# eksctl takes no entry over: where one exists, as all do after migrate apply, that command "
    "fails. Then the",
    "# file says what the cluster has, for a cluster that is made later.",
)


def eksctl(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate eksctl``."""
    cluster = plan.cluster
    code = only_literal(entries, survives_cloudformation, DYNAMIC_REFERENCE, cluster.name)
    code = without(code, lambda entry: _refused(cluster.name, entry))
    title = f"Access entries of the EKS cluster {cluster.name} ({cluster.arn})."
    lines = [
        f"# {cloudformation_comment(title)}",
        f"# Made from {cloudformation_comment(code.made_from)}.",
        *_HEAD,
        *(f"# {line}" for line in mode_lines(cluster)),
        *yaml_lines({"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig"}),
        *yaml_lines({"metadata": {"name": plan.cluster.name, "region": plan.cluster.region}}),
        "accessConfig:",
        f"  authenticationMode: {mode_of(cluster)}",
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


def _refused(
    cluster: str,
    entry: CodeEntry,
) -> str:
    """Why eksctl would refuse the entry, or make another one; empty where it makes this one."""
    spec = entry.spec
    if _CLUSTER_IN_STACK.fullmatch(cluster) is None:
        return "eksctl puts the cluster's name into the name of a stack, which it does not fit"
    if spec.type not in _TYPES:
        return f"eksctl refuses the type {spec.type}"
    if spec.type != "STANDARD" and spec.access_policies:
        return f"eksctl refuses access policies for the type {spec.type}"
    if spec.username == "":
        return "its username is empty, and eksctl takes an empty username for none"
    for policy in spec.access_policies:
        if policy.scope.type == "namespace" and not policy.scope.namespaces:
            return "eksctl refuses the scope namespace without a namespace"
    return ""


def _entry(
    entry: CodeEntry,
) -> dict[str, Any]:
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


def _scope(
    kind: str,
    namespaces: tuple[str, ...],
) -> dict[str, Any]:
    """The access scope in eksctl's spelling."""
    if namespaces:
        return {"type": kind, "namespaces": list(namespaces)}
    return {"type": kind}
