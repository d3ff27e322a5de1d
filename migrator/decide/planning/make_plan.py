"""From a snapshot and answers to the plan: one action per principal, findings, ordered steps, and
the proof of it.

The proof: all steps are simulated on the snapshot and planned again, which must leave nothing to
do; and no access may be gained or lost that no finding names. A plan that cannot be proven is an
error, never a warning.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from migrator.decide.findings.findings_catalogue import make_finding
from migrator.decide.planning.entries.decide_principal import decide_principal
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.order.order_steps import order_steps
from migrator.decide.planning.order.required_proof import needs_no_login, required_proof
from migrator.decide.planning.principals.candidate_principals import candidates_of
from migrator.decide.planning.principals.creator_evidence import known_creator
from migrator.decide.planning.principals.plan_facts import PlanFacts, facts_at_end, gather
from migrator.decide.planning.proof.basis import basis_of, digest_of
from migrator.decide.planning.proof.cluster_findings import cluster_findings
from migrator.decide.planning.proof.decisions_check import check_after, check_before
from migrator.decide.planning.proof.explained_access import unexplained
from migrator.decide.planning.proof.judge_access import index_after, judge
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key
from migrator.errors import Failed
from migrator.model.access_entry import EntrySpec
from migrator.model.decision import Decisions
from migrator.model.finding import Finding
from migrator.model.plan import Plan, PlannedPrincipal, Strategy, Target
from migrator.model.snapshot import Snapshot
from migrator.model.step import ProofClass, Step


def make_plan(
    snapshot: Snapshot,
    decisions: Decisions,
    *,
    strategy: Strategy = "preserve",
    target: Target = "API",
    now: datetime,
    accept_gap: bool = False,
) -> Plan:
    """The proven plan for a snapshot. ``now`` says which answers have ended (``until``), and
    nothing else: the plan's time is the snapshot's.

    ``accept_gap``: no bridge is built, and admins have nothing between their entry and its policy;
    for operators who may not create bindings.

    A blocked plan is returned. Raises ``Failed``: ``decision-expired``, ``decision-unused``,
    ``decision-invalid``, ``plan-unproven``.
    """
    aws_auth = read_aws_auth(snapshot.aws_auth_data)
    snapshot = replace(snapshot, creator=known_creator(snapshot, decisions, aws_auth))
    facts = gather(
        snapshot,
        decisions,
        aws_auth,
        strategy=strategy,
        target=target,
        accept_gap=accept_gap,
    )
    check_before(facts, now)
    decided = tuple(
        judge([decide_principal(candidate, facts) for candidate in candidates_of(facts)], facts)
    )
    check_after(decided, facts)
    steps = order_steps(decided, facts)
    _prove_access(decided, facts)
    _prove_end(facts, decided, steps)
    basis = basis_of(snapshot, aws_auth)
    return Plan(
        created_at=snapshot.taken_at,
        cluster=snapshot.cluster,
        basis=basis,
        snapshot_digest=digest_of(basis),
        strategy=strategy,
        target=target,
        principals=tuple(_principal(each, facts) for each in decided),
        findings=tuple(_findings(decided, facts)),
        steps=steps,
        break_glass=decisions.break_glass,
    )


def _principal(each: PrincipalDecision, facts: PlanFacts) -> PlannedPrincipal:
    # What is skipped or blocked gets no entry: a blocked one has a proposal instead.
    shown = None if each.action in ("skip", "block") else each.entry
    known = each.candidate.found.principal
    return PlannedPrincipal(
        principal_arn=each.candidate.arn,
        action=each.action,
        before=each.before,
        sources=tuple(row.source for row in each.candidate.rows),
        principal_id=known.id if known else None,
        entry=shown,
        proposed=each.proposed if each.action == "block" else None,
        required_proof=_required_proof(each, shown, facts),
        access=each.access,
        findings=tuple(dict.fromkeys(note.code for note in each.notes)),
        lines=tuple(row.line for row in each.candidate.rows),
    )


def _required_proof(
    each: PrincipalDecision, shown: EntrySpec | None, facts: PlanFacts
) -> ProofClass:
    """For an entry that may be dead, evaluated rules prove nothing: a login must be attributed to
    it.
    """
    if each.action == "keep" and needs_no_login(each.candidate, facts):
        return "simulated"
    required = required_proof(each.candidate.arn, each.update or shown, facts)
    if required in ("live", "observed"):
        return required
    if any(note.code == "entry-liveness-unknown" for note in each.notes):
        return "observed"
    return required


def _findings(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> Iterable[Finding]:
    yield from cluster_findings(decided, facts)
    for each in decided:
        for note in each.notes:
            row = note.row or each.candidate.row
            yield make_finding(
                note.code,
                note.message,
                source=row.source if row else None,
                line=row.line if row else None,
                principal_arn=each.candidate.arn,
                remedy=note.remedy,
                severity=note.severity,
            )


def _prove_access(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> None:
    """No silent gain, no silent loss: a finding of the principal explains each difference."""
    later = index_after(decided, facts)
    for each in decided:
        # Nothing of a blocked principal is applied.
        if each.action == "block":
            continue
        left = unexplained(each, facts, later)
        differences = {
            "gain of access": left.gained,
            "loss of access": left.lost,
            "gain of log-ins": left.log_ins_gained,
            "loss of log-ins": left.log_ins_lost,
        }
        for difference, found in differences.items():
            if found:
                raise _unproven(
                    f"`{each.candidate.arn}` would have a {difference} that no finding names."
                )


def _prove_end(
    facts: PlanFacts, decided: Iterable[PrincipalDecision], steps: tuple[Step, ...]
) -> None:
    """Simulate every step and plan again: no step may be left for a principal that is decided."""
    if not steps:
        return
    later = facts_at_end(facts, simulate(facts.snapshot, steps))
    # By key: without the entry that shows its spelling, the same principal may be named as in its
    # row.
    undecided = {principal_key(each.candidate.arn) for each in decided if each.action == "block"}
    again = [
        decide_principal(candidate, later)
        for candidate in candidates_of(later)
        if principal_key(candidate.arn) not in undecided
    ]
    left = order_steps(again, later)
    if left:
        kinds = ", ".join(
            f"{step.effect.kind} {step.principal_arn or ''}".strip() for step in left[:5]
        )
        raise _unproven(f"After the last step of the plan these steps are still needed: {kinds}.")


def _unproven(why: str) -> Failed:
    return Failed(
        "plan-unproven",
        "The plan could not be proven, so it was not made.",
        why=why,
        remedy="This is a defect of the tool: please report it with the snapshot (`migrate "
        "snapshot`).",
    )
