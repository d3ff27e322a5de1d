"""TLS contexts that trust the certificate authorities of one cluster, and nothing else.

Clusters made on Kubernetes 1.16 or earlier have authorities without key identifiers. Python 3.13
switched ``VERIFY_X509_STRICT`` on, which refuses them (docs.python.org, ssl,
"create_default_context"; urllib3 2.4 follows): that flag alone is cleared.

While an authority is rotated there are two of them with the same subject. OpenSSL finds an issuer
by its subject, and without key identifiers takes the first one, right or wrong
(X509_STORE_CTX_get1_issuer(3)): so each is also tried alone.
"""

import itertools
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from migrator.errors import Failed, MigratorError

R = TypeVar("R")
_MOST = 8  # authorities that are tried alone
_ASK_SECONDS = 30.0  # between two questions for other authorities
_HOSTNAME_MISMATCH = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH


class Trust:
    """The authorities of ``ca_pem``; None: those of the system. ``renew`` asks whom to trust now:
    an authority can be replaced while a command runs (EKS API Reference,
    ActivateCertificateAuthority).
    """

    def __init__(self, ca_pem: str | None, renew: Callable[[], str | None] | None = None) -> None:
        self.ca_pem = ca_pem
        self._renew = renew
        self._asked = -_ASK_SECONDS
        self._asking = threading.Lock()
        self._best: ssl.SSLContext | None = None

    def attempt(self, handshake: Callable[[ssl.SSLContext], R]) -> R:
        """What ``handshake`` returns with the first context under which it finds the certificate to
        be signed; that context is tried first from then on. Each call must open a new connection.

        Where no authority fits, the authorities are asked for once more. Raises the error of the
        whole bundle where none of them fits either, and ``api-server-unknown`` for a bundle that is
        none.
        """
        known = self.ca_pem
        try:
            return self._first_that_fits(handshake)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in _HOSTNAME_MISMATCH or not self._has_others(known):
                raise
        return self._first_that_fits(handshake)

    def _first_that_fits(self, handshake: Callable[[ssl.SSLContext], R]) -> R:
        best, first = self._best, None
        contexts = (context_of(pem) for pem in self._bundles())
        for context in itertools.chain(filter(None, (best,)), contexts):
            try:
                done = handshake(context)
            except ssl.SSLCertVerificationError as error:
                # The name does not depend on the authority.
                if error.verify_code in _HOSTNAME_MISMATCH:
                    raise
                first = first or error
                continue
            self._best = context
            return done
        if first is None:  # pragma: no cover - there is at least the bundle itself
            raise AssertionError("no bundle")
        raise first

    def _has_others(self, known: str | None) -> bool:
        """Whether there are other authorities now than those that were ``known``: found by another
        thread meanwhile, or asked for. Many connections fail at the same time, and one of them
        asks.
        """
        if self._renew is None:
            return False
        with self._asking:
            if self.ca_pem == known and time.monotonic() - self._asked >= _ASK_SECONDS:
                self._asked = time.monotonic()
                # Who cannot be asked names no others: what the endpoint shows is the failure.
                with suppress(MigratorError):
                    self.ca_pem = self._renew()
            return self.ca_pem != known

    def _bundles(self) -> list[str | None]:
        """The bundle, then its authorities one by one."""
        if self.ca_pem is None:
            return [None]
        each = re.findall(
            r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", self.ca_pem, re.S
        )
        if len(each) < 2:
            return [self.ca_pem]
        return [self.ca_pem, *each[:_MOST]]


def _are_set(_protocols: Iterable[str]) -> None:
    """The protocols of a context that threads share are not set again."""


def shared_context() -> ssl.SSLContext:
    """A context for a client that checks certificates and names, to share between threads. It
    has no authorities yet.
    """
    from urllib3.util.ssl_ import ALPN_PROTOCOLS, create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.check_hostname = True
    context.set_alpn_protocols(ALPN_PROTOCOLS)
    # urllib3 sets them again at each connection. OpenSSL then frees what another thread copies into
    # its own connection (SSL_new, for which Python lets go of its lock): the server gets a damaged
    # greeting and answers "decode error".
    context.set_alpn_protocols = _are_set  # type: ignore[method-assign, assignment]
    return context


def context_of(ca_pem: str | None) -> ssl.SSLContext:
    """A context that trusts the authorities of ``ca_pem``, or those of the system, to share between
    threads. Raises ``api-server-unknown``.
    """
    context = shared_context()
    if ca_pem is None:
        context.load_default_certs()
        return context
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as error:
        raise Failed(
            "api-server-unknown", "The certificate authority in DescribeCluster cannot be read."
        ) from error
    return context
