"""Whole runs whose state is in S3: killed on one machine, gone on with on another, taken away on
the way.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from migrator.adapters.aws_session import AwsSession
from migrator.adapters.clock import machine_time
from migrator.adapters.state_s3 import StateBucket, open_bucket_state
from migrator.adapters.tasks_threads import Threads
from migrator.errors import Refused
from migrator.run.apply_plan import apply_plan
from migrator.run.begin_run import RunPorts
from migrator.run.roll_back import roll_back
from tests.run.test_apply_plan import oracle, reference
from tests.support.memory_ports import Crash, cluster_ref
from tests.support.memory_runs import ALICE, CREATOR, DIGEST, World, company
from tests.support.moto_aws import moto_aws

BUCKET = "state"
LOCK = "team/aws/111122223333/eu-west-1/prod/lock"


@pytest.fixture(autouse=True)
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with moto_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def machine(world: World) -> RunPorts:
    """Ports of a machine that has nothing but the bucket's name."""
    session = AwsSession(boto3.Session(region_name="us-east-1"), run="r1")
    store = open_bucket_state(session, f"s3://{BUCKET}/team", cluster_ref("CONFIG_MAP"), Threads(4))
    return replace(world.ports(), store=store)


@pytest.mark.parametrize(("k", "when"), [(1, "after"), (5, "before"), (9, "after")])
def test_another_machine_goes_on_where_one_died(k: int, when: str, s3: Any) -> None:  # noqa: ANN401
    end, effects = reference()
    cluster, plan = company()
    oracle(cluster)
    world = World(cluster)
    cluster.crash_at = (k, when)
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, machine(world))
    cluster.crash_at = None
    left = b'{"owner": "the dead", "expires": "%s"}'
    s3.put_object(
        Bucket=BUCKET, Key=LOCK, Body=left % str(machine_time() + timedelta(minutes=5)).encode()
    )
    with pytest.raises(Refused, match="the dead"):
        apply_plan(plan, DIGEST, machine(world))
    s3.put_object(
        Bucket=BUCKET, Key=LOCK, Body=left % str(machine_time() - timedelta(minutes=5)).encode()
    )
    assert apply_plan(plan, DIGEST, machine(world)).exit_code == 7  # the nodes are not proven yet
    assert cluster.describe() == end
    assert sorted(cluster.effects) == sorted(effects)


def test_a_roll_back_from_another_machine_finds_the_journal() -> None:
    cluster, plan = company()
    oracle(cluster)
    world = World(cluster)
    apply_plan(plan, DIGEST, machine(world))
    assert roll_back(plan, DIGEST, machine(world)).exit_code == 0
    assert set(cluster.entries) == {CREATOR}
    assert cluster.bindings == {}


def test_a_run_whose_lock_was_broken_sends_nothing_more(s3: Any) -> None:  # noqa: ANN401
    cluster, plan = company()
    world = World(cluster)
    ports, other = machine(world), machine(world).store
    assert isinstance(other, StateBucket)

    def taken(effect: str) -> None:
        if effect == f"create {ALICE}":
            other.append_record(
                None,
                "run-started",
                {"run": "x", "command": "apply", "planDigest": "y"},
                cluster.now,
            )

    cluster.watch = taken
    with pytest.raises(Refused) as refused:
        apply_plan(plan, DIGEST, ports)
    assert refused.value.code == "lock-lost"
    assert cluster.effects[-1] == f"create {ALICE}"
