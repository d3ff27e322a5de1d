"""Drift of access documents: none against itself, and each change is named exactly once."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias, get_args

from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.auditing.find_drift import find_drift
from migrator.model.access_document import (
    AccessDocument,
    AccessRow,
    AwsAuthProblem,
    ClusterNow,
    EntryNow,
    MappedAccount,
    PrincipalAccess,
)
from migrator.model.access_entry import AccessScope, AssociatedPolicy, AuthenticationMode
from migrator.model.drift import DriftFinding
from migrator.model.files.access_document import decode_access, encode_access
from migrator.model.plan import ClusterRef
from tests.support.strategies import hostile_text

ACCOUNT = "111122223333"
ARN = "arn:aws:eks:eu-central-1:111122223333:cluster/prod"
POLICIES = tuple(
    f"arn:aws:eks::aws:cluster-access-policy/AmazonEKS{name}Policy" for name in ("View", "Edit")
)
TEXT = st.text("ab:{}'", min_size=1, max_size=4) | hostile_text
SCOPES = st.sampled_from(
    [AccessScope(), AccessScope("namespace", ("a",)), AccessScope("namespace", ("a", "b"))]
)


def _arn(number: int) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/r{number}"


@st.composite
def entries(draw: st.DrawFn) -> EntryNow:
    """An entry as a document has it: sorted."""
    held = draw(st.sets(st.sampled_from(POLICIES)))
    return EntryNow(
        "STANDARD",
        draw(TEXT),
        tuple(sorted(draw(st.sets(TEXT, max_size=2)))),
        tuple(AssociatedPolicy(arn, draw(SCOPES)) for arn in sorted(held)),
        made_by=draw(st.sampled_from(["eks", "other"])),
    )


@st.composite
def rows(draw: st.DrawFn, number: int) -> AccessRow:
    """A row of a principal."""
    groups = tuple(sorted(draw(st.sets(TEXT, max_size=2))))
    return AccessRow(f"mapRoles[{number}]", _arn(number), draw(TEXT), groups, "decides")


@st.composite
def documents(draw: st.DrawFn) -> AccessDocument:
    """A document of up to four principals, each with an entry, a row, both or none."""
    principals = []
    for number in range(draw(st.integers(0, 4))):
        own = (draw(rows(number)),) if draw(st.booleans()) else ()
        entry = draw(st.none() | entries())
        principals.append(
            PrincipalAccess(_arn(number), "yes", "found", f"AROA{number}", entry=entry, rows=own)
        )
    accounts = draw(st.sets(st.sampled_from(["222233334444", "333344445555"])))
    problems = draw(st.lists(TEXT, max_size=2))
    mode = draw(st.sampled_from(get_args(AuthenticationMode)))
    ref = ClusterRef("prod", ARN, ACCOUNT, "eu-central-1", "aws", mode)
    return AccessDocument(
        "2026-11-22T00:00:00Z",
        ClusterNow(ref, "2026-01-01T00:00:00+00:00"),
        tuple(principals),
        tuple(MappedAccount(each, "mapAccounts[0]", mode != "API") for each in sorted(accounts)),
        tuple(AwsAuthProblem("dropped", "mapUsers[0]", each) for each in problems),
    )


Found: TypeAlias = tuple[str, str]  # a code and its subject
Change: TypeAlias = tuple[AccessDocument, list[Found]]


def _with(document: AccessDocument, place: int, principal: PrincipalAccess) -> AccessDocument:
    """One principal replaced; a new one at the end."""
    found = [*document.principals]
    found[place : place + 1] = [principal]
    return replace(document, principals=tuple(found))


def _new_principal() -> PrincipalAccess:
    return PrincipalAccess(_arn(9), "yes", "found", "AROA9")


def _add_entry(draw: st.DrawFn, document: AccessDocument) -> Change:
    entry = draw(entries())
    changed = replace(_new_principal(), entry=entry)
    code = "automatic-entry-added" if entry.made_by == "eks" else "entry-added"
    return _with(document, 9, changed), [(code, _arn(9))]


def _is_read(document: AccessDocument) -> bool:
    return document.cluster.ref.authentication_mode != "API"


def _add_row(draw: st.DrawFn, document: AccessDocument) -> Change:
    changed = replace(_new_principal(), rows=(draw(rows(9)),))
    code = "row-added" if _is_read(document) else "row-returned"
    return _with(document, 9, changed), [(code, _arn(9))]


def _add_account(draw: st.DrawFn, document: AccessDocument) -> Change:
    more = MappedAccount("999999999999", "mapAccounts[5]", in_force=True)
    code = "account-added" if _is_read(document) else "row-returned"
    return replace(document, accounts=(*document.accounts, more)), [(code, more.account)]


def _add_problem(draw: st.DrawFn, document: AccessDocument) -> Change:
    more = AwsAuthProblem("lost", "mapRoles", draw(TEXT))
    changed = replace(document, problems=(*document.problems, more))
    code = "aws-auth-text-changed" if _is_read(document) else "row-returned"
    return changed, [(code, "mapRoles")]


def _of_one(
    change: Callable[[st.DrawFn, PrincipalAccess, bool], tuple[PrincipalAccess, list[str]] | None],
) -> Callable[[st.DrawFn, AccessDocument], Change | None]:
    """A change of one principal of the document, where it has what the change needs. It is given
    whether the authenticator reads rows.
    """

    def of_document(draw: st.DrawFn, document: AccessDocument) -> Change | None:
        if not document.principals:
            return None
        place = draw(st.integers(0, len(document.principals) - 1))
        changed = change(draw, document.principals[place], _is_read(document))
        if changed is None:
            return None
        arn = document.principals[place].principal_arn
        return _with(document, place, changed[0]), [(code, arn) for code in changed[1]]

    return of_document


Changed: TypeAlias = tuple[PrincipalAccess, list[str]]


def _delete_entry(_draw: st.DrawFn, was: PrincipalAccess, _is_read: bool) -> Changed | None:
    return None if was.entry is None else (replace(was, entry=None), ["entry-deleted"])


def _change_entry(draw: st.DrawFn, was: PrincipalAccess, _is_read: bool) -> Changed | None:
    """One field of the entry: name, groups, a policy or its scope."""
    if was.entry is None:
        return None
    entry = was.entry
    policies = entry.access_policies
    changes = [
        replace(entry, username=entry.username + "x"),
        replace(entry, kubernetes_groups=(*entry.kubernetes_groups, "zz")),
        replace(entry, access_policies=(*policies, AssociatedPolicy(f"{POLICIES[0]}2"))),
    ]
    if policies:
        first = replace(policies[0], scope=AccessScope("namespace", ("q",)))
        changes += [
            replace(entry, access_policies=policies[1:]),
            replace(entry, access_policies=(first, *policies[1:])),
        ]
    return replace(was, entry=draw(st.sampled_from(changes))), ["entry-changed"]


def _delete_row(_draw: st.DrawFn, was: PrincipalAccess, is_read: bool) -> Changed | None:
    return (replace(was, rows=()), ["row-deleted"] * is_read) if was.rows else None


def _change_row(draw: st.DrawFn, was: PrincipalAccess, is_read: bool) -> Changed | None:
    if not was.rows:
        return None
    row = was.rows[0]
    changes = [replace(row, username=row.username + "x"), replace(row, groups=(*row.groups, "zz"))]
    code = "row-changed" if is_read else "row-returned"
    return replace(was, rows=(draw(st.sampled_from(changes)),)), [code]


def _make_again(_draw: st.DrawFn, was: PrincipalAccess, is_read: bool) -> Changed | None:
    if was.entry is None:
        codes = ["principal-made-again"] * (is_read and bool(was.rows))
        return replace(was, principal_id="AROAOTHER"), codes
    dead = replace(was.entry, state="dead", why="it is tied to another")
    return replace(was, principal_id="AROAOTHER", entry=dead), ["entry-dead"]


def _delete_principal(draw: st.DrawFn, was: PrincipalAccess, is_read: bool) -> Changed | None:
    gone = replace(was, principal_id=None, principal_state="absent")
    # The row admits a new principal of the name, whatever becomes of the entry.
    codes = ["principal-deleted"] * (is_read and bool(was.rows))
    if was.entry is None:
        return gone, codes
    gone = replace(gone, entry=replace(was.entry, state="dead", why="deleted"))
    if draw(st.booleans()):
        return replace(gone, successor=_arn(8)), ["sso-role-replaced", *codes]
    return gone, ["entry-orphaned", *codes]


CHANGES: tuple[Callable[[st.DrawFn, AccessDocument], Change | None], ...] = (
    _add_entry,
    _add_row,
    _add_account,
    _add_problem,
    *map(
        _of_one,
        (_delete_entry, _change_entry, _delete_row, _change_row, _make_again, _delete_principal),
    ),
)


@st.composite
def changed(draw: st.DrawFn) -> tuple[AccessDocument, Change]:
    """A document, and the same with one change."""
    document = draw(documents())
    found = draw(st.sampled_from(CHANGES))(draw, document)
    return document, found or _add_entry(draw, document)


def _found(before: AccessDocument, now: AccessDocument) -> tuple[DriftFinding, ...]:
    return find_drift(before, now, against="the access").findings


@given(documents())
def test_nothing_drifts_against_itself_not_even_through_its_file(document: AccessDocument) -> None:
    saved = decode_access(encode_access(document), "the file")
    assert saved == document
    assert _found(saved, document) == ()


@given(changed())
def test_each_change_is_named_exactly_once(pair: tuple[AccessDocument, Change]) -> None:
    before, (now, expected) = pair
    assert [(each.code, each.subject) for each in _found(before, now)] == expected


@given(changed())
def test_what_was_not_read_is_unknown_and_no_change(
    pair: tuple[AccessDocument, Change],
) -> None:
    """Of a part that one of the two readings does not have, nothing is said to have changed."""
    before, (now, _) = pair
    for unread in (replace(before, rows_read=False, entries_read=False), before):
        blind = replace(now, rows_read=unread is not before, entries_read=unread is not before)
        findings = _found(unread, blind)
        about = {"principal-deleted", "principal-made-again", "entry-dead", "entry-orphaned"}
        assert {each.code for each in findings} <= about | {"sso-role-replaced"}


@given(documents())
def test_order_of_principals_and_places_of_rows_say_nothing(document: AccessDocument) -> None:
    moved = []
    for principal in reversed(document.principals):
        own = tuple(replace(row, source="mapRoles[7]") for row in principal.rows)
        moved.append(replace(principal, rows=own))
    assert _found(document, replace(document, principals=tuple(moved))) == ()
