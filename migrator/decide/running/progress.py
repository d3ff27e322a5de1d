"""How far a plan is: the journal folded into one state per step.

Folding needs no clock and no cluster, so that a run that resumes, ``status`` and the report agree
on what happened.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from migrator.decide.running.automatic_entries import automatic_of, base_of, sequence_over
from migrator.model.access_entry import EntrySpec
from migrator.model.journal import Journal, Record
from migrator.model.plan import Plan
from migrator.model.step import (
    AwaitEntry,
    CreateBridge,
    CreateEntry,
    Prove,
    RemoveBridge,
    Sequence,
    Step,
    UpdateEntry,
)

# The events of one step; the others are about a whole run.
StepEvent: TypeAlias = Literal[
    "intended", "sent", "done", "adopted", "deferred", "refused", "undoing", "undone"
]
Status: TypeAlias = StepEvent | Literal["pending"]

SETTLED: frozenset[Status] = frozenset({"done", "adopted"})
# Commands that carry out the plan's own steps, or undo them; others only read how far these came.
APPLY, ROLL_BACK, CUT_OVER, RETIRE, REHEARSE = "apply", "rollback", "cutover", "retire", "rehearse"
ENTRY_COMMANDS = frozenset({APPLY, ROLL_BACK})
# Sent, or about to be, when the command ended.
BEGUN: frozenset[Status] = frozenset({"intended", "sent"})
# What may have changed the cluster and is still there.
STANDING: frozenset[Status] = frozenset({"intended", "sent", "done", "adopted", "undoing"})


@dataclass(frozen=True, slots=True)
class StepState:
    """What the journal says of one step.

    ``effect`` is that of the last record; ``attempts`` counts how often the step ended without
    being done, so that a new attempt gets a new idempotency token; ``held`` says why taking it back
    was refused.
    """

    status: Status = "pending"
    at: str = ""
    effect: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    held: str = ""


PENDING = StepState()


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of every step of one plan. ``run`` is the id that replaces ``{run}``, None before
    the first run.

    ``automatic``: entries that EKS made for principals of the plan and that its runs take over, as
    EKS made them.
    """

    run: str | None = None
    command: str = ""
    states: Mapping[str, StepState] = field(default_factory=dict)
    ended: int | None = None
    running: str = ""  # the command that was started last, whatever it carries out
    going_back: bool = False  # a roll-back was started and did not finish
    only: tuple[str, ...] = ()  # principals that it was asked for; empty: all
    waived: tuple[Mapping[str, Any], ...] = ()
    automatic: Mapping[str, EntrySpec] = field(default_factory=dict)

    def of(self, step_id: str) -> StepState:
        """The state of a step; ``pending`` for one that nothing was recorded of."""
        return self.states.get(step_id, PENDING)


def sequences_of(plan: Plan, progress: Progress) -> Mapping[str, Sequence]:
    """The sequences that are carried out: those of the plan, but one whose entry EKS made begins
    from EKS's entry.

    Steps of one sequence run one after the other; sequences run in parallel as far as ``requires``
    permits.
    """
    taken_over = progress.automatic.keys() & plan.sequences.keys()
    if not taken_over:
        return plan.sequences
    base = base_of(plan)
    over = {
        arn: sequence_over(plan.sequences[arn], progress.automatic[arn], base) for arn in taken_over
    }
    return {**plan.sequences, **over}


def records_of(journal: Journal, plan_digest: str) -> Journal:
    """The records of the runs of one plan: from each of its ``run-started`` to the next run's."""
    mine: list[Record] = []
    inside = False
    # Runs of other plans may be in the same journal: a folder belongs to a cluster.
    for record in journal:
        if record.event == "run-started":
            inside = record.effect.get("planDigest") == plan_digest
        if inside:
            mine.append(record)
    return tuple(mine)


def progress_of(plan: Plan, records: Iterable[Record]) -> Progress:
    """All records of the plan's runs, folded. ``records``: those of :func:`records_of`, in their
    order.
    """
    progress = Progress()
    for record in records:
        progress = advance(progress, plan.sequences, record)
    return progress


def advance(progress: Progress, sequences: Mapping[str, Sequence], record: Record) -> Progress:
    """The progress after one more record."""
    match record.event:
        case "run-started":
            return _started(progress, sequences, record)
        case "run-ended":
            return _ended(progress, record.effect.get("exit"))
        case "backed-up":
            automatic = {**progress.automatic, **automatic_of(record.effect)}
            return replace(progress, automatic=automatic)
        case "waived":
            return replace(progress, waived=(*progress.waived, record.effect))
        case event if record.step is not None:
            return _step_recorded(progress, sequences, record, event, record.step)
        case _:
            return progress


def _ended(progress: Progress, exit_code: int | None) -> Progress:
    """A roll-back is over when it undid everything that can be undone: exit code 0, or 4 where
    entries must stay.
    """
    is_over = progress.running == ROLL_BACK and exit_code in (0, 4)
    if is_over:
        return replace(progress, ended=exit_code, going_back=False)
    return replace(progress, ended=exit_code)


def _step_recorded(
    progress: Progress,
    sequences: Mapping[str, Sequence],
    record: Record,
    event: StepEvent,
    step_id: str,
) -> Progress:
    """The progress after a record about one step: the step's own state, and those of the steps that
    depend on it.
    """
    states = dict(progress.states)
    before = states.get(step_id, PENDING)
    if event == "refused" and record.effect.get("undo"):
        # The step stays what it was: its undo alone was refused.
        message = str(record.effect.get("message", ""))
        states[step_id] = replace(before, held=message or "refused")
    elif event == "undone":
        _undone(states, sequences, record, step_id)
    else:
        states[step_id] = replace(
            before,
            status=event,
            at=record.at,
            effect=record.effect,
            attempts=before.attempts + _is_again(before, event),
        )
    if event == "intended":
        _needed_again(states, sequences, step_id)
    return replace(progress, states=states)


def _is_again(before: StepState, event: StepEvent) -> bool:
    """Whether a step begins once more in the run that undid it: EKS answers a repeated token with
    the first call's result, and writes nothing.
    """
    return event == "intended" and before.status in ("undoing", "undone")


def _needed_again(
    states: dict[str, StepState], sequences: Mapping[str, Sequence], step_id: str
) -> None:
    """Make the settled steps pending that depend on a step which is carried out again.

    A bridge that is built again is removed again. An entry that is made again, after a roll-back
    that died while it deleted it, needs every later write and proof again.
    """
    dependent = (*_removals_of(sequences, step_id), *_after(sequences, step_id))
    for each in dependent:
        state = states.get(each, PENDING)
        if state.status in SETTLED:
            states[each] = _again(state)


def _undone(
    states: dict[str, StepState],
    sequences: Mapping[str, Sequence],
    record: Record,
    step_id: str,
) -> None:
    """Record that a step, and with it the later ones of its sequence, were undone."""
    before = states.get(step_id, PENDING)
    states[step_id] = replace(before, status="undone", at=record.at, effect=record.effect)
    # To delete an entry undoes everything on it in one write.
    for later in _after(sequences, step_id):
        state = states.get(later, PENDING)
        # Nothing of these was in the cluster.
        if state.status in ("pending", "refused"):
            continue
        states[later] = replace(state, status="undone", at=record.at, effect=record.effect)


def _again(state: StepState) -> StepState:
    """The state of a step that is attempted again; its attempt has a new idempotency token."""
    return replace(state, status="pending", attempts=state.attempts + 1)


def _removals_of(sequences: Mapping[str, Sequence], step_id: str) -> tuple[str, ...]:
    """The steps that remove the bridge which a step builds."""
    built = _bridge_of(sequences, step_id)
    if built is None:
        return ()
    found: list[str] = []
    for sequence in sequences.values():
        for step in sequence:
            if not isinstance(step.effect, RemoveBridge):
                continue
            if step.effect.group == built:
                found.append(step.id)
    return tuple(found)


def _bridge_of(sequences: Mapping[str, Sequence], step_id: str) -> str | None:
    """The group of the bridge that a step builds; None for another step."""
    for sequence in sequences.values():
        for step in sequence:
            if step.id != step_id:
                continue
            if isinstance(step.effect, CreateBridge):
                return step.effect.group
    return None


def _after(sequences: Mapping[str, Sequence], step_id: str) -> tuple[str, ...]:
    """The later steps of the same sequence: they require this one, and are undone with it."""
    for sequence in sequences.values():
        ids = [step.id for step in sequence]
        if step_id not in ids:
            continue
        place = ids.index(step_id)
        return tuple(ids[place + 1 :])
    # A step outside the plan, as those of a cut-over, has no sequence.
    return ()


def _started(progress: Progress, sequences: Mapping[str, Sequence], record: Record) -> Progress:
    """A new attempt: proofs are asked for again, and every sequence that was undone completely is
    tried again.
    """
    run = record.effect.get("run")
    command = str(record.effect.get("command", ""))
    # A cut-over, a rehearsal or a retirement has other steps, outside the plan.
    if command not in ENTRY_COMMANDS:
        states = _own_again(progress.states, command)
        return replace(progress, run=run, ended=None, running=command, states=states)
    # A new attempt asks again for every undo that was refused.
    states = {step_id: replace(state, held="") for step_id, state in progress.states.items()}
    for sequence in sequences.values():
        _start_again(sequence, states)
    for step_id in _bridges_needed_again(sequences, states):
        states[step_id] = _again(states[step_id])
    return Progress(
        run=run,
        command=command,
        states=states,
        running=command,
        going_back=command == ROLL_BACK,
        only=_only_of(progress, record),
        waived=progress.waived,
        automatic=progress.automatic,
    )


def _only_of(progress: Progress, record: Record) -> tuple[str, ...]:
    """The principals of a roll-back that starts; those of an earlier one that did not finish are
    still to be undone. Empty: all.
    """
    only = tuple(record.effect.get("only", ()))
    if not progress.going_back:
        return only
    if not only or not progress.only:
        return ()
    return tuple(dict.fromkeys((*progress.only, *only)))


def _start_again(sequence: Sequence, states: dict[str, StepState]) -> None:
    """Make the steps of a sequence pending that a new attempt begins again."""
    known = [step.id for step in sequence if step.id in states]
    refused = any(states[step_id].status == "refused" for step_id in known)
    # A sequence that was given up is undone to its beginning before it is tried again.
    going_back = refused and bool(standing(sequence, states))
    for step_id in known:
        state = states[step_id]
        # A proof that could not be had is no attempt: it sent nothing.
        if state.status == "deferred":
            states[step_id] = replace(state, status="pending")
            continue
        if going_back:
            continue
        if state.status in ("refused", "undone"):
            states[step_id] = _again(state)


def _bridges_needed_again(
    sequences: Mapping[str, Sequence], states: Mapping[str, StepState]
) -> tuple[str, ...]:
    """Steps of bridges that were removed although a principal, tried again, still needs them."""
    crossing: set[str] = set()
    removed: set[str] = set()
    bridges: list[tuple[str, str]] = []
    for sequence in sequences.values():
        for step in sequence:
            is_settled = states.get(step.id, PENDING).status in SETTLED
            match step.effect:
                case CreateEntry(entry=entry) | UpdateEntry(entry=entry):
                    if not is_settled:
                        crossing.update(entry.kubernetes_groups)
                case CreateBridge(group=group):
                    bridges.append((step.id, group))
                case RemoveBridge(group=group):
                    bridges.append((step.id, group))
                    if is_settled:
                        removed.add(group)
                case _:
                    continue
    needed = crossing & removed
    again: list[str] = []
    for step_id, group in bridges:
        # A step without a record is pending already.
        if group in needed and step_id in states:
            again.append(step_id)
    return tuple(again)


def _own_again(states: Mapping[str, StepState], command: str) -> dict[str, StepState]:
    """The states after a command with steps outside the plan (``cutover-…``) starts again: its
    steps that were refused or undone are pending.

    A rehearsal whose timer was removed is over: the next rehearsal starts without states.
    """
    own = [step_id for step_id in states if step_id.startswith(f"{command}-")]
    after = dict(states)
    cleaned = states.get(f"{REHEARSE}-clean", PENDING)
    if command == REHEARSE and cleaned.status in SETTLED:
        for step_id in own:
            del after[step_id]
        return after
    for step_id in own:
        state = states[step_id]
        if state.status in ("refused", "undone"):
            after[step_id] = _again(state)
    return after


def standing(sequence: Sequence, states: Mapping[str, StepState]) -> tuple[Step, ...]:
    """The steps of a sequence that changed the cluster, or may have, and that can be undone; last
    one first.
    """
    found: list[Step] = []
    for step in reversed(sequence):
        if step.undo is None:
            continue
        # A proof only reads, and EKS itself made an entry that was awaited.
        if isinstance(step.effect, Prove | AwaitEntry):
            continue
        if states.get(step.id, PENDING).status in STANDING:
            found.append(step)
    return tuple(found)


def refusal_of(sequence: Sequence, progress: Progress) -> StepState | None:
    """The refusal that made the run give this sequence up, None while the sequence continues."""
    for step in sequence:
        state = progress.of(step.id)
        if state.status == "refused":
            return state
    return None
