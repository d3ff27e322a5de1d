"""Which instance this host is, from a stand-in of the metadata service on a real socket."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from migrator.adapters.instance_metadata import own_host
from migrator.model.security_groups import OwnHost

MAC = "0a:1b:2c:3d:4e:5f"
INTERFACE = f"network/interfaces/macs/{MAC}/interface-id"
ANSWERS = {"local-ipv4": "10.0.1.77", "mac": MAC, INTERFACE: "eni-0a1b2c3d4e5f60077"}
TOKEN = "AQAEA-token"


class Service(ThreadingHTTPServer):
    """Version 2 of the service: without the token it answers nothing."""

    def __init__(self, answers: Mapping[str, str], token: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers, self.token = answers, token
        self.asked: list[str] = []


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_PUT(self) -> None:
        lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
        right = self.path == "/latest/api/token" and lifetime is not None
        self.answer(self.server.token if right else 400, TOKEN)

    def do_GET(self) -> None:
        if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            self.answer(401, "")
            return
        found = self.server.answers.get(self.path.removeprefix("/latest/meta-data/"))
        self.answer(404 if found is None else 200, found or "")

    def answer(self, status: int, text: str) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def serving(answers: Mapping[str, str] = ANSWERS, token: int = 200) -> Iterator[Service]:
    with Service(answers, token) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


def at(service: Service, **more: str) -> dict[str, str]:
    """The environment that names the service, and a proxy that nobody may ask."""
    endpoint = f"http://127.0.0.1:{service.server_address[1]}"
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint, **proxy, **more}


def test_instance_is_known_by_its_token_and_no_proxy_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving() as service:
        found = own_host(at(service))
        assert service.asked[0] == "PUT /latest/api/token"
    assert found == OwnHost("10.0.1.77", "eni-0a1b2c3d4e5f60077")


def test_instance_of_an_ipv6_only_subnet_has_its_address() -> None:
    answers = {"ipv6": "2001:db8::77", "mac": MAC, INTERFACE: "eni-1"}
    with serving(answers) as service:
        assert own_host(at(service)) == OwnHost("2001:db8::77", "eni-1")


def test_nothing_is_asked_where_it_is_switched_off() -> None:
    with serving() as service:
        assert own_host(at(service, AWS_EC2_METADATA_DISABLED="True")) is None
        assert service.asked == []


@pytest.mark.parametrize(
    ("answers", "token"),
    [
        (ANSWERS, 403),
        ({}, 200),
        ({"local-ipv4": "10.0.1.77"}, 200),
        ({**ANSWERS, "local-ipv4": "<html>"}, 200),
        ({**ANSWERS, "mac": "0a:1b\r\nHost: other"}, 200),
        ({**ANSWERS, "local-ipv4": "x" * 1000}, 200),
    ],
)
def test_answer_that_is_not_that_of_an_instance_is_no_host(
    answers: Mapping[str, str], token: int
) -> None:
    with serving(answers, token) as service:
        assert own_host(at(service)) is None


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "file:///etc/passwd"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "nonsense"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "neither"},
    ],
)
def test_service_that_is_not_there_is_no_host(environment: dict[str, str]) -> None:
    assert own_host(environment) is None
