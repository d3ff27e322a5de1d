"""Jobs on dask: placed, begun once, and never waited for without end."""

import json
import os
import pickletools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import LocalCluster
from distributed.protocol.pickle import dumps

from migrator.errors import MigratorError
from migrator.fleet.adapters import dask_cluster, dask_worker
from migrator.fleet.adapters.dask_run import DaskOptions
from migrator.fleet.adapters.dask_scheduler import Scheduler
from migrator.fleet.adapters.tasks_dask import FleetDask
from migrator.fleet.model.job import Job, JobEnd
from tests.support.dask_tasks import job
from tests.support.memory_ports import MemoryEvents
from tests.support.tls_files import TlsFiles, tls_files

NO_PAGES: dict[str, Any] = {
    "dashboard_address": "127.0.0.1:0",
    "scheduler_kwargs": {"dashboard": False},
}
OWN = DaskOptions(overall=8, per_account=8, workers=2, wait=20)


def _run(runner: FleetDask, jobs: list[Job], limit: int = 99) -> dict[str, JobEnd]:
    ends = runner.run(jobs, limit=lambda: limit, interrupted=lambda: None)
    return {end.arn.rpartition("/")[2]: end for end in ends}


def _answer(end: JobEnd) -> dict[str, Any]:
    assert end.answer is not None, (end.lost, end.unplaced)
    return dict(end.answer)


@pytest.fixture(scope="module")
def own() -> Iterator[FleetDask]:
    """Two processes of our own."""
    runner = FleetDask(OWN, MemoryEvents())
    try:
        yield runner
    finally:
        runner.close()


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A scheduler that was there before, with one worker that has a place for two clusters of
    vpc:prod.
    """
    with LocalCluster(
        n_workers=1,
        threads_per_worker=8,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        **NO_PAGES,
        resources={"vpc:prod": 2},
    ) as found:
        yield found


@pytest.fixture
def remote(cluster: LocalCluster) -> Iterator[Callable[..., FleetDask]]:
    made = []

    def make(events: MemoryEvents | None = None, **more: Any) -> FleetDask:  # noqa: ANN401
        values: dict[str, Any] = {"overall": 8, "per_account": 8, "wait": 5.0, **more}
        made.append(
            FleetDask(
                DaskOptions(scheduler=Scheduler(cluster.scheduler_address), **values),
                events or MemoryEvents(),
            )
        )
        return made[-1]

    yield make
    for runner in made:
        runner.close()


def test_jobs_are_done_by_processes_other_than_this_one(own: FleetDask) -> None:
    ends = _run(own, [job(f"c{number}", number=number, seconds=0.2) for number in range(4)])
    answers = {name: _answer(end) for name, end in ends.items()}
    assert {name: answer["number"] for name, answer in answers.items()} == {
        f"c{n}": n for n in range(4)
    }
    pids = {answer["pid"] for answer in answers.values()}
    assert len(pids) == own.processes == 2
    assert os.getpid() not in pids


def test_ends_come_as_they_are_and_not_in_the_order_of_the_jobs(own: FleetDask) -> None:
    jobs = [job("slow", seconds=1.0), job("fast")]
    ends = [end.arn for end in own.run(jobs, limit=lambda: 9, interrupted=lambda: None)]
    assert [arn.rpartition("/")[2] for arn in ends] == ["fast", "slow"]


def test_what_breaks_is_told_without_secrets(own: FleetDask) -> None:
    (end,) = _run(own, [job("c", "fail", text="no way: Bearer abcdefgh")]).values()
    assert end.answer is None
    assert end.lost == "ValueError: no way: Bearer [removed]"


def test_nothing_listens_where_another_machine_could_connect(own: FleetDask) -> None:
    own.open()
    me = psutil.Process()
    found = [
        each
        for process in (me, *me.children(recursive=True))
        for each in process.net_connections("inet")
    ]
    listening = {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_a_killed_process_loses_its_job_and_nobody_elses(own: FleetDask, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    jobs = [
        job("dead", "die", file=str(trace)),
        *(job(f"c{number}", seconds=0.1) for number in range(6)),
    ]
    ends = _run(own, jobs, limit=2)
    assert ends.pop("dead").lost.startswith("its worker was lost")
    # what ran beside it in that process would be gone as well; with two at once the other one is
    # elsewhere
    assert all(end.answer is not None for end in ends.values())
    assert trace.read_text() == "begun\n"
    time.sleep(1)
    assert trace.read_text() == "begun\n"
    until = time.monotonic() + 30
    pids: set[int] = set()
    while len(pids) < 2 and time.monotonic() < until:  # another process takes its place
        again = _run(own, [job(f"c{number}", seconds=0.2) for number in range(4)])
        pids = {_answer(end)["pid"] for end in again.values()}
    assert len(pids) == 2


def test_the_first_interrupt_brings_what_is_under_way_to_its_end_and_the_second_is_raised(
    own: FleetDask,
) -> None:
    asked: list[int] = []
    stopped: list[bool] = []

    def limit() -> int:
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return 0 if stopped else 1

    jobs = [job("first", seconds=0.5), job("second")]
    ends = list(own.run(jobs, limit=limit, interrupted=lambda: stopped.append(True)))
    assert [end.arn.rpartition("/")[2] for end in ends] == ["first"]
    assert stopped == [True]

    def always() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(own.run(jobs, limit=always, interrupted=lambda: None))


def test_what_takes_long_on_a_worker_is_told_of_the_interrupt(
    remote: Callable[..., FleetDask],
) -> None:
    asked: list[int] = []

    def limit() -> int:
        asked.append(1)
        if len(asked) == 2:
            time.sleep(0.5)  # until it has begun
            raise KeyboardInterrupt
        return 1

    runner = remote(wind_down="tests.support.dask_tasks:say_word")
    (end,) = runner.run([job("long", "wait_for_word")], limit=limit, interrupted=lambda: None)
    assert _answer(end) == {"told": True}


def test_only_names_and_text_cross_the_wire() -> None:
    for function in (dask_worker.do, dask_worker.about):
        named = [
            str(argument)
            for _, argument, _ in pickletools.genops(dumps(function))
            if argument is not None
        ]
        assert "cloudpickle" not in " ".join(named)
        assert {"migrator.fleet.adapters.dask_worker", function.__name__} <= set(named)


def test_a_job_is_begun_once_and_by_the_process_that_it_was_given_to() -> None:
    me = json.loads(dask_worker.about("{}"))["process"]
    order = {
        "process": me,
        "attempt": "a1",
        "task": "tests.support.dask_tasks:echo",
        "arguments": {"x": 1},
    }
    assert json.loads(dask_worker.do(json.dumps(order)))["answer"]["x"] == 1
    assert "not started twice" in json.loads(dask_worker.do(json.dumps(order)))["lost"]
    other = json.dumps({**order, "attempt": "a2", "process": "another"})
    assert "has ended" in json.loads(dask_worker.do(other))["lost"]


def test_a_job_whose_place_nobody_has_ends_after_the_wait_and_says_so(
    remote: Callable[..., FleetDask],
) -> None:
    jobs = [job("here"), job("prod", placement="vpc:prod"), job("dev", placement="vpc:dev")]
    begun = time.monotonic()
    ends = _run(remote(wait=1.5), jobs)
    assert time.monotonic() - begun > 1.4
    assert (ends["here"].lost, ends["prod"].lost) == ("", "")
    assert ends["dev"].unplaced == "no worker has the resource vpc:dev; 1.5 s were waited"


def most_at_once(trace: Path) -> int:
    """How many jobs worked side by side at most, by the lines that they left."""
    now, most = 0, 0
    for line in trace.read_text().split():
        now += 1 if line == "+" else -1
        most = max(most, now)
    return most


def test_a_worker_has_no_more_jobs_of_a_place_than_it_has_room_for(
    remote: Callable[..., FleetDask], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    jobs = [job(f"c{number}", "mark", placement="vpc:prod", file=str(trace)) for number in range(6)]
    _run(remote(), jobs)
    assert 1 < most_at_once(trace) <= 2


@pytest.mark.parametrize(
    ("limit", "more", "accounts"),
    [(3, {}, 1), (99, {"overall": 2}, 1), (99, {"per_account": 1}, 2)],
)
def test_no_more_jobs_at_once_than_may_be(
    remote: Callable[..., FleetDask],
    tmp_path: Path,
    limit: int,
    more: dict[str, int],
    accounts: int,
) -> None:
    trace = tmp_path / "trace"
    jobs = [job(f"c{n}", "mark", account=f"{n % accounts:012}", file=str(trace)) for n in range(8)]
    assert len(_run(remote(**more), jobs, limit)) == 8
    assert (
        1
        < most_at_once(trace)
        <= min(limit, more.get("overall", 99), more.get("per_account", 99) * accounts)
    )


def test_a_scheduler_that_goes_away_ends_every_job_with_a_status(
    remote: Callable[..., FleetDask], cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 2)
    runner = remote(wait=2.0, overall=1)
    runner.open()
    closing = threading.Timer(0.5, cluster.close)
    closing.start()
    ends = _run(runner, [job("under-way", seconds=3), job("not-begun", seconds=0.1)])
    closing.join()
    assert ends["under-way"].lost
    assert ends["not-begun"].unplaced


def test_a_worker_of_another_version_is_turned_away(
    remote: Callable[..., FleetDask], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = MemoryEvents()
    monkeypatch.setattr(dask_worker, "our_version", lambda: "0.0.1")
    with pytest.raises(MigratorError) as caught:
        remote(events).open()
    assert caught.value.code == "workers-unfit"
    assert "version 0.0.1" in caught.value.why
    assert "is not used" in events.lines[-1][1]


def test_a_worker_that_would_write_to_another_disk_is_turned_away(
    remote: Callable[..., FleetDask], tmp_path: Path
) -> None:
    (tmp_path / "check").write_text("right")
    assert remote(shared=(str(tmp_path / "check"), "right")).processes == 1
    with pytest.raises(MigratorError) as caught:
        remote(shared=(str(tmp_path / "check"), "other")).open()
    assert (caught.value.code, "state folder" in caught.value.why) == ("workers-unfit", True)


def test_a_scheduler_without_workers_is_told_after_the_wait() -> None:
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", host="127.0.0.1", **NO_PAGES
    ) as empty:
        runner = FleetDask(
            DaskOptions(8, 8, Scheduler(empty.scheduler_address), wait=1.0), MemoryEvents()
        )
        try:
            with pytest.raises(MigratorError) as caught:
                runner.open()
        finally:
            runner.close()
    assert caught.value.code == "no-workers"


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(MigratorError) as caught:
        FleetDask(DaskOptions(8, 8, Scheduler("tcp://127.0.0.1:9")), MemoryEvents()).open()
    assert (caught.value.code, caught.value.exit_code) == ("scheduler-unreachable", 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return tls_files(tmp_path_factory.mktemp("tls"))


def test_a_scheduler_with_tls_wants_a_certificate_of_its_authority(
    files: TlsFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 3)
    with LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tls://",
        host="127.0.0.1",
        **NO_PAGES,
        security=files.security(),
    ) as cluster:
        assert cluster.scheduler_address.startswith("tls://")
        right = FleetDask(
            DaskOptions(8, 8, files.scheduler(cluster.scheduler_address), wait=5), MemoryEvents()
        )
        try:
            assert _answer(_run(right, [job("c", x=1)])["c"])["x"] == 1
        finally:
            right.close()
        stranger = tls_files(tmp_path).scheduler(cluster.scheduler_address)
        with pytest.raises(MigratorError) as caught:
            FleetDask(DaskOptions(8, 8, stranger), MemoryEvents()).open()
    assert caught.value.code == "scheduler-unreachable"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("tcp://10.0.0.5:8786", "scheduler-insecure"),
        ("10.0.0.5:8786", "scheduler-insecure"),
        ("tcp://scheduler.internal:8786", "scheduler-insecure"),
        ("tcp://127.0.0.1.example.com:8786", "scheduler-insecure"),
        ("tcp://0.0.0.0:8786", "scheduler-insecure"),
        ("tls://scheduler.internal:8786", "scheduler-tls-files"),
        ("ws://scheduler.internal:8786", "scheduler-address"),
        ("tls://scheduler.internal", "scheduler-address"),
        ("tls://scheduler.internal:port", "scheduler-address"),
        ("", "scheduler-address"),
    ],
)
def test_an_address_that_is_not_safe_or_none_is_refused_before_anything_is_sent(
    address: str, code: str
) -> None:
    with pytest.raises(MigratorError) as caught:
        Scheduler(address).check()
    assert (caught.value.code, caught.value.exit_code) == (code, 64)


def test_what_the_operator_says_is_safe_is_allowed(files: TlsFiles) -> None:
    for address in ("tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"):
        Scheduler(address).check()
    Scheduler("tcp://10.0.0.5:8786", insecure=True).check()
    files.scheduler("tls://10.0.0.5:8786").check()
    with pytest.raises(MigratorError) as caught:
        Scheduler("tls://10.0.0.5:8786", "nowhere", "nowhere", "nowhere").check()
    assert caught.value.code == "file-not-found"
    with pytest.raises(MigratorError) as caught:
        files.scheduler("tcp://127.0.0.1:8786").check()
    assert caught.value.code == "scheduler-tls-files"
