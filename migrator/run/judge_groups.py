"""Read the network of a cluster, and judge what its security groups let pass."""

from collections.abc import Iterable

from migrator.decide.reach.security_groups.security_checks import required_rules, security_checks
from migrator.model.diagnosis import Check, RequiredRule
from migrator.model.plan import ClusterRef
from migrator.ports import NetworkReader, Raw


class JudgedGroups:
    """The rows about security groups, and the checks that follow from them.

    ``network`` None: nothing is read, and there are none. ``cluster``: DescribeCluster
    ``.cluster``.
    """

    def __init__(
        self,
        network: NetworkReader | None,
        cluster: Raw,
        reference: ClusterRef,
    ) -> None:
        self._network = network
        self._cluster = cluster
        self._region = reference.region
        self.rules: tuple[RequiredRule, ...] = ()

    def checks(self) -> Iterable[Check]:
        """Read the network, keep the rows, and return the checks."""
        if self._network is None:
            return ()
        facts = self._network.read(self._cluster)
        self.rules = required_rules(self._cluster, self._region, facts)
        return security_checks(self.rules, facts)
