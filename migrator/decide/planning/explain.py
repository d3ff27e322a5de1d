"""Why a principal gets its action: rows and lines, identity today and after, findings with their
sources, steps.
"""

from collections.abc import Mapping

from migrator.decide.access.log_in_population import population_of
from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.decide.findings.rule_evidence import evidence_of
from migrator.decide.planning.entries.entry_identity import identity_of_spec
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.errors import WrongUse
from migrator.model.access_entry import NOBODY, EntrySpec, Identity
from migrator.model.explanation import ExplainedRow, Explanation, Reason
from migrator.model.finding import Finding
from migrator.model.plan import AccessChange, Action, Plan, PlannedPrincipal
from migrator.model.principal_names import arns_meant, row_meant
from migrator.model.step import UpdateEntry

ACTION_MEANS: Mapping[Action, str] = {
    "create": "A new access entry gives the same as today.",
    "update": "The access entry that exists is changed in place, every field sent.",
    "recreate": "The access entry that exists is dead; it is deleted, and a new one gives what "
    "aws-auth gives today.",
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
    known = plan.lines | dict(lines or {})
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
        reasons=tuple(
            Reason(finding, kind, evidence_of(kind))
            for finding in findings
            for kind in (CATALOGUE[finding.code],)
        ),
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
            "A new access entry. It does not give the same as today: what is gained and lost is "
            "below."
        )
    # An empty comparison proves nothing where there was nothing to compare with.
    if plan.basis.get("rbac") is None:
        return (
            "A new access entry. RBAC was not read, so that what it gives is not compared with "
            "today."
        )
    return ACTION_MEANS["create"]


def principals_meant(plan: Plan, wanted: str) -> tuple[PlannedPrincipal, ...]:
    """The principals that ``wanted`` can mean: a row (``mapRoles[3]``), else the ARN, else its end
    (``role/ci/runner``, ``runner``), else a way in which the authenticator would know it.
    """
    # First, and alone: the text of a row may end as the place of another row is written.
    row = row_meant(wanted)
    if row is not None:
        return tuple(each for each in plan.principals if row in each.sources)
    meant = set(arns_meant((each.principal_arn for each in plan.principals), wanted))
    named = tuple(each for each in plan.principals if each.principal_arn in meant)
    return named or principals_of(plan, wanted)


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
    # A finding of a row that never matches has no principal, only its place.
    if finding.principal_arn == principal.principal_arn:
        return True
    return finding.source in principal.sources


def _after(plan: Plan, principal: PlannedPrincipal) -> Identity | None:
    """Who the principal is when all steps are done."""
    if principal.action == "keep":
        return principal.before
    # In API mode aws-auth is not asked: what is skipped loses its row, except where the plan's
    # target leaves the ConfigMap in force.
    if principal.action == "skip":
        return principal.before if "stays-in-config-map" in principal.findings else NOBODY
    spec = _last_spec(plan, principal)
    return None if spec is None else identity_of_spec(principal.principal_arn, spec)


def _last_spec(plan: Plan, principal: PlannedPrincipal) -> EntrySpec | None:
    """The entry that the principal ends with, or the one that is proposed to a person."""
    if principal.action != "await":
        return principal.entry or principal.proposed
    # EKS makes the entry, and updates complete it to what the row gave.
    spec = principal.entry
    for step in plan.steps:
        if step.principal_arn == principal.principal_arn and isinstance(step.effect, UpdateEntry):
            spec = step.effect.entry
    return spec
