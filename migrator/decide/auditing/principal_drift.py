"""What became of each principal and its entry between two access documents of one cluster.

What is found is settled by the commands that go with it: after they were run, the same comparison
finds nothing about the principal any more. So a deleted entry of a principal that IAM does not have
is no change to undo, and an entry of the successor of an Identity Center role is judged by the
entry that it takes over.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from migrator.decide.access.authorize import MASTERS
from migrator.decide.access.quoting import quoted
from migrator.decide.planning.principals.plan_facts import CLUSTER_ADMIN
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_document import AccessDocument, EntryNow, PrincipalAccess
from migrator.model.access_entry import RESERVED_PREFIXES, AssociatedPolicy
from migrator.model.drift import (
    DRIFT_KINDS,
    DriftCode,
    DriftFinding,
    SettledChange,
    Settling,
)
from migrator.model.principal import parse_arn


@dataclass(frozen=True, slots=True)
class _Pair:
    """One principal before and now.

    ``entries_known``: whether its entry was read both times. ``has_row``: whether a row that the
    authenticator reads names it now. ``lost_row``: whether aws-auth admitted it before and does
    not now. ``succeeds``: whether it takes the place of a principal that IAM no longer has.
    ``switched``: whether aws-auth was read before, and is not now.
    ``heir``: the successor that has to have its entry. ``inherits``: whether it is such an heir.
    """

    was: PrincipalAccess
    now: PrincipalAccess
    entries_known: bool
    has_row: bool
    lost_row: bool
    succeeds: bool
    switched: bool = False
    heir: PrincipalAccess | None = None
    inherits: bool = False

    @property
    def absent(self) -> bool:
        """Whether IAM has no such principal."""
        return self.now.principal_state == "absent"

    @property
    def vanished(self) -> bool:
        """Whether IAM has lost the principal since."""
        return self.absent and self.was.principal_state != "absent"

    @property
    def has_other_id(self) -> bool:
        """Whether both ids are known and differ."""
        ids = {self.was.principal_id, self.now.principal_id}
        return len(ids - {None}) > 1

    @property
    def had(self) -> bool:
        """Whether there was an entry."""
        return self.was.entry is not None

    @property
    def has(self) -> bool:
        """Whether there is an entry."""
        return self.now.entry is not None

    @property
    def differs(self) -> bool:
        """Whether both entries are there, and the old one does not say what the new one does: by
        its content, or because it can match no login any more.
        """
        if not self.had or not self.has:
            return False
        died = _state(self.now.entry) == "dead" != _state(self.was.entry)
        return died or _content(self.was.entry) != _content(self.now.entry)

    @property
    def inherited(self) -> EntryNow | None:
        """The entry as the heir has to have it: a default name is that of its own principal."""
        entry = self.was.entry
        if entry is None or self.heir is None:
            return entry
        if entry.username != default_username(self.was.principal_arn):
            return entry
        return replace(entry, username=default_username(self.heir.principal_arn))


def _state(entry: EntryNow | None) -> str:
    """``live``, ``dead`` or ``unknown``; empty without an entry."""
    return "" if entry is None else entry.state


def _content(entry: EntryNow | None) -> tuple[object, ...]:
    """What an entry gives; empty without one. The order of groups and policies has no meaning."""
    if entry is None:
        return ()
    return (
        entry.type,
        entry.username,
        frozenset(entry.kubernetes_groups),
        frozenset(entry.access_policies),
    )


def _awaits_heir(pair: _Pair) -> bool:
    """Whether the successor's entry is not there, or is not the one that it takes over."""
    if pair.heir is None:
        return False
    entry = pair.heir.entry
    return _state(entry) == "dead" or _content(entry) != _content(pair.inherited)


def _is_made_by_eks(pair: _Pair) -> bool:
    """Whether EKS made the entry that was not there."""
    entry = pair.now.entry
    return not pair.had and entry is not None and entry.made_by == "eks"


def _is_needed(pair: _Pair) -> bool:
    """Whether an entry that was not there admits a principal that would be denied without it, and
    was admitted before: by its row, or as the role whose place it has taken.
    """
    is_new = pair.has and not pair.had
    return is_new and _state(pair.now.entry) != "dead" and (pair.lost_row or pair.succeeds)


def _lost_its_login(pair: _Pair) -> bool:
    """Whether a row admitted the principal, and nothing does since the mode is API."""
    if not pair.switched or pair.absent:
        return False
    entries = {_state(pair.was.entry), _state(pair.now.entry)}
    return bool(pair.was.rows) and pair.was.logs_in != "no" and entries <= _ADMIT_NONE


def _replaces_its_row(pair: _Pair) -> bool:
    """Whether an entry gives what the row gave that admits no more."""
    if not pair.lost_row or _state(pair.was.entry) not in _ADMIT_NONE:
        return False
    expected = entry_of_row(pair.was)
    is_live = _state(pair.now.entry) == "live"
    return is_live and _content(expected) == _content(pair.now.entry)


def _came_to_life(pair: _Pair) -> bool:
    """Whether an entry matched no login before, and does now."""
    return _state(pair.was.entry) == "dead" and _state(pair.now.entry) == "live"


# The states of an entry that matches no login, with that of none.
_ADMIT_NONE: Final = frozenset({"", "dead"})
_Rule: TypeAlias = tuple[DriftCode | None, Callable[[_Pair], bool], str]
# The first that holds says what became of an entry: the code, when it holds, and what is said.
# Without a code nothing is to be done. Without words, what is found of another principal says it.
_OF_ENTRY: Final[tuple[_Rule, ...]] = (
    (None, lambda pair: pair.inherits, ""),
    ("sso-role-replaced", _awaits_heir, "{arn} was replaced by {successor}"),
    (
        None,
        lambda pair: pair.heir is not None and not pair.has,
        "{successor} has the entry of {arn}, which it replaced",
    ),
    (
        "entry-orphaned",
        lambda pair: pair.absent and (pair.differs or (pair.vanished and pair.had and pair.has)),
        "the entry of {arn} matches no login: IAM no longer has its principal",
    ),
    # EKS takes no entry for a principal that IAM does not have: none can be brought back.
    (
        None,
        lambda pair: pair.absent and pair.had and not pair.has,
        "the entry of {arn} was deleted, and IAM no longer has its principal",
    ),
    (
        "entry-dead",
        lambda pair: _state(pair.now.entry) == "dead" and pair.differs,
        "the entry of {arn} matches no login: its principal was deleted and made again",
    ),
    (
        None,
        lambda pair: _state(pair.was.entry) == "dead" and not pair.has,
        "the entry of {arn} was deleted, which matched no login",
    ),
    (
        "entry-deleted",
        lambda pair: pair.had and not pair.has,
        "the access entry of {arn} was deleted",
    ),
    (
        "login-lost",
        _lost_its_login,
        "{arn} can no longer log in: its row gives nothing in API mode, and it has no access entry",
    ),
    (
        None,
        _replaces_its_row,
        "{arn} has an access entry that gives what its row gave",
    ),
    (
        "automatic-entry-added",
        _is_made_by_eks,
        "{arn} has an access entry of EKS that was not there",
    ),
    (
        "entry-substituted",
        _is_needed,
        "{arn} has an access entry that was not there, and nothing else admits it any more",
    ),
    (
        "entry-added",
        lambda pair: pair.has and not pair.had,
        "{arn} has an access entry that was not there",
    ),
    (
        "entry-substituted",
        _came_to_life,
        "the access entry of {arn} matched no login, and was made again",
    ),
    ("entry-changed", lambda pair: pair.differs, "the access entry of {arn} was changed"),
    # The one who made the entry again decided about the principal that has the name now.
    (
        None,
        lambda pair: pair.had and pair.has and pair.has_other_id,
        "{arn} was deleted and made again, and so was its entry",
    ),
)
# What is found of a principal besides, because rows and mapAccounts admit by the name alone.
_OF_NAME: Final[tuple[_Rule, ...]] = (
    (
        "principal-deleted",
        lambda pair: pair.vanished and pair.has_row,
        "IAM no longer has {arn}",
    ),
    (
        "principal-made-again",
        lambda pair: pair.has_other_id and _is_admitted_by_name(pair),
        "{arn} was deleted and made again",
    ),
)


def _is_admitted_by_name(pair: _Pair) -> bool:
    """Whether no entry decides about the principal, or that is not known."""
    if not pair.entries_known:
        return pair.had or pair.has_row
    return pair.has_row and not pair.had


def principal_drift(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[DriftFinding | SettledChange]:
    """What is found of each principal, by ARN: at most one thing of its entry, and one of its
    name.
    """
    for pair in _with_heirs(tuple(_pairs(before, now))):
        tables = [_OF_NAME]
        if pair.entries_known:
            tables = [_OF_ENTRY, _OF_NAME]
        for rules in tables:
            rule = next((rule for rule in rules if rule[1](pair)), None)
            if rule is not None and rule[2]:
                yield _found(rule, pair)


def _found(
    rule: _Rule,
    pair: _Pair,
) -> DriftFinding | SettledChange:
    """What a rule says of a principal."""
    code, _, words = rule
    arn, successor = pair.was.principal_arn, pair.now.successor
    what = words.format(arn=quoted(arn), successor=quoted(successor or ""))
    if code is None:
        return SettledChange(arn, what)
    ids = (pair.was.principal_id or "not known", pair.now.principal_id or "none")
    wanted = _wanted(code, pair)
    settling, interim = _settling(code, wanted, pair)
    # The fields of an entry are written out from both of its contents.
    changes = (f"id: {ids[0]} -> {ids[1]}",) if code in _BY_ID and ids[0] != ids[1] else ()
    return DriftFinding(
        code,
        arn,
        what,
        changes,
        was=pair.was.entry,
        now=pair.now.entry,
        successor=successor,
        successor_entry=pair.heir.entry if pair.heir else None,
        wanted=wanted,
        interim=interim,
        settling=settling,
    )


def _wanted(
    code: DriftCode,
    pair: _Pair,
) -> EntryNow | None:
    """The entry that settles a finding, where one does."""
    if code == "login-lost":
        return entry_of_row(pair.was)
    return pair.inherited if DRIFT_KINDS[code].settling in _BRINGS else None


def _settling(
    code: DriftCode,
    wanted: EntryNow | None,
    pair: _Pair,
) -> tuple[Settling | None, EntryNow | None]:
    """How a finding is settled, where that is not what its kind says; and as what its entry is made
    first.
    """
    if DRIFT_KINDS[code].settling not in _BRINGS:
        return None, None
    # What the row gave cannot be written as an entry: a person decides.
    if wanted is None:
        return "plan", None
    whose = pair.now if pair.heir is None else pair.heir
    is_made = _state(whose.entry) in _ADMIT_NONE
    # A new entry immediately takes the place of the row, and its policies come after it: its
    # principal would have less meanwhile.
    if not is_made or whose.logs_in != "yes" or not wanted.access_policies:
        return None, None
    interim = entry_of_row(whose)
    # What an administrator has by its row needs the bridge that `apply` builds.
    if interim is None or interim.access_policies or wanted.type != interim.type:
        return "apply", None
    return None, interim


def entry_of_row(principal: PrincipalAccess) -> EntryNow | None:
    """The access entry that gives what the only row of a principal gives, where one can: EKS takes
    no names with reserved prefixes, and no session's name without a colon before it.
    """
    parsed = parse_arn(principal.principal_arn)
    if len(principal.rows) != 1 or parsed is None:
        return None
    (row,) = principal.rows
    groups = tuple(each for each in row.groups if each != MASTERS)
    reserved = any(each.startswith(RESERVED_PREFIXES) for each in (row.username, *groups))
    if reserved or _NAME.fullmatch(row.username) is None:
        return None
    policies: tuple[AssociatedPolicy, ...] = ()
    if MASTERS in row.groups:
        name = f"cluster-access-policy/{CLUSTER_ADMIN}"
        policies = (AssociatedPolicy(f"arn:{parsed.partition}:eks::aws:{name}"),)
    return EntryNow("STANDARD", row.username, groups, policies)


# A name that EKS takes as it is: without a template, or with a session's after a colon.
_NAME: Final = re.compile(r"[^{]+|[^{]*:[^{]*\{\{SessionName(?:Raw)?\}\}[^{]*")
_BRINGS: Final = frozenset({"put-entry", "make-again", "hand-over"})
_BY_ID: Final = frozenset(
    {
        "sso-role-replaced",
        "entry-orphaned",
        "entry-dead",
        "principal-deleted",
        "principal-made-again",
    }
)


def _pairs(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[_Pair]:
    """Every principal that either document names. One that only one of them names is as in the
    other, without an entry.
    """
    old, new = _by_key(before), _by_key(now)
    reads_rows = now.cluster.ref.authentication_mode != "API"
    had_row, has_row = _in_map(before), _in_map(now)
    succeeding = {
        row_key(each.successor)
        for key, each in new.items()
        if each.principal_state == "absent" and each.successor and key in old
    }
    for key in sorted({*old, *new}):
        was, found = _both(old.get(key), new.get(key))
        arn = found.principal_arn
        rows = bool(was.rows or found.rows or found.identities)
        yield _Pair(
            _as_read(was, found, before),
            found,
            entries_known=now.entries_read,
            has_row=rows and has_row(arn),
            lost_row=had_row(arn) and not has_row(arn),
            succeeds=key in succeeding,
            switched=not reads_rows and before.cluster.ref.authentication_mode != "API",
        )


def _by_key(document: AccessDocument) -> dict[str, PrincipalAccess]:
    return {row_key(each.principal_arn): each for each in document.principals}


def _both(
    was: PrincipalAccess | None,
    found: PrincipalAccess | None,
) -> tuple[PrincipalAccess, PrincipalAccess]:
    """Both sides; one of them is there."""
    known = found or was
    assert known is not None  # noqa: S101 - one of the documents names the principal
    without = replace(known, entry=None, rows=(), identities=())
    return was or without, found or without


def _as_read(
    was: PrincipalAccess,
    found: PrincipalAccess,
    before: AccessDocument,
) -> PrincipalAccess:
    """An entry that was not read is as it is now; only what became of its principal is known."""
    if before.entries_read:
        return was
    if found.entry is None:
        return replace(was, entry=None)
    pair = _Pair(was, found, False, False, False, False)
    if pair.vanished or pair.has_other_id:
        return replace(was, entry=replace(found.entry, state="unknown"))
    return replace(was, entry=found.entry)


def _in_map(document: AccessDocument) -> Callable[[str], bool]:
    """Whether aws-auth names a principal, by a row or by its account, and is read. Rows have the
    ARN of a role without its path.
    """
    if document.cluster.ref.authentication_mode == "API":
        return lambda _arn: False
    rows = {principal_key(row.arn) for each in document.principals for row in each.rows}
    rows |= {
        principal_key(each.principal_arn)
        for each in document.principals
        if any(identity.by == "creator" for identity in each.identities)
    }
    accounts = {each.account for each in document.accounts}

    def names(arn: str) -> bool:
        parsed = parse_arn(arn)
        in_account = parsed is not None and parsed.account in accounts
        return in_account or principal_key(arn) in rows

    return names


def _with_heirs(pairs: Iterable[_Pair]) -> Iterator[_Pair]:
    """The pairs, each entry of a role that IAM Identity Center replaced with its heir. A successor
    that was admitted before keeps what it had, and inherits nothing.
    """
    by_key = {row_key(pair.now.principal_arn): pair for pair in pairs}
    inherits: dict[str, str] = {}
    for key, pair in by_key.items():
        heir = _heir(pair, by_key)
        # Of several roles that have one successor, the first whose entry it has decides.
        if heir is None or not _may_inherit(heir, pair, by_key):
            continue
        heir_key = row_key(heir.principal_arn)
        if heir_key not in inherits or not _awaits_heir(replace(pair, heir=heir)):
            inherits[heir_key] = key
    chosen = {key: heir for heir, key in inherits.items()}
    for key, pair in by_key.items():
        if key in chosen:
            pair = replace(pair, heir=_heir(pair, by_key))  # noqa: PLW2901 - the same pair
        yield replace(pair, inherits=key in inherits)


def _heir(
    pair: _Pair,
    by_key: Mapping[str, _Pair],
) -> PrincipalAccess | None:
    """The successor as it is now."""
    successor = pair.now.successor
    if successor is None:
        return None
    known = by_key.get(row_key(successor))
    return PrincipalAccess(successor, "no", "found") if known is None else known.now


def _may_inherit(
    heir: PrincipalAccess,
    pair: _Pair,
    by_key: Mapping[str, _Pair],
) -> bool:
    """Whether the entry of a deleted role, which admitted its sessions, is its successor's now."""
    was_live = pair.had and _state(pair.was.entry) != "dead"
    if not pair.absent or not was_live or pair.was.principal_state == "absent":
        return False
    known = by_key.get(row_key(heir.principal_arn))
    return known is None or not (known.had or known.was.rows)
