"""Everything that decisions look up, indexed once per plan, and the small values that decisions
consist of.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.name_references import NameIndex
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.principals.find_principal import Found, IamIndex
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.reading.templates import rendered_row
from migrator.decide.reading.who_can_match import RowGroup, row_groups
from migrator.model.access_entry import AccessEntry, AuthenticationMode, EntrySpec
from migrator.model.aws_auth import AwsAuth
from migrator.model.decision import Decisions
from migrator.model.long_lists import some_of
from migrator.model.plan import Strategy, Target
from migrator.model.principal import parse_arn
from migrator.model.snapshot import FargateProfile, Login, Node, Nodegroup, Snapshot
from migrator.model.step import CreateBinding

_NOT_MANAGED = frozenset({"DELETING", "CREATE_FAILED", "DELETE_FAILED"})
_LISTED = frozenset({"type", "name", "oidc"})
_SHOWN_NAMES = 8
COMPUTE = "eks.amazonaws.com/compute-type"
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}", re.ASCII)
_MANAGED_INSTANCE = re.compile(r"mi-[0-9a-f]{8,17}", re.ASCII)
NameForm: TypeAlias = Literal["instance-id", "managed-instance", "host"]
CLUSTER_ADMIN = "AmazonEKSClusterAdminPolicy"

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What runs under a role: managed node groups and Fargate profiles that count, and what live
    nodes are.

    ``arn`` is the role's full ARN as EKS or EC2 spells it. ``systems`` and ``computes`` are the
    labels of live nodes (``linux``, ``windows``; ``fargate``, ``hybrid``, …); ``names`` is how
    those are named that have no such label.
    """

    arn: str = ""
    nodegroups: tuple[Nodegroup, ...] = ()
    profiles: tuple[FargateProfile, ...] = ()
    systems: frozenset[str] = frozenset()
    computes: frozenset[str] = frozenset()
    live: int = 0
    names: frozenset[NameForm] = frozenset()

    @property
    def any(self) -> bool:
        """Whether nodes run, or may start at any time, under the role."""
        return bool(self.nodegroups or self.profiles or self.live)


UNUSED = NodeUse()


@dataclass(frozen=True, slots=True)
class DesiredEntry:
    """What follows for one principal from its row and its nodes, before existing entries and
    answers.

    ``action`` is ``create`` (with ``entry``), ``await`` (``entry`` is EKS's own, ``update`` what it
    becomes), ``skip``, or ``block`` (``entry`` may hold the best answer).
    """

    action: str
    entry: EntrySpec | None = None
    notes: tuple[DraftFinding, ...] = ()
    bindings: tuple[CreateBinding, ...] = ()
    update: EntrySpec | None = None


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """One snapshot with the answers, indexed. Keys are canonical ARNs, lower-cased."""

    snapshot: Snapshot
    decisions: Decisions
    strategy: Strategy
    target: Target
    aws_auth: AwsAuth
    iam: IamIndex
    names: NameIndex
    index: RbacIndex | None
    nodes: Mapping[str, NodeUse]
    entries: Mapping[str, tuple[AccessEntry, ...]]
    logins: Mapping[str, tuple[Login, ...]]
    rows_by_arn: tuple[RowGroup, ...]
    row_groups: frozenset[str]
    row_keys: frozenset[str]
    accept_gap: bool = False
    found: dict[str, Found] = field(default_factory=dict)
    # group -> the access policies that replace it
    replacements: dict[str, object] = field(default_factory=dict)

    @property
    def mode(self) -> AuthenticationMode:
        """The cluster's authentication mode."""
        return self.snapshot.cluster.authentication_mode

    def policy_arn(self, name: str) -> str:
        """The ARN of an access policy in the cluster's partition; an ARN is left as it is."""
        if name.startswith("arn:"):
            return name
        return f"arn:{self.snapshot.cluster.partition}:eks::aws:cluster-access-policy/{name}"

    def offers(self, policy_arn: str) -> bool:
        """Whether the partition offers the policy, as far as that was asked."""
        known = self.snapshot.access_policies
        # The list was not read: nothing is known against the policy.
        if known is None:
            return True
        return policy_arn in known

    @property
    def oidc_groups_known(self) -> bool:
        """Whether it is known of every OIDC identity provider which groups its tokens may carry.

        A provider of which only type and name were listed (ListIdentityProviderConfigs) may carry
        any.
        """
        configs = self.snapshot.identity_provider_configs
        if configs is None:
            return False
        return all(map(_is_described, configs))

    def explains(self, key: str) -> bool:
        """Whether a login under this canonical ARN has a reason: a row, an entry, mapAccounts, the
        hidden creator.
        """
        if self._is_named(key):
            return True
        creator = self.snapshot.creator
        # No list shows the hidden creator, and it logs in.
        if creator is not None and principal_key(creator.arn) == key:
            return True
        arn = parse_arn(key)
        if arn is None:
            return False
        return arn.account in {row.account for row in self.aws_auth.accounts}

    def _is_named(self, key: str) -> bool:
        """Whether a row or an entry is for this canonical ARN."""
        if key in self.row_keys:
            return True
        return key in self.entries

    def is_planned_elsewhere(self, arn: str) -> bool:
        """Whether a live row or an entry decides about this principal."""
        return self._is_named(principal_key(arn))

    def find(self, arn: str) -> Found:
        """The IAM principal, looked up once."""
        key = principal_key(arn)
        if key not in self.found:
            self.found[key] = self.iam.find(arn)
        return self.found[key]


def gather(
    snapshot: Snapshot,
    decisions: Decisions,
    aws_auth: AwsAuth,
    *,
    strategy: Strategy,
    target: Target,
    accept_gap: bool = False,
) -> PlanFacts:
    """Index the snapshot."""
    # What a group may do is the sum of all bindings: from a part of them nothing follows.
    is_part_unread = any(name.startswith("rbac.") for name in snapshot.unknown)
    rbac_whole = snapshot.rbac is not None and not is_part_unread
    index = None
    if snapshot.rbac is not None and rbac_whole:
        index = RbacIndex(snapshot.rbac)
    return PlanFacts(
        snapshot=snapshot,
        decisions=decisions,
        strategy=strategy,
        target=target,
        aws_auth=aws_auth,
        iam=IamIndex(snapshot.iam_principals, snapshot.accounts_read, snapshot.cluster.account_id),
        names=NameIndex(snapshot.rbac, snapshot.group_references, complete=rbac_whole),
        index=index,
        nodes=_node_use(snapshot),
        entries=_entries(snapshot),
        logins=_logins(snapshot),
        rows_by_arn=row_groups(aws_auth.rows),
        row_groups=frozenset(
            group for row in aws_auth.rows for group in rendered_row(row, row.arn)[1]
        ),
        row_keys=frozenset(row_key(row.arn) for row in aws_auth.rows),
        accept_gap=accept_gap,
    )


def facts_at_end(facts: PlanFacts, after: Snapshot) -> PlanFacts:
    """The same questions asked of the simulated end of a plan: its steps change entries and
    bindings of our own, and nothing else that was indexed.
    """
    index = facts.index
    # The simulation gives the same object where no step changes RBAC: then the index holds too.
    if after.rbac is not facts.snapshot.rbac and index is not None and after.rbac is not None:
        index = RbacIndex(after.rbac)
    return replace(
        facts, snapshot=after, index=index, entries=_entries(after), found={}, replacements={}
    )


def _is_described(config: Mapping[str, object]) -> bool:
    """Whether more than the name of an OIDC identity provider was read."""
    if config.get("oidc"):
        return True
    return not config.keys() <= _LISTED


def managed(status: str) -> bool:
    """Whether a node group or profile of this status counts: not being deleted, not failed."""
    return status.upper() not in _NOT_MANAGED


def name_form(node: str) -> NameForm:
    """How a node is named: by the id of its EC2 instance, by that of a managed instance of Systems
    Manager (hybrid nodes), or by a host name.
    """
    # A host name by resource (i-….region.compute.internal) is the instance's private DNS name.
    if _INSTANCE_ID.fullmatch(node):
        return "instance-id"
    if _MANAGED_INSTANCE.fullmatch(node):
        return "managed-instance"
    return "host"


@dataclass(slots=True)
class _RoleUse:
    """What was found so far under one role."""

    arn: str
    nodegroups: list[Nodegroup] = field(default_factory=list)
    profiles: list[FargateProfile] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def as_value(self) -> NodeUse:
        return NodeUse(
            self.arn,
            tuple(self.nodegroups),
            tuple(self.profiles),
            systems=self._labels("kubernetes.io/os"),
            computes=self._labels(COMPUTE),
            live=len(self.nodes),
            names=frozenset(self._forms()),
        )

    def _forms(self) -> Iterator[NameForm]:
        for node in self.nodes:
            # The label says more than a name: a certificate's name on a hybrid node looks like a
            # host name.
            if node.labels.get(COMPUTE, "").lower() not in ("fargate", "hybrid", "auto"):
                yield name_form(node.name)

    def _labels(self, name: str) -> frozenset[str]:
        values = {node.labels.get(name, "").lower() for node in self.nodes}
        return frozenset(values - {""})


def _node_use(snapshot: Snapshot) -> dict[str, NodeUse]:
    roles: dict[str, _RoleUse] = {}
    for role, group in _managed_groups(snapshot):
        _under(roles, role).nodegroups.append(group)
    for profile in snapshot.fargate_profiles or ():
        if managed(profile.status):
            _under(roles, profile.pod_execution_role).profiles.append(profile)
    for node in snapshot.nodes or ():
        # Where the instance profile of a node was not read, its role is unknown.
        if not node.role_arn:
            continue
        _under(roles, node.role_arn).nodes.append(node)
    return {key: role.as_value() for key, role in roles.items()}


def _managed_groups(snapshot: Snapshot) -> Iterator[tuple[str, Nodegroup]]:
    """Node groups that EKS manages, each with its role."""
    # EKS takes the role of a deleted node group out of aws-auth (EKS user guide, "Delete a managed
    # node group"): such a group is no reason to expect an entry.
    for group in snapshot.nodegroups or ():
        if not managed(group.status):
            continue
        # A snapshot that a person made may leave the role out.
        if group.node_role:
            yield group.node_role, group


def _under(roles: dict[str, _RoleUse], arn: str) -> _RoleUse:
    """What was found under a role, in the spelling that was seen first."""
    return roles.setdefault(principal_key(arn), _RoleUse(arn))


def _entries(snapshot: Snapshot) -> dict[str, tuple[AccessEntry, ...]]:
    return _by_key((entry.principal_arn, entry) for entry in snapshot.access_entries or ())


def _logins(snapshot: Snapshot) -> dict[str, tuple[Login, ...]]:
    # Without a log window, no login is known.
    if snapshot.usage is None:
        return {}
    return _by_key((login.arn, login) for login in snapshot.usage.logins)


def _by_key(found: Iterable[tuple[str, _Found]]) -> dict[str, tuple[_Found, ...]]:
    """What was found of each ARN, by canonical ARN: roles of one name under two paths (one of them
    deleted) share a key.
    """
    by_key: dict[str, list[_Found]] = {}
    for arn, item in found:
        by_key.setdefault(principal_key(arn), []).append(item)
    return {key: tuple(items) for key, items in by_key.items()}


def quoted(names: Iterable[str]) -> str:
    """Names in a message: each in backquotes, a long list cut."""
    return some_of([f"`{name}`" for name in names], _SHOWN_NAMES)
