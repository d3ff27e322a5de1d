"""Who a caller is: recorded answers of the real authenticator, and the rules one by one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.effective_identity import (
    Ambiguous,
    Caller,
    Denied,
    LoggedIn,
    Outcome,
    PinnedEntry,
    canonical_arn,
    has_row,
    identity_of,
    index_entries,
    index_rows,
)
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.model.access_entry import AuthenticationMode
from migrator.model.aws_auth import AwsAuth

DATA = Path(__file__).parents[2] / "data"
ACCOUNT = "123456789012"
DEV = f"arn:aws:iam::{ACCOUNT}:role/dev"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/team/alice"


def caller(
    arn: str = DEV, session: str = "alice@example.com", identifier: str = "AROA1", **more: str
) -> Caller:
    return Caller(arn, ACCOUNT, identifier, session, **more)


def rows(*, roles: Any = (), users: Any = (), accounts: Any = ()) -> AwsAuth:  # noqa: ANN401 - plain JSON
    return read_aws_auth(
        {
            "mapRoles": json.dumps(roles),
            "mapUsers": json.dumps(users),
            "mapAccounts": json.dumps(accounts),
        }
    )


def role(arn: str = DEV, username: str = "row", groups: tuple[str, ...] = ("g",)) -> dict[str, Any]:
    return {"rolearn": arn, "username": username, "groups": groups}


def entry(arn: str = DEV, identifier: str = "AROA1", username: str = "entry") -> PinnedEntry:
    return PinnedEntry(arn, identifier, username, ("e",))


def answer(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, LoggedIn):
        return {"authenticated": True, "username": outcome.username, "groups": list(outcome.groups)}
    assert isinstance(outcome, Denied)
    return {"authenticated": False}


def recorded_logins() -> Iterator[tuple[str, dict[str, str], Caller, dict[str, Any]]]:
    for vector in json.loads((DATA / "vectors-aws-auth.json").read_text())["vectors"]:
        for name, result in vector["results"].items():
            resource, _, session = name.partition("@")
            arn = canonical_arn(f"arn:aws:iam::{ACCOUNT}:{resource}")
            assert arn is not None
            # The recording calls the session of role/ops "s1" in its key; the session's own name
            # was "sess1".
            yield (
                vector["case"],
                vector["data"],
                caller(arn, {"s1": "sess1"}.get(session, session)),
                result,
            )


def test_every_recorded_login_through_aws_auth_is_answered_alike() -> None:
    logins = list(recorded_logins())
    assert len(logins) == 165
    for case, data, who, result in logins:
        expected = {key: value for key, value in result.items() if key != "http"}
        assert answer(identity_of(who, read_aws_auth(data), (), "CONFIG_MAP")) == expected, case


def test_every_recorded_login_in_every_mode_is_answered_alike() -> None:
    vectors = json.loads((DATA / "vectors-modes.json").read_text())["vectors"]
    assert len(vectors) == 364
    for vector in vectors:
        row, pinned = vector["row"], vector["entry"]
        data = (
            {}
            if row is None
            else {"mapRoles" if "rolearn" in row else "mapUsers": json.dumps([row])}
        )
        entries = [
            PinnedEntry(
                found["principalArn"], found["pinnedId"], found["username"], tuple(found["groups"])
            )
            for found in [pinned]
            if found is not None
        ]
        arn = canonical_arn(vector["principal"])
        assert arn is not None
        who = Caller(arn, ACCOUNT, vector["id"], vector["session"] or "")
        expected = {key: value for key, value in vector["answer"].items() if key != "extra"}
        assert answer(identity_of(who, read_aws_auth(data), entries, vector["mode"])) == expected, (
            vector
        )


def test_an_entry_decides_before_any_row() -> None:
    aws_auth = rows(roles=[role()])
    assert identity_of(caller(), aws_auth, [entry()], "API_AND_CONFIG_MAP") == LoggedIn(
        "entry", ("e",), "access-entry", DEV
    )
    assert identity_of(caller(), aws_auth, [entry()], "CONFIG_MAP") == LoggedIn(
        "row", ("g",), "config-map", "mapRoles[0]"
    )


def test_an_entry_of_a_role_with_a_path_matches() -> None:
    pinned = entry(f"arn:aws:iam::{ACCOUNT}:role/team/DEV")
    assert answer(identity_of(caller(), rows(), [pinned], "API"))["username"] == "entry"


def test_an_entry_of_a_user_matches_with_its_path_only() -> None:
    who = caller(ALICE, "", "AIDA1")
    assert answer(identity_of(who, rows(), [entry(ALICE, "AIDA1")], "API"))["username"] == "entry"
    bare = f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert isinstance(identity_of(who, rows(), [entry(bare, "AIDA1")], "API"), Denied)


@pytest.mark.parametrize(
    "pinned",
    [
        entry(identifier="AROA0"),
        entry("nonsense"),
        entry("arn:mars:iam::123456789012:role/dev"),
        entry(f"{DEV}2"),
    ],
)
def test_a_stale_or_mismatched_entry_falls_through_to_the_row(pinned: PinnedEntry) -> None:
    found = identity_of(caller(), rows(roles=[role()]), [pinned], "API_AND_CONFIG_MAP")
    assert answer(found)["username"] == "row"
    assert identity_of(caller(), rows(roles=[role()]), [pinned], "API") == Denied(
        "no access entry is for this principal"
    )


@pytest.mark.parametrize("prefix", ["system:", "eks:", "aws:", "amazon:", "iam:"])
def test_a_reserved_username_of_an_entry_is_refused_outright(prefix: str) -> None:
    found = identity_of(
        caller(), rows(roles=[role()]), [entry(username=f"{prefix}x")], "API_AND_CONFIG_MAP"
    )
    assert isinstance(found, Denied)
    assert "reserved prefix" in found.reason


def test_node_entries_have_the_names_that_eks_gives() -> None:
    pinned = entry(username="system:node:{{EC2PrivateDNSName}}")
    who = caller(session="i-0123456789abcdef0", ec2_private_dns_name="ip-10-0-0-1.ec2.internal")
    assert (
        answer(identity_of(who, rows(), [pinned], "API"))["username"]
        == "system:node:ip-10-0-0-1.ec2.internal"
    )


def test_node_entry_refuses_session_that_is_not_named_after_an_instance() -> None:
    pinned = entry(username="system:node:{{EC2PrivateDNSName}}")
    found = identity_of(caller(session="alice"), rows(roles=[role()]), [pinned], "API")
    assert isinstance(found, Denied)
    assert "named after an instance" in found.reason


def test_a_reserved_username_of_a_row_is_fine() -> None:
    found = identity_of(caller(), rows(roles=[role(username="system:x")]), (), "CONFIG_MAP")
    assert answer(found)["username"] == "system:x"


def test_roles_before_users_before_accounts() -> None:
    users = [{"userarn": DEV, "username": "user row", "groups": []}]
    assert (
        answer(identity_of(caller(), rows(roles=[role()], users=users), (), "CONFIG_MAP"))[
            "username"
        ]
        == "row"
    )
    assert (
        answer(identity_of(caller(), rows(users=users, accounts=[ACCOUNT]), (), "CONFIG_MAP"))[
            "username"
        ]
        == "user row"
    )
    assert identity_of(caller(), rows(accounts=["1", ACCOUNT]), (), "CONFIG_MAP") == LoggedIn(
        DEV, (), "accounts", "mapAccounts[1]"
    )


def test_accounts_count_in_config_map_modes_only() -> None:
    aws_auth = rows(accounts=[ACCOUNT])
    assert isinstance(identity_of(caller(), aws_auth, (), "API_AND_CONFIG_MAP"), LoggedIn)
    assert isinstance(identity_of(caller(), aws_auth, (), "API"), Denied)


def test_nobody_maps_to_nothing() -> None:
    assert identity_of(caller(), rows(), (), "CONFIG_MAP") == Denied(
        "no row of aws-auth is for this principal"
    )


def test_a_user_arn_in_map_roles_works() -> None:
    assert (
        answer(identity_of(caller(ALICE, ""), rows(roles=[role(ALICE)]), (), "CONFIG_MAP"))[
            "username"
        ]
        == "row"
    )


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iam::{ACCOUNT}:role/team/dev",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/s",
        f"arn:aws:iam::{ACCOUNT}:role/*",
        f"{DEV} ",
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws-cn:iam::{ACCOUNT}:role/dev",
    ],
)
def test_a_dead_row_matches_nobody(arn: str) -> None:
    assert isinstance(identity_of(caller(), rows(roles=[role(arn)]), (), "CONFIG_MAP"), Denied)


def test_an_sso_row_matches_nobody() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_Admin_0123456789abcdef"
    sso = [{"sso": {"permissionSetName": "Admin", "accountID": ACCOUNT}, "username": "u"}]
    assert isinstance(identity_of(caller(arn), rows(roles=sso), (), "CONFIG_MAP"), Denied)
    pattern = f"arn:aws:iam::{ACCOUNT}:role/awsreservedsso_admin_*"
    assert isinstance(identity_of(caller(pattern), rows(roles=sso), (), "CONFIG_MAP"), Denied)


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{SessionName}}", "alice-example.com"),
        ("{{SessionNameRaw}}", "alice@example.com"),
        ("{{AccountID}}:{{AccessKeyID}}", f"{ACCOUNT}:ASIA1"),
        ("{{ SessionName }}{{Session}}", "{{ SessionName }}{{Session}}"),
        ("{{sessionname}}", "{{sessionname}}"),
    ],
)
def test_templates_are_rendered_in_exact_spelling(template: str, rendered: str) -> None:
    found = identity_of(
        caller(access_key_id="ASIA1"),
        rows(roles=[role(username=template, groups=(template,))]),
        (),
        "CONFIG_MAP",
    )
    assert answer(found) == {"authenticated": True, "username": rendered, "groups": [rendered]}


def test_a_user_has_an_empty_session_name() -> None:
    found = identity_of(
        caller(ALICE, ""), rows(roles=[role(ALICE, "x{{SessionName}}")]), (), "CONFIG_MAP"
    )
    assert answer(found)["username"] == "x"


@pytest.mark.parametrize(
    ("session", "dns", "works"),
    [
        ("i-0123456789abcdef0", "ip-1", True),
        ("i-01234567", "ip-1", True),
        ("i-012345678", "ip-1", False),
        ("alice", "ip-1", False),
        ("", "ip-1", False),
        ("i-0123456789abcdef0", None, False),
    ],
)
@pytest.mark.parametrize("place", ["username", "groups"])
def test_the_node_name_needs_a_session_named_after_an_instance(
    session: str, dns: str | None, works: bool, place: str
) -> None:
    template = "{{EC2PrivateDNSName}}"
    row = role(username=template) if place == "username" else role(groups=("a", template))
    who = Caller(DEV, ACCOUNT, "AROA1", session, ec2_private_dns_name=dns)
    found = identity_of(
        who, rows(roles=[row], users=[{"userarn": DEV}], accounts=[ACCOUNT]), (), "CONFIG_MAP"
    )
    assert isinstance(found, LoggedIn) == works
    if works:
        assert "ip-1" in answer(found)["username"] + "".join(answer(found)["groups"])


def user(arn: str, username: str) -> dict[str, Any]:
    return {"userarn": arn, "username": username, "groups": []}


def test_two_spellings_of_a_user_are_reported_and_not_chosen() -> None:
    aws_auth = rows(users=[user(ALICE, "one"), user(ALICE.upper(), "two")])
    found = identity_of(caller(ALICE, ""), aws_auth, (), "CONFIG_MAP")
    assert isinstance(found, Ambiguous)
    assert found.sources == ("mapUsers[0]", "mapUsers[1]")
    assert [answer(outcome)["username"] for outcome in found.outcomes] == ["one", "two"]


def test_two_spellings_with_one_outcome_are_that_outcome() -> None:
    aws_auth = rows(users=[user(ALICE, "alice"), user(ALICE.upper(), "alice{{SessionName}}")])
    assert answer(identity_of(caller(ALICE, ""), aws_auth, (), "CONFIG_MAP"))["username"] == "alice"


def test_a_login_that_one_spelling_denies_is_ambiguous() -> None:
    aws_auth = rows(users=[user(ALICE, "one"), user(ALICE.upper(), "{{EC2PrivateDNSName}}")])
    assert isinstance(identity_of(caller(ALICE, ""), aws_auth, (), "CONFIG_MAP"), Ambiguous)


def test_an_index_answers_like_the_rows_it_was_made_of() -> None:
    aws_auth = rows(roles=[role(), role(DEV.upper(), "last")], accounts=["999999999999"])
    index = index_rows(aws_auth)
    assert identity_of(caller(), index, (), "CONFIG_MAP") == identity_of(
        caller(), aws_auth, (), "CONFIG_MAP"
    )
    assert answer(identity_of(caller(), index, (), "CONFIG_MAP"))["username"] == "last"


def test_an_index_of_entries_answers_like_the_entries() -> None:
    entries = [entry(), entry(identifier="AROA2", username="other")]
    assert identity_of(caller(), rows(), index_entries(entries), "API") == identity_of(
        caller(), rows(), entries, "API"
    )


@pytest.mark.parametrize("path", ["aws-service-role", "aws-service-role/eks.amazonaws.com"])
def test_entry_of_a_service_linked_role_matches_no_login(path: str) -> None:
    """AWS services alone assume these roles: EKS makes such entries for itself."""
    linked = PinnedEntry(f"arn:aws:iam::1:role/{path}/dev", "AROA1", "eks:managed", ())
    ordinary = replace(linked, principal_arn="arn:aws:iam::1:role/a/aws-service-role/dev")
    mine = caller()
    mine = replace(mine, canonical_arn="arn:aws:iam::1:role/dev", principal_id="AROA1")
    assert isinstance(identity_of(mine, rows(), [linked], "API"), Denied)
    assert isinstance(identity_of(mine, rows(), [ordinary], "API"), LoggedIn)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("arn:aws:sts::1:assumed-role/dev/session", "arn:aws:iam::1:role/dev"),
        ("arn:aws-cn:sts::1:assumed-role/dev/s", "arn:aws-cn:iam::1:role/dev"),
        ("arn:aws:iam::1:role/team/ops/dev", "arn:aws:iam::1:role/dev"),
        ("arn:aws:iam::1:role/dev", "arn:aws:iam::1:role/dev"),
        ("arn:aws:iam::1:role/aws-service-role/x.amazonaws.com/Y", "arn:aws:iam::1:role/Y"),
        ("arn:aws:iam::1:user/team/alice", "arn:aws:iam::1:user/team/alice"),
        ("arn:aws:iam::1:root", "arn:aws:iam::1:root"),
        ("arn:aws:sts::1:federated-user/bob", "arn:aws:sts::1:federated-user/bob"),
        ("arn:aws:sts::1:assumed-role/dev", None),
        ("arn:aws:iam::1:group/g", None),
        ("arn:mars:iam::1:role/dev", None),
        ("arn:aws:s3:::bucket", None),
        ("dev", None),
    ],
)
def test_the_canonical_arn(text: str, canonical: str | None) -> None:
    assert canonical_arn(text) == canonical


MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
NAMES = st.sampled_from(["", "a", "system:b", "x:{{SessionName}}", "{{EC2PrivateDNSName}}"])
ARNS = st.sampled_from(
    [DEV, DEV.upper(), ALICE, ALICE.upper(), f"arn:aws:iam::{ACCOUNT}:role/p/dev"]
)


@given(
    st.lists(st.tuples(ARNS, NAMES), max_size=3),
    st.lists(st.tuples(ARNS, NAMES), max_size=3),
    st.lists(st.tuples(ARNS, st.sampled_from(["AROA1", "AROA0"]), NAMES), max_size=2),
    st.booleans(),
    st.sampled_from(MODES),
    st.sampled_from([DEV, ALICE]),
)
def test_with_an_emptied_map_every_answer_equals_api_mode(
    roles: list[tuple[str, str]],
    users: list[tuple[str, str]],
    entries: list[tuple[str, str, str]],
    account: bool,
    mode: AuthenticationMode,
    who: str,
) -> None:
    aws_auth = rows(
        roles=[role(arn, name) for arn, name in roles],
        users=[user(arn, name) for arn, name in users],
        accounts=[ACCOUNT] if account else [],
    )
    pinned = [PinnedEntry(arn, identifier, name, ("e",)) for arn, identifier, name in entries]
    found = identity_of(caller(who), aws_auth, pinned, mode)
    emptied = identity_of(caller(who), AwsAuth(), pinned, "API_AND_CONFIG_MAP")
    assert answer(emptied) == answer(identity_of(caller(who), aws_auth, pinned, "API"))
    if isinstance(found, LoggedIn):
        assert (found.via == "access-entry") == (mode != "CONFIG_MAP" and found == emptied)


def test_caller_has_a_row_whatever_the_spelling_and_an_account_is_none() -> None:
    arn = "arn:aws:iam::111122223333:role/Dev"
    caller = Caller(arn, "111122223333", "AROA1", "me")
    by_row = index_rows(read_aws_auth({"mapRoles": f"- rolearn: {arn.lower()}\n  username: x\n"}))
    by_account = index_rows(read_aws_auth({"mapAccounts": "- '111122223333'\n"}))
    assert has_row(caller, by_row)
    assert not has_row(caller, by_account)
