"""Discovery over an organization in moto: which accounts are asked, by which roles, and who is left
out and why.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from migrator.adapters.aws_session import AwsSettings
from migrator.adapters.tasks_threads import Threads
from migrator.fleet.adapters.accounts import FleetAccounts
from migrator.fleet.adapters.organizations import Organization
from migrator.fleet.adapters.rate_limits import RateLimits
from migrator.fleet.adapters.sessions import FleetSessions
from migrator.fleet.model.files.fleet_file import decode_fleet
from migrator.fleet.model.fleet import FleetAccount, Inventory, RateRule
from migrator.fleet.ports import DiscoverPorts
from migrator.fleet.run.discover import discover
from migrator.ports import Raw
from tests.support.memory_ports import Cluster, MemoryClock, MemoryEvents
from tests.support.moto_aws import moto_aws
from tests.support.moto_organization import REGION, MotoOrganization, assumed

ROLE = "migration"


@pytest.fixture
def organization(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoOrganization]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto_aws():
        yield MotoOrganization()


class Unasked(FleetAccounts):
    """For tests of who would be asked: nobody is."""

    def clusters(self, account: FleetAccount, region: str) -> list[Raw]:
        del account, region
        return []


def found(kind: type[FleetAccounts] = FleetAccounts, **source: Any) -> Inventory:  # noqa: ANN401 - parts of a file
    """What discovery finds with this ``organization`` in the fleet.yaml."""
    more = source.pop("file", {})
    document = {"role": ROLE, "regions": [REGION], **source}
    file = decode_fleet({"format": "migrator/fleet/v1", "organization": document, **more})
    tasks = Threads(4)
    limits = RateLimits((RateRule("*", 10_000, 10_000),))
    sessions = FleetSessions(AwsSettings(), file.accounts, {}, limits, tasks)
    reader = file.organization.reader if file.organization else ()
    accounts = kind(sessions, reader, tasks, tasks)
    ports = DiscoverPorts(accounts, MemoryClock(Cluster()), MemoryEvents(), tasks)
    return discover(file, ports).inventory


def names(inventory: Inventory) -> list[str]:
    return sorted(account.name for account in inventory.accounts)


def reasons(inventory: Inventory) -> dict[str, str]:
    return {account.name: account.reason for account in inventory.left_out}


def test_clusters_of_member_accounts_are_found_by_the_role_in_each(
    organization: MotoOrganization,
) -> None:
    shop, idle = (
        organization.account("shop", "/Workloads/Prod", {"stage": "prod"}),
        organization.account("idle"),
    )
    organization.cluster("shop", "orders")
    inventory = found(own_account=organization.management)
    (cluster,) = inventory.clusters
    assert (cluster.arn, cluster.account_name) == (
        f"arn:aws:eks:{REGION}:{shop}:cluster/orders",
        "shop",
    )
    assert (cluster.unit, dict(cluster.account_tags), dict(cluster.tags)) == (
        "/Workloads/Prod",
        {"stage": "prod"},
        {"made": "here"},
    )
    answers = {answer.account: answer.status for answer in inventory.answers}
    assert answers == {shop: "answered", idle: "empty", organization.management: "empty"}
    assert (inventory.expected, inventory.answered, inventory.complete) == (3, 3, True)
    assert {role for role, _ in assumed()} == {
        f"arn:aws:iam::{each}:role/{ROLE}" for each in (shop, idle)
    }


def test_a_chain_and_its_external_ids_lead_into_every_account(
    organization: MotoOrganization,
) -> None:
    account = organization.account("shop")
    hub = {"arn": "arn:aws:iam::999999999999:role/hub", "external_id": "of-the-hub"}
    template = "arn:{partition}:iam::{account_id}:role/team/{name}-migration"
    found(
        role=template,
        external_id="of-the-fleet",
        through=[hub],
        own_account=organization.management,
    )
    assert assumed() == [
        (hub["arn"], "of-the-hub"),
        (f"arn:aws:iam::{account}:role/team/shop-migration", "of-the-fleet"),
    ]


def test_the_organization_is_read_by_its_reader(organization: MotoOrganization) -> None:
    organization.account("shop")
    reader = {
        "arn": f"arn:aws:iam::{organization.management}:role/reader",
        "external_id": "of-reader",
    }
    inventory = found(reader=[reader], own_account=organization.management)
    assert "shop" in names(inventory)
    assert (reader["arn"], "of-reader") in assumed()


def test_a_suspended_account_is_left_out_and_said_so(organization: MotoOrganization) -> None:
    gone = organization.account("gone")
    organization.account("shop")
    organization.client.close_account(AccountId=gone)
    inventory = found()
    assert reasons(inventory) == {"gone": "its status is SUSPENDED"}
    assert "gone" not in names(inventory)
    assert not [role for role, _ in assumed() if gone in role]


LEFT_OUT: tuple[tuple[dict[str, Any], set[str], dict[str, str]], ...] = (
    (
        {"not_accounts": ["sandbox-*"]},
        {"shop", "bank", "lab"},
        {"sandbox-1": "not_accounts leaves it out"},
    ),
    ({"not_units": ["/Sandbox"]}, {"shop", "bank"}, {"sandbox-1": "not_units leaves /Sandbox out"}),
    ({"not_units": ["/Sandbox"]}, {"shop", "bank"}, {"lab": "not_units leaves /Sandbox/Deep out"}),
    ({"units": ["/Workloads"]}, {"shop", "bank"}, {"lab": "units does not name /Sandbox/Deep"}),
    ({"units": ["/Workloads/Prod"]}, {"bank"}, {"shop": "units does not name /Workloads"}),
    ({"tags": {"eks": "yes"}}, {"shop", "lab"}, {"bank": "tags leaves it out"}),
    (
        {"tags": {"eks": "y*"}, "units": ["/Workloads"]},
        {"shop"},
        {"lab": "units does not name /Sandbox/Deep"},
    ),
)


def test_units_tags_and_ignore_lists_say_who_is_asked_and_everybody_else_is_told_why(
    organization: MotoOrganization,
) -> None:
    organization.account("shop", "/Workloads", {"eks": "yes"})
    organization.account("bank", "/Workloads/Prod", {"eks": "no"})
    organization.account("sandbox-1", "/Sandbox")
    organization.account("lab", "/Sandbox/Deep", {"eks": "yes"})
    everybody = {"shop", "bank", "sandbox-1", "lab"}
    for source, asked, why in LEFT_OUT:
        inventory = found(Unasked, **source)
        assert set(names(inventory)) & everybody == asked, source
        assert set(reasons(inventory)) & everybody == everybody - asked, source
        assert why.items() <= reasons(inventory).items(), source


def test_an_account_that_the_file_names_keeps_the_files_way_into_it(
    organization: MotoOrganization,
) -> None:
    shop = organization.account("shop", "/Workloads", {"stage": "prod"})
    own = {
        "account_id": shop,
        "role": "special",
        "external_id": "of-shop",
        "regions": ["us-east-1"],
    }
    inventory = found(own_account=organization.management, file={"accounts": [own]})
    (account,) = (each for each in inventory.accounts if each.id == shop)
    assert (account.unit, dict(account.tags), account.regions) == (
        "/Workloads",
        {"stage": "prod"},
        ("us-east-1",),
    )
    assert assumed() == [(f"arn:aws:iam::{shop}:role/special", "of-shop")]


def test_every_region_that_is_on_is_asked(organization: MotoOrganization) -> None:
    shop = organization.account("shop")
    inventory = found(Unasked, regions=["all"], own_account=organization.management)
    asked = {answer.region for answer in inventory.answers if answer.account == shop}
    assert {"us-east-1", "eu-central-1", "ap-southeast-2"} <= asked


def test_an_organization_is_read_to_its_last_page(organization: MotoOrganization) -> None:
    accounts = {organization.account(f"member-{number:02}", "/Many") for number in range(23)}
    for number in range(23):
        organization.unit(f"/Unit-{number:02}")
    last = organization.account("last", "/Unit-22")
    page = organization.client.list_accounts_for_parent(ParentId=organization.units["/Many"])
    assert "NextToken" in page  # there is a second page to miss
    session = FleetSessions(
        AwsSettings(), (), {}, RateLimits((RateRule("*", 10_000, 10_000),)), Threads(1)
    ).caller()
    read = {
        account["id"]: account["organizationalUnit"]
        for account in Organization(session, Threads(1)).accounts()
    }
    assert accounts <= set(read)
    assert read[last] == "/Unit-22"
