"""The plan's steps, in an order in which no principal is ever without access and no principal has
more than before.

Creating an entry shadows its row immediately. So a principal that needs an access policy gets a
bridge until the policy is proven. An entry of ours carries a marker group while it is being proven,
because a login that still goes through the row would pass every probe. The first principal of each
kind is migrated alone; the operator is migrated last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

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
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    BRIDGE_PREFIX,
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

_EVERYBODY = "system:authenticated"
_CANARIES = ("standard", "policy", "admin")  # node types follow, in alphabetical order


def order_steps(decided: Sequence[PrincipalDecision], facts: PlanFacts) -> tuple[Step, ...]:
    """All steps. Nothing to do gives none; blocked principals have none."""
    return _Order(facts).all(decided)


def acting_keys(facts: PlanFacts) -> tuple[str, ...]:
    """Canonical ARNs of the operator and of the principals through which the operator arrives; the
    caller itself last.
    """
    chain = [principal_key(arn) for arn in facts.snapshot.caller_chain or ()]
    caller = [principal_key(facts.snapshot.caller_arn)] if facts.snapshot.caller_arn else []
    return tuple(dict.fromkeys(key for key in chain if key not in caller)) + tuple(caller)


class _Order:
    """Builds the list; every step gets its number when it is added."""

    def __init__(self, facts: PlanFacts) -> None:
        self.facts = facts
        self.steps: list[Step] = []
        self.first: tuple[str, ...] = ()  # what every step requires
        self.bridge: tuple[str, ...] = ()  # what bridged sequences require in addition

    def add(
        self, effect: Effect, requires: Iterable[str] = (), because_of: tuple[str, ...] = ()
    ) -> str:
        step_id = f"s{len(self.steps) + 1:02d}"
        needs = tuple(dict.fromkeys(requires))
        self.steps.append(Step(step_id, effect, needs, because_of, undo_of(effect)))
        return step_id

    def all(self, decided: Sequence[PrincipalDecision]) -> tuple[Step, ...]:
        if self.facts.mode == "CONFIG_MAP":
            self.first = (self.add(EnableEntries()),)
        by_arn = sorted(decided, key=lambda each: each.candidate.arn)
        awaited = [self._awaited(each) for each in by_arn if each.action == "await"]
        working = [each for each in by_arn if each.action in ("create", "recreate", "update")]
        bindings = self._bindings(
            [each for each in by_arn if each.action in ("await", "create", "recreate", "update")]
        )
        bridged = [each for each in working if self._is_bridged(each)]
        base = (*self.first, *awaited, *bindings)
        self.bridge = (
            (self.add(CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP), self.first),) if bridged else ()
        )
        acting = acting_keys(self.facts)
        others = [each for each in working if principal_key(each.candidate.arn) not in acting]
        ends = self._sequences(others, base)
        last = sorted(
            (each for each in working if principal_key(each.candidate.arn) in acting),
            key=lambda each: acting.index(principal_key(each.candidate.arn)),
        )
        for each in last:
            ends.append(self._sequence(each, (*base, *ends)))
        if bridged:
            self.add(RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP), ends)
        self._leftovers(ends)
        return tuple(self.steps)

    def _is_bridged(self, each: PrincipalDecision) -> bool:
        return needs_bridge(each) and not self.facts.accept_gap

    def _sequences(self, others: list[PrincipalDecision], base: tuple[str, ...]) -> list[str]:
        """One canary of each kind, one canary at a time; every other principal after the canary of
        its kind.
        """
        by_kind: dict[str, list[PrincipalDecision]] = {}
        for each in others:
            by_kind.setdefault(kind_of_entry(each.entry), []).append(each)
        kinds = [kind for kind in _CANARIES if kind in by_kind] + sorted(
            by_kind.keys() - set(_CANARIES)
        )
        canaries: dict[str, str] = {}
        for kind in kinds:
            canaries[kind] = self._sequence(
                by_kind[kind][0], (*base, *tuple(canaries.values())[-1:])
            )
        rest = [
            self._sequence(each, (*base, canaries[kind]))
            for kind in kinds
            for each in by_kind[kind][1:]
        ]
        return [*canaries.values(), *rest]

    def _awaited(self, each: PrincipalDecision) -> str:
        """EKS's own entry: waited for, proven, and completed where the row gave more."""
        assert each.entry is not None  # noqa: S101 - await carries what EKS makes
        arn, sources = each.candidate.arn, _sources(each)
        end = self.add(AwaitEntry(arn, each.entry), self.first, sources)
        if each.update is not None:
            end = self._changed(each, each.entry, each.update, end)
        return self.add(self._proof(each, each.update or each.entry, ()), (end,), sources)

    def _sequence(self, each: PrincipalDecision, requires: tuple[str, ...]) -> str:
        """The steps of one principal; each requires the one before. Returns the last one's id."""
        assert each.entry is not None  # noqa: S101 - create, recreate and update carry the entry
        if each.action == "update":
            assert each.candidate.entry is not None  # noqa: S101 - there is something to update
            now = spec_of(each.candidate.entry)
            changed = self._changed(each, now, each.entry, *requires)
            if not each.entry.access_policies:
                return changed
            return self.add(self._proof(each, each.entry, ()), (changed,), _sources(each))
        arn, sources = each.candidate.arn, _sources(each)
        end = (*requires, *self.bridge) if self._is_bridged(each) else requires
        if each.action == "recreate":
            assert each.candidate.entry is not None  # noqa: S101 - the dead one
            end = (
                self.add(
                    DeleteEntry(each.candidate.entry.principal_arn, each.candidate.entry),
                    end,
                    sources,
                ),
            )
        bare = replace(each.entry, access_policies=())
        if each.entry.type != "STANDARD":
            created = self.add(CreateEntry(arn, bare), end, sources)
            return self.add(self._proof(each, bare, ()), (created,), sources)
        bridge = (BRIDGE_GROUP,) if self._is_bridged(each) else ()
        extra = (*_interim(each), *bridge, MARKER_GROUP)
        marked = _with_groups(bare, extra)
        step = self.add(CreateEntry(arn, marked), end, sources)
        for policy in each.entry.access_policies:
            step = self.add(AssociatePolicy(arn, policy), (step,), sources)
        step = self.add(self._proof(each, marked, extra), (step,), sources)
        held = each.entry.access_policies
        update = UpdateEntry(
            arn, replace(bare, access_policies=held), replace(marked, access_policies=held)
        )
        step = self.add(update, (step,), sources)
        return self.add(self._proof(each, each.entry, ()), (step,), sources) if held else step

    def _changed(
        self, each: PrincipalDecision, now: EntrySpec, desired: EntrySpec, *requires: str
    ) -> str:
        """Change an entry in place: first add, then change names under the marker, then remove."""
        arn, sources = each.candidate.arn, _sources(each)
        have = {policy.policy_arn: policy for policy in now.access_policies}
        want = {policy.policy_arn: policy for policy in desired.access_policies}
        end: tuple[str, ...] = requires
        for policy_arn, policy in want.items():
            if have.get(policy_arn) != policy:
                end = (self.add(AssociatePolicy(arn, policy, have.get(policy_arn)), end, sources),)
        held = _merged(have, want)
        marked = replace(_with_groups(desired, (MARKER_GROUP,)), access_policies=held)
        end = (
            self.add(UpdateEntry(arn, marked, replace(now, access_policies=held)), end, sources),
        )
        end = (self.add(self._proof(each, marked, (MARKER_GROUP,)), end, sources),)
        end = (
            self.add(
                UpdateEntry(arn, replace(desired, access_policies=held), marked), end, sources
            ),
        )
        for policy_arn, policy in have.items():
            if policy_arn not in want:
                end = (self.add(DisassociatePolicy(arn, policy), end, sources),)
        return end[0]

    def _proof(self, each: PrincipalDecision, spec: EntrySpec, extra: tuple[str, ...]) -> Prove:
        arn = each.candidate.arn
        who = identity_of_spec(arn, spec)
        desired = required_proof(arn, each.update or each.entry, self.facts)
        if spec.type != "STANDARD":
            return Prove(arn, who.username, who.groups, desired, "node")
        if MARKER_GROUP in extra:
            return Prove(arn, who.username, who.groups, desired, "marker")
        return Prove(
            arn,
            who.username,
            who.groups,
            desired,
            "policy" if spec.access_policies else "rehearsal",
        )

    def _bindings(self, working: Iterable[PrincipalDecision]) -> tuple[str, ...]:
        """Parallel bindings that are not there yet, each once."""
        there = {
            (b.namespace, b.name)
            for b in (self.facts.snapshot.rbac.bindings if self.facts.snapshot.rbac else ())
        }
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
        for binding in self.facts.snapshot.rbac.bindings if self.facts.snapshot.rbac else ():
            if (
                is_ours(binding)
                and binding.subjects
                and binding.subjects[0].name.startswith(BRIDGE_PREFIX)
            ):
                self.add(
                    RemoveBridge(binding.name, binding.subjects[0].name, binding.namespace), ends
                )


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
    if each.action not in ("create", "recreate") or each.entry is None or not is_admin(each.entry):
        return False
    if each.before.via != "config-map":
        return False
    lost = any(is_reserved(group) and group != _EVERYBODY for group in each.before.groups)
    return lost or each.before.username != each.entry.username


def _interim(each: PrincipalDecision) -> tuple[str, ...]:
    """Groups that access policies replace: the entry carries them until the policies are proven."""
    assert each.entry is not None  # noqa: S101 - create and recreate carry the entry
    if not each.entry.access_policies:
        return ()
    return tuple(
        group
        for group in each.before.groups
        if group
        and not is_reserved(group)
        and not templates_in(group)
        and group not in each.entry.kubernetes_groups
    )


def _with_groups(spec: EntrySpec, extra: Sequence[str]) -> EntrySpec:
    return replace(spec, kubernetes_groups=tuple(dict.fromkeys((*spec.kubernetes_groups, *extra))))


def _merged(
    have: dict[str, AssociatedPolicy], want: dict[str, AssociatedPolicy]
) -> tuple[AssociatedPolicy, ...]:
    return tuple({**have, **want}.values())


def _sources(each: PrincipalDecision) -> tuple[str, ...]:
    return tuple(row.source for row in each.candidate.rows)
