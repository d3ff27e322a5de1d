"""A whole organisation for the lab, drawn from the example clusters: what ``fleet plan`` is
measured on.

Every account has the principals of all examples, under its own number; every cluster is one of the
examples, with its ConfigMap, its bindings, its node groups and its live nodes. Some accounts deny,
some clusters cannot be reached: at one half of those nothing listens, and the others do not let the
caller's address in, which shows as silence.
"""

import functools
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from migrator.model.principal import parse_arn
from tests.support.example_snapshots import EXAMPLES
from tests.support.fleet_world import (
    EXTERNAL_ID,
    NOWHERE,
    OPERATOR,
    OPERATOR_ACCOUNT,
    REGIONS,
    ROLE,
    account_ids,
    fleet_file,
)

_EXAMPLE_ACCOUNT = "111122223333"
_DEFAULT_ROLES = frozenset(
    {"cluster-admin", "admin", "edit", "view"}
)  # every cluster of the lab has them


@dataclass(frozen=True)
class Organisation:
    """A world file's content, the fleet file's, and what is wrong with whom. Clusters by (account,
    Region, name).
    """

    world: dict[str, Any]
    fleet: dict[str, Any]
    denied: frozenset[str]
    unreachable: frozenset[str]

    @property
    def readable(self) -> list[dict[str, Any]]:
        """Clusters of which a plan is expected."""
        return [
            each
            for each in self.world["clusters"]
            if each["account"] not in self.denied and each["name"] not in self.unreachable
        ]


def organisation(
    accounts: int,
    clusters: int,
    *,
    denied: int,
    unreachable: int,
    seed: int = 7,
    **fleet: Any,  # noqa: ANN401 - JSON values
) -> Organisation:
    """``clusters`` dealt out over accounts and Regions in turn, each after an example. ``fleet``
    goes into its file.
    """
    ids = account_ids(accounts)
    dice = random.Random(seed)
    refused = frozenset(dice.sample(ids, denied))
    asked = [number for number in range(clusters) if ids[number % accounts] not in refused]
    dead = dice.sample(asked, unreachable)
    made, instances = [], dict[str, list[dict[str, Any]]]()
    for number in range(clusters):
        account, region = ids[number % accounts], REGIONS[number // accounts % len(REGIONS)]
        cluster, nodes = _cluster(number, account, region, dice.choice(_examples()))
        if number in dead:
            silent = {"resourcesVpcConfig": {"publicAccessCidrs": ["192.0.2.0/24"]}}
            cluster |= silent if dead.index(number) % 2 else {"describe": {"endpoint": NOWHERE}}
        made.append(cluster)
        instances.setdefault(account, []).extend(nodes)
    world = {
        "format": "migrator/world/v1",
        "name": "organisation",
        "operator": OPERATOR,
        "settings": {"region": REGIONS[0], "propagationSeconds": 0, "updateSeconds": 1},
        "accounts": [
            {"id": OPERATOR_ACCOUNT, "name": "management", "roles": [{"name": "fleet-operator"}]},
            *(_account(each, instances.get(each, []), denied=each in refused) for each in ids),
        ],
        "clusters": made,
    }
    file = {**fleet_file(accounts), "name": "organisation", "reader_roles": [], **fleet}
    return Organisation(world, file, refused, frozenset(made[number]["name"] for number in dead))


@functools.cache
def _examples() -> tuple[str, ...]:
    """The examples' snapshots as text, in the order of their names."""
    return tuple(
        path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*/snapshot.json"))
    )


def _example(text: str, account: str, region: str) -> dict[str, Any]:
    """An example as if it were in another account and Region."""
    moved = text.replace("arn:aws-cn:", "arn:aws:").replace(_EXAMPLE_ACCOUNT, account)
    for theirs in ("cn-north-1", "eu-central-1"):
        moved = moved.replace(f'"aws:///{theirs}a/', f'"aws:///{region}a/')
    found: dict[str, Any] = json.loads(moved)
    return found


@functools.cache
def _principals(account: str) -> tuple[Mapping[str, Any], ...]:
    """Every role and user of any example, once."""
    found: dict[str, Mapping[str, Any]] = {}
    for text in _examples():
        items = _example(text, account, REGIONS[0])["iam"]["principals"]
        found.update(
            (item["arn"].rpartition("/")[2].lower(), item)
            for item in items
            if f"::{account}:" in item["arn"]
        )
    return tuple(found.values())


def _account(account: str, instances: list[dict[str, Any]], *, denied: bool) -> dict[str, Any]:
    roles: list[dict[str, Any]] = [
        {
            "name": ROLE,
            "trust": {"aws": [OPERATOR], "externalId": EXTERNAL_ID},
            **({"deniedActions": ["eks:*"]} if denied else {}),
        }
    ]
    users = []
    for item in _principals(account):
        arn = parse_arn(item["arn"])
        assert arn is not None
        kind, _, rest = arn.resource.partition("/")
        path, _, name = f"/{rest}".rpartition("/")
        made = {"name": name, "path": f"{path}/"}
        if kind == "user":
            users.append(made)
        else:
            roles.append(
                {
                    **made,
                    **(
                        {"trust": {"services": services}}
                        if (services := item["trustedServices"])
                        else {}
                    ),
                }
            )
    profiles = sorted({str(each["instanceProfile"]) for each in instances})
    return {
        "id": account,
        "name": f"team-{account[-3:]}",
        "roles": roles,
        "users": users,
        "instanceProfiles": [{"name": each, "role": each} for each in profiles],
        "instances": instances,
    }


def _cluster(
    number: int, account: str, region: str, text: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A cluster, and the instances of its nodes."""
    example = _example(text, account, region)
    nodes = [
        {
            **node,
            "instance": f"i-{number:012x}{index:05x}",
            "profile": str(node["roleArn"]).rpartition("/")[2],
        }
        for index, node in enumerate(example["nodes"])
    ]
    cluster = {
        "name": f"c{number:04}",
        "account": account,
        "region": region,
        "creator": f"arn:aws:iam::{account}:role/{ROLE}",  # whoever made a cluster administers it
        "nodegroups": example["nodegroups"],
        "kubernetes": [example["configMap"], *_bindings(example["rbac"]), *map(_node, nodes)],
    }
    instances = [
        {
            "id": node["instance"],
            "region": region,
            "privateDnsName": f"{number}-{node['name']}",
            "instanceProfile": node["profile"],
        }
        for node in nodes
    ]
    return cluster, instances


def _bindings(rbac: Mapping[str, list[Mapping[str, Any]]]) -> Iterable[Mapping[str, Any]]:
    for key, kind in (
        ("clusterRoles", "ClusterRole"),
        ("roles", "Role"),
        ("clusterRoleBindings", "ClusterRoleBinding"),
        ("roleBindings", "RoleBinding"),
    ):
        for found in rbac[key]:
            name = found["metadata"]["name"]
            if name not in _DEFAULT_ROLES:
                yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, **found}


def _node(node: Mapping[str, Any]) -> Mapping[str, Any]:
    provider = str(node["providerID"]).rpartition("/")[0] + f"/{node['instance']}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node["name"], "labels": node["labels"]},
        "spec": {"providerID": provider},
    }
