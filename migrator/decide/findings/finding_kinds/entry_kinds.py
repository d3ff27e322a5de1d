"""Findings about entries that exist already."""

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import FindingKind

KINDS: tuple[FindingKind, ...] = (
    FindingKind(
        "row-shadowed-by-entry",
        "warn",
        "An access entry exists, decides already, and differs from the row.",
        "An entry overrides its row immediately and completely; nothing is merged.",
        "Delete the row, if the access of today is right: the entry decides already. To change "
        "the entry, answer under principals.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "automatic-entry-thinner",
        "block",
        "EKS made an automatic entry that gives less than the row which it shadows.",
        "The first mode step makes such entries; the row was in force until then.",
        "Answer under principals with action: create: the entry gets what the row gives. Or accept "
        "the loss under "
        "accept_loss: the entry stays as it is.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "automatic-entry-completed",
        "warn",
        "EKS made an automatic entry at the mode step of an earlier run. The entry gets what the "
        "row gave until then.",
        "The journal and the backup in the state folder show that the row was in force.",
        "Nothing has to be done. `migrate apply` completes the entry.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "entry-dead",
        "warn",
        "The access entry is older than the principal: it is pinned to a deleted one, and aws-auth "
        "answers instead.",
        "Entries are pinned to the unique id of the principal, which a re-created one does not "
        "have.",
        "Nothing has to be done about the dead entry. `migrate apply` deletes it where the plan "
        "makes a new one for the principal, and leaves it where the plan makes none.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "orphan-dead-entry",
        "warn",
        "An access entry that matches no login: its principal was deleted or re-created, and no "
        "row answers.",
        "Making it again would be a new grant.",
        "Delete the entry when convenient: `aws eks delete-access-entry`.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-entry-dead",
        "block",
        "Nodes run under a role that was deleted and created again, and its access entry is pinned "
        "to the deleted one.",
        "No row answers instead: the nodes cannot log in, and new ones cannot join.",
        "Answer under principals with action: create and the type of the entry: it is deleted and "
        "made again. An entry for Fargate is made by EKS alone, with the profile.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "entry-liveness-unknown",
        "warn",
        "It is not known whether the access entry is older than its principal.",
        "A dead entry looks the same, and until API mode the row answers instead.",
        "Let the snapshot read the principal; cut-over asks for a proof that can be attributed to "
        "the entry.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "entry-half-made",
        "warn",
        "An entry of an earlier run that is not what that run meant it to be.",
        "The run was interrupted.",
        "Nothing has to be done. `migrate apply` completes the entry.",
        ref.MIGRATING_ENTRIES,
        ("gain", "loss"),
    ),
    FindingKind(
        "half-made-without-row",
        "block",
        "An entry of an earlier run that is not what that run meant it to be, and no row shows "
        "what that was.",
        "The run was interrupted and the row has gone since.",
        "Roll that run back with `migrate rollback`, or answer under principals what the entry "
        "shall be.",
        ref.MIGRATING_ENTRIES,
    ),
)
