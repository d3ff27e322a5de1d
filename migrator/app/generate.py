"""The access entries of a plan that belong into a team's code."""

from dataclasses import dataclass

from migrator.model.code_entries import CodeEntries
from migrator.model.plan import Plan


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
