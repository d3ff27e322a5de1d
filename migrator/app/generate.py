"""The access entries that belong into a team's code, and what such code is about to do."""

from collections.abc import Collection, Sequence
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


def generate(
    request: GenerateRequest,
) -> CodeEntries:
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
            f"The cluster {plan.cluster.name} has no access entries that can be read.",
            why=f"It is in {plan.cluster.authentication_mode} mode.",
            remedy="Make a plan and give its file in place of the cluster: "
            "its entries are those after apply.",
        )
    return plan, live_code_entries(entries, plan, include_owned=include_owned)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTerraformRequest:
    """``content``: what ``terraform show -json`` printed, from the file ``name``. ``accepted``:
    addresses of resources of which more access is meant.
    """

    plan: Plan
    content: bytes
    name: str
    accepted: tuple[str, ...] = ()


def check_terraform(
    request: CheckTerraformRequest,
) -> TerraformVerdict:
    """What the Terraform plan would do to the access of the plan's cluster.

    Raises ``Failed``: ``terraform-plan-malformed``; ``terraform-plan-incomplete`` where Terraform
    itself did not get to the end; and what :func:`refuse_unnamed` raises.
    """
    [verdict] = check_terraform_fleet(
        [request.plan], request.content, request.name, request.accepted
    )
    refuse_unnamed([request.plan], [verdict], request.name)
    return verdict


def check_terraform_fleet(
    plans: Sequence[Plan], content: bytes, name: str, accepted: Collection[str] = ()
) -> tuple[TerraformVerdict, ...]:
    """What one Terraform plan, ``content`` of the file ``name``, would do to the clusters of the
    plans: a verdict for each, in their order. These clusters are no ``others`` of a verdict.
    ``accepted``: addresses of resources of which more access is meant.

    Raises ``Failed``: ``terraform-plan-malformed``, ``terraform-plan-incomplete``.
    """
    from migrator.decide.proving.terraform_plan import judge_terraform_plan
    from migrator.model.files.terraform_plan import read_terraform_plan

    terraform = read_terraform_plan(content, name)
    if not terraform.whole:
        raise Failed(
            "terraform-plan-incomplete",
            f"{name} is no complete plan.",
            why="Terraform met an error or deferred resources: more would follow.",
            remedy="Make a plan that ends without an error, without -target, and check that one.",
        )
    given = [plan.cluster for plan in plans]
    return tuple(judge_terraform_plan(terraform, plan, given, accepted) for plan in plans)


def refuse_unnamed(
    plans: Sequence[Plan],
    verdicts: Sequence[TerraformVerdict],
    name: str,
) -> None:
    """Raises ``Failed`` where nothing in the Terraform plan ``name`` is surely of a cluster, and
    nothing is wrong: ``terraform-plan-cluster-unknown`` where it has objects that may be,
    ``terraform-plan-other-cluster`` where it has none.
    """
    for plan, verdict in zip(plans, verdicts, strict=True):
        if verdict.named or verdict.problems:
            continue
        cluster = plan.cluster.name
        others = f"It is about {', '.join(verdict.others)}." if verdict.others else ""
        # aws-auth and bindings name no cluster: such resources alone may be of any.
        if verdict.doubtful:
            raise Failed(
                "terraform-plan-cluster-unknown",
                f"{name} does not show whether its objects are of the cluster {cluster}: "
                f"{', '.join(verdict.doubtful)}.",
                why="Objects of Kubernetes name no cluster, and the configuration of their "
                "provider leads to none that can be followed: the JSON has no locals, no files "
                f"and no environment. {others}".rstrip(),
                remedy="Name the cluster in the provider block (config_context with its ARN, or "
                f"--cluster-name {cluster} in exec, or a data source aws_eks_cluster), or check a "
                "Terraform plan that has the cluster or its entries.",
            )
        raise Failed(
            "terraform-plan-other-cluster",
            f"{name} has no resource of the cluster {cluster}.",
            why=others or "No cluster, access entry or association in it names the cluster.",
            remedy="Name the Terraform plan of this cluster's code, with the entries imported.",
        )
