"""The command line against the AWS side of the lab, in front of the lab's API servers or real ones.

The services of AWS are reached by an endpoint each, and STS under its real host name through the
proxy of :mod:`sts_proxy`, as the authenticator reaches it: a token that migrate makes has to name
that host.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from migrator.lab.kubernetes_api import kubernetes_api
from migrator.lab.server import Lab
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.world import World
from migrator.lab.worlds.world_files import load_world
from tests.support.cli_lab import CliLab, Ran
from tests.support.control_plane.binaries import Binaries
from tests.support.control_plane.certificates import Authority
from tests.support.control_plane.real_bed import RealBed
from tests.support.control_plane.sts_proxy import StsProxy
from tests.support.kubernetes_lab import KubernetesLab

# As boto3 names the services in AWS_ENDPOINT_URL_NAME; STS is not among them.
_SERVICES = (
    "EKS",
    "IAM",
    "EC2",
    "CLOUDWATCH_LOGS",
    "CLOUDTRAIL",
    "ORGANIZATIONS",
    "SSM",
    "SSO_ADMIN",
    "IDENTITYSTORE",
    "ACCESSANALYZER",
)
_FRESH = 0.2  # seconds until entries and mode reach the authenticator


@dataclass(frozen=True)
class Migration:
    """A lab and its way to STS."""

    lab: CliLab
    proxy: StsProxy
    authority: Authority

    def run(self, *arguments: str) -> Ran:
        """Run ``migrate`` as an operator whose STS is behind a proxy."""
        environment = self.lab.environment()
        aws = environment.pop("AWS_ENDPOINT_URL")
        environment |= {f"AWS_ENDPOINT_URL_{name}": aws for name in _SERVICES}
        environment |= {
            "HTTPS_PROXY": self.proxy.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "AWS_CA_BUNDLE": str(self.authority.ca_file),
        }
        return self.lab.run(*arguments, environment=environment)


@contextmanager
def migration(place: Path, world_text: str, found: Binaries | None) -> Iterator[Migration]:
    """A running lab; with ``found``, each of its clusters is real and has the objects of the
    world.
    """
    (place / "work").mkdir(parents=True)
    (place / "world.yaml").write_text(world_text, encoding="utf-8")
    world = load_world(place / "world.yaml")
    authority = Authority(place / "pki", "sts", world.clock.machine_now())
    with ExitStack() as at_end:
        proxy = StsProxy(world, authority)
        at_end.callback(proxy.stop)
        if found is not None:
            beds = _RealBeds(place, found, world, at_end)
            world.open_endpoint = beds.open
            at_end.callback(_keep_fresh(beds))
        served = Lab(world, place / "lab")
        served.start()
        at_end.callback(served.stop)
        yield Migration(CliLab(place / "lab", place / "work"), proxy, authority)


class _RealBeds:
    """The real clusters of a world, started when the first caller describes them."""

    def __init__(self, place: Path, found: Binaries, world: World, at_end: ExitStack) -> None:
        self._place, self._found, self._world, self._at_end = place, found, world, at_end
        self.started: dict[str, RealBed] = {}

    def open(self, cluster: LabCluster) -> tuple[str, bytes]:
        """URL and authority of a cluster's API server."""
        if cluster.name not in self.started:
            self.started[cluster.name] = self._start(cluster)
        return self.started[cluster.name].endpoint

    def _start(self, cluster: LabCluster) -> RealBed:
        lab = KubernetesLab(self._world, cluster, kubernetes_api(self._world, cluster))
        bed = RealBed(self._place / f"bed-{cluster.name}", self._found, lab).start()
        self._at_end.callback(bed.stop)
        for each in cluster.kubernetes_objects:
            bed.put(each)
        return bed


def _keep_fresh(beds: _RealBeds) -> Callable[[], None]:
    """Write entries and mode of every real cluster again and again; what ends it."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(_FRESH):
            for bed in list(beds.started.values()):
                bed.write_state()

    thread = threading.Thread(target=write, name="entries-and-mode", daemon=True)
    thread.start()

    def end() -> None:
        over.set()
        thread.join(timeout=10)

    return end
