"""The steps of one principal, simulated from its entry in the basis: they end in its entry, through
allowed states.

In between an entry may carry what the identity before has, what the entry in the plan has, and the
marker and bridge groups of the run; nothing else is ever sent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from migrator.decide.planning.entries.entry_for import is_reserved
from migrator.decide.planning.entries.entry_identity import identity_of_spec, same_entry, spec_of
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.order.order_steps import needs_bridge
from migrator.decide.planning.rereading.check_entry import check_standard
from migrator.decide.planning.rereading.inconsistency import (
    Inconsistency,
    names,
    policy_key,
    policy_keys,
)
from migrator.decide.planning.rereading.plan_read import PlanRead
from migrator.decide.reading.templates import templates_in
from migrator.errors import assert_never
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, EntrySpec
from migrator.model.plan import PlannedPrincipal
from migrator.model.step import (
    BRIDGE_GROUP,
    MARKER_GROUP,
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    Effect,
    EnableEntries,
    Prove,
    RemoveBridge,
    Step,
    UpdateEntry,
)

_WITH_STEPS = frozenset({"create", "recreate", "update", "await"})
_MADE = frozenset({"create", "recreate"})


def is_bridged(principal: PlannedPrincipal, read: PlanRead) -> bool:
    """Whether the principal has no access but the bridge between its entry and its policy."""
    if read.gap_accepted:
        return False
    decision = PrincipalDecision(
        read.subject_of(principal),
        principal.action,
        principal.before,
        None,
        principal.entry,
    )
    return needs_bridge(decision)


def check_sequence(
    principal: PlannedPrincipal, steps: Sequence[Step], read: PlanRead
) -> Iterator[Inconsistency]:
    """Everything that is wrong with the steps of one principal.

    ``steps`` are those that name it, in plan order; empty where there are none.
    """
    if principal.action not in _WITH_STEPS:
        yield from _check_stepless(principal, steps)
        return
    # check_principals says that the entry is missing.
    if principal.entry is None:
        return
    walk = _Walk(principal, _target(principal, steps), read)
    earlier: Step | None = None
    for step in steps:
        where = _where(step)
        # A run may work on several principals at a time: order is what `requires` says.
        if earlier is not None and earlier.id not in step.requires:
            why = f"It does not wait for step {earlier.id} of the same principal."
            yield Inconsistency(where, why)
        for why in walk.apply(step.effect, first=earlier is None):
            yield Inconsistency(where, why)
        earlier = step
    yield from walk.end(steps)


def _check_stepless(principal: PlannedPrincipal, steps: Sequence[Step]) -> Iterator[Inconsistency]:
    """``keep``, ``skip`` and ``block`` send nothing."""
    if not steps:
        return
    first = steps[0]
    why = f"The action of {principal.principal_arn} is {principal.action}, which has no steps."
    yield Inconsistency(f"step {first.id} ({first.effect.kind})", why)


def _where(step: Step) -> str:
    """The step of a principal as an inconsistency names it."""
    return f"step {step.id} ({step.effect.kind}) of {step.principal_arn}"


def _target(principal: PlannedPrincipal, steps: Sequence[Step]) -> EntrySpec:
    """What the steps must end in: the entry; for ``await`` what the last update completes it to."""
    assert principal.entry is not None  # noqa: S101 - asked for principals with an entry only
    if principal.action != "await":
        return principal.entry
    # An update changes names alone: which policies go is in steps of their own.
    last: UpdateEntry | None = None
    removed: set[str] = set()
    for step in steps:
        match step.effect:
            case UpdateEntry() as update:
                last = update
            case DisassociatePolicy(policy=policy):
                removed.add(policy.policy_arn)
            case _:
                continue
    # EKS makes the entry as the plan wants it: there is nothing to complete.
    if last is None:
        return principal.entry
    kept: list[AssociatedPolicy] = []
    for policy in last.entry.access_policies:
        if policy.policy_arn not in removed:
            kept.append(policy)
    return replace(last.entry, access_policies=tuple(kept))


@dataclass(slots=True)
class _Walk:
    """The entry as it is after the steps so far."""

    principal: PlannedPrincipal
    target: EntrySpec
    read: PlanRead
    state: EntrySpec | None = None
    dead: AccessEntry | None = None
    proven: bool = False
    classes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        entry = self.read.subject_of(self.principal).entry
        if entry is None:
            return
        if self.principal.action == "recreate":
            self.dead = entry
        self.state = spec_of(entry)

    def apply(self, effect: Effect, *, first: bool) -> Iterator[str]:
        """What is wrong with the next effect; the state after it."""
        match effect:
            case AwaitEntry():
                yield from self._await(effect, first=first)
            case CreateEntry():
                yield from self._create(effect)
            case UpdateEntry():
                yield from self._update(effect)
            case DeleteEntry():
                yield from self._delete(effect, first=first)
            case AssociatePolicy():
                yield from self._associate(effect)
            case DisassociatePolicy():
                yield from self._disassociate(effect)
            case Prove():
                yield from self._prove(effect)
            case EnableEntries() | CreateBridge() | CreateBinding() | RemoveBridge():
                yield "It is a step about the cluster, not about a principal."
            case _:
                assert_never(effect)

    def end(self, steps: Sequence[Step]) -> Iterator[Inconsistency]:
        """Where the steps end, and whether that was proven."""
        arn, target = self.principal.principal_arn, self.target
        where = f"the steps of {arn}"
        if not self._is_at(target):
            yield Inconsistency(where, "They do not end in its entry.")
        # EKS makes an awaited entry, so that the rules of a new one hold for its end alone.
        if self.principal.action == "await" and target.type == "STANDARD":
            ends_with = f"the entry that {arn} ends with"
            yield from check_standard(ends_with, self.principal, target, self.read)
        is_proven_last = not steps or isinstance(steps[-1].effect, Prove)
        if self._must_prove() and not is_proven_last:
            yield Inconsistency(where, "They do not end with a proof.")
        for why in self._wrong_classes():
            yield Inconsistency(where, why)

    def _is_at(self, spec: EntrySpec) -> bool:
        """Whether the entry after the steps so far is this one."""
        if self.state is None:
            return False
        return _same(self.principal.principal_arn, self.state, spec)

    def _must_prove(self) -> bool:
        """Whether the last step must be a proof. An entry with groups alone is proven under its
        marker group, and the update that takes the marker away is its last step.
        """
        if self.principal.action == "await":
            return True
        if self.target.type != "STANDARD":
            return True
        return bool(self.target.access_policies)

    def _wrong_classes(self) -> Iterator[str]:
        """Proofs of a weaker class than the cut-over will require of the principal."""
        if len(self.classes) > 1:
            yield "They ask for different classes of proof."
        # For an entry that may be dead, more is required than its steps ask for (make_plan).
        if "entry-liveness-unknown" in self.principal.findings:
            return
        weaker = self.classes - {self.principal.required_proof}
        if weaker:
            yield (
                f"They ask for {names(weaker)} proof, and the principal requires "
                f"{self.principal.required_proof}."
            )

    def _await(self, effect: AwaitEntry, *, first: bool) -> Iterator[str]:
        """EKS makes the entry at the mode step, before any step of the principal can change it."""
        if self.principal.action != "await" or not first:
            yield "EKS does not make this entry."
        if effect.expected != self.principal.entry:
            yield "It waits for another entry than the principal's."
        self.state, self.proven = effect.expected, False

    def _create(self, effect: CreateEntry) -> Iterator[str]:
        """A new entry, with the groups of the run that it needs until it is proven."""
        groups = effect.entry.kubernetes_groups
        is_made = self.principal.action in _MADE
        # EKS API: CreateAccessEntry is refused where the principal has an entry.
        if not is_made or self.state is not None:
            yield "There is an entry already, or none is to be made."
        # EKS API: CreateAccessEntry takes no policy; AssociateAccessPolicy is a separate call.
        if effect.entry.access_policies:
            yield "Access policies are associated by steps of their own."
        yield from self._check_spec(effect.entry)
        has_bridge = BRIDGE_GROUP in groups
        if is_bridged(self.principal, self.read):
            if not has_bridge:
                yield "The principal needs the bridge group."
        elif has_bridge:
            yield "The principal needs no bridge group."
        # The row gives the same until the entry is in force: only the marker shows which of them
        # answered. Node entries take no group (EKS API).
        takes_groups = effect.entry.type == "STANDARD"
        if takes_groups and MARKER_GROUP not in groups:
            yield "A new entry carries the marker group until it is proven."
        self.state = effect.entry
        self.proven = False

    def _update(self, effect: UpdateEntry) -> Iterator[str]:
        """An update that adds the marker group to an entry, or removes it after the proof.

        EKS API: UpdateAccessEntry replaces all groups and the username, and no access policy.
        """
        if not self._is_at(effect.before):
            yield "The entry is another one before this step."
        yield from self._check_spec(effect.entry)
        held = self.state or effect.before
        if set(effect.entry.access_policies) != set(held.access_policies):
            yield "An update of names does not change access policies."
        groups = effect.entry.kubernetes_groups
        was_marked = MARKER_GROUP in effect.before.kubernetes_groups
        is_marked = MARKER_GROUP in groups
        # Without the marker, the row and the entry give the same log-in.
        if was_marked == is_marked:
            yield "An entry is changed under the marker group, which is then taken away."
        if was_marked and not self.proven:
            yield "The marker group goes before the entry was proven."
        if BRIDGE_GROUP in groups:
            yield "The bridge group is given when the entry is made, and not later."
        self.state = effect.entry
        self.proven = False

    def _delete(self, effect: DeleteEntry, *, first: bool) -> Iterator[str]:
        """Only an entry that matches no log-in is deleted, and before anything else is sent."""
        if self.dead is None or not first:
            yield "No dead entry is to be deleted."
        elif not _same_entry_read(self.dead, effect.before):
            yield "The entry to be deleted is not the one in the basis."
        self.state = None

    def _associate(self, effect: AssociatePolicy) -> Iterator[str]:
        """A policy of the principal's entry; what it replaces is stated, because it is the undo."""
        held = self._held()
        now, stated = held.get(effect.policy.policy_arn), effect.before
        is_held, is_stated = now is not None, stated is not None
        if self.state is None or is_held != is_stated:
            yield "The access policy is associated in another way before this step."
        # EKS API: to associate a policy again replaces its scope.
        elif now and stated and policy_key(now) != policy_key(stated):
            yield "The access policy has another scope before this step."
        if effect.policy not in self.target.access_policies:
            yield (
                f"The principal's entry has no access policy {effect.policy.policy_name} with "
                f"this scope."
            )
        self._set_policies({**held, effect.policy.policy_arn: effect.policy})

    def _disassociate(self, effect: DisassociatePolicy) -> Iterator[str]:
        """A policy that EKS's own entry has and the principal's does not."""
        held = self._held()
        kept = {policy.policy_arn for policy in self.target.access_policies}
        if effect.policy.policy_arn in kept:
            yield f"The principal's entry keeps the access policy {effect.policy.policy_name}."
        now = held.pop(effect.policy.policy_arn, None)
        # The scope is a part of what the undo associates again.
        if now is None or policy_key(now) != policy_key(effect.policy):
            yield "The entry has no such access policy before this step."
        self._set_policies(held)

    def _held(self) -> dict[str, AssociatedPolicy]:
        """The policies of the entry by their ARN: an entry has each of them once (EKS API)."""
        if self.state is None:
            return {}
        return {policy.policy_arn: policy for policy in self.state.access_policies}

    def _set_policies(self, held: dict[str, AssociatedPolicy]) -> None:
        """The policies of the entry after a step; where there is no entry, another inconsistency
        says so.
        """
        if self.state is not None:
            self.state = replace(self.state, access_policies=tuple(held.values()))

    def _prove(self, effect: Prove) -> Iterator[str]:
        """A proof of what the entry gives at this place, and of what only the entry can explain."""
        if self.state is None:
            yield "There is no entry to prove."
            return
        who = identity_of_spec(self.principal.principal_arn, self.state)
        stated = (effect.username, set(effect.groups))
        if stated != (who.username, set(who.groups)):
            yield "It proves another username or other groups than the entry gives then."
        tied_by = self._attribution(self.state)
        if effect.attribution != tied_by:
            yield f"A proof at this place is tied to the entry by {tied_by}."
        self.proven = True
        self.classes.add(effect.proof_class)

    @staticmethod
    def _attribution(state: EntrySpec) -> str:
        """What shows that a log-in came through the entry as it is then, and not through a row."""
        # A node entry does not give `system:bootstrappers`, which the row gives.
        if state.type != "STANDARD":
            return "node"
        if MARKER_GROUP in state.kubernetes_groups:
            return "marker"
        # The authorizer names the access policy in the reason of what it allows.
        if state.access_policies:
            return "policy"
        # Only without rows does a login show that the entry answers.
        return "rehearsal"

    def _check_spec(self, spec: EntrySpec) -> Iterator[str]:
        """Type and name are the entry's; groups are the entry's, those of before, and the run's
        own.
        """
        # EKS API: UpdateAccessEntry cannot change the type.
        if spec.type != self.target.type:
            yield (
                f"It is of type {spec.type}, and the principal's entry is of type "
                f"{self.target.type}."
            )
        if spec.username != self.target.username:
            yield (
                f"Its username is not the one of the principal's entry: "
                f"{names([spec.username or ''])}."
            )
        more = {*spec.kubernetes_groups} - self._allowed_groups()
        if more:
            yield f"It gives the groups {names(more)}, which the principal's entry does not have."
        less = {*self.target.kubernetes_groups} - {*spec.kubernetes_groups}
        if less:
            yield f"It lacks the groups {names(less)} of the principal's entry."

    def _allowed_groups(self) -> set[str]:
        """Every group that an entry of the principal may have between its steps."""
        allowed = {*self.target.kubernetes_groups, MARKER_GROUP}
        if self.principal.action not in _MADE:
            return allowed
        if self.target.type == "STANDARD":
            allowed.add(BRIDGE_GROUP)
        # Until the policies are proven, a new entry keeps the groups that they replace. EKS API:
        # it takes neither reserved names nor templates.
        if not self.target.access_policies:
            return allowed
        for group in self.principal.before.groups:
            if is_reserved(group) or templates_in(group):
                continue
            allowed.add(group)
        return allowed


def _same(arn: str, one: EntrySpec, other: EntrySpec) -> bool:
    """Whether two specs are one entry, access policies of node types included. The basis sorts
    groups.
    """
    if policy_keys(one) != policy_keys(other):
        return False
    return same_entry(arn, one, other)


def _same_entry_read(found: AccessEntry, stated: AccessEntry) -> bool:
    """Whether the entry that a step holds is the one that the basis shows."""
    return _as_read(found) == _as_read(stated)


def _as_read(entry: AccessEntry) -> tuple[object, ...]:
    """What tells one entry from another, the order of groups left out."""
    return (
        entry.principal_arn,
        entry.type,
        entry.username,
        sorted(entry.kubernetes_groups),
        policy_keys(entry),
        # An entry that was made again in the meantime is alive: only its time differs.
        entry.created_at,
    )
