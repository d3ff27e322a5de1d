"""An access entry that is pinned to a deleted role, under which nodes run, and no row that answers
in its place.
"""

import re
from datetime import timedelta
from typing import Any

import pytest

from migrator.decide.planning.stubs import stubs_for
from migrator.model.access_entry import EntryType
from migrator.model.snapshot import Snapshot
from tests.support.worlds import (
    LONG_AGO,
    answers,
    entry,
    finding,
    findings,
    iam,
    kinds,
    node,
    nodegroup,
    only,
    planned,
    profile,
    role,
    row,
    world,
)

NODES = role("nodes")


def recreated(kind: EntryType = "EC2_LINUX", **changes: Any) -> Snapshot:  # noqa: ANN401 - any field
    """The role is younger than its entry."""
    dead = entry(NODES, "", type=kind, created_at=LONG_AGO - timedelta(days=400))
    fields: dict[str, Any] = {
        "principals": [iam(NODES, "ec2")],
        "entries": [dead],
        "nodes": (node(NODES),),
        **changes,
    }
    return world(**fields)


@pytest.mark.parametrize("mode", ["API_AND_CONFIG_MAP", "API"])
def test_dead_entry_under_live_nodes_blocks_and_names_both_steps(mode: str) -> None:
    plan = planned(recreated(mode=mode))
    told = finding(plan, "node-entry-dead")
    assert (only(plan).action, told.severity) == ("block", "block")
    assert "1 live node uses the role" in told.message
    assert "delete the access entry, and create it with type EC2_LINUX" in told.remedy
    assert findings(plan, "orphan-dead-entry") == ()


def test_answer_of_the_stub_makes_the_entry_again() -> None:
    snapshot = recreated()
    (stub,) = stubs_for(planned(snapshot))
    assert (stub.section, stub.answer["type"]) == ("principals", "EC2_LINUX")
    plan = planned(snapshot, answers(NODES, type="EC2_LINUX"))
    assert (only(plan).action, kinds(plan)) == (
        "recreate",
        ["delete-entry", "create-entry", "prove"],
    )
    assert finding(plan, "node-entry-dead").severity == "warn"


def test_node_group_without_live_nodes_counts_too() -> None:
    assert only(planned(recreated(nodes=(), nodegroups=(nodegroup(NODES),)))).action == "block"


def test_windows_nodes_are_proposed_their_own_type() -> None:
    (stub,) = stubs_for(planned(recreated(nodes=(node(NODES, "windows"),))))
    assert stub.answer["type"] == "EC2_WINDOWS"


def test_dead_entry_that_nobody_runs_under_stays_a_warning() -> None:
    plan = planned(recreated(nodes=()))
    assert (only(plan).action, only(plan).findings) == ("skip", ("orphan-dead-entry",))


def test_several_live_nodes_are_counted() -> None:
    plan = planned(recreated(nodes=(node(NODES), node(NODES))))
    assert "2 live nodes use the role" in finding(plan, "node-entry-dead").message


UNREAD: tuple[dict[str, Any], ...] = (
    {"nodes": None},
    {"nodes": (node(None),)},
    {"nodes": (), "nodegroups": None},
    {"nodes": (), "fargate_profiles": None},
    {"nodes": (), "unknown": ("nodes.items",)},
)


@pytest.mark.parametrize("kind", ["EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX"])
@pytest.mark.parametrize("mode", ["API_AND_CONFIG_MAP", "API"])
@pytest.mark.parametrize("changes", UNREAD)
def test_dead_entry_for_nodes_blocks_while_it_is_unknown_whether_nodes_run(
    kind: EntryType, mode: str, changes: dict[str, Any]
) -> None:
    plan = planned(recreated(kind, mode=mode, **changes))
    told = finding(plan, "orphan-dead-entry")
    assert (only(plan).action, told.severity) == ("block", "block")
    assert "when convenient" not in told.remedy
    assert told.remedy.startswith("Let the snapshot read")


def test_dead_entry_of_a_person_is_judged_without_nodes() -> None:
    told = finding(planned(recreated("STANDARD", nodes=None)), "orphan-dead-entry")
    assert told.severity == "warn"


def test_node_on_fargate_has_its_role_from_the_profile() -> None:
    on_fargate = recreated(nodes=(node(None, compute="fargate"),))
    assert finding(planned(on_fargate), "orphan-dead-entry").severity == "warn"


# What a remedy says to answer, and the words that the next plan must take.
_MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP")


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("managed", [True, False])
@pytest.mark.parametrize("has_row", [True, False])
@pytest.mark.parametrize("on_fargate", [True, False])
def test_remedy_of_nodes_without_a_row_names_answers_that_are_taken(
    mode: str, managed: bool, has_row: bool, on_fargate: bool
) -> None:
    rows = [row(NODES, "dev", ("g",))] if has_row else []
    fields: dict[str, Any] = {"principals": [iam(NODES, "ec2")], "mode": mode}
    fields["nodegroups"] = (nodegroup(NODES),) if managed else ()
    fields["fargate_profiles"] = (profile(NODES),) if on_fargate else ()
    snapshot = world(rows, nodes=(node(NODES),), **fields)
    remedy = finding(planned(snapshot), "node-role-without-node-row").remedy
    if "action: skip" in remedy:
        assert not planned(snapshot, answers(NODES, action="skip")).blocked
    kind = re.search(r"type: (\w+)", remedy)
    if kind is not None:
        answer: dict[str, Any] = {"type": kind[1]}
        # The remedy asks for what the row gives.
        if kind[1] == "STANDARD":
            answer |= {"username": "dev", "groups": ("g",)}
        assert not planned(snapshot, answers(NODES, **answer)).blocked
