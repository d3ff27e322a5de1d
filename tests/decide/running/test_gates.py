"""Each gate of the cut-over: pass, fail, unknown; unknown does not pass; waivers are named and end."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.running.gates import NOT_WAIVABLE, GateFacts, cut_over_gates, unknown_waivers
from migrator.model.decision import Acceptance
from migrator.model.evidence import PrincipalVerdict, Verdict
from migrator.model.finding import Finding
from migrator.model.gate import Gate, all_pass
from migrator.model.plan import Plan
from migrator.model.step import ProofClass
from tests.support.memory_ports import OPERATOR
from tests.support.memory_runs import ALICE, CREATOR, DEVS, NODES, company

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
PLAN = company()[1]
EVERYBODY = (CREATOR, DEVS, ALICE, NODES, OPERATOR)


def verdict(arn: str, found: Verdict = "ok", proof: ProofClass = "live") -> PrincipalVerdict:
    return PrincipalVerdict(arn, found, proof, "live", "why")


GOOD = GateFacts(
    now=NOW,
    mode="API_AND_CONFIG_MAP",
    cluster_status="ACTIVE",
    left=(),
    changes=(),
    verdicts=tuple(verdict(arn) for arn in EVERYBODY),
    callers=frozenset({OPERATOR}),
    rehearsed=NOW - timedelta(days=1),
    owners=(),
    nodes_unhealthy=(),
)


def states(facts: GateFacts, plan: Plan = PLAN) -> dict[str, str]:
    """The gates that do not pass."""
    return {gate.name: gate.state for gate in cut_over_gates(plan, facts) if not gate.passes}


def test_all_gates_open_where_everything_is_right() -> None:
    gates = cut_over_gates(PLAN, GOOD)
    assert all_pass(gates)
    assert [gate.number for gate in gates] == list(range(1, 10))


def test_nothing_known_opens_no_gate_but_the_plans_own() -> None:
    gates = cut_over_gates(PLAN, GateFacts(now=NOW))
    assert [gate.name for gate in gates if gate.passes] == ["plan"]
    assert {gate.state for gate in gates if not gate.passes} == {"unknown"}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mode", replace(GOOD, mode="CONFIG_MAP")),
        ("mode", replace(GOOD, mode="API")),
        ("no-update-running", replace(GOOD, cluster_status="UPDATING")),
        ("end-state", replace(GOOD, left=("s01 create-entry",))),
        ("end-state", replace(GOOD, changes=("something",))),
        ("proofs", replace(GOOD, verdicts=(*(verdict(a) for a in EVERYBODY[:-1]), verdict(OPERATOR, "partial")))),
        ("second-admin", replace(GOOD, verdicts=tuple(verdict(a, proof="attested") for a in EVERYBODY))),
        ("second-admin", replace(GOOD, callers=frozenset({ALICE, OPERATOR, CREATOR}))),
        ("rehearsal", replace(GOOD, rehearsed=NOW - timedelta(days=8))),
        ("code", replace(GOOD, owners=("Terraform",))),
        ("nodes", replace(GOOD, nodes_unhealthy=("ip-10-0-0-1",))),
    ],
)
def test_one_thing_wrong_closes_its_gate_and_no_other(name: str, changed: GateFacts) -> None:
    assert states(changed) == {name: "fail"}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mode", replace(GOOD, mode=None)),
        ("no-update-running", replace(GOOD, cluster_status=None)),
        ("end-state", replace(GOOD, left=None)),
        ("end-state", replace(GOOD, changes=None)),
        ("rehearsal", replace(GOOD, rehearsed=None)),
        ("code", replace(GOOD, owners=None)),
        ("nodes", replace(GOOD, nodes_unhealthy=None)),
    ],
)
def test_one_thing_unknown_closes_its_gate(name: str, changed: GateFacts) -> None:
    assert states(changed) == {name: "unknown"}


def test_a_principal_nobody_judged_is_unknown() -> None:
    assert states(replace(GOOD, verdicts=tuple(verdict(arn) for arn in EVERYBODY if arn != DEVS))) == {
        "proofs": "unknown"
    }


def test_a_plan_with_open_findings_or_another_target_is_not_cut_over() -> None:
    blocked = replace(PLAN, findings=(Finding("x", "block", "m", "r", "https://x"),))
    assert states(GOOD, blocked) == {"plan": "fail"}
    assert states(GOOD, replace(PLAN, target="API_AND_CONFIG_MAP")) == {"plan": "fail"}


@given(st.sets(st.sampled_from([gate.name for gate in cut_over_gates(PLAN, GOOD)])))
def test_a_waiver_opens_its_own_gate_and_is_shown_by_name(names: set[str]) -> None:
    waivers = {name: Acceptance("Jo", "known") for name in names}
    gates = cut_over_gates(replace(PLAN, target="API_AND_CONFIG_MAP"), GateFacts(now=NOW, waivers=waivers))
    for gate in gates:
        assert gate.passes == (gate.name in names - NOT_WAIVABLE)
        assert (gate.waived_by == "Jo: known") == gate.passes


@pytest.mark.parametrize(
    ("until", "holds"),
    [
        ("2026-11-22", True),
        ("2026-11-21", False),
        ("2026-11-22T13:00:00Z", True),
        ("2026-11-22T11:00:00Z", False),
        ("soon", False),
        (None, True),
    ],
)
def test_a_waiver_ends_with_its_date(until: str | None, holds: bool) -> None:
    facts = replace(GOOD, rehearsed=None, waivers={"rehearsal": Acceptance("Jo", "x", until)})
    assert all_pass(cut_over_gates(PLAN, facts)) == holds


def test_a_waiver_of_no_gate_or_of_what_cannot_be_waived_is_named() -> None:
    waivers = {name: Acceptance("Jo", "x") for name in ("rehearsal", "mode", "plan", "no-update-running", "everything")}
    assert unknown_waivers(PLAN, waivers) == ("everything", "mode", "no-update-running", "plan")


def test_no_gates_at_all_is_no_pass() -> None:
    assert not all_pass(())


def test_only_a_pass_or_a_waiver_passes() -> None:
    assert not Gate(1, "n", "q", "unknown").passes
    assert not Gate(1, "n", "q", "fail").passes
