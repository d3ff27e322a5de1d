"""Findings of a plan that was read: codes and severities of the catalogue, about what the plan
knows, none missing.

A finding that blocks becomes a warning only by a decision, which leaves a separate finding.
"""

from collections.abc import Iterator

from migrator.decide.findings.findings_catalogue import CATALOGUE
from migrator.decide.planning.principals.plan_facts import PlanFacts
from migrator.decide.planning.rereading.inconsistency import Inconsistency
from migrator.decide.planning.rereading.plan_read import PlanRead
from migrator.model.finding import Finding
from migrator.model.plan import Plan, PlannedPrincipal

# The findings that a decision leaves on the principal whose blocker it answers.
_DECISIONS = frozenset(
    {"answered", "skipped-by-decision", "loss-accepted", "gain-accepted", "stays-in-config-map"}
)
# An answer that was judged and blocks for another reason.
_STILL_BLOCKED = frozenset(
    {
        "loss-not-accepted",
        "answer-unjudged",
        "log-in-population-gained",
        "authenticated-group-gained",
    }
)
# Blockers that are warnings where a principal is skipped anyway (decide_principal).
_WARN_OF_SKIPPED = frozenset(
    {
        "role-unverified",
        "foreign-role-unverified",
        "principal-ambiguous",
        "node-role-without-node-row",
    }
)
# Findings about the cluster that an answer turns into a warning; the answer leaves nothing else in
# the plan.
_ANSWERED_IN_PLACE = frozenset({"section-lost", "map-accounts"})
_ACCOUNT_CODES = frozenset(
    {"map-accounts", "map-accounts-dead", "account-skipped", "account-expanded"}
)
_LOST_CODES = {"lost": "section-lost", "doubtful": "section-doubtful"}


def check_findings(read: PlanRead) -> Iterator[Inconsistency]:
    """Severities, references, places; that principals and findings name each other; that no blocker
    is missing.
    """
    plan = read.plan
    principals = {principal.principal_arn: principal for principal in plan.principals}
    about: dict[str, set[str]] = {arn: set() for arn in principals}
    blocking: set[str] = set()
    for finding in plan.findings:
        yield from _check_kind(finding)
        yield from _check_stays(finding, plan)
        if finding.principal_arn is None:
            yield from _check_severity(finding, None)
            continue
        principal = principals.get(finding.principal_arn)
        if principal is None:
            yield Inconsistency(_place(finding), "Its principal is not in the plan.")
            continue
        about[principal.principal_arn].add(finding.code)
        if finding.severity == "block":
            blocking.add(principal.principal_arn)
        yield from _check_severity(finding, principal)
    for principal in plan.principals:
        yield from _check_principal(principal, about[principal.principal_arn], blocking)
    yield from _check_aws_auth(plan, read.facts)


def _place(finding: Finding) -> str:
    """The finding as an inconsistency names it."""
    if not finding.principal_arn:
        return f"finding {finding.code}"
    return f"finding {finding.code} of {finding.principal_arn}"


def _check_kind(finding: Finding) -> Iterator[Inconsistency]:
    """The catalogue has the code, and the page that the finding refers to."""
    kind = CATALOGUE.get(finding.code)
    if kind is None:
        yield Inconsistency(_place(finding), "The catalogue has no such finding.")
    elif finding.reference != kind.reference:
        yield Inconsistency(_place(finding), "Its reference is not that of the catalogue.")


def _check_stays(finding: Finding, plan: Plan) -> Iterator[Inconsistency]:
    """A row, or an account of mapAccounts, stays in aws-auth only where the cluster stays in
    API_AND_CONFIG_MAP mode: in API mode it admits no principal, and no one accepted that.
    """
    if plan.target == "API" and _stays(finding):
        yield Inconsistency(
            _place(finding), "Its row stays in aws-auth, and the target API ends aws-auth."
        )


def _stays(finding: Finding) -> bool:
    """Whether a finding says that rows or accounts remain in aws-auth."""
    match finding.code:
        case "stays-in-config-map":
            return True
        case "map-accounts":
            # mapAccounts blocks, except where it stays.
            return finding.severity != "block"
        case _:
            return False


def _check_severity(
    finding: Finding, principal: PlannedPrincipal | None
) -> Iterator[Inconsistency]:
    """The severity is that of the catalogue, or that of a blocker which a decision answers.
    ``principal``: the one that the finding is about, None for a finding about the cluster.
    """
    kind = CATALOGUE.get(finding.code)
    # _check_kind says that the catalogue does not have it.
    if kind is None:
        return
    if finding.severity == kind.severity:
        return
    where = _place(finding)
    # Only a blocker is ever softened, and to a warning (findings_catalogue.softened).
    if (kind.severity, finding.severity) != ("block", "warn"):
        yield Inconsistency(
            where, f"Its severity is {finding.severity}, the catalogue's is {kind.severity}."
        )
        return
    if principal is None:
        if finding.code not in _ANSWERED_IN_PLACE:
            yield Inconsistency(where, "It blocks, and no decision can turn it into a warning.")
        return
    if not _may_soften(principal, finding.code):
        yield Inconsistency(where, "It blocks, and the plan shows no decision that answers it.")


def _may_soften(principal: PlannedPrincipal, code: str) -> bool:
    """Whether a blocker of the principal can be a warning: an answer softened it, or the principal
    is not changed.
    """
    found = principal.findings
    if not _DECISIONS.isdisjoint(found):
        return True
    # The answer softened the first blocker, and then blocked for another reason.
    if principal.action == "block" and not _STILL_BLOCKED.isdisjoint(found):
        return True
    # No entry is made, so that the doubt about the principal can do no harm.
    if principal.action == "skip":
        return code in _WARN_OF_SKIPPED
    return False


def _check_principal(
    principal: PlannedPrincipal, about: set[str], blocking: set[str]
) -> Iterator[Inconsistency]:
    """A principal and the findings about it name each other, and it is blocked where one blocks.
    ``about``: codes of the findings about it; ``blocking``: ARNs of principals with a blocker.
    """
    arn = principal.principal_arn
    place = f"principal {arn}"
    listed = set(principal.findings)
    missing = listed - about
    if missing:
        yield Inconsistency(place, f"Its finding {min(missing)} is not among the plan's findings.")
    # cluster_findings makes this one about the cluster, and it names an entry.
    unnamed = about - listed - {"bridge-name-used"}
    if unnamed:
        yield Inconsistency(
            place, f"The finding {min(unnamed)} is about it, and it does not list it."
        )
    if "bridge-name-used" in about:
        return
    where = f"principal {arn} with the action {principal.action}"
    if principal.action == "block":
        if arn not in blocking:
            yield Inconsistency(where, "It is blocked, and no finding blocks it.")
    elif arn in blocking:
        yield Inconsistency(where, "A finding blocks it.")


def _check_aws_auth(plan: Plan, facts: PlanFacts) -> Iterator[Inconsistency]:
    """Lost sections and mapAccounts in the basis must have their finding. In API mode EKS does not
    read aws-auth.
    """
    if facts.mode == "API":
        return
    found = {(finding.code, finding.source) for finding in plan.findings}
    for problem in facts.aws_auth.problems:
        code = _LOST_CODES.get(problem.kind)
        # A kind without a code cannot have a finding.
        if code is not None and (code, problem.section) in found:
            continue
        yield Inconsistency(
            f"section {problem.section}", f"It is {problem.kind}, and no finding says so."
        )
    accounts = sum(finding.code in _ACCOUNT_CODES for finding in plan.findings)
    if accounts < len(facts.aws_auth.accounts):
        yield Inconsistency("mapAccounts", "An account of it has no finding.")
