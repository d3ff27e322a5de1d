"""Who can log in to a cluster now, as what, and by which row, entry or account.

The rules are those of the authenticator (:mod:`migrator.decide.reading.effective_identity`), asked
for every principal that a row, an entry or the cluster's creation names: an access entry that
matches decides, then the rows of aws-auth, then mapAccounts. What was not read is unknown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from migrator.decide.access.log_in_population import population_of
from migrator.decide.planning.entries.automatic_entry import is_of_eks_own_step
from migrator.decide.planning.entries.creator import HIDDEN_CREATOR
from migrator.decide.planning.entries.entry_identity import identity_of_entry
from migrator.decide.planning.principals.candidate_principals import (
    CandidatePrincipal,
    candidates_of,
    creator_is_known,
    is_owned_by_eks,
)
from migrator.decide.planning.principals.creator_evidence import has_hidden_creator, known_creator
from migrator.decide.planning.principals.find_principal import Found, liveness
from migrator.decide.planning.principals.plan_facts import UNUSED, PlanFacts, gather
from migrator.decide.reading.effective_rows import ambiguous_users
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import canonical_arn, principal_key, row_key
from migrator.decide.reading.templates import rendered_row
from migrator.decide.reading.text_folding import fold
from migrator.decide.reading.unread_rows import unread_rows
from migrator.model.access_document import (
    AccessDocument,
    AccessIdentity,
    AccessRow,
    AwsAuthProblem,
    ClusterNow,
    EntryMaker,
    EntryNow,
    EntryState,
    LetInBy,
    LogsIn,
    MappedAccount,
    PrincipalAccess,
    PrincipalState,
    RowEffect,
    Unknown,
    entry_now,
)
from migrator.model.access_entry import AccessEntry, AuthenticationMode, Identity
from migrator.model.aws_auth import AwsAuth, RowMapping
from migrator.model.decision import NO_DECISIONS, Decisions
from migrator.model.files.snapshot import parse_time
from migrator.model.principal import parse_arn
from migrator.model.snapshot import Snapshot

# What ``unread`` calls the parts of a snapshot without which nothing follows from absence.
AWS_AUTH, ENTRIES, IAM = "configMap", "accessEntries", "iam.principals of "
# ListRoles and ListUsers hold neither: the root user is in every account, and a federated user is a
# session.
_NOT_IN_IAM = frozenset({"root", "federated-user"})


@dataclass(frozen=True, slots=True)
class _Facts:
    """Everything that one principal is judged by. ``unread``: what could not be read, and why."""

    plan: PlanFacts
    random: Mapping[str, tuple[RowMapping, ...]]
    unread: Mapping[str, str]

    @property
    def mode(self) -> AuthenticationMode:
        """The cluster's authentication mode."""
        return self.plan.mode

    @property
    def reads_rows(self) -> bool:
        """Whether the authenticator asks aws-auth at all."""
        return self.mode != "API"

    @property
    def rows_known(self) -> bool:
        """Whether it is known which rows there are."""
        return AWS_AUTH not in self.unread

    @property
    def entries_known(self) -> bool:
        """Whether it is known which entries there are."""
        return ENTRIES not in self.unread


def access_now(
    snapshot: Snapshot,
    unread: Iterable[Mapping[str, Any]] = (),
    decisions: Decisions = NO_DECISIONS,
    *,
    also: Iterable[str] = (),
) -> AccessDocument:
    """The access of a cluster. ``unread``: that of the snapshot's document, ``{what, message}``.
    ``decisions``: who the creator is, where a person answered that. ``also``: ARNs of principals
    that are in the document even where nothing names them, with what IAM says of them.

    Raises ``Failed`` ``decision-invalid`` for such an answer that cannot be right.
    """
    aws_auth = read_aws_auth(snapshot.aws_auth_data)
    snapshot = replace(snapshot, creator=known_creator(snapshot, decisions, aws_auth))
    facts = _Facts(
        gather(snapshot, decisions, aws_auth, strategy="preserve", target="API_AND_CONFIG_MAP"),
        ambiguous_users(aws_auth),
        {
            str(item["what"]): str(item.get("message", ""))
            for item in unread
            if _matters(item, snapshot)
        },
    )
    principals = [_principal(each, facts) for each in candidates_of(facts.plan)]
    named = [*filter(_is_named, principals)]
    keys = {row_key(each.principal_arn) for each in named}
    others = {row_key(arn): _unnamed(arn, facts) for arn in also if row_key(arn) not in keys}
    return AccessDocument(
        taken_at=snapshot.taken_at,
        cluster=ClusterNow(snapshot.cluster, _created_at(snapshot)),
        principals=tuple(sorted([*named, *others.values()], key=_by_arn)),
        accounts=tuple(_accounts(aws_auth, facts)),
        problems=tuple(_problems(aws_auth, snapshot)),
        unknown=tuple(_unknown(principals, aws_auth, facts)),
        rows_read=facts.rows_known,
        entries_read=facts.entries_known,
    )


def _matters(item: Mapping[str, Any], snapshot: Snapshot) -> bool:
    """Whether it matters that something was not read. In CONFIG_MAP mode there are no entries,
    unless EKS listed some: then the mode is being changed.
    """
    if item["what"] != ENTRIES or snapshot.cluster.authentication_mode != "CONFIG_MAP":
        return True
    return item.get("code") == "update-in-progress"


def _by_arn(principal: PrincipalAccess) -> str:
    return principal.principal_arn


def _is_named(principal: PrincipalAccess) -> bool:
    """Whether a row, an entry or the cluster's creation names the principal: nodes alone do not
    let their role in.
    """
    return bool(principal.rows or principal.entry or principal.identities)


def _created_at(snapshot: Snapshot) -> str:
    """When the cluster was made, in UTC; empty where the snapshot does not say."""
    made = snapshot.cluster_raw.get("createdAt")
    return parse_time(made, "cluster.createdAt").isoformat() if made else ""


def _principal(
    candidate: CandidatePrincipal,
    facts: _Facts,
) -> PrincipalAccess:
    found = facts.plan.find(candidate.arn)
    entry = _entry(candidate.entry, found, facts)
    identities = tuple(_identities(candidate, entry, found, facts))
    state = _state(candidate.arn, found)
    known = found.principal
    principal = PrincipalAccess(
        principal_arn=candidate.arn,
        logs_in="no",
        principal_state=state,
        principal_id=known.id if known else None,
        successor=found.elsewhere if _is_sso(candidate.arn) else None,
        identities=identities,
        entry=entry,
        rows=tuple(_rows(candidate, entry, state, facts)),
    )
    logs_in, why = _logs_in(principal, facts)
    # No login of a principal that does not exist gets an identity.
    if logs_in == "no":
        identities = ()
    return replace(principal, logs_in=logs_in, why=why, identities=identities)


def _unnamed(
    arn: str,
    facts: _Facts,
) -> PrincipalAccess:
    """What IAM says of a principal that nothing in the cluster names."""
    found = facts.plan.find(arn)
    known = found.principal
    return PrincipalAccess(
        principal_arn=arn,
        logs_in="no",
        principal_state=_state(arn, found),
        principal_id=known.id if known else None,
        successor=found.elsewhere if _is_sso(arn) else None,
    )


def _state(
    arn: str,
    found: Found,
) -> PrincipalState:
    """Whether IAM has the principal, as far as it was read."""
    parsed = parse_arn(arn)
    if parsed is not None and parsed.kind in _NOT_IN_IAM:
        return "not-in-iam"
    # Names are unique in an account (IAM user guide, "IAM identifiers"): a role of this name under
    # another path is another principal.
    if found.principal is not None and row_key(found.arn) != row_key(arn):
        return "absent"
    return found.state


def _is_sso(arn: str) -> bool:
    """Whether IAM Identity Center makes the role: its successor has another suffix."""
    return "/awsreservedsso_" in arn.lower()


def _is_live(principal: PrincipalAccess) -> bool:
    """Whether an entry certainly decides about the principal's logins."""
    return principal.entry is not None and principal.entry.state == "live"


def _is_service_linked(
    principal: PrincipalAccess,
    _facts: _Facts,
) -> bool:
    """Whether EKS itself logs in as the principal, by a live entry: IAM is not asked about it."""
    parsed = parse_arn(principal.principal_arn)
    return _is_live(principal) and parsed is not None and parsed.kind == "service-linked-role"


def _entries_unread(
    _principal: PrincipalAccess,
    facts: _Facts,
) -> bool:
    """Whether an entry that was not read may decide."""
    return not facts.entries_known


def _rows_unread(
    principal: PrincipalAccess,
    facts: _Facts,
) -> bool:
    """Whether a row that was not read may decide: where no entry does, and rows are asked."""
    return facts.reads_rows and not facts.rows_known and not _is_live(principal)


def _has_no_identity(
    principal: PrincipalAccess,
    _facts: _Facts,
) -> bool:
    """Whether nothing would let the principal in, whatever IAM has."""
    return not principal.identities


def _admits_none(
    principal: PrincipalAccess,
    _facts: _Facts,
) -> bool:
    """Whether the authenticator refuses every login of the identities."""
    return not any(each.log_ins for each in principal.identities)


def _in_state(*states: PrincipalState) -> "_Applies":
    """Whether IAM has the principal in one of these states."""
    return lambda principal, _facts: principal.principal_state in states


def _entry_unknown(
    principal: PrincipalAccess,
    _facts: _Facts,
) -> bool:
    """Whether it is not known if the entry can match a login."""
    return principal.entry is not None and principal.entry.state == "unknown"


_Applies: TypeAlias = Callable[[PrincipalAccess, _Facts], bool]
_ROWS_UNREAD = "aws-auth was not read"
# The first that holds is the answer; else the principal logs in.
_NOT_CERTAINLY: Final[tuple[tuple[LogsIn, _Applies, str], ...]] = (
    ("no", _in_state("absent"), "IAM has no such principal"),
    ("yes", _is_service_linked, ""),
    ("unknown", _entries_unread, "the access entries were not read"),
    ("unknown", _rows_unread, _ROWS_UNREAD),
    ("no", _has_no_identity, ""),
    (
        "unknown",
        _in_state("ambiguous"),
        "several roles of this name were seen, and IAM can have one only",
    ),
    (
        "unknown",
        _in_state("unread"),
        "IAM was not read: whether the principal exists is not known",
    ),
    (
        "unknown",
        _entry_unknown,
        "whether the entry was made for this principal is not known",
    ),
    ("no", _admits_none, "the authenticator refuses the username"),
)


def _logs_in(
    principal: PrincipalAccess,
    facts: _Facts,
) -> tuple[LogsIn, str]:
    """Whether a login as the principal is admitted, and why not or why that is not known."""
    for answer, applies, why in _NOT_CERTAINLY:
        if applies(principal, facts):
            return answer, why or _why_not(principal)
    return "yes", ""


def _why_not(principal: PrincipalAccess) -> str:
    """Why a principal that exists is not admitted: what its entry or its first row lacks."""
    reasons = [row.why for row in principal.rows]
    if principal.entry is not None:
        reasons = [principal.entry.why, *reasons]
    return next(filter(None, reasons), "")


def _entry(
    entry: AccessEntry | None,
    found: Found,
    facts: _Facts,
) -> EntryNow | None:
    """The entry, with whether it can match a login."""
    if entry is None or facts.mode == "CONFIG_MAP":
        return None
    state, why = _liveness(entry, found, facts)
    return entry_now(entry, state, why, _maker(entry, facts))


def _liveness(
    entry: AccessEntry,
    found: Found,
    facts: _Facts,
) -> tuple[EntryState, str]:
    # EKS keeps the entries of its service-linked roles and of Auto Mode in force.
    if is_owned_by_eks(entry, facts.plan):
        return "live", ""
    state = liveness(entry, found)
    if state == "live":
        return state, ""
    if state == "unknown":
        return state, "whether the entry was made for this principal is not known: IAM was not read"
    if found.state == "absent":
        return state, "its principal was deleted"
    return state, "its principal was deleted and made again after it; it is tied to the old one"


def _maker(
    entry: AccessEntry,
    facts: _Facts,
) -> EntryMaker:
    """Who made the entry, as far as it shows: EKS tags no entry that it makes itself."""
    if is_owned_by_eks(entry, facts.plan):
        return "eks"
    if entry.tags:
        return "other"
    use = facts.plan.nodes.get(principal_key(entry.principal_arn), UNUSED)
    # EKS makes the entries of managed node groups and of Fargate profiles (EKS user guide, "Create
    # access entries").
    if entry.type != "STANDARD" and (use.nodegroups or use.profiles):
        return "eks"
    return "eks" if is_of_eks_own_step(entry, facts.plan) else "other"


def _identities(
    candidate: CandidatePrincipal,
    entry: EntryNow | None,
    found: Found,
    facts: _Facts,
) -> Iterator[AccessIdentity]:
    """The identities that a login may get, as the authenticator looks for them."""
    if entry is not None and entry.state != "dead":
        assert candidate.entry is not None  # noqa: S101 - it is the entry of the candidate
        identity = identity_of_entry(candidate.entry)
        yield _identity(identity, "access-entry", "", candidate.arn)
        # An entry that matches decides, and no row is asked after it.
        if entry.state == "live":
            return
    if not facts.reads_rows:
        return
    yield from _by_rows(candidate, found, facts)


def _by_rows(
    candidate: CandidatePrincipal,
    found: Found,
    facts: _Facts,
) -> Iterator[AccessIdentity]:
    """The identities of aws-auth: its rows, else the creator's, else mapAccounts."""
    arn = candidate.arn
    rows = _deciding(candidate, facts)
    for row in rows:
        username, groups = rendered_row(row, row.arn)
        yield _identity(Identity(username, groups, "config-map"), "config-map", row.source, arn)
    if rows:
        return
    if candidate.is_creator:
        yield _identity(HIDDEN_CREATOR, "creator", "", arn)
        return
    place = _mapped_account(arn, facts)
    # mapAccounts gives the ARN as the username, and no group (configmap.go).
    if place:
        known = found.arn if found.state == "found" else arn
        identity = Identity(canonical_arn(known), (), "config-map")
        yield _identity(identity, "map-accounts", place, arn)


def _deciding(
    candidate: CandidatePrincipal,
    facts: _Facts,
) -> Sequence[RowMapping]:
    """The rows of which each login gets one: mostly one, several where spellings differ."""
    if candidate.row is not None:
        return (candidate.row,)
    if candidate.group is None:
        return ()
    return facts.random.get(fold(candidate.group.rows[0].arn), ())


def _mapped_account(
    arn: str,
    facts: _Facts,
) -> str:
    """``mapAccounts[0]`` that the principal's account is in; empty where it is in none."""
    parsed = parse_arn(arn)
    if parsed is None or parsed.kind == "other":
        return ""
    for row in facts.plan.aws_auth.accounts:
        if row.account == parsed.account:
            return row.source
    return ""


def _identity(
    identity: Identity,
    by: LetInBy,
    source: str,
    arn: str,
) -> AccessIdentity:
    return AccessIdentity(
        identity.username,
        tuple(sorted({group for group in identity.groups if group})),
        by,
        source,
        tuple(sorted(identity.policies, key=lambda policy: policy.policy_arn)),
        population_of(identity, arn),
    )


@dataclass(frozen=True, slots=True)
class _RowFacts:
    """What the effect of one row follows from. ``deciding``: the rows of its ARN of which a login
    gets one. ``dead``: why it never matches, empty where it may. ``entry``: the state of its
    principal's entry, empty without one.
    """

    source: str
    deciding: frozenset[str]
    dead: str
    entry: str
    state: PrincipalState
    facts: _Facts


# The first that holds is what the row does; else it decides.
_EFFECTS: Final[tuple[tuple[RowEffect, Callable[[_RowFacts], bool], str], ...]] = (
    (
        "inert",
        lambda row: not row.facts.reads_rows,
        "in API mode aws-auth is not read",
    ),
    ("dead", lambda row: bool(row.dead), "{dead}"),
    (
        "shadowed-by-row",
        lambda row: row.source not in row.deciding,
        "{deciding} has the same ARN and decides",
    ),
    (
        "shadowed-by-entry",
        lambda row: row.entry == "live",
        "the access entry of the principal decides",
    ),
    (
        "unknown",
        lambda row: not row.facts.entries_known,
        "the access entries were not read: one may decide instead",
    ),
    (
        "unknown",
        lambda row: row.entry == "unknown",
        "the access entry of the principal may decide instead",
    ),
    (
        "no-principal",
        lambda row: row.state == "absent",
        "IAM has no such principal; one made under this name would log in",
    ),
    (
        "random",
        lambda row: len(row.deciding) > 1,
        "each login gets one of several rows at random",
    ),
)


def _rows(
    candidate: CandidatePrincipal,
    entry: EntryNow | None,
    state: PrincipalState,
    facts: _Facts,
) -> Iterator[AccessRow]:
    """Every row of the principal, with what it does now."""
    deciding = frozenset(row.source for row in _deciding(candidate, facts))
    dead = {row.source: match.message for group, match in candidate.dead for row in group.rows}
    if candidate.match is not None and candidate.match.kind == "dead":
        dead |= dict.fromkeys((row.source for row in candidate.rows), candidate.match.message)
    entry_state = "" if entry is None else entry.state
    for row in candidate.rows:
        known = _RowFacts(
            row.source,
            deciding,
            dead.get(row.source, ""),
            entry_state,
            state,
            facts,
        )
        effect, why = _effect(known)
        groups = tuple(sorted(row.effective_groups))
        yield AccessRow(row.source, row.arn, row.username, groups, effect, why)


def _effect(row: _RowFacts) -> tuple[RowEffect, str]:
    """What the row does, and what takes its effect away."""
    for effect, applies, why in _EFFECTS:
        if applies(row):
            others = " or ".join(sorted(row.deciding))
            return effect, why.format(dead=row.dead, deciding=others)
    return "decides", ""


def _accounts(
    aws_auth: AwsAuth,
    facts: _Facts,
) -> Iterator[MappedAccount]:
    """The accounts of mapAccounts; one that is named twice is one."""
    first = {row.account: row.source for row in reversed(aws_auth.accounts)}
    for account, source in sorted(first.items()):
        yield MappedAccount(account, source, facts.reads_rows)


def _problems(
    aws_auth: AwsAuth,
    snapshot: Snapshot,
) -> Iterator[AwsAuthProblem]:
    """Text of aws-auth that gives nothing, in the order of the text."""
    for problem in aws_auth.problems:
        yield AwsAuthProblem(problem.kind, problem.section, problem.message)
    for dropped in aws_auth.dropped:
        yield AwsAuthProblem("dropped", dropped.source, dropped.reason)
    for row in aws_auth.rows:
        if row.sso:
            message = "rows with `sso` match no login: that feature is off on EKS"
            yield AwsAuthProblem("unused", row.source, message)
    for unused in unread_rows(snapshot.aws_auth_data, aws_auth):
        message = f"{unused.name}: {unused.reason}"
        yield AwsAuthProblem("unused", f"{unused.key} line {unused.line}", message)


def _unknown(
    principals: Sequence[PrincipalAccess],
    aws_auth: AwsAuth,
    facts: _Facts,
) -> Iterator[Unknown]:
    """What would have to be read for every answer to be certain, each thing once."""
    name = facts.plan.snapshot.cluster.name
    doctor = ("doctor", name)
    if facts.reads_rows and not facts.rows_known:
        yield Unknown("aws-auth", "the rows of aws-auth", facts.unread[AWS_AUTH], doctor)
    if not facts.entries_known:
        yield Unknown("access-entries", "the access entries", facts.unread[ENTRIES], doctor)
    for problem in aws_auth.problems:
        if problem.kind == "doubtful" and facts.reads_rows:
            what = f"the rows of {problem.section}"
            yield Unknown("aws-auth", what, problem.message, ("plan", name))
    if not _creator_known(facts):
        yield Unknown(
            "creator",
            "the cluster's creator, which is its administrator without a row",
            "no API shows it in CONFIG_MAP mode, and no evidence was found: `migrate observe` may "
            "find a login as kubernetes-admin; answer it as `creator` in decisions.yaml",
            ("access", name, "--decisions", "decisions.yaml"),
        )
    yield from _unread_accounts(principals, facts)


def _creator_known(facts: _Facts) -> bool:
    """Whether the hidden administrator is known, or there is none."""
    if facts.mode != "CONFIG_MAP":
        return True
    if not has_hidden_creator(facts.plan.snapshot.cluster_raw):
        return True
    return creator_is_known(facts.plan)


def _unread_accounts(
    principals: Sequence[PrincipalAccess],
    facts: _Facts,
) -> Iterator[Unknown]:
    """The accounts whose IAM would show whether principals exist, each with how many these are."""
    own, partition = facts.plan.snapshot.cluster.account_id, facts.plan.snapshot.cluster.partition
    name = facts.plan.snapshot.cluster.name
    waiting: dict[str, list[str]] = {}
    for principal in principals:
        parsed = parse_arn(principal.principal_arn)
        if parsed is not None and _hangs_on_iam(principal, facts):
            waiting.setdefault(parsed.account, []).append(principal.principal_arn)
    for account, arns in sorted(waiting.items()):
        role = f"arn:{partition}:iam::{account}:role/READER"
        command = ("access", name, "--reader-role", role)
        yield Unknown(
            "iam",
            f"whether principals of account {account} exist: {', '.join(sorted(arns))}",
            facts.unread.get(f"{IAM}{account}", "IAM of the account was not read"),
            ("doctor", name) if account == own else command,
        )


def _hangs_on_iam(
    principal: PrincipalAccess,
    facts: _Facts,
) -> bool:
    """Whether reading IAM is what would make it known."""
    if principal.logs_in != "unknown":
        return False
    return facts.entries_known and principal.why != _ROWS_UNREAD
