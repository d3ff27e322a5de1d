"""Discovery: who is expected and who answered; an account or Region that does not is a status with
a reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from migrator.errors import Failed, MigratorError
from migrator.fleet.model.files.records import decode_inventory, encode_inventory
from migrator.fleet.model.fleet import (
    AnswerStatus,
    FleetAccount,
    FleetFile,
    Inventory,
    OrganizationSource,
    RoleLink,
    Selector,
)
from migrator.fleet.ports import DiscoverPorts
from migrator.fleet.run.discover import discover, kept_inventory
from migrator.ports import Raw
from tests.support.memory_ports import Cluster, InTurn, MemoryClock, MemoryEvents

ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"
REGION = "eu-central-1"


def described(account: str, name: str, region: str = REGION, **tags: str) -> Raw:
    arn = f"arn:aws:eks:{region}:{account}:cluster/{name}"
    return {"arn": arn, "name": name, "tags": tags, "accessConfig": {"authenticationMode": "API"}}


@dataclass
class Accounts:
    """Accounts in memory: clusters, or the error that one answers with, by (account, Region)."""

    places: Mapping[tuple[str, str], Sequence[Raw] | MigratorError] = field(default_factory=dict)
    on: Mapping[str, Sequence[str] | MigratorError] = field(default_factory=dict)
    members: Sequence[Raw] = ()
    asked: list[tuple[str, str]] = field(default_factory=list)

    def organization(self) -> list[Raw]:
        return list(self.members)

    def regions(self, account: FleetAccount) -> list[str]:
        found = self.on[account.id]
        if isinstance(found, MigratorError):
            raise found
        return list(found)

    def clusters(self, account: FleetAccount, region: str) -> list[Raw]:
        self.asked.append((account.id, region))
        found = self.places.get((account.id, region), ())
        if isinstance(found, MigratorError):
            raise found
        return list(found)

    def cluster(self, account: FleetAccount, region: str, name: str) -> Raw:
        for raw in self.clusters(account, region):
            if raw["name"] == name:
                return raw
        raise Failed("cluster-not-found", f"There is no cluster {name}.")


def found(accounts: Accounts, file: FleetFile, *only: str) -> Inventory:
    ports = DiscoverPorts(accounts, MemoryClock(Cluster()), MemoryEvents(), InTurn())
    return discover(file, ports, only).inventory


def fleet(*ids: str, regions: tuple[str, ...] = (REGION,), **more: Any) -> FleetFile:  # noqa: ANN401
    return FleetFile("test", tuple(FleetAccount(each, regions=regions) for each in ids), **more)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("iam-denied", "denied"),
        ("wrong-account", "denied"),
        ("aws-unreachable", "unreachable"),
        ("region-disabled", "region-disabled"),
        ("anything-else", "failed"),
    ],
)
def test_an_account_that_does_not_answer_is_a_status_with_a_reason(
    code: str, status: AnswerStatus
) -> None:
    error = Failed(code, "It is so.", why="Because.", remedy="Do this.")
    inventory = found(
        Accounts({(ONE, REGION): [described(ONE, "a")], (TWO, REGION): error}), fleet(ONE, TWO)
    )
    silent = {answer.account: answer for answer in inventory.silent}[TWO]
    assert (silent.status, silent.code, silent.reason, silent.remedy) == (
        status,
        code,
        "It is so. Because.",
        "Do this.",
    )
    assert (inventory.expected, inventory.answered, inventory.complete) == (2, 1, False)
    assert [cluster.name for cluster in inventory.clusters] == ["a"]


def test_an_account_without_clusters_is_empty_and_has_answered() -> None:
    inventory = found(Accounts(), fleet(ONE))
    assert [answer.status for answer in inventory.answers] == ["empty"]
    assert (inventory.expected, inventory.answered, inventory.complete) == (1, 1, True)


def test_one_silent_region_is_an_account_that_did_not_answer() -> None:
    denied = Failed("iam-denied", "No.")
    accounts = Accounts({(ONE, "a"): [described(ONE, "x", "a")], (ONE, "b"): denied})
    inventory = found(accounts, fleet(ONE, regions=("a", "b")))
    assert (inventory.expected, inventory.answered, len(inventory.clusters)) == (1, 0, 1)


def test_all_regions_are_those_that_are_on_and_an_account_that_does_not_tell_is_silent() -> None:
    accounts = Accounts(on={ONE: ["a", "b"], TWO: Failed("iam-denied", "No.")})
    inventory = found(accounts, fleet(ONE, TWO, regions=("all",)))
    assert accounts.asked == [(ONE, "a"), (ONE, "b")]
    assert [(answer.account, answer.region) for answer in inventory.silent] == [(TWO, "*")]


def test_a_named_cluster_that_is_not_there_is_missing_and_other_accounts_are_not_expected() -> None:
    here, gone = f"arn:aws:eks:{REGION}:{ONE}:cluster/a", f"arn:aws:eks:{REGION}:{ONE}:cluster/b"
    inventory = found(Accounts({(ONE, REGION): [described(ONE, "a")]}), fleet(ONE, TWO), here, gone)
    assert [cluster.arn for cluster in inventory.clusters] == [here]
    assert [arn for arn, _ in inventory.missing] == [gone]
    assert (inventory.expected, inventory.complete) == (1, False)


def test_a_named_cluster_in_an_account_that_nobody_named_is_missing() -> None:
    stranger = f"arn:aws:eks:{REGION}:{THREE}:cluster/a"
    inventory = found(Accounts(), fleet(ONE), stranger)
    assert inventory.missing == ((stranger, f"account {THREE} is not in the fleet file"),)
    assert not inventory.complete


def test_what_selectors_leave_out_is_counted_and_is_not_missing() -> None:
    clusters = [described(ONE, "a", stage="dev"), described(ONE, "b", stage="prod")]
    inventory = found(
        Accounts({(ONE, REGION): clusters}), fleet(ONE, select=Selector(tags={"stage": "dev"}))
    )
    assert ([cluster.name for cluster in inventory.clusters], inventory.not_selected) == (["a"], 1)
    assert inventory.complete


def test_the_organization_brings_accounts_with_their_way_in_and_says_whom_it_leaves_out() -> None:
    members = [
        {"id": ONE, "name": "payer", "status": "ACTIVE", "organizationalUnit": "/", "tags": {}},
        {
            "id": TWO,
            "name": "team",
            "status": "ACTIVE",
            "organizationalUnit": "/Work/Prod",
            "tags": {"stage": "prod"},
        },
        {
            "id": THREE,
            "name": "old",
            "status": "SUSPENDED",
            "organizationalUnit": "/Work",
            "tags": {},
        },
    ]
    through = RoleLink(f"arn:aws:iam::{ONE}:role/hub")
    source = OrganizationSource(
        "eks-migrator-{name}",
        "secret-7",
        (through,),
        regions=(REGION,),
        own_account=ONE,
        not_accounts=("nobody",),
    )
    inventory = found(Accounts(members=members), FleetFile("test", organization=source))
    payer, team = inventory.accounts
    assert (payer.roles, team.unit, team.tags) == ((), "/Work/Prod", {"stage": "prod"})
    assert team.roles == (
        through,
        RoleLink(f"arn:aws:iam::{TWO}:role/eks-migrator-team", "secret-7"),
    )
    assert [(each.id, each.reason) for each in inventory.left_out] == [
        (THREE, "its status is SUSPENDED")
    ]


def _kept(now: Accounts, file: FleetFile, before: Inventory) -> Inventory:
    """What is in the state after a second discovery, as it is read again."""
    kept = kept_inventory(found(now, file), encode_inventory(before), file)
    return decode_inventory(encode_inventory(kept))


def test_clusters_of_a_place_that_does_not_answer_any_more_are_kept_as_not_read() -> None:
    file = fleet(ONE, TWO)
    both = {(ONE, REGION): [described(ONE, "a")], (TWO, REGION): [described(TWO, "b")]}
    first = found(Accounts(both), file)
    denied = Accounts({**both, (TWO, REGION): Failed("iam-denied", "No.")})
    second = _kept(denied, file, first)
    third = _kept(denied, file, replace(second, taken_at="2030-01-01T00:00:00Z"))
    for kept in (second, third):
        since = {each.name: each.not_read_since for each in kept.clusters}
        assert since == {"a": "", "b": first.taken_at}
    again = _kept(Accounts(both), file, third)
    assert [each.not_read_since for each in again.clusters] == ["", ""]


def test_clusters_that_are_gone_or_not_meant_any_more_are_not_kept() -> None:
    file = fleet(ONE, TWO)
    both = {(ONE, REGION): [described(ONE, "a")], (TWO, REGION): [described(TWO, "b")]}
    first = found(Accounts(both), file)
    assert [each.name for each in _kept(Accounts(), file, first).clusters] == []
    silent = Accounts({(TWO, REGION): Failed("iam-denied", "No.")})
    selecting = replace(file, select=Selector(clusters=("a",)))
    assert [each.name for each in _kept(silent, selecting, first).clusters] == []
    assert kept_inventory(first, b"{", file) == first
