"""aws-auth is read as the authenticator reads it: recorded answers of its own code, and the rules
one by one.
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import migrator
from migrator.decide.reading.read_aws_auth import effective_document, lines_of_rows, read_aws_auth
from migrator.model.aws_auth import AwsAuth, RowMapping

VECTORS = Path(__file__).parents[2] / "data" / "vectors-parse.jsonl.gz"
ODD_VECTORS = VECTORS.with_name("vectors-go-yaml.jsonl.gz")
FIELDS = ("error", "roles", "users", "accounts")
ARN = "arn:aws:iam::111122223333:role/dev"


def recorded(path: Path = VECTORS) -> list[dict[str, Any]]:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [json.loads(line) for line in lines][1:]


def roles(text: str) -> AwsAuth:
    return read_aws_auth({"mapRoles": text})


def only(text: str) -> RowMapping:
    (row,) = roles(text).rows
    return row


def lost(aws_auth: AwsAuth) -> tuple[int, int, str]:
    (problem,) = aws_auth.problems
    assert problem.kind == "lost"
    assert aws_auth.error
    assert not aws_auth.rows
    return problem.line, problem.column, problem.message


def test_what_the_authenticator_makes_of_four_thousand_texts() -> None:
    vectors = recorded()
    read = [effective_document(vector["data"]) for vector in vectors]
    wrong = [
        vector["data"]
        for vector, ours in zip(vectors, read, strict=True)
        if not ours["doubt"] and any(ours[name] != vector[name] for name in FIELDS)
    ]
    doubts = sum(ours["doubt"] for ours in read)
    assert len(vectors) == 4_000
    assert wrong == []
    assert doubts <= 80, "more than 2 % in doubt"


def test_scalars_and_constructs_of_every_kind_are_read_as_go_reads_them_or_not_at_all() -> None:
    """Octal, binary, infinite and huge numbers, dates, tags, anchors, merges, directives, block
    scalars, breaks.
    """
    vectors = recorded(ODD_VECTORS)
    read = [effective_document(vector["data"]) for vector in vectors]
    known = [
        (vector, ours) for vector, ours in zip(vectors, read, strict=True) if not ours["doubt"]
    ]
    wrong = [
        vector["data"]
        for vector, ours in known
        if any(ours[name] != vector[name] for name in FIELDS)
    ]
    assert wrong == []
    assert (len(vectors), len(vectors) - len(known)) == (3_739, 194)


def test_the_library_gives_the_same_document() -> None:
    data = {"mapRoles": f"- rolearn: {ARN}\n", "mapAccounts": "[b, a, b]"}
    assert migrator.read_aws_auth(data) == effective_document(data)
    assert effective_document(data) == {
        "error": False,
        "doubt": False,
        "roles": {ARN: {"arn": ARN, "username": "", "groups": None}},
        "users": {},
        "accounts": ["a", "b"],
    }


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "``", ' "" ', "''", "\u2003", "# a comment\n", "~", "null", "[]", "--- \n"],
)
def test_nothing_is_no_error(text: str) -> None:
    for section in ("mapRoles", "mapUsers", "mapAccounts"):
        assert read_aws_auth({section: text}) == AwsAuth()


def test_data_keys_are_exact() -> None:
    aws_auth = read_aws_auth({"maproles": f"- rolearn: {ARN}", "mapGroups": "x", "MapUsers": ""})
    assert aws_auth.rows == ()
    assert aws_auth.unknown_keys == ("MapUsers", "mapGroups", "maproles")


def test_each_section_is_lost_alone() -> None:
    aws_auth = read_aws_auth(
        {"mapRoles": "- {", "mapUsers": "- userarn: a\n", "mapAccounts": "[b]"}
    )
    assert [problem.section for problem in aws_auth.problems] == ["mapRoles"]
    assert [row.arn for row in aws_auth.rows] == ["a"]
    assert [row.account for row in aws_auth.accounts] == ["b"]
    assert not aws_auth.doubt


def test_a_lost_section_says_where_and_why() -> None:
    assert lost(roles(f"- rolearn: {ARN}\n  username: {{{{SessionName}}}}\n")) == (
        2,
        14,
        "invalid map key (an unquoted template?)",
    )


def test_a_section_in_doubt_is_not_read() -> None:
    aws_auth = roles("[]: a\n")
    assert aws_auth.doubt
    assert aws_auth.error


def test_data_that_no_config_map_can_hold_is_in_doubt() -> None:
    half = "#" * ((1 << 19) + 1)
    assert not read_aws_auth({"mapRoles": half}).doubt
    aws_auth = read_aws_auth({"mapRoles": half, "mapUsers": half})
    assert [problem.kind for problem in aws_auth.problems] == ["doubtful", "doubtful"]


def test_a_value_that_is_no_text_is_in_doubt() -> None:
    data: Any = {"mapRoles": 5}
    assert read_aws_auth(data).doubt


@pytest.mark.parametrize(
    ("text", "what"), [("a: b\n", "a mapping"), ("text", "a single value"), ("5", "a single value")]
)
def test_anything_but_a_list_loses_all_rows(text: str, what: str) -> None:
    assert lost(roles(text))[2] == f"it is {what} where a list of rows is expected"


def test_rows_keep_their_places() -> None:
    aws_auth = roles(f"# first\n- username: x\n\n- rolearn: {ARN}\n-\n-   rolearn: b\n")
    assert [(row.source, row.line, row.column) for row in aws_auth.rows] == [
        ("mapRoles[1]", 4, 3),
        ("mapRoles[3]", 6, 5),
    ]
    assert [(row.source, row.line) for row in aws_auth.dropped] == [
        ("mapRoles[0]", 2),
        ("mapRoles[2]", 5),
    ]


def test_mapped_roles_stand_before_mapped_users() -> None:
    aws_auth = read_aws_auth({"mapUsers": "- userarn: u\n", "mapRoles": "- rolearn: r\n"})
    assert [row.source for row in aws_auth.rows] == ["mapRoles[0]", "mapUsers[0]"]


@pytest.mark.parametrize(
    "item",
    [
        "{username: x}",
        "x",
        "5",
        "~",
        "",
        "[a]",
        "{userarn: a}",
        "{rolearn: 5}",
        "{rolearn: ''}",
        "{rolearn: ~}",
    ],
)
def test_a_bad_item_is_dropped_alone(item: str) -> None:
    aws_auth = roles(f"- {item}\n- rolearn: {ARN}\n")
    assert [row.index for row in aws_auth.rows] == [1]
    assert [row.reason for row in aws_auth.dropped] == ["it has no rolearn"]
    assert aws_auth.error


def test_keys_inside_a_row_match_in_any_case() -> None:
    assert only("- {ROLEARN: a, UserName: b, gROUPS: [c]}") == RowMapping(
        "mapRoles", 0, 1, 3, "a", "b", ("c",)
    )
    assert only("- {rolearn: a, u\u017fername: b}").username == "b"


def test_of_several_spellings_the_last_in_byte_order_wins() -> None:
    assert only("- {username: low, USERNAME: up, rolearn: a}").username == "low"
    assert only("- {UserName: mixed, USERNAME: up, rolearn: a}").username == "mixed"


def test_null_leaves_what_another_spelling_set() -> None:
    assert only("- {USERNAME: up, username: ~, rolearn: a}").username == "up"
    assert only("- {GROUPS: [g], groups: ~, rolearn: a}").groups is None


def test_a_list_decoded_twice_keeps_elements_that_are_not_overwritten() -> None:
    assert only("- {GROUPS: [a, b], groups: [c, 5], rolearn: r}").groups == ("c", "b")
    assert only("- {GROUPS: [a, b], Groups: [c], groups: [d, 5, 6], rolearn: r}").groups == (
        "d",
        "b",
        "",
    )
    assert only("- {GROUPS: [a, b], Groups: [], groups: [5], rolearn: r}").groups == ("",)


def test_the_last_duplicate_key_of_a_row_wins() -> None:
    assert only("- rolearn: a\n  username: one\n  username: two\n").username == "two"


def test_anchors_and_merge_keys_work() -> None:
    rows = roles(
        "- &x {rolearn: a, groups: &g [b]}\n- {<<: *x, rolearn: c}\n- {rolearn: d, groups: *g}\n- "
        "*x\n"
    ).rows
    assert [(row.arn, row.groups) for row in rows] == [
        ("a", ("b",)),
        ("c", ("b",)),
        ("d", ("b",)),
        ("a", ("b",)),
    ]


def test_nil_and_empty_groups_differ() -> None:
    assert only("- rolearn: a\n").groups is None
    assert only("- rolearn: a\n  groups: []\n").groups == ()


@pytest.mark.parametrize("value", ["123", "004217", "yes", "1e3", "[a]", "{a: b}", ".5"])
def test_a_username_of_the_wrong_type_is_empty_and_the_row_stays(value: str) -> None:
    aws_auth = roles(f"- rolearn: a\n  username: {value}\n  groups: [g]\n")
    assert [(row.username, row.groups) for row in aws_auth.rows] == [("", ("g",))]
    assert aws_auth.error


@pytest.mark.parametrize(
    ("groups", "decoded", "suggests"),
    [
        ("system:masters", None, ("groups: system:masters",)),
        ("\n    -system:masters\n    -view", None, ("groups: system:masters, view",)),
        ("\n  - system: masters", ("",), ("groups[0]: system:masters",)),
        ("\n  - a\n  - yes\n  - 1", ("a", "", ""), ("groups[1]: yes", "groups[2]: 1")),
        ("\n  - [a, b]", ("",), ("groups[0]: a, b",)),
        ("\n    system:masters: x", None, ("groups: system:masters:x",)),
        ("{1: x}", None, ()),
        ("5", None, ("groups: 5",)),
        ("\n  - a\n    - b\n    - c", ("a - b - c",), ("groups[0]: a, b, c",)),
        ("\n  - ''\n  - ~", ("", ""), ()),
        ("[a]", ("a",), ()),
        ("", None, ()),
    ],
)
def test_a_stripped_row_says_what_its_text_suggests(
    groups: str, decoded: tuple[str, ...] | None, suggests: tuple[str, ...]
) -> None:
    row = only(f"- rolearn: a\n  groups: {groups}\n")
    assert row.groups == decoded
    assert row.suggests == suggests


def test_a_stripped_username_says_what_its_text_suggests() -> None:
    assert only("- {rolearn: a, username: 0123}").suggests == ("username: 0123",)
    assert only("- {rolearn: a, username: ~}").suggests == ()
    assert only("- {rolearn: a, username: {b: c}}").suggests == ("username: b:c",)
    assert only("- {rolearn: a, userid: 5}").suggests == ()


def test_what_a_text_suggests_is_short() -> None:
    assert len(only(f"- {{rolearn: a, groups: {'x' * 10_000}}}").suggests[0]) < 600


def test_unknown_fields_are_ignored() -> None:
    aws_auth = roles("- {rolearn: a, user: 5, 5: 6, true: 7, userarn: b}")
    assert len(aws_auth.rows) == 1
    assert not aws_auth.error


def test_a_userid_of_the_wrong_type_is_only_an_error() -> None:
    aws_auth = roles("- {rolearn: a, userid: 5}")
    assert len(aws_auth.rows) == 1
    assert aws_auth.error


def test_blanks_in_an_arn_are_kept() -> None:
    assert only("- rolearn: ' a '\n").arn == " a "


def test_an_sso_row_is_keyed_by_its_pattern() -> None:
    aws_auth = roles("- {sso: {permissionSetName: Admin, accountID: '111122223333'}, username: u}")
    key = "arn:aws:iam::111122223333:role/awsreservedsso_admin_*"
    assert [(row.arn, row.sso) for row in aws_auth.rows] == [(key, True)]
    document = effective_document(
        {"mapRoles": "- {SSO: {permissionsetname: Admin, ACCOUNTID: '111122223333'}}"}
    )
    assert document["roles"] == {key: {"sso": True, "username": "", "groups": None}}
    gov = only(
        "- sso: {permissionSetName: A, accountID: '111122223333', partition: aws-us-gov, x: y}"
    )
    assert gov.arn == "arn::iam::111122223333:role/awsreservedsso_a_*"


@pytest.mark.parametrize(
    ("sso", "reason"),
    [
        (
            "{permissionSetName: A, accountID: 111122223333}",
            "its sso accountID is no quoted number of 12 digits",
        ),
        ("{permissionSetName: A}", "its sso accountID is no quoted number of 12 digits"),
        ("text", "its sso accountID is no quoted number of 12 digits"),
        (
            "{permissionSetName: 'A B', accountID: '111122223333'}",
            "its sso permissionSetName is not valid",
        ),
        ("{accountID: '111122223333'}", "its sso permissionSetName is not valid"),
        (
            "{permissionSetName: A, accountID: '111122223333', partition: aws-us-govt}",
            "its sso partition is not one that the authenticator knows",
        ),
    ],
)
def test_an_sso_row_that_is_not_valid_is_dropped(sso: str, reason: str) -> None:
    assert [row.reason for row in roles(f"- sso: {sso}\n").dropped] == [reason]


@pytest.mark.parametrize(
    "sso", ["{}", "text", "[a]", "{permissionSetName: A, accountID: '111122223333'}"]
)
def test_a_row_with_both_rolearn_and_sso_is_dropped(sso: str) -> None:
    assert [row.reason for row in roles(f"- rolearn: a\n  sso: {sso}\n").dropped] == [
        "it has both rolearn and sso"
    ]


def test_a_null_sso_is_none() -> None:
    assert not only("- {rolearn: a, SSO: {accountID: x}, sso: ~}").sso


def test_sso_spellings_fill_one_value() -> None:
    row = only("- {SSO: {permissionSetName: A}, sso: {accountID: '111122223333'}}")
    assert row.arn == "arn:aws:iam::111122223333:role/awsreservedsso_a_*"


def test_users_have_no_sso() -> None:
    (row,) = read_aws_auth({"mapUsers": "- {userarn: a, sso: {}}"}).rows
    assert (row.arn, row.sso) == ("a", False)


def test_accounts_keep_their_literal_text() -> None:
    aws_auth = read_aws_auth(
        {
            "mapAccounts": "- 012345678901\n- '1'\n- 1_0\n- 1e3\n- yes\n- ~\n- !!str 5\n- !!binary "
            "YQ==\n"
        }
    )
    assert [row.account for row in aws_auth.accounts] == [
        "012345678901",
        "1",
        "1_0",
        "1e3",
        "yes",
        "",
        "5",
        "a",
    ]
    assert [(row.source, row.line) for row in aws_auth.accounts][:2] == [
        ("mapAccounts[0]", 1),
        ("mapAccounts[1]", 2),
    ]
    assert not aws_auth.error


def test_account_aliases_work() -> None:
    assert [row.account for row in read_aws_auth({"mapAccounts": "- &a 5\n- *a\n"}).accounts] == [
        "5",
        "5",
    ]


def test_accounts_that_are_no_scalars_are_dropped_alone() -> None:
    aws_auth = read_aws_auth({"mapAccounts": "- {[a]: b}\n- [c]\n- d\n"})
    assert [row.account for row in aws_auth.accounts] == ["d"]
    assert [row.reason for row in aws_auth.dropped] == [
        "it is a mapping, not an account id",
        "it is a sequence, not an account id",
    ]
    assert aws_auth.error


@pytest.mark.parametrize("text", ["111122223333", "a: b\n", "'~'"])
def test_accounts_that_are_no_list_are_lost(text: str) -> None:
    aws_auth = read_aws_auth({"mapAccounts": text})
    assert [problem.message for problem in aws_auth.problems] == ["it is no list of account ids"]
    assert aws_auth.error


def test_a_bad_tag_ends_the_accounts_and_leaves_empty_ones() -> None:
    aws_auth = read_aws_auth({"mapAccounts": "- a\n- [x]\n- !!int b\n- c\n"})
    assert [row.account for row in aws_auth.accounts] == ["a", "", "", ""]
    assert [(problem.line, problem.kind) for problem in aws_auth.problems] == [(3, "lost")]


def test_a_null_tag_on_accounts() -> None:
    assert read_aws_auth({"mapAccounts": "!!null ''"}) == AwsAuth()
    assert read_aws_auth({"mapAccounts": "!!null x"}).problems[0].kind == "lost"


FRAGMENTS = st.sampled_from(
    [
        *(
            "- ",
            "rolearn: ",
            "userarn: ",
            "username: ",
            "groups: ",
            "sso: ",
            "arn:aws:iam::1:role/x",
            "system:masters",
        ),
        *(
            "\n",
            "\n  ",
            "\n    ",
            "\r\n",
            "\t",
            "[",
            "]",
            "{",
            "}",
            ",",
            ": ",
            ":",
            "'",
            '"',
            "&a ",
            "*a",
            "<<: ",
            "? ",
        ),
        *(
            "!!int ",
            "!x ",
            "~",
            "yes",
            "1e3",
            ".nan",
            "0x",
            "|\n",
            ">-\n",
            "#",
            "---\n",
            "...\n",
            "%YAML 1.1\n",
        ),
        *("\\", "\\/", "\\'", "\ufeff", "\x00", "\x85", "\ud800", "é", "{{SessionName}}"),
        *("accountID: '111122223333'", "permissionSetName: A"),
    ]
)
TEXTS = (
    st.lists(FRAGMENTS, max_size=25).map("".join)
    | st.text(max_size=80)
    | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))
)


@given(
    st.dictionaries(
        st.sampled_from(["mapRoles", "mapUsers", "mapAccounts", "other"]), TEXTS, max_size=3
    )
)
def test_any_text_gives_mappings_and_problems_and_no_exception(data: dict[str, str]) -> None:
    aws_auth = read_aws_auth(data)
    document = effective_document(data)
    assert document["doubt"] == aws_auth.doubt
    assert document["error"] or not aws_auth.problems
    for row in aws_auth.rows:
        assert row.arn
        assert 1 <= row.line <= len(re.split("\r\n|[\r\n\x85\u2028\u2029]", data[row.section]))
    assert set(aws_auth.unknown_keys) <= {"other"}
    json.dumps(document)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.text("ab:{}- ", max_size=6),
            st.lists(st.text("xy:", max_size=4), max_size=3),
        )
    )
)
def test_rows_written_as_json_are_read_as_written(rows: list[tuple[int, str, list[str]]]) -> None:
    written = [
        {"rolearn": f"arn:{number}", "username": name, "groups": groups}
        for number, name, groups in rows
    ]
    read = roles(json.dumps(written))
    assert [(row.arn, row.username, list(row.effective_groups)) for row in read.rows] == [
        (row["rolearn"], row["username"], row["groups"]) for row in written
    ]
    assert not read.error
    assert not read.doubt


def test_lines_of_rows_are_those_inside_their_section() -> None:
    config_map = {"data": {"mapRoles": "# one\n- rolearn: arn:aws:iam::111122223333:role/x\n"}}
    assert lines_of_rows(config_map) == {"mapRoles[0]": 2}


@pytest.mark.parametrize("config_map", [None, {}, {"data": None}])
def test_no_row_has_a_line_where_there_is_no_config_map(config_map: dict[str, Any] | None) -> None:
    assert lines_of_rows(config_map) == {}
