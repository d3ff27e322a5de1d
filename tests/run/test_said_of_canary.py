"""A canary pod that does not arrive shows nothing where a network policy cuts it off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from migrator.errors import Failed
from migrator.model.canary_pod import CanaryPod
from migrator.model.network_policies.raw_policies import RawPolicies
from migrator.run.pod_reach import said_of_canary
from tests.decide.reach.network_policies.table_cluster import full, raw_policies

CANARY = CanaryPod(
    "arn:aws:iam::111122223333:role/pods", "web", "team", "migrate-canary", {"a": "b"}
)
DENY = full(
    {
        "kubernetes": "deny",
        "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "egress": [{"ports": [{"port": 80}]}]},
    }
)


@dataclass
class Policies:
    """Network policies that are given, or that may not be read."""

    objects: Sequence[dict[str, Any]] | None

    def read(self) -> RawPolicies:
        if self.objects is None:
            raise Failed("api-server-no-answer", "The API server gave no answer.")
        return raw_policies(self.objects, ["vpc-cni"])


def test_the_policy_is_named() -> None:
    said = said_of_canary(Policies([DENY]), CANARY)
    assert "NetworkPolicy team/deny" in said
    assert "it shows nothing" in said


def test_nothing_is_said_where_nothing_denies_it_or_is_known() -> None:
    assert said_of_canary(Policies([]), CANARY) == ""
    assert said_of_canary(Policies(None), CANARY) == ""
    assert said_of_canary(None, CANARY) == ""
