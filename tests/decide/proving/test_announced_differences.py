"""Announced differences are asked for: a loss must be one, a gain that is not there is said."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.proving.expectations import announced_probes
from migrator.decide.proving.how_known import how_of_announced
from migrator.decide.proving.verdicts import verdict_of
from migrator.model.access_entry import Identity
from migrator.model.evidence import (
    Announced,
    Evidence,
    Probe,
    ProbeResult,
    evidence_from_document,
    evidence_to_document,
)
from migrator.model.plan import AccessChange, PlannedPrincipal
from migrator.model.rbac import AccessRequest, PermissionRow, RbacState, Witness
from tests.support.access import bind, group, policy, role, rule

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
SECRETS, PODS = (
    AccessRequest("get", resource="secrets", namespace="shop"),
    AccessRequest("list", resource="pods"),
)
NODES = AccessRequest("list", resource="nodes")


def _row(request: AccessRequest, *login: str) -> PermissionRow:
    return PermissionRow(
        "cluster", ("",), (request.resource,), (request.verb,), witness=Witness.of(request, login)
    )


ALICE = _row(AccessRequest("get", resource="jobs"), "SessionName=alice")
PRINCIPAL = PlannedPrincipal(
    "arn:aws:iam::111122223333:role/devs",
    "create",
    Identity("dev", ("devs",), "config-map"),
    access=AccessChange(
        gained=(_row(NODES), PermissionRow("unknown policy X")),
        lost=(_row(PODS), ALICE, _row(SECRETS)),
    ),
)
INDEX = RbacIndex(RbacState((role("r", rule("get", "secrets")),), (bind("b", "r", group("devs")),)))


def test_losses_and_gains_are_asked_in_turn_the_most_telling_first() -> None:
    assert announced_probes(PRINCIPAL, "after", INDEX, limit=10) == (
        Probe(SECRETS, expected=False, announced="lost"),
        Probe(NODES, expected=True, announced="gained"),
        Probe(PODS, expected=False, announced="lost"),
    )
    assert len(announced_probes(PRINCIPAL, "after", INDEX, limit=2)) == 2


def test_before_the_change_the_right_answers_are_those_of_the_rules_of_today() -> None:
    found = announced_probes(PRINCIPAL, "before", INDEX, limit=10)
    assert [(probe.request, probe.expected) for probe in found] == [
        (SECRETS, True),
        (NODES, False),
        (PODS, False),
    ]
    unread = announced_probes(PRINCIPAL, "before", None, limit=10)
    assert [probe.expected for probe in unread] == [True, False, True]


def test_what_only_an_opaque_policy_could_answer_before_is_expected_as_announced() -> None:
    unsure = replace(
        PRINCIPAL, before=Identity("x", (), "access-entry", (policy("AmazonEKSNetworkingPolicy"),))
    )
    found = announced_probes(unsure, "before", INDEX, limit=10)
    assert [probe.expected for probe in found] == [True, False, True]


def _result(request: AccessRequest, announced: Announced, *, allowed: bool) -> ProbeResult:
    return ProbeResult(
        Probe(request, announced == "gained", announced),
        allowed,
        "RBAC: allowed by x" if allowed else "",
    )


def _evidence(*results: ProbeResult) -> Evidence:
    return Evidence(
        PRINCIPAL.principal_arn,
        "live",
        "after",
        NOW.isoformat(),
        "state",
        "api-mode",
        probes=results,
    )


def test_an_announced_loss_that_is_still_allowed_is_a_failure() -> None:
    evidence = _evidence(
        _result(NODES, "gained", allowed=True), _result(SECRETS, "lost", allowed=True)
    )
    verdict = verdict_of(PRINCIPAL, [evidence], current="state", now=NOW)
    assert verdict.verdict == "failed"
    assert (
        verdict.why
        == "get secrets in shop: announced as lost, and still allowed (RBAC: allowed by x)"
    )


def test_an_announced_gain_that_is_not_there_is_no_failure() -> None:
    evidence = _evidence(
        _result(NODES, "gained", allowed=False), _result(SECRETS, "lost", allowed=False)
    )
    assert evidence.holds
    assert verdict_of(PRINCIPAL, [evidence], current="state", now=NOW).verdict == "ok"


@pytest.mark.parametrize(
    ("results", "before", "words"),
    [
        ((), {}, ""),
        (
            [_result(SECRETS, "lost", allowed=False)],
            {SECRETS: True},
            "1 of 1 announced losses shown",
        ),
        (
            [_result(SECRETS, "lost", allowed=False)],
            {},
            "0 of 1 announced losses shown (no baseline: get secrets in shop)",
        ),
        (
            [_result(SECRETS, "lost", allowed=False)],
            {SECRETS: False},
            "0 of 1 announced losses shown (denied before, too: get secrets in shop)",
        ),
        (
            [_result(SECRETS, "lost", allowed=True)],
            {SECRETS: True},
            "0 of 1 announced losses shown (allowed now: get secrets in shop)",
        ),
        ([_result(NODES, "gained", allowed=True)], {NODES: False}, "1 of 1 announced gains shown"),
        (
            [_result(NODES, "gained", allowed=False)],
            {NODES: False},
            "0 of 1 announced gains shown (denied now: list nodes)",
        ),
        (
            [_result(NODES, "gained", allowed=True)],
            {NODES: True},
            "0 of 1 announced gains shown (allowed before, too: list nodes)",
        ),
        (
            [
                _result(AccessRequest("get", resource=kind), "gained", allowed=False)
                for kind in "abcde"
            ],
            {},
            "0 of 5 announced gains shown (denied now: get a, get b, get c and 2 more)",
        ),
    ],
)
def test_what_the_answers_show_is_said(
    results: list[ProbeResult], before: dict[AccessRequest, bool], words: str
) -> None:
    assert how_of_announced(results, before) == words


def test_evidence_of_earlier_versions_announces_nothing() -> None:
    document = evidence_to_document(_evidence(_result(SECRETS, "lost", allowed=False)))
    assert evidence_from_document(document) == _evidence(_result(SECRETS, "lost", allowed=False))
    del document["probes"][0]["probe"]["announced"]
    assert evidence_from_document(document).probes[0].probe.announced is None
