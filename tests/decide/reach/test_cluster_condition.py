"""Health issues, updates, certificate authorities and logs of a cluster, as doctor shows them."""

import json
import re
from typing import Any, get_args

import pytest

from migrator.decide.reach.cluster_checks import cluster_checks
from migrator.decide.reach.cluster_condition import health_check, logs_check, updates_checks
from migrator.model.cluster_updates import ClusterUpdates, RunningUpdate
from migrator.model.diagnosis import Check, CheckState


def cluster(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of DescribeCluster
    return {"name": "prod", "health": {"issues": []}, **changes}


def issue(code: str, *about: str, message: str = "gone") -> dict[str, Any]:
    return {"code": code, "message": message, "resourceIds": [*about]}


def by_name(updates: ClusterUpdates) -> dict[str, Check]:
    return {check.name: check for check in updates_checks(updates)}


@pytest.mark.parametrize("health", [{}, {"issues": []}, None])
def test_a_cluster_without_issues_is_fine(health: object) -> None:
    assert health_check(cluster(health=health)).state == "ok"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccessDenied", "AmazonEKSClusterPolicy"),
        ("IamRoleNotFound", "under the same name"),
        ("Ec2SubnetNotFound", "subnets and security groups that exist"),
        ("Ec2SecurityGroupNotFound", "subnets and security groups that exist"),
        ("InsufficientFreeAddresses", "Free addresses"),
        ("Ec2ServiceNotSubscribed", "Subscribe the account"),
        ("StsRegionalEndpointDisabled", "Activate STS"),
        ("KmsKeyDisabled", "KMS key"),
        ("KmsKeyMarkedForDeletion", "cancel its deletion"),
        ("KmsGrantRevoked", "the grant"),
        ("UnsupportedVersion", "Upgrade"),
        ("SomethingNew", "Do what the issue says"),
    ],
)
def test_an_issue_is_named_with_what_it_is_about_and_its_own_remedy(code: str, remedy: str) -> None:
    check = health_check(cluster(health={"issues": [issue(code, "subnet-1", "subnet-2")]}))
    assert check.state == "warn"
    assert f"{code} of subnet-1, subnet-2: gone" in check.said
    assert remedy in check.remedy


def test_two_issues_have_one_remedy_each() -> None:
    issues = [issue("KmsKeyDisabled"), issue("KmsKeyMarkedForDeletion"), issue("AccessDenied")]
    check = health_check(cluster(health={"issues": issues}))
    assert check.said.count("gone") == 3
    assert check.remedy.count("KMS key") == 1
    assert "AmazonEKSClusterPolicy" in check.remedy


@pytest.mark.parametrize(
    ("types", "state", "off"),
    [
        (["api", "audit", "authenticator"], "ok", ""),
        (["audit"], "warn", "authenticator"),
        (["authenticator"], "warn", "audit"),
        ([], "warn", "audit,authenticator"),
    ],
)
def test_logs_that_are_off_are_named_with_the_call_that_switches_them_on(
    types: list[str], state: CheckState, off: str
) -> None:
    logging = {"clusterLogging": [{"types": types, "enabled": True}]}
    check = logs_check(cluster(logging=logging))
    assert check.state == state
    for text in re.findall("--logging '([^']+)'", check.remedy):
        (setup,) = json.loads(text)["clusterLogging"]
        assert setup == {"types": off.split(","), "enabled": True}
    assert ("--logging" in check.remedy) == bool(off)


def test_logs_that_are_listed_as_off_are_off() -> None:
    setups = [{"types": ["audit", "authenticator"], "enabled": False}]
    assert logs_check(cluster(logging={"clusterLogging": setups})).state == "warn"


def test_logs_that_were_not_read_are_unknown() -> None:
    assert logs_check(cluster()).state == "unknown"


def test_an_update_is_named_although_the_cluster_is_active() -> None:
    running = RunningUpdate("the cluster", "VersionRollback", "u-1")
    check = by_name(ClusterUpdates((running,), 1))["cluster-updates"]
    assert check.state == "warn"
    assert "VersionRollback of the cluster (update u-1)" in check.said


@pytest.mark.parametrize(
    ("count", "kind", "state"),
    [
        (1, None, "ok"),
        (2, None, "warn"),
        (0, None, "unknown"),
        (1, "CertificateAuthorityUpdate", "warn"),
        (1, "LoggingUpdate", "ok"),
    ],
)
def test_a_rotation_of_the_authority_is_seen_by_the_bundle_and_by_the_update(
    count: int, kind: str | None, state: CheckState
) -> None:
    running = (RunningUpdate("the cluster", kind, "u-1"),) if kind else ()
    check = by_name(ClusterUpdates(running, count))["certificate-authority"]
    assert check.state == state
    assert state in get_args(CheckState)
    assert ("Finish the rotation first" in check.remedy) == (state == "warn")


def test_a_cluster_on_an_outpost_keeps_aws_auth() -> None:
    found = cluster(status="ACTIVE", version="1.34", outpostConfig={"outpostArns": ["arn:x"]})
    (check,) = (each for each in cluster_checks(found) if each.name == "platform")
    assert check.state == "fail"
    assert "runs on an Outpost" in check.said
