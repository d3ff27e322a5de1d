"""The loop: ask ``next_action`` what is next, do exactly that, until there is nothing left."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from migrator.decide.running.actions import (
    Action,
    Adopt,
    Do,
    Finished,
    GiveUp,
    LeaveInPlace,
    ReadFirst,
    Refuse,
    TakeOver,
    Undo,
    Wait,
)
from migrator.decide.running.automatic_entries import entry_record
from migrator.decide.running.bridge import writes_entry
from migrator.decide.running.next_action import next_actions, sequence_action
from migrator.decide.running.obstacles import PRINCIPAL_REFUSALS
from migrator.errors import MigratorError, assert_never
from migrator.model.access_entry import AccessEntry
from migrator.model.step import EnableEntries
from migrator.run.execute_step import entry_document, execute, take_back
from migrator.run.one_run import OneRun

POLL = timedelta(seconds=3)
TRIES = 20  # how often one step may meet an answer that has to be looked at again


def drive(run: OneRun) -> Finished:
    """Run until no more can be done now. Raises the error that stopped it; the journal shows how
    far it got.
    """
    while True:
        run.see_time()
        actions = next_actions(run.state)
        first = actions[0]
        if isinstance(first, Refuse):
            raise stop(run, first)
        if isinstance(first, Finished):
            return first
        looks, keys = _by_sequence(run, actions)
        # What belongs to no principal is read first: a sequence that waits for it would else wait
        # for all the others.
        for look in looks:
            run.look(look)
        if keys:
            _side_by_side(run, keys)
        if keys or looks:
            continue
        waits = [action for action in actions if isinstance(action, Wait)]
        run.ports.events.say("info", f"waiting: {waits[0].why}", event="waiting")
        run.ports.clock.sleep(_pause(run, waits))
        # Several sequences may wait for one thing: it is read once.
        wanted = dict.fromkeys(wait.look for wait in waits)
        for waited_for in wanted:
            if waited_for is not None:
                run.look(waited_for)


def _by_sequence(run: OneRun, actions: Iterable[Action]) -> tuple[list[ReadFirst], list[str]]:
    """What is read for the whole cluster, each once, and the sequences that can go on."""
    looks: dict[ReadFirst, None] = {}
    keys: list[str] = []
    for action in actions:
        key = _sequence_of(run, action)
        if key is not None:
            keys.append(key)
        elif isinstance(action, ReadFirst):
            looks[action] = None
    return list(looks), keys


def _pause(run: OneRun, waits: Sequence[Wait]) -> timedelta:
    """How long to wait until a look is useful: a moment, or the whole time that has to pass."""
    if any(wait.look is not None for wait in waits):
        return POLL
    return max(POLL, min(wait.until for wait in waits) - run.now())


def stop(run: OneRun, action: Refuse) -> MigratorError:
    """The error of a refusal; an attempt that is over is journaled, so that the next run may repeat
    it.
    """
    if action.step is not None:
        run.journal.refuse(action.step.id, action.error)
    return action.error


def _sequence_of(run: OneRun, action: Action) -> str | None:
    """The sequence that an action belongs to, None for waiting and for looks at the cluster."""
    state = run.state
    match action:
        case Do() | Adopt() | Undo() | LeaveInPlace() | GiveUp() | TakeOver():
            return state.sequence_of[action.step.id]
        case ReadFirst(subject="entry" | "row" | "source", name=name) if name in state.sequences:
            return name
        case ReadFirst() | Wait() | Refuse() | Finished():
            return None
        case _:
            assert_never(action)


def _side_by_side(run: OneRun, keys: Sequence[str]) -> None:
    """Each sequence as far as it can run. The first error, or an interruption, is raised when all
    sequences have stopped.
    """
    try:
        errors = run.ports.tasks.map(lambda key: _sequence(run, key), keys)
    except KeyboardInterrupt:
        run.stop_sequences()
        raise
    for error in errors:
        if error is not None:
            raise error


def _sequence(run: OneRun, key: str) -> MigratorError | None:
    """One sequence until it has to wait, is finished, or fails: an error is a value, so that no
    other sequence is lost.
    """
    with run.sequence_under_way():
        return _along(run, key)


def _along(run: OneRun, key: str) -> MigratorError | None:
    """One sequence, action by action. The error that stopped it, or None where it waits, is
    finished, or another sequence stopped the run.
    """
    met_again = 0
    while not run.stopping:
        run.see_time()
        action = sequence_action(run.state, key)
        if isinstance(action, Finished | Wait):
            return None
        # The others continue: the loop ends the run for it once nothing else is to be done.
        if isinstance(action, Refuse) and action.alone:
            return None
        try:
            if isinstance(action, Refuse):
                return stop(run, action)
            one_action(run, action)
        except MigratorError as error:
            # Only the answer to a write may say that the write was not needed, or not possible.
            if not isinstance(action, Do):
                return error
            if not _settled(run, action.step.id, action.step.principal_arn, error):
                return error
            # EKS may answer the same for ever: then the error is the outcome.
            met_again += 1
            if met_again > TRIES:
                return error
    return None


def one_action(
    run: OneRun, action: ReadFirst | Do | Adopt | Undo | LeaveInPlace | GiveUp | TakeOver
) -> None:
    """Do what was decided, and nothing else: nothing at all where a look directly before shows
    something else.
    """
    if isinstance(action, Do | Undo) and action.first and not _still_decided(run, action):
        return
    match action:
        case ReadFirst():
            run.look(action)
        case Do(step):
            run.ports.events.say(
                "step",
                describe(step.effect.kind, step.principal_arn),
                event="step",
                step=step.id,
                principal=step.principal_arn or "",
            )
            execute(run, step)
        case Adopt(step, why):
            entry = run.state.observed.entries.get(step.principal_arn or "")
            run.record(step.id, "adopted", {"why": why, "entry": entry_document(entry)})
            if isinstance(step.effect, EnableEntries):
                run.mode_step_done()
        case Undo(step):
            what = f"taking back {describe(step.effect.kind, step.principal_arn)}"
            run.ports.events.say(
                "warn",
                ": ".join(filter(None, (what, action.why))),
                event="step-undone",
                step=step.id,
            )
            take_back(run, action)
        case TakeOver(_, entry):
            run.ports.events.say("warn", _taken_over(entry), event="entry-taken-over")
            run.record(None, "backed-up", entry_record(entry))
        case LeaveInPlace(step, why):
            run.record(step.id, "refused", {"undo": True, "code": "no-way-back", "message": why})
            run.ports.events.say("warn", why, event="step-kept", step=step.id)
        case GiveUp(step, difference):
            run.record(step.id, "refused", {"code": difference.code, "message": difference.message})
            run.ports.events.say("warn", difference.message, event="step-refused", step=step.id)
        case _:
            assert_never(action)


def _taken_over(entry: AccessEntry) -> str:
    """Say what happens to an entry that EKS made: policies of it stay, which may be more than the
    row gave.
    """
    policies = ", ".join(policy.policy_name for policy in entry.access_policies)
    stays = (
        f"; {policies} stays on it: `migrate verify PLAN` tells whether that is more than its "
        f"row gave"
    )
    text = f"EKS made the entry of {entry.principal_arn}; it is changed to what was planned"
    if not policies:
        return text
    return text + stays


def _still_decided(run: OneRun, action: Do | Undo) -> bool:
    """Whether the decision is the same when everything that it depends on has been read again.

    The wait for the rate limit comes before: it may hold a write back for seconds.
    """
    if writes_entry(action.step.effect):
        run.take_turn()
    for look in action.first:
        run.look(look)
    run.see_time()
    state = run.state
    return sequence_action(state, state.sequence_of[action.step.id]) == action


def describe(kind: str, principal_arn: str | None) -> str:
    """``create-entry arn:…``: one line about a step."""
    if not principal_arn:
        return kind
    return f"{kind} {principal_arn}"


def _settled(
    run: OneRun,
    step_id: str,
    arn: str | None,
    error: MigratorError,
) -> bool:
    """Whether the sequence can continue after this error of the API."""
    if error.code in PRINCIPAL_REFUSALS:
        run.journal.refuse(step_id, error, why=error.why)
        run.ports.events.say("warn", f"{arn}: {error.message}", event="step-refused", step=step_id)
        return True
    if error.code in ("entry-exists", "entry-not-found") and arn is not None:
        run.ports.clock.sleep(POLL)  # a read may lag behind the write that this answer shows
        run.forget(ReadFirst("entry", arn))
        return True
    return False
