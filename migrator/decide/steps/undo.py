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
        # A bridge is a binding of ours like the others, so that one effect removes both.
        case CreateBridge():
            return RemoveBridge(effect.binding_name, effect.group)
        case CreateBinding():
            return RemoveBridge(effect.binding_name, effect.group, effect.namespace)
        case CreateEntry():
            return DeleteEntry(effect.principal_arn, _as_made(effect))
        case UpdateEntry():
            return UpdateEntry(effect.principal_arn, entry=effect.before, before=effect.entry)
        # EKS API: to associate a policy again replaces its scope. A policy that was there before
        # gets its old scope again, and is not taken away.
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
    """The entry that a step makes, as EKS shows it: what deleting it must find."""
    entry = effect.entry
    username = entry.username
    # EKS names an entry that was made without a name. The names of node types are EKS's own, and
    # are not compared.
    if username is None:
        username = ""
        if entry.type == "STANDARD":
            username = default_username(effect.principal_arn)
    return AccessEntry(
        principal_arn=effect.principal_arn,
        type=entry.type,
        username=username,
        kubernetes_groups=entry.kubernetes_groups,
    )
