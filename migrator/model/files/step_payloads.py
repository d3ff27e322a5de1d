"""Payloads of steps: one struct per kind, to and from the effects of ``migrator.model.step``."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from migrator.errors import assert_never
from migrator.model import step as steps
from migrator.model.access_entry import AuthenticationMode
from migrator.model.files import wire


class EnableEntries(wire.Strict):
    """The mode step."""

    mode_from: AuthenticationMode
    mode_to: AuthenticationMode


class AwaitEntry(wire.Strict):
    """The entry EKS is expected to make."""

    expected: wire.Entry


class Bridge(wire.Strict):
    """Bridge group and its binding; ``{run}`` is filled in by apply."""

    binding_name: str
    group: str


class RemoveBridge(wire.Strict):
    """The binding that goes."""

    binding_name: str
    group: str
    namespace: str | None = None


class CreateBinding(wire.Strict):
    """A parallel binding of our own."""

    binding_name: str
    namespace: str | None
    role_kind: Literal["Role", "ClusterRole"]
    role_name: str
    group: str


class CreateEntry(wire.Strict):
    """A new entry."""

    entry: wire.Entry


class UpdateEntry(wire.Strict):
    """All fields after, all fields before."""

    entry: wire.Entry
    before: wire.Entry


class DeleteEntry(wire.Strict):
    """The entry as it was."""

    before: wire.ObservedEntry


class AssociatePolicy(wire.Strict):
    """The policy with its scope, and what it replaces."""

    policy: wire.Policy
    before: wire.Policy | None


class DisassociatePolicy(wire.Strict):
    """The policy that goes."""

    policy: wire.Policy


class Prove(wire.Strict):
    """What must be seen, how strongly, and what ties it to the entry."""

    username: str
    groups: tuple[str, ...]
    proof_class: steps.ProofClass
    attribution: Literal["marker", "policy", "node", "rehearsal"]


PAYLOADS: dict[str, tuple[type[wire.Strict], type[Any]]] = {
    steps.EnableEntries.kind: (EnableEntries, steps.EnableEntries),
    steps.AwaitEntry.kind: (AwaitEntry, steps.AwaitEntry),
    steps.CreateBridge.kind: (Bridge, steps.CreateBridge),
    steps.CreateBinding.kind: (CreateBinding, steps.CreateBinding),
    steps.CreateEntry.kind: (CreateEntry, steps.CreateEntry),
    steps.UpdateEntry.kind: (UpdateEntry, steps.UpdateEntry),
    steps.DeleteEntry.kind: (DeleteEntry, steps.DeleteEntry),
    steps.AssociatePolicy.kind: (AssociatePolicy, steps.AssociatePolicy),
    steps.DisassociatePolicy.kind: (DisassociatePolicy, steps.DisassociatePolicy),
    steps.Prove.kind: (Prove, steps.Prove),
    steps.RemoveBridge.kind: (RemoveBridge, steps.RemoveBridge),
}


def payload_of(effect: steps.Effect) -> dict[str, Any]:
    """The effect as the plan's ``payload``: everything but the principal, which is a field beside
    it.
    """
    struct, _ = PAYLOADS[effect.kind]
    wire.prepare(struct)
    written = msgspec.convert(effect, struct, from_attributes=True)
    payload: dict[str, Any] = msgspec.to_builtins(written)
    return payload


def steps_to_wire(sequence: Iterable[steps.Step]) -> tuple[wire.Step, ...]:
    """Steps as the plan document has them, each with its undo."""
    written: list[wire.Step] = []
    for step in sequence:
        undo = None
        if step.undo is not None:
            undo = wire.Undo(
                kind=step.undo.kind,
                principal_arn=getattr(step.undo, "principal_arn", None),
                payload=payload_of(step.undo),
            )
        written.append(
            wire.Step(
                id=step.id,
                kind=step.effect.kind,
                principal_arn=step.principal_arn,
                requires=step.requires,
                preconditions=preconditions_of(step.effect),
                payload=payload_of(step.effect),
                undo=undo,
                because_of=step.because_of,
            )
        )
    return tuple(written)


def effect_from(kind: str, principal_arn: str | None, payload: dict[str, Any]) -> steps.Effect:
    """The effect that ``kind`` and ``payload`` describe. Raises ``msgspec.ValidationError`` when
    they do not.
    """
    if kind not in PAYLOADS:
        raise msgspec.ValidationError(f"unknown kind of step {kind!r}")
    struct, effect_type = PAYLOADS[kind]
    value = wire.convert(payload, struct)
    needs_principal = "principal_arn" in effect_type.__dataclass_fields__
    if needs_principal == (principal_arn is None):
        raise msgspec.ValidationError(
            f"a step of kind {kind!r} needs {'a' if needs_principal else 'no'} principalArn"
        )
    principal = {"principal_arn": principal_arn} if needs_principal else {}
    effect: steps.Effect = wire.model_with(value, effect_type, **principal)
    return effect


def preconditions_of(effect: steps.Effect) -> dict[str, Any]:
    """What must be true before the step, for operators who run the plan with other means."""
    match effect:
        case steps.EnableEntries():
            return {"authenticationMode": effect.mode_from, "clusterStatus": "ACTIVE"}
        case steps.CreateEntry():
            return {"entry": "absent"}
        case (
            steps.UpdateEntry()
            | steps.DeleteEntry()
            | steps.AssociatePolicy()
            | steps.DisassociatePolicy()
            | steps.Prove()
        ):
            return {"entry": "present"}
        case steps.CreateBridge() | steps.CreateBinding():
            return {"binding": "absent"}
        case steps.AwaitEntry() | steps.RemoveBridge():
            return {}
        case _:
            assert_never(effect)
