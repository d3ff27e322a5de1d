"""EKS clusters: describe, list, and the updates of their configuration."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.automatic_entries import automatic_entries
from migrator.lab.worlds.lab_cluster import LabCluster, LabUpdate
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.model.access_entry import AuthenticationMode
from migrator.model.moments import moment_of_text

MOST_CIDRS = 40  # public ranges of one cluster
STEPS: Mapping[AuthenticationMode, AuthenticationMode] = {
    "CONFIG_MAP": "API_AND_CONFIG_MAP",
    "API_AND_CONFIG_MAP": "API",
}


def find_cluster(call: Call, parameter: str = "name") -> LabCluster:
    """The cluster of the caller's account and region that a parameter names. Raises
    ResourceNotFoundException, whose shape has the name once more.
    """
    name = str(call.need(parameter))
    cluster = call.world.clusters.get((call.caller.account, call.region, name))
    if cluster is None:
        raise AwsError(
            "ResourceNotFoundException",
            f"No cluster found for name: {name}.",
            404,
            {"clusterName": name},
        )
    return cluster


def show(call: Call, cluster: LabCluster) -> dict[str, Any]:
    """A cluster as DescribeCluster shows it. The first asker opens its endpoint.

    A stale read sees earlier values of what updates change: access, endpoint, logging, status.
    """
    endpoint, ca_pem = call.world.endpoint_of(cluster)
    return {
        "name": cluster.name,
        "arn": cluster.arn,
        "createdAt": cluster.created_at,
        "version": cluster.version,
        "endpoint": endpoint,
        "roleArn": cluster.role_arn,
        "resourcesVpcConfig": cluster.vpc_config_at(call.as_of),
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
        "logging": {"clusterLogging": cluster.logging_at(call.as_of)},
        "status": cluster.status(call.as_of),
        "certificateAuthority": {"data": base64.b64encode(ca_pem).decode()},
        "platformVersion": cluster.platform_version,
        "tags": dict(cluster.tags),
        "health": {"issues": []},
        "accessConfig": {
            "authenticationMode": cluster.mode(call.as_of),
            "bootstrapClusterCreatorAdminPermissions": True,
        },
        **cluster.raw,
    }


def describe_cluster(call: Call) -> Mapping[str, Any]:
    """DescribeCluster."""
    return {"cluster": show(call, find_cluster(call))}


def list_clusters(call: Call) -> Mapping[str, Any]:
    """ListClusters of the account in the region."""
    mine = [
        name
        for (account, region, name) in call.world.clusters
        if (account, region) == (call.caller.account, call.region)
    ]
    page, token = call.page(mine, str)
    return {"clusters": page, "nextToken": token}


def update_cluster_config(call: Call) -> Mapping[str, Any]:
    """UpdateClusterConfig: authentication mode, endpoint access or logging, one kind at a time.

    The same request token gives the same update again. Raises InvalidParameterException for no
    change or two kinds, ResourceInUseException while an update runs.
    """
    cluster = find_cluster(call)
    token = call.params.get("clientRequestToken")
    for update in cluster.updates:
        if token and update.token == token:
            return {"update": show_update(update, call.now)}
    kinds: dict[str, Callable[[Call, LabCluster], LabUpdate]] = {
        "accessConfig": _access_update,
        "resourcesVpcConfig": _endpoint_update,
        "logging": _logging_update,
    }
    asked = [name for name in call.params if name not in ("name", "clientRequestToken")]
    if len(asked) != 1:
        raise AwsError("InvalidParameterException", "Only one type of update can be allowed.")
    if asked[0] not in kinds:
        raise AwsError("InvalidParameterException", f"The lab does not update {asked[0]}.")
    update = kinds[asked[0]](call, cluster)
    detail = {"cluster": cluster.name, "update": update.type}
    if update.mode:
        detail["to"] = update.mode
    # Asked before the update is there: one that takes no time is done by then.
    leaves = update.mode is not None and cluster.mode(call.now) == "CONFIG_MAP"
    with call.effect(**detail):
        cluster.add_update(update)
        if leaves and update.outcome == "Successful":
            _schedule_automatic_entries(call, cluster, update.done_at)
    return {"update": show_update(update, call.now)}


def _new_update(
    call: Call, cluster: LabCluster, kind: str, params: list[tuple[str, str]]
) -> LabUpdate:
    """An update that begins now. Raises ResourceInUseException while another one of the cluster
    runs; those of node groups and add-ons do not count.
    """
    for running in cluster.updates:
        if running.of is not None or running.status(call.now) != "InProgress":
            continue
        raise AwsError(
            "ResourceInUseException",
            f"Cannot {kind} because cluster {cluster.name} currently has update {running.id} in "
            f"progress",
            409,
            {"clusterName": cluster.name},
        )
    update = LabUpdate(
        id=str(uuid.uuid4()),
        type=kind,
        params=tuple(params),
        created_at=call.now,
        done_at=call.now + cluster.update_duration,
        token=call.params.get("clientRequestToken"),
    )
    if failure := call.faults.get("update-fails"):
        update.outcome = failure.outcome
        update.errors = (
            ("Unknown", "The update failed for an internal reason. Retry the update."),
        )
    return update


def _access_update(call: Call, cluster: LabCluster) -> LabUpdate:
    """The ratchet: one step forward, never a skip, never back, never the same again."""
    target = part_of(call.params, "accessConfig").get("authenticationMode")
    if target not in get_args(AuthenticationMode):
        known = ", ".join(get_args(AuthenticationMode))
        raise AwsError("InvalidParameterException", f"authenticationMode must be one of [{known}]")
    current = cluster.mode(call.now)
    update = _new_update(
        call, cluster, "AccessConfigUpdate", [("AuthenticationMode", json.dumps(target))]
    )
    _refuse_without_entries(cluster)
    if STEPS.get(current) != target:
        raise AwsError(
            "InvalidParameterException",
            f"Unsupported authentication mode update from {current} to {target}",
        )
    update.mode = target
    return update


def _refuse_without_entries(cluster: LabCluster) -> None:
    """Raise InvalidRequestException for a cluster that cannot have access entries. The first text
    is that of CreateCluster (eksctl issue 7552); none of UpdateClusterConfig has been published for
    either, so the second one is the lab's.
    """
    if cluster.raw.get("outpostConfig"):
        raise AwsError(
            "InvalidRequestException",
            "Local Amazon EKS cluster only supports bootstrapClusterCreatorAdminPermissions=true "
            "and authenticationMode=CONFIG_MAP for AccessConfig.",
        )
    first = _FIRST_PLATFORM.get(cluster.version, 0)
    if int(cluster.platform_version.rpartition(".")[2]) < first:
        raise AwsError(
            "InvalidRequestException",
            f"The cluster's platform version {cluster.platform_version} does not support access "
            f"entries.",
        )


# The first platform version with access entries (EKS user guide, "Setting up access entries").
_FIRST_PLATFORM: Mapping[str, int] = {
    "1.23": 17,
    "1.24": 15,
    "1.25": 12,
    "1.26": 11,
    "1.27": 10,
    "1.28": 6,
    "1.29": 1,
    "1.30": 2,
}


def _schedule_automatic_entries(call: Call, cluster: LabCluster, at: datetime) -> None:
    """EKS's own entries appear, and are in force, at the moment at which the switch is done."""
    for entry in automatic_entries(call.world, cluster, at):
        cluster.write_entry(entry.principal_arn, entry, at, delay=timedelta(0))


def _endpoint_update(call: Call, cluster: LabCluster) -> LabUpdate:
    """An update of who may reach the endpoint. What the request leaves out stays as it is. Raises
    InvalidParameterException for no change, and for an endpoint that nothing could reach.
    """
    asked = part_of(call.params, "resourcesVpcConfig")
    now = cluster.vpc_config_at(call.now)
    if asked.get("securityGroupIds") is not None:
        return _groups_update(call, cluster, asked)
    wanted = {**now, **{key: value for key, value in asked.items() if value is not None}}
    keys = ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs")
    params = [
        ("EndpointPublicAccess", json.dumps(wanted["endpointPublicAccess"])),
        ("EndpointPrivateAccess", json.dumps(wanted["endpointPrivateAccess"])),
        ("PublicAccessCidrs", json.dumps(wanted["publicAccessCidrs"])),
    ]
    update = _new_update(call, cluster, "EndpointAccessUpdate", params)
    if all(wanted[key] == now[key] for key in keys):
        private, public = (
            str(bool(now[key])).lower() for key in ("endpointPrivateAccess", "endpointPublicAccess")
        )
        raise AwsError(
            "InvalidParameterException",
            "Cluster is already at the desired configuration with endpointPrivateAccess: "
            f"{private} , endpointPublicAccess: {public}, and Public Endpoint Restrictions: "
            f"[{', '.join(now['publicAccessCidrs'])}]",
        )
    # The quota is in the AWS general reference, "Amazon EKS endpoints and quotas"; the text is not
    # published.
    if len(wanted["publicAccessCidrs"]) > MOST_CIDRS:
        raise AwsError(
            "InvalidParameterException",
            f"The number of publicAccessCidrs must be at most {MOST_CIDRS}.",
        )
    if not wanted["endpointPublicAccess"] and not wanted["endpointPrivateAccess"]:
        raise AwsError(
            "InvalidParameterException", "Private and public endpoint access cannot both be false."
        )
    update.vpc_config = wanted
    return update


def _groups_update(call: Call, cluster: LabCluster, asked: Mapping[str, Any]) -> LabUpdate:
    """An update of the additional security groups. Raises InvalidParameterException beside a change
    of who may reach the endpoint (EKS API reference, UpdateClusterConfig).
    """
    groups = [str(each) for each in asked["securityGroupIds"]]
    if [key for key, value in asked.items() if value is not None] != ["securityGroupIds"]:
        raise AwsError(
            "InvalidParameterException",
            "Only one type of VPC configuration can be updated at a time.",
        )
    params = [("SecurityGroups", json.dumps(groups))]
    update = _new_update(call, cluster, "VpcConfigUpdate", params)
    update.vpc_config = {"securityGroupIds": groups}
    return update


def _logging_update(call: Call, cluster: LabCluster) -> LabUpdate:
    """An update of the control-plane log types that are on; each item switches some on or off.
    Raises InvalidParameterException for no change.
    """
    types = set(cluster.log_types_at(call.now))
    for item in items_of(call.params, "logging", "clusterLogging"):
        change = set(items_of(item, "types"))
        if item.get("enabled"):
            types |= change
        else:
            types -= change
    params = [("ClusterLogging", json.dumps(call.params.get("logging")))]
    update = _new_update(call, cluster, "LoggingUpdate", params)
    if types == set(cluster.log_types_at(call.now)):
        raise AwsError(
            "InvalidParameterException", "No changes needed for the logging config provided"
        )
    update.log_types = tuple(sorted(types))
    return update


def show_update(update: LabUpdate, at: datetime) -> dict[str, Any]:
    """An update as DescribeUpdate shows it; what went wrong is known when it is over."""
    errors: list[dict[str, Any]] = []
    if at >= update.done_at:
        errors = [
            {"errorCode": code, "errorMessage": message, "resourceIds": []}
            for code, message in update.errors
        ]
    return {
        "id": update.id,
        "status": update.status(at),
        "type": update.type,
        "params": [{"type": kind, "value": value} for kind, value in update.params],
        "createdAt": update.created_at,
        "errors": errors,
    }


_UPDATED = ("nodegroupName", "addonName", "capabilityName")


def _updates_of(call: Call) -> list[LabUpdate]:
    """Updates of the resource that the call names, the cluster where it names none, oldest
    first.
    """
    named = [(key, str(call.params[key])) for key in _UPDATED if call.params.get(key)]
    if len(named) > 1:
        raise AwsError("InvalidParameterException", "Only one resource can be named.")
    of = named[0] if named else None
    updates = find_cluster(call).updates
    return [each for each in updates if each.of == of and each.created_at <= call.as_of]


def describe_update(call: Call) -> Mapping[str, Any]:
    """DescribeUpdate."""
    wanted = call.need("updateId")
    for update in _updates_of(call):
        if update.id == wanted:
            return {"update": show_update(update, call.as_of)}
    raise AwsError("ResourceNotFoundException", f"No update found for ID: {wanted}", 404)


def list_updates(call: Call) -> Mapping[str, Any]:
    """ListUpdates of the cluster, a node group or an add-on, oldest first."""
    ids = {update.id: f"{place:06d}" for place, update in enumerate(_updates_of(call))}
    page, token = call.page(list(ids), lambda update_id: ids[update_id])
    return {"updateIds": page, "nextToken": token}


# Ends of standard and extended support, by the release calendar of the EKS user guide.
_SUPPORT: Mapping[str, tuple[str, str]] = {
    "1.31": ("2025-11-26", "2026-11-26"),
    "1.32": ("2026-03-23", "2027-03-23"),
    "1.33": ("2026-07-29", "2027-07-29"),
    "1.34": ("2026-12-02", "2027-12-02"),
}


def describe_cluster_versions(call: Call) -> Mapping[str, Any]:
    """DescribeClusterVersions of the versions whose ends of support are known."""
    wanted = call.params.get("clusterVersions") or list(_SUPPORT)
    known = [version for version in _SUPPORT if version in wanted]
    page, token = call.page(known, str)
    return {"clusterVersions": [_version(each) for each in page], "nextToken": token}


def _version(version: str) -> dict[str, Any]:
    standard, extended = (_midnight(day) for day in _SUPPORT[version])
    return {
        "clusterVersion": version,
        "clusterType": "eks",
        "endOfStandardSupportDate": standard,
        "endOfExtendedSupportDate": extended,
    }


def _midnight(day: str) -> datetime:
    return moment_of_text(f"{day}T00:00:00+00:00")


OPERATIONS: Mapping[str, Handler] = {
    "DescribeCluster": describe_cluster,
    "ListClusters": list_clusters,
    "UpdateClusterConfig": update_cluster_config,
    "DescribeUpdate": describe_update,
    "ListUpdates": list_updates,
    "DescribeClusterVersions": describe_cluster_versions,
}
