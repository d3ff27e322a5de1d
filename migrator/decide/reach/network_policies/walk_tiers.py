"""How a connection of a pod ends in one direction: the tiers in order, their policies in order,
their rules in order; the first that matches decides.

Sources: Calico, reference of Tier ("How policy is evaluated"), NetworkPolicy and
GlobalNetworkPolicy (``order``); Kubernetes documentation, "Network Policies" (a selected pod is
isolated, rules add up). What is not known is walked both ways: an answer is certain only where
every way ends alike.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.decide.reach.network_policies.match_rule import Side, pod_is_selected, rule_matches
from migrator.decide.reach.network_policies.truth import Truth, every, some
from migrator.model.network_policies.packets import Destination, Ending, Pod, PolicyWorld
from migrator.model.network_policies.policies import Direction, Peer, Policy, Rule, Tier

_Step: TypeAlias = Literal["ended", "passed", "on"]


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as the policies of one of its ends see it."""

    pod: Pod
    direction: Direction
    near: Side
    far: Side
    destination: Destination


def endings(
    connection: Connection, tiers: tuple[Tier, ...], world: PolicyWorld
) -> tuple[Ending, ...]:
    """Every way in which the connection may end, the likely one first; one where all is known."""
    road = _Road(connection, world)
    for tier in tiers:
        if not road.goes_through(tier):
            return tuple(road.found)
    road.end(allowed=True, said="no policy denies it")
    return tuple(road.found)


def selects(
    policy: Policy,
    pod: Pod,
    direction: Direction,
    world: PolicyWorld,
) -> Truth:
    """Whether a policy is for a pod and a direction."""
    if policy.namespace not in ("", pod.namespace):
        return False
    if policy.doubt:
        return f"{policy.title} is not understood: {policy.doubt}"
    if direction not in policy.types and direction not in policy.perhaps:
        return False
    subject = Peer(
        pods=policy.pods,
        namespaces=policy.namespaces,
        accounts=policy.accounts,
        sets=policy.calico,
    )
    selected = pod_is_selected(subject, pod, world)
    if isinstance(selected, str):
        return f"{policy.title} is not understood: {selected}"
    if selected and policy.condition:
        return f"{policy.title}: {policy.condition}"
    if selected and direction in policy.perhaps:
        return f"{policy.title} has no types: whether it is for {direction} is not known"
    return selected


class _Road:
    """The ways of one connection. ``doubt``: why it may have ended before."""

    def __init__(self, connection: Connection, world: PolicyWorld) -> None:
        self._connection, self._world = connection, world
        self._doubt = ""
        self.found: list[Ending] = []

    def end(
        self,
        *,
        allowed: bool,
        said: str,
        policy: Policy | None = None,
        tier: str = "",
    ) -> None:
        """Note an ending."""
        self.found.append(
            Ending(
                allowed,
                said,
                policy,
                tier,
                self._doubt,
            )
        )

    def goes_through(self, tier: Tier) -> bool:
        """Whether the next tier is asked, on some way."""
        applied: Truth = False
        asked: list[Policy] = []
        passes = False
        for policy in tier.policies:
            selected = selects(
                policy,
                self._connection.pod,
                self._connection.direction,
                self._world,
            )
            if selected is False:
                continue
            applied = some((applied, selected))
            asked.append(policy)
            step, jumped = self._through(policy, selected)
            passes = passes or jumped
            if step != "on":
                return passes
        return self._leaves(tier, applied, asked) or passes

    def _leaves(
        self,
        tier: Tier,
        applied: Truth,
        asked: list[Policy],
    ) -> bool:
        """The end of a tier: whether the next one is asked."""
        # A tier without a policy for the pod and the direction is passed by (reference of Tier).
        if applied is False or (tier.passes and not tier.doubt):
            return True
        doubt = applied if isinstance(applied, str) else tier.doubt
        self._doubt = self._doubt or doubt
        self.end(
            allowed=False,
            said=_said_at_end(tier, asked),
            policy=asked[0],
            tier=tier.name,
        )
        return bool(doubt)

    def _through(self, policy: Policy, selected: Truth) -> tuple[_Step, bool]:
        """The rules of a policy: how it leads on, and whether some way passes to the next tier."""
        if policy.doubt:
            self._doubt = self._doubt or str(selected)
            self.end(allowed=True, said=f"{policy.title} may allow it", policy=policy)
            self.end(allowed=False, said=f"{policy.title} may deny it", policy=policy)
            return "on", True
        passes = False
        for number, rule in enumerate(policy.rules(self._connection.direction), 1):
            matched = every((selected, self._matches(rule, policy, number)))
            if rule.action == "Log" or matched is False:
                continue
            before = self._doubt
            self._doubt = before or (matched if isinstance(matched, str) else "")
            if rule.action == "Pass":
                passes = True
            else:
                self.end(
                    allowed=rule.action == "Allow",
                    said=_said_by_rule(policy, number, rule),
                    policy=policy,
                    tier=policy.tier,
                )
            if matched is True:
                return "ended", passes
        return "on", passes

    def _matches(
        self,
        rule: Rule,
        policy: Policy,
        number: int,
    ) -> Truth:
        seen = self._connection
        matched = rule_matches(
            rule,
            seen.near,
            seen.far,
            seen.destination,
            self._world,
        )
        if isinstance(matched, str):
            return f"rule {number} of {policy.title} is not understood: {matched}"
        return matched


def _said_by_rule(policy: Policy, number: int, rule: Rule) -> str:
    verb = "allows" if rule.action == "Allow" else "denies"
    return f"rule {number} of {policy.title}{_in_tier(policy)} {verb} it"


def _in_tier(policy: Policy) -> str:
    return f" in tier {policy.tier}" if policy.calico else ""


def _said_at_end(tier: Tier, asked: list[Policy]) -> str:
    title = asked[0].title
    if len(asked) > 1:
        title += f" (and {len(asked) - 1} more)"
    if not any(policy.calico for policy in asked):
        return f"{title} isolates the pod, and no rule allows it"
    return f"{title} is for the pod, no rule of tier {tier.name} matches, and its end denies"
