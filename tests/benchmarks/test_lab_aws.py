"""How fast the lab's AWS side is: signed reads over keep-alive from another process, and its
start.
"""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from migrator.errors import MigratorError
from migrator.lab.lab_client import control, credentials_of, lab_state
from migrator.lab.worlds.world_files import demo_world_path
from tests.support import bare_server, yardstick
from tests.support.benchmark_table import Measured
from tests.support.process_memory import seconds_of

pytestmark = pytest.mark.benchmark

READS = 2_000
READS_A_SECOND = 500
START_SECONDS = 1.0
CLUSTERS = 1_000
REGION = "eu-central-1"
SIGNED, START = 4.0, 2.0
MANY = 40.0  # times the yardstick


@contextmanager
def lab_process(directory: Path, world: Path) -> Iterator[float]:
    """A lab of its own process; yields the seconds until it answered."""
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "migrator.lab.server",
        "--world",
        str(world),
        "--directory",
        str(directory),
    ]
    process = subprocess.Popen(command)
    try:
        while True:
            try:
                control(directory, "GET", "world")
                break
            except (MigratorError, OSError):
                assert process.poll() is None
                assert time.perf_counter() - started < 60
                time.sleep(0.005)
        yield time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(timeout=30)


def signed(directory: Path, path: str, count: int) -> list[dict[str, str]]:
    """Headers of ``count`` signed requests, made before the clock runs: the client's work is not
    the lab's.
    """
    state = lab_state(directory)
    keys = credentials_of(directory, state["operator"])
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    found = []
    for number in range(count):
        headers = {
            "X-Request-Number": str(number)
        }  # signed too, so that no two signatures are alike
        request = AWSRequest("GET", state["endpoint"] + path, headers=headers)
        SigV4Auth(credentials, "eks", REGION).add_auth(request)
        found.append(dict(request.headers))
    return found


@pytest.mark.parametrize("operation", ["DescribeCluster", "DescribeAccessEntry", "ListClusters"])
def test_signed_reads_from_one_keep_alive_client(
    tmp_path: Path, operation: str, measured: Measured
) -> None:
    world = tmp_path / "world.yaml"
    text = demo_world_path().read_text(encoding="utf-8")
    world.write_text(
        text.replace("authenticationMode: CONFIG_MAP", "authenticationMode: API"), encoding="utf-8"
    )
    principal = quote("arn:aws:iam::111122223333:role/nodes/managed-nodes", safe="")
    path = {
        "DescribeCluster": "/clusters/demo",
        "DescribeAccessEntry": f"/clusters/demo/access-entries/{principal}",
        "ListClusters": "/clusters",
    }[operation]
    with lab_process(tmp_path / "lab", world):
        requests = signed(tmp_path / "lab", path, READS + 50)
        connection = http.client.HTTPConnection(
            urlsplit(lab_state(tmp_path / "lab")["endpoint"]).netloc, timeout=30
        )
        begun = 0.0
        for number, headers in enumerate(requests):
            if number == 50:  # models are read, the cluster's endpoint is open
                begun = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
        rate = READS / (time.perf_counter() - begun)
        connection.close()
    assert rate >= READS_A_SECOND
    measured(
        f"lab: {READS:,} signed calls of {operation}",
        of=bare_server.OF,
        ideal=bare_server.seconds_of_requests(READS),
        ours=READS / rate,
        bound=SIGNED,
    )


def test_the_lab_answers_within_a_second_of_its_start(tmp_path: Path, measured: Measured) -> None:
    rounds, imports = [], []
    for number in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import migrator.lab.server"], check=True)
        imports.append(time.perf_counter() - began)
        with lab_process(tmp_path / f"lab{number}", demo_world_path()) as seconds:
            rounds.append(seconds)
    assert min(rounds) <= START_SECONDS
    measured(
        "lab: its start",
        of="the interpreter importing it",
        ideal=min(imports),
        ours=min(rounds),
        bound=START,
    )


def test_a_thousand_clusters_start_in_seconds(tmp_path: Path, measured: Measured) -> None:
    lines = ["accounts:"]
    for account in range(1, 41):
        lines.append(
            f'- {{id: "{account:012d}", roles: [{{name: creator}}], users: [{{name: someone}}]}}'
        )
    lines.append("clusters:")
    for number in range(CLUSTERS):
        lines.append(f'- {{name: c{number}, account: "{number % 40 + 1:012d}"}}')
    world = tmp_path / "world.yaml"
    world.write_text("\n".join(lines), encoding="utf-8")
    with lab_process(tmp_path / "lab", world) as seconds:
        cpu = seconds_of(int(lab_state(tmp_path / "lab")["pid"]))
        found = len(control(tmp_path / "lab", "GET", "world")["clusters"])
    assert found == CLUSTERS
    assert seconds <= 5.0
    measured(
        f"lab: start with {CLUSTERS:,} clusters",
        of=yardstick.OF,
        ideal=yardstick.seconds(),
        ours=cpu,
        bound=MANY,
    )
