"""The access entries that belong into a team's code, and what such code is about to do."""

from dataclasses import dataclass

from migrator.errors import Failed
from migrator.model.code_entries import CodeEntries
from migrator.model.plan import Plan
from migrator.model.terraform_plan import TerraformVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """``include_owned``: entries that EKS makes itself, too."""

    plan: Plan
    include_owned: bool = False


def generate(request: GenerateRequest) -> CodeEntries:
    """The entries, and who is left out and why. :func:`migrator.render.code_files.code_files`
    writes them as code. Raises nothing.
    """
    from migrator.decide.planning.code_entries import code_entries

    return code_entries(request.plan, include_owned=request.include_owned)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTerraformRequest:
    """``content``: what ``terraform show -json`` printed, from the file ``name``."""

    plan: Plan
    content: bytes
    name: str


def check_terraform(request: CheckTerraformRequest) -> TerraformVerdict:
    """What the Terraform plan would do to the access of the plan's cluster.

    Raises ``Failed``: ``terraform-plan-malformed``; ``terraform-plan-incomplete`` where Terraform
    itself did not get to the end; ``terraform-plan-other-cluster`` where nothing of the cluster is
    in it.
    """
    from migrator.decide.proving.terraform_plan import judge_terraform_plan
    from migrator.model.files.terraform_plan import read_terraform_plan

    terraform = read_terraform_plan(request.content, request.name)
    if not terraform.whole:
        raise Failed(
            "terraform-plan-incomplete",
            f"{request.name} is no complete plan.",
            why="Terraform met an error or deferred resources: more would follow.",
            remedy="Make a plan that ends without an error, without -target, and check that one.",
        )
    verdict = judge_terraform_plan(terraform, request.plan)
    if not verdict.judged:
        name = request.plan.cluster.name
        others = f"It is about {', '.join(verdict.others)}." if verdict.others else ""
        raise Failed(
            "terraform-plan-other-cluster",
            f"{request.name} has no resource of the cluster {name}.",
            why=others or "It has no cluster, access entry, association or aws-auth at all.",
            remedy="Name the Terraform plan of this cluster's code, with the entries imported.",
        )
    return verdict
