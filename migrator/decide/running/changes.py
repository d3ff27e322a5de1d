"""What changed in the cluster since the plan, apart from what runs of the plan did themselves."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from migrator.decide.planning.entries.automatic_entry import is_creators
from migrator.decide.planning.proof.basis import entries_basis
from migrator.decide.running.change_words import basis_lines
from migrator.decide.running.progress import SETTLED, Progress, sequences_of
from migrator.decide.steps.entry_states import (
    ABSENT,
    PLAN_TAG,
    EntryState,
    matches,
    sequence_states,
    state_of,
)
from migrator.model.access_entry import SERVICE_LINKED_MARK, AccessEntry, EntrySpec
from migrator.model.long_lists import first_lines
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.principal import Arn, parse_arn
from migrator.model.rbac import RbacState
from migrator.model.snapshot import Snapshot, UnreadPart
from migrator.model.step import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    AwaitEntry,
    CreateEntry,
    DeleteEntry,
    EnableEntries,
    Prove,
    Sequence,
)

_MOST_LINES = 40
# What parts of a snapshot become in the basis.
_OF_BASIS = {
    "accessPolicies": ("accessPolicies",),
    "nodegroups": ("nodegroups",),
    "fargateProfiles": ("fargateProfiles",),
    "rbac": ("rbac",),
    "groupReferences": ("groupReferences",),
    "identityProviderConfigs": ("identityProviders",),
    "iam.principals": ("accountsRead",),
}
# How the basis names objects of one kind (:func:`migrator.decide.planning.proof.basis.basis_of`).
_RBAC_NAMES = {
    "rbac.roles": "Role ",
    "rbac.roleBindings": "RoleBinding ",
    "rbac.clusterRoles": "ClusterRole ",
    "rbac.clusterRoleBindings": "ClusterRoleBinding ",
}
# A step with one of these statuses was started and did not end.
_UNDER_WAY = frozenset({"intended", "sent", "undoing"})


def as_before(
    snapshot: Snapshot,
    plan: Plan,
    progress: Progress,
    plan_digest: str,
    *,
    begun: str | None = None,
) -> tuple[Snapshot, tuple[str, ...]]:
    """A fresh snapshot without what runs of this plan did, and lines about unexpected entries.

    ``begun`` is the id of the run that started here, even if its journal was lost.

    Runs of this plan did: the first mode step, entries with this plan's tag, entries that a started
    sequence changes (a run compares their own state step by step, when it reaches them), and
    bindings with the label of this program.
    """
    run = begun or progress.run or ""
    cluster, entries = snapshot.cluster, snapshot.access_entries
    surprises: tuple[str, ...] = ()
    # In CONFIG_MAP mode EKS refuses to list entries: there are none to compare.
    if entries is not None:
        touched = _touched(plan, progress, entries, plan_digest, begun=begun)
        others = [each for each in entries if not _is_ours(each, touched, progress, plan_digest)]
        kept = tuple(_first(touched.get(each.principal_arn), each, run) for each in others)
        entries = kept + _deleted(touched, entries, plan_digest)
    if _mode_step_was_ours(plan, progress, snapshot, plan_digest, begun=begun):
        cluster = replace(cluster, authentication_mode="CONFIG_MAP")
        surprises = surprising_entries(plan, entries or (), plan_digest)
        entries = None
    before = replace(
        snapshot,
        cluster=cluster,
        access_entries=_sorted(entries),
        rbac=_without_ours(snapshot.rbac),
    )
    return before, surprises


def _touched(
    plan: Plan,
    progress: Progress,
    entries: Iterable[AccessEntry],
    plan_digest: str,
    *,
    begun: str | None,
) -> dict[str, Sequence]:
    """The sequences that have started, by the journal or, where it was lost, by their entries."""
    shown = {entry.principal_arn: entry for entry in entries}
    run = begun or progress.run or ""
    touched: dict[str, Sequence] = {}
    for key, sequence in sequences_of(plan, progress).items():
        if _has_begun(progress, sequence):
            touched[key] = sequence
            continue
        # A run began here, and its journal does not have the sequence: the entry shows how far the
        # lost journal came.
        if begun is not None and _on_its_way(sequence, shown.get(key), run, plan_digest):
            touched[key] = sequence
    return touched


def _has_begun(progress: Progress, sequence: Sequence) -> bool:
    """Whether the journal has a record of any step of the sequence, a refusal included."""
    return any(progress.of(step.id).status != "pending" for step in sequence)


def _is_ours(
    entry: AccessEntry,
    touched: Mapping[str, Sequence],
    progress: Progress,
    plan_digest: str,
) -> bool:
    """Whether there was no such entry before this plan: it has the plan's tag, or it is what a
    finished sequence made, and another writer has it now.

    ``touched`` has the sequences that were started, by principal ARN.
    """
    if entry.tags.get(PLAN_TAG) == plan_digest:
        return True
    sequence = touched.get(entry.principal_arn)
    if sequence is None or sequence_states(sequence, progress.run or "")[0] is not ABSENT:
        return False
    end = finished_state(sequence, progress, entry)
    return end is not None and matches(end, entry, plan_digest)


def finished_state(
    sequence: Sequence,
    progress: Progress,
    entry: AccessEntry | None,
) -> EntryState | None:
    """What a sequence leaves of its entry, whoever has the entry now; None where a write of it is
    not done, or it knows nothing of the entry. A proof that is missing changes no entry.

    Infrastructure code that takes over a finished entry replaces the plan's tag by its own, and a
    person who puts a deleted one back gives it none. The tag of another plan says that its runs
    have the entry.
    """
    if entry is not None and PLAN_TAG in entry.tags:
        return None
    writes = [step for step in sequence if not isinstance(step.effect, Prove)]
    if any(progress.of(step.id).status not in SETTLED for step in writes):
        return None
    last = sequence_states(sequence, progress.run or "")[-1]
    if last is None:
        return None
    return replace(last, made_by_us=False)


def _mode_step_was_ours(
    plan: Plan,
    progress: Progress,
    snapshot: Snapshot,
    plan_digest: str,
    *,
    begun: str | None,
) -> bool:
    """Whether a run of this plan changed the mode from CONFIG_MAP.

    EKS never changes the mode back (EKS API, UpdateClusterConfig): a plan that was made in another
    mode has no such step.
    """
    if plan.cluster.authentication_mode != "CONFIG_MAP":
        return False
    if snapshot.cluster.authentication_mode == "CONFIG_MAP":
        return False
    # The run that began here may have lost its journal after it switched the mode.
    if begun is not None:
        return True
    return _enabled(plan, progress, snapshot, plan_digest)


def entries_astray(
    plan: Plan,
    progress: Progress,
    entries: Iterable[AccessEntry],
    plan_digest: str,
) -> tuple[tuple[str, str], ...]:
    """``(principal ARN, what is wrong)`` of entries that are no longer as the journal says the runs
    left them.
    """
    found = {entry.principal_arn: entry for entry in entries}
    astray: list[tuple[str, str]] = []
    for arn, sequence in sequences_of(plan, progress).items():
        states = _states_reached(progress, sequence)
        if not states:
            continue
        entry = found.get(arn)
        if _is_in_any(states, entry, plan_digest):
            continue
        # The first state is the one that the journal has; the others are further on.
        astray.append((arn, _what_is_astray(entry, states[0])))
    return tuple(astray)


def _is_in_any(
    states: Iterable[EntryState | None],
    entry: AccessEntry | None,
    plan_digest: str,
) -> bool:
    """Whether the entry, None where there is none, is as one of the states says."""
    return any(matches(state, entry, plan_digest) for state in states)


def _what_is_astray(entry: AccessEntry | None, wanted: EntryState | None) -> str:
    """What happened to an entry, by what is there and what the journal says: for people."""
    if entry is None:
        return "another writer deleted it"
    if wanted is None:
        return "it is there again"
    return "another writer changed it"


def _states_reached(progress: Progress, sequence: Sequence) -> list[EntryState | None]:
    """The states that an entry may be in by the journal; empty where the journal does not say.

    An entry may be ahead of its journal, never behind it.
    """
    if sequence[0].principal_arn is None:
        return []
    statuses = [progress.of(step.id).status for step in sequence]
    # A write that was started and did not end may have arrived or not.
    if _UNDER_WAY.intersection(statuses):
        return []
    reached = [place for place, status in enumerate(statuses, 1) if status in SETTLED]
    if not reached:
        return []
    *states, last = sequence_states(sequence, progress.run or "")[max(reached) :]
    if last is None:
        return [*states, None]
    # Infrastructure code that manages a finished entry replaces the tags of this plan by its own.
    return [*states, replace(last, made_by_us=False)]


def kept_entries_astray(
    plan: Plan, entries: Iterable[AccessEntry], plan_digest: str
) -> tuple[tuple[str, str], ...]:
    """``(principal ARN, what is wrong)`` of entries that the plan keeps and that were changed, and
    of principals that the plan leaves without an entry and that have one.
    """
    found = {entry.principal_arn: entry for entry in entries}
    sequences, astray = plan.sequences, []
    for planned in plan.principals:
        arn = planned.principal_arn
        entry = found.get(arn)
        is_surprise = entry is not None and entry_left_out(plan, planned, entry)
        if is_surprise:
            astray.append((arn, "it has an access entry; the plan leaves it without one"))
        # The steps of a sequence look at their entry themselves.
        if arn in sequences:
            continue
        why = _kept_astray(planned, entry, plan_digest)
        if why:
            astray.append((arn, why))
    return tuple(astray)


def _kept_astray(planned: PlannedPrincipal, entry: AccessEntry | None, plan_digest: str) -> str:
    """How an entry differs that the plan keeps; empty where it does not, or is not kept."""
    if planned.action != "keep":
        return ""
    if planned.entry is None:
        return ""
    if entry is None:
        return "it was deleted; the plan keeps it"
    kept = state_of(planned.entry)
    if matches(kept, entry, plan_digest):
        return ""
    return "it was changed; the plan keeps it as it was"


def entry_left_out(plan: Plan, planned: PlannedPrincipal, entry: AccessEntry) -> bool:
    """Whether another writer made an entry for a principal that the plan skips: the principal can
    log in, whether or not its row still exists.
    """
    if planned.action != "skip":
        return False
    # EKS manages the entries of service-linked roles.
    if SERVICE_LINKED_MARK in planned.principal_arn:
        return False
    # The dead entry that was there when the plan was made is the same as in the basis.
    known_entries = plan.basis.get("accessEntries") or {}
    known = known_entries.get(planned.principal_arn)
    if known is not None and known == entries_basis([entry])[planned.principal_arn]:
        return False
    return not _is_unknown_creators(plan, planned, entry)


def _is_unknown_creators(plan: Plan, planned: PlannedPrincipal, entry: AccessEntry) -> bool:
    """Whether the entry is EKS's own for a creator that the plan does not know: it gives what the
    creator had before.
    """
    codes = {finding.code for finding in plan.findings}
    if "creator-unknown" not in codes:
        return False
    # A principal with a row or an entry had its access from there.
    if planned.before.via != "none":
        return False
    return is_creators(entry)


def surprising_entries(
    plan: Plan, entries: Iterable[AccessEntry], plan_digest: str
) -> tuple[str, ...]:
    """Entries after the first mode step that this plan did not make and does not expect EKS to
    make, one line each.
    """
    awaited: dict[str, EntrySpec] = {}
    for step in plan.steps:
        if isinstance(step.effect, AwaitEntry):
            awaited[step.effect.principal_arn] = step.effect.expected
    unknown: list[AccessEntry] = []
    for entry in entries:
        if entry.principal_arn in awaited:
            continue
        if not _is_known(entry, plan_digest):
            unknown.append(entry)
    # Unless the plan awaits the creator's entry, one entry of the shape that EKS gives it is
    # expected: without a row the creator had as much before; where the plan creates an entry the
    # run takes it over.
    creators = [entry for entry in unknown if is_creators(entry)]
    awaited_types = {spec.type for spec in awaited.values()}
    if len(creators) == 1 and "STANDARD" not in awaited_types:
        unknown.remove(creators[0])
    # EKS makes entries for the roles of managed nodes and Fargate, without tags, of the type that
    # the plan creates.
    nodes = _node_types(plan)
    lines: list[str] = []
    for entry in unknown:
        arn = entry.principal_arn
        is_planned_node = not entry.tags and nodes.get(arn) == entry.type
        if not is_planned_node:
            lines.append(f"there is an access entry for {arn} that the plan does not know")
    return tuple(lines)


def _is_known(entry: AccessEntry, plan_digest: str) -> bool:
    """Whether this plan made the entry, or EKS has it for a service-linked role, as always."""
    if SERVICE_LINKED_MARK in entry.principal_arn:
        return True
    return entry.tags.get(PLAN_TAG) == plan_digest


def _node_types(plan: Plan) -> dict[str, str]:
    """By principal ARN, the types of the node entries that the plan creates (``EC2_LINUX``, …)."""
    types: dict[str, str] = {}
    for step in plan.steps:
        effect = step.effect
        if not isinstance(effect, CreateEntry):
            continue
        if effect.entry.type != "STANDARD":
            types[effect.principal_arn] = effect.entry.type
    return types


def _enabled(
    plan: Plan,
    progress: Progress,
    snapshot: Snapshot,
    plan_digest: str,
) -> bool:
    """Whether a run of this plan switched the mode: by its journal, or by an entry with its tag."""
    for step in plan.steps:
        if not isinstance(step.effect, EnableEntries):
            continue
        if progress.of(step.id).status != "pending":
            return True
    # The journal may be lost. Only a run of this plan puts its digest on an entry.
    entries = snapshot.access_entries or ()
    return any(entry.tags.get(PLAN_TAG) == plan_digest for entry in entries)


def _on_its_way(
    sequence: Sequence,
    entry: AccessEntry | None,
    run: str,
    plan_digest: str,
) -> bool:
    """Whether the entry is in a state that only the sequence's own steps lead to: its journal was
    lost.
    """
    # A step about the cluster has no entry.
    if sequence[0].principal_arn is None:
        return False
    before, *later = sequence_states(sequence, run)
    if matches(before, entry, plan_digest):
        return False
    return _is_in_any(later, entry, plan_digest)


def _first(sequence: Sequence | None, found: AccessEntry, run: str) -> AccessEntry:
    """The entry as it was before the sequence began.

    ``sequence`` is None for a principal whose sequence was not started: its entry is as it was.
    """
    if sequence is None:
        return found
    # EKS makes an entry that is awaited; the run changes nothing of it.
    if isinstance(sequence[0].effect, AwaitEntry):
        return found
    state = sequence_states(sequence, run)[0]
    if state is None:
        return found
    return _restored(found, state)


def _restored(found: AccessEntry, state: EntryState) -> AccessEntry:
    """The entry with everything that the state knows of it: None is "not known", an empty set is
    "none".
    """
    groups, policies = found.kubernetes_groups, found.access_policies
    if state.groups is not None:
        groups = tuple(sorted(state.groups))
    if state.policies is not None:
        policies = tuple(sorted(state.policies, key=lambda policy: policy.policy_arn))
    return replace(
        found,
        username=state.username or found.username,
        kubernetes_groups=groups,
        access_policies=policies,
    )


def _deleted(
    touched: Mapping[str, Sequence], entries: tuple[AccessEntry, ...], plan_digest: str
) -> tuple[AccessEntry, ...]:
    """Dead entries that a started sequence deleted.

    A dead entry is pinned to the id of a principal that no longer exists; a sequence deletes it
    before it creates the new one (EKS user guide, "Create access entries").
    """
    present: set[str] = set()
    for entry in entries:
        if entry.tags.get(PLAN_TAG) != plan_digest:
            present.add(entry.principal_arn)
    deleted: list[AccessEntry] = []
    for key, sequence in touched.items():
        if key in present:
            continue
        effect = sequence[0].effect
        if isinstance(effect, DeleteEntry):
            deleted.append(effect.before)
    return tuple(deleted)


def _sorted(entries: tuple[AccessEntry, ...] | None) -> tuple[AccessEntry, ...] | None:
    """The entries by principal ARN, as the basis has them; None where the mode has no entries."""
    if entries is None:
        return None
    return tuple(sorted(entries, key=lambda entry: entry.principal_arn))


def _without_ours(rbac: RbacState | None) -> RbacState | None:
    """RBAC without the bridges and parallel bindings of runs; None where it was not read."""
    if rbac is None:
        return None
    kept = tuple(
        binding
        for binding in rbac.bindings
        # The label alone decides: a person may have changed the name or the subjects.
        if binding.labels.get(MANAGED_BY_LABEL) != MANAGED_BY
    )
    return replace(rbac, bindings=kept)


def not_read_again(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """ARNs of principals that the plan knows and the fresh basis does not, in accounts that were
    not read this time.

    They may exist: this caller cannot read them.
    """
    known: Mapping[str, Any] = before.get("iamPrincipals", {})
    found: Mapping[str, Any] = now.get("iamPrincipals", {})
    read: Mapping[str, Any] = now.get("accountsRead") or {}
    not_read: list[str] = []
    for arn in known:
        if arn in found:
            continue
        if not _listed(parse_arn(arn), read):
            not_read.append(arn)
    return tuple(not_read)


def _listed(arn: Arn | None, read: Mapping[str, Any]) -> bool:
    """Whether the roles, or the users, of a principal's account were listed.

    ``read`` has ``(roles listed, users listed)`` by account id: ``iam:ListRoles`` and
    ``iam:ListUsers`` are permissions of their own.
    """
    if arn is None:
        return False
    roles, users = read.get(arn.account, (False, False))
    if arn.kind == "user":
        return bool(users)
    return bool(roles)


def basis_changes(planned: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """How a fresh basis differs from the plan's, one line a difference.

    Whether IAM was listed or asked principal by principal depends on how many were asked for (EKS's
    own entries add some at the mode step). Where the same principals were found, it says nothing
    about the cluster.
    """
    if "accountsRead" not in planned:
        return describe_changes(planned, now)
    if planned.get("iamPrincipals") == now.get("iamPrincipals"):
        now = {**now, "accountsRead": planned["accountsRead"]}
    return describe_changes(planned, now)


def without_unread(
    planned: Mapping[str, Any], now: Mapping[str, Any], snapshot: Snapshot
) -> tuple[Mapping[str, Any], tuple[UnreadPart, ...]]:
    """The fresh basis with what the plan has in place of parts that the operator may not read now,
    and why these are not read: whether they changed is not known.
    """
    known, unread = dict(now), list[UnreadPart]()
    for part in snapshot.unread:
        for key in _parts_of_basis(part.what):
            if key not in planned:
                continue
            as_planned = _as_planned(part.what, planned[key], known.get(key))
            if not basis_changes({key: as_planned}, {key: known.get(key)}):
                continue
            known[key] = as_planned
            if part not in unread:
                unread.append(part)
    return known, tuple(unread)


def _as_planned(what: str, planned: object, now: object) -> object:
    """A part of the basis with what the plan has of it in place of what was not read."""
    name = _RBAC_NAMES.get(what)
    if name is None or not isinstance(planned, Mapping) or not isinstance(now, Mapping):
        return planned
    # What could be read of the other kinds is compared: a change of them is known.
    read = {each: now[each] for each in now if not each.startswith(name)}
    return {**read, **{each: planned[each] for each in planned if each.startswith(name)}}


def remedy_of_unread(unread: Iterable[UnreadPart]) -> str:
    """What makes parts readable that are not."""
    remedies = dict.fromkeys(each.remedy for each in unread if each.remedy)
    return " ".join(remedies) or "Give the caller what it may not read."


def _parts_of_basis(what: str) -> tuple[str, ...]:
    """The parts of the basis that are made of a part of a snapshot."""
    # One kind of RBAC objects: ``rbac.roles``; the principals of one account.
    for whole, keys in _OF_BASIS.items():
        if what == whole or what.startswith((f"{whole}.", f"{whole} of ")):
            return keys
    return ()


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Two bases compared, one line a difference, at most 40 lines; empty when they are equal."""
    return tuple(first_lines(basis_lines(before, now), _MOST_LINES, "differences"))
