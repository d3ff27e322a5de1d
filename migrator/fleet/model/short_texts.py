"""Short forms that the runs and the reports of a fleet share."""

from datetime import datetime, timezone


def short_cluster(arn: str) -> str:
    """``ACCOUNT/REGION/NAME``, as the folders of the state are; text that is no ARN as it is."""
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return arn
    return f"{parts[4]}/{parts[3]}/{parts[5].removeprefix('cluster/')}"


def utc_seconds(moment: datetime) -> str:
    """``2026-12-20T18:00:00Z``."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")
