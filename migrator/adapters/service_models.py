"""What botocore knows of the services: of those that each account of a fleet is asked for, only the
operations that are used here.

botocore makes a method for each operation of each client. EC2 has 830 operations and nine of them
are used here, so a client with all of them takes several times the time and memory.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

USED: Final[Mapping[str, frozenset[str]]] = {
    "ec2": frozenset(
        {
            "DescribeInstances",
            "DescribeNatGateways",
            "DescribeNetworkInterfaces",
            "DescribeRegions",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcEndpoints",
            "GetManagedPrefixListEntries",
        }
    ),
    "eks": frozenset(
        {
            "AssociateAccessPolicy",
            "CreateAccessEntry",
            "DeleteAccessEntry",
            "DescribeAccessEntry",
            "DescribeCapability",
            "DescribeCluster",
            "DescribeClusterVersions",
            "DescribeFargateProfile",
            "DescribeIdentityProviderConfig",
            "DescribeNodegroup",
            "DescribeUpdate",
            "DisassociateAccessPolicy",
            "ListAccessEntries",
            "ListAccessPolicies",
            "ListAddons",
            "ListAssociatedAccessPolicies",
            "ListCapabilities",
            "ListClusters",
            "ListFargateProfiles",
            "ListIdentityProviderConfigs",
            "ListNodegroups",
            "ListTagsForResource",
            "ListUpdates",
            "TagResource",
            "UntagResource",
            "UpdateAccessEntry",
            "UpdateClusterConfig",
        }
    ),
    "iam": frozenset(
        {
            "GetInstanceProfile",
            "GetRole",
            "GetUser",
            "ListRoles",
            "ListUsers",
            "SimulatePrincipalPolicy",
        }
    ),
}


class _AnyService:
    """In place of the list of all services: the service's own folder says whether it exists."""

    def __contains__(self, name: str) -> bool:
        return True


@lru_cache(maxsize=4)
def model_loader(data_path: str | None) -> Any:
    """One reader of service models for all sessions of this process: reading them takes longer than
    using them. It does not look through the folders of all 400 services for the name of one.
    """
    from botocore.loaders import create_loader

    loader: Any = create_loader(data_path)
    read = loader.load_service_model

    @lru_cache(maxsize=64)
    def load_service_model(
        service_name: str,
        type_name: str,
        api_version: str | None = None,
    ) -> Any:
        model = read(service_name, type_name, api_version)
        if type_name != "service-2" or service_name not in USED:
            return model
        return _only(model, USED[service_name])

    loader.load_service_model = load_service_model
    # botocore asks this for each kind of file, in each thread of a command.
    loader.list_available_services = lambda type_name: _AnyService()
    return loader


def _only(
    model: Mapping[str, Any],
    names: Iterable[str],
) -> dict[str, Any]:
    """A service's model with some of its operations, and the shapes that these refer to."""
    operations = {
        name: operation for name, operation in model["operations"].items() if name in names
    }
    shapes: dict[str, Any] = {}
    open_ends = [*_shapes_in(operations)]
    while open_ends:
        name = open_ends.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            open_ends.extend(_shapes_in(shapes[name]))
    return {**model, "operations": operations, "shapes": shapes}


def _shapes_in(value: Any) -> Iterable[str]:
    """The names of the shapes that a part of a model refers to."""
    if isinstance(value, list):
        for each in value:
            yield from _shapes_in(each)
    elif isinstance(value, dict):
        if isinstance(value.get("shape"), str):
            yield value["shape"]
        for each in value.values():
            yield from _shapes_in(each)
