"""What discovery reads: the organization's accounts, the Regions of an account, the clusters of
both.
"""

from collections.abc import Sequence

from migrator.adapters.aws_session import AwsSession
from migrator.fleet.adapters.organizations import Organization, clusters_of
from migrator.fleet.adapters.sessions import FleetSessions
from migrator.fleet.model.fleet import FleetAccount, RoleLink
from migrator.ports import Raw, TaskRunner

_FIRST_REGION = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


class FleetAccounts:
    """:class:`migrator.fleet.ports.Accounts`. ``reader`` are the roles through which the
    organization is read; ``describing`` bounds how many clusters of one account and Region are
    described concurrently.
    """

    def __init__(
        self,
        sessions: FleetSessions,
        reader: Sequence[RoleLink],
        tasks: TaskRunner,
        describing: TaskRunner,
    ) -> None:
        self._sessions = sessions
        self._reader = tuple(reader)
        self._tasks = tasks
        self._describing = describing

    def organization(self) -> list[Raw]:
        """Every account: ``{id, name, status, organizationalUnit, tags}``."""
        session = self._sessions.caller()
        for link in self._reader:
            session = session.assume(link.arn, external_id=link.external_id)
        return Organization(session, self._tasks).accounts()

    def regions(self, account: FleetAccount) -> list[str]:
        """Every Region that is on in the account (EC2 DescribeRegions leaves the others out)."""
        first = self._sessions.caller().region or _FIRST_REGION.get(account.partition, "us-east-1")
        answer = self._of(account, first).call(
            "ec2", "describe_regions", subject=f"account {account.id}"
        )
        return sorted(str(region["RegionName"]) for region in answer["Regions"])

    def clusters(self, account: FleetAccount, region: str) -> list[Raw]:
        """DescribeCluster ``.cluster`` of every cluster there."""
        return clusters_of(self._of(account, region), self._describing)

    def cluster(
        self,
        account: FleetAccount,
        region: str,
        name: str,
    ) -> Raw:
        """DescribeCluster of one. Raises ``cluster-not-found``."""
        from migrator.adapters.eks import EksCluster

        return EksCluster(self._of(account, region), name, self._describing).describe_cluster()

    def _of(self, account: FleetAccount, region: str) -> AwsSession:
        return self._sessions.checked(account, region)
