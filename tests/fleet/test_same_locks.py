"""While a command works on a cluster, the same command of a fleet is refused on it, and the other
way round: both hold the same two locks.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread

import pytest

from migrator.lab.kubernetes.registry import Registry
from migrator.lab.kubernetes_api import kubernetes_api
from migrator.model.cluster_lock import LEASE_NAME, LOCK_NAMESPACE
from tests.support.pairs_lab import ON_PLANS, Ended, PairsLab, pairs_lab

NAME = "busy"
PATIENCE = 120.0  # machine seconds, on a machine that has other things to do
LEASES = ("coordination.k8s.io", "leases")
Started = Callable[[int], None]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairsLab]:
    with pairs_lab(tmp_path_factory.mktemp("locks"), [NAME]) as made:
        yield made


def _more(command: str) -> tuple[str, ...]:
    """A verification holds the lock where it makes pods; else it only reads."""
    return ("--canary-pods",) if command == "verify" else ()


def _single(pairs: PairsLab, command: str, started: Started = lambda _pid: None) -> Ended:
    return pairs.single(command, NAME, *_more(command), started=started)


def _fleet(pairs: PairsLab, command: str, started: Started = lambda _pid: None) -> Ended:
    return pairs.fleet(command, [NAME], *_more(command), started=started)[NAME]


def _registry(pairs: PairsLab) -> Registry:
    return kubernetes_api(pairs.lab.world, pairs.cluster(NAME)).registry


def _locked(pairs: PairsLab) -> bool:
    """Whether a run holds the lock of record in the cluster."""
    lease = _registry(pairs).store.get(LEASES, LOCK_NAMESPACE, LEASE_NAME)
    return bool(lease and lease["spec"].get("holderIdentity"))


class _Stopped:
    """A command that was stopped (SIGSTOP) while it held the lock, before it wrote anything else;
    it is killed at the end.
    """

    def __init__(self, pairs: PairsLab, run: Callable[[Started], object]) -> None:
        self._pairs, self._run = pairs, run
        self._pid = 0
        self._began = Event()
        self._thread = Thread(target=self._to_the_end, daemon=True)

    def _to_the_end(self) -> None:
        # It is killed, and prints no result.
        with suppress(AssertionError):
            self._run(self._started)

    def _started(self, pid: int) -> None:
        self._pid = pid
        self._began.set()

    def __enter__(self) -> None:
        assert not _locked(self._pairs)
        self._thread.start()
        assert self._began.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while not _locked(self._pairs):
            assert time.monotonic() < deadline, "it took no lock"
            assert self._thread.is_alive(), "it ended and took no lock"
            time.sleep(0.001)
        os.kill(self._pid, signal.SIGSTOP)
        assert _locked(self._pairs), "it ended before it was stopped"

    def __exit__(self, *_raised: object) -> None:
        os.kill(self._pid, signal.SIGKILL)
        self._thread.join(PATIENCE)
        with self._pairs.lab.world.lock:
            _registry(self._pairs).store.remove(LEASES, LOCK_NAMESPACE, LEASE_NAME)


@pytest.mark.parametrize("command", ON_PLANS)
def test_fleet_is_refused_while_the_single_command_runs(pairs: PairsLab, command: str) -> None:
    with _Stopped(pairs, lambda started: _single(pairs, command, started)):
        refused = _fleet(pairs, command)
    assert (refused.code, refused.exit_code) == ("locked", 4)


@pytest.mark.parametrize("command", ON_PLANS)
def test_single_command_is_refused_while_the_fleet_runs(pairs: PairsLab, command: str) -> None:
    with _Stopped(pairs, lambda started: _fleet(pairs, command, started)):
        refused = _single(pairs, command)
    assert (refused.code, refused.exit_code) == ("locked", 4)
