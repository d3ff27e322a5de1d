"""The one form in which adapters write a moment."""

from datetime import datetime, timezone


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z``, to the microsecond where the moment has one."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
