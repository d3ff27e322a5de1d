"""How a step is undone. The plan stores the undo beside the step; no run guesses it later."""

from migrator.decide.steps.entry_states import default_username
from migrator.errors import assert_never
from migrator.model.access_entry import AccessEntry
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
    UpdateEntry,
)


def undo_of(effect: Effect) -> Effect | None:
    """The effect that undoes ``effect``; None where nothing has to be undone, or can be.

    EKS never changes the mode back (EKS user guide, "Change authentication mode"). Entries that EKS
    made stay. A dead entry is never pinned again: the row was in force before it was deleted, and
    is in force after.
    """
    match effect:
        case EnableEntries() | AwaitEntry() | DeleteEntry() | Prove() | RemoveBridge():
            return None
        case CreateBridge():
            return RemoveBridge(effect.binding_name, effect.group)
        case CreateBinding():
            return RemoveBridge(effect.binding_name, effect.group, effect.namespace)
        case CreateEntry():
            return DeleteEntry(effect.principal_arn, _as_made(effect))
        case UpdateEntry():
            return UpdateEntry(effect.principal_arn, entry=effect.before, before=effect.entry)
        case AssociatePolicy(before=None):
            return DisassociatePolicy(effect.principal_arn, effect.policy)
        case AssociatePolicy():
            assert effect.before is not None  # noqa: S101 - the case above
            return AssociatePolicy(effect.principal_arn, effect.before, effect.policy)
        case DisassociatePolicy():
            return AssociatePolicy(effect.principal_arn, effect.policy)
        case _:
            assert_never(effect)


def _as_made(effect: CreateEntry) -> AccessEntry:
    entry = effect.entry
    standard = default_username(effect.principal_arn) if entry.type == "STANDARD" else ""
    return AccessEntry(
        principal_arn=effect.principal_arn,
        type=entry.type,
        username=standard if entry.username is None else entry.username,
        kubernetes_groups=entry.kubernetes_groups,
    )
