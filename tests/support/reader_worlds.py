"""Worlds of the pages about one kind of principal: the cluster of the pages with an operator, a
second administrator, and the principals of the page.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.printed_policy import for_a_reader

ACCOUNT, REGION = "111122223333", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
SSO_PATH = f"/aws-reserved/sso.amazonaws.com/{REGION}/"
_PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_0a1b2c3d4e5f6071_DO_NOT_DELETE"
NODE_GROUPS = ("system:bootstrappers", "system:nodes")
Json = Mapping[str, Any]


def row(role: str, username: str, *groups: str) -> Json:
    """One row of mapRoles."""
    return {"rolearn": f"{ROLE}/{role}", "username": username, "groups": [*groups]}


def reader_world(
    *rows: Json,
    roles: Sequence[Json] = (),
    objects: Sequence[Json] = (),
    account: Json | None = None,
    **cluster: Any,  # noqa: ANN401 - fields of a file
) -> str:
    """A world with these rows beside those of two administrators."""
    admins = (row("operator", "operator", "system:masters"), row("ann", "ann", "system:masters"))
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": json.dumps([*admins, *rows])},
    }
    document = {
        "format": "migrator/world/v1",
        "name": "page",
        "operator": f"{ROLE}/operator",
        "settings": {"region": REGION, "propagationSeconds": 0, "updateSeconds": 0},
        "accounts": [
            {
                "id": ACCOUNT,
                "roles": [{"name": name} for name in ("operator", "ann", "creator")] + [*roles],
                **(account or {}),
            }
        ],
        "clusters": [
            {
                "name": "page",
                "account": ACCOUNT,
                "region": REGION,
                "creator": f"{ROLE}/creator",
                "kubernetes": [config_map, *objects],
                **cluster,
            }
        ],
    }
    return for_a_reader(json.dumps(document))


def _node(name: str, provider: str, **labels: str) -> Json:
    """A node as the API server shows it."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", **labels}},
        "spec": {"providerID": f"aws:///{REGION}a/{provider}"},
    }


def karpenter_world() -> str:
    """Nodes that Karpenter starts, and nodes of a group that a team runs itself."""
    names = {
        "KarpenterNodeRole-my-cluster": "i-0a1b2c3d4e5f60711",
        "gpu-nodes": "i-0a1b2c3d4e5f60722",
    }
    dns = {name: f"ip-10-0-1-{n}.{REGION}.compute.internal" for n, name in enumerate(names, 11)}
    return reader_world(
        *(row(name, "system:node:{{EC2PrivateDNSName}}", *NODE_GROUPS) for name in names),
        roles=[{"name": name, "trust": {"services": ["ec2.amazonaws.com"]}} for name in names],
        objects=[_node(dns[name], machine) for name, machine in names.items()],
        account={
            "instanceProfiles": [{"name": name, "role": name} for name in names],
            "instances": [
                {
                    "id": machine,
                    "region": REGION,
                    "privateDnsName": dns[name],
                    "instanceProfile": name,
                }
                for name, machine in names.items()
            ],
        },
    )


def fargate_world(*, pods: bool = True, **cluster: Any) -> str:  # noqa: ANN401 - fields of a file
    """A Fargate profile, with the node of a pod or without one."""
    name = f"fargate-ip-10-0-3-31.{REGION}.compute.internal"
    node = _node(
        name, f"0a1b2c3d4e-0a1b2c3d4e5f/{name}", **{"eks.amazonaws.com/compute-type": "fargate"}
    )
    return reader_world(
        row("fargate-pods", "system:node:{{SessionName}}", *NODE_GROUPS, "system:node-proxier"),
        roles=[{"name": "fargate-pods", "trust": {"services": ["eks-fargate-pods.amazonaws.com"]}}],
        objects=[
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "reports"}},
            *([node] if pods else []),
        ],
        fargateProfiles=[
            {
                "fargateProfileName": "reports",
                "podExecutionRoleArn": f"{ROLE}/fargate-pods",
                "status": "ACTIVE",
                "selectors": [{"namespace": "reports"}],
            }
        ],
        **cluster,
    )


def identity_center_world() -> str:
    """Two permission sets; the role of a third one was made again with another suffix."""
    names = ("PlatformAdmin_0a1b2c3d4e5f6071", "ReadOnly_1b2c3d4e5f607182", "Data_3c4d5e6f70819203")
    return reader_world(
        row(f"AWSReservedSSO_{names[0]}", "platform-admin:{{SessionName}}", "system:masters"),
        row(f"AWSReservedSSO_{names[1]}", "viewer:{{SessionName}}", "viewers"),
        row("AWSReservedSSO_Data_2b3c4d5e6f708192", "data:{{SessionName}}", "data"),
        roles=[
            {
                "name": f"AWSReservedSSO_{name}",
                "path": SSO_PATH,
                "trust": {"federated": [_PROVIDER]},
            }
            for name in names
        ],
        objects=[
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "viewers"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "view",
                },
                "subjects": [
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "viewers"}
                ],
            }
        ],
    )


SERVICES = {
    "AWSServiceRoleForAmazonEMRContainers": ("emr-containers", "emr-containers"),
    "AWSServiceRoleForBatch": ("batch", "aws-batch"),
    "AWSServiceRoleForAmazonPrometheusScraper_a1b2c3d4": ("scraper.aps", "aps-collector-user"),
}


def break_glass_world(*entries: dict[str, object]) -> str:
    """A cluster in API mode whose one administrator has a dead entry, and whom its account has for
    the night. ``entries`` are there besides.
    """
    card = (
        "CreateAccessEntry",
        "DescribeAccessEntry",
        "DeleteAccessEntry",
        "ListAccessEntries",
        "AssociateAccessPolicy",
        "DisassociateAccessPolicy",
    )
    find = ["eks:DescribeCluster"]
    admin = "AmazonEKSClusterAdminPolicy"
    return reader_world(
        roles=[
            {"name": "admin"},
            {"name": "on-call", "allowedActions": find},
            {"name": "break-glass", "allowedActions": [f"eks:{name}" for name in card] + find},
        ],
        authenticationMode="API",
        accessEntries=[
            {
                "principalArn": f"{ROLE}/admin",
                # That of the role which was deleted.
                "principalId": "AROAAAAAAAAAAAAAAAAAA",
                "policies": [{"policyArn": f"arn:aws:eks::aws:cluster-access-policy/{admin}"}],
            },
            *entries,
        ],
    )


def services_world(*names: str) -> str:
    """Rows of services: EMR on EKS, AWS Batch, a scraper of Amazon Managed Prometheus."""
    return reader_world(
        *(row(name, SERVICES[name][1]) for name in names),
        roles=[
            {
                "name": name,
                "path": f"/aws-service-role/{SERVICES[name][0]}.amazonaws.com/",
                "trust": {"services": [f"{SERVICES[name][0]}.amazonaws.com"]},
            }
            for name in names
        ],
    )
