"""What must be true of a principal before and after: its name, its groups, and the answers to its
probes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from migrator.decide.access.authorize import RbacIndex, authorize
from migrator.decide.access.probes import probes_for
from migrator.decide.access.telling_requests import rank
from migrator.decide.planning.entries.entry_identity import NODE_IDENTITIES
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, AssociatedPolicy, EntrySpec, Identity
from migrator.model.evidence import Announced, Evidence, Phase, Probe
from migrator.model.plan import PlannedPrincipal
from migrator.model.rbac import AccessRequest, PermissionRow
from migrator.model.step import BRIDGE_PREFIX, MARKER_PREFIX


def is_ours(group: str) -> bool:
    """Whether a group is a marker or bridge of a run, which no other writer uses."""
    return group.startswith((MARKER_PREFIX, BRIDGE_PREFIX))


def phase_of(principal: PlannedPrincipal, entry: AccessEntry | None, mode: str) -> Phase:
    """``before`` while the row answers alone, ``after`` from the moment there is an entry, or no
    row is asked.
    """
    if mode == "CONFIG_MAP" or (
        entry is None and mode != "API" and principal.before.via == "config-map"
    ):
        return "before"
    return "after"


def identity_after(
    principal: PlannedPrincipal, spec: EntrySpec | None, entry: AccessEntry | None
) -> Identity:
    """The identity that the plan intends: ``spec`` is the entry after the last step. Marker
    and bridge groups that the entry still carries belong to it. Groups of node types are EKS's own
    and as it shows them.
    """
    if spec is None:
        return Identity("", (), "none")
    if spec.type != "STANDARD":
        username, groups = NODE_IDENTITIES[spec.type]
        shown = entry.kubernetes_groups if entry is not None and entry.type == spec.type else ()
        return Identity(entry.username if entry else username, shown or groups, "access-entry")
    extra = tuple(group for group in (entry.kubernetes_groups if entry else ()) if is_ours(group))
    username = spec.username or default_username(principal.principal_arn)
    return Identity(
        username, (*spec.kubernetes_groups, *extra), "access-entry", spec.access_policies
    )


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
        if measured is not None and (planned is None or planned == was):
            found.append(replace(probe, expected=measured))
        elif planned is not None:
            found.append(replace(probe, expected=planned))
    return tuple(found)


def announced_probes(
    principal: PlannedPrincipal, phase: Phase, index: RbacIndex | None, *, limit: int
) -> tuple[Probe, ...]:
    """At most ``limit`` witnesses of the differences that the plan announces, as probes: losses and
    gains in turn.

    Before, the right answers are those of today's rules. After, they are the plan's, whatever the
    entry gives: a loss that did not happen is access that was not announced. A witness that only
    some logins of the principal show is not asked: the login at hand is not one of them.
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
    chosen = [probe for turn in zip_longest(*kinds) for probe in turn if probe is not None][:limit]
    if phase == "after" or index is None:
        return tuple(chosen)
    today = [(probe, _evaluated(index, principal.before, probe.request)) for probe in chosen]
    return tuple(
        probe if answer is None else replace(probe, expected=answer) for probe, answer in today
    )


def _witnessed(rows: Iterable[PermissionRow]) -> list[AccessRequest]:
    """Requests that show the rows to every login of the principal, the most telling first."""
    witnesses = [row.witness for row in rows if row.witness is not None]
    requests = [witness.request for witness in witnesses if not witness.login]
    return sorted(dict.fromkeys(requests), key=rank)


def baseline(principal_arn: str, earlier: Iterable[Evidence]) -> Mapping[AccessRequest, bool]:
    """The answers of the newest live baseline."""
    mine = [each for each in earlier if each.principal_arn == principal_arn]
    live = [each for each in mine if (each.phase, each.proof_class) == ("before", "live")]
    answers: dict[AccessRequest, bool] = {}
    for evidence in live:
        answers |= {result.probe.request: result.allowed for result in evidence.probes}
    return answers


def evaluate(
    index: RbacIndex, identity: Identity, probes: Iterable[Probe]
) -> tuple[tuple[Probe, bool, str], ...]:
    """The probes answered by the rules alone; those that the rules cannot answer are left out."""
    answers = []
    for probe in probes:
        allowed, reason = authorize(
            index, identity.username, identity.groups, identity.policies, probe.request
        )
        if allowed is not None:
            answers.append((probe, allowed, reason))
    return tuple(answers)


def identity_of_entry(entry: AccessEntry) -> Identity:
    """Who an entry makes its principal, as it was read."""
    policies: tuple[AssociatedPolicy, ...] = entry.access_policies
    return Identity(entry.username, entry.kubernetes_groups, "access-entry", policies)


def _evaluated(index: RbacIndex, identity: Identity, request: AccessRequest) -> bool | None:
    return authorize(index, identity.username, identity.groups, identity.policies, request)[0]
