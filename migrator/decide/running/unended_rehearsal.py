"""Whether a rehearsal has ended, by what it left in the cluster, whatever folder it ran from.

While aws-auth is blank, or while the Job of the dead-man timer works, the objects of the timer are
what restores aws-auth. The journal of the rehearsal may be in another folder, so it is not asked.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from migrator.decide.running.dead_man import NAME, NAMESPACE, RENEW_WITHIN
from migrator.decide.running.rehearsal import timer_state
from migrator.decide.running.waiting import moment
from migrator.decide.steps.rehearsal_objects import is_blank

FINISH = "`migrate rehearse PLAN --image IMAGE` in the folder that began it"
NOT_READ = f"whether its timer works was not read; {FINISH} restores aws-auth"


def ended_by(
    config_map: Mapping[str, Any] | None,
    job: Mapping[str, Any] | None,
    lease: Mapping[str, Any] | None,
) -> str:
    """What restores aws-auth and ends the rehearsal, for people; empty where it has ended.

    ``job`` and ``lease`` are those of the timer. It has not ended while aws-auth is blank, or while
    the Job is there and not finished.
    """
    blank = is_blank(config_map)
    works = job is not None and not _is_finished(job)
    if not blank and not works:
        return ""
    state = "aws-auth is not blank"
    if blank:
        state = "aws-auth is blank"
    # No log-in by a row is admitted until a person restores the map.
    if not works:
        return f"{state} and no timer restores it; run {FINISH}"
    timer = f"its timer (Job {NAMESPACE}/{NAME})"
    # A Job whose pod never starts restores nothing.
    if timer_state(lease) == "starting":
        return f"{state}, and {timer} has not started; {FINISH} restores aws-auth"
    return f"{state}; {timer} ends it {_when(lease)}, or run {FINISH}"


def _is_finished(job: Mapping[str, Any]) -> bool:
    """Whether the Job runs no pod any more: a finished Job has the condition Complete or Failed
    (Kubernetes API reference, JobStatus).
    """
    status = job.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("status") != "True":
            continue
        if condition.get("type") in ("Complete", "Failed"):
            return True
    return False


def _when(lease: Mapping[str, Any] | None) -> str:
    """When the timer acts, unless a process of the rehearsal renews the Lease until then."""
    renewed = None
    if lease is not None:
        spec = lease.get("spec") or {}
        renewed = moment(str(spec.get("renewTime", "")))
    seconds = int(RENEW_WITHIN / timedelta(seconds=1))
    if renewed is None:
        return f"{seconds} seconds after the last renewal of its Lease"
    return f"after {renewed + RENEW_WITHIN:%Y-%m-%dT%H:%M:%SZ} unless its Lease is renewed"
