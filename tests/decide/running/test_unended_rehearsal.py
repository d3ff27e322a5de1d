"""What restores aws-auth and ends a rehearsal, by what it left in the cluster."""

from collections.abc import Mapping
from typing import Any

import pytest

from migrator.decide.running.dead_man import TIMER
from migrator.decide.running.unended_rehearsal import ended_by

FULL = {"data": {"mapRoles": "- rolearn: x\n"}}
BLANK = {"data": {"mapRoles": "", "mapUsers": ""}}
RUNNING = {"status": {"active": 1}}
LEASE = {
    "metadata": {"annotations": {TIMER: "armed"}},
    "spec": {"renewTime": "2026-11-22T12:00:00.000000Z"},
}


def finished(kind: str, status: str = "True") -> dict[str, Any]:
    return {"status": {"conditions": [{"type": kind, "status": status}]}}


@pytest.mark.parametrize("job", [None, finished("Complete"), finished("Failed")])
def test_rehearsal_has_ended_where_aws_auth_is_back_and_no_job_works(
    job: Mapping[str, Any] | None,
) -> None:
    assert ended_by(FULL, job, LEASE) == ""


def test_blank_aws_auth_without_a_timer_is_restored_by_the_command() -> None:
    found = ended_by(BLANK, finished("Failed"), LEASE)
    assert found.startswith("aws-auth is blank and no timer restores it; run `migrate rehearse")


@pytest.mark.parametrize("job", [RUNNING, finished("Suspended"), finished("Complete", "False")])
def test_job_that_is_not_finished_works(job: Mapping[str, Any]) -> None:
    assert "its timer (Job " in ended_by(FULL, job, LEASE)


def test_timer_acts_when_its_lease_is_not_renewed() -> None:
    found = ended_by(BLANK, RUNNING, LEASE)
    assert "ends it after 2026-11-22T12:02:00Z unless its Lease is renewed" in found
    assert ended_by(FULL, RUNNING, LEASE).startswith("aws-auth is not blank; its timer")


@pytest.mark.parametrize("spec", [None, {}, {"renewTime": "yesterday"}])
def test_time_of_a_timer_whose_renewal_cannot_be_read_is_counted_from_it(
    spec: Mapping[str, Any] | None,
) -> None:
    found = ended_by(BLANK, RUNNING, {**LEASE, "spec": spec})
    assert "ends it 120 seconds after the last renewal of its Lease" in found


def test_timer_that_has_not_started_restores_nothing() -> None:
    found = ended_by(BLANK, RUNNING, {"spec": LEASE["spec"]})
    assert "has not started; `migrate rehearse PLAN --image IMAGE`" in found


def test_timer_without_a_lease_is_counted_from_its_last_renewal() -> None:
    assert "ends it 120 seconds after the last renewal" in ended_by(BLANK, RUNNING, None)
