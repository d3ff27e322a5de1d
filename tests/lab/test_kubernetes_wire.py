"""The cluster over TLS: certificates, keep-alive, odd clients, faults, kills."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from migrator.lab import http_server
from migrator.lab.http_wire import Handler, WireRules
from migrator.lab.pki import make_pki
from migrator.lab.worlds.faults import Fault
from tests.support.kubernetes_lab import KubernetesLab, WireClient, kubernetes_lab

NODES = "/api/v1/nodes"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def lab() -> Iterator[KubernetesLab]:
    lab = kubernetes_lab()
    yield lab
    lab.api.stop()


@pytest.fixture
def client(lab: KubernetesLab) -> Iterator[WireClient]:
    client = WireClient(lab)
    yield client
    client.close()


@pytest.fixture
def admin(lab: KubernetesLab) -> str:
    return lab.admin()


def place_of(client: WireClient) -> tuple[str, int]:
    parsed = urllib.parse.urlsplit(client.url)
    return parsed.hostname or "", parsed.port or 0


# TLS


def test_the_certificate_is_for_this_machine_and_signed_by_the_labs_ca(
    lab: KubernetesLab, client: WireClient
) -> None:
    place = place_of(client)
    for name in ("127.0.0.1", "localhost"):
        context = ssl.create_default_context(cadata=client.ca_pem.decode())
        with (
            socket.create_connection(place) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            assert tls.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(place) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def test_keys_are_p256_and_the_ca_signs_nothing_below_it() -> None:
    pki = make_pki(datetime.now(timezone.utc))  # noqa: TID251 - certificates are on machine time
    authority = x509.load_pem_x509_certificate(pki.ca)
    server = x509.load_pem_x509_certificate(pki.server_certificate)
    for certificate in (authority, server):
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
    server.verify_directly_issued_by(authority)
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    pki = make_pki(datetime.now(timezone.utc))  # noqa: TID251
    pki.server_context(tmp_path / "pki")
    assert (tmp_path / "pki").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "pki").iterdir()} == {0o600}
    assert "PRIVATE" not in repr(pki)


def test_clusters_of_one_lab_share_the_ca_and_two_labs_do_not(
    lab: KubernetesLab, client: WireClient
) -> None:
    other = kubernetes_lab()
    stranger = WireClient(other)
    assert stranger.ca_pem != client.ca_pem
    again = WireClient(lab)
    assert again.ca_pem == client.ca_pem
    assert again.url != client.url
    other.api.stop()
    stranger.close()
    again.close()


# HTTP


def test_one_connection_serves_many_requests_without_delay(
    client: WireClient, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    undelayed: list[bool] = []
    serve = http_server.serve_connection

    def looked_at(
        connection: socket.socket, handler: Handler, rules: WireRules, client: str
    ) -> None:
        undelayed.append(bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        serve(connection, handler, rules, client)

    monkeypatch.setattr(http_server, "serve_connection", looked_at)
    for _ in range(50):
        assert client.ask(admin, "GET", NODES).code == 200
    # With Nagle's algorithm and delayed acknowledgements in the way, each takes some 40 ms.
    assert undelayed == [True]


def test_errors_are_status_objects_with_the_right_code(client: WireClient, admin: str) -> None:
    answer = client.ask(admin, "GET", f"{CONFIG_MAPS}/none")
    assert (answer.code, answer.body["kind"], answer.body["code"]) == (404, "Status", 404)
    assert client.ask("nonsense", "GET", NODES).code == 401


def raw(client: WireClient, sent: bytes) -> bytes:
    context = ssl.create_default_context(cadata=client.ca_pem.decode())
    with (
        socket.create_connection(place_of(client), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(sent)
        found = b""
        while piece := tls.recv(65536):
            found += piece
        return found


def test_chunked_bodies_and_expectations_are_understood(client: WireClient, admin: str) -> None:
    body = json.dumps({"metadata": {"name": "chunky"}}).encode()
    head = (
        f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        f"{admin}\r\nConnection: close\r\n"
    )
    chunked = (
        b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:5], body[5:]))
        + b"0\r\n\r\n"
    )
    sent = head.encode() + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
    answer = raw(client, sent)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n", b"413"),
    ],
)
def test_what_is_no_http_ends_the_connection_with_a_reason(
    client: WireClient, sent: bytes, code: bytes
) -> None:
    assert raw(client, sent).startswith(b"HTTP/1.1 " + code)


def test_whoever_speaks_no_tls_harms_nobody(
    lab: KubernetesLab, client: WireClient, admin: str
) -> None:
    with socket.create_connection(place_of(client), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        # somebody who connects and says nothing must not keep others out either
        with socket.create_connection(place_of(client), timeout=10):
            assert client.ask(admin, "GET", NODES).code == 200


def test_a_stopped_cluster_answers_nobody_and_the_others_go_on(
    lab: KubernetesLab, client: WireClient, admin: str
) -> None:
    assert client.ask(admin, "GET", NODES).code == 200
    lab.api.stop()
    with pytest.raises((ConnectionError, http.client.HTTPException, OSError)):
        client.ask(admin, "GET", NODES)
    client.close()
    with pytest.raises(OSError, match="refused"):
        client.ask(admin, "GET", NODES)


# faults


def test_throttling_is_429_with_the_time_to_wait(
    lab: KubernetesLab, client: WireClient, admin: str
) -> None:
    lab.world.faults.add(Fault("kubernetes:list nodes", "throttle", times=1, retry_after=7))
    answer = client.ask(admin, "GET", NODES)
    assert (answer.code, answer.body["reason"], answer.headers["Retry-After"]) == (
        429,
        "TooManyRequests",
        "7",
    )
    assert client.ask(admin, "GET", NODES).code == 200


@pytest.mark.parametrize(
    ("status", "reason"), [(500, "InternalError"), (503, "ServiceUnavailable")]
)
def test_errors_of_the_server(
    lab: KubernetesLab, client: WireClient, admin: str, status: int, reason: str
) -> None:
    lab.world.faults.add(Fault("kubernetes:*", "error", times=1, status=status))
    answer = client.ask(admin, "GET", NODES)
    assert (answer.code, answer.body["reason"]) == (status, reason)


def test_a_reset_connection_has_done_nothing(
    lab: KubernetesLab, client: WireClient, admin: str
) -> None:
    lab.world.faults.add(Fault("kubernetes:create configmaps", "reset", times=1))
    with pytest.raises((ConnectionError, ssl.SSLError, http.client.RemoteDisconnected)):
        client.ask(admin, "POST", CONFIG_MAPS, {"metadata": {"name": "x"}})
    client.close()
    assert client.ask(admin, "GET", f"{CONFIG_MAPS}/x").code == 404


def test_a_lost_answer_has_done_it(lab: KubernetesLab, client: WireClient, admin: str) -> None:
    lab.world.faults.add(Fault("kubernetes:create configmaps", "lost-answer", times=1))
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        client.ask(admin, "POST", CONFIG_MAPS, {"metadata": {"name": "x"}})
    client.close()
    assert client.ask(admin, "GET", f"{CONFIG_MAPS}/x").code == 200


def test_a_stale_read_shows_how_it_was(lab: KubernetesLab, client: WireClient, admin: str) -> None:
    lab.world.clock.freeze()
    client.ask(admin, "POST", CONFIG_MAPS, {"metadata": {"name": "x"}, "data": {"a": "old"}})
    lab.world.clock.advance(timedelta(seconds=60))
    client.ask(admin, "PUT", f"{CONFIG_MAPS}/x", {"metadata": {"name": "x"}, "data": {"a": "new"}})
    client.ask(admin, "POST", CONFIG_MAPS, {"metadata": {"name": "y"}})
    lab.world.faults.add(Fault("kubernetes:get configmaps", "stale-read", times=1, seconds=30))
    lab.world.faults.add(Fault("kubernetes:list configmaps", "stale-read", times=1, seconds=30))
    assert client.ask(admin, "GET", f"{CONFIG_MAPS}/x").body["data"] == {"a": "old"}
    assert client.ask(admin, "GET", f"{CONFIG_MAPS}/x").body["data"] == {"a": "new"}
    assert [
        item["metadata"]["name"] for item in client.ask(admin, "GET", CONFIG_MAPS).body["items"]
    ] == ["x"]


def test_a_partial_page_has_a_token_for_the_rest(
    lab: KubernetesLab, client: WireClient, admin: str
) -> None:
    for name in ("a", "b"):
        lab.load("Node", name)
    lab.world.faults.add(Fault("kubernetes:list nodes", "partial-page", times=1))
    page = client.ask(admin, "GET", f"{NODES}?limit=500").body
    assert len(page["items"]) == 1
    rest = client.ask(admin, "GET", f"{NODES}?continue={page['metadata']['continue']}").body
    assert [item["metadata"]["name"] for item in page["items"] + rest["items"]] == ["a", "b"]


def test_expired_credentials_are_401_and_latency_is_felt(
    lab: KubernetesLab, client: WireClient, admin: str
) -> None:
    lab.world.faults.add(Fault("kubernetes:*", "expired-credentials", times=1))
    assert client.ask(admin, "GET", NODES).code == 401
    lab.world.latency.set("kubernetes:list nodes", 0.15)
    start = time.perf_counter()
    client.ask(admin, "GET", NODES)
    assert time.perf_counter() - start >= 0.15


# kills

WRITER = """
import http.client, json, ssl, sys
url, ca, token = sys.argv[1:]
context = ssl.create_default_context(cadata=ca)
connection = http.client.HTTPSConnection(url.removeprefix("https://"), context=context)
for name in "abcdef":
    body = json.dumps({"metadata": {"name": name}})
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/namespaces/default/configmaps", body, headers)
    connection.getresponse().read()
    print(name, flush=True)
"""


@pytest.mark.parametrize(("point", "told"), [("answer-lost", "ab"), ("before-next", "abc")])
def test_the_kill_hook_kills_a_client_at_its_third_write(
    lab: KubernetesLab, client: WireClient, admin: str, point: str, told: str
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, client.url, client.ca_pem.decode(), admin],
        stdout=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    lab.world.effects.order_kill(
        writer.pid, 3, "answer-lost" if point == "answer-lost" else "before-next"
    )
    output, _ = writer.communicate(timeout=30)
    assert writer.returncode == -signal.SIGKILL
    assert output.decode().split() == list(told)
    names = [
        item["metadata"]["name"] for item in client.ask(admin, "GET", CONFIG_MAPS).body["items"]
    ]
    assert names == ["a", "b", "c"]
    assert len(lab.world.effects) == 3
