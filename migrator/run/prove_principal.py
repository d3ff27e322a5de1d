"""Show who a principal is to the cluster, by logging in as it, and to what that can be attributed.

A proof after a write is asked for with fresh tokens until it holds twice in a row or 120 seconds
have passed: a new entry takes up to 30 seconds to reach the authenticator. Nodes are watched: their
leases, and their own logins in the control-plane logs. That takes as long as kubelets keep a token,
so the run continues with other principals meanwhile. A principal as which the tool cannot log in is
looked for in the logs; else it gets the best other class, recorded as what it is.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from migrator.decide.planning.entries.entry_identity import spec_of
from migrator.decide.planning.order.required_proof import is_admin
from migrator.decide.proving.compare_subject import compare_subject, policy_probe
from migrator.decide.proving.expected_log_in import (
    ExpectedLogIn,
    expected_log_in,
    unannounced_log_ins,
)
from migrator.decide.proving.how_known import clock_time, request_text
from migrator.decide.proving.login_proof import judge_logins, with_requests
from migrator.decide.proving.verdicts import is_of_final_entry, state_digest, verdict_of
from migrator.decide.running.actions import ReadFirst
from migrator.decide.steps.entry_states import default_username
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry
from migrator.model.evidence import (
    PROOF_CLASSES,
    Attribution,
    Evidence,
    Probe,
    ProbeResult,
    SelfSubject,
    by_principal,
    evidence_in,
)
from migrator.model.node_health import NodesUnread
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.rbac import AccessRequest
from migrator.model.snapshot import Snapshot
from migrator.model.step import Prove, Step
from migrator.ports import AccessReviewer, StateStore
from migrator.run.login_evidence import evidence_of_logins, logins_of, requests_of
from migrator.run.one_run import EVIDENCE_FILE, OneRun
from migrator.run.prove_nodes import Waiting, nodes_evidence, shaped_at

PATIENCE = timedelta(seconds=120)
PAUSE = timedelta(seconds=2)
IN_A_ROW = 2
EVERYTHING = AccessRequest(verb="*", api_group="*", resource="*")


def prove_step(run: OneRun, step: Step, effect: Prove) -> None:
    """Prove, record the evidence, and journal the step as done, deferred or refused.

    Raises ``MigratorError`` when the cluster cannot be asked at all: that proves nothing either
    way.
    """
    arn = effect.principal_arn
    # Evidence is of an entry in a mode: of a mode that is not known it would be void.
    if run.state.observed.mode is None:
        run.look(ReadFirst("cluster"))
    entry = run.state.observed.entries.get(arn)
    waiver = run.settings.waived_proofs.get(arn)
    principal = next((each for each in run.plan.principals if each.principal_arn == arn), None)
    by_nodes: Evidence | NodesUnread | None = None
    if effect.attribution == "node":
        seen = nodes_evidence(run, step, effect, entry)
        if isinstance(seen, Waiting):
            return
        by_nodes = seen
    # Nodes that were seen to work, or not to, say more than a login that may not be possible.
    if isinstance(by_nodes, Evidence) and (
        by_nodes.proof_class == "observed" or by_nodes.differences
    ):
        evidence = by_nodes
    else:
        evidence = _by_login_or_logs(run, step, effect, entry, by_nodes, principal)
    if principal is not None:
        more = unannounced_log_ins(principal, entry)
        evidence = replace(evidence, differences=(*evidence.differences, *more))
    if waiver is not None and evidence.proof_class not in ("live", "observed"):
        evidence = replace(
            evidence, proof_class="attested", how=f"attested by {waiver.by}: {waiver.reason}"
        )
    run.keep_evidence(evidence)
    summary = {
        "class": evidence.proof_class,
        "attribution": evidence.attribution,
        "how": evidence.how,
    }
    if not evidence.holds:
        run.record(
            step.id,
            "refused",
            {"code": "proof-failed", "message": "; ".join(_what_differs(evidence)), **summary},
        )
    elif evidence.proof_class == "attested" or _enough(evidence, effect):
        run.record(step.id, "done", summary)
    else:
        why = f"proof of class {effect.proof_class} cannot be had now"
        if isinstance(by_nodes, NodesUnread):
            why += f" ({by_nodes.why})"
        run.record(step.id, "deferred", {**summary, "why": why})


def shown_before(
    plan: Plan, store: StateStore, snapshot: Snapshot, now: datetime
) -> frozenset[str]:
    """Principals of whose entry, as it was read, the evidence in the state is all that the cut-over
    demands.
    """
    kept = by_principal(evidence_in(store.read(EVIDENCE_FILE) or b""))
    entries = {entry.principal_arn: entry for entry in snapshot.access_entries or ()}
    found: set[str] = set()
    for principal in plan.principals:
        arn = principal.principal_arn
        if arn not in kept or arn not in entries:
            continue
        current = state_digest(entries[arn], snapshot.cluster.authentication_mode)
        if verdict_of(principal, kept[arn], current=current, now=now).verdict == "ok":
            found.add(arn)
    return frozenset(found)


def _by_login_or_logs(
    run: OneRun,
    step: Step,
    effect: Prove,
    entry: AccessEntry | None,
    nodes: Evidence | NodesUnread | None,
    principal: PlannedPrincipal | None,
) -> Evidence:
    """Log in as the principal; where that is not possible, use what the logs or the nodes show, or
    the rules.
    """
    try:
        reviewer = run.ports.reviewers.as_principal(effect.principal_arn)
    except MigratorError as error:
        if error.code != "cannot-become":
            raise
        why = " ".join(filter(None, (error.message, error.why)))
    else:
        expected = _expected_log_in(principal, reviewer)
        if expected is None or expected.expectation == "admitted":
            return _by_login(run, effect, entry, reviewer)
        refused = _refused_login(run, effect, entry, reviewer, expected)
        if not refused.holds:
            return refused
        why = f"{refused.how}, as it must be ({expected.words})"
    if isinstance(nodes, Evidence):
        return nodes
    if nodes is not None:
        return _without_login(run, effect, entry, f"{why} Its nodes are not seen: {nodes.why}.")
    return _by_logs(run, step, effect, entry, why)


def _expected_log_in(
    principal: PlannedPrincipal | None, reviewer: AccessReviewer
) -> ExpectedLogIn | None:
    """What the result of a login as the principal with the session at hand must be; None for a
    principal that is not in the plan.
    """
    if principal is None:
        return None
    return expected_log_in(principal, "after", reviewer.session_name(), ())


def _refused_login(
    run: OneRun,
    effect: Prove,
    entry: AccessEntry | None,
    reviewer: AccessReviewer,
    expected: ExpectedLogIn,
) -> Evidence:
    """A log-in that was refused before the entry, tried again: the entry must not admit it."""
    subject = reviewer.who_am_i()
    at = run.now().isoformat()
    how = f"{_logged_in(subject)} at {clock_time(at)}"
    if subject is None:
        how += ", and was refused"
    return Evidence(
        principal_arn=effect.principal_arn,
        proof_class="live",
        phase="after",
        at=at,
        state_digest=state_digest(entry, run.state.observed.mode),
        subject=subject,
        differences=expected.differences(subject, "after"),
        how=how,
        log_ins=(expected.attempt(subject),),
    )


def _by_logs(
    run: OneRun,
    step: Step,
    effect: Prove,
    entry: AccessEntry | None,
    why: str,
) -> Evidence:
    """What the principal did itself since the entry got its shape: its logins, and what a policy
    let it do.
    """
    arn, since, mode = (
        effect.principal_arn,
        shaped_at(run, step, entry),
        run.state.observed.mode,
    )
    found = logins_of(run.ports.logs, arn, since, run.now())
    only_entry: Attribution = "none"
    if mode == "API":
        only_entry = "api-mode"
    judged = judge_logins(
        effect.username, effect.groups, found.found or (), since=since, only_entry=only_entry
    )
    if judged is not None and effect.attribution == "policy" and not judged.differences:
        requests = requests_of(run.ports.logs, arn, since, run.now())
        judged = with_requests(
            judged, requests, since=since, admin=entry is not None and is_admin(spec_of(entry))
        )
    if judged is None:
        return _without_login(
            run, effect, entry, f"{why} {found.why or 'Since then nothing of it is in the logs.'}"
        )
    return evidence_of_logins(arn, judged, state=state_digest(entry, mode), why=why)


def _enough(evidence: Evidence, effect: Prove) -> bool:
    """Whether the evidence is of the class that the step asks for, or of a stronger one."""
    return PROOF_CLASSES.index(evidence.proof_class) <= PROOF_CLASSES.index(effect.proof_class)


def _what_differs(evidence: Evidence) -> Iterable[str]:
    """What the login showed otherwise than the plan has it, one line each."""
    yield from evidence.differences
    for result in evidence.probes:
        if result.allowed != result.probe.expected:
            yield f"{request_text(result.probe.request)}: denied"


def _without_login(
    run: OneRun,
    effect: Prove,
    entry: AccessEntry | None,
    why: str,
) -> Evidence:
    """Rules evaluated: the entry as read gives, by EKS's own rules, the name and groups that are
    right.
    """
    node = effect.attribution == "node"
    differences: tuple[str, ...] = ()
    if entry is None:
        differences = ("there is no entry",)
    elif not node:
        found = SelfSubject(
            entry.username or default_username(entry.principal_arn), entry.kubernetes_groups
        )
        differences = compare_subject(effect.username, effect.groups, found)
    return Evidence(
        principal_arn=effect.principal_arn,
        proof_class="simulated",
        phase="after",
        at=run.now().isoformat(),
        state_digest=state_digest(entry, run.state.observed.mode),
        differences=differences,
        how=f"evaluated from the entry as read back; {why}",
    )


def _by_login(
    run: OneRun,
    effect: Prove,
    entry: AccessEntry | None,
    reviewer: AccessReviewer,
) -> Evidence:
    """Log in with fresh tokens until ``IN_A_ROW`` logins were as the entry gives, or until it takes
    too long; the last login is the evidence.
    """
    deadline = run.now() + PATIENCE
    in_a_row = logins = 0
    node = effect.attribution == "node"
    groups = effect.groups
    # A node entry's groups are EKS's own and not all published: what EKS shows of the entry is what
    # is right.
    if node and entry is not None and entry.kubernetes_groups:
        groups = entry.kubernetes_groups
    while True:
        subject = reviewer.who_am_i()
        logins += 1
        differences = compare_subject(effect.username, groups, subject)
        probes: tuple[ProbeResult, ...] = ()
        if subject is not None and subject.may_ask:
            probes = _policy_probes(effect, entry, reviewer)
        is_denied = any(not each.allowed for each in probes)
        if differences or is_denied:
            in_a_row = 0
        else:
            in_a_row += 1
        if in_a_row >= IN_A_ROW or run.now() >= deadline:
            break
        run.pause(PAUSE)
    at = run.now().isoformat()
    attribution = _attribution(run.run_id, subject, probes)
    if node and by_node_entry(subject):
        attribution = "node"
    return Evidence(
        principal_arn=effect.principal_arn,
        proof_class="live",
        phase="after",
        at=at,
        state_digest=state_digest(entry, run.state.observed.mode),
        attribution=attribution,
        subject=subject,
        probes=probes,
        differences=differences,
        how=f"{_logged_in(subject)} {logins} times with fresh tokens, last at {clock_time(at)}",
    )


def _logged_in(subject: SelfSubject | None) -> str:
    """What a login came to, for people; ``subject`` is None where it was refused."""
    if subject is None:
        return "tried to log in"
    return f"logged in as {subject.username}"


def _policy_probes(
    effect: Prove, entry: AccessEntry | None, reviewer: AccessReviewer
) -> tuple[ProbeResult, ...]:
    """The questions that only the entry's access policies can answer, and the answers."""
    if entry is None or effect.attribution != "policy":
        return ()
    results: list[ProbeResult] = []
    for policy in entry.access_policies:
        request = policy_probe(policy)
        # Its exact rules are not published, or its scope names no namespace.
        if request is None:
            continue
        probe = Probe(request, expected=True)
        results.append(ProbeResult(probe, *reviewer.can(request)))
    return tuple(results)


def by_node_entry(subject: SelfSubject | None) -> bool:
    """Whether a node's login came through its entry: rows of nodes give ``system:bootstrappers``,
    entries do not.
    """
    if subject is None:
        return False
    # Groups that were not seen show nothing.
    if not subject.may_ask:
        return False
    return "system:bootstrappers" not in subject.groups


def _attribution(
    run_id: str, subject: SelfSubject | None, probes: tuple[ProbeResult, ...]
) -> Attribution:
    """By what a login is tied to the entry: the marker group of this run, or an access policy that
    the authorizer names in its reason.
    """
    groups = subject.groups if subject is not None else ()
    # Before the first run there is no id that a group could end in.
    if run_id and any(group.endswith(f":{run_id}") for group in groups):
        return "marker"
    if any("EKS Access Policy" in each.reason for each in probes):
        return "policy"
    return "none"


def prove_admin(run: OneRun, arn: str) -> str:
    """Log in as an administrator and ask whether it may do everything; how that was shown, empty
    when it was not.
    """
    try:
        reviewer = run.ports.reviewers.as_principal(arn)
    except MigratorError as error:
        if error.code != "cannot-become":
            raise
        return ""
    subject = reviewer.who_am_i()
    probes: tuple[ProbeResult, ...] = ()
    differences: tuple[str, ...] = ("the login was refused",)
    if subject is not None:
        probes = (ProbeResult(Probe(EVERYTHING, expected=True), *reviewer.can(EVERYTHING)),)
        differences = ()
    at = run.now().isoformat()
    evidence = Evidence(
        principal_arn=arn,
        proof_class="live",
        phase="after",
        at=at,
        state_digest=state_digest(run.ports.entries.describe(arn), run.state.observed.mode),
        attribution=_attribution(run.run_id, subject, probes),
        subject=subject,
        probes=probes,
        differences=differences,
        how=f"{_logged_in(subject)} at {clock_time(at)}, an administrator besides the operator",
    )
    run.keep_evidence(evidence)
    # With the bridge the login may do everything, whatever the entry gives.
    if not evidence.holds or not is_of_final_entry(evidence, None):
        return ""
    return f"{arn} (live)"
