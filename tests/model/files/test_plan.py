"""plan.json: stable bytes, nothing lost, nothing foreign let in."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from migrator.errors import MigratorError
from migrator.model import step as steps
from migrator.model.access_entry import Identity
from migrator.model.canonical import canonical_bytes, pretty_bytes
from migrator.model.files.plan import (
    decode_plan,
    decode_plan_with_digest,
    encode_plan,
    plan_digest,
    plan_on_one_line,
    plan_to_document,
)
from migrator.model.files.schemas import plan_schema
from migrator.model.files.step_payloads import PAYLOADS
from migrator.model.plan import AccessChange, ClusterRef, Plan, PlannedPrincipal
from migrator.model.rbac import PermissionRow
from tests.support.strategies import plans

CLUSTER = ClusterRef(
    "demo", "arn:aws:eks:eu-central-1:111122223333:cluster/demo", "1", "r", "aws", "CONFIG_MAP"
)
PLAN = Plan(
    "2026-11-22T00:00:00Z",
    CLUSTER,
    {},
    "sha256:0",
    "preserve",
    "API",
    (),
    (),
    (steps.Step("s01", steps.EnableEntries()),),
)


@settings(max_examples=100)
@given(plans)
def test_a_plan_survives_its_document(plan: Plan) -> None:
    again = decode_plan(encode_plan(plan))
    assert again == plan
    # equal rows may differ in their witness
    assert [row.witness for each in again.principals for row in each.access.gained] == [
        row.witness for each in plan.principals for row in each.access.gained
    ]


def test_a_plan_whose_rows_have_no_witness_is_read_and_written_as_it_was() -> None:
    row = PermissionRow("cluster", ("",), ("pods",), ("get",))
    principal = PlannedPrincipal(
        "arn", "create", Identity("u", (), "config-map"), access=AccessChange(lost=(row,))
    )
    document = plan_to_document(replace(PLAN, principals=(principal,)))
    assert "witness" not in document["principals"][0]["access"]["lost"][0]
    assert plan_to_document(decode_plan(pretty_bytes(document))) == document


@settings(max_examples=100)
@given(plans)
def test_the_document_of_a_plan_fits_the_published_schema(plan: Plan) -> None:
    document = json.loads(encode_plan(plan))
    assert list(_VALIDATOR.iter_errors(document)) == []


_VALIDATOR = Draft202012Validator(plan_schema())


@settings(max_examples=100)
@given(plans)
def test_the_same_plan_gives_the_same_ascii_bytes(plan: Plan) -> None:
    content = encode_plan(plan)
    assert content == encode_plan(decode_plan(content))
    assert content.isascii()
    assert content.endswith(b"}\n")
    assert b"\r" not in content


@settings(max_examples=100)
@given(plans)
def test_a_plan_on_one_line_is_the_canonical_spelling_of_all_of_it(plan: Plan) -> None:
    content, digest = plan_on_one_line(plan)
    document = json.loads(content)
    assert content == canonical_bytes(document)
    assert digest == document["planDigest"] == plan_digest(document)


def test_every_kind_of_step_has_a_payload_shape() -> None:
    kinds = {effect.kind for effect in steps.Effect.__args__}
    assert set(PAYLOADS) == kinds


def test_a_digest_names_the_document_without_itself() -> None:
    document = plan_to_document(PLAN)
    assert document["planDigest"] == plan_digest(document)
    assert decode_plan_with_digest(encode_plan(PLAN))[1] == document["planDigest"]


@given(st.sampled_from(["createdAt", "snapshotDigest", "target", "strategy"]))
def test_a_plan_edited_by_hand_is_refused(field: str) -> None:
    document = plan_to_document(PLAN)
    document[field] = {"target": "API_AND_CONFIG_MAP", "strategy": "policies"}.get(field, "edited")
    with pytest.raises(MigratorError) as caught:
        decode_plan(pretty_bytes(document))
    assert caught.value.code == "plan-edited"
    assert "decisions.yaml" in caught.value.remedy


def _changed(**fields: object) -> bytes:
    document: dict[str, Any] = plan_to_document(PLAN) | fields
    return pretty_bytes(document)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "plan-unreadable"),
        (b"not json", "plan-unreadable"),
        (b"\xff\xfe\x00", "plan-unreadable"),
        (b"[]", "plan-unreadable"),
        (b'{"format": "migrator/plan/v2"}', "plan-unreadable"),
        (_changed(surprise=1), "plan-malformed"),
        (_changed(target="NEVER"), "plan-malformed"),
        (_changed(steps=[{"id": "s1"}]), "plan-malformed"),
    ],
)
def test_what_is_no_plan_is_refused_with_a_code(content: bytes, code: str) -> None:
    with pytest.raises(MigratorError) as caught:
        decode_plan(content)
    assert caught.value.code == code
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("kind", "principal"),
    [("no-such-step", None), ("create-entry", None), ("enable-entries", "arn:aws:iam::1:role/x")],
)
def test_a_step_must_have_the_fields_of_its_kind(kind: str, principal: str | None) -> None:
    document = plan_to_document(PLAN)
    document["steps"][0] |= {"kind": kind, "principalArn": principal}
    document["planDigest"] = plan_digest(document)
    with pytest.raises(MigratorError) as caught:
        decode_plan(pretty_bytes(document))
    assert caught.value.code == "plan-malformed"
