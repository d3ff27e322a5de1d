"""A restricted public endpoint without a private one: read from EC2, in the plan, in doctor and in
a gate; each remedy is run as it is printed, and ends it.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.node_network import Ec2NodeNetwork
from migrator.adapters.tasks_threads import Threads
from migrator.decide.findings.node_join import CODE
from migrator.decide.planning.make_plan import make_plan
from migrator.decide.reach.required_permissions import OPEN_ENDPOINT, actions_of
from migrator.model.decision import Decisions
from migrator.model.diagnosis import Check
from migrator.model.files.snapshot import decode_snapshot
from migrator.model.finding import Finding
from migrator.run.read_node_join import node_join_check, node_network_of
from tests.support.small_lab import NODES, OPERATOR, SmallLab, small_lab, world_document
from tests.support.worlds import NOW

TRAP = {
    "endpointPublicAccess": True,
    "endpointPrivateAccess": False,
    "publicAccessCidrs": ["203.0.113.0/24"],
}
FAILED = {
    "status": "DEGRADED",
    "health": {
        "issues": [
            {
                "code": "NodeCreationFailure",
                "message": "Instances failed to join the kubernetes cluster",
                "resourceIds": ["i-0123456789abcdef0"],
            }
        ]
    },
}


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SmallLab]]:
    with ExitStack() as running:

        def begin(**group: Any) -> SmallLab:  # noqa: ANN401 - fields of a node group
            workers = {"nodegroupName": "workers", "nodeRole": NODES, **group}
            workers.setdefault("subnets", ["subnet-0a1b2c3d4e5f60001"])
            document = world_document(resourcesVpcConfig=TRAP, nodegroups=[workers])
            return running.enter_context(small_lab(tmp_path / "lab", monkeypatch, document))

        yield begin


Start = Callable[..., SmallLab]


def check_of(lab: SmallLab) -> Check | None:
    """Doctor's check."""
    networks = Ec2NodeNetwork(lab.session, Threads(4))
    found = node_join_check(lab.cluster, networks, lab.cluster.describe_cluster())
    return next(iter(found), None)


def finding_of(lab: SmallLab) -> Finding | None:
    """The plan's finding, from what a snapshot has of it."""
    cluster = lab.cluster.describe_cluster()
    document = {
        "format": "migrator/snapshot/v1",
        "takenAt": "2026-11-22T00:00:00Z",
        "cluster": cluster,
        "configMap": None,
        "nodegroups": lab.cluster.list_nodegroups(),
        "fargateProfiles": [],
        "nodeNetwork": node_network_of(Ec2NodeNetwork(lab.session, Threads(4)), cluster),
    }
    plan = make_plan(decode_snapshot(document), Decisions(), now=NOW)
    return next((each for each in plan.findings if each.code == CODE), None)


def run_command(lab: SmallLab, command: str) -> None:
    """Run ``aws eks update-cluster-config`` as it is printed."""
    words = shlex.split(command)
    assert words[:3] == ["aws", "eks", "update-cluster-config"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--region"] == lab.session.region
    key, _, value = options["--resources-vpc-config"].partition("=")
    wanted: Any = value.split(",") if key == "publicAccessCidrs" else value == "true"
    lab.session.call(
        "eks",
        "update_cluster_config",
        name=options["--name"],
        resourcesVpcConfig={key: wanted},
    )


def commands_in(remedy: str) -> list[str]:
    return re.findall(r"`(aws [^`]+)`", remedy)


@pytest.mark.parametrize("number", [0, 1])
def test_each_remedy_ends_the_finding(start: Start, number: int) -> None:
    lab = start()
    finding, check = finding_of(lab), check_of(lab)
    assert finding is not None
    assert check is not None
    assert (finding.severity, check.state) == ("warn", "warn")
    assert finding.message in check.said
    assert "subnet-0a1b2c3d4e5f60001 (node group workers) leaves by NAT gateway nat-" in check.said
    commands = commands_in(check.remedy)
    assert commands == commands_in(finding.remedy)
    assert len(commands) == 2
    assert "endpointPrivateAccess=true" in commands[0]
    run_command(lab, commands[number])
    assert finding_of(lab) is None
    after = check_of(lab)
    assert after is None or after.state == "ok"


def test_node_group_that_fails_to_join_blocks(start: Start) -> None:
    lab = start(**FAILED)
    finding, check = finding_of(lab), check_of(lab)
    assert finding is not None
    assert check is not None
    assert (finding.severity, check.state) == ("block", "fail")
    assert "Instances failed to join: workers." in finding.message


def test_lists_that_may_not_be_read_are_unknown(start: Start) -> None:
    lab = start()
    role = lab.lab.world.principal(OPERATOR)
    assert role is not None
    role.permissions.denied = ("ec2:DescribeNatGateways", "ec2:DescribeSubnets")
    found = node_network_of(Ec2NodeNetwork(lab.session, Threads(4)), lab.cluster.describe_cluster())
    assert found is not None
    assert sorted(found) == ["networkInterfaces", "routeTables"]
    check = check_of(lab)
    assert check is not None
    assert "not known" in check.said


def test_commands_that_read_the_ways_state_it() -> None:
    for command in ("snapshot", "plan", "cutover", "report", "doctor"):
        assert ("ec2:DescribeNatGateways", "*") in actions_of(command)
        assert ("ec2:DescribeRouteTables", "*") in actions_of(command)
    assert {action for action, _ in OPEN_ENDPOINT} == {
        "eks:UpdateClusterConfig",
        "eks:ListUpdates",
        "eks:DescribeUpdate",
        "eks:TagResource",
        "eks:UntagResource",
    }


def test_other_endpoints_ask_nothing_of_ec2(start: Start) -> None:
    lab = start()
    cluster = {**lab.cluster.describe_cluster(), "resourcesVpcConfig": {"vpcId": "vpc-1"}}
    assert node_network_of(Ec2NodeNetwork(lab.session, Threads(1)), cluster) is None
