"""Faults: what strikes, what a client sees, and that boto3's own retries, waiters and paginators
live with it.
"""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from migrator.lab import http_server
from migrator.lab.server import Lab
from migrator.lab.worlds import latency
from migrator.lab.worlds.faults import Fault, Faults
from tests.support.aws_lab import (
    HOME,
    RUNNER,
    Client,
    client,
    demo,
    error_of,
    serving,
    small_world,
    switch_to_entries,
)

RETRYING: dict[str, Any] = {"retries": {"mode": "standard", "total_max_attempts": 4}}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


def error(call: Client, **params: object) -> dict[str, Any]:
    with pytest.raises(ClientError) as refusal:
        call(**params)
    response: dict[str, Any] = refusal.value.response
    return response


@pytest.mark.parametrize(
    ("service", "call", "code", "status"),
    [
        ("eks", "list_clusters", "ThrottlingException", 429),
        ("sts", "get_caller_identity", "Throttling", 400),
        ("iam", "list_roles", "Throttling", 400),
        ("ec2", "describe_regions", "RequestLimitExceeded", 503),
        ("logs", "describe_log_groups", "ThrottlingException", 400),
    ],
)
def test_each_service_throttles_in_its_own_way(
    lab: Lab, service: str, call: str, code: str, status: int
) -> None:
    lab.world.faults.add(Fault("*", "throttle", retry_after=3))
    response = error(getattr(client(lab, service), call))
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (
        code,
        status,
    )
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "3"


@pytest.mark.parametrize(
    "fault", [Fault("eks:*", "throttle", times=2), Fault("eks:*", "error", times=2, status=500)]
)
def test_botos_retries_outlast_a_short_fault(lab: Lab, fault: Fault) -> None:
    lab.world.faults.add(fault)
    answer = client(lab, "eks", **RETRYING).list_clusters()
    assert (answer["clusters"], answer["ResponseMetadata"]["RetryAttempts"]) == (["demo"], 2)


@pytest.mark.parametrize("status", [500, 503])
def test_server_errors_keep_their_status(lab: Lab, status: int) -> None:
    lab.world.faults.add(Fault("eks:ListClusters", "error", status=status))
    assert error(client(lab, "eks").list_clusters)["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_reset_connection_did_nothing(lab: Lab) -> None:
    switch_to_entries(lab)
    before = len(lab.world.effects)
    lab.world.faults.add(Fault("eks:CreateAccessEntry", "reset", times=1))
    with pytest.raises(ConnectionClosedError):
        client(lab, "eks").create_access_entry(clusterName="demo", principalArn=RUNNER)
    assert len(lab.world.effects) == before


def test_a_lost_answer_was_done_and_the_retry_meets_its_own_token(lab: Lab) -> None:
    switch_to_entries(lab)
    before = len(lab.world.effects)
    lab.world.faults.add(Fault("eks:CreateAccessEntry", "lost-answer", times=1))
    entry = client(lab, "eks", **RETRYING).create_access_entry(
        clusterName="demo", principalArn=RUNNER
    )["accessEntry"]
    assert (entry["principalArn"], len(lab.world.effects)) == (RUNNER, before + 1)


def test_a_lost_answer_can_hang_until_the_client_gives_up(lab: Lab) -> None:
    switch_to_entries(lab)
    lab.world.faults.add(Fault("eks:CreateAccessEntry", "lost-answer", times=1, seconds=2))
    eks = client(lab, "eks", read_timeout=0.3)
    with pytest.raises(ReadTimeoutError):
        eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    assert eks.describe_access_entry(clusterName="demo", principalArn=RUNNER)["accessEntry"]


def test_a_stale_read_answers_from_the_past(lab: Lab) -> None:
    switch_to_entries(lab)
    eks = client(lab, "eks")
    eks.create_access_entry(clusterName="demo", principalArn=RUNNER)
    lab.world.faults.add(Fault("eks:ListAccessEntries", "stale-read", times=1, seconds=1))
    lab.world.faults.add(Fault("eks:DescribeAccessEntry", "stale-read", times=1, seconds=1))
    assert RUNNER not in eks.list_access_entries(clusterName="demo")["accessEntries"]
    assert RUNNER in eks.list_access_entries(clusterName="demo")["accessEntries"]
    assert (
        error_of(eks.describe_access_entry, clusterName="demo", principalArn=RUNNER)[0]
        == "ResourceNotFoundException"
    )
    lab.world.faults.add(Fault("eks:DescribeCluster", "stale-read", times=1, seconds=4))
    modes = [
        eks.describe_cluster(name="demo")["cluster"]["accessConfig"]["authenticationMode"]
        for _ in range(2)
    ]
    assert modes == ["CONFIG_MAP", "API_AND_CONFIG_MAP"]


def test_a_stale_iam_does_not_know_a_new_role(lab: Lab) -> None:
    iam = client(lab, "iam")
    iam.create_role(RoleName="fresh", AssumeRolePolicyDocument='{"Statement": []}')
    lab.world.faults.add(Fault("iam:*", "stale-read", times=2, seconds=10))
    assert error_of(iam.get_role, RoleName="fresh")[0] == "NoSuchEntity"
    assert "fresh" not in [role["RoleName"] for role in iam.list_roles()["Roles"]]
    assert iam.get_role(RoleName="fresh")["Role"]


def test_expired_credentials_are_told_as_such(lab: Lab) -> None:
    lab.world.faults.add(Fault("eks:*", "expired-credentials", times=1))
    assert error_of(client(lab, "eks").list_clusters)[0] == "ExpiredTokenException"


def test_partial_pages_are_followed_to_the_end(lab: Lab) -> None:
    lab.world.faults.add(Fault("*:List*", "partial-page", page_size=2))
    pages = list(client(lab, "iam").get_paginator("list_roles").paginate())
    assert len(pages) == 4
    assert {role["RoleName"] for page in pages for role in page["Roles"]} >= {
        "runner",
        "operator",
        "nodes",
    }
    policies = list(client(lab, "eks").get_paginator("list_access_policies").paginate())
    assert all(len(page["accessPolicies"]) <= 2 for page in policies)


def test_the_cluster_waiter_waits_for_an_update(lab: Lab) -> None:
    demo(lab.world).update_duration = timedelta(milliseconds=300)
    eks = client(lab, "eks")
    eks.update_cluster_config(
        name="demo", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"}
    )
    eks.get_waiter("cluster_active").wait(
        name="demo", WaiterConfig={"Delay": 0.1, "MaxAttempts": 30}
    )
    cluster = eks.describe_cluster(name="demo")["cluster"]
    assert (cluster["status"], cluster["accessConfig"]["authenticationMode"]) == (
        "ACTIVE",
        "API_AND_CONFIG_MAP",
    )


def test_latency_is_machine_time_and_by_operation(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(latency, "time", SimpleNamespace(sleep=sleep))
    lab.world.latency.set("eks:ListClusters", 0.2)
    eks = client(lab, "eks")
    eks.describe_cluster(name="demo")
    assert waits == []
    started = time.monotonic()
    eks.list_clusters()
    assert time.monotonic() - started >= 0.2
    assert waits == [0.2]
    lab.world.latency.set("eks:ListClusters", 0)
    eks.list_clusters()
    assert waits == [0.2]


def test_a_slow_call_holds_nobody_else_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over, done = threading.Event(), threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        assert seconds == 5
        begun.set()
        over.wait(60)
        done.set()

    monkeypatch.setattr(http_server, "time", SimpleNamespace(sleep=sleep))
    lab.world.faults.add(Fault("eks:ListClusters", "lost-answer", times=1, seconds=5))
    eks = client(lab, "eks", read_timeout=0.2)
    with pytest.raises(ReadTimeoutError):
        eks.list_clusters()
    assert begun.wait(60)
    assert client(lab, "sts").get_caller_identity()["Account"] == HOME
    assert not done.is_set()
    over.set()


@given(
    skip=st.integers(0, 5),
    times=st.one_of(st.none(), st.integers(0, 5)),
    probability=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_a_schedule_strikes_alike_in_every_run(
    skip: int, times: int | None, probability: float, seed: int
) -> None:
    def strikes() -> list[bool]:
        faults = Faults()
        faults.add(
            Fault("eks:*", "reset", skip=skip, times=times, probability=probability, seed=seed)
        )
        return [bool(faults.draw("eks:X")) for _ in range(40)]

    first = strikes()
    assert first == strikes()
    assert not any(first[:skip])
    if times is not None:
        assert sum(first) <= times


def test_only_matching_operations_count() -> None:
    faults = Faults()
    fault = faults.add(Fault("eks:Create*", "throttle", skip=1, times=1))
    drawn = [
        bool(faults.draw(name))
        for name in ("eks:List", "eks:CreateA", "iam:CreateA", "eks:CreateB", "eks:CreateC")
    ]
    assert drawn == [False, False, False, True, False]
    assert (fault.seen, fault.struck) == (3, 1)


def test_an_unknown_kind_of_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        Fault("*", "nonsense")  # type: ignore[arg-type]
