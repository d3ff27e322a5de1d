"""Verify as each principal: log in as it, look who it is, ask its probes, compare with what is
right.

Impersonation and SubjectAccessReview cannot see access policies, so nothing here impersonates. How
the evidence on each principal is taken is :mod:`migrator.run.take_evidence`.
"""

import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.planning.order.required_proof import asked_proof
from migrator.decide.planning.principals.candidate_principals import is_role_of_eks
from migrator.decide.planning.principals.find_principal import IamIndex
from migrator.decide.proving.announced import announced_access
from migrator.decide.proving.verdicts import cluster_verdict, verdict_of
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.running.automatic_entries import automatic_in, plan_over, wider_entries
from migrator.decide.running.dead_entries import dead_entries
from migrator.decide.running.progress import SETTLED
from migrator.errors import WrongUse
from migrator.model.access_entry import AccessEntry
from migrator.model.canonical import canonical_bytes
from migrator.model.evidence import (
    Evidence,
    Phase,
    PrincipalVerdict,
    by_principal,
    evidence_in,
    evidence_to_document,
)
from migrator.model.files.plan import plan_to_document
from migrator.model.outcome import VerifyOutcome
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.principal import IamPrincipal
from migrator.model.snapshot import Snapshot
from migrator.model.step import CreateEntry, ProofClass
from migrator.run.begin_run import RunPorts, progress_in, refuse_other_cluster
from migrator.run.canary_pods import Canaries, canary_pods, clean_up_after_others
from migrator.run.hold_cluster import hold_cluster
from migrator.run.one_run import EVIDENCE_FILE
from migrator.run.read_entries import EntriesBeingRead, WithoutEntries
from migrator.run.take_evidence import (
    Measure,
    VerifyOptions,
    take_evidence,
    there_is_something_to_ask,
)

__all__ = ["VerifyOptions", "current_verdicts", "verify_access", "verify_with_canaries"]
DEFAULTS = VerifyOptions()


def verify_access(plan: Plan, ports: RunPorts, options: VerifyOptions = DEFAULTS) -> VerifyOutcome:
    """Verify every principal of the plan, or those of ``options.only``.

    Exit code 0 only where the verdict on the cluster is ``ok``, else 6. For a baseline: 0 where it
    could be taken of every principal as which the tool can log in, or was taken earlier and every
    principal has crossed since; else 6. Raises ``Refused`` for another cluster, ``WrongUse`` for a
    principal that the plan does not have, and any error that prevents the cluster from being read.
    """
    _refuse_strangers(plan, options)
    read = _read(ports)
    snapshot = read.snapshot
    refuse_other_cluster(plan, snapshot)
    automatic = automatic_in(ports.store.journal())
    if options.canary_image is None:
        clean_up_after_others(ports)
    index = _index_of(snapshot)
    earlier = evidence_in(ports.store.read(EVIDENCE_FILE) or b"")
    announced = announced_access(plan, snapshot)
    chosen = list(plan.principals)
    if options.only:
        chosen = [each for each in plan.principals if each.principal_arn in options.only]
    with_entry = [each.principal_arn for each in chosen if each.principal_arn in read.arns]
    entries = None
    if snapshot.access_entries is None:
        entries = EntriesBeingRead(ports.entries.describe, ports.tasks, with_entry)
    measure = Measure(
        plan_over(plan, automatic),
        snapshot,
        index,
        earlier,
        ports,
        options,
        announced=announced,
        automatic=automatic,
        made=_made(plan, ports, read.arns),
        being_read=entries,
    )
    ports.events.doing(f"logging in as {len(chosen)} principals")
    reading = nullcontext() if entries is None else entries.reading()
    with reading, _canaries(measure, chosen) as canaries:
        measure = replace(measure, canaries=canaries)
        with ports.reviewers.log_in_ahead(_asked_by_login(measure, chosen)):
            found = measure.questions.map(_Counted(measure, len(chosen)), chosen)
        taken = tuple(each for each in found if each is not None)
        outcome = _outcome(plan, measure, chosen, taken)
    if _entries_went(ports, with_entry):
        ports.events.doing("verifying again: access entries were deleted meanwhile")
        return verify_access(plan, ports, options)
    return outcome


def _entries_went(ports: RunPorts, had: Collection[str]) -> bool:
    """Whether an entry is gone that was there when the principals were asked: its row may have
    answered in its place. There are fewer entries each time, so this ends.
    """
    return bool(had) and not frozenset(had) <= frozenset(ports.reader.list_entry_arns() or ())


def _read(ports: RunPorts) -> WithoutEntries:
    """The cluster as it is now; the access entries of the principals are read as they are needed,
    where that is possible.
    """
    if ports.read_without_entries is not None:
        return ports.read_without_entries()
    snapshot = ports.read_snapshot()
    arns = frozenset(each.principal_arn for each in snapshot.access_entries or ())
    return WithoutEntries(snapshot, arns)


def _index_of(snapshot: Snapshot) -> RbacIndex | None:
    """The index of the cluster's RBAC; None where it was not read."""
    if snapshot.rbac is None:
        return None
    return RbacIndex(snapshot.rbac)


def verify_with_canaries(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    options: VerifyOptions,
) -> VerifyOutcome:
    """Verify, with canary pods where ``options.canary_image`` allows them; what an earlier run left
    of them is removed either way. A verification that makes pods holds the cluster's lock. Raises
    ``Refused`` (``locked``) while another run holds it.
    """
    if options.canary_image is None:
        return verify_access(plan, ports, options)
    with hold_cluster(ports, "verify --canary-pods", plan_digest) as held:
        return verify_access(plan, held.ports, options)


def _made(plan: Plan, ports: RunPorts, there: Collection[str]) -> frozenset[str]:
    """Principals without an entry for which the journal has one that a run of this plan made and
    did not undo. ``there``: the principals that have an entry.
    """
    creating = [step for step in plan.steps if isinstance(step.effect, CreateEntry)]
    steps = [step for step in creating if step.principal_arn not in there]
    if not steps:
        return frozenset()
    progress = progress_in(ports.store.journal(), plan, str(plan_to_document(plan)["planDigest"]))
    made = [step for step in steps if progress.of(step.id).status in SETTLED]
    return frozenset(str(step.principal_arn) for step in made)


def _dead_now(plan: Plan, snapshot: Snapshot, entries: Collection[AccessEntry]) -> dict[str, str]:
    """Principals whose entry matches no login any more, with the reason: IAM has deleted them, or
    made them again, since the entry was made.
    """
    iam = IamIndex(snapshot.iam_principals, snapshot.accounts_read, snapshot.cluster.account_id)
    planned = {each.principal_arn: each.principal_id for each in plan.principals}
    others: dict[str, IamPrincipal | None] = {}
    for entry in entries:
        found = iam.find(entry.principal_arn)
        is_planned = found.principal is not None and found.principal.id == planned.get(
            entry.principal_arn
        )
        # What was not read, or may be one of two, is not known to be dead.
        if not is_planned and (found.principal is not None or found.state == "absent"):
            others[entry.principal_arn] = found.principal
    # The plan is written out for its digest only where a principal is another one than planned.
    if not others:
        return {}
    digest = str(plan_to_document(plan)["planDigest"])
    dead = dead_entries(plan, digest, entries, others)
    return {arn: f"the entry is dead: {why}" for arn, why in dead}


def _refuse_strangers(plan: Plan, options: VerifyOptions) -> None:
    """Refuse an ARN that is not in the plan: a question about it would never be asked, and nothing
    would show that.
    """
    arns = {principal.principal_arn for principal in plan.principals}
    for arn in options.only:
        if arn not in arns:
            raise _stranger(arn, "principal-not-in-plan")
    keys = set(map(principal_key, arns))
    for each in options.own_probes:
        # A probe without a principal is asked of all.
        if each.principal_arn is None:
            continue
        if principal_key(each.principal_arn) not in keys:
            raise _stranger(each.principal_arn, "probe-not-in-plan")


def _stranger(arn: str, code: str) -> WrongUse:
    """The error for an ARN that the plan does not have."""
    why = ""
    if code == "probe-not-in-plan":
        why = "A probe names it."
    return WrongUse(
        code,
        f"The plan has no principal {arn}.",
        why=why,
        remedy="Give the ARN as `migrate show PLAN` prints it.",
    )


def _canaries(measure: Measure, chosen: list[PlannedPrincipal]) -> AbstractContextManager[Canaries]:
    """A canary for each Fargate role that there is something to show of: its entry, or its row
    before that.
    """
    image = measure.options.canary_image
    if image is None:
        return nullcontext(Canaries())
    roles = [each.principal_arn for each in chosen if _wants_canary(measure, each)]
    snapshot = measure.snapshot
    return canary_pods(
        measure.ports, roles, snapshot.fargate_profiles, snapshot.namespaces, image=image
    )


def _wants_canary(measure: Measure, principal: PlannedPrincipal) -> bool:
    """Whether the principal is a Fargate role that a pod can show something of."""
    if principal.action == "skip":
        return False
    spec = measure.spec(principal.principal_arn)
    if spec is None:
        return False
    # The nodes themselves show the access of the other types.
    if spec.type != "FARGATE_LINUX":
        return False
    return there_is_something_to_ask(measure, principal)


def _asked_by_login(measure: Measure, chosen: list[PlannedPrincipal]) -> Iterator[str]:
    """The principals as which the tool will log in, if it can. Not nodes, which are watched first;
    and of a principal that the plan skips only a login that must be refused is tried.
    """
    for principal in chosen:
        if principal.action == "skip":
            continue
        spec = measure.spec(principal.principal_arn)
        if spec is not None and spec.type != "STANDARD":
            continue
        # A login is evidence on the entry as it was read before.
        measure.entry(principal.principal_arn)
        if there_is_something_to_ask(measure, principal):
            yield principal.principal_arn


class _Counted:
    """Takes the evidence on one principal after the other, keeps it, and shows how far that is."""

    def __init__(self, measure: Measure, total: int) -> None:
        self._measure, self._total = measure, total
        self._done = 0
        self._lock = threading.Lock()

    def __call__(self, principal: PlannedPrincipal) -> Evidence | None:
        ports = self._measure.ports
        try:
            found = take_evidence(self._measure, principal)
        finally:
            ports.reviewers.forget(principal.principal_arn)
        if found is not None:
            ports.store.append_line(EVIDENCE_FILE, canonical_bytes(evidence_to_document(found)))
        with self._lock:
            self._done += 1
            ports.events.progress("verified", self._done, self._total)
        return found


def current_verdicts(
    plan: Plan,
    ports: RunPorts,
    snapshot: Snapshot,
    options: VerifyOptions = DEFAULTS,
) -> tuple[PrincipalVerdict, ...]:
    """The verdicts that the evidence on disk gives now, nothing asked again."""
    automatic = automatic_in(ports.store.journal())
    earlier = evidence_in(ports.store.read(EVIDENCE_FILE) or b"")
    measure = Measure(
        plan_over(plan, automatic),
        snapshot,
        _index_of(snapshot),
        earlier,
        ports,
        options,
        automatic=automatic,
    )
    return _verdicts(plan, measure, list(plan.principals), ())


def _outcome(
    plan: Plan, measure: Measure, chosen: list[PlannedPrincipal], taken: tuple[Evidence, ...]
) -> VerifyOutcome:
    """The outcome of a verification: what was taken now, and the verdicts from all evidence."""
    phase = _phase_of(measure)
    verdicts = _verdicts(plan, measure, chosen, taken)
    verdict = cluster_verdict(verdicts)
    if phase == "before":
        is_good = _all_hold(taken or _taken_before(measure, chosen))
    else:
        is_good = verdict == "ok"
    exit_code = 6
    if is_good:
        exit_code = 0
    return VerifyOutcome(
        phase,
        measure.mode,
        verdicts,
        verdict,
        taken,
        exit_code,
        measure.ports.store.location,
    )


def _phase_of(measure: Measure) -> Phase:
    """What the verification judges. Only a baseline is about the state before: without the option
    a principal whose row still answers alone is not verified, and so is unknown.
    """
    if measure.options.baseline:
        return "before"
    return "after"


def _all_hold(evidence: tuple[Evidence, ...]) -> bool:
    """Whether there is evidence, and all of it is as it must be."""
    if not evidence:
        return False
    return all(each.holds for each in evidence)


def _taken_before(measure: Measure, chosen: list[PlannedPrincipal]) -> tuple[Evidence, ...]:
    """The newest baseline of each, for a baseline of which nothing is left to take."""
    if not measure.options.baseline:
        return ()
    arns = {principal.principal_arn for principal in chosen}
    newest: dict[str, Evidence] = {}
    for evidence in measure.earlier:
        if evidence.phase != "before":
            continue
        if evidence.principal_arn in arns:
            newest[evidence.principal_arn] = evidence
    return tuple(newest.values())


def _verdicts(
    plan: Plan, measure: Measure, chosen: list[PlannedPrincipal], taken: tuple[Evidence, ...]
) -> tuple[PrincipalVerdict, ...]:
    """The verdict on each principal, from earlier evidence and that of now; the newest decides.
    ``plan`` is the one that was made: that of ``measure`` may have entries more.
    """
    evidence = by_principal((*measure.earlier, *taken))
    now = measure.ports.clock.now()
    entries: dict[str, AccessEntry] = {}
    for principal in chosen:
        entry = measure.entry(principal.principal_arn)
        if entry is not None:
            entries[principal.principal_arn] = entry
    dead = _dead_now(plan, measure.snapshot, entries.values())
    wider = wider_entries(
        measure.plan, measure.automatic, entries, measure.index, measure.options.creator
    )
    found: list[PrincipalVerdict] = []
    for principal in chosen:
        why = wider.get(principal.principal_arn)
        mine = evidence.get(principal.principal_arn, [])
        if why is None and not _judged(measure, principal, mine):
            continue
        entry = measure.entry(principal.principal_arn)
        verdict = verdict_of(
            principal,
            mine,
            current=measure.digest(entry),
            now=now,
            written=None if entry is None else entry.modified_at or entry.created_at,
            required=_asked(measure, principal),
        )
        # A login that was seen is of the principal that IAM had then.
        if principal.principal_arn in dead and principal.action != "skip":
            verdict = replace(verdict, verdict="failed", why=dead[principal.principal_arn])
        # What EKS's own entry gives beyond the row is no proof of more than a part.
        if why is not None and verdict.verdict != "failed":
            verdict = replace(verdict, verdict="partial", why=why)
        found.append(verdict)
    return tuple(found)


def _asked(measure: Measure, principal: PlannedPrincipal) -> ProofClass | None:
    """What ``proof_policy`` asks; None: what the plan demands. For an entry that may be dead it
    cannot ask for less.
    """
    if not measure.options.proof_policy:
        return None
    arn = principal.principal_arn
    # No login as a role of EKS is possible: where the plan asks for none, no policy does.
    if principal.required_proof == "simulated" and is_role_of_eks(arn, measure.snapshot):
        return None
    asked = asked_proof(arn, measure.spec(arn), measure.options.proof_policy)
    if asked == "simulated" and "entry-liveness-unknown" in principal.findings:
        return None
    return asked


def _judged(measure: Measure, principal: PlannedPrincipal, mine: Iterable[Evidence]) -> bool:
    """All but skipped principals. A skipped principal counts only where a login that must not work
    did, or where it has an entry that the plan does not have: an entry that was deleted since is
    settled. ``mine``: the evidence on the principal.
    """
    if principal.action != "skip":
        return True
    now = measure.digest(measure.entry(principal.principal_arn))
    for each in mine:
        if each.phase != "after" or each.holds:
            continue
        if each.proof_class == "live":
            return True
        # What the rules say of an entry counts while the entry is the same.
        if each.state_digest == now:
            return True
    return False
