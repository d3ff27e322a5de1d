"""One action per principal: what its rows ask for, compared with what exists and with what a person
decided.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.entries.answers import (
    accept_loss,
    answer_about,
    apply_answer,
    settling_acceptance,
)
from migrator.decide.planning.entries.automatic_entry import beside_automatic
from migrator.decide.planning.entries.classify_node import NAME_WORDS, is_node_template
from migrator.decide.planning.entries.creator import HIDDEN_CREATOR
from migrator.decide.planning.entries.desired_entry import desired_entry_for, identity_of_rows
from migrator.decide.planning.entries.entry_identity import (
    identity_of_entry,
    identity_of_spec,
    same_entry,
    spec_of,
)
from migrator.decide.planning.entries.node_types import acceptable_types, agreed_type
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.principals.candidate_principals import (
    CandidatePrincipal,
    is_owned_by_eks,
    liveness_of,
)
from migrator.decide.planning.principals.plan_facts import (
    COMPUTE,
    DesiredEntry,
    PlanFacts,
    quoted,
)
from migrator.decide.reading.who_can_match import same_mapping
from migrator.decide.steps.entry_states import PLAN_TAG
from migrator.model.access_entry import NOBODY, AccessEntry, EntrySpec, EntryType, Identity
from migrator.model.aws_auth import RowMapping
from migrator.model.rbac import Binding
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX, CreateBinding

_OURS_FOR_A_WHILE = (BRIDGE_PREFIX, MARKER_PREFIX)


def decide_principal(candidate: CandidatePrincipal, facts: PlanFacts) -> PrincipalDecision:
    """The principal's action, its identity before and after, and why."""
    entry = candidate.entry
    desired = desired_entry_for(candidate, facts)
    # EKS user guide, "Access entries": a customer cannot change the entries that EKS owns.
    if entry is not None and is_owned_by_eks(entry, facts):
        return _kept_by_eks(candidate, entry, desired, facts)
    if entry is None:
        before = identity_of_rows(candidate, facts)
        if _is_hidden(candidate, facts):
            before = HIDDEN_CREATOR
        decided = _without_entry(candidate, desired, before)
    # EKS pins an entry to the unique id of its principal (EKS user guide, "Create access entries"):
    # a principal made again under the same name does not match it, and the row decides.
    elif liveness_of(candidate) == "dead":
        decided = _over_dead_entry(candidate, entry, desired, facts)
    else:
        decided = _beside_entry(candidate, entry, desired, facts)
    of_rows = _row_notes(candidate, facts)
    if of_rows:
        decided = replace(decided, notes=(*of_rows, *decided.notes))
    answer = answer_about(decided, facts)
    if answer is not None:
        return apply_answer(decided, answer, facts)
    acceptance = settling_acceptance(decided, facts)
    if acceptance is not None:
        return accept_loss(decided, acceptance, facts)
    return decided


def _kept_by_eks(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    facts: PlanFacts,
) -> PrincipalDecision:
    who, spec = identity_of_entry(entry), spec_of(entry)
    notes = (*_row_notes(candidate, facts), *_shadowed(candidate, spec, desired, facts))
    return PrincipalDecision(candidate, "keep", who, who, spec, notes=notes)


def _is_hidden(candidate: CandidatePrincipal, facts: PlanFacts) -> bool:
    """Whether the principal is the creator and has no row: a creator with a row is decided by the
    row.
    """
    # With the switch of the mode, the hidden identity becomes an entry that is listed like others.
    if not candidate.is_creator or facts.mode != "CONFIG_MAP":
        return False
    if candidate.match is not None and candidate.match.kind != "dead":
        return False
    return candidate.found.state != "absent"


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
    losers: list[DraftFinding] = []
    # The last row of an ARN wins, and groups are not merged (authenticator,
    # pkg/mapper/configmap/configmap.go). A row that repeats the winner loses nothing.
    for row in candidate.group.rows:
        if not same_mapping(row, winner):
            losers.append(DraftFinding("row-shadowed", message, row=row))
    return tuple(losers)


def _stripped(row: RowMapping) -> DraftFinding:
    groups = quoted(group for group in row.effective_groups if group) or "none"
    message = (
        f"The text suggests {quoted(row.suggests)}; what is read are the username "
        f"`{row.username}` and the groups {groups}."
    )
    return DraftFinding("row-stripped", message, row=row)


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
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    facts: PlanFacts,
) -> PrincipalDecision:
    """The entry matches no log-in: the row does, where there is one."""
    before = identity_of_rows(candidate, facts)
    made = _without_entry(candidate, desired, before)
    if made.action != "skip":
        message = f"The access entry of `{candidate.arn}` is older than the principal."
        noted = replace(made, notes=(*made.notes, DraftFinding("entry-dead", message)))
        # EKS API: a principal has one entry, so that the dead one must be deleted first.
        if made.action == "create":
            return replace(noted, action="recreate")
        return noted
    if candidate.use.any and candidate.found.state != "absent":
        return _dead_under_nodes(candidate, entry, made)
    unread = _unread_of_nodes(facts)
    if unread and candidate.found.state != "absent" and entry.type != "STANDARD":
        return _dead_and_nodes_unread(entry, unread, made)
    reason = "does not exist" if candidate.found.state == "absent" else "was re-created"
    note = DraftFinding(
        "orphan-dead-entry", f"`{entry.principal_arn}` {reason}; its access entry matches no login."
    )
    return replace(made, notes=(*made.notes, note))


def _unread_of_nodes(facts: PlanFacts) -> tuple[str, ...]:
    """What is not known of the nodes and of what starts them: a role may have nodes unseen."""
    snapshot = facts.snapshot
    # A part of a list that could not be read is named `nodes.PART`.
    partly = {name.partition(".")[0] for name in snapshot.unknown}
    # Profiles name the role of nodes on Fargate.
    on_ec2 = [node for node in snapshot.nodes or () if node.labels.get(COMPUTE) != "fargate"]
    unread = {
        "nodes": snapshot.nodes is None,
        "nodes.roleArn": None in {node.role_arn for node in on_ec2},
        "nodegroups": snapshot.nodegroups is None,
        "fargateProfiles": snapshot.fargate_profiles is None,
    }
    return tuple(name for name, missing in unread.items() if missing or name in partly)


def _dead_and_nodes_unread(
    entry: AccessEntry, unread: tuple[str, ...], made: PrincipalDecision
) -> PrincipalDecision:
    """An entry for nodes that is pinned to a deleted role: whether nodes run under the role, and
    cannot log in, was not read.
    """
    message = (
        f"`{entry.principal_arn}` was re-created; its access entry of type {entry.type} matches no "
        f"login. Whether nodes use the role is not known: {quoted(unread)} not read."
    )
    remedy = (
        "Let the snapshot read them, and plan again: nodes under the role need the entry made "
        "again. Or answer under principals with action: skip, where no node uses the role."
    )
    note = DraftFinding("orphan-dead-entry", message, severity="block", remedy=remedy)
    return replace(made, action="block", after=None, notes=(*made.notes, note))


def _dead_under_nodes(
    candidate: CandidatePrincipal, entry: AccessEntry, made: PrincipalDecision
) -> PrincipalDecision:
    """Nodes run under a role whose entry is pinned to the id of a deleted role: they cannot log in,
    nor can new ones. Making the entry again gives them access that they do not have now, so a
    person says so.
    """
    use = candidate.use
    right = acceptable_types(candidate, DesiredEntry("none"))
    kind = entry.type if entry.type in right else agreed_type(candidate, right)
    named = f"type {kind}" if kind is not None else "the type that the nodes need"
    parts: list[str] = []
    if use.live == 1:
        parts.append("1 live node")
    if use.live > 1:
        parts.append(f"{use.live} live nodes")
    parts += [f"node group `{group.name}`" for group in use.nodegroups]
    parts += [f"Fargate profile `{profile.name}`" for profile in use.profiles]
    uses = "uses" if len(parts) == 1 and use.live <= 1 else "use"
    message = (
        f"{', '.join(parts)} {uses} the role `{entry.principal_arn}`, which was deleted and "
        f"created again; its access "
        f"entry is pinned to the deleted role, and no row is for it: these nodes cannot log in."
    )
    remedy = (
        f"Answer under principals with action: create and type: {kind or '<type>'}: the dead entry "
        f"is deleted and made again. Or do both yourself: delete the access entry, and create it "
        f"with {named}. Deleting it alone does not help."
    )
    # EKS alone makes entries of this type, with a profile (EKS user guide, "Pod execution role").
    if kind == "FARGATE_LINUX":
        remedy = (
            "No answer makes an entry for Fargate. Delete the access entry, then delete the "
            "Fargate profile and create it again: EKS makes the entry with it. Then plan again."
        )
        kind = None
    note = DraftFinding("node-entry-dead", message, remedy=remedy)
    proposed = EntrySpec(kind) if kind is not None else None
    return replace(made, action="block", after=None, proposed=proposed, notes=(note,))


def _beside_entry(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    facts: PlanFacts,
) -> PrincipalDecision:
    """A live entry decides already, whatever the row says: keep, complete what a run left
    half-made, or block.
    """
    before = identity_of_entry(entry)
    spec = spec_of(entry)
    notes: list[DraftFinding] = []
    # EKS does not show the unique id that an entry is pinned to: only the age of the principal
    # tells whether the entry is dead.
    if liveness_of(candidate) == "unknown":
        message = f"It was not read when `{candidate.arn}` was created."
        notes.append(DraftFinding("entry-liveness-unknown", message))
    right = acceptable_types(candidate, desired)
    # EKS API: the type of an entry cannot be changed. Under a wrong one, nodes become NotReady.
    if right and entry.type not in right:
        return _of_wrong_type(candidate, entry, right, notes, facts)
    if is_half_made(entry):
        return _completed(candidate, entry, desired, (*notes,))
    automatic = beside_automatic(candidate, entry, desired, facts)
    if automatic is not None:
        return replace(automatic, notes=(*notes, *map(_unless_unknown(notes), automatic.notes)))
    notes += map(_unless_unknown(notes), _shadowed(candidate, spec, desired, facts))
    if (candidate.row is None or facts.mode == "API") and desired.action == "skip":
        notes += desired.notes
    return PrincipalDecision(candidate, "keep", before, before, spec, notes=tuple(notes))


def _unless_unknown(notes: list[DraftFinding]) -> Callable[[DraftFinding], DraftFinding]:
    """The finding on a shadowed row as it is where the entry may be dead: then the row may be all
    that its principal has.
    """
    is_unknown = bool(notes)

    def worded(note: DraftFinding) -> DraftFinding:
        if note.code != "row-shadowed-by-entry" or not is_unknown:
            return note
        message = f"{note.message} Which of them decides is not known: the entry may be dead."
        remedy = (
            "Keep the row. Let the snapshot read when the principal was created, then plan again."
        )
        return replace(note, message=message, remedy=remedy)

    return worded


def _of_wrong_type(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    right: frozenset[EntryType],
    notes: list[DraftFinding],
    facts: PlanFacts,
) -> PrincipalDecision:
    """An entry that decides about nodes and gives them no identity, or one of another name.

    The tool deletes no entry that is alive: a person does, after a look at the nodes.
    """
    kind = agreed_type(candidate, right)
    needed = kind or " or ".join(sorted(right))
    message = f"The entry is of type {entry.type}; the nodes of this role need {needed}."
    if candidate.use.names:
        names = " and ".join(NAME_WORDS[form] for form in sorted(candidate.use.names))
        message += f" The live nodes are named by {names}."
    remedy = f"Look whether the nodes are Ready. Delete the entry and make one of type {needed}."
    # In API_AND_CONFIG_MAP mode the row answers as soon as the entry is deleted; in API mode
    # nothing does.
    if kind is not None and facts.mode != "API" and is_node_template(candidate.row):
        remedy = (
            "Look whether the nodes are Ready. Delete the entry: the row is in force again "
            f"immediately. Then plan again: the plan has an entry of type {kind}."
        )
    note = DraftFinding("entry-wrong-type", message, remedy=remedy)
    return PrincipalDecision(
        candidate,
        "block",
        identity_of_entry(entry),
        None,
        proposed=EntrySpec(kind) if kind is not None else None,
        notes=(*notes, note),
    )


def _shadowed(
    candidate: CandidatePrincipal,
    spec: EntrySpec,
    desired: DesiredEntry,
    facts: PlanFacts,
) -> tuple[DraftFinding, ...]:
    """The row that a live entry shadows, where the row would give something else."""
    row = candidate.row
    if row is None or facts.mode == "API":
        return ()
    target = desired.update or desired.entry
    if target is not None and same_entry(candidate.arn, spec, target):
        return tuple(
            DraftFinding("row-shadowed-by-entry", text, row=row)
            for text in _unbound(desired, facts)
        )
    message = (
        f"The entry gives {_shown(spec, candidate.arn)}; the row would give the username "
        f"`{row.username}` and the groups {quoted(row.effective_groups) or 'none'}."
    )
    return (DraftFinding("row-shadowed-by-entry", message, row=row),)


def _unbound(desired: DesiredEntry, facts: PlanFacts) -> Iterator[str]:
    """Parallel bindings that the groups of an entry need and that are not there any more, one
    sentence each.
    """
    rbac = facts.snapshot.rbac
    if rbac is None:
        return
    for each in desired.bindings:
        if any(_does_bind(binding, each) for binding in rbac.bindings):
            continue
        where = f"in {each.namespace}" if each.namespace else "in the whole cluster"
        yield (
            f"Nothing binds the group `{each.group}` of the entry to {each.role_kind} "
            f"{each.role_name} {where}, "
            "which the row gives. Make that binding, or take the entry back with `migrate "
            "rollback`."
        )


def _does_bind(binding: Binding, wanted: CreateBinding) -> bool:
    """Whether a binding gives the wanted group the wanted role; its own name does not matter."""
    if binding.namespace != wanted.namespace:
        return False
    if (binding.role_kind, binding.role_name) != (wanted.role_kind, wanted.role_name):
        return False
    groups = {subject.name for subject in binding.subjects if subject.kind == "Group"}
    return wanted.group in groups


def _shown(spec: EntrySpec, arn: str) -> str:
    who = identity_of_spec(arn, spec)
    policies = quoted(policy.policy_name for policy in who.policies)
    return (
        f"the username `{who.username}`, the groups {quoted(who.groups) or 'none'}, the "
        f"policies {policies or 'none'}"
    )


def is_half_made(entry: AccessEntry) -> bool:
    """Whether a run of ours was interrupted here: a group of the run is left on an entry with our
    tag.

    Every state of an entry between its making and its end carries such a group. An entry of ours
    without one that is not what its tag says was changed on purpose, by hand or by an answer that
    UpdateAccessEntry cannot note in the tag: it decides, like any other entry, and giving back what
    it lacks would be a new grant.
    """
    return PLAN_TAG in entry.tags and any(
        group.startswith(_OURS_FOR_A_WHILE) for group in entry.kubernetes_groups
    )


def _completed(
    candidate: CandidatePrincipal,
    entry: AccessEntry,
    desired: DesiredEntry,
    notes: tuple[DraftFinding, ...],
) -> PrincipalDecision:
    before = identity_of_entry(entry)
    # Without a row that asks for an entry, nothing says what this one was to become. Node entries
    # carry no groups (EKS API), so that no run leaves one half-made.
    target = desired.update or desired.entry
    if target is None or target.type != "STANDARD":
        note = DraftFinding(
            "half-made-without-row", f"The entry of `{candidate.arn}` was left half-made."
        )
        groups = tuple(g for g in entry.kubernetes_groups if not g.startswith(_OURS_FOR_A_WHILE))
        rest = replace(spec_of(entry), kubernetes_groups=groups)
        return PrincipalDecision(
            candidate, "block", before, None, proposed=rest, notes=(*notes, note)
        )
    # What the entry gives now was part of a run: completing it needs a decision about the row.
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
