"""What keeps access entries from a cluster, in a plan and before apply."""

from dataclasses import replace
from typing import Any

import pytest

from migrator.decide.findings.platform import MAX_ENTRIES, cidr_obstacle, platform_obstacle
from migrator.decide.reach.cluster_checks import cluster_checks
from migrator.errors import Refused
from migrator.model.access_entry import AuthenticationMode
from migrator.model.snapshot import Snapshot
from migrator.run.begin_run import refuse_without_entries
from tests.support.worlds import entry, finding, findings, planned, role, row, world

OLD: dict[str, Any] = {"version": "1.24", "platformVersion": "eks.14"}
OUTPOST: dict[str, Any] = {
    "outpostConfig": {"outpostArns": ["arn:aws:outposts:eu-west-1:111122223333:outpost/op"]}
}
CODES = ("outpost-without-entries", "platform-without-entries")


def cluster(mode: AuthenticationMode = "CONFIG_MAP", **described: Any) -> Snapshot:  # noqa: ANN401 - fields of DescribeCluster
    made = world([row(role("dev"), "dev")], mode=mode)
    return replace(made, cluster_raw={**made.cluster_raw, **described})


@pytest.mark.parametrize(("described", "code"), [(OUTPOST, CODES[0]), (OLD, CODES[1])])
def test_plan_blocks_with_the_words_of_doctor(described: dict[str, Any], code: str) -> None:
    snapshot = cluster(**described)
    plan = planned(snapshot)
    (check,) = (each for each in cluster_checks(snapshot.cluster_raw) if each.name == "platform")
    assert plan.blocked
    assert (check.said, check.remedy) == (
        finding(plan, code).message,
        finding(plan, code).remedy,
    )


@pytest.mark.parametrize("described", [OUTPOST, OLD])
def test_cluster_that_reads_entries_already_has_them_whatever_its_version(
    described: dict[str, Any],
) -> None:
    plan = planned(cluster("API_AND_CONFIG_MAP", **described))
    assert not any(findings(plan, code) for code in CODES)
    assert platform_obstacle(cluster("API", **described).cluster_raw) is None


def test_versions_of_a_form_that_is_not_understood_block_nothing() -> None:
    assert not planned(cluster(version="next", platformVersion="eks.1")).blocked


def test_apply_refuses_a_plan_whose_cluster_cannot_have_entries() -> None:
    plan = planned(cluster())
    with pytest.raises(Refused, match="too old for access entries"):
        refuse_without_entries(plan, cluster(**OLD))
    refuse_without_entries(plan, cluster())


def test_entry_beyond_the_quota_blocks_and_the_last_one_within_does_not() -> None:
    there = [entry(role(f"r{n}")) for n in range(MAX_ENTRIES - 1)]
    within = planned(world([row(role("dev"), "dev")], entries=there))
    assert findings(within, "entries-over-quota") == ()
    rows = [row(role("dev"), "dev"), row(role("ops"), "ops")]
    beyond = finding(planned(world(rows, entries=there)), "entries-over-quota")
    assert (beyond.severity, "3001" in beyond.message) == ("block", True)


def test_full_list_of_ranges_has_no_place_for_another_one() -> None:
    assert cidr_obstacle(39) is None
    full = cidr_obstacle(40)
    assert full is not None
    assert "40 ranges" in full.message
