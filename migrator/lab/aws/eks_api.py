"""EKS: every operation that the lab has, and the lists that a planner reads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from migrator.lab.aws import eks_clusters, eks_entries, pod_identity
from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.eks_clusters import find_cluster
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.model.principal import parse_arn

_CAPABILITY_SUMMARY = (
    "capabilityName",
    "arn",
    "type",
    "status",
    "version",
    "createdAt",
    "modifiedAt",
)


def _stem(cluster: LabCluster) -> str:
    return f"arn:{cluster.partition}:eks:{cluster.region}:{cluster.account}"


def list_nodegroups(call: Call) -> Mapping[str, Any]:
    """ListNodegroups."""
    page, token = call.page(list(find_cluster(call, "clusterName").nodegroups), str)
    return {"nodegroups": page, "nextToken": token}


def describe_nodegroup(call: Call) -> Mapping[str, Any]:
    """DescribeNodegroup: what the world says of the group, and usual values for the rest. Raises
    ResourceNotFoundException.
    """
    cluster, name = find_cluster(call, "clusterName"), str(call.need("nodegroupName"))
    if name not in cluster.nodegroups:
        raise AwsError("ResourceNotFoundException", f"No node group found for name: {name}.", 404)
    return {
        "nodegroup": {
            "nodegroupName": name,
            "nodegroupArn": f"{_stem(cluster)}:nodegroup/{cluster.name}/{name}/lab",
            "clusterName": cluster.name,
            "version": cluster.version,
            "createdAt": cluster.created_at,
            "modifiedAt": cluster.created_at,
            "status": "ACTIVE",
            "capacityType": "ON_DEMAND",
            "amiType": "AL2023_x86_64_STANDARD",
            "health": {"issues": []},
            "tags": {},
            **cluster.nodegroups[name],
        }
    }


def list_addons(call: Call) -> Mapping[str, Any]:
    """ListAddons."""
    page, token = call.page(list(find_cluster(call, "clusterName").addons), str)
    return {"addons": page, "nextToken": token}


def list_fargate_profiles(call: Call) -> Mapping[str, Any]:
    """ListFargateProfiles."""
    page, token = call.page(list(find_cluster(call, "clusterName").fargate_profiles), str)
    return {"fargateProfileNames": page, "nextToken": token}


def describe_fargate_profile(call: Call) -> Mapping[str, Any]:
    """DescribeFargateProfile."""
    cluster, name = find_cluster(call, "clusterName"), str(call.need("fargateProfileName"))
    if name not in cluster.fargate_profiles:
        raise AwsError(
            "ResourceNotFoundException", f"No Fargate Profile found with name: {name}.", 404
        )
    return {
        "fargateProfile": {
            "fargateProfileName": name,
            "fargateProfileArn": f"{_stem(cluster)}:fargateprofile/{cluster.name}/{name}/lab",
            "clusterName": cluster.name,
            "createdAt": cluster.created_at,
            "status": "ACTIVE",
            "tags": {},
            **cluster.fargate_profiles[name],
        }
    }


def list_capabilities(call: Call) -> Mapping[str, Any]:
    """ListCapabilities: summaries, which have no role (EKS API Reference, CapabilitySummary)."""
    cluster = find_cluster(call, "clusterName")
    page, token = call.page(list(cluster.capabilities), str)
    summaries = []
    for name in page:
        shown = _capability(cluster, name)
        summaries.append({key: shown[key] for key in _CAPABILITY_SUMMARY if key in shown})
    return {"capabilities": summaries, "nextToken": token}


def describe_capability(call: Call) -> Mapping[str, Any]:
    """DescribeCapability."""
    cluster, name = find_cluster(call, "clusterName"), str(call.need("capabilityName"))
    if name not in cluster.capabilities:
        raise AwsError("ResourceNotFoundException", f"No capability found for name: {name}.", 404)
    return {"capability": _capability(cluster, name)}


def _capability(cluster: LabCluster, name: str) -> dict[str, Any]:
    return {
        "capabilityName": name,
        "arn": f"{_stem(cluster)}:capability/{cluster.name}/{name}",
        "clusterName": cluster.name,
        "status": "ACTIVE",
        "createdAt": cluster.created_at,
        "modifiedAt": cluster.created_at,
        **cluster.capabilities[name],
    }


def list_identity_provider_configs(call: Call) -> Mapping[str, Any]:
    """ListIdentityProviderConfigs."""
    page, token = call.page(list(find_cluster(call, "clusterName").identity_provider_configs), str)
    return {
        "identityProviderConfigs": [{"type": "oidc", "name": name} for name in page],
        "nextToken": token,
    }


def describe_identity_provider_config(call: Call) -> Mapping[str, Any]:
    """DescribeIdentityProviderConfig."""
    cluster = find_cluster(call, "clusterName")
    name = str(part_of(call.params, "identityProviderConfig").get("name"))
    if name not in cluster.identity_provider_configs:
        raise AwsError(
            "ResourceNotFoundException",
            "Identity provider config is not associated with cluster.",
            404,
        )
    config = {
        "identityProviderConfigName": name,
        "identityProviderConfigArn": (
            f"{_stem(cluster)}:identityproviderconfig/{cluster.name}/oidc/{name}/lab"
        ),
        "clusterName": cluster.name,
        "status": "ACTIVE",
        **cluster.identity_provider_configs[name],
    }
    return {"identityProviderConfig": {"oidc": config}}


def _tagged(call: Call) -> tuple[LabCluster, str | None]:
    """The cluster that a resource ARN names, and the principal when it is an access entry's ARN.

    Raises NotFoundException for resources of other kinds, accounts and regions, and for those that
    do not exist (EKS API Reference, ListTagsForResource).
    """
    text = str(call.need("resourceArn"))
    missing = AwsError("NotFoundException", f"Resource {text} not found", 404)
    arn = parse_arn(text)
    if arn is None:
        raise missing
    if (arn.service, arn.account, arn.region) != ("eks", call.caller.account, call.region):
        raise missing
    kind, _, rest = arn.resource.partition("/")
    cluster = call.world.clusters.get((arn.account, arn.region, rest.partition("/")[0]))
    if cluster is None:
        raise missing
    if kind == "cluster":
        return cluster, None
    # Only EKS knows how the ARN of an entry is made, so it is compared as a whole.
    for entry in cluster.entries(call.now).values():
        if entry.entry_arn == text:
            return cluster, entry.principal_arn
    raise missing


def list_tags_for_resource(call: Call) -> Mapping[str, Any]:
    """ListTagsForResource of a cluster or an access entry."""
    cluster, principal_arn = _tagged(call)
    if principal_arn is None:
        return {"tags": dict(cluster.tags)}
    return {"tags": dict(cluster.entries(call.now)[principal_arn].tags)}


def tag_resource(call: Call) -> Mapping[str, Any]:
    """TagResource."""
    return _change_tags(call, set(), dict(part_of(call.params, "tags")))


def untag_resource(call: Call) -> Mapping[str, Any]:
    """UntagResource."""
    return _change_tags(call, set(items_of(call.params, "tagKeys")), {})


def _change_tags(call: Call, gone: set[str], new: dict[str, str]) -> Mapping[str, Any]:
    """Remove tags, then set tags, in one effect. An entry's tags are a new version of the entry."""
    cluster, principal_arn = _tagged(call)
    with call.effect(cluster=cluster.name, resourceArn=str(call.params["resourceArn"])):
        if principal_arn is None:
            kept = {key: value for key, value in cluster.tags.items() if key not in gone}
            cluster.tags = {**kept, **new}
        else:
            entry = cluster.entries(call.now)[principal_arn]
            kept = {key: value for key, value in entry.tags.items() if key not in gone}
            changed = replace(entry, tags={**kept, **new})
            cluster.write_entry(principal_arn, changed, call.now, delay=cluster.propagation)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    **eks_clusters.OPERATIONS,
    **eks_entries.OPERATIONS,
    **pod_identity.OPERATIONS,
    "ListNodegroups": list_nodegroups,
    "DescribeNodegroup": describe_nodegroup,
    "ListAddons": list_addons,
    "ListFargateProfiles": list_fargate_profiles,
    "DescribeFargateProfile": describe_fargate_profile,
    "ListCapabilities": list_capabilities,
    "DescribeCapability": describe_capability,
    "ListIdentityProviderConfigs": list_identity_provider_configs,
    "DescribeIdentityProviderConfig": describe_identity_provider_config,
    "ListTagsForResource": list_tags_for_resource,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
