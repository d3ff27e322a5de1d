"""EKS access entries and the access policies associated with them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from migrator.lab.aws.call import Call, Handler
from migrator.lab.aws.eks_clusters import find_cluster
from migrator.lab.aws.eks_rules import (
    PASS_ROLE_TYPES,
    check_mode,
    check_names,
    check_policies_allowed,
    check_policy,
    check_principal_form,
    no_entry,
    not_found,
    policy_arns,
    principal_id,
    read_scope,
    read_type,
    refuse_service_linked,
)
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.entry_shapes import entry_arn, names_of
from migrator.lab.worlds.lab_cluster import LabCluster, LabEntry, LabPolicy, with_policies
from migrator.model.principal import parse_arn


def show(cluster: LabCluster, entry: LabEntry) -> dict[str, Any]:
    """An entry as DescribeAccessEntry shows it: without the id that it is pinned to."""
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal_arn,
        "kubernetesGroups": list(entry.kubernetes_groups),
        "accessEntryArn": entry.entry_arn,
        "createdAt": entry.created_at,
        "modifiedAt": entry.modified_at,
        "tags": dict(entry.tags),
        "username": entry.username,
        "type": entry.type,
    }


def _show_policy(policy: LabPolicy) -> dict[str, Any]:
    return {
        "policyArn": policy.policy_arn,
        "accessScope": {"type": policy.scope.type, "namespaces": list(policy.scope.namespaces)},
        "associatedAt": policy.associated_at,
        "modifiedAt": policy.modified_at,
    }


def _entry(call: Call, cluster: LabCluster, *, stale: bool = False) -> LabEntry:
    found = cluster.entry(str(call.need("principalArn")), call.as_of if stale else call.now)
    if found is None:
        raise no_entry()
    return found


def _write(call: Call, cluster: LabCluster, principal_arn: str, entry: LabEntry | None) -> None:
    cluster.write_entry(principal_arn, entry, call.now, delay=cluster.propagation)


def create_access_entry(call: Call) -> Mapping[str, Any]:
    """CreateAccessEntry: form, then the cluster and its mode, then the entry, then the
    principal.
    """
    params = call.params
    entry_type, text = read_type(params), str(call.need("principalArn"))
    check_names(params, entry_type)
    arn = check_principal_form(text, entry_type, call.caller.account)
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    if entry_type in PASS_ROLE_TYPES:
        call.require("iam:PassRole", text)
    existing, token = cluster.entry(text, call.now), params.get("clientRequestToken")
    if existing is not None:
        if token and existing.token == token:
            return {"accessEntry": show(cluster, existing)}
        raise AwsError(
            "ResourceInUseException",
            "The specified access entry resource is already in use on this cluster.",
            409,
        )
    _refuse_one_too_many(call, cluster)
    username, groups = names_of(entry_type, arn, params)
    entry = LabEntry(
        principal_arn=text,
        principal_id=principal_id(call, text),
        type=entry_type,
        username=username,
        kubernetes_groups=groups,
        entry_arn=entry_arn(cluster, arn),
        created_at=call.now,
        modified_at=call.now,
        tags=dict(params.get("tags") or {}),
        token=token,
    )
    with call.effect(cluster=cluster.name, principalArn=text, type=entry_type):
        _write(call, cluster, text, entry)
    return {"accessEntry": show(cluster, entry)}


def _refuse_one_too_many(call: Call, cluster: LabCluster) -> None:
    """Raise ResourceLimitExceededException for a cluster that has as many entries as it may (AWS
    general reference, "Amazon EKS endpoints and quotas"); the API's text is not published.
    """
    most = call.world.settings.most_entries
    if len(cluster.entries(call.now)) >= most:
        raise AwsError(
            "ResourceLimitExceededException",
            f"The cluster has reached the maximum of {most} access entries.",
        )


def describe_access_entry(call: Call) -> Mapping[str, Any]:
    """DescribeAccessEntry."""
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    return {"accessEntry": show(cluster, _entry(call, cluster, stale=True))}


def update_access_entry(call: Call) -> Mapping[str, Any]:
    """UpdateAccessEntry: declarative, so groups are replaced and what is left out goes back to the
    default. The default of an entry that EKS made is the username that EKS gave it, as far as is
    known.
    """
    text = str(call.need("principalArn"))
    refuse_service_linked(text)
    check_names(call.params, "STANDARD")
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    entry = _entry(call, cluster)
    check_names(call.params, entry.type)
    _refuse_auto_mode(entry)
    arn = parse_arn(text)
    if arn is None:
        raise no_entry()
    username, groups = names_of(entry.type, arn, call.params)
    if entry.automatic and not call.params.get("username"):
        username = entry.username
    changed = replace(entry, username=username, kubernetes_groups=groups, modified_at=call.now)
    with call.effect(cluster=cluster.name, principalArn=text):
        _write(call, cluster, text, changed)
    return {"accessEntry": show(cluster, changed)}


def delete_access_entry(call: Call) -> Mapping[str, Any]:
    """DeleteAccessEntry; its policies go with it."""
    text = str(call.need("principalArn"))
    refuse_service_linked(text)
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    _refuse_auto_mode(_entry(call, cluster))
    with call.effect(cluster=cluster.name, principalArn=text):
        _write(call, cluster, text, None)
    return {}


def _refuse_auto_mode(entry: LabEntry) -> None:
    """Entries of Auto Mode can be seen and not changed (user guide, "cluster-auth"); the API's text
    is not known.
    """
    if entry.type == "EC2" and entry.automatic:
        raise AwsError("InvalidRequestException", "This access entry is managed by EKS Auto Mode.")


def list_access_entries(call: Call) -> Mapping[str, Any]:
    """ListAccessEntries, all or those with one policy."""
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    entries = cluster.entries(call.as_of)
    if wanted := call.params.get("associatedPolicyArn"):
        check_policy_known(wanted, cluster)
        entries = {
            arn: entry
            for arn, entry in entries.items()
            if any(policy.policy_arn == wanted for policy in entry.policies)
        }
    page, token = call.page(list(entries), str)
    return {"accessEntries": page, "nextToken": token}


def check_policy_known(policy_arn: str, cluster: LabCluster) -> None:
    """Raise ResourceNotFoundException unless the partition has the policy."""
    if policy_arn not in policy_arns(cluster.partition):
        raise not_found("The specified policyArn could not be found.")


def associate_access_policy(call: Call) -> Mapping[str, Any]:
    """AssociateAccessPolicy: an upsert; associating again replaces the scope."""
    text, policy_arn = str(call.need("principalArn")), str(call.need("policyArn"))
    scope = read_scope(call.params.get("accessScope"))
    refuse_service_linked(text)
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    check_policy(policy_arn, cluster.partition)
    entry = _entry(call, cluster)
    check_policies_allowed(entry, policy_arn)
    policies = {policy.policy_arn: policy for policy in entry.policies}
    since = policies[policy_arn].associated_at if policy_arn in policies else call.now
    policies[policy_arn] = policy = LabPolicy(policy_arn, scope, since, call.now)
    with call.effect(
        cluster=cluster.name, principalArn=text, policyArn=policy_arn, scope=scope.type
    ):
        _write(
            call, cluster, text, with_policies(entry, list(policies.values()), entry.modified_at)
        )
    return {
        "clusterName": cluster.name,
        "principalArn": text,
        "associatedAccessPolicy": _show_policy(policy),
    }


def disassociate_access_policy(call: Call) -> Mapping[str, Any]:
    """DisassociateAccessPolicy."""
    text, policy_arn = str(call.need("principalArn")), str(call.need("policyArn"))
    refuse_service_linked(text)
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    entry = _entry(call, cluster)
    check_policies_allowed(entry, policy_arn)
    left = [policy for policy in entry.policies if policy.policy_arn != policy_arn]
    if len(left) == len(
        entry.policies
    ):  # code and text presumed: no answer of the API to this has been published
        raise not_found("The specified policyArn is not associated with the access entry.")
    with call.effect(cluster=cluster.name, principalArn=text, policyArn=policy_arn):
        _write(call, cluster, text, with_policies(entry, left, entry.modified_at))
    return {}


def list_associated_access_policies(call: Call) -> Mapping[str, Any]:
    """ListAssociatedAccessPolicies; node entries answer an empty list."""
    cluster = find_cluster(call, "clusterName")
    check_mode(call, cluster)
    entry = _entry(call, cluster, stale=True)
    page, token = call.page(entry.policies, lambda policy: policy.policy_arn)
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal_arn,
        "nextToken": token,
        "associatedAccessPolicies": [_show_policy(policy) for policy in page],
    }


def list_access_policies(call: Call) -> Mapping[str, Any]:
    """ListAccessPolicies of the caller's partition."""
    page, token = call.page(policy_arns(call.partition), str)
    return {
        "accessPolicies": [{"name": arn.rpartition("/")[2], "arn": arn} for arn in page],
        "nextToken": token,
    }


OPERATIONS: Mapping[str, Handler] = {
    "CreateAccessEntry": create_access_entry,
    "DescribeAccessEntry": describe_access_entry,
    "UpdateAccessEntry": update_access_entry,
    "DeleteAccessEntry": delete_access_entry,
    "ListAccessEntries": list_access_entries,
    "AssociateAccessPolicy": associate_access_policy,
    "DisassociateAccessPolicy": disassociate_access_policy,
    "ListAssociatedAccessPolicies": list_associated_access_policies,
    "ListAccessPolicies": list_access_policies,
}
