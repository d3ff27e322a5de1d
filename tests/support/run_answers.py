"""One answer of a run about one sequence, for a state that is made by hand."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from migrator.decide.running.actions import Action, Observed, RunRequest, RunState, run_state
from migrator.decide.running.next_action import sequence_action
from migrator.decide.running.progress import Progress, StepState
from migrator.model.plan import Plan
from tests.support.memory_runs import DIGEST

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
EARLIER = NOW - timedelta(hours=2)
LATER = NOW + timedelta(hours=3)
RUN = "0000000000000001"
TAGS = {"eks-access-migrator/plan": DIGEST}
BACK = RunRequest(DIGEST, back=True)


def state_with(
    plan: Plan,
    states: Mapping[str, StepState],
    run_request: RunRequest | None = None,
    **seen: Any,  # noqa: ANN401 - any observation
) -> RunState:
    """Everything that an answer depends on; ``seen`` is what was observed."""
    observed = Observed(
        **{"now": NOW, "mode": "API_AND_CONFIG_MAP", "cluster_status": "ACTIVE", **seen}
    )
    progress = Progress(run=RUN, states=states)
    return run_state(plan, progress, observed, run_request or RunRequest(DIGEST))


def answer(
    plan: Plan,
    key: str,
    states: Mapping[str, StepState],
    run_request: RunRequest | None = None,
    **seen: Any,  # noqa: ANN401 - any observation
) -> Action:
    """What comes next in a sequence."""
    return sequence_action(state_with(plan, states, run_request, **seen), key)


def done(*step_ids: str, at: datetime = NOW) -> dict[str, StepState]:
    """The journal has these steps as done."""
    return {step_id: StepState("done", at.isoformat()) for step_id in step_ids}
