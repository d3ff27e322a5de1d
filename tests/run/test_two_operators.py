"""Two operators with state folders of their own on one cluster: one goes on, the other is refused
by name.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.errors import Interrupted, MigratorError, Refused
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.run.apply_plan import apply_plan
from migrator.run.retire import retire
from migrator.run.roll_back import roll_back
from migrator.run.verify_access import VerifyOptions, verify_with_canaries
from tests.support.memory_ports import ACCOUNT, Cluster
from tests.support.memory_runs import DIGEST, World, company

OTHER = f"arn:aws:iam::{ACCOUNT}:role/other-operator"


def in_the_middle(cluster: Cluster, act: Callable[[], None], at: int = 4) -> None:
    """Call ``act`` once, right after the effect with that number."""

    def seen(_name: str) -> None:
        if len(cluster.effects) == at:
            act()

    cluster.watch = seen


def another(cluster: Cluster) -> World:
    """An operator with a machine and a state folder of its own."""
    return World(cluster, caller=OTHER, host="there")


@pytest.mark.parametrize("command", [apply_plan, roll_back, retire])
def test_second_operator_is_refused_while_apply_runs(command: Callable[..., object]) -> None:
    cluster, plan = company()
    refused: list[MigratorError] = []

    def interfere() -> None:
        with pytest.raises(Refused) as caught:
            command(plan, DIGEST, another(cluster).ports())
        refused.append(caught.value)

    in_the_middle(cluster, interfere)
    first = World(cluster)
    outcome = apply_plan(plan, DIGEST, first.ports())
    assert outcome.exit_code == 7, outcome
    (error,) = refused
    assert error.code == "locked"
    assert first.caller in error.message
    assert "apply since" in error.message
    assert f"--break-lock {first.caller}@here/1" in error.remedy
    assert cluster.lock is None


def test_verify_with_canary_pods_is_refused_while_another_operator_applies() -> None:
    cluster, plan = company()
    refused: list[str] = []

    def interfere() -> None:
        options = VerifyOptions(canary_image="pause")
        with pytest.raises(Refused) as caught:
            verify_with_canaries(plan, DIGEST, another(cluster).ports(), options)
        refused.append(caught.value.code)

    in_the_middle(cluster, interfere)
    assert apply_plan(plan, DIGEST, World(cluster).ports()).exit_code == 7
    assert refused == ["locked"]


@pytest.mark.parametrize("at", [1, 3, 6, 9])
def test_run_whose_lock_was_taken_away_stops_before_its_next_write(at: int) -> None:
    cluster, plan = company()
    theirs = LockSeen(LockRecord(LockHolder("other@there/1", token="t"), "", 30), "t", "memory")

    def steal() -> None:
        cluster.lock = theirs

    in_the_middle(cluster, steal, at)
    first = World(cluster)
    outcome = apply_plan(plan, DIGEST, first.ports())
    assert (outcome.exit_code, len(cluster.effects)) == (7, at)
    assert isinstance(outcome.error, Interrupted)
    assert outcome.error.code == "cluster-lock-lost"
    assert cluster.lock is theirs  # nothing is let go that is another run's
    cluster.watch, cluster.lock = None, None
    assert apply_plan(plan, DIGEST, first.ports()).exit_code == 7  # the same command goes on


@pytest.mark.parametrize("command", [apply_plan, roll_back])
def test_run_whose_lock_was_taken_after_its_last_look_does_not_end_with_0(
    command: Callable[..., object],
) -> None:
    """The machine slept between the last look and the end: another run may be at work by now."""
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    theirs = LockSeen(LockRecord(LockHolder("other@there/1", token="t"), "", 30), "t", "memory")

    def taken(line: bytes) -> None:
        if b'"run-ended"' in line:
            cluster.lock = theirs

    world.store.watch = taken
    with pytest.raises(Interrupted) as caught:
        command(plan, DIGEST, world.ports())
    assert (caught.value.code, cluster.lock) == ("cluster-lock-lost", theirs)
    cluster.lock, world.store.watch = None, None
    command(plan, DIGEST, world.ports())  # the remedy: once the other run has ended, once more


def test_lock_is_let_go_after_an_error() -> None:
    cluster, plan = company()
    world = World(cluster)
    other_cluster = replace(plan, cluster=replace(plan.cluster, arn=f"{plan.cluster.arn}-2"))
    with pytest.raises(Refused) as caught:
        apply_plan(other_cluster, DIGEST, world.ports())
    assert (caught.value.code, cluster.lock) == ("plan-for-other-cluster", None)
