"""A lab for tests of the AWS side: a small world served on a port, and boto3 clients of anybody in
it.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from migrator.lab.server import Lab
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_files import build_world

Client: TypeAlias = Any  # boto3 has no types

HOME = "111122223333"
ABROAD = "444455556666"
REGION = "eu-central-1"
OPERATOR = f"arn:aws:iam::{HOME}:role/operator"
RUNNER = f"arn:aws:iam::{HOME}:role/ci/runner"
NODES = f"arn:aws:iam::{HOME}:role/nodes"
ALICE = f"arn:aws:iam::{HOME}:user/people/alice"
FOREIGN = f"arn:aws:iam::{ABROAD}:role/agent"
CLUSTER_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"

_SESSION_LOCK = threading.Lock()
_SESSION: list[
    boto3.session.Session
] = []  # its loader keeps the service models, which take long to read


def small_world(**cluster: object) -> World:
    """Two accounts, a handful of principals, one cluster ``demo`` in CONFIG_MAP mode; no
    propagation delay.
    """
    world = build_world(
        {
            "operator": OPERATOR,
            "settings": {"propagationSeconds": 0},
            "accounts": [
                {
                    "id": HOME,
                    "roles": [
                        {"name": "operator"},
                        {"name": "runner", "path": "/ci/"},
                        {"name": "nodes", "trust": {"services": ["ec2.amazonaws.com"]}},
                        {"name": "windows-nodes", "trust": {"services": ["ec2.amazonaws.com"]}},
                        {
                            "name": "fargate",
                            "trust": {"services": ["eks-fargate-pods.amazonaws.com"]},
                        },
                        {"name": "creator"},
                        {
                            "name": "web",
                            "trust": {
                                "federated": [f"arn:aws:iam::{HOME}:oidc-provider/oidc.example"]
                            },
                        },
                    ],
                    "users": [{"name": "alice", "path": "/people/"}],
                    "instanceProfiles": [{"name": "nodes", "role": "nodes"}],
                    "instances": [
                        {
                            "id": "i-0123456789abcdef0",
                            "region": REGION,
                            "privateDnsName": "ip-10-0-0-1.eu-central-1.compute.internal",
                            "instanceProfile": "nodes",
                            "tags": {"Name": "worker"},
                            "ssmPingStatus": "Online",
                        }
                    ],
                    "networks": [
                        {
                            "region": REGION,
                            "networkInterfaces": [{"NetworkInterfaceId": "eni-office"}],
                            "vpcEndpoints": [{"VpcEndpointId": "vpce-office"}],
                            "prefixLists": [{"id": "pl-office", "cidrs": ["10.9.0.0/16"]}],
                        }
                    ],
                },
                {
                    "id": ABROAD,
                    "roles": [{"name": "agent", "trust": {"aws": [f"arn:aws:iam::{HOME}:root"]}}],
                },
            ],
            "clusters": [
                {
                    "name": "demo",
                    "account": HOME,
                    "creator": f"arn:aws:iam::{HOME}:role/creator",
                    **cluster,
                }
            ],
        }
    )
    world.open_endpoint = lambda _: ("https://127.0.0.1:1", b"-----BEGIN CERTIFICATE-----\n")
    return world


def demo(world: World) -> LabCluster:
    """The small world's cluster."""
    return world.cluster("demo")


@contextmanager
def serving(world: World, directory: Path) -> Iterator[Lab]:
    """Serve a world while the block runs."""
    lab = Lab(world, directory)
    lab.start()
    try:
        yield lab
    finally:
        lab.stop()


def client(
    lab: Lab, service: str, principal: str = OPERATOR, *, region: str = REGION, **config: object
) -> Client:
    """A boto3 client with a principal's keys. No retries unless ``config`` says so: a test wants to
    see every error.
    """
    keys = lab.world.credentials_of(principal)
    return client_with(
        lab,
        service,
        {
            "aws_access_key_id": keys.access_key_id,
            "aws_secret_access_key": keys.secret_access_key,
            "aws_session_token": keys.session_token,
        },
        region=region,
        **config,
    )


def client_with(
    lab: Lab, service: str, keys: Mapping[str, Any], *, region: str = REGION, **config: object
) -> Client:
    """A boto3 client with these keys."""
    with _SESSION_LOCK:
        if not _SESSION:
            _SESSION.append(boto3.session.Session())
        settings: dict[str, Any] = {
            "retries": {"total_max_attempts": 1},
            "connect_timeout": 5,
            "read_timeout": 10,
        }
        return _SESSION[0].client(
            service,
            region_name=region,
            endpoint_url=lab.endpoint,
            config=Config(**{**settings, **config}),
            **keys,
        )


def error_of(call: Client, **params: object) -> tuple[str, str]:
    """``(code, message)`` of the error that a call ends in; a call that works fails the test."""
    try:
        answer = call(**params)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"no error but {answer}")


def switch_to_entries(lab: Lab) -> None:
    """Take the cluster to API_AND_CONFIG_MAP and let the update end."""
    client(lab, "eks").update_cluster_config(
        name="demo", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"}
    )
    lab.world.clock.advance(timedelta(seconds=5))
