"""What EKS refuses about an access entry, in EKS's own words and order.

Checks of form come before the cluster is looked up; whether the principal exists is asked last.
Sources: EKS user guide, "Create access entries" and "Access policies"; the service model; texts as
the API has been seen to answer. Where no text is known, the wording is the lab's and a comment says
so.
"""

import re
from collections.abc import Mapping
from typing import Any, get_args

from migrator.lab.aws.call import Call
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.lab_cluster import LabCluster, LabEntry
from migrator.lab.worlds.principals import Principal, RootUser
from migrator.lab.worlds.raw_parts import items_of
from migrator.model.access_entry import (
    RESERVED_PREFIXES,
    SERVICE_LINKED_MARK,
    AccessScope,
    EntryType,
)
from migrator.model.access_policy_tables import ACCESS_POLICIES
from migrator.model.principal import Arn, parse_arn

ENTRY_TYPES: tuple[EntryType, ...] = get_args(EntryType)
NODE_TYPES: tuple[EntryType, ...] = (
    "EC2_LINUX",
    "EC2_WINDOWS",
    "FARGATE_LINUX",
    "HYBRID_LINUX",
    "EC2",
)
_NODE_TYPES_TEXT = f"[{', '.join(NODE_TYPES)}]"
PASS_ROLE_TYPES: tuple[EntryType, ...] = ("EC2_LINUX", "EC2_WINDOWS")
AUTO_NODE_POLICY = "AmazonEKSAutoNodePolicy"
_POLICY_ARN = re.compile(r"arn:[a-z-]+:eks::?aws:cluster-access-policy/[\w-]+", re.ASCII)
_TEMPLATES = ("{{SessionName}}", "{{SessionNameRaw}}")


def invalid(message: str) -> AwsError:
    """InvalidParameterException, HTTP 400."""
    return AwsError("InvalidParameterException", message)


def not_found(message: str) -> AwsError:
    """ResourceNotFoundException, HTTP 404."""
    return AwsError("ResourceNotFoundException", message, 404)


def no_entry() -> AwsError:
    """There is no access entry for the principal."""
    return not_found(
        "The specified principalArn could not be found. You can view your available access entries "
        "with "
        "'list-access-entries'."
    )


def read_type(params: Mapping[str, Any]) -> EntryType:
    """The entry type asked for; STANDARD when none is."""
    asked = params.get("type") or "STANDARD"
    for known in ENTRY_TYPES:
        if asked == known:
            return known
    raise invalid(f"AccessEntry type must be one of [{', '.join(sorted(ENTRY_TYPES))}]")


def check_names(params: Mapping[str, Any], entry_type: EntryType) -> None:
    """Username and groups of a request, before anything else is looked at.

    Raises InvalidParameterException for a reserved prefix in either, for a session name without a
    colon before it, and for any name in an entry that is not STANDARD.
    """
    username, groups = params.get("username"), items_of(params, "kubernetesGroups")
    if username is not None and not isinstance(username, str):
        raise invalid("The username parameter format is not valid")
    if username:
        _refuse_reserved_username(username)
    for group in groups:
        _refuse_reserved_group(str(group))
    if entry_type == "STANDARD":
        _refuse_template_without_colon(username or "")
        return
    # Only STANDARD entries take a username and groups (EKS user guide, "Create access entries").
    if username:
        raise invalid(
            f"The specified username is invalid: setting username is not allowed when the type "
            f'is "{entry_type}"'
        )
    if groups:
        raise invalid(
            "The specified kubernetesGroups is invalid: setting kubernetesGroups is not "
            f'allowed when the type is "{entry_type}"'
        )


def _refuse_reserved_username(username: str) -> None:
    """Five prefixes are EKS's own in usernames (EKS user guide, "Create access entries")."""
    for prefix in RESERVED_PREFIXES:
        if username.startswith(prefix):
            raise invalid(f"The username must not begin with {prefix}")


def _refuse_reserved_group(group: str) -> None:
    """The same five in groups; the error echoes the group."""
    for prefix in RESERVED_PREFIXES:
        if group.startswith(prefix):
            raise invalid(
                f"The kubernetes group name {group} is invalid, it cannot start with {prefix}"
            )


def _refuse_template_without_colon(username: str) -> None:
    """A session name is chosen by its holder: without a colon before it, it could be the whole name
    of another user (EKS user guide, "Create access entries"). The API's own text is not known.
    """
    for template in _TEMPLATES:
        at = username.find(template)
        if at < 0:
            continue
        if ":" not in username[:at]:
            raise invalid(f"The username must include a colon before {template}")


def check_principal_form(text: str, entry_type: EntryType, account: str) -> Arn:
    """The principal's ARN by its shape: format, service-linked, own account and role for node
    types.

    ``account`` is the cluster's. Whether the principal exists is not asked here. Raises
    InvalidParameterException.
    """
    refuse_service_linked(text)
    arn = parse_arn(text)
    if arn is None or arn.service != "iam":
        raise invalid("The principalArn parameter format is not valid")
    if arn.kind not in ("role", "user", "root"):
        raise invalid("The principalArn parameter format is not valid")
    if entry_type not in NODE_TYPES:
        return arn
    if arn.account != account:
        raise invalid(
            "AccessEntry principalArn must be from the same account as the cluster when using "
            "types " + _NODE_TYPES_TEXT
        )
    if arn.kind != "role":
        raise invalid(
            f"AccessEntry principalArn must be IAM role when using types {_NODE_TYPES_TEXT}"
        )
    return arn


def refuse_service_linked(principal_arn: str) -> None:
    """Only EKS changes entries of service-linked roles; the ARN's shape alone decides."""
    if SERVICE_LINKED_MARK in principal_arn:
        raise invalid(
            "The caller is not allowed to modify access entries with a principalArn value of a "
            "Service Linked Role"
        )


def check_mode(call: Call, cluster: LabCluster) -> None:
    """Access entries, listing them included, need a mode that has them (EKS user guide, "Change
    authentication mode to use access entries"). Raises InvalidRequestException.
    """
    if cluster.mode(call.now) == "CONFIG_MAP":
        raise AwsError(
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to "
            "perform this "
            "operation.",
        )


def principal_id(call: Call, principal_arn: str) -> str:
    """The unique id of the principal that exists now, which the entry gets pinned to. Raises
    InvalidParameterException for a principal that does not exist, or that EKS does not see yet.
    """
    principal = call.world.principal(principal_arn)
    if principal is None or _is_too_young(call, principal):
        raise invalid("The specified principalArn is invalid: invalid principal.")
    return principal.id


def _is_too_young(call: Call, principal: Principal) -> bool:
    """Whether EKS does not see the principal yet (IAM user guide, "Changes that I make are not
    always immediately visible").
    """
    if isinstance(principal, RootUser):
        return False
    return call.now - principal.create_date < call.world.settings.iam_propagation


def policy_arns(partition: str) -> list[str]:
    """All access policies of a partition."""
    return [
        f"arn:{partition}:eks::aws:cluster-access-policy/{name}" for name in sorted(ACCESS_POLICIES)
    ]


def check_policy(policy_arn: str, partition: str) -> None:
    """The policy's ARN by its shape, then whether customers may associate it.

    Raises InvalidParameterException for another form and for a policy of EKS's own roles,
    ResourceNotFoundException for one that the partition does not have.
    """
    if not _POLICY_ARN.fullmatch(policy_arn):
        raise invalid("The policyArn parameter format is not valid")
    if policy_arn not in policy_arns(partition):
        raise not_found("The specified policyArn could not be found.")
    if ACCESS_POLICIES[policy_arn.rpartition("/")[2]].associable is False:
        raise invalid("The specified policyArn can only be associated with service-linked roles")


def check_policies_allowed(entry: LabEntry, policy_arn: str | None) -> None:
    """Access policies are for STANDARD entries; a customer's own EC2 entry takes the Auto Mode node
    policy.

    ``policy_arn`` None asks for an entry without naming a policy. Raises InvalidParameterException.
    """
    if entry.type == "STANDARD":
        return
    takes_node_policy = entry.type == "EC2" and not entry.automatic
    is_node_policy = (policy_arn or "").endswith("/" + AUTO_NODE_POLICY)
    if takes_node_policy and is_node_policy:
        return
    raise invalid(
        'This operation can only be performed on Access Entries with a type of "STANDARD".'
    )


def read_scope(raw: object) -> AccessScope:
    """The access scope of an association, its namespaces each once and in the order given.

    Raises InvalidParameterException for another type, a scope of namespaces without any, and one of
    the cluster with some.
    """
    scope: Mapping[str, Any] = {}
    if isinstance(raw, Mapping):
        scope = raw
    kind, namespaces = scope.get("type"), items_of(scope, "namespaces")
    if kind not in ("cluster", "namespace"):
        raise invalid("The accessScope type must be one of [cluster, namespace]")
    if kind == "namespace" and not namespaces:
        raise invalid("At least 1 namespace must be provided if the type is set as namespace")
    if kind == "cluster" and namespaces:
        raise invalid(
            "accessScope should not include namespaces if the type is not set as namespace"
        )
    return AccessScope(kind, tuple(dict.fromkeys(str(name) for name in namespaces)))
