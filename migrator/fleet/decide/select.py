"""Which clusters a selector means."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from migrator.fleet.model.fleet import FleetCluster, Selector


def selects(selector: Selector, cluster: FleetCluster) -> bool:
    """Whether every condition that is given holds. A tag that is missing meets no condition, ``*``
    included.
    """
    names = (cluster.arn, cluster.name)
    return (
        (not selector.clusters or _any(selector.clusters, names))
        and not _any(selector.not_clusters, names)
        and (
            not selector.accounts
            or _any(selector.accounts, (cluster.account, cluster.account_name))
        )
        and (not selector.regions or _any(selector.regions, (cluster.region,)))
        and (not selector.units or any(in_unit(cluster.unit, unit) for unit in selector.units))
        and (not selector.versions or _any(selector.versions, (cluster.version,)))
        and (not selector.modes or _any(selector.modes, (cluster.mode or "",)))
        and has_tags(cluster.tags, selector.tags)
        and has_tags(cluster.account_tags, selector.account_tags)
    )


def has_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted tag is there with a value that fits."""
    return all(key in tags and fnmatchcase(tags[key], pattern) for key, pattern in wanted.items())


def in_unit(unit: str, pattern: str) -> bool:
    """Whether an organizational unit's path is the one meant, or below it: ``/Workloads`` means
    ``/Workloads/Prod`` too.
    """
    pattern = pattern.rstrip("/") or "/"
    return pattern == "/" or fnmatchcase(unit, pattern) or fnmatchcase(unit, f"{pattern}/*")


def _any(patterns: Iterable[str], texts: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns for text in texts)
