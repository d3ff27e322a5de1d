"""A small lab in this process, and the adapters pointed at it: two accounts, a few principals, one
cluster.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.aws_session import AwsSession, AwsSettings, open_session
from migrator.adapters.eks import EksCluster
from migrator.adapters.eks_entries import EksAccessEntries, EksAuthMode
from migrator.adapters.eks_token import TokenMint
from migrator.adapters.iam import IamPrincipals
from migrator.adapters.kubernetes_api import KubernetesConfigMaps, KubernetesRbac
from migrator.adapters.kubernetes_client import KubernetesClient, MintedLogin
from migrator.adapters.kubernetes_wire import KubernetesWire, endpoint_of, open_wire
from migrator.adapters.tasks_threads import Threads
from migrator.lab.lab_client import enter_lab, lab_state
from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import build_world
from tests.support.service_models import read_service_models_once

ACCOUNT = "111122223333"
FOREIGN = "444455556666"
REGION = "eu-central-1"
CLUSTER = "prod"
OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/ops/operator"
RUNNER = f"arn:aws:iam::{ACCOUNT}:role/ci/runner"
CLOSED = f"arn:aws:iam::{ACCOUNT}:role/closed"
NODES = f"arn:aws:iam::{ACCOUNT}:role/nodes"
READER = f"arn:aws:iam::{FOREIGN}:role/iam-reader"
PARTNER = f"arn:aws:iam::{FOREIGN}:role/partners/deployer"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/people/alice"
INSTANCE = "i-0123456789abcdef0"
MAP_ROLES = f"""\
- rolearn: {NODES}
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::{ACCOUNT}:role/runner
  username: ci
  groups: [system:masters]
"""
MAP_USERS = f"- {{userarn: {ALICE}, username: alice, groups: [team-a]}}\n"


def world_document(*, objects: tuple[dict[str, Any], ...] = (), **cluster: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a file
    """A world file's content. ``objects`` are added to the cluster's, ``cluster`` overrides its
    fields.
    """
    node = f"ip-10-0-0-1.{REGION}.compute.internal"
    return {
        "format": "migrator/world/v1",
        "name": "small",
        "operator": OPERATOR,
        "settings": {"region": REGION, "propagationSeconds": 0, "updateSeconds": 0},
        "accounts": [
            {
                "id": ACCOUNT,
                "roles": [
                    {"name": "operator", "path": "/ops/"},
                    {"name": "runner", "path": "/ci/"},
                    {"name": "closed", "trust": {"services": ["ec2.amazonaws.com"]}},
                    {"name": "nodes", "trust": {"services": ["ec2.amazonaws.com"]}},
                    {
                        "name": "reader-only",
                        "deniedActions": ["eks:ListNodegroups", "ec2:*", "iam:*"],
                    },
                ],
                "users": [{"name": "alice", "path": "/people/"}],
                "instanceProfiles": [{"name": "nodes", "role": "nodes"}],
                "instances": [
                    {
                        "id": INSTANCE,
                        "region": REGION,
                        "privateDnsName": node,
                        "instanceProfile": "nodes",
                    },
                    {"id": "i-0bbbbbbbbbbbbbbbb", "region": REGION, "privateDnsName": f"b-{node}"},
                ],
            },
            {
                "id": FOREIGN,
                "roles": [
                    {"name": "iam-reader", "trust": {"aws": [OPERATOR], "externalId": "x-17"}},
                    {"name": "deployer", "path": "/partners/"},
                ],
            },
        ],
        "clusters": [
            {
                "name": CLUSTER,
                "account": ACCOUNT,
                "region": REGION,
                "authenticationMode": "CONFIG_MAP",
                "creator": OPERATOR,
                "nodegroups": [
                    {
                        "nodegroupName": "main",
                        "nodeRole": NODES,
                        "amiType": "AL2023_x86_64_STANDARD",
                    }
                ],
                "kubernetes": [
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "metadata": {
                            "name": "aws-auth",
                            "namespace": "kube-system",
                            "labels": {"team": "a"},
                        },
                        "data": {"mapRoles": MAP_ROLES, "mapUsers": MAP_USERS},
                    },
                    {
                        "apiVersion": "v1",
                        "kind": "Node",
                        "metadata": {"name": node, "labels": {"kubernetes.io/os": "linux"}},
                        "spec": {"providerID": f"aws:///{REGION}a/{INSTANCE}"},
                    },
                    *objects,
                ],
                **cluster,
            }
        ],
    }


@dataclass(frozen=True)
class SmallLab:
    """The running lab and the adapters of its operator."""

    lab: Lab
    session: AwsSession
    tasks: Threads
    cluster: EksCluster
    entries: EksAccessEntries
    mode: EksAuthMode
    principals: IamPrincipals
    wire: KubernetesWire
    kubernetes: KubernetesClient
    config_maps: KubernetesConfigMaps
    rbac: KubernetesRbac

    def profile(self, arn: str) -> str:
        """The AWS profile that holds a principal's credentials."""
        return str(lab_state(self.lab.directory)["profiles"][arn])


def adapters(lab: Lab, session: AwsSession) -> SmallLab:
    """The adapters of one session."""
    tasks = Threads(4)
    cluster = EksCluster(session, CLUSTER, tasks)
    wire = open_wire(endpoint_of(cluster.describe_cluster()))
    kubernetes = KubernetesClient(wire, MintedLogin(TokenMint(session, CLUSTER)))
    return SmallLab(
        lab,
        session,
        tasks,
        cluster,
        EksAccessEntries(session, CLUSTER),
        EksAuthMode(session, CLUSTER),
        IamPrincipals(session, tasks),
        wire,
        kubernetes,
        KubernetesConfigMaps(kubernetes),
        KubernetesRbac(kubernetes, tasks),
    )


@contextmanager
def small_lab(
    directory: Path, monkeypatch: pytest.MonkeyPatch, document: dict[str, Any]
) -> Iterator[SmallLab]:
    """Run the lab; the environment points at it until the test ends."""
    read_service_models_once()
    lab = Lab(build_world(document), directory)
    lab.start()
    try:
        environment = dict(os.environ)
        enter_lab(directory, environment)
        for name in set(os.environ) - set(environment):
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield adapters(lab, open_session(AwsSettings(run="r1")))
    finally:
        lab.stop()
