"""Stands for etcd, kube-apiserver or aws-iam-authenticator, by the name it is called by.

It insists on what the real one needs (flags, files, certificates) and does no more than come up:
enough to hold the launcher to its work where the real components are not.
"""

import base64
import http.server
import json
import os
import signal
import socket
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this is run by its path

from tests.control_plane.authenticator_rules import (
    faults,
    unlike_eks,
    unlike_eks_in_api_server,
)


def flags(arguments: list[str]) -> dict[str, str]:
    return dict(
        argument.removeprefix("--").partition("=")[::2]
        for argument in arguments
        if argument.startswith("--")
    )


def read(path: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(Path(path).read_text())


def etcd(arguments: list[str]) -> None:
    given = flags(arguments)
    assert given["initial-cluster"] == f"default={given['listen-peer-urls']}"
    serve_nothing(int(given["listen-client-urls"].rpartition(":")[2]))


def authenticator(arguments: list[str]) -> None:
    if arguments[0] == "version":
        sys.stdout.write('{"Version":"v0.7.18","Commit":"81b1dab"}\n')
        return
    config = read(arguments[arguments.index("-c") + 1])
    if wrong := [*faults(config), *unlike_eks(config, os.environ)]:
        sys.exit("\n".join(wrong))
    server = config["server"]
    assert read(server["dynamicfilepath"])["Version"] == "1"
    assert read(server["dynamicBackendModePath"])["backendMode"] == "EKSConfigMap"
    if arguments[0] == "init":
        assert "--feature-gates=ConfiguredInitDirectories=true" in arguments
        assert server["kubeconfigPregenerated"] is True
        Path(server["generateKubeconfig"]).write_text(json.dumps({"kind": "Config"}))
        return
    signal.signal(
        signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL)
    )  # not at the first
    serve_nothing(server["port"])


def api_server(arguments: list[str]) -> None:
    given = flags(arguments)
    if wrong := list(unlike_eks_in_api_server(given)):
        sys.exit("\n".join(wrong))
    for name in (
        "audit-policy-file",
        "authentication-token-webhook-config-file",
        "authorization-webhook-config-file",
    ):
        assert read(given[name])["kind"]
    cluster = read(given["authorization-webhook-config-file"])["clusters"][0]["cluster"]
    assert b"BEGIN CERTIFICATE" in base64.b64decode(cluster["certificate-authority-data"])
    assert "PRIVATE KEY" in Path(given["service-account-signing-key-file"]).read_text()
    assert "PUBLIC KEY" in Path(given["service-account-key-file"]).read_text()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given["tls-cert-file"], given["tls-private-key-file"])
    context.load_verify_locations(given["client-ca-file"])
    context.verify_mode = ssl.CERT_OPTIONAL
    labelled = {"metadata": {"name": "a", "labels": {"to": "all"}}, "rules": [{"verbs": ["get"]}]}
    roles = {
        "a": labelled,
        "all": {
            "metadata": {"name": "all"},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "all"}}]},
        },
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, code: int, found: object) -> None:
            body = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if not self.connection.getpeercert():
                self.answer(401, {})
            elif self.path.endswith("/clusterroles"):
                self.answer(200, {"items": list(roles.values())})
            else:
                self.answer(200, {})

        def do_POST(self) -> None:
            self.answer(201, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_PUT(self) -> None:
            found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            roles[found["metadata"]["name"]] = found
            self.answer(200, found)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(given["secure-port"])), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def serve_nothing(port: int) -> None:
    listener = socket.create_server(("127.0.0.1", port))
    while listener.fileno() >= 0:
        time.sleep(60)


def controller_manager(arguments: list[str]) -> None:
    """Fills the aggregated role, again and again."""
    given = flags(arguments)
    kubeconfig = read(given["kubeconfig"])
    user = kubeconfig["users"][0]["user"]
    cluster = kubeconfig["clusters"][0]["cluster"]
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
    )
    context.load_cert_chain(user["client-certificate"], user["client-key"])
    assert "PRIVATE KEY" in Path(given["service-account-private-key-file"]).read_text()
    place = f"{cluster['server']}/apis/rbac.authorization.k8s.io/v1/clusterroles"
    here = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    while True:
        time.sleep(0.3)
        with here.open(place) as answer:
            roles = {role["metadata"]["name"]: role for role in json.load(answer)["items"]}
        body = json.dumps({**roles["all"], "rules": roles["a"]["rules"]}).encode()
        request = urllib.request.Request(f"{place}/all", body, method="PUT")  # noqa: S310 - https
        here.open(request).close()


if __name__ == "__main__":
    {
        "etcd": etcd,
        "kube-apiserver": api_server,
        "aws-iam-authenticator": authenticator,
        "kube-controller-manager": controller_manager,
    }[sys.argv[1]](sys.argv[2:])
