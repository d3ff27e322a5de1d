"""Manifests for ACK and Crossplane: valid by the controllers' schemas, the entries of the plan when
read back, and objects that take over what exists and leave it when they are deleted.
"""

from typing import Any

import pytest
from hypothesis import given, settings

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan
from tests.support.code_readers import (
    ack_entries,
    carried,
    crossplane_entries,
    kubernetes_objects,
)
from tests.support.example_plans import example_plans
from tests.support.plans import HOSTILE, VIEW, company, generated, plan, plans, principal, role

KINDS: tuple[CodeKind, ...] = ("ack", "crossplane")
_FEW = settings(max_examples=40)


def _check(kind: CodeKind, value: Plan) -> None:
    text = generated(kind, value)["access-entries.yaml"]
    code = code_entries(value)
    wanted = {entry.principal_arn: entry.spec for entry in code.entries if carried(kind, entry)}
    assert (ack_entries if kind == "ack" else crossplane_entries)(text) == wanted
    everyone = [each.principal_arn for each in code.entries]
    everyone += [each.principal_arn for each in code.left_out]
    for arn in set(everyone) - set(wanted):
        assert f"#   {arn}: " in text
    for each in kubernetes_objects(kind, text):
        assert _region(each) == value.cluster.region


def _region(made: dict[str, Any]) -> str:
    """Where the controller looks for the cluster."""
    found: str = made["metadata"]["annotations"].get("services.k8s.aws/region", "")
    if found:
        return found
    given: str = made["spec"]["forProvider"]["region"]
    return given


@pytest.mark.parametrize("kind", KINDS)
@_FEW
@given(value=plans())
def test_manifests_read_back_to_the_plan(kind: CodeKind, value: Plan) -> None:
    _check(kind, value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_hostile_text_stays_a_text(kind: CodeKind) -> None:
    scope = AccessScope("namespace", ("shop", "web-*"))
    entries = (
        EntrySpec("STANDARD", text, (text, "x"), (AssociatedPolicy(VIEW, scope),))
        for text in (*HOSTILE, "${NAME}", "---\nkind: Secret")
    )
    made = (
        principal(role(f"r{number}"), entry=entry, sources=(entry.username or "",))
        for number, entry in enumerate(entries)
    )
    _check(kind, plan(*made))


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_of_nodes_is_left_out_of_ack_alone(kind: CodeKind) -> None:
    value = plan(principal(role("nodes"), entry=EntrySpec("EC2_LINUX")))
    text = generated(kind, value)["access-entries.yaml"]
    assert ("ACK does not sync an entry of type EC2_LINUX" in text) == (kind == "ack")
    _check(kind, value)


@pytest.mark.parametrize("kind", KINDS)
def test_manifests_of_the_company_and_of_every_example_read_back(kind: CodeKind) -> None:
    for value in (company(), *example_plans().values()):
        _check(kind, value)
