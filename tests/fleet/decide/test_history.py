"""What happened to a fleet, from its record."""

from migrator.fleet.decide.history import runs_of
from migrator.fleet.model.files.records import FleetRecord
from tests.support.fleet_values import cluster, result

A, B = cluster("a").arn, cluster("b").arn


def test_a_run_has_its_waves_in_order_with_how_clusters_ended() -> None:
    (run,) = runs_of(
        [
            FleetRecord("run-started", "r", "1", "apply"),
            FleetRecord("wave-started", "r", "2", "apply", wave="canary"),
            FleetRecord("cluster", "r", "3", "apply", result=result(A, wave="canary")),
            FleetRecord("wave-ended", "r", "4", "apply", wave="canary"),
            FleetRecord("wave-started", "r", "5", "apply", wave="rest"),
            FleetRecord(
                "cluster",
                "r",
                "6",
                "apply",
                result=result(B, status="failed", exit_code=1, wave="rest"),
            ),
            FleetRecord("wave-ended", "r", "7", "apply", wave="rest"),
            FleetRecord("run-ended", "r", "8", "apply", exit_code=8, why="1 failed"),
        ]
    )
    assert (run.started, run.ended, run.exit_code, run.stopped, run.attempts) == (
        "1",
        "8",
        8,
        "1 failed",
        1,
    )
    assert [(w.name, w.started, w.ended, dict(w.counts)) for w in run.waves] == [
        ("canary", "2", "4", {"done": 1}),
        ("rest", "5", "7", {"failed": 1}),
    ]
    assert [each.arn for each in run.waves[1].results] == [B]


def test_a_run_that_goes_on_is_one_run_and_the_last_try_of_a_cluster_counts() -> None:
    first = result(B, status="failed", exit_code=1, wave="rest")
    (run,) = runs_of(
        [
            FleetRecord("run-started", "r", "1", "apply"),
            FleetRecord("wave-started", "r", "2", "apply", wave="rest"),
            FleetRecord("cluster", "r", "3", "apply", result=first),
            FleetRecord("run-ended", "r", "4", "apply", exit_code=8, why="1 failed"),
            FleetRecord("wave-started", "r", "5", "apply", wave="rest"),
            FleetRecord("cluster", "r", "6", "apply", result=result(B, wave="rest")),
        ]
    )
    assert (run.attempts, run.ended, run.exit_code, run.stopped) == (2, "", None, "")
    assert (run.waves[0].started, run.waves[0].ended, dict(run.waves[0].counts)) == (
        "2",
        "",
        {"done": 1},
    )
    assert run.waves[0].results == ()


def test_runs_that_mingle_in_the_record_stay_apart() -> None:
    runs = runs_of(
        [
            FleetRecord("run-started", "one", "1", "plan"),
            FleetRecord("run-started", "two", "2", "plan"),
            FleetRecord("cluster", "one", "3", "plan", result=result(A, "plan")),
            FleetRecord("run-ended", "two", "4", "plan"),
            FleetRecord("run-ended", "one", "5", "plan", exit_code=8),
        ]
    )
    assert [(run.id, run.exit_code, len(run.waves)) for run in runs] == [
        ("one", 8, 1),
        ("two", 0, 0),
    ]


def test_no_record_is_no_run() -> None:
    assert runs_of([]) == ()
