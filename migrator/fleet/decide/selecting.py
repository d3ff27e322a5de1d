"""The shortest selector that selects given clusters and no others."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from migrator.fleet.decide.select import selects
from migrator.fleet.model.fleet import FleetCluster, Selector

_MOST_ACCOUNTS = 8  # more of them are no shorter than the clusters


def selector_for(wanted: Sequence[FleetCluster], others: Iterable[FleetCluster]) -> Selector | None:
    """A selector that selects every one of ``wanted`` and no cluster of ``others``; None: it holds
    everywhere.

    What people would write comes first: a tag of the clusters, a tag of their accounts, the
    accounts, the Regions.
    """
    rest = tuple(others)
    if not rest:
        return None
    for selector in _candidates(wanted):
        if not any(selects(selector, each) for each in rest):
            return selector
    return Selector(clusters=tuple(sorted(exactly(each.arn) for each in wanted)))


def _candidates(wanted: Sequence[FleetCluster]) -> Iterator[Selector]:
    """Selectors that select all of ``wanted``, in the order in which people would think of them. A
    tag comes first: it also selects a cluster that is created later with the same tag.
    """
    for key, value in _shared([each.tags for each in wanted]):
        yield Selector(tags={key: exactly(value)})
    for key, value in _shared([each.account_tags for each in wanted]):
        yield Selector(account_tags={key: exactly(value)})
    accounts = tuple(sorted({each.account for each in wanted}))
    regions = tuple(sorted({each.region for each in wanted}))
    # Several Regions alone are rarely what is meant.
    if len(regions) == 1:
        yield Selector(regions=regions)
    if len(accounts) <= _MOST_ACCOUNTS:
        yield Selector(accounts=accounts)
        yield Selector(accounts=accounts, regions=regions)


def _shared(all_tags: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """The tags that every mapping has with the same value, by key."""
    first, *others = all_tags
    shared = set(first.items())
    for tags in others:
        shared.intersection_update(tags.items())
    yield from sorted(shared)


def exactly(text: str) -> str:
    """A pattern that means this text alone, whatever signs of patterns it holds."""
    return re.sub(r"([*?[])", r"[\1]", text)
