"""What a Terraform plan would do to access, as text and as a document."""

from typing import Any

from migrator.model.terraform_plan import TerraformVerdict
from migrator.render.escape import terminal


def terraform_verdict_text(verdict: TerraformVerdict) -> str:
    """One line a problem, the resource's address first, and one line about what was judged."""
    lines = [f"{terminal(each.address)}: {terminal(each.what)}" for each in verdict.problems]
    lines.append(f"{verdict.judged} resources judged, {len(verdict.problems)} problems.")
    if verdict.others:
        names = ", ".join(map(terminal, verdict.others))
        lines.append(f"Not judged: resources of {names}.")
    return "\n".join(lines) + "\n"


def terraform_verdict_document(verdict: TerraformVerdict) -> dict[str, Any]:
    """``migrator/terraform-check/v1``."""
    return {
        "format": "migrator/terraform-check/v1",
        "judged": verdict.judged,
        "otherClusters": list(verdict.others),
        "problems": [
            {"address": each.address, "fault": each.fault, "what": each.what}
            for each in verdict.problems
        ],
    }
