"""IAM and EC2 of the lab: read by name and by page, changed as in life."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.lab.server import Lab
from tests.support.aws_lab import (
    ALICE,
    HOME,
    OPERATOR,
    RUNNER,
    Client,
    client,
    error_of,
    serving,
    small_world,
)

TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


@pytest.fixture
def iam(lab: Lab) -> Client:
    return client(lab, "iam")


def test_roles_are_found_without_regard_to_case_and_shown_as_they_are_written(iam: Client) -> None:
    role = iam.get_role(RoleName="RUNNER")["Role"]
    assert (role["Arn"], role["Path"], role["RoleId"][:4], len(role["RoleId"])) == (
        RUNNER,
        "/ci/",
        "AROA",
        21,
    )
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{HOME}:root"]}


def test_an_absent_role_or_user_is_no_such_entity(iam: Client) -> None:
    assert error_of(iam.get_role, RoleName="nobody") == (
        "NoSuchEntity",
        "The role with name nobody cannot be found.",
    )
    assert error_of(iam.get_user, UserName="nobody") == (
        "NoSuchEntity",
        "The user with name nobody cannot be found.",
    )


def test_names_are_taken_once_without_regard_to_case(iam: Client) -> None:
    assert (
        error_of(iam.create_role, RoleName="Runner", AssumeRolePolicyDocument=TRUST)[0]
        == "EntityAlreadyExists"
    )
    assert error_of(iam.create_user, UserName="ALICE")[0] == "EntityAlreadyExists"


def test_what_is_made_anew_has_a_new_id(iam: Client) -> None:
    ids = set()
    for _ in range(3):
        ids.add(iam.create_role(RoleName="x", AssumeRolePolicyDocument=TRUST)["Role"]["RoleId"])
        iam.delete_role(RoleName="x")
        ids.add(iam.create_user(UserName="x")["User"]["UserId"])
        iam.delete_user(UserName="x")
    assert len(ids) == 6


def test_listing_pages_to_the_end(iam: Client) -> None:
    for number in range(12):
        iam.create_role(RoleName=f"r{number:02}", Path="/many/", AssumeRolePolicyDocument=TRUST)
        iam.create_user(UserName=f"u{number:02}", Path="/many/")
    roles = [
        role["RoleName"]
        for page in iam.get_paginator("list_roles").paginate(
            PathPrefix="/many/", PaginationConfig={"PageSize": 5}
        )
        for role in page["Roles"]
    ]
    users = [
        user["UserName"]
        for page in iam.get_paginator("list_users").paginate(
            PathPrefix="/many/", PaginationConfig={"PageSize": 5}
        )
        for user in page["Users"]
    ]
    assert (roles, users) == ([f"r{n:02}" for n in range(12)], [f"u{n:02}" for n in range(12)])


def test_a_role_in_an_instance_profile_or_of_a_service_is_not_deleted(iam: Client) -> None:
    assert error_of(iam.delete_role, RoleName="nodes")[0] == "DeleteConflict"
    assert (
        error_of(iam.delete_role, RoleName="AWSServiceRoleForAmazonEKS")[0] == "UnmodifiableEntity"
    )


def test_a_user_asks_for_itself_and_a_role_cannot(lab: Lab, iam: Client) -> None:
    assert client(lab, "iam", ALICE).get_user()["User"]["Arn"] == ALICE
    assert error_of(iam.get_user)[0] == "ValidationError"


def test_instance_profiles_name_their_role(iam: Client) -> None:
    profile = iam.get_instance_profile(InstanceProfileName="nodes")["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == ["nodes"]
    found = iam.list_instance_profiles_for_role(RoleName="nodes")["InstanceProfiles"]
    assert [item["Arn"] for item in found] == [profile["Arn"]]
    assert iam.list_instance_profiles_for_role(RoleName="runner")["InstanceProfiles"] == []
    assert [item["Arn"] for item in iam.list_instance_profiles()["InstanceProfiles"]] == [
        profile["Arn"]
    ]
    assert error_of(iam.get_instance_profile, InstanceProfileName="none")[0] == "NoSuchEntity"


def test_a_simulation_tells_what_the_world_allows(lab: Lab, iam: Client) -> None:
    permissions = lab.world.accounts[HOME].roles["runner"].permissions
    permissions.denied, permissions.allowed = ("eks:DeleteAccessEntry",), ("eks:*",)
    actions = ["eks:CreateAccessEntry", "eks:DeleteAccessEntry", "iam:GetRole"]
    results = iam.simulate_principal_policy(PolicySourceArn=RUNNER, ActionNames=actions)[
        "EvaluationResults"
    ]
    assert [item["EvalDecision"] for item in results] == ["allowed", "explicitDeny", "implicitDeny"]


def test_instances_lead_from_node_to_role(lab: Lab, iam: Client) -> None:
    ec2 = client(lab, "ec2")
    (reservation,) = ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"])["Reservations"]
    (instance,) = reservation["Instances"]
    assert instance["PrivateDnsName"] == "ip-10-0-0-1.eu-central-1.compute.internal"
    name = instance["IamInstanceProfile"]["Arn"].rpartition("/")[2]
    role = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"][0]
    assert role["Arn"] == f"arn:aws:iam::{HOME}:role/nodes"


def test_terminated_instance_has_no_dns_name(lab: Lab) -> None:
    name = "i-0123456789abcdef0"
    instance = lab.world.accounts[HOME].instances[name]
    called, instance.state = instance.private_dns_name, "terminated"
    ec2 = client(lab, "ec2")
    (reservation,) = ec2.describe_instances(InstanceIds=[name])["Reservations"]
    assert reservation["Instances"][0]["PrivateDnsName"] == ""
    by_name = [{"Name": "private-dns-name", "Values": [called]}]
    assert not ec2.describe_instances(Filters=by_name)["Reservations"]


def test_instances_are_filtered_and_unknown_ids_are_errors(lab: Lab) -> None:
    ec2 = client(lab, "ec2")
    assert ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["work*"]}])[
        "Reservations"
    ]
    assert not ec2.describe_instances(Filters=[{"Name": "private-dns-name", "Values": ["x"]}])[
        "Reservations"
    ]
    assert (
        error_of(ec2.describe_instances, Filters=[{"Name": "nonsense", "Values": ["x"]}])[0]
        == "InvalidParameterValue"
    )
    assert error_of(ec2.describe_instances, InstanceIds=["i-0"]) == (
        "InvalidInstanceID.NotFound",
        "The instance ID 'i-0' does not exist",
    )
    assert not client(lab, "ec2", region="eu-west-1").describe_instances()["Reservations"]


def test_regions_are_those_of_the_partition(lab: Lab) -> None:
    names = [item["RegionName"] for item in client(lab, "ec2").describe_regions()["Regions"]]
    assert {"eu-central-1", "us-east-1"} <= set(names)
    assert "cn-north-1" not in names


def test_denials_are_worded_by_each_service(lab: Lab) -> None:
    lab.world.accounts[HOME].roles["operator"].permissions.denied = ("iam:*", "ec2:*", "logs:*")
    caller = f"User: arn:aws:sts::{HOME}:assumed-role/operator/lab is not authorized to perform: "
    assert error_of(client(lab, "iam").get_role, RoleName="x") == (
        "AccessDenied",
        f"{caller}iam:GetRole on resource: arn:aws:iam::{HOME}:role/x",
    )
    assert error_of(client(lab, "ec2").describe_instances)[0] == "UnauthorizedOperation"
    assert error_of(client(lab, "logs").describe_log_groups)[0] == "AccessDeniedException"
    assert client(lab, "sts").get_caller_identity()["Arn"].endswith("assumed-role/operator/lab")
    assert lab.world.principal(OPERATOR) is not None
