"""The evidence on one principal: by logging in as it, by its nodes, by the logs, or by the rules,
the best that can be had. What could not be had is said, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.planning.entries.entry_identity import identity_of_entry, same_entry
from migrator.decide.proving.announced import AnnouncedAccess
from migrator.decide.proving.compare_subject import compare_subject, policy_probe
from migrator.decide.proving.expectations import (
    announced_probes,
    baseline,
    evaluate,
    identity_after,
    is_ours,
    phase_of,
    probes_of,
)
from migrator.decide.proving.expected_log_in import (
    ExpectedLogIn,
    expected_log_in,
    unannounced_log_ins,
)
from migrator.decide.proving.how_known import clock_time, how_of_announced, how_of_login
from migrator.decide.proving.login_proof import judge_logins
from migrator.decide.proving.verdicts import EVIDENCE_AGE, state_digest
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.running.automatic_entries import without_wider
from migrator.decide.running.changes import entry_left_out
from migrator.decide.running.row_identity import groups_by_row
from migrator.decide.steps.entry_states import final_specs
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.decision import Acceptance, CreatorAnswer
from migrator.model.evidence import (
    Attribution,
    Evidence,
    OwnProbe,
    Phase,
    Probe,
    ProbeResult,
    SelfSubject,
    by_principal,
)
from migrator.model.node_health import NodesUnread
from migrator.model.observation import SeenLogin
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.principal import IamPrincipal
from migrator.model.rbac import AccessRequest
from migrator.model.snapshot import Snapshot, Usage
from migrator.model.step import ProofClass
from migrator.ports import AccessReviewer, TaskRunner
from migrator.run.begin_run import RunPorts
from migrator.run.canary_pods import Arrival, Canaries, await_arrival
from migrator.run.login_evidence import Logins, evidence_of_logins, logins_of
from migrator.run.node_evidence import baseline_of_nodes, evidence_of_nodes, watch_nodes
from migrator.run.prove_principal import by_node_entry
from migrator.run.read_entries import EntriesBeingRead

PATIENCE = timedelta(seconds=30)  # entries take up to that long to reach the authenticator
PAUSE = timedelta(seconds=2)
_WITNESS_SHARE = 3  # one third of the questions may be witnesses of announced differences


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """``only``: these principals. ``baseline``: take the state before and judge nothing.
    ``probes``: at most so many chosen questions each; ``own_probes`` come on top. ``usage``: what
    was observed of logins, from a file. ``waive_verification`` and ``proof_policy`` (by kind of
    principal) come from decisions.yaml. ``canary_image``: a person allowed canary pods on Fargate,
    of this image; None: none is made. ``creator``: who created the cluster, by an answer in
    decisions.yaml.
    """

    only: tuple[str, ...] = ()
    baseline: bool = False
    probes: int = 30
    own_probes: tuple[OwnProbe, ...] = ()
    usage: Usage | None = None
    waive_verification: Mapping[str, Acceptance] = field(default_factory=dict)
    proof_policy: Mapping[str, ProofClass] = field(default_factory=dict)
    canary_image: str | None = None
    creator: CreatorAnswer | None = None


@dataclass(frozen=True)
class Measure:
    """What one verification is measured against. ``automatic``: entries that EKS made and that runs
    took over. What is looked up by principal is indexed once: a cluster has up to 3,000 of them.
    """

    plan: Plan
    snapshot: Snapshot
    index: RbacIndex | None
    earlier: tuple[Evidence, ...]
    ports: RunPorts
    options: VerifyOptions
    canaries: Canaries = field(default_factory=Canaries)
    announced: AnnouncedAccess | None = (
        None  # None: RBAC was not read, and nothing is compared by it
    )
    automatic: Mapping[str, EntrySpec] = field(default_factory=dict)
    # principals whose entry a run of this plan made and did not undo
    made: frozenset[str] = frozenset()
    # None: the entries are those of the snapshot
    being_read: EntriesBeingRead | None = None

    @property
    def questions(self) -> TaskRunner:
        """What logs in as principals and asks."""
        return self.ports.questions or self.ports.tasks

    def phase(self, principal: PlannedPrincipal) -> Phase:
        """``before`` while the principal has not been moved. An entry that was made and is missing
        is no reason to take its row for the state before: the row would answer every question
        right.
        """
        if principal.principal_arn in self.made and self.mode != "CONFIG_MAP":
            return "after"
        return phase_of(principal, self.entry(principal.principal_arn), self.mode)

    @property
    def mode(self) -> str:
        """The authentication mode as it was just read."""
        return self.snapshot.cluster.authentication_mode

    def spec(self, arn: str) -> EntrySpec | None:
        """The entry that the plan ends in."""
        return self._specs.get(arn)

    def entry(self, arn: str) -> AccessEntry | None:
        """The entry as it was just read."""
        if self.being_read is not None:
            return self.being_read.of(arn)
        return self._entries.get(arn)

    def iam_principal(self, arn: str) -> IamPrincipal | None:
        """The principal as IAM gave it; None where it was not found."""
        return self._iam.get(principal_key(arn))

    def earlier_of(self, arn: str) -> tuple[Evidence, ...]:
        """The evidence on record, oldest first."""
        return tuple(self._earlier.get(arn, ()))

    @cached_property
    def _specs(self) -> Mapping[str, EntrySpec | None]:
        return final_specs(self.plan)

    @cached_property
    def _entries(self) -> Mapping[str, AccessEntry]:
        return {entry.principal_arn: entry for entry in self.snapshot.access_entries or ()}

    @cached_property
    def _iam(self) -> Mapping[str, IamPrincipal]:
        found: dict[str, IamPrincipal] = {}
        for principal in self.snapshot.iam_principals:
            found.setdefault(principal_key(principal.arn), principal)
        return found

    @cached_property
    def _earlier(self) -> Mapping[str, list[Evidence]]:
        return by_principal(self.earlier)

    def digest(self, entry: AccessEntry | None) -> str:
        """The state that evidence is taken on."""
        return state_digest(entry, self.snapshot.cluster.authentication_mode)

    def only_entry(self, arn: str) -> Attribution:
        """Why only an entry can admit a principal; ``none`` where aws-auth may."""
        if self.mode == "API":
            return "api-mode"
        data = None
        if self.snapshot.config_map is not None:
            data = self.snapshot.aws_auth_data
        if groups_by_row(data, arn) is None:
            return "only-way"
        return "none"


def there_is_something_to_ask(measure: Measure, principal: PlannedPrincipal) -> bool:
    """Not for a principal about which a person must decide, and no baseline of what is changed
    already.
    """
    if principal.action == "block":
        return False
    return not (measure.options.baseline and measure.phase(principal) == "after")


def take_evidence(measure: Measure, principal: PlannedPrincipal) -> Evidence | None:
    """The evidence on one principal; None where there is nothing to ask."""
    arn = principal.principal_arn
    entry = measure.entry(arn)
    phase = measure.phase(principal)
    if not there_is_something_to_ask(measure, principal):
        return None
    if entry is not None and entry_left_out(measure.plan, principal, entry):
        return _left_out(measure, arn, entry, phase)
    nodes, canary = _nodes_and_canary(measure, principal, entry, phase)
    if nodes is not None and _settles_it(nodes):
        return nodes
    try:
        reviewer = measure.ports.reviewers.as_principal(arn)
    except MigratorError as error:
        if error.code != "cannot-become":
            raise
        if principal.action == "skip":
            return None
        why = _why_no_login(error, nodes, canary)
        return _without_login(measure, principal, entry, phase, why, nodes)
    expected = expected_log_in(principal, phase, reviewer.session_name(), measure.earlier_of(arn))
    if principal.action == "skip":
        # A skipped principal may log in by its row: nothing is shown then.
        if expected.expectation != "refused":
            return None
        return _refused_login(measure, arn, phase, reviewer, expected)
    if expected.expectation == "admitted":
        return _by_login(measure, principal, entry, phase, reviewer, expected)
    refused = _refused_login(measure, arn, phase, reviewer, expected)
    return _beside_refusal(measure, principal, entry, refused, expected, nodes)


def _beside_refusal(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    refused: Evidence,
    expected: ExpectedLogIn,
    nodes: Evidence | None,
) -> Evidence:
    """What is shown of a principal as which this tool's session must be refused."""
    if not refused.holds:
        return refused
    # that this session is refused shows nothing of the log-ins that must work: those are shown in
    # another way
    why = f"{refused.how}, as it must be ({expected.words})"
    shown = _without_login(measure, principal, entry, refused.phase, why, nodes)
    return replace(shown, log_ins=refused.log_ins)


def _nodes_and_canary(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
) -> tuple[Evidence | None, Arrival]:
    """What nodes and a canary pod show of a role of nodes; nothing of another principal."""
    spec = measure.spec(principal.principal_arn)
    if spec is None or spec.type == "STANDARD":
        return None, Arrival("")
    canary = _canary(measure, principal.principal_arn)
    found = _by_nodes(measure, principal, entry, phase, canary)
    if isinstance(found, NodesUnread):
        unseen = f"its nodes are not seen: {found.why}"
        return None, replace(canary, how="; ".join(filter(None, (canary.how, unseen))))
    return found, canary


def _settles_it(nodes: Evidence) -> bool:
    """Whether the nodes show enough: that they work, or what is wrong."""
    if nodes.proof_class == "observed":
        return True
    return bool(nodes.differences)


def _why_no_login(error: MigratorError, nodes: Evidence | None, canary: Arrival) -> str:
    """Why no login shows the access, with what the nodes and the canary pod showed instead."""
    parts = [error.message, error.why]
    # The evidence by nodes says of the canary what there is to say.
    if nodes is None and canary.how:
        parts.insert(0, f"{canary.how};")
    return " ".join(part for part in parts if part)


def _left_out(
    measure: Measure,
    arn: str,
    entry: AccessEntry,
    phase: Phase,
) -> Evidence:
    """An entry that the plan does not have: EKS shows it, so no login is needed as evidence."""
    at = measure.ports.clock.now().isoformat()
    return Evidence(
        principal_arn=arn,
        proof_class="simulated",
        phase=phase,
        at=at,
        state_digest=measure.digest(entry),
        attribution="none",
        differences=("it has an access entry; the plan leaves it without one",),
        how=f"the entry was read at {clock_time(at)}",
    )


def _expected(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
) -> Identity:
    """The identity that a login must have: that of today before the change, that of the entry after
    it.
    """
    spec = measure.spec(principal.principal_arn)
    if phase == "before":
        return principal.before
    return identity_after(principal, spec, entry)


def _probes(measure: Measure, principal: PlannedPrincipal, phase: Phase) -> tuple[Probe, ...]:
    # the witnesses are a part of the chosen questions, so that a principal costs no more for what
    # changes
    announced = announced_probes(
        principal, phase, measure.index, limit=measure.options.probes // _WITNESS_SHARE
    )
    chosen = probes_of(
        principal,
        measure.spec(principal.principal_arn),
        phase,
        measure.index,
        namespaces=measure.snapshot.namespaces or (),
        earlier=measure.earlier_of(principal.principal_arn),
        limit=measure.options.probes - len(announced),
    )
    if (
        measure.index is None
    ):  # without RBAC nothing can be chosen but what the policies give by themselves
        policies = _expected(
            measure, principal, measure.entry(principal.principal_arn), phase
        ).policies
        shown = (policy_probe(policy) for policy in policies)
        chosen = tuple(Probe(request, expected=True) for request in shown if request is not None)
    asked = {probe.request for probe in announced}
    others = (probe for probe in chosen if probe.request not in asked)
    return tuple(dict.fromkeys((*_own_probes(measure, principal), *announced, *others)))


def _own_probes(measure: Measure, principal: PlannedPrincipal) -> tuple[Probe, ...]:
    """The questions of the operator about this principal, and those about every principal."""
    key = principal_key(principal.principal_arn)
    return tuple(
        each.probe
        for each in measure.options.own_probes
        if each.principal_arn is None or principal_key(each.principal_arn) == key
    )


def _by_login(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
    reviewer: AccessReviewer,
    log_in: ExpectedLogIn,
) -> Evidence:
    arn = principal.principal_arn
    expected = _expected(measure, principal, entry, phase)
    probes = _probes(measure, principal, phase)
    deadline = measure.ports.clock.now() + PATIENCE
    while True:
        subject = reviewer.who_am_i()
        results: tuple[ProbeResult, ...] = ()
        if subject is not None and subject.may_ask:
            results = tuple(measure.questions.map(Asking(reviewer), probes))
        differences = compare_subject(expected.username, expected.groups, subject)
        wrong = differences or any(r.allowed != r.probe.expected for r in results)
        if not wrong or phase == "before" or measure.ports.clock.now() >= deadline:
            break
        measure.ports.clock.sleep(PAUSE)
    at = measure.ports.clock.now().isoformat()
    return Evidence(
        principal_arn=arn,
        proof_class="live",
        phase=phase,
        at=at,
        state_digest=measure.digest(entry),
        attribution=_attribution(measure, principal, subject, results),
        subject=subject,
        probes=results,
        differences=tuple(
            dict.fromkeys(
                (
                    *differences,
                    *_entry_differences(measure, principal, expected, entry, phase),
                    *_dead(measure, principal, entry, phase),
                    *_unannounced(measure, principal, entry, phase),
                )
            )
        ),
        how="; ".join(
            (
                how_of_login(subject, results, at),
                *_announced(phase, results, baseline(arn, measure.earlier_of(arn))),
            )
        ),
        log_ins=(log_in.attempt(subject),),
    )


class Asking:
    """Asks as one principal. After an error no further question is asked: what prevents one answer
    prevents each, and would be waited for each time.
    """

    def __init__(self, reviewer: AccessReviewer) -> None:
        self._reviewer = reviewer
        self._failed: MigratorError | None = None

    def __call__(self, probe: Probe) -> ProbeResult:
        """The answer to one question. Raises the first error again for each that follows."""
        if self._failed is not None:
            raise self._failed
        try:
            return ProbeResult(probe, *self._reviewer.can(probe.request))
        except MigratorError as error:
            self._failed = error
            raise


def _announced(
    phase: Phase, results: tuple[ProbeResult, ...], before: Mapping[AccessRequest, bool]
) -> tuple[str, ...]:
    """What the answers show of the announced differences, once the change is made."""
    said = ""
    if phase == "after":
        said = how_of_announced(results, before)
    if said:
        return (said,)
    return ()


def _entry_differences(
    measure: Measure,
    principal: PlannedPrincipal,
    expected: Identity,
    entry: AccessEntry | None,
    phase: Phase,
) -> tuple[str, ...]:
    """The entry itself beside the login: while aws-auth is asked, a login that does not match its
    entry gets the identity of the row, and every answer is right (facts of the platform: precedence
    of entries over rows).
    """
    spec = measure.spec(principal.principal_arn)
    if phase == "before" or spec is None:
        return ()
    return _rule_differences(spec, expected, entry)


def _dead(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
) -> tuple[str, ...]:
    """An entry is pinned to its principal's unique id (EKS user guide, "Create access entries"):
    one that is older than the principal matches no login, and while aws-auth is asked the row hides
    that.
    """
    # Before the change the row decides, whatever the entry is.
    if phase == "before":
        return ()
    if entry is None or entry.created_at is None:
        return ()
    found = measure.iam_principal(principal.principal_arn)
    made = None if found is None else found.create_date
    if made is None or made <= entry.created_at:
        return ()
    return (
        f"the entry is dead: it was made {clock_time(entry.created_at)}, the principal "
        f"{clock_time(made)}",
    )


def _unannounced(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
) -> tuple[str, ...]:
    """What the entry gives besides the identity before and the announced differences, whatever the
    plan's steps say.
    """
    if phase == "before":
        return ()
    log_ins = unannounced_log_ins(principal, entry)
    if measure.announced is None or entry is None:
        return log_ins
    automatic = measure.automatic.get(principal.principal_arn)
    judged = without_wider(principal, entry, automatic, measure.announced.after)
    return (*log_ins, *measure.announced.differences(principal, judged))


def _attribution(
    measure: Measure,
    principal: PlannedPrincipal,
    subject: SelfSubject | None,
    results: tuple[ProbeResult, ...],
) -> Attribution:
    """What attributes the login to the entry and to nothing else."""
    # aws-auth is not asked in this mode (EKS user guide, "Authentication mode").
    if measure.mode == "API":
        return "api-mode"
    if subject is not None and any(map(is_ours, subject.groups)):
        return "marker"
    if "system:bootstrappers" in principal.before.groups and by_node_entry(subject):
        return "node"
    if any(map(_is_allowed_by_policy, results)):
        return "policy"
    return measure.only_entry(principal.principal_arn)


def _is_allowed_by_policy(result: ProbeResult) -> bool:
    """Whether an access policy gave the permission, by the authorizer's reason."""
    # Only an access entry can have an access policy.
    if not result.allowed:
        return False
    return result.reason.startswith("EKS Access Policy")


def _canary(measure: Measure, arn: str) -> Arrival:
    """What happened to the role's canary pod; nothing where none was asked for."""
    pod = measure.canaries.of(arn)
    if isinstance(pod, str):
        return Arrival(pod)
    return await_arrival(measure.ports, pod)


def _by_nodes(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
    canary: Arrival,
) -> Evidence | NodesUnread | None:
    """What leases and logs show of a role's nodes; None where there are none."""
    arn, api_mode = principal.principal_arn, measure.mode == "API"
    since = None if entry is None or phase == "before" else entry.modified_at or entry.created_at
    if canary.refused:
        return _refused_canary(measure, arn, entry, phase, canary)
    looked = watch_nodes(measure.ports, arn, since=since, api_mode=api_mode, newcomer=canary.node)
    if isinstance(looked, NodesUnread):
        return looked
    if not looked.judgement.findings:
        return None
    if phase == "before":
        evidence = baseline_of_nodes(looked, arn, state=measure.digest(entry))
    else:
        evidence = evidence_of_nodes(looked, arn, entry=entry, state=measure.digest(entry))
        wrong = (
            *_dead(measure, principal, entry, phase),
            *_unannounced(measure, principal, entry, phase),
        )
        evidence = replace(evidence, differences=(*evidence.differences, *wrong))
    if not canary.how:
        return evidence
    return replace(evidence, how=f"{canary.how}; {evidence.how}")


def _refused_canary(
    measure: Measure,
    arn: str,
    entry: AccessEntry | None,
    phase: Phase,
    canary: Arrival,
) -> Evidence:
    """EKS itself says that the role's nodes may not log in."""
    return Evidence(
        principal_arn=arn,
        proof_class="observed",
        phase=phase,
        at=measure.ports.clock.now().isoformat(),
        state_digest=measure.digest(entry),
        attribution="api-mode" if measure.mode == "API" else "none",
        differences=(canary.how,),
        how=canary.how,
    )


def _without_login(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
    why: str,
    nodes: Evidence | None,
) -> Evidence:
    """The best evidence on a principal as which the tool cannot log in: the logs, then the nodes,
    then the rules.
    """
    if nodes is not None:
        why = f"{nodes.how}; {why}"
    elif phase == "after" and entry is not None:
        seen = _by_logs(measure, principal, entry, why)
        if isinstance(seen, Evidence):
            return seen
        why = f"{why} {seen}"
    return _by_rules(measure, principal, entry, phase, why)


def _by_logs(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry,
    why: str,
) -> Evidence | str:
    """Logins since the entry got its shape; text instead where nothing was seen, with the
    reason.
    """
    now = measure.ports.clock.now()
    since = entry.modified_at or entry.created_at
    if since is None:
        return "When its entry was made is not known."
    logins = _logins(measure, principal.principal_arn, max(since, now - EVIDENCE_AGE), now)
    expected = _expected(measure, principal, entry, "after")
    judged = judge_logins(
        expected.username,
        expected.groups,
        logins.found or (),
        since=since,
        only_entry=measure.only_entry(principal.principal_arn),
    )
    if judged is None:
        return logins.why or "It did not log in since its entry was made."
    evidence = evidence_of_logins(
        principal.principal_arn, judged, state=measure.digest(entry), why=why
    )
    return replace(
        evidence,
        differences=(*evidence.differences, *_unannounced(measure, principal, entry, "after")),
    )


def _logins(
    measure: Measure,
    arn: str,
    start: datetime,
    end: datetime,
) -> Logins:
    """From the file that was given, else from the logs."""
    usage, key = measure.options.usage, principal_key(arn)
    if usage is None:
        return logins_of(measure.ports.logs, arn, start, end)
    found = (
        SeenLogin(login.arn, login.username, login.groups, login.last, "authenticator")
        for login in usage.logins
        if principal_key(login.arn) == key and start <= login.last <= end
    )
    return Logins(tuple(found), "It is not in the usage file since then.")


def _by_rules(
    measure: Measure,
    principal: PlannedPrincipal,
    entry: AccessEntry | None,
    phase: Phase,
    why: str,
) -> Evidence:
    """Rules evaluated, or the statement of a person where decisions.yaml gives one."""
    expected = _expected(measure, principal, entry, phase)
    differences: tuple[str, ...] = ()
    found = None
    if phase == "before":
        found = principal.before
    if phase == "after":
        found = None
        if entry is not None:
            found = identity_of_entry(entry)
        differences = (
            *_rule_differences(measure.spec(principal.principal_arn), expected, entry),
            *_dead(measure, principal, entry, phase),
            *_unannounced(measure, principal, entry, phase),
        )
    results: tuple[ProbeResult, ...] = ()
    announced: tuple[str, ...] = ()
    if found is not None and measure.index is not None:
        probes = _probes(measure, principal, phase)
        answers = evaluate(measure.index, found, probes)
        results = tuple(ProbeResult(probe, allowed, reason) for probe, allowed, reason in answers)
        before = {
            probe.request: allowed
            for probe, allowed, _ in evaluate(measure.index, principal.before, probes)
        }
        announced = _announced(phase, results, before)
    open_ones = len(set(_own_probes(measure, principal)) - {each.probe for each in results})
    unanswered = ""
    if open_ones:
        unanswered = f", {open_ones} of your own could not be answered"
    evidence = Evidence(
        principal_arn=principal.principal_arn,
        proof_class="simulated",
        phase=phase,
        at=measure.ports.clock.now().isoformat(),
        state_digest=measure.digest(entry),
        attribution="api-mode" if measure.mode == "API" else "none",
        probes=results,
        differences=differences,
        how="; ".join((f"rules evaluated, {len(results)} probes{unanswered}", *announced, why)),
    )
    waiver = measure.options.waive_verification.get(principal.principal_arn)
    if waiver is None or not evidence.holds:
        return evidence
    return replace(
        evidence,
        proof_class="attested",
        how=f"attested by {waiver.by}: {waiver.reason}; {evidence.how}",
    )


def _rule_differences(
    spec: EntrySpec | None, expected: Identity, entry: AccessEntry | None
) -> tuple[str, ...]:
    """How the entry as it was read differs from what the plan has, by the rules alone."""
    if entry is None:
        return ("there is no entry",)
    if spec is not None and spec.type != entry.type:
        return (f"the entry is of type {entry.type}, not {spec.type}",)
    if entry.type != "STANDARD":
        return ()
    found = SelfSubject(entry.username, entry.kubernetes_groups)
    return (
        *compare_subject(expected.username, expected.groups, found),
        *_other_policies(spec, entry),
    )


def _other_policies(spec: EntrySpec | None, entry: AccessEntry | None) -> tuple[str, ...]:
    """Policies and scopes are compared as EKS shows them, too: the rules of some are not published,
    so that no probe can be chosen for them.
    """
    if spec is None or entry is None:
        return ()
    held, meant = (
        EntrySpec(access_policies=entry.access_policies),
        EntrySpec(access_policies=spec.access_policies),
    )
    same = same_entry(entry.principal_arn, meant, held)
    if same:
        return ()
    return ("the access policies are not those of the plan",)


def _refused_login(
    measure: Measure,
    arn: str,
    phase: Phase,
    reviewer: AccessReviewer,
    expected: ExpectedLogIn,
) -> Evidence:
    """A log-in that must be refused, tried: what cannot log in before must not be able to log in
    after.
    """
    subject = reviewer.who_am_i()
    at = measure.ports.clock.now().isoformat()
    return Evidence(
        principal_arn=arn,
        proof_class="live",
        phase=phase,
        at=at,
        state_digest=measure.digest(measure.entry(arn)),
        attribution="none",
        subject=subject,
        differences=expected.differences(subject, phase),
        how=how_of_login(subject, (), at),
        log_ins=(expected.attempt(subject),),
    )
