"""What a Terraform plan would do to access, as text and as a document."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from migrator.model.plan import Plan
from migrator.model.terraform_plan import TerraformProblem, TerraformVerdict
from migrator.render.escape import terminal


def terraform_verdict_text(
    verdict: TerraformVerdict,
) -> str:
    """One line a problem, the resource's address first; one for each change that is not judged; and
    one about what was judged.
    """
    return "\n".join([*_lines(verdict), *_others(verdict.others)]) + "\n"


def terraform_fleet_text(
    plans: Sequence[Plan],
    verdicts: Sequence[TerraformVerdict],
) -> str:
    """Each cluster with its lines, then the clusters that no plan was given for."""
    lines: list[str] = []
    for plan, verdict in zip(plans, verdicts, strict=True):
        lines.append(terminal(plan.cluster.arn))
        lines += [f"  {line}" for line in _lines(verdict)]
        if not verdict.named:
            lines.append("  No resource in it names this cluster.")
    return "\n".join([*lines, *_others(_all_others(verdicts))]) + "\n"


def _lines(
    verdict: TerraformVerdict,
) -> Iterator[str]:
    """Problems, what is not judged, and how many of each."""
    for problem in verdict.problems:
        yield f"{terminal(problem.address)}: {terminal(problem.what)}"
    for accepted in verdict.accepted:
        yield f"accepted: {terminal(accepted.address)}: {terminal(accepted.what)}"
    for each in verdict.unjudged:
        yield f"not judged: {terminal(each.address)} ({terminal(each.why)})"
    left = f", {len(verdict.unjudged)} not judged" if verdict.unjudged else ""
    yield f"{verdict.judged} resources judged, {len(verdict.problems)} problems{left}."


def _others(
    others: Iterable[str],
) -> Iterator[str]:
    """Other clusters, where there are any."""
    names = ", ".join(map(terminal, others))
    if names:
        yield f"Not judged: resources of {names}."


def _all_others(
    verdicts: Iterable[TerraformVerdict],
) -> list[str]:
    """The clusters that no plan is for, each once."""
    return sorted({name for verdict in verdicts for name in verdict.others})


def terraform_verdict_document(
    verdict: TerraformVerdict,
) -> dict[str, Any]:
    """``migrator/terraform-check/v1``."""
    return {
        "format": "migrator/terraform-check/v1",
        **_document(verdict),
        "otherClusters": list(verdict.others),
    }


def terraform_fleet_document(
    plans: Sequence[Plan], verdicts: Sequence[TerraformVerdict]
) -> dict[str, Any]:
    """``migrator/terraform-fleet-check/v1``: what is said of one cluster, for each of many."""
    return {
        "format": "migrator/terraform-fleet-check/v1",
        "clusters": [
            {"cluster": plan.cluster.arn, "named": verdict.named, **_document(verdict)}
            for plan, verdict in zip(plans, verdicts, strict=True)
        ],
        "otherClusters": _all_others(verdicts),
    }


def _document(
    verdict: TerraformVerdict,
) -> dict[str, Any]:
    """What is said of one cluster."""
    return {
        "judged": verdict.judged,
        "problems": [_problem(each) for each in verdict.problems],
        "accepted": [_problem(each) for each in verdict.accepted],
        "notJudged": [{"address": each.address, "why": each.why} for each in verdict.unjudged],
    }


def _problem(
    found: TerraformProblem,
) -> dict[str, Any]:
    return {"address": found.address, "fault": found.fault, "what": found.what}
