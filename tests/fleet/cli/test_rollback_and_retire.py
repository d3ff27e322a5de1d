"""Waves from aws-auth to API mode with ``fleet rollback`` and ``fleet retire`` on the way, counted
cluster by cluster by the lab.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fleet.cli.test_waves import SMALL, Waves, apply_in_waves, cut_over_in_waves, planned

ALL = SMALL.clusters
pytestmark = pytest.mark.in_order


def _statuses(document: dict[str, Any]) -> Counter[str]:
    return Counter(result["status"] for result in document["results"])


def _entries(waves: Waves) -> dict[str, int]:
    """How many entries more than before each cluster has, by what the lab was told."""
    return {
        name: made.get("eks:CreateAccessEntry", 0) - made.get("eks:DeleteAccessEntry", 0)
        for name, made in waves.changed().items()
    }


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waves]:
    """One fleet, from planned to retired: each test goes on where the one above it ended."""
    with planned(tmp_path_factory.mktemp("waves") / "lab", SMALL) as made:
        yield made


def test_rollback_undoes_what_apply_made_and_is_done_again_without_a_change(waves: Waves) -> None:
    assert waves.fleet("apply", "--yes")[0] == 0
    assert sum(_entries(waves).values()) > 0
    code, back = waves.fleet("rollback", "--yes")
    assert (code, _statuses(back)) == (0, Counter(done=ALL))
    assert set(_entries(waves).values()) == {0}
    changed = waves.changed()
    assert waves.fleet("rollback", "--yes")[0] == 0
    assert waves.changed() == changed
    code, status = waves.fleet("status")
    assert (code, status["stages"]) == (0, {"planned": ALL})


def test_a_failure_in_wave_two_stops_the_fleet_and_the_rest_is_untouched(waves: Waves) -> None:
    # The plans are still good: they can be applied again.
    apply_in_waves(waves)
    assert sum(_entries(waves).values()) > 0


def test_rollback_without_an_answer_is_refused_before_anything_is_sent(waves: Waves) -> None:
    assert waves.fleet("status")[1]["stages"] == {"applied": ALL}
    before = waves.changed()
    for command in ("rollback", "retire"):
        ran = waves.lab.run("fleet", command, "--output", "json")
        assert ran.code == 4, ran.err
    assert waves.changed() == before


def test_rollback_of_one_cluster_leaves_the_others(waves: Waves) -> None:
    assert waves.fleet("status")[1]["stages"] == {"applied": ALL}
    before = waves.changed()
    chosen = waves.order[0]
    code, back = waves.fleet("rollback", "--yes", "--cluster", chosen)
    assert (code, _statuses(back)) == (0, Counter(done=1))
    after = waves.changed()
    assert {name for name in after if after[name] != before.get(name)} == {
        chosen.rpartition("/")[2]
    }


def test_retire_is_refused_before_the_cut_over_and_rollback_after_it(waves: Waves) -> None:
    assert waves.fleet("apply", "--yes")[0] == 0
    before = waves.changed()
    code, refused = waves.fleet("retire", "--yes")
    # The first cluster stops the waves: none of the others is tried.
    assert (code, _statuses(refused)["refused"]) == (8, 1)
    assert waves.changed() == before

    cut_over_in_waves(waves)
    before = waves.changed()
    code, refused = waves.fleet("rollback", "--yes")
    assert (code, _statuses(refused)["refused"]) == (8, 1)
    assert waves.changed() == before

    code, retired = waves.fleet("retire", "--yes")
    assert (code, _statuses(retired)) == (0, Counter(done=ALL))
    code, status = waves.fleet("status")
    assert (code, status["stages"]) == (0, {"retired": ALL})
    after = waves.changed()
    assert waves.fleet("retire", "--yes")[0] == 0
    assert waves.changed() == after
