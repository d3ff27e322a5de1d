"""Whether a pod reaches a target, by what the plugins of the cluster enforce.

The address of a Service is judged before its translation by the VPC CNI's agent
(open-telemetry/opentelemetry-operator#5621, aws-network-policy-agent#549) and after it by Calico.
Each enforces its own kinds of policy. Where no plugin is known both are judged, and an answer is
certain only where they agree. Agents of
the VPC CNI before v1.0.4 ignore ``except`` (aws-network-policy-agent#78, #92).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from migrator.decide.reach.network_policies.besides_policies import besides_policies
from migrator.decide.reach.network_policies.implemented import policies_of
from migrator.decide.reach.network_policies.match_rule import Side, side_of
from migrator.decide.reach.network_policies.order_tiers import ordered_tiers
from migrator.decide.reach.network_policies.walk_tiers import Connection, endings
from migrator.model.network_policies.packets import (
    Answer,
    Destination,
    Ending,
    Plugin,
    Pod,
    PolicyWorld,
    State,
    Target,
)
from migrator.model.network_policies.policies import Tier

_View: TypeAlias = Literal["before", "after"]
_VIEWS: Final[dict[Plugin, _View]] = {"vpc-cni": "before", "calico": "after"}
_SPELLED: Final[dict[Plugin, str]] = {
    "vpc-cni": "the VPC CNI's agent",
    "calico": "Calico",
    "cilium": "Cilium",
}
_IGNORED: Final = "the VPC CNI's agent is older than v1.0.4 and ignores except"
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class _Found:
    """An answer on the way: of one connection, one end, one plugin."""

    state: State
    why: str = ""
    denied_by: tuple[Ending, ...] = ()


@dataclass(frozen=True, slots=True)
class _Engine:
    """How a plugin judges: its policies, where it sees an address, whether it knows ``except``."""

    tiers: tuple[Tier, ...]
    view: _View
    excepts: bool = True


_YES: Final = _Found("yes")


def reaches(pod: Pod, target: Target, world: PolicyWorld) -> Answer:
    """The answer for one target: yes, no, depends, or unknown, with the reason."""
    found = _found(pod, target, world)
    return Answer(
        target.name,
        found.state,
        found.why,
        found.denied_by,
    )


def _found(pod: Pod, target: Target, world: PolicyWorld) -> _Found:
    if world.foreign:
        return _Found("unknown", f"{_some_of(world.foreign)} of a kind that is not understood")
    if world.unread:
        return _Found("unknown", f"{_some_of(world.unread)} not readable for you")
    besides = [_Found(*each) for each in besides_policies(pod, target, world)]
    return _worst([_by_policies(pod, target, world), *besides])


def _by_policies(pod: Pod, target: Target, world: PolicyWorld) -> _Found:
    if not world.policies:
        return _YES
    if target.doubt:
        return _Found("unknown", target.doubt)
    plugins = world.plugins
    if not plugins:
        found = _without_plugin(pod, target, world)
    else:
        judged = [_by_plugin(each, pod, target, world) for each in sorted(plugins)]
        found = _worst(judged)
    # What is denied already is denied, whatever else enforces policies.
    if found.state != "yes":
        return found
    perhaps = [_if_it_is(each, pod, target, world) for each in sorted(world.perhaps)]
    return _worst([found, *perhaps])


def _if_it_is(
    plugin: Plugin,
    pod: Pod,
    target: Target,
    world: PolicyWorld,
) -> _Found:
    """The answer where a plugin is not there for certain, and policies deny nothing without it."""
    found = _by_plugin(plugin, pod, target, world)
    if found.state == "yes":
        return found
    said = f"it depends on whether {world.perhaps[plugin]} is {_SPELLED[plugin]}: {found.why}"
    return replace(found, state="unknown" if found.state == "unknown" else "depends", why=said)


def _by_plugin(
    plugin: Plugin,
    pod: Pod,
    target: Target,
    world: PolicyWorld,
) -> _Found:
    if plugin not in _VIEWS:
        return _Found("unknown", "Cilium enforces the network policies, and is not understood")
    tiers = world.tiers if plugin == "calico" else ()
    excepts = not (world.ignores_except and plugin == "vpc-cni")
    engine = _Engine(ordered_tiers(tiers, policies_of(plugin, world)), _VIEWS[plugin], excepts)
    found = _judge(
        engine,
        pod,
        target,
        world,
    )
    if excepts or (found.state == "yes" and not _has_except(world)):
        return found
    return replace(found, why=f"{found.why}; {_IGNORED}".removeprefix("; "))


def _has_except(world: PolicyWorld) -> bool:
    return any(
        block.excepted
        for policy in policies_of("vpc-cni", world)
        for rule in policy.egress + policy.ingress
        for peer in rule.peers
        for block in peer.blocks
    )


def _without_plugin(pod: Pod, target: Target, world: PolicyWorld) -> _Found:
    """No plugin is known: both views. Where they could not be looked for, one of them enforces the
    policies as a rule; where none was found it may be that nothing does.
    """
    before = _by_plugin("vpc-cni", pod, target, world)
    after = _by_plugin("calico", pod, target, world)
    if before.state == after.state == "yes":
        return _YES
    either = replace(_worst([before, after]), state="depends")
    if before.state != after.state:
        said = (
            "it depends on which network plugin enforces the policies: the VPC CNI's agent, which "
            f"sees the address of the Service ({before.state}), or Calico, which sees those behind "
            f"it ({after.state}): {either.why}"
        )
        unknown = "unknown" in (before.state, after.state)
        return replace(either, why=said, state="unknown" if unknown else "depends")
    if before.state == "no" and world.plugins is not None:
        said = (
            "it depends on whether something enforces network policies: neither Calico nor the VPC "
            f"CNI's agent was found, and by the policies {either.why}"
        )
        return replace(either, why=said)
    return after


def _worst(found: Sequence[_Found]) -> _Found:
    """What all have to allow: a no decides, then what is not known."""
    for state in ("no", "unknown", "depends"):
        for each in found:
            if each.state == state:
                return each
    return found[0] if found else _YES


def _judge(
    engine: _Engine,
    pod: Pod,
    target: Target,
    world: PolicyWorld,
) -> _Found:
    """Egress of the pod, and ingress of the pods that it reaches."""
    behind = _behind(target)
    seen = behind
    service = target.service
    if engine.view == "before" and service is not None and service.addresses:
        seen = [
            Destination(
                service.addresses[0],
                service.port,
                service.protocol,
                service=service,
            )
        ]
    if not seen:
        return _Found("unknown", f"the addresses of {target.name} are not known")
    out = [
        _one(
            engine,
            pod,
            each,
            world,
            "Egress",
        )
        for each in seen
    ]
    into = [
        _one(
            engine,
            pod,
            each,
            world,
            "Ingress",
        )
        for each in behind
        if each.pod is not None
    ]
    return _worst([_together(out), _together(into)])


def _behind(target: Target) -> list[Destination]:
    """Where the connection arrives."""
    return [
        Destination(
            each.address,
            each.port,
            each.protocol,
            each.pod,
        )
        for each in target.places
    ]


def _one(
    engine: _Engine,
    pod: Pod,
    destination: Destination,
    world: PolicyWorld,
    direction: Literal["Ingress", "Egress"],
) -> _Found:
    """One connection in one direction."""
    near, far = Side(None, pod), side_of(destination, world, excepts=engine.excepts)
    subject = pod
    if direction == "Ingress":
        assert destination.pod is not None  # noqa: S101 - asked by the caller
        near, far, subject = far, replace(near, excepts=engine.excepts), destination.pod
    connection = Connection(
        subject,
        direction,
        near,
        far,
        destination,
    )
    found = endings(connection, engine.tiers, world)
    denied = tuple(each for each in found if not each.allowed)
    if not denied:
        return _YES
    to = f"{direction.lower()} to {_spelled(destination)}"
    if len(denied) == len(found):
        return _Found("no", f"{to} is denied: {denied[0].said}", denied)
    doubt = next(each.doubt for each in found if each.doubt)
    return _Found("unknown", f"whether {to} is denied is not known: {doubt}", denied)


def _spelled(destination: Destination) -> str:
    service = destination.service
    named = f"Service {service.namespace}/{service.name} " if service else ""
    return f"{named}{destination.address} port {destination.port} {destination.protocol}"


def _together(found: Sequence[_Found]) -> _Found:
    """Several endpoints, of which the Service takes any: alike, or it depends on which one."""
    if not found:
        return _YES
    states = {each.state for each in found}
    worst = _worst(found)
    if states == {"yes", "no"}:
        said = f"it depends on the endpoint that the Service takes: {worst.why}"
        return replace(worst, state="depends", why=said)
    return worst


def _some_of(names: Sequence[str]) -> str:
    """The first names, in a sentence that continues with what they are not."""
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    if more > 0:
        return f"{shown} and {more} more are"
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
