"""Which types of entry the nodes of a role can have, by three kinds of evidence that must agree:
their operating system, their names, and the role's row and trust policy.

A node entry gives one kind of name (EKS user guide, "Create access entries"): EC2_LINUX and
EC2_WINDOWS the private DNS name of the instance, EC2 and HYBRID_LINUX the session's name, which is
the instance id on EC2 and the name of the managed instance or the certificate on hybrid nodes. The
node authorizer admits a kubelet as the node of that name alone: under an entry that gives another
name, the node is NotReady.
"""

from collections.abc import Mapping
from typing import Final

from migrator.decide.planning.entries.classify_node import is_node_template
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.decide.planning.principals.plan_facts import DesiredEntry, NameForm, NodeUse
from migrator.decide.reading.templates import EC2_NAME, SESSION, SESSION_RAW, templates_in
from migrator.model.access_entry import EntryType
from migrator.model.snapshot import Nodegroup

_OTHER_LINUX: Final[frozenset[EntryType]] = frozenset({"FARGATE_LINUX", "HYBRID_LINUX"})
_LINUX_ON_EC2: Final[frozenset[EntryType]] = frozenset({"EC2_LINUX", "EC2"})
_BY_DNS_NAME: Final[frozenset[EntryType]] = frozenset({"EC2_LINUX", "EC2_WINDOWS"})
_BY_SESSION: Final[frozenset[EntryType]] = frozenset({"EC2", "HYBRID_LINUX", "FARGATE_LINUX"})
_ANY_NODE_TYPE: Final[frozenset[EntryType]] = frozenset(
    {"EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"}
)
_BY_NAME: Final[Mapping[NameForm, frozenset[EntryType]]] = {
    "instance-id": frozenset({"EC2"}),
    "managed-instance": frozenset({"HYBRID_LINUX"}),
    "host": _BY_DNS_NAME,
}
_NO_TYPE: Final[frozenset[EntryType]] = frozenset()
_BY_TEMPLATE: Final[Mapping[str, frozenset[EntryType]]] = {
    EC2_NAME: _BY_DNS_NAME,
    SESSION: _BY_SESSION,
    SESSION_RAW: _BY_SESSION,
}
# The services that nodes get their credentials through, by label.
_BY_TRUST: Final[Mapping[str, frozenset[EntryType]]] = {
    "ec2": frozenset({"EC2_LINUX", "EC2_WINDOWS", "EC2"}),
    "ssm": frozenset({"HYBRID_LINUX"}),
    "rolesanywhere": frozenset({"HYBRID_LINUX"}),
    "eks-fargate-pods": frozenset({"FARGATE_LINUX"}),
}


def acceptable_types(candidate: CandidatePrincipal, desired: DesiredEntry) -> frozenset[EntryType]:
    """The types that an entry of a role with nodes may have; empty where no nodes run under the
    principal.
    """
    use = candidate.use
    if not use.any:
        return frozenset()
    right = _types_shown_by(use)
    if desired.entry is not None and desired.entry.type != "STANDARD":
        right.add(desired.entry.type)
    # Fargate and hybrid nodes run Linux too: what they show says nothing about EC2.
    if "linux" in _systems_of(use) and right.isdisjoint(_OTHER_LINUX):
        right |= _LINUX_ON_EC2
    # Nodes that show nothing contradict no node type, except that only EKS makes FARGATE_LINUX.
    return _as_named(frozenset(right) or _ANY_NODE_TYPE, use)


def _as_named(right: frozenset[EntryType], use: NodeUse) -> frozenset[EntryType]:
    """The types that give the live nodes their names: a name shows more than a system does."""
    named = types_of_names(use)
    return right & named or named or right


def types_of_names(use: NodeUse) -> frozenset[EntryType]:
    """The types that give the live nodes their names; empty where no name is known."""
    return _NO_TYPE.union(*(_BY_NAME[form] for form in use.names))


def agreed_type(candidate: CandidatePrincipal, right: frozenset[EntryType]) -> EntryType | None:
    """The one type on which names of nodes, row and trust policy agree; None where they name
    several, or contradict each other.
    """
    use = candidate.use
    left = right
    for evidence in (types_of_names(use), _types_of_row(candidate), _types_of_trust(candidate)):
        left &= evidence or left
    # EKS names the nodes of a managed group by their host, unless something else was seen.
    if use.nodegroups:
        left = left & _BY_DNS_NAME or left
    # Several types are left, or none: a person looks.
    if len(left) != 1:
        return None
    return next(iter(left))


def _types_of_row(candidate: CandidatePrincipal) -> frozenset[EntryType]:
    """The types that give the name which the row gives to nodes; empty for a row of people."""
    # `dev:{{SessionName}}` says how people are named, and nothing about the nodes of the role.
    if candidate.row is None or not is_node_template(candidate.row):
        return _NO_TYPE
    names = templates_in(candidate.row.username)
    return _NO_TYPE.union(*(_BY_TEMPLATE.get(name, _NO_TYPE) for name in names))


def _types_of_trust(candidate: CandidatePrincipal) -> frozenset[EntryType]:
    trusts = candidate.found.trusts or ()
    return _NO_TYPE.union(*(_BY_TRUST.get(label, _NO_TYPE) for label in trusts))


def _types_shown_by(use: NodeUse) -> set[EntryType]:
    right: set[EntryType] = set()
    if use.profiles or "fargate" in use.computes:
        right.add("FARGATE_LINUX")
    if "hybrid" in use.computes:
        right.add("HYBRID_LINUX")
    if "windows" in _systems_of(use):
        right.add("EC2_WINDOWS")
    return right


def _systems_of(use: NodeUse) -> frozenset[str]:
    """The operating systems of the live nodes and of the node groups under a role."""
    return use.systems | {_system_of(group) for group in use.nodegroups}


def _system_of(group: Nodegroup) -> str:
    """The operating system of a node group by its AMI type (EKS API: WINDOWS_CORE_2022_x86_64)."""
    return "windows" if group.ami_type.startswith("WINDOWS") else "linux"
