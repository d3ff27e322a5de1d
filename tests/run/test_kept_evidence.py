"""What is shown as verified is in the state, and is so at the end of the verification."""

from dataclasses import dataclass, field

import pytest

from migrator.model.evidence import evidence_in
from migrator.run.apply_plan import apply_plan
from migrator.run.one_run import EVIDENCE_FILE
from migrator.run.verify_access import verify_access
from tests.support.memory_ports import MemoryEvents, MemoryStore
from tests.support.memory_runs import DEVS, DIGEST, World, company


@dataclass
class Looking(MemoryEvents):
    """Looks into the state whenever something is shown as verified; interrupts at one of them."""

    store: MemoryStore = field(default_factory=MemoryStore)
    before: int = 0
    interrupt_at: int = 0
    seen: list[tuple[int, int]] = field(default_factory=list)

    def progress(self, label: str, done: int, total: int) -> None:
        if label != "verified":
            return
        self.seen.append((done, kept_in(self.store) - self.before))
        if done == self.interrupt_at:
            raise KeyboardInterrupt


def kept_in(store: MemoryStore) -> int:
    return len(evidence_in(store.read(EVIDENCE_FILE) or b""))


def applied(interrupt_at: int = 0) -> tuple[World, Looking]:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    looking = Looking(store=world.store, before=kept_in(world.store), interrupt_at=interrupt_at)
    world.events = looking
    return world, looking


def test_evidence_is_in_the_state_before_its_principal_counts_as_verified() -> None:
    world, looking = applied()
    verify_access(company()[1], world.ports())
    assert looking.seen
    assert all(kept >= done for done, kept in looking.seen)


def test_an_interruption_loses_nothing_that_was_shown_as_verified() -> None:
    world, looking = applied(interrupt_at=2)
    with pytest.raises(KeyboardInterrupt):
        verify_access(company()[1], world.ports())
    assert kept_in(world.store) - looking.before >= 2


def test_an_entry_that_is_deleted_in_mid_run_is_no_proof() -> None:
    world, _ = applied()
    _, plan = company()

    @dataclass
    class Deleting(MemoryEvents):
        left: int = 1

        def progress(self, label: str, done: int, total: int) -> None:
            # Another person deletes the entry after the principal was asked.
            if label == "verified" and done == total and self.left:
                self.left -= 1
                del world.cluster.entries[DEVS]

    world.events = Deleting()
    outcome = verify_access(plan, world.ports())
    assert outcome.exit_code == 6
    (gone,) = [each for each in outcome.verdicts if each.principal_arn == DEVS]
    assert gone.verdict != "ok"
    again = verify_access(plan, world.ports())
    assert again.verdicts == outcome.verdicts
