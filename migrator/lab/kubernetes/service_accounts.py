"""Service account tokens: JSON web tokens that the cluster signs and only the cluster accepts.

EKS signs with RSA. Only the API server verifies them, so an HMAC is enough here. They expire in
machine time, as every signature does.

Source: Kubernetes documentation, "Managing Service Accounts".
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime

from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.status import bad_request, not_found
from migrator.lab.kubernetes.store import ObjectStore
from migrator.lab.kubernetes.user import AUTHENTICATED, User
from migrator.lab.worlds.raw_parts import part_of

ISSUER = AUDIENCE = "https://kubernetes.default.svc"
_PREFIX = "system:serviceaccount:"
_ACCOUNTS = ("", "serviceaccounts")
_SHORTEST, _LONGEST, _USUAL = 600, 86_400, 3_600


class ServiceAccountTokens:
    """Makes and checks the tokens of one cluster. ``machine_now`` gives machine time."""

    def __init__(self, machine_now: Callable[[], datetime], store: ObjectStore) -> None:
        self._now, self._store = machine_now, store
        self._key = secrets.token_bytes(32)

    def make(self, namespace: str, name: str, seconds: int = _USUAL) -> tuple[str, int]:
        """A token and the second since 1970 at which it ends; raises a 404 ApiError without such an
        account.
        """
        account = self._store.get(_ACCOUNTS, namespace, name)
        if account is None:
            raise not_found("serviceaccounts", "", name)
        now = int(self._now().timestamp())
        claims = {
            "aud": [AUDIENCE],
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
            },
            "nbf": now,
            "sub": f"{_PREFIX}{namespace}:{name}",
        }
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{signed}.{self._signature(signed)}", now + seconds

    def user_of(self, token: str) -> User | None:
        """The account behind a token. None when the cluster did not sign the token, when it has
        expired, or when the account was deleted, even if it was created again.
        """
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(_raw(signature), _raw(self._signature(signed))):
            return None
        claims = json.loads(_bytes(signed.partition(".")[2]))
        if claims["exp"] <= self._now().timestamp():
            return None
        place = claims["kubernetes.io"]
        namespace, name, uid = (
            place["namespace"],
            place["serviceaccount"]["name"],
            place["serviceaccount"]["uid"],
        )
        account = self._store.get(_ACCOUNTS, namespace, name)
        if account is None or account["metadata"]["uid"] != uid:
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        return User(claims["sub"], groups, uid, extra)

    def _signature(self, signed: str) -> str:
        return _text(hmac.new(self._key, _raw(signed), hashlib.sha256).digest())


def request_token(tokens: ServiceAccountTokens, namespace: str, name: str, body: Value) -> Json:
    """Answer a ``TokenRequest``."""
    if not isinstance(body, dict):
        raise bad_request("the body is no TokenRequest")
    spec = part_of(body, "spec")
    seconds = min(max(int(spec.get("expirationSeconds") or _USUAL), _SHORTEST), _LONGEST)
    token, ends = tokens.make(namespace, name, seconds)
    stamp = datetime.fromtimestamp(ends, tz=tokens._now().tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**spec, "audiences": [AUDIENCE], "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": stamp},
    }


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _part(found: Json) -> str:
    return _text(json.dumps(found, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
