"""One action per principal: what its rows ask for, compared with what exists and with what a person
decided.
"""

from collections.abc import Iterator
from dataclasses import replace

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.entries.answers import apply_answer
from migrator.decide.planning.entries.automatic_entry import beside_automatic
from migrator.decide.planning.entries.creator import HIDDEN_CREATOR
from migrator.decide.planning.entries.desired_entry import desired_entry_for, identity_of_rows
from migrator.decide.planning.entries.entry_identity import (
    identity_of_entry,
    identity_of_spec,
    same_entry,
    spec_of,
)
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.principals.candidate_principals import (
    CandidatePrincipal,
    is_owned_by_eks,
    liveness_of,
)
from migrator.decide.planning.principals.plan_facts import DesiredEntry, PlanFacts, quoted
from migrator.decide.reading.who_can_match import same_mapping
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.access_entry import NOBODY, AccessEntry, EntrySpec, EntryType, Identity
from migrator.model.aws_auth import RowMapping
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

_OURS_FOR_A_WHILE = (BRIDGE_PREFIX, MARKER_PREFIX)


def decide_principal(candidate: CandidatePrincipal, facts: PlanFacts) -> PrincipalDecision:
    """The principal's action, its identity before and after, and why."""
    entry = candidate.entry
    if entry is not None and is_owned_by_eks(entry, facts):
        who = identity_of_entry(entry)
        notes = (
            *_row_notes(candidate, facts),
            *_shadowed(candidate, entry, desired_entry_for(candidate, facts), facts),
        )
        return PrincipalDecision(candidate, "keep", who, who, spec_of(entry), notes=notes)
    desired = desired_entry_for(candidate, facts)
    if entry is None:
        before = (
            HIDDEN_CREATOR if _is_hidden(candidate, facts) else identity_of_rows(candidate, facts)
        )
        decided = _without_entry(candidate, desired, before)
    elif liveness_of(candidate) == "dead":
        decided = _over_dead_entry(candidate, entry, desired, facts)
    else:
        decided = _beside_entry(candidate, entry, desired, facts)
    decided = replace(decided, notes=(*_row_notes(candidate, facts), *decided.notes))
    return apply_answer(decided, facts)


def _is_hidden(candidate: CandidatePrincipal, facts: PlanFacts) -> bool:
    """Whether the principal is the creator and has no row: a creator with a row is decided by the
    row.
    """
    has_row = candidate.match is not None and candidate.match.kind != "dead"
    return (
        candidate.is_creator
        and not has_row
        and facts.mode == "CONFIG_MAP"
        and candidate.found.state != "absent"
    )


def _row_notes(candidate: CandidatePrincipal, facts: PlanFacts) -> tuple[DraftFinding, ...]:
    """What is wrong with single rows of a principal, whatever its action is: rows that never match,
    rows that another one overrides, and rows whose text suggests more than is read of it. In API
    mode no row counts.
    """
    never = tuple(
        DraftFinding(match.code, match.message, row=group.rows[-1])
        for group, match in candidate.dead
    )
    if facts.mode == "API":
        return never
    stripped = (_stripped(row) for row in candidate.rows if row.suggests)
    return (*never, *_overridden(candidate), *stripped)


def _overridden(candidate: CandidatePrincipal) -> tuple[DraftFinding, ...]:
    winner = candidate.row
    if winner is None or candidate.group is None:
        return ()
    message = f"{winner.source} wins, with the username `{winner.username}`."
    losers = (
        row for row in candidate.group.rows if row is not winner and not same_mapping(row, winner)
    )
    return tuple(DraftFinding("row-shadowed", message, row=row) for row in losers)


def _stripped(row: RowMapping) -> DraftFinding:
    read = (
        f"the username `{row.username}` and the groups "
        f"{quoted(g for g in row.effective_groups if g) or 'none'}"
    )
    return DraftFinding(
        "row-stripped",
        f"The text suggests {quoted(row.suggests)}; what is read are {read}.",
        row=row,
    )


def _without_entry(
    candidate: CandidatePrincipal, desired: DesiredEntry, before: Identity
) -> PrincipalDecision:
    match desired.action:
        case "create" | "await":
            final = desired.update or desired.entry
            assert final is not None  # noqa: S101 - create and await carry an entry
            return PrincipalDecision(
                candidate,
                "create" if desired.action == "create" else "await",
                before,
                identity_of_spec(candidate.arn, final),
                desired.entry,
                update=desired.update,
                notes=desired.notes,
                bindings=desired.bindings,
            )
        case "block":
            after = identity_of_spec(candidate.arn, desired.entry) if desired.entry else None
            return PrincipalDecision(
                candidate, "block", before, after, proposed=desired.entry, notes=desired.notes
            )
        case _:
            stays = any(note.code == "stays-in-config-map" for note in desired.notes)
            return PrincipalDecision(
                candidate, "skip", before, before if stays else NOBODY, notes=desired.notes
            )


def _over_dead_entry(
    candidate: CandidatePrincipal, entry: AccessEntry, desired: DesiredEntry, facts: PlanFacts
) -> PrincipalDecision:
    """The entry matches no log-in: the row does, where there is one."""
    before = identity_of_rows(candidate, facts)
    made = _without_entry(candidate, desired, before)
    if made.action != "skip":
        note = DraftFinding(
            "entry-dead", f"The access entry of `{candidate.arn}` is older than the principal."
        )
        return replace(
            made,
            action="recreate" if made.action == "create" else made.action,
            notes=(*made.notes, note),
        )
    if candidate.use.any and candidate.found.state != "absent":
        return _dead_under_nodes(candidate, entry, made)
    reason = "does not exist" if candidate.found.state == "absent" else "was re-created"
    note = DraftFinding(
        "orphan-dead-entry", f"`{entry.principal_arn}` {reason}; its access entry matches no login."
    )
    return replace(made, notes=(*made.notes, note))


def _dead_under_nodes(
    candidate: CandidatePrincipal, entry: AccessEntry, made: PrincipalDecision
) -> PrincipalDecision:
    """Nodes run under a role whose entry is pinned to the id of a deleted role: they cannot log in,
    nor can new ones. Making the entry again gives them access that they do not have now, so a
    person says so.
    """
    use = candidate.use
    right = acceptable_types(candidate, DesiredEntry("none"))
    kind = entry.type if entry.type in right else min(right)
    parts = [f"{use.live} live node{'s' if use.live != 1 else ''}"] if use.live else []
    parts += [f"node group `{group.name}`" for group in use.nodegroups]
    parts += [f"Fargate profile `{profile.name}`" for profile in use.profiles]
    uses = "uses" if len(parts) == 1 and use.live <= 1 else "use"
    message = (
        f"{', '.join(parts)} {uses} the role `{entry.principal_arn}`, which was deleted and "
        f"created again; its access "
        f"entry is pinned to the deleted role, and no row is for it: these nodes cannot log in."
    )
    remedy = (
        f"Answer under principals with action: create and type: {kind}: the dead entry is deleted "
        f"and made again. Or "
        f"do both yourself: delete the access entry, and create it with type {kind}. Deleting it "
        f"alone does not help."
    )
    note = DraftFinding("node-entry-dead", message, remedy=remedy)
    return replace(made, action="block", after=None, proposed=EntrySpec(kind), notes=(note,))


def _beside_entry(
    candidate: CandidatePrincipal, entry: AccessEntry, desired: DesiredEntry, facts: PlanFacts
) -> PrincipalDecision:
    """A live entry decides already, whatever the row says: keep, complete what a run left
    half-made, or block.
    """
    before = identity_of_entry(entry)
    spec = spec_of(entry)
    notes: list[DraftFinding] = []
    if liveness_of(candidate) == "unknown":
        notes.append(
            DraftFinding(
                "entry-liveness-unknown", f"It was not read when `{candidate.arn}` was created."
            )
        )
    right = acceptable_types(candidate, desired)
    if right and entry.type not in right:
        message = (
            f"The entry is of type {entry.type}; the nodes of this role need "
            f"{' or '.join(sorted(right))}."
        )
        note = DraftFinding("entry-wrong-type", message)
        return PrincipalDecision(
            candidate, "block", before, None, proposed=EntrySpec(min(right)), notes=(*notes, note)
        )
    if _is_half_made(entry, spec):
        return _completed(candidate, entry, desired, (*notes,))
    automatic = beside_automatic(candidate, entry, desired, facts)
    if automatic is not None:
        return replace(automatic, notes=(*notes, *automatic.notes))
    notes += _shadowed(candidate, entry, desired, facts)
    if (candidate.row is None or facts.mode == "API") and desired.action == "skip":
        notes += desired.notes
    return PrincipalDecision(candidate, "keep", before, before, spec, notes=tuple(notes))


def _shadowed(
    candidate: CandidatePrincipal, entry: AccessEntry, desired: DesiredEntry, facts: PlanFacts
) -> tuple[DraftFinding, ...]:
    """The row that a live entry shadows, where the row would give something else."""
    row, spec, target = candidate.row, spec_of(entry), desired.update or desired.entry
    if row is None or facts.mode == "API":
        return ()
    if target is not None and same_entry(candidate.arn, spec, target):
        return tuple(
            DraftFinding("row-shadowed-by-entry", text, row=row)
            for text in _unbound(desired, facts)
        )
    message = (
        f"The entry gives {_shown(spec, candidate.arn)}; the row would give the username "
        f"`{row.username}` and "
    )
    message += f"the groups {quoted(row.effective_groups) or 'none'}."
    return (DraftFinding("row-shadowed-by-entry", message, row=row),)


def _unbound(desired: DesiredEntry, facts: PlanFacts) -> Iterator[str]:
    """Parallel bindings that the groups of an entry need and that are not there any more, one
    sentence each.
    """
    rbac = facts.snapshot.rbac
    if rbac is None:
        return
    there = {
        (binding.namespace, binding.role_kind, binding.role_name, candidate.name)
        for binding in rbac.bindings
        for candidate in binding.subjects
        if candidate.kind == "Group"
    }
    for each in desired.bindings:
        if (each.namespace, each.role_kind, each.role_name, each.group) not in there:
            where = f"in {each.namespace}" if each.namespace else "in the whole cluster"
            yield (
                f"Nothing binds the group `{each.group}` of the entry to {each.role_kind} "
                f"{each.role_name} {where}, "
                "which the row gives. Make that binding, or take the entry back with `migrate "
                "rollback`."
            )


def _shown(spec: EntrySpec, arn: str) -> str:
    who = identity_of_spec(arn, spec)
    policies = quoted(policy.policy_name for policy in who.policies)
    return (
        f"the username `{who.username}`, the groups {quoted(who.groups) or 'none'}, the "
        f"policies {policies or 'none'}"
    )


def acceptable_types(candidate: CandidatePrincipal, desired: DesiredEntry) -> frozenset[EntryType]:
    """The types that an entry of a role with nodes may have; empty where no nodes run under the
    principal.
    """
    use = candidate.use
    if not use.any:
        return frozenset()
    right: set[EntryType] = set()
    if desired.entry is not None and desired.entry.type != "STANDARD":
        right.add(desired.entry.type)
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
    """Whether a run of ours was interrupted here: a group of the run is left on an entry with our
    tag.

    Every state of an entry between its making and its end carries such a group. An entry of ours
    without one that is not what its tag says was changed on purpose, by hand or by an answer that
    UpdateAccessEntry cannot note in the tag: it decides, like any other entry, and giving back what
    it lacks would be a new grant.
    """
    return PLAN_TAG in entry.tags and any(
        group.startswith(_OURS_FOR_A_WHILE) for group in spec.kubernetes_groups
    )


def _completed(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    notes: tuple[DraftFinding, ...],
) -> PrincipalDecision:
    before = identity_of_entry(entry)
    target = (
        (desired.update or desired.entry)
        if desired.action in ("create", "await", "block")
        else None
    )
    if target is None or target.type != "STANDARD":
        note = DraftFinding(
            "half-made-without-row", f"The entry of `{candidate.arn}` was left half-made."
        )
        return PrincipalDecision(candidate, "block", before, None, notes=(*notes, note))
    if desired.action == "block":
        note = DraftFinding(
            "entry-half-made",
            f"The entry of `{candidate.arn}` was left half-made, and its row is undecided.",
        )
        return PrincipalDecision(
            candidate, "block", before, None, proposed=target, notes=(*notes, *desired.notes, note)
        )
    note = DraftFinding(
        "entry-half-made", f"The entry of `{candidate.arn}` was left half-made; it is completed."
    )
    after = identity_of_spec(candidate.arn, target)
    return PrincipalDecision(
        candidate,
        "update",
        before,
        after,
        target,
        notes=(*notes, *desired.notes, note),
        bindings=desired.bindings,
    )
