"""Evidence that is written while more of it is taken."""

import threading
from dataclasses import dataclass, field

import pytest

from migrator.errors import Failed
from migrator.model.evidence import Evidence, evidence_in
from migrator.run.evidence_writer import EvidenceWriter
from migrator.run.one_run import EVIDENCE_FILE
from tests.support.memory_ports import MemoryStore

TAKEN = [
    Evidence(
        principal_arn=f"arn:aws:iam::111122223333:role/team-{number}",
        proof_class="live",
        phase="after",
        at="2027-01-31T10:00:00+00:00",
        state_digest="sha256:0",
        attribution="api-mode",
    )
    for number in range(20)
]


@dataclass
class SlowStore(MemoryStore):
    """Appends nothing before it may, and no line after so many."""

    may: threading.Event = field(default_factory=threading.Event)
    room: int = 100

    def append_line(self, name: str, line: bytes) -> None:
        self.may.wait(30)
        if self.room == 0:
            raise Failed("state-unwritable", "No space is left.")
        self.room -= 1
        super().append_line(name, line)

    def written(self) -> tuple[Evidence, ...]:
        """What is in the file."""
        return evidence_in(self.read(EVIDENCE_FILE) or b"")


def test_evidence_is_written_in_its_order_and_who_takes_it_does_not_wait() -> None:
    store = SlowStore()
    with EvidenceWriter(store) as writer:
        for each in TAKEN:
            writer.keep(each)
        assert store.written() == ()
        store.may.set()
    assert list(store.written()) == TAKEN


def test_evidence_that_was_taken_is_written_when_the_command_is_interrupted() -> None:
    store = SlowStore()
    with pytest.raises(KeyboardInterrupt), EvidenceWriter(store) as writer:
        writer.keep(TAKEN[0])
        store.may.set()
        raise KeyboardInterrupt
    assert store.written() == (TAKEN[0],)
    # A question that had begun is answered after that.
    writer.keep(TAKEN[1])
    assert list(store.written()) == TAKEN[:2]


def test_nothing_is_written_after_a_line_that_could_not_be() -> None:
    store = SlowStore(room=2)
    with pytest.raises(Failed) as raised, EvidenceWriter(store) as writer:
        for each in TAKEN:
            writer.keep(each)
        store.may.set()
    assert raised.value.code == "state-unwritable"
    assert list(store.written()) == TAKEN[:2]


def test_evidence_that_cannot_be_written_ends_the_taking() -> None:
    store = SlowStore(room=0)
    store.may.set()
    failed = threading.Event()
    with pytest.raises(Failed), EvidenceWriter(store) as writer:
        for _ in range(1000):
            writer.keep(TAKEN[0])
            failed.wait(0.01)
        raise AssertionError("no error was raised")
