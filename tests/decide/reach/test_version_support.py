"""EKS upgrades a cluster by itself at the end of support, by its upgrade policy."""

from datetime import datetime, timezone
from typing import Any

import pytest

from migrator.decide.reach.version_support import forced_upgrade, version_support_check

SUPPORT = {
    "endOfStandardSupportDate": "2026-07-29T00:00:00Z",
    "endOfExtendedSupportDate": "2027-07-29T00:00:00Z",
}


def cluster(policy: str | None = None) -> dict[str, Any]:
    more = {} if policy is None else {"upgradePolicy": {"supportType": policy}}
    return {"name": "prod", "version": "1.33", **more}


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("STANDARD", at(2026, 7, 29)), ("EXTENDED", at(2027, 7, 29)), (None, at(2027, 7, 29))],
)
def test_policy_names_the_end_of_support_that_counts(
    policy: str | None, expected: datetime
) -> None:
    assert forced_upgrade(cluster(policy), SUPPORT) == expected


def test_policy_of_a_later_version_of_eks_names_no_moment() -> None:
    assert forced_upgrade(cluster("FOREVER"), SUPPORT) is None


@pytest.mark.parametrize(
    ("now", "state"),
    [(at(2027, 5, 29), "ok"), (at(2027, 5, 31), "warn"), (at(2028, 1, 1), "warn")],
)
def test_upgrade_within_sixty_days_or_overdue_is_a_warning(now: datetime, state: str) -> None:
    found = version_support_check(cluster(), SUPPORT, now)
    assert found.state == state
    assert "2027-07-29" in found.said
    assert ("update-cluster-version --name prod" in found.remedy) is (state == "warn")


def test_version_without_dates_is_ok_and_one_that_was_not_read_is_unknown() -> None:
    now = at(2026, 1, 1)
    assert version_support_check(cluster(), {}, now).state == "ok"
    assert version_support_check(cluster(), None, now).state == "unknown"
