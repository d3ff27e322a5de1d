"""Deleting the inert aws-auth."""

import json
from dataclasses import replace

import pytest

from migrator.errors import Changed, Refused
from migrator.run.apply_plan import apply_plan
from migrator.run.retire import retire
from tests.support.memory_ports import Crash
from tests.support.memory_runs import BOB, DEVS, DIGEST, World, company


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
    saved = [
        content for name, content in world.store.files.items() if name.startswith("backup/retire-")
    ]
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


def test_row_added_or_entry_changed_since_the_cut_over_keeps_aws_auth() -> None:
    world = in_api_mode()
    assert world.cluster.data is not None
    rows = json.loads(world.cluster.data["mapRoles"])
    rows.append({"rolearn": BOB, "username": "bob", "groups": ["devs"]})
    world.cluster.data = {"mapRoles": json.dumps(rows)}
    with pytest.raises(Changed) as added:
        retire(PLAN, DIGEST, world.ports())
    assert (added.value.code, BOB in added.value.message) == ("row-added", True)
    world = in_api_mode()
    world.cluster.entries[DEVS] = replace(world.cluster.entries[DEVS], kubernetes_groups=())
    with pytest.raises(Changed) as changed:
        retire(PLAN, DIGEST, world.ports())
    assert (changed.value.code, DEVS in changed.value.message) == ("entry-changed", True)
    assert world.cluster.data is not None


def test_row_deleted_since_the_cut_over_keeps_nothing() -> None:
    world = in_api_mode()
    world.cluster.data = {"mapRoles": "[]"}
    assert retire(PLAN, DIGEST, world.ports()).exit_code == 0
