"""What a rehearsal's Job runs inside the cluster."""

import os
from pathlib import Path

from migrator.app.operator import Operator


def timer(service_account: Path, operator: Operator) -> str:
    """Put aws-auth back unless the rehearsal renews its Lease; says how it ended.
    ``service_account``: where the pod's service account is mounted.
    """
    from migrator.adapters.clock import open_waiting_clock
    from migrator.adapters.kubernetes_api import KubernetesConfigMaps
    from migrator.adapters.kubernetes_client import open_in_cluster
    from migrator.adapters.kubernetes_objects import KubernetesObjects
    from migrator.run.dead_man import TimerPorts, hold

    client = open_in_cluster(os.environ, mount=service_account)
    ports = TimerPorts(
        config_maps=KubernetesConfigMaps(client),
        objects=KubernetesObjects(client),
        clock=open_waiting_clock(os.environ),
        events=operator.events,
    )
    return hold(ports)
