"""The next action of a sequence on its way to the plan's end: what was begun is settled by what is
seen.
"""

from dataclasses import replace
from datetime import datetime

from migrator.decide.running.actions import (
    Action,
    Adopt,
    Do,
    Finished,
    GiveUp,
    ReadFirst,
    Refuse,
    RunState,
    TakeOver,
    Wait,
)
from migrator.decide.running.automatic_entries import made_by_eks
from migrator.decide.running.bridge import (
    bridge_for,
    bridge_look,
    bridge_needed,
    bridge_seen,
    parallel_for,
    parallel_look,
    parallel_seen,
    reads_before,
    writes_entry,
)
from migrator.decide.running.obstacles import OTHER_TYPE, obstacle
from migrator.decide.running.progress import SETTLED, StepState
from migrator.decide.running.source_differences import Difference, binding_difference
from migrator.decide.running.waiting import (
    AWAIT_TIMEOUT,
    LONG_AGO,
    STALE_READ_TIMEOUT,
    UPDATE_TIMEOUT,
    moment,
    spread_by,
)
from migrator.decide.steps.bindings import binding_key, binding_object, same_binding, whose_binding
from migrator.decide.steps.entry_states import matches, rendered, sequence_states
from migrator.errors import Changed, Failed
from migrator.model.access_entry import AccessEntry, AuthenticationMode
from migrator.model.step import (
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateBridge,
    CreateEntry,
    EnableEntries,
    RemoveBridge,
    Sequence,
)
from migrator.model.step import Step as PlanStep

MODES: tuple[AuthenticationMode, ...] = (
    "CONFIG_MAP",
    "API_AND_CONFIG_MAP",
    "API",
)  # one step at a time, never back


def forward(state: RunState, sequence: Sequence) -> Action:
    """The first step that is not settled: begin it, adopt it, look, wait, or say why it cannot be
    begun.
    """
    place = next(
        (i for i, step in enumerate(sequence) if state.progress.of(step.id).status not in SETTLED),
        None,
    )
    if place is None:
        return _built_again(state, sequence) or _still_so(state, sequence)
    step = sequence[place]
    why = obstacle(state, sequence, step)
    if why:
        return Finished(tuple((each, why) for each in sequence[place:]))
    match step.effect:
        case EnableEntries() as effect:
            return _enable(state, step, effect)
        case CreateBridge() | CreateBinding() | RemoveBridge():
            return _binding(state, step)
        case _:
            return _entry(state, sequence, place)


def _built_again(state: RunState, sequence: Sequence) -> Action | None:
    """A bridge that was built and is needed, but not seen: a roll-back or another operator deleted
    it.
    """
    step = sequence[0]
    if not isinstance(step.effect, CreateBridge) or not bridge_needed(state, step):
        return None
    look = bridge_look(state, step)
    if look.name not in state.observed.bindings:
        return look
    return None if bridge_seen(state, step) else _binding(state, step)


def _still_so(at: RunState, sequence: Sequence) -> Action:
    """Whether the entry of a sequence that came to its end is still as it was left, where it has
    been looked at. Who has taken it over since may have put tags of their own on it.
    """
    arn = sequence[-1].principal_arn or ""
    if arn not in at.observed.entries:
        return Finished()
    entry = at.observed.entries[arn]
    *before, last = (
        None if state is None else replace(state, made_by_us=False)
        for state in sequence_states(sequence, at.run)
    )
    if matches(last, entry, at.run_request.plan_digest):
        return Finished()
    until = (moment(at.progress.of(sequence[-1].id).at) or LONG_AGO) + STALE_READ_TIMEOUT
    if at.observed.now < until and any(
        matches(state, entry, at.run_request.plan_digest) for state in before
    ):
        return Wait(
            sequence[-1],
            "the last change of the entry is not shown yet",
            until,
            ReadFirst("entry", arn),
        )
    return Refuse(entry_changed(sequence[-1], entry))


def _enable(at: RunState, step: PlanStep, effect: EnableEntries) -> Action:
    state, seen = at.progress.of(step.id), at.observed
    if seen.mode is None:
        return ReadFirst("cluster")
    began = moment(state.at) or seen.now
    update_id = str(state.effect.get("updateId", "")) if state.status == "sent" else ""
    if update_id and update_id not in seen.updates:
        return ReadFirst("update", update_id)
    update = seen.updates.get(update_id, ("", ()))
    if update[0] in ("Failed", "Cancelled"):
        why = "; ".join(update[1]) or "EKS gave no reason"
        return Refuse(
            Failed(
                "update-failed",
                f"The change of the authentication mode ended {update[0]}.",
                why=why,
                remedy="Run the same command again once the cause is gone.",
            ),
            step,
        )
    if (
        update[0] == "InProgress"
    ):  # looked at anew: what was read of it before the wait is no longer true
        return _wait(
            at,
            step,
            "the update is in progress",
            began + UPDATE_TIMEOUT,
            ReadFirst("update", update_id),
        )
    if seen.cluster_status != "ACTIVE":
        return _wait(
            at,
            step,
            f"the cluster is {seen.cluster_status or 'busy'}",
            began + UPDATE_TIMEOUT,
            ReadFirst("cluster"),
        )
    if MODES.index(seen.mode) >= MODES.index(effect.mode_to):
        return Adopt(step, f"the cluster is in {seen.mode} mode")
    if update[0] == "Successful":  # the answer of one read lags behind the other
        return _wait(
            at, step, "the mode is not shown yet", began + UPDATE_TIMEOUT, ReadFirst("cluster")
        )
    return Do(step)


def _wait(state: RunState, step: PlanStep, why: str, until: datetime, look: ReadFirst) -> Action:
    if state.observed.now < until:
        return Wait(step, why, until, look)
    return Refuse(
        Failed(
            "timed-out",
            f"Step {step.id} ({step.effect.kind}) did not come to an end.",
            why=f"{why}; it was waited for until {until.isoformat()}.",
            remedy="Look at the cluster's updates in EKS; the same command goes on from here.",
        )
    )


def _binding(state: RunState, step: PlanStep) -> Action:
    effect = rendered(step.effect, state.run)
    assert isinstance(effect, CreateBridge | CreateBinding | RemoveBridge)  # noqa: S101 - narrows for the checker
    name = binding_key(effect)
    if name not in state.observed.bindings:
        return ReadFirst("binding", name)
    found = state.observed.bindings[name]
    if isinstance(effect, RemoveBridge):
        whose = whose_binding(found, effect.group)
        if whose == "shared":
            return Refuse(shared_binding(name, effect.group))
        if whose != "ours":
            return Adopt(
                step, "it is gone" if found is None else "the binding that has its name is not ours"
            )
        spread = max(
            (
                spread_by(state, sequence)
                for sequence in state.sequences.values()
                if _uses(sequence, effect.group, state.run)
            ),
            default=None,
        )
        if spread is not None and state.observed.now < spread:
            return Wait(
                step, "the last change of an entry may not have reached the authenticator", spread
            )
        return _bridge_goes(
            state, step, effect, (spread or state.observed.now) + STALE_READ_TIMEOUT
        )
    if found is None:
        return (
            Adopt(step, "everybody is past needing it") if _bridge_over(state, effect) else Do(step)
        )
    if same_binding(
        found, binding_object(effect, plan_digest=state.run_request.plan_digest, run=state.run)
    ):
        return Adopt(step, "it is there")
    return Refuse(
        Changed(
            "binding-exists",
            f"There is a binding named {name} already, and it is not ours.",
            why="A binding of somebody else is never changed.",
            remedy="Remove or rename it, then run the same command again.",
        )
    )


def _bridge_goes(state: RunState, step: PlanStep, bridge: RemoveBridge, until: datetime) -> Action:
    """Delete the bridge once the entries, read again, show that none carries its group."""
    look = ReadFirst("carriers", bridge.group)
    if bridge.group not in state.observed.carriers:
        return look
    carriers = state.observed.carriers[bridge.group]
    if not carriers:
        return Do(step, (look, ReadFirst("binding", binding_key(bridge))))
    why = f"{', '.join(sorted(carriers))} still carries the bridge group"
    return Wait(step, why, until, look) if state.observed.now < until else Finished(((step, why),))


def _bridge_over(state: RunState, effect: CreateBridge | CreateBinding) -> bool:
    """Whether a bridge that is not there was built, used and taken down by a run whose journal is
    lost: every entry that crosses it is at its end already.
    """
    if not isinstance(effect, CreateBridge):
        return False
    users = [
        key for key, sequence in state.sequences.items() if _uses(sequence, effect.group, state.run)
    ]
    return bool(users) and all(
        key in state.observed.entries
        and matches(
            sequence_states(state.sequences[key], state.run)[-1],
            state.observed.entries[key],
            state.run_request.plan_digest,
        )
        for key in users
    )


def _uses(sequence: Sequence, group: str, run: str) -> bool:
    return any(
        state is not None and group in (state.groups or ())
        for state in sequence_states(sequence, run)
    )


def _entry(at: RunState, sequence: Sequence, place: int) -> Action:
    step, state = sequence[place], at.progress.of(sequence[place].id)
    arn = step.principal_arn or ""
    if arn not in at.observed.entries:
        return ReadFirst("entry", arn)
    entry = at.observed.entries[arn]
    states = sequence_states(sequence, at.run)
    fits = [matches(each, entry, at.run_request.plan_digest) for each in states]
    if isinstance(step.effect, AwaitEntry):
        return _await(at, step, state, met=fits[place + 1], missing=entry is None)
    if (
        isinstance(step.effect, AssociatePolicy)
        and step.effect.policy == step.effect.before
        and fits[place]
    ):
        return Adopt(step, "the policy is on the entry")
    if fits[place]:
        until, why = at.observed.waits.get(step.id, (at.observed.now, ""))
        return Wait(step, why, until) if at.observed.now < until else _write(at, step)
    if any(fits[place + 1 :]):
        return Adopt(step, "the entry is at this step or past it")
    if any(fits[:place]):
        since = max(
            (moment(at.progress.of(s.id).at) or at.observed.now for s in sequence[:place]),
            default=at.observed.now,
        )
        until = since + STALE_READ_TIMEOUT
        if at.observed.now < until:
            return Wait(
                step,
                "the last change of the entry is not shown yet",
                until,
                ReadFirst("entry", arn),
            )
    if entry is not None and made_by_eks(entry, step, at.plan, at.progress.automatic):
        return _over_automatic(step, entry)
    return Refuse(entry_changed(step, entry))


def _write(state: RunState, step: PlanStep) -> Action:
    """A step whose turn it is, where its principal and the bridge are as the write needs them."""
    difference = (
        state.observed.sources.get(step.principal_arn or "") if writes_entry(step.effect) else None
    )
    if difference is not None:
        return GiveUp(step, difference)
    bridge = bridge_for(state, step.effect)
    if bridge is not None:
        look = bridge_look(state, bridge)
        if look.name not in state.observed.bindings:
            return look
        if not bridge_seen(state, bridge):
            return Finished(((step, "the bridge is built first"),))
    for parallel in parallel_for(state, step.effect):
        if parallel_look(parallel).name not in state.observed.bindings:
            return parallel_look(parallel)
        if not parallel_seen(state, parallel):
            return _without_parallel(state, step, parallel)
    return Do(step, reads_before(state, step))


def _without_parallel(state: RunState, step: PlanStep, parallel: PlanStep) -> Action:
    """A write whose group is not bound: the entry would give less than the row. A binding that was
    made and is gone was deleted by an administrator or by a roll-back from another folder: it is
    not made again on a guess.
    """
    if state.progress.of(parallel.id).status not in SETTLED:
        return Finished(((step, "the binding of its group is made first"),))
    arn = step.principal_arn or ""
    effect = parallel.effect
    assert isinstance(effect, CreateBinding)  # noqa: S101 - narrows for the checker
    return GiveUp(step, binding_difference(effect, arn))


def _over_automatic(step: PlanStep, entry: AccessEntry) -> Action:
    """EKS made an entry where the plan creates one: go on from it, unless its type cannot become
    the planned one.
    """
    assert isinstance(step.effect, CreateEntry)  # noqa: S101 - what made_by_eks answers for
    if entry.type == step.effect.entry.type:
        return TakeOver(step, entry)
    return GiveUp(
        step,
        Difference(
            OTHER_TYPE,
            entry.principal_arn,
            f"EKS made an entry of type {entry.type} for {entry.principal_arn}, as for a cluster's "
            f"creator; "
            f"the plan has type {step.effect.entry.type}, and an entry keeps its type. Delete that "
            f"entry "
            "(its row in aws-auth is in force again at once), then run the same command again.",
        ),
    )


def _await(at: RunState, step: PlanStep, state: StepState, *, met: bool, missing: bool) -> Action:
    arn = step.principal_arn or ""
    if met:
        return Adopt(step, "EKS made the entry")
    if not missing:
        return Refuse(
            Changed(
                "automatic-entry-differs",
                f"EKS made another entry for {arn} than the plan expects.",
                why="An automatic entry is never changed on a guess.",
                remedy="Plan again: the new plan starts from the entry as it is.",
            )
        )
    if state.status != "intended":
        return Do(step)
    until = (moment(state.at) or at.observed.now) + AWAIT_TIMEOUT
    if at.observed.now < until:
        return Wait(step, "EKS has not made the entry yet", until, ReadFirst("entry", arn))
    return Refuse(
        Changed(
            "automatic-entry-missing",
            f"EKS did not make the entry for {arn} that the plan expects.",
            why=f"It was waited for until {until.isoformat()}.",
            remedy="Plan again: the new plan makes the entry, or says why it cannot.",
        )
    )


def shared_binding(name: str, group: str) -> Changed:
    """A binding of ours to which somebody else added subjects: deleting it would take their access
    away.
    """
    return Changed(
        "binding-changed",
        f"The binding {name} is not as this run made it: it has other subjects beside the group "
        f"{group}.",
        why="Somebody else changed it, and what others use is never deleted.",
        remedy=f"Take the group {group} out of it, or delete it, then run the same command again.",
    )


def entry_changed(step: PlanStep, entry: AccessEntry | None) -> Changed:
    """The entry is not in any state that the sequence passes through: somebody else was there."""
    arn = step.principal_arn or ""
    if entry is None:
        what, why = f"The entry of {arn} is gone.", "Somebody else deleted it."
    elif isinstance(step.effect, CreateEntry):
        what, why = (
            f"There is an entry for {arn} that this plan did not make.",
            "EKS or somebody else made it.",
        )
    else:
        what, why = f"The entry of {arn} is not as the plan has it.", "Somebody else changed it."
    return Changed(
        "entry-changed", what, why=why, remedy="Plan again: the new plan starts from what is there."
    )
