"""The right answers to the questions that are asked of a principal, before and after."""

from dataclasses import replace

import pytest

from migrator.decide.access.authorize import RbacIndex
from migrator.decide.proving.expectations import (
    baseline,
    evaluate,
    identity_after,
    phase_of,
    probes_of,
)
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity, Via
from migrator.model.evidence import Evidence, Probe, ProbeResult
from migrator.model.plan import PlannedPrincipal
from migrator.model.rbac import AccessRequest
from tests.support.worlds import bind, group, on_cluster, rbac, role

DEV = role("dev")
INDEX = RbacIndex(rbac(bind(group("devs"))))
PRINCIPAL = PlannedPrincipal(DEV, "create", Identity("x", ("devs",), "config-map"))
OPAQUE = on_cluster("arn:aws:eks::aws:cluster-access-policy/AmazonEKSMadeUpPolicy")
GETS, DELETES = AccessRequest("get", "", "pods"), AccessRequest("delete", "", "nodes")


def seen(
    phase: str = "before", arn: str = DEV, proof: str = "live", *, allowed: bool = True
) -> Evidence:
    results = (ProbeResult(Probe(GETS, expected=True), allowed),)
    return Evidence(arn, proof, phase, "2026-11-22T00:00:00Z", "", probes=results)  # type: ignore[arg-type]


def test_somebody_for_whom_the_plan_means_no_entry_is_nobody() -> None:
    assert identity_after(PRINCIPAL, None, None).via == "none"


def test_nothing_is_asked_while_rbac_is_unread() -> None:
    assert probes_of(PRINCIPAL, EntrySpec(), "after", None) == ()


def test_a_question_that_only_an_opaque_policy_could_answer_is_asked_by_baseline_only() -> None:
    spec = EntrySpec("STANDARD", "x", (), (OPAQUE,))
    asked = probes_of(PRINCIPAL, spec, "before", INDEX)
    assert asked
    assert not {p.request for p in probes_of(PRINCIPAL, spec, "after", INDEX)} & {
        p.request for p in asked
    }
    measured = Evidence(
        DEV,
        "live",
        "before",
        "2026-11-22T00:00:00Z",
        "",
        probes=tuple(ProbeResult(p, p.expected) for p in asked),
    )
    assert probes_of(PRINCIPAL, spec, "after", INDEX, earlier=[measured]) == asked


def test_the_baseline_is_the_newest_live_one_of_the_principal_itself() -> None:
    others = (seen("after"), seen(arn=role("ops")), seen(proof="simulated"))
    assert baseline(DEV, others) == {}
    assert baseline(DEV, (seen(), *others, seen(allowed=False))) == {GETS: False}


def test_rules_leave_out_what_they_cannot_answer() -> None:
    probes = (Probe(GETS, expected=True), Probe(DELETES, expected=False))
    known = evaluate(INDEX, Identity("x", ("devs",), "config-map"), probes)
    assert [(probe.request, allowed) for probe, allowed, _ in known] == [
        (GETS, True),
        (DELETES, False),
    ]
    told = evaluate(INDEX, Identity("x", ("devs",), "access-entry", (OPAQUE,)), probes)
    assert [probe.request for probe, _, _ in told] == [GETS]


@pytest.mark.parametrize(
    ("mode", "via", "has_entry", "phase"),
    [
        ("CONFIG_MAP", "config-map", True, "before"),
        ("API", "config-map", False, "after"),
        ("API_AND_CONFIG_MAP", "config-map", True, "after"),
        ("API_AND_CONFIG_MAP", "config-map", False, "before"),
        ("API_AND_CONFIG_MAP", "none", False, "after"),
    ],
)
def test_entry_decides_from_the_moment_it_is_there_and_without_a_row(
    mode: str, via: Via, has_entry: bool, phase: str
) -> None:
    principal = replace(PRINCIPAL, before=Identity("x", (), via))
    there = AccessEntry(DEV, "STANDARD", "x") if has_entry else None
    assert phase_of(principal, there, mode) == phase


@pytest.mark.parametrize(
    ("entry", "groups"),
    [
        (None, ("system:nodes",)),
        (AccessEntry(DEV, "EC2_LINUX", "n"), ("system:nodes",)),
        (AccessEntry(DEV, "EC2_LINUX", "n", ("shown",)), ("shown",)),
        (AccessEntry(DEV, "STANDARD", "n", ("shown",)), ("system:nodes",)),
    ],
)
def test_groups_of_a_node_entry_are_those_that_eks_shows(
    entry: AccessEntry | None, groups: tuple[str, ...]
) -> None:
    assert identity_after(PRINCIPAL, EntrySpec("EC2_LINUX"), entry).groups == groups
