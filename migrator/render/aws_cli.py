"""The plan's entries as a shell script of AWS CLI calls, for teams that only run scripts.

The script makes missing entries and associates missing policies. An entry that differs from the
plan is reported and left as it is. It is no replacement for ``migrate apply``: it proves nothing
and, for holders of access policies, there is a moment between two calls in which the entry gives
nothing yet; the script says so.

Text of the cluster is never a word of the command line. The AWS CLI loads a word that starts with
``file://`` or ``http://`` from there, takes one that starts with ``-`` for an option and one that
starts with ``[`` for a list (AWS CLI user guide, "Load a parameter from a file";
``awscli/paramfile.py``, ``awscli/argprocess.py``). So every call gets one JSON document with
``--cli-input-json``. It starts with ``{``, which nothing of this applies to, and its strings are
taken literally. The document is printable ASCII without single quotes, so that neither the shell
nor the locale of the machine can change it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from migrator.model.code_entries import CodeEntries, CodeEntry, LeftOut
from migrator.model.plan import Plan
from migrator.render.aws_calls import json_word, scope_parameter
from migrator.render.code_entries import origin
from migrator.render.escape import comment, shell
from migrator.render.facts import default_username

_HEAD = """\
# Makes entries that are missing and associates policies that are missing. It can be run again at any time.
#
# It stops before its first change where the credentials are those of another account, with a cluster of the same name.
# It calls DescribeCluster, DescribeAccessEntry, ListAssociatedAccessPolicies, CreateAccessEntry, AssociateAccessPolicy.
#
# The cluster must be in API_AND_CONFIG_MAP or API mode. An entry overrides its aws-auth row immediately: between
# making it and associating its policy the principal has less than before. migrate apply has no such gap, and proves each
# entry.
#
# Exit status
#   0  every entry below is as planned
#   1  a call failed: the script stopped there; run it again when the cause is removed
#   3  the script ran to its end, but an entry differs from the plan: it is reported and was not changed
"""  # noqa: E501 - lines of the script

# Bash 3.2 (macOS) runs this: no mapfile, no associative arrays. The queries turn the answer of EKS
# into one JSON string of ASCII characters, so that it can be compared with a literal; --output json
# fixes its form.
_FUNCTIONS = r"""set -euo pipefail
export AWS_PAGER= AWS_CLI_AUTO_PROMPT=off

standard='to_string(accessEntry.[type, username, sort(kubernetesGroups || `[]`)])'
unnamed='to_string(accessEntry.[type, sort(kubernetesGroups || `[]`)])'
typed='to_string(accessEntry.[type])'
associated='associatedAccessPolicies[].to_string([policyArn, accessScope.type, sort(accessScope.namespaces || `[]`)])'
newline=$'\n'
hash='#'
escaped_hash='\u0023'
differences=0
errors=$(mktemp)
trap 'rm -f -- "$errors"' EXIT

# call OPERATION DOCUMENT [OPTION...]: the document is JSON and holds all parameters, so none is read as an option.
call() {
  local operation=$1 document=$2
  shift 2
  aws eks "$operation" --region="$region" --output json --cli-input-json "$document" "$@" 2> "$errors"
}

# stop OPERATION PRINCIPAL: an error can repeat a name, so control characters and commands to pipelines are taken apart.
stop() {
  LC_ALL=C tr '\000-\011\013-\037\177' '?' < "$errors" | LC_ALL=C sed -e 's/#/\\u0023/g' -e 's/^ *::/\\u003a:/' >&2
  printf 'error: %s failed for %s. The script stopped there. Run it again when the cause is removed.\n' "$1" "$2" >&2
  exit 1
}

# differs PRINCIPAL PLANNED FOUND: pipelines take ## in a log for a command of their own, so # is shown as JSON has it.
differs() {
  local planned=${2//"$hash"/$escaped_hash} found=${3//"$hash"/$escaped_hash}
  printf 'different: %s\n  planned: %s\n  found:   %s\n  It was not changed.\n' "$1" "$planned" "$found" >&2
  differences=$((differences + 1))
}

# cluster PLANNED DOCUMENT: a name says nothing of the account that the credentials are for; the ARN does.
cluster() {
  local planned=$1 document=$2 found
  found=$(call describe-cluster "$document" --query cluster.arn) || stop DescribeCluster "$planned"
  if [[ $found == "$planned" ]]; then return 0; fi
  printf 'error: the entries are for %s, and these credentials reach %s. Nothing was made.\n' "$planned" "$found" >&2
  exit 1
}

# is_planned POLICY [PLANNED DOCUMENT]...
is_planned() {
  local policy=$1
  shift
  while (($# > 0)); do
    if [[ $policy == "$1" ]]; then return 0; fi
    shift 2
  done
  return 1
}

# entry PRINCIPAL QUERY PLANNED DOCUMENT DOCUMENT-TO-CREATE [PLANNED-POLICY DOCUMENT-TO-ASSOCIATE]...
entry() {
  local principal=$1 query=$2 planned=$3 document=$4 create=$5 found listed line present='' further='' all=''
  local missing="ResourceNotFoundException) when calling the DescribeAccessEntry operation"
  shift 5
  if found=$(call describe-access-entry "$document" --query "$query"); then
    if [[ $found != "$planned" ]]; then
      differs "$principal" "$planned" "$found"
      return 0
    fi
    listed=$(call list-associated-access-policies "$document" --query "$associated") \
      || stop ListAssociatedAccessPolicies "$principal"
    while IFS= read -r line; do
      line=${line#"${line%%[![:space:]]*}"}
      line=${line%,}
      # Brackets around the list, and null for none, are no policies.
      if [[ $line != '"'* ]]; then continue; fi
      present+=$line$newline
      if ! is_planned "$line" "$@"; then further+=" $line"; fi
    done <<< "$listed"
    if [[ -n $further ]]; then
      while (($# > 0)); do
        all+=" $1"
        shift 2
      done
      differs "$principal" "policies${all:- none}" "further policies$further"
      return 0
    fi
    printf 'there already: %s\n' "$principal"
  elif [[ $(< "$errors") == *"$missing"* ]]; then
    call create-access-entry "$create" > /dev/null || stop CreateAccessEntry "$principal"
    printf 'made: %s\n' "$principal"
  else
    # Anything but "there is no such entry" says nothing about the entry: access denied, throttling, no network.
    stop DescribeAccessEntry "$principal"
  fi
  while (($# > 0)); do
    if [[ $newline$present != *"$newline$1$newline"* ]]; then
      call associate-access-policy "$2" > /dev/null || stop AssociateAccessPolicy "$principal"
      printf 'policy associated: %s\n' "$principal"
    fi
    shift 2
  done
}
"""  # noqa: E501 - lines of the script

_END = """
if ((differences > 0)); then
  printf 'Entries that differ from the plan: %s. They were not changed.\\n' "$differences" >&2
  exit 3
fi
"""


@dataclass(frozen=True, slots=True)
class _Compared:
    """How an entry that exists is compared: a query of the script by its name, and what it must
    answer.
    """

    query: str
    planned: list[object]


def aws_cli(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate aws-cli``."""
    code = _without_dead_entries(plan, entries)
    parts = [
        "#!/usr/bin/env bash\n",
        f"# Access entries of the EKS cluster {comment(plan.cluster.name)} "
        f"({comment(plan.cluster.arn)}).\n",
        f"# Made from {comment(code.made_from)}.\n",
        _HEAD,
        _FUNCTIONS,
        f"\nregion={shell(plan.cluster.region)}\n",
    ]
    planned = shell(json.dumps(plan.cluster.arn, ensure_ascii=True))
    parts.append(f"cluster {planned} {json_word({'name': plan.cluster.name})}\n")
    parts += [_entry(plan.cluster.name, entry) for entry in code.entries]
    if code.left_out:
        parts.append("\n# Left out:\n")
        parts += [
            f"#   {comment(item.principal_arn)}: {comment(item.reason)}\n" for item in code.left_out
        ]
        parts += [
            f"printf '%s\\n' {_shown(f'left out: {item.principal_arn}: {item.reason}')}\n"
            for item in code.left_out
        ]
    return {"access-entries.sh": "".join([*parts, _END])}


def _without_dead_entries(
    plan: Plan,
    code: CodeEntries,
) -> CodeEntries:
    """Without principals whose entry has to be made again: a dead entry can look exactly like the
    planned one.
    """
    dead = {each.principal_arn for each in plan.principals if each.action == "recreate"}
    reason = (
        "its entry is dead (made for a deleted principal of this name): migrate apply makes "
        "it again"
    )
    kept = tuple(entry for entry in code.entries if entry.principal_arn not in dead)
    left_out = tuple(
        LeftOut(entry.principal_arn, reason)
        for entry in code.entries
        if entry.principal_arn in dead
    )
    return replace(code, entries=kept, left_out=code.left_out + left_out)


def _entry(
    cluster: str,
    entry: CodeEntry,
) -> str:
    """The commands that create an entry and associate its policies. Username and groups are given
    for type STANDARD only: EKS refuses them for others (EKS API, CreateAccessEntry).
    """
    arn, spec = entry.principal_arn, entry.spec
    place = {"clusterName": cluster, "principalArn": arn}
    create: dict[str, object] = {**place, "type": spec.type}
    if spec.type == "STANDARD":
        if spec.username is not None:
            create["username"] = spec.username
        if spec.kubernetes_groups:
            create["kubernetesGroups"] = list(spec.kubernetes_groups)
    compared = _compared(entry)
    lines = [
        f"\n# {comment(origin(entry))}\n",
        f'entry {_shown(arn)} "${compared.query}" {_answer(compared.planned)} \\\n',
        f"  {json_word(place)} \\\n  {json_word(create)}",
    ]
    for policy in spec.access_policies:
        associate = {
            **place,
            "policyArn": policy.policy_arn,
            "accessScope": scope_parameter(policy),
        }
        planned = [policy.policy_arn, policy.scope.type, sorted(set(policy.scope.namespaces))]
        lines.append(f" \\\n  {_answer(planned)} {json_word(associate)}")
    return "".join([*lines, "\n"])


def _compared(
    entry: CodeEntry,
) -> _Compared:
    """Username and groups are compared where a customer sets them: node types have those of EKS."""
    spec, groups = entry.spec, sorted(set(entry.spec.kubernetes_groups))
    if spec.type != "STANDARD":
        return _Compared("typed", [spec.type])
    username = (
        default_username(entry.principal_arn, spec) if spec.username is None else spec.username
    )
    # No principal that IAM knows: the name that EKS would give it is not known either.
    if spec.username is None and not username:
        return _Compared("unnamed", [spec.type, groups])
    return _Compared("standard", [spec.type, username, groups])


def _answer(
    value: Sequence[object],
) -> str:
    """What the AWS CLI prints for the value: JMESPath's ``to_string`` of it, as a JSON string. One
    word.
    """
    return shell(json.dumps(json.dumps(value, ensure_ascii=True, separators=(",", ":"))))


def _shown(
    text: str,
) -> str:
    """A word for messages: every character shows itself."""
    return shell(comment(text))
