"""Whether the operator may take the steps of a plan: asked before anything is written.

Entries and bridge come after the mode step, which is one-way: an operator who learns only then that
they cannot be made cannot undo the mode step.
"""

from collections.abc import Iterable, Sequence

from migrator.decide.proving.how_known import request_text
from migrator.decide.running.binding_permissions import requests_for_bindings
from migrator.decide.running.progress import Progress
from migrator.decide.running.step_permissions import needs_of_steps
from migrator.errors import Blocked, MigratorError
from migrator.model.plan import Plan
from migrator.model.policy_kind import remedy_by_kind
from migrator.model.step import Step
from migrator.ports import Permissions, Reviewers


def refuse_without_iam(plan: Plan, steps: Iterable[Step], permissions: Permissions | None) -> str:
    """Raises ``Blocked`` ``steps-not-allowed`` where IAM refuses the caller an action of the steps,
    whatever the conditions of the call are. Returns why IAM's answer is not known, empty where it
    is.
    """
    needs = needs_of_steps(plan.cluster, steps)
    if not needs:
        return ""
    unknown = "IAM was not asked whether you may take these steps (iam:SimulatePrincipalPolicy)."
    if permissions is None:
        return unknown
    refused = permissions.refused(needs, unconditional=True)
    if refused is None:
        why = permissions.why_not_asked()
        if why is None:
            return unknown
        return f"IAM was not asked whether you may take these steps. {why.message}"
    if refused:
        raise Blocked(
            "steps-not-allowed",
            "The plan has steps that IAM refuses you.",
            why="Not allowed: " + ", ".join(sorted({action for action, _ in refused})) + ".",
            remedy=_remedy(plan.cluster.name, refused, permissions),
        )
    return ""


def _remedy(cluster: str, refused: Sequence[tuple[str, str]], permissions: Permissions) -> str:
    """What helps, by the kind of policy that refuses: no policy for the caller helps against one of
    the organization.
    """
    kinds = {(action, permissions.limit_of(action, resource)) for action, resource in refused}
    own = (
        f"`migrate doctor {cluster} --policy` prints a policy that allows {{actions}}; or run it "
        f"as a principal that may."
    )
    return remedy_by_kind(sorted(kinds), own)


def refuse_without_bindings(
    plan: Plan,
    progress: Progress,
    reviewers: Reviewers,
    caller: str,
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
