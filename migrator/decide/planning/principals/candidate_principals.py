"""The principals of a plan: each principal that a row, an entry, a node, the cluster's creation or
an answer names.

Each row belongs to exactly one of them, or, where it names no principal, to a finding.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from migrator.decide.planning.principals.creator_evidence import has_hidden_creator
from migrator.decide.planning.principals.find_principal import Found
from migrator.decide.planning.principals.plan_facts import UNUSED, NodeUse, PlanFacts
from migrator.decide.planning.principals.principal_answers import answered_arn
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.reading.who_can_match import Match, RowGroup, match_of, row_groups
from migrator.model.access_entry import SERVICE_LINKED_MARK, AccessEntry
from migrator.model.aws_auth import RowMapping

Liveness: TypeAlias = Literal["live", "dead", "unknown"]


@dataclass(frozen=True, slots=True)
class CandidatePrincipal:
    """One principal with everything known about it.

    ``arn`` is IAM's spelling where known, else the ARN as written. ``group`` holds the rows that
    decide, ``dead`` further rows that spell this principal in a way that never matches. ``account``
    is set for a principal that an answer brings in from mapAccounts.
    """

    arn: str
    found: Found
    match: Match | None = None
    group: RowGroup | None = None
    dead: tuple[tuple[RowGroup, Match], ...] = ()
    entry: AccessEntry | None = None
    use: NodeUse = UNUSED
    is_creator: bool = False
    account: str | None = None

    @property
    def rows(self) -> tuple[RowMapping, ...]:
        """All rows of this principal, in document order."""
        groups = [group for group, _ in self.dead]
        found = [
            row for group in ([self.group] if self.group else []) + groups for row in group.rows
        ]
        return tuple(sorted(found, key=lambda row: (row.section, row.index)))

    @property
    def row(self) -> RowMapping | None:
        """The row that decides today, as far as rows do."""
        live = self.match is not None and self.match.kind != "dead"
        return self.group.winner if live and self.group else None


def candidates_of(facts: PlanFacts) -> tuple[CandidatePrincipal, ...]:
    """All principals: those of rows in document order, then the others by ARN."""
    partition = facts.snapshot.cluster.partition
    groups = [
        (group, match_of(group.rows[0].arn, partition)) for group in row_groups(facts.aws_auth.rows)
    ]
    candidates = {g.key: _of_rows(g, match, facts) for g, match in groups if match.kind != "dead"}
    further: dict[str, CandidatePrincipal] = {}
    _add_entries(candidates, further, facts)
    _add_nodes(candidates, further, facts)
    _add_creator(candidates, further, facts)
    _add_accounts(further, facts)
    spelled = {row_key(s.arn): s for s in (*candidates.values(), *further.values())}
    dead = [
        _of_dead_rows(group, match, spelled, facts)
        for group, match in groups
        if match.kind == "dead"
    ]
    final = {row_key(s.arn): s for s in (*spelled.values(), *dead)}
    ordered = sorted(final.values(), key=lambda s: s.arn)
    return tuple(sorted(ordered, key=_first_place))


def _first_place(candidate: CandidatePrincipal) -> tuple[bool, str, int]:
    rows = candidate.rows
    return (False, rows[0].section, rows[0].index) if rows else (True, "", 0)


def _of_rows(group: RowGroup, match: Match, facts: PlanFacts) -> CandidatePrincipal:
    row = group.winner or group.rows[-1]
    found = facts.find(row.arn) if match.kind in ("role", "user") else Found(row.arn, "unread")
    use = facts.nodes.get(group.key, UNUSED)
    if found.state == "unread":
        found = _known_otherwise(found, group, use, facts)
    # An entry may be made for a user that was not read: its ARN must be one that EKS takes.
    takes_entry = found.state == "found" or (found.state == "unread" and match.kind == "user")
    return CandidatePrincipal(found.arn if takes_entry else row.arn, found, match, group, use=use)


def _known_otherwise(found: Found, group: RowGroup, use: NodeUse, facts: PlanFacts) -> Found:
    """A principal that IAM was not asked for, whose full ARN an answer, EKS or an entry shows."""
    answered = answered_arn(group, facts.decisions)
    entries = facts.entries.get(group.key, ())
    known = answered or use.arn or (entries[0].principal_arn if len(entries) == 1 else "")
    return replace(found, arn=known, state="found") if known else found


def _add_entries(
    candidates: dict[str, CandidatePrincipal],
    further: dict[str, CandidatePrincipal],
    facts: PlanFacts,
) -> None:
    for key, entries in facts.entries.items():
        for entry in entries:
            candidate = candidates.get(key)
            if candidate is not None and row_key(candidate.arn) == row_key(entry.principal_arn):
                candidates[key] = replace(candidate, entry=entry)
            else:
                use = facts.nodes.get(key, UNUSED) if len(entries) == 1 else UNUSED
                found = facts.find(entry.principal_arn)
                further[row_key(entry.principal_arn)] = CandidatePrincipal(
                    entry.principal_arn, found, entry=entry, use=use
                )


def _add_nodes(
    candidates: dict[str, CandidatePrincipal],
    further: dict[str, CandidatePrincipal],
    facts: PlanFacts,
) -> None:
    for key, use in facts.nodes.items():
        if key not in candidates and row_key(use.arn) not in further:
            further[row_key(use.arn)] = CandidatePrincipal(use.arn, facts.find(use.arn), use=use)


def _add_creator(
    candidates: dict[str, CandidatePrincipal],
    further: dict[str, CandidatePrincipal],
    facts: PlanFacts,
) -> None:
    """The hidden creator, while the mode is CONFIG_MAP; afterwards its entry is like any other."""
    creator = facts.snapshot.creator
    if (
        creator is None
        or facts.mode != "CONFIG_MAP"
        or not has_hidden_creator(facts.snapshot.cluster_raw)
    ):
        return
    key = principal_key(creator.arn)
    is_session = ":assumed-role/" in creator.arn
    candidate = candidates.get(key)
    found = candidate.found if candidate else facts.find(key if is_session else creator.arn)
    if found.state == "unread" and not is_session:  # the full ARN is what the source shows
        found = replace(found, arn=creator.arn, state="found")
    arn = found.arn if found.state == "found" else creator.arn
    if candidate is not None:
        arn = found.arn if found.state == "found" else candidate.arn
        candidates[key] = replace(candidate, arn=arn, found=found, is_creator=True)
    elif found.state != "unread":
        known = further.get(row_key(arn)) or CandidatePrincipal(arn, found)
        further[row_key(arn)] = replace(known, is_creator=True)


def creator_is_known(facts: PlanFacts) -> bool:
    """Whether the hidden creator's full ARN is known: the ARN of a session does not show the path
    of its role.
    """
    creator = facts.snapshot.creator
    if creator is None or ":assumed-role/" not in creator.arn:
        return creator is not None
    key = principal_key(creator.arn)
    return key in facts.row_keys or facts.find(key).state != "unread"


def _add_accounts(further: dict[str, CandidatePrincipal], facts: PlanFacts) -> None:
    """Principals that an answer takes out of mapAccounts. A principal that also has a row was
    refused earlier.
    """
    mapped = {row.account for row in facts.aws_auth.accounts}
    for account, arns in facts.decisions.expand_accounts.items():
        for arn in arns if account in mapped else ():
            found = facts.find(arn)
            if found.state == "unread":
                found = replace(found, arn=arn, state="found")
            known = further.get(row_key(found.arn))
            further[row_key(found.arn)] = replace(
                known or CandidatePrincipal(found.arn, found), account=account
            )


def _of_dead_rows(
    group: RowGroup, match: Match, spelled: dict[str, CandidatePrincipal], facts: PlanFacts
) -> CandidatePrincipal:
    """Rows that never match. They are added to the principal that they spell, if that is in the
    plan for other reasons.
    """
    known = spelled.get(group.key)
    if known is not None:
        merged = replace(known, dead=(*known.dead, (group, match)))
        spelled[group.key] = merged
        return merged
    arn = group.rows[-1].arn
    return CandidatePrincipal(arn, facts.find(arn), match, group)


def liveness_of(candidate: CandidatePrincipal) -> Liveness:
    """Whether an existing entry can still match a log-in.

    An entry is pinned to the unique id of its principal, which no API shows: one that is older than
    the principal was made for another one of the same name (EKS user guide, "Create access
    entries").
    """
    entry, found = candidate.entry, candidate.found
    assert entry is not None  # noqa: S101 - asked for subjects with an entry only
    if found.state == "absent" or (
        found.principal and row_key(found.arn) != row_key(entry.principal_arn)
    ):
        return "dead"
    born = found.principal.create_date if found.principal else None
    if born is None or entry.created_at is None:
        return "unknown"
    return "dead" if entry.created_at < born else "live"


def is_owned_by_eks(entry: AccessEntry, facts: PlanFacts) -> bool:
    """Entries that EKS keeps for itself: service-linked roles, Auto Mode's node role, capabilities.
    Never touched.
    """
    key = row_key(entry.principal_arn)
    raw = facts.snapshot.cluster_raw
    auto = (raw.get("computeConfig") or {}).get("nodeRoleArn")
    owned: Iterable[object] = (auto, *(c.get("roleArn") for c in facts.snapshot.capabilities or ()))
    return SERVICE_LINKED_MARK in key or any(
        isinstance(arn, str) and row_key(arn) == key for arn in owned
    )
