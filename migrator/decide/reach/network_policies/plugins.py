"""Which plugins of the cluster enforce network policies, by their DaemonSets.

Sources: EKS user guide, "Limit Pod traffic with Kubernetes network policies" (container
``aws-eks-nodeagent`` of DaemonSet ``aws-node``, argument ``--enable-network-policy``); Calico's and
Cilium's manifests (DaemonSets ``calico-node`` and ``cilium``).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from migrator.decide.reach.network_policies.raw_fields import NotUnderstood, name_of, part, parts
from migrator.model.network_policies.packets import Plugin

Raw = Mapping[str, Any]
_BY_NAME: Final[Mapping[str, Plugin]] = {"calico-node": "calico", "cilium": "cilium"}
_AGENT: Final = "aws-eks-nodeagent"
_SWITCH: Final = re.compile(r"--enable-network-policy=[\"']?true[\"']?")
_VERSION: Final = re.compile(r":v(\d+)\.(\d+)\.(\d+)")
# aws-network-policy-agent#78: the release that knows ``except``.
_KNOWS_EXCEPT: Final = (1, 0, 4)


def plugins_in(daemon_sets: Iterable[Raw]) -> frozenset[Plugin]:
    """The plugins that are there and are on."""
    found = list(daemon_sets)
    named = {_BY_NAME[name] for _, name in map(name_of, found) if name in _BY_NAME}
    if any(_SWITCH.fullmatch(each) for agent in _agents(found) for each in _arguments(agent)):
        named.add("vpc-cni")
    return frozenset(named)


def ignores_except(daemon_sets: Iterable[Raw]) -> bool:
    """Whether the VPC CNI's agent is too old to know ``except``."""
    for agent in _agents(daemon_sets):
        match = _VERSION.search(str(agent.get("image")))
        if match is not None and tuple(map(int, match.groups())) < _KNOWS_EXCEPT:
            return True
    return False


def _agents(daemon_sets: Iterable[Raw]) -> Iterator[Raw]:
    for each in daemon_sets:
        if name_of(each)[1] == "aws-node":
            yield from (found for found in containers_of(each) if found.get("name") == _AGENT)


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
