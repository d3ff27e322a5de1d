"""The journal cut at every byte: what it no longer tells is made up for by looking, and no effect
happens twice.

Every byte is tried on clusters in memory, whose ports keep the journal's bytes as a folder would:
as the last thing that reached the disk when the process died, and as what is left of the journal of
a run that had gone on. Real processes find a cut in every record.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from migrator.model.access_entry import AccessEntry, Identity
from migrator.model.plan import Plan
from migrator.model.step import DeleteEntry
from migrator.run.apply_plan import apply_plan
from migrator.run.roll_back import roll_back
from tests.run.test_apply_plan import oracle, run_to_the_end
from tests.support.crash_part import part_of
from tests.support.crash_runs import (
    APPLY,
    made,
    made_for_good,
    nothing_wrong,
    pause_after,
    prepared,
    session_of,
)
from tests.support.judged.oracle import JudgedOracle
from tests.support.lab_session import KILLED
from tests.support.memory_ports import Cluster
from tests.support.memory_runs import BOB, DIGEST, PlanBuilder, World, company

JOURNAL = "journal.jsonl"


def reborn() -> tuple[Cluster, Plan]:
    """A dead entry over a row that answers: deleted and made again."""
    dead = AccessEntry(BOB, "STANDARD", "bob", ("devs",))
    cluster = Cluster(
        rows={BOB: Identity("bob", ("devs",), "config-map")},
        mode="API_AND_CONFIG_MAP",
        entries={BOB: dead},
        dead={BOB},
    )
    build = PlanBuilder()
    build.standard(BOB, "bob", ("devs",), build.add(DeleteEntry(BOB, dead)))
    return cluster, build.plan(cluster)


CLUSTERS: dict[str, Callable[[], tuple[Cluster, Plan]]] = {"company": company, "reborn": reborn}


@dataclass(frozen=True)
class Whole:
    """A run that nobody disturbed: its end, what it did, and the world as each record was about to
    be written.
    """

    plan: Plan
    end: str
    effects: tuple[str, ...]
    journal: bytes
    before_record: tuple[World, ...]
    lines: tuple[bytes, ...]
    world: World


@cache
def whole(name: str) -> Whole:
    cluster, plan = CLUSTERS[name]()
    world, worlds, lines = World(cluster), list[World](), list[bytes]()

    def watch(line: bytes) -> None:
        worlds.append(copy_of(world))
        lines.append(line)

    world.store.watch = watch
    run_to_the_end(world, plan)
    journal = world.store.files[JOURNAL]
    assert journal == b"".join(lines)
    return Whole(
        plan,
        cluster.describe(),
        tuple(cluster.effects),
        journal,
        tuple(worlds),
        tuple(lines),
        copy_of(world),
    )


def copy_of(world: World) -> World:
    """Cluster and state as they are, with nobody watching."""
    watch, world.store.watch = world.store.watch, None
    copied = World(deepcopy(world.cluster), deepcopy(world.store), entropy=deepcopy(world.entropy))
    world.store.watch = watch
    return copied


def goes_on(world: World, found: Whole, cut: int) -> None:
    oracle(world.cluster)
    run_to_the_end(world, found.plan)
    assert world.cluster.describe() == found.end, cut
    assert sorted(world.cluster.effects) == sorted(found.effects), cut


# Parts, so that two workers share the work.
PARTS = 8


@pytest.mark.crash
@pytest.mark.parametrize(
    "part",
    [pytest.param(n, marks=pytest.mark.xdist_group(f"cut {n}")) for n in part_of(range(PARTS))],
)
@pytest.mark.parametrize("name", CLUSTERS)
def test_a_run_that_died_with_any_byte_of_its_journal_as_the_last_on_disk_goes_on(
    name: str, part: int
) -> None:
    found = whole(name)
    tried = 0
    for number in range(part, len(found.lines), PARTS):
        line = found.lines[number]
        for cut in range(len(line)):
            world = copy_of(found.before_record[number])
            world.store.files[JOURNAL] = world.store.files.get(JOURNAL, b"") + line[:cut]
            goes_on(world, found, cut)
            tried += 1
    assert tried == sum(len(line) for line in found.lines[part::PARTS])


@pytest.mark.crash
@pytest.mark.parametrize(
    "part",
    [pytest.param(n, marks=pytest.mark.xdist_group(f"cut {n}")) for n in part_of(range(PARTS))],
)
@pytest.mark.parametrize("name", CLUSTERS)
def test_a_journal_that_lost_its_end_at_any_byte_is_made_up_for_by_looking(
    name: str, part: int
) -> None:
    found = whole(name)
    for cut in range(part, len(found.journal), PARTS):
        world = copy_of(found.world)
        world.store.files[JOURNAL] = found.journal[:cut]
        goes_on(world, found, cut)


@pytest.mark.crash
def test_roll_back_with_any_record_of_the_journal_torn_gives_back_what_was_there() -> None:
    found = whole("company")
    for number, line in enumerate(found.lines):
        for cut in (0, len(line) // 2):
            world = copy_of(found.before_record[number])
            oracle(world.cluster)
            world.store.files[JOURNAL] = world.store.files.get(JOURNAL, b"") + line[:cut]
            outcome = roll_back(found.plan, DIGEST, world.ports())
            assert outcome.exit_code == (7 if outcome.outstanding else 0), (number, cut, outcome)
            assert set(world.cluster.entries) <= set(world.cluster.automatic)
            assert world.cluster.bindings == {}


@pytest.mark.crash
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("masters", "existing")],
)
def test_processes_find_a_cut_in_every_record_and_repeat_nothing(name: str, tmp_path: Path) -> None:
    found = prepared(name)
    with session_of(found.world, tmp_path / "lab", found.files) as session:
        session.run(*APPLY)
        path = next((session.folder / ".migrate").rglob(JOURNAL))
        journal, place = path.read_bytes(), 0
        assert len(journal.splitlines()) > len(found.effects)
        for number, line in enumerate(journal.splitlines(keepends=True)):
            path.write_bytes(journal[: place + (number * 37) % len(line)])
            session.run(*APPLY)
            place += len(line)
            assert session.end_state() == found.after, number
            assert made_for_good(session.effects(), found) == made(found.effects), number


@pytest.mark.crash
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("masters", "existing")],
)
def test_a_process_that_died_and_whose_last_record_is_torn_although_its_effect_happened_goes_on(
    name: str, tmp_path: Path
) -> None:
    """A disk that said synced and had not: the effect is there, and the journal does not know that
    it was intended.
    """
    found = prepared(name)
    for after in part_of(range(1, len(found.effects) + 1)):
        with session_of(found.world, tmp_path / str(after), found.files) as session:
            watch = JudgedOracle(session.world, stated=found.stated)
            assert session.migrate(*APPLY, kill=(after, "answer-lost")).returncode == KILLED
            path = next((session.folder / ".migrate").rglob(JOURNAL))
            *lines, last = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(lines) + last[: (after * 37) % len(last)])
            session.world.clock.advance(pause_after(after, "answer-lost"))
            session.run(*APPLY)
            assert session.end_state() == found.after
            assert made_for_good(session.effects(), found) == made(found.effects)
            watch.stop()
            nothing_wrong(found, watch, session.effects())


def test_a_whole_journal_says_that_nothing_is_left_to_do() -> None:
    found = whole("company")
    world = copy_of(found.world)
    assert (
        apply_plan(found.plan, DIGEST, world.ports()).exit_code == 7
    )  # the nodes are not proven yet
    assert tuple(world.cluster.effects) == found.effects
