"""What a cluster's job says of a run that left something."""

import pytest

from migrator.app.apply import ApplyRequest
from migrator.app.roll_back import RollBackRequest
from migrator.app.verify import VerifyRequest
from migrator.fleet.app.jobs import ON_PLANS
from migrator.fleet.app.part import result_of
from migrator.fleet.decide.endings import is_failure, is_settled
from migrator.fleet.model.fleet import Command
from migrator.model.evidence import Evidence, PrincipalVerdict
from migrator.model.outcome import RunOutcome, StepOutcome, VerifyOutcome
from tests.support.fleet_values import clusters
from tests.support.memory_runs import DIGEST, company

CREATOR = "arn:aws:iam::111122223333:role/creator"
WHY = "It shadows the row. Delete it: `aws eks delete-access-entry`"


def test_entry_that_a_roll_back_leaves_is_named_with_its_reason_and_command() -> None:
    left = (StepOutcome("s02", "update-entry", CREATOR, WHY),)
    outcome = RunOutcome("rollback", "r1", exit_code=4, done=1, total=2, left=left)
    request = RollBackRequest(plan=company()[1], digest=DIGEST)
    end = ON_PLANS["rollback"].ending(request, outcome)
    assert (end.exit_code, end.error) == (4, None)
    assert end.message == "1 of 2 steps done."
    assert end.why == f"{CREATOR}: {WHY}"


@pytest.mark.parametrize("command", ["apply", "rollback"])
def test_reason_of_several_steps_is_said_once_and_hides_no_other(command: Command) -> None:
    left = [StepOutcome(f"s{n:02}", "update-entry", CREATOR, WHY) for n in range(6)]
    left.append(StepOutcome("s07", "create-entry", "arn:b", "no row"))
    outcome = RunOutcome(command, "r1", exit_code=4, done=1, total=8, left=tuple(left))
    way = ON_PLANS[command]
    end = way.ending(way.request(plan=company()[1], digest=DIGEST), outcome)
    assert end.why == f"{CREATOR}: {WHY}; arn:b: no row"


def test_baseline_names_whom_the_plan_reads_otherwise_and_no_verdict() -> None:
    taken = (
        Evidence("arn:a", "live", "before", "2026-11-22T00:00:00Z", "x"),
        Evidence("arn:b", "live", "before", "2026-11-22T00:00:00Z", "x", differences=("no group",)),
    )
    unknown = tuple(PrincipalVerdict(e.principal_arn, "unknown", "live", "live", "") for e in taken)
    outcome = VerifyOutcome("before", "CONFIG_MAP", unknown, "unknown", taken, exit_code=6)
    request = VerifyRequest(plan=company()[1], digest=DIGEST, baseline=True)
    end = ON_PLANS["verify"].ending(request, outcome)
    assert end.message == "1 of 2 principals are not as the plan reads them."
    assert end.why == "arn:b: no group"


BRIDGE = "a binding to cluster-admin of run r0"
OPEN = ((CREATOR, "not proven yet"),)


@pytest.mark.parametrize(
    ("outcome", "status", "stops_wave"),
    [
        (RunOutcome("apply", "r1", exit_code=0, done=2, total=2), "done", False),
        (RunOutcome("apply", "r1", 7, done=1, total=2, outstanding=OPEN), "waiting", False),
        (
            RunOutcome("apply", "r1", 7, 2, 2, left=(StepOutcome("", "entry", CREATOR, WHY),)),
            "waiting",
            False,
        ),
        (
            RunOutcome("apply", "r1", 7, 1, 2, outstanding=OPEN, leftovers=(BRIDGE,)),
            "interrupted",
            True,
        ),
        (RunOutcome("apply", "r1", 6, done=1, total=2), "unproven", True),
    ],
)
def test_cluster_is_done_only_where_its_own_apply_would_end_with_0(
    outcome: RunOutcome, status: str, stops_wave: bool
) -> None:
    plan = company()[1]
    end = ON_PLANS["apply"].ending(ApplyRequest(plan=plan, digest=DIGEST), outcome)
    found = result_of(clusters(1)[0], "apply", DIGEST, end)
    assert (found.status, found.exit_code) == (status, outcome.exit_code)
    assert is_settled(found) == (outcome.exit_code == 0)
    assert is_failure(found) == stops_wave
    for words in (who for who, _ in outcome.outstanding):
        assert words in found.why


def test_round_of_the_mode_step_is_followed_by_the_principals() -> None:
    outcome = RunOutcome("apply", "r1", 7, 1, 2, outstanding=OPEN, leftovers=(BRIDGE,))
    request = ApplyRequest(plan=company()[1], digest=DIGEST, mode_only=True)
    assert ON_PLANS["apply"].ending(request, outcome).exit_code == 0
