"""The published schema of world files has exactly the keys that the lab reads, and the worlds of
this repository fit it.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from migrator.errors import Failed
from migrator.lab.worlds import world_files
from migrator.lab.worlds.world_files import build_world, demo_world_path, fleet_world_path
from tests.support import organization_world
from tests.support.golden import assert_golden
from tests.support.world_page import PAGE, page

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "examples" / "schemas" / "world.schema.json").read_bytes())
WORLDS = sorted((ROOT / "examples" / "worlds").glob("*.yaml"))
ARN = "arn:aws:iam::111122223333:role/a"
# Every kind of part, and each key that is read only where it is there.
FULL: Mapping[str, Any] = {
    "accounts": [
        {
            "id": "111122223333",
            "serviceControlPolicies": [{"allowedActions": ["*"]}],
            "roles": [
                {
                    "name": "a",
                    "trust": {"aws": ["*"]},
                    "allowedActions": ["*"],
                    "permissionsBoundary": {"allowedActions": ["*"]},
                }
            ],
            "users": [
                {
                    "name": "u",
                    "allowedActions": ["*"],
                    "permissionsBoundary": {"allowedActions": ["*"]},
                }
            ],
            "buckets": [{"name": "b"}],
            "instanceProfiles": [{"name": "p"}],
            "instances": [{"id": "i-1", "region": "r", "privateDnsName": "n"}],
            "networks": [{"region": "r", "prefixLists": [{"id": "pl-1"}]}],
        }
    ],
    "clusters": [
        {
            "name": "c",
            "account": "111122223333",
            "automatic": ["creator"],
            "updates": [
                {"type": "VersionUpdate", "nodegroup": "g"},
                {"type": "VersionUpdate", "addon": "a"},
            ],
            "accessEntries": [
                {"principalArn": ARN, "policies": [{"policyArn": "AmazonEKSViewPolicy"}]}
            ],
        }
    ],
}
_OBJECTS_OF_AWS = re.compile(
    r"\.(nodegroups|fargateProfiles|capabilities|identityProviderConfigs|securityGroups"
    r"|networkInterfaces|subnets|routeTables|natGateways|vpcEndpoints)$"
)


def described(schema: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """``(place, key)`` of every key that the schema describes; AWS's own objects have any."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array":
        yield from described(schema.get("items", {}), place)
        return
    if "properties" not in schema or _OBJECTS_OF_AWS.search(place):
        return
    for key, value in schema["properties"].items():
        yield place, key
        # The lab reads the settings and a short trust as parts of their own.
        below = {"settings": "settings", "trust": place}.get(key, f"{place}.{key}")
        yield from described(value, below)


def test_schema_has_exactly_the_keys_that_the_lab_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    get = world_files._Part.get

    def recorded(self: world_files._Part, key: str, default: object = None) -> object:
        asked[re.sub(r"\[\d+\]", "", self.where)].add(key)
        return get(self, key, default)

    monkeypatch.setattr(world_files._Part, "get", recorded)
    build_world(FULL)
    read = {(place, key) for place, keys in asked.items() for key in keys}
    assert {each for each in read if not _OBJECTS_OF_AWS.search(each[0])} == set(
        described(SCHEMA, "world")
    )


def test_every_key_has_a_description() -> None:
    for name, definition in [("World", SCHEMA), *SCHEMA["$defs"].items()]:
        for key, value in definition["properties"].items():
            assert value.get("description") or "$ref" in value, f"{name}.{key}"


@pytest.mark.parametrize(
    "path", [*WORLDS, demo_world_path(), fleet_world_path()], ids=lambda path: path.stem
)
def test_worlds_fit_the_schema_and_load(path: Path) -> None:
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    content = json.loads(json.dumps(content, default=str))
    Draft202012Validator(SCHEMA).validate(content)
    assert build_world(content).clusters


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "migrator/world/v2"},
        {"acounts": []},
        {"accounts": {}},
        {"accounts": [{"id": 111122223333}]},
        {"accounts": [{"id": "111122223333", "roles": [{"name": "x", "pth": "/"}]}]},
        {"accounts": [{"id": "111122223333", "roles": [{}]}]},
        {
            "accounts": [{"id": "1"}],
            "clusters": [{"name": "x", "account": "1", "authenticationMode": "BOTH"}],
        },
        {
            "accounts": [{"id": "1"}],
            "clusters": [{"name": "x", "account": "1", "automatic": ["nodes"]}],
        },
    ],
)
def test_what_the_lab_refuses_does_not_fit_the_schema(wrong: dict[str, Any]) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(wrong)
    with pytest.raises(Failed) as refusal:
        build_world(wrong)
    assert refusal.value.code == "world-invalid"


def test_management_account_is_an_account_of_the_world() -> None:
    with pytest.raises(Failed) as refusal:
        build_world({"managementAccount": "1", "accounts": [{"id": "2", "unit": "/"}]})
    assert (refusal.value.code, "no account" in refusal.value.why) == ("world-invalid", True)


def test_world_of_the_organization_is_made_from_the_examples_and_the_printed_policies() -> None:
    assert_golden(fleet_world_path(), organization_world.text().encode())
    places = organization_world.CLUSTERS
    assert (len(places), len({place.account for place in places})) == (12, 3)
    assert len({place.region for place in places}) > 1


def test_page_of_worlds_has_every_key_of_the_schema() -> None:
    assert_golden(PAGE, page().encode())
