"""Findings about which principal a row means, and whether an entry can be made for it."""

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import FindingKind

_NO_ENTRY = "Move the service to its own integration first, skip it with accept_loss, or stay with "
_ANSWERS = _NO_ENTRY + "`--target API_AND_CONFIG_MAP`."

KINDS: tuple[FindingKind, ...] = (
    FindingKind(
        "principal-absent",
        "warn",
        "The principal does not exist in its account.",
        "No login is possible as it today, and EKS refuses an entry for it.",
        "Delete the row when convenient; no login is possible by it.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "absent-but-logged-in",
        "block",
        "The principal does not exist, yet the logs show that it logged in, or nodes run under it.",
        "It was deleted within the log window, or was re-created under another name.",
        "Find out which principal does that work now and map that one, or take a new snapshot if "
        "the principal exists again. Or leave the row out: action: skip under principals.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "role-unverified",
        "block",
        "The roles of the cluster's account were not read, so that the role's full ARN is not "
        "known.",
        "EKS wants the path that aws-auth has to leave out, and a role that does not exist is "
        "refused.",
        "Allow iam:ListRoles or iam:GetRole and take a new snapshot, or give principal_arn under "
        "principals.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "user-unverified",
        "warn",
        "It was not read whether the user exists.",
        "A user's ARN is complete in aws-auth; if the user does not exist, EKS refuses the entry.",
        "Allow iam:ListUsers or iam:GetUser and take a new snapshot.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "foreign-role-unverified",
        "block",
        "The role belongs to another account that was not read.",
        "Only its own account knows its path; a role of the same name in another account is "
        "another principal.",
        "Name a reader role for that account, or give principal_arn under principals.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "foreign-user-unverified",
        "warn",
        "The user belongs to another account that was not read.",
        "A user's ARN is complete in aws-auth; if the user does not exist, EKS refuses the entry.",
        "Name a reader role for that account to be sure.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "principal-ambiguous",
        "block",
        "IAM was read with two principals of this name.",
        "Names are unique in an account whatever their case and path, so that the snapshot "
        "contradicts itself.",
        "Take a new snapshot.",
        ref.IAM_ROLES,
    ),
    FindingKind(
        "service-linked-role",
        "block",
        "A service-linked role logs in through this row; EKS refuses entries for service-linked "
        "roles.",
        "The caller may not modify access entries of service-linked roles, in any account.",
        _ANSWERS,
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "federated-user",
        "block",
        "A federated user logs in through this row; an access entry cannot name one.",
        "EKS takes ARNs of IAM roles and users.",
        _ANSWERS,
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "root-user",
        "block",
        "`:root` means the root user of the account, never every principal in it.",
        "Whether EKS takes an entry for the root user is not documented.",
        "Map a role instead of the root user. Then delete this row, or answer under principals "
        "with action: skip and under accept_loss.",
        ref.CANONICAL_ARN,
    ),
    FindingKind(
        "group-template",
        "block",
        "A group is built from the login (a template): the caller may choose it by the session's "
        "name.",
        "Templates in groups are not documented for access entries.",
        "Give the groups that are meant under principals, and accept under accept_loss what the "
        "others give; or write the groups without a template in aws-auth.",
        ref.SERVER,
    ),
    FindingKind(
        "stays-in-config-map",
        "warn",
        "The row stays in aws-auth, because the migration ends at API_AND_CONFIG_MAP.",
        "It cannot become an access entry, and keeps working while the ConfigMap is asked.",
        "Nothing has to be done. API mode stays out of reach until the finding beside it is "
        "solved.",
        ref.SETTING_UP_ENTRIES,
    ),
    FindingKind(
        "row-inert",
        "info",
        "The cluster is in API mode: aws-auth is no longer asked.",
        "The row grants nothing; an entry made from it would be a new grant.",
        "Nothing has to be done. Delete aws-auth with `migrate retire` when convenient.",
        ref.SETTING_UP_ENTRIES,
    ),
    FindingKind(
        "row-unused",
        "info",
        "The logs show no login through this row within the log window.",
        "A row without logins may be left behind, which a person decides.",
        "Nothing has to be done. If it is no longer needed, answer under principals with action: "
        "skip and under accept_loss.",
        ref.MIGRATING_ENTRIES,
    ),
)
