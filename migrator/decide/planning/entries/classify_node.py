"""Node roles: which type of entry they need, whether EKS makes it, and when a person must decide.

The type of an entry cannot be changed, and node types fix username and groups (EKS user guide,
"Create access entries"). So a role with two intents cannot be expressed. A role is a node role by
the username in its row, or by nodes that run under it. A trust policy alone never makes a node
role: it refutes one, or chooses between types.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.entries.entry_identity import NODE_IDENTITIES
from migrator.decide.planning.principals.find_principal import Found
from migrator.decide.planning.principals.plan_facts import (
    CLUSTER_ADMIN,
    DesiredEntry,
    NameForm,
    NodeUse,
    PlanFacts,
    quoted,
)
from migrator.decide.reading.templates import (
    EC2_NAME,
    SESSION,
    SESSION_RAW,
    rendered_row,
    templates_in,
)
from migrator.model.access_entry import (
    RESERVED_PREFIXES,
    AssociatedPolicy,
    AuthenticationMode,
    EntrySpec,
    EntryType,
)
from migrator.model.aws_auth import RowMapping
from migrator.model.principal import parse_arn

NODE_PREFIX = "system:node:"
WINDOWS_GROUP = "eks:kube-proxy-windows"
PROXIER_GROUP = "system:node-proxier"
NODE_GROUPS = frozenset({"system:bootstrappers", "system:nodes", PROXIER_GROUP, WINDOWS_GROUP})
MASTERS = "system:masters"
OTHER_NAME = (
    "Answer under principals with action: create, a username with a colon before "
    "{{SessionName}}, and the policy AmazonEKSClusterAdminPolicy: nothing but the name changes."
)
# The usernames of node types. A node's name holds no @ (RFC 1123), so that the raw session's name
# is the same one.
NODE_NAMES = frozenset(NODE_PREFIX + template for template in (EC2_NAME, SESSION, SESSION_RAW))
_ALWAYS_DROPPED = frozenset({"", "system:authenticated", "system:nodes"})
_NOT_NEEDED = frozenset({"system:bootstrappers", PROXIER_GROUP})
_BY_HOST_NAME: frozenset[NameForm] = frozenset({"host"})
_BY_INSTANCE_ID: frozenset[NameForm] = frozenset({"instance-id"})
NAME_WORDS: Mapping[NameForm, str] = {
    "instance-id": "their instance id",
    "managed-instance": "the id of a managed instance",
    "host": "a host name",
}
# Services that nodes get their credentials through, and the kind of node that means.
_TRUSTS = {"ec2": "ec2", "eks-fargate-pods": "fargate", "ssm": "hybrid", "rolesanywhere": "hybrid"}


@dataclass(frozen=True, slots=True)
class _Role:
    """One role with everything that decides its type."""

    row: RowMapping
    found: Found
    use: NodeUse
    facts: PlanFacts

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(self.given)

    @property
    def given(self) -> tuple[str, ...]:
        """The row's groups in their order, with what is the same for every login rendered."""
        return rendered_row(self.row, self.row.arn)[1]

    @property
    def kinds(self) -> frozenset[str] | None:
        trusts = self.found.trusts
        if trusts is None:
            return None
        return frozenset(_TRUSTS[label] for label in trusts if label in _TRUSTS)

    @property
    def systems(self) -> frozenset[str]:
        """Operating systems of live nodes and of the images of managed node groups (CUSTOM names no
        system).
        """
        images = {_system_of(group.ami_type) for group in self.use.nodegroups}
        return self.use.systems | (images - {""})

    def block(
        self,
        code: str,
        message: str,
        entry_type: EntryType | None = None,
    ) -> DesiredEntry:
        return DesiredEntry(
            "block",
            EntrySpec(entry_type) if entry_type else None,
            (DraftFinding(code, message, row=self.row),),
        )


def _system_of(ami_type: str) -> str:
    # A launch template that names an image has the type CUSTOM (EKS API, CreateNodegroup).
    if ami_type in ("", "CUSTOM"):
        return ""
    return "windows" if ami_type.startswith("WINDOWS") else "linux"


def is_node_template(row: RowMapping | None) -> bool:
    """Whether the username is a node's: ``system:node:`` and a template of the instance or the
    session.
    """
    if row is None or not row.username.startswith(NODE_PREFIX):
        return False
    return not {EC2_NAME, SESSION, SESSION_RAW}.isdisjoint(templates_in(row.username))


def classify_node(
    row: RowMapping | None,
    found: Found,
    use: NodeUse,
    facts: PlanFacts,
) -> DesiredEntry | None:
    """What a node role needs; None for a principal that is no node. It is not called for dead rows
    and absent roles.
    """
    if not is_node_template(row):
        return no_node_row(row, use, facts.mode) if use.any else None
    assert row is not None  # noqa: S101 - a row without a username has no template
    role = _Role(row, found, use, facts)
    # First: whatever else is wrong with the row, the only answer is to leave it out (EKS API: node
    # types take roles of the cluster's own account alone).
    if found.foreign:
        return role.block("foreign-node-row", "The row names nodes with a role of another account.")
    # A node entry gives no policy: the power of the group would be lost without a word.
    if MASTERS in role.groups:
        return _with_masters(role)
    if row.username not in NODE_NAMES:
        return role.block(
            "node-name-differs", f"`{row.username}` is no name that a node entry gives."
        )
    if "system:nodes" not in role.groups:
        message = (
            "The row names nodes, but the group `system:nodes` is not among the groups it "
            "really gives."
        )
        return role.block("node-row-without-nodes-group", message)
    # An entry has one type, and it cannot be changed (EKS API).
    if role.kinds is not None and len(role.kinds) > 1:
        message = (
            f"The trust policy names {quoted(sorted(found.trusts or ()))}: several kinds of nodes."
        )
        return role.block("node-trust-ambiguous", message)
    return _of_instances(role) if EC2_NAME in row.username else _of_sessions(role)


def _with_masters(role: _Role) -> DesiredEntry:
    """An administrator under the name of nodes: on a role that no node can assume, it is a person's
    or a pipeline's, and everything but the name can be carried.
    """
    if not _is_of_people(role):
        return role.block(
            "node-row-with-masters", "The row names nodes and gives `system:masters`."
        )
    message = (
        "An administrator under a node's name: the trust policy of the role admits no node. The "
        "name cannot be carried."
    )
    return DesiredEntry(
        "block",
        entry_of_people(role.found.arn, role.given, role.facts),
        (DraftFinding("node-row-with-masters", message, row=role.row, remedy=OTHER_NAME),),
    )


def _is_of_people(role: _Role) -> bool:
    """Whether no kind of node can assume the role, and no node was seen under it."""
    return role.kinds == frozenset() and not role.use.any


def entry_of_people(arn: str, groups: Sequence[str], facts: PlanFacts) -> EntrySpec:
    """What an entry can carry of a row under a node's name: its ordinary groups, and the policy of
    an administrator, under the name of the principal.
    """
    name = arn.rpartition("/")[2]
    parsed = parse_arn(arn)
    # A user has no session.
    if parsed is None or parsed.kind != "user":
        name = f"{name}:{SESSION}"
    # EKS user guide, "Create access entries": names of entries may not begin so.
    if name.startswith(RESERVED_PREFIXES):
        name = f"role-{name}"
    kept = [each for each in groups if each and not each.startswith(RESERVED_PREFIXES)]
    policies: tuple[AssociatedPolicy, ...] = ()
    if MASTERS in groups:
        policies = (AssociatedPolicy(facts.policy_arn(CLUSTER_ADMIN)),)
    ordinary = tuple(each for each in kept if not templates_in(each))
    return EntrySpec("STANDARD", name, ordinary, policies)


def no_node_row(row: RowMapping | None, use: NodeUse, mode: AuthenticationMode) -> DesiredEntry:
    """Nodes run under a role whose row is no node's, or that has none: two intents and one
    immutable entry.
    """
    who = _users_of(use)
    if row is None:
        message = f"{who} use this role, and no row gives it an identity."
    else:
        message = (
            f"{who} use this role, but its row gives the username `{row.username}`, which "
            f"is "
            f"no node's."
        )
    remedy = _without_node_row(row, use, mode)
    note = DraftFinding("node-role-without-node-row", message, row=row, remedy=remedy)
    return DesiredEntry("block", None, (note,))


def _without_node_row(row: RowMapping | None, use: NodeUse, mode: AuthenticationMode) -> str:
    """What ends ``node-role-without-node-row``: only answers that the next plan takes."""
    correct = "Correct the row, or give nodes and people roles of their own"
    if row is None:
        correct = "Give the role the row of nodes in aws-auth"
    if mode == "API":
        correct = "Make an access entry of the type that the nodes need"
    kind = automatic_type(use)
    # Only EKS makes entries for Fargate.
    if kind == "FARGATE_LINUX":
        return f"{correct}, then plan again."
    if row is None and use.nodegroups:
        return (
            f"{correct}. Or answer under principals with action: create and type: "
            f"{kind or '<type>'}: the nodes get an identity."
        )
    if row is None:
        return f"{correct}. Or answer under principals with action: skip: nothing is made for it."
    # No answer changes the type of the entry that EKS makes at the mode switch.
    if mode == "CONFIG_MAP" and (use.nodegroups or use.profiles):
        return f"{correct}, then plan again."
    return (
        f"{correct}. Or answer under principals with action: create, type: STANDARD, and the "
        "username, the groups and the policy that keep what the row gives."
    )


def _users_of(use: NodeUse) -> str:
    users = [f"node group `{group.name}`" for group in use.nodegroups]
    users += [f"Fargate profile `{profile.name}`" for profile in use.profiles]
    if use.live:
        users.append(f"{use.live} live node{'s' if use.live > 1 else ''}")
    return ", ".join(users)


def _of_instances(role: _Role) -> DesiredEntry:
    """``system:node:{{EC2PrivateDNSName}}``: EC2_LINUX or EC2_WINDOWS."""
    # Without nodes under the role the row is dead, and was classified before.
    if role.kinds is not None and "ec2" not in role.kinds:
        message = f"{_users_of(role.use)} use this role, but its trust policy names no EC2 service."
        return role.block("node-template-refuted", message)
    if role.use.profiles or not role.use.computes.isdisjoint({"fargate", "hybrid"}):
        return role.block(
            "node-trust-ambiguous",
            f"The row names EC2 instances, but {_users_of(role.use)} use the role.",
        )
    if use_contradicts(role.use, _BY_HOST_NAME):
        return _names_contradict(role)
    # Nodes of one role on both systems need two roles (EKS user guide, "Deploy Windows nodes").
    if len(role.systems) > 1:
        return role.block(
            "node-os-mixed",
            f"{_users_of(role.use)} use this role, with {quoted(sorted(role.systems))}.",
        )
    if WINDOWS_GROUP in role.groups:
        return _as_windows(role)
    if "windows" not in role.systems:
        return _with_type(role, "EC2_LINUX")
    desired = _with_type(role, "EC2_WINDOWS")
    message = f"{_users_of(role.use)}: Windows, and the row lacks `{WINDOWS_GROUP}`."
    note = DraftFinding("windows-group-added", message, groups=(WINDOWS_GROUP,))
    return replace(desired, notes=(*desired.notes, note))


def _as_windows(role: _Role) -> DesiredEntry:
    """The row says Windows: its group is carried by EC2_WINDOWS alone. Linux nodes log in under
    that type, too, but they cannot be what the row was written for, and the type is immutable.
    """
    desired = _with_type(role, "EC2_WINDOWS")
    # A node group on Linux gets another automatic entry, which blocks for itself.
    if "linux" not in role.use.systems:
        return desired
    message = (
        f"{_users_of(role.use)}: Linux, and the row has `{WINDOWS_GROUP}`, so that the entry is "
        "of type EC2_WINDOWS."
    )
    note = DraftFinding("node-os-differs", message)
    return replace(desired, notes=(*desired.notes, note))


def _of_sessions(role: _Role) -> DesiredEntry:
    """``system:node:{{SessionName}}``: Fargate, hybrid nodes, or instance ids as node names."""
    kind = _session_kind(role)
    if kind is None:
        return role.block(
            "node-type-unknown",
            "Fargate, hybrid nodes or instance-id node names: nothing read tells.",
        )
    if kind == "refuted":
        message = "The trust policy names no service that nodes get credentials through."
        note = DraftFinding("node-template-refuted", message, row=role.row)
        proposed = entry_of_people(role.found.arn, role.given, role.facts)
        return DesiredEntry("block", None if role.use.any else proposed, (note,))
    if _is_used_otherwise(kind, role.use):
        message = (
            f"The row and the trust policy tell of other nodes than {_users_of(role.use)}, "
            f"which use the role."
        )
        return role.block("node-trust-ambiguous", message)
    if kind == "ec2":
        return _named_by_instance_id(role)
    return _fargate(role) if kind == "fargate" else _with_type(role, "HYBRID_LINUX")


def use_contradicts(use: NodeUse, forms: frozenset[NameForm]) -> bool:
    """Whether live nodes have names of another form than these."""
    return not use.names <= forms


def _names_contradict(role: _Role) -> DesiredEntry:
    """The node authorizer admits a kubelet as the node of its own name: the row cannot be that of
    these nodes.
    """
    names = " and ".join(NAME_WORDS[form] for form in sorted(role.use.names))
    message = (
        f"The row gives the username `{role.row.username}`, but the live nodes of the role are "
        f"named by {names}."
    )
    kind = "EC2_LINUX" if EC2_NAME in role.row.username else "EC2"
    remedy = (
        "Look whether the nodes are Ready and under which role they run. Correct the row so that "
        "it gives them their names, then plan again."
    )
    # For a managed node group EKS makes its own entry at the mode switch: no answer precedes it.
    is_awaited = role.facts.mode == "CONFIG_MAP" and bool(role.use.nodegroups)
    if not is_awaited or automatic_type(role.use) == kind:
        remedy += (
            f" Where the row is right, answer with type: {kind} under principals: the entry gives "
            "what the row gives."
        )
    note = DraftFinding("node-names-contradict", message, row=role.row, remedy=remedy)
    return DesiredEntry("block", None, (note,))


def _named_by_instance_id(role: _Role) -> DesiredEntry:
    """Nodes on EC2 whose session, the instance id, is their name: type EC2.

    Amazon EKS AMIs and Bottlerocket name nodes so where the feature InstanceIdNodeName is on
    (awslabs/amazon-eks-ami#1821, #2392).
    """
    if use_contradicts(role.use, _BY_INSTANCE_ID):
        return _names_contradict(role)
    message = "Nodes are named by session on a role for EC2 instances."
    # For every managed node group on Linux EKS makes EC2_LINUX at the mode switch, whatever the
    # row says: no answer can precede it.
    if role.facts.mode == "CONFIG_MAP" and role.use.nodegroups:
        return _behind_automatic(role, message)
    return role.block("instance-id-node-names", message, "EC2")


def _behind_automatic(role: _Role, message: str) -> DesiredEntry:
    """EKS's own entry will shadow the row at the mode switch, and is of another type than EC2.

    The type of an entry cannot be changed, and EKS makes the entry once: after it is deleted, the
    row answers, and an entry of type EC2 can be made.
    """
    cluster = role.facts.snapshot.cluster.name
    made = automatic_type(role.use) or "another type"
    message = (
        f"{message} These need an entry of type EC2. EKS makes one of type {made} for "
        f"{_users_of(role.use)} at the mode switch: the nodes could not act as themselves any more."
    )
    remedy = (
        "One way: give these nodes a role of their own without a managed node group (a "
        "self-managed group), add its row, let them join, then plan again. The other way, with "
        "NotReady nodes until its second step: (1) switch the mode yourself, `aws eks "
        f"update-cluster-config --name {cluster} --access-config "
        "authenticationMode=API_AND_CONFIG_MAP`; (2) delete EKS's entry, `aws eks "
        f"delete-access-entry --cluster-name {cluster} --principal-arn {role.found.arn}`: the row "
        "is in force again; (3) plan again, and answer with type: EC2."
    )
    note = DraftFinding("automatic-entry-differs", message, row=role.row, remedy=remedy)
    return DesiredEntry("block", EntrySpec("EC2"), (note,))


def _is_used_otherwise(kind: str, use: NodeUse) -> bool:
    """Whether nodes of another kind use the role too. Nodes on EC2 have no compute type that names
    another place.
    """
    if kind == "ec2":
        return bool(use.profiles) or not use.computes.isdisjoint({"fargate", "hybrid"})
    # Nodes of a node group are EC2 instances.
    if use.nodegroups:
        return True
    if kind == "hybrid" and use.profiles:
        return True
    # A live node without a compute type runs on EC2.
    if use.live > 0 and kind not in use.computes:
        return True
    return not use.computes <= {kind}


def _session_kind(role: _Role) -> str | None:
    """The kind by the trust policy; where that was not read, by who uses the role, or by Fargate's
    own group.
    """
    if role.kinds is not None:
        return next(iter(role.kinds), "refuted")
    if role.use.profiles or "fargate" in role.use.computes:
        return "fargate"
    # EKS user guide: of the rows for nodes, only that of Fargate gives this group.
    if PROXIER_GROUP in role.groups:
        return "fargate"
    if "hybrid" in role.use.computes:
        return "hybrid"
    return None


def _fargate(role: _Role) -> DesiredEntry:
    """Only EKS makes entries for Fargate."""
    if role.use.profiles:
        return _fargate_in_use(role)
    # With a profile that was not read, EKS makes the entry; without any, the row is of no use.
    if role.facts.snapshot.fargate_profiles is None:
        return role.block(
            "fargate-profiles-unread", "The row is a Fargate row, and the profiles were not read."
        )
    note = DraftFinding(
        "fargate-unused",
        "The row is a Fargate row, and no Fargate profile uses the role.",
        row=role.row,
    )
    return DesiredEntry("skip", None, (note,))


def _fargate_in_use(role: _Role) -> DesiredEntry:
    # EKS made the entry at the mode switch: where it is missing, only EKS can make it.
    if role.facts.mode != "CONFIG_MAP":
        profiles = quoted(profile.name for profile in role.use.profiles)
        return role.block(
            "fargate-entry-missing",
            f"Fargate profile {profiles} uses the role; it has no entry.",
        )
    dropped = _extra_groups(role, "FARGATE_LINUX")
    if dropped.action == "block":
        return dropped
    return _awaited(role, "FARGATE_LINUX", (*dropped.notes, *_added_by_fargate(role)))


def _added_by_fargate(role: _Role) -> tuple[DraftFinding, ...]:
    if PROXIER_GROUP in role.groups:
        return ()
    message = f"{_users_of(role.use)}: Fargate, and the row lacks `{PROXIER_GROUP}`."
    return (DraftFinding("fargate-group-added", message, row=role.row, groups=(PROXIER_GROUP,)),)


def _with_type(role: _Role, entry_type: EntryType) -> DesiredEntry:
    """The entry that EKS itself will make is compared first: an entry of another type than the
    nodes need cannot be accepted.
    """
    awaited = role.facts.mode == "CONFIG_MAP" and bool(role.use.nodegroups)
    expected = automatic_type(role.use)
    if awaited and expected != entry_type:
        message = (
            f"EKS will make an entry of type {expected} for {_users_of(role.use)}; needed "
            f"is "
            f"{entry_type}."
        )
        return role.block("automatic-entry-differs", message, entry_type)
    checked = _extra_groups(role, entry_type)
    if checked.action == "block":
        return checked
    if awaited:
        return _awaited(role, entry_type, checked.notes)
    return DesiredEntry("create", EntrySpec(entry_type), checked.notes)


def automatic_type(use: NodeUse) -> EntryType | None:
    """The type of the entry that EKS makes for the node groups and Fargate profiles that use a
    role; None where there are several types, or no such use.

    For node groups EC2_WINDOWS with EKS's own Windows images only, and EC2_LINUX for everything
    else, CUSTOM included.
    """
    types: set[EntryType] = set()
    if use.profiles:
        types.add("FARGATE_LINUX")
    if use.nodegroups:
        windows = any(group.ami_type.startswith("WINDOWS") for group in use.nodegroups)
        types.add("EC2_WINDOWS" if windows else "EC2_LINUX")
    return types.pop() if len(types) == 1 else None


def _awaited(role: _Role, entry_type: EntryType, notes: tuple[DraftFinding, ...]) -> DesiredEntry:
    note = DraftFinding(
        "automatic-entry",
        f"EKS makes an entry of type {entry_type} for {_users_of(role.use)}.",
        row=role.row,
    )
    return DesiredEntry("await", EntrySpec(entry_type), (*notes, note))


def _extra_groups(role: _Role, entry_type: EntryType) -> DesiredEntry:
    """Groups that a node entry cannot carry: dropped where they give nothing, else a person
    decides.
    """
    # The authenticator renders groups for each login; what they give is not known before.
    templates = [group for group in role.given if templates_in(group)]
    if templates:
        return role.block(
            "group-template", f"Groups built from the login: {quoted(templates)}.", entry_type
        )
    given = _ALWAYS_DROPPED | frozenset(NODE_IDENTITIES[entry_type][1])
    extra = [group for group in role.given if group not in given]
    further = [group for group in extra if group not in _NOT_NEEDED]
    places = {group: role.facts.names.of_group(group) for group in further}
    named = [group for group in further if places[group]]
    if further and not role.facts.names.complete:
        message = (
            f"The row has further groups, {quoted(further)}, and it was not read what names them."
        )
        return role.block("node-row-extra-groups", message, entry_type)
    # A DaemonSet's rights or an admission rule may rest on the group.
    if named:
        where = quoted(chain.from_iterable(places[group] for group in named))
        message = (
            f"The row has further groups, {quoted(named)}, named by {where}: a node entry "
            f"cannot carry them."
        )
        return role.block("node-row-extra-groups", message, entry_type)
    if not extra:
        return DesiredEntry("create")
    message = f"{quoted(extra)}: not carried by an entry of type {entry_type}."
    note = DraftFinding("node-groups-dropped", message, row=role.row, groups=tuple(extra))
    return DesiredEntry("create", None, (note,))
