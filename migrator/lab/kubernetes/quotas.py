"""ResourceQuota's count of pods: more of them are refused, in the words of the admission plugin.

Source: kubernetes ``staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota``.
"""

from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.status import forbidden
from migrator.lab.kubernetes.store import ObjectStore
from migrator.lab.worlds.raw_parts import part_of

_PODS = ("", "pods")


def check_quota(store: ObjectStore, kind: ResourceType, found: Json, before: Json | None) -> None:
    """Raise a 403 ApiError where one pod more is too many in its namespace.

    Every quota of the namespace counts. Updates are not checked: they need no further pod. Pods
    that have ended are counted here, which the real plugin leaves out.
    """
    if kind.key != _PODS or before is not None:
        return
    metadata = found["metadata"]
    used = len(store.items(_PODS, metadata["namespace"])[0])
    for quota in store.items(("", "resourcequotas"), metadata["namespace"])[0]:
        hard = part_of(quota, "spec", "hard")
        limit = hard.get("pods")
        if limit is None or used < int(limit):
            continue
        name = quota["metadata"]["name"]
        why = f"exceeded quota: {name}, requested: pods=1, used: pods={used}, limited: pods={limit}"
        raise forbidden("pods", "", metadata["name"], why)
