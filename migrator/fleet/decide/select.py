"""Which clusters a selector selects."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from migrator.fleet.model.fleet import FleetCluster, Selector


def selects(selector: Selector, cluster: FleetCluster) -> bool:
    """Whether every condition of the selector holds for the cluster; a selector without conditions
    selects all.

    Patterns have ``*``, ``?`` and ``[…]``, and case counts. A missing tag meets no condition, not
    even ``*``.
    """
    names = (cluster.arn, cluster.name)
    # ``not_clusters`` excludes a cluster whatever the other conditions say, so that an exception
    # that an operator writes down is never overruled by a broader condition.
    if _any(selector.not_clusters, names):
        return False
    conditions = (
        (selector.clusters, names),
        (selector.accounts, (cluster.account, cluster.account_name)),
        (selector.regions, (cluster.region,)),
        (selector.versions, (cluster.version,)),
        (selector.modes, (cluster.mode or "",)),
    )
    for patterns, texts in conditions:
        # A condition without patterns is not given.
        if patterns and not _any(patterns, texts):
            return False
    # A pattern for a unit also selects the units below it: AWS Organizations nests units.
    if selector.units and not any(in_unit(cluster.unit, unit) for unit in selector.units):
        return False
    if not has_tags(cluster.tags, selector.tags):
        return False
    return has_tags(cluster.account_tags, selector.account_tags)


def has_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted tag is there with a value that fits."""
    for key, pattern in wanted.items():
        if key not in tags:
            return False
        if not fnmatchcase(tags[key], pattern):
            return False
    return True


def in_unit(unit: str, pattern: str) -> bool:
    """Whether an organizational unit's path is the one meant, or below it: ``/Workloads`` means
    ``/Workloads/Prod`` too.
    """
    pattern = pattern.rstrip("/")
    # The root is above every unit.
    if not pattern:
        return True
    if fnmatchcase(unit, pattern):
        return True
    return fnmatchcase(unit, f"{pattern}/*")


def _any(patterns: Iterable[str], texts: Sequence[str]) -> bool:
    """Whether one pattern fits one of the texts, the ways to name a thing."""
    return any(fnmatchcase(text, pattern) for pattern in patterns for text in texts)
