"""Waves: each cluster in exactly one, canary first, tolerances kept, nothing in a freeze."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.fleet.decide.waves import at_once, frozen, ordered, waves_of
from migrator.fleet.model.fleet import Amount, FreezeWindow, OrderBy, Selector, Wave, WaveRule
from tests.support.fleet_values import cluster, clusters

RULES = st.lists(
    st.builds(
        WaveRule,
        name=st.text("ab", min_size=1, max_size=3),
        select=st.sampled_from(
            [Selector(), Selector(clusters=("c00*",)), Selector(clusters=("nobody",))]
        ),
        size=st.sampled_from([None, Amount(0), Amount(3), Amount(percent=20.0)]),
        failure_tolerance=st.sampled_from([None, Amount(2), Amount(percent=50.0)]),
    ),
    max_size=4,
)


@given(count=st.integers(0, 60), rules=RULES)
def test_every_cluster_is_in_exactly_one_wave(count: int, rules: list[WaveRule]) -> None:
    found = clusters(count)
    waves = waves_of(found, "apply", rules)
    assert sorted(each.arn for wave in waves for each in wave.clusters) == [
        each.arn for each in found
    ]
    assert all(wave.clusters and wave.tolerance >= 0 for wave in waves)


def test_without_rules_one_cluster_goes_first_and_waves_grow() -> None:
    assert [len(wave.clusters) for wave in waves_of(clusters(100), "apply")] == [1, 4, 16, 64, 15]
    assert waves_of(clusters(3), "cutover")[0].name == "canary"


def test_nobody_may_fail_unless_the_file_says_so() -> None:
    assert {wave.tolerance for wave in waves_of(clusters(30), "cutover")} == {0}
    tolerant = waves_of(clusters(21), "apply", tolerance=Amount(percent=25.0))
    assert [wave.tolerance for wave in tolerant] == [0, 1, 4]


def test_cut_over_is_strict_and_apply_is_not() -> None:
    assert all(wave.strict for wave in waves_of(clusters(9), "cutover"))
    assert not any(wave.strict for wave in waves_of(clusters(9), "apply"))


def test_reads_are_one_wave_that_nothing_stops() -> None:
    (wave,) = waves_of(clusters(50), "verify", [WaveRule("canary", size=Amount(1))])
    assert (len(wave.clusters), at_once(wave, 16, failed=49)) == (50, 16)
    assert waves_of((), "plan") == ()


def test_clusters_that_no_rule_takes_come_last() -> None:
    waves = waves_of(
        clusters(12), "apply", [WaveRule("first", Selector(clusters=("c00*",)), Amount(2))]
    )
    assert [(wave.name, len(wave.clusters)) for wave in waves] == [("first", 2), ("rest", 10)]


def test_order_is_by_tag_then_by_arn_and_unknown_values_last() -> None:
    found = [
        cluster("b", tags={"stage": "prod"}),
        cluster("a", tags={"stage": "prod"}),
        cluster("d", tags={"stage": "odd"}),
        cluster("e"),
        cluster("c", tags={"stage": "dev"}),
    ]
    got = ordered(found, [OrderBy("stage", ("dev", "prod"))])
    assert [each.name for each in got] == ["c", "a", "b", "d", "e"]


@given(tolerance=st.integers(0, 9), overall=st.integers(1, 20), failed=st.integers(0, 12))
def test_a_strict_wave_can_never_pass_its_tolerance_by_more_than_one(
    tolerance: int, overall: int, failed: int
) -> None:
    wave = Wave("w", clusters(30), tolerance, strict=True)
    running = at_once(wave, overall, failed)
    assert running <= overall
    # were all that run to fail, at most one failure more than tolerated would have been met
    assert failed > tolerance or failed + running <= tolerance + 1
    assert (running == 0) is (failed > tolerance)


def test_a_waves_own_concurrency_holds() -> None:
    assert at_once(Wave("w", clusters(9), 0, concurrency=3), 16, failed=0) == 3


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def test_a_window_holds_from_its_first_moment_to_before_its_last() -> None:
    window = FreezeWindow("year end", _at("2026-12-20T00:00"), _at("2027-01-07T00:00"))
    assert frozen([window], _at("2026-12-19T23:59")) is None
    assert frozen([window], _at("2026-12-20T00:00")) == ("year end", _at("2027-01-07T00:00"))
    assert frozen([window], _at("2027-01-07T00:00")) is None


BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = FreezeWindow("weekend", weekly_from=(4, 16 * 60), weekly_until=(0, 8 * 60), zone=BERLIN)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-20T14:59", None),  # Friday, 15:59 in Berlin
        ("2026-11-20T15:00", "2026-11-23T07:00"),
        ("2026-11-22T12:00", "2026-11-23T07:00"),
        ("2026-11-23T06:59", "2026-11-23T07:00"),
        ("2026-11-23T07:00", None),
        ("2026-07-03T14:00", "2026-07-06T06:00"),  # summer time
        ("2026-10-24T12:00", "2026-10-26T07:00"),  # the clocks change on the Sunday between
    ],
)
def test_a_weekly_window_is_in_its_own_time_zone(moment: str, until: str | None) -> None:
    found = frozen([WEEKEND], _at(moment))
    assert found == (None if until is None else ("weekend", _at(until)))


@given(
    st.integers(0, 7 * 24 * 60 - 1),
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(0, 6),
    st.integers(0, 1439),
)
def test_a_weekly_window_ends_when_it_says(minute: int, d1: int, m1: int, d2: int, m2: int) -> None:
    window = FreezeWindow(weekly_from=(d1, m1), weekly_until=(d2, m2), zone=timezone.utc)
    now = _at("2026-11-23T00:00") + timedelta(minutes=minute)  # a Monday
    found = frozen([window], now)
    if found is not None:
        end = found[1]
        assert now < end <= now + timedelta(days=7)
        assert (end.weekday(), end.hour * 60 + end.minute) == (d2, m2)


def test_the_longest_of_several_windows_is_told() -> None:
    windows = [
        FreezeWindow("short", _at("2026-12-20T00:00"), _at("2026-12-21T00:00")),
        FreezeWindow("long", _at("2026-12-01T00:00"), _at("2027-01-07T00:00")),
    ]
    assert frozen(windows, _at("2026-12-20T12:00")) == ("long", _at("2027-01-07T00:00"))


def test_a_window_without_times_freezes_nothing() -> None:
    assert frozen([FreezeWindow("empty")], datetime(2026, 11, 22, tzinfo=timezone.utc)) is None
