"""Waves: a canary first, then more and more clusters, each wave only while the ones before it went
well.

A wave's ``failure_tolerance`` is how many of its clusters may fail. A strict wave never has more
clusters under way than may still fail, so that the tolerance holds whatever happens to those (as
CloudFormation StackSets' STRICT mode). Nothing that writes is started in a freeze window.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

from migrator.fleet.decide.select import selects
from migrator.fleet.model.fleet import (
    WRITING,
    Amount,
    Command,
    FleetCluster,
    FreezeWindow,
    OrderBy,
    Selector,
    Wave,
    WaveRule,
)

GROWTH = 4  # each default wave is so many times the one before
REST = "rest"
_NONE = Amount(0)
_WEEK = 7 * 24 * 60  # minutes


def ordered(
    clusters: Iterable[FleetCluster], order_by: Sequence[OrderBy]
) -> tuple[FleetCluster, ...]:
    """Clusters in the order of the tags, then of their ARNs: the same fleet always gives the same
    order.
    """

    def key(cluster: FleetCluster) -> tuple[tuple[int, ...], str]:
        return tuple(_rank(cluster, each) for each in order_by), cluster.arn

    return tuple(sorted(clusters, key=key))


def _rank(cluster: FleetCluster, order: OrderBy) -> int:
    """The place of a cluster by one tag. Clusters without a listed value come last."""
    tags = cluster.account_tags if order.account else cluster.tags
    value = tags.get(order.tag)
    if value not in order.values:
        return len(order.values)
    return order.values.index(value)


def waves_of(
    clusters: Sequence[FleetCluster],
    command: Command,
    rules: Sequence[WaveRule] = (),
    *,
    order_by: Sequence[OrderBy] = (),
    tolerance: Amount | None = None,
) -> tuple[Wave, ...]:
    """The waves of a command, every cluster in exactly one. Reads are one wave that nothing stops.

    ``tolerance`` is the file's, for waves that say none; without either no cluster may fail.
    Clusters that no rule takes come last, in a wave named ``rest``. Without rules: one cluster,
    then 4, 16, 64, ...
    """
    left = list(ordered(clusters, order_by))
    if not left:
        return ()
    if command not in WRITING:
        return (Wave("all", tuple(left), tolerance=len(left)),)
    waves = []
    for rule in rules or _growing(len(left)):
        wanted = [cluster for cluster in left if selects(rule.select, cluster)]
        # A share of the whole fleet; one that is rounded down to nothing is one cluster.
        if rule.size is not None:
            wanted = wanted[: max(1, rule.size.of(len(clusters)))]
        if not wanted:
            continue
        waves.append(_wave(rule, wanted, command, tolerance))
        taken = {cluster.arn for cluster in wanted}
        left = [cluster for cluster in left if cluster.arn not in taken]
    if left:
        waves.append(_wave(WaveRule(REST), left, command, tolerance))
    return tuple(waves)


def _growing(total: int) -> list[WaveRule]:
    """The waves where the file has none: one cluster, then each wave four times the one before,
    until all have a wave.
    """
    rules = [WaveRule("canary", Selector(), Amount(1))]
    size, covered = GROWTH, 1
    while covered < total:
        rules.append(WaveRule(f"wave {len(rules) + 1}", Selector(), Amount(size)))
        covered += size
        size *= GROWTH
    return rules


def _wave(
    rule: WaveRule,
    clusters: Sequence[FleetCluster],
    command: Command,
    tolerance: Amount | None,
) -> Wave:
    """The wave of a rule. A cut-over is strict unless the rule says otherwise: it cannot be
    undone.
    """
    allowed = rule.failure_tolerance or tolerance or _NONE
    strict = rule.strict
    if strict is None:
        strict = command == "cutover"
    return Wave(
        name=rule.name,
        clusters=tuple(clusters),
        tolerance=allowed.of(len(clusters)),
        concurrency=rule.concurrency,
        strict=strict,
        pause=rule.pause,
        approve=rule.approve,
    )


def at_once(wave: Wave, overall: int, failed: int) -> int:
    """How many clusters of the wave may be under way together, after ``failed`` of them failed; 0:
    begin no more.
    """
    if failed > wave.tolerance:
        return 0
    limit = min(overall, wave.concurrency or overall)
    # Where all of those under way fail, the tolerance still holds.
    if wave.strict:
        limit = min(limit, wave.tolerance - failed + 1)
    return limit


def frozen(windows: Sequence[FreezeWindow], now: datetime) -> tuple[str, datetime] | None:
    """Why nothing may begin now, and until when; None where no window holds. The longest one is
    reported.
    """
    found: list[tuple[str, datetime]] = []
    for window in windows:
        until = _frozen_until(window, now)
        if until is not None:
            found.append((window.reason, until))
    return max(found, key=lambda item: item[1], default=None)


def _frozen_until(window: FreezeWindow, now: datetime) -> datetime | None:
    """When a window ends that holds now; None where it does not hold.

    A weekly window is compared by the minute of the week in its own zone. It may pass the end of
    the week, and one that ends where it begins is the whole week.
    """
    if window.begins is not None and window.ends is not None:
        if window.begins <= now < window.ends:
            return window.ends
        return None
    if window.weekly_from is None or window.weekly_until is None:
        return None
    local = now.astimezone(window.zone or timezone.utc)
    begin = _minute_of_week(*window.weekly_from)
    end = _minute_of_week(*window.weekly_until)
    length = (end - begin) % _WEEK or _WEEK
    minute = _minute_of_week(local.weekday(), local.hour * 60 + local.minute)
    passed = (minute - begin) % _WEEK
    if passed >= length:
        return None
    start_of_minute = local.replace(second=0, microsecond=0)
    # Wall-clock arithmetic in the window's own zone: 08:00 is 08:00 on both sides of a change of
    # summer time.
    return (start_of_minute + timedelta(minutes=length - passed)).astimezone(timezone.utc)


def _minute_of_week(day: int, minute_of_day: int) -> int:
    return day * 1440 + minute_of_day
