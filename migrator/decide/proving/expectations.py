"""What must be true of a principal before and after: its name, its groups, and the answers to its
probes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from migrator.decide.access.authorize import RbacIndex, authorize
from migrator.decide.access.probes import probes_for
from migrator.decide.access.telling_requests import rank
from migrator.decide.planning.entries.entry_identity import NODE_IDENTITIES
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import (
    AccessEntry,
    EntrySpec,
    EntryType,
    Identity,
)
from migrator.model.evidence import Announced, Evidence, Phase, Probe
from migrator.model.plan import PlannedPrincipal
from migrator.model.rbac import AccessRequest, PermissionRow
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX


def is_ours(group: str) -> bool:
    """Whether a group is a marker or bridge of a run, which no other writer uses."""
    return group.startswith((MARKER_PREFIX, BRIDGE_PREFIX))


def phase_of(principal: PlannedPrincipal, entry: AccessEntry | None, mode: str) -> Phase:
    """``before`` while the row answers alone, ``after`` once an entry decides or no row is asked.

    ``mode`` is the cluster's authentication mode, ``entry`` the principal's entry as it was read.
    """
    # EKS API: in this mode there are no access entries.
    if mode == "CONFIG_MAP":
        return "before"
    # In API mode no row is asked, and an entry decides before the row.
    if mode == "API":
        return "after"
    if entry is not None:
        return "after"
    if principal.before.via == "config-map":
        return "before"
    # No row answers: what the principal has before is the entry's, or nothing.
    return "after"


def identity_after(
    principal: PlannedPrincipal, spec: EntrySpec | None, entry: AccessEntry | None
) -> Identity:
    """The identity that the plan intends: ``spec`` is the entry after the last step.

    Marker and bridge groups that ``entry`` still carries belong to it. Groups of node types are
    EKS's own and as it shows them. Without a ``spec`` the principal gets no entry, and cannot log
    in.
    """
    if spec is None:
        return Identity("", (), "none")
    if spec.type != "STANDARD":
        return _identity_of_node(spec.type, entry)
    groups = list(spec.kubernetes_groups)
    # A run takes its groups from the entry only after the proof.
    if entry is not None:
        groups += [group for group in entry.kubernetes_groups if is_ours(group)]
    username = spec.username or default_username(principal.principal_arn)
    return Identity(username, tuple(groups), "access-entry", spec.access_policies)


def _identity_of_node(node_type: EntryType, entry: AccessEntry | None) -> Identity:
    """The identity of a node entry, which EKS fixes by its type."""
    username, groups = NODE_IDENTITIES[node_type]
    if entry is None:
        return Identity(username, groups, "access-entry")
    # What EKS shows counts more than the table of types: the groups are not published.
    if entry.type == node_type and entry.kubernetes_groups:
        groups = entry.kubernetes_groups
    return Identity(entry.username, groups, "access-entry")


def probes_of(
    principal: PlannedPrincipal,
    spec: EntrySpec | None,
    phase: Phase,
    index: RbacIndex | None,
    *,
    namespaces: Sequence[str] = (),
    earlier: Iterable[Evidence] = (),
    limit: int = 30,
) -> tuple[Probe, ...]:
    """The questions to ask, with the right answers.

    They are chosen from what the principal may do before. After, the right answer is the plan's
    (what the entry's name, groups and policies give), and where the plan changes nothing, what the
    baseline really saw. A question that only an access policy without published rules could answer
    is asked by baseline only.
    """
    if index is None:
        return ()
    before = principal.before
    chosen = probes_for(before, index, limit=limit, namespaces=namespaces)
    if phase == "before":
        return chosen
    after = identity_after(principal, spec, None)
    seen = baseline(principal.principal_arn, earlier)
    found = []
    for probe in chosen:
        planned = _evaluated(index, after, probe.request)
        was = _evaluated(index, before, probe.request)
        measured = seen.get(probe.request)
        is_changed = planned is not None and planned != was
        # The baseline saw what the rules cannot know, such as the answer of a webhook authorizer.
        if measured is not None and not is_changed:
            found.append(replace(probe, expected=measured))
            continue
        # None: no rule that is published and no measurement says what is right.
        if planned is not None:
            found.append(replace(probe, expected=planned))
    return tuple(found)


def announced_probes(
    principal: PlannedPrincipal,
    phase: Phase,
    index: RbacIndex | None,
    *,
    limit: int,
) -> tuple[Probe, ...]:
    """At most ``limit`` witnesses of the differences that the plan announces, as probes.

    Losses and gains come in turn. Before, the right answers are those of today's rules. After, they
    are the plan's, whatever the entry gives: a loss that did not happen is access that was not
    announced. A witness that only some logins of the principal show is not asked: the login at hand
    is not one of them.
    """
    changes: tuple[tuple[Announced, tuple[PermissionRow, ...]], ...] = (
        ("lost", principal.access.lost),
        ("gained", principal.access.gained),
    )
    kinds = []
    for change, rows in changes:
        # A gain is denied before and allowed after, a loss the other way round.
        expected = (change == "gained") == (phase == "after")
        kinds.append([Probe(request, expected, change) for request in _witnessed(rows)])
    in_turn = chain.from_iterable(zip_longest(*kinds))
    chosen = [probe for probe in in_turn if probe is not None][:limit]
    if phase == "after":
        return tuple(chosen)
    # RBAC was not read: today's rules cannot be asked.
    if index is None:
        return tuple(chosen)
    return tuple(_expected_today(probe, index, principal.before) for probe in chosen)


def _expected_today(probe: Probe, index: RbacIndex, before: Identity) -> Probe:
    """The probe with the answer that today's rules give."""
    answer = _evaluated(index, before, probe.request)
    # A question that only an access policy without published rules could answer stays as planned.
    if answer is None:
        return probe
    return replace(probe, expected=answer)


def _witnessed(rows: Iterable[PermissionRow]) -> list[AccessRequest]:
    """Requests that show the rows to every login of the principal, the most telling first."""
    witnesses = [row.witness for row in rows if row.witness is not None]
    requests = [witness.request for witness in witnesses if not witness.login]
    return sorted(dict.fromkeys(requests), key=rank)


def baseline(principal_arn: str, earlier: Iterable[Evidence]) -> Mapping[AccessRequest, bool]:
    """The answers of the newest live baseline: request -> whether it was allowed.

    ``earlier`` is the evidence on record, oldest first. Only live answers count: rules evaluated
    are known without a baseline.
    """
    mine = [each for each in earlier if each.principal_arn == principal_arn]
    live = [each for each in mine if (each.phase, each.proof_class) == ("before", "live")]
    answers: dict[AccessRequest, bool] = {}
    # In the order they were taken: a newer answer replaces an older one.
    for evidence in live:
        for result in evidence.probes:
            answers[result.probe.request] = result.allowed
    return answers


def evaluate(
    index: RbacIndex, identity: Identity, probes: Iterable[Probe]
) -> tuple[tuple[Probe, bool, str], ...]:
    """The probes answered by the rules alone, as ``(probe, allowed, reason)``.

    Those that the rules cannot answer are left out.
    """
    answers = []
    for probe in probes:
        allowed, reason = authorize(
            index, identity.username, identity.groups, identity.policies, probe.request
        )
        if allowed is not None:
            answers.append((probe, allowed, reason))
    return tuple(answers)


def _evaluated(index: RbacIndex, identity: Identity, request: AccessRequest) -> bool | None:
    """What the rules answer; None where only a policy without published rules could allow it."""
    allowed, _ = authorize(index, identity.username, identity.groups, identity.policies, request)
    return allowed
