"""A plan that was read, with its basis: the index in which every check looks things up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrator.decide.planning.principals.candidate_principals import (
    CandidatePrincipal,
    candidates_of,
)
from migrator.decide.planning.principals.plan_facts import PlanFacts
from migrator.decide.planning.rereading.basis_facts import facts_of_basis
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.model.finding import Finding
from migrator.model.plan import Plan, PlannedPrincipal


@dataclass(frozen=True, slots=True)
class PlanRead:
    """``unplanned``: principals of the basis that are not in the plan. ``of_basis``: what the basis
    says of each principal of the plan, by ARN; principals that the basis does not name are not in
    it.
    """

    plan: Plan
    facts: PlanFacts
    of_basis: Mapping[str, CandidatePrincipal]
    unplanned: Sequence[CandidatePrincipal]
    findings: Mapping[str, Sequence[Finding]]
    gap_accepted: bool

    def subject_of(self, principal: PlannedPrincipal) -> CandidatePrincipal:
        """What is known of a principal; for one that the basis does not name, what IAM says."""
        arn = principal.principal_arn
        known = self.of_basis.get(arn)
        if known is not None:
            return known
        return CandidatePrincipal(arn, self.facts.find(arn))

    def is_announced(
        self,
        principal: PlannedPrincipal,
        codes: frozenset[str],
        name: str,
    ) -> bool:
        """Whether a finding of the principal with one of the codes names this group or access
        policy.
        """
        # Findings name a group as `name`, and a policy with its scope as `name (scope)`.
        for finding in self.findings.get(principal.principal_arn, ()):
            if finding.code not in codes:
                continue
            if f"`{name}`" in finding.message or f"`{name} (" in finding.message:
                return True
        return False


def read_beside_basis(plan: Plan) -> PlanRead:
    """Index the plan and its basis. Raises ``Failed`` ``plan-inconsistent`` for a basis of another
    shape.
    """
    facts = facts_of_basis(plan)
    candidates = candidates_of(facts)
    of_basis = _matched(plan, candidates)
    planned = {id(candidate) for candidate in of_basis.values()}
    findings: dict[str, list[Finding]] = {}
    gap_accepted = False
    for finding in plan.findings:
        # A person accepted that administrators have no access between entry and policy.
        if finding.code == "gap-accepted":
            gap_accepted = True
        if finding.principal_arn is not None:
            findings.setdefault(finding.principal_arn, []).append(finding)
    return PlanRead(
        plan=plan,
        facts=facts,
        of_basis=of_basis,
        unplanned=[each for each in candidates if id(each) not in planned],
        findings=findings,
        gap_accepted=gap_accepted,
    )


def _matched(plan: Plan, candidates: Sequence[CandidatePrincipal]) -> dict[str, CandidatePrincipal]:
    """What the basis says of each principal of the plan, by the plan's ARN.

    An answer may spell a principal with the path that its row lacks (a role's path is no part of
    its ARN in aws-auth): then its rows show which principal it is.
    """
    by_arn = {row_key(candidate.arn): candidate for candidate in candidates}
    by_rows: dict[tuple[str, ...], CandidatePrincipal] = {}
    for candidate in candidates:
        if candidate.rows:
            by_rows[tuple(row.source for row in candidate.rows)] = candidate
    found: dict[str, CandidatePrincipal] = {}
    for principal in plan.principals:
        arn = principal.principal_arn
        matched = by_arn.get(row_key(arn))
        if matched is None:
            matched = by_rows.get(principal.sources)
        if matched is None:
            continue
        # The rows of another principal are no reason to take it for this one.
        if principal_key(matched.arn) == principal_key(arn):
            found[arn] = matched
    return found
