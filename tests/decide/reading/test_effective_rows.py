"""Which of several rows is in force."""

from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.effective_rows import ambiguous_users, effective_roles, effective_users
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.text_folding import fold, to_lower
from migrator.model.aws_auth import AwsAuth, RowMapping


def aws_auth(*rows: tuple[str, str, str], section: str = "mapUsers") -> AwsAuth:
    return AwsAuth(
        rows=tuple(
            RowMapping(section, index, index + 1, 1, arn, username, (group,))  # type: ignore[arg-type]
            for index, (arn, username, group) in enumerate(rows)
        )
    )


def test_last_duplicate_role_wins_in_any_case() -> None:
    found = effective_roles(
        aws_auth(("A", "one", "g"), ("b", "two", "g"), ("a", "three", "h"), section="mapRoles")
    )
    assert {key: (row.arn, row.username) for key, row in found.items()} == {
        "a": ("a", "three"),
        "b": ("b", "two"),
    }


def test_groups_of_duplicates_are_not_merged() -> None:
    text = "- {rolearn: a, groups: [one]}\n- {rolearn: a, groups: [two]}\n"
    assert effective_roles(read_aws_auth({"mapRoles": text}))["a"].groups == ("two",)


def test_users_are_kept_by_their_arn_as_written() -> None:
    found = effective_users(aws_auth(("A", "one", "g"), ("a", "two", "g"), ("A", "three", "g")))
    assert {key: row.username for key, row in found.items()} == {"A": "three", "a": "two"}


def test_each_section_has_its_own_rows() -> None:
    both = read_aws_auth({"mapRoles": "- rolearn: r\n", "mapUsers": "- userarn: u\n"})
    assert list(effective_roles(both)) == ["r"]
    assert list(effective_users(both)) == ["u"]


def test_two_spellings_of_a_user_with_different_mappings_are_ambiguous() -> None:
    found = ambiguous_users(aws_auth(("A", "one", "g"), ("b", "x", "g"), ("a", "one", "h")))
    assert {key: [row.source for row in rows] for key, rows in found.items()} == {
        "a": ["mapUsers[0]", "mapUsers[2]"]
    }


def test_two_spellings_of_a_user_with_the_same_mapping_are_not_ambiguous() -> None:
    assert ambiguous_users(aws_auth(("A", "one", "g"), ("a", "one", "g"))) == {}


def test_an_exact_duplicate_is_not_ambiguous() -> None:
    assert ambiguous_users(aws_auth(("a", "one", "g"), ("a", "two", "h"))) == {}


def test_none_and_empty_groups_are_the_same_mapping() -> None:
    text = "- {userarn: A, username: u}\n- {userarn: a, username: u, groups: []}\n"
    assert ambiguous_users(read_aws_auth({"mapUsers": text})) == {}


def test_lower_casing_is_rune_by_rune() -> None:
    assert to_lower("ARN:Role/ÄΣ") == "arn:role/äσ"
    assert to_lower("\u0130") == "i"


def test_folding_knows_the_two_letters_that_fold_to_ascii() -> None:
    assert fold("\u212aey\u017f") == "keys" == fold("KEYS")
    assert fold("É") == "é"
    assert fold("\u0130") == "\u0130"


@given(st.text(max_size=20))
def test_lower_casing_keeps_the_number_of_characters(text: str) -> None:
    assert len(to_lower(text)) == len(text)
    assert fold(fold(text)) == fold(text)
