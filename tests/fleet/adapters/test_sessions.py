"""What the clusters of an account share, counted in the lab: sessions, roles assumed, clients,
listings of IAM.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.aws_session import AwsSettings
from migrator.adapters.eks import EksCluster
from migrator.adapters.tasks_threads import Threads
from migrator.errors import MigratorError
from migrator.fleet.adapters.rate_limits import RateLimits
from migrator.fleet.adapters.sessions import SINGLE_READS, FleetSessions
from migrator.fleet.model.fleet import FleetAccount, RateRule, RoleLink
from migrator.lab.lab_client import enter_lab
from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_files import build_world
from tests.support.fleet_world import (
    EXTERNAL_ID,
    OPERATOR_ACCOUNT,
    REGIONS,
    ROLE,
    account_ids,
    fleet_world,
)

ONE, TWO = account_ids(2)
READER = RoleLink(f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/iam-reader")


class Calls:
    """How often each operation was asked since."""

    def __init__(self, world: World, *operations: str) -> None:
        self._faults = [
            world.faults.add(Fault(each, "latency", probability=0.0)) for each in operations
        ]

    def __call__(self) -> list[int]:
        return [fault.seen for fault in self._faults]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    content = fleet_world(2, 12)
    content["accounts"][1]["roles"] += [{"name": f"extra-{number}"} for number in range(20)]
    lab = Lab(build_world(content), tmp_path / "lab")
    lab.start()
    environment: dict[str, str] = {}
    enter_lab(tmp_path / "lab", environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield lab.world
    lab.stop()


def account(number: str) -> FleetAccount:
    return FleetAccount(
        number, roles=(RoleLink(f"arn:aws:iam::{number}:role/{ROLE}", EXTERNAL_ID),)
    )


def sessions(*rules: RateRule, slept: list[float] | None = None) -> FleetSessions:
    sleep = slept.append if slept is not None else lambda _: None
    limits = RateLimits(rules, sleep=sleep)
    accounts = (account(ONE), account(TWO))
    return FleetSessions(
        AwsSettings(region=REGIONS[0]), accounts, {OPERATOR_ACCOUNT: READER}, limits, Threads(4)
    )


def test_all_clusters_of_an_account_come_through_one_role_assumed_once(world: World) -> None:
    calls = Calls(world, "sts:AssumeRole", "sts:GetCallerIdentity")
    fleet = sessions()
    threads = [
        threading.Thread(target=lambda region=region: fleet.checked(account(ONE), region))
        for region in REGIONS * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls() == [1, 1]
    fleet.checked(account(TWO), REGIONS[0])
    assert calls() == [2, 2]


def test_a_client_is_made_once_for_an_account_and_region(world: World) -> None:
    fleet = sessions()
    one = fleet.session(account(ONE), REGIONS[0])
    assert fleet.session(account(ONE), REGIONS[0]).client("eks") is one.client("eks")
    assert fleet.session(account(ONE), REGIONS[1]).client("eks") is not one.client("eks")
    assert fleet.session(account(TWO), REGIONS[0]).client("eks") is not one.client("eks")


def test_clients_of_accounts_that_are_done_with_are_made_again_when_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.fleet.adapters.sessions._MOST_WITH_CLIENTS", 2)
    calls = Calls(world, "sts:AssumeRole")
    fleet = sessions()
    places = [(ONE, REGIONS[0]), (ONE, REGIONS[1]), (TWO, REGIONS[0])]
    first = [fleet.session(account(each), region).client("eks") for each, region in places]
    for each, region in places[1:]:
        assert fleet.session(account(each), region).client("eks") in first
    again = fleet.session(account(ONE), REGIONS[0])
    assert again.client("eks") not in first
    assert again.call("eks", "list_clusters")["clusters"]
    assert first[0].list_clusters()["clusters"]
    fleet.checked(account(TWO), REGIONS[0])
    assert calls() == [2]


def test_a_fleet_may_open_more_files_than_a_shell_allows() -> None:
    script = (
        "import resource; from migrator.fleet.adapters.sessions import allow_many_files\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)); allow_many_files()\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    soft, hard = map(int, ran.stdout.split())
    assert soft == (10_240 if hard == -1 else min(10_240, hard)) > 256


def test_few_principals_are_read_one_by_one_and_each_of_them_once(world: World) -> None:
    calls = Calls(world, "iam:GetRole", "iam:ListRoles", "iam:ListUsers")
    fleet = sessions()
    for region in REGIONS:  # three clusters with the same two roles
        principals = fleet.principals(account(ONE), region)
        for name in ("platform", "developer"):
            found = principals.get(f"arn:aws:iam::{ONE}:role/{name}")
            assert found is not None
    assert calls() == [2, 0, 0]


def test_many_principals_are_read_by_one_listing_for_all_clusters(world: World) -> None:
    calls = Calls(world, "iam:GetRole", "iam:ListRoles", "iam:ListUsers")
    fleet = sessions()
    for number in range(20):
        principals = fleet.principals(account(ONE), REGIONS[number % 3])
        found = principals.get(f"arn:aws:iam::{ONE}:role/extra-{number}")
        assert found is not None
        assert found["arn"].endswith(f"role/extra-{number}")
    assert principals.get(f"arn:aws:iam::{ONE}:role/nobody") is None
    assert calls() == [SINGLE_READS, 1, 1]


def test_a_foreign_account_is_listed_once_for_the_whole_fleet(world: World) -> None:
    calls = Calls(world, "iam:ListRoles", "sts:AssumeRole")
    fleet = sessions()
    for number in range(6):
        own = account(ONE if number % 2 else TWO)
        items, roles, users = fleet.principals(own, REGIONS[number % 3]).list_account(
            OPERATOR_ACCOUNT
        )
        assert (roles, users) == (True, True)
        assert any(item["arn"].endswith("role/shared-ci") for item in items)
    assert calls() == [1, 0]  # it is the caller's own account: no role leads into it


def test_listed_or_read_one_by_one_a_principal_is_the_same(world: World) -> None:
    few, many = sessions(), sessions()
    arn = f"arn:aws:iam::{ONE}:role/deployer"
    single = few.principals(account(ONE), REGIONS[0]).get(arn)
    principals = many.principals(account(ONE), REGIONS[0])
    for number in range(SINGLE_READS + 1):
        principals.get(f"arn:aws:iam::{ONE}:role/extra-{number}")
    assert principals.get(arn) == single
    assert single is not None


def test_access_policies_are_listed_once_for_an_account_and_region(world: World) -> None:
    calls = Calls(world, "eks:ListAccessPolicies")
    session = sessions().session(account(ONE), REGIONS[0])
    lists = [
        EksCluster(session, f"c{number:04}", Threads(1)).list_access_policies()
        for number in range(4)
    ]
    assert lists[0] and all(each == lists[0] for each in lists)
    assert calls() == [1]


def test_all_clusters_of_an_account_and_region_share_one_bucket(world: World) -> None:
    slept: list[float] = []
    fleet = sessions(RateRule("eks:*", 0.001, 3), slept=slept)
    places = [(ONE, REGIONS[0])] * 5 + [(ONE, REGIONS[1])] * 3 + [(TWO, REGIONS[0])] * 3
    for number, region in places:
        fleet.session(account(number), region).call("eks", "list_clusters")
    assert len(slept) == 2  # the fourth and fifth call of one account and Region; nobody else waits


def test_a_repetition_takes_a_token_too(world: World) -> None:
    slept: list[float] = []
    fleet = sessions(RateRule("eks:*", 0.001, 1), slept=slept)
    world.faults.add(Fault("eks:ListClusters", "error", times=2, status=503))
    fleet.session(account(ONE), REGIONS[0]).call("eks", "list_clusters")
    assert len(slept) == 2


def test_a_way_that_leads_elsewhere_is_told_before_anything_is_read(world: World) -> None:
    wrong = FleetAccount(ONE, roles=(RoleLink(f"arn:aws:iam::{TWO}:role/{ROLE}", EXTERNAL_ID),))
    with pytest.raises(MigratorError) as caught:
        sessions().checked(wrong, REGIONS[0])
    assert caught.value.code == "wrong-account"


def test_config_files_are_read_once_for_all_accounts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import botocore.configloader

    read: list[str] = []
    load = botocore.configloader.load_config

    def counted(name: str) -> Any:  # noqa: ANN401 - botocore's
        read.append(name)
        return load(name)

    monkeypatch.setattr(botocore.configloader, "load_config", counted)
    fleet = sessions()
    for number in (ONE, TWO):
        for region in REGIONS:
            fleet.session(account(number), region).client("eks")
    assert len(read) == 1


def test_fresh_principals_read_every_account_by_its_own_way_and_again_each_time(
    world: World,
) -> None:
    calls = Calls(world, "iam:GetRole")
    fleet = sessions()
    own, foreign = (
        f"arn:aws:iam::{ONE}:role/team/platform",
        f"arn:aws:iam::{OPERATOR_ACCOUNT}:role/shared-ci",
    )
    assert fleet.principals(account(ONE), REGIONS[0]).get(foreign) is not None
    before = calls()[0]
    for _ in range(2):
        fresh = fleet.fresh_principals(account(ONE), REGIONS[0])
        assert [item["arn"] for arn in (own, foreign) if (item := fresh.get(arn)) is not None] == [
            own,
            foreign,
        ]
    assert calls()[0] == before + 4


def test_fresh_principals_of_an_account_without_a_reader_are_unreadable(world: World) -> None:
    fresh = sessions().fresh_principals(account(ONE), REGIONS[0])
    with pytest.raises(MigratorError) as raised:
        fresh.get("arn:aws:iam::999999999999:role/shared-ci")
    assert raised.value.code == "account-unreadable"
