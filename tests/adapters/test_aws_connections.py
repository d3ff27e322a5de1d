"""Connections to AWS that all identities of a process share."""

import http.client
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import certifi
import pytest

from migrator.adapters.aws_session import AwsSession, AwsSettings, open_session
from migrator.adapters.http_heads import response_class
from migrator.errors import MigratorError
from tests.support.way_certificates import issuer, served
from tests.support.way_servers import api, listening


@dataclass
class Aws:
    """An endpoint of EKS over TLS: how many connections it took, and the bundle that fits."""

    authority: bytes
    bundle: Path
    streams: list[socket.socket] = field(default_factory=list)


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    authority = issuer("company")
    found = Aws(authority.pem.encode(), tmp_path / "company.pem")
    answer = api(served(authority).context(tmp_path), b'{"clusters": ["prod"]}')

    def serve(stream: socket.socket) -> None:
        found.streams.append(stream)
        answer(stream)

    with listening(serve) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", f"https://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(found.bundle))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        found.bundle.write_bytes(found.authority)
        yield found


def _session() -> AwsSession:
    return open_session(AwsSettings(region="eu-central-1"))


def _ask(session: AwsSession) -> list[str]:
    return list(session.call("eks", "list_clusters")["clusters"])


def test_identities_share_a_connection_and_the_bundle_is_read_once(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    load = ssl.SSLContext.load_verify_locations

    def noted(context: ssl.SSLContext, *args: Any, **more: Any) -> None:  # noqa: ANN401
        read.append(more)
        load(context, *args, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", noted)
    for _ in range(3):
        assert _ask(_session()) == ["prod"]
    assert (len(aws.streams), len(read)) == (1, 1)


def test_what_is_sent_once_has_a_connection_of_its_own(aws: Aws) -> None:
    session = _session()
    _ask(session)
    session.call_on(session.client("eks", retries=False), "list_clusters")
    assert len(aws.streams) == 2


def test_many_hosts_keep_their_connections(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    there = os.environ["AWS_ENDPOINT_URL_EKS"]
    for _ in range(2):
        for number in range(2, 16):
            # Each address of the loopback is a host of its own, with one certificate for the first.
            host = f"https://127.0.0.{number}:{there.rpartition(':')[2]}"
            monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", host)
            client = _session().client("eks")
            client._endpoint.http_session._manager.connection_from_url(host)
    pools = client._endpoint.http_session._manager.pools
    assert len(pools) >= 14


def test_socket_options_of_a_profile_are_kept(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[default]\ntcp_keepalive = true\n")
    without = _session().client("eks")._endpoint.http_session
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    wanted = _session().client("eks", retries=False)._endpoint.http_session
    shared = _session().client("eks")._endpoint.http_session
    assert shared is not without
    assert shared._socket_options == wanted._socket_options
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in shared._socket_options


def test_authority_without_key_identifiers_is_trusted_on_every_python(aws: Aws) -> None:
    _ask(session := _session())
    context = session.client("eks")._endpoint.http_session._get_ssl_context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT


def test_another_authority_is_refused_until_the_bundle_is_replaced(aws: Aws) -> None:
    aws.bundle.write_bytes(Path(certifi.where()).read_bytes())
    with pytest.raises(MigratorError) as refused:
        _ask(_session())
    assert refused.value.code == "aws-tls-failed"
    aws.bundle.write_bytes(aws.authority)
    assert _ask(_session()) == ["prod"]


def test_another_host_than_the_certificate_says_is_refused(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = os.environ["AWS_ENDPOINT_URL_EKS"].replace("127.0.0.1", "localhost")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", there)
    monkeypatch.setenv("NO_PROXY", "localhost")
    with pytest.raises(MigratorError) as refused:
        _ask(_session())
    assert refused.value.code == "aws-tls-failed"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_bundle_that_is_none_is_told_when_it_is_used(aws: Aws, content: bytes | None) -> None:
    if content is None:
        aws.bundle.unlink()
    else:
        aws.bundle.write_bytes(content)
    session = _session()
    session.client("eks")
    with pytest.raises(MigratorError) as refused:
        _ask(session)
    assert refused.value.code in ("aws-tls-failed", "aws-unreachable")


def test_a_process_that_is_forked_off_opens_connections_of_its_own(aws: Aws) -> None:
    session = _session()
    _ask(session)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os._exit(0 if _ask(_session()) == ["prod"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(aws.streams) == 2
    assert _ask(session) == ["prod"]


def test_heads_of_answers_are_no_mails(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the standard library's parser of mails was asked")

    session = _session()
    session.client("eks")  # botocore's own imports
    monkeypatch.setattr(http.client, "parse_headers", refuse)
    assert _ask(session) == ["prod"]


def test_plain_http_has_connections_of_the_same_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    manager = _session().client("eks")._endpoint.http_session._manager
    for url in ("http://127.0.0.1:1", "https://127.0.0.1:1"):
        kind = manager.connection_from_url(url).ConnectionCls
        assert kind.response_class is response_class()
