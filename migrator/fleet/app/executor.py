"""Who does the jobs of a fleet: threads of this process, or workers of dask; and what the jobs
carry to them.

A worker comes to AWS by its own credentials and assumes the roles of the fleet itself: no key and
no token is part of a job. What only this machine has (a profile, a folder) is left out or refused.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from migrator.app.operator import Operator
from migrator.app.settings import Settings
from migrator.errors import WrongUse
from migrator.fleet.app.asked import Asked, scheduler_of
from migrator.fleet.app.opened_fleet import Fleet, fleet_store
from migrator.fleet.app.worker import keep_worker, setup_id
from migrator.fleet.model.fleet import Command, FleetCluster
from migrator.fleet.model.job import Job, JobRequest, Setup
from migrator.fleet.ports import FleetPorts, JobRunner
from migrator.fleet.run.discover import Found

WAIT_SECONDS = 60.0
_CHECK = "workers.check"
_TASK = "migrator.fleet.app.jobs:do_job"


def executor_of(
    fleet: Fleet,
    asked: Asked,
    here: JobRunner,
    operator: Operator,
) -> JobRunner:
    """The runner for what may leave this process; nothing is connected or started before it is
    needed.
    """
    if asked.executor == "threads":
        return here
    from migrator.fleet.adapters.dask_run import DaskOptions
    from migrator.fleet.adapters.tasks_dask import FleetDask

    _no_secrets(fleet.settings)
    scheduler = scheduler_of(asked)
    events = operator.events
    if scheduler is not None and fleet.settings.profile:
        events.say(
            "info",
            "workers use their own credentials; --profile is for this machine alone",
            event="worker",
        )
    limits = fleet.file.concurrency
    options = DaskOptions(
        overall=asked.concurrency or limits.overall,
        per_account=limits.per_account,
        scheduler=scheduler,
        workers=asked.workers,
        wait=asked.worker_wait or WAIT_SECONDS,
        shared=_shared(fleet) if scheduler is not None else None,
        wind_down="migrator.fleet.app.worker:wind_down",
    )
    runner = FleetDask(options, events)
    if operator.resources is not None:
        operator.resources.callback(runner.close)
    return runner


def _no_secrets(settings: Settings) -> None:
    """What a job carries is kept in the memory of scheduler and workers. Raises
    ``secret-for-workers``.
    """
    parts = urlsplit(settings.proxy_url or "")
    if parts.username or parts.password:
        raise WrongUse(
            "secret-for-workers",
            "--proxy-url has a user or password in it, and would go to every worker.",
            remedy="Set HTTPS_PROXY where the workers run.",
        )


def _shared(fleet: Fleet) -> tuple[str, str] | None:
    """A file of the state that every worker has to find, if the state is a folder."""
    if "://" in (fleet.settings.state_dir or ""):
        return None
    store, content = fleet_store(fleet), secrets.token_hex(16)
    store.write(_CHECK, content.encode())
    return str(Path(store.location).absolute() / _CHECK), content


class Jobs:
    """Makes jobs: every one carries the setup, and what discovery has read of its cluster.

    The rates are divided by the processes that share them. What stays in this process keeps
    its sessions.
    """

    def __init__(
        self,
        fleet: Fleet,
        found: Found,
        ports: FleetPorts,
        *,
        own_machine: bool,
    ) -> None:
        self._fleet = fleet
        self._described = found.described
        self._accounts = found.inventory.accounts
        self._ports = ports
        self._own_machine = own_machine
        self._setups: dict[bool, tuple[Mapping[str, Any], str]] = {}

    def make(
        self,
        cluster: FleetCluster,
        command: Command,
        request: JobRequest,
        *,
        here: bool = False,
    ) -> Job:
        """A job of :mod:`migrator.fleet.app.jobs`. ``here``: it does not leave this process."""
        from migrator.adapters.aws_session import jsonable
        from migrator.fleet.model.files.records import cluster_to_document

        setup, name = self._setup(here=here or self._ports.jobs is self._ports.here)
        described = jsonable(self._described.get(cluster.arn))
        arguments = {
            "setup": setup,
            "setupId": name,
            "command": command,
            "cluster": cluster_to_document(cluster),
            # Not asdict, which copies all that was described once more.
            "request": {each.name: getattr(request, each.name) for each in fields(request)}
            | {"described": described},
        }
        return Job(cluster.arn, cluster.account, _TASK, arguments, cluster.placement)

    def _setup(self, *, here: bool) -> tuple[Mapping[str, Any], str]:
        """What a worker needs to know of the fleet, and its id; made once for this process and once
        for others.

        In other processes paths are absolute, and each has its share of the rates.
        """
        from migrator.fleet.model.files.records import setup_to_document

        if here not in self._setups:
            settings = self._fleet.settings if here else self._for_workers()
            share = 1.0 if here else 1.0 / self._ports.jobs.processes
            file = self._fleet.file
            document = setup_to_document(
                Setup(asdict(settings), self._accounts, file.reader_roles, file.rates, share)
            )
            self._setups[here] = document, setup_id(document)
            if here:
                keep_worker(self._setups[here][1], self._fleet.worker)
        return self._setups[here]

    def _for_workers(self) -> Settings:
        """The global options as they hold in another process, whatever folder it is in."""
        settings = self._fleet.settings
        place = settings.state_place
        if "://" not in place:
            place = str(Path(place).absolute())
        profile = settings.profile if self._own_machine else None
        return replace(settings, state_dir=place, profile=profile, log_file=None)
