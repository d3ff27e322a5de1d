"""Two operators with state folders of their own on one cluster: one goes on, the other is refused
by name.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.decide.proving.verdicts import state_digest, verdict_of
from migrator.errors import Interrupted, MigratorError, Refused
from migrator.model.cluster_lock import LockHolder, LockRecord, LockSeen
from migrator.model.evidence import evidence_in
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.run.apply_plan import apply_plan
from migrator.run.one_run import EVIDENCE_FILE
from migrator.run.retire import retire
from migrator.run.roll_back import roll_back
from migrator.run.verify_access import VerifyOptions, verify_with_canaries
from tests.support.memory_ports import ACCOUNT, Cluster, snapshot_of
from tests.support.memory_runs import CREATOR, DIGEST, NODES, World, company

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


@pytest.mark.parametrize("at", range(2, 12))
def test_run_that_another_operator_finished_ends_with_proofs_of_its_own(at: int) -> None:
    """What apply calls done has its proof in this state, whatever the other run did."""
    cluster, plan = company()
    first, second = World(cluster), World(cluster, host="there")
    theirs = LockSeen(LockRecord(LockHolder("other@there/1", token="t"), "", 30), "t", "memory")

    def steal() -> None:
        cluster.lock = theirs

    in_the_middle(cluster, steal, at)
    assert apply_plan(plan, DIGEST, first.ports()).exit_code == 7
    cluster.watch, cluster.lock = None, None
    apply_plan(plan, DIGEST, second.ports())
    for world in (first, second):
        outcome = apply_plan(plan, DIGEST, world.ports())
        # Only the nodes, as which nobody can log in, wait for their proof.
        assert {arn for arn, _ in outcome.outstanding} == {NODES}, outcome
        assert _not_shown(plan, world) == {CREATOR, NODES}
    assert not any("migrator-probe" in group for group in _groups(cluster))


def _not_shown(plan: Plan, world: World) -> set[str]:
    """Principals without an attributable proof among the evidence in a state."""
    now = world.ports().clock.now()
    kept = evidence_in(world.store.read(EVIDENCE_FILE) or b"")
    found = snapshot_of(world.cluster).access_entries or ()
    entries = {entry.principal_arn: entry for entry in found}

    def is_shown(principal: PlannedPrincipal) -> bool:
        state = state_digest(entries[principal.principal_arn], world.cluster.mode)
        judged = verdict_of(principal, kept, current=state, now=now, required="observed")
        return judged.verdict == "ok"

    return {each.principal_arn for each in plan.principals if not is_shown(each)}


def _groups(cluster: Cluster) -> set[str]:
    """The groups of all entries."""
    entries = snapshot_of(cluster).access_entries or ()
    return {group for entry in entries for group in entry.kubernetes_groups}
