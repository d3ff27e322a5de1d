"""The explorer itself: it sees what is wrong, it tells the same story again, and what it merges is
the same.
"""

from collections.abc import Hashable
from dataclasses import replace

import pytest

from tests.exploring.answers import Facts
from tests.exploring.explorer import explore, first_state
from tests.exploring.judge import access_of, lacks, wrong_at_rest, wrong_now
from tests.exploring.moves import State
from tests.exploring.process import Pool
from tests.exploring.scenes import ALICE, DEVS, SCENES
from tests.exploring.story import choices_of, story, text_of
from tests.exploring.world import (
    ADMIN_POLICY,
    REMEMBERED,
    Bound,
    Cluster,
    Entry,
    World,
    changed,
    later,
    login_of,
    with_binding,
    with_entry,
    with_row,
)


def test_gap_of_a_plan_without_a_bridge_is_found() -> None:
    found = explore(replace(SCENES["one-admin"](), accept_gap=True), depth=0)
    assert ("denied", "alice") in found.traces


def test_shortest_trace_of_a_gap_is_told_move_by_move() -> None:
    scene = replace(SCENES["one-admin"](), accept_gap=True)
    trace = explore(scene, depth=0).traces[("denied", "alice")]
    told = list(story(replace(SCENES["one-admin"](), accept_gap=True), trace.choices))
    assert "A starts `apply`" in told[1]
    assert "A create entry alice" in told[-2]
    assert "DENIED: alice is no administrator" in told[-2]
    assert told[-1].endswith("WRONG (denied): alice is no administrator")


@pytest.mark.parametrize("choices", [(), (0,), (3,), (0, 0, 0, 17, 0, 4), (5, 5, 0, 0)])
def test_choices_are_read_as_they_were_written(choices: tuple[int, ...]) -> None:
    assert choices_of(text_of(choices)) == choices


def test_same_scene_has_the_same_states_each_time() -> None:
    one, other = (explore(SCENES["dead-standard"](), depth=1) for _ in range(2))
    assert (one.states, one.transitions, one.longest) == (
        other.states,
        other.transitions,
        other.longest,
    )


@pytest.mark.parametrize("name", ["standard", "dead-admin", "two-folders"])
def test_merged_processes_lead_to_the_same_worlds(name: str) -> None:
    """Two stacks that are taken for equal may only differ in what no later move depends on."""
    with_merging, without = (_worlds(name, merges) for merges in (True, False))
    assert with_merging == without


def _worlds(name: str, merges: bool) -> set[Hashable]:
    seen: set[Hashable] = set()

    def watch(state: State) -> None:
        seen.add((state.world.key, tuple(operator.process is None for operator in state.operators)))

    explore(replace(SCENES[name](), pool=Pool(merges=merges)), depth=1, watch=watch)
    return seen


# the judge


def _world() -> World:
    return first_state(SCENES["one-admin"]()).world


def _kinds(after: World, before: World) -> list[tuple[str, str]]:
    return [(wrong.kind, wrong.who) for wrong in wrong_now(after, before)]


def test_entry_without_its_policy_and_bridge_denies_an_administrator() -> None:
    before = _world()
    assert _kinds(with_entry(before, ALICE, Entry("STANDARD", "alice")), before) == [
        ("denied", "alice")
    ]


def test_entry_with_a_bound_bridge_or_policy_denies_nobody() -> None:
    before = _world()
    bridged = with_binding(before, "migrator-bridge-1", Bound("migrator-bridge:1", "cluster-admin"))
    assert not _kinds(
        with_entry(bridged, ALICE, Entry("STANDARD", "alice", ("migrator-bridge:1",))), before
    )
    assert not _kinds(
        with_entry(before, ALICE, Entry("STANDARD", "alice", (), (ADMIN_POLICY,))), before
    )


def test_dead_entry_leaves_the_row_in_force() -> None:
    before = _world()
    after = with_entry(before, ALICE, Entry("STANDARD", "alice", (), (), pinned=7))
    assert login_of(after.cluster, ALICE) == login_of(before.cluster, ALICE)
    assert [wrong.text for wrong in wrong_at_rest(after)] == [
        "exit 0, and the entry of alice is dead: its principal was created again"
    ]


def test_group_that_nobody_had_is_a_gain() -> None:
    before = _world()
    after = with_entry(before, ALICE, Entry("STANDARD", "alice", ("devs",), (ADMIN_POLICY,)))
    assert _kinds(after, before) == [("allowed", "alice")]


def test_older_login_is_known_for_a_while() -> None:
    before = _world()
    bridged = with_binding(before, "migrator-bridge-1", Bound("migrator-bridge:1", "cluster-admin"))
    crossing = with_entry(bridged, ALICE, Entry("STANDARD", "alice", ("migrator-bridge:1",)))
    gone = with_entry(crossing, ALICE, None)
    assert _kinds(with_binding(gone, "migrator-bridge-1", None), gone) == [
        ("denied later", "alice")
    ]
    waited = later(gone, REMEMBERED + 1)
    assert not _kinds(with_binding(waited, "migrator-bridge-1", None), waited)


def test_entry_made_after_its_row_went_is_a_gain_once_time_has_passed() -> None:
    edited = replace(with_row(_world(), ALICE, None), wanted={ALICE: None}, edited={ALICE: 0})
    entry = Entry("STANDARD", "alice", (), (ADMIN_POLICY,))
    assert not _kinds(
        with_entry(edited, ALICE, entry), edited
    )  # between a look and the write after it
    waited = later(edited, 1)
    assert _kinds(with_entry(waited, ALICE, entry), waited) == [("allowed", "alice")]


def test_entry_for_another_principal_of_the_name_is_told() -> None:
    again = replace(changed(_world(), lives={ALICE: 2}), edited={ALICE: 0}, now=100)
    after = with_entry(again, ALICE, Entry("STANDARD", "alice", (), (ADMIN_POLICY,), pinned=2))
    assert ("another principal", "alice") in _kinds(after, again)


def test_bridge_and_groups_of_a_run_may_not_be_left() -> None:
    world = with_binding(_world(), "migrator-bridge-1", Bound("migrator-bridge:1", "cluster-admin"))
    entry = Entry("STANDARD", "alice", ("migrator-probe:1",), (ADMIN_POLICY,))
    assert [(w.kind, w.who) for w in wrong_at_rest(with_entry(world, ALICE, entry))] == [
        ("exit 0", "bridge"),
        ("exit 0", "alice"),
    ]


def test_access_is_name_groups_and_administration() -> None:
    cluster = Cluster(lives={DEVS: 1})
    assert lacks(access_of(cluster, DEVS, None), None) == ""
    row = with_row(replace(_world(), cluster=cluster), DEVS, None)
    assert access_of(row.cluster, DEVS, login_of(row.cluster, DEVS)) is None


def test_snapshot_of_the_world_is_read_once_for_each_state_of_it() -> None:
    world, facts = _world(), Facts()
    assert facts.snapshot(world.cluster, 0) is facts.snapshot(replace(world.cluster, _key=[]), 0)
