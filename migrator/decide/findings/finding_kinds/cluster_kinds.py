"""Findings about the cluster and the snapshot."""

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import FindingKind

KINDS: tuple[FindingKind, ...] = (
    FindingKind(
        "nothing-to-migrate",
        "info",
        "There is no aws-auth ConfigMap, or nothing in it is in force.",
        "That is a valid state: no principal logs in through aws-auth.",
        "Nothing has to be done.",
        ref.AUTH_CONFIGMAP,
    ),
    FindingKind(
        "outpost-without-entries",
        "block",
        "A local cluster on an Outpost has no access entries.",
        "EKS refuses the authentication modes that read them there.",
        "No answer lifts this: the cluster keeps aws-auth.",
        ref.OUTPOSTS,
    ),
    FindingKind(
        "platform-without-entries",
        "block",
        "The cluster's platform version is older than access entries.",
        "EKS refuses the authentication modes that read them there.",
        "No answer lifts this: update the cluster first, then plan again.",
        ref.SETTING_UP_ENTRIES,
    ),
    FindingKind(
        "entries-over-quota",
        "block",
        "The plan needs more access entries than EKS admits in one cluster.",
        "The quota of 3,000 entries cannot be raised: the last principals would get no entry.",
        "Leave principals out, or delete entries that no principal needs.",
        ref.QUOTAS,
    ),
    FindingKind(
        "nodes-join-by-address",
        "warn",
        "The public endpoint admits listed addresses only, the private endpoint is off, and not "
        "every subnet of nodes is certainly admitted.",
        "Nodes and Fargate pods then leave the VPC to reach the API server, and join only from "
        "listed addresses. It blocks where a node group says that instances failed to join.",
        "Switch private access on (endpointPrivateAccess=true): there is no address to keep. Or "
        "list the addresses of the NAT gateways in publicAccessCidrs.",
        ref.ENDPOINT,
    ),
    FindingKind(
        "input-unknown",
        "warn",
        "Something was not read, which weakens decisions.",
        "What is unknown is never taken for absent.",
        "Allow the snapshot to read it.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "entries-unread",
        "block",
        "The cluster has access entries, and they were not read.",
        "An entry that exists decides already; what would be made beside it is not known.",
        "Let the snapshot list the access entries (eks:ListAccessEntries, "
        "eks:DescribeAccessEntry).",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "creator-unknown",
        "warn",
        "Who created the cluster is not known; EKS makes an entry for that principal at the first "
        "mode switch.",
        "The creator is a hidden admin in CONFIG_MAP mode.",
        "Allow cloudtrail:LookupEvents (it reaches back 90 days), plan with --usage from `migrate "
        "observe`, or answer "
        "`creator` in decisions.yaml. If EKS makes the entry of a principal of the plan, the run "
        "completes it.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "creator-becomes-entry",
        "info",
        "The cluster's creator is a hidden admin; EKS makes its entry, with "
        "AmazonEKSClusterAdminPolicy, itself.",
        "The first mode switch is the cut-over for the creator.",
        "Nothing has to be done. Delete the entry later, if the creator shall not be an admin.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "creator-row-differs",
        "block",
        "The creator's row has groups or a name that something in the cluster names; EKS's own "
        "entry has neither.",
        "The automatic entry shadows the row at the mode switch, until it is updated.",
        "Accept the gap under accept_loss: the entry is updated right after the switch. Or write "
        "the creator's row with the username that EKS gives and no further groups.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "creator-entry-wider",
        "block",
        "EKS's own entry for the cluster's creator gives AmazonEKSClusterAdminPolicy; the "
        "creator's row does not.",
        "With a row, the creator is what the row says until the mode step. EKS's policy is never "
        "taken away silently.",
        "Answer under principals with action: create and the policies that the entry shall have. "
        "Or answer `creator` in decisions.yaml (arn, by, reason): the policy stays.",
        ref.ACCESS_ENTRIES,
        ("gain",),
    ),
    FindingKind(
        "creator-name-referenced",
        "warn",
        "Something in the cluster names kubernetes-admin, the hidden creator's name, which goes.",
        "The automatic entry gives the creator another name.",
        "Name the new username there too.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "single-admin",
        "warn",
        "After the migration there are not two independent admins.",
        "The principal that runs the tool is migrated last. If that step fails, a second admin "
        "must repair it.",
        "Add an admin, or name under break_glass an IAM principal that may create access entries.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "login-unexplained",
        "warn",
        "The logs show a login that no row and no access entry explains.",
        "It was the hidden creator, or the row was changed or deleted since.",
        "Find out which principal that is before cut-over: its access may end there. Map it in "
        "aws-auth, or let the logs run past its last login.",
        ref.ACCESS_ENTRIES,
    ),
    FindingKind(
        "gap-accepted",
        "warn",
        "Admins have no access between the creation of their entry and its access policy, as "
        "accepted.",
        "An entry shadows its row immediately, and its policy is associated by a second call. On "
        "roll-back EKS deletes the policy together with the entry, and the API server caches "
        "logins by the entry for two minutes.",
        "Plan without `--accept-gap` where bindings may be created.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "leftover-bridge",
        "warn",
        "A bridge of an earlier run still exists.",
        "The run was interrupted before it could remove it.",
        "Nothing has to be done. `migrate apply` removes it at its end, and `migrate rollback "
        "CLUSTER --leftovers` without a run.",
        ref.RBAC,
    ),
    FindingKind(
        "rehearsal-unfinished",
        "block",
        "aws-auth is blank, and a rehearsal that has not ended left its objects in the cluster.",
        "The rehearsal saved the rows, and its timer restores them. A plan made now would have no "
        "rows.",
        "Wait until the timer of the rehearsal has restored aws-auth (`migrate status` says when), "
        "or run `migrate rehearse PLAN --image IMAGE` in the folder that began it. Then plan "
        "again.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "bridge-name-used",
        "block",
        "Something in the cluster uses a name that is kept for a run's own groups.",
        "Every principal with that group would be an admin during a run.",
        "Rename that group or remove it.",
        ref.RBAC,
    ),
)
