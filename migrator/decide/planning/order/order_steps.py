"""The plan's steps, in an order in which no principal is ever without access and no principal has
more than before.

Creating an entry shadows its row immediately. So a principal that needs an access policy gets a
bridge until the policy is proven. An entry of ours carries a marker group while it is being proven,
because a login that still goes through the row would pass every probe. The first principal of each
kind is migrated alone; the operator is migrated last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from migrator.decide.access.compare_access import compare
from migrator.decide.access.name_references import is_ours
from migrator.decide.planning.entries.entry_for import is_reserved
from migrator.decide.planning.entries.entry_identity import identity_of_spec, spec_of
from migrator.decide.planning.entries.principal_decision import PrincipalDecision
from migrator.decide.planning.order.required_proof import is_admin, required_proof
from migrator.decide.planning.principals.plan_facts import PlanFacts
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.reading.templates import templates_in
from migrator.decide.steps.undo import undo_of
from migrator.model.access_entry import AssociatedPolicy, EntrySpec
from migrator.model.rbac import Binding
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    BRIDGE_PREFIX,
    MARKER_GROUP,
    AssociatePolicy,
    Attribution,
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

_EVERYBODY = "system:authenticated"
_CANARIES = ("standard", "policy", "admin")  # node types follow, in alphabetical order
_WORKS = frozenset({"create", "recreate", "update"})
_BINDS = _WORKS | {"await"}


def order_steps(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> tuple[Step, ...]:
    """All steps. Nothing to do gives none; blocked principals have none."""
    order = _Order(facts)
    order.build(decided)
    return tuple(order.steps)


def acting_keys(facts: PlanFacts) -> tuple[str, ...]:
    """Canonical ARNs of the operator and of the principals through which the operator arrives; the
    caller itself last.
    """
    chain = [principal_key(arn) for arn in facts.snapshot.caller_chain or ()]
    if not facts.snapshot.caller_arn:
        return tuple(dict.fromkeys(chain))
    caller = principal_key(facts.snapshot.caller_arn)
    through = [key for key in chain if key != caller]
    return tuple(dict.fromkeys([*through, caller]))


class _Order:
    """Builds the list; every step gets its number when it is added."""

    def __init__(self, facts: PlanFacts) -> None:
        self.facts = facts
        self.steps: list[Step] = []
        self.first: tuple[str, ...] = ()  # what every step requires
        self.bridge: tuple[str, ...] = ()  # what bridged sequences require in addition

    def add(
        self,
        effect: Effect,
        requires: Iterable[str] = (),
        because_of: tuple[str, ...] = (),
    ) -> str:
        step_id = f"s{len(self.steps) + 1:02d}"
        needs = tuple(dict.fromkeys(requires))
        self.steps.append(Step(step_id, effect, needs, because_of, undo_of(effect)))
        return step_id

    def build(self, decided: Sequence[PrincipalDecision]) -> None:
        # EKS API: in CONFIG_MAP mode every call about access entries is refused.
        if self.facts.mode == "CONFIG_MAP":
            self.first = (self.add(EnableEntries()),)
        by_arn = sorted(decided, key=lambda each: each.candidate.arn)
        awaited = [self._awaited(each) for each in by_arn if each.action == "await"]
        working = [each for each in by_arn if each.action in _WORKS]
        # A group is bound before an entry gives it, so that no principal loses what it gives.
        bindings = self._bindings(each for each in by_arn if each.action in _BINDS)
        base = (*self.first, *awaited, *bindings)
        if any(map(self._is_bridged, working)):
            self.bridge = (self.add(CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP), self.first),)
        acting = acting_keys(self.facts)
        others: list[PrincipalDecision] = []
        last: list[tuple[int, PrincipalDecision]] = []
        for each in working:
            key = principal_key(each.candidate.arn)
            if key in acting:
                last.append((acting.index(key), each))
            else:
                others.append(each)
        ends = self._sequences(others, base)
        # The operator goes last, when every other principal is proven: a wrong entry for the
        # operator would end the run.
        for _, each in sorted(last, key=lambda placed: placed[0]):
            ends.append(self._sequence(each, (*base, *ends)))
        if self.bridge:
            self.add(RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP), ends)
        self._leftovers(ends)

    def _is_bridged(self, each: PrincipalDecision) -> bool:
        return needs_bridge(each) and not self.facts.accept_gap

    def _sequences(self, others: list[PrincipalDecision], base: tuple[str, ...]) -> list[str]:
        """One canary of each kind, one canary at a time; every other principal after the canary of
        its kind.
        """
        by_kind: dict[str, list[PrincipalDecision]] = {}
        for each in others:
            by_kind.setdefault(kind_of_entry(each.entry), []).append(each)
        known = [kind for kind in _CANARIES if kind in by_kind]
        kinds = [*known, *sorted(by_kind.keys() - set(_CANARIES))]
        canaries: dict[str, str] = {}
        requires = base
        for kind in kinds:
            canaries[kind] = self._sequence(by_kind[kind][0], requires)
            requires = (*base, canaries[kind])
        ends = list(canaries.values())
        for kind in kinds:
            for each in by_kind[kind][1:]:
                ends.append(self._sequence(each, (*base, canaries[kind])))
        return ends

    def _awaited(self, each: PrincipalDecision) -> str:
        """EKS's own entry: waited for, proven, and completed where the row gave more."""
        assert each.entry is not None  # noqa: S101 - await carries what EKS makes
        arn, sources = each.candidate.arn, _sources(each)
        end = self.add(AwaitEntry(arn, each.entry), self.first, sources)
        if each.update is not None:
            end = self._changed(each, each.entry, each.update, end)
        return self._prove(each, each.update or each.entry, (end,))

    def _sequence(self, each: PrincipalDecision, requires: tuple[str, ...]) -> str:
        """The steps of one principal; each requires the one before. Returns the last one's id."""
        assert each.entry is not None  # noqa: S101 - create, recreate and update carry the entry
        if each.action == "update":
            return self._updated(each, each.entry, requires)
        arn, sources = each.candidate.arn, _sources(each)
        end = requires
        if self._is_bridged(each):
            end = (*requires, *self.bridge)
        # EKS API: a principal has one entry, and an entry cannot be pinned to another id.
        if each.action == "recreate":
            dead = each.candidate.entry
            assert dead is not None  # noqa: S101 - what is made again
            end = (self.add(DeleteEntry(dead.principal_arn, dead), end, sources),)
        held = each.entry.access_policies
        bare = replace(each.entry, access_policies=()) if held else each.entry
        # EKS API: node types take neither groups nor policies, so that nothing marks the login.
        if each.entry.type != "STANDARD":
            created = self.add(CreateEntry(arn, bare), end, sources)
            return self._prove(each, bare, (created,))
        groups = (*bare.kubernetes_groups, *self._extra_groups(each))
        marked = replace(bare, kubernetes_groups=tuple(dict.fromkeys(groups)))
        step = self.add(CreateEntry(arn, marked), end, sources)
        for policy in held:
            step = self.add(AssociatePolicy(arn, policy), (step,), sources)
        step = self._prove(each, marked, (step,))
        complete = replace(marked, access_policies=held) if held else marked
        step = self.add(UpdateEntry(arn, each.entry, complete), (step,), sources)
        if not held:
            return step
        # Without the bridge group, only the policy can allow what is asked.
        return self._prove(each, each.entry, (step,))

    def _extra_groups(self, each: PrincipalDecision) -> tuple[str, ...]:
        """What a new entry carries until it is proven: interim groups, bridge and marker."""
        extra = list(_interim(each))
        if self._is_bridged(each):
            extra.append(BRIDGE_GROUP)
        return (*extra, MARKER_GROUP)

    def _updated(
        self,
        each: PrincipalDecision,
        entry: EntrySpec,
        requires: tuple[str, ...],
    ) -> str:
        assert each.candidate.entry is not None  # noqa: S101 - there is something to update
        changed = self._changed(each, spec_of(each.candidate.entry), entry, *requires)
        if not entry.access_policies:
            return changed
        return self._prove(each, entry, (changed,))

    def _changed(
        self,
        each: PrincipalDecision,
        now: EntrySpec,
        desired: EntrySpec,
        *requires: str,
    ) -> str:
        """Change an entry in place: first add, then change names under the marker, then remove.

        A policy that gives more than the access before goes as soon as the entry has its names: a
        principal that never logs in would otherwise keep it, because no proof of it comes.
        """
        arn, sources = each.candidate.arn, _sources(each)
        have = {policy.policy_arn: policy for policy in now.access_policies}
        want = {policy.policy_arn: policy for policy in desired.access_policies}
        end: tuple[str, ...] = requires
        # EKS API: to associate a policy again replaces its scope.
        for policy_arn, policy in want.items():
            if have.get(policy_arn) != policy:
                end = (self.add(AssociatePolicy(arn, policy, have.get(policy_arn)), end, sources),)
        held = _merged(have, want)
        before = replace(now, access_policies=held)
        groups = tuple(dict.fromkeys((*desired.kubernetes_groups, MARKER_GROUP)))
        marked = replace(desired, kubernetes_groups=groups, access_policies=held)
        end = (self.add(UpdateEntry(arn, marked, before), end, sources),)
        going = [policy for policy_arn, policy in have.items() if policy_arn not in want]
        wider = [policy for policy in going if self._is_wider(each, policy)]
        for policy in wider:
            end = (self.add(DisassociatePolicy(arn, policy), end, sources),)
        held = tuple(policy for policy in held if policy not in wider)
        marked = replace(marked, access_policies=held)
        end = (self._prove(each, marked, end),)
        unmarked = replace(desired, access_policies=held)
        end = (self.add(UpdateEntry(arn, unmarked, marked), end, sources),)
        # What the principal had before goes after the proof: until then it has both.
        for policy in going:
            if policy not in wider:
                end = (self.add(DisassociatePolicy(arn, policy), end, sources),)
        return end[0]

    def _is_wider(self, each: PrincipalDecision, policy: AssociatedPolicy) -> bool:
        """Whether a policy gives more than the principal had before EKS made its entry."""
        with_policy = replace(each.before, policies=(*each.before.policies, policy))
        return bool(compare(each.before, with_policy, self.facts.index).gained)

    def _prove(
        self,
        each: PrincipalDecision,
        spec: EntrySpec,
        requires: tuple[str, ...],
    ) -> str:
        """The proof of an entry with this spec."""
        arn = each.candidate.arn
        who = identity_of_spec(arn, spec)
        required = required_proof(arn, each.update or each.entry, self.facts)
        effect = Prove(arn, who.username, who.groups, required, _attribution(spec))
        return self.add(effect, requires, _sources(each))

    def _bindings(self, working: Iterable[PrincipalDecision]) -> tuple[str, ...]:
        """Parallel bindings that are not there yet, each once."""
        there = {(binding.namespace, binding.name) for binding in self._bound()}
        desired: dict[CreateBinding, list[str]] = {}
        for each in working:
            for binding in each.bindings:
                if (binding.namespace, binding.binding_name) not in there:
                    desired.setdefault(binding, []).extend(_sources(each))
        return tuple(
            self.add(binding, self.first, tuple(dict.fromkeys(sources)))
            for binding, sources in desired.items()
        )

    def _leftovers(self, ends: Sequence[str]) -> None:
        """Bridges of interrupted runs: removed when no principal can depend on them any more."""
        for binding in self._bound():
            # Without our label the binding is another writer's, whatever it binds.
            if not is_ours(binding):
                continue
            # A bridge has its group as the only subject.
            if not binding.subjects:
                continue
            group = binding.subjects[0].name
            if group.startswith(BRIDGE_PREFIX):
                self.add(RemoveBridge(binding.name, group, binding.namespace), ends)

    def _bound(self) -> tuple[Binding, ...]:
        rbac = self.facts.snapshot.rbac
        return () if rbac is None else rbac.bindings


def _attribution(spec: EntrySpec) -> Attribution:
    """What ties a login to the entry, and not to the row."""
    # A node entry does not give `system:bootstrappers`, which the row gives.
    if spec.type != "STANDARD":
        return "node"
    if MARKER_GROUP in spec.kubernetes_groups:
        return "marker"
    # The authorizer names the access policy in the reason of what it allows.
    if spec.access_policies:
        return "policy"
    # Entry and row give the same: only without rows does a login show which of them answers.
    return "rehearsal"


def kind_of_entry(entry: EntrySpec | None) -> str:
    """The kind whose first principal goes alone: a node type, ``admin``, ``policy`` or
    ``standard``.
    """
    assert entry is not None  # noqa: S101 - create, recreate and update carry the entry
    if entry.type != "STANDARD":
        return entry.type
    if is_admin(entry):
        return "admin"
    return "policy" if entry.access_policies else "standard"


def needs_bridge(each: PrincipalDecision) -> bool:
    """Admins that will be admins only by a policy, which is associated after the entry is made: the
    name or the group that makes them admins today cannot be carried.
    """
    if each.action not in ("create", "recreate"):
        return False
    # A plan that was read may lack the entry: another check says so.
    if each.entry is None:
        return False
    if not is_admin(each.entry):
        return False
    # The hidden creator and a principal without access lose nothing that a row gives.
    if each.before.via != "config-map":
        return False
    # Bindings name users: under another username those of today do not hold.
    if each.before.username != each.entry.username:
        return True
    return any(map(_is_left_out, each.before.groups))


def _is_left_out(group: str) -> bool:
    """Whether an entry cannot carry the group. Every login has system:authenticated anyway."""
    if group == _EVERYBODY:
        return False
    return is_reserved(group)


def _interim(each: PrincipalDecision) -> tuple[str, ...]:
    """Groups that access policies replace: the entry carries them until the policies are proven."""
    assert each.entry is not None  # noqa: S101 - create and recreate carry the entry
    if not each.entry.access_policies:
        return ()
    replaced = [group for group in each.before.groups if group not in each.entry.kubernetes_groups]
    return tuple(group for group in replaced if _can_carry(group))


def _can_carry(group: str) -> bool:
    # EKS API: a group of an entry has a name, and no reserved prefix. A template is one group for
    # each login.
    if not group or is_reserved(group):
        return False
    return not templates_in(group)


def _merged(
    have: dict[str, AssociatedPolicy], want: dict[str, AssociatedPolicy]
) -> tuple[AssociatedPolicy, ...]:
    return tuple({**have, **want}.values())


def _sources(each: PrincipalDecision) -> tuple[str, ...]:
    return tuple(row.source for row in each.candidate.rows)
