"""The Kubernetes endpoints of a lab: one TLS port a cluster, and one certificate authority a lab,
but for clusters that the world gives the old kind, or a rotation.

A cluster's API is made when it is first asked for, which is its first DescribeCluster as a rule.
"""

import ssl
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from migrator.lab.aws.pod_identity import variables_for
from migrator.lab.control_api import PREFIX
from migrator.lab.http_server import HttpServer
from migrator.lab.http_wire import Handler, WireRules
from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.cluster_api import kubernetes_api
from migrator.lab.kubernetes.pod_sandbox import Surroundings
from migrator.lab.pki import AuthorityKind, Pki, make_pki
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


class _Certificates:
    """What the endpoints of a cluster show, and the bundle with which DescribeCluster says whom to
    trust.
    """

    def __init__(self, kind: AuthorityKind, pki: Pki) -> None:
        self._kind = kind
        self._made = 1
        self.bundle = pki.ca
        self.tls = _context(pki)

    def rotate(self, now: datetime, *, is_served: bool) -> None:
        """A further authority, the active one and so the first of the bundle (EKS user guide,
        certificate authorities). Where it is not served yet, the endpoint still shows what the one
        before it has signed.
        """
        pki = make_pki(now, self._kind, self._made)
        self._made += 1
        self.bundle = pki.ca + self.bundle
        if is_served:
            self.tls = _context(pki)


def _context(pki: Pki) -> ssl.SSLContext:
    # The directory has mode 0700. OpenSSL reads the key once, so it need not stay.
    with tempfile.TemporaryDirectory(prefix="lab-pki-") as name:
        return pki.server_context(Path(name))


class KubernetesServers:
    """The TLS side of one lab."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._pki = make_pki(self._clock.machine_now())
        self._shared_tls = _context(self._pki)
        self._server = HttpServer()
        self._inside: dict[str, int] = {}
        self._ports: dict[str, list[int]] = {}
        self._certificates: dict[str, _Certificates] = {}

    def listen(
        self,
        cluster: LabCluster,
        handler: Handler,
        admits: Callable[[], bool] | None = None,
    ) -> tuple[int, Callable[[], None]]:
        """Serve a cluster's API on a free port; returns the port and what closes it."""
        if cluster.certificates != "new":
            self._own(cluster)
        opened = self._server.listen(handler, _RULES, tls=lambda: self._tls(cluster), admits=admits)
        self._ports.setdefault(cluster.arn, []).append(opened[0])
        return opened

    def _tls(self, cluster: LabCluster) -> ssl.SSLContext:
        own = self._certificates.get(cluster.arn)
        return self._shared_tls if own is None else own.tls

    def ca_of(self, cluster: LabCluster) -> bytes:
        """The authorities that DescribeCluster shows, in PEM."""
        own = self._certificates.get(cluster.arn)
        return self._pki.ca if own is None else own.bundle

    def _own(self, cluster: LabCluster) -> _Certificates:
        """A cluster's own certificates, made when they are first needed: of the kind that the world
        asks for, in the middle of a rotation where it says so.
        """
        found = self._certificates.get(cluster.arn)
        if found is not None:
            return found
        now = self._clock.machine_now()
        if cluster.certificates == "new":
            found = _Certificates("new", self._pki)
        else:
            found = _Certificates("old", make_pki(now, "old"))
        if cluster.certificates == "rotating":
            found.rotate(now, is_served=False)
        self._certificates[cluster.arn] = found
        return found

    def rotate(self, cluster: LabCluster) -> None:
        """Activate a further authority of a cluster. The API servers start again with certificates
        that it has signed: every connection ends.
        """
        certificates = self._own(cluster)
        certificates.rotate(self._clock.machine_now(), is_served=True)
        cluster.ca_pem = certificates.bundle
        for port in self._ports.get(cluster.arn, ()):
            self._server.hang_up(port)

    def port_inside(self, cluster: LabCluster) -> int:
        """The port under which the VPC has a cluster's API: no filter on addresses is before it."""
        if cluster.arn not in self._inside:
            self._inside[cluster.arn], stop_listening = self.listen(cluster, cluster.kube.handle)
            cluster.kube.at_stop += [stop_listening, lambda: self._inside.pop(cluster.arn)]
        return self._inside[cluster.arn]

    @property
    def ca_pem(self) -> bytes:
        """The authority of every cluster that has none of its own."""
        return self._pki.ca


def _inside(world: World, servers: KubernetesServers, cluster: LabCluster) -> Surroundings:
    """The surroundings of the pods, which reach the API from inside the VPC."""
    api: KubernetesApi = cluster.kube
    port = servers.port_inside(cluster)
    clock = f"{world.endpoint}{PREFIX}clock" if world.endpoint is not None else None
    return Surroundings(
        "127.0.0.1",
        port,
        servers.ca_of(cluster),
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
    port, stop_listening = servers.listen(cluster, api.handle, lambda: _admits(world, cluster))
    api.at_stop.append(stop_listening)
    api.jobs.start(lambda: _inside(world, servers, cluster))
    return f"https://127.0.0.1:{port}", servers.ca_of(cluster)
