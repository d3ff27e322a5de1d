"""Every answer of the lab is what botocore's service models say: nothing missing, nothing unknown,
nothing mistyped.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator

from migrator.lab.aws.api import AwsApi
from migrator.lab.aws.call import Call
from migrator.lab.aws.protocol import SERVICES, operation_model
from migrator.lab.aws.sigv4 import read_signature
from migrator.lab.server import Lab
from migrator.lab.worlds.world import WebIdentity
from tests.support.aws_lab import (
    ALICE,
    CLUSTER_ADMIN,
    HOME,
    NODES,
    OPERATOR,
    REGION,
    RUNNER,
    VIEW,
    client,
    demo,
    serving,
    small_world,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
TRUST = '{"Statement": []}'
WEB = f"arn:aws:iam::{HOME}:role/web"
PROVIDER = f"arn:aws:iam::{HOME}:oidc-provider/oidc.example"
ENTRY = {"clusterName": "demo", "principalArn": RUNNER}
STAMP = int(NOW.timestamp())
SESSION = {
    "Target": "i-0123456789abcdef0",
    "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
    "Parameters": {"host": ["h"], "portNumber": ["443"], "localPortNumber": ["1"]},
}

# One call of every operation, in an order in which each finds what it needs.
_GROUP = "sg-0a1b2c3d4e5f60001"
_RULE = {
    "IpProtocol": "tcp",
    "FromPort": 8443,
    "ToPort": 8443,
    "IpRanges": [{"CidrIp": "10.0.0.0/16"}],
}
POD = {"clusterName": "demo", "namespace": "migrate", "serviceAccount": "migrate"}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("sts", "GetCallerIdentity", {}),
    ("sts", "AssumeRole", {"RoleArn": RUNNER, "RoleSessionName": "session"}),
    ("sts", "AssumeRoleWithWebIdentity", {"RoleArn": WEB, "RoleSessionName": "session"}),
    ("sso", "GetRoleCredentials", {"roleName": "View", "accountId": HOME}),
    (
        "cloudtrail",
        "LookupEvents",
        {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "CreateCluster"}]},
    ),
    ("organizations", "ListRoots", {}),
    ("organizations", "ListOrganizationalUnitsForParent", {"ParentId": "r-lab1"}),
    ("organizations", "ListAccountsForParent", {"ParentId": "r-lab1"}),
    ("organizations", "ListTagsForResource", {"ResourceId": HOME}),
    ("eks", "ListClusters", {}),
    ("eks", "DescribeCluster", {"name": "demo"}),
    ("eks", "CreateAccessEntry", {**ENTRY, "kubernetesGroups": ["a"], "tags": {"k": "v"}}),
    ("eks", "DescribeAccessEntry", ENTRY),
    ("eks", "UpdateAccessEntry", {**ENTRY, "username": "ci"}),
    ("eks", "ListAccessEntries", {"clusterName": "demo", "maxResults": 1}),
    (
        "eks",
        "AssociateAccessPolicy",
        {**ENTRY, "policyArn": VIEW, "accessScope": {"type": "namespace", "namespaces": ["x"]}},
    ),
    (
        "eks",
        "AssociateAccessPolicy",
        {**ENTRY, "policyArn": CLUSTER_ADMIN, "accessScope": {"type": "cluster"}},
    ),
    ("eks", "ListAssociatedAccessPolicies", {**ENTRY, "maxResults": 1}),
    ("eks", "DisassociateAccessPolicy", {**ENTRY, "policyArn": VIEW}),
    ("eks", "DeleteAccessEntry", ENTRY),
    ("eks", "ListAccessPolicies", {"maxResults": 3}),
    ("eks", "ListNodegroups", {"clusterName": "demo"}),
    ("eks", "DescribeNodegroup", {"clusterName": "demo", "nodegroupName": "linux"}),
    ("eks", "ListAddons", {"clusterName": "demo"}),
    ("eks", "ListFargateProfiles", {"clusterName": "demo"}),
    ("eks", "DescribeFargateProfile", {"clusterName": "demo", "fargateProfileName": "pods"}),
    ("eks", "ListCapabilities", {"clusterName": "demo"}),
    ("eks", "DescribeCapability", {"clusterName": "demo", "capabilityName": "gitops"}),
    ("eks", "ListIdentityProviderConfigs", {"clusterName": "demo"}),
    (
        "eks",
        "DescribeIdentityProviderConfig",
        {"clusterName": "demo", "identityProviderConfig": {"type": "oidc", "name": "company"}},
    ),
    ("eks", "ListTagsForResource", {"resourceArn": f"arn:aws:eks:{REGION}:{HOME}:cluster/demo"}),
    (
        "eks",
        "TagResource",
        {"resourceArn": f"arn:aws:eks:{REGION}:{HOME}:cluster/demo", "tags": {"a": "b"}},
    ),
    (
        "eks",
        "UntagResource",
        {"resourceArn": f"arn:aws:eks:{REGION}:{HOME}:cluster/demo", "tagKeys": ["a"]},
    ),
    ("eks", "UpdateClusterConfig", {"name": "demo", "accessConfig": {"authenticationMode": "API"}}),
    ("eks", "ListUpdates", {"name": "demo"}),
    ("eks", "DescribeClusterVersions", {"clusterVersions": ["1.34"]}),
    ("eks", "DescribeUpdate", {"name": "demo"}),
    (
        "eks",
        "CreatePodIdentityAssociation",
        {**POD, "roleArn": f"arn:aws:iam::{HOME}:role/pods"},
    ),
    ("eks", "ListPodIdentityAssociations", POD),
    ("eks", "DeletePodIdentityAssociation", {"clusterName": "demo"}),
    (
        "iam",
        "CreateRole",
        {
            "RoleName": "new",
            "AssumeRolePolicyDocument": TRUST,
            "Tags": [{"Key": "a", "Value": "b"}],
        },
    ),
    ("iam", "GetRole", {"RoleName": "new"}),
    ("iam", "UpdateAssumeRolePolicy", {"RoleName": "new", "PolicyDocument": TRUST}),
    ("iam", "ListRoles", {"MaxItems": 2}),
    ("iam", "DeleteRole", {"RoleName": "new"}),
    ("iam", "CreateUser", {"UserName": "new"}),
    ("iam", "GetUser", {"UserName": "new"}),
    ("iam", "ListUsers", {"MaxItems": 1}),
    ("iam", "DeleteUser", {"UserName": "new"}),
    ("iam", "GetInstanceProfile", {"InstanceProfileName": "nodes"}),
    ("iam", "ListInstanceProfiles", {}),
    ("iam", "ListInstanceProfilesForRole", {"RoleName": "nodes"}),
    (
        "iam",
        "SimulatePrincipalPolicy",
        {"PolicySourceArn": ALICE, "ActionNames": ["eks:ListClusters"]},
    ),
    ("iam", "ListAccountAliases", {}),
    ("ec2", "DescribeNatGateways", {}),
    ("ec2", "DescribeInstances", {}),
    ("ec2", "DescribeRegions", {}),
    ("ec2", "DescribeNetworkInterfaces", {}),
    ("ec2", "DescribeRouteTables", {}),
    ("ec2", "DescribeSecurityGroups", {}),
    ("ec2", "DescribeSubnets", {}),
    ("ec2", "DescribeVpcEndpoints", {}),
    ("ec2", "GetManagedPrefixListEntries", {"PrefixListId": "pl-office"}),
    ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": _GROUP, "IpPermissions": [_RULE]}),
    (
        "ec2",
        "CreateSecurityGroup",
        {"GroupName": "new", "Description": "new", "VpcId": "vpc-0a1b2c3d4e5f60001"},
    ),
    (
        "ec2",
        "CreateVpcEndpoint",
        {"VpcId": "vpc-0a1b2c3d4e5f60001", "ServiceName": "com.amazonaws.eu-central-1.s3"},
    ),
    ("ec2", "ModifyVpcEndpoint", {"VpcEndpointId": "vpce-office"}),
    ("ec2", "RevokeSecurityGroupIngress", {"GroupId": _GROUP, "IpPermissions": [_RULE]}),
    ("ec2", "AuthorizeSecurityGroupEgress", {"GroupId": _GROUP, "IpPermissions": [_RULE]}),
    ("ec2", "RevokeSecurityGroupEgress", {"GroupId": _GROUP, "IpPermissions": [_RULE]}),
    ("ec2", "CreateTags", {"Resources": [_GROUP], "Tags": [{"Key": "a", "Value": "b"}]}),
    ("ec2", "DeleteTags", {"Resources": [_GROUP], "Tags": [{"Key": "a"}]}),
    (
        "ec2",
        "ModifyNetworkInterfaceAttribute",
        {"NetworkInterfaceId": "eni-office", "Groups": [_GROUP]},
    ),
    ("logs", "DescribeLogGroups", {}),
    ("logs", "DescribeLogStreams", {"logGroupName": "/aws/eks/demo/cluster"}),
    ("logs", "FilterLogEvents", {"logGroupName": "/aws/eks/demo/cluster", "limit": 1}),
    (
        "logs",
        "StartQuery",
        {
            "logGroupName": "/aws/eks/demo/cluster",
            "startTime": STAMP,
            "endTime": STAMP + 60,
            "queryString": "fields @timestamp | limit 1",
        },
    ),
    ("logs", "GetQueryResults", {}),
    ("logs", "StopQuery", {}),
    ("ssm", "DescribeInstanceInformation", {}),
    ("ssm", "StartSession", SESSION),
    ("ssm", "TerminateSession", {"SessionId": "none"}),
]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    world = small_world(
        authenticationMode="API_AND_CONFIG_MAP",
        nodegroups=[
            {
                "nodegroupName": "linux",
                "nodeRole": NODES,
                "labels": {"a": "b"},
                "scalingConfig": {"minSize": 1},
            }
        ],
        fargateProfiles=[
            {
                "fargateProfileName": "pods",
                "podExecutionRoleArn": f"arn:aws:iam::{HOME}:role/fargate",
                "selectors": [{"namespace": "x"}],
            }
        ],
        capabilities=[{"capabilityName": "gitops", "type": "ARGOCD", "roleArn": WEB}],
        identityProviderConfigs=[
            {
                "identityProviderConfigName": "company",
                "issuerUrl": "https://id.example",
                "clientId": "kubernetes",
            }
        ],
        tags={"stage": "test"},
    )
    world.settings.management_account = HOME
    world.accounts[HOME].unit, world.accounts[HOME].tags = "/", {"stage": "prod"}
    world.accounts["444455556666"].unit = "/Workloads"
    runner = world.accounts[HOME].roles["runner"]
    permission_set = replace(runner, name="AWSReservedSSO_View_0a1b", id="AROAVIEWVIEWVIEWVIEW1")
    world.accounts[HOME].roles[permission_set.name.lower()] = permission_set
    for second in range(3):
        demo(world).log("authenticator", "a line", NOW + timedelta(seconds=second))
    with serving(world, tmp_path) as running:
        yield running


def tokens(lab: Lab) -> dict[str, Any]:
    """What a client has from elsewhere."""
    web = lab.world.web_identity_token(WebIdentity(PROVIDER, "subject", "sts"))
    return {"WebIdentityToken": web, "accessToken": lab.world.sign_in("jo")}


def complete(
    params: dict[str, Any], shape: StructureShape | None, known: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters, with ids that an earlier answer gave."""
    if shape is None:
        return params
    return {
        **params,
        **{name: known[name] for name in known if name in shape.members and name not in params},
    }


def unknown_members(shape: Shape, value: object, where: str) -> list[str]:
    """Members of a value that its shape does not have."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        found = [f"{where}.{key}" for key in value if key not in shape.members]
        for key, item in value.items():
            if key in shape.members and item is not None:
                found += unknown_members(shape.members[key], item, f"{where}.{key}")
        return found
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [
            name for item in value for name in unknown_members(shape.member, item, f"{where}[]")
        ]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return [
            name
            for item in value.values()
            for name in unknown_members(shape.value, item, f"{where}{{}}")
        ]
    return []


def without_nothing(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return {key: without_nothing(item) for key, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def as_sent(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """An answer as it was on the wire: botocore decodes the policy documents of IAM."""
    if isinstance(value, Mapping):
        return {
            key: json.dumps(item) if key == "AssumeRolePolicyDocument" else as_sent(item)
            for key, item in value.items()
        }
    return [as_sent(item) for item in value] if isinstance(value, list) else value


def snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")


def test_every_operation_of_the_lab_is_called_here(lab: Lab) -> None:
    api = AwsApi(lab.world)
    has = {(service, operation) for service in SERVICES for operation in api.operations(service)}
    assert has == {(service, operation) for service, operation, _ in CALLS}


def test_what_handlers_answer_validates_against_the_output_shapes(lab: Lab) -> None:
    api, caller = AwsApi(lab.world), lab.world.caller_of(lab.world.credentials_of(OPERATOR))
    assert caller is not None
    known = tokens(lab)
    for service, operation, params in CALLS:
        model = operation_model(service, operation)
        asked = complete(params, model.input_shape, known)
        call = Call(
            lab.world,
            service,
            operation,
            asked,
            caller,
            REGION,
            lab.world.now(),
            lab.world.now(),
            {},
        )
        answer = dict(api.operations(service)[operation](call))
        if model.output_shape is None:
            assert answer == {}
            continue
        assert unknown_members(model.output_shape, answer, operation) == []
        report = ParamValidator().validate(without_nothing(answer), model.output_shape)
        assert not report.has_errors(), f"{service}:{operation}: {report.generate_report()}"
        known |= {"updateId": answer["update"]["id"]} if "update" in answer else {}
        known |= {"queryId": answer["queryId"]} if "queryId" in answer else {}
        made = answer.get("association", {})
        known |= {"associationId": made["associationId"]} if made else {}


def test_what_clients_parse_validates_against_the_output_shapes(lab: Lab) -> None:
    clients = {service: client(lab, service) for service in SERVICES}
    known = tokens(lab)
    for service, operation, params in CALLS:
        model = operation_model(service, operation)
        answer = getattr(clients[service], snake(operation))(
            **complete(params, model.input_shape, known)
        )
        answer.pop("ResponseMetadata")
        if model.output_shape is None:
            continue
        report = ParamValidator().validate(as_sent(answer), model.output_shape)
        assert not report.has_errors(), f"{service}:{operation}: {report.generate_report()}"
        known |= {"updateId": answer["update"]["id"]} if "update" in answer else {}
        known |= {"queryId": answer["queryId"]} if "queryId" in answer else {}
        made = answer.get("association", {})
        known |= {"associationId": made["associationId"]} if made else {}


def test_required_members_that_the_api_always_gives_are_there(lab: Lab) -> None:
    cluster = client(lab, "eks").describe_cluster(name="demo")["cluster"]
    assert {
        "name",
        "arn",
        "createdAt",
        "version",
        "endpoint",
        "roleArn",
        "resourcesVpcConfig",
        "kubernetesNetworkConfig",
        "logging",
        "status",
        "certificateAuthority",
        "platformVersion",
        "tags",
        "accessConfig",
    } <= set(cluster)
    capability = client(lab, "eks").describe_capability(
        clusterName="demo", capabilityName="gitops"
    )["capability"]
    assert capability["roleArn"] == WEB


def test_a_request_without_credentials_has_no_signature() -> None:
    from migrator.lab.http_wire import Request

    assert read_signature(Request("GET", "/", "", {})) is None
