"""Network policies of a cluster, and what decides about them, as the API server gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawPolicies:
    """Raw objects as the API server gives them. ``objects``: policies, tiers, sets of every kind;
    ``services``, ``slices``: those that were read, EndpointSlices by their Service; ``daemon_sets``
    and ``accounts`` None where they may not be read; ``unread``: kinds that are served and may not
    be read. ``denied``: what the API server said to whatever may not be read.
    """

    objects: Sequence[Raw] = ()
    namespaces: Sequence[Raw] = ()
    accounts: Sequence[Raw] | None = ()
    services: Mapping[tuple[str, str], Raw] = field(default_factory=dict)
    slices: Mapping[tuple[str, str], Sequence[Raw]] = field(default_factory=dict)
    pods: Sequence[Raw] = ()
    daemon_sets: Sequence[Raw] | None = ()
    unread: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
