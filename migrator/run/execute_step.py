"""Have the effect of one step: intention on disk, effect, read back, done on disk.

Which step, and whether at all, is decided by :mod:`migrator.decide.running.next_action` alone.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any

from migrator.decide.planning.entries.entry_identity import entry_digest
from migrator.decide.running.actions import ReadFirst, Undo
from migrator.decide.running.progress import PENDING
from migrator.decide.running.waiting import UPDATE_TIMEOUT
from migrator.decide.steps.bindings import binding_key, binding_object
from migrator.decide.steps.entry_states import (
    ENTRY_TAG,
    PLAN_TAG,
    RUN_TAG,
    final_spec,
    matches,
    rendered,
    sequence_states,
)
from migrator.errors import Failed, MigratorError, assert_never
from migrator.model.access_entry import AccessEntry
from migrator.model.canonical import digest_of
from migrator.model.step import (
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
from migrator.run.one_run import OneRun
from migrator.run.prove_principal import prove_step

POLL = timedelta(seconds=2)
READ_BACK = timedelta(seconds=60)


def execute(run: OneRun, step: Step) -> None:
    """Execute the next step of a sequence. Raises ``MigratorError``; the journal then holds the
    intention.
    """
    effect = rendered(step.effect, run.run_id)
    match effect:
        case EnableEntries():
            _enable(run, step, effect)
        case AwaitEntry():
            run.record(step.id, "intended", {"await": effect.principal_arn})
            run.forget(ReadFirst("entry", effect.principal_arn))
        case CreateBridge() | CreateBinding():
            _bind(run, step, effect)
        case RemoveBridge():
            run.journal.carry_out(
                step.id,
                intended={"delete": effect.binding_name},
                effect=lambda: _unbind(run, effect),
                done=lambda _: {"deleted": effect.binding_name},
            )
        case Prove():
            prove_step(run, step, effect)
        case (
            CreateEntry() | UpdateEntry() | DeleteEntry() | AssociatePolicy() | DisassociatePolicy()
        ):
            run.journal.carry_out(
                step.id,
                intended=intention(effect),
                effect=partial(_written, run, step, effect),
                # The record of the step is the entry as it was read back.
                done=dict,
            )
        case _:
            assert_never(effect)


def _written(run: OneRun, step: Step, effect: Effect) -> dict[str, Any]:
    """Send the effect; ``{"entry": …}``, the entry once it is as the step made it. Raises
    ``Failed`` ``not-shown`` when it is not shown within a minute.
    """
    send(run, effect, token=token_of(run, step))
    state = run.state
    sequence = state.sequences[state.sequence_of[step.id]]
    wanted = sequence_states(sequence, run.run_id)[sequence.index(step) + 1]
    entry = _until_shown(
        run, step.principal_arn or "", lambda entry: matches(wanted, entry, run.digest)
    )
    return {"entry": entry_document(entry)}


def token_of(run: OneRun, step: Step) -> str:
    """The clientRequestToken: the same for a repeated attempt of the same step, another after it
    was undone.
    """
    attempts = run.state.progress.states.get(step.id, PENDING).attempts
    return digest_of([run.digest, run.run_id, step.id, attempts])[-64:]


def intention(effect: Effect) -> dict[str, Any]:
    """What is about to be sent, for the journal. It holds names and groups, no secret."""
    document: dict[str, Any] = {"kind": effect.kind}
    for key, value in asdict(effect).items():
        # The plan has the state before; a record says what is sent.
        if key != "before":
            document[key] = list(value) if isinstance(value, tuple) else value
    return document


def entry_document(entry: AccessEntry | None) -> dict[str, Any] | None:
    """What was read back, without its times."""
    if entry is None:
        return None
    return {
        "type": entry.type,
        "username": entry.username,
        "kubernetesGroups": list(entry.kubernetes_groups),
        "accessPolicies": [p.policy_arn for p in entry.access_policies],
    }


def send(run: OneRun, effect: Effect, *, token: str) -> None:
    """One write to EKS. An entry that is absent already counts as deleted."""
    entries = run.ports.entries
    match effect:
        case CreateEntry():
            entries.create(
                effect.principal_arn, effect.entry, tags=tags_of(run, effect), token=token
            )
        case UpdateEntry():
            entries.update(effect.principal_arn, effect.entry, token=token)
        case DeleteEntry():
            _gone_is_fine(lambda: entries.delete(effect.principal_arn), "entry-not-found")
        case AssociatePolicy():
            entries.associate(effect.principal_arn, effect.policy)
        case DisassociatePolicy():
            arn = effect.policy.policy_arn
            _gone_is_fine(
                lambda: entries.disassociate(effect.principal_arn, arn),
                "policy-not-found",
                "entry-not-found",
            )
        case (
            EnableEntries()
            | AwaitEntry()
            | CreateBridge()
            | CreateBinding()
            | RemoveBridge()
            | Prove()
        ):
            raise AssertionError(f"{effect.kind} is no write of an entry")
        case _:
            assert_never(effect)


def tags_of(run: OneRun, effect: CreateEntry) -> dict[str, str]:
    """By these a run from another folder knows what was made, by which run, and what its final
    state is.
    """
    final = final_spec(run.plan, effect.principal_arn) or effect.entry
    return {
        PLAN_TAG: run.digest,
        RUN_TAG: run.run_id,
        ENTRY_TAG: entry_digest(effect.principal_arn, final),
    }


def _until_shown(
    run: OneRun, arn: str, fits: Callable[[AccessEntry | None], bool]
) -> AccessEntry | None:
    """The entry, read until it fits: a read of EKS may be older than the last write. Raises
    ``Failed`` ``not-shown`` after ``READ_BACK``.
    """
    deadline = run.now() + READ_BACK
    while True:
        entry = run.ports.entries.describe(arn)
        run.see_entry(arn, entry)
        if fits(entry):
            return entry
        if run.now() >= deadline:
            raise Failed(
                "not-shown",
                f"EKS took the change of {arn} but does not show it.",
                why=f"It was looked for during {int(READ_BACK.total_seconds())} seconds: EKS is "
                f"slow, or another writer undid it immediately.",
                remedy="The same command continues from here: it looks again before it does "
                "anything.",
            )
        run.pause(POLL)


def _enable(run: OneRun, step: Step, effect: EnableEntries) -> None:
    """Switch the mode, which a person confirmed before the run began."""
    run.journal.carry_out(
        step.id,
        intended=intention(effect),
        effect=lambda: _switch(run, step, effect),
        # EKS changes the mode in an update that takes minutes: it is done once it is seen.
        done=lambda _: None,
    )


def _switch(run: OneRun, step: Step, effect: EnableEntries) -> None:
    """Send the switch. An answer that must be looked at again (an update is running already) leaves
    the step as it is: the next look decides. It is said why, and raised once it has been the
    answer for as long as an update may take: a cluster can be ACTIVE for days while one runs.
    """
    run.see(mode=None)
    try:
        update_id = run.ports.mode.switch(effect.mode_to, token=token_of(run, step))
    except MigratorError as error:
        if error.code not in LOOK_AGAIN:
            raise
        waited = run.waited_for_mode()
        if waited >= UPDATE_TIMEOUT:
            raise
        why = error.why.rstrip(".") or error.message.rstrip(".")
        run.ports.events.say("info", f"waiting: {why}", event="waiting")
        run.pause(max(POLL, waited / 10))
        return
    run.record(step.id, "sent", {"updateId": update_id})


# After these answers the switch may have started, or another update runs: look, never send again on
# their account.
LOOK_AGAIN = frozenset(
    {"update-in-progress", "unsupported-change", "aws-no-answer", "aws-server-error"}
)


def _bind(run: OneRun, step: Step, effect: CreateBridge | CreateBinding) -> None:
    """Apply a binding with the labels of this plan and run, by which it is found again."""
    wanted = binding_object(effect, plan_digest=run.digest, run=run.run_id)
    made = {"binding": binding_key(effect), "group": effect.group}

    def apply() -> None:
        run.ports.rbac.apply_binding(wanted)
        run.forget(ReadFirst("binding", binding_key(effect)))

    run.journal.carry_out(
        step.id, intended={"kind": effect.kind, **made}, effect=apply, done=lambda _: made
    )


def _unbind(run: OneRun, effect: CreateBridge | CreateBinding | RemoveBridge) -> None:
    """Delete a binding, and forget what was seen of it."""
    namespace = None
    if not isinstance(effect, CreateBridge):
        namespace = effect.namespace
    run.ports.rbac.delete_binding(effect.binding_name, namespace)
    run.forget(ReadFirst("binding", binding_key(effect)))


def take_back(run: OneRun, action: Undo) -> None:
    """Undo one step by its stored undo, journaled before and after."""
    step = action.step
    if action.gone:
        run.record(step.id, "undone", {"found": _found_instead(run, step)})
        return
    kind = {"kind": step.effect.kind}
    run.journal.take_back(
        step.id, undoing=kind, effect=lambda: _reverse(run, step), undone=lambda _: kind
    )


def _reverse(run: OneRun, step: Step) -> None:
    """Send the stored undo of a step, and see that it arrived."""
    match rendered(step.effect, run.run_id), step.undo:
        case (CreateBridge() | CreateBinding() as binding, _):
            _unbind(run, binding)
        case (_, None):
            raise AssertionError(f"step {step.id} has no way back")
        case (_, undo):
            send(run, rendered(undo, run.run_id), token=token_of(run, step))
            _read_back_undone(run, step)
            # the row is read again before the entry is deleted
            run.forget(ReadFirst("row", step.principal_arn or ""))


def _found_instead(run: OneRun, step: Step) -> str:
    """What is there instead of the effect of a step."""
    effect = rendered(step.effect, run.run_id)
    if not isinstance(effect, CreateBridge | CreateBinding):
        return "not there"
    if run.state.observed.bindings.get(binding_key(effect)) is None:
        return "not there"
    run.ports.events.say(
        "warn",
        f"the binding {binding_key(effect)} is not as this run made it: it stays",
        event="waiting",
    )
    return "not as this run made it: left as it is"


def _read_back_undone(run: OneRun, step: Step) -> None:
    """Read the entry until it is as it was before the step."""
    state = run.state
    sequence = state.sequences[state.sequence_of[step.id]]
    wanted = sequence_states(sequence, run.run_id)[sequence.index(step)]
    _until_shown(run, step.principal_arn or "", lambda entry: matches(wanted, entry, run.digest))


def _gone_is_fine(call: Any, *codes: str) -> None:  # noqa: ANN401 - a call without arguments
    """Make a call whose effect is there already when the API answers with one of the codes: an
    attempt before may have arrived.
    """
    try:
        call()
    except MigratorError as error:
        if error.code not in codes:
            raise
