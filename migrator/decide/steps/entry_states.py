"""What an entry looks like before and after each step of its sequence, and whether an entry read
now looks like that.

This is how an ``intended`` without a ``done`` is settled: the entry is compared with the states
that the sequence passes through, and shows by itself how far an interrupted run came.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from migrator.errors import assert_never
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, EntrySpec, EntryType
from migrator.model.plan import Plan
from migrator.model.principal import parse_arn
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    MARKER_GROUP,
    RUN,
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
    Sequence,
    UpdateEntry,
)

_OURS = frozenset({BRIDGE_GROUP, BRIDGE_BINDING, MARKER_GROUP})
PLAN_TAG = "eks-access-migrator/plan"
RUN_TAG = "eks-access-migrator/run"
ENTRY_TAG = "eks-access-migrator/entry"


@dataclass(frozen=True, slots=True)
class EntryState:
    """What is known of an entry between two steps. None stands for "not known, so anything fits".

    ``username`` ``""`` leaves the name to EKS. ``made_by_us``: this plan's tag is on it;
    ``made_by_others``: it is not, so that a dead entry is told from the living one that replaced
    it, however alike they are.
    """

    type: EntryType | None = None
    username: str | None = None
    groups: frozenset[str] | None = None
    policies: frozenset[AssociatedPolicy] | None = None
    made_by_us: bool = False
    made_by_others: bool = False


ABSENT: None = None
State: TypeAlias = EntryState | None  # None: there is no entry


def sequence_states(sequence: Sequence, run: str) -> tuple[State, ...]:
    """The states a sequence passes through: one before each step and one after the last."""
    state = _first_state(sequence, run)
    states = [state]
    for step in sequence:
        state = after(state, step.effect, run)
        states.append(state)
    return tuple(states)


def _first_state(sequence: Sequence, run: str) -> State:
    for place, step in enumerate(sequence):
        match step.effect:
            case CreateEntry() | AwaitEntry():
                return ABSENT
            case UpdateEntry(before=spec):
                policies = _before_policies(frozenset(spec.access_policies), sequence[:place])
                return _state_of(spec, run, policies, made_by_us=False)
            case DeleteEntry(before=entry):
                return EntryState(
                    entry.type,
                    entry.username,
                    frozenset(entry.kubernetes_groups),
                    frozenset(entry.access_policies),
                    made_by_others=True,
                )
            case _:
                continue
    return EntryState()


def _before_policies(
    policies: frozenset[AssociatedPolicy], steps: Sequence
) -> frozenset[AssociatedPolicy]:
    """The policies before steps that came to ``policies``."""
    for step in reversed(steps):
        match step.effect:
            case AssociatePolicy(policy=policy, before=before):
                policies = (policies - {policy}) | ({before} if before else set())
            case DisassociatePolicy(policy=policy):
                policies = policies | {policy}
            case _:
                continue
    return policies


def final_spec(plan: Plan, principal_arn: str) -> EntrySpec | None:
    """What the plan means an entry to be in the end, after every step about it; None where it means
    none.
    """
    planned = next((p.entry for p in plan.principals if p.principal_arn == principal_arn), None)
    sequence = tuple(step for step in plan.steps if step.principal_arn == principal_arn)
    state = sequence_states(sequence, "")[-1]
    if state is None or state.type is None:
        return planned
    groups = tuple(sorted(state.groups or ()))
    order = planned.kubernetes_groups if planned else ()
    policies = (
        planned.access_policies
        if planned and state.policies is None
        else tuple(state.policies or ())
    )
    return EntrySpec(
        type=state.type,
        username=state.username or None,
        kubernetes_groups=order if set(order) == set(groups) else groups,
        access_policies=tuple(sorted(policies, key=lambda policy: policy.policy_arn)),
    )


def after(state: State, effect: Effect, run: str) -> State:
    """The entry's state after an effect on it."""
    match effect:
        case CreateEntry():
            return _state_of(effect.entry, run, frozenset(), made_by_us=True)
        case AwaitEntry():
            return _state_of(
                effect.expected, run, frozenset(effect.expected.access_policies), made_by_us=False
            )
        case UpdateEntry():
            made_by_us = state is not None and state.made_by_us
            return _state_of(
                effect.entry, run, state.policies if state else None, made_by_us=made_by_us
            )
        case DeleteEntry():
            return ABSENT
        case AssociatePolicy():
            return _with_policy(state, effect.policy.policy_arn, effect.policy)
        case DisassociatePolicy():
            return _with_policy(state, effect.policy.policy_arn, None)
        case Prove() | EnableEntries() | CreateBridge() | CreateBinding() | RemoveBridge():
            return state
        case _:
            assert_never(effect)


def _state_of(
    spec: EntrySpec, run: str, policies: frozenset[AssociatedPolicy] | None, *, made_by_us: bool
) -> EntryState:
    return EntryState(
        type=spec.type,
        username="" if spec.username is None else spec.username,
        groups=frozenset(render_run(group, run) for group in spec.kubernetes_groups),
        policies=policies,
        made_by_us=made_by_us,
    )


def state_of(spec: EntrySpec) -> EntryState:
    """A spec without any name of a run's, as the state that an entry of it is in."""
    return _state_of(spec, "", frozenset(spec.access_policies), made_by_us=False)


def _with_policy(state: State, policy_arn: str, policy: AssociatedPolicy | None) -> State:
    if state is None or state.policies is None:
        return state
    kept = frozenset(each for each in state.policies if each.policy_arn != policy_arn)
    return replace(state, policies=kept | {policy} if policy else kept)


def matches(state: State, entry: AccessEntry | None, plan_digest: str) -> bool:
    """Whether the entry as read looks like ``state``. Node types are compared by type alone: EKS
    fixes the rest.
    """
    if state is None or entry is None:
        return state is None and entry is None
    ours = entry.tags.get(PLAN_TAG) == plan_digest
    if (state.made_by_us and not ours) or (state.made_by_others and ours):
        return False
    if state.type is not None and state.type != entry.type:
        return False
    if entry.type != "STANDARD":
        return (
            state.policies is None
            or state.policies == frozenset(entry.access_policies)
            or not state.policies
        )
    if state.username is not None and entry.username != (
        state.username or default_username(entry.principal_arn)
    ):
        return False
    if state.groups is not None and state.groups != frozenset(entry.kubernetes_groups):
        return False
    return state.policies is None or _normal(state.policies) == _normal(
        frozenset(entry.access_policies)
    )


def _normal(policies: frozenset[AssociatedPolicy]) -> frozenset[tuple[str, str, frozenset[str]]]:
    return frozenset((p.policy_arn, p.scope.type, frozenset(p.scope.namespaces)) for p in policies)


def default_username(principal_arn: str) -> str:
    """The username that EKS gives an entry made without one (EKS user guide, "Create access
    entries").
    """
    arn = parse_arn(principal_arn)
    if arn is None or arn.kind != "role":
        return principal_arn
    return f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{arn.name}/{{{{SessionName}}}}"


def render_run(text: str, run: str) -> str:
    """A name of ours with the run's id in it; every other name as it is, whatever it contains."""
    return text.removesuffix(RUN) + run if text in _OURS else text


def rendered(effect: Effect, run: str) -> Effect:
    """The effect with the run's id in its group and binding names: what is really sent."""
    match effect:
        case CreateBridge() | RemoveBridge() | CreateBinding():
            return replace(
                effect,
                binding_name=render_run(effect.binding_name, run),
                group=render_run(effect.group, run),
            )
        case CreateEntry():
            return replace(effect, entry=_rendered_spec(effect.entry, run))
        case UpdateEntry():
            return replace(
                effect,
                entry=_rendered_spec(effect.entry, run),
                before=_rendered_spec(effect.before, run),
            )
        case Prove():
            return replace(effect, groups=tuple(render_run(group, run) for group in effect.groups))
        case (
            EnableEntries()
            | AwaitEntry()
            | DeleteEntry()
            | AssociatePolicy()
            | DisassociatePolicy()
        ):
            return effect
        case _:
            assert_never(effect)


def _rendered_spec(spec: EntrySpec, run: str) -> EntrySpec:
    return replace(
        spec, kubernetes_groups=tuple(render_run(group, run) for group in spec.kubernetes_groups)
    )
