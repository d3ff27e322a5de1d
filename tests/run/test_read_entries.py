"""Access entries that are read while others are used."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest

from migrator.adapters.tasks_threads import Threads
from migrator.errors import Failed
from migrator.model.access_entry import AccessEntry
from migrator.run.read_entries import EntriesBeingRead

ARNS = [f"arn:aws:iam::111122223333:role/team-{number}" for number in range(40)]


def entry(arn: str) -> AccessEntry:
    """The entry of a principal."""
    return AccessEntry(arn, "STANDARD", arn.rpartition("/")[2], (), ())


def being_read(read: Callable[[str], AccessEntry | None], workers: int = 4) -> EntriesBeingRead:
    return EntriesBeingRead(read, Threads(workers), ARNS)


def test_entry_is_there_before_the_last_one_was_read() -> None:
    last = threading.Event()

    def read(arn: str) -> AccessEntry:
        if arn == ARNS[-1]:
            last.wait(30)
        return entry(arn)

    entries = being_read(read)
    with entries.reading():
        assert entries.of(ARNS[0]) == entry(ARNS[0])
        last.set()
        assert [entries.of(arn) for arn in ARNS] == list(map(entry, ARNS))


def test_principal_without_an_entry_is_not_waited_for() -> None:
    entries = being_read(lambda arn: None)
    with entries.reading():
        assert entries.of("arn:aws:iam::111122223333:role/other") is None
        assert entries.of(ARNS[0]) is None  # deleted after the listing


def test_what_prevents_one_entry_from_being_read_is_met_once_and_raised_for_each() -> None:
    asked: list[str] = []

    def read(arn: str) -> AccessEntry:
        asked.append(arn)
        raise Failed("iam-denied", "eks:DescribeAccessEntry is denied.")

    entries = being_read(read)
    with entries.reading():
        for arn in ARNS:
            with pytest.raises(Failed) as raised:
                entries.of(arn)
            assert raised.value.code == "iam-denied"
    assert len(asked) <= 4


def test_no_entry_is_read_once_the_block_is_left() -> None:
    asked: list[str] = []
    first, left = threading.Event(), threading.Event()

    def read(arn: str) -> AccessEntry:
        asked.append(arn)
        first.set()
        left.wait(30)
        return entry(arn)

    entries = being_read(read, workers=1)
    with entries.reading():
        first.wait(30)
    left.set()
    assert entries.of(ARNS[0]) == entry(ARNS[0])
    with pytest.raises(CancelledError):
        entries.of(ARNS[-1])
    assert asked == ARNS[:1]
