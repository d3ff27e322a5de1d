"""Commands of the table of security groups, carried out on what was read of a network: the effect
that EC2 and EKS give them, without a server.

Source: AWS CLI reference, ``aws ec2`` and ``aws eks update-cluster-config``.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any, TypeAlias

from migrator.model.security_groups import (
    NetworkFacts,
    SecurityGroup,
    SecurityRule,
    VpcEndpoint,
)

Cluster: TypeAlias = Mapping[str, Any]
World: TypeAlias = tuple[Cluster, NetworkFacts]


def carried_out(cluster: Cluster, facts: NetworkFacts, commands: str) -> World:
    """The cluster and its network after commands that are joined by ``&&``. Raises ValueError for
    one that is not known, or that names what is not there.
    """
    kept: dict[str, str] = {}
    for command in commands.split(" && "):
        words = shlex.split(re.sub(r"^(\w+)=\$\((.*)\)$", r"\2 --kept-as \1", command))
        words = [re.sub(r"\$(\w+)", lambda found: kept[found[1]], word) for word in words]
        program, service, operation, *rest = words
        assert program == "aws", command
        options = _options(rest)
        if operation == "create-security-group":
            facts, made = _create_group(facts, options)
            kept[options["kept-as"][0]] = made
        elif service == "eks":
            cluster, facts = _update_cluster(cluster, facts, options)
        else:
            facts = _EC2[operation](facts, options)
    return cluster, facts


def _options(words: list[str]) -> dict[str, list[str]]:
    """Options with their values."""
    found: dict[str, list[str]] = {}
    for place, word in enumerate(words):
        if word.startswith("--"):
            after = takewhile(lambda each: not each.startswith("--"), words[place + 1 :])
            found[word[2:]] = list(after)
    return found


def _authorize(direction: Any) -> Any:  # noqa: ANN401 - a literal, and a function of the table
    def add(facts: NetworkFacts, options: dict[str, list[str]]) -> NetworkFacts:
        owner = facts.groups[options["group-id"][0]]
        rules = tuple(_rules(owner.id, direction, options))
        for rule in rules:
            if rule in owner.rules:
                raise ValueError("InvalidPermission.Duplicate")
        return _with_group(facts, replace(owner, rules=owner.rules + rules))

    return add


def _rules(owner: str, direction: Any, options: dict[str, list[str]]) -> list[SecurityRule]:  # noqa: ANN401
    """The rules of the short options, or of permissions in the CLI's shorthand."""
    if "protocol" in options:
        protocol = options["protocol"][0].replace("all", "-1")
        first, _, last = options.get("port", [""])[0].partition("-")
        start, end = (int(first), int(last or first)) if first else (None, None)
        peer = options["source-group"][0]
        return [SecurityRule(owner, direction, protocol, start, end, peer_group=peer)]
    return [_permission(owner, direction, text) for text in options["ip-permissions"]]


def _permission(owner: str, direction: Any, text: str) -> SecurityRule:  # noqa: ANN401
    fields = dict(re.findall(r"(\w+)=([^,\[\]{}]+)", text))
    names = {
        "CidrIp": "cidr",
        "CidrIpv6": "cidr",
        "GroupId": "peer_group",
        "PrefixListId": "prefix_list",
    }
    ports = [int(fields[name]) if name in fields else None for name in ("FromPort", "ToPort")]
    peer = {names[name]: fields[name] for name in names if name in fields}
    assert len(peer) == 1, text
    return SecurityRule(owner, direction, fields["IpProtocol"], ports[0], ports[1], **peer)


def _with_group(facts: NetworkFacts, group: SecurityGroup) -> NetworkFacts:
    return replace(facts, groups={**facts.groups, group.id: group})


def _tag(facts: NetworkFacts, options: dict[str, list[str]]) -> NetworkFacts:
    for name in options["resources"]:
        found = re.fullmatch("Key=(.*),Value=(.*)", options["tags"][0])
        assert found is not None
        group = facts.groups[name]
        facts = _with_group(facts, replace(group, tags={**group.tags, found[1]: found[2]}))
    return facts


def _untag(facts: NetworkFacts, options: dict[str, list[str]]) -> NetworkFacts:
    for name in options["resources"]:
        group, key = facts.groups[name], options["tags"][0].removeprefix("Key=")
        left = {each: value for each, value in group.tags.items() if each != key}
        facts = _with_group(facts, replace(group, tags=left))
    return facts


def _create_endpoint(facts: NetworkFacts, options: dict[str, list[str]]) -> NetworkFacts:
    """An endpoint; EC2 refuses a second one of a VPC to which the service's name would lead, and
    two subnets of one zone.
    """
    service = options["service-name"][0].split(".", 3)[3]
    kind = options["vpc-endpoint-type"][0]
    name = f"vpce-new-{service}"
    made = VpcEndpoint(
        name,
        options["vpc-id"][0],
        service,
        kind,
        tuple(options.get("security-group-ids", ())),
        "private-dns-enabled" in options,
        tuple(options.get("subnet-ids", ())),
    )
    for each in facts.endpoints:
        if (each.service, each.kind, each.private_names) == (service, kind, True):
            raise ValueError("private-dns-enabled cannot be set: there is a conflicting DNS domain")
    zones = [one.zone or one.id for one in facts.subnets if one.id in made.subnets]
    if len(zones) != len(set(zones)):
        raise ValueError("DuplicateSubnetsInSameZone")
    facts = replace(facts, endpoints=(*facts.endpoints, made))
    return _add_routes(facts, name, options.get("route-table-ids", []))


def _modify_endpoint(facts: NetworkFacts, options: dict[str, list[str]]) -> NetworkFacts:
    name = options["vpc-endpoint-id"][0]
    assert name in {one.id for one in facts.endpoints}
    changed = tuple(
        replace(one, private_names="private-dns-enabled" in options or one.private_names)
        if one.id == name
        else one
        for one in facts.endpoints
    )
    routed = _add_routes(facts, name, options.get("add-route-table-ids", []))
    return replace(routed, endpoints=changed)


def _add_routes(facts: NetworkFacts, endpoint: str, names: list[str]) -> NetworkFacts:
    """The route to a gateway endpoint in each of the tables."""
    assert set(names) <= {table.id for table in facts.route_tables}
    tables = tuple(
        replace(
            table,
            gateway_endpoints=(*table.gateway_endpoints, endpoint),
            prefix_lists={**table.prefix_lists, endpoint: "pl-s3"},
        )
        if table.id in names
        else table
        for table in facts.route_tables
    )
    return replace(facts, route_tables=tables)


def _set_groups(facts: NetworkFacts, options: dict[str, list[str]]) -> NetworkFacts:
    name, groups = options["network-interface-id"][0], tuple(options["groups"])
    assert set(groups) <= set(facts.groups)
    nodes = tuple(replace(one, groups=groups) if one.id == name else one for one in facts.nodes)
    return replace(facts, nodes=nodes)


def _create_group(facts: NetworkFacts, options: dict[str, list[str]]) -> tuple[NetworkFacts, str]:
    """A group lets everything out, and nothing in."""
    name = "sg-made"
    assert name not in facts.groups
    out = (SecurityRule(name, "egress", "-1", cidr="0.0.0.0/0"),)
    made = SecurityGroup(name, options["group-name"][0], options["vpc-id"][0], out)
    return _with_group(facts, made), name


def _update_cluster(cluster: Cluster, facts: NetworkFacts, options: dict[str, list[str]]) -> World:
    """Who may reach the endpoint, or the additional groups, which EKS puts on its interfaces."""
    assert options["name"] == [cluster["name"]]
    config = dict(cluster["resourcesVpcConfig"])
    key, _, value = options["resources-vpc-config"][0].partition("=")
    if key == "endpointPrivateAccess":
        return {**cluster, "resourcesVpcConfig": {**config, key: value == "true"}}, facts
    assert key == "securityGroupIds"
    groups = value.split(",")
    assert groups and set(groups) <= set(facts.groups)
    described = f"Amazon EKS {cluster['name']}"
    own = tuple(filter(None, dict.fromkeys([config.get("clusterSecurityGroupId", ""), *groups])))
    plane = tuple(
        replace(one, groups=own) if one.description == described else one
        for one in facts.control_plane
    )
    config[key] = groups
    return {**cluster, "resourcesVpcConfig": config}, replace(facts, control_plane=plane)


_EC2 = {
    "authorize-security-group-ingress": _authorize("ingress"),
    "authorize-security-group-egress": _authorize("egress"),
    "create-tags": _tag,
    "delete-tags": _untag,
    "create-vpc-endpoint": _create_endpoint,
    "modify-vpc-endpoint": _modify_endpoint,
    "modify-network-interface-attribute": _set_groups,
}
