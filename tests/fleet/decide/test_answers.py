"""Which answers of a fleet's decisions.yaml are whose."""

from typing import Any

import pytest

import migrator
from migrator.errors import MigratorError
from migrator.fleet.decide.answers import answers_for, asked, questions_of
from migrator.fleet.model.files.decisions import decisions_to_document, decode_fleet_decisions
from migrator.model.files.decisions import decode_decisions
from migrator.model.files.snapshot import decode_snapshot
from tests.support.fleet_values import cluster
from tests.support.worlds import NOW

HOME = "arn:aws:iam::111122223333:role"
VENDOR = "arn:aws:iam::999999999999:role/vendor"
ROWS = f"- {{rolearn: {HOME}/ops, username: ops, groups: [system:masters]}}\n"
VENDORS = f"- {{rolearn: {VENDOR}, username: vendor, groups: [vendors]}}\n"
SKIP = {"action": "skip", "reason": "left"}
LOSS = {"by": "ana", "reason": "left"}


def _snapshot(rows: str, **data: str) -> dict[str, Any]:
    return {
        "format": "migrator/snapshot/v1",
        "takenAt": "2026-11-22T00:00:00Z",
        "cluster": {
            "name": "orders",
            "arn": "arn:aws:eks:eu-central-1:111122223333:cluster/orders",
            "accessConfig": {"authenticationMode": "CONFIG_MAP"},
        },
        "configMap": {"data": {"mapRoles": rows, **data}},
        "accessEntries": None,
    }


def test_the_top_answers_for_all_and_where_for_those_it_means() -> None:
    answers = decode_fleet_decisions(
        {
            "waive_gates": {"code": {"by": "ana", "reason": "all"}},
            "where": [
                {
                    "clusters": {"tags": {"stage": "dev"}},
                    "waive_gates": {"rehearsal": {"by": "ana", "reason": "dev"}},
                },
                {
                    "clusters": {"clusters": ["orders"]},
                    "waive_gates": {"code": {"by": "ben", "reason": "orders"}},
                },
            ],
        }
    )
    dev = answers_for(answers, cluster("x", tags={"stage": "dev"}))
    assert sorted(dev.waive_gates) == ["code", "rehearsal"]
    orders = answers_for(answers, cluster("orders"))
    assert orders.waive_gates["code"].by == "ben"
    assert sorted(answers_for(answers, cluster("y")).waive_gates) == ["code"]


def test_an_answer_is_left_out_where_nobody_asks_it_and_the_plan_takes_the_rest() -> None:
    everything = decode_fleet_decisions(
        {
            "principals": {
                VENDOR: SKIP,
                f"{HOME}/OPS": {"action": "create", "reason": "x", "username": "operators"},
            },
            "accept_loss": {VENDOR: LOSS},
            "groups": {"system:masters": {"also": "admins"}, "nobody-has-it": {"rename_to": "y"}},
            "accounts": {"123456789012": SKIP},
            "accept_lost_sections": ["mapUsers"],
            "waive_gates": {"code": LOSS},
        }
    )
    without, with_vendor = _snapshot(ROWS), _snapshot(ROWS + VENDORS)
    kept, questions = asked(answers_for(everything, cluster("orders")), decode_snapshot(without))
    assert set(questions) == {("principals", f"{HOME}/OPS"), ("groups", "system:masters")}
    assert (list(kept.accept_loss), list(kept.waive_gates)) == ([], ["code"])
    assert migrator.plan(without, decisions_to_document(kept), now=NOW)["principals"]
    kept, questions = asked(
        answers_for(everything, cluster("orders")), decode_snapshot(with_vendor)
    )
    assert ("accept_loss", VENDOR) in questions
    plan = migrator.plan(with_vendor, decisions_to_document(kept), now=NOW)
    actions = {p["principalArn"]: p["action"] for p in plan["principals"]}
    assert actions[VENDOR] == "skip"


def test_without_leaving_out_a_foreign_answer_would_be_an_error() -> None:
    with pytest.raises(MigratorError) as caught:
        migrator.plan(_snapshot(ROWS), {"accept_loss": {VENDOR: LOSS}}, now=NOW)
    assert caught.value.code == "decision-unused"


def test_answers_about_expanded_accounts_and_lost_sections_are_found() -> None:
    answers = {
        "expand_accounts": {"111122223333": [f"{HOME}/team/dev"]},
        "waive_verification": {f"{HOME}/team/dev": LOSS},
        "accept_lost_sections": ["mapUsers"],
    }
    snapshot = _snapshot(ROWS, mapAccounts='- "111122223333"\n', mapUsers="- [")
    kept, questions = asked(decode_decisions(answers), decode_snapshot(snapshot))
    assert {section for section, _ in questions} == set(answers)
    assert kept.waive_verification


def test_every_answer_that_somebody_must_ask_for_is_a_question() -> None:
    answers = decode_fleet_decisions(
        {
            "principals": {VENDOR: SKIP},
            "break_glass": f"{HOME}/x",
            "waive_gates": {"code": LOSS},
            "where": [{"clusters": {}, "accept_loss": {VENDOR: LOSS}}],
        }
    )
    assert questions_of(answers) == (("principals", VENDOR), ("accept_loss", VENDOR))


@pytest.mark.parametrize(
    "document",
    [
        {"where": {}},
        {"where": [{"waive_gates": {}}]},
        {"where": [{"clusters": {"tag": {"a": "b"}}}]},
        {"where": [{"clusters": {}, "waive_gate": {}}]},
        {"wher": []},
    ],
)
def test_a_misspelt_part_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(MigratorError):
        decode_fleet_decisions(document)


def test_answers_are_written_as_they_are_read() -> None:
    document = {
        "accept_lost_sections": ["mapRoles"],
        "accept_loss": {VENDOR: {**LOSS, "until": "2027-01-01"}},
        "accounts": {"012345678901": SKIP},
        "principals": {
            VENDOR: {
                "action": "create",
                "groups": ["g"],
                "policies": [{"policy": "AmazonEKSViewPolicy"}],
                "reason": "",
            },
            f"{HOME}/b": {
                "action": "create",
                "reason": "r",
                "type": "STANDARD",
                "username": "b",
                "policies": [{"policy": "AmazonEKSViewPolicy", "namespaces": ["a", "b"]}],
            },
        },
        "groups": {"eks:x": {"rename_to": "y"}},
        "verify_as": {VENDOR: {"profile": "p"}},
        "break_glass": f"{HOME}/x",
        "expand_accounts": {"111122223333": [f"{HOME}/x"]},
        "waive_gates": {"code": LOSS},
        "waive_verification": {VENDOR: LOSS},
        "proof_policy": {"node": "observed"},
    }
    decisions = decode_decisions(document)
    assert decode_decisions(decisions_to_document(decisions)) == decisions
    assert set(decisions_to_document(decisions)) == set(document)


def test_answers_about_no_principal_do_not_look_at_principals() -> None:
    answers = decode_fleet_decisions({"groups": {"system:masters": {"also": "admins"}}})
    kept, questions = asked(
        answers_for(answers, cluster("orders")), decode_snapshot(_snapshot(ROWS))
    )
    assert questions == (("groups", "system:masters"),)
    assert kept.principals == {}
