"""fleet.yaml and c7n-org's accounts file: what they say, and what is refused."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from migrator.errors import MigratorError
from migrator.fleet.model.files.accounts import role_arn
from migrator.fleet.model.files.fleet_file import decode_fleet
from migrator.fleet.model.files.schema import fleet_schema
from migrator.fleet.model.fleet import Amount, FleetFile, RoleLink
from migrator.model.canonical import pretty_bytes
from tests.support.golden import assert_golden

SCHEMAS = Path(__file__).parents[4] / "examples" / "schemas"
HOME = "arn:aws:iam::111122223333:role"


def _fleet(**more: Any) -> FleetFile:  # noqa: ANN401 - parts of a fleet.yaml
    return decode_fleet(
        {"format": "migrator/fleet/v1", "accounts": [{"account_id": "111122223333"}], **more}
    )


def test_defaults_are_filled_in_with_the_accounts_own_number() -> None:
    file = _fleet(defaults={"role": "migration", "external_id": "x1", "regions": ["eu-central-1"]})
    (account,) = file.accounts
    assert account.roles == (RoleLink(f"{HOME}/migration", "x1"),)
    assert account.regions == ("eu-central-1",)


def test_a_chain_keeps_its_order_and_each_links_external_id() -> None:
    hub = "arn:aws:iam::999999999999:role/hub"
    file = decode_fleet(
        {
            "format": "migrator/fleet/v1",
            "accounts": [
                {
                    "account_id": "111122223333",
                    "name": "shop",
                    "role": [
                        {"arn": hub, "external_id": "a1"},
                        "arn:{partition}:iam::{account_id}:role/{name}",
                    ],
                    "external_id": "b1",
                }
            ],
        }
    )
    assert file.accounts[0].roles == (RoleLink(hub, "a1"), RoleLink(f"{HOME}/shop", "b1"))


def test_an_account_with_a_profile_takes_no_default_role() -> None:
    file = decode_fleet(
        {
            "format": "migrator/fleet/v1",
            "defaults": {"role": "migration"},
            "accounts": [{"account_id": "111122223333", "profile": "shop"}],
        }
    )
    assert (file.accounts[0].roles, file.accounts[0].profile) == ((), "shop")


def test_without_regions_every_region_is_asked() -> None:
    assert _fleet().accounts[0].regions == ("all",)


def test_an_account_number_without_quotes_keeps_its_zeros() -> None:
    file = decode_fleet({"format": "migrator/fleet/v1", "accounts": [{"account_id": 12345678}]})
    assert file.accounts[0].id == "000012345678"


def test_named_clusters_bring_their_accounts() -> None:
    arn = "arn:aws:eks:eu-central-1:222222222222:cluster/orders"
    file = decode_fleet(
        {"format": "migrator/fleet/v1", "clusters": [arn], "defaults": {"role": "migration"}}
    )
    assert [account.id for account in file.accounts] == ["222222222222"]
    assert file.accounts[0].roles[0].arn == "arn:aws:iam::222222222222:role/migration"


def test_waves_amounts_and_durations() -> None:
    file = _fleet(
        waves=[
            {"name": "canary", "size": 1, "approve": True},
            {
                "name": "rest",
                "size": "10%",
                "failure_tolerance": "5 %",
                "pause": "2h",
                "strict": True,
            },
        ],
        failure_tolerance=2,
    )
    canary, rest = file.waves
    assert (canary.size, canary.approve, canary.failure_tolerance) == (Amount(1), True, None)
    assert (rest.size, rest.failure_tolerance) == (Amount(percent=10.0), Amount(percent=5.0))
    assert (rest.pause, rest.strict, file.failure_tolerance) == (
        timedelta(hours=2),
        True,
        Amount(2),
    )
    assert (rest.size or Amount()).of(95) == 9


def test_freeze_windows() -> None:
    file = _fleet(
        freeze=[
            {
                "from": "2026-12-20",
                "until": "2027-01-07T08:00",
                "timezone": "Europe/Berlin",
                "reason": "year end",
            },
            {"weekly": {"from": "Fri 16:00", "until": "Monday 08:00"}, "timezone": "Europe/Berlin"},
        ]
    )
    year_end, weekend = file.freeze
    assert year_end.begins == datetime(2026, 12, 19, 23, 0, tzinfo=timezone.utc)
    assert (weekend.weekly_from, weekend.weekly_until) == ((4, 960), (0, 480))


def test_a_custodian_file_is_read_as_it_is() -> None:
    file = decode_fleet(
        {
            "vars": {"x": 1},
            "accounts": [
                {
                    "account_id": "111122223333",
                    "name": "shop",
                    "email": "shop@example.com",
                    "role": [f"{HOME}/hub", f"{HOME}/c7n"],
                    "external_id": "x1",
                    "regions": ["eu-central-1,eu-west-1"],
                    "tags": ["stage:prod", "path:/Workloads"],
                    "vars": {"a": {"b": 1}},
                    "profile": "ignored-because-there-is-a-role",
                },
                {
                    "account_id": "222222222222",
                    "name": "gov",
                    "role": "arn:aws-us-gov:iam::222222222222:role/c7n",
                },
                {
                    "account_id": "333333333333",
                    "name": "by-profile",
                    "profile": "third",
                    "regions": ["all"],
                },
            ],
        }
    )
    shop, gov, third = file.accounts
    assert shop.roles == (RoleLink(f"{HOME}/hub", "x1"), RoleLink(f"{HOME}/c7n", "x1"))
    assert (shop.regions, shop.tags["stage"], shop.profile) == (
        ("eu-central-1", "eu-west-1"),
        "prod",
        None,
    )
    assert (gov.partition, gov.regions) == ("aws-us-gov", ("all",))
    assert (third.profile, third.roles, third.regions) == ("third", (), ("all",))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (["x"], "mapping"),
        ({"accounts": []}, "It names no accounts"),
        ({"format": "migrator/fleet/v1"}, "names no accounts"),
        ({"format": "migrator/fleet/v2", "accounts": []}, "format"),
        ({"format": "migrator/fleet/v1", "acounts": []}, "acounts"),
        (
            {
                "format": "migrator/fleet/v1",
                "name": "../x",
                "accounts": [{"account_id": "111122223333"}],
            },
            "name",
        ),
        (
            {"format": "migrator/fleet/v1", "accounts": [{"account_id": "1"}, {"account_id": "x"}]},
            "12 digits",
        ),
        ({"format": "migrator/fleet/v1", "accounts": [{"account_id": "1" * 12}] * 2}, "twice"),
        (
            {
                "format": "migrator/fleet/v1",
                "accounts": [{"account_id": "1" * 12, "role": "a", "profile": "b"}],
            },
            "one way in",
        ),
        (
            {
                "format": "migrator/fleet/v1",
                "accounts": [{"account_id": "1" * 12, "role": "{org}"}],
            },
            "org",
        ),
        (
            {
                "format": "migrator/fleet/v1",
                "accounts": [{"account_id": "1" * 12, "role": "arn:aws:iam::1:user/x"}],
            },
            "role",
        ),
        ({"format": "migrator/fleet/v1", "clusters": ["orders"]}, "not the ARN"),
        ({"accounts": [{"account_id": "1" * 12}]}, "neither role nor profile"),
    ],
)
def test_what_is_no_fleet_is_refused_and_named(document: object, why: str) -> None:
    with pytest.raises(MigratorError) as caught:
        decode_fleet(document)
    assert caught.value.code == "fleet-malformed"
    assert why in caught.value.why


@pytest.mark.parametrize(
    "part",
    [
        {"waves": [{"name": "a", "size": "x%"}]},
        {"waves": [{"name": "a", "size": -1}]},
        {"waves": [{"name": "a", "failure_tolerance": "101%"}]},
        {"waves": [{"name": "a"}, {"name": "a"}]},
        {"waves": [{"name": "a", "concurrency": 0}]},
        {"waves": [{"name": "a", "pause": "soon"}]},
        {"freeze": [{"from": "2026-12-20"}]},
        {"freeze": [{"from": "2027-01-01", "until": "2026-01-01"}]},
        {"freeze": [{"weekly": {"from": "Fri 25:00", "until": "Mon 08:00"}}]},
        {"freeze": [{"weekly": {"from": "Someday 10:00", "until": "Mon 08:00"}}]},
        {"freeze": [{"from": "a", "until": "b"}]},
        {"freeze": [{"from": "2026-12-20", "until": "2026-12-21", "timezone": "Mars/Olympus"}]},
        {"rates": [{"api": "eks", "per_second": 1}]},
        {"rates": [{"api": "eks:*", "per_second": 0}]},
        {"rates": [{"api": "eks:*", "per_second": 1, "burst": 0}]},
        {"concurrency": {"overall": 0}},
        {"hooks": {"before_wave": [[]]}},
        {"hooks": {"before_wave": ["one string"]}},
        {"reader_roles": ["arn:aws:iam::111122223333:user/x"]},
        {"select": {"clusers": ["x"]}},
        {"placements": [{"resource": "vpc prod=8"}]},
        {"placements": [{"select": {}}]},
        {"accounts": [{"account_id": "111122223333", "placement": "-"}]},
        {"organization": {"external_id": "x"}},
        {"accounts": [{"account_id": "111122223333", "role": "r", "external_id": "no spaces"}]},
    ],
)
def test_a_wrong_part_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(MigratorError) as caught:
        _fleet(**part)
    assert caught.value.code == "fleet-malformed"


def test_a_role_name_becomes_a_role_of_the_account() -> None:
    names = {"account_id": "111122223333", "name": "n", "partition": "aws-cn"}
    assert role_arn("team/x", names) == "arn:aws-cn:iam::111122223333:role/team/x"


def test_a_placement_rule_has_a_resource_and_a_selector() -> None:
    file = _fleet(placements=[{"resource": "vpc:prod", "select": {"tags": {"stage": "prod"}}}])
    assert [(rule.resource, rule.select.tags) for rule in file.placements] == [
        ("vpc:prod", {"stage": "prod"})
    ]


def test_the_example_is_a_fleet_with_every_part() -> None:
    document = YAML(typ="safe", pure=True).load((SCHEMAS.parent / "fleet.yaml").read_text())
    file = decode_fleet(document)
    assert set(document) == set(fleet_schema()["$defs"]["FleetDocument"]["properties"]) - {
        "clusters",
        "failure_tolerance",
    }
    assert [account.placement for account in file.accounts] == ["vpc:shared", None]
    assert file.accounts[1].roles[1] == RoleLink(
        "arn:aws:iam::444455556666:role/eks-access-migration", "payments-7"
    )
    Draft202012Validator(fleet_schema()).validate(document)


def test_the_published_schema_is_the_one_in_force() -> None:
    Draft202012Validator.check_schema(fleet_schema())
    assert_golden(SCHEMAS / "fleet.schema.json", pretty_bytes(fleet_schema()))
