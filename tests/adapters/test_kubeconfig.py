"""Kubeconfigs: the right cluster or none, tokens and exec plugins, never a client certificate."""

import base64
import json
import os
import signal
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrator.adapters.kubeconfig import open_kubeconfig
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.errors import MigratorError, Refused
from tests.support.small_lab import SmallLab


def certificate(text: str) -> str:
    body = base64.b64encode(text.encode() * 9).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body[:64]}\n{body[64:]}\n-----END CERTIFICATE-----\n"


OWN, OLDER, OTHER = (certificate(name) for name in ("own", "older", "other"))
CLUSTER = Endpoint(server="https://abc.example", ca_pem=OWN, cluster_name="prod", public=True)


def kubeconfig(
    tmp_path: Path,
    *,
    server: str = CLUSTER.server,
    user: Any = None,  # noqa: ANN401 - YAML
    **cluster: Any,  # noqa: ANN401
) -> str:
    """A kubeconfig file; JSON is YAML."""
    fields = {
        "server": server,
        "certificate-authority-data": base64.b64encode(OWN.encode()).decode(),
        **cluster,
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {key: value for key, value in fields.items() if value is not None},
            }
        ],
        "users": [{"name": "u", "user": {"token": "t-1"} if user is None else user}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(document), encoding="utf-8")
    return str(file)


def test_the_token_of_the_kubeconfig_is_used(tmp_path: Path) -> None:
    client = open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path))
    assert client._login.header() == "Bearer t-1"


def test_an_exec_plugin_is_asked_for_the_token(tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": {"token": "from-plugin"},
    }
    program = f"print({json.dumps(json.dumps(credential))})"
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": sys.executable,
            "args": ["-c", program],
            "interactiveMode": "Never",
        }
    }
    client = open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path, user=user))
    assert client._login.header() == "Bearer from-plugin"


def test_facts_about_access_stay_those_of_the_cluster(tmp_path: Path) -> None:
    client = open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path))
    assert client.wire.endpoint.cluster_name == "prod"
    assert client.wire.endpoint.public is True


@pytest.mark.parametrize("server", ["https://other.example", "https://127.0.0.1:8443"])
def test_another_server_with_the_clusters_authority_is_the_cluster(
    server: str, tmp_path: Path
) -> None:
    assert (
        open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path, server=server)).wire.endpoint.server
        == server
    )


@pytest.mark.parametrize("authority", [OTHER, OWN + OTHER, "no certificate"])
@pytest.mark.parametrize("server", ["https://other.example", CLUSTER.server])
def test_another_authority_than_that_of_describe_cluster_is_refused(
    authority: str, server: str, tmp_path: Path
) -> None:
    """The address alone shows nothing: an answer from it would be trusted by the other
    authority.
    """
    other = base64.b64encode(authority.encode()).decode()
    file = kubeconfig(tmp_path, server=server, **{"certificate-authority-data": other})
    with pytest.raises(Refused) as caught:
        open_kubeconfig(CLUSTER, file=file)
    assert caught.value.code == "kubeconfig-other-cluster"


@pytest.mark.parametrize("ca_pem", [OWN + OLDER, OLDER + OWN, f"subject=CN = kubernetes\n{OWN}"])
def test_one_of_several_authorities_in_rotation_is_the_clusters(
    ca_pem: str, tmp_path: Path
) -> None:
    client = open_kubeconfig(replace(CLUSTER, ca_pem=ca_pem), file=kubeconfig(tmp_path))
    assert client.wire.endpoint.ca_pem == ca_pem


@pytest.mark.parametrize("authority", [OWN, None])
def test_the_authority_of_describe_cluster_is_the_only_one_trusted(
    authority: str | None, tmp_path: Path
) -> None:
    data = None if authority is None else base64.b64encode(authority.encode()).decode()
    given: dict[str, Any] = {"certificate-authority-data": data}
    client = open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path, **given))
    pool = client.wire._pool.connection_pool_kw
    assert pool["ca_cert_data"] == OWN
    assert not pool.get("ca_certs")
    assert pool.get("cert_reqs") == ssl.CERT_REQUIRED


@pytest.mark.parametrize("authority", [OWN, None])
@pytest.mark.parametrize("server", [CLUSTER.server, "https://bastion.example:8443"])
def test_a_kubeconfig_that_checks_no_certificate_is_refused(
    server: str, authority: str | None, tmp_path: Path
) -> None:
    data = None if authority is None else base64.b64encode(authority.encode()).decode()
    settings: dict[str, Any] = {
        "certificate-authority-data": data,
        "insecure-skip-tls-verify": True,
    }
    with pytest.raises(Refused) as caught:
        open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path, server=server, **settings))
    assert caught.value.code == "kubeconfig-insecure"
    assert "insecure-skip-tls-verify" in caught.value.why


def test_a_server_without_tls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path, server="http://127.0.0.1:8001"))
    assert caught.value.code == "kubeconfig-insecure"


def test_another_server_without_an_authority_is_refused(tmp_path: Path) -> None:
    file = kubeconfig(
        tmp_path, server="https://other.example", **{"certificate-authority-data": None}
    )
    with pytest.raises(Refused):
        open_kubeconfig(replace(CLUSTER, ca_pem=None), file=file)


def test_a_client_certificate_is_refused_because_it_would_be_everybodys_login(
    tmp_path: Path,
) -> None:
    pem = base64.b64encode(b"-----X-----\n").decode()
    file = kubeconfig(tmp_path, user={"client-certificate-data": pem, "client-key-data": pem})
    with pytest.raises(Refused) as caught:
        open_kubeconfig(CLUSTER, file=file)
    assert caught.value.code == "kubeconfig-client-certificate"


@pytest.mark.parametrize("content", ["", "][", "kind: Config\n", None])
def test_an_unusable_kubeconfig_is_told(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(MigratorError) as caught:
        open_kubeconfig(CLUSTER, file=str(file))
    assert caught.value.code == "kubeconfig-unreadable"


@pytest.mark.parametrize(
    "server",
    [
        "https://",
        "https://a b",
        "https://[::1",
        "https://h:x",
        "https://h:0",
        "https://$(id).x:443",
    ],
)
def test_a_server_that_is_no_address_is_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(MigratorError) as caught:
        open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path, server=server))
    assert caught.value.code == "kubeconfig-unreadable"


def test_an_unknown_context_is_told(tmp_path: Path) -> None:
    with pytest.raises(MigratorError) as caught:
        open_kubeconfig(CLUSTER, file=kubeconfig(tmp_path), context="nowhere")
    assert caught.value.code == "kubeconfig-unreadable"


def test_a_kubeconfig_reaches_the_lab(lab: SmallLab, tmp_path: Path) -> None:
    endpoint = lab.wire.endpoint
    assert endpoint.ca_pem is not None
    token = str(lab.kubernetes._login.header()).removeprefix("Bearer ")
    authority = base64.b64encode(endpoint.ca_pem.encode()).decode()
    file = kubeconfig(
        tmp_path,
        server=endpoint.server,
        user={"token": token},
        **{"certificate-authority-data": authority},
    )
    client = open_kubeconfig(endpoint, file=file)
    assert (
        client.get("/api/v1/namespaces/kube-system/configmaps/aws-auth", "x")["kind"] == "ConfigMap"
    )


@pytest.mark.parametrize("by_environment", [False, True])
def test_a_pipe_in_place_of_a_kubeconfig_is_refused_at_once(
    by_environment: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes to it: to open it would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    good = kubeconfig(tmp_path)
    monkeypatch.setenv("KUBECONFIG", f"{good}{os.pathsep}{pipe}")
    signal.alarm(10)  # on failure the test ends, and with it the process
    with pytest.raises(MigratorError) as raised:
        open_kubeconfig(CLUSTER, file=None if by_environment else str(pipe))
    signal.alarm(0)
    assert (raised.value.code, raised.value.why) == (
        "kubeconfig-unreadable",
        "It is not a regular file.",
    )
