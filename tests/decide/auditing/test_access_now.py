"""Who can log in now, as the authenticator decides it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.auditing.access_now import access_now
from migrator.decide.reading.effective_identity import (
    Ambiguous,
    Caller,
    Denied,
    LoggedIn,
    PinnedEntry,
    identity_of,
    template_renderer,
)
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.model.access_document import AccessDocument, PrincipalAccess
from migrator.model.files.snapshot import decode_snapshot
from migrator.render.access import access_markdown, access_text

ACCOUNT, FOREIGN = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
USER = f"arn:aws:iam::{ACCOUNT}:user/people/Ana"
PRINCIPALS = {f"{ROLE}/team/ops": "AROA1", f"{ROLE}/ci": "AROA2", USER: "AIDA3"}
MADE, BORN, LATER = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
NAMES = st.sampled_from(["a", "b:{{SessionName}}", "system:x", ""])
GROUPS = st.lists(st.sampled_from(["g", "h", "system:masters"]), max_size=2)


def _snapshot(
    mode: str,
    *,
    roles: Sequence[Mapping[str, Any]] = (),
    users: Sequence[Mapping[str, Any]] = (),
    accounts: Sequence[str] = (),
    entries: Sequence[Mapping[str, Any]] | None = (),
    **more: Any,  # noqa: ANN401 - fields of a snapshot
) -> dict[str, Any]:
    data = {
        "mapRoles": json.dumps([*roles]),
        "mapUsers": json.dumps([*users]),
        "mapAccounts": json.dumps([*accounts]),
    }
    return {
        "format": "migrator/snapshot/v1",
        "takenAt": "2026-11-22T00:00:00Z",
        "cluster": {
            "name": "prod",
            "arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/prod",
            "createdAt": MADE,
            "accessConfig": {
                "authenticationMode": mode,
                "bootstrapClusterCreatorAdminPermissions": False,
            },
        },
        "configMap": {"data": data},
        "accessEntries": None if mode == "CONFIG_MAP" else [*(entries or ())],
        "iam": {
            "principals": [
                {"arn": arn, "id": each, "createDate": BORN} for arn, each in PRINCIPALS.items()
            ],
            "accountsRead": [{"account": ACCOUNT, "roles": True, "users": True}],
        },
        **more,
    }


def _row(arn: str, name: str, groups: Sequence[str], field: str = "rolearn") -> dict[str, Any]:
    return {field: arn, "username": name, "groups": [*groups]}


def _entry(
    arn: str, name: str = "e", groups: Sequence[str] = (), at: str = LATER
) -> dict[str, Any]:
    return {
        "principalArn": arn,
        "type": "STANDARD",
        "username": name,
        "kubernetesGroups": [*groups],
        "createdAt": at,
        "associatedAccessPolicies": [{"policyArn": POLICY, "accessScope": {"type": "cluster"}}],
    }


def _of(document: AccessDocument, arn: str) -> PrincipalAccess | None:
    found = [each for each in document.principals if each.principal_arn == arn]
    return found[0] if found else None


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """Rows with duplicates and spellings, entries live and dead, mapAccounts, in any mode."""
    spelled = [f"{ROLE}/ops", f"{ROLE}/OPS", f"{ROLE}/ci", f"{ROLE}/team/ops", USER, USER.lower()]
    rows = st.builds(_row, st.sampled_from(spelled), NAMES, GROUPS)
    of_users = st.builds(_row, st.sampled_from(spelled), NAMES, GROUPS, st.just("userarn"))
    arns = draw(st.sets(st.sampled_from([*PRINCIPALS])))
    at = st.sampled_from([MADE, LATER])
    return _snapshot(
        draw(st.sampled_from(["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"])),
        roles=draw(st.lists(rows, max_size=3)),
        users=draw(st.lists(of_users, max_size=3)),
        accounts=[ACCOUNT] if draw(st.booleans()) else [],
        entries=[_entry(arn, draw(NAMES), draw(GROUPS), draw(at)) for arn in sorted(arns)],
    )


@given(worlds())
def test_each_principal_is_what_the_authenticator_makes_of_it(world: dict[str, Any]) -> None:
    snapshot = decode_snapshot(world)
    document = access_now(snapshot)
    aws_auth = read_aws_auth(snapshot.aws_auth_data)
    mode = snapshot.cluster.authentication_mode
    # An entry is tied to the id that its principal had then (EKS user guide, "Access entries").
    pinned = [
        PinnedEntry(
            each["principalArn"],
            PRINCIPALS[each["principalArn"]] if each["createdAt"] == LATER else "gone",
            each["username"],
            tuple(each["kubernetesGroups"]),
        )
        for each in world["accessEntries"] or ()
    ]
    assert document.unknown == ()
    for arn, principal_id in PRINCIPALS.items():
        canonical = f"{ROLE}/ops" if arn.endswith("/ops") else arn
        session = "" if arn == USER else "me"
        caller = Caller(canonical, ACCOUNT, principal_id, session)
        outcome = identity_of(caller, aws_auth, pinned, mode)
        found = _of(document, arn)
        expected = _admitted(outcome)
        # A principal that nothing names logs in by mapAccounts alone, which is said once for all.
        if found is None:
            assert {name for name, _ in expected} <= {canonical}
            continue
        render = template_renderer(caller)
        given = {
            (render(each.username), frozenset(map(render, each.groups)))
            for each in found.identities
            if each.log_ins
        }
        assert given == expected
        assert found.logs_in == ("yes" if expected else "no")


def _admitted(outcome: LoggedIn | Denied | Ambiguous) -> set[tuple[str, frozenset[str]]]:
    outcomes = outcome.outcomes if isinstance(outcome, Ambiguous) else (outcome,)
    found = (each for each in outcomes if isinstance(each, LoggedIn))
    return {(each.username, frozenset(each.groups)) for each in found}


def test_hidden_creator_is_an_administrator_unless_a_row_names_it() -> None:
    creator = {"arn": f"{ROLE}/ci", "source": "CloudTrail"}
    world = _snapshot("CONFIG_MAP", creator=creator)
    del world["cluster"]["accessConfig"]["bootstrapClusterCreatorAdminPermissions"]
    (found,) = access_now(decode_snapshot(world)).principals
    (identity,) = found.identities
    assert (identity.by, identity.username) == ("creator", "kubernetes-admin")
    assert identity.groups == ("system:masters",)
    del world["creator"]
    document = access_now(decode_snapshot(world))
    assert [each.about for each in document.unknown] == ["creator"]
    assert document.exit_code == 1


def test_what_was_not_read_is_unknown_and_never_absent() -> None:
    rows = [_row(f"arn:aws:iam::{FOREIGN}:role/partner", "p", [])]
    dual = _snapshot("API_AND_CONFIG_MAP", roles=rows, entries=[_entry(f"{ROLE}/ci")])
    document = access_now(decode_snapshot(dual))
    assert [each.logs_in for each in document.principals] == ["yes", "unknown"]
    (unknown,) = document.unknown
    assert (unknown.about, FOREIGN in unknown.what) == ("iam", True)
    assert unknown.command[2:] == ("--reader-role", f"arn:aws:iam::{FOREIGN}:role/READER")
    for what, about in (("configMap", "aws-auth"), ("accessEntries", "access-entries")):
        blind = {**dual, what: None}
        unread = [{"what": what, "message": "denied"}]
        document = access_now(decode_snapshot(blind), unread)
        assert about in {each.about for each in document.unknown}
        assert (document.rows_read, document.entries_read) == (
            what != "configMap",
            what != "accessEntries",
        )
        assert all(each.logs_in != "no" for each in document.principals)


def test_in_api_mode_an_aws_auth_that_was_not_read_is_no_gap() -> None:
    world = {**_snapshot("API", entries=[_entry(f"{ROLE}/ci")]), "configMap": None}
    document = access_now(decode_snapshot(world), [{"what": "configMap", "message": "denied"}])
    assert (document.unknown, document.rows_read) == ((), False)


def test_each_row_says_what_it_does() -> None:
    rows = [
        _row(f"{ROLE}/ci", "first", []),
        _row(f"{ROLE}/ci", "last", []),
        _row(f"{ROLE}/team/ops", "never", []),
        _row(f"{ROLE}/gone", "gone", []),
    ]
    dual = decode_snapshot(_snapshot("API_AND_CONFIG_MAP", roles=rows))
    assert _effects(access_now(dual)) == {
        "mapRoles[0]": "shadowed-by-row",
        "mapRoles[1]": "decides",
        "mapRoles[2]": "dead",
        "mapRoles[3]": "no-principal",
    }
    shadowing = _snapshot("API_AND_CONFIG_MAP", roles=rows, entries=[_entry(f"{ROLE}/ci")])
    assert _effects(access_now(decode_snapshot(shadowing)))["mapRoles[1]"] == "shadowed-by-entry"
    api = _effects(access_now(decode_snapshot(_snapshot("API", roles=rows))))
    assert set(api.values()) == {"inert"}


def _effects(document: AccessDocument) -> dict[str, str]:
    return {row.source: row.effect for each in document.principals for row in each.rows}


def test_successor_of_an_identity_center_role_is_named() -> None:
    path = "aws-reserved/sso.amazonaws.com/eu-central-1"
    old, new = (f"{ROLE}/{path}/AWSReservedSSO_Ops_{digit * 16}" for digit in "ab")
    world = _snapshot("API", entries=[_entry(old)])
    world["iam"]["principals"].append({"arn": new, "id": "AROA9", "createDate": LATER})
    (found,) = access_now(decode_snapshot(world)).principals
    assert (found.logs_in, found.successor) == ("no", new)
    assert found.entry is not None
    assert found.entry.state == "dead"


def test_dead_entry_is_shown_beside_the_row_that_admits_its_principal() -> None:
    """In API mode the principal is denied: who reads the table has to see it."""
    arn = f"{ROLE}/ci"
    dead = _entry(arn, at=MADE)
    world = _snapshot("API_AND_CONFIG_MAP", roles=[_row(arn, "ci", ["g"])], entries=[dead])
    document = access_now(decode_snapshot(world))
    for text in (access_text(document, width=200), access_markdown(document)):
        assert "dead access entry" in text
        assert "deleted and made again" in text


def test_entries_that_were_listed_although_the_mode_has_none_are_unknown() -> None:
    world = _snapshot("CONFIG_MAP")
    denied = {"what": "accessEntries", "code": "iam-denied", "message": "denied"}
    document = access_now(decode_snapshot(world), [denied])
    assert (document.unknown, document.entries_read) == ((), True)
    unread = [denied | {"code": "update-in-progress"}]
    document = access_now(decode_snapshot(world), unread)
    assert "access-entries" in {each.about for each in document.unknown}
    assert not document.entries_read


@pytest.mark.parametrize("first", ["creator", "ci"])
def test_of_entries_that_look_like_the_creators_eks_made_the_oldest(first: str) -> None:
    names = {"creator", "ci"}
    later = MADE.replace("00:00:00", "00:05:00")
    entries = []
    for name in sorted(names):
        found = _entry(f"{ROLE}/{name}", "", at=MADE if name == first else later)
        found["associatedAccessPolicies"][0]["policyArn"] = POLICY.replace("View", "ClusterAdmin")
        entries.append(found)
    document = access_now(decode_snapshot(_snapshot("API_AND_CONFIG_MAP", entries=entries)))
    makers = {
        each.principal_arn.rpartition("/")[2]: each.entry.made_by
        for each in document.principals
        if each.entry is not None
    }
    assert makers == {name: "eks" if name == first else "other" for name in names}
