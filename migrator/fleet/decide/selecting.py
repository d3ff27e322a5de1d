"""The shortest selector that means some clusters and certainly no other one that matters."""

import re
from collections.abc import Iterable, Iterator, Sequence

from migrator.fleet.decide.select import selects
from migrator.fleet.model.fleet import FleetCluster, Selector

_MOST_ACCOUNTS = 8  # more of them are no shorter than the clusters


def selector_for(wanted: Sequence[FleetCluster], others: Iterable[FleetCluster]) -> Selector | None:
    """A selector that selects every one of ``wanted`` and none of ``others``; None: it holds
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
    first = wanted[0]
    for key, value in sorted(first.tags.items()):
        if all(each.tags.get(key) == value for each in wanted):
            yield Selector(tags={key: exactly(value)})
    for key, value in sorted(first.account_tags.items()):
        if all(each.account_tags.get(key) == value for each in wanted):
            yield Selector(account_tags={key: exactly(value)})
    accounts = tuple(sorted({each.account for each in wanted}))
    regions = tuple(sorted({each.region for each in wanted}))
    if len(regions) == 1:
        yield Selector(regions=regions)
    if len(accounts) <= _MOST_ACCOUNTS:
        yield Selector(accounts=accounts)
        yield Selector(accounts=accounts, regions=regions)


def exactly(text: str) -> str:
    """A pattern that means this text alone, whatever signs of patterns it holds."""
    return re.sub(r"([*?[])", r"[\1]", text)
