"""The way to the API server as ``doctor`` shows it: every stage, also where it is open."""

from migrator.decide.reach.cluster_checks import address_check
from migrator.decide.reach.way.cause import NAME
from migrator.decide.reach.way.stages import way_checks
from migrator.decide.reach.way.tcp_stage import is_filter_possible
from migrator.errors import MigratorError
from migrator.model.diagnosis import Check
from migrator.ports import Raw, WayIn


def way_in_checks(way: WayIn | None, cluster: Raw) -> tuple[Check, ...]:
    """All stages, and how this machine's address compares with the filter where that is what stops
    it. ``way`` None: it is not looked at.
    """
    if way is None:
        return ()
    try:
        seen = way.observe()
    except MigratorError as error:
        said = f"{error.message} {error.why}".strip()
        return (Check(NAME, "unknown", said, error.remedy),)
    checks = way_checks(seen)
    if not is_filter_possible(seen):
        return checks
    compared = address_check(cluster, seen.source_address)
    if compared is None:
        return checks
    return (*checks, compared)
