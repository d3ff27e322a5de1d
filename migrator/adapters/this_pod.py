"""Whether this process runs in a pod, and in which.

Source: Kubernetes documentation, "Accessing the API from a Pod" (``KUBERNETES_SERVICE_HOST``, the
file ``namespace`` of the ServiceAccount) and "Expose Pod Information to Containers" (the downward
API, here ``POD_NAME`` and ``POD_NAMESPACE``); a pod's host name is its name ("Pod's hostname").
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from migrator.adapters.this_process import host_name
from migrator.model.network_policies.packets import PodPlace

_MOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def pod_here(environment: Mapping[str, str], mount: Path = _MOUNT) -> PodPlace | None:
    """Namespace and name of the pod; None where this is none, or its namespace is not known."""
    if not environment.get("KUBERNETES_SERVICE_HOST"):
        return None
    namespace = environment.get("POD_NAMESPACE") or _namespace(mount)
    if not namespace:
        return None
    return PodPlace(namespace, environment.get("POD_NAME") or host_name())


def _namespace(mount: Path) -> str:
    try:
        return (mount / "namespace").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
