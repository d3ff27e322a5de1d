"""The Kubernetes endpoints of a lab: one certificate authority a lab, one TLS port a cluster.

A cluster's API is made when it is first asked for, which is its first DescribeCluster as a rule.
"""

import tempfile
from pathlib import Path

from migrator.lab.control_api import PREFIX
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.cluster_api import kubernetes_api
from migrator.lab.kubernetes.http import TlsServers
from migrator.lab.kubernetes.pod_sandbox import Surroundings
from migrator.lab.pki import make_pki
from migrator.lab.worlds.world import LabCluster, World

__all__ = ["KubernetesApi", "kubernetes_api", "start_cluster_server"]


class KubernetesServers:
    """The TLS side of one lab."""

    def __init__(self, world: World) -> None:
        self._pki = make_pki(world.clock.machine_now())
        with tempfile.TemporaryDirectory(
            prefix="lab-pki-"
        ) as name:  # 0700; gone once OpenSSL has read the key
            self.tls = TlsServers(self._pki.server_context(Path(name)))

    @property
    def ca_pem(self) -> bytes:
        """The certificate that signs every cluster's endpoint of this lab."""
        return self._pki.ca


def _inside(world: World, servers: KubernetesServers, api: KubernetesApi) -> Surroundings:
    """The surroundings of the pods. They reach the API on a separate port, because no filter on
    addresses is between pods and API.
    """
    port, stop_listening = servers.tls.listen(api.handle)
    api.at_stop.append(stop_listening)
    clock = f"{world.endpoint}{PREFIX}clock" if world.endpoint is not None else None
    return Surroundings(
        "127.0.0.1", port, servers.ca_pem, clock, api.registry.store, api.service_accounts
    )


def start_cluster_server(world: World, cluster: LabCluster) -> tuple[str, bytes]:
    """Serve a cluster's Kubernetes API on a free port of 127.0.0.1; returns (endpoint URL, CA in
    PEM).

    ``cluster.kube.stop()`` ends it.
    """
    with world.lock:
        if world.kubernetes is None:
            world.kubernetes = KubernetesServers(world)
        servers: KubernetesServers = world.kubernetes
        api = kubernetes_api(world, cluster)
    port, stop_listening = servers.tls.listen(
        api.handle, admits=lambda: cluster.admits(world.settings.caller_address, world.now())
    )
    api.at_stop.append(stop_listening)
    api.jobs.start(lambda: _inside(world, servers, api))
    return f"https://127.0.0.1:{port}", servers.ca_pem
