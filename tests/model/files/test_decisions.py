"""decisions.yaml: a misspelt answer is an error, never silence."""

from dataclasses import fields
from typing import Any

import pytest

from migrator.errors import MigratorError
from migrator.model.access_entry import AccessScope, AssociatedPolicy
from migrator.model.decision import (
    NO_DECISIONS,
    Acceptance,
    AssumeAs,
    CreatorAnswer,
    Decisions,
    GroupAnswer,
    PrincipalAnswer,
)
from migrator.model.files.decisions import DecisionsDocument, decode_decisions

ARN = "arn:aws:iam::111122223333:role/ci"


def test_an_empty_file_answers_nothing() -> None:
    assert decode_decisions(None) == NO_DECISIONS
    assert decode_decisions({}) == NO_DECISIONS


def test_an_unquoted_account_number_keeps_its_leading_zero() -> None:
    decisions = decode_decisions(
        {"accounts": {12345678901: {"action": "skip", "reason": "closed"}}}
    )
    assert decisions.accounts == {"012345678901": "closed"}


def test_policies_without_namespaces_hold_in_the_whole_cluster() -> None:
    answer = {
        "action": "create",
        "policies": [
            {"policy": "AmazonEKSViewPolicy"},
            {"policy": "P", "namespaces": ["b", "a", "b"]},
        ],
    }
    policies = decode_decisions({"principals": {ARN: answer}}).principals[ARN].policies
    assert policies == (
        AssociatedPolicy("AmazonEKSViewPolicy"),
        AssociatedPolicy("P", AccessScope("namespace", ("a", "b"))),
    )


def test_every_section_of_the_file_is_read() -> None:
    acceptance = {"by": "on-call", "reason": "decided in the change meeting"}
    decisions = decode_decisions(
        {
            "accept_lost_sections": ["mapRoles"],
            "accept_loss": {ARN: acceptance},
            "groups": {
                "system:masters": {"also": "platform-admins"},
                "eks:old": {"rename_to": "new"},
            },
            "waive_verification": {ARN: acceptance},
            "verify_as": {ARN: {"profile": "ci"}},
            "break_glass": ARN,
            "expand_accounts": {"444455556666": [ARN]},
            "waive_gates": {"rehearsal": {**acceptance, "until": "2026-12-24"}},
            "proof_policy": {"node": "observed"},
        }
    )
    assert decisions.accept_lost_sections == ("mapRoles",)
    assert decisions.accept_loss[ARN].by == "on-call"
    assert decisions.groups["system:masters"].also == "platform-admins"
    assert decisions.groups["eks:old"].rename_to == "new"
    assert decisions.waive_verification[ARN].reason == acceptance["reason"]
    assert decisions.verify_as[ARN].profile == "ci"
    assert decisions.break_glass == ARN
    assert decisions.expand_accounts == {"444455556666": (ARN,)}
    assert decisions.waive_gates["rehearsal"].until == "2026-12-24"
    assert decisions.proof_policy == {"node": "observed"}


@pytest.mark.parametrize(
    "document",
    [
        {"acept_loss": {}},
        {"accept_lost_sections": ["mapGroups"]},
        {"accept_loss": {ARN: {"reason": "nobody named"}}},
        {"principals": {ARN: {"action": "ignore"}}},
        {"principals": {ARN: {"action": "create", "group": ["x"]}}},
        {"accounts": {"444455556666": {"action": "create", "reason": ""}}},
        {"proof_policy": {"node": "believed"}},
        {"proof_policy": {"role": "unverified"}},
        {"accept_loss": {ARN: {"by": " ", "reason": "reviewed"}}},
        {"waive_gates": {"rehearsal": {"by": "<your name>", "reason": "reviewed"}}},
        {"waive_verification": {ARN: {"by": "Ana", "reason": "<why>"}}},
        {"waive_verification": {ARN: {"by": "Ana", "reason": "<TBD: ask Bo>"}}},
        {"accounts": {"444455556666": {"action": "skip", "reason": "<why>"}}},
        {"principals": {ARN: {"action": "skip", "reason": "<why>"}}},
        {
            "principals": {
                ARN: {
                    "action": "create",
                    "principal_arn": "arn:aws:iam::444455556666:role/<path>/dev",
                }
            }
        },
        {"principals": {ARN: {"action": "create", "username": "<username>"}}},
        {"principals": {ARN: {"action": "create", "groups": ["viewers", "<group>"]}}},
        {"proof_policy": {"role": "attested"}},
    ],
)
def test_a_misspelt_or_wrong_answer_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(MigratorError) as caught:
        decode_decisions(document)
    assert caught.value.code == "decisions-malformed"
    assert caught.value.why


@pytest.mark.parametrize("document", [[], ["principals"], "principals", 5])
def test_a_file_without_sections_is_no_decisions_file(document: Any) -> None:  # noqa: ANN401 - any YAML value
    with pytest.raises(MigratorError) as caught:
        decode_decisions(document)
    assert caught.value.code == "decisions-malformed"


def test_every_section_that_is_read_is_an_answer_and_the_other_way_round() -> None:
    answers = {each.name for each in fields(Decisions)}
    assert set(DecisionsDocument.__struct_fields__) == answers


def test_answers_of_every_kind_are_the_models_own_values() -> None:
    acceptance = {"by": "on-call", "reason": "x"}
    answer = {"action": "skip", "reason": "left", "groups": ["a"], "type": "STANDARD"}
    found = decode_decisions(
        {
            "accept_gain": {ARN: acceptance},
            "principals": {ARN: answer},
            "groups": {"a": {"rename_to": "b"}},
            "verify_as": {ARN: {"assume_role": ARN}},
            "expand_accounts": {"444455556666": [ARN]},
            "creator": {"arn": ARN, **acceptance},
        }
    )
    assert found == Decisions(
        accept_gain={ARN: Acceptance("on-call", "x")},
        principals={ARN: PrincipalAnswer("skip", "left", groups=("a",), type="STANDARD")},
        groups={"a": GroupAnswer("b")},
        verify_as={ARN: AssumeAs(assume_role=ARN)},
        expand_accounts={"444455556666": (ARN,)},
        creator=CreatorAnswer(ARN, "on-call", "x"),
    )
