"""The access entries that belong into a team's code, and what such code is about to do."""

from dataclasses import dataclass
from datetime import datetime

from migrator.app.operator import Operator
from migrator.errors import Failed, Refused
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


def read_entries(
    cluster: str, operator: Operator, *, include_owned: bool = False, moment: datetime | None = None
) -> tuple[Plan, CodeEntries]:
    """The entries of a live cluster as they are, and the plan that the same reading gives.
    ``moment``: when it is read, None: now. Nothing is changed.

    Raises ``Refused`` ``no-entries-yet`` for a cluster in CONFIG_MAP mode, and what
    :func:`migrator.app.snapshot.snapshot` raises.
    """
    from migrator.app.connect import now, read_cluster
    from migrator.decide.planning.code_entries import live_code_entries
    from migrator.model.files.snapshot import decode_snapshot
    from migrator.run.write_plan import plan_of_documents

    moment = moment or now()
    document = read_cluster(operator, cluster, moment=moment)
    entries = decode_snapshot(document).access_entries
    plan = plan_of_documents(document, None, strategy="preserve", target="API", now=moment)
    # EKS lists entries in the other two modes only (EKS API, ListAccessEntries).
    if entries is None:
        raise Refused(
            "no-entries-yet",
            f"The cluster {plan.cluster.name} has no access entries to write down.",
            why=f"It is in {plan.cluster.authentication_mode} mode.",
            remedy="Make a plan, and generate from that: its entries are those after apply.",
        )
    return plan, live_code_entries(entries, plan, include_owned=include_owned)


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
    # aws-auth and bindings name no cluster: such resources alone may be of any.
    if not (verdict.named or verdict.problems):
        name = request.plan.cluster.name
        others = f"It is about {', '.join(verdict.others)}." if verdict.others else ""
        raise Failed(
            "terraform-plan-other-cluster",
            f"{request.name} has no resource of the cluster {name}.",
            why=others or "No cluster, access entry or association in it names the cluster.",
            remedy="Name the Terraform plan of this cluster's code, with the entries imported.",
        )
    return verdict
