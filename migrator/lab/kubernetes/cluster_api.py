"""The API of one cluster, made when it is first asked for."""

from migrator.lab.kubernetes.api import KubernetesApi
from migrator.lab.kubernetes.default_objects import new_registry
from migrator.lab.worlds.world import LabCluster, World


def kubernetes_api(world: World, cluster: LabCluster) -> KubernetesApi:
    """The cluster's API in process, for the oracle and for tests; made from
    ``cluster.kubernetes_objects``.
    """
    with world.lock:
        if cluster.kube is None:
            cluster.kube = KubernetesApi(
                world, cluster, new_registry(world.clock.now, cluster.kubernetes_objects)
            )
        api: KubernetesApi = cluster.kube
        return api
