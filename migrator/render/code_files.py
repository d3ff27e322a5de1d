"""The access entries of a plan as the files of one tool."""

from collections.abc import Callable

from migrator.model.code_entries import CodeEntries, CodeKind
from migrator.model.plan import Plan
from migrator.render.aws_cli import aws_cli
from migrator.render.cdk import cdk_python, cdk_typescript
from migrator.render.cloudformation import cloudformation
from migrator.render.eksctl import eksctl
from migrator.render.kubernetes_code import ack, crossplane
from migrator.render.pulumi import pulumi_python, pulumi_typescript
from migrator.render.terraform import terraform
from migrator.render.terraform_modules import terraform_aws_modules, terraform_cloudposse

_GENERATORS: dict[CodeKind, Callable[[Plan, CodeEntries], dict[str, str]]] = {
    "terraform": terraform,
    "terraform-aws-modules": terraform_aws_modules,
    "terraform-cloudposse": terraform_cloudposse,
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


def code_files(kind: CodeKind, plan: Plan, entries: CodeEntries) -> dict[str, str]:
    """File name -> content, UTF-8 text: the entries of the plan for one tool."""
    return _GENERATORS[kind](plan, entries)
