"""How fast the lab's Kubernetes side is: reviews over keep-alive from another process, and a
thousand clusters.
"""

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from migrator.lab.kubernetes_api import start_cluster_server
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.model.access_entry import AccessScope
from tests.support import bare_server, yardstick
from tests.support.benchmark_table import Measured
from tests.support.kubernetes_lab import (
    ACCOUNT,
    LONG_AGO,
    KubernetesLab,
    WireClient,
    kubernetes_lab,
    token_of,
)

pytestmark = pytest.mark.benchmark

REVIEWS = 3_000
REVIEWS_A_SECOND = 1_000
CLUSTERS = 1_000
REVIEWING = 5.0
SERVING = 90.0  # times the yardstick
PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def served() -> Iterator[tuple[KubernetesLab, WireClient]]:
    lab = kubernetes_lab("API_AND_CONFIG_MAP")
    client = WireClient(lab)
    yield lab, client
    client.close()
    lab.api.stop()


def ask_reviews(url: str, ca_pem: str, token: str, count: int) -> float:
    """Seconds for ``count`` access reviews over one connection; the first one warms the token
    cache.
    """
    connection = http.client.HTTPSConnection(
        url.removeprefix("https://"), context=ssl.create_default_context(cadata=ca_pem)
    )
    asked = {"namespace": "team", "verb": "get", "resource": "pods"}
    body = json.dumps(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    started = time.perf_counter()
    for number in range(count + 1):
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise AssertionError(answer.status)
        if number == 0:
            started = time.perf_counter()
    connection.close()
    return time.perf_counter() - started


@pytest.mark.parametrize("by", ["RBAC", "access policy"])
def test_a_thousand_access_reviews_a_second(
    served: tuple[KubernetesLab, WireClient], by: str, measured: Measured
) -> None:
    lab, client = served
    arn = lab.add_role("ops")
    scope = AccessScope("namespace", ("team",))
    lab.add_entry(
        arn, "ops", ["devs"], [("AmazonEKSViewPolicy", scope)] if by == "access policy" else []
    )
    if by == "RBAC":
        lab.bind("view", "Group:devs")
    assert lab.can(lab.token(arn), "get", "pods", "team")["allowed"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        arguments = (client.url, client.ca_pem.decode(), lab.token(arn), REVIEWS)
        seconds = pool.submit(ask_reviews, *arguments).result()
    assert REVIEWS / seconds >= REVIEWS_A_SECOND
    measured(
        f"lab: {REVIEWS:,} access reviews allowed by {by}",
        of=bare_server.OF,
        ideal=bare_server.seconds_of_requests(REVIEWS, "x" * 200),
        ours=seconds,
        bound=REVIEWING,
    )


def test_a_thousand_clusters_are_served_within_seconds(measured: Measured) -> None:
    lab = kubernetes_lab()
    arn = lab.add_role("ops")
    row = json.dumps([{"rolearn": arn, "username": "ops", "groups": ["ops"]}])
    metadata = {"name": "aws-auth", "namespace": "kube-system"}
    aws_auth = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"mapRoles": row},
    }
    clusters = [
        LabCluster(f"c{number}", ACCOUNT, "eu-central-1", "aws", "CONFIG_MAP", None, LONG_AGO)
        for number in range(CLUSTERS)
    ]
    before, started, cpu = _resident(), time.perf_counter(), time.process_time()
    for cluster in clusters:
        cluster.kubernetes_objects = [aws_auth]
        start_cluster_server(lab.world, lab.world.add_cluster(cluster))
    opened = time.perf_counter() - started
    for cluster in clusters:
        one = KubernetesLab(lab.world, cluster, cluster.kube)
        token = token_of(lab.world, arn, cluster=cluster.name)
        assert one.who(token) is not None
        assert not one.can(token, "get", "pods")["allowed"]
    asked, grown = time.perf_counter() - started - opened, _resident() - before
    cpu = time.process_time() - cpu
    for cluster in clusters:
        cluster.kube.stop()
    assert opened < 5
    assert asked < 30
    # How much more a process takes says little where it had free memory before.
    assert grown < 300
    measured(
        f"lab: {CLUSTERS:,} API servers, opened and asked",
        of=yardstick.OF,
        ideal=yardstick.seconds(),
        ours=cpu,
        bound=SERVING,
    )


def _resident() -> int:
    """MB of memory in use; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no path to build
            return int(file.read().split()[1]) * 4096 // 1_000_000
    except OSError:
        return 0
