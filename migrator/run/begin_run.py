"""What every writing workflow does first: the lock, the fresh read, the comparison with the plan,
run id, backup.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from migrator.decide.findings.platform import platform_obstacle
from migrator.decide.planning.stubs import what_lifts
from migrator.decide.proving.announced import unannounced_end
from migrator.decide.running.actions import Observed
from migrator.decide.running.changes import (
    as_before,
    basis_changes,
    not_read_again,
    remedy_of_unread,
    without_unread,
)
from migrator.decide.running.progress import (
    REHEARSE,
    SETTLED,
    Progress,
    progress_of,
    records_of,
    standing,
)
from migrator.decide.running.row_identity import row_gives
from migrator.decide.running.source_differences import Difference, row_difference
from migrator.decide.running.unfinished import left_of_roll_back
from migrator.decide.running.waiting import UPDATE_TIMEOUT, being_updated
from migrator.decide.steps.bindings import PLAN_LABEL, RUN_LABEL, plan_label
from migrator.decide.steps.entry_states import PLAN_TAG, RUN_TAG
from migrator.decide.steps.rehearsal_objects import blank_under_rehearsal
from migrator.errors import Blocked, Changed, Failed, MigratorError, Refused
from migrator.model.access_entry import AccessEntry, AuthenticationMode
from migrator.model.canonical import pretty_bytes
from migrator.model.files.snapshot import access_entry
from migrator.model.journal import Journal
from migrator.model.plan import Plan
from migrator.model.principal import parse_arn
from migrator.model.snapshot import Snapshot
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL, EnableEntries
from migrator.ports import (
    AuthMode,
    ClusterLock,
    ClusterReader,
    ConfigMaps,
    Entropy,
    NetworkPolicies,
    Permissions,
    Pods,
    PrincipalPermissions,
    Principals,
    StateStore,
    TaskRunner,
)
from migrator.run.one_run import StepPorts
from migrator.run.read_entries import WithoutEntries

# EKS API, DescribeCluster: the status of a cluster whose mode, version or endpoint is changed.
UPDATING = "UPDATING"
_MOST_NAMED = 5
_POLL = timedelta(seconds=3)
_RUN_ID_LENGTH = 16
_RUN_FILE = "run.json"  # which plan a run was started for, and its id: survives a damaged journal


@dataclass(frozen=True, slots=True)
class RunPorts(StepPorts):
    """What a whole run needs: the step ports, reads for the comparison and the backup, and a source
    of run ids.

    ``read_snapshot`` reads the cluster afresh, ``read_without_entries`` all but the access entries
    (None: they are read with the rest); ``questions`` asks what principals may do (None: ``tasks``
    does); ``basis_of`` is what plans are compared by.
    ``permissions`` is asked about a break-glass principal, ``own_permissions`` about the caller,
    None where they are not. ``pods``: where
    canary pods are made, None where they may not be. ``lock`` is the lock of record in the cluster,
    beside the one of ``store``. ``fresh_principals`` opens IAM without what was read of it before,
    None where ids are not read again. ``network_policies``: what may cut pods off, None where they
    are not asked for.
    """

    reader: ClusterReader
    entropy: Entropy
    read_snapshot: Callable[[], Snapshot]
    basis_of: Callable[[Snapshot], Mapping[str, Any]]
    lock: ClusterLock = field(kw_only=True)
    permissions: PrincipalPermissions | None = field(default=None, kw_only=True)
    own_permissions: Permissions | None = field(default=None, kw_only=True)
    pods: Pods | None = field(default=None, kw_only=True)
    fresh_principals: Callable[[], Principals] | None = field(default=None, kw_only=True)
    network_policies: NetworkPolicies | None = field(default=None, kw_only=True)
    questions: TaskRunner | None = field(default=None, kw_only=True)
    read_without_entries: Callable[[], WithoutEntries] | None = field(default=None, kw_only=True)


def refuse_blocked(plan: Plan) -> None:
    """Raises ``Blocked`` while a person must decide something first."""
    if plan.blocked:
        codes: set[str] = set()
        for finding in plan.findings:
            if finding.severity == "block":
                codes.add(finding.code)
        raise Blocked(
            "plan-blocked",
            "The plan is blocked: a person must decide something first.",
            why="Open findings: " + ", ".join(sorted(codes)) + ".",
            remedy=what_lifts(plan),
        )


def refuse_without_entries(plan: Plan, snapshot: Snapshot) -> None:
    """Raises ``Refused`` where the plan switches access entries on and the cluster cannot have
    them: the plan may be older than what is known of the platform.
    """
    obstacle = platform_obstacle(snapshot.cluster_raw)
    if obstacle is None:
        return
    if any(isinstance(step.effect, EnableEntries) for step in plan.steps):
        raise Refused(obstacle.code, obstacle.message, remedy=obstacle.remedy)


def refuse_other_cluster(plan: Plan, snapshot: Snapshot) -> None:
    """Raises ``Refused`` when the plan was made for another cluster than the one that was read."""
    refuse_other_arn(plan.cluster.arn, snapshot.cluster.arn)


def refuse_other_arn(planned: str, read: str) -> None:
    """The same by the ARNs of the plan's cluster and of the one that was read."""
    if planned != read:
        raise Refused(
            "plan-for-other-cluster",
            f"The plan is for {planned}.",
            why=f"The cluster that was read is {read}.",
            remedy="Use the plan of this cluster, or the profile and region of the plan's.",
        )


def begun_run(store: StateStore, plan_digest: str) -> str | None:
    """The id of a run of this plan that was started here, whatever happened to its journal."""
    try:
        document = json.loads(store.read(_RUN_FILE) or b"{}")
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    if document.get("planDigest") != plan_digest:
        return None
    run = document.get("run")
    if isinstance(run, str) and is_run_id(run):
        return run
    return None


def note_run(store: StateStore, plan_digest: str, run: str) -> None:
    """Note the run beside the journal, before its first effect."""
    store.write(_RUN_FILE, pretty_bytes({"planDigest": plan_digest, "run": run}))


def refuse_unannounced(plan: Plan, snapshot: Snapshot) -> None:
    """Raises ``Failed`` ``plan-inconsistent`` where the plan's entries give, by the cluster's RBAC,
    more or less than the plan announces: the reader of a plan file does not see RBAC.
    """
    wrong = unannounced_end(plan, snapshot)
    if wrong:
        raise Failed(
            "plan-inconsistent",
            "The plan would change access that it does not announce.",
            why="; ".join(wrong[:_MOST_NAMED]),
            remedy="Make the plan again with `migrate plan`; nothing was sent.",
        )


def refuse_changed(
    plan: Plan,
    plan_digest: str,
    snapshot: Snapshot,
    progress: Progress,
    basis_of: Callable[[Snapshot], Mapping[str, Any]],
    *,
    begun: str | None,
) -> None:
    """Raises ``Changed``, naming what changed, when the cluster is no longer the one that was
    planned for, and ``Failed`` when the operator cannot read the IAM principals that the plan read.
    """
    before, surprises = as_before(snapshot, plan, progress, plan_digest, begun=begun)
    basis = basis_of(before)
    data: Mapping[str, str] | None = None
    if snapshot.config_map is not None:
        data = snapshot.aws_auth_data
    rows: dict[str, Difference] = {}
    for principal in plan.principals:
        difference = row_difference(data, principal)
        if difference is not None:
            rows[principal.principal_arn] = difference
    # IAM is asked about what rows name: of a principal whose row was deleted nothing is read, and
    # that is no denial.
    unseen = [arn for arn in not_read_again(plan.basis, basis) if arn not in rows]
    if unseen:
        raise Failed(
            "principals-not-read",
            "Some principals of the plan cannot be read from here.",
            why=f"IAM of their accounts was not read this time: {', '.join(unseen)}.",
            remedy="Name the --reader-role that the plan was made with, or read IAM with the same "
            f"permissions. {_of_iam(snapshot)}".rstrip(),
        )
    known, unread = without_unread(plan.basis, basis, snapshot)
    changes = (*surprises, *basis_changes(plan.basis, known))
    if unread and not changes:
        raise Failed(
            unread[0].code,
            f"The plan was made from more than can be read now. {unread[0].message}",
            why=f"Whether this changed since the plan is not known: "
            f"{'; '.join(f'{each.what} ({each.message})' for each in unread)}.",
            remedy=remedy_of_unread(unread),
        )
    if changes:
        changes = (*(each.message.rstrip(".") for each in rows.values()), *changes)
        raise Changed(
            "cluster-changed",
            # The first change is in the message in full: a long list of others is cut.
            f"The cluster is not as it was when the plan was made: {changes[0]}.",
            why="; ".join(changes[1:]),
            remedy="Plan again and look at what is different.",
        )


def _of_iam(snapshot: Snapshot) -> str:
    """What would make IAM readable, as far as IAM said it."""
    parts = [each for each in snapshot.unread if each.what.startswith("iam.")]
    return " ".join(dict.fromkeys(f"{each.message} {each.remedy}" for each in parts))


def refuse_rehearsing(progress: Progress, snapshot: Snapshot | None = None) -> None:
    """Raises ``Refused`` while an interrupted rehearsal may have left aws-auth blank: one of this
    state folder, or, by the ``snapshot``, of any other.
    """
    begun = progress.of(f"{REHEARSE}-timer").status != "pending"
    if begun and progress.of(f"{REHEARSE}-clean").status not in SETTLED:
        raise Refused(
            "rehearsal-unfinished",
            "A rehearsal was interrupted, and aws-auth may be blank.",
            why="Its end is not in the journal.",
            remedy="Run `migrate rehearse PLAN` once: it puts aws-auth back before anything else.",
        )
    if snapshot is not None:
        refuse_blank(snapshot)


def refuse_blank(snapshot: Snapshot) -> None:
    """Raises ``Refused`` while aws-auth is blank and a rehearsal's objects are in the cluster."""
    if blank_under_rehearsal(snapshot):
        raise Refused(
            "rehearsal-unfinished",
            "aws-auth is blank: a rehearsal has not ended.",
            why="Objects of a rehearsal are in the cluster, and another state folder has its "
            "journal.",
            remedy="Wait until its timer has restored aws-auth (`migrate status` says when), or "
            "run `migrate rehearse PLAN --image IMAGE` in the folder that began it.",
        )


def refuse_going_back(progress: Progress, plan: Plan) -> None:
    """Raises ``Refused`` while a roll-back that was started has more to undo: going forward
    undoes what it did.
    """
    if not progress.going_back:
        return
    left = left_of_roll_back(plan, progress)
    if left:
        following = f"{left[-1].effect.kind} {left[-1].principal_arn or ''}".rstrip()
        same = "".join(f" --only {shlex.quote(arn)}" for arn in progress.only)
        raise Refused(
            "rollback-unfinished",
            "A roll-back of this plan was started and did not finish.",
            why=f"{len(left)} steps are still to be undone, the next one: {following}.",
            remedy=f"Finish it: `migrate rollback PLAN{same}`. Or go forward: `migrate apply PLAN "
            "--abandon-rollback`.",
        )


def progress_in(journal: Journal, plan: Plan, plan_digest: str) -> Progress:
    """How far runs of this plan came."""
    return progress_of(plan, records_of(journal, plan_digest))


def run_id_for(
    plan: Plan,
    progress: Progress,
    snapshot: Snapshot,
    plan_digest: str,
    entropy: Entropy,
    *,
    begun: str | None,
) -> str:
    """The id of the run to continue, else a new one."""
    if progress.run and _has_effects(plan, progress):
        return progress.run
    # An earlier run of this plan left entries or bindings: it ran from another state folder, or
    # its journal was lost.
    left = _run_on_entries(snapshot, plan_digest) or _run_on_bindings(snapshot, plan_digest)
    if left is not None:
        return left
    statuses = {state.status for state in progress.states.values()}
    # A run that was undone is over: the names of its groups are not used again.
    if begun and "undone" not in statuses:
        return begun
    return entropy.run_id()


def _has_effects(plan: Plan, progress: Progress) -> bool:
    """Whether anything that the journal has of the run is still in the cluster."""
    sequences = plan.sequences.values()
    return any(standing(sequence, progress.states) for sequence in sequences)


def _run_on_entries(snapshot: Snapshot, plan_digest: str) -> str | None:
    """The run that an entry of this plan is tagged with."""
    for entry in snapshot.access_entries or ():
        if entry.tags.get(PLAN_TAG) != plan_digest:
            continue
        # Any writer can set a tag: only what can be an id of ours is believed.
        run = entry.tags.get(RUN_TAG, "")
        if is_run_id(run):
            return run
    return None


def _run_on_bindings(snapshot: Snapshot, plan_digest: str) -> str | None:
    """The run that a binding of this plan is labelled with."""
    if snapshot.rbac is None:
        return None
    for binding in snapshot.rbac.bindings:
        labels = binding.labels
        if labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
            continue
        if labels.get(PLAN_LABEL) != plan_label(plan_digest):
            continue
        run = labels.get(RUN_LABEL, "")
        if is_run_id(run):
            return run
    return None


def is_run_id(text: str) -> bool:
    """Whether the text can be an id of ours; nothing else is ever put into the name of a group."""
    if len(text) != _RUN_ID_LENGTH:
        return False
    return set(text) <= set("0123456789abcdef")


def back_up(
    store: StateStore,
    reader: ClusterReader,
    config_maps: ConfigMaps,
    snapshot: Snapshot,
    run: str,
) -> list[str]:
    """Save aws-auth exactly as the API gives it (resourceVersion included) and all entries with
    their policies.

    A backup that exists is never written over: it is the older one that shows the state before.
    Returns the names of the files.
    """
    wanted: dict[str, Callable[[], Any]] = {
        f"backup/{run}/aws-auth.json": config_maps.read,
        f"backup/{run}/access-entries.json": reader.list_access_entries,
        f"backup/{run}/rbac.json": lambda: _names_of_bindings(snapshot),
    }
    for name, read in wanted.items():
        if store.read(name) is None:
            store.write(name, pretty_bytes(read()))
    return sorted(wanted)


def aws_auth_backups(store: StateStore) -> tuple[Mapping[str, Any] | None, ...]:
    """The ConfigMap as each run and rehearsal saved it before its first write, oldest first."""
    files: dict[str, None] = {}
    for record in store.journal():
        if record.event == "backed-up":
            files |= dict.fromkeys(map(str, record.effect.get("files", ())))
    found: list[Mapping[str, Any] | None] = []
    for name in files:
        if not name.endswith("aws-auth.json"):
            continue
        content = store.read(name)
        if content is None:
            continue
        # A damaged backup says nothing of who wrote the ConfigMap: the other ones may.
        try:
            saved = json.loads(content)
        except ValueError:
            continue
        if saved is None or isinstance(saved, dict):
            found.append(saved)
    return tuple(found)


def _names_of_bindings(snapshot: Snapshot) -> list[dict[str, Any]] | None:
    """The bindings by name, namespace and role, for people who look what was there before the run;
    None where RBAC was not read.
    """
    if snapshot.rbac is None:
        return None
    return [
        {"name": b.name, "namespace": b.namespace, "role": [b.role_kind, b.role_name]}
        for b in snapshot.rbac.bindings
    ]


def wait_until_updated(plan: Plan, ports: RunPorts, why: str) -> None:
    """Wait while EKS updates the cluster: whether rows decide afterwards depends on the mode, which
    the update may change. ``why`` is said meanwhile. Raises ``Failed`` ``update-in-progress`` where
    it takes longer than a switch of the mode may.
    """
    until = ports.clock.now() + UPDATE_TIMEOUT
    while ports.mode.read()[1] == UPDATING:
        if ports.clock.now() >= until:
            raise being_updated(plan)
        ports.events.say("info", f"waiting: {why}", event="waiting")
        ports.clock.sleep(_POLL)


def row_check(plan: Plan, config_maps: ConfigMaps, auth_mode: AuthMode) -> Callable[[str], bool]:
    """Whether the live aws-auth still gives a principal its identity from before the run: asked
    before an entry is deleted. In API mode no row gives anything.

    The answer raises ``Failed`` ``update-in-progress`` while the cluster is being updated.
    """
    before = {p.principal_arn: p.before for p in plan.principals}

    def gives(arn: str) -> bool:
        mode, status = auth_mode.read()
        # The update may be the switch to API mode, of a cut-over or of another writer.
        if status == UPDATING:
            raise being_updated(plan)
        if mode == "API":
            return False
        # The plan knows nothing of the principal: its entry stays.
        if arn not in before:
            return False
        live = config_maps.read()
        if live is None:
            return row_gives(None, arn, before[arn])
        return row_gives(dict(live.get("data") or {}), arn, before[arn])

    return gives


def all_entries(reader: ClusterReader) -> tuple[AccessEntry, ...]:
    """Every access entry of the cluster, read now; none in CONFIG_MAP mode."""
    listed = reader.list_access_entries() or ()
    return tuple(access_entry(raw, str(raw["principalArn"])) for raw in listed)


def callers_in(plan: Plan, chain: tuple[str, ...]) -> frozenset[str]:
    """The plan's principals that the operator is, or arrives through."""
    behind = {_canonical(arn) for arn in chain}
    callers: set[str] = set()
    for principal in plan.principals:
        if _canonical(principal.principal_arn) in behind:
            callers.add(principal.principal_arn)
    return frozenset(callers)


def arrives_through(arn: str, chain: tuple[str, ...]) -> bool:
    """Whether a role or user is one of those that the operator is, or arrives through."""
    return _canonical(arn) in {_canonical(each) for each in chain}


def _canonical(text: str) -> str:
    """A role as ``account/role/name``, lower-cased, whether it is written with its path or as a
    session's ARN.
    """
    arn = parse_arn(text)
    if arn is None:
        return text
    if arn.kind == "assumed-role":
        return f"{arn.account}/role/{arn.resource.split('/')[1]}".lower()
    if arn.kind == "role":
        return f"{arn.account}/role/{arn.name}".lower()
    return f"{arn.account}/{arn.resource}".lower()


def chain_of(reader: ClusterReader) -> tuple[str, ...]:
    """The operator's principal and those through which it arrives; only its own where the chain
    cannot be read.
    """
    try:
        chain = tuple(reader.caller_chain())
    except MigratorError:
        chain = ()
    arn = str(reader.caller_identity().get("Arn", ""))
    if arn in chain:
        return chain
    return (*chain, arn)


def observed_at_start(
    plan: Plan,
    ports: RunPorts,
    snapshot: Snapshot,
    chain: tuple[str, ...],
) -> Observed:
    """What the fresh snapshot shows. Entries that EKS will make itself are read when the run
    reaches them.
    """
    status = str(snapshot.cluster_raw.get("status") or "")
    # Mode and status are one answer: without the status the cluster is read again.
    mode: AuthenticationMode | None = None
    if status:
        mode = snapshot.cluster.authentication_mode
    return Observed(
        now=ports.clock.now(),
        mode=mode,
        cluster_status=status,
        entries=_entries_at_start(plan, snapshot),
        callers=callers_in(plan, chain),
    )


def _entries_at_start(plan: Plan, snapshot: Snapshot) -> dict[str, AccessEntry | None]:
    """The entries of the plan's sequences, None for one that is not there; empty where they were
    not read.
    """
    if snapshot.access_entries is not None:
        found = {entry.principal_arn: entry for entry in snapshot.access_entries}
        keys = [key for key in plan.sequences if not key.startswith("step ")]
        return {key: found.get(key) for key in keys}
    # In this mode a cluster has no entries (EKS user guide, "Authentication mode").
    if snapshot.cluster.authentication_mode == "CONFIG_MAP":
        created = [each for each in plan.principals if each.action == "create"]
        return {principal.principal_arn: None for principal in created}
    return {}
