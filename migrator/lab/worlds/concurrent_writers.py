"""Changes by another writer: just before a client's call, the lab changes the cluster.

They are scheduled like every other fault (:mod:`migrator.lab.worlds.faults`) and carried out by the
controls of the Kubernetes side (:mod:`migrator.lab.kubernetes_controls`), which the control API
can also run immediately.
"""

from collections.abc import Mapping
from typing import Any

from migrator.lab.worlds.faults import Fault, FaultKind
from migrator.lab.worlds.world import World

CONTROLS: Mapping[FaultKind, str] = {
    "second-writer": "touchAwsAuth",
    "node-stops": "stopNode",
    "ca-rotates": "rotateAuthority",
}


def check_meanwhile(world: World, fault: Fault) -> None:
    """Raise :class:`ValueError` where a fault of this world could never be carried out."""
    control = CONTROLS.get(fault.kind)
    if control is None:
        return
    if control not in world.controls:
        raise ValueError(f"{fault.kind} needs the Kubernetes side of the lab")
    _cluster_of(world, fault)


def strike_meanwhile(world: World, faults: Mapping[FaultKind, Fault]) -> None:
    """Carry out what others do before a call. Call it without holding anything of the call's."""
    for kind, control in CONTROLS.items():
        fault = faults.get(kind)
        if fault is None:
            continue
        with world.lock:
            value: dict[str, Any] = {
                "cluster": _cluster_of(world, fault),
                "change": fault.change,
                "node": fault.node,
            }
            world.controls[control](value)
            if world.oracle is not None:
                world.oracle.look()


def _cluster_of(world: World, fault: Fault) -> str:
    """The name of the cluster that a fault is about; it may be left out in a world of one. Raises
    :class:`ValueError`, which names the known ones.
    """
    names = sorted({cluster.name for cluster in world.clusters.values()})
    if not fault.cluster and len(names) == 1:
        return names[0]
    if fault.cluster not in names:
        raise ValueError(
            f"{fault.kind} needs one of the clusters: cluster=NAME, known are {', '.join(names)}"
        )
    return fault.cluster
