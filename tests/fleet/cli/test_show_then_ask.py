"""What a fleet's operator agrees to is above the question, cluster by cluster and in sum."""

import json
from collections.abc import Iterator

import pytest

from tests.support.cli_lab import CliLab, running
from tests.support.fleet_world import account_ids, fleet_file, fleet_world
from tests.support.terminal import at_terminal, in_order

WAIVERS = {"waive_gates": {"rehearsal": {"by": "test", "reason": "a lab"}}}
pytestmark = pytest.mark.in_order
FIRST, SECOND = (f"{account_ids(1)[0]}/eu-central-1/c000{n}" for n in (0, 1))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    world = json.dumps(fleet_world(1, 2, regions=("eu-central-1",), shapes=("plain",)))
    with running(tmp_path_factory.mktemp("fleet-asks"), world) as found:
        (found.work / "fleet.yaml").write_text(json.dumps(fleet_file(1, regions=("eu-central-1",))))
        (found.work / "decisions.yaml").write_text(json.dumps(WAIVERS))
        assert found.run("fleet", "plan", "--decisions", "decisions.yaml").code == 0
        yield found


# The tests are one migration, and each may also begin on a fresh lab.


def test_fleet_apply_shows_the_plan_of_each_cluster_and_the_sum(lab: CliLab) -> None:
    seen = at_terminal(lab, ("fleet", "apply"), "[y/N]", "n")
    in_order(
        seen.text,
        "Apply the plans of 2 clusters of fleet test.",
        "6 create",
        "one-way switch to API_AND_CONFIG_MAP on 2 clusters",
        "Clusters: 2",
        f"{FIRST}: 3 create",
        f"{SECOND}: 3 create",
        "is one-way: 2 clusters",
        "[y/N]",
    )
    assert (seen.code, lab.effects()) == (4, [])
    assert at_terminal(lab, ("fleet", "apply"), "[y/N]", "y").code == 0


def test_fleet_cutover_shows_gates_waivers_and_verdicts_of_each_cluster_above_the_name(
    lab: CliLab,
) -> None:
    # One cluster is without the second administrator's proof: its gates are not the other's.
    assert lab.run("fleet", "apply", "--yes").code == 0
    arn = f"arn:aws:eks:eu-central-1:{account_ids(1)[0]}:cluster/c0001"
    assert lab.run("fleet", "rollback", "--yes", "--cluster", arn).code == 0
    before = lab.effects()
    seen = at_terminal(lab, ("fleet", "cutover"), "the fleet's name:", "tset")
    in_order(
        seen.text,
        "Switch clusters of fleet test to API mode, wave by wave: 1 of 2 have every gate open.",
        "Clusters with every gate open: 1",
        f"{FIRST}: principals: 3 ok, waived: rehearsal, by test: a lab",
        "Clusters with a closed gate, judged again at their turn: 1",
        f"{SECOND}: Closed gates: ",
        "Waivers, in all: 1",
        "rehearsal, by test: a lab; it covers: there is no record of one: 2 clusters",
        "There is no way back from API mode",
        "the fleet's name:",
    )
    assert "name-mismatch" in seen.after
    changed = {each["operation"].partition(" ")[2] for each in lab.effects()[len(before) :]}
    assert (seen.code, changed <= {"leases"}) == (4, True)


def test_fleet_roll_back_shows_each_cluster(lab: CliLab) -> None:
    assert lab.run("fleet", "apply", "--yes").code == 0
    seen = at_terminal(lab, ("fleet", "rollback"), "[y/N]", "n")
    in_order(seen.text, "Roll back the plans of 2 clusters", f"{FIRST}: 3 create", "[y/N]")
    assert "one-way" not in seen.text
    assert seen.code == 4
