"""A whole migration through the command line, on the lab and on the real components alike.

The rehearsal is waived: its timer is a Job, and a bare API server runs none.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control_plane.conftest import BEDS, FOUND
from tests.support.cli_lab import WAIVERS, WORLD
from tests.support.control_plane.binaries import Binaries
from tests.support.control_plane.migration import Migration, migration

# The second cluster has what the first has: it is taken back.
CLUSTER = WORLD[WORLD.index("  - name: small") : WORLD.index("  - {name: empty")]
TWO = WORLD.replace(CLUSTER, CLUSTER + CLUSTER.replace("name: small", "name: back"))


@pytest.fixture(params=BEDS)
def operator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Migration]:
    found = FOUND if request.param == "real" and isinstance(FOUND, Binaries) else None
    with migration(tmp_path, TWO, found) as made:
        (made.lab.work / "decisions.yaml").write_text(WAIVERS, encoding="utf-8")
        yield made


def test_one_cluster_goes_to_api_mode_and_the_other_one_back(operator: Migration) -> None:
    decided = ("--decisions", "decisions.yaml")
    for cluster, commands in {
        "small": (
            ("verify", "PLAN", "--baseline"),
            ("apply", "PLAN", "--yes"),
            ("verify", "PLAN"),
            ("cutover", "PLAN", "--confirm", "small", *decided),
            ("verify", "PLAN"),
        ),
        "back": (
            ("verify", "PLAN", "--baseline"),
            ("apply", "PLAN", "--yes"),
            ("rollback", "PLAN", "--yes"),
        ),
    }.items():
        plan = f"{cluster}.json"
        for command in (("plan", cluster, "--out", "PLAN"), *commands):
            ran = operator.run(*(plan if word == "PLAN" else word for word in command))
            assert ran.code == 0, (command, ran.out, ran.err)
    assert "Mode       API (ACTIVE)" in operator.run("status", "small.json").out
    # Every login and every call of the operator went to STS under its own name.
    assert set(operator.proxy.asked) == {"sts.eu-central-1.amazonaws.com"}
