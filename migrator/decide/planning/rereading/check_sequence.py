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
    candidate = read.subject_of(principal)
    return needs_bridge(
        PrincipalDecision(candidate, principal.action, principal.before, None, principal.entry)
    )


def check_sequence(
    principal: PlannedPrincipal, steps: Sequence[Step], read: PlanRead
) -> Iterator[Inconsistency]:
    """Everything that is wrong with the steps of one principal."""
    arn = principal.principal_arn
    if principal.action not in _WITH_STEPS:
        if steps:
            why = f"The action of {arn} is {principal.action}, which has no steps."
            yield Inconsistency(f"step {steps[0].id} ({steps[0].effect.kind})", why)
        return
    if principal.entry is None:
        return  # said by check_principals
    walk = _Walk(principal, _target(principal, steps), read)
    for place, step in enumerate(steps):
        if place and steps[place - 1].id not in step.requires:
            yield Inconsistency(
                _where(step),
                f"It does not wait for step {steps[place - 1].id} of the same principal.",
            )
        for why in walk.apply(step.effect, first=place == 0):
            yield Inconsistency(_where(step), why)
    yield from walk.end(steps)


def _where(step: Step) -> str:
    return f"step {step.id} ({step.effect.kind}) of {step.principal_arn}"


def _target(principal: PlannedPrincipal, steps: Sequence[Step]) -> EntrySpec:
    """What the steps must end in: the entry; for ``await`` what the last update completes it to."""
    assert principal.entry is not None  # noqa: S101 - asked for principals with an entry only
    updates = [step.effect for step in steps if isinstance(step.effect, UpdateEntry)]
    if principal.action != "await" or not updates:
        return principal.entry
    gone = {
        step.effect.policy.policy_arn
        for step in steps
        if isinstance(step.effect, DisassociatePolicy)
    }
    kept = tuple(
        policy for policy in updates[-1].entry.access_policies if policy.policy_arn not in gone
    )
    return replace(updates[-1].entry, access_policies=kept)


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
        if self.state is None or not _same(arn, self.state, target):
            yield Inconsistency(f"the steps of {arn}", "They do not end in its entry.")
        if self.principal.action == "await" and target.type == "STANDARD":
            yield from check_standard(
                f"the entry that {arn} ends with", self.principal, target, self.read
            )
        must_prove = (
            self.principal.action == "await" or target.type != "STANDARD" or target.access_policies
        )
        if must_prove and steps and not isinstance(steps[-1].effect, Prove):
            yield Inconsistency(f"the steps of {arn}", "They do not end with a proof.")
        if len(self.classes) > 1:
            yield Inconsistency(f"the steps of {arn}", "They ask for different classes of proof.")
        weaker = self.classes - {self.principal.required_proof}
        # for an entry that may be dead, more is required than its steps ask for (make_plan)
        if weaker and "entry-liveness-unknown" not in self.principal.findings:
            why = (
                f"They ask for {names(weaker)} proof, and the principal requires "
                f"{self.principal.required_proof}."
            )
            yield Inconsistency(f"the steps of {arn}", why)

    def _await(self, effect: AwaitEntry, *, first: bool) -> Iterator[str]:
        if self.principal.action != "await" or not first:
            yield "EKS does not make this entry."
        if effect.expected != self.principal.entry:
            yield "It waits for another entry than the principal's."
        self.state, self.proven = effect.expected, False

    def _create(self, effect: CreateEntry) -> Iterator[str]:
        if self.principal.action not in _MADE or self.state is not None:
            yield "There is an entry already, or none is to be made."
        if effect.entry.access_policies:
            yield "Access policies are associated by steps of their own."
        yield from self._check_spec(effect.entry)
        bridged = is_bridged(self.principal, self.read)
        if bridged != (BRIDGE_GROUP in effect.entry.kubernetes_groups):
            yield (
                "The principal needs the bridge group."
                if bridged
                else "The principal needs no bridge group."
            )
        if effect.entry.type == "STANDARD" and MARKER_GROUP not in effect.entry.kubernetes_groups:
            yield "A new entry carries the marker group until it is proven."
        self.state, self.proven = effect.entry, False

    def _update(self, effect: UpdateEntry) -> Iterator[str]:
        if self.state is None or not _same(self.principal.principal_arn, self.state, effect.before):
            yield "The entry is another one before this step."
        yield from self._check_spec(effect.entry)
        if {*effect.entry.access_policies} != {*(self.state or effect.before).access_policies}:
            yield "An update of names does not change access policies."
        was_marked = MARKER_GROUP in effect.before.kubernetes_groups
        is_marked = MARKER_GROUP in effect.entry.kubernetes_groups
        if was_marked == is_marked:
            yield "An entry is changed under the marker group, which is then taken away."
        if was_marked and not self.proven:
            yield "The marker group goes before the entry was proven."
        if BRIDGE_GROUP in effect.entry.kubernetes_groups:
            yield "The bridge group is given when the entry is made, and not later."
        self.state, self.proven = effect.entry, False

    def _delete(self, effect: DeleteEntry, *, first: bool) -> Iterator[str]:
        if self.dead is None or not first:
            yield "No dead entry is to be deleted."
        elif not _same_entry_read(self.dead, effect.before):
            yield "The entry to be deleted is not the one in the basis."
        self.state = None

    def _associate(self, effect: AssociatePolicy) -> Iterator[str]:
        held = (
            {policy.policy_arn: policy for policy in self.state.access_policies}
            if self.state
            else {}
        )
        now = held.get(effect.policy.policy_arn)
        if self.state is None or (now is None) != (effect.before is None):
            yield "The access policy is associated in another way before this step."
        elif (
            now is not None
            and effect.before is not None
            and policy_key(now) != policy_key(effect.before)
        ):
            yield "The access policy has another scope before this step."
        if effect.policy not in self.target.access_policies:
            yield (
                f"The principal's entry has no access policy {effect.policy.policy_name} with "
                f"this scope."
            )
        self._set_policies({**held, effect.policy.policy_arn: effect.policy})

    def _disassociate(self, effect: DisassociatePolicy) -> Iterator[str]:
        held = (
            {policy.policy_arn: policy for policy in self.state.access_policies}
            if self.state
            else {}
        )
        if effect.policy.policy_arn in {
            policy.policy_arn for policy in self.target.access_policies
        }:
            yield f"The principal's entry keeps the access policy {effect.policy.policy_name}."
        now = held.pop(effect.policy.policy_arn, None)
        if now is None or policy_key(now) != policy_key(effect.policy):
            yield "The entry has no such access policy before this step."
        self._set_policies(held)

    def _set_policies(self, held: dict[str, AssociatedPolicy]) -> None:
        if self.state is not None:
            self.state = replace(self.state, access_policies=tuple(held.values()))

    def _prove(self, effect: Prove) -> Iterator[str]:
        if self.state is None:
            yield "There is no entry to prove."
            return
        who = identity_of_spec(self.principal.principal_arn, self.state)
        if effect.username != who.username or {*effect.groups} != {*who.groups}:
            yield "It proves another username or other groups than the entry gives then."
        if effect.attribution != self._attribution():
            yield f"A proof at this place is tied to the entry by {self._attribution()}."
        self.proven = True
        self.classes.add(effect.proof_class)

    def _attribution(self) -> str:
        assert self.state is not None  # noqa: S101 - asked for an entry that exists only
        if self.state.type != "STANDARD":
            return "node"
        if MARKER_GROUP in self.state.kubernetes_groups:
            return "marker"
        return "policy" if self.state.access_policies else "rehearsal"

    def _check_spec(self, spec: EntrySpec) -> Iterator[str]:
        """Type and name are the entry's; groups are the entry's, those of before, and the run's
        own.
        """
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
        allowed = {*self.target.kubernetes_groups, MARKER_GROUP}
        if self.principal.action in _MADE and self.target.type == "STANDARD":
            allowed |= {BRIDGE_GROUP}
        if (
            self.principal.action in _MADE and self.target.access_policies
        ):  # until the policies are proven
            allowed |= {
                g
                for g in self.principal.before.groups
                if not is_reserved(g) and not templates_in(g)
            }
        more = {*spec.kubernetes_groups} - allowed
        if more:
            yield f"It gives the groups {names(more)}, which the principal's entry does not have."
        less = {*self.target.kubernetes_groups} - {*spec.kubernetes_groups}
        if less:
            yield f"It lacks the groups {names(less)} of the principal's entry."


def _same(arn: str, one: EntrySpec, other: EntrySpec) -> bool:
    """Whether two specs are one entry, access policies of node types included. The basis sorts
    groups.
    """
    return policy_keys(one) == policy_keys(other) and same_entry(arn, one, other)


def _same_entry_read(found: AccessEntry, stated: AccessEntry) -> bool:
    """Whether the entry that a step holds is the one that the basis shows."""
    return (
        (found.principal_arn, found.type, found.username)
        == (stated.principal_arn, stated.type, stated.username)
        and sorted(found.kubernetes_groups) == sorted(stated.kubernetes_groups)
        and policy_keys(found) == policy_keys(stated)
        and found.created_at == stated.created_at
    )
