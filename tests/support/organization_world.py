"""Makes ``migrator/lab/worlds/organization.yaml``, the world of ``migrate lab up --fleet``, from
the examples.

``python -m tests.support.organization_world`` writes it; a test makes it again and compares, so
that the world has the shapes of the examples and its roles have exactly the permissions that
``migrate doctor --policy`` prints. The company is made up.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from migrator.app.diagnose import required_fleet_policy
from migrator.app.settings import Settings
from migrator.decide.reach.required_permissions import FLEET_COMMANDS
from migrator.lab.worlds.world_files import FORMAT, fleet_world_path
from migrator.model.principal import parse_arn
from tests.support.example_snapshots import EXAMPLES

MANAGEMENT = "123456789012"
PRODUCTION, STAGING, DATA = "111122223333", "444455556666", "777788889999"
OPERATOR = f"arn:aws:iam::{MANAGEMENT}:role/fleet-operator"
ROLE = "eks-access-migration"
EXTERNAL_ID = "example-2026"
FRANKFURT, VIRGINIA = "eu-central-1", "us-east-1"
_EXAMPLE_ACCOUNT = "111122223333"
_OF_KUBERNETES = frozenset({"cluster-admin", "admin", "edit", "view"})
_HEAD = """\
# The world of `migrate lab up --fleet`: the organization of the invented company "example", with
# three accounts and twelve clusters as they look after years of aws-auth. Made by
# `python -m tests.support.organization_world` from the clusters under examples/, whose names are in
# the tag `shape`. Nothing listens at the endpoint of one cluster (vault), and a person has to
# decide about another one (shared). Every key: examples/schemas/world.schema.json.
"""


@dataclass(frozen=True)
class Place:
    """A cluster of the organization, made after an example."""

    name: str
    account: str
    region: str
    stage: str
    example: str


CLUSTERS = (
    Place("orders-dev", STAGING, FRANKFURT, "dev", "eksctl-written"),
    Place("orders-test", STAGING, FRANKFURT, "test", "eksctl-written"),
    Place("billing-test", STAGING, VIRGINIA, "test", "terraform-quoted"),
    Place("games-test", STAGING, VIRGINIA, "test", "china-partition"),
    Place("orders", PRODUCTION, FRANKFURT, "prod", "eksctl-written"),
    Place("orders", PRODUCTION, VIRGINIA, "prod", "eksctl-written"),
    Place("billing", PRODUCTION, FRANKFURT, "prod", "terraform-quoted"),
    Place("payments", PRODUCTION, VIRGINIA, "prod", "cdk-one-line-json"),
    Place("vault", PRODUCTION, FRANKFURT, "prod", "utf-16"),
    Place("reports", DATA, FRANKFURT, "prod", "crlf"),
    Place("stock", DATA, FRANKFURT, "prod", "stripped-rows"),
    Place("shared", DATA, VIRGINIA, "prod", "map-accounts"),
)
UNREACHABLE, BLOCKED = "vault", "shared"


def world() -> dict[str, Any]:
    """The content of the world file."""
    return {
        "format": FORMAT,
        "name": "example",
        "operator": OPERATOR,
        "managementAccount": MANAGEMENT,
        "settings": {"region": FRANKFURT, "propagationSeconds": 1, "updateSeconds": 2},
        "accounts": [
            {
                "id": MANAGEMENT,
                "name": "example-management",
                "unit": "/",
                "roles": [
                    {
                        "name": "fleet-operator",
                        "description": "Runs the migration of the fleet",
                        "allowedActions": allowed("Caller"),
                    }
                ],
            },
            _account(PRODUCTION, "example-production", "/Workloads/Production", "prod"),
            _account(STAGING, "example-staging", "/Workloads/Staging", "test"),
            _account(DATA, "example-data", "/Workloads/Production", "prod"),
        ],
        "clusters": [_cluster(index) for index in range(len(CLUSTERS))],
    }


def allowed(sid: str) -> list[str]:
    """The IAM actions that ``migrate doctor --policy`` prints for all commands of a fleet: for the
    ``Caller``, or for the ``Role`` in each account.
    """
    statements = required_fleet_policy(Settings(), list(FLEET_COMMANDS))["Statement"]
    return sorted(
        {action for each in statements if each["Sid"].startswith(sid) for action in each["Action"]}
    )


def text() -> str:
    """The world file."""
    yaml = YAML()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(world(), out)
    return _HEAD + out.getvalue()


def _example(place: Place) -> dict[str, Any]:
    """An example as if it were in another account and Region."""
    found = (EXAMPLES / place.example / "snapshot.json").read_text(encoding="utf-8")
    moved = found.replace("arn:aws-cn:", "arn:aws:").replace(_EXAMPLE_ACCOUNT, place.account)
    for theirs in ("cn-north-1a", "eu-central-1a"):
        moved = moved.replace(f'"aws:///{theirs}/', f'"aws:///{place.region}a/')
    document: dict[str, Any] = json.loads(moved)
    return document


def _account(number: str, name: str, unit: str, stage: str) -> dict[str, Any]:
    """An account with the principals of all examples that it has clusters of."""
    mine = [index for index, place in enumerate(CLUSTERS) if place.account == number]
    found: dict[str, Mapping[str, Any]] = {}
    for index in mine:
        for item in _example(CLUSTERS[index])["iam"]["principals"]:
            if f"::{number}:" in item["arn"]:
                found.setdefault(item["arn"], item)
    instances = [each for index in mine for each in _instances(index)]
    profiles = sorted({str(each["instanceProfile"]) for each in instances})
    roles: list[dict[str, Any]] = [
        {
            "name": ROLE,
            "description": "Migrates the clusters of this account, an admin of each",
            "trust": {"aws": [OPERATOR], "externalId": EXTERNAL_ID},
            "allowedActions": allowed("Role"),
        },
        {"name": "on-call", "path": "/platform/", "description": "The second admin"},
        {"name": "cluster-bootstrap", "path": "/platform/", "description": "Creates clusters"},
    ]
    users = []
    for item in found.values():
        kind, path, principal = _parts(item["arn"])
        made: dict[str, Any] = {"name": principal, **({"path": path} if path != "/" else {})}
        if kind == "user":
            users.append(made)
            continue
        if item["trustedServices"]:
            made["trust"] = {"services": item["trustedServices"]}
        if "sso.amazonaws.com" in path:
            saml = f"arn:aws:iam::{number}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"
            made["trust"] = {"federated": [saml]}
        roles.append(made)
    return {
        "id": number,
        "name": name,
        "unit": unit,
        "tags": {"stage": stage},
        "roles": roles,
        "users": users,
        "instanceProfiles": [{"name": each, "role": each} for each in profiles],
        "instances": instances,
    }


def _parts(arn: str) -> tuple[str, str, str]:
    """``(kind, path, name)`` of a principal."""
    parsed = parse_arn(arn)
    assert parsed is not None
    kind, _, rest = parsed.resource.partition("/")
    path, _, name = f"/{rest}".rpartition("/")
    return kind, f"{path}/", name


def _nodes(index: int) -> list[dict[str, Any]]:
    """The live nodes of a cluster, each with its instance: those of the example, and one of each
    managed node group.
    """
    place = CLUSTERS[index]
    example = _example(place)
    managed = [
        {
            "name": "",
            "labels": {
                "kubernetes.io/os": "linux",
                "eks.amazonaws.com/nodegroup": group["nodegroupName"],
            },
            "providerID": f"aws:///{place.region}a/i",
            "roleArn": group["nodeRole"],
        }
        for group in example["nodegroups"]
    ]
    domain = "ec2" if place.region == VIRGINIA else f"{place.region}.compute"
    return [
        {
            **node,
            "instance": f"i-{index:012x}{number:05x}",
            "name": f"ip-10-{index}-0-{number + 10}.{domain}.internal",
        }
        for number, node in enumerate([*example["nodes"], *managed])
    ]


def _instances(index: int) -> list[dict[str, Any]]:
    return [
        {
            "id": node["instance"],
            "region": CLUSTERS[index].region,
            "privateDnsName": node["name"],
            "instanceProfile": str(node["roleArn"]).rpartition("/")[2],
        }
        for node in _nodes(index)
    ]


def _cluster(index: int) -> dict[str, Any]:
    place = CLUSTERS[index]
    example = _example(place)
    silent = {"describe": {"endpoint": "https://127.0.0.1:9"}}
    groups = example["nodegroups"]
    return {
        "name": place.name,
        "account": place.account,
        "region": place.region,
        "creator": f"arn:aws:iam::{place.account}:role/platform/cluster-bootstrap",
        "tags": {"stage": place.stage, "shape": place.example},
        **(silent if place.name == UNREACHABLE else {}),
        **({"nodegroups": groups} if groups else {}),
        "kubernetes": [
            _config_map(place, example["configMap"]["data"]),
            *_bindings(example["rbac"]),
            *map(_node, _nodes(index)),
        ],
    }


def _config_map(place: Place, data: Mapping[str, str]) -> dict[str, Any]:
    """The example's rows as they are, with those of the two admins of every cluster before them."""
    rows = data.get("mapRoles", "")
    kept = {**data, "mapRoles": _with_admins(place, rows)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {key: _scalar(value) for key, value in kept.items()},
    }


def _with_admins(place: Place, rows: str) -> str:
    admins = [
        {
            "rolearn": f"arn:aws:iam::{place.account}:role/{name}",
            "username": username,
            "groups": ["system:masters"],
        }
        for name, username in ((ROLE, "fleet-migration"), ("on-call", "on-call:{{SessionName}}"))
    ]
    if rows.lstrip().startswith("["):  # JSON in one line
        return json.dumps([*admins, *json.loads(rows)], separators=(",", ":"))
    end = "\r\n" if "\r\n" in rows else "\n"
    made = "".join(f"- {json.dumps(each)}{end}" for each in admins)
    return made if rows.strip() in ("", "[]") else _at_the_margin(made, rows)


def _at_the_margin(made: str, rows: str) -> str:
    """Rows of a list need one indentation: that of the example's first row."""
    first = next(line for line in rows.splitlines() if line.lstrip().startswith(("-", '"')))
    margin = first[: len(first) - len(first.lstrip())]
    return "".join(f"{margin}{line}" for line in made.splitlines(keepends=True)) + rows


def _scalar(value: str) -> str:
    """As a block where YAML can carry the text in one."""
    is_plain = "\n" in value and "\r" not in value and "\t" not in value
    return LiteralScalarString(value) if is_plain else value


def _bindings(rbac: Mapping[str, list[Mapping[str, Any]]]) -> Iterable[Mapping[str, Any]]:
    kinds = {
        "clusterRoles": "ClusterRole",
        "roles": "Role",
        "clusterRoleBindings": "ClusterRoleBinding",
        "roleBindings": "RoleBinding",
    }
    for key, kind in kinds.items():
        for found in rbac[key]:
            if found["metadata"]["name"] not in _OF_KUBERNETES:
                yield {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, **found}


def _node(node: Mapping[str, Any]) -> Mapping[str, Any]:
    provider = str(node["providerID"]).rpartition("/")[0] + f"/{node['instance']}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node["name"], "labels": node["labels"]},
        "spec": {"providerID": provider},
    }


if __name__ == "__main__":
    fleet_world_path().write_text(text(), encoding="utf-8")
