"""The commands of the AWS CLI that add what is missing, as a shell reads them.

Source: AWS CLI reference, ``aws ec2 authorize-security-group-ingress`` and ``-egress``.
"""

from collections.abc import Sequence
from shlex import quote

from migrator.decide.reach.security_groups.traffic import Traffic, block_of
from migrator.model.security_groups import ALL_TRAFFIC, Direction, SecurityRule


def authorize(
    direction: Direction,
    region: str,
    group: str,
    traffic: Traffic,
    peer: str,
) -> str:
    """The command that adds a rule for ``peer``, a group's id or a block."""
    head = f"aws ec2 authorize-security-group-{direction} {_at(region)} --group-id {quote(group)}"
    # The short options know IPv4 blocks and, for ingress only, groups.
    if direction == "ingress" and peer.startswith("sg-"):
        return f"{head} {_ports(traffic)} --source-group {quote(peer)}"
    return f"{head} --ip-permissions {quote(_permission(traffic, peer))}"


def _ports(traffic: Traffic) -> str:
    """The short options of a protocol and its ports."""
    if traffic.protocol == ALL_TRAFFIC:
        return "--protocol all"
    if traffic.first == traffic.last:
        return f"--protocol {traffic.protocol} --port {traffic.first}"
    return f"--protocol {traffic.protocol} --port {traffic.first}-{traffic.last}"


def _permission(traffic: Traffic, peer: str) -> str:
    """An IpPermission in the shorthand of the AWS CLI."""
    ports = ""
    if traffic.protocol != ALL_TRAFFIC:
        ports = f"FromPort={traffic.first},ToPort={traffic.last},"
    return f"IpProtocol={traffic.protocol},{ports}{_peer(peer)}"


def _peer(peer: str) -> str:
    """The peer of an IpPermission: a group, or a block of its family."""
    if peer.startswith("sg-"):
        return f"UserIdGroupPairs=[{{GroupId={peer}}}]"
    if peer.startswith("pl-"):
        return f"PrefixListIds=[{{PrefixListId={peer}}}]"
    block = block_of(peer)
    if block is not None and block.version == 6:
        return f"Ipv6Ranges=[{{CidrIpv6={peer}}}]"
    return f"IpRanges=[{{CidrIp={peer}}}]"


def tag_owned(region: str, group: str, cluster: str) -> str:
    """The command that marks a group as the cluster's own."""
    tag = quote(f"Key=kubernetes.io/cluster/{cluster},Value=owned")
    return f"aws ec2 create-tags {_at(region)} --resources {quote(group)} --tags {tag}"


def untag(region: str, groups: Sequence[str], cluster: str) -> str:
    """The command that takes the mark from groups."""
    tag = quote(f"Key=kubernetes.io/cluster/{cluster}")
    return f"aws ec2 delete-tags {_at(region)} --resources {_words(groups)} --tags {tag}"


def set_groups(region: str, interface: str, groups: Sequence[str]) -> str:
    """The command that gives an interface these groups and no others."""
    return (
        f"aws ec2 modify-network-interface-attribute {_at(region)} "
        f"--network-interface-id {quote(interface)} --groups {_words(groups)}"
    )


def create_group(region: str, vpc: str, cluster: str) -> str:
    """The command that makes a group for the control plane of one cluster alone, whose id is
    ``$group`` for the commands after it.
    """
    return (
        f"group=$(aws ec2 create-security-group {_at(region)} --vpc-id {quote(vpc)} "
        f"--group-name {quote(cluster + '-control-plane')} "
        f"--description {quote('Control plane of ' + cluster)} --query GroupId --output text)"
    )


def copy_rules(region: str, rules: Sequence[SecurityRule]) -> str:
    """The command that gives ``$group`` the incoming rules of other groups."""
    permissions = dict.fromkeys(map(_permission_of, rules))
    return (
        f"aws ec2 authorize-security-group-ingress {_at(region)} "
        f'--group-id "$group" --ip-permissions {_words(tuple(permissions))}'
    )


def _permission_of(rule: SecurityRule) -> str:
    """A rule as an IpPermission in the shorthand of the AWS CLI."""
    ports = ""
    if rule.first is not None:
        ports = f"FromPort={rule.first},ToPort={rule.last},"
    return f"IpProtocol={rule.protocol},{ports}{_peer(_peer_of(rule))}"


def _peer_of(rule: SecurityRule) -> str:
    return rule.cidr or rule.peer_group or rule.prefix_list


def use_groups(region: str, cluster: str, kept: Sequence[str]) -> str:
    """The command that gives a cluster additional groups: those kept, and ``$group``."""
    head = f"aws eks update-cluster-config {_region_and_name(region, cluster)}"
    groups = "".join(f"{quote(group)}," for group in kept)
    return f'{head} --resources-vpc-config securityGroupIds={groups}"$group"'


def create_endpoint(
    region: str,
    vpc: str,
    service: str,
    subnets: Sequence[str],
    group: str,
) -> str:
    """The command that makes an interface endpoint of a service, such as ``sts``, to which the
    service's usual name leads inside the VPC.
    """
    return (
        f"aws ec2 create-vpc-endpoint {_at(region)} --vpc-id {quote(vpc)} "
        f"--vpc-endpoint-type Interface "
        f"--service-name {quote(f'com.amazonaws.{region}.{service}')} "
        f"--subnet-ids {_words(subnets)} --security-group-ids {quote(group)} --private-dns-enabled"
    )


def use_private_names(region: str, endpoint: str) -> str:
    """The command that lets a service's usual name lead to an interface endpoint."""
    head = f"aws ec2 modify-vpc-endpoint {_at(region)} --vpc-endpoint-id {quote(endpoint)}"
    return f"{head} --private-dns-enabled"


def create_gateway(
    region: str,
    vpc: str,
    service: str,
    tables: Sequence[str],
) -> str:
    """The command that makes a gateway endpoint of a service, with a route in each table."""
    return (
        f"aws ec2 create-vpc-endpoint {_at(region)} --vpc-id {quote(vpc)} "
        f"--vpc-endpoint-type Gateway "
        f"--service-name {quote(f'com.amazonaws.{region}.{service}')} "
        f"--route-table-ids {_words(tables)}"
    )


def add_tables(region: str, endpoint: str, tables: Sequence[str]) -> str:
    """The command that adds the route to a gateway endpoint to further tables."""
    head = f"aws ec2 modify-vpc-endpoint {_at(region)} --vpc-endpoint-id {quote(endpoint)}"
    return f"{head} --add-route-table-ids {_words(tables)}"


def use_private_endpoint(region: str, cluster: str) -> str:
    """The command that switches the private endpoint on."""
    head = f"aws eks update-cluster-config {_region_and_name(region, cluster)}"
    return f"{head} --resources-vpc-config endpointPrivateAccess=true"


def _region_and_name(region: str, cluster: str) -> str:
    return f"{_at(region)} --name {quote(cluster)}"


def _at(region: str) -> str:
    """The option that names the Region."""
    return f"--region {quote(region)}"


def _words(texts: Sequence[str]) -> str:
    """Several values of one option."""
    return " ".join(map(quote, texts))


def joined(commands: Sequence[str]) -> str:
    """Commands as one line, nothing twice."""
    return " && ".join(dict.fromkeys(commands))
