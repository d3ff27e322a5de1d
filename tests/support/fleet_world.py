"""Worlds of many accounts and clusters, drawn from a seed: what fleets are tried on.

Every account has a role that the operator of the management account assumes, by an external id;
clusters repeat a few shapes, so that patterns across clusters are there to be found.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

OPERATOR_ACCOUNT = "100000000001"
OPERATOR = f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/fleet-operator"
ROLE = "migration"
EXTERNAL_ID = "fleet-7"
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1")
SHARED_ADMIN = f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/break-glass"
CI = f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/shared-ci"
NOWHERE = "https://127.0.0.1:9"
SHAPES = ("plain", "nodes", "pipeline", "blocked", "dual", "empty")


def account_ids(count: int) -> list[str]:
    """``count`` account numbers, the operator's own not among them."""
    return [f"2{number:011}" for number in range(1, count + 1)]


def fleet_world(
    accounts: int = 3,
    clusters: int = 6,
    *,
    regions: Sequence[str] = REGIONS,
    shapes: Sequence[str] = SHAPES,
    seed: int = 7,
    denied: Sequence[str] = (),
    unreachable: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of a world file: ``clusters`` in all, dealt out over accounts and Regions in
    turn.

    ``denied`` accounts do not let the operator's role read EKS; nothing answers at the endpoints of
    the clusters whose names are in ``unreachable``.
    """
    ids = account_ids(accounts)
    dice = random.Random(seed)
    made = []
    for number in range(clusters):
        account, region = ids[number % accounts], regions[number // accounts % len(regions)]
        made.append(
            _cluster(
                f"c{number:04}",
                account,
                region,
                shapes[dice.randrange(len(shapes))],
                unreachable,
                dice,
            )
        )
    return {
        "format": "migrator/world/v1",
        "name": "fleet",
        "operator": OPERATOR,
        "settings": {
            "region": regions[0],
            "propagationSeconds": 0,
            "updateSeconds": 1,
            "tokenCacheSeconds": 0,
        },
        "accounts": [_home(), *(_account(each, denied=each in denied) for each in ids)],
        "clusters": made,
    }


def fleet_file(
    accounts: int = 3,
    *,
    regions: Sequence[str] = REGIONS,
    **more: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """A fleet.yaml's content for that world."""
    return {
        "format": "migrator/fleet/v1",
        "name": "test",
        "defaults": {"role": ROLE, "external_id": EXTERNAL_ID, "regions": list(regions)},
        "accounts": [
            {"account_id": each, "name": f"team-{each[-3:]}"} for each in account_ids(accounts)
        ],
        "reader_roles": [f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/iam-reader"],
        **more,
    }


def _home() -> dict[str, Any]:
    return {
        "id": OPERATOR_ACCOUNT,
        "name": "management",
        "roles": [
            {"name": "fleet-operator"},
            {"name": "break-glass", "trust": {"aws": ["*"]}},
            {"name": "shared-ci", "trust": {"aws": ["*"]}},
            {"name": "iam-reader", "allowedActions": ["iam:Get*", "iam:List*"]},
        ],
    }


def _account(account: str, *, denied: bool) -> dict[str, Any]:
    return {
        "id": account,
        "name": f"team-{account[-3:]}",
        "roles": [
            {
                "name": ROLE,
                "trust": {"aws": [OPERATOR], "externalId": EXTERNAL_ID},
                **({"deniedActions": ["eks:*"]} if denied else {}),
            },
            {
                "name": "platform",
                "path": "/team/",
                "trust": {"aws": [f"arn:aws:iam::{account}:role/{ROLE}"]},
            },
            {"name": "developer", "trust": {"aws": [f"arn:aws:iam::{account}:role/{ROLE}"]}},
            {
                "name": "deployer",
                "path": "/ci/",
                "trust": {"aws": [f"arn:aws:iam::{account}:role/{ROLE}"]},
            },
            {"name": "nodes", "trust": {"services": ["ec2.amazonaws.com"]}},
            {"name": "creator"},
        ],
        "instanceProfiles": [{"name": "nodes", "role": "nodes"}],
    }


def _row(arn: str, username: str, *groups: str) -> str:
    listed = ", ".join(f'"{group}"' for group in groups)
    return f'- {{rolearn: "{arn}", username: "{username}", groups: [{listed}]}}\n'


def _cluster(
    name: str,
    account: str,
    region: str,
    shape: str,
    unreachable: Sequence[str],
    dice: random.Random,
) -> dict[str, Any]:
    home = f"arn:aws:iam::{account}:role"
    rows = _row(f"{home}/{ROLE}", "migration", "system:masters")
    rows += _row(f"{home}/platform", "platform:{{SessionName}}", "system:masters")
    if shape != "empty":
        rows += _row(
            f"{home}/developer", "dev:{{SessionName}}", "developers", f"team-{dice.randrange(3)}"
        )
    if shape == "nodes":
        rows += _row(
            f"{home}/nodes",
            "system:node:{{EC2PrivateDNSName}}",
            "system:bootstrappers",
            "system:nodes",
        )
    if shape == "pipeline":
        rows += _row(f"{home}/deployer", "deployer", "deployers")
        rows += _row(CI, "ci", "deployers")
    if shape == "blocked":
        rows += _row("arn:aws:iam::999999999999:role/vendor", "vendor", "vendors")
    return {
        "name": name,
        "account": account,
        "region": region,
        "authenticationMode": "API_AND_CONFIG_MAP" if shape == "dual" else "CONFIG_MAP",
        "creator": f"{home}/creator",
        "tags": {"stage": ("dev", "test", "prod")[dice.randrange(3)], "shape": shape},
        **({"describe": {"endpoint": NOWHERE}} if name in unreachable else {}),
        "kubernetes": _objects(rows),
    }


def _objects(rows: str) -> list[Mapping[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "aws-auth", "namespace": "kube-system"},
            "data": {"mapRoles": rows},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "developers"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "developers"}
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "deployers"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "edit",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "deployers"}
            ],
        },
    ]
