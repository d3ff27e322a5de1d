"""What a cluster's job says of a run that left something."""

from migrator.app.roll_back import RollBackRequest
from migrator.fleet.app.jobs import ON_PLANS
from migrator.model.outcome import RunOutcome, StepOutcome
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
