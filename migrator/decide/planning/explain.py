"""Why a principal gets its action: rows and lines, identity today and after, findings with their
sources, steps.
"""

from collections.abc import Mapping

from migrator.decide.access.log_in_population import population_of
from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.decide.planning.entries.entry_identity import identity_of_spec
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.errors import WrongUse
from migrator.model.access_entry import NOBODY, Identity
from migrator.model.explanation import ExplainedRow, Explanation, Reason
from migrator.model.finding import Finding
from migrator.model.plan import AccessChange, Action, Plan, PlannedPrincipal
from migrator.model.step import UpdateEntry

ACTION_MEANS: Mapping[Action, str] = {
    "create": "A new access entry gives the same as today.",
    "update": "The access entry that exists is changed in place, every field sent.",
    "recreate": "The access entry that exists is dead; it is deleted and made again from the row "
    "that answers today.",
    "keep": "An access entry exists and decides already; nothing is done.",
    "await": "EKS makes this access entry itself when access entries are switched on.",
    "skip": "Nothing is migrated.",
    "block": "A person must decide; apply and cut-over refuse until decisions.yaml answers.",
}


def explain(
    plan: Plan, principal_arn: str, *, lines: Mapping[str, int] | None = None
) -> Explanation:
    """The explanation of one principal. ``lines`` gives the line of each row inside its section,
    where known.

    Raises ``WrongUse`` ``principal-unknown``.
    """
    principal = _find(plan, principal_arn)
    findings = tuple(finding for finding in plan.findings if _is_about(finding, principal))
    known = {f.source: f.line for f in plan.findings if f.source is not None and f.line is not None}
    known.update(lines or {})
    after = _after(plan, principal)
    return Explanation(
        principal_arn=principal.principal_arn,
        action=principal.action,
        means=_means(plan, principal),
        rows=tuple(ExplainedRow(source, known.get(source)) for source in principal.sources),
        before=principal.before,
        after=after,
        entry=principal.entry or principal.proposed,
        access=principal.access,
        reasons=tuple(Reason(finding, CATALOGUE[finding.code]) for finding in findings),
        steps=tuple(step for step in plan.steps if step.principal_arn == principal.principal_arn),
        required_proof=principal.required_proof,
        log_ins_before=population_of(principal.before, principal.principal_arn),
        log_ins_after=None if after is None else population_of(after, principal.principal_arn),
    )


def _means(plan: Plan, principal: PlannedPrincipal) -> str:
    """What the action means for this principal: that a new entry gives the same is said only where
    it does.
    """
    if principal.action != "create":
        return ACTION_MEANS[principal.action]
    if principal.access != AccessChange():
        return (
            "A new access entry. It does not give the same as today: what is gained and lost "
            "is "
            "below."
        )
    if plan.basis.get("rbac") is None:
        return (
            "A new access entry. RBAC was not read, so that what it gives is not compared with "
            "today."
        )
    return ACTION_MEANS["create"]


def principals_of(plan: Plan, arn: str) -> tuple[PlannedPrincipal, ...]:
    """The principals that the authenticator would know by this ARN: a role as aws-auth writes it,
    without its path (IAM Identity Center), or a session of it as ``aws sts get-caller-identity``
    shows it.
    """
    key = principal_key(arn)
    return tuple(each for each in plan.principals if principal_key(each.principal_arn) == key)


def _find(plan: Plan, principal_arn: str) -> PlannedPrincipal:
    for principal in plan.principals:
        if row_key(principal.principal_arn) == row_key(principal_arn):
            return principal
    raise WrongUse(
        "principal-unknown",
        f"The plan has no principal `{principal_arn}`.",
        why="Principals are named by their full ARN, with the path.",
        remedy="`migrate show PLAN` lists them.",
    )


def _is_about(finding: Finding, principal: PlannedPrincipal) -> bool:
    return finding.principal_arn == principal.principal_arn or finding.source in principal.sources


def _after(plan: Plan, principal: PlannedPrincipal) -> Identity | None:
    """Who the principal is when all steps are done."""
    match principal.action:
        case "keep":
            return principal.before
        case "skip":
            return principal.before if "stays-in-config-map" in principal.findings else NOBODY
        case "await":
            updates = [
                step.effect.entry
                for step in plan.steps
                if isinstance(step.effect, UpdateEntry)
                and step.principal_arn == principal.principal_arn
            ]
            spec = updates[-1] if updates else principal.entry
        case _:
            spec = principal.entry or principal.proposed
    return identity_of_spec(principal.principal_arn, spec) if spec else None
