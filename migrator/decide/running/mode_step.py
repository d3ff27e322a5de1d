"""The next action of the step that changes the cluster's authentication mode."""

from datetime import datetime

from migrator.decide.running.actions import Action, Adopt, Do, ReadFirst, Refuse, RunState, Wait
from migrator.decide.running.progress import StepState
from migrator.decide.running.waiting import UPDATE_TIMEOUT, moment
from migrator.errors import Failed
from migrator.model.access_entry import AuthenticationMode
from migrator.model.step import EnableEntries
from migrator.model.step import Step as PlanStep

# EKS changes the mode one step at a time, and never back.
MODES: tuple[AuthenticationMode, ...] = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")


def change_mode(state: RunState, step: PlanStep, effect: EnableEntries) -> Action:
    """Change the mode, adopt the change, or wait for the update that changes it.

    UpdateClusterConfig answers with the id of an update, which DescribeUpdate follows until it is
    ``Successful``, ``Failed`` or ``Cancelled`` (EKS API).
    """
    recorded, seen = state.progress.of(step.id), state.observed
    if seen.mode is None:
        return ReadFirst("cluster")
    update_id = _update_sent(recorded)
    if update_id and update_id not in seen.updates:
        return ReadFirst("update", update_id)
    update, errors = seen.updates.get(update_id, ("", ()))
    until = (moment(recorded.at) or seen.now) + UPDATE_TIMEOUT
    if update in ("Failed", "Cancelled"):
        return Refuse(_update_failed(update, errors), step)
    # EKS takes minutes for an update: what DescribeUpdate answered before a wait is out of date.
    if update == "InProgress":
        look = ReadFirst("update", update_id)
        return _wait(state, step, "the update is in progress", until, look)
    # EKS refuses an update while the cluster is not ACTIVE (EKS API, UpdateClusterConfig).
    if seen.cluster_status != "ACTIVE":
        why = f"the cluster is {seen.cluster_status or 'busy'}"
        return _wait(state, step, why, until, ReadFirst("cluster"))
    if MODES.index(seen.mode) >= MODES.index(effect.mode_to):
        return Adopt(step, f"the cluster is in {seen.mode} mode")
    # DescribeCluster may show the mode later than DescribeUpdate shows the end of the update.
    if update == "Successful":
        return _wait(state, step, "the mode is not shown yet", until, ReadFirst("cluster"))
    return Do(step)


def _update_sent(recorded: StepState) -> str:
    """The id of the update that a run has sent and whose end it has not seen; empty without one."""
    if recorded.status != "sent":
        return ""
    return str(recorded.effect.get("updateId", ""))


def _update_failed(update: str, errors: tuple[str, ...]) -> Failed:
    """The error for an update that ended without effect; EKS's own messages are the reason."""
    return Failed(
        "update-failed",
        f"The change of the authentication mode ended {update}.",
        why="; ".join(errors) or "EKS gave no reason",
        remedy="Run the same command again once the cause is removed.",
    )


def _wait(
    state: RunState,
    step: PlanStep,
    why: str,
    until: datetime,
    look: ReadFirst,
) -> Action:
    """Look again until ``until``, then end the run: an update that hangs needs a person."""
    if state.observed.now < until:
        return Wait(step, why, until, look)
    return Refuse(
        Failed(
            "timed-out",
            f"Step {step.id} ({step.effect.kind}) did not end in time.",
            why=f"{why}; this run waited until {until.isoformat()}.",
            remedy="Look at the cluster's updates in EKS; the same command continues from here.",
        )
    )
