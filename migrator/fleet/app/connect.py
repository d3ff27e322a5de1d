"""The composition root of the fleet commands: sessions, discovery, executors, and the fleet's own
state.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from migrator.app.connect import clock
from migrator.app.operator import Operator
from migrator.app.settings import Settings
from migrator.errors import WrongUse
from migrator.fleet.app.asked import Asked
from migrator.fleet.app.executor import executor_of
from migrator.fleet.app.opened_fleet import Fleet, fleet_store
from migrator.fleet.app.operator import FleetOperator
from migrator.fleet.app.request import FleetRequest
from migrator.fleet.app.worker import CALLS, open_state, worker_from
from migrator.fleet.model.fleet import FleetFile
from migrator.fleet.model.job import Setup
from migrator.fleet.ports import FleetPorts
from migrator.fleet.run.discover import Found
from migrator.fleet.run.status import FleetStatusPorts


def open_fleet(settings: Settings, file: FleetFile) -> Fleet:
    """Sessions for the file's accounts. Raises ``no-credentials``, and for global options that name
    one cluster.
    """
    for name in ("kubeconfig", "context", "via"):
        if getattr(settings, name):
            raise WrongUse(
                "option-of-one-cluster",
                f"--{name} is for one cluster, not for a fleet.",
                remedy="Leave it out; endpoints come from DescribeCluster.",
            )
    worker = worker_from(Setup(asdict(settings), file.accounts, file.reader_roles, file.rates))
    # without credentials one account cannot be distinguished from another
    worker.sessions.caller().caller_identity()
    return Fleet(settings, file, worker)


def discover_fleet(fleet: Fleet, request: FleetRequest, operator: Operator) -> tuple[Fleet, Found]:
    """Ask every account; the fleet that is returned knows those that the organization has."""
    from migrator.adapters.tasks_threads import Threads
    from migrator.fleet.adapters.accounts import FleetAccounts
    from migrator.fleet.ports import DiscoverPorts
    from migrator.fleet.run.discover import discover

    file, asked, sessions = request.file, request.asked, fleet.worker.sessions
    tasks = Threads(asked.concurrency or file.concurrency.overall)
    reader = file.organization.reader if file.organization else ()
    ports = DiscoverPorts(
        accounts=FleetAccounts(
            sessions, reader, tasks, Threads(min(CALLS, file.concurrency.per_account))
        ),
        clock=clock(),
        events=operator.events,
        tasks=tasks,
    )
    found = discover(file, ports, _named_clusters(fleet, asked))
    accounts = found.inventory.accounts
    sessions.know(accounts)
    worker = replace(fleet.worker, accounts={account.id: account for account in accounts})
    return replace(fleet, worker=worker), found


def _named_clusters(fleet: Fleet, asked: Asked) -> tuple[str, ...]:
    """The ARNs of the clusters that the command is limited to; empty: of all."""
    from migrator.fleet.decide.clusters_meant import clusters_meant
    from migrator.fleet.model.files.records import INVENTORY_FILE, decode_inventory
    from migrator.model.principal import is_cluster_arn

    # An ARN needs no inventory, which may be that of thousands of clusters, or damaged.
    if all(map(is_cluster_arn, asked.clusters)):
        return tuple(dict.fromkeys(asked.clusters))
    content = fleet_store(fleet).read(INVENTORY_FILE)
    known = decode_inventory(content).clusters if content else ()
    return clusters_meant(asked.clusters, [each.arn for each in known])


def fleet_ports(fleet: Fleet, asked: Asked, operator: FleetOperator) -> FleetPorts:
    """What a command over the fleet needs. ``--yes`` does not approve waves: ``approve`` in the
    fleet file says that a person looks at the waves before.
    """
    from migrator.adapters.clock import SystemEntropy
    from migrator.adapters.tasks_threads import Threads
    from migrator.fleet.adapters.threads import FleetThreads
    from migrator.fleet.adapters.wave_hooks import Hooks

    limits = fleet.file.concurrency
    here = FleetThreads(asked.concurrency or limits.overall, limits.per_account)
    return FleetPorts(
        store=fleet_store(fleet),
        store_of=lambda cluster: open_state(fleet.settings, fleet.worker.sessions, cluster),
        jobs=executor_of(fleet, asked, here, operator),
        here=here,
        hooks=Hooks(),
        clock=clock(),
        approver=operator.waves,
        events=operator.events,
        tasks=Threads(CALLS),
        run_id=SystemEntropy().run_id,
        stop_wanted=lambda: asked.stop_file is not None and Path(asked.stop_file).exists(),
        wind_down=fleet.worker.winding_down.set,
    )


def inputs_of(command: str, *parts: Any) -> str:  # noqa: ANN401 - JSON values
    """The digest that says whether two commands ask for the same."""
    from migrator.model.canonical import digest_of

    return digest_of([command, *parts])


def selection_of(file: FleetFile, clusters: Sequence[str]) -> dict[str, Any]:
    """What of the fleet file and the options decides which clusters are worked on."""
    return {"select": str(file.select), "named": sorted(file.clusters), "only": sorted(clusters)}


def fleet_status_ports(settings: Settings, file: FleetFile) -> FleetStatusPorts:
    """What a status of the fleet needs: its state and its clusters', no account of it."""
    from migrator.adapters.tasks_threads import Threads

    fleet = Fleet(
        settings,
        file,
        worker_from(Setup(asdict(settings), file.accounts, file.reader_roles, file.rates)),
    )
    remote = "://" in (settings.state_dir or "")
    return FleetStatusPorts(
        store=fleet_store(fleet),
        store_of=lambda cluster: open_state(settings, fleet.worker.sessions, cluster),
        clock=clock(),
        tasks=Threads(
            32 if remote else 1
        ),  # reading files is work for one core, reading S3 is waiting
    )
