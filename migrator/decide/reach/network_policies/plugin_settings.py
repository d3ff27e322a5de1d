"""What plugins do to the traffic of pods besides their policies, by how they are set.

Sources: Calico, "Configure Felix" (the environment, ``FELIX_`` and a parameter in any case, comes
before FelixConfigurations; that of a node, ``node.NAME``, before ``default``) and reference of
FelixConfiguration (``defaultEndpointToHostAction``: Drop where nothing says otherwise); EKS user
guide, "Configure network policies" (strict mode) and "Create a Node Class for Amazon EKS"
(``networkPolicy``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from migrator.decide.reach.network_policies.plugins import PluginFound, decisive
from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    name_of,
    part,
    parts,
    text,
)
from migrator.model.network_policies.on_nodes import ToHost, ToHostAction
from migrator.model.network_policies.packets import Plugin

Raw: TypeAlias = Mapping[str, Any]
NODE_CLASS: Final = ("eks.amazonaws.com", "NodeClass")
_TO_HOST: Final = "FELIX_DEFAULTENDPOINTTOHOSTACTION"
_ENFORCING_MODE: Final = "NETWORK_POLICY_ENFORCING_MODE"
_NOT_KNOWN: Final = "?"  # a value that is set where it is not read
_UNREAD: Final = "which could not be read,"
_ACTIONS: Final[Mapping[str, ToHostAction]] = {
    "accept": "Accept",
    "drop": "Drop",
    "return": "Return",
}


def to_host_actions(
    felix: Sequence[Raw], found: Iterable[PluginFound] | None, *, calico: bool
) -> tuple[ToHost, ...]:
    """What Calico does with traffic of a pod to its own node, after the pod's policies; empty where
    there is no Calico. ``calico``: whether the cluster has objects of it.
    """
    if found is None:
        unread = ToHost(f"DaemonSet calico-node, {_UNREAD}", "")
        return (unread,) if calico else ()
    given = list(_set_by(decisive(found, "calico"), "calico", _TO_HOST))
    if not given:
        return tuple(_by_configuration(felix)) if calico else ()
    return tuple(each for where, spelled in given for each in _of_one(where, spelled, felix))


def _of_one(where: PluginFound, spelled: str, felix: Sequence[Raw]) -> Iterator[ToHost]:
    """What one DaemonSet does: by its environment, else by the configurations."""
    if spelled:
        yield ToHost(where.place, _action(spelled))
        return
    yield from _by_configuration(felix)


def _by_configuration(felix: Iterable[Raw]) -> Iterator[ToHost]:
    """What FelixConfigurations say, and what is where the one for all nodes says nothing."""
    by_name = {name_of(each)[1]: _configured(each) for each in felix}
    by_name.setdefault("default", "")
    for name, spelled in by_name.items():
        if spelled:
            yield ToHost(f"FelixConfiguration {name}", _action(spelled))
        elif name == "default":
            yield ToHost("Calico's default", "Drop")


def _action(spelled: str) -> ToHostAction:
    return _ACTIONS.get(spelled.lower(), "")


def _configured(felix: Raw) -> str:
    """The action as it is spelled; empty where it is not given."""
    try:
        return text(part(felix, "spec"), "defaultEndpointToHostAction")
    except NotUnderstood:
        return _NOT_KNOWN


def denying_always(found: Iterable[PluginFound] | None) -> tuple[str, ...]:
    """What denies everything to pods that no policy selects, on every node. An agent that is
    switched off denies nothing in strict mode, too (aws-network-policy-agent,
    ``pkg/rpc/rpc_handler.go``).
    """
    strict = [each for each in _strict(found or ()) if each.certain]
    return ("the VPC CNI in strict mode",) if strict else ()


def _strict(found: Iterable[PluginFound]) -> Iterator[PluginFound]:
    """The DaemonSets that are the VPC CNI in strict mode, or may be it."""
    for each, mode in _set_by(found, "vpc-cni", _ENFORCING_MODE):
        if mode.lower() == "strict":
            yield each


def denying_perhaps(
    found: Sequence[PluginFound] | None, node_classes: Iterable[Raw]
) -> tuple[str, ...]:
    """What may deny everything to pods that no policy selects, or does on some nodes."""
    classes = [f"NodeClass {name_of(each)[1]}" for each in node_classes if _denies(each)]
    if found is None:
        return (*classes, f"DaemonSet aws-node, {_UNREAD}")
    modes = _set_by(found, "vpc-cni", _ENFORCING_MODE)
    unclear = [
        f"{each.place}, whose mode could not be read," for each, mode in modes if mode == _NOT_KNOWN
    ]
    perhaps = [
        f"{each.place}, which may be the VPC CNI in strict mode,"
        for each in _strict(found)
        if not each.certain
    ]
    return (*classes, *unclear, *perhaps)


def _denies(node_class: Raw) -> bool:
    """Whether a NodeClass denies by default, or says something that is not understood."""
    try:
        return text(part(node_class, "spec"), "networkPolicy") not in ("", "DefaultAllow")
    except NotUnderstood:
        return True


def _set_by(
    found: Iterable[PluginFound], plugin: Plugin, variable: str
) -> Iterator[tuple[PluginFound, str]]:
    """What the DaemonSets of a plugin that enforces policies set a variable of the environment to,
    in any case of letters; empty for one that does not set it.
    """
    for each in found:
        if each.plugin == plugin and each.on:
            yield each, _setting(each.containers, variable)


def _setting(containers: Iterable[Raw], variable: str) -> str:
    """The value; empty where it is not set."""
    found = list(containers)
    try:
        values = [value for each in found for value in _values(each, variable)]
    except NotUnderstood:
        return _NOT_KNOWN
    # A DaemonSet without containers is one whose shape is not understood.
    return next(iter(values), "" if found else _NOT_KNOWN)


def _values(container: Raw, variable: str) -> Iterator[str]:
    """What a container sets a variable to. Raises :class:`NotUnderstood`."""
    for each in parts(container, "env"):
        if str(each.get("name")).upper() == variable:
            yield str(each.get("value") or _NOT_KNOWN)
    # Variables of a ConfigMap or Secret, which is not read: ``env`` comes before them.
    if parts(container, "envFrom"):
        yield _NOT_KNOWN
