"""Signature Version 4, checked as AWS checks it: signed headers and presigned URLs.

The signed text is built again from the request as it arrived (AWS general reference, "Create a
signed AWS API request"). Signatures are on machine time, whatever lab time says. For presigned
GetCallerIdentity, X-Amz-Expires is bounded but not obeyed: STS lets such a URL live for 15 minutes
(aws-iam-authenticator ``pkg/token/token.go``).
"""

import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, unquote

from migrator.lab.aws.errors import BAD_SIGNATURE, EXPIRED, UNKNOWN_KEY, CommonError
from migrator.lab.http_wire import Request
from migrator.lab.worlds.world import Caller, World

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=5)
PRESIGNED_LIFETIME = timedelta(minutes=15)
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
_AUTHORIZATION = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_SPACES = re.compile(r" +")


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential scope: which key signed for which day, region and service."""

    access_key_id: str
    day: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class SignedParts:
    """A signature taken apart, not yet believed."""

    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    date: str
    token: str | None
    presigned: bool
    expires: int | None = None


def read_signature(request: Request) -> SignedParts | None:
    """The signature of a request, in its Authorization header or its query string; None when it has
    none.

    Raises :class:`CommonError` when it cannot be read. Nothing of it has been checked yet.
    """
    authorization = request.joined("authorization")
    if authorization.startswith(ALGORITHM):
        fields = dict(_AUTHORIZATION.findall(authorization))
        return _parts(
            fields.get("Credential", ""),
            fields.get("SignedHeaders", ""),
            fields.get("Signature", ""),
            request.joined("x-amz-date"),
            request.joined("x-amz-security-token") or None,
        )
    if "X-Amz-Signature=" in request.raw_query:
        query = {name: unquote(value) for name, value in _pairs(request.raw_query)}
        if query.get("X-Amz-Algorithm") != ALGORITHM:
            raise CommonError("bad-signature", BAD_SIGNATURE)
        return _parts(
            query.get("X-Amz-Credential", ""),
            query.get("X-Amz-SignedHeaders", ""),
            query.get("X-Amz-Signature", ""),
            query.get("X-Amz-Date", ""),
            query.get("X-Amz-Security-Token"),
            expires=query.get("X-Amz-Expires", ""),
        )
    return None


def _parts(
    credential: str,
    signed_headers: str,
    signature: str,
    date: str,
    token: str | None,
    *,
    expires: str | None = None,
) -> SignedParts:
    """A signature from its texts. ``expires`` is None for a header, a text of seconds for a
    presigned URL. Raises :class:`CommonError` for a credential that is not
    ``KEY/DAY/REGION/SERVICE/aws4_request``.
    """
    pieces = credential.split("/")
    if len(pieces) != 5 or pieces[4] != "aws4_request":
        raise CommonError("bad-signature", BAD_SIGNATURE)
    if not signature or not signed_headers:
        raise CommonError("bad-signature", BAD_SIGNATURE)
    return SignedParts(
        scope=Scope(*pieces[:4]),
        signed_headers=tuple(signed_headers.split(";")),
        signature=signature,
        date=date,
        token=token,
        presigned=expires is not None,
        expires=int(expires) if expires and expires.isdecimal() else None,
    )


def verify(world: World, request: Request, parts: SignedParts) -> Caller:
    """Who signed the request. Raises :class:`CommonError`: unknown key, wrong signature, expired.

    The header ``host`` is part of what is signed, or a request could be replayed at another
    service. A wrong session token is answered as an unknown key: the key exists only together with
    it.
    """
    with world.lock:
        credential = world.credentials.get(parts.scope.access_key_id)
        caller = world.caller_of(credential) if credential else None
    if credential is None or caller is None:
        raise CommonError("unknown-key", UNKNOWN_KEY)
    if not _same(credential.session_token or "", parts.token or ""):
        raise CommonError("unknown-key", UNKNOWN_KEY)
    if not {"host"}.issubset(parts.signed_headers):
        raise CommonError("bad-signature", BAD_SIGNATURE)
    scope = parts.scope
    key = _signing_key(credential.secret_access_key, scope.day, scope.region, scope.service)
    text = _string_to_sign(request, parts).encode("utf-8", "surrogateescape")
    if not _same(hmac.new(key, text, hashlib.sha256).hexdigest(), parts.signature):
        raise CommonError("bad-signature", BAD_SIGNATURE)
    now = world.clock.machine_now()
    _check_date(parts, now)
    if credential.expires is not None and now >= credential.expires:
        raise CommonError("expired-token", EXPIRED)
    return caller


@functools.lru_cache(maxsize=1024)
def signing_moment(text: str) -> datetime:
    """The time in ``X-Amz-Date``, of which a second of a run has hundreds. Raises ValueError."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)


def _check_date(parts: SignedParts, now: datetime) -> None:
    """Raise :class:`CommonError` unless the signature is in force: of the day of its scope, not
    older than its lifetime, not from the future, with five minutes between the clocks allowed.
    """
    try:
        signed_at = signing_moment(parts.date)
    except ValueError:
        raise CommonError("bad-signature", BAD_SIGNATURE) from None
    lifetime = SKEW
    if parts.presigned:
        if parts.expires is None or parts.expires > 604800:
            raise CommonError(
                "bad-signature", "X-Amz-Expires must be a number of seconds of at most one week"
            )
        lifetime = PRESIGNED_LIFETIME
    if not parts.date.startswith(parts.scope.day):
        raise CommonError("bad-signature", BAD_SIGNATURE)
    if signed_at + lifetime < now:
        late = f"{now:%Y%m%dT%H%M%SZ}"
        raise CommonError(
            "bad-signature",
            f"Signature expired: {parts.date} is now earlier than {late} ({lifetime})",
        )
    if signed_at - SKEW > now:
        raise CommonError(
            "bad-signature",
            f"Signature not yet current: {parts.date} is still later than the clock",
        )


def _string_to_sign(request: Request, parts: SignedParts) -> str:
    """What was signed: algorithm, date, scope and the hash of the canonical request (IAM user
    guide, "Create a signed AWS API request").
    """
    lines = [
        request.method,
        request.raw_path if parts.scope.service == "s3" else canonical_path(request.raw_path),
        _canonical_query(request.raw_query, parts.presigned),
        *(
            f"{name}:{_SPACES.sub(' ', request.joined(name).strip())}"
            for name in parts.signed_headers
        ),
        "",
        ";".join(parts.signed_headers),
        _payload_hash(request, parts.presigned),
    ]
    canonical = "\n".join(lines).encode("utf-8", "surrogateescape")
    scope = parts.scope
    return "\n".join(
        (
            ALGORITHM,
            parts.date,
            f"{scope.day}/{scope.region}/{scope.service}/aws4_request",
            hashlib.sha256(canonical).hexdigest(),
        )
    )


def _payload_hash(request: Request, presigned: bool) -> str:
    """The hash of the body, in hexadecimal. A presigned URL has no body; over TLS a client may
    leave the body out of the signature.
    """
    declared = request.joined("x-amz-content-sha256")
    if declared == "UNSIGNED-PAYLOAD":
        return declared
    if presigned or not request.body:
        return EMPTY_HASH
    return hashlib.sha256(request.body).hexdigest()


@functools.lru_cache(maxsize=4096)
def canonical_path(path: str) -> str:
    """The path as every service but S3 signs it: dots resolved, and encoded once more than it was
    sent.
    """
    resolved: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if resolved:
                resolved.pop()
        elif segment not in ("", "."):
            resolved.append(segment)
    slash = "/" if path.endswith("/") and resolved else ""
    return quote("/" + "/".join(resolved) + slash, safe="/~")


def _canonical_query(query: str, presigned: bool) -> str:
    """The query string sorted by name and value, still encoded; the signature is not part of what
    it signs.
    """
    if not query:
        return ""
    pairs = sorted(
        pair for pair in _pairs(query) if not (presigned and pair[0] == "X-Amz-Signature")
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _pairs(query: str) -> list[tuple[str, str]]:
    """(name, value) of a query string, still encoded; a name without ``=`` has an empty value."""
    return [
        (name, value)
        for name, _, value in (part.partition("=") for part in query.split("&"))
        if name
    ]


@functools.lru_cache(maxsize=4096)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of one day, region and service, derived from the secret (IAM user guide, "Create a
    signed AWS API request", "Calculate the signature").
    """
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _same(left: str, right: str) -> bool:
    """Whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(
        left.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape")
    )


def verify_presigned_url(
    world: World, url: str, headers: Mapping[str, str] | None = None
) -> Caller:
    """Who presigned a GetCallerIdentity URL, asked in process with the headers that the asker would
    send.

    ``headers`` holds ``x-k8s-aws-id: CLUSTER`` as the cluster's authenticator sends it. Raises
    :class:`CommonError`.
    """
    rest = url.partition("://")[2]
    host, _, target = rest.partition("/")
    host, question, bare_query = host.partition("?")
    path, _, query = target.partition("?")
    request = Request(
        "GET",
        "/" + path,
        bare_query if question else query,
        {"host": [host], **{name.lower(): [value] for name, value in (headers or {}).items()}},
    )
    parts = read_signature(request)
    if parts is None or not parts.presigned:
        raise CommonError("no-signature", "Missing Authentication Token")
    if parts.scope.service != "sts":
        raise CommonError("bad-signature", BAD_SIGNATURE)
    return verify(world, request, parts)
