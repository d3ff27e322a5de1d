"""Speed of network policies: 10,000 of them are judged in 12 seconds of CPU time."""

import time

import pytest

from tests.decide.reach.network_policies.table_cluster import answers, raw_policies
from tests.decide.reach.network_policies.test_policy_input import POD, many
from tests.support import yardstick
from tests.support.benchmark_table import Measured

pytestmark = pytest.mark.benchmark
POLICIES = 130.0  # times the yardstick


def test_ten_thousand_policies(measured: Measured) -> None:
    """Parsed, ordered, and asked by every target: every one is for the pod, and none matches."""
    raw = raw_policies(many(10_000), ["calico"])
    start = time.process_time()
    found = answers(raw, POD)
    assert [answer.state for answer in found] == ["no"] * 4
    taken = time.process_time() - start
    assert taken < 12
    measured(
        "doctor: 10,000 network policies",
        of=yardstick.OF,
        ideal=yardstick.seconds(),
        ours=taken,
        bound=POLICIES,
    )
