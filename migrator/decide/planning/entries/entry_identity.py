"""The identity that an access entry gives, and what an entry looks like written out in full."""

from dataclasses import replace

from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import (
    AccessEntry,
    AssociatedPolicy,
    EntrySpec,
    EntryType,
    Identity,
)
from migrator.model.canonical import digest_of

_BY_DNS = "system:node:{{EC2PrivateDNSName}}"
_BY_SESSION = "system:node:{{SessionName}}"

# Username and groups that EKS fixes (EKS user guide, "Create access entries": table of usernames;
# groups as seen in DescribeAccessEntry).
NODE_IDENTITIES: dict[EntryType, tuple[str, tuple[str, ...]]] = {
    "EC2_LINUX": (_BY_DNS, ("system:nodes",)),
    "EC2_WINDOWS": (_BY_DNS, ("system:nodes", "eks:kube-proxy-windows")),
    # The groups of this entry are not published: they are those of the row, as for EC2_LINUX.
    "FARGATE_LINUX": (_BY_SESSION, ("system:node-proxier", "system:nodes")),
    "EC2": (_BY_SESSION, ("system:nodes",)),
    "HYBRID_LINUX": (_BY_SESSION, ("system:nodes",)),
    "HYPERPOD_LINUX": (_BY_SESSION, ("system:nodes",)),
}


def spec_of(entry: AccessEntry) -> EntrySpec:
    """The spec of an existing entry; node types have neither a username nor groups to set."""
    if entry.type != "STANDARD":
        return EntrySpec(entry.type, None, (), entry.access_policies)
    return EntrySpec(entry.type, entry.username, entry.kubernetes_groups, entry.access_policies)


def identity_of_spec(principal_arn: str, spec: EntrySpec) -> Identity:
    """The identity of a log-in through an entry with this spec."""
    if spec.type != "STANDARD":
        username, groups = NODE_IDENTITIES[spec.type]
        return Identity(username, groups, "access-entry", spec.access_policies)
    username = default_username(principal_arn) if spec.username is None else spec.username
    return Identity(username, spec.kubernetes_groups, "access-entry", spec.access_policies)


def identity_of_entry(entry: AccessEntry) -> Identity:
    """The identity of a log-in through an existing entry. For node entries it is what EKS shows, or
    what EKS fixes.
    """
    # DescribeAccessEntry may show no name for a node type.
    if entry.type != "STANDARD" and not entry.username:
        return identity_of_spec(entry.principal_arn, spec_of(entry))
    return Identity(entry.username, entry.kubernetes_groups, "access-entry", entry.access_policies)


def normal_spec(principal_arn: str, spec: EntrySpec) -> EntrySpec:
    """The spec written out: EKS's default username filled in, everything without an order
    sorted.
    """
    policies = _normal_policies(spec)
    # EKS API: nothing but the type of a node entry can be set.
    if spec.type != "STANDARD":
        return EntrySpec(spec.type, None, (), policies)
    username = default_username(principal_arn) if spec.username is None else spec.username
    return EntrySpec("STANDARD", username, tuple(sorted(set(spec.kubernetes_groups))), policies)


def _normal_policies(spec: EntrySpec) -> tuple[AssociatedPolicy, ...]:
    normal = [_normal_policy(policy) for policy in spec.access_policies]
    return tuple(sorted(normal, key=lambda each: (each.policy_arn, each.scope.namespaces)))


def _normal_policy(policy: AssociatedPolicy) -> AssociatedPolicy:
    namespaces = tuple(sorted(set(policy.scope.namespaces)))
    return replace(policy, scope=replace(policy.scope, namespaces=namespaces))


def same_entry(principal_arn: str, one: EntrySpec, other: EntrySpec) -> bool:
    """Whether two specs make the same entry. Of node types only the type counts: EKS fixes the
    rest.
    """
    if one.type != other.type:
        return False
    if one.type != "STANDARD":
        return True
    # EKS gives its default name to an entry without one: to write it out changes nothing.
    default = default_username(principal_arn)
    names = {default if each.username is None else each.username for each in (one, other)}
    if len(names) > 1:
        return False
    if set(one.kubernetes_groups) != set(other.kubernetes_groups):
        return False
    return _normal_policies(one) == _normal_policies(other)


def entry_digest(principal_arn: str, spec: EntrySpec) -> str:
    """What the entry's tag says it is meant to be: 32 hexadecimal digits over the spec written
    out.
    """
    normal = normal_spec(principal_arn, spec)
    document = {
        "type": normal.type,
        "username": normal.username,
        "groups": list(normal.kubernetes_groups),
        "policies": [
            [p.policy_arn, p.scope.type, list(p.scope.namespaces)] for p in normal.access_policies
        ],
    }
    return digest_of(document).removeprefix("sha256:")[:32]
