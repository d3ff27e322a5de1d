"""The authentication mode as a ratchet, its updates, and the entries that EKS makes by itself."""

import base64
import http.client
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest

from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault
from tests.support.aws_lab import (
    CLUSTER_ADMIN,
    HOME,
    NODES,
    Client,
    client,
    demo,
    error_of,
    serving,
    small_world,
    switch_to_entries,
)

CREATOR = f"arn:aws:iam::{HOME}:role/creator"
WINDOWS = f"arn:aws:iam::{HOME}:role/windows-nodes"
FARGATE = f"arn:aws:iam::{HOME}:role/fargate"
SERVICE_ROLE = (
    f"arn:aws:iam::{HOME}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"
)
NO_MODE = (
    "InvalidRequestException",
    "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform "
    "this operation.",
)
MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    world = small_world(
        nodegroups=[
            {"nodegroupName": "linux", "nodeRole": NODES, "amiType": "AL2023_x86_64_STANDARD"},
            {
                "nodegroupName": "windows",
                "nodeRole": WINDOWS,
                "amiType": "WINDOWS_CORE_2022_x86_64",
            },
            {
                "nodegroupName": "going",
                "nodeRole": f"arn:aws:iam::{HOME}:role/ci/runner",
                "status": "DELETING",
            },
        ],
        fargateProfiles=[{"fargateProfileName": "pods", "podExecutionRoleArn": FARGATE}],
    )
    with serving(world, tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        (
            {"describe": {"outpostConfig": {"outpostArns": ["arn:aws:outposts:::outpost/op-1"]}}},
            "Local Amazon EKS cluster only supports bootstrapClusterCreatorAdminPermissions=true "
            "and authenticationMode=CONFIG_MAP for AccessConfig.",
        ),
        (
            {"version": "1.28", "platformVersion": "eks.5"},
            "The cluster's platform version eks.5 does not support access entries.",
        ),
    ],
)
def test_cluster_that_cannot_have_entries_keeps_its_mode(
    cluster: dict[str, object], said: str, tmp_path: Path
) -> None:
    with serving(small_world(**cluster), tmp_path) as lab:
        eks = client(lab, "eks")
        assert error_of(set_mode, eks=eks, mode="API_AND_CONFIG_MAP") == (
            "InvalidRequestException",
            said,
        )
        assert mode_of(eks) == ("CONFIG_MAP", "ACTIVE")


def test_auto_mode_and_capabilities_have_entries_with_their_policies(tmp_path: Path) -> None:
    roles = f"arn:aws:iam::{HOME}:role"
    world = small_world(
        authenticationMode="API_AND_CONFIG_MAP",
        capabilities=[
            {"capabilityName": "argo", "type": "ARGOCD", "roleArn": f"{roles}/ci/runner"}
        ],
        describe={
            "roleArn": f"{roles}/operator",
            "computeConfig": {"enabled": True, "nodeRoleArn": NODES},
        },
    )
    found = {}
    with serving(world, tmp_path) as lab:
        eks = client(lab, "eks")
        for arn in (f"{roles}/operator", f"{roles}/ci/runner", NODES):
            at = {"clusterName": "demo", "principalArn": arn}
            entry = eks.describe_access_entry(**at)["accessEntry"]
            policies = eks.list_associated_access_policies(**at)["associatedAccessPolicies"]
            names = {
                each["policyArn"].rpartition("AmazonEKS")[2]: each["accessScope"]["namespaces"]
                for each in policies
            }
            found[arn.rpartition("/")[2]] = (entry["type"], entry["username"], names)
    assert found["nodes"][::2] == ("EC2", {"AutoNodePolicy": []})
    assert found["runner"] == (
        "STANDARD",
        f"arn:aws:sts::{HOME}:assumed-role/runner/ARGOCD",
        {"ArgoCDClusterPolicy": [], "ArgoCDPolicy": ["argocd"]},
    )
    assert found["operator"][2].keys() == {
        f"{part}{of}Policy"
        for part in ("BlockStorage", "Compute", "LoadBalancing", "Networking")
        for of in ("", "Cluster")
    }


def test_public_endpoint_has_at_most_40_ranges(tmp_path: Path) -> None:
    ranges = [f"192.0.2.{number}/32" for number in range(41)]
    with serving(small_world(), tmp_path) as lab:
        eks = client(lab, "eks")

        def let_in(count: int) -> object:
            access = {"publicAccessCidrs": ranges[:count]}
            return eks.update_cluster_config(name="demo", resourcesVpcConfig=access)

        assert error_of(let_in, count=41)[0] == "InvalidParameterException"
        let_in(40)


def mode_of(eks: Client) -> tuple[str, str]:
    cluster = eks.describe_cluster(name="demo")["cluster"]
    return cluster["accessConfig"]["authenticationMode"], cluster["status"]


def set_mode(eks: Client, mode: str) -> Client:
    return eks.update_cluster_config(name="demo", accessConfig={"authenticationMode": mode})[
        "update"
    ]


def test_config_map_mode_refuses_every_entry_operation(lab: Lab) -> None:
    eks, entry = client(lab, "eks"), {"clusterName": "demo", "principalArn": CREATOR}
    scope = {"type": "cluster"}
    assert error_of(eks.list_access_entries, clusterName="demo") == NO_MODE
    for call in (
        eks.create_access_entry,
        eks.describe_access_entry,
        eks.update_access_entry,
        eks.delete_access_entry,
    ):
        assert error_of(call, **entry) == NO_MODE
    assert (
        error_of(eks.associate_access_policy, **entry, policyArn=CLUSTER_ADMIN, accessScope=scope)
        == NO_MODE
    )
    assert error_of(eks.disassociate_access_policy, **entry, policyArn=CLUSTER_ADMIN) == NO_MODE
    assert error_of(eks.list_associated_access_policies, **entry) == NO_MODE


@pytest.mark.parametrize("start", MODES)
@pytest.mark.parametrize("target", MODES)
def test_only_single_steps_forward_are_taken(tmp_path: Path, start: str, target: str) -> None:
    with serving(small_world(authenticationMode=start), tmp_path) as lab:
        eks = client(lab, "eks")
        if MODES.index(target) == MODES.index(start) + 1:
            assert set_mode(eks, target)["status"] == "InProgress"
        else:
            config = {"authenticationMode": target}
            assert error_of(eks.update_cluster_config, name="demo", accessConfig=config) == (
                "InvalidParameterException",
                f"Unsupported authentication mode update from {start} to {target}",
            )
            assert len(lab.world.effects) == 0


def test_an_update_is_in_progress_and_then_successful(lab: Lab) -> None:
    eks = client(lab, "eks")
    update = set_mode(eks, "API_AND_CONFIG_MAP")
    assert update["type"] == "AccessConfigUpdate"
    assert update["params"] == [{"type": "AuthenticationMode", "value": '"API_AND_CONFIG_MAP"'}]
    assert mode_of(eks) == ("CONFIG_MAP", "UPDATING")
    lab.world.clock.advance(timedelta(seconds=3))
    assert mode_of(eks) == ("API_AND_CONFIG_MAP", "ACTIVE")
    assert (
        eks.describe_update(name="demo", updateId=update["id"])["update"]["status"] == "Successful"
    )
    assert eks.list_updates(name="demo")["updateIds"] == [update["id"]]


def test_a_second_update_meets_the_one_in_progress(lab: Lab) -> None:
    eks = client(lab, "eks")
    update = set_mode(eks, "API_AND_CONFIG_MAP")
    assert error_of(
        eks.update_cluster_config, name="demo", accessConfig={"authenticationMode": "API"}
    ) == (
        "ResourceInUseException",
        f"Cannot AccessConfigUpdate because cluster demo currently has update {update['id']} in "
        f"progress",
    )


def test_the_same_request_token_gives_the_same_update(lab: Lab) -> None:
    eks = client(lab, "eks")
    asked = {
        "name": "demo",
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
        "clientRequestToken": "t1",
    }
    first = eks.update_cluster_config(**asked)["update"]["id"]
    assert eks.update_cluster_config(**asked)["update"]["id"] == first
    assert len(lab.world.effects) == 1


def test_the_switch_makes_the_entries_of_eks_itself(lab: Lab) -> None:
    switch_to_entries(lab)
    eks = client(lab, "eks")
    assert set(eks.list_access_entries(clusterName="demo")["accessEntries"]) == {
        CREATOR,
        NODES,
        WINDOWS,
        FARGATE,
        SERVICE_ROLE,
    }
    shown = {
        arn: eks.describe_access_entry(clusterName="demo", principalArn=arn)["accessEntry"]
        for arn in (CREATOR, NODES, WINDOWS, FARGATE)
    }
    assert {arn: (entry["type"], entry["username"]) for arn, entry in shown.items()} == {
        CREATOR: ("STANDARD", f"arn:aws:sts::{HOME}:assumed-role/creator/{{{{SessionName}}}}"),
        NODES: ("EC2_LINUX", "system:node:{{EC2PrivateDNSName}}"),
        WINDOWS: ("EC2_WINDOWS", "system:node:{{EC2PrivateDNSName}}"),
        FARGATE: ("FARGATE_LINUX", "system:node:{{SessionName}}"),
    }
    assert shown[NODES]["kubernetesGroups"] == ["system:nodes"]
    assert shown[CREATOR]["kubernetesGroups"] == []
    policies = eks.list_associated_access_policies(clusterName="demo", principalArn=CREATOR)
    assert [
        (item["policyArn"], item["accessScope"]) for item in policies["associatedAccessPolicies"]
    ] == [(CLUSTER_ADMIN, {"type": "cluster", "namespaces": []})]


@pytest.mark.parametrize("seconds", [0, 1, 3])
def test_the_switch_makes_the_entries_of_eks_itself_however_long_it_takes(
    tmp_path: Path, seconds: int
) -> None:
    with serving(small_world(updateSeconds=seconds), tmp_path) as lab:
        switch_to_entries(lab)
        assert (
            CREATOR in client(lab, "eks").list_access_entries(clusterName="demo")["accessEntries"]
        )


def test_automatic_entries_are_in_force_the_moment_the_switch_is_done(lab: Lab) -> None:
    world, cluster = lab.world, demo(lab.world)
    world.clock.freeze()
    set_mode(client(lab, "eks"), "API_AND_CONFIG_MAP")
    (done,) = cluster.upcoming(world.now())
    before = done - timedelta(microseconds=1)
    assert (cluster.effective_mode(before), cluster.effective_entries(before)) == ("CONFIG_MAP", [])
    assert cluster.effective_mode(done) == "API_AND_CONFIG_MAP"
    assert {entry.principal_arn for entry in cluster.effective_entries(done)} >= {CREATOR, NODES}
    assert cluster.entries(before) == {}


def test_making_an_automatic_entry_again_is_a_conflict(lab: Lab) -> None:
    switch_to_entries(lab)
    assert error_of(
        client(lab, "eks").create_access_entry, clusterName="demo", principalArn=NODES
    ) == (
        "ResourceInUseException",
        "The specified access entry resource is already in use on this cluster.",
    )


def test_the_creators_entry_is_visible_and_deletable_after_the_switch(lab: Lab) -> None:
    switch_to_entries(lab)
    eks = client(lab, "eks")
    eks.delete_access_entry(clusterName="demo", principalArn=CREATOR)
    assert CREATOR not in eks.list_access_entries(clusterName="demo")["accessEntries"]


def test_a_deleted_creator_gets_no_entry(lab: Lab) -> None:
    client(lab, "iam").delete_role(RoleName="creator")
    switch_to_entries(lab)
    assert (
        CREATOR not in client(lab, "eks").list_access_entries(clusterName="demo")["accessEntries"]
    )


def test_a_second_switch_makes_no_entry_again(lab: Lab) -> None:
    switch_to_entries(lab)
    eks = client(lab, "eks")
    eks.delete_access_entry(clusterName="demo", principalArn=NODES)
    set_mode(eks, "API")
    lab.world.clock.advance(timedelta(seconds=5))
    assert mode_of(eks) == ("API", "ACTIVE")
    assert NODES not in eks.list_access_entries(clusterName="demo")["accessEntries"]


@pytest.mark.parametrize("outcome", ["Failed", "Cancelled"])
def test_an_update_that_does_not_succeed_changes_nothing(
    lab: Lab, outcome: Literal["Failed", "Cancelled"]
) -> None:
    lab.world.faults.add(Fault("eks:UpdateClusterConfig", "update-fails", times=1, outcome=outcome))
    eks = client(lab, "eks")
    update = set_mode(eks, "API_AND_CONFIG_MAP")
    lab.world.clock.advance(timedelta(seconds=5))
    found = eks.describe_update(name="demo", updateId=update["id"])["update"]
    assert (found["status"], bool(found["errors"])) == (outcome, True)
    assert mode_of(eks) == ("CONFIG_MAP", "ACTIVE")
    assert demo(lab.world).effective_entries(lab.world.now()) == []
    assert set_mode(eks, "API_AND_CONFIG_MAP")["status"] == "InProgress"


def test_one_kind_of_update_at_a_time(lab: Lab) -> None:
    call = client(lab, "eks").update_cluster_config
    assert error_of(
        call,
        name="demo",
        accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"},
        resourcesVpcConfig={"endpointPrivateAccess": True},
    ) == ("InvalidParameterException", "Only one type of update can be allowed.")


def test_endpoint_access_is_changed_by_an_update(lab: Lab) -> None:
    eks = client(lab, "eks")
    wanted = {
        "endpointPublicAccess": True,
        "endpointPrivateAccess": True,
        "publicAccessCidrs": ["203.0.113.10/32"],
    }
    update = eks.update_cluster_config(name="demo", resourcesVpcConfig=wanted)["update"]
    assert update["type"] == "EndpointAccessUpdate"
    lab.world.clock.advance(timedelta(seconds=5))
    found = eks.describe_cluster(name="demo")["cluster"]["resourcesVpcConfig"]
    assert {key: found[key] for key in wanted} == wanted
    code, message = error_of(eks.update_cluster_config, name="demo", resourcesVpcConfig=wanted)
    assert code == "InvalidParameterException"
    assert message.startswith("Cluster is already at the desired configuration")


def test_log_types_are_switched_by_an_update(lab: Lab) -> None:
    eks = client(lab, "eks")
    off = {"clusterLogging": [{"types": ["audit", "authenticator", "api"], "enabled": False}]}
    eks.update_cluster_config(name="demo", logging=off)
    lab.world.clock.advance(timedelta(seconds=5))
    setups = eks.describe_cluster(name="demo")["cluster"]["logging"]["clusterLogging"]
    assert [setup["enabled"] for setup in setups] == [False]
    assert error_of(eks.update_cluster_config, name="demo", logging=off) == (
        "InvalidParameterException",
        "No changes needed for the logging config provided",
    )


def test_an_unknown_update_is_not_found(lab: Lab) -> None:
    assert (
        error_of(client(lab, "eks").describe_update, name="demo", updateId="none")[0]
        == "ResourceNotFoundException"
    )


def test_an_unknown_cluster_is_not_found_in_eks_words(lab: Lab) -> None:
    assert error_of(client(lab, "eks").describe_cluster, name="other") == (
        "ResourceNotFoundException",
        "No cluster found for name: other.",
    )
    assert (
        error_of(client(lab, "eks", region="eu-west-1").describe_cluster, name="demo")[0]
        == "ResourceNotFoundException"
    )


@pytest.mark.parametrize(
    ("config", "admitted"),
    [
        ({}, True),
        ({"publicAccessCidrs": ["203.0.113.0/24"]}, True),
        ({"publicAccessCidrs": ["198.51.100.0/24", "203.0.113.11/32"]}, False),
        ({"endpointPublicAccess": False, "endpointPrivateAccess": True}, False),
    ],
)
def test_the_endpoint_answers_addresses_in_its_ranges(
    config: dict[str, object], admitted: bool
) -> None:
    world = small_world(resourcesVpcConfig=config)
    assert demo(world).admits(world.settings.caller_address, world.now()) is admitted


def test_an_endpoint_that_admits_nobody_is_silent_until_it_is_opened(tmp_path: Path) -> None:
    world = small_world(resourcesVpcConfig={"publicAccessCidrs": ["198.51.100.1/32"]})
    world.open_endpoint = None
    with serving(world, tmp_path) as lab:
        eks = client(lab, "eks")
        described = eks.describe_cluster(name="demo")["cluster"]
        context = ssl.create_default_context(
            cadata=base64.b64decode(described["certificateAuthority"]["data"]).decode()
        )
        host = urlsplit(described["endpoint"]).netloc

        def version() -> int:
            connection = http.client.HTTPSConnection(host, timeout=1, context=context)
            try:
                connection.request("GET", "/version")
                return connection.getresponse().status
            finally:
                connection.close()

        with pytest.raises(TimeoutError):
            version()
        eks.update_cluster_config(
            name="demo", resourcesVpcConfig={"publicAccessCidrs": ["203.0.113.10/32"]}
        )
        lab.world.clock.advance(timedelta(seconds=5))
        assert version() in (200, 401, 403)
