"""A cluster on the lab with one principal of each sort, and the library's own workflows pointed at
it.

Everything goes over the wire through the production adapters; what the tests change behind the
product's back they change through the same APIs, as somebody else would.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import migrator
from migrator.adapters.aws_session import AwsSession, AwsSettings, open_session
from migrator.app.connect import Connection, connect, now, run_ports, snapshot_ports
from migrator.app.settings import Settings
from migrator.cli.operator import operator_of
from migrator.lab.lab_client import control, enter_lab, lab_state
from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import build_world
from migrator.model.canonical import pretty_bytes
from migrator.model.decision import AssumeAs
from migrator.model.evidence import PrincipalVerdict
from migrator.model.files.plan import decode_plan_with_digest
from migrator.model.outcome import NOT_ASKED_FOR, RunOutcome, VerifyOutcome
from migrator.model.plan import Plan
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.begin_run import RunPorts
from migrator.run.take_snapshot import take_snapshot
from migrator.run.verify_access import VerifyOptions, verify_access

ACCOUNT, REGION, CLUSTER = "111122223333", "eu-central-1", "prod"
POLICY = "arn:aws:eks::aws:cluster-access-policy/"
ZONE = f"{REGION}.compute.internal"


def role(name: str, path: str = "/") -> str:
    """A role's ARN."""
    return f"arn:aws:iam::{ACCOUNT}:role{path}{name}"


OPERATOR, ADMIN, DEVS, AUDITOR, CLOSED = (
    role(name) for name in ("operator", "admin", "devs", "auditor", "closed")
)
VIEWER, NODES, FARGATE = role("viewer", "/teams/"), role("workers", "/nodes/"), role("pods")
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
NODE_NAMES = tuple(f"ip-10-0-0-{n}.{ZONE}" for n in (1, 2, 3))
INSTANCES = tuple(f"i-0123456789abcdef{n}" for n in (1, 2, 3))
FARGATE_NODE = f"fargate-ip-10-0-9-1.{ZONE}"
MAP_ROLES = f"""\
- rolearn: {role("workers")}
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: {FARGATE}
  username: system:node:{{{{SessionName}}}}
  groups: [system:bootstrappers, system:nodes, system:node-proxier]
- {{rolearn: "{OPERATOR}", username: operator, groups: ["system:masters"]}}
- {{rolearn: "{ADMIN}", username: "admin:{{{{SessionName}}}}", groups: ["system:masters"]}}
- {{rolearn: "{DEVS}", username: "dev:{{{{SessionName}}}}", groups: [devs]}}
- {{rolearn: "{CLOSED}", username: closed, groups: [devs]}}
"""
MAP_USERS = f"- {{userarn: {ALICE}, username: alice, groups: [devs]}}\n"


def binding(name: str, group: str, role_name: str, namespace: str | None = None) -> dict[str, Any]:
    """A binding of a group to a ClusterRole."""
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding" if namespace is None else "RoleBinding",
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role_name,
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
    }


def _node(name: str, provider_id: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"kubernetes.io/os": "linux", **labels}}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata,
        "spec": {"providerID": provider_id},
    }


def world_document(**cluster: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a world file
    """The world: people by rows, an auditor and a viewer by entries with policies, three nodes and
    a Fargate pod.
    """
    ec2 = {"services": ["ec2.amazonaws.com"]}
    nodes = [_node(n, f"aws:///{REGION}a/{i}") for n, i in zip(NODE_NAMES, INSTANCES, strict=True)]
    label = {"eks.amazonaws.com/compute-type": "fargate"}
    return {
        "format": "migrator/world/v1",
        "name": "proof",
        "operator": OPERATOR,
        "settings": {"region": REGION, "propagationSeconds": 1, "updateSeconds": 0},
        "accounts": [
            {
                "id": ACCOUNT,
                "roles": [
                    *({"name": name} for name in ("operator", "admin", "devs", "auditor")),
                    {"name": "viewer", "path": "/teams/"},
                    {"name": "closed", "trust": ec2},
                    {"name": "workers", "path": "/nodes/", "trust": ec2},
                    {"name": "pods", "trust": {"services": ["eks-fargate-pods.amazonaws.com"]}},
                ],
                "users": [{"name": "alice"}],
                "instanceProfiles": [{"name": "workers", "role": "workers"}],
                "instances": [
                    {"id": i, "region": REGION, "privateDnsName": n, "instanceProfile": "workers"}
                    for n, i in zip(NODE_NAMES, INSTANCES, strict=True)
                ],
            }
        ],
        "clusters": [
            {
                "name": CLUSTER,
                "account": ACCOUNT,
                "region": REGION,
                "authenticationMode": "API_AND_CONFIG_MAP",
                "creator": ADMIN,
                "automatic": ["nodegroups", "service-linked"],
                "fargateProfiles": [
                    {
                        "fargateProfileName": "pods",
                        "podExecutionRoleArn": FARGATE,
                        "status": "ACTIVE",
                    },
                ],
                "accessEntries": [
                    {"principalArn": FARGATE, "type": "FARGATE_LINUX"},
                    {
                        "principalArn": AUDITOR,
                        "username": "auditor",
                        "policies": [{"policyArn": f"{POLICY}AmazonEKSViewPolicy"}],
                    },
                    {
                        "principalArn": VIEWER,
                        "username": "viewer",
                        "policies": [
                            {
                                "policyArn": f"{POLICY}AmazonEKSEditPolicy",
                                "namespaces": ["payments", "shop"],
                            }
                        ],
                    },
                ],
                "kubernetes": [
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
                        "data": {"mapRoles": MAP_ROLES, "mapUsers": MAP_USERS},
                    },
                    *(
                        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}}
                        for n in ("shop", "payments")
                    ),
                    binding("devs", "devs", "edit", "shop"),
                    binding("wide", "wide", "admin"),
                    *nodes,
                    _node(FARGATE_NODE, f"aws:///{REGION}a/0a1b-2c3d/{FARGATE_NODE}", **label),
                ],
                **cluster,
            }
        ],
    }


@dataclass
class ProofLab:
    """The running lab, and the library's workflows on it as the operator."""

    lab: Lab
    folder: Path
    settings: Settings
    # the operator's; shared, because reading the SDK's models takes a second each time
    session: AwsSession

    def connect(self) -> Connection:
        """The cluster, as the operator."""
        return connect(self.settings, CLUSTER, session=self.session)

    def profile(self, arn: str) -> str:
        """The AWS profile that holds a principal's credentials."""
        return str(lab_state(self.lab.directory)["profiles"][arn])

    def plan(self, decisions: Mapping[str, Any] | None = None) -> tuple[Plan, str]:
        """The plan of the cluster as it is, with its digest."""
        snapshot = take_snapshot(
            snapshot_ports(operator_of(self.settings), self.connect()), now=now()
        )
        document = migrator.plan(snapshot, decisions, now=now())
        plan, digest = decode_plan_with_digest(pretty_bytes(document))
        assert not plan.blocked, [f for f in plan.findings if f.severity == "block"]
        return plan, digest

    def ports(self, plan: Plan, ways: Mapping[str, AssumeAs] | None = None) -> RunPorts:
        """Fresh production ports, as a command has them."""
        known = ways or {ALICE: AssumeAs(profile=self.profile(ALICE))}
        return run_ports(
            operator_of(self.settings, yes=True), plan, ways=known, connection=self.connect()
        )

    def apply(self, plan: Plan, digest: str, *only: str, **options: Any) -> RunOutcome:  # noqa: ANN401
        """Apply to the end, for everybody or some."""
        return apply_plan(plan, digest, self.ports(plan), ApplyOptions(only=only, **options))

    def verify(
        self,
        plan: Plan,
        *only: str,
        ways: Mapping[str, AssumeAs] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> VerifyOutcome:
        """Verify, everybody or some."""
        return verify_access(plan, self.ports(plan, ways), VerifyOptions(only=only, **options))

    def verdict(self, plan: Plan, arn: str, **options: Any) -> PrincipalVerdict:  # noqa: ANN401
        """The verdict on one principal, taken now."""
        (found,) = self.verify(plan, arn, **options).verdicts
        return found

    def eks(self, method: str, **parameters: Any) -> Any:  # noqa: ANN401
        """Somebody calls EKS."""
        return self.session.call("eks", method, clusterName=CLUSTER, **parameters)

    def control(self, name: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask the lab itself."""
        return control(self.lab.directory, "POST", name, body)

    def change(self, name: str, **value: Any) -> Any:  # noqa: ANN401
        """Change the world behind everybody's back."""
        return self.control("world", **{name: {"cluster": CLUSTER, **value}})[name]

    def pass_time(self, seconds: float) -> None:
        """Step lab time."""
        self.control("clock", advance=seconds)


@contextmanager
def proof_lab(
    folder: Path, monkeypatch: pytest.MonkeyPatch, document: dict[str, Any] | None = None
) -> Iterator[ProofLab]:
    """Run the lab; the environment points at it until the test ends."""
    lab = Lab(build_world(document or world_document()), folder / "lab")
    lab.start()
    try:
        environment = dict(os.environ)
        enter_lab(lab.directory, environment)
        for name in set(os.environ) - set(environment):
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings = Settings(state_dir=str(folder / "state"), quiet=True)
        yield ProofLab(lab, folder, settings, open_session(AwsSettings(run="run")))
    finally:
        lab.stop()


def is_done_as_asked(outcome: RunOutcome) -> bool:
    """Whether nothing is left of what was asked for: what ``only`` left out may be."""
    rest = {step.why for step in outcome.left} - {NOT_ASKED_FOR}
    return not rest and not outcome.outstanding and outcome.error is None
