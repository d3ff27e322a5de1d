"""The next action of a step that creates or deletes a binding: the bridge or a parallel binding.

A binding of another owner is never changed or deleted, whatever its name is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from migrator.decide.running.actions import (
    Action,
    Adopt,
    Do,
    Finished,
    ReadFirst,
    Refuse,
    RunState,
    Wait,
)
from migrator.decide.running.bridge import users_of
from migrator.decide.running.waiting import STALE_READ_TIMEOUT, spread_by
from migrator.decide.steps.bindings import binding_key, binding_object, same_binding, whose_binding
from migrator.decide.steps.entry_states import matches, rendered, sequence_states
from migrator.errors import Changed
from migrator.model.step import CreateBinding, CreateBridge, RemoveBridge
from migrator.model.step import Step as PlanStep


def settle_binding(state: RunState, step: PlanStep) -> Action:
    """Create or delete the binding, or adopt what is there."""
    effect = rendered(step.effect, state.run)
    assert isinstance(effect, CreateBridge | CreateBinding | RemoveBridge)  # noqa: S101 - narrows for the checker
    name = binding_key(effect)
    if name not in state.observed.bindings:
        return ReadFirst("binding", name)
    found = state.observed.bindings[name]
    if isinstance(effect, RemoveBridge):
        return _remove(state, step, effect, found)
    return _create(state, step, effect, found)


def _create(
    state: RunState,
    step: PlanStep,
    effect: CreateBridge | CreateBinding,
    found: Mapping[str, Any] | None,
) -> Action:
    """Create the binding, or adopt one that is as this run makes it. ``found``: what the API server
    has under its name, None where there is none.
    """
    if found is None:
        if _bridge_over(state, effect):
            return Adopt(step, "bridge not needed: every entry that used it is final")
        return Do(step)
    wanted = binding_object(effect, plan_digest=state.run_request.plan_digest, run=state.run)
    if same_binding(found, wanted):
        return Adopt(step, "it is there")
    return Refuse(
        Changed(
            "binding-exists",
            f"There is a binding named {binding_key(effect)} already, and it is not ours.",
            why="Another writer made it, and a run never changes the binding of another writer.",
            remedy="Remove or rename it, then run the same command again.",
        )
    )


def _remove(
    state: RunState,
    step: PlanStep,
    bridge: RemoveBridge,
    found: Mapping[str, Any] | None,
) -> Action:
    """Delete the bridge when no login can depend on it any more, or adopt that it is not there."""
    whose = whose_binding(found, bridge.group)
    # Other subjects use the binding by now: to delete it would take their access away.
    if whose == "shared":
        return Refuse(shared_binding(binding_key(bridge), bridge.group))
    if whose != "ours":
        why = "the binding that has its name is not ours"
        if found is None:
            why = "it does not exist any more"
        return Adopt(step, why)
    now = state.observed.now
    changes = [spread_by(state, state.sequences[key]) for key in users_of(state, bridge.group)]
    spread = max(changes, default=now)
    # The authenticator sees a change of an entry up to 30 seconds later (EKS user guide): until
    # then a login may still depend on the bridge group.
    if now < spread:
        why = "the last change of an entry may not have reached the authenticator"
        return Wait(step, why, spread)
    return _remove_unused(state, step, bridge, spread + STALE_READ_TIMEOUT)


def _remove_unused(
    state: RunState,
    step: PlanStep,
    bridge: RemoveBridge,
    until: datetime,
) -> Action:
    """Delete the bridge once the entries, read again, show that no entry carries its group."""
    look = ReadFirst("carriers", bridge.group)
    if bridge.group not in state.observed.carriers:
        return look
    carriers = state.observed.carriers[bridge.group]
    if not carriers:
        return Do(step, (look, ReadFirst("binding", binding_key(bridge))))
    why = f"{', '.join(sorted(carriers))} still carries the bridge group"
    # A read of EKS may be older than the last write of this run.
    if state.observed.now < until:
        return Wait(step, why, until, look)
    return Finished(((step, why),))


def _bridge_over(state: RunState, effect: CreateBridge | CreateBinding) -> bool:
    """Whether a run whose journal is lost built, used and deleted the bridge: every entry that
    needs the bridge is in its final state already.
    """
    if not isinstance(effect, CreateBridge):
        return False
    users = users_of(state, effect.group)
    return bool(users) and all(_is_final(state, arn) for arn in users)


def _is_final(state: RunState, arn: str) -> bool:
    """Whether the entry, as it was read, is as its last step leaves it."""
    if arn not in state.observed.entries:
        return False
    final = sequence_states(state.sequences[arn], state.run)[-1]
    return matches(final, state.observed.entries[arn], state.run_request.plan_digest)


def shared_binding(name: str, group: str) -> Changed:
    """The error for a binding of this run to which another writer added subjects."""
    return Changed(
        "binding-changed",
        f"The binding {name} is not as this run made it: it has other subjects beside the group "
        f"{group}.",
        why="Another writer changed it, and a run never deletes what others use.",
        remedy=f"Take the group {group} out of it, or delete it, then run the same command again.",
    )
