"""Whether a principal gains or loses access, as plan and report count it."""

from collections.abc import Iterable

from migrator.model.plan import AccessChange
from migrator.model.rbac import PermissionRow


def gains(change: AccessChange) -> bool:
    """Whether log-ins or permissions are certainly gained."""
    if change.log_ins_gained:
        return True
    return _any_known(change.gained)


def loses(change: AccessChange) -> bool:
    """Whether log-ins or permissions are certainly lost."""
    if change.log_ins_lost:
        return True
    return _any_known(change.lost)


def is_unsure(change: AccessChange) -> bool:
    """Whether a part of the difference is not known."""
    return any(row.unknown for row in change.gained + change.lost)


def _any_known(rows: Iterable[PermissionRow]) -> bool:
    """Whether a row says more than that something is not known."""
    return any(not row.unknown for row in rows)
