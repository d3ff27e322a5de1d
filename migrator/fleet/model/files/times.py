"""Amounts, durations and windows of a fleet file."""

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from migrator.fleet.model.files.document import FreezeItem, malformed
from migrator.fleet.model.fleet import Amount, FreezeWindow
from migrator.model.moments import moment_of_text

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_DURATION = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT_OF_WEEK = re.compile(r"([A-Za-z]{3})[a-z]* (\d{1,2}):(\d{2})")


def positive(value: int | None, where: str) -> int | None:
    """1 or more, or None. Raises ``fleet-malformed``, as everything here."""
    if value is not None and value < 1:
        raise malformed(f"{where} must be 1 or more.")
    return value


def amount_of(value: int | str | None, where: str) -> Amount | None:
    """A number, or a share such as ``10%`` of at most 100. ``where`` is the field, for the
    error.
    """
    if value is None:
        return None
    if isinstance(value, int):
        if value < 0:
            raise malformed(f"{where} must not be negative.")
        return Amount(value)
    match = _SHARE.fullmatch(value.strip())
    if match is None or float(match.group(1)) > 100:
        raise malformed(f"{where} must be a number or a share such as 10%.")
    return Amount(percent=float(match.group(1)))


def duration_of(value: str | int, where: str) -> timedelta:
    """``90`` (seconds), ``30m``, ``2h``, ``1d``."""
    if isinstance(value, int):
        return timedelta(seconds=value)
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise malformed(f"{where} must be a duration such as 30m, 2h or 1d.")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def freeze_of(item: FreezeItem, index: int) -> FreezeWindow:
    """The window at ``freeze[index]``: from one moment to another, or every week, never both.

    Times without an offset are in the window's time zone.
    """
    where = f"freeze[{index}]"
    zone = _zone(item.timezone, where)
    period = (item.begin, item.until)
    if item.weekly is not None and period == (None, None):
        return FreezeWindow(
            item.reason,
            weekly_from=_moment_of_week(item.weekly.begin, where),
            weekly_until=_moment_of_week(item.weekly.until, where),
            zone=zone,
        )
    if item.weekly is not None or item.begin is None or item.until is None:
        raise malformed(f"{where} wants from and until, or weekly.")
    begins = _moment(item.begin, zone, where)
    ends = _moment(item.until, zone, where)
    if ends <= begins:
        raise malformed(f"{where} ends before it begins.")
    return FreezeWindow(item.reason, begins, ends)


def _zone(name: str, where: str) -> tzinfo:
    """A time zone of the IANA database. UTC needs none: a slim container image has no database."""
    if name == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise malformed(f"{where}: there is no time zone {name[:60]!r}.") from error


def _moment(text: str, zone: tzinfo, where: str) -> datetime:
    """A moment; one without an offset is in the time zone of its window."""
    try:
        moment = moment_of_text(text.strip())
    except ValueError as error:
        raise malformed(f"{where}: {text[:40]!r} is no time such as 2026-12-20T18:00.") from error
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone)
    return moment


def _moment_of_week(text: str, where: str) -> tuple[int, int]:
    """The day of the week, Monday 0, and the minute of the day. ``24:00`` is the end of the day;
    day names may be written out.
    """
    match = _MOMENT_OF_WEEK.fullmatch(text.strip())
    if match is None or match.group(1).lower() not in _DAYS:
        raise malformed(f"{where}: {text[:40]!r} is no time of the week such as 'Fri 16:00'.")
    day, hour, minute = match.group(1).lower(), int(match.group(2)), int(match.group(3))
    minute_of_day = hour * 60 + minute
    if minute > 59 or minute_of_day > 24 * 60:
        raise malformed(f"{where}: {text[:40]!r} is no time of the day.")
    return _DAYS.index(day), minute_of_day
