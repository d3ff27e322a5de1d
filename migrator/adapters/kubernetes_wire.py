"""JSON over HTTPS to one API server, on the connection pool of the kubernetes package's ApiClient.

Raw JSON, because the typed models drop fields they do not know. CA and endpoint come from
DescribeCluster, proxies from ``--proxy-url``, ``HTTPS_PROXY`` and ``NO_PROXY``. One wire serves
every identity: who asks is a header of each request, so that reviews as hundreds of principals
share their connections.
"""

import base64
import binascii
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from migrator.adapters.foreign_logs import log_call, mute_sdk_debug
from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_errors import Endpoint, no_answer, tls_failed, unreachable
from migrator.errors import Failed, MigratorError
from migrator.ports import Raw

if TYPE_CHECKING:
    import urllib3

CONNECT_SECONDS = 6.0
READ_SECONDS = 60.0
_BUSY = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status code and body. ``json`` reads the body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ``api-server-failed`` where it is none (an answer of a proxy in
        between).
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            text = foreign(self.body[:2048].decode(errors="replace"))
            raise Failed(
                "api-server-failed", "What answered is no Kubernetes API.", why=text
            ) from error


def endpoint_of(cluster: Raw, *, proxy_url: str | None = None) -> Endpoint:
    """The endpoint in DescribeCluster ``.cluster``. Raises ``api-server-unknown`` while a cluster
    has none.
    """
    server = str(cluster.get("endpoint") or "")
    ca_data = (cluster.get("certificateAuthority") or {}).get("data")
    if not server or not ca_data:
        raise Failed(
            "api-server-unknown",
            f"The cluster has no API server endpoint yet (status "
            f"{foreign(cluster.get('status'))}).",
            remedy="Wait until it is ACTIVE.",
        )
    try:
        ca_pem = base64.b64decode(ca_data, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise Failed(
            "api-server-unknown", "The certificate authority in DescribeCluster cannot be read."
        ) from error
    vpc = cluster.get("resourcesVpcConfig") or {}
    return Endpoint(
        server=server.rstrip("/"),
        ca_pem=ca_pem,
        cluster_name=str(cluster.get("name", "")),
        region=str(cluster.get("arn", ":::")).split(":")[3],
        public=vpc.get("endpointPublicAccess"),
        private=vpc.get("endpointPrivateAccess"),
        public_cidrs=tuple(vpc.get("publicAccessCidrs") or ()),
        proxy_url=proxy_url,
    )


def open_wire(
    endpoint: Endpoint,
    *,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
) -> "KubernetesWire":
    """A wire to the endpoint. Nothing is sent yet. A connection is tried twice, ``connect_seconds``
    each.
    """
    from kubernetes.client import Configuration

    configuration: Any = Configuration(host=endpoint.server)
    set_proxy(configuration, endpoint)
    if endpoint.tls_server_name:
        configuration.tls_server_name = endpoint.tls_server_name
    return KubernetesWire(
        endpoint, configuration, connect_seconds=connect_seconds, read_seconds=read_seconds
    )


def set_proxy(configuration: Any, endpoint: Endpoint) -> None:
    """The proxy that was asked for, else that of ``HTTPS_PROXY``/``NO_PROXY``: older packages do
    not read these.
    """
    from urllib.request import getproxies_environment

    if endpoint.direct:
        configuration.proxy, configuration.no_proxy = None, "*"
    elif endpoint.proxy_url:
        configuration.proxy, configuration.no_proxy = (
            endpoint.proxy_url,
            "",
        )  # asked for: no exceptions
    elif not configuration.proxy:
        proxies = getproxies_environment()
        configuration.proxy = proxies.get(endpoint.server.partition(":")[0])
        configuration.no_proxy = proxies.get("no")


class KubernetesWire:
    """Requests with a pool of connections. Safe to share between threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        configuration: Any,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        from kubernetes.client import ApiClient

        mute_sdk_debug()
        self.endpoint = endpoint
        self._seconds = (connect_seconds, read_seconds)
        configuration.connection_pool_maxsize = 32
        self._client: Any = ApiClient(configuration)
        self._pool = self._client.rest_client.pool_manager
        if endpoint.ca_pem is not None:  # not through Configuration: older ones take files only
            self._pool.connection_pool_kw["ca_cert_data"] = endpoint.ca_pem
        server = urlsplit(endpoint.server)
        # one pool for the one host, instead of finding it again for each of thousands of reviews; a
        # proxy for plain HTTP wants whole URLs, and the manager to make them
        self._host: urllib3.PoolManager | urllib3.HTTPConnectionPool = self._pool
        self._prefix = endpoint.server
        if server.scheme == "https":
            self._host = host = self._pool.connection_from_url(endpoint.server)
            host.ConnectionCls = _connection_class()
            self._prefix = server.path.rstrip("/")

    def send(
        self,
        method: str,
        path: str,
        *,
        authorization: str | None,
        body: object = None,
        content_type: str = "application/json",
        repeatable: bool | None = None,
        about: tuple[str, str] = ("", ""),
    ) -> Answer:
        """One request; the answer whatever its status. ``about`` is ``(verb, resource)`` for
        errors.

        ``repeatable`` (default: GET only) requests are sent again after a lost answer or 502 to
        504; a 429, which says that nothing was done, is waited out for every request. Raises
        ``api-server-unreachable`` when nothing was sent, ``api-server-no-answer`` when something
        was, ``api-server-tls-failed``.
        """
        import urllib3

        again = method == "GET" if repeatable is None else repeatable
        retry = urllib3.Retry(
            total=6,
            connect=1,  # nothing was sent
            read=2 if again else 0,
            other=1 if again else 0,  # TLS that breaks off
            redirect=0,
            status=4,
            status_forcelist=_BUSY if again else (429,),
            allowed_methods=None,
            backoff_factor=0.25,
            raise_on_status=False,
        )
        headers = {"Accept": "application/json", "User-Agent": "eks-access-migrator"}
        if authorization:
            headers["Authorization"] = authorization
        if body is not None:
            headers["Content-Type"] = content_type
        started, outcome = time.perf_counter(), "no answer"
        try:
            response = self._host.urlopen(
                method,
                self._prefix + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=self._seconds[0], read=self._seconds[1]),
                retries=retry,
                redirect=False,
            )
            outcome = str(response.status)
            return Answer(int(response.status), bytes(response.data))
        except urllib3.exceptions.HTTPError as error:
            raise self._lost(error, about) from error
        finally:
            log_call(f"kubernetes:{method} {path}", "", outcome, time.perf_counter() - started)

    def _lost(self, error: Exception, about: tuple[str, str]) -> MigratorError:
        """Why there is no answer: urllib3 wraps the reason into MaxRetryError, and a proxy's into
        ProxyError.
        """
        from urllib3 import exceptions as sdk

        if self.endpoint.why_lost is not None and (found := self.endpoint.why_lost()) is not None:
            return found
        cause: BaseException = error
        while isinstance(cause, sdk.MaxRetryError) and cause.reason is not None:
            cause = cause.reason
        if isinstance(cause, sdk.SSLError):
            inner = cause.args[0] if cause.args else None
            certificate = (
                isinstance(inner, ssl.CertificateError) or "certificate" in str(cause).lower()
            )
            return tls_failed(self.endpoint, cause, certificate=certificate)
        if isinstance(
            cause,
            (
                sdk.ConnectTimeoutError,
                sdk.NewConnectionError,
                sdk.ProxyError,
                sdk.LocationValueError,
            ),
        ):
            # NewConnectionError is a ConnectTimeoutError by inheritance, and no time-out
            timed_out = isinstance(cause, sdk.ConnectTimeoutError) and not isinstance(
                cause, sdk.NewConnectionError
            )
            return unreachable(self.endpoint, cause, timed_out=timed_out)
        return no_answer(self.endpoint, *about, cause)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()
        self._pool.clear()  # which closing the client leaves open


@lru_cache(maxsize=1)
def _connection_class() -> Any:
    """A connection whose TLS handshake belongs to connecting: urllib3 takes its time-out for that
    of an answer, and then a write to a host that accepts and is silent would count as one that may
    have been done.
    """
    from urllib3.connection import HTTPSConnection
    from urllib3.exceptions import ConnectTimeoutError

    class Connection(HTTPSConnection):
        def connect(self) -> None:
            try:
                super().connect()
            except TimeoutError as error:
                raise ConnectTimeoutError(
                    self, f"{self.host} accepted the connection and said nothing"
                ) from error

    return Connection


def query(parameters: Mapping[str, str]) -> str:
    """``?a=b`` with everything escaped; empty for no parameters."""
    from urllib.parse import urlencode

    return f"?{urlencode(parameters)}" if parameters else ""
