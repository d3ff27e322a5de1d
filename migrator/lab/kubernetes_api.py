"""The Kubernetes endpoints of a lab: one certificate authority a lab, one TLS port a cluster.

A cluster's API is made when it is first asked for, which is its first DescribeCluster as a rule.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from migrator.lab.aws.pod_identity import variables_for
from migrator.lab.control_api import PREFIX
from migrator.lab.http_server import HttpServer
from migrator.lab.http_wire import Handler, WireRules
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.cluster_api import kubernetes_api
from migrator.lab.kubernetes.pod_sandbox import Surroundings
from migrator.lab.pki import make_pki
from migrator.lab.worlds.world import LabCluster, World

__all__ = ["KubernetesApi", "kubernetes_api", "start_cluster_server"]

# As kube-apiserver: Go's net/http answers what is no HTTP with 400 or 413, a body has at most 3 MiB
# (apiserver ``pkg/server/config.go``, MaxRequestBodyBytes), and no answer may be kept by a cache
# (``pkg/endpoints/filters/cachecontrol.go``).
_RULES = WireRules(
    header_bytes=64 * 1024,
    body_bytes=3 * 1024 * 1024,
    headers={"Cache-Control": "no-cache, private"},
    explains_refusals=True,
    idle_seconds=600.0,
)


class KubernetesServers:
    """The TLS side of one lab."""

    def __init__(self, world: World) -> None:
        self._pki = make_pki(world.clock.machine_now())
        # The directory has mode 0700. OpenSSL reads the key once, so it need not stay.
        with tempfile.TemporaryDirectory(prefix="lab-pki-") as name:
            self._tls = self._pki.server_context(Path(name))
        self._server = HttpServer()
        self._inside: dict[str, int] = {}

    def listen(
        self, handler: Handler, admits: Callable[[], bool] | None = None
    ) -> tuple[int, Callable[[], None]]:
        """Serve a cluster's API on a free port; returns the port and what closes it."""
        return self._server.listen(handler, _RULES, tls=self._tls, admits=admits)

    def port_inside(self, cluster: LabCluster) -> int:
        """The port under which the VPC has a cluster's API: no filter on addresses is before it."""
        if cluster.arn not in self._inside:
            self._inside[cluster.arn], stop_listening = self.listen(cluster.kube.handle)
            cluster.kube.at_stop += [stop_listening, lambda: self._inside.pop(cluster.arn)]
        return self._inside[cluster.arn]

    @property
    def ca_pem(self) -> bytes:
        """The certificate that signs every cluster's endpoint of this lab."""
        return self._pki.ca


def _inside(world: World, servers: KubernetesServers, cluster: LabCluster) -> Surroundings:
    """The surroundings of the pods, which reach the API from inside the VPC."""
    api: KubernetesApi = cluster.kube
    port = servers.port_inside(cluster)
    clock = f"{world.endpoint}{PREFIX}clock" if world.endpoint is not None else None
    return Surroundings(
        "127.0.0.1",
        port,
        servers.ca_pem,
        clock,
        api.registry.store,
        api.service_accounts,
        partial(variables_for, world, cluster),
    )


def _admits(world: World, cluster: LabCluster) -> bool:
    """Whether clients of this machine reach the endpoint: as hosts of the VPC, or from outside."""
    private = cluster.vpc_config_at(world.now())["endpointPrivateAccess"]
    if private and world.settings.caller_in_vpc:
        return True
    return cluster.admits(world.settings.caller_address, world.now())


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
    port, stop_listening = servers.listen(api.handle, admits=lambda: _admits(world, cluster))
    api.at_stop.append(stop_listening)
    api.jobs.start(lambda: _inside(world, servers, cluster))
    return f"https://127.0.0.1:{port}", servers.ca_pem
