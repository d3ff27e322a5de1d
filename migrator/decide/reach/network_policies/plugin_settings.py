"""What plugins do to the traffic of pods besides their policies, by how they are set.

Sources: Calico, "Configure Felix" (the environment, ``FELIX_`` and a parameter in any case, comes
before FelixConfigurations; that of a node, ``node.NAME``, before ``default``) and reference of
FelixConfiguration (``defaultEndpointToHostAction``: Drop where nothing says otherwise); EKS user
guide, "Configure network policies" (strict mode) and "Create a Node Class for Amazon EKS"
(``networkPolicy``).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from migrator.decide.reach.network_policies.plugins import containers_of
from migrator.decide.reach.network_policies.raw_fields import (
    NotUnderstood,
    name_of,
    part,
    parts,
    text,
)
from migrator.model.network_policies.on_nodes import ToHost, ToHostAction

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
    felix: Iterable[Raw], daemon_sets: Iterable[Raw] | None, *, calico: bool
) -> tuple[ToHost, ...]:
    """What Calico does with traffic of a pod to its own node, after the pod's policies; empty where
    there is no Calico. ``calico``: whether the cluster has objects of it.
    """
    if daemon_sets is None:
        unread = ToHost(f"DaemonSet calico-node, {_UNREAD}", "")
        return (unread,) if calico else ()
    by_environment = list(_set_by(daemon_sets, "calico-node", _TO_HOST))
    if not by_environment and not calico:
        return ()
    given = [each for each in by_environment if each]
    if not given:
        return tuple(_by_configuration(felix))
    return tuple(ToHost("DaemonSet calico-node", _action(each)) for each in given)


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


def denying_always(daemon_sets: Iterable[Raw] | None) -> tuple[str, ...]:
    """What denies everything to pods that no policy selects, on every node."""
    modes = _set_by(daemon_sets or (), "aws-node", _ENFORCING_MODE)
    strict = any(each.lower() == "strict" for each in modes)
    return ("the VPC CNI in strict mode",) if strict else ()


def denying_perhaps(
    daemon_sets: Iterable[Raw] | None, node_classes: Iterable[Raw]
) -> tuple[str, ...]:
    """What may deny everything to pods that no policy selects, or does on some nodes."""
    classes = [f"NodeClass {name_of(each)[1]}" for each in node_classes if _denies(each)]
    if daemon_sets is None:
        return (*classes, f"DaemonSet aws-node, {_UNREAD}")
    modes = _set_by(daemon_sets, "aws-node", _ENFORCING_MODE)
    unclear = ["DaemonSet aws-node, whose mode could not be read,"] if _NOT_KNOWN in modes else []
    return (*classes, *unclear)


def _denies(node_class: Raw) -> bool:
    """Whether a NodeClass denies by default, or says something that is not understood."""
    try:
        return text(part(node_class, "spec"), "networkPolicy") not in ("", "DefaultAllow")
    except NotUnderstood:
        return True


def _set_by(daemon_sets: Iterable[Raw], name: str, variable: str) -> Iterator[str]:
    """What the DaemonSets of a name set a variable of the environment to, in any case of letters;
    empty for one that does not set it.
    """
    for each in daemon_sets:
        if name_of(each)[1] == name:
            yield _setting(containers_of(each), variable)


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
