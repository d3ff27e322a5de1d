"""JSON over HTTPS to one API server, on the connection pool of the kubernetes package's ApiClient.

Raw JSON, because the typed models drop fields they do not know. CA and endpoint come from
DescribeCluster, proxies as :mod:`migrator.adapters.proxy_settings` says. One wire serves
every identity: who asks is a header of each request, so that reviews as hundreds of principals
share their connections.
"""

import base64
import binascii
import copy
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from migrator.adapters.foreign_logs import log_call, mute_sdk_debug
from migrator.adapters.foreign_text import foreign
from migrator.adapters.kubernetes_connection import connection_class
from migrator.adapters.kubernetes_errors import (
    ANOTHER_SERVER,
    Endpoint,
    ends_of,
    no_answer,
    unreachable,
)
from migrator.adapters.no_way import NoWay
from migrator.adapters.observe_way import SECONDS, observe_way
from migrator.adapters.proxy_settings import ProxyChoice, choose_proxy, proxy_headers
from migrator.adapters.tls_trust import Trust
from migrator.errors import Failed, MigratorError
from migrator.model.security_note import USER_AGENT
from migrator.model.way import Way
from migrator.ports import Raw

if TYPE_CHECKING:
    import urllib3

CONNECT_SECONDS = 6.0  # names, connection, proxy and TLS together
READ_SECONDS = 60.0
_BUSY = (429, 502, 503, 504)
_KEEP_SECONDS = 30.0  # a failure that took long holds for other requests
_LONG_SECONDS = 2.0
_FIRST_SECONDS = 6.0  # with a look at the way it stays below 12 in all
_OPEN_AGAIN = "api-server-unreachable"
# What an error says of a way that failed; the text is what was seen first.
Explain: TypeAlias = Callable[[Way, str], Failed]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status code and body. ``json`` reads the body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ``not-an-api-server`` where it is none (an answer of a proxy in
        between).
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            text = foreign(self.body[:2048].decode(errors="replace"))
            raise Failed(
                "not-an-api-server",
                "What answered is no Kubernetes API.",
                why=f"HTTP {self.status}: {text}",
                remedy=ANOTHER_SERVER,
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
    explain: Explain | None = None,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
) -> "KubernetesWire":
    """A wire to the endpoint. Nothing is sent yet. ``explain``: what an error says of the way that
    was looked at; None: it is not looked at. Raises ``proxy-malformed``, ``proxy-unsupported``.
    """
    configuration = copy.copy(_default_configuration())
    if endpoint.tls_server_name:
        configuration.tls_server_name = endpoint.tls_server_name
    return KubernetesWire(
        endpoint,
        configuration,
        explain=explain,
        connect_seconds=connect_seconds,
        read_seconds=read_seconds,
    )


@lru_cache(maxsize=1)
def _default_configuration() -> Any:
    """The kubernetes package's settings, to be copied and never changed: making them takes reading
    all of the environment for a proxy, which :func:`set_proxy` chooses.
    """
    from kubernetes.client import Configuration

    return Configuration()


def set_proxy(configuration: Any, endpoint: Endpoint) -> ProxyChoice:
    """Choose the proxy here, and give the kubernetes package no choice: its versions read the
    environment differently. User and password go into a header, never into an address.
    """
    choice = ProxyChoice()
    if not endpoint.direct:
        choice = choose_proxy(
            endpoint.server,
            proxy_url=endpoint.proxy_url,
            kubeconfig_proxy=endpoint.kubeconfig_proxy,
        )
    # The package asks whether a proxy is meant for the host. Without one the host is not set: that
    # takes reading all of the environment for a proxy once more, for each cluster of a fleet.
    if choice.proxy is not None:
        configuration.host = endpoint.server
    configuration.no_proxy = ""
    configuration.proxy = choice.proxy and choice.proxy.url
    configuration.proxy_headers = (choice.proxy and proxy_headers(choice.proxy)) or None
    return choice


class KubernetesWire:
    """Requests with a pool of connections. Safe to share between threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        configuration: Any,
        *,
        explain: Explain | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        from kubernetes.client import ApiClient

        mute_sdk_debug()
        self.endpoint = endpoint
        self._seconds = (connect_seconds, read_seconds)
        self._explain = explain
        self._answered = False
        self._failed: tuple[float, Failed] | None = None
        self._looking = threading.Lock()
        self.ends = ends_of(endpoint, set_proxy(configuration, endpoint))
        configuration.connection_pool_maxsize = 32
        self._trust = Trust(endpoint.ca_pem, endpoint.renew_ca)
        self._client: Any = ApiClient(configuration)
        self._pool = self._client.rest_client.pool_manager
        if endpoint.ca_pem is not None:  # not through Configuration: older ones take files only
            alone = {"ca_cert_data": endpoint.ca_pem, "ca_certs": None}
            self._pool.connection_pool_kw.update(alone)
        server = urlsplit(endpoint.server)
        # one pool for the one host, instead of finding it again for each of thousands of reviews; a
        # proxy for plain HTTP wants whole URLs, and the manager to make them
        self._host: urllib3.PoolManager | urllib3.HTTPConnectionPool = self._pool
        self._prefix = endpoint.server
        if server.scheme == "https":
            self._host = host = self._pool.connection_from_url(endpoint.server)
            host.ConnectionCls = connection_class(self._trust, connect_seconds)
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
        a code of ``WAY_CODES`` when nothing was sent, ``api-server-no-answer`` when something was.
        """
        again = method == "GET" if repeatable is None else repeatable
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if authorization:
            headers["Authorization"] = authorization
        if body is not None:
            headers["Content-Type"] = content_type
        text = None if body is None else json.dumps(body).encode()
        request = _Request(method, self._prefix + path, text, headers, again, about)
        self._refuse_again()
        # Nothing has ever answered: the way may hold what is sent for ever. What may be sent twice
        # is given a short time, then the way is looked at; where it is open, the time is long.
        if again and not self._answered:
            try:
                return self._ask(request, min(_FIRST_SECONDS, self._seconds[1]), reads=0)
            except _NoFirstAnswer as error:
                self._refuse_closed_way(error, about)
        return self._ask(request, self._seconds[1], reads=2 if again else 0)

    def _ask(
        self,
        request: "_Request",
        seconds: float,
        *,
        reads: int,
    ) -> Answer:
        """One request, with so many seconds for its answer and tries after a lost one."""
        import urllib3

        method, path, again = request.method, request.path, request.again
        started, outcome = time.perf_counter(), "no answer"
        try:
            response = self._host.urlopen(
                method,
                path,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(connect=self._seconds[0], read=seconds),
                retries=_retries(again, reads),
                redirect=False,
            )
            outcome, self._answered = str(response.status), True
            return Answer(int(response.status), bytes(response.data))
        except (urllib3.exceptions.HTTPError, NoWay) as error:
            if reads == 0 and again and _is_silence(error):
                raise _NoFirstAnswer(error) from error
            raise self._lost(error, request.about, time.perf_counter() - started) from error
        finally:
            log_call(f"kubernetes:{method} {path}", "", outcome, time.perf_counter() - started)

    def _refuse_closed_way(self, error: "_NoFirstAnswer", about: tuple[str, str]) -> None:
        """Raises why the way holds what is sent. It is open where another request has been answered
        meanwhile, and where a look at it finds nothing.
        """
        if self._answered:
            return
        found = self._lost(NoWay(error.cause), about, _FIRST_SECONDS)
        if found.code != _OPEN_AGAIN:
            raise found from error

    def _refuse_again(self) -> None:
        """Raises the failure of another request that took long, where nothing has ever been
        answered: a command sends many, and each would wait again.
        """
        failed = self._failed
        if failed is None or self._answered or time.monotonic() - failed[0] > _KEEP_SECONDS:
            return
        raise _copy(failed[1])

    def _lost(
        self,
        error: Exception,
        about: tuple[str, str],
        took: float,
    ) -> MigratorError:
        """Why there is no answer: urllib3 wraps the reason into MaxRetryError."""
        from urllib3 import exceptions as sdk

        if self.endpoint.why_lost is not None and (found := self.endpoint.why_lost()) is not None:
            return found
        cause: BaseException = error
        while isinstance(cause, sdk.MaxRetryError) and cause.reason is not None:
            cause = cause.reason
        if isinstance(cause, NoWay):
            return self._no_way(cause.cause, took)
        # Requests without TLS, which no EKS endpoint takes, are connected by urllib3 itself.
        if isinstance(cause, (sdk.ConnectTimeoutError, sdk.NewConnectionError, sdk.ProxyError)):
            return self._no_way(cause, took)
        return no_answer(self.endpoint, *about, cause)

    def _no_way(self, cause: Exception, took: float) -> Failed:
        """The error for a way that failed: it is looked at once, stage by stage."""
        if isinstance(cause, Failed):
            return cause
        if self._explain is None:
            return unreachable(self.endpoint, cause)
        began = time.monotonic()
        with self._looking:
            # Another request has looked meanwhile.
            if self._failed is not None and self._failed[0] >= began:
                return _copy(self._failed[1])
            said = foreign(cause, limit=160).rstrip(".")
            seconds = min(SECONDS, self._seconds[0])
            way = observe_way(self.ends, self._trust.ca_pem, seconds=seconds)
            found = self._explain(way, said)
            if took >= _LONG_SECONDS:
                self._failed = (time.monotonic(), found)
        return found

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()
        self._pool.clear()  # which closing the client leaves open


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent; ``again``: it may be sent twice. ``about``: verb and resource for errors."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str] = field(repr=False)
    again: bool
    about: tuple[str, str]


@lru_cache(maxsize=8)
def _retries(again: bool, reads: int) -> "urllib3.Retry":
    """When a request is sent again; ``reads``: tries after a lost answer. It is never changed: each
    try makes the next one's.
    """
    import urllib3

    return urllib3.Retry(
        total=6,
        connect=1,  # nothing was sent
        read=reads,
        other=1 if again else 0,  # TLS that breaks off
        redirect=0,
        status=4,
        status_forcelist=_BUSY if again else (429,),
        allowed_methods=None,
        backoff_factor=0.25,
        raise_on_status=False,
    )


class _NoFirstAnswer(Exception):
    """A request got no answer in a short time, and no other has ever got one."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _is_silence(error: Exception) -> bool:
    """Whether the request was sent, and no whole answer came back in its time."""
    import urllib3

    while isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    lost = (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ProtocolError)
    return isinstance(error, lost)


def _copy(error: Failed) -> Failed:
    """The same error without the first one's traceback, which other threads raise."""
    return Failed(error.code, error.message, why=error.why, remedy=error.remedy)


def query(parameters: Mapping[str, str]) -> str:
    """``?a=b`` with everything escaped; empty for no parameters."""
    from urllib.parse import urlencode

    return f"?{urlencode(parameters)}" if parameters else ""
