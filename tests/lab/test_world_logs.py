"""Log stores: lines in the order of time, windows and positions, millions without memory."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from migrator.lab.worlds.log_store import GeneratedLog, LogStore
from tests.support.aws_lab import client, demo, serving, small_world

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


@given(
    offsets=st.lists(st.integers(0, 50), max_size=30),
    start=st.one_of(st.none(), st.integers(-5, 60)),
    end=st.one_of(st.none(), st.integers(-5, 60)),
    skip=st.integers(0, 40),
)
def test_windows_and_positions_agree_with_brute_force(
    offsets: list[int], start: int | None, end: int | None, skip: int
) -> None:
    store = LogStore()
    for number, offset in enumerate(offsets):
        store.append("s", str(number), NOON + timedelta(milliseconds=offset))
    zero = int(NOON.timestamp() * 1000)
    expected = sorted((zero + offset, number) for number, offset in enumerate(offsets))
    expected = [
        (at, number)
        for at, number in expected
        if (start is None or at >= zero + start) and (end is None or at <= zero + end)
    ]
    found = store.between(
        None if start is None else zero + start, None if end is None else zero + end, skip
    )
    assert [(line.timestamp, int(line.message)) for line in found] == expected[skip:]
    assert len(store) == len(offsets)


@given(
    count=st.integers(0, 40),
    appended=st.integers(0, 5),
    start=st.one_of(st.none(), st.integers(-5, 60)),
    end=st.one_of(st.none(), st.integers(-5, 60)),
    skip=st.integers(0, 50),
)
def test_generated_lines_are_read_like_stored_ones(
    count: int, appended: int, start: int | None, end: int | None, skip: int
) -> None:
    generated, stored = (
        GeneratedLog(count, lambda index: (index // 2, "s", f"line {index}")),
        LogStore(),
    )
    for index in range(count):
        stored.append(
            "s", f"line {index}", datetime.fromtimestamp(index // 2 / 1000, tz=timezone.utc)
        )
    for index in range(appended):
        for store in (generated, stored):
            store.append(
                "s", f"later {index}", datetime.fromtimestamp((30 + index) / 1000, tz=timezone.utc)
            )
    assert list(generated.between(start, end, skip)) == list(stored.between(start, end, skip))
    assert len(generated) == len(stored)


def test_millions_of_events_are_read_page_by_page_at_a_steady_cost(tmp_path: Path) -> None:
    world = small_world()
    zero = int(NOON.timestamp() * 1000)
    made: list[int] = []

    def make(index: int) -> tuple[int, str, str]:
        made.append(index)
        return zero + index * 10, "kube-apiserver-audit-x", f"{index:0300d}"

    demo(world).logs = GeneratedLog(2_000_000, make)
    with serving(world, tmp_path) as lab:
        logs = client(lab, "logs")
        window = {
            "logGroupName": "/aws/eks/demo/cluster",
            "startTime": zero + 19_000_000,
            "limit": 10_000,
        }
        costs, seen, token = list[int](), 0, dict[str, str]()
        for _ in range(6):
            made.clear()
            page = logs.filter_log_events(**window, **token)
            seen += len(page["events"])
            # Besides the lines themselves: the search for the beginning of the window.
            costs.append(len(made) - len(page["events"]))
            token = {"nextToken": page["nextToken"]}
        assert int(page["events"][-1]["message"]) == 1_900_000 + seen - 1
        assert max(costs) < 100
