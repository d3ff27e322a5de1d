"""Status: what is done, what is next, and what is not known."""

from dataclasses import dataclass

import pytest

from migrator.errors import Failed
from migrator.model.access_entry import AuthenticationMode
from migrator.model.outcome import StatusOutcome
from migrator.run.apply_plan import apply_plan
from migrator.run.show_status import StatusPorts, show_status
from tests.support.memory_ports import Crash, MemoryClock, MemoryMode
from tests.support.memory_runs import ALICE, DIGEST, NODES, World, company


def status(world: World) -> StatusOutcome:
    ports = StatusPorts(world.store, MemoryClock(world.cluster), MemoryMode(world.cluster))
    return show_status("prod", ports, PLAN, DIGEST)


PLAN = company()[1]


def test_before_anything_is_done_the_first_step_is_next() -> None:
    world = World(company()[0])
    found = status(world)
    assert (found.mode, found.done, found.exit_code) == ("CONFIG_MAP", 0, 0)
    assert found.next == "apply: look at cluster"


def test_after_apply_outstanding_proofs_are_named() -> None:
    world = World(company()[0])
    apply_plan(PLAN, DIGEST, world.ports())
    found = status(world)
    assert [arn for arn, _ in found.outstanding] == [NODES]
    assert found.done == found.total - 1
    assert found.command == "apply"


def test_a_step_that_was_begun_and_not_ended_is_unknown_and_unknown_is_exit_1() -> None:
    world = World(company()[0])
    world.cluster.crash_at = (3, "after")
    with pytest.raises(Crash):
        apply_plan(PLAN, DIGEST, world.ports())
    found = status(world)
    assert found.exit_code == 1
    assert any("whether step" in line for line in found.unknown)


def test_without_a_plan_it_says_so() -> None:
    world = World(company()[0])
    ports = StatusPorts(world.store, MemoryClock(world.cluster), MemoryMode(world.cluster))
    found = show_status("prod", ports)
    assert found.exit_code == 1
    assert "there is no plan" in found.unknown


@dataclass
class Unreachable:
    """AuthMode of a cluster that does not answer."""

    def read(self) -> tuple[AuthenticationMode, str]:
        raise Failed("aws-no-answer", "EKS does not answer")

    def switch(self, to: AuthenticationMode, *, token: str) -> str:
        raise AssertionError("a status writes nothing")

    def update_status(self, update_id: str) -> tuple[str, list[str]]:
        raise AssertionError("not asked")


def test_a_cluster_that_does_not_answer_is_unknown_not_fine() -> None:
    world = World(company()[0])
    found = show_status("prod", StatusPorts(world.store, MemoryClock(world.cluster), Unreachable()), PLAN, DIGEST)
    assert (found.mode, found.exit_code) == (None, 1)


def test_a_principal_given_up_is_shown_with_its_reason() -> None:
    world = World(company()[0])
    world.cluster.invalid.add(ALICE)
    apply_plan(PLAN, DIGEST, world.ports())
    assert dict(status(world).refused)[ALICE] == f"{ALICE} is invalid"
