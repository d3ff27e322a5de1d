"""The plan's entries as stacks of the AWS CDK 2, in TypeScript and Python.

They are L1 constructs, ``CfnAccessEntry``: the L2 construct ``AccessEntry`` sets neither groups nor
a username (aws/aws-cdk#37648). An id of letters and digits directly below a stack is the logical id
(AWS CDK developer guide, "Identifiers"), so that the file for ``cdk import`` names the resources.
The CDK takes templates to S3; a stack has at most as many entries as one import takes.
"""

import json

from migrator.model.access_entry import AssociatedPolicy
from migrator.model.code_entries import CodeEntries, CodeEntry
from migrator.model.plan import Plan
from migrator.render.cloudformation import IMPORTED_RESOURCES, import_identifier, logical_id
from migrator.render.code_entries import (
    DYNAMIC_REFERENCE,
    CodePart,
    given_groups,
    given_username,
    in_parts,
    only_literal,
    origin,
)
from migrator.render.escape import survives_cdk, survives_cloudformation
from migrator.render.program_code import (
    Call,
    Name,
    Value,
    comment_lines,
    given,
    indented,
    python_lines,
    typescript_lines,
)

_TOKEN = "one of its texts holds a token of the CDK, which the CDK replaces or refuses"  # noqa: S105 - no credential

# A stack without entries imports nothing that it does not use: compilers and linters refuse that.
_PYTHON_IMPORTS = (
    "from typing import Any",
    "",
    "from aws_cdk import Environment, RemovalPolicy, Stack",
    "from aws_cdk.aws_eks import CfnAccessEntry",
    "from constructs import Construct",
)
_PYTHON_IMPORTS_OF_NONE = (
    "from typing import Any",
    "",
    "from aws_cdk import Environment, Stack",
    "from constructs import Construct",
)
_TYPESCRIPT_IMPORTS = (
    'import { RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";',
    'import { CfnAccessEntry } from "aws-cdk-lib/aws-eks";',
    'import { type Construct } from "constructs";',
)
_TYPESCRIPT_IMPORTS_OF_NONE = (
    'import { Stack, type StackProps } from "aws-cdk-lib";',
    'import { type Construct } from "constructs";',
)


def cdk_python(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate cdk-python``."""
    code = _only_cdk(plan, entries)
    files: dict[str, str] = {}
    for part in _parts(code):
        name = f"access-entries{part.suffix}.py".replace("-", "_")
        files[name] = _python_module(plan, code, part)
        files[_mapping_name(part)] = _mapping(plan, part)
    return files


def cdk_typescript(
    plan: Plan,
    entries: CodeEntries,
) -> dict[str, str]:
    """File name -> content for ``migrate generate cdk-typescript``."""
    code = _only_cdk(plan, entries)
    files: dict[str, str] = {}
    for part in _parts(code):
        files[f"access-entries{part.suffix}.ts"] = _typescript_module(plan, code, part)
        files[_mapping_name(part)] = _mapping(plan, part)
    return files


def _only_cdk(
    plan: Plan,
    entries: CodeEntries,
) -> CodeEntries:
    """Without the entries whose texts the CDK or CloudFormation would change."""
    cluster = plan.cluster.name
    code = only_literal(entries, survives_cloudformation, DYNAMIC_REFERENCE, cluster)
    return only_literal(code, survives_cdk, _TOKEN, cluster)


def _parts(
    code: CodeEntries,
) -> tuple[CodePart, ...]:
    """One stack for each import."""
    return in_parts(code.entries, lambda part: len(part.entries) <= IMPORTED_RESOURCES)


def _class_name(
    part: CodePart,
) -> str:
    """``AccessEntries2Of4``."""
    if part.count == 1:
        return "AccessEntries"
    return f"AccessEntries{part.number}Of{part.count}"


def _mapping_name(
    part: CodePart,
) -> str:
    """The file for ``cdk import --resource-mapping``."""
    return f"access-entries{part.suffix}-resource-mapping.json"


def _mapping(
    plan: Plan,
    part: CodePart,
) -> str:
    """Logical id -> identifier, as ``cdk import --resource-mapping`` reads it."""
    found = {logical_id(entry): import_identifier(plan, entry) for entry in part.entries}
    return json.dumps(found, indent=2) + "\n"


def _head(
    plan: Plan,
    code: CodeEntries,
    part: CodePart,
    kind: str,
) -> list[str]:
    """What the file is. Foreign text comes after line 2: above it Python looks for the name of an
    encoding.
    """
    cluster = plan.cluster
    return [
        f"Made by migrate generate {kind}, for the AWS CDK 2.",
        "L1 constructs: the L2 construct AccessEntry takes no groups and no username "
        "(aws/aws-cdk#37648).",
        f"Access entries of the EKS cluster {cluster.name} ({cluster.arn}), from {code.made_from}.",
        "To take over what exists already (all entries must exist: run migrate apply first):",
        f"  cdk import STACK --resource-mapping {_mapping_name(part)}",
        f"The stack is for the account {cluster.account_id} and the Region {cluster.region} alone: "
        "with other credentials",
        "the CDK stops before its first change.",
        "RETAIN: a stack that is deleted leaves its entries, and no principal loses access.",
        "Where no entry exists yet, cdk deploy makes them. RETAIN also keeps what a failed "
        "deployment has made,",
        "and EKS refuses to make it again: delete the stack, run migrate apply, import as above.",
    ]


def _left_out(
    code: CodeEntries,
    part: CodePart,
) -> list[str]:
    """Who has no code and why; said once, in the first file."""
    if part.number > 1 or not code.left_out:
        return []
    return ["Left out:", *(f"  {item.principal_arn}: {item.reason}" for item in code.left_out)]


def _python_module(
    plan: Plan,
    code: CodeEntries,
    part: CodePart,
) -> str:
    """A module with one stack."""
    cluster = plan.cluster
    env = Call("Environment", (), {"account": cluster.account_id, "region": cluster.region})
    first, *rest = python_lines(env)
    body = [
        f'kwargs["env"] = {first}',
        *rest,
        "super().__init__(scope, construct_id, **kwargs)",
    ]
    for entry in part.entries:
        call = Call("CfnAccessEntry", (Name("self"), logical_id(entry)), _python(plan, entry))
        first, *rest = python_lines(call)
        body += ["", *comment_lines("#", [origin(entry)]), f"entry = {first}", *rest]
        body.append("entry.apply_removal_policy(RemovalPolicy.RETAIN)")
    lines = [
        *comment_lines("#", _head(plan, code, part, "cdk-python")),
        *(_PYTHON_IMPORTS if part.entries else _PYTHON_IMPORTS_OF_NONE),
        "",
        "",
        f"class {_class_name(part)}(Stack):",
        "    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:",
        *indented(body, " " * 8),
    ]
    return _text(lines, comment_lines("#", _left_out(code, part)), "\n\n")


def _typescript_module(
    plan: Plan,
    code: CodeEntries,
    part: CodePart,
) -> str:
    """A module with one stack."""
    cluster = plan.cluster
    env = typescript_lines({"account": cluster.account_id, "region": cluster.region})
    env[-1] += " });"
    body = [f"super(scope, id, {{ ...props, env: {env[0]}", *env[1:]]
    for entry in part.entries:
        named = _typescript(plan, entry)
        call = Call("new CfnAccessEntry", (Name("this"), logical_id(entry)), named)
        body += ["", *comment_lines("//", [origin(entry)]), *typescript_lines(call)]
        body[-1] += ".applyRemovalPolicy(RemovalPolicy.RETAIN);"
    lines = [
        *comment_lines("//", _head(plan, code, part, "cdk-typescript")),
        *(_TYPESCRIPT_IMPORTS if part.entries else _TYPESCRIPT_IMPORTS_OF_NONE),
        "",
        f"export class {_class_name(part)} extends Stack {{",
        "  constructor(scope: Construct, id: string, props?: StackProps) {",
        *indented(body, " " * 4),
        "  }",
        "}",
    ]
    return _text(lines, comment_lines("//", _left_out(code, part)), "\n")


def _text(
    lines: list[str],
    last: list[str],
    between: str,
) -> str:
    """A file: the code, and comments below it."""
    text = "\n".join(lines) + "\n"
    if not last:
        return text
    return text + between + "\n".join(last) + "\n"


def _python(
    plan: Plan,
    entry: CodeEntry,
) -> dict[str, Value]:
    """Properties of ``CfnAccessEntry`` in Python's spelling."""
    found: dict[str, Value] = {
        "cluster_name": plan.cluster.name,
        "principal_arn": entry.principal_arn,
        "type": entry.spec.type,
    }
    found |= given("username", given_username(entry))
    found |= given("kubernetes_groups", given_groups(entry))
    policies = [_python_policy(policy) for policy in entry.spec.access_policies]
    return found | given("access_policies", policies)


def _python_policy(
    policy: AssociatedPolicy,
) -> Call:
    """An access policy of an entry."""
    scope: dict[str, Value] = {"type": policy.scope.type}
    scope |= given("namespaces", policy.scope.namespaces)
    in_scope = Call("CfnAccessEntry.AccessScopeProperty", (), scope)
    named: dict[str, Value] = {"policy_arn": policy.policy_arn, "access_scope": in_scope}
    return Call("CfnAccessEntry.AccessPolicyProperty", (), named)


def _typescript(
    plan: Plan,
    entry: CodeEntry,
) -> dict[str, Value]:
    """Properties of ``CfnAccessEntry`` in TypeScript's spelling."""
    found: dict[str, Value] = {
        "clusterName": plan.cluster.name,
        "principalArn": entry.principal_arn,
        "type": entry.spec.type,
    }
    found |= given("username", given_username(entry))
    found |= given("kubernetesGroups", given_groups(entry))
    policies = [_typescript_policy(policy) for policy in entry.spec.access_policies]
    return found | given("accessPolicies", policies)


def _typescript_policy(
    policy: AssociatedPolicy,
) -> dict[str, Value]:
    """An access policy of an entry."""
    scope: dict[str, Value] = {"type": policy.scope.type}
    scope |= given("namespaces", policy.scope.namespaces)
    return {"policyArn": policy.policy_arn, "accessScope": scope}
