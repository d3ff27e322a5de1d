"""Stubs in decisions.yaml: comments and answers stay, every open blocker is asked once."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from migrator.errors import Failed
from migrator.model.decision import Stub
from migrator.model.files.yaml_text import yaml_text
from migrator.render.decisions_yaml import write_questions
from tests.support.plans import hostile_text, role

PARTNER = Stub(
    "principals",
    role("partner"),
    {"action": "skip", "reason": "?"},
    (
        "foreign-role-unverified (mapRoles[6] line 31): nobody read its account.",
        "do: name a reader role.",
    ),
)
LOST = Stub("accept_lost_sections", None, ["mapRoles"], ("section-lost: mapRoles does not parse.",))


def loaded(text: str) -> Any:  # noqa: ANN401 - any YAML value
    return YAML(typ="safe", pure=True).load(text)


def uncommented(text: str) -> str:
    """With the stubs' own lines as answers: what a person does."""
    return re.sub(r"^(\s*)# (\"|  |accept|- |action|reason)", r"\1\2", text, flags=re.M)


def test_an_empty_file_gets_a_head_and_the_questions() -> None:
    written = write_questions("", [PARTNER, LOST])
    assert written.added == 2
    assert loaded(written.text) == {"principals": None}
    assert "foreign-role-unverified (mapRoles[6] line 31)" in written.text


def test_a_stub_without_its_hash_signs_is_an_answer() -> None:
    text = uncommented(write_questions("", [PARTNER, LOST]).text)
    assert loaded(text) == {
        "principals": {role("partner"): {"action": "skip", "reason": "?"}},
        "accept_lost_sections": ["mapRoles"],
    }


def test_what_people_wrote_stays_byte_for_byte() -> None:
    text = (
        "# ours\nprincipals:   # people\n    # anna first\n"
        f'    "{role("anna")}": {{action: skip, reason: left}}  # in May\n\nbreak_glass: x\n'
    )
    written = write_questions(text, [PARTNER])
    kept = [line for line in written.text.splitlines() if line in text.splitlines()]
    assert kept == text.splitlines()
    assert loaded(written.text) == loaded(text)
    assert f'    # "{role("partner")}":' in written.text


def test_a_second_run_asks_nothing_twice() -> None:
    once = write_questions("", [PARTNER, LOST])
    again = write_questions(once.text, [PARTNER, LOST])
    assert (again.added, again.text) == (0, once.text)


def test_questions_stand_in_the_order_of_the_plan() -> None:
    names = [role(f"r{number}") for number in range(3)]
    stubs = [Stub("principals", name, {"action": "skip"}) for name in names]
    for text in ("", "principals: {}\n", "{}\n"):
        written = write_questions(text, stubs).text
        assert sorted(names, key=written.index) == names


def test_one_principal_may_be_asked_for_in_two_sections() -> None:
    loss = Stub("accept_loss", role("partner"), {"by": "?", "reason": "?"})
    written = write_questions("", [PARTNER, loss])
    assert written.added == 2
    assert write_questions(written.text, [loss, PARTNER]).added == 0
    braces = write_questions("{}\n", [PARTNER, loss])
    assert braces.added == 2
    assert write_questions(braces.text, [loss, PARTNER]).added == 0


def test_an_answered_question_is_not_asked() -> None:
    text = (
        f'principals:\n  "{role("partner")}":\n    action: skip\n    reason: '
        f"gone\naccept_lost_sections: []\n"
    )
    assert write_questions(text, [PARTNER, LOST]).text == text


def test_an_empty_pair_of_braces_becomes_room_for_the_question() -> None:
    written = write_questions("principals: {}  # none yet\nbreak_glass: x\n", [PARTNER])
    assert written.text.startswith("principals:  # none yet\n  # foreign-role")
    assert loaded(written.text) == {"principals": None, "break_glass": "x"}


def test_a_section_in_braces_keeps_its_answers() -> None:
    text = f'principals: {{"{role("a")}": {{action: skip, reason: r}}}}\n'
    written = write_questions(text, [PARTNER])
    assert loaded(written.text) == loaded(text)
    assert "written in braces" in written.text


@pytest.mark.parametrize(
    "text", ["{}\n", "{break_glass: x}\n", "break_glass: x\n...\n", "---\nbreak_glass: x\n"]
)
def test_unusual_forms_of_a_file_keep_their_answers(text: str) -> None:
    written = write_questions(text, [PARTNER])
    assert written.text.startswith(text)
    assert {key: value for key, value in loaded(written.text).items() if value} == loaded(text)


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "just text\n", "a: 1\na: 2\n"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(Failed) as caught:
        write_questions(text, [PARTNER])
    assert caught.value.code == "decisions-unreadable"


_answers = st.dictionaries(
    st.sampled_from(["principals", "accept_loss", "groups"]),
    st.dictionaries(
        st.sampled_from([role("a"), role("b"), "x"]),
        st.just({"action": "skip", "reason": "r"}),
        max_size=2,
    ),
)
_questions = st.lists(
    st.builds(
        Stub,
        st.sampled_from(["principals", "accept_loss", "groups"]),
        hostile_text,
        st.dictionaries(st.sampled_from(["action", "reason"]), hostile_text, min_size=1),
        st.lists(hostile_text, max_size=2).map(tuple),
    ),
    max_size=4,
)


@settings(max_examples=100)
@given(_answers, _questions)
def test_questions_never_change_answers_whatever_they_hold(
    answers: dict[str, Any], questions: list[Stub]
) -> None:
    text = yaml_text(answers)
    written = write_questions(text, questions)
    after = {key: value for key, value in (loaded(written.text) or {}).items() if value}
    assert after == {key: value for key, value in answers.items() if value}
    assert write_questions(written.text, questions) == type(written)(written.text, 0)
