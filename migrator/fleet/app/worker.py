"""What a process needs to work on clusters of a fleet: made once from the setup that comes with
every job, and kept.

Sessions, clients, listings of IAM and token buckets are shared by all clusters that this process
works on.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from migrator.app.connect import Connection, FleetIam, connect
from migrator.app.settings import Settings
from migrator.fleet.model.fleet import FleetAccount, FleetCluster
from migrator.fleet.run.status import ref_of
from migrator.model.plan import ClusterRef
from migrator.model.security_note import FLEET_SESSION
from migrator.ports import StateStore, TaskRunner

if TYPE_CHECKING:
    from migrator.adapters.tasks_threads import SharedThreads
    from migrator.fleet.adapters.sessions import FleetSessions
    from migrator.fleet.adapters.shared_lab_time import SharedLabTime
    from migrator.fleet.model.job import Setup

CALLS = 8  # concurrent, in one account's listings
_MOST_KEPT = 8
_TALK = logging.getLogger("migrator.talk")
_LOCK = threading.Lock()
_KEPT: dict[str, "Worker"] = {}


def _lab_time() -> "SharedLabTime":
    from migrator.app.connect import clock
    from migrator.fleet.adapters.shared_lab_time import SharedLabTime

    return SharedLabTime(clock())


def _calls() -> "SharedThreads":
    from migrator.adapters.tasks_threads import SharedThreads

    return SharedThreads(each=CALLS)


@dataclass(frozen=True, slots=True)
class Worker:
    """The way to all clusters of one fleet, by the global options of its command.

    ``winding_down`` is set at Ctrl-C: what takes long ends early. ``calls`` is what the jobs of
    this process share, ``lab_time`` what its rehearsals share on a lab.
    """

    settings: Settings
    accounts: Mapping[str, FleetAccount]
    sessions: "FleetSessions"
    winding_down: threading.Event = field(default_factory=threading.Event)
    lab_time: "SharedLabTime" = field(default_factory=_lab_time)
    calls: "SharedThreads" = field(default_factory=_calls)

    def store(self, cluster: FleetCluster) -> StateStore:
        """The state of a cluster."""
        return open_state(self.settings, self.sessions, ref_of(cluster))

    def entries(self, cluster: FleetCluster) -> Sequence[Mapping[str, Any]] | None:
        """All access entries of a cluster, as EKS shows them; None in CONFIG_MAP mode."""
        from migrator.adapters.eks import EksCluster

        session = self.sessions.session(self.accounts[cluster.account], cluster.region)
        return EksCluster(session, cluster.name, self.calls).list_access_entries()

    def connect(
        self,
        cluster: FleetCluster,
        described: Mapping[str, Any] | None,
        *,
        tasks: TaskRunner | None = None,
    ) -> Connection:
        """Ready to talk to a cluster; DescribeCluster is asked where ``described`` is None.
        ``tasks``: not those that the jobs share.
        """
        account = self.accounts[cluster.account]
        return connect(
            self.settings,
            cluster.name,
            session=self.sessions.session(account, cluster.region),
            described=described,
            iam=FleetIam(
                self.sessions.principals(account, cluster.region),
                lambda: self.sessions.fresh_principals(account, cluster.region),
            ),
            tasks=tasks or self.calls,
        )

    @contextmanager
    def connected(
        self,
        cluster: FleetCluster,
        described: Mapping[str, Any] | None,
        store: StateStore,
    ) -> Iterator[Connection]:
        """Ready to read a cluster whose state is ``store``; the next clusters want the sockets."""
        connection = replace(self.connect(cluster, described), store=store)
        try:
            yield connection
        finally:
            connection.wire.close()


def worker_of(arguments: Mapping[str, Any]) -> Worker:
    """The worker for a job's setup; one a setup and process."""
    from migrator.fleet.model.files.records import setup_from_document

    key = str(arguments["setupId"])
    with _LOCK:
        if key not in _KEPT:
            _KEPT[key] = worker_from(setup_from_document(arguments["setup"]))
            for oldest in [*_KEPT][
                :-_MOST_KEPT
            ]:  # a worker of dask outlives the commands that it works for
                del _KEPT[oldest]
        return _KEPT[key]


def wind_down(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What takes long in this process, for jobs with this setup, ends early: for workers that no
    Ctrl-C reaches.
    """
    with _LOCK:
        worker = _KEPT.get(str(arguments["setupId"]))
    if worker is not None:
        worker.winding_down.set()
    return {}


def keep_worker(key: str, worker: Worker) -> None:
    """Let jobs of this process use a worker that is there already, with what its sessions know."""
    with _LOCK:
        _KEPT[key] = worker


def worker_from(setup: "Setup") -> Worker:
    """A new worker, which shares nothing with another one."""
    from migrator.adapters.aws_session import AwsSettings, RoleToAssume
    from migrator.adapters.tasks_threads import Threads
    from migrator.fleet.adapters.rate_limits import RateLimits
    from migrator.fleet.adapters.sessions import FleetSessions, allow_many_files, load_sdks

    load_sdks()
    allow_many_files()
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in setup.settings.items()
    }
    settings = Settings(**given)
    chain = tuple(RoleToAssume(*link) for link in settings.role_chain)
    sessions = FleetSessions(
        AwsSettings(settings.profile, settings.region, chain, FLEET_SESSION),
        setup.accounts,
        setup.readers,
        RateLimits(setup.rates, share=setup.share),
        Threads(CALLS),
    )
    return Worker(settings, {account.id: account for account in setup.accounts}, sessions)


def open_state(settings: Settings, sessions: "FleetSessions", cluster: ClusterRef) -> StateStore:
    """The state of a cluster: in a folder, or in S3 over the caller's own session."""
    from pathlib import Path

    place = settings.state_place
    if "://" in place:
        from migrator.adapters.state_s3 import open_bucket_state
        from migrator.adapters.tasks_threads import Threads

        return open_bucket_state(sessions.caller(), place, cluster, Threads(CALLS))
    from migrator.adapters.state_files import StateFolder

    return StateFolder(Path(place), cluster)


@dataclass(frozen=True, slots=True)
class QuietEvents:
    """:class:`migrator.ports.Events` of one cluster among many: the log file has them, with the
    cluster's name.
    """

    cluster: str

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **about: str,
    ) -> None:
        """Into the log."""
        level = logging.WARNING if kind == "warn" else logging.INFO
        fields = {"cluster": self.cluster, **about}
        _TALK.log(level, "%s: %s", self.cluster, message, extra={"about": fields})

    def doing(self, what: str) -> None:
        """Nothing: the fleet's own progress is shown."""

    def progress(
        self,
        label: str,
        done: int,
        total: int,
    ) -> None:
        """Nothing: the fleet's own progress is shown."""


def setup_id(document: Mapping[str, Any]) -> str:
    """One name for equal setups."""
    import hashlib

    return (
        hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
        + f"-{os.getpid()}"
    )
