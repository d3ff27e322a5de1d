"""The one brain of everything that changes a cluster: what to do next, from plan, journal and what is seen.

Pure and total: for every plan, journal and observation there is an answer, and after a crash the same function
decides what an ``intended`` without a ``done`` means, by looking and not by repeating. Apply, cut-over and roll-back
execute what it answers and decide nothing themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from migrator.decide.bindings import binding_object, same_binding
from migrator.decide.entry_states import lane_states, matches, render_run, rendered
from migrator.decide.progress import (
    SETTLED,
    Lane,
    Progress,
    StepState,
    lanes_of,
    progress_of,
    refusal_of,
    standing,
)
from migrator.decide.second_admin import second_admin
from migrator.errors import Changed, Failed, MigratorError
from migrator.model.access_entry import AccessEntry, AuthenticationMode
from migrator.model.journal import Journal
from migrator.model.plan import Plan
from migrator.model.step import AwaitEntry, CreateBinding, CreateBridge, CreateEntry, EnableEntries, Prove, RemoveBridge
from migrator.model.step import Step as PlanStep

# An update of the cluster's configuration takes minutes; an automatic entry appears within it; a read may lag.
UPDATE_TIMEOUT = timedelta(minutes=40)
AWAIT_TIMEOUT = timedelta(minutes=5)
MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")  # one step at a time, never back
STALE_READ_TIMEOUT = timedelta(seconds=60)
# Refusals of the API that concern one principal alone: the others go on.
PRINCIPAL_REFUSALS = frozenset({"invalid-principal", "invalid-entry", "invalid-policy", "policy-not-found"})


@dataclass(frozen=True, slots=True)
class Look:
    """Something must be read first: ``name`` says of what (a principal's ARN, an update id, ``namespace/name``)."""

    subject: Literal["cluster", "update", "entry", "binding", "row"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Do:
    """Journal the intention, have the effect, read back, journal it as done."""

    step: PlanStep


@dataclass(frozen=True, slots=True)
class Adopt:
    """The effect is there already: journal it, do nothing."""

    step: PlanStep
    why: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Take the step back by its stored undo. ``gone``: it is not there (any more), only journal it."""

    step: PlanStep
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Taking a step back would take somebody's access away: leave it, and say so."""

    step: PlanStep
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do but look again, until ``until``."""

    step: PlanStep
    why: str
    until: datetime
    look: Look


@dataclass(frozen=True, slots=True)
class Refuse:
    """Stop: what is seen is not what the plan was made for. ``step``: the attempt that is over and may be repeated."""

    error: MigratorError
    step: PlanStep | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more can be done now. ``left``: steps that are not done, each with the reason."""

    left: tuple[tuple[PlanStep, str], ...] = ()


Action: TypeAlias = Look | Do | Adopt | Undo | Hold | Wait | Refuse | Finished


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of the cluster now. A key that is missing has not been looked at.

    ``rows``: whether the live aws-auth gives a principal its identity from before. ``callers``: principals of the
    plan that the operator is, or arrives through. ``second_admin``: who else was shown to administer the cluster,
    and how; empty while nobody was.
    """

    now: datetime
    mode: AuthenticationMode | None = None
    cluster_status: str = ""
    updates: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    entries: Mapping[str, AccessEntry | None] = field(default_factory=dict)
    bindings: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    rows: Mapping[str, bool] = field(default_factory=dict)
    callers: frozenset[str] = frozenset()
    second_admin: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for. ``only``: these principals (None: all). ``back``: take everything back."""

    plan_digest: str
    only: frozenset[str] | None = None
    keep_going: bool = False
    back: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that an answer depends on, gathered."""

    plan: Plan
    progress: Progress
    observed: Observed
    wish: Wish
    lanes: Mapping[str, Lane]
    lane_of: Mapping[str, str]

    @property
    def run(self) -> str:
        """The run's id, in the names of groups and bindings."""
        return self.progress.run or ""


def situation(plan: Plan, progress: Progress, observed: Observed, wish: Wish) -> Situation:
    """Gather; the lanes are made once."""
    lanes = lanes_of(plan)
    return Situation(plan, progress, observed, wish, lanes, {s.id: key for key, lane in lanes.items() for s in lane})


def next_action(plan: Plan, journal: Journal, observed: Observed, wish: Wish) -> Action:
    """The one next action. ``journal`` holds the records of this plan's runs (:func:`progress.records_of`)."""
    return next_actions(situation(plan, progress_of(plan, journal), observed, wish))[0]


def next_actions(at: Situation) -> tuple[Action, ...]:
    """Everything that may happen now, side by side: at most one action per lane, never none.

    A refusal stands alone. Waiting comes after everything that can be done; ``Finished`` stands alone.
    """
    doing: list[Action] = []
    waiting: list[Action] = []
    left: list[tuple[PlanStep, str]] = []
    for key in at.lanes:
        for action in _lane_actions(at, key):
            match action:
                case Refuse():
                    return (action,)
                case Finished():
                    left.extend(action.left)
                case Wait():
                    waiting.append(action)
                case _:
                    doing.append(action)
    return tuple(doing + waiting) or (Finished(tuple(left)),)


def lane_action(at: Situation, key: str) -> Action:
    """The next action of one lane; ``Finished`` when it has none now."""
    return next(_lane_actions(at, key), Finished())


def _lane_actions(at: Situation, key: str) -> Iterator[Action]:
    lane = at.lanes[key]
    if at.wish.back:
        yield _back(at, lane)
    elif refusal_of(lane, at.progress) is not None:
        yield _give_up(at, lane)
    else:
        yield _forward(at, lane)


# --- forward -----------------------------------------------------------------------------------------------


def _forward(at: Situation, lane: Lane) -> Action:
    place = next((i for i, step in enumerate(lane) if at.progress.of(step.id).status not in SETTLED), None)
    if place is None:
        return Finished()
    step = lane[place]
    obstacle = _obstacle(at, lane, step)
    if obstacle:
        return Finished(tuple((each, obstacle) for each in lane[place:]))
    match step.effect:
        case EnableEntries() as effect:
            return _enable(at, step, effect)
        case CreateBridge() | CreateBinding() | RemoveBridge():
            return _binding(at, step)
        case _:
            return _entry(at, lane, place)


def _obstacle(at: Situation, lane: Lane, step: PlanStep) -> str:
    """Why the step cannot be begun now; empty when it can."""
    arn = step.principal_arn
    if at.wish.only is not None and arn is not None and arn not in at.wish.only:
        return "not asked for"
    if at.progress.of(step.id).status == "deferred":
        return str(at.progress.of(step.id).effect.get("why", "")) or "the proof cannot be had now"
    for required in step.requires:
        reason = _unmet(at, lane, step, required)
        if reason:
            return reason
    if arn is not None and arn in at.observed.callers and not _only_proofs(lane) and not _second_admin(at):
        return "a second, independent administrator is not proven yet, and this run acts as this principal"
    return ""


def _second_admin(at: Situation) -> str:
    """Who was shown to administer the cluster besides the operator; empty while nobody was."""
    return at.observed.second_admin or second_admin(at.plan, at.progress, at.observed.callers, {})


def _only_proofs(lane: Lane) -> bool:
    return all(isinstance(step.effect, Prove | AwaitEntry) for step in lane)


def _unmet(at: Situation, lane: Lane, step: PlanStep, required: str) -> str:
    """Why a required step does not let this one begin; empty when it does."""
    if at.progress.of(required).status in SETTLED:
        return ""
    key = at.lane_of.get(required)
    if key is None:
        return f"it requires {required}, which the plan does not have"
    other = at.lanes[key]
    if other is lane:
        return f"{required} is not done"
    refusal = refusal_of(other, at.progress)
    if refusal is not None:
        gone = not standing(other, at.progress.states)
        if gone and (at.wish.keep_going or refusal.effect.get("code") in PRINCIPAL_REFUSALS):
            return ""
        return f"{key} was given up: {refusal.effect.get('message', 'refused')}"
    if isinstance(step.effect, RemoveBridge) and not (_parked(at, other) and not _on_bridge(at, other, step.effect)):
        return f"{key} may still need the bridge"
    if _parked(at, other) or (at.wish.only is not None and other[0].principal_arn not in {None, *at.wish.only}):
        return ""
    return f"{required} is not done"


def _parked(at: Situation, lane: Lane) -> bool:
    """True when the lane's next step waits for a proof that cannot be had now: nothing of it is half-made."""
    for step in lane:
        status = at.progress.of(step.id).status
        if status not in SETTLED:
            return status == "deferred"
    return False


def _on_bridge(at: Situation, lane: Lane, bridge: RemoveBridge) -> bool:
    """Whether the entry of a lane that came to a stop still carries the bridge's group."""
    place = next(i for i, step in enumerate(lane) if at.progress.of(step.id).status not in SETTLED)
    state = lane_states(lane, at.run)[place]
    return state is not None and (state.groups is None or render_run(bridge.group, at.run) in state.groups)


def _enable(at: Situation, step: PlanStep, effect: EnableEntries) -> Action:
    state, seen = at.progress.of(step.id), at.observed
    if seen.mode is None:
        return Look("cluster")
    began = _parse(state.at) or seen.now
    update_id = str(state.effect.get("updateId", "")) if state.status == "sent" else ""
    if update_id and update_id not in seen.updates:
        return Look("update", update_id)
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
    if update[0] == "InProgress":  # looked at anew: what was read of it before the wait is no longer true
        return _wait(at, step, "the update is in progress", began + UPDATE_TIMEOUT, Look("update", update_id))
    if seen.cluster_status != "ACTIVE":
        return _wait(
            at, step, f"the cluster is {seen.cluster_status or 'busy'}", began + UPDATE_TIMEOUT, Look("cluster")
        )
    if MODES.index(seen.mode) >= MODES.index(effect.mode_to):
        return Adopt(step, f"the cluster is in {seen.mode} mode")
    if update[0] == "Successful":  # the answer of one read lags behind the other
        return _wait(at, step, "the mode is not shown yet", began + UPDATE_TIMEOUT, Look("cluster"))
    return Do(step)


def _binding(at: Situation, step: PlanStep) -> Action:
    effect = rendered(step.effect, at.run)
    assert isinstance(effect, CreateBridge | CreateBinding | RemoveBridge)  # noqa: S101 - narrows for the checker
    name = binding_key(effect)
    if name not in at.observed.bindings:
        return Look("binding", name)
    found = at.observed.bindings[name]
    if isinstance(effect, RemoveBridge):
        return Adopt(step, "it is gone") if found is None else Do(step)
    if found is None:
        return Adopt(step, "everybody is past needing it") if _bridge_over(at, effect) else Do(step)
    if same_binding(found, binding_object(effect, plan_digest=at.wish.plan_digest, run=at.run)):
        return Adopt(step, "it is there")
    return Refuse(
        Changed(
            "binding-exists",
            f"There is a binding named {name} already, and it is not ours.",
            why="A binding of somebody else is never changed.",
            remedy="Remove or rename it, then run the same command again.",
        )
    )


def _bridge_over(at: Situation, effect: CreateBridge | CreateBinding) -> bool:
    """Whether a bridge that is not there was built, used and taken down by a run whose journal is lost: every entry
    that crosses it is at its end already.
    """
    if not isinstance(effect, CreateBridge):
        return False
    users = [key for key, lane in at.lanes.items() if _uses(lane, effect.group, at.run)]
    return bool(users) and all(
        key in at.observed.entries
        and matches(lane_states(at.lanes[key], at.run)[-1], at.observed.entries[key], at.wish.plan_digest)
        for key in users
    )


def _uses(lane: Lane, group: str, run: str) -> bool:
    return any(state is not None and group in (state.groups or ()) for state in lane_states(lane, run))


def binding_key(effect: CreateBridge | CreateBinding | RemoveBridge) -> str:
    """``namespace/name``, or ``/name`` for a ClusterRoleBinding: how observations name a binding."""
    namespace = None if isinstance(effect, CreateBridge) else effect.namespace
    return f"{namespace or ''}/{effect.binding_name}"


def _entry(at: Situation, lane: Lane, place: int) -> Action:
    step, state = lane[place], at.progress.of(lane[place].id)
    arn = step.principal_arn or ""
    if arn not in at.observed.entries:
        return Look("entry", arn)
    entry = at.observed.entries[arn]
    states = lane_states(lane, at.run)
    fits = [matches(each, entry, at.wish.plan_digest) for each in states]
    if isinstance(step.effect, AwaitEntry):
        return _await(at, step, state, met=fits[place + 1], missing=entry is None)
    if fits[place]:
        return Do(step)
    if any(fits[place + 1 :]):
        return Adopt(step, "the entry is at this step or past it")
    if any(fits[:place]):
        since = max((_parse(at.progress.of(s.id).at) or at.observed.now for s in lane[:place]), default=at.observed.now)
        until = since + STALE_READ_TIMEOUT
        if at.observed.now < until:
            return Wait(step, "the last change of the entry is not shown yet", until, Look("entry", arn))
    return Refuse(_entry_changed(step, entry))


def _await(at: Situation, step: PlanStep, state: StepState, *, met: bool, missing: bool) -> Action:
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
    until = (_parse(state.at) or at.observed.now) + AWAIT_TIMEOUT
    if at.observed.now < until:
        return Wait(step, "EKS has not made the entry yet", until, Look("entry", arn))
    return Refuse(
        Changed(
            "automatic-entry-missing",
            f"EKS did not make the entry for {arn} that the plan expects.",
            why=f"It was waited for until {until.isoformat()}.",
            remedy="Plan again: the new plan makes the entry, or says why it cannot.",
        )
    )


def _entry_changed(step: PlanStep, entry: AccessEntry | None) -> Changed:
    arn = step.principal_arn or ""
    if entry is None:
        what, why = f"The entry of {arn} is gone.", "Somebody else deleted it."
    elif isinstance(step.effect, CreateEntry):
        what, why = f"There is an entry for {arn} that this plan did not make.", "EKS or somebody else made it."
    else:
        what, why = f"The entry of {arn} is not as the plan has it.", "Somebody else changed it."
    return Changed("entry-changed", what, why=why, remedy="Plan again: the new plan starts from what is there.")


def _wait(at: Situation, step: PlanStep, why: str, until: datetime, look: Look) -> Action:
    if at.observed.now < until:
        return Wait(step, why, until, look)
    return Refuse(
        Failed(
            "timed-out",
            f"Step {step.id} ({step.effect.kind}) did not come to an end.",
            why=f"{why}; it was waited for until {until.isoformat()}.",
            remedy="Look at the cluster's updates in EKS; the same command goes on from here.",
        )
    )


# --- back --------------------------------------------------------------------------------------------------


def _give_up(at: Situation, lane: Lane) -> Action:
    """Take back what a lane did after one of its steps was refused, so that the row answers again."""
    refusal = refusal_of(lane, at.progress)
    reason = str(refusal.effect.get("message", "")) if refusal else ""
    steps = [step for step in standing(lane, at.progress.states) if not at.progress.of(step.id).held]
    if not steps or any(at.progress.of(step.id).held for step in lane):
        return Finished(tuple((step, reason) for step in lane if at.progress.of(step.id).status not in SETTLED))
    return _undo(at, lane, _shortest(steps))


def _back(at: Situation, lane: Lane) -> Action:
    """Take back what a lane did; bindings only when no entry of ours is left that may need them."""
    if at.wish.only is not None and lane[0].principal_arn not in at.wish.only:
        return Finished()
    steps = [s for s in standing(lane, at.progress.states) if not isinstance(s.effect, EnableEntries | RemoveBridge)]
    held = [step for step in steps if at.progress.of(step.id).held]
    if held:
        return Finished(tuple((step, at.progress.of(step.id).held) for step in held))
    if not steps:
        return Finished()
    if isinstance(steps[0].effect, CreateBridge | CreateBinding):
        others = [s for key in at.lanes for s in standing(at.lanes[key], at.progress.states) if s.principal_arn]
        if others:
            return Finished(((steps[0], "entries that need it are still there"),))
    return _undo(at, lane, _shortest(steps))


def _shortest(steps: list[PlanStep]) -> PlanStep:
    """Deleting the entry that the lane created takes everything on it along, at once: no half-way state."""
    return next((step for step in steps if isinstance(step.effect, CreateEntry)), steps[0])


def _undo(at: Situation, lane: Lane, step: PlanStep) -> Action:
    if isinstance(step.effect, CreateBridge | CreateBinding):
        name = binding_key(rendered(step.effect, at.run))  # type: ignore[arg-type]
        if name not in at.observed.bindings:
            return Look("binding", name)
        return Undo(step, gone=at.observed.bindings[name] is None)
    arn = step.principal_arn or ""
    if arn not in at.observed.entries:
        return Look("entry", arn)
    entry, states = at.observed.entries[arn], lane_states(lane, at.run)
    place = lane.index(step)
    if matches(states[place], entry, at.wish.plan_digest):
        return Undo(step, gone=True)
    if not any(matches(each, entry, at.wish.plan_digest) for each in states[place + 1 :]):
        return Refuse(_entry_changed(replace(step, effect=step.undo or step.effect), entry))
    if isinstance(step.effect, CreateEntry):
        if arn not in at.observed.rows:
            return Look("row", arn)
        if not at.observed.rows[arn]:
            return Hold(step, f"aws-auth no longer gives {arn} what it had: deleting its entry would lock it out")
    return Undo(step)


def _parse(at: str) -> datetime | None:
    try:
        return datetime.fromisoformat(at.replace("Z", "+00:00"))
    except ValueError:
        return None
