"""The access entries of a plan as the files of one tool."""

from collections.abc import Callable

from migrator.model.code_entries import (
    MODULE_VERSIONS,
    CodeEntries,
    CodeKind,
    ModuleVersion,
)
from migrator.model.plan import ClusterRef, Plan
from migrator.render.aws_cli import aws_cli
from migrator.render.cdk import cdk_python, cdk_typescript
from migrator.render.cloudformation import cloudformation
from migrator.render.eksctl import eksctl
from migrator.render.kubernetes_code import ack, crossplane
from migrator.render.pulumi import pulumi_python, pulumi_typescript
from migrator.render.terraform import CHECK_LINES, raw_lines, terraform
from migrator.render.terraform_modules import (
    aws_modules_lines,
    cloudposse_lines,
    terraform_aws_modules,
    terraform_cloudposse,
)

_GENERATORS: dict[CodeKind, Callable[[Plan, CodeEntries], dict[str, str]]] = {
    "terraform": terraform,
    "cloudformation": cloudformation,
    "eksctl": eksctl,
    "aws-cli": aws_cli,
    "cdk-typescript": cdk_typescript,
    "cdk-python": cdk_python,
    "pulumi-typescript": pulumi_typescript,
    "pulumi-python": pulumi_python,
    "ack": ack,
    "crossplane": crossplane,
}


_MODULES: dict[CodeKind, Callable[[Plan, CodeEntries, ModuleVersion], dict[str, str]]] = {
    "terraform-aws-modules": terraform_aws_modules,
    "terraform-cloudposse": terraform_cloudposse,
}


def code_files(
    kind: CodeKind,
    plan: Plan,
    entries: CodeEntries,
    module_version: ModuleVersion | None = None,
) -> dict[str, str]:
    """File name -> content, UTF-8 text: the entries of the plan for one tool. ``module_version``:
    one of the kind's :data:`MODULE_VERSIONS`; None: the last.
    """
    if kind in _MODULES:
        return _MODULES[kind](plan, entries, module_version or MODULE_VERSIONS[kind][-1])
    return _GENERATORS[kind](plan, entries)


def next_lines(
    kind: CodeKind, cluster: ClusterRef, module_version: ModuleVersion | None = None
) -> tuple[str, ...]:
    """What a person does with the files, one line each: lines of the code that they need, and
    commands. ``cluster`` tells the mode that the code sets. They hold no text of a cluster.
    """
    if kind not in _NEXT:
        return ()
    version = module_version or MODULE_VERSIONS.get(kind, ("v4",))[-1]
    return (*_NEXT[kind](cluster, version), *CHECK_LINES)


_NEXT: dict[CodeKind, Callable[[ClusterRef, ModuleVersion], tuple[str, ...]]] = {
    "terraform": lambda *_: raw_lines(),
    "terraform-aws-modules": aws_modules_lines,
    "terraform-cloudposse": cloudposse_lines,
}
