"""An endpoint and a login out of a kubeconfig, for ``--kubeconfig`` and ``--context``.

The kubernetes package reads it, exec plugins and client certificates included. A kubeconfig can
point to any server: a stale context would write to the aws-auth of another cluster, and a server
that can read the tokens of this tool could act as every principal that it logs in as. So the
certificate authority is always the one in DescribeCluster: a kubeconfig that names another one, or
that switches the check of the certificate off, is refused.
"""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.kubernetes_wire import Explain, KubernetesWire
from migrator.errors import Failed, Refused
from migrator.model.proxy import is_plain_host


class KubeconfigLogin:
    """The login of a kubeconfig's user; an exec plugin is run again when its token has expired."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration

    def __repr__(self) -> str:
        return "KubeconfigLogin(hidden)"

    def header(self, *, fresh: bool = False) -> str | None:
        """``Bearer …``; None for a kubeconfig without a login."""
        for name in (
            "BearerToken",
            "authorization",
        ):  # the key's name differs between versions of the package
            value = self._configuration.get_api_key_with_prefix(name)
            if value:
                text = str(value)
                return text if text.startswith("Bearer ") else f"Bearer {text}"
        return None


def open_kubeconfig(
    cluster: Endpoint,
    *,
    file: str | None = None,
    context: str | None = None,
    explain: Explain | None = None,
) -> KubernetesClient:
    """A client as the kubeconfig says. ``cluster`` is the endpoint in DescribeCluster: its
    certificate authority is the only one that is trusted, and its facts about access are kept.

    Raises ``kubeconfig-unreadable``, ``kubeconfig-insecure``, ``kubeconfig-other-cluster``,
    ``kubeconfig-client-certificate``.
    """
    from kubernetes import config
    from kubernetes.client import Configuration

    _refuse_endless(file)
    configuration: Any = Configuration()
    configuration.proxy = None  # what is there after reading is the kubeconfig's
    load: Any = config.load_kube_config
    try:
        load(
            config_file=file,
            context=context,
            client_configuration=configuration,
            persist_config=False,
        )
        ca_pem = (
            Path(configuration.ssl_ca_cert).read_text(encoding="ascii")
            if configuration.ssl_ca_cert
            else ""
        )
    except (
        Exception
    ) as error:  # the package raises what it meets: OSError, YAMLError, ConfigException
        raise Failed(
            "kubeconfig-unreadable",
            f"The kubeconfig {foreign(file or 'of the environment')} cannot be used.",
            why=foreign(error),
            remedy="Check --kubeconfig and --context: `kubectl config get-contexts`.",
        ) from error
    server = str(configuration.host).rstrip("/")
    _refuse_unreadable(server, file)
    _refuse_unverified(server, configuration)
    _refuse_other_cluster(server, ca_pem, cluster)
    if configuration.cert_file:
        # a certificate would log in every request on the wire, those of other principals' reviews
        # included
        raise Refused(
            "kubeconfig-client-certificate",
            "The kubeconfig logs in with a client certificate.",
            why="On EKS, logins are IAM principals. With a certificate no other principal's access "
            "could be proven.",
            remedy="Leave --kubeconfig away, or name a context with a token or an exec plugin.",
        )
    endpoint = cluster
    if not cluster.direct:
        endpoint = replace(
            cluster,
            server=server,
            tls_server_name=cluster.tls_server_name
            or getattr(configuration, "tls_server_name", None)
            or None,
            kubeconfig_proxy=configuration.proxy or None,
        )
    configuration.host = endpoint.server
    if endpoint.tls_server_name:
        configuration.tls_server_name = endpoint.tls_server_name
    configuration.ssl_ca_cert = None  # the wire trusts the endpoint's authority alone
    wire = KubernetesWire(endpoint, configuration, explain=explain)
    return KubernetesClient(wire, KubeconfigLogin(configuration))


def _refuse_endless(file: str | None) -> None:
    """Raises ``kubeconfig-unreadable`` for a pipe or a device, which may never end: the package
    opens whatever it is given, and to open a pipe that has no writer waits for one (open(2)).
    """
    for path in (
        [file] if file else os.environ.get("KUBECONFIG", "~/.kube/config").split(os.pathsep)
    ):
        place = Path(path).expanduser()
        if path and place.exists() and not place.is_file():
            raise Failed(
                "kubeconfig-unreadable",
                f"The kubeconfig {foreign(path)} cannot be used.",
                why="It is not a regular file.",
                remedy="Write it to a file first, and name that with --kubeconfig.",
            )


def _refuse_unreadable(server: str, file: str | None) -> None:
    """Raises ``kubeconfig-unreadable`` where the server's address is no address."""
    try:
        parts = urlsplit(server)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if host and port != 0 and is_plain_host(host):
        return
    raise Failed(
        "kubeconfig-unreadable",
        f"The kubeconfig {foreign(file or 'of the environment')} cannot be used.",
        why=f"{foreign(server)} is no address of a server.",
        remedy="Check --kubeconfig and --context: `kubectl config get-contexts`.",
    )


def _refuse_unverified(server: str, configuration: Any) -> None:
    """Raises ``kubeconfig-insecure`` where the server's certificate would not be checked."""
    if configuration.verify_ssl and server.startswith("https://"):
        return
    setting = (
        "insecure-skip-tls-verify: true"
        if server.startswith("https://")
        else "a server without TLS"
    )
    raise Refused(
        "kubeconfig-insecure",
        f"The kubeconfig does not check the certificate of {foreign(server)}.",
        why=f"It has {setting}. A server that answers instead of the API server would get the "
        f"tokens of every principal.",
        remedy="Remove the setting and use certificate-authority-data (`aws eks update-kubeconfig` "
        "writes it), or "
        "leave out --kubeconfig and --context.",
    )


def _refuse_other_cluster(server: str, ca_pem: str, cluster: Endpoint) -> None:
    """Raises ``kubeconfig-other-cluster`` where authority or server show that the context is for
    another cluster.
    """
    given, trusted = _certificates(ca_pem), _certificates(cluster.ca_pem or "")
    if ca_pem.strip():
        # DescribeCluster returns several authorities while they are rotated, and a kubeconfig may
        # hold the older one.
        if given and given <= trusted:
            return
        why = "Its certificate authority is not the one in DescribeCluster."
    else:
        # Without a separate authority it is checked by that of DescribeCluster.
        if server == (cluster.described or cluster.server) and trusted:
            return
        why = (
            "It names no certificate authority, and its address is not the one in DescribeCluster."
        )
    raise Refused(
        "kubeconfig-other-cluster",
        f"The kubeconfig's server {foreign(server)} is not cluster {cluster.cluster_name}.",
        why=why,
        remedy="Choose the right --context, or leave out --kubeconfig and --context.",
    )


def _certificates(pem: str) -> frozenset[str]:
    """The certificates of a PEM bundle, without line breaks, and without the text that tools write
    around them.
    """
    found = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.S)
    return frozenset("".join(each.split()) for each in found)
