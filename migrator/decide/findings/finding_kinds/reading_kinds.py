"""Findings about reading the ConfigMap, and about rows that never match."""

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import FindingKind

_MAKES_NEW_GRANT = "An entry made from it would be a new grant."
_DELETE = "Nothing has to be done; delete it when convenient."
_NOTHING = "Nothing has to be done; delete the row when convenient."

KINDS: tuple[FindingKind, ...] = (
    FindingKind(
        "section-lost",
        "block",
        "A section of aws-auth does not parse: all its rows are without effect in the live "
        "cluster.",
        "The authenticator parses each section alone and drops it whole on an error. A tool that "
        "salvages rows grants access that no principal has.",
        "Correct the section in the cluster, or, when it is meant to be lost, list it under "
        "accept_lost_sections.",
        ref.CONFIGMAP_MAPPER,
    ),
    FindingKind(
        "section-doubtful",
        "block",
        "A section uses a construct on which YAML parsers differ.",
        "What the authenticator makes of it is not certain, and a guess could grant or lose "
        "access.",
        "Write the named line plainly (block style, quoted texts), then take a new snapshot.",
        ref.CONFIGMAP_MAPPER,
    ),
    FindingKind(
        "lost-section-nodes-unknown",
        "block",
        "mapRoles is lost and it was not read under which roles nodes run.",
        "A role that live nodes use must not be waived, and it is unknown whether one is among "
        "the lost rows.",
        "Let the snapshot read nodes, node groups and Fargate profiles, or correct the section.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "row-stripped",
        "warn",
        "The text of a row suggests more than the authenticator makes of it.",
        "A field of the wrong type becomes empty and the row stays: a user without those groups.",
        "Correct the row in aws-auth and plan again. Nothing has to be done where the access of "
        "today is right.",
        ref.CONFIGMAP_MAPPER,
    ),
    FindingKind(
        "row-dropped",
        "warn",
        "An item that the authenticator drops: it names no principal.",
        "An item without an ARN, or that is no mapping, is skipped alone.",
        "Nothing is granted by it. " + _DELETE,
        ref.CONFIGMAP_MAPPER,
    ),
    FindingKind(
        "unknown-data-key",
        "warn",
        "A key of the ConfigMap that the authenticator does not know.",
        "Only mapRoles, mapUsers and mapAccounts, spelled exactly so, are read.",
        "Nothing below this key was ever in force. " + _DELETE,
        ref.CONFIGMAP_MAPPER,
    ),
    FindingKind(
        "row-unread",
        "warn",
        "A row in the text that the authenticator never reads.",
        "It reads the list at the top of the first YAML document of three keys. "
        + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.CONFIGMAP_MAPPER,
    ),
    FindingKind(
        "row-shadowed",
        "warn",
        "A row is without effect because another row of the same principal wins.",
        "Of several rows with one role ARN the last wins, mapRoles is asked before mapUsers, "
        "groups are not merged.",
        "Delete the row that is without effect. The winning row is migrated either way.",
        ref.ROW_MATCHING,
    ),
    FindingKind(
        "ambiguous-user",
        "block",
        "One user has two spellings with different mappings; which of them answers is random for "
        "every login.",
        "Users are kept by their ARN as written and compared without case.",
        "Leave one of the rows in aws-auth, or answer under principals with the username and "
        "groups that the user shall have.",
        ref.ROW_MATCHING,
    ),
    FindingKind(
        "dead-role-path",
        "warn",
        "A role ARN with a path never matches.",
        "The caller's canonical ARN has no path. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.CANONICAL_ARN,
    ),
    FindingKind(
        "dead-sts-session",
        "warn",
        "The ARN of a session never matches.",
        "A session is looked up as its role. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.CANONICAL_ARN,
    ),
    FindingKind(
        "dead-iam-group",
        "warn",
        "An IAM group is no principal: no login is possible as one.",
        "STS reports the caller, never the caller's IAM groups. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.AUTH_CONFIGMAP,
    ),
    FindingKind(
        "dead-wildcard",
        "warn",
        "aws-auth knows no wildcards: this row never matches.",
        "ARNs are compared as text. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.ROW_MATCHING,
    ),
    FindingKind(
        "dead-blank-in-arn",
        "warn",
        "A blank inside the ARN: this row never matches.",
        "Nothing is trimmed. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.ROW_MATCHING,
    ),
    FindingKind(
        "dead-other-partition",
        "warn",
        "The ARN is of another partition than the cluster: this row never matches.",
        "Tokens of another partition are refused. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.CANONICAL_ARN,
    ),
    FindingKind(
        "dead-malformed-arn",
        "warn",
        "This is not the ARN of a principal: the row never matches.",
        "ARNs are compared as text with what STS says. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.ROW_MATCHING,
    ),
    FindingKind(
        "dead-sso-matcher",
        "warn",
        "A row with `sso:` never matches on EKS.",
        "Its feature gate is off, and its partition field builds a pattern that matches nothing. "
        + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.FEATURES,
    ),
    FindingKind(
        "dead-node-template",
        "warn",
        "{{EC2PrivateDNSName}} on a principal that is no EC2 instance: its logins are denied.",
        "The template needs an instance id as session name, which a user never has, and a role "
        "only where a caller chooses it. " + _MAKES_NEW_GRANT,
        _NOTHING,
        ref.SERVER,
    ),
    FindingKind(
        "dead-row-logged-in",
        "block",
        "The logs show a login that no live row explains, by the principal of a row that should be "
        "dead.",
        "What is not understood must not be dropped.",
        "Look at the login in the authenticator log and find out which row or entry it came "
        "through. Then answer under principals with action: skip, or correct the row and plan "
        "again.",
        ref.CANONICAL_ARN,
    ),
    FindingKind(
        "map-accounts",
        "block",
        "Every principal of a whole account may log in; access entries have no equivalent.",
        "mapAccounts gives each principal without a row the canonical ARN as username and no "
        "groups.",
        "List the principals that need it under expand_accounts (`migrate observe` finds them), "
        "drop the account under "
        "accounts, or stay with `--target API_AND_CONFIG_MAP`.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "map-accounts-dead",
        "info",
        "An element of mapAccounts that is no account number matches no login.",
        "Accounts are compared as text with the caller's twelve digits.",
        "Nothing has to be done. Delete the element when convenient.",
        ref.SERVER,
    ),
    FindingKind(
        "account-skipped",
        "warn",
        "An account of mapAccounts is dropped, as decided.",
        "Every principal that logs in through it loses access at cut-over.",
        "Nothing has to be done. To end it, take the answer back in decisions.yaml and plan again.",
        ref.MIGRATING_ENTRIES,
        ("loss",),
    ),
    FindingKind(
        "account-expanded",
        "warn",
        "An account of mapAccounts is replaced by the listed principals.",
        "Every other principal of the account that logs in today loses access at cut-over.",
        "Compare the list with `migrate observe` over a complete log window. To end it, take the "
        "answer back in decisions.yaml and plan again.",
        ref.MIGRATING_ENTRIES,
        ("loss",),
    ),
)
