"""Findings about people and pipelines: usernames, groups, access policies."""

from migrator.decide.findings.finding_kinds import references as ref
from migrator.model.finding_kind import FindingKind

_RESERVED = "Names in entries may not start with system:, eks:, aws:, amazon: or iam:."

KINDS: tuple[FindingKind, ...] = (
    FindingKind(
        "masters-becomes-policy",
        "info",
        "system:masters becomes AmazonEKSClusterAdminPolicy; the other groups stay.",
        _RESERVED + " The policy allows the same, through another authorizer.",
        "Nothing has to be done. `also` under groups adds an ordinary group beside the policy "
        "for tools that go by groups.",
        ref.MIGRATING_ENTRIES,
    ),
    FindingKind(
        "masters-referenced",
        "warn",
        "Something in the cluster names system:masters; holders of the policy are no longer in "
        "that group.",
        "Exemptions of admission policies and flow schemas, and reviews by group, do not see "
        "access policies.",
        "Add an ordinary group with `also` under groups, and name it in these places beside "
        "system:masters.",
        ref.FLOW_CONTROL,
    ),
    FindingKind(
        "policy-unavailable",
        "block",
        "The cluster's partition does not offer this access policy.",
        "ListAccessPolicies does not name it.",
        "Bind a group to the ClusterRole that is meant, cluster-admin for administrators. Then "
        "answer under principals with this group and policies: [], or write the group into the "
        "row.",
        ref.POLICY_PERMISSIONS,
    ),
    FindingKind(
        "masters-also-group",
        "info",
        "The entry has an ordinary group bound to cluster-admin besides the access policy, as "
        "decided.",
        "It keeps exemptions, reviews by group and tools that cannot see access policies working.",
        "Nothing has to be done.",
        ref.RBAC,
    ),
    FindingKind(
        "reserved-group-dropped",
        "info",
        "A group with a reserved prefix that nothing names is left out.",
        _RESERVED,
        "Nothing has to be done.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "reserved-group-bound",
        "block",
        "A group with a reserved prefix that something in the cluster names.",
        _RESERVED + " Leaving it out would lose what it gives.",
        "Give a new name with rename_to under groups: parallel bindings of our own give the same "
        "to the new name.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "reserved-group-unread",
        "block",
        "A group with a reserved prefix, and it was not read what names it.",
        _RESERVED + " Whether anything would be lost is not known.",
        "Let the snapshot read RBAC and group references.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "group-name-unread",
        "block",
        "A new group gets bindings, and it was not read which groups OIDC identity providers may "
        "give.",
        "Every user that gets the same group from an OIDC token would gain what the bindings give.",
        "Let the snapshot read them (eks:ListIdentityProviderConfigs, "
        "eks:DescribeIdentityProviderConfig).",
        ref.OIDC,
    ),
    FindingKind(
        "reserved-group-renamed",
        "info",
        "A group gets a new name and parallel bindings of our own, as decided.",
        "Existing bindings are not edited: Helm, Argo CD or EKS would revert that.",
        "Nothing has to be done.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "renamed-group-referenced",
        "warn",
        "Something other than a binding names a group that gets a new name.",
        "Parallel bindings have no effect in these places.",
        "Name the new group in these places too, beside the old one, before apply.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "node-groups-bound",
        "block",
        "Groups of nodes under an ordinary username.",
        _RESERVED + " Node groups never get a twin: they are power of their own.",
        "Give the groups that are meant under principals, and accept under accept_loss what the "
        "groups of nodes give; or take them out of the row.",
        ref.NODE_AUTHORIZER,
    ),
    FindingKind(
        "username-default",
        "info",
        "The username cannot be carried; EKS gives its own, and nothing in the cluster can mean "
        "either.",
        "An entry wants a colon before the session's name, and no access key.",
        "Nothing has to be done. Audit logs show the new name.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "username-bound",
        "block",
        "The username cannot be carried, and something in the cluster can mean the old name or the "
        "new one.",
        "A new name loses what the old one has, or gains what others gave to it.",
        "Bind a new name as the old one is bound, and give it as username under principals. Or "
        "give a name under principals that nothing binds, and accept under accept_loss, too, what "
        "the old name gives.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "username-unread",
        "block",
        "The username cannot be carried, and it was not read what names it.",
        "Whether the name matters is not known.",
        "Let the snapshot read RBAC and group references. Where RBAC was read, a username under "
        "principals is an answer, too.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "username-ec2-template",
        "block",
        "{{EC2PrivateDNSName}} in the username of a principal that is no node.",
        "Only sessions of EC2 instances log in today; an access entry of type STANDARD admits "
        "every session of the role.",
        "Give a username under principals and accept under accept_gain that every session of the "
        "role logs in with it; "
        "or leave the role out with action: skip and accept_loss: its instances then lose access.",
        ref.SERVER,
    ),
    FindingKind(
        "username-reserved",
        "block",
        "A username with a reserved prefix that is no node's.",
        "Newer authenticators may already refuse it, so that an entry could be a new grant.",
        "Show a login with `migrate observe`, or attest with a username of your own under "
        "principals.",
        ref.SERVER,
    ),
    FindingKind(
        "username-empty",
        "info",
        "The row has no username; EKS gives its own.",
        "Every principal with such a row is the user with the empty name today.",
        "Nothing has to be done. Audit logs show the new name.",
        ref.CREATING_ENTRIES,
    ),
    FindingKind(
        "grants-nothing",
        "info",
        "A group or username that nothing binds is carried as it is.",
        "It may be used by what is installed later, or by tools outside RBAC.",
        "Nothing has to be done. Look for a name that is one letter off.",
        ref.RBAC,
    ),
    FindingKind(
        "group-replaced-by-policy",
        "warn",
        "A group is replaced by access policies, because the strategy asks for it.",
        "Its bindings are expressible as access policies.",
        "Read what is lost: access policies do not aggregate rules of custom resources. To keep "
        "the group, plan with the strategy preserve.",
        ref.POLICY_PERMISSIONS,
    ),
    FindingKind(
        "group-kept",
        "info",
        "A group is kept, although the strategy asks for access policies.",
        "Its bindings are not exactly expressible as access policies.",
        "Nothing has to be done.",
        ref.POLICY_PERMISSIONS,
    ),
    FindingKind(
        "policy-loses-rules",
        "block",
        "The access policies that would replace a group give less than its bindings.",
        "Access policies have fixed rules, without what is aggregated into view, edit and admin.",
        "Accept the loss under accept_loss, or use the strategy preserve.",
        ref.POLICY_PERMISSIONS,
    ),
)
