"""The wire, the client and our errors, against a server that answers from a script."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from migrator.adapters.eks_token import TokenMint
from migrator.adapters.kubernetes_client import KubernetesClient, MintedLogin, open_in_cluster
from migrator.adapters.kubernetes_connection import connection_class
from migrator.adapters.kubernetes_errors import Endpoint, refused
from migrator.adapters.kubernetes_wire import KubernetesWire, endpoint_of, open_wire
from migrator.adapters.tls_trust import Trust
from migrator.decide.reach.way.stages import way_failure
from migrator.errors import Changed, MigratorError
from migrator.lab.pki import make_pki
from tests.support.scripted_api import Asked, Reply, Script, ScriptedApi, scripted_api
from tests.support.stubbed_aws import stubbed_session

ENDPOINT = Endpoint(
    server="http://127.0.0.1:9",
    cluster_name="prod",
    region="eu-central-1",
    public=True,
    private=True,
    public_cidrs=("203.0.113.0/24", "198.51.100.7/32"),
)


@contextmanager
def client(
    script: Script, *, read_seconds: float = 5
) -> Iterator[tuple[KubernetesClient, ScriptedApi]]:
    with scripted_api(script) as api:
        wire = open_wire(replace(ENDPOINT, server=api.url), read_seconds=read_seconds)
        try:
            yield KubernetesClient(wire, MintedLogin(TokenMint(stubbed_session(), "prod"))), api
        finally:
            wire.close()


def test_a_listing_is_read_to_its_last_page_and_items_know_their_kind() -> None:
    def script(asked: Asked) -> Reply:
        assert "limit=500" in asked.path
        last = "continue=next" in asked.path
        metadata = {} if last else {"continue": "next"}
        items = [{"metadata": {"name": "b" if last else "a"}}]
        return 200, {
            "apiVersion": "v1",
            "kind": "NamespaceList",
            "metadata": metadata,
            "items": items,
        }

    with client(script) as (kubernetes, _):
        found = kubernetes.list("/api/v1/namespaces", "namespaces")
    assert found == [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}},
    ]


def test_a_listing_whose_token_expired_is_read_again_in_one_page() -> None:
    def script(asked: Asked) -> Reply:
        if "continue=" in asked.path:
            return 410, {"kind": "Status", "message": "The provided continue parameter is too old"}
        name = "a" if "limit=" in asked.path else "whole"
        metadata = {"continue": "next"} if "limit=" in asked.path else {}
        return 200, {
            "kind": "NamespaceList",
            "apiVersion": "v1",
            "metadata": metadata,
            "items": [{"name": name}],
        }

    with client(script) as (kubernetes, _):
        assert [item["name"] for item in kubernetes.list("/api/v1/namespaces", "namespaces")] == [
            "whole"
        ]


def test_null_items_are_an_empty_list() -> None:
    with client(lambda _: (200, {"kind": "NodeList", "apiVersion": "v1", "items": None})) as (
        kubernetes,
        _,
    ):
        assert kubernetes.list("/api/v1/nodes", "nodes") == []


def test_a_refused_login_is_tried_once_more_with_a_fresh_token() -> None:
    tokens: list[str] = []

    def script(asked: Asked) -> Reply:
        tokens.append(asked.token)
        return (
            (401, {"message": "Unauthorized"}) if len(tokens) == 1 else (200, {"kind": "ConfigMap"})
        )

    with client(script) as (kubernetes, _):
        assert kubernetes.get("/api/v1/x", "x") == {"kind": "ConfigMap"}
    assert len(set(tokens)) == 2


def test_the_callers_token_is_used_again_within_minutes() -> None:
    with client(lambda _: (200, {})) as (kubernetes, api):
        kubernetes.get("/a", "a")
        kubernetes.get("/b", "b")
        assert api.asked[0].token == api.asked[1].token


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "not-authenticated"),
        (403, "kubernetes-denied"),
        (404, "not-found"),
        (409, "kubernetes-conflict"),
        (422, "kubernetes-refused"),
        (400, "kubernetes-refused"),
        (302, "api-server-failed"),
        (500, "api-server-failed"),
        (418, "api-server-failed"),
    ],
)
def test_status_codes_have_their_meaning(status: int, expected: str) -> None:
    answer = {"kind": "Status", "message": "because"}
    with (
        client(lambda _: (status, answer)) as (kubernetes, _),
        pytest.raises(MigratorError) as caught,
    ):
        kubernetes.get("/api/v1/nodes", "nodes")
    assert caught.value.code == expected
    assert caught.value.why == "because"


def test_a_denial_names_verb_and_resource() -> None:
    error = refused(ENDPOINT, 403, b'{"message": "nodes is forbidden"}', "list", "nodes")
    assert "list nodes" in error.message
    assert "list on nodes" in error.remedy


def test_a_conflict_on_aws_auth_is_another_writer() -> None:
    error = refused(ENDPOINT, 409, b"{}", "patch", "configmaps aws-auth")
    assert (error.code, error.exit_code) == ("aws-auth-changed", Changed.exit_code)


def test_a_body_that_is_no_status_is_cut() -> None:
    error = refused(ENDPOINT, 502, b"<html>" + b"x" * 100_000, "get", "x")
    assert len(error.why) <= 256


def test_a_proxy_page_is_no_answer_of_a_kubernetes_api() -> None:
    with (
        client(lambda _: (200, b"<html>log in</html>")) as (kubernetes, _),
        pytest.raises(MigratorError) as caught,
    ):
        kubernetes.get("/api", "api")
    assert caught.value.code == "not-an-api-server"


def test_a_closed_port_is_an_unreachable_api_server() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))  # bound, and nobody listens
        endpoint = replace(ENDPOINT, server=f"https://127.0.0.1:{holder.getsockname()[1]}")
        with pytest.raises(MigratorError) as caught:
            open_wire(endpoint).send("GET", "/api", authorization=None)
    assert caught.value.code == "api-server-unreachable"
    assert "public and private access" in caught.value.message


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_host_that_accepts_and_says_nothing_was_sent_nothing(method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = replace(
            ENDPOINT, server=f"https://127.0.0.1:{silent.getsockname()[1]}", ca_pem=None
        )
        wire = open_wire(endpoint, explain=way_failure, connect_seconds=0.2)
        with pytest.raises(MigratorError) as caught:
            wire.send(method, "/api", authorization=None)
        assert caught.value.code == "tls-silent"
        assert "accepted the connection and said nothing" in caught.value.message
        silent.settimeout(1)
        for _ in range(3):  # the request, then the connection and the handshake are looked at
            silent.accept()[0].close()
        silent.settimeout(0.1)
        with pytest.raises(TimeoutError):
            silent.accept()


def test_a_name_that_does_not_resolve_is_an_unreachable_api_server() -> None:
    wire = open_wire(replace(ENDPOINT, server="https://abc.invalid"))
    with pytest.raises(MigratorError) as caught:
        wire.send("GET", "/api", authorization=None)
    assert caught.value.code == "api-server-unreachable"


def test_a_write_whose_answer_is_lost_is_not_sent_again() -> None:
    with client(lambda _: None) as (kubernetes, api), pytest.raises(MigratorError) as caught:
        kubernetes.send("patch", "PATCH", "/x", "x", body={})
    assert caught.value.code == "api-server-no-answer"
    assert len(api.asked) == 1


def test_a_read_whose_answer_is_lost_is_sent_again() -> None:
    replies: Iterator[Reply] = iter([None, (503, {}), (200, {"ok": True})])
    with client(lambda _: next(replies)) as (kubernetes, _):
        assert kubernetes.get("/x", "x") == {"ok": True}


def test_a_server_that_never_answers_is_no_answer() -> None:
    held = threading.Event()

    def script(_: Asked) -> Reply:
        held.wait(5)
        return None

    with client(script, read_seconds=0.1) as (kubernetes, _):
        with pytest.raises(MigratorError) as caught:
            kubernetes.send("patch", "PATCH", "/x", "x", body={})
        held.set()
    assert caught.value.code == "api-server-no-answer"


def test_a_busy_server_is_waited_for_even_with_a_write() -> None:
    replies: Iterator[Reply] = iter([(429, {}, {"Retry-After": "0"}), (200, {"ok": True})])
    with client(lambda _: next(replies)) as (kubernetes, _):
        assert kubernetes.write("patch", "PATCH", "/x", "x", {}) == {"ok": True}


def test_redirects_are_not_followed() -> None:
    with client(lambda _: (302, {}, {"Location": "/elsewhere"})) as (kubernetes, api):
        with pytest.raises(MigratorError):
            kubernetes.get("/x", "x")
        assert len(api.asked) == 1


class RecordedSocket:
    """A socket that keeps what is written to it."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def settimeout(self, seconds: float) -> None:
        """Every time is accepted."""

    def sendall(self, data: bytes) -> None:
        """One write."""
        self.writes.append(data)


def test_head_and_body_of_a_request_leave_in_one_write() -> None:
    connection = connection_class(Trust(None), 5)("api.example", 443)
    connection.sock = RecordedSocket()
    connection.request("POST", "/reviews", body=b'{"kind":"Review"}')
    (written,) = connection.sock.writes
    assert written.startswith(b"POST /reviews HTTP/1.1\r\n")
    assert written.endswith(b'\r\n\r\n{"kind":"Review"}')


def test_connections_of_all_servers_are_of_one_class_and_keep_their_own_trust() -> None:
    trusts = Trust("one"), Trust("two")
    kinds = [connection_class(trust, 5) for trust in trusts]
    made = [kind("api.example", 443) for kind in kinds]
    assert type(made[0]) is type(made[1])
    for trust, connection in zip(trusts, made, strict=True):
        asked: list[object] = []
        trust.attempt = asked.append  # type: ignore[method-assign, assignment]
        connection.connect()
        assert asked == [connection._handshake]


@contextmanager
def tls_server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A TLS port with a certificate authority of its own: (address, CA)."""
    pki = make_pki(datetime.now(timezone.utc))  # noqa: TID251 - certificates are checked against the machine's clock
    context = pki.server_context(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(connection, server_side=True) as stream:
                        stream.recv(65536)
                        stream.sendall(
                            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
                        )
                except (OSError, ssl.SSLError):
                    continue

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", pki.ca.decode()
        listener.shutdown(socket.SHUT_RDWR)


def test_only_the_clusters_own_certificate_authority_is_trusted(tmp_path: Path) -> None:
    other = make_pki(datetime.now(timezone.utc)).ca.decode()  # noqa: TID251
    with tls_server(tmp_path) as (url, ca_pem):
        good = open_wire(Endpoint(server=url, ca_pem=ca_pem))
        assert good.send("GET", "/", authorization=None).status == 200
        with pytest.raises(MigratorError) as caught:
            open_wire(Endpoint(server=url, ca_pem=other), explain=way_failure).send(
                "GET", "/", authorization=None
            )
    assert caught.value.code == "certificate-unknown-issuer"


def test_tls_that_breaks_off_does_not_blame_the_certificate() -> None:
    with scripted_api(lambda _: (200, {})) as api:  # speaks no TLS at all
        server = api.url.replace("http://", "https://")
        wire = open_wire(Endpoint(server=server), explain=way_failure)
        with pytest.raises(MigratorError) as caught:
            wire.send("GET", "/", authorization=None)
    assert caught.value.code == "tls-not-spoken"
    assert "certificate" not in caught.value.message


def test_the_systems_authorities_are_not_asked_where_the_cluster_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(make_pki(datetime.now(timezone.utc)).ca)  # noqa: TID251
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(other))
    with tls_server(tmp_path) as (url, ca_pem):
        assert (
            open_wire(Endpoint(server=url, ca_pem=ca_pem))
            .send("GET", "/", authorization=None)
            .status
            == 200
        )


def proxy_of(wire: KubernetesWire) -> str | None:
    proxy = wire._pool.proxy
    return None if proxy is None else str(proxy.url)


def test_proxies_of_the_environment_reach_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert (
        proxy_of(open_wire(replace(ENDPOINT, server="https://api.example")))
        == "http://proxy.example:3128"
    )
    monkeypatch.setenv("NO_PROXY", "api.example")
    assert proxy_of(open_wire(replace(ENDPOINT, server="https://api.example"))) is None


def test_a_named_proxy_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    endpoint = replace(ENDPOINT, server="https://api.example", proxy_url="http://mine.example:8080")
    assert proxy_of(open_wire(endpoint)) == "http://mine.example:8080"


def test_what_one_cluster_s_requests_need_is_no_other_cluster_s() -> None:
    endpoint = replace(ENDPOINT, server="https://api.example")
    through = replace(
        endpoint, proxy_url="http://ann:s3cret@mine.example:8080", tls_server_name="other.example"
    )
    before, one, after = open_wire(endpoint), open_wire(through), open_wire(endpoint)
    assert proxy_of(one) == "http://mine.example:8080"
    for wire in (before, after):
        assert proxy_of(wire) is None
        settings = wire._client.configuration
        assert (settings.proxy_headers, settings.tls_server_name) == (None, None)
        # What only copies share is never written.
        assert (settings.api_key, settings.api_key_prefix) == ({}, {})


def test_a_dead_proxy_is_an_unreachable_api_server() -> None:
    wire = open_wire(
        replace(ENDPOINT, server="https://api.example", proxy_url="http://127.0.0.1:9")
    )
    with pytest.raises(MigratorError) as caught:
        wire.send("GET", "/api", authorization=None)
    assert caught.value.code == "api-server-unreachable"


def test_endpoint_and_access_come_from_describe_cluster() -> None:
    cluster = {
        "name": "prod",
        "arn": "arn:aws:eks:eu-central-1:111122223333:cluster/prod",
        "endpoint": "https://X.gr7.eu-central-1.eks.amazonaws.com",
        "certificateAuthority": {"data": "UEVN"},
        "resourcesVpcConfig": {
            "endpointPublicAccess": False,
            "endpointPrivateAccess": True,
            "publicAccessCidrs": ["0.0.0.0/0"],
        },
    }
    endpoint = endpoint_of(cluster, proxy_url="http://p")
    assert endpoint == Endpoint(
        server="https://X.gr7.eu-central-1.eks.amazonaws.com",
        ca_pem="PEM",
        cluster_name="prod",
        region="eu-central-1",
        public=False,
        private=True,
        public_cidrs=("0.0.0.0/0",),
        proxy_url="http://p",
    )


@pytest.mark.parametrize(
    "cluster",
    [
        {"status": "CREATING"},
        {"endpoint": "https://x"},
        {"endpoint": "https://x", "certificateAuthority": {"data": "no base64!"}},
    ],
)
def test_a_cluster_without_endpoint_is_told(cluster: dict[str, object]) -> None:
    with pytest.raises(MigratorError) as caught:
        endpoint_of(cluster)
    assert caught.value.code == "api-server-unknown"


def test_a_pod_uses_its_service_account_and_reads_the_token_anew(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM", encoding="ascii")
    kubernetes = open_in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}, mount=tmp_path)
    assert kubernetes.wire.endpoint.server == "https://[fd00::1]:443"
    with pytest.raises(MigratorError) as caught:
        kubernetes._login.header()
    assert caught.value.code == "no-credentials"
    for token in ("one", "two"):
        (tmp_path / "token").write_text(f"{token}\n", encoding="ascii")
        assert kubernetes._login.header() == f"Bearer {token}"


def test_outside_a_cluster_there_is_no_service_account(tmp_path: Path) -> None:
    with pytest.raises(MigratorError) as caught:
        open_in_cluster({}, mount=tmp_path)
    assert caught.value.code == "not-in-cluster"
