"""The plan's entries as a shell script of AWS CLI calls, for teams that only run scripts.

It makes entries that are missing and leaves those that are there alone. It is no replacement for ``migrate apply``:
it proves nothing and, for holders of access policies, there is a moment between the two calls in which the entry
gives nothing yet; the script says so.
"""

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.plan import Plan
from migrator.render.code_entries import CodeEntry, code_entries, origin
from migrator.render.escape import comment, shell

_PREAMBLE = """set -euo pipefail

# Makes an entry unless there is one; an entry that is there decides already and is left alone.
make_entry() {
  local principal=$1
  shift
  if aws eks describe-access-entry --cluster-name "$cluster" --region "$region" --principal-arn "$principal" \\
    > /dev/null 2>&1; then
    echo "there is an entry already: $principal"
    return 1
  fi
  aws eks create-access-entry --cluster-name "$cluster" --region "$region" --principal-arn "$principal" "$@" > /dev/null
  echo "made: $principal"
}

# Associates a policy; associating it again replaces its scope.
add_policy() {
  local principal=$1
  shift
  aws eks associate-access-policy --cluster-name "$cluster" --region "$region" --principal-arn "$principal" "$@" \\
    > /dev/null
}
"""


def aws_cli(plan: Plan, *, include_owned: bool = False) -> dict[str, str]:
    """File name -> content for ``migrate generate aws-cli``."""
    code = code_entries(plan, include_owned=include_owned)
    parts = [
        "#!/usr/bin/env bash\n",
        f"# Access entries of the EKS cluster {comment(plan.cluster.name)} ({comment(plan.cluster.arn)}).\n",
        f"# Made from the plan of {comment(plan.created_at)}. The cluster must be in API_AND_CONFIG_MAP or API mode.\n",
        "# An entry overrides its aws-auth row at once: between making it and adding its policy the principal has\n",
        "# less than before. migrate apply has no such gap, and proves each entry.\n",
        _PREAMBLE,
        f"\ncluster={shell(plan.cluster.name)}\nregion={shell(plan.cluster.region)}\n",
    ]
    parts += [_entry(entry) for entry in code.entries]
    if code.left_out:
        parts.append("\n# Left out:\n")
        parts += [f"#   {comment(item.principal_arn)}: {comment(item.reason)}\n" for item in code.left_out]
    return {"access-entries.sh": "".join(parts)}


def _entry(entry: CodeEntry) -> str:
    spec = entry.spec
    words = ["make_entry", shell(entry.principal_arn), "--type", shell(spec.type)]
    if spec.type == "STANDARD":
        if spec.username is not None:
            words += ["--username", shell(spec.username)]
        if spec.kubernetes_groups:
            words += ["--kubernetes-groups", *map(shell, spec.kubernetes_groups)]
    lines = [f"\n# {comment(origin(entry))}\n"]
    if not spec.access_policies:
        return "".join([*lines, " ".join(words), " || true\n"])
    lines.append(f"if {' '.join(words)}; then\n")
    lines += [f"  {_policy(entry, policy)}\n" for policy in spec.access_policies]
    return "".join([*lines, "fi\n"])


def _policy(entry: CodeEntry, policy: AssociatedPolicy) -> str:
    scope = f"type={policy.scope.type}"
    if policy.scope.namespaces:
        scope += f",namespaces={','.join(policy.scope.namespaces)}"
    return (
        f"add_policy {shell(entry.principal_arn)} --policy-arn {shell(policy.policy_arn)} --access-scope {shell(scope)}"
    )
