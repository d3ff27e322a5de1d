"""Two access documents of one cluster compared: each change is named once.

Entries are compared by the ARN of their principal, rows by their ARN as the authenticator compares
it (without case), principals by their unique id. The place of a row says nothing, and what was not
read on either side is no change.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from migrator.decide.access.quoting import quoted
from migrator.decide.reading.row_keys import row_key
from migrator.model.access_document import (
    AccessDocument,
    AccessRow,
    EntryNow,
    PrincipalAccess,
    Unknown,
)
from migrator.model.drift import DRIFT_KINDS, DriftCode, DriftFinding, DriftOutcome

_MODES: Final = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")  # a cluster only ever moves right
_ORDER: Final = tuple(DRIFT_KINDS)
_Value = TypeVar("_Value")


def find_drift(
    before: AccessDocument,
    now: AccessDocument,
    *,
    against: str,
    unknown: Iterable[Unknown] = (),
) -> DriftOutcome:
    """What changed from ``before`` to ``now``, in the order of the catalogue, then by subject.
    ``against``: what ``before`` is, in words. ``unknown``: what keeps it from being known.
    """
    findings = [*_cluster(before, now)]
    codes = {each.code for each in findings}
    # Another cluster under the name has nothing to be compared with.
    if "cluster-made-again" not in codes:
        findings += _principals(before, now)
        findings += _aws_auth(before, now)
    findings.sort(key=_place)
    return DriftOutcome(
        cluster=now.cluster.ref,
        at=now.taken_at,
        against=against,
        taken_at=before.taken_at,
        findings=tuple(findings),
        unknown=(*unknown, *_unread_before(before, now), *_unread_now(now)),
    )


def _place(finding: DriftFinding) -> tuple[int, str]:
    """Where a finding comes in the list."""
    return _ORDER.index(finding.code), finding.subject


def _unread_before(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[Unknown]:
    """What nothing can be compared with, because it was not read then."""
    save = ("access", now.cluster.ref.name, "--save")
    why = "they were not read when that was saved"
    if not before.rows_read:
        yield Unknown("aws-auth", "what changed in aws-auth", why, save)
    if not before.entries_read:
        yield Unknown("access-entries", "what changed in the access entries", why, save)


def _unread_now(now: AccessDocument) -> Iterator[Unknown]:
    """What could not be read now. The creator of a cluster never changes: that it is not known
    keeps no change from being seen.
    """
    for each in now.unknown:
        if each.about != "creator":
            yield each


def _changed(
    old: Mapping[str, _Value],
    new: Mapping[str, _Value],
) -> Iterator[tuple[str, _Value | None, _Value | None]]:
    """What differs between two mappings, by key in order: the value before, and the one now. None
    is absence.
    """
    for key in sorted({*old, *new}):
        was = old.get(key)
        found = new.get(key)
        if was != found:
            yield key, was, found


def _cluster(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[DriftFinding]:
    """What changed of the cluster itself. A plan does not have the time of its creation."""
    was = before.cluster.ref.authentication_mode
    mode = now.cluster.ref.authentication_mode
    born = (before.cluster.created_at, now.cluster.created_at)
    is_other = all(born) and len(set(born)) > 1
    changes = (f"authentication mode: {was} -> {mode}", f"made at: {born[0]} -> {born[1]}")
    if is_other or _MODES.index(mode) < _MODES.index(was):
        what = f"{now.cluster.ref.name} is not the cluster that it was"
        yield DriftFinding("cluster-made-again", "", what, changes)
        return
    if mode != was:
        what = f"the mode is {mode}, and was {was}"
        yield DriftFinding("mode-changed", "", what, changes[:1])


@dataclass(frozen=True, slots=True)
class _Pair:
    """One principal before and now. A principal that one of the documents does not name is as in
    the other one, without an entry.
    """

    was: PrincipalAccess
    now: PrincipalAccess

    @property
    def vanished(self) -> bool:
        """Whether IAM has lost the principal since."""
        return self.now.principal_state == "absent" != self.was.principal_state

    @property
    def has_other_id(self) -> bool:
        """Whether both ids are known and differ."""
        ids = {self.was.principal_id, self.now.principal_id}
        return len(ids - {None}) > 1

    @property
    def died(self) -> bool:
        """Whether the entry can match no login any more, and could before."""
        return _state(self.now) == "dead" != _state(self.was)


def _state(principal: PrincipalAccess) -> str:
    """``live``, ``dead`` or ``unknown``; empty without an entry."""
    entry = principal.entry
    if entry is None:
        return ""
    return entry.state


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


def _is_replaced(pair: _Pair) -> bool:
    """An Identity Center role that was deleted, has an entry, and has a successor."""
    return _is_orphaned(pair) and pair.now.successor is not None


def _is_orphaned(pair: _Pair) -> bool:
    """An entry whose principal was deleted."""
    is_absent = pair.now.principal_state == "absent"
    return is_absent and (pair.died or (pair.vanished and _state(pair.now) != ""))


def _is_made_again(pair: _Pair) -> bool:
    """A principal with another id, which logs in by a row, or by an entry that was made again."""
    return pair.has_other_id


def _has_new_entry_of_eks(pair: _Pair) -> bool:
    """An entry that was not there, and that EKS made."""
    entry = pair.now.entry
    return _has_new_entry(pair) and entry is not None and entry.made_by == "eks"


def _has_new_entry(pair: _Pair) -> bool:
    """An entry that was not there."""
    return (pair.was.entry, pair.now.entry) != (None, None) and pair.was.entry is None


def _has_lost_entry(pair: _Pair) -> bool:
    """An entry that was there."""
    return pair.was.entry is not None and pair.now.entry is None


def _has_other_entry(pair: _Pair) -> bool:
    """An entry with other content."""
    return _content(pair.was.entry) != _content(pair.now.entry)


_Rule: TypeAlias = tuple[DriftCode, Callable[[_Pair], bool], str]
# The first that holds names what became of a principal: the code, when it holds, and what is said.
_IN_IAM: Final[tuple[_Rule, ...]] = (
    ("sso-role-replaced", _is_replaced, "{arn} was replaced by {successor}"),
    (
        "entry-orphaned",
        _is_orphaned,
        "the entry of {arn} matches no login: IAM no longer has its principal",
    ),
    ("principal-deleted", lambda pair: pair.vanished, "IAM no longer has {arn}"),
    (
        "entry-dead",
        lambda pair: pair.died,
        "the entry of {arn} matches no login: its principal was deleted and made again",
    ),
    ("principal-made-again", _is_made_again, "{arn} was deleted and made again"),
)
# The same of its entry, where the entries were read both times.
_OF_ENTRY: Final[tuple[_Rule, ...]] = (
    (
        "automatic-entry-added",
        _has_new_entry_of_eks,
        "{arn} has an access entry of EKS that was not there",
    ),
    ("entry-added", _has_new_entry, "{arn} has an access entry that was not there"),
    ("entry-deleted", _has_lost_entry, "the access entry of {arn} was deleted"),
    ("entry-changed", _has_other_entry, "the access entry of {arn} was changed"),
)


def _principals(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[DriftFinding]:
    """One finding for each principal whose entry or id changed."""
    old = {row_key(each.principal_arn): each for each in before.principals}
    new = {row_key(each.principal_arn): each for each in now.principals}
    rules = _IN_IAM
    if before.entries_read and now.entries_read:
        rules = (*_IN_IAM, *_OF_ENTRY)
    for _, was, found in _changed(old, new):
        pair = _pair(was, found)
        applying = (rule for rule in rules if rule[1](pair))
        rule = next(applying, None)
        if rule is not None:
            yield _finding(rule, pair)


def _pair(
    was: PrincipalAccess | None,
    found: PrincipalAccess | None,
) -> _Pair:
    """Both sides; one of them is there."""
    known = found or was
    assert known is not None  # noqa: S101 - one of the documents names the principal
    without = replace(known, entry=None, rows=())
    return _Pair(was or without, found or without)


def _finding(
    rule: _Rule,
    pair: _Pair,
) -> DriftFinding:
    """The finding that a rule makes of a principal."""
    code, _, words = rule
    arn = pair.now.principal_arn
    ids = (pair.was.principal_id or "not known", pair.now.principal_id or "none")
    changes: tuple[str, ...] = ()
    # The fields of an entry are written out from both of its contents.
    if rule in _IN_IAM:
        changes = (f"id: {ids[0]} -> {ids[1]}",)
    return DriftFinding(
        code,
        arn,
        words.format(arn=quoted(arn), successor=quoted(pair.now.successor or "")),
        changes,
        pair.was.entry,
        pair.now.entry,
        pair.now.successor,
    )


def _aws_auth(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[DriftFinding]:
    """Rows, accounts and text that changed, where aws-auth was read both times."""
    if not before.rows_read or not now.rows_read:
        return
    inert = ""
    if now.cluster.ref.authentication_mode == "API":
        inert = ", which gives nothing in API mode"
    yield from _of_rows(before, now, inert)
    yield from _of_accounts(before, now, inert)
    yield from _of_texts(before, now)


def _of_accounts(
    before: AccessDocument,
    now: AccessDocument,
    inert: str,
) -> Iterator[DriftFinding]:
    """Accounts that mapAccounts has no longer, or has now."""
    for account, _, found in _changed(_accounts(before), _accounts(now)):
        code, verb = _ACCOUNT_WORDS[found is not None]
        yield DriftFinding(code, account, f"mapAccounts {verb} account {account}{inert}")


def _of_texts(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[DriftFinding]:
    """What the authenticator does not read of aws-auth, section by section."""
    for section, was, found in _changed(_texts(before), _texts(now)):
        what = f"what the authenticator does not read of {section} changed"
        changes = _differences(was or (), found or ())
        yield DriftFinding("aws-auth-text-changed", section, what, changes)


_ACCOUNT_WORDS: Final[Mapping[bool, tuple[DriftCode, str]]] = {
    True: ("account-added", "has"),
    False: ("account-deleted", "no longer has"),
}
# By whether the row was there before and is there now.
_ROW_WORDS: Final[Mapping[tuple[bool, bool], tuple[DriftCode, str]]] = {
    (False, True): ("row-added", "added"),
    (True, False): ("row-deleted", "deleted"),
    (True, True): ("row-changed", "changed"),
}


def _of_rows(
    before: AccessDocument,
    now: AccessDocument,
    inert: str,
) -> Iterator[DriftFinding]:
    """One finding for all rows of one ARN. ``inert``: words for rows that give nothing, empty where
    aws-auth is read.
    """
    spelled = {**_spelled(before), **_spelled(now)}
    for key, was, found in _changed(_rows_by_arn(before), _rows_by_arn(now)):
        code, verb = _ROW_WORDS[bool(was), bool(found)]
        if code == "row-added" and inert:
            code = "row-returned"
        what = f"the row of {quoted(spelled[key])} was {verb}{inert}"
        changes = _differences(was or (), found or ())
        yield DriftFinding(code, spelled[key], what, changes)


def _spelled(document: AccessDocument) -> dict[str, str]:
    """The ARNs of rows as they are written, by their ARN without case."""
    return {row_key(row.arn): row.arn for each in document.principals for row in each.rows}


def _differences(
    had: tuple[str, ...],
    has: tuple[str, ...],
) -> tuple[str, ...]:
    """What is no longer there, and what is new; both hold the same where only an order changed."""
    lines = [f"- {each}" for each in had if each not in has]
    lines += [f"+ {each}" for each in has if each not in had]
    return tuple(lines or ["the same, in another order or number"])


def _rows_by_arn(document: AccessDocument) -> dict[str, tuple[str, ...]]:
    """The content of the rows by their ARN without case, in document order, because the last one of
    a section decides.
    """
    found: dict[str, tuple[str, ...]] = {}
    for principal in document.principals:
        for row in principal.rows:
            key = row_key(row.arn)
            found[key] = (*found.get(key, ()), _row(row))
    return found


def _row(row: AccessRow) -> str:
    """A row without its place."""
    section = row.source.partition("[")[0]
    groups = ", ".join(map(quoted, row.groups))
    return f"{section}: username {quoted(row.username)}, groups {groups or 'none'}"


def _accounts(document: AccessDocument) -> dict[str, bool]:
    """The accounts of mapAccounts."""
    return dict.fromkeys((each.account for each in document.accounts), True)


def _texts(document: AccessDocument) -> dict[str, tuple[str, ...]]:
    """What is not read, by section: the place of a row says nothing."""
    found: dict[str, list[str]] = {}
    for problem in document.problems:
        section = problem.where.partition("[")[0].partition(" ")[0]
        found.setdefault(section, []).append(f"{problem.kind}: {problem.message}")
    return {section: tuple(sorted(texts)) for section, texts in found.items()}
