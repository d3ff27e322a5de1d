"""The tiers of a cluster with their policies in the order in which they are asked.

Sources: Calico, reference of Tier and NetworkPolicy: lower ``order`` first, none last, then by
name; tier ``default`` has order 1,000,000, and a tier that is not there comes last
(``felix/calc/policy_sorter.go``). Network Policy API: admin policies first, the baseline last.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from migrator.decide.reach.network_policies.admin_policies import ADMIN_TIER, BASELINE_TIER
from migrator.decide.reach.network_policies.calico_policies import DEFAULT_TIER_ORDER
from migrator.model.network_policies.policies import DEFAULT_TIER, Policy, Tier

# Calico, "Get started with policy tiers": the orders of the tiers that it makes.
_MADE = (
    Tier(ADMIN_TIER, 1_000.0, passes=True),
    Tier(DEFAULT_TIER, DEFAULT_TIER_ORDER),
    Tier(BASELINE_TIER, 10_000_000.0, passes=True),
)


def ordered_tiers(tiers: Iterable[Tier], policies: Iterable[Policy]) -> tuple[Tier, ...]:
    """Every tier, the first to be asked first, with its policies."""
    by_tier: defaultdict[str, list[Policy]] = defaultdict(list)
    for policy in policies:
        by_tier[policy.tier].append(policy)
    given = {tier.name: tier for tier in tiers}
    known = {tier.name: tier for tier in _MADE} | given
    missing = [Tier(name) for name in by_tier if name not in known]
    found = sorted(known.values(), key=lambda tier: (tier.order, tier.name))
    found += sorted(missing, key=lambda tier: tier.name)
    return tuple(
        replace(tier, policies=tuple(sorted(by_tier[tier.name], key=_order))) for tier in found
    )


def _order(policy: Policy) -> tuple[float, str, str]:
    # Calico keeps a Kubernetes policy under the name ``knp.default.NAME``.
    name = policy.name if policy.calico else f"knp.default.{policy.name}"
    return (policy.order, name, policy.namespace)
