"""When an entry may name the bridge group, when the bridge is built again, and when it may be
deleted.

The journal says that the bridge was built once. A roll-back, another run or another administrator
may have deleted its binding since. So every write that names the group reads the binding directly
before it, and the binding is deleted only when the entries, read again, no longer carry the group.
"""

from migrator.decide.running.actions import ReadFirst, RunState
from migrator.decide.running.carriers import carries
from migrator.decide.running.obstacles import obstacle
from migrator.decide.running.progress import SETTLED, refusal_of
from migrator.decide.steps.bindings import binding_key, binding_object, binding_stands, same_binding
from migrator.decide.steps.entry_states import matches, render_run, rendered, sequence_states
from migrator.model.step import (
    AssociatePolicy,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    DeleteEntry,
    DisassociatePolicy,
    Effect,
    Sequence,
    UpdateEntry,
)
from migrator.model.step import Step as PlanStep


def writes_entry(effect: Effect | None) -> bool:
    """Whether an effect is a write to an access entry."""
    return isinstance(
        effect, CreateEntry | UpdateEntry | DeleteEntry | AssociatePolicy | DisassociatePolicy
    )


def bridge_for(state: RunState, effect: Effect | None) -> PlanStep | None:
    """The step that builds the bridge whose group a write names; None where it names none."""
    if not isinstance(effect, CreateEntry | UpdateEntry):
        return None
    for step in state.plan.steps:
        if not isinstance(step.effect, CreateBridge):
            continue
        if step.effect.group in effect.entry.kubernetes_groups:
            return step
    return None


def bridge_look(state: RunState, bridge: PlanStep) -> ReadFirst:
    """What to read to see a bridge."""
    return ReadFirst("binding", binding_key(rendered(bridge.effect, state.run)))  # type: ignore[arg-type]


def bridge_seen(state: RunState, bridge: PlanStep) -> bool:
    """Whether this run's bridge binding was seen: it has our labels, and the role and group with
    which it was built.
    """
    found = state.observed.bindings.get(bridge_look(state, bridge).name)
    if found is None:
        return False
    effect = rendered(bridge.effect, state.run)
    assert isinstance(effect, CreateBridge)  # noqa: S101 - narrows for the checker
    wanted = binding_object(effect, plan_digest=state.run_request.plan_digest, run=state.run)
    return same_binding(found, wanted)


def parallel_for(state: RunState, effect: Effect | None) -> tuple[PlanStep, ...]:
    """The steps that make the parallel bindings of the groups that a write names: without them the
    entry gives less than the row did.
    """
    if not isinstance(effect, CreateEntry | UpdateEntry):
        return ()
    steps: list[PlanStep] = []
    for group in effect.entry.kubernetes_groups:
        steps.extend(state.binders.get(group, ()))
    return tuple(steps)


def parallel_look(step: PlanStep) -> ReadFirst:
    """What to read to see a parallel binding."""
    return ReadFirst("binding", binding_key(step.effect))  # type: ignore[arg-type]


def parallel_seen(state: RunState, step: PlanStep) -> bool:
    """Whether a binding was seen that gives the group what the parallel binding gives it."""
    effect, found = step.effect, state.observed.bindings.get(parallel_look(step).name)
    assert isinstance(effect, CreateBinding)  # noqa: S101 - narrows for the checker
    return binding_stands(effect, found)


def bridge_needed(state: RunState, bridge: PlanStep) -> bool:
    """Whether an entry carries the bridge group now, or a sequence that may continue will add it
    next.

    In doubt it is needed: a bridge too many is deleted later, one that is missing takes an
    administrator's access.
    """
    assert isinstance(bridge.effect, CreateBridge)  # noqa: S101 - narrows for the checker
    group = render_run(bridge.effect.group, state.run)
    for key, sequence in state.sequences.items():
        entry = state.observed.entries.get(key)
        carried = entry.kubernetes_groups if entry is not None else ()
        if group in carried:
            return True
        # The write comes next: it is refused while the bridge is not there.
        if _about_to_name(state, sequence, bridge):
            return True
    return False


def _about_to_name(state: RunState, sequence: Sequence, bridge: PlanStep) -> bool:
    """Whether a sequence will write the bridge's group on its entry next, or may."""
    arn = sequence[0].principal_arn or ""
    if arn not in state.observed.entries:
        return False
    rest: list[PlanStep] = []
    naming: list[PlanStep] = []
    for step in sequence:
        if state.progress.of(step.id).status in SETTLED:
            continue
        rest.append(step)
        if bridge_for(state, step.effect) == bridge:
            naming.append(step)
    if not naming:
        return False
    # The journal may be lost: an entry that has passed the write already is adopted as it is.
    if _is_past(state, sequence, naming[0]):
        return False
    # A sequence that was given up, or that cannot begin now, writes nothing.
    if refusal_of(sequence, state.progress) is not None:
        return False
    return not obstacle(state, sequence, rest[0])


def _is_past(state: RunState, sequence: Sequence, step: PlanStep) -> bool:
    """Whether the entry, as it was read, is at a state after the step."""
    entry = state.observed.entries[sequence[0].principal_arn or ""]
    digest = state.run_request.plan_digest
    later = sequence_states(sequence, state.run)[sequence.index(step) + 1 :]
    return any(matches(each, entry, digest) for each in later)


def users_of(state: RunState, group: str) -> tuple[str, ...]:
    """The principals whose entries carry a group at some step of their sequences, in plan order.
    ``group`` as it is in the cluster.
    """
    users: list[str] = []
    for key, sequence in state.sequences.items():
        if carries(sequence, state.run, group):
            users.append(key)
    return tuple(users)


def reads_before(state: RunState, step: PlanStep) -> tuple[ReadFirst, ...]:
    """What is read directly before a step's write."""
    arn = step.principal_arn
    if arn is None:
        return ()
    if not writes_entry(step.effect):
        return ()
    # An administrator may have deleted or reduced the row since it was read.
    looks = [ReadFirst("source", arn)]
    # EKS refuses to create an entry twice, but updates and deletes whatever is there (EKS API).
    if not isinstance(step.effect, CreateEntry):
        looks.append(ReadFirst("entry", arn))
    # A group without its binding gives nothing.
    bridge = bridge_for(state, step.effect)
    if bridge is not None:
        looks.append(bridge_look(state, bridge))
    looks.extend(map(parallel_look, parallel_for(state, step.effect)))
    return tuple(looks)
