"""The entry that a plan holds for a principal, compared with the entry that the principal's row
gives.

The row's username, groups and policies are derived as the planner does (:func:`standard_entry`),
without RBAC. What differs must be announced: by an answer, by a group that a finding names, or by a
policy that replaces a group.
"""

from collections.abc import Iterator

from migrator.decide.planning.entries.classify_node import NODE_PREFIX, WINDOWS_GROUP
from migrator.decide.planning.entries.creator import automatic_entry
from migrator.decide.planning.entries.entry_for import is_reserved, standard_entry
from migrator.decide.planning.rereading.inconsistency import Inconsistency, names
from migrator.decide.planning.rereading.plan_read import PlanRead
from migrator.decide.reading.row_keys import canonical_arn
from migrator.decide.reading.templates import EC2_NAME
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import EntrySpec
from migrator.model.plan import PlannedPrincipal
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

_NEW_GROUPS = frozenset({"masters-also-group", "reserved-group-renamed"})
_REPLACED = frozenset({"group-replaced-by-policy"})
_BY_INSTANCE = frozenset({"EC2_LINUX", "EC2_WINDOWS"})
_OF_RUNS = (BRIDGE_PREFIX, MARKER_PREFIX)


def check_entry(
    principal: PlannedPrincipal, entry: EntrySpec, read: PlanRead
) -> Iterator[Inconsistency]:
    """What is wrong with the entry of a principal that gets one. For ``await``: of the entry that
    EKS makes.
    """
    where = f"the entry of {principal.principal_arn}"
    if entry.type != "STANDARD":
        yield from _check_node(where, principal, entry)
        return
    if principal.action != "await":
        yield from check_standard(where, principal, entry, read)
        return
    # EKS makes an entry of type STANDARD for the creator alone, and always the same.
    is_creator = "creator-becomes-entry" in principal.findings
    if not is_creator or entry != automatic_entry(read.facts):
        yield Inconsistency(where, "EKS makes another entry for this principal.")


def check_standard(
    where: str,
    principal: PlannedPrincipal,
    entry: EntrySpec,
    read: PlanRead,
) -> Iterator[Inconsistency]:
    """A STANDARD entry that a run makes, or completes EKS's own to.

    ``where`` names the entry in the inconsistencies: there may be two of one principal, the one
    that EKS makes and the one that the steps end in.
    """
    yield from _check_names(where, entry)
    # The answer itself is not in the plan: verify and the gates compare what it gives with the
    # cluster.
    if "answered" in principal.findings:
        return
    derived = _derived(principal, read)
    # EKS gives its default name to an entry without one: to write it out changes nothing.
    default = default_username(principal.principal_arn)
    if (entry.username or default) != (derived.username or default):
        yield Inconsistency(
            where, f"Its username is not the one of its row: `{entry.username or ''}`."
        )
    yield from _check_groups(where, principal, entry, derived, read)
    yield from _check_policies(where, principal, entry, derived, read)


def _derived(principal: PlannedPrincipal, read: PlanRead) -> EntrySpec:
    """The entry that follows from the row alone."""
    candidate = read.subject_of(principal)
    if candidate.row is not None:
        desired = standard_entry(candidate, read.facts)
        # Where no entry can be had from the row, any username or group is one too many.
        return desired.entry or EntrySpec()
    if "creator-becomes-entry" in principal.findings:
        return automatic_entry(read.facts)
    # Out of mapAccounts: its username is the canonical ARN, and it has no group (desired_entry).
    return EntrySpec("STANDARD", canonical_arn(principal.principal_arn))


def _check_names(where: str, entry: EntrySpec) -> Iterator[Inconsistency]:
    """Names that EKS refuses, and names of runs, which are rendered when they are sent and never
    written out.
    """
    given = list(entry.kubernetes_groups)
    if entry.username is not None:
        given.append(entry.username)
    wrong: list[str] = []
    for name in given:
        if is_reserved(name) or name.startswith(_OF_RUNS):
            wrong.append(name)
    if wrong:
        yield Inconsistency(where, f"An entry cannot be left with {names(wrong)}.")


def _check_groups(
    where: str,
    principal: PlannedPrincipal,
    entry: EntrySpec,
    derived: EntrySpec,
    read: PlanRead,
) -> Iterator[Inconsistency]:
    """The groups are those of the row, but for those that a finding adds or replaces by a
    policy.
    """
    more = set(entry.kubernetes_groups) - set(derived.kubernetes_groups)
    unannounced = [group for group in more if not read.is_announced(principal, _NEW_GROUPS, group)]
    if unannounced:
        yield Inconsistency(
            where, f"Neither its row nor a finding gives the groups {names(unannounced)}."
        )
    less = set(derived.kubernetes_groups) - set(entry.kubernetes_groups)
    lost = [group for group in less if not read.is_announced(principal, _REPLACED, group)]
    if lost:
        yield Inconsistency(
            where, f"Its row gives the groups {names(lost)}, and no finding says that they go."
        )
    if len(set(entry.kubernetes_groups)) < len(entry.kubernetes_groups):
        yield Inconsistency(where, "It holds a group twice.")


def _check_policies(
    where: str,
    principal: PlannedPrincipal,
    entry: EntrySpec,
    derived: EntrySpec,
    read: PlanRead,
) -> Iterator[Inconsistency]:
    """The access policies are those of the row and those that replace a group by a finding; EKS
    knows an association by its policy's ARN.
    """
    given = set(derived.access_policies)
    # What EKS associates with the creator's entry stays.
    if "creator-becomes-entry" in principal.findings:
        given.update(automatic_entry(read.facts).access_policies)
    wrong: list[str] = []
    for policy in entry.access_policies:
        if policy in given:
            continue
        if not read.is_announced(principal, _REPLACED, policy.policy_name):
            wrong.append(policy.policy_name)
    if wrong:
        yield Inconsistency(
            where, f"Neither its row nor a finding gives the access policies {names(wrong)}."
        )
    held = {policy.policy_arn for policy in entry.access_policies}
    lost = [policy.policy_name for policy in given if policy.policy_arn not in held]
    if lost:
        yield Inconsistency(
            where, f"Its row gives the access policies {names(lost)}, and the entry lacks them."
        )
    if len(held) < len(entry.access_policies):
        yield Inconsistency(where, "It holds an access policy twice.")


def _check_node(
    where: str, principal: PlannedPrincipal, entry: EntrySpec
) -> Iterator[Inconsistency]:
    """A node type is for a row that names nodes, and of the kind that the row names
    (classify_node).
    """
    if entry != EntrySpec(entry.type):
        yield Inconsistency(
            where, f"An entry of type {entry.type} has no username, groups or policies."
        )
    before = principal.before
    if entry.type == "FARGATE_LINUX" and principal.action != "await":
        yield Inconsistency(where, "Only EKS makes entries for Fargate.")
    if "answered" in principal.findings:
        return
    # The node authorizer knows a node by this prefix together with this group.
    if not before.username.startswith(NODE_PREFIX) or "system:nodes" not in before.groups:
        yield Inconsistency(where, "Its row names no node.")
        return
    # EKS names the nodes of these two types by their instance, and all others by their session.
    is_by_instance = entry.type in _BY_INSTANCE
    if (EC2_NAME in before.username) != is_by_instance:
        yield Inconsistency(
            where, f"Nodes of the username `{before.username}` need another type than {entry.type}."
        )
    if not is_by_instance:
        return
    # kube-proxy of a Windows node has its permissions by this group (EKS user guide, "Deploy
    # Windows nodes").
    windows = WINDOWS_GROUP in before.groups or "windows-group-added" in principal.findings
    if windows != (entry.type == "EC2_WINDOWS"):
        yield Inconsistency(where, f"Its row names nodes of another system than {entry.type}.")
