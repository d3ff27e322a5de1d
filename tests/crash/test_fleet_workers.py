"""A fleet on workers that die: the same state as by threads, after the same command once more."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from migrator.lab.worlds.world_files import build_world
from tests.support.crash_runs import made
from tests.support.fleet_world import fleet_file, fleet_world
from tests.support.lab_session import LabSession, lab_session
from tests.support.tls_files import TlsFiles, tls_files

pytestmark = pytest.mark.crash
CLUSTERS = 4
DASK = ("--executor", "dask", "--workers", "2")


@contextmanager
def fleet(folder: Path, **file: Any) -> Iterator[LabSession]:  # noqa: ANN401
    """A lab of two accounts and six clusters, and a fleet file whose one wave may go on when
    clusters fail.
    """
    folder.mkdir()
    world = build_world(fleet_world(2, CLUSTERS, shapes=("plain", "pipeline", "empty")))
    wave = {"name": "all", "failure_tolerance": "100%"}
    with lab_session(folder, world) as session:
        (folder / "fleet.yaml").write_text(json.dumps(fleet_file(2, waves=[wave], **file)))
        world.latency.set("*", 0.02)
        yield session


def start(session: LabSession, *arguments: str) -> subprocess.Popen[str]:
    """``migrate fleet …``, in a process group of its own, as a terminal gives it."""
    return subprocess.Popen(
        [sys.executable, "-m", "migrator", "fleet", *arguments, "--output", "json"],
        cwd=session.folder,
        env=session.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    out, err = process.communicate(timeout=240)
    assert out, err
    return process.returncode, json.loads(out)


def fleet_run(session: LabSession, *arguments: str) -> tuple[int, dict[str, Any]]:
    return ended(start(session, *arguments))


def workers_of(process: subprocess.Popen[str], wanted: int = 2) -> list[psutil.Process]:
    """The worker processes of a command, once they are there."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        children = psutil.Process(process.pid).children()
        found = [
            child for child in children if any("spawn_main" in part for part in child.cmdline())
        ]
        if len(found) == wanted:
            return found
        time.sleep(0.05)
    raise AssertionError(process.communicate()[1])


def wait_for_entries(session: LabSession, count: int = 2) -> None:
    """Until workers make entries: the coordinator has switched every mode by then."""
    until = time.monotonic() + 120
    while sum(effect.operation == "eks:CreateAccessEntry" for effect in session.effects()) < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_worker_killed_while_it_applies_is_made_good_by_the_same_command(tmp_path: Path) -> None:
    with fleet(tmp_path / "threads") as session:
        assert fleet_run(session, "plan")[0] == 0
        assert fleet_run(session, "apply", "--yes")[0] == 0
        wanted, effects = session.end_state(), made(session.effects())
        plans = {path.parent.name: path.read_bytes() for path in session.folder.rglob("plan.json")}
    with fleet(tmp_path / "dask") as session:
        assert fleet_run(session, "plan", *DASK)[0] == 0
        decided = {
            path.parent.name: _decided(path.read_bytes())
            for path in session.folder.rglob("plan.json")
        }
        assert decided == {name: _decided(content) for name, content in plans.items()}
        apply = start(session, "apply", "--yes", *DASK)
        victim = workers_of(apply)[0]
        wait_for_entries(session)
        victim.kill()
        code, outcome = ended(apply)
        lost = [result for result in outcome["results"] if result["status"] != "done"]
        assert (code, bool(lost)) == (8, True)
        assert {(each["status"], each["code"]) for each in lost} == {("failed", "worker-lost")}
        assert all("its worker was lost" in each["why"] for each in lost)
        assert all("same command" in each["remedy"] for each in lost)
        code, outcome = fleet_run(session, "apply", "--yes", *DASK)
        assert (code, outcome["clusters"]) == (0, {"total": CLUSTERS, "done": CLUSTERS})
        assert session.end_state() == wanted
        assert_once(made(session.effects()), effects, killed=len(lost))
        code, outcome = fleet_run(session, "verify", *DASK)
        assert (code, outcome["clusters"]["done"]) == (0, CLUSTERS)


def assert_once(
    done: Counter[tuple[str, str, str]], wanted: Counter[tuple[str, str, str]], *, killed: int
) -> None:
    """Every effect of EKS once, and a binding once; a run that was killed after it had removed its
    bridge may make it, and remove it, once more.
    """
    assert not wanted - done
    again = done - wanted
    assert {operation for operation, *_ in again} <= {
        "kubernetes:patch clusterrolebindings",
        "kubernetes:delete clusterrolebindings",
    }, again
    assert len(set(again.values())) <= 1, again
    assert max(again.values(), default=0) <= killed


def _decided(content: bytes) -> Any:  # noqa: ANN401 - JSON
    """A plan without its times."""
    document = json.loads(content)
    return {key: value for key, value in document.items() if key not in ("createdAt", "planDigest")}


def test_ctrl_c_brings_what_is_under_way_to_its_end_and_the_command_goes_on_later(
    tmp_path: Path,
) -> None:
    with fleet(tmp_path / "dask", concurrency={"overall": 2, "per_account": 2}) as session:
        assert fleet_run(session, "plan")[0] == 0
        apply = start(session, "apply", "--yes", *DASK)
        workers = workers_of(apply)
        wait_for_entries(session)
        os.killpg(
            apply.pid, signal.SIGINT
        )  # what a terminal does: every process of the command gets it
        code, outcome = ended(apply)
        assert code == 7
        assert {result["status"] for result in outcome["results"]} == {"done", "waiting"}
        assert not any(worker.is_running() for worker in workers)
        assert fleet_run(session, "apply", "--yes", *DASK)[0] == 0


def test_a_command_that_dies_takes_its_workers_along(tmp_path: Path) -> None:
    with fleet(tmp_path / "dask") as session:
        assert fleet_run(session, "plan")[0] == 0
        apply = start(session, "apply", "--yes", *DASK)
        workers = workers_of(apply)
        wait_for_entries(session)
        apply.kill()
        apply.communicate()
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive
        assert fleet_run(session, "apply", "--yes", *DASK)[0] == 0


@contextmanager
def dask(
    session: LabSession, files: TlsFiles, *resources: str
) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """``dask scheduler`` and a ``dask worker`` for each resource, as an administrator starts them,
    with TLS.
    """
    tls = [f"--tls-ca-file={files.ca}", f"--tls-cert={files.certificate}", f"--tls-key={files.key}"]
    address = session.folder / "scheduler.json"
    common = ["--no-dashboard", "--scheduler-file", str(address), *tls]

    def command(name: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", name, *common, *arguments],
            cwd=session.folder / "elsewhere",
            env=session.environment(),
            stderr=subprocess.DEVNULL,
            text=True,
        )

    (session.folder / "elsewhere").mkdir(exist_ok=True)
    started = [command("scheduler", "--host", "127.0.0.1", "--protocol", "tls")]
    try:
        while not address.exists():
            assert started[0].poll() is None
            time.sleep(0.05)
        for resource in resources:
            started.append(
                command("worker", "--no-nanny", "--nthreads", "4", "--resources", resource)
            )
        yield json.loads(address.read_text())["address"], started
    finally:
        for process in started:
            process.kill()
            process.wait()


def wait_until_connected(process: subprocess.Popen[str], port: int) -> None:
    """Until the command talks to the scheduler, and a moment more: jobs are under way then."""
    until = time.monotonic() + 60
    while not any(
        getattr(each.raddr, "port", 0) == port
        for each in psutil.Process(process.pid).net_connections()
    ):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(3)


def test_workers_that_an_administrator_started_do_the_clusters_of_their_place(
    tmp_path: Path,
) -> None:
    files = tls_files(tmp_path)
    with fleet(tmp_path / "dask") as session:
        document = json.loads((session.folder / "fleet.yaml").read_text())
        for account, place in zip(document["accounts"], ("vpc:dev", "vpc:prod"), strict=True):
            account["placement"] = place
        (session.folder / "fleet.yaml").write_text(json.dumps(document))
        with dask(session, files, "vpc:dev=4", "vpc:test=4") as (address, processes):
            options = [
                "--executor",
                "dask",
                "--scheduler",
                address,
                "--worker-wait",
                "3",
                "--workers",
                "2",
            ]
            options += [
                "--tls-ca",
                str(files.ca),
                "--tls-cert",
                str(files.certificate),
                "--tls-key",
                str(files.key),
            ]
            code, outcome = fleet_run(session, "plan", *options)
            assert code == 8
            ends = {result["arn"].split(":")[4]: result for result in outcome["results"]}
            dev, prod = (ends[account["account_id"]] for account in document["accounts"])
            assert dev["status"] == "done"
            assert (prod["status"], prod["code"]) == ("waiting", "no-worker")
            assert "vpc:prod" in prod["why"]
            session.world.latency.set("*", 1)
            verify = start(session, "verify", "--baseline", *options)
            wait_until_connected(verify, int(address.rpartition(":")[2]))
            processes[0].kill()  # the scheduler
            code, outcome = ended(verify)
            assert code == 8
            found = {(result["status"], result["code"]) for result in outcome["results"]} - {
                ("failed", "no-plan")
            }
            assert found <= {("failed", "worker-lost"), ("waiting", "no-worker")}
            assert found
