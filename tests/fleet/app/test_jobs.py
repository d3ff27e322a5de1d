"""What a cluster's job says of a run that left something."""

from migrator.app.operator import Operator
from migrator.app.settings import Settings
from migrator.fleet.app.jobs import _of_run
from migrator.fleet.app.part import Part
from migrator.fleet.app.worker import AnsweredBefore, QuietEvents
from migrator.fleet.model.fleet import FleetCluster
from migrator.model.decision import NO_DECISIONS
from migrator.model.outcome import RunOutcome, StepOutcome
from tests.support.memory_runs import DIGEST, company

ARN = "arn:aws:eks:eu-central-1:111122223333:cluster/prod"
CREATOR = "arn:aws:iam::111122223333:role/creator"
WHY = "It shadows the row. Delete it: `aws eks delete-access-entry`"


def test_entry_that_a_roll_back_leaves_is_named_with_its_reason_and_command() -> None:
    left = (StepOutcome("s02", "update-entry", CREATOR, WHY),)
    outcome = RunOutcome("rollback", "r1", exit_code=4, done=1, total=2, left=left)
    operator = Operator(Settings(), AnsweredBefore(), QuietEvents(ARN))
    part = Part(company()[1], DIGEST, NO_DECISIONS, operator, None)  # type: ignore[arg-type]
    cluster = FleetCluster(arn=ARN, name="prod", account="111122223333", region="eu-central-1")
    result = _of_run(cluster, "rollback", part, outcome)
    assert (result.status, result.exit_code) == ("refused", 4)
    assert result.message == "1 of 2 steps done."
    assert result.why == f"{CREATOR}: {WHY}"
