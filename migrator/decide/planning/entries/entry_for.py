"""People and pipelines: from a row's username and groups to a STANDARD access entry.

Username and groups are carried one to one wherever an entry may hold them, because RBAC binds
either. What an entry may not hold (EKS user guide, "Create access entries"): five reserved
prefixes, and a session's name without a colon before it. ``system:masters`` becomes an access
policy. Nothing else is ever replaced by a guess.
"""

from migrator.decide.access.name_references import binding_place
from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.planning.entries.classify_node import MASTERS, NODE_GROUPS
from migrator.decide.planning.entries.parallel_bindings import admin_binding, parallel_bindings
from migrator.decide.planning.principals.candidate_principals import CandidatePrincipal
from migrator.decide.planning.principals.plan_facts import (
    CLUSTER_ADMIN,
    DesiredEntry,
    PlanFacts,
    quoted,
)
from migrator.decide.reading.row_keys import principal_key
from migrator.decide.reading.templates import (
    ACCESS_KEY,
    EC2_NAME,
    can_become,
    colon_before_session,
    templates_in,
)
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import RESERVED_PREFIXES, AssociatedPolicy, EntrySpec
from migrator.model.aws_auth import RowMapping
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX, CreateBinding

_SILENT = frozenset({"", "system:authenticated"})


def standard_entry(candidate: CandidatePrincipal, facts: PlanFacts) -> DesiredEntry:
    """The entry that gives what the principal's row gives."""
    assert candidate.row is not None  # noqa: S101 - asked for principals with a row
    username, groups = candidate.given.username, candidate.given.groups
    work = _Work(candidate.row, candidate.arn, facts)
    kept = work.groups(groups)
    # None leaves the name to EKS.
    name = username if work.can_carry(username) else None
    work.report_unbound(username, groups)
    entry = EntrySpec("STANDARD", name, kept, tuple(work.policies))
    action = "block" if work.blocked else "create"
    return DesiredEntry(action, entry, tuple(work.notes), tuple(work.bindings))


def is_reserved(name: str) -> bool:
    """Whether an entry may not hold this name: the comparison is case-sensitive
    (``pkg/server/server.go``).
    """
    return name.startswith(RESERVED_PREFIXES)


class _Work:
    """Collects what follows from one row."""

    def __init__(
        self,
        row: RowMapping,
        arn: str,
        facts: PlanFacts,
    ) -> None:
        self.row, self.arn, self.facts = row, arn, facts
        self.notes: list[DraftFinding] = []
        self.policies: list[AssociatedPolicy] = []
        self.bindings: list[CreateBinding] = []
        self.blocked = False

    def note(self, code: str, message: str) -> None:
        self.notes.append(DraftFinding(code, message, row=self.row))

    def block(self, code: str, message: str) -> None:
        self.blocked = True
        self.note(code, message)

    def groups(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """The groups that the entry carries; policies, bindings and notes on the way."""
        self._block_uncarried(groups)
        kept: list[str] = []
        beside: tuple[str, ...] = ()
        if MASTERS in groups:
            kept += self._masters()
            beside = self._nodes_beside_masters(groups)
        for group in groups:
            if group not in beside:
                kept += self._carried(group)
        return tuple(dict.fromkeys(kept))

    def _block_uncarried(self, groups: tuple[str, ...]) -> None:
        # The authenticator renders groups for each login; an entry's groups are the same for all.
        # What is the same for every login of the principal (its account) is rendered already.
        templates = [group for group in groups if templates_in(group)]
        if templates:
            self.block("group-template", f"Groups built from the login: {quoted(templates)}.")
        # A run binds its bridge groups to cluster-admin: a row with such a name would get that.
        ours = [group for group in groups if group.startswith((BRIDGE_PREFIX, MARKER_PREFIX))]
        if ours:
            self.block("bridge-name-used", f"The row gives {quoted(ours)}.")

    def _nodes_beside_masters(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        # Rule of the plan: an administrator under an ordinary username is no node. The node groups
        # add nothing to cluster-admin, so they are dropped with a finding.
        beside = tuple(group for group in groups if group in NODE_GROUPS)
        if beside:
            message = f"{quoted(beside)} beside `system:masters` under an ordinary username."
            self.notes.append(
                DraftFinding("node-groups-dropped", message, row=self.row, groups=beside)
            )
        return beside

    def _carried(self, group: str) -> list[str]:
        # Kubernetes adds system:authenticated to every login; an empty name is no group.
        if group in _SILENT:
            return []
        # The access policy of an administrator is in the entry already.
        if group == MASTERS:
            return []
        # The row is blocked: a group built from the login is the same for no two logins.
        if templates_in(group):
            return []
        # EKS API: an entry's group must not have a reserved prefix.
        if is_reserved(group):
            return self._reserved(group)
        return [group]

    def _masters(self) -> list[str]:
        policy = self.facts.policy_arn(CLUSTER_ADMIN)
        if not self.facts.offers(policy):
            self.block("policy-unavailable", f"`{policy}` is not offered.")
        self.policies.append(AssociatedPolicy(policy))
        self.note(
            "masters-becomes-policy",
            f"`system:masters` becomes {CLUSTER_ADMIN} for the whole cluster.",
        )
        answer = self.facts.decisions.groups.get(MASTERS)
        if answer is None or answer.also is None:
            return []
        self.note(
            "masters-also-group", f"The group `{answer.also}`, bound to cluster-admin, is added."
        )
        made = admin_binding(answer.also, self.facts)
        # Without a binding of ours, a binding of another writer makes every holder of the group an
        # administrator today already: no holder gains anything.
        if made:
            self._check_new_group(answer.also)
        self.bindings += made
        return [answer.also]

    def _reserved(self, group: str) -> list[str]:
        answer = self.facts.decisions.groups.get(group)
        # Rule of the plan: a node group never gets a parallel group under another name.
        if group in NODE_GROUPS:
            return self._node_group(group)
        places = self.facts.names.of_group(group)
        if answer is not None and answer.rename_to is not None:
            self._renamed(group, answer.rename_to, places)
            return [answer.rename_to]
        # Rule of the plan: a binding, a FlowSchema or an admission rule that names the group gives
        # it permissions. Without the group they are lost, so an administrator decides.
        if places:
            message = f"`{group}` is named by {quoted(places)}; an entry cannot carry it."
            self.block("reserved-group-bound", message)
        elif not self.facts.names.complete:
            self.block("reserved-group-unread", f"`{group}`: an entry cannot carry it.")
        else:
            self.note(
                "reserved-group-dropped",
                f"`{group}` is named by nothing, and an entry cannot carry it.",
            )
        return []

    def _check_new_group(self, name: str) -> None:
        """A group of ours gets bindings. So it must be known which principals, and which tokens of
        an OIDC provider, may have the group already.
        """
        if not self.facts.names.rbac_known:
            self.block(
                "reserved-group-unread",
                f"`{name}`: who has or names this group already was not read.",
            )
        elif not self.facts.oidc_groups_known:
            message = (
                f"`{name}`: whether tokens of an OIDC identity provider may carry this "
                f"group "
                f"was not read."
            )
            self.block("group-name-unread", message)

    def _node_group(self, group: str) -> list[str]:
        places = self.facts.names.of_group(group)
        if places or not self.facts.names.complete:
            where = f"named by {quoted(places)}" if places else "and it was not read what names it"
            self.block(
                "node-groups-bound", f"`{group}` under the username `{self.row.username}`, {where}."
            )
        else:
            self.note(
                "reserved-group-dropped",
                f"`{group}` is named by nothing, and an entry cannot carry it.",
            )
        return []

    def _renamed(
        self,
        group: str,
        new_name: str,
        places: tuple[str, ...],
    ) -> None:
        self._check_new_group(new_name)
        self.bindings += parallel_bindings(group, new_name, self.facts)
        self.note(
            "reserved-group-renamed", f"`{group}` becomes `{new_name}`, with bindings of our own."
        )
        bound = {binding_place(binding) for binding in self.facts.names.bindings_of_group(group)}
        only_old = self.facts.names.only_of_group(group, new_name)
        others = [place for place in only_old if place not in bound]
        if others:
            self.note("renamed-group-referenced", f"`{group}` is also named by {quoted(others)}.")

    def can_carry(self, username: str) -> bool:
        """Whether the entry may hold the row's username; notes where it may not."""
        # The authenticator renders this template for sessions of EC2 instances alone; it denies
        # every other login.
        if EC2_NAME in username:
            self.block("username-ec2-template", f"`{username}` lets only EC2 instances in.")
            return False
        if not username:
            self._left_to_eks(username, "username-empty", "The row has no username")
            return False
        # Newer authenticators refuse reserved prefixes in aws-auth too: without an observed login,
        # the row may give nothing today, and an entry would be a new grant.
        if is_reserved(username):
            if not self._seen(self.row.username):
                self.block(
                    "username-reserved",
                    f"`{username}` has a reserved prefix, and no login with it was seen.",
                )
                return False
            self._left_to_eks(username, "username-default", f"`{username}` has a reserved prefix")
            return False
        # The EKS user guide names no access key among the templates of an entry.
        if ACCESS_KEY in username:
            self._left_to_eks(username, "username-default", f"`{username}` holds the access key")
            return False
        # EKS API: an entry's username needs a colon before the session's name.
        if not colon_before_session(username):
            reason = f"`{username}` has no colon before the session's name"
            self._left_to_eks(username, "username-default", reason)
            return False
        return True

    def _left_to_eks(
        self,
        old: str,
        code: str,
        reason: str,
    ) -> None:
        new = default_username(self.arn)
        places = dict.fromkeys(
            (*self.facts.names.of_username(old), *self.facts.names.of_username(new))
        )
        if places:
            message = (
                f"{reason}; {quoted(places)} can mean it or the name that EKS would give, `{new}`."
            )
            self.block("username-bound", message)
        elif not self.facts.names.complete:
            self.block("username-unread", f"{reason}; the name that EKS would give is `{new}`.")
        else:
            self.note(code, f"{reason}; EKS gives `{new}`, and nothing can mean either.")

    def _seen(self, username: str) -> bool:
        """Whether a login of this principal with the row's username was observed."""
        logins = self.facts.logins.get(principal_key(self.arn), ())
        return any(can_become(username, login.username) for login in logins)

    def _is_unnamed(self, group: str) -> bool:
        # The groups of a template are unknown until a login: they count as named.
        if templates_in(group):
            return False
        return not self.facts.names.of_group(group)

    def report_unbound(self, username: str, groups: tuple[str, ...]) -> None:
        """Note the groups that nothing binds, and the case that no group is bound: a name with one
        wrong letter looks like this.
        """
        names = self.facts.names
        if not names.rbac_known:
            return
        given = [group for group in groups if group not in _SILENT]
        unnamed = [group for group in given if self._is_unnamed(group)]
        # A reserved group that nothing names has its own finding.
        loose = [group for group in unnamed if not is_reserved(group)]
        if loose:
            self.note("grants-nothing", f"Nothing binds {quoted(loose)}.")
            return
        # The API server grants everything to system:masters without a binding.
        if MASTERS in given:
            return
        # One of the groups is named: the row gives something.
        if len(unnamed) < len(given):
            return
        if names.of_username(username):
            return
        none = "nothing names its groups either" if given else "the row has no group"
        self.note("grants-nothing", f"Nothing binds the username `{username}`, and {none}.")
