"""An endpoint and a login out of a kubeconfig, for ``--kubeconfig`` and ``--context``.

Reading it, exec plugins and client certificates included, is the kubernetes package's affair. A kubeconfig can point
anywhere, so its certificate authority or its server must be the cluster's own: writing to another cluster's aws-auth
because of a stale context is a mistake that is easy to make.
"""

from pathlib import Path
from typing import Any

from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_client import KubernetesClient
from migrator.adapters.kubernetes_errors import Endpoint
from migrator.adapters.kubernetes_wire import KubernetesWire, set_proxy
from migrator.errors import Failed, Refused


class KubeconfigLogin:
    """The login of a kubeconfig's user; an exec plugin is run again when its token has expired."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration

    def __repr__(self) -> str:
        return "KubeconfigLogin(hidden)"

    def header(self, *, fresh: bool = False) -> str | None:
        """``Bearer …``; None for a kubeconfig without a login."""
        for name in ("BearerToken", "authorization"):  # the key's name differs between versions of the package
            value = self._configuration.get_api_key_with_prefix(name)
            if value:
                text = str(value)
                return text if text.startswith("Bearer ") else f"Bearer {text}"
        return None


def open_kubeconfig(cluster: Endpoint, *, file: str | None = None, context: str | None = None) -> KubernetesClient:
    """A client as the kubeconfig says. ``cluster`` is the endpoint in DescribeCluster, whose access facts are kept.

    Raises ``kubeconfig-unreadable``, ``kubeconfig-other-cluster``, ``kubeconfig-client-certificate``.
    """
    from kubernetes import config
    from kubernetes.client import Configuration

    configuration: Any = Configuration()
    load: Any = config.load_kube_config
    try:
        load(config_file=file, context=context, client_configuration=configuration, persist_config=False)
        ca_pem = Path(configuration.ssl_ca_cert).read_text(encoding="ascii") if configuration.ssl_ca_cert else ""
    except Exception as error:  # the package raises what it meets: OSError, YAMLError, ConfigException
        raise Failed(
            "kubeconfig-unreadable",
            f"The kubeconfig {foreign(file or 'of the environment')} cannot be used.",
            why=foreign(error),
            remedy="Check --kubeconfig and --context: `kubectl config get-contexts`.",
        ) from error
    server = str(configuration.host).rstrip("/")
    same_authority = bool(ca_pem.strip()) and ca_pem.split() == (cluster.ca_pem or "").split()
    if server != cluster.server and not same_authority:
        raise Refused(
            "kubeconfig-other-cluster",
            f"The kubeconfig's server {foreign(server)} is not cluster {cluster.cluster_name}.",
            why="Neither its address nor its certificate authority is the one that DescribeCluster tells.",
            remedy="Choose the right --context, or leave --kubeconfig away.",
        )
    if configuration.cert_file:
        # a certificate would log in every request on the wire, those of other principals' reviews included
        raise Refused(
            "kubeconfig-client-certificate",
            "The kubeconfig logs in with a client certificate.",
            why="On EKS, logins are IAM principals; with a certificate nobody else's access could be proven.",
            remedy="Leave --kubeconfig away, or name a context with a token or an exec plugin.",
        )
    endpoint = Endpoint(
        server=server,
        cluster_name=cluster.cluster_name,
        region=cluster.region,
        public=cluster.public,
        private=cluster.private,
        public_cidrs=cluster.public_cidrs,
        proxy_url=cluster.proxy_url,
    )
    set_proxy(configuration, endpoint)
    return KubernetesClient(KubernetesWire(endpoint, configuration), KubeconfigLogin(configuration))
