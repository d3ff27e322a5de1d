"""What an entry looks like before and after each step of its sequence, and whether an entry that
was read looks like that.

A step that the journal holds as ``intended`` without ``done`` is decided here: the entry is
compared with the states of the sequence, which shows how far an interrupted run got.
"""

from collections.abc import Iterable, Mapping
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
    Step,
    UpdateEntry,
)

_OURS = frozenset({BRIDGE_GROUP, BRIDGE_BINDING, MARKER_GROUP})
PLAN_TAG = "eks-access-migrator/plan"
RUN_TAG = "eks-access-migrator/run"
ENTRY_TAG = "eks-access-migrator/entry"


@dataclass(frozen=True, slots=True)
class EntryState:
    """What is known of an entry between two steps. None is "not known": every value fits.

    ``username`` ``""`` leaves the name to EKS. ``made_by_us``: the entry has this plan's tag.
    ``made_by_others``: it does not, which distinguishes a dead entry from the living entry that
    replaced it, even where all else is equal.
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
    """The states of a sequence: one before each step and one after the last."""
    state = _first_state(sequence, run)
    states = [state]
    for step in sequence:
        state = after(state, step.effect, run)
        states.append(state)
    return tuple(states)


def _first_state(sequence: Sequence, run: str) -> State:
    """The entry's state before the sequence, from the first effect that says what it expects.

    Of an entry on which the sequence only associates policies, nothing is known.
    """
    for place, step in enumerate(sequence):
        match step.effect:
            # EKS API: CreateAccessEntry is refused where the principal has an entry.
            case CreateEntry() | AwaitEntry():
                return ABSENT
            # Policies may change before the update: their steps are undone to find the first state.
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
    found = set(policies)
    for step in reversed(steps):
        match step.effect:
            case AssociatePolicy(policy=policy, before=before):
                found.discard(policy)
                # EKS API: a policy that was associated already got another scope by the step.
                if before is not None:
                    found.add(before)
            case DisassociatePolicy(policy=policy):
                found.add(policy)
            case _:
                continue
    return frozenset(found)


def final_spec(plan: Plan, principal_arn: str) -> EntrySpec | None:
    """The entry after every step about it; None where the plan has no entry for the principal."""
    planned = _planned_entry(plan, principal_arn)
    sequence = tuple(step for step in plan.steps if step.principal_arn == principal_arn)
    return _final(planned, sequence)


def final_specs(plan: Plan) -> Mapping[str, EntrySpec | None]:
    """:func:`final_spec` of every principal of the plan, in one pass over its steps."""
    sequences: dict[str, list[Step]] = {}
    for step in plan.steps:
        if step.principal_arn is not None:
            sequences.setdefault(step.principal_arn, []).append(step)
    return {
        principal.principal_arn: _final(
            principal.entry, tuple(sequences.get(principal.principal_arn, ()))
        )
        for principal in plan.principals
    }


def _final(planned: EntrySpec | None, sequence: Sequence) -> EntrySpec | None:
    """The entry after a principal's steps; ``planned`` is what the plan shows for it."""
    state = sequence_states(sequence, run="")[-1]
    # Steps that make or update no entry show nothing of it: the plan's entry is the whole answer.
    if state is None or state.type is None:
        return planned
    policies = _final_policies(state, planned)
    return EntrySpec(
        type=state.type,
        username=state.username or None,
        kubernetes_groups=_final_groups(state, planned),
        access_policies=tuple(sorted(policies, key=lambda policy: policy.policy_arn)),
    )


def _planned_entry(plan: Plan, principal_arn: str) -> EntrySpec | None:
    """The entry that the plan shows for a principal; None for one that gets none."""
    for principal in plan.principals:
        if principal.principal_arn == principal_arn:
            return principal.entry
    return None


def _final_groups(state: EntryState, planned: EntrySpec | None) -> tuple[str, ...]:
    """The groups of the last state, in the order in which the plan shows them."""
    groups = tuple(sorted(state.groups or ()))
    if planned is None:
        return groups
    # The plan shows the groups in the row's order: the same groups are written in that order.
    if set(planned.kubernetes_groups) == set(groups):
        return planned.kubernetes_groups
    return groups


def _final_policies(state: EntryState, planned: EntrySpec | None) -> tuple[AssociatedPolicy, ...]:
    """The policies of the last state, in any order."""
    if state.policies is not None:
        return tuple(state.policies)
    # A sequence that only updates an entry may know nothing of its policies: the plan knows them.
    if planned is not None:
        return planned.access_policies
    return ()


def after(state: State, effect: Effect, run: str) -> State:
    """The entry's state after an effect on it."""
    match effect:
        # EKS API: CreateAccessEntry takes no policies. Steps of their own associate them.
        case CreateEntry():
            return _state_of(effect.entry, run, frozenset(), made_by_us=True)
        case AwaitEntry():
            return _state_of(
                effect.expected, run, frozenset(effect.expected.access_policies), made_by_us=False
            )
        case UpdateEntry():
            return _updated(state, effect.entry, run)
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


def _updated(state: State, spec: EntrySpec, run: str) -> EntryState:
    """The state after an update of username and groups."""
    if state is None:
        return _state_of(spec, run, None, made_by_us=False)
    # EKS API: UpdateAccessEntry changes neither policies nor tags.
    return _state_of(spec, run, state.policies, made_by_us=state.made_by_us)


def _state_of(
    spec: EntrySpec,
    run: str,
    policies: frozenset[AssociatedPolicy] | None,
    *,
    made_by_us: bool,
) -> EntryState:
    """A spec as a state, with the run's id in the names of its groups. ``policies`` replaces those
    of the spec, which steps of their own associate; None is "not known".
    """
    # EKS chooses the name of an entry that is made without one.
    username = spec.username
    if username is None:
        username = ""
    return EntryState(
        type=spec.type,
        username=username,
        groups=frozenset(render_run(group, run) for group in spec.kubernetes_groups),
        policies=policies,
        made_by_us=made_by_us,
    )


def state_of(spec: EntrySpec) -> EntryState:
    """A spec without any name of a run's, as the state that an entry of it is in."""
    return _state_of(spec, "", frozenset(spec.access_policies), made_by_us=False)


def _with_policy(state: State, policy_arn: str, policy: AssociatedPolicy | None) -> State:
    """The state after a policy was associated, or, with None, is no longer."""
    if state is None:
        return None
    # What is not known before the step is not known after it.
    if state.policies is None:
        return state
    # EKS API: an entry has each policy once, with one scope.
    policies = {each for each in state.policies if each.policy_arn != policy_arn}
    if policy is not None:
        policies.add(policy)
    return replace(state, policies=frozenset(policies))


def matches(state: State, entry: AccessEntry | None, plan_digest: str) -> bool:
    """Whether the entry as read looks like ``state``. Node types are compared by type alone: EKS
    fixes the rest.
    """
    if entry is None:
        return state is ABSENT
    if state is None:
        return False
    if not _has_expected_maker(state, entry, plan_digest):
        return False
    # EKS API: the type is fixed when the entry is created, so another type is another entry.
    if state.type is not None and state.type != entry.type:
        return False
    if entry.type != "STANDARD":
        return _has_node_policies(state, entry)
    if not _has_username(state, entry):
        return False
    if not _has_groups(state, entry):
        return False
    return _has_policies(state, entry)


def _has_node_policies(state: EntryState, entry: AccessEntry) -> bool:
    """Whether an entry of a node type has the policies that steps associated."""
    # EKS API: username and groups of a node type cannot be set. What EKS puts there is no sign of
    # a step, and only policies that a step associated are compared.
    if not state.policies:
        return True
    return _normal(state.policies) == _normal(entry.access_policies)


def missing_policies(state: EntryState, entry: AccessEntry) -> tuple[AssociatedPolicy, ...]:
    """The policies of the state that the entry does not have with the same scope."""
    there = _normal(entry.access_policies)
    return tuple(
        policy
        for policy in sorted(state.policies or (), key=lambda each: each.policy_arn)
        if not _normal([policy]) <= there
    )


def _has_expected_maker(state: EntryState, entry: AccessEntry, plan_digest: str) -> bool:
    """Whether the entry was made by whom the state expects, by its tag."""
    ours = entry.tags.get(PLAN_TAG) == plan_digest
    # Every entry that a run creates is tagged with the digest of its plan: without the tag,
    # another writer made it, and the run must not take it for its own.
    if state.made_by_us:
        return ours
    # A dead entry is deleted and created again. With the tag, the new entry is there already.
    if state.made_by_others:
        return not ours
    return True


def _has_username(state: EntryState, entry: AccessEntry) -> bool:
    """Whether the entry has the username of the state; where that is not known, any."""
    if state.username is None:
        return True
    # EKS API: an entry created without a username gets the default one, and is read with it.
    expected = state.username or default_username(entry.principal_arn)
    return entry.username == expected


def _has_groups(state: EntryState, entry: AccessEntry) -> bool:
    """Whether the entry has the groups of the state; where they are not known, any."""
    if state.groups is None:
        return True
    # EKS API: the order of an entry's groups has no meaning.
    return state.groups == frozenset(entry.kubernetes_groups)


def _has_policies(state: EntryState, entry: AccessEntry) -> bool:
    """Whether the entry has the policies and scopes of the state; where not known, any."""
    if state.policies is None:
        return True
    return _normal(state.policies) == _normal(entry.access_policies)


def _normal(
    policies: Iterable[AssociatedPolicy],
) -> frozenset[tuple[str, str, frozenset[str]]]:
    """Policies with their scopes, in a form that can be compared."""
    # EKS API: the order of the namespaces in an access scope has no meaning either.
    return frozenset(
        (policy.policy_arn, policy.scope.type, frozenset(policy.scope.namespaces))
        for policy in policies
    )


def default_username(principal_arn: str) -> str:
    """The username that EKS gives an entry made without one (EKS user guide, "Create access
    entries").
    """
    arn = parse_arn(principal_arn)
    # A user's ARN is its name, with the path. A role's sessions are named, and the path is left
    # out.
    if arn is None or arn.kind != "role":
        return principal_arn
    return f"arn:{arn.partition}:sts::{arn.account}:assumed-role/{arn.name}/{{{{SessionName}}}}"


def render_run(text: str, run: str) -> str:
    """A name of ours with the run's id in it; every other name as it is, whatever it contains."""
    if text not in _OURS:
        return text
    return text.removesuffix(RUN) + run


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
    """A spec with the run's id in the names of its groups."""
    return replace(
        spec, kubernetes_groups=tuple(render_run(group, run) for group in spec.kubernetes_groups)
    )
