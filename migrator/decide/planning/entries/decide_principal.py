"""One action per principal: what its rows ask for, held against what exists and against what a person decided."""

from collections.abc import Iterator
from dataclasses import replace

from migrator.decide.findings.draft_finding import Note
from migrator.decide.planning.entries.answers import apply_answer
from migrator.decide.planning.entries.automatic_entry import beside_automatic
from migrator.decide.planning.entries.creator import HIDDEN_CREATOR
from migrator.decide.planning.entries.entry_identity import (
    identity_of_entry,
    identity_of_spec,
    same_entry,
    spec_of,
)
from migrator.decide.planning.entries.evaluate_principal import identity_of_rows, wanted_for
from migrator.decide.planning.entries.principal_decision import Settled
from migrator.decide.planning.principals.candidate_principals import Subject, is_owned_by_eks, liveness_of
from migrator.decide.planning.principals.plan_facts import PlanFacts, Wanted, quoted
from migrator.decide.reading.who_can_match import same_mapping
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.access_entry import NOBODY, AccessEntry, EntrySpec, EntryType, Identity
from migrator.model.aws_auth import RowMapping
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

_OURS_FOR_A_WHILE = (BRIDGE_PREFIX, MARKER_PREFIX)


def settle(subject: Subject, facts: PlanFacts) -> Settled:
    """The principal's action, its identity before and after, and why."""
    entry = subject.entry
    if entry is not None and is_owned_by_eks(entry, facts):
        who = identity_of_entry(entry)
        notes = (*_row_notes(subject, facts), *_shadowed(subject, entry, wanted_for(subject, facts), facts))
        return Settled(subject, "keep", who, who, spec_of(entry), notes=notes)
    wanted = wanted_for(subject, facts)
    if entry is None:
        before = HIDDEN_CREATOR if _is_hidden(subject, facts) else identity_of_rows(subject, facts)
        settled = _without_entry(subject, wanted, before)
    elif liveness_of(subject) == "dead":
        settled = _over_dead_entry(subject, entry, wanted, facts)
    else:
        settled = _beside_entry(subject, entry, wanted, facts)
    settled = replace(settled, notes=(*_row_notes(subject, facts), *settled.notes))
    return apply_answer(settled, facts)


def _is_hidden(subject: Subject, facts: PlanFacts) -> bool:
    """Whether the principal is the creator and no row is for it: a creator with a row is what the row says."""
    has_row = subject.match is not None and subject.match.kind != "dead"
    return subject.is_creator and not has_row and facts.mode == "CONFIG_MAP" and subject.found.state != "absent"


def _row_notes(subject: Subject, facts: PlanFacts) -> tuple[Note, ...]:
    """What is wrong with single rows of a principal, whatever becomes of it: rows that never match, rows that another
    one overrides, and rows whose text suggests more than is read of it. In API mode no row counts.
    """
    never = tuple(Note(match.code, match.message, row=group.rows[-1]) for group, match in subject.dead)
    if facts.mode == "API":
        return never
    stripped = (_stripped(row) for row in subject.rows if row.suggests)
    return (*never, *_overridden(subject), *stripped)


def _overridden(subject: Subject) -> tuple[Note, ...]:
    winner = subject.row
    if winner is None or subject.group is None:
        return ()
    message = f"{winner.source} wins, with the username `{winner.username}`."
    losers = (row for row in subject.group.rows if row is not winner and not same_mapping(row, winner))
    return tuple(Note("row-shadowed", message, row=row) for row in losers)


def _stripped(row: RowMapping) -> Note:
    read = f"the username `{row.username}` and the groups {quoted(g for g in row.effective_groups if g) or 'none'}"
    return Note("row-stripped", f"The text suggests {quoted(row.suggests)}; what is read are {read}.", row=row)


def _without_entry(subject: Subject, wanted: Wanted, before: Identity) -> Settled:
    match wanted.action:
        case "create" | "await":
            final = wanted.update or wanted.entry
            assert final is not None  # noqa: S101 - create and await carry an entry
            return Settled(
                subject,
                "create" if wanted.action == "create" else "await",
                before,
                identity_of_spec(subject.arn, final),
                wanted.entry,
                update=wanted.update,
                notes=wanted.notes,
                bindings=wanted.bindings,
            )
        case "block":
            after = identity_of_spec(subject.arn, wanted.entry) if wanted.entry else None
            return Settled(subject, "block", before, after, proposed=wanted.entry, notes=wanted.notes)
        case _:
            stays = any(note.code == "stays-in-config-map" for note in wanted.notes)
            return Settled(subject, "skip", before, before if stays else NOBODY, notes=wanted.notes)


def _over_dead_entry(subject: Subject, entry: AccessEntry, wanted: Wanted, facts: PlanFacts) -> Settled:
    """The entry answers nobody: the row does, where there is one."""
    before = identity_of_rows(subject, facts)
    made = _without_entry(subject, wanted, before)
    if made.action != "skip":
        note = Note("entry-dead", f"The access entry of `{subject.arn}` is older than the principal.")
        return replace(made, action="recreate" if made.action == "create" else made.action, notes=(*made.notes, note))
    if subject.use.any and subject.found.state != "absent":
        return _dead_under_nodes(subject, entry, made)
    reason = "is gone" if subject.found.state == "absent" else "was re-created"
    note = Note("orphan-dead-entry", f"`{entry.principal_arn}` {reason}; its access entry answers nobody.")
    return replace(made, notes=(*made.notes, note))


def _dead_under_nodes(subject: Subject, entry: AccessEntry, made: Settled) -> Settled:
    """Nodes run under a role whose entry is pinned to the id of a deleted role: they cannot log in, nor can new ones.
    Making the entry again gives them access that they do not have now, so a person says so.
    """
    use = subject.use
    right = acceptable_types(subject, Wanted("none"))
    kind = entry.type if entry.type in right else min(right)
    parts = [f"{use.live} live node{'s' if use.live != 1 else ''}"] if use.live else []
    parts += [f"node group `{group.name}`" for group in use.nodegroups]
    parts += [f"Fargate profile `{profile.name}`" for profile in use.profiles]
    uses = "uses" if len(parts) == 1 and use.live <= 1 else "use"
    message = (
        f"{', '.join(parts)} {uses} the role `{entry.principal_arn}`, which was deleted and created again; its access "
        f"entry is pinned to the deleted role, and no row is for it: these nodes cannot log in."
    )
    remedy = (
        f"Answer under principals with action: create and type: {kind}: the dead entry is deleted and made again. Or "
        f"do both yourself: delete the access entry, and create it with type {kind}. Deleting it alone does not help."
    )
    note = Note("node-entry-dead", message, remedy=remedy)
    return replace(made, action="block", after=None, proposed=EntrySpec(kind), notes=(note,))


def _beside_entry(subject: Subject, entry: AccessEntry, wanted: Wanted, facts: PlanFacts) -> Settled:
    """A live entry decides already, whatever the row says: keep, complete what a run left half-made, or block."""
    before = identity_of_entry(entry)
    spec = spec_of(entry)
    notes: list[Note] = []
    if liveness_of(subject) == "unknown":
        notes.append(Note("entry-liveness-unknown", f"It was not read when `{subject.arn}` was created."))
    right = acceptable_types(subject, wanted)
    if right and entry.type not in right:
        message = f"The entry is of type {entry.type}; the nodes of this role need {' or '.join(sorted(right))}."
        note = Note("entry-wrong-type", message)
        return Settled(subject, "block", before, None, proposed=EntrySpec(min(right)), notes=(*notes, note))
    if _is_half_made(entry, spec):
        return _completed(subject, entry, wanted, (*notes,))
    automatic = beside_automatic(subject, entry, wanted, facts)
    if automatic is not None:
        return replace(automatic, notes=(*notes, *automatic.notes))
    notes += _shadowed(subject, entry, wanted, facts)
    if (subject.row is None or facts.mode == "API") and wanted.action == "skip":
        notes += wanted.notes
    return Settled(subject, "keep", before, before, spec, notes=tuple(notes))


def _shadowed(subject: Subject, entry: AccessEntry, wanted: Wanted, facts: PlanFacts) -> tuple[Note, ...]:
    """The row that a live entry stands before, where it would give something else."""
    row, spec, target = subject.row, spec_of(entry), wanted.update or wanted.entry
    if row is None or facts.mode == "API":
        return ()
    if target is not None and same_entry(subject.arn, spec, target):
        return tuple(Note("row-shadowed-by-entry", text, row=row) for text in _unbound(wanted, facts))
    message = f"The entry gives {_shown(spec, subject.arn)}; the row would give the username `{row.username}` and "
    message += f"the groups {quoted(row.effective_groups) or 'none'}."
    return (Note("row-shadowed-by-entry", message, row=row),)


def _unbound(wanted: Wanted, facts: PlanFacts) -> Iterator[str]:
    """Parallel bindings that the groups of an entry need and that are not there any more, one sentence each."""
    rbac = facts.snapshot.rbac
    if rbac is None:
        return
    there = {
        (binding.namespace, binding.role_kind, binding.role_name, subject.name)
        for binding in rbac.bindings
        for subject in binding.subjects
        if subject.kind == "Group"
    }
    for each in wanted.bindings:
        if (each.namespace, each.role_kind, each.role_name, each.group) not in there:
            where = f"in {each.namespace}" if each.namespace else "in the whole cluster"
            yield (
                f"Nothing binds the group `{each.group}` of the entry to {each.role_kind} {each.role_name} {where}, "
                "which the row gives. Make that binding, or take the entry back with `migrate rollback`."
            )


def _shown(spec: EntrySpec, arn: str) -> str:
    who = identity_of_spec(arn, spec)
    policies = quoted(policy.policy_name for policy in who.policies)
    return (
        f"the username `{who.username}`, the groups {quoted(who.groups) or 'none'}, the policies {policies or 'none'}"
    )


def acceptable_types(subject: Subject, wanted: Wanted) -> frozenset[EntryType]:
    """The types that an entry of a role with nodes may have; empty where no nodes run under the principal."""
    use = subject.use
    if not use.any:
        return frozenset()
    right: set[EntryType] = set()
    if wanted.entry is not None and wanted.entry.type != "STANDARD":
        right.add(wanted.entry.type)
    if use.profiles or "fargate" in use.computes:
        right.add("FARGATE_LINUX")
    if "hybrid" in use.computes:
        right.add("HYBRID_LINUX")
    images = {"windows" if g.ami_type.startswith("WINDOWS") else "linux" for g in use.nodegroups}
    if "windows" in use.systems | images:
        right.add("EC2_WINDOWS")
    if "linux" in use.systems | images and not right & {"FARGATE_LINUX", "HYBRID_LINUX"}:
        right |= {"EC2_LINUX", "EC2"}
    return frozenset(right or {"EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"})


def _is_half_made(entry: AccessEntry, spec: EntrySpec) -> bool:
    """Whether a run of ours was interrupted here: a group of the run is left on an entry with our tag.

    Every state of an entry between its making and its end carries such a group. An entry of ours without one that is
    not what its tag says was changed on purpose, by hand or by an answer that UpdateAccessEntry cannot note in the
    tag: it decides, like any other entry, and giving back what it lacks would be a new grant.
    """
    return PLAN_TAG in entry.tags and any(group.startswith(_OURS_FOR_A_WHILE) for group in spec.kubernetes_groups)


def _completed(subject: Subject, entry: AccessEntry, wanted: Wanted, notes: tuple[Note, ...]) -> Settled:
    before = identity_of_entry(entry)
    target = (wanted.update or wanted.entry) if wanted.action in ("create", "await", "block") else None
    if target is None or target.type != "STANDARD":
        note = Note("half-made-without-row", f"The entry of `{subject.arn}` was left half-made.")
        return Settled(subject, "block", before, None, notes=(*notes, note))
    if wanted.action == "block":
        note = Note("entry-half-made", f"The entry of `{subject.arn}` was left half-made, and its row is undecided.")
        return Settled(subject, "block", before, None, proposed=target, notes=(*notes, *wanted.notes, note))
    note = Note("entry-half-made", f"The entry of `{subject.arn}` was left half-made; it is completed.")
    after = identity_of_spec(subject.arn, target)
    return Settled(
        subject, "update", before, after, target, notes=(*notes, *wanted.notes, note), bindings=wanted.bindings
    )
