"""The next action of a step of an access entry: the entry, as it was read, says which step of its
sequence it has reached.
"""

from collections.abc import Iterable
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
    bridge_seen,
    parallel_for,
    parallel_look,
    parallel_seen,
    reads_before,
    writes_entry,
)
from migrator.decide.running.obstacles import OTHER_TYPE
from migrator.decide.running.progress import SETTLED
from migrator.decide.running.source_differences import Difference, binding_difference
from migrator.decide.running.waiting import AWAIT_TIMEOUT, STALE_READ_TIMEOUT, moment
from migrator.decide.steps.entry_states import matches, sequence_states
from migrator.errors import Changed
from migrator.model.access_entry import AccessEntry, AssociatedPolicy
from migrator.model.step import (
    BRIDGE_PREFIX,
    AssociatePolicy,
    AwaitEntry,
    CreateBinding,
    CreateEntry,
    Sequence,
)
from migrator.model.step import Step as PlanStep


def settle_entry(state: RunState, sequence: Sequence, place: int) -> Action:
    """Carry out the step at ``place``, adopt it, wait for it, or refuse the entry as it is.

    The entry, as it was read, is compared with every state of the sequence: a crash, a lost journal
    or a read that is behind puts it before or after the place that the journal has.
    """
    step = sequence[place]
    arn = step.principal_arn or ""
    if arn not in state.observed.entries:
        return ReadFirst("entry", arn)
    entry = state.observed.entries[arn]
    digest, states = state.run_request.plan_digest, sequence_states(sequence, state.run)
    fits = [matches(each, entry, digest) for each in states]
    is_before, is_after = fits[place], fits[place + 1]
    if isinstance(step.effect, AwaitEntry):
        return _await(state, step, met=is_after, missing=entry is None)
    if is_before and _changes_nothing(step):
        return Adopt(step, "the policy is on the entry")
    if is_before:
        return _write(state, step)
    # The write arrived, and the process died before its `done`; or the journal was lost.
    if any(fits[place + 1 :]):
        return Adopt(step, "the entry is at this step or past it")
    # A read of EKS may be older than the last write of this run.
    until = shown_by(state, sequence[:place])
    if any(fits[:place]) and state.observed.now < until:
        return not_shown_yet(step, arn, until)
    if entry is not None and made_by_eks(entry, step, state.plan, state.progress.automatic):
        return _over_automatic(step, entry)
    return Refuse(entry_changed(step, entry), alone=True)


def _changes_nothing(step: PlanStep) -> bool:
    """Whether the step associates a policy that the plan found on the entry with the same scope."""
    if not isinstance(step.effect, AssociatePolicy):
        return False
    return step.effect.policy == step.effect.before


def shown_by(state: RunState, earlier: Iterable[PlanStep]) -> datetime:
    """When the last of the earlier steps must be visible in a read."""
    now = state.observed.now
    times = [moment(state.progress.of(step.id).at) or now for step in earlier]
    return max(times, default=now) + STALE_READ_TIMEOUT


def not_shown_yet(step: PlanStep, arn: str, until: datetime) -> Wait:
    """Read the entry again until its last change is visible."""
    why = "the last change of the entry is not shown yet"
    return Wait(step, why, until, ReadFirst("entry", arn))


def _write(state: RunState, step: PlanStep) -> Action:
    """The action of the next step where its principal and the bridge are as the write needs."""
    until, why = state.observed.waits.get(step.id, (state.observed.now, ""))
    if state.observed.now < until:
        return Wait(step, why, until)
    difference = _source_difference(state, step)
    # aws-auth or IAM no longer gives the principal what the plan was made for.
    if difference is not None:
        return GiveUp(step, difference)
    bridge_first = _bridge_lacking(state, step)
    if bridge_first is not None:
        return bridge_first
    binding_first = _parallel_lacking(state, step)
    if binding_first is not None:
        return binding_first
    return Do(step, reads_before(state, step))


def _source_difference(state: RunState, step: PlanStep) -> Difference | None:
    """How the principal's row or its id in IAM differs from the plan; a proof does not ask."""
    if not writes_entry(step.effect):
        return None
    return state.observed.sources.get(step.principal_arn or "")


def _bridge_lacking(state: RunState, step: PlanStep) -> Action | None:
    """What comes before a write that names the bridge group; None where nothing does."""
    bridge = bridge_for(state, step.effect)
    if bridge is None:
        return None
    look = bridge_look(state, bridge)
    if look.name not in state.observed.bindings:
        return look
    # A group without its binding gives nothing: an administrator would lose access.
    if not bridge_seen(state, bridge):
        return Finished(((step, "the bridge is built first"),))
    return None


def _parallel_lacking(state: RunState, step: PlanStep) -> Action | None:
    """What comes before a write that names groups with parallel bindings; None where nothing
    does.
    """
    for parallel in parallel_for(state, step.effect):
        look = parallel_look(parallel)
        if look.name not in state.observed.bindings:
            return look
        if not parallel_seen(state, parallel):
            return _without_parallel(state, step, parallel)
    return None


def _without_parallel(state: RunState, step: PlanStep, parallel: PlanStep) -> Action:
    """A write whose group is not bound: the entry would give less than the row."""
    if state.progress.of(parallel.id).status not in SETTLED:
        return Finished(((step, "the binding of its group is made first"),))
    effect = parallel.effect
    assert isinstance(effect, CreateBinding)  # noqa: S101 - narrows for the checker
    # An administrator, or a roll-back from another state folder, deleted the binding after it was
    # made: a run does not create it again without knowing why it was deleted.
    return GiveUp(step, binding_difference(effect, step.principal_arn or ""))


def _over_automatic(step: PlanStep, entry: AccessEntry) -> Action:
    """EKS made an entry where the plan creates one: continue from it where its type is the planned
    one.
    """
    assert isinstance(step.effect, CreateEntry)  # noqa: S101 - what made_by_eks answers for
    if entry.type == step.effect.entry.type:
        return TakeOver(step, entry)
    # UpdateAccessEntry cannot change the type of an entry (EKS API).
    return GiveUp(
        step,
        Difference(
            OTHER_TYPE,
            entry.principal_arn,
            f"EKS made an entry of type {entry.type} for {entry.principal_arn}, as for a cluster's "
            f"creator; "
            f"the plan has type {step.effect.entry.type}, and an entry keeps its type. Delete that "
            f"entry "
            "(its row in aws-auth is in force again immediately), then run the same command again.",
        ),
    )


def _await(
    state: RunState,
    step: PlanStep,
    *,
    met: bool,
    missing: bool,
) -> Action:
    """EKS makes some entries after the mode step (EKS user guide, "Access entries").

    ``met``: the entry is as the plan expects; ``missing``: there is none.
    """
    arn = step.principal_arn or ""
    recorded = state.progress.of(step.id)
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
    # The first look starts the time that the entry may take; nothing is written.
    if recorded.status != "intended":
        return Do(step)
    until = (moment(recorded.at) or state.observed.now) + AWAIT_TIMEOUT
    if state.observed.now < until:
        return Wait(step, "EKS has not made the entry yet", until, ReadFirst("entry", arn))
    return Refuse(
        Changed(
            "automatic-entry-missing",
            f"EKS did not make the entry for {arn} that the plan expects.",
            why=f"It was waited for until {until.isoformat()}.",
            remedy="Plan again: the new plan makes the entry, or says why it cannot.",
        )
    )


def entry_changed(step: PlanStep, entry: AccessEntry | None) -> Changed:
    """The error for an entry that is in no state of its sequence: another writer changed it."""
    arn = step.principal_arn or ""
    if entry is None:
        what = f"The entry of {arn} does not exist any more."
        why = "Another writer deleted it."
    elif isinstance(step.effect, CreateEntry):
        what = f"There is an entry for {arn} that this plan did not make."
        why = "EKS or another writer made it."
    else:
        what = f"The entry of {arn} is not as the plan has it."
        why = "Another writer changed it."
    return Changed(
        "entry-changed", what, why=why, remedy="Plan again: the new plan starts from what is there."
    )


def policy_withdrawn(entry: AccessEntry, missing: Iterable[AssociatedPolicy]) -> Changed:
    """The error of a roll-back for an entry whose access policy another writer withdrew."""
    arn = entry.principal_arn
    names = " and ".join(_named(policy) for policy in missing)
    still = ""
    if any(group.startswith(BRIDGE_PREFIX) for group in entry.kubernetes_groups):
        still = " It is still an administrator by the group of the bridge that the entry has."
    return Changed(
        "policy-withdrawn",
        f"The entry of {arn} lacks {names}, which a run of this plan associated.",
        why="Another writer withdrew it. Without the entry, the row in aws-auth would give the "
        f"access again.{still}",
        remedy="Ask whether that was on purpose. Where it was not, associate the policy again; "
        "where it was, delete its row in aws-auth, and then the entry. Then run the same command "
        "again.",
    )


def _named(policy: AssociatedPolicy) -> str:
    """A policy's name, and where it holds if that is not the whole cluster."""
    name = policy.policy_arn.rpartition("/")[2]
    if policy.scope.type == "cluster":
        return name
    return f"{name} in {', '.join(policy.scope.namespaces)}"
