"""Two access documents of one cluster compared: each change is named once.

Entries are compared by the ARN of their principal, rows by their ARN as the authenticator compares
it (without case), principals by their unique id. The place of a row says nothing, and what was not
read on either side is no change.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from migrator.decide.access.quoting import quoted
from migrator.decide.auditing.principal_drift import principal_drift
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.model.access_document import (
    AccessDocument,
    AccessRow,
    Unknown,
)
from migrator.model.drift import (
    DRIFT_KINDS,
    DriftCode,
    DriftFinding,
    DriftOutcome,
    SettledChange,
    Settling,
)

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
    of_cluster = [*_cluster(before, now)]
    found: list[DriftFinding | SettledChange] = [*of_cluster]
    # Another cluster under the name has nothing to be compared with.
    if "cluster-made-again" not in {each.code for each in of_cluster}:
        found += principal_drift(before, now)
        found += _aws_auth(before, now)
    findings = [each for each in found if isinstance(each, DriftFinding)]
    return DriftOutcome(
        cluster=now.cluster.ref,
        at=now.taken_at,
        against=against,
        taken_at=before.taken_at,
        findings=tuple(sorted(findings, key=_place)),
        settled=tuple(each for each in found if isinstance(each, SettledChange)),
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
        lost: tuple[str, ...] = ()
        if mode == "API":
            lost = tuple(
                f"principals of account {each.account} that have no access entry can no longer "
                "log in by mapAccounts"
                for each in before.accounts
            )
        yield DriftFinding("mode-changed", "", what, (changes[0], *lost))


def _aws_auth(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[DriftFinding | SettledChange]:
    """Rows, accounts and text that changed, where aws-auth was read both times."""
    if not before.rows_read or not now.rows_read:
        return
    changes = [*_of_rows(before, now), *_of_accounts(before, now), *_of_texts(before, now)]
    if now.cluster.ref.authentication_mode == "API":
        was_read = before.cluster.ref.authentication_mode != "API"
        yield from (_inert(each, was_read=was_read) for each in changes)
        return
    gone = _absent(now)
    for each in changes:
        if each.code == "row-deleted" and principal_key(each.subject) in gone:
            why = "and IAM no longer has its principal"
            yield SettledChange(each.subject, f"{each.what}, {why}")
        else:
            yield each


def _inert(
    finding: DriftFinding,
    *,
    was_read: bool,
) -> DriftFinding | SettledChange:
    """A change of an aws-auth that is not read: text that was deleted took nothing away.
    ``was_read``: whether it was read before, when its rows are what is known of access that was
    lost: it is not deleted then.
    """
    inert = f"{finding.what}, which gives nothing in API mode"
    if finding.code in ("row-deleted", "account-deleted"):
        return SettledChange(finding.subject, inert)
    # Text that is not read, of which nothing is left that was not there.
    if finding.changes and not any(each.startswith("+") for each in finding.changes):
        return SettledChange(finding.subject, inert)
    settling: Settling | None = "plan" if was_read else None
    return replace(finding, code="row-returned", what=inert, settling=settling)


def _absent(now: AccessDocument) -> frozenset[str]:
    """The principals that IAM does not have, as rows name them."""
    return frozenset(
        principal_key(each.principal_arn)
        for each in now.principals
        if each.principal_state == "absent"
    )


def _of_accounts(
    before: AccessDocument,
    now: AccessDocument,
) -> Iterator[DriftFinding]:
    """Accounts that mapAccounts has no longer, or has now."""
    for account, _, found in _changed(_accounts(before), _accounts(now)):
        code, verb = _ACCOUNT_WORDS[found is not None]
        yield DriftFinding(code, account, f"mapAccounts {verb} account {account}")


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
) -> Iterator[DriftFinding]:
    """One finding for all rows of one ARN."""
    spelled = {**_spelled(before), **_spelled(now)}
    for key, was, found in _changed(_rows_by_arn(before), _rows_by_arn(now)):
        code, verb = _ROW_WORDS[bool(was), bool(found)]
        what = f"the row of {quoted(spelled[key])} was {verb}"
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
