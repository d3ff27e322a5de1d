"""Tokens for the Kubernetes API of EKS, minted in process and never stored.

``k8s-aws-v1.`` and the base64url text of a presigned STS GetCallerIdentity URL with the signed
header ``x-k8s-aws-id`` (aws-iam-authenticator ``pkg/token/token.go``). The URL is signed here (AWS
documentation, "Signature Version 4, query string"), at the STS endpoint that boto3 resolves. Two
tokens of one second would be the same text, and the API server would answer the second from its
cache of the first; so the order of the query parameters, which the signature does not cover,
changes from token to token.
"""

import base64
import hashlib
import hmac
import itertools
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from migrator.adapters.aws_session import AwsSession, Keys
from migrator.adapters.clock import machine_time
from migrator.errors import Failed

PREFIX = "k8s-aws-v1."
HEADER = "x-k8s-aws-id"
MAX_BYTES = 4096  # the authenticator refuses longer ones: "token is too large"
EXPIRES = 60  # seconds; by convention, the authenticator counts 15 minutes from the date
LIFETIME = timedelta(minutes=14)  # what clients may count on


class Token:
    """A bearer token. Printing it shows nothing; :meth:`reveal` is called where it is sent."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Token(hidden)"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a token is not stored")

    def reveal(self) -> str:
        """The text itself, for the Authorization header or an ExecCredential."""
        return self._text


@dataclass(eq=False)
class TokenMint:
    """Mints tokens of one identity for one cluster. Each call gives another token. Safe to share
    between threads.
    """

    session: AwsSession
    cluster_name: str
    region: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _second: str = field(default="", repr=False)
    _count: int = field(default=0, repr=False)

    def mint(self) -> Token:
        """A fresh token. Raises ``token-too-large`` above 4096 bytes, ``no-credentials``,
        ``iam-denied``.
        """
        endpoint, region = self.session.sts(self.region)
        keys = self.session.keys()
        at = machine_time()
        text = presigned_token(
            keys,
            endpoint=endpoint,
            region=region,
            cluster_name=self.cluster_name,
            at=at,
            variant=self._next_variant(at),
        )
        if len(text) > MAX_BYTES:
            raise Failed(
                "token-too-large",
                f"The token has {len(text)} bytes; the cluster accepts {MAX_BYTES}.",
                why="Session credentials grow with session tags and with every role of a chain.",
                remedy="Use a shorter chain of roles, or one without transitive session tags.",
            )
        return Token(text)

    def _next_variant(self, at: datetime) -> int:
        second = f"{at:%Y%m%d%H%M%S}"
        with self._lock:
            self._count = self._count + 1 if second == self._second else 0
            self._second = second
            return self._count


def presigned_token(
    keys: Keys,
    *,
    endpoint: str,
    region: str,
    cluster_name: str,
    at: datetime,
    variant: int = 0,
) -> str:
    """The token as text. ``variant`` picks the order of the query parameters; 0 is the canonical
    one.
    """
    url = urlsplit(endpoint)
    # the one global endpoint signs for us-east-1, wherever the client is
    region = "us-east-1" if url.hostname == "sts.amazonaws.com" else region
    stamp = f"{at:%Y%m%dT%H%M%SZ}"
    scope = f"{stamp[:8]}/{region}/sts/aws4_request"
    query = {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(EXPIRES),
        "X-Amz-SignedHeaders": f"host;{HEADER}",
    }
    if keys.token:
        query["X-Amz-Security-Token"] = keys.token
    parts = sorted(
        f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in query.items()
    )
    headers = f"host:{url.netloc}\n{HEADER}:{cluster_name.strip()}\n"
    request = "\n".join(
        ("GET", "/", "&".join(parts), headers, f"host;{HEADER}", hashlib.sha256(b"").hexdigest())
    )
    to_sign = "\n".join(
        ("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest())
    )
    key = f"AWS4{keys.secret_key}".encode()
    for piece in (stamp[:8], region, "sts", "aws4_request", to_sign):
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    order = next(itertools.islice(itertools.permutations(parts), variant, None), tuple(parts))
    presigned = f"{url.scheme}://{url.netloc}/?{'&'.join(order)}&X-Amz-Signature={key.hex()}"
    return PREFIX + base64.urlsafe_b64encode(presigned.encode()).decode().rstrip("=")


def exec_credential(token: Token, at: datetime) -> dict[str, Any]:
    """The ExecCredential that kubectl's exec plugins print (client.authentication.k8s.io/v1beta1,
    as ``aws eks get-token``); ``at`` is when the token was minted.
    """
    return {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "spec": {},
        "status": {
            "expirationTimestamp": f"{at + LIFETIME:%Y-%m-%dT%H:%M:%SZ}",
            "token": token.reveal(),
        },
    }
