"""Whether the operator may make the bindings of a plan: asked before anything is written.

The bridge comes after the mode step, which is one-way: an operator who learns only then that it
cannot be built cannot undo the mode step.
"""

from migrator.decide.proving.how_known import request_text
from migrator.decide.running.binding_permissions import requests_for_bindings
from migrator.decide.running.progress import Progress
from migrator.errors import Blocked, MigratorError
from migrator.model.plan import Plan
from migrator.ports import Reviewers


def refuse_without_bindings(
    plan: Plan, progress: Progress, reviewers: Reviewers, caller: str
) -> None:
    """Raises ``Blocked`` ``bindings-not-allowed`` where the API server says no, or cannot be asked
    as ``caller``.
    """
    requests = requests_for_bindings(plan, progress)
    if not requests:
        return
    try:
        reviewer = reviewers.as_principal(caller)
        refused = [request_text(request) for request in requests if not reviewer.can(request)[0]]
    except MigratorError as error:
        if error.code != "cannot-become":
            raise
        refused = [f"{error.message} {error.why}".strip()]
    if refused:
        raise Blocked(
            "bindings-not-allowed",
            "The plan makes bindings, and you may not make them.",
            why="Not allowed: " + "; ".join(refused) + ".",
            remedy="Run it as a principal that may, or plan again with --accept-gap: "
            "administrators then have no access for some seconds each, between their entry and "
            "its access policy.",
        )
