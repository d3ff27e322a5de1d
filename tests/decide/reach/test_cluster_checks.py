"""What DescribeCluster says of a migration's chances."""

from typing import Any

import pytest

from migrator.decide.reach.cluster_checks import address_check, cluster_checks
from migrator.model.diagnosis import Check

OPEN = {
    "endpointPublicAccess": True,
    "endpointPrivateAccess": True,
    "publicAccessCidrs": ["0.0.0.0/0"],
}
NARROW = {
    "endpointPublicAccess": True,
    "endpointPrivateAccess": False,
    "publicAccessCidrs": ["203.0.113.0/24"],
}


def checks(**changes: Any) -> dict[str, Check]:  # noqa: ANN401 - fields of DescribeCluster
    cluster = {
        "status": "ACTIVE",
        "version": "1.34",
        "platformVersion": "eks.9",
        "resourcesVpcConfig": OPEN,
        **changes,
    }
    return {check.name: check for check in cluster_checks(cluster)}


def test_an_ordinary_cluster_is_fine() -> None:
    assert {check.state for check in checks().values()} == {"ok"}


@pytest.mark.parametrize("status", ["UPDATING", "CREATING", "DEGRADED", "FAILED"])
def test_a_cluster_that_is_not_active_fails(status: str) -> None:
    assert checks(status=status)["cluster-status"].state == "fail"


@pytest.mark.parametrize(
    ("version", "platform", "state"),
    [
        ("1.22", "eks.99", "fail"),
        ("1.23", "eks.16", "fail"),
        ("1.23", "eks.17", "ok"),
        ("1.28", "eks.5", "fail"),
        ("1.28", "eks.6", "ok"),
        ("1.30", "eks.1", "fail"),
        ("1.30", "eks.2", "ok"),
        ("1.31", "eks.1", "ok"),
        ("2.0", "eks.1", "ok"),
        ("next", "eks.1", "unknown"),
        ("1.34", None, "unknown"),
    ],
)
def test_access_entries_need_a_platform_version(
    version: str, platform: str | None, state: str
) -> None:
    assert checks(version=version, platformVersion=platform)["platform"].state == state


def test_clusters_on_outposts_have_no_access_entries() -> None:
    assert checks(outpostConfig={"outpostArns": ["x"]})["platform"].state == "fail"


def test_restricted_public_access_without_private_access_keeps_nodes_out() -> None:
    found = checks(resourcesVpcConfig=NARROW)["endpoint-access"]
    assert found.state == "warn"
    assert "nodes and Fargate pods" in found.said


@pytest.mark.parametrize(
    "vpc",
    [
        {**NARROW, "endpointPrivateAccess": True},
        {"endpointPublicAccess": False, "endpointPrivateAccess": True},
        {"endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0", "2001:db8::/32"]},
        {"endpointPublicAccess": True},
    ],
)
def test_other_endpoint_modes_are_fine(vpc: dict[str, Any]) -> None:
    assert checks(resourcesVpcConfig=vpc)["endpoint-access"].state == "ok"


def test_an_endpoint_that_is_not_described_is_unknown() -> None:
    assert checks(resourcesVpcConfig={})["endpoint-access"].state == "unknown"


def test_an_address_outside_the_blocks_gets_the_exact_command() -> None:
    found = address_check({"name": "prod", "resourcesVpcConfig": NARROW}, "198.51.100.7")
    assert found is not None
    assert found.state == "fail"
    assert "publicAccessCidrs=203.0.113.0/24,198.51.100.7/32" in found.remedy


def test_an_address_that_a_full_list_has_no_place_for_gets_another_way() -> None:
    full = [f"203.0.113.{n}/32" for n in range(40)]
    found = address_check(
        {"resourcesVpcConfig": {**NARROW, "publicAccessCidrs": full}}, "198.51.100.7"
    )
    assert found is not None
    assert (found.state, "40 ranges" in found.said) == ("fail", True)
    assert "update-cluster-config" not in found.remedy


def test_an_address_inside_the_blocks_is_let_in() -> None:
    found = address_check({"resourcesVpcConfig": NARROW}, "203.0.113.9")
    assert found is not None
    assert found.state == "ok"


def test_an_unknown_address_is_unknown() -> None:
    found = address_check({"resourcesVpcConfig": NARROW}, None)
    assert found is not None
    assert found.state == "unknown"


@pytest.mark.parametrize(
    "vpc", [OPEN, {"endpointPublicAccess": False, "publicAccessCidrs": ["203.0.113.0/24"]}, {}]
)
def test_without_a_filter_the_address_does_not_matter(vpc: dict[str, Any]) -> None:
    assert address_check({"resourcesVpcConfig": vpc}, "198.51.100.7") is None


def test_a_cluster_in_api_mode_has_been_migrated() -> None:
    found = checks(accessConfig={"authenticationMode": "API"})["authentication-mode"]
    assert (found.state, "aws-auth is not asked" in found.said) == ("ok", True)
