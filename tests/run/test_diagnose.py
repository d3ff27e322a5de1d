"""Doctor: what it says of a healthy cluster, and of each thing that can be in the way."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.admission_webhooks import KubernetesWebhooks
from migrator.adapters.caller_permissions import SimulatedPermissions
from migrator.adapters.clock import MachineClock
from migrator.adapters.endpoint_access import EksEndpointAccess
from migrator.adapters.reviewers import RealReviewers
from migrator.app.settings import Settings
from migrator.app.way import WayHere
from migrator.errors import Failed, MigratorError
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.lab_cluster import LabUpdate
from migrator.lab.worlds.principals import Permissions as LabPermissions
from migrator.model.diagnosis import Check, Diagnosis
from migrator.model.way import Connected, Resolved, Way
from migrator.ports import Raw
from migrator.run.diagnose import DiagnosePorts, diagnose
from tests.support.small_lab import (
    ACCOUNT,
    ALICE,
    CLUSTER,
    SmallLab,
    adapters,
    small_lab,
    world_document,
)

Start = Callable[..., SmallLab]
NARROW = {
    "endpointPublicAccess": True,
    "endpointPrivateAccess": False,
    "publicAccessCidrs": ["203.0.113.0/24"],
}


@dataclass
class Address:
    """A machine that is seen under an address."""

    address: str | None = "198.51.100.7"

    def public_address(self) -> str | None:
        return self.address


@dataclass
class NobodyAsks:
    """A caller who may not simulate policies."""

    def refused(
        self, needs: Sequence[tuple[str, str]], *, unconditional: bool = False
    ) -> list[tuple[str, str]] | None:
        del unconditional
        return None

    def why_not_asked(self) -> MigratorError | None:
        return None

    def limit_of(self, action: str, resource: str) -> str:
        del action, resource
        return ""


@pytest.fixture
def start_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with ExitStack() as running:

        def start(**changes: Any) -> SmallLab:  # noqa: ANN401 - fields of a world file
            return running.enter_context(
                small_lab(tmp_path / "lab", monkeypatch, world_document(**changes))
            )

        yield start


def ports(lab: SmallLab, address: str | None = None) -> DiagnosePorts:
    return DiagnosePorts(
        lab.cluster,
        lab.config_maps,
        RealReviewers(lab.session, lab.wire, CLUSTER),
        SimulatedPermissions(lab.session, lab.principals),
        Address(address),
        lab.tasks,
        MachineClock(),
        webhooks=KubernetesWebhooks(lab.kubernetes),
    )


def by_name(diagnosis: Diagnosis) -> dict[str, Check]:
    return {check.name: check for check in diagnosis.checks}


def test_a_healthy_cluster_and_caller(start_lab: Start) -> None:
    found = diagnose(ports(start_lab()))
    checks = by_name(found)
    assert found.healthy
    assert "assumed-role/operator" in checks["caller"].said
    assert checks["api-server"].state == "ok"
    assert "Inside the cluster you are" in checks["login"].said
    assert {f"iam-permissions-{one}" for one in ("plan", "apply", "verify", "cutover")} <= set(
        checks
    )
    assert checks["kubernetes-permissions-apply"].state == "ok"
    assert checks["cluster-lock"].state == "ok"


def test_missing_writes_fail_and_missing_reads_warn(start_lab: Start) -> None:
    lab = start_lab()
    denied = LabPermissions(("eks:CreateAccessEntry", "eks:ListNodegroups"), None)
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = denied
    checks = by_name(diagnose(ports(lab)))
    assert checks["iam-permissions-plan"].state == "warn"
    assert checks["iam-permissions-apply"].state == "fail"
    assert "eks:CreateAccessEntry" in checks["iam-permissions-apply"].remedy
    # Gate 3 lists node groups, and cannot be waived.
    assert checks["iam-permissions-cutover"].state == "fail"


@pytest.mark.parametrize("kind", ["service control policy", "permissions boundary"])
def test_a_policy_that_limits_the_caller_is_named_and_no_permission_is_asked_for(
    start_lab: Start, kind: str
) -> None:
    lab = start_lab()
    denied = LabPermissions(("eks:CreateAccessEntry",), None, kind)
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = denied
    check = by_name(diagnose(ports(lab)))["iam-permissions-apply"]
    assert check.state == "fail"
    assert kind in check.remedy
    assert "Give the caller" not in check.remedy


def test_the_log_is_a_read_that_only_makes_answers_weaker(start_lab: Start) -> None:
    lab = start_lab()
    denied = LabPermissions(("logs:FilterLogEvents",), None)
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = denied
    check = by_name(diagnose(ports(lab)))["iam-permissions-apply"]
    assert check.state == "warn"
    assert "logs:FilterLogEvents" in check.said


def test_what_is_under_way_in_the_cluster_and_what_sees_writes_is_shown(start_lab: Start) -> None:
    lab = start_lab()
    connected = ports(lab)
    cluster = lab.lab.world.cluster(CLUSTER)
    cluster.raw["health"] = {"issues": [{"code": "Ec2SubnetNotFound", "resourceIds": ["subnet-9"]}]}
    now = lab.lab.world.now()
    later = now + timedelta(hours=9)
    cluster.add_update(LabUpdate("u-1", "VersionRollback", (), now, later, quiet=True))
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "policies"},
        "webhooks": [
            {
                "name": "all.example.com",
                "rules": [
                    {
                        "apiGroups": ["*"],
                        "apiVersions": ["*"],
                        "operations": ["*"],
                        "resources": ["*"],
                    }
                ],
                "clientConfig": {"url": "https://policies.example.com"},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
    lab.lab.world.controls["putObject"]({"cluster": CLUSTER, "object": webhook})
    checks = by_name(diagnose(connected))
    assert "Ec2SubnetNotFound of subnet-9" in checks["cluster-health"].said
    assert checks["cluster-status"].state == "ok"
    assert "VersionRollback of the cluster (update u-1)" in checks["cluster-updates"].said
    assert checks["certificate-authority"].state == "ok"
    assert checks["control-plane-logs"].state == "ok"
    assert "webhook all.example.com of policies (failurePolicy Fail)" in checks["webhooks"].said


def test_updates_and_webhooks_that_may_not_be_listed_are_unknown(start_lab: Start) -> None:
    lab = start_lab()
    denied = LabPermissions(("eks:ListUpdates",), None)
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = denied
    lab.lab.world.faults.add(
        Fault("kubernetes:list validatingwebhookconfigurations", "error", status=500)
    )
    checks = by_name(diagnose(ports(lab)))
    assert checks["cluster-updates"].state == "unknown"
    assert "eks:ListUpdates" in checks["cluster-updates"].said
    assert checks["webhooks"].state == "unknown"


def test_a_caller_who_may_not_simulate_gets_unknown_and_the_policy(start_lab: Start) -> None:
    found = diagnose(replace(ports(start_lab()), permissions=NobodyAsks()))
    check = by_name(found)["iam-permissions"]
    assert check.state == "unknown"
    assert "--policy" in check.remedy
    assert not found.healthy


@dataclass
class NewPolicies:
    """A Region that offers a policy which no table has."""

    lab: SmallLab

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the lab's own cluster
        return getattr(self.lab.cluster, name)

    def list_access_policies(self) -> list[str]:
        stem = "arn:aws:eks::aws:cluster-access-policy"
        return [*self.lab.cluster.list_access_policies(), f"{stem}/AmazonEKSTomorrowPolicy"]


def test_access_policies_of_the_region_are_compared_with_the_tables(start_lab: Start) -> None:
    lab = start_lab()
    check = by_name(diagnose(ports(lab)))["access-policies"]
    assert (check.state, check.said[:21]) == ("ok", "This version knows al")
    offering: Any = NewPolicies(lab)
    found = diagnose(replace(ports(lab), cluster=offering))
    assert "AmazonEKSTomorrowPolicy" in by_name(found)["access-policies"].said
    assert found.healthy
    fresh = adapters(lab.lab, lab.session.with_profile(lab.profile(ALICE)))
    lab.lab.world.accounts[ACCOUNT].users["alice"].permissions = LabPermissions(
        ("eks:ListAccessPolicies",), None
    )
    check = by_name(diagnose(ports(fresh)))["access-policies"]
    assert check.state == "unknown"
    assert "eks:ListAccessPolicies" in check.said


def test_simulation_that_is_denied_is_unknown(start_lab: Start) -> None:
    lab = start_lab()
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = LabPermissions(
        ("iam:Simulate*",), None
    )
    assert (
        SimulatedPermissions(lab.session, lab.principals).refused([("eks:DescribeCluster", "*")])
        is None
    )


def test_what_iam_refuses_another_principal_can_be_asked(start_lab: Start) -> None:
    lab = start_lab()
    permissions = SimulatedPermissions(lab.session, lab.principals)
    needs = [("eks:CreateAccessEntry", "*"), ("eks:AssociateAccessPolicy", "*")]
    assert permissions.refused_to(ALICE, needs) == []
    lab.lab.world.accounts[ACCOUNT].users["alice"].permissions = LabPermissions(
        ("eks:Associate*",), None
    )
    assert permissions.refused_to(ALICE, needs) == needs[1:]
    with pytest.raises(MigratorError) as caught:
        permissions.refused_to(f"arn:aws:iam::{ACCOUNT}:role/nobody-there", needs)
    assert caught.value.code == "principal-not-found"
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = LabPermissions(
        ("iam:Simulate*",), None
    )
    assert permissions.refused_to(ALICE, needs) is None


def test_a_caller_without_rights_in_the_cluster_is_told_what_it_lacks(start_lab: Start) -> None:
    objects: tuple[dict[str, Any], ...] = (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "reader", "namespace": "kube-system"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "reader", "namespace": "kube-system"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}
            ],
        },
    )
    lab = start_lab(objects=objects)
    alice = adapters(lab.lab, lab.session.with_profile(lab.profile(ALICE)))
    checks = by_name(diagnose(ports(alice)))
    assert "you are alice with team-a" in checks["login"].said
    assert checks["kubernetes-permissions-plan"].state == "warn"
    assert checks["kubernetes-permissions-apply"].state == "fail"
    assert "create clusterrolebindings" in checks["kubernetes-permissions-apply"].said
    assert checks["cluster-lock"].state == "warn"  # by a tag
    denied = LabPermissions(("eks:TagResource",), None)
    lab.lab.world.accounts[ACCOUNT].users["alice"].permissions = denied
    check = by_name(diagnose(ports(alice)))["cluster-lock"]
    assert check.state == "fail"
    assert "create leases, get leases eks-access-migrator" in check.said
    assert "eks:TagResource" in check.remedy


def test_a_caller_who_may_not_read_aws_auth_fails(start_lab: Start) -> None:
    lab = start_lab()
    alice = adapters(lab.lab, lab.session.with_profile(lab.profile(ALICE)))
    checks = by_name(diagnose(ports(alice)))
    assert checks["api-server"].state == "fail"
    assert "get configmaps aws-auth" in checks["api-server"].said
    assert "login" not in checks


def test_an_absent_aws_auth_is_said(start_lab: Start) -> None:
    lab = start_lab()
    raw = lab.config_maps.read()
    assert raw is not None
    lab.config_maps.delete(resource_version=raw["metadata"]["resourceVersion"])
    assert by_name(diagnose(ports(lab)))["aws-auth"].state == "warn"


class Unreachable:
    """An API server that does not answer."""

    def read(self) -> Raw | None:
        raise Failed(
            "api-server-unreachable",
            "It cannot be reached.",
            why="Timed out.",
            remedy="Use --proxy-url.",
        )

    write_data = delete = read  # never called


@pytest.mark.parametrize(
    ("address", "state"), [("198.51.100.7", "fail"), ("203.0.113.9", "ok"), (None, "unknown")]
)
def test_an_unreachable_api_server_is_compared_with_the_filter(
    address: str | None, state: str, start_lab: Start
) -> None:
    lab = start_lab()
    described = {**lab.cluster.describe_cluster(), "resourcesVpcConfig": NARROW}
    blocked: Any = Unreachable()
    checks = by_name(
        diagnose(replace(ports(lab, address), config_maps=blocked), described=described)
    )
    assert checks["api-server"].state == "fail"
    assert checks["source-address"].state == state
    assert checks["endpoint-access"].state == "warn"
    assert "login" not in checks


@dataclass
class Seen:
    """A way as it was observed."""

    way: Way

    def observe(self) -> Way:
        return self.way


STAGES = ["clock", "way-name", "way-proxy", "way-tcp", "way-tls", "way-http"]


def test_all_stages_of_an_open_way_are_shown(start_lab: Start) -> None:
    lab = start_lab()
    here = WayHere(Settings(), lab.session, lab.wire)
    found = diagnose(replace(ports(lab), way=here))
    checks = by_name(found)
    assert [checks[name].state for name in STAGES] == ["ok"] * 6
    assert found.healthy


def test_a_filter_is_a_stage_and_the_address_is_compared_once(start_lab: Start) -> None:
    lab = start_lab()
    described = {**lab.cluster.describe_cluster(), "resourcesVpcConfig": NARROW}
    ends = replace(lab.wire.ends, public=True, public_cidrs=("203.0.113.0/24",))
    way = Way(
        ends,
        Resolved(("192.0.2.1",)),
        Connected("timeout", "timed out"),
        source_address="198.51.100.7",
        clock_skew=timedelta(minutes=10),
    )
    blocked: Any = Unreachable()
    asked = replace(ports(lab, None), config_maps=blocked, way=Seen(way))
    found = diagnose(asked, described=described)
    checks = by_name(found)
    stages = [checks[name].state for name in STAGES]
    assert stages == ["fail", "ok", "ok", "fail", "unknown", "unknown"]
    assert "198.51.100.7 is not in publicAccessCidrs" in checks["way-tcp"].said
    assert [check.state for check in found.checks if check.name == "source-address"] == ["fail"]


def test_public_cidrs_are_read_and_set(start_lab: Start) -> None:
    lab = start_lab(resourcesVpcConfig={**NARROW, "subnetIds": []})
    arn = str(lab.cluster.describe_cluster()["arn"])
    access = EksEndpointAccess(lab.session, CLUSTER, arn)
    assert access.read().cidrs == ("203.0.113.0/24",)
