"""Findings about what a person decided."""

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import FindingKind

KINDS: tuple[FindingKind, ...] = (
    FindingKind(
        "skipped-by-decision",
        "warn",
        "The principal is left out, as decided.",
        "A person answered so.",
        "Nothing has to be done. To end it, take the answer back in decisions.yaml and plan again.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "loss-accepted",
        "warn",
        "Access is lost, as a named person accepted.",
        "A person answered so.",
        "Nothing has to be done. To end it, take the answer back in decisions.yaml and plan again.",
        ref.MIGRATING_ENTRIES,
        ("loss",),
    ),
    FindingKind(
        "loss-not-accepted",
        "block",
        "The answer would lose access that exists today.",
        "A loss needs the name of the person who accepts it.",
        "Add the principal under accept_loss with by and reason, or take the answer back.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "log-in-population-gained",
        "block",
        "The entry admits log-ins of the principal that are refused today.",
        "A row with {{EC2PrivateDNSName}} admits only sessions that are named after an EC2 "
        "instance; an entry of type "
        "STANDARD admits every session of the role: everyone who may assume it. What such a "
        "session may do is access "
        "that it does not have today.",
        "Accept it under accept_gain with by and reason, for example because the trust policy of "
        "the role admits EC2 "
        "alone; or leave the principal out with action: skip and accept_loss, and it loses its "
        "access.",
        ref.SERVER,
    ),
    FindingKind(
        "authenticated-group-gained",
        "block",
        "Logins that are without system:authenticated today have it by the entry.",
        "The API server adds system:authenticated to a login unless its username is "
        "system:anonymous or its groups name system:authenticated or system:unauthenticated. A row "
        "can give these names and an access entry cannot. What the cluster binds to "
        "system:authenticated (for example system:basic-user and system:discovery) is access that "
        "the principal does not have today.",
        "Accept it under accept_gain with by and reason; or leave the principal out with action: "
        "skip and accept_loss, and it loses its access.",
        ref.RBAC,
        ("gain",),
    ),
    FindingKind(
        "gain-accepted",
        "warn",
        "Log-ins that are refused today are admitted, or logins get system:authenticated, as a "
        "named person accepted.",
        "A person answered so. It covers the gain that the finding beside it names: what else the "
        "principal may do is never widened.",
        "Nothing has to be done. To end it, take the answer back in decisions.yaml and plan again.",
        ref.SERVER,
        ("log-in gain",),
    ),
    FindingKind(
        "new-grant",
        "warn",
        "The answer gives access to a principal that has none today.",
        "A person answered so.",
        "Nothing has to be done. To end it, take the answer back in decisions.yaml and plan again.",
        ref.ACCESS_ENTRIES,
        ("gain", "log-in gain"),
    ),
    FindingKind(
        "answered",
        "info",
        "The entry is what a person decided.",
        "decisions.yaml answers for this principal.",
        "Nothing has to be done.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "answer-drops-name",
        "warn",
        "The answer takes a username or group away that something besides a binding means.",
        "FlowSchemas, admission policies, webhooks and policy engines decide by username and "
        "group. What they decide is not compared: the entry may be refused what the row was "
        "allowed, or be limited otherwise.",
        "Look at each place that is named and add the new name there, or give the old name in the "
        "answer. To end it, take the answer back in decisions.yaml and plan again.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "answer-unjudged",
        "block",
        "The answer changes access. How is unknown, because RBAC was not read.",
        "An answer may not widen what exists.",
        "Let the snapshot read RBAC, or take the answer back.",
        ref.RBAC,
    ),
)
