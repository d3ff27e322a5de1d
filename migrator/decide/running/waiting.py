"""How long to wait for what, and when a change is certainly in force."""

from datetime import datetime, timedelta, timezone

from migrator.decide.running.actions import RunState
from migrator.decide.running.progress import SETTLED, StepState
from migrator.errors import Failed
from migrator.model.moments import moment_of_text
from migrator.model.plan import Plan
from migrator.model.step import Prove, Sequence

# An update of the cluster's configuration takes minutes; an automatic entry appears within it; a
# read may lag.
UPDATE_TIMEOUT = timedelta(minutes=40)
AWAIT_TIMEOUT = timedelta(minutes=5)
STALE_READ_TIMEOUT = timedelta(seconds=60)
# A change of an entry takes up to 30 seconds to reach the authenticator; where no login can be
# made, time is the only proof.
SPREAD = timedelta(seconds=60)
# After that kube-apiserver still knows whom an older token belongs to: two minutes by default
# (--authentication-token-webhook-cache-ttl), and EKS does not publish what it sets.
REMEMBERED = timedelta(seconds=150)
LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


def being_updated(plan: Plan) -> Failed:
    """The error while an update of the cluster runs, where what follows depends on the mode."""
    return Failed(
        "update-in-progress",
        f"Cluster {plan.cluster.name} is being updated.",
        why="The update may be the switch to API mode, after which no row of aws-auth decides.",
        remedy="Wait until it has ended and run the same command again.",
    )


def spread_by(at: RunState, sequence: Sequence, within: timedelta = SPREAD) -> datetime:
    """When the last change of a sequence's entry is certainly in force: immediately where a login
    showed it since.
    """
    latest = LONG_AGO
    for step in sequence:
        state = at.progress.of(step.id)
        if isinstance(step.effect, Prove):
            # A login that the entry answered shows that every change before it has arrived.
            if _showed_by_login(state):
                latest = LONG_AGO
            continue
        if _changed_its_entry(state):
            changed = moment(state.at) or at.observed.now
            latest = max(latest, changed + within)
    return latest


def _showed_by_login(proof: StepState) -> bool:
    """Whether a proof asked the cluster: a simulation or a person's word shows no login."""
    if proof.status not in SETTLED:
        return False
    return proof.effect.get("class") in ("live", "observed")


def _changed_its_entry(state: StepState) -> bool:
    """Whether the step, or its undo, was written to the entry at the time of the state."""
    if state.status in SETTLED:
        return True
    if state.status == "undone":
        return True
    return _taken_back_by_an_earlier_run(state)


def _taken_back_by_an_earlier_run(state: StepState) -> bool:
    """A new run makes a step that was undone pending again and keeps the time at which it was
    undone: a run that is killed before it has waited leaves the wait to the next one.
    """
    if state.status != "pending":
        return False
    return bool(state.at)


def moment(at: str) -> datetime | None:
    """The time in a record, None where there is none."""
    try:
        return moment_of_text(at)
    except ValueError:
        return None
