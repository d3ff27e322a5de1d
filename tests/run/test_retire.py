"""Deleting the inert aws-auth."""

import pytest

from migrator.errors import Refused
from migrator.run.apply_plan import apply_plan
from migrator.run.retire import retire
from tests.support.memory_ports import Crash
from tests.support.memory_runs import DIGEST, World, company


def in_api_mode() -> World:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.mode = "API"
    cluster.effects.clear()
    return world


PLAN = company()[1]


def test_aws_auth_is_backed_up_and_deleted() -> None:
    world = in_api_mode()
    assert retire(PLAN, DIGEST, world.ports()).exit_code == 0
    assert world.cluster.data is None
    saved = [content for name, content in world.store.files.items() if name.startswith("backup/retire-")]
    assert len(saved) == 1
    assert b"role/alice" in saved[0]
    assert retire(PLAN, DIGEST, world.ports()).exit_code == 0


def test_it_is_refused_while_the_map_is_still_asked() -> None:
    world = in_api_mode()
    world.cluster.mode = "API_AND_CONFIG_MAP"
    with pytest.raises(Refused) as refused:
        retire(PLAN, DIGEST, world.ports())
    assert refused.value.code == "not-cut-over"


def test_a_no_deletes_nothing() -> None:
    world = in_api_mode()
    world.approver.yes = False
    with pytest.raises(Refused):
        retire(PLAN, DIGEST, world.ports())
    assert world.cluster.data is not None


def test_code_that_will_write_it_again_is_named_before_the_question() -> None:
    world = in_api_mode()
    world.cluster.managers = ["Terraform"]
    retire(PLAN, DIGEST, world.ports())
    assert "Terraform" in world.approver.asked[-1]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_is_settled_by_looking(when: str) -> None:
    world = in_api_mode()
    world.cluster.crash_at = (1, when)
    with pytest.raises(Crash):
        retire(PLAN, DIGEST, world.ports())
    world.cluster.crash_at = None
    assert retire(PLAN, DIGEST, world.ports()).exit_code == 0
    assert world.cluster.effects == ["delete aws-auth"]
