"""Which plugins of the cluster enforce network policies, by the containers of DaemonSets.

Sources: EKS user guide, "Limit Pod traffic with Kubernetes network policies" (container
``aws-eks-nodeagent`` of DaemonSet ``aws-node`` in kube-system, argument
``--enable-network-policy``); Calico's and Cilium's manifests and charts (containers ``calico-node``
and ``cilium-agent``, namespaces calico-system and kube-system, kube-system and cilium). A DaemonSet
of another namespace may be anybody's: it is a plugin perhaps.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from migrator.decide.reach.network_policies.raw_fields import NotUnderstood, name_of, part, parts
from migrator.model.network_policies.packets import Plugin, Version

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Mark:
    """How a plugin is known: its container, its DaemonSet, where its makers put it. ``versioned``:
    the container whose image has the version of the plugin, and that image.
    """

    container: str
    daemon_set: str
    namespaces: frozenset[str]
    versioned: str
    image: str


_MARKS: Final[Mapping[Plugin, _Mark]] = {
    "calico": _Mark(
        "calico-node",
        "calico-node",
        frozenset({"calico-system", "kube-system"}),
        "calico-node",
        "calico/node",
    ),
    "cilium": _Mark(
        "cilium-agent",
        "cilium",
        frozenset({"kube-system", "cilium"}),
        "cilium-agent",
        "cilium",
    ),
    "vpc-cni": _Mark(
        "aws-eks-nodeagent",
        "aws-node",
        frozenset({"kube-system"}),
        "aws-node",
        "amazon-k8s-cni",
    ),
}
# Values that Go's `strconv.ParseBool` takes for true.
_SWITCH: Final = re.compile(r"--enable-network-policy(=[\"']?(1|t|T|true|True|TRUE)[\"']?)?")
_VERSION: Final = re.compile(r":v(\d+)\.(\d+)\.(\d+)")
# aws-network-policy-agent#78: the release that knows ``except``.
_KNOWS_EXCEPT: Final = (1, 0, 4)


@dataclass(frozen=True, slots=True)
class PluginFound:
    """A DaemonSet of a plugin. ``certain`` False: it may be something else. ``on``: it enforces
    network policies. ``version``: major and minor, None where it is not known.
    """

    plugin: Plugin
    place: str
    certain: bool
    on: bool
    version: Version | None
    containers: tuple[Raw, ...] = ()


def plugins_found(daemon_sets: Iterable[Raw]) -> tuple[PluginFound, ...]:
    """Every DaemonSet that is a plugin, or may be one."""
    return tuple(found for each in daemon_sets for found in _plugins_of(each))


def _plugins_of(daemon_set: Raw) -> Iterator[PluginFound]:
    namespace, name = name_of(daemon_set)
    containers = tuple(containers_of(daemon_set))
    by_name = {str(each.get("name")): each for each in containers}
    for plugin, mark in _MARKS.items():
        at_home = namespace in mark.namespaces
        has_it = mark.container in by_name
        # The name alone says something where its makers put it, and nothing elsewhere.
        by_its_name = at_home and name == mark.daemon_set
        if has_it or by_its_name:
            yield PluginFound(
                plugin,
                f"DaemonSet {namespace}/{name}",
                at_home and has_it,
                _is_on(plugin, by_name, mark.container),
                _version(mark, by_name.get(mark.versioned, {})),
                containers,
            )


def _is_on(plugin: Plugin, by_name: Mapping[str, Raw], container: str) -> bool:
    """Whether a plugin enforces policies: the VPC CNI does where its agent is switched on. One
    whose containers are not understood may.
    """
    if plugin != "vpc-cni" or not by_name:
        return True
    return any(map(_SWITCH.fullmatch, _arguments(by_name.get(container, {}))))


def _version(mark: _Mark, container: Raw) -> Version | None:
    """Major and minor of the plugin, by the tag of its own image; of a product that is built on it
    the versions mean something else.
    """
    image = str(container.get("image"))
    match = _VERSION.search(image)
    if match is None or not image[: match.start()].endswith(mark.image):
        return None
    return int(match[1]), int(match[2])


def decisive(found: Iterable[PluginFound], plugin: Plugin) -> list[PluginFound]:
    """The DaemonSets that say how a plugin is: those that are it for certain, where there are
    some. What anybody's DaemonSet says does not count beside them.
    """
    on = [each for each in found if each.plugin == plugin and each.on]
    return [each for each in on if each.certain] or on


def version_of(found: Iterable[PluginFound], plugin: Plugin) -> Version | None:
    """The version of a plugin; None where it is not known, or not the same everywhere."""
    versions = {each.version for each in decisive(found, plugin)}
    return versions.pop() if len(versions) == 1 else None


def ignores_except(found: Iterable[PluginFound]) -> bool:
    """Whether the VPC CNI's agent is too old to know ``except``."""
    agents = [
        container
        for each in decisive(found, "vpc-cni")
        for container in each.containers
        if container.get("name") == _MARKS["vpc-cni"].container
    ]
    matches = [_VERSION.search(str(agent.get("image"))) for agent in agents]
    return any(
        match is not None and tuple(map(int, match.groups())) < _KNOWS_EXCEPT for match in matches
    )


def containers_of(daemon_set: Raw) -> Sequence[Raw]:
    """The containers of its pods; none where its shape is not understood."""
    try:
        template = part(part(daemon_set, "spec"), "template")
        return parts(part(template, "spec"), "containers")
    except NotUnderstood:
        return ()


def _arguments(container: Raw) -> list[str]:
    found = [container.get("command"), container.get("args")]
    return [str(each) for given in found if isinstance(given, list) for each in given]
