"""EC2: instances behind nodes, and regions."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from migrator.lab.aws.call import Call, Handler, make_token, read_token
from migrator.lab.aws.ec2_network import OPERATIONS as NETWORK_OPERATIONS
from migrator.lab.aws.ec2_network import network_of
from migrator.lab.aws.errors import AwsError
from migrator.lab.worlds.network import interfaces_of
from migrator.lab.worlds.principals import Account, Instance
from migrator.lab.worlds.raw_parts import items_of

REGIONS = (
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
REGIONS_OF: Mapping[str, tuple[str, ...]] = {
    "aws": REGIONS,
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
    "aws-us-gov": ("us-gov-east-1", "us-gov-west-1"),
}
_STATES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


def _dns_name(instance: Instance) -> str:
    """The private name of an instance. A terminated one has none any more, and its field is
    empty.
    """
    return "" if instance.state == "terminated" else instance.private_dns_name


_FILTERS: Mapping[str, Callable[[Instance], str]] = {
    "instance-id": lambda instance: instance.id,
    "private-dns-name": _dns_name,
    "instance-state-name": lambda instance: instance.state,
}


def describe_instances(call: Call) -> Mapping[str, Any]:
    """DescribeInstances of the account in the region, by id or filter; each instance is a
    separate reservation.

    Filters must all pass, each by any of its values. Raises InvalidInstanceID.NotFound for ids that
    do not exist, which fails the whole call.
    """
    network = network_of(call)
    mine = {
        name: item for name, item in call.account.instances.items() if item.region == call.region
    }
    wanted = call.params.get("InstanceIds")
    if wanted:
        missing = [name for name in wanted if name not in mine]
        if missing:
            raise _no_such_instances(missing)
        mine = {name: mine[name] for name in wanted}
    for wanted_filter in items_of(call.params, "Filters"):
        mine = {name: item for name, item in mine.items() if _passes(item, wanted_filter)}
    page, token = _page(call, mine)
    reservations = [
        {
            "ReservationId": "r-" + item.id[2:],
            "OwnerId": call.caller.account,
            "Instances": [
                {**_show(call.account, item), **_interfaces(interfaces_of(network, item.id))}
            ],
        }
        for item in page
    ]
    return {"Reservations": reservations, "NextToken": token}


def _passes(instance: Instance, wanted: Mapping[str, Any]) -> bool:
    """Whether a filter passes an instance; its values may have wildcards."""
    patterns = [str(value) for value in items_of(wanted, "Values")]
    for value in _values_of(instance, str(wanted.get("Name"))):
        if any(fnmatchcase(value, pattern) for pattern in patterns):
            return True
    return False


def _values_of(instance: Instance, name: str) -> Iterable[str]:
    """What a filter compares (EC2 API Reference, DescribeInstances, Filter). Raises
    InvalidParameterValue for a filter that the lab does not have.
    """
    if name == "tag-key":
        return instance.tags
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return [value for tag, value in instance.tags.items() if tag == key]
    if name not in _FILTERS:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return [_FILTERS[name](instance)]


def _no_such_instances(names: list[str]) -> AwsError:
    """The error of ids that do not exist, which names all of them."""
    text = f"The instance ID '{names[0]}' does not exist"
    if len(names) > 1:
        text = f"The instance IDs '{', '.join(names)}' do not exist"
    return AwsError("InvalidInstanceID.NotFound", text)


def _page(call: Call, items: Mapping[str, Instance]) -> tuple[list[Instance], str | None]:
    """A page of instances in the order of their ids, and the token of the next one; None after the
    last.
    """
    names = sorted(items)
    if token := call.params.get("NextToken"):
        after = read_token(token)
        names = [name for name in names if name > after]
    size = int(call.params.get("MaxResults") or 1000)
    if partial := call.faults.get("partial-page"):
        size = min(size, max(1, partial.page_size))
    page = [items[name] for name in names[:size]]
    if len(names) <= size:
        return page, None
    return page, make_token(names[size - 1])


def _show(account: Account, instance: Instance) -> dict[str, Any]:
    """An instance as DescribeInstances shows it; None is left out. Type and image are made up."""
    profile = account.instance_profiles.get((instance.instance_profile or "").lower())
    shown_profile = None
    if profile is not None:
        shown_profile = {"Arn": profile.arn, "Id": profile.id}
    return {
        "InstanceId": instance.id,
        "ImageId": "ami-0a1b2c3d4e5f60001",
        "InstanceType": "m7i.large",
        "State": {"Code": _STATES.get(instance.state, 16), "Name": instance.state},
        "PrivateDnsName": _dns_name(instance),
        "LaunchTime": instance.launch_time,
        "Platform": instance.platform,
        "Placement": {"AvailabilityZone": instance.region + "a"},
        "IamInstanceProfile": shown_profile,
        "Tags": [{"Key": key, "Value": value} for key, value in instance.tags.items()] or None,
    }


def _interfaces(found: list[dict[str, Any]]) -> dict[str, Any]:
    """What an instance shows of its interfaces: network, address and groups."""
    if not found:
        return {}
    first = found[0]
    return {
        "NetworkInterfaces": found,
        "VpcId": first.get("VpcId"),
        "SubnetId": first.get("SubnetId"),
        "PrivateIpAddress": first.get("PrivateIpAddress"),
        "SecurityGroups": first.get("Groups"),
    }


def describe_regions(call: Call) -> Mapping[str, Any]:
    """DescribeRegions: the usual ones of the partition and wherever the world has a cluster, so
    that a search through all regions finds it.
    """
    used = {region for account, region, _ in call.world.clusters if account == call.caller.account}
    names = {*REGIONS_OF.get(call.partition, REGIONS), *used}
    wanted = call.params.get("RegionNames")
    if wanted:
        names &= set(wanted)
    shown = [
        {
            "RegionName": name,
            "Endpoint": f"ec2.{name}.amazonaws.com",
            "OptInStatus": "opt-in-not-required",
        }
        for name in sorted(names)
    ]
    return {"Regions": shown}


OPERATIONS: Mapping[str, Handler] = {
    **NETWORK_OPERATIONS,
    "DescribeInstances": describe_instances,
    "DescribeRegions": describe_regions,
}
