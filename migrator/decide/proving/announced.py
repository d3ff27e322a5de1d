"""What an entry gives beyond the identity before and the differences that the plan announces.

A plan's steps and ``entry`` say what is sent, not what is right: both may have been changed
together. So an entry that was read is compared with the identity before the migration, by the
cluster's own RBAC, and every gain or loss must be one of the rows under ``access`` that ``migrate
show`` lists.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.access.compare_access import compare_access
from migrator.decide.access.match_rules import Grant, RuleSet
from migrator.decide.access.permission_set import PermissionSet, is_subset
from migrator.decide.planning.entries.entry_identity import (
    identity_of_entry,
    identity_of_spec,
    spec_of,
)
from migrator.decide.planning.entries.parallel_bindings import admin_binding_of, name_of_parallel
from migrator.decide.planning.proof.basis import basis_of, entries_basis
from migrator.decide.proving.expectations import is_ours
from migrator.decide.proving.expected_log_in import unannounced_log_ins
from migrator.decide.steps.entry_states import PLAN_TAG, final_spec
from migrator.model.access_entry import NOBODY, AccessEntry, Identity
from migrator.model.long_lists import first_lines
from migrator.model.plan import AccessChange, Plan, PlannedPrincipal
from migrator.model.rbac import Binding, PermissionRow, PolicyRule, RbacState, Subject
from migrator.model.snapshot import Snapshot
from migrator.model.step import MANAGED_BY, MANAGED_BY_LABEL, CreateBinding

_MOST_NAMED = 3
_GETS_ENTRY = frozenset({"create", "recreate", "update", "await"})
_CLUSTER = None


@dataclass(frozen=True, slots=True)
class AnnouncedAccess:
    """``before`` is RBAC without the bindings that the plan makes, ``after`` RBAC as it was read.
    ``same_rbac``: RBAC is still what the plan was made on, so that announced rows are compared to
    the letter; else by what they cover.
    """

    before: RbacIndex
    after: RbacIndex
    same_rbac: bool

    def differences(
        self, principal: PlannedPrincipal, entry: AccessEntry | None
    ) -> tuple[str, ...]:
        """What the entry gives or lacks that the plan does not announce, one line each.

        Empty where it is all said. ``entry`` None: the principal has no entry, and by the entry no
        access. An entry that still carries a group of the run is not final: only its gains count.
        """
        # A person must decide first: there is nothing to compare with.
        if principal.action == "block":
            return ()
        # The authenticator takes one of two rows at random: there is no identity before.
        if "ambiguous-user" in principal.findings:
            return ()
        change = self._change(principal, entry)
        gained = self._unannounced(change.gained, principal.access.gained)
        found = [f"it gains what the plan does not announce: {each}" for each in _worded(gained)]
        # An administrator's entry gets its policy while the bridge group is on it.
        if entry is not None and any(map(is_ours, entry.kubernetes_groups)):
            return tuple(found)
        lost = self._unannounced(change.lost, principal.access.lost)
        found += [f"it loses what the plan does not announce: {each}" for each in _worded(lost)]
        return tuple(found)

    def _change(self, principal: PlannedPrincipal, entry: AccessEntry | None) -> AccessChange:
        """Access by the entry against the identity before, with RBAC of the same two moments."""
        before = principal.before
        after = NOBODY
        if entry is not None:
            after = _identity(entry, before)
        earlier = self.before
        # The plan makes no binding for these.
        if principal.action in ("keep", "skip"):
            earlier = self.after
        return compare_access((before,), after, principal.principal_arn, earlier, self.after)

    def _unannounced(
        self, rows: Iterable[PermissionRow], announced: Iterable[PermissionRow]
    ) -> list[PermissionRow]:
        """The rows that the plan does not announce.

        On the RBAC of the plan a row is announced when it is the same row; on another RBAC when the
        announced rows together hold all of it. What is unknown is never held by others.
        """
        known = {_key(row) for row in announced}
        left = [row for row in rows if _key(row) not in known]
        if self.same_rbac:
            return left
        if not left:
            return left
        # RBAC has changed since: the same announced access may be cut into other rows now.
        covered = _widest(announced)
        beyond: list[PermissionRow] = []
        for row in left:
            if row.unknown or not is_subset(_widest([row]), covered):
                beyond.append(row)
        return beyond


def announced_access(
    plan: Plan, snapshot: Snapshot, *, applied: bool = False
) -> AnnouncedAccess | None:
    """What entries are compared with; None where RBAC was not read completely, now or for the plan.

    ``applied``: RBAC with the bindings of the plan, whether they are made yet or not.
    """
    if snapshot.rbac is None or plan.basis.get("rbac") is None:
        return None
    # What a name may do is the sum of all bindings: from a part of them nothing follows.
    if any(name.startswith("rbac") for name in snapshot.unknown):
        return None
    roles = snapshot.rbac.roles
    bindings = snapshot.rbac.bindings
    made: dict[tuple[str | None, str], Binding] = {}
    for step in plan.steps:
        effect = step.effect
        if isinstance(effect, CreateBinding):
            made[effect.namespace, effect.binding_name] = Binding(
                name=effect.binding_name,
                namespace=effect.namespace,
                role_kind=effect.role_kind,
                role_name=effect.role_name,
                subjects=(Subject("Group", effect.group),),
                labels={MANAGED_BY_LABEL: MANAGED_BY},
            )
    kept = tuple(each for each in bindings if (each.namespace, each.name) not in made)
    there = bindings
    if applied:
        there = (*kept, *made.values())
    after = RbacIndex(RbacState(roles, there))
    # An index is costly: without a binding of the plan, both states are one.
    before = after
    if len(kept) != len(there):
        before = RbacIndex(RbacState(roles, kept))
    return AnnouncedAccess(before, after, basis_of(snapshot)["rbac"] == plan.basis["rbac"])


def unannounced_end(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """What the plan itself would end in and does not announce, one line each, before anything is
    sent.

    Looked at are the entries that it makes or waits for, and the roles of the bindings that it
    makes. Empty where nothing can be compared.
    """
    announced = announced_access(plan, snapshot, applied=True)
    if announced is None or snapshot.rbac is None:
        return ()
    wrong = []
    for principal in plan.principals:
        arn = principal.principal_arn
        if principal.action not in _GETS_ENTRY:
            continue
        spec = principal.entry
        # EKS makes this entry, and the steps after that may change it.
        if principal.action == "await":
            spec = final_spec(plan, arn)
        if spec is None:
            continue
        who = identity_of_spec(arn, spec)
        entry = AccessEntry(arn, spec.type, who.username, who.groups, spec.access_policies)
        found = announced.differences(principal, entry)
        wrong += [f"the entry of {arn}: {each}" for each in found]
    return (*wrong, *_other_roles(plan, snapshot.rbac))


def _other_roles(plan: Plan, rbac: RbacState) -> Iterator[str]:
    """Parallel bindings that bind another role than the binding they are named after.

    A parallel binding gives a renamed group what a binding gives the old name, and its name is made
    of that binding's: the role in a plan that was changed by hand is another one.
    """
    made = [step.effect for step in plan.steps if isinstance(step.effect, CreateBinding)]
    for effect in made:
        # The bridge of an administrator is named after no binding.
        if effect == admin_binding_of(effect.group):
            continue
        roles: set[tuple[str, str]] = set()
        for binding in rbac.bindings:
            parallel = name_of_parallel(effect.group, binding.namespace, binding.name)
            if parallel == effect.binding_name:
                roles.add((binding.role_kind, binding.role_name))
        if (effect.role_kind, effect.role_name) not in roles:
            yield (
                f"the binding {effect.binding_name} has another role than the binding that it "
                f"is named after"
            )


def unannounced_changes(plan: Plan, snapshot: Snapshot, plan_digest: str) -> tuple[str, ...]:
    """What the entries of the cluster give beyond or below what the plan announces, one line each.

    Entries with the plan's tag for principals that get none are named too. The lines are for the
    gates: each of them keeps the cut-over closed.
    """
    entries: Mapping[str, AccessEntry] = {
        entry.principal_arn: entry for entry in snapshot.access_entries or ()
    }
    planned = {principal.principal_arn: principal for principal in plan.principals}
    wrong = list(_tagged_without_reason(entries, planned, plan_digest))
    announced = announced_access(plan, snapshot)
    for arn, principal in planned.items():
        there = entries.get(arn)
        if there is None:
            continue
        found = _differences_of(principal, there, plan, announced)
        wrong += [f"the entry of {arn}: {each}" for each in found]
    return tuple(wrong)


def _tagged_without_reason(
    entries: Mapping[str, AccessEntry], planned: Mapping[str, PlannedPrincipal], plan_digest: str
) -> Iterator[str]:
    """Entries with the plan's tag, which only its runs set, for principals that get none by it."""
    get_entry = {arn for arn, each in planned.items() if each.action in _GETS_ENTRY}
    for arn, entry in entries.items():
        if arn in get_entry:
            continue
        if entry.tags.get(PLAN_TAG) == plan_digest:
            yield f"the entry of {arn} carries the plan's tag, and the plan has none for it"


def _differences_of(
    principal: PlannedPrincipal,
    entry: AccessEntry,
    plan: Plan,
    announced: AnnouncedAccess | None,
) -> Iterator[str]:
    """What one entry that is there gives beyond the plan.

    These are permissions that are not announced, and log-ins that the entry admits.
    """
    # A dead entry that was there, and is the same, gives nothing and admits no login.
    if principal.action == "skip" and _as_in_basis(plan, entry):
        return
    if announced is not None:
        yield from announced.differences(principal, entry)
    yield from unannounced_log_ins(principal, entry)


def _as_in_basis(plan: Plan, entry: AccessEntry) -> bool:
    """Whether the entry is still what the plan was made on.

    The basis of a plan holds each entry in short, by principal.
    """
    known = plan.basis.get("accessEntries") or {}
    return bool(known.get(entry.principal_arn) == entries_basis([entry])[entry.principal_arn])


def _identity(entry: AccessEntry, before: Identity) -> Identity:
    """Who logs in through the entry, without the groups of a run.

    Of node types EKS fixes the identity: what EKS shows of them, and what it gives, is the same.
    """
    if entry.type != "STANDARD" and before.via != "access-entry":
        return identity_of_spec(entry.principal_arn, spec_of(entry))
    found = identity_of_entry(entry)
    # A group of an earlier run was there before: it is a part of what is compared.
    if before.via == "access-entry" and any(map(is_ours, before.groups)):
        return found
    groups = [group for group in found.groups if not is_ours(group)]
    return replace(found, groups=tuple(groups))


def _key(row: PermissionRow) -> tuple[object, ...]:
    """What a row says, without what further fields show it by.

    Two rows are the same announcement where this is equal: a witness is an example only.
    """
    return (
        row.scope,
        row.api_groups,
        row.resources,
        row.verbs,
        row.resource_names,
        row.non_resource_urls,
    )


def _widest(rows: Iterable[PermissionRow]) -> PermissionSet:
    """A set that holds at least what the rows say: exceptions are left out.

    ``!secrets`` in a row takes secrets out of it; a set of grants has no exceptions.
    """
    grants = set()
    for row in rows:
        rule = PolicyRule(
            verbs=_without_exceptions(row.verbs),
            api_groups=_without_exceptions(row.api_groups),
            resources=_without_exceptions(row.resources),
            resource_names=_without_exceptions(row.resource_names),
            non_resource_urls=_without_exceptions(row.non_resource_urls),
        )
        kind, _, name = row.scope.partition(" ")
        namespace = _CLUSTER
        # `namespace dev-* except dev-a`: the first word is the namespace.
        if kind == "namespace":
            namespace = name.partition(" ")[0]
        grants.add(Grant(namespace, RuleSet((rule,))))
    return PermissionSet(grants=frozenset(grants))


def _without_exceptions(tokens: Iterable[str]) -> tuple[str, ...]:
    """The tokens of a field that add to it: ``*`` of ``* !secrets``."""
    return tuple(each for each in tokens if not each.startswith("!"))


def _worded(rows: list[PermissionRow]) -> list[str]:
    """The first rows in words, for example ``get, list secrets (namespace dev)``."""
    words: list[str] = []
    for row in rows:
        # A row about something unknown has a scope and nothing else.
        verbs = ", ".join(row.verbs) or "something"
        what = ", ".join(row.resources or row.non_resource_urls)
        words.append(f"{verbs} {what} ({row.scope})")
    return first_lines(words, _MOST_NAMED)
