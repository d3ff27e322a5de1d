"""Templates of usernames and groups: what they can become, and with which values."""

import pytest

from migrator.decide.access.name_templates import Variable, parts, readings, render


def test_only_the_authenticator_s_spelling_is_a_variable() -> None:
    assert parts("a:{{SessionName}}-{{AccountID}}") == (
        "a:",
        Variable("SessionName"),
        "-",
        Variable("AccountID"),
    )
    assert parts("{{{SessionName}}}") == ("{", Variable("SessionName"), "}")
    assert parts("{{ SessionName }}{{Session}}{{sessionname}}") == (
        "{{ SessionName }}{{Session}}{{sessionname}}",
    )
    assert parts("") == ()


def test_variables_without_a_value_stay() -> None:
    assert (
        render("{{AccountID}}:{{SessionName}}", {"SessionName": "{{AccountID}}"})
        == "{{AccountID}}:{{AccountID}}"
    )


@pytest.mark.parametrize(
    ("template", "name", "found"),
    [
        ("dev:{{SessionName}}", "dev:alice", [{"SessionName": "alice"}]),
        ("dev:{{SessionName}}", "dev:a", []),  # a session name has at least two characters
        ("dev:{{SessionName}}", "dev:" + "a" * 65, []),
        ("dev:{{SessionName}}", "dev:a b", []),
        ("dev:{{SessionName}}", "dev:a@b", []),
        ("dev:{{SessionNameRaw}}", "dev:a@b", [{"SessionNameRaw": "a@b"}]),
        ("dev:{{SessionName}}:x", "dev:alice:y", []),
        ("dev:{{SessionName}}", "ops:alice", []),
        ("{{AccountID}}", "111122223333", [{"AccountID": "111122223333"}]),
        ("{{AccountID}}", "11112222333", []),
        ("{{SessionName}}/{{SessionName}}", "ab/ab", [{"SessionName": "ab"}]),
        ("{{SessionName}}/{{SessionName}}", "ab/cd", []),
        (
            "{{SessionName}}-{{AccountID}}",
            "a-b-111122223333",
            [{"SessionName": "a-b", "AccountID": "111122223333"}],
        ),
        (
            "{{EC2PrivateDNSName}}.{{SessionName}}",
            "a.b.cd",
            [
                {"EC2PrivateDNSName": "a", "SessionName": "b.cd"},
                {"EC2PrivateDNSName": "a.b", "SessionName": "cd"},
            ],
        ),
        ("literal", "literal", [{}]),
        ("literal", "literals", []),
        ("", "", [{}]),
        ("", "x", []),
    ],
)
def test_readings_are_all_the_values_that_give_the_name(
    template: str, name: str, found: list[dict[str, str]]
) -> None:
    assert readings(template, name) == tuple(found)


def test_too_many_readings_are_not_told() -> None:
    assert readings("{{SessionName}}" * 51, "ab" * 51) is None
    assert (
        readings("{{SessionName}}{{EC2PrivateDNSName}}{{AccessKeyID}}{{SessionNameRaw}}", "A" * 240)
        is None
    )
