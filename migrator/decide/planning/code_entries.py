"""Which access entries belong into a team's code, under which names: what all code generators
share.

A generator gets the entries that will be there after apply, apart from those that EKS owns: code
that also claims an automatic or service-linked entry fights with EKS over it (EKS user guide,
"Create access entries": service-linked roles are refused; Auto Mode entries cannot be modified).
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from migrator.decide.steps.entry_states import default_username, final_spec
from migrator.model.access_entry import (
    NOBODY,
    SERVICE_LINKED_MARK,
    AccessEntry,
    EntrySpec,
)
from migrator.model.code_entries import CodeEntries, CodeEntry, LeftOut
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.principal import parse_arn
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX

# An entry of these types is made by EKS from the thing it belongs to: a Fargate profile, a HyperPod
# cluster.
_MADE_BY_EKS = frozenset({"FARGATE_LINUX", "HYPERPOD_LINUX"})
# EKS makes entries of these types for the role of a managed node group, too.
_OF_NODES = frozenset({"EC2_LINUX", "EC2_WINDOWS"})
# Findings of an entry that matches no login. It looks like a living one, but code that makes it a
# second time is refused, or makes an entry for another principal of the same name.
_DEAD = frozenset({"orphan-dead-entry", "node-entry-dead"})


def code_entries(plan: Plan, *, include_owned: bool = False) -> CodeEntries:
    """The plan's entries for code. ``include_owned`` adds the automatic entries, never the
    service-linked ones.
    """
    entries: list[CodeEntry] = []
    left_out: list[LeftOut] = []
    owned = _Owned(_node_group_roles(plan), asked_for=include_owned)
    for principal in plan.principals:
        found = _in_code(principal, _entry(plan, principal), owned)
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            entries.append(found)
    blocked = tuple(sorted({each.code for each in plan.findings if each.severity == "block"}))
    made_from = f"the plan of {plan.created_at}"
    if blocked:
        made_from += f", which is blocked ({', '.join(blocked)}): not all principals are in it"
    return CodeEntries(tuple(entries), tuple(left_out), made_from, blocked)


def live_code_entries(
    entries: Iterable[AccessEntry], plan: Plan, *, include_owned: bool = False
) -> CodeEntries:
    """The entries as they are in the cluster now, for code. ``plan``: made from the same reading;
    it tells which entries EKS made, and which are dead.
    """
    known = {each.principal_arn: each for each in plan.principals}
    owned = _Owned(_node_group_roles(plan), asked_for=include_owned)
    found: list[CodeEntry] = []
    left_out: list[LeftOut] = []
    for entry in entries:
        arn = entry.principal_arn
        spec = _spec_of(entry)
        # EKS's own service-linked entries are in no plan.
        planned = known.get(arn) or PlannedPrincipal(arn, "keep", NOBODY)
        reason = _why_dead(planned)
        if reason:
            left_out.append(LeftOut(arn, f"{reason}: {in_words(spec)}"))
            continue
        kept = replace(planned, action="await" if planned.action == "await" else "keep", entry=spec)
        each = _in_code(kept, spec, owned)
        if isinstance(each, LeftOut):
            left_out.append(each)
        else:
            found.append(each)
    made_from = f"the cluster as it was read at {plan.created_at}"
    return CodeEntries(tuple(found), tuple(left_out), made_from)


def _why_dead(principal: PlannedPrincipal) -> str:
    """Why the principal's entry matches no login; empty where it may match one."""
    if principal.action == "recreate":
        return "dead: it was made for a deleted principal of this name"
    codes = ", ".join(sorted(_DEAD.intersection(principal.findings)))
    return f"dead: it matches no login ({codes})" if codes else ""


def _spec_of(entry: AccessEntry) -> EntrySpec:
    """What the entry is meant to be: EKS gives a username that is not set, and node types theirs
    and their groups.
    """
    if entry.type != "STANDARD":
        return EntrySpec(entry.type, access_policies=entry.access_policies)
    name = None if entry.username == default_username(entry.principal_arn) else entry.username
    return EntrySpec(entry.type, name, entry.kubernetes_groups, entry.access_policies)


def _entry(plan: Plan, principal: PlannedPrincipal) -> EntrySpec | None:
    """The entry after apply. Apply completes the creator's, which EKS makes, where its row gives
    more: code with the entry as EKS makes it would take that back.
    """
    if principal.action == "await":
        return final_spec(plan, principal.principal_arn)
    return principal.entry


@dataclass(frozen=True, slots=True)
class _Owned:
    """``nodes``: ARNs of the roles of managed node groups. ``asked_for``: whether what EKS owns is
    to be in the code.
    """

    nodes: frozenset[str]
    asked_for: bool

    def why(self, principal: PlannedPrincipal, entry: EntrySpec) -> str:
        """Why the entry is EKS's own; empty where it is not."""
        if principal.action == "await" and entry != principal.entry:
            return "EKS makes this entry itself, and migrate apply completes it"
        if principal.action == "await":
            return "EKS makes this entry itself"
        if principal.before.via == "automatic" or entry.type in _MADE_BY_EKS:
            return "EKS made this entry and keeps it"
        # What a plan from before apply awaits, one from afterwards finds.
        if entry.type in _OF_NODES and principal.principal_arn in self.nodes:
            return "EKS makes this entry for its managed node group"
        return ""


def _node_group_roles(plan: Plan) -> frozenset[str]:
    """The roles for which EKS makes an entry, from what the plan was made with."""
    groups = plan.basis.get("nodegroups") or {}
    return frozenset(str(each.get("role")) for each in groups.values() if each.get("counts"))


def _in_code(
    principal: PlannedPrincipal,
    entry: EntrySpec | None,
    owned: _Owned,
) -> CodeEntry | LeftOut:
    """The principal's entry for code, or why it is left out."""
    arn = principal.principal_arn
    refused = _why_never(principal, entry)
    if entry is None or refused:
        return LeftOut(arn, refused)
    reason = "" if owned.asked_for else owned.why(principal, entry)
    if reason:
        return LeftOut(arn, f"{reason}: {in_words(entry)}")
    return CodeEntry(stable_name(arn), arn, entry, principal.sources)


def _why_never(principal: PlannedPrincipal, entry: EntrySpec | None) -> str:
    """Why the entry is in no code, whatever is asked for; empty where it may be. Never empty
    without an entry.
    """
    dead = _why_dead(principal)
    own = _groups_of_runs(entry)
    reasons = {
        "belongs to a service-linked role: only EKS can change it": (
            SERVICE_LINKED_MARK in principal.principal_arn
        ),
        f"skipped: its entry stays as it is, {dead}": principal.action == "skip" and bool(dead),
        "skipped: no entry is made": principal.action == "skip",
        "blocked: a decision is needed first": principal.action == "block" or entry is None,
        f"in the middle of a run: {own} is there for the run alone. Generate again when the run "
        "has ended": bool(own),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _groups_of_runs(entry: EntrySpec | None) -> str:
    """The groups that a run gives an entry and takes away again. Code with them gives them back,
    and code without them takes them from the run: an administrator may have nothing else
    meanwhile.
    """
    groups = entry.kubernetes_groups if entry else ()
    return ", ".join(each for each in groups if each.startswith((BRIDGE_PREFIX, MARKER_PREFIX)))


def in_words(entry: EntrySpec) -> str:
    """``STANDARD with AmazonEKSViewPolicy (shop, web)``: what an entry without code gives."""
    given = []
    for policy in entry.access_policies:
        where = ", ".join(policy.scope.namespaces) or "cluster"
        given.append(f"{policy.policy_name} ({where})")
    return f"{entry.type} with {', '.join(given) or 'no access policy'}"


def stable_name(arn: str) -> str:
    """``role_runner_1a2b3c4d``: kind, name and eight hex digits of the ARN's SHA-256, so that
    nothing else in the cluster changes it, and two principals of one name in two accounts or paths
    differ.
    """
    parsed = parse_arn(arn)
    kind, name = (parsed.kind, parsed.name) if parsed else ("principal", arn)
    words = re.sub(r"[^A-Za-z0-9]+", "_", f"{kind}_{name}").strip("_")
    digest = hashlib.sha256(arn.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{words[:80].rstrip('_')}_{digest[:8]}"
