"""Verify as each principal: log in as it, look who it is, ask its probes, compare with what is right.

Impersonation and SubjectAccessReview cannot see access policies, so nothing here impersonates. Whoever cannot be
logged in as gets the best other class of proof, recorded as what it is and with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from migrator.decide.authorize import RbacIndex
from migrator.decide.compare_subject import compare_subject
from migrator.decide.entry_states import final_spec
from migrator.decide.expectations import (
    evaluate,
    identity_after,
    identity_of_entry,
    is_ours,
    phase_of,
    probes_of,
)
from migrator.decide.verdicts import cluster_verdict, state_digest, verdict_of
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.canonical import canonical_bytes
from migrator.model.decision import Acceptance
from migrator.model.evidence import (
    Attribution,
    Evidence,
    Phase,
    PrincipalVerdict,
    Probe,
    ProbeResult,
    SelfSubject,
    evidence_in,
    evidence_to_document,
)
from migrator.model.outcome import VerifyOutcome
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.snapshot import Snapshot
from migrator.model.step import ProofClass
from migrator.ports import AccessReviewer
from migrator.run.begin_run import RunPorts, refuse_other_cluster
from migrator.run.one_run import EVIDENCE_FILE
from migrator.run.prove_principal import by_node_entry

PATIENCE = timedelta(seconds=30)  # entries take up to that long to reach the authenticator
PAUSE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """``only``: these principals. ``baseline``: take the state before and judge nothing. ``probes``: at most so
    many questions each. ``waive_verification`` comes from decisions.yaml; ``own_probes`` are asked of everybody.
    """

    only: tuple[str, ...] = ()
    baseline: bool = False
    probes: int = 30
    own_probes: tuple[Probe, ...] = ()
    waive_verification: Mapping[str, Acceptance] = field(default_factory=dict)
    proof_policy: Mapping[str, ProofClass] = field(default_factory=dict)


DEFAULTS = VerifyOptions()


@dataclass(frozen=True, slots=True)
class _World:
    """What one verification is measured against."""

    plan: Plan
    snapshot: Snapshot
    index: RbacIndex | None
    earlier: tuple[Evidence, ...]
    ports: RunPorts
    options: VerifyOptions

    @property
    def mode(self) -> str:
        return self.snapshot.cluster.authentication_mode

    def spec(self, arn: str) -> EntrySpec | None:
        return final_spec(self.plan, arn)

    def entry(self, arn: str) -> AccessEntry | None:
        return next((e for e in self.snapshot.access_entries or () if e.principal_arn == arn), None)


def verify_access(plan: Plan, ports: RunPorts, options: VerifyOptions = DEFAULTS) -> VerifyOutcome:
    """Verify every principal of the plan, or those of ``options.only``.

    Exit code 0 only where the verdict on the cluster is ``ok`` (for a baseline: where it could be taken of
    everybody who can be logged in as), else 6. Raises ``Refused`` for another cluster, and whatever keeps the
    cluster from being read at all.
    """
    snapshot = ports.read_snapshot()
    refuse_other_cluster(plan, snapshot)
    index = RbacIndex(snapshot.rbac) if snapshot.rbac is not None else None
    earlier = evidence_in(ports.store.read(EVIDENCE_FILE) or b"")
    world = _World(plan, snapshot, index, earlier, ports, options)
    chosen = [p for p in plan.principals if not options.only or p.principal_arn in options.only]
    taken = [each for each in ports.tasks.map(lambda p: _one(world, p), chosen) if each is not None]
    for evidence in taken:
        ports.store.append_line(EVIDENCE_FILE, canonical_bytes(evidence_to_document(evidence)))
    return _outcome(world, chosen, tuple(taken))


def current_verdicts(
    plan: Plan, ports: RunPorts, snapshot: Snapshot, options: VerifyOptions = DEFAULTS
) -> tuple[PrincipalVerdict, ...]:
    """The verdicts that the evidence on disk gives now, nothing asked anew."""
    world = _World(plan, snapshot, None, evidence_in(ports.store.read(EVIDENCE_FILE) or b""), ports, options)
    return _verdicts(world, list(plan.principals), ())


def _outcome(world: _World, chosen: list[PlannedPrincipal], taken: tuple[Evidence, ...]) -> VerifyOutcome:
    phase: Phase = "before" if world.options.baseline or all(e.phase == "before" for e in taken) else "after"
    verdicts = _verdicts(world, chosen, taken)
    verdict = cluster_verdict(verdicts)
    if phase == "before":
        exit_code = 0 if taken and all(e.holds for e in taken) else 6
    else:
        exit_code = 0 if verdict == "ok" else 6
    return VerifyOutcome(phase, world.mode, verdicts, verdict, taken, exit_code, world.ports.store.location)


def _verdicts(
    world: _World, chosen: list[PlannedPrincipal], taken: tuple[Evidence, ...]
) -> tuple[PrincipalVerdict, ...]:
    evidence = (*world.earlier, *taken)
    now = world.ports.clock.now()
    return tuple(
        verdict_of(
            principal,
            evidence,
            current=state_digest(world.entry(principal.principal_arn), world.snapshot.cluster.authentication_mode),
            now=now,
            required=world.options.proof_policy.get(principal.principal_arn),
        )
        for principal in chosen
        if _judged(principal, evidence)
    )


def _judged(principal: PlannedPrincipal, evidence: tuple[Evidence, ...]) -> bool:
    """Everybody but skipped principals; those only where a login that must not work did."""
    if principal.action != "skip":
        return True
    return any(e.principal_arn == principal.principal_arn and e.phase == "after" and not e.holds for e in evidence)


def _one(world: _World, principal: PlannedPrincipal) -> Evidence | None:
    """The evidence on one principal; None where there is nothing to ask."""
    arn = principal.principal_arn
    world.ports.events.say("step", f"verify {arn}")
    entry = world.entry(arn)
    phase = phase_of(principal, entry, world.mode)
    if principal.action == "block" or (world.options.baseline and phase == "after"):
        return None
    try:
        reviewer = world.ports.reviewers.as_principal(arn)
    except MigratorError as error:
        if error.code != "cannot-become":
            raise
        why = " ".join(part for part in (error.message, error.why) if part)
        return None if principal.action == "skip" else _by_rules(world, principal, entry, phase, why)
    if principal.action == "skip":
        return _nobody(world, principal, reviewer, phase)
    return _by_login(world, principal, entry, phase, reviewer)


def _expected(world: _World, principal: PlannedPrincipal, entry: AccessEntry | None, phase: Phase) -> Identity:
    spec = world.spec(principal.principal_arn)
    return principal.before if phase == "before" else identity_after(principal, spec, entry)


def _probes(world: _World, principal: PlannedPrincipal, phase: Phase) -> tuple[Probe, ...]:
    chosen = probes_of(
        principal,
        world.spec(principal.principal_arn),
        phase,
        world.index,
        namespaces=world.snapshot.namespaces or (),
        earlier=world.earlier,
        limit=world.options.probes,
    )
    return (*chosen, *world.options.own_probes)


def _by_login(
    world: _World, principal: PlannedPrincipal, entry: AccessEntry | None, phase: Phase, reviewer: AccessReviewer
) -> Evidence:
    expected = _expected(world, principal, entry, phase)
    probes = _probes(world, principal, phase)
    deadline = world.ports.clock.now() + PATIENCE
    while True:
        subject = reviewer.who_am_i()
        results = () if subject is None else tuple(ProbeResult(p, *reviewer.can(p.request)) for p in probes)
        differences = compare_subject(expected.username, expected.groups, subject)
        wrong = differences or any(r.allowed != r.probe.expected for r in results)
        if not wrong or phase == "before" or world.ports.clock.now() >= deadline:
            break
        world.ports.clock.sleep(PAUSE)
    at = world.ports.clock.now().isoformat()
    denied = sum(not r.probe.expected and not r.allowed for r in results)
    right = sum(r.allowed == r.probe.expected for r in results)
    return Evidence(
        principal_arn=principal.principal_arn,
        proof_class="live",
        phase=phase,
        at=at,
        state_digest=state_digest(entry, world.snapshot.cluster.authentication_mode),
        attribution=_attribution(world.mode, principal, subject, results),
        subject=subject,
        probes=results,
        differences=differences,
        how=f"logged in at {at}; {right} of {len(results)} probes as they must be, {denied} of them denied",
    )


def _attribution(
    mode: str, principal: PlannedPrincipal, subject: SelfSubject | None, results: tuple[ProbeResult, ...]
) -> Attribution:
    """What ties the login to the entry and to nothing else."""
    if mode == "API":
        return "api-mode"
    if subject is not None and any(is_ours(group) for group in subject.groups):
        return "marker"
    if "system:bootstrappers" in principal.before.groups and by_node_entry(subject):
        return "node"
    if any(r.allowed and r.reason.startswith("EKS Access Policy") for r in results):
        return "policy"
    return "none"


def _by_rules(
    world: _World, principal: PlannedPrincipal, entry: AccessEntry | None, phase: Phase, why: str
) -> Evidence:
    """Rules evaluated, or a person's word where decisions.yaml gives one."""
    expected = _expected(world, principal, entry, phase)
    differences: tuple[str, ...] = ()
    found = principal.before if phase == "before" else None
    if phase == "after":
        found = identity_of_entry(entry) if entry is not None else None
        differences = _rule_differences(world.spec(principal.principal_arn), expected, entry)
    results: tuple[ProbeResult, ...] = ()
    if found is not None and world.index is not None:
        answers = evaluate(world.index, found, _probes(world, principal, phase))
        results = tuple(ProbeResult(probe, allowed, reason) for probe, allowed, reason in answers)
    evidence = Evidence(
        principal_arn=principal.principal_arn,
        proof_class="simulated",
        phase=phase,
        at=world.ports.clock.now().isoformat(),
        state_digest=state_digest(entry, world.snapshot.cluster.authentication_mode),
        attribution="api-mode" if world.mode == "API" else "none",
        probes=results,
        differences=differences,
        how=f"rules evaluated, {len(results)} probes; {why}",
    )
    waiver = world.options.waive_verification.get(principal.principal_arn)
    if waiver is None or not evidence.holds:
        return evidence
    return replace(evidence, proof_class="attested", how=f"attested by {waiver.by}: {waiver.reason}; {evidence.how}")


def _rule_differences(spec: EntrySpec | None, expected: Identity, entry: AccessEntry | None) -> tuple[str, ...]:
    if entry is None:
        return ("there is no entry",)
    if spec is not None and spec.type != entry.type:
        return (f"the entry is of type {entry.type}, not {spec.type}",)
    if entry.type != "STANDARD":
        return ()
    found = SelfSubject(entry.username, entry.kubernetes_groups)
    differences = list(compare_subject(expected.username, expected.groups, found))
    if spec is not None and set(spec.access_policies) != set(entry.access_policies):
        differences.append("the access policies are not those of the plan")
    return tuple(differences)


def _nobody(world: _World, principal: PlannedPrincipal, reviewer: AccessReviewer, phase: Phase) -> Evidence | None:
    """Whoever cannot log in before must not be able to log in after."""
    if principal.before.via != "none":
        return None
    subject = reviewer.who_am_i()
    at = world.ports.clock.now().isoformat()
    return Evidence(
        principal_arn=principal.principal_arn,
        proof_class="live",
        phase=phase,
        at=at,
        state_digest=state_digest(None, world.snapshot.cluster.authentication_mode),
        attribution="none",
        subject=subject,
        differences=() if subject is None else (f"the login works, as {subject.username!r}, and did not before",),
        how=f"tried to log in at {at}",
    )
