"""One pool of connections to AWS for all identities of a process.

botocore gives each client its own connections, and has OpenSSL read the bundle of authorities
again for each of them: some 30 ms of CPU and a megabyte with the bundle that botocore brings. An
account of a fleet has a dozen clients, all of which talk to the hosts that the other accounts'
clients talk to.
"""

import os
import ssl
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from migrator.adapters.http_heads import response_class
from migrator.adapters.tls_trust import shared_context

CONNECT_SECONDS, READ_SECONDS = 10, 60
_CONNECTIONS = 128  # that are kept of a host; each is opened when it is needed
_HOSTS = 1_000  # a service in a Region has one of its own; urllib3 forgets all but ten by default


def share_connections(client: Any, ca_bundle: str | None) -> None:
    """Have a client send over the connections of the process. ``ca_bundle`` is the setting of its
    session, None where there is none.

    Not for clients that send a request once: a connection that was idle may be closed at the moment
    of sending, and then it is not known whether the request arrived.
    """
    from botocore.utils import get_environ_proxies

    # botocore reads the variable as well (EndpointCreator).
    verify = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or ""
    proxies = get_environ_proxies(client.meta.endpoint_url)
    # A profile may ask for keep-alive probes (tcp_keepalive).
    options = tuple(client._endpoint.http_session._socket_options)
    try:
        key = (verify, _state_of(verify), tuple(sorted(proxies.items())), options)
        # Of threads that ask at the same time one makes it.
        with _making:
            if key not in _shared:
                _shared[key] = _session(verify, proxies, options)
            client._endpoint.http_session = _shared[key]
    except (OSError, ValueError):
        # The client's own connection says what is wrong with the bundle when it is used.
        return


def _state_of(bundle: str) -> tuple[int, ...]:
    """Which content a bundle has: it may be replaced while a command runs."""
    if not bundle:
        return ()
    found = Path(bundle).stat()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


_making = threading.Lock()
# By the bundle's name and content, the proxies, and the sockets' options.
_shared: dict[tuple[object, ...], Any] = {}
# A process that is forked off must not send over the connections of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.clear)


@lru_cache(maxsize=1)
def _pools() -> Mapping[str, Any]:
    """Pools of botocore by scheme, whose connections read heads quickly."""
    from botocore import awsrequest

    class Http(awsrequest.AWSHTTPConnection):  # type: ignore[misc] # botocore has no types
        response_class = response_class()

    class Https(awsrequest.AWSHTTPSConnection):  # type: ignore[misc] # botocore has no types
        response_class = response_class()

    class HttpPool(awsrequest.AWSHTTPConnectionPool):  # type: ignore[misc] # botocore has no types
        ConnectionCls = Http

    class HttpsPool(awsrequest.AWSHTTPSConnectionPool):  # type: ignore[misc] # botocore has no types
        ConnectionCls = Https

    return {"http": HttpPool, "https": HttpsPool}


def _session(
    verify: str,
    proxies: Mapping[str, str],
    options: Sequence[tuple[int, int, int]],
) -> Any:
    """A session of botocore, with authorities that are read once. Raises ``OSError``."""
    from botocore.httpsession import URLLib3Session, get_cert_path

    context = shared_context()
    # As botocore does on every Python: the authorities of inspecting proxies often have no key
    # identifiers.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cafile=get_cert_path(verify or True))

    class SharedSession(URLLib3Session):  # type: ignore[misc] # botocore has no types
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            # One mapping for its manager of pools and for those of proxies. A botocore that has
            # it no more reads heads as it always did.
            getattr(self, "_pool_classes_by_scheme", {}).update(_pools())

        def _get_ssl_context(self) -> ssl.SSLContext:
            return context

        def _get_pool_manager_kwargs(self, **more: Any) -> Any:
            return super()._get_pool_manager_kwargs(num_pools=_HOSTS, **more)

        def _setup_ssl_cert(self, conn: Any, url: str, verify: object) -> None:
            # The authorities are in the context: with a path urllib3 reads them again.
            conn.cert_reqs = "CERT_REQUIRED"
            conn.ca_certs = None

    return SharedSession(
        proxies=proxies,
        timeout=(CONNECT_SECONDS, READ_SECONDS),
        max_pool_connections=_CONNECTIONS,
        socket_options=list(options),
    )
