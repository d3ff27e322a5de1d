"""What the workflows of a fleet need of the world beside a cluster's ports. Adapters implement
them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from migrator.fleet.model.fleet import FleetAccount
from migrator.fleet.model.job import Job, JobEnd
from migrator.model.plan import ClusterRef
from migrator.ports import Approver, Clock, Events, Raw, StateStore, TaskRunner


class Accounts(Protocol):
    """Reads of an organization and of its accounts, for discovery."""

    def organization(self) -> list[Raw]:
        """Every account: ``{id, name, status, organizationalUnit, tags}``. Raises
        ``no-organization``, ``iam-denied``.
        """
        ...

    def regions(self, account: FleetAccount) -> list[str]:
        """Every Region that is on in the account."""
        ...

    def clusters(self, account: FleetAccount, region: str) -> list[Raw]:
        """DescribeCluster ``.cluster`` of every cluster there. Raises ``iam-denied``,
        ``region-disabled``, ``aws-unreachable``, ``wrong-account``.
        """
        ...

    def cluster(
        self,
        account: FleetAccount,
        region: str,
        name: str,
    ) -> Raw:
        """DescribeCluster of one. Raises ``cluster-not-found`` and as above."""
        ...


class JobRunner(Protocol):
    """Does jobs, several concurrently."""

    @property
    def processes(self) -> int:
        """How many processes share the rates."""
        ...

    def run(
        self,
        jobs: Sequence[Job],
        *,
        limit: Callable[[], int],
        interrupted: Callable[[], None],
        in_order: bool = True,
    ) -> Iterator[JobEnd]:
        """Ends as they come. No job begins while ``limit()`` jobs are under way; at 0 those are
        waited for, and the rest is not started. The first Ctrl-C calls ``interrupted``; a second
        one is raised. ``in_order``: the given order of the jobs is kept; else it is the runner's.
        """
        ...


class Veto(Protocol):
    """Asks the operator's own programs."""

    def ask(
        self,
        name: str,
        commands: Sequence[Sequence[str]],
        facts: Mapping[str, Any],
    ) -> str:
        """Why something is forbidden; empty where nothing forbids it."""
        ...


@dataclass(frozen=True, slots=True)
class DiscoverPorts:
    """What discovery needs. ``tasks`` bounds how many accounts and Regions are asked
    concurrently.
    """

    accounts: Accounts
    clock: Clock
    events: Events
    tasks: TaskRunner


@dataclass(frozen=True, slots=True)
class FleetPorts:
    """What a command over a fleet needs. ``here`` does what is irreversible, in this process;
    ``jobs`` the rest.

    ``stop_wanted`` is asked before each cluster. ``store_of`` opens the state of one cluster.
    ``wind_down`` is called at the first Ctrl-C: what may take long is brought to an early end.
    """

    store: StateStore
    store_of: Callable[[ClusterRef], StateStore]
    jobs: JobRunner
    here: JobRunner
    hooks: Veto
    clock: Clock
    approver: Approver
    events: Events
    tasks: TaskRunner
    run_id: Callable[[], str]
    stop_wanted: Callable[[], bool] = lambda: False
    wind_down: Callable[[], None] = lambda: None
