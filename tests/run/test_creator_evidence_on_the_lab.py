"""The cluster's creator in a snapshot, by what the operator may read and who it is."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.clock import MachineClock
from migrator.lab.worlds.world_files import build_world
from tests.support.creator_worlds import CLUSTER, FOUNDER, MASTERS, OPERATOR, creator_world, row
from tests.support.lab_session import lab_session

NOW = MachineClock().now()
LAST_WEEK = (NOW - timedelta(days=7)).isoformat(timespec="seconds")
LAST_YEAR = (NOW - timedelta(days=365)).isoformat(timespec="seconds")
MAY = ("cloudtrail:LookupEvents",)


def creator(place: Path, world: dict[str, Any]) -> Any:  # noqa: ANN401 - a part of a JSON document
    with lab_session(place, build_world(world)) as session:
        session.run("snapshot", CLUSTER, "--out", "snapshot.json", "--quiet")
    return json.loads((place / "snapshot.json").read_bytes())["creator"]


def test_cloudtrail_tells_who_created_the_cluster(tmp_path: Path) -> None:
    found = creator(tmp_path, creator_world(created=LAST_WEEK, allowed=MAY))
    assert found["arn"] == FOUNDER
    assert found["source"].startswith("CloudTrail: CreateCluster")


@pytest.mark.parametrize(
    ("created", "allowed"), [(LAST_YEAR, MAY), (LAST_WEEK, ())], ids=["gone", "denied"]
)
def test_event_that_is_gone_or_may_not_be_read_leaves_the_creator_unknown(
    tmp_path: Path, created: str, allowed: tuple[str, ...]
) -> None:
    assert creator(tmp_path, creator_world(created=created, allowed=allowed)) is None


def test_operator_that_logs_in_without_a_row_is_the_creator(tmp_path: Path) -> None:
    world = creator_world(row(OPERATOR, "x", [MASTERS], path=True), creator=OPERATOR)
    config_map = world["clusters"][0]["kubernetes"][0]
    rows = json.loads(config_map["data"]["mapRoles"])
    matching = [each for each in rows if "role/migration-operator" in each["rolearn"]]
    config_map["data"]["mapRoles"] = json.dumps([each for each in rows if each not in matching])
    found = creator(tmp_path, world)
    assert "assumed-role/migration-operator/" in found["arn"]
    assert "own login as kubernetes-admin" in found["source"]
