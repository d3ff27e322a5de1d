"""The principals of a plan: each principal that a row, an entry, a node, the cluster's creation or
an answer names.

Each row belongs to exactly one of them, or, where it names no principal, to a finding.
"""

from dataclasses import dataclass, field, replace

from migrator.decide.planning.principals.creator_evidence import has_hidden_creator
from migrator.decide.planning.principals.find_principal import Found, Liveness, liveness
from migrator.decide.planning.principals.mapped_accounts import left_behind
from migrator.decide.planning.principals.plan_facts import UNUSED, NodeUse, PlanFacts
from migrator.decide.planning.principals.principal_answers import answered_arn
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.reading.who_can_match import Match, RowGroup, match_of
from migrator.model.access_entry import NOBODY, SERVICE_LINKED_MARK, AccessEntry, Identity
from migrator.model.aws_auth import RowMapping
from migrator.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class CandidatePrincipal:
    """One principal with everything known about it.

    ``arn`` is IAM's spelling where known, else the ARN as written. ``group`` holds the rows that
    decide, ``dead`` further rows that spell this principal in a way that never matches. ``account``
    is set for a principal that an answer brings in from mapAccounts; ``is_left_behind`` where the
    answer leaves it out, although something in the cluster names it.

    Derived: ``rows`` are all rows of this principal in document order, ``row`` is the row that
    decides today, as far as rows do, and ``given`` the identity that it gives (NOBODY without it).
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
    is_left_behind: bool = False

    rows: tuple[RowMapping, ...] = field(init=False)
    row: RowMapping | None = field(init=False, default=None)
    given: Identity = field(init=False, default=NOBODY)

    def __post_init__(self) -> None:
        found: list[RowMapping] = []
        if self.group is not None:
            found.extend(self.group.rows)
        for group, _ in self.dead:
            found.extend(group.rows)
        found.sort(key=lambda row: (row.section, row.index))
        object.__setattr__(self, "rows", tuple(found))
        if self.group is None or self.match is None:
            return
        # A row that never matches decides nothing, whatever it holds.
        if self.match.kind == "dead":
            return
        object.__setattr__(self, "row", self.group.winner)
        object.__setattr__(self, "given", self.group.given)


def candidates_of(facts: PlanFacts) -> tuple[CandidatePrincipal, ...]:
    """All principals: those of rows in document order, then the others by ARN."""
    partition = facts.snapshot.cluster.partition
    candidates: dict[str, CandidatePrincipal] = {}
    dead: list[tuple[RowGroup, Match]] = []
    for group in facts.rows_by_arn:
        match = match_of(group.rows[0].arn, partition)
        if match.kind == "dead":
            dead.append((group, match))
        else:
            candidates[group.key] = _of_rows(group, match, facts)
    further: dict[str, CandidatePrincipal] = {}
    _add_entries(candidates, further, facts)
    _add_nodes(candidates, further, facts)
    _add_creator(candidates, further, facts)
    _add_accounts(further, facts)
    spelled = {row_key(each.arn): each for each in (*candidates.values(), *further.values())}
    # Dead rows come last: they are added to the principal that they spell, if there is one.
    of_dead = [_of_dead_rows(group, match, spelled, facts) for group, match in dead]
    final = {row_key(each.arn): each for each in (*spelled.values(), *of_dead)}
    ordered = sorted(final.values(), key=lambda each: each.arn)
    return tuple(sorted(ordered, key=_first_place))


def _first_place(candidate: CandidatePrincipal) -> tuple[bool, str, int]:
    rows = candidate.rows
    # Principals without a row come last.
    if not rows:
        return (True, "", 0)
    return (False, rows[0].section, rows[0].index)


def _of_rows(group: RowGroup, match: Match, facts: PlanFacts) -> CandidatePrincipal:
    row = group.winner or group.rows[-1]
    found = Found(row.arn, "unread")
    # Root and federated users are in no list of IAM.
    if match.kind in ("role", "user"):
        found = facts.find(row.arn)
    use = facts.nodes.get(group.key, UNUSED)
    if found.state == "unread":
        found = _known_otherwise(found, group, use, facts)
    arn = found.arn if _is_known(found, match) else row.arn
    return CandidatePrincipal(arn, found, match, group, use=use)


def _is_known(found: Found, match: Match) -> bool:
    """Whether what was found has the ARN that an entry is made for."""
    if found.state == "found":
        return True
    # An entry may be made for a user that was not read: its ARN must be one that EKS takes.
    return found.state == "unread" and match.kind == "user"


def _known_otherwise(
    found: Found,
    group: RowGroup,
    use: NodeUse,
    facts: PlanFacts,
) -> Found:
    """A principal that IAM was not asked for, whose full ARN an answer, EKS or an entry shows."""
    known = answered_arn(group, facts.decisions) or use.arn
    entries = facts.entries.get(group.key, ())
    # Two entries under one key are roles under two paths: which of them the row means is unknown.
    if not known and len(entries) == 1:
        known = entries[0].principal_arn
    if not known:
        return found
    return replace(found, arn=known, state="found")


def _add_entries(
    candidates: dict[str, CandidatePrincipal],
    further: dict[str, CandidatePrincipal],
    facts: PlanFacts,
) -> None:
    for key, entries in facts.entries.items():
        # Where two roles of one name have entries, nodes show the name and not which role it is.
        use = facts.nodes.get(key, UNUSED) if len(entries) == 1 else UNUSED
        for entry in entries:
            arn = entry.principal_arn
            candidate = candidates.get(key)
            if candidate is not None and row_key(candidate.arn) == row_key(arn):
                candidates[key] = replace(candidate, entry=entry)
                continue
            found = facts.find(arn)
            further[row_key(arn)] = CandidatePrincipal(arn, found, entry=entry, use=use)


def _add_nodes(
    candidates: dict[str, CandidatePrincipal],
    further: dict[str, CandidatePrincipal],
    facts: PlanFacts,
) -> None:
    for key, use in facts.nodes.items():
        # A row or an entry has the principal with its nodes already.
        if key in candidates or row_key(use.arn) in further:
            continue
        found = facts.find(use.arn)
        further[row_key(use.arn)] = CandidatePrincipal(use.arn, found, use=use)


def _add_creator(
    candidates: dict[str, CandidatePrincipal],
    further: dict[str, CandidatePrincipal],
    facts: PlanFacts,
) -> None:
    """The hidden creator, while the mode is CONFIG_MAP; afterwards its entry is like any other."""
    if facts.mode != "CONFIG_MAP":
        return
    creator = facts.snapshot.creator
    if creator is None:
        return
    if not has_hidden_creator(facts.snapshot.cluster_raw):
        return
    key = principal_key(creator.arn)
    candidate = candidates.get(key)
    if candidate is not None:
        found = _found_creator(candidate.found, creator.arn)
        arn = found.arn if found.state == "found" else candidate.arn
        candidates[key] = replace(candidate, arn=arn, found=found, is_creator=True)
        return
    found = _found_creator(
        facts.find(key if _is_session(creator.arn) else creator.arn), creator.arn
    )
    # A session whose role was not read shows no path: cluster_findings says that it is not known.
    if found.state == "unread":
        return
    arn = found.arn if found.state == "found" else creator.arn
    known = further.get(row_key(arn)) or CandidatePrincipal(arn, found)
    further[row_key(arn)] = replace(known, is_creator=True)


def _found_creator(found: Found, arn: str) -> Found:
    # CloudTrail shows the full ARN of a principal, and of a session the role without its path.
    if found.state != "unread":
        return found
    if _is_session(arn):
        return found
    return replace(found, arn=arn, state="found")


def _is_session(arn: str) -> bool:
    return ":assumed-role/" in arn


def creator_is_known(facts: PlanFacts) -> bool:
    """Whether the hidden creator's full ARN is known: the ARN of a session does not show the path
    of its role.
    """
    creator = facts.snapshot.creator
    if creator is None:
        return False
    if not _is_session(creator.arn):
        return True
    key = principal_key(creator.arn)
    return key in facts.row_keys or facts.find(key).state != "unread"


def _add_accounts(further: dict[str, CandidatePrincipal], facts: PlanFacts) -> None:
    """Principals that an answer takes out of mapAccounts. A principal that also has a row was
    refused earlier.
    """
    mapped = {row.account for row in facts.aws_auth.accounts}
    for account, arns in facts.decisions.expand_accounts.items():
        # In API mode an answer may remain when mapAccounts is no longer read.
        if account not in mapped:
            continue
        for arn in arns:
            found = facts.find(arn)
            if found.state == "unread":
                found = replace(found, arn=arn, state="found")
            key = row_key(found.arn)
            known = further.get(key) or CandidatePrincipal(found.arn, found)
            further[key] = replace(known, account=account)
    for account in sorted(mapped):
        _add_left_behind(account, further, facts)


def _add_left_behind(
    account: str, further: dict[str, CandidatePrincipal], facts: PlanFacts
) -> None:
    # mapAccounts ends with the target API alone, and in API mode it ended already.
    if facts.mode == "API" or facts.target != "API":
        return
    for found in left_behind(account, facts):
        key = row_key(found.arn)
        known = further.get(key) or CandidatePrincipal(found.arn, found)
        # Nodes and the hidden creator have findings of their own. A dead entry decides nothing.
        if known.use.any or known.is_creator:
            continue
        further[key] = replace(known, account=account, is_left_behind=True)


def _of_dead_rows(
    group: RowGroup,
    match: Match,
    spelled: dict[str, CandidatePrincipal],
    facts: PlanFacts,
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
    """Whether the candidate's entry can still match a log-in."""
    assert candidate.entry is not None  # noqa: S101 - asked for subjects with an entry only
    return liveness(candidate.entry, candidate.found)


def is_owned_by_eks(entry: AccessEntry, facts: PlanFacts) -> bool:
    """Entries that EKS keeps for itself: service-linked roles, Auto Mode's node role, capabilities.
    Never touched.
    """
    if SERVICE_LINKED_MARK in row_key(entry.principal_arn):
        return True
    return is_role_of_eks(entry.principal_arn, facts.snapshot)


def is_role_of_eks(arn: str, snapshot: Snapshot) -> bool:
    """Whether it is a role of Auto Mode or of an EKS capability, as the API shows them: EKS makes
    the entry, and no person can assume the role.
    """
    shown = [each.get("roleArn") for each in snapshot.capabilities or ()]
    auto_mode = snapshot.cluster_raw.get("computeConfig")
    if auto_mode:
        shown.append(auto_mode.get("nodeRoleArn"))
        # The cluster itself makes nodes, volumes and load balancers.
        if auto_mode.get("enabled"):
            shown.append(snapshot.cluster_raw.get("roleArn"))
    # The objects are the API's own: a field may be missing, or no text.
    return row_key(arn) in {row_key(each) for each in shown if isinstance(each, str)}
