"""Small clusters in CONFIG_MAP mode that differ in their creator: whether it has a row, and what
the row gives.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from migrator.decide.reach.required_permissions import needs_of
from migrator.lab.judge.oracle_subjects import logins_of
from migrator.lab.kubernetes_api import kubernetes_api
from migrator.model.files.snapshot import cluster_ref
from tests.support.lab_session import LabSession

ACCOUNT = "111122223333"
REGION = "eu-central-1"
CLUSTER = "orders"
NODE = f"ip-10-0-1-11.{REGION}.compute.internal"
INSTANCE = "i-0a1b2c3d4e5f60011"
MASTERS = "system:masters"
OPERATOR, ADMIN, FOUNDER = (
    f"arn:aws:iam::{ACCOUNT}:role/platform/{name}"
    for name in ("migration-operator", "admin2", "cluster-bootstrap")
)
NODES = f"arn:aws:iam::{ACCOUNT}:role/nodes"
NODE_ROW = ("system:node:{{EC2PrivateDNSName}}", ("system:bootstrappers", "system:nodes"))
_COMMANDS = ("plan", "apply", "verify", "rollback", "cutover", "rehearse", "snapshot")


def row(arn: str, username: str, groups: Sequence[str], *, path: bool = False) -> dict[str, Any]:
    """An item of mapRoles, its ARN as it matches (without the role's path) or, with ``path``, as it
    never does.
    """
    shown = arn if path else f"{arn.partition('/')[0]}/{arn.rpartition('/')[2]}"
    return {"rolearn": shown, "username": username, "groups": list(groups)}


def least_privilege(*more: str) -> list[str]:
    """The actions that the commands of a migration need, and nothing else."""
    cluster = cluster_ref({"arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"})
    optional = {"cloudtrail:LookupEvents"}
    actions = {
        need.action for command in _COMMANDS for need in needs_of(command, cluster)
    } - optional
    return sorted({*actions, *more})


def creator_world(
    *rows: dict[str, Any],
    creator: str = FOUNDER,
    mode: str = "CONFIG_MAP",
    created: str | None = None,
    born: datetime | None = None,
    entries: Sequence[dict[str, Any]] = (),
    allowed: Sequence[str] = (),
    objects: Sequence[dict[str, Any]] = (),
    node: bool = False,
    without: str = "",
) -> dict[str, Any]:
    """The content of a world file: the operator and another administrator have rows, nodes run
    under a role.

    ``rows`` come besides. ``created``: when the cluster was made; ``born``: when the creator's role
    was. ``allowed``: actions of the operator beyond what the commands need. ``node``: instances
    alone may be the creator's role. ``without``: a principal that has no row.
    """
    roles: list[dict[str, Any]] = [
        {
            "name": "cluster-bootstrap",
            "path": "/platform/",
            **({"createDate": born.isoformat()} if born else {}),
            "trust": {"services": ["ec2.amazonaws.com"]}
            if node
            else {"aws": [f"arn:aws:iam::{ACCOUNT}:root"]},
        },
        {
            "name": "migration-operator",
            "path": "/platform/",
            "allowedActions": least_privilege(*allowed),
        },
        {"name": "admin2", "path": "/platform/"},
        {"name": "nodes", "trust": {"services": ["ec2.amazonaws.com"]}},
    ]
    standing = [
        row(OPERATOR, "migration-operator", [MASTERS]),
        row(ADMIN, "admin2:{{SessionName}}", [MASTERS]),
        row(NODES, *NODE_ROW),
    ]
    named = {*(each["rolearn"] for each in rows), without}
    data = {
        "mapRoles": json.dumps(
            [*(each for each in standing if each["rolearn"] not in named), *rows], indent=1
        )
    }
    return {
        "format": "migrator/world/v1",
        "name": "creators",
        "operator": OPERATOR,
        "settings": {"region": REGION, "propagationSeconds": 1, "updateSeconds": 1},
        "accounts": [
            {
                "id": ACCOUNT,
                "name": "prod",
                "roles": roles,
                "instanceProfiles": [{"name": "nodes", "role": "nodes"}],
                "instances": [
                    {
                        "id": INSTANCE,
                        "region": REGION,
                        "privateDnsName": NODE,
                        "instanceProfile": "nodes",
                    }
                ],
            }
        ],
        "clusters": [
            {
                "name": CLUSTER,
                "account": ACCOUNT,
                "region": REGION,
                "authenticationMode": mode,
                "creator": creator,
                **({"createdAt": created} if created else {}),
                "accessEntries": list(entries),
                "kubernetes": [
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
                        "data": data,
                    },
                    {
                        "apiVersion": "v1",
                        "kind": "Node",
                        "metadata": {"name": NODE, "labels": {"kubernetes.io/os": "linux"}},
                        "spec": {"providerID": f"aws:///{REGION}a/{INSTANCE}"},
                    },
                    *NAMES,
                    *objects,
                ],
            }
        ],
    }


# Things that name the group and the username of the creator's row: an admission rule and a binding.
NAMES: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "only-ci"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["deployments"],
                    }
                ]
            },
            "validations": [{"expression": "'ci-approvers' in request.userInfo.groups"}],
        },
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "tf"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "terraform"}
        ],
    },
)


def identities(session: LabSession, arn: str) -> set[tuple[str, tuple[str, ...]]]:
    """Username and groups of every login that the principal can have now, as the cluster's
    authenticator gives them.
    """
    world = session.world
    found: set[tuple[str, tuple[str, ...]]] = set()
    with world.lock:
        api = kubernetes_api(world, world.cluster(CLUSTER))
        for credential in logins_of(world, api):
            caller = world.caller_of(credential)
            if credential.principal_arn != arn or caller is None:
                continue
            user = api.user_at(caller, world.now())
            if user is not None:
                found.add((user.username, tuple(sorted(user.groups))))
    return found


def entry_of(
    session: LabSession, arn: str
) -> tuple[str, str, tuple[str, ...], tuple[str, ...]] | None:
    """Type, username, groups and policy names of the principal's access entry."""
    world = session.world
    entry = world.cluster(CLUSTER).entry(arn, world.now())
    if entry is None:
        return None
    policies = tuple(policy.policy_arn.rpartition("/")[2] for policy in entry.policies)
    return entry.type, entry.username, tuple(entry.kubernetes_groups), policies
