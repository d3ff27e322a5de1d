"""Doctor on security groups, over the wire: layouts of the lab, what may not be read, and commands
that are run as they are printed.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.security_groups import Ec2Network
from migrator.decide.reach.security_groups.security_checks import required_rules, security_checks
from migrator.lab.worlds.network import permission
from migrator.lab.worlds.principals import Permissions
from migrator.model.diagnosis import Check, Diagnosis, RequiredRule
from migrator.render.diagnosis import diagnosis_document, diagnosis_text
from tests.support.aws_command import run_script
from tests.support.small_lab import (
    ACCOUNT,
    CLUSTER,
    INSTANCE,
    OPERATOR,
    REGION,
    SmallLab,
    small_lab,
    world_document,
)

Start = Callable[..., SmallLab]
CLUSTER_GROUP, NODE_GROUP, VPC = "sg-0a1b2c3d4e5f60001", "sg-0nodes", "vpc-0a1b2c3d4e5f60001"


@pytest.fixture
def start_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with ExitStack() as running:

        def start(**changes: Any) -> SmallLab:  # noqa: ANN401 - fields of a world file
            networks = changes.pop("networks", [])
            document = world_document(**changes)
            document["accounts"][0]["networks"] = networks
            return running.enter_context(small_lab(tmp_path / "lab", monkeypatch, document))

        yield start


def judge(lab: SmallLab) -> tuple[dict[str, RequiredRule], tuple[Check, ...]]:
    cluster = lab.cluster.describe_cluster()
    facts = Ec2Network(lab.session, lab.tasks).read(cluster)
    rows = required_rules(cluster, REGION, facts)
    return {row.name: row for row in rows}, security_checks(rows, facts)


def run_commands(lab: SmallLab, folder: Path, rows: dict[str, RequiredRule]) -> None:
    """Run every command of the table as it is printed."""
    script = "set -e\n" + "\n".join(row.command for row in rows.values() if row.command)
    done: subprocess.CompletedProcess[str] = run_script(lab.lab, folder, script, OPERATOR)
    assert done.returncode == 0, done.stderr


def test_a_cluster_as_eksctl_makes_it_lacks_nothing(start_lab: Start) -> None:
    rows, checks = judge(start_lab())
    assert {row.state for row in rows.values()} == {"ok"}
    assert [(check.name, check.state) for check in checks] == [("security-groups", "ok")]


def test_a_cluster_as_terraform_makes_it_has_the_minimum(start_lab: Start) -> None:
    rows, checks = judge(start_lab(network="terraform"))
    assert {name for name, row in rows.items() if row.state == "warn"} == {
        "control-plane-to-nodes",
        "node-to-node",
    }
    assert "TCP 1025-65535" in rows["control-plane-to-nodes"].missing
    assert {check.state for check in checks} == {"warn"}
    the_table_is_in_every_format(rows, checks)


def the_table_is_in_every_format(rows: dict[str, RequiredRule], checks: tuple[Check, ...]) -> None:
    diagnosis = Diagnosis(CLUSTER, checks, tuple(rows.values()))
    document = json.loads(json.dumps(diagnosis_document(diagnosis)))
    found = {row["name"]: row for row in document["securityGroups"]}
    assert set(found["node-to-node"]) == {
        "name",
        "state",
        "rule",
        "minimum",
        "recommended",
        "found",
        "missing",
        "command",
        "steps",
    }
    text = " ".join(diagnosis_text(diagnosis).split())
    for row in rows.values():
        for part in (row.rule, row.minimum, row.recommended, row.missing, row.command):
            assert part in text


def test_a_node_group_without_the_owned_tag_and_10250_is_mended_by_the_commands(
    start_lab: Start, tmp_path: Path
) -> None:
    nodes = {
        "GroupId": NODE_GROUP,
        "GroupName": "nodes",
        "VpcId": VPC,
        "IpPermissions": [permission("-1", group=NODE_GROUP)],
        "IpPermissionsEgress": [permission("-1", cidr="0.0.0.0/0")],
    }
    interface = {
        "NetworkInterfaceId": "eni-0node",
        "VpcId": VPC,
        "SubnetId": "subnet-0a1b2c3d4e5f60001",
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.77"}],
        "Groups": [{"GroupId": NODE_GROUP}],
        "Attachment": {"InstanceId": INSTANCE, "DeviceIndex": 0},
    }
    network = {"region": REGION, "securityGroups": [nodes], "networkInterfaces": [interface]}
    lab = start_lab(networks=[network], resourcesVpcConfig={"endpointPrivateAccess": True})
    lab.lab.world.accounts[ACCOUNT].instances[INSTANCE].tags[f"kubernetes.io/cluster/{CLUSTER}"] = (
        "owned"
    )
    rows, checks = judge(lab)
    states = {row.name: row.state for row in rows.values() if row.state != "ok"}
    assert states == {
        "nodes-to-control-plane": "fail",
        "control-plane-to-nodes": "fail",
        "cluster-group-on-nodes": "warn",
        "owned-tag": "warn",
    }
    assert (
        f"TCP 10250 into {NODE_GROUP} from {CLUSTER_GROUP}"
        in rows["control-plane-to-nodes"].missing
    )
    assert (
        f"aws ec2 authorize-security-group-ingress --region {REGION} --group-id {NODE_GROUP} "
        f"--protocol tcp --port 10250 --source-group {CLUSTER_GROUP}"
    ) in rows["control-plane-to-nodes"].command
    assert rows["owned-tag"].command == (
        f"aws ec2 create-tags --region {REGION} --resources {NODE_GROUP} "
        f"--tags Key=kubernetes.io/cluster/{CLUSTER},Value=owned"
    )
    assert {"security-groups-control-plane-to-nodes", "security-groups-owned-tag"} <= {
        check.name for check in checks
    }
    run_commands(lab, tmp_path / "aws", rows)
    after, checks = judge(lab)
    assert {row.name: row.missing for row in after.values() if row.state != "ok"} == {}
    assert [check.state for check in checks] == ["ok"]


def test_missing_ways_out_and_a_shared_group_are_mended_by_the_commands(
    start_lab: Start, tmp_path: Path
) -> None:
    """No route to every address, an endpoint that denies, one without private DNS, two that are
    missing, and a control-plane group that another cluster has.
    """
    shared, denying = "sg-0shared", "sg-0denies"
    table = {"RouteTableId": "rtb-0", "VpcId": VPC, "Associations": [{"Main": True}], "Routes": []}
    groups = [
        {
            "GroupId": name,
            "GroupName": name,
            "VpcId": VPC,
            "IpPermissions": into,
            "IpPermissionsEgress": [permission("-1", cidr="0.0.0.0/0")],
        }
        for name, into in ((shared, [permission("tcp", 443, cidr="10.0.0.0/8")]), (denying, []))
    ]
    other = {
        "NetworkInterfaceId": "eni-0other",
        "VpcId": VPC,
        "SubnetId": "subnet-0a1b2c3d4e5f60001",
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.99"}],
        "Groups": [{"GroupId": shared}],
        "Description": "Amazon EKS staging",
    }
    endpoints = [
        {
            "VpcEndpointId": f"vpce-0{part}",
            "VpcId": VPC,
            "ServiceName": f"com.amazonaws.{REGION}.{part}",
            "VpcEndpointType": "Interface",
            "State": "available",
            "Groups": [{"GroupId": denying}],
            "SubnetIds": ["subnet-0a1b2c3d4e5f60001"],
            "PrivateDnsEnabled": part == "sts",
        }
        for part in ("sts", "eks")
    ]
    network = {
        "region": REGION,
        "securityGroups": groups,
        "networkInterfaces": [other],
        "routeTables": [table],
        "vpcEndpoints": endpoints,
    }
    config = {"endpointPrivateAccess": True, "securityGroupIds": [shared]}
    lab = start_lab(networks=[network], resourcesVpcConfig=config)
    rows, _ = judge(lab)
    states = {row.name: row.state for row in rows.values() if row.state != "ok"}
    assert states == {"egress": "warn", "control-plane-groups": "warn"}
    run_commands(lab, tmp_path / "aws", rows)
    lab.lab.world.clock.advance(timedelta(hours=1))
    after, checks = judge(lab)
    assert {row.name: row.missing for row in after.values() if row.state != "ok"} == {}
    assert [check.state for check in checks] == ["ok"]


# The rows that are unknown without an action.
UNKNOWN_WITHOUT = {
    "ec2:DescribeSecurityGroups": "nodes-to-control-plane",
    "ec2:DescribeInstances": "control-plane-to-nodes",
    "ec2:DescribeNetworkInterfaces": "control-plane-groups",
    "ec2:DescribeRouteTables": "egress",
    "ec2:DescribeNatGateways": "egress",
    "ec2:DescribeVpcEndpoints": "egress",
}


def test_what_may_not_be_read_is_unknown_by_the_name_of_the_action(start_lab: Start) -> None:
    lab = start_lab()
    operator = lab.lab.world.accounts[ACCOUNT].roles["operator"]
    for action, unknown in UNKNOWN_WITHOUT.items():
        operator.permissions = Permissions((action,), None)
        rows, checks = judge(lab)
        assert rows[unknown].state == "unknown"
        assert not {"fail", "warn"} & {row.state for row in rows.values()}
        (check,) = checks
        assert check.state == "unknown"
        assert action in check.said
        assert check.remedy == f"Give the caller {action}."
    # The interfaces still tell where the control plane is.
    operator.permissions = Permissions(("ec2:DescribeSubnets",), None)
    rows, _ = judge(lab)
    assert {row.state for row in rows.values()} == {"ok"}


def test_a_prefix_list_counts_by_its_blocks_and_is_unknown_where_it_may_not_be_read(
    start_lab: Start,
) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    group = {
        "GroupId": CLUSTER_GROUP,
        "GroupName": "eks-cluster-sg-prod",
        "VpcId": VPC,
        "IpPermissions": [
            {**rule, "PrefixListIds": [{"PrefixListId": "pl-office"}]},
            permission("-1", group=CLUSTER_GROUP),
        ],
        "IpPermissionsEgress": [permission("-1", cidr="0.0.0.0/0")],
    }
    lists = [{"id": "pl-office", "cidrs": ["10.9.0.0/16"]}]
    network = {"region": REGION, "securityGroups": [group], "prefixLists": lists}
    access = {"endpointPublicAccess": False, "endpointPrivateAccess": True}
    lab = start_lab(networks=[network], resourcesVpcConfig=access)
    cluster = lab.cluster.describe_cluster()

    def state(address: str) -> str:
        facts = Ec2Network(lab.session, lab.tasks, host_address=address).read(cluster)
        rows = required_rules(cluster, REGION, facts)
        return next(row.state for row in rows if row.name == "host-to-endpoint")

    assert state("10.9.0.7") == "ok"
    assert state("10.8.0.7") == "fail"
    # The address of a node: its interface is found, with its groups.
    assert state("10.0.0.1") == "ok"
    denied = Permissions(("ec2:GetManagedPrefixListEntries",), None)
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = denied
    assert state("10.9.0.7") == "unknown"
