"""Which cluster of a fleet was changed by what, as the lab counted it: what "untouched" is held
to.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def by_cluster(effects: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Cluster name -> operation -> how often. Names are one of a kind in a fleet's world."""
    found: dict[str, Counter[str]] = {}
    for effect in effects:
        detail = effect["detail"]
        name = detail.get("cluster") or detail.get("clusterName") or detail.get("name")
        if effect["operation"].startswith(("eks:", "kubernetes:")):
            assert name, effect
            found.setdefault(str(name).rpartition("/")[2], Counter())[effect["operation"]] += 1
    return found
