"""What an ending means, and what is gone on with."""

import pytest

from migrator.errors import Blocked, Changed, Failed, Interrupted, MigratorError, Refused, Unproven
from migrator.fleet.decide.endings import (
    exit_code_of,
    is_settled,
    result_of_error,
    results_of,
    run_to_go_on_with,
    status_of,
)
from migrator.fleet.model.files.records import FleetRecord
from migrator.fleet.model.outcome import ClusterStatus
from tests.support.fleet_values import result


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Failed("api-server-unreachable", ""), "unreachable"),
        (Failed("throttled", ""), "unreachable"),
        (Failed("iam-denied", ""), "denied"),
        (Failed("not-authenticated", ""), "denied"),
        (Failed("plan-unproven", ""), "failed"),
        (Blocked("plan-blocked", ""), "blocked"),
        (Refused("locked", ""), "refused"),
        (Changed("cluster-changed", ""), "changed"),
        (Unproven("proof-failed", ""), "unproven"),
        (Interrupted("interrupted", ""), "interrupted"),
    ],
)
def test_every_error_has_a_status(error: MigratorError, status: ClusterStatus) -> None:
    found = result_of_error("arn", "apply", error)
    assert (found.status, found.exit_code, found.code) == (status, error.exit_code, error.code)


def test_no_failure_is_ever_done() -> None:
    assert [code for code in range(256) if status_of(code) == "done"] == [0]
    # It answered, and its authorizers did not: that is no cluster that cannot be reached.
    assert status_of(1, "review-undecided") == "failed"
    assert status_of(1, "api-server-failed") == "unreachable"


def test_a_blocked_plan_is_a_plan_and_a_blocked_apply_is_not_applied() -> None:
    assert is_settled(result("a", "plan", "blocked", 3))
    assert not is_settled(result("a", "apply", "blocked", 3))
    assert not is_settled(result("a", "plan", "unreachable", 1))


def _started(run: str, inputs: str) -> FleetRecord:
    return FleetRecord("run-started", run, "", "plan", inputs)


def _ended(run: str, code: int) -> FleetRecord:
    return FleetRecord("run-ended", run, "", "plan", exit_code=code)


@pytest.mark.parametrize(
    ("records", "run"),
    [
        ([], None),
        ([_started("1", "x")], "1"),  # killed
        ([_started("1", "x"), _ended("1", 8)], "1"),
        ([_started("1", "x"), _ended("1", 0)], None),
        ([_started("1", "x"), _started("2", "y")], None),  # the latest asked for something else
        ([_started("1", "y"), _started("2", "x"), _ended("1", 0)], "2"),
        ([FleetRecord("run-started", "1", "", "apply", "x")], None),
    ],
)
def test_the_latest_run_with_the_same_inputs_is_gone_on_with(
    records: list[FleetRecord], run: str | None
) -> None:
    assert run_to_go_on_with(records, "plan", "x") == run


def test_the_latest_result_of_a_cluster_counts() -> None:
    records = [
        FleetRecord("cluster", "1", "", "apply", result=result("a", status="failed", exit_code=1)),
        FleetRecord("cluster", "2", "", "apply", result=result("a")),
        FleetRecord("cluster", "2", "", "verify", result=result("b", "verify")),
    ]
    assert results_of(records, "apply", None)["a"].done
    assert not results_of(records, "apply", "1")["a"].done
    assert "b" not in results_of(records, "apply", None)


def test_zero_needs_every_account_and_every_cluster() -> None:
    good, bad = result("a"), result("b", status="waiting", exit_code=8)
    assert exit_code_of([good], complete=True, interrupted=False) == 0
    assert exit_code_of([good], complete=False, interrupted=False) == 8
    assert exit_code_of([good, bad], complete=True, interrupted=False) == 8
    assert exit_code_of([good], complete=True, interrupted=True) == 7
