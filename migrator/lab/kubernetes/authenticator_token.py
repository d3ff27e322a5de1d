"""The checks that the authenticator makes on a token before it asks STS, in its order.

Source: aws-iam-authenticator ``pkg/token/token.go`` (``tokenVerifier.Verify``), README "How does it
work". A token is ``k8s-aws-v1.`` and the unpadded base64url of a presigned GetCallerIdentity URL
that has ``x-k8s-aws-id`` signed.
"""

import base64
import binascii
import re
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from migrator.lab.aws.sigv4 import signing_moment

PREFIX = "k8s-aws-v1."
MAX_LENGTH = 4096
CLUSTER_HEADER = "x-k8s-aws-id"
_LIFETIME = timedelta(minutes=15)
_MAX_EXPIRES = 900
_PARAMETERS = frozenset(
    (
        "action",
        "version",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    )
)
_RAW_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
# Hosts of STS by partition: regional, FIPS and dual-stack; the global one in the commercial
# partition only.
_HOSTS = {
    "aws": re.compile(
        r"sts\.amazonaws\.com|sts(-fips)?\.[a-z]{2}(-[a-z]+)+-\d\.amazonaws\.com|sts\.[a-z]{2}(-[a-z]+)+-\d\.api\.aws"
    ),
    "aws-us-gov": re.compile(
        r"sts\.us-gov-[a-z]+-\d\.amazonaws\.com|sts\.us-gov-[a-z]+-\d\.api\.aws"
    ),
    "aws-cn": re.compile(
        r"sts\.cn-[a-z]+-\d\.amazonaws\.com\.cn|sts\.cn-[a-z]+-\d\.api\.amazonwebservices\.com\.cn"
    ),
}


class TokenRefusedError(Exception):
    """Why a token is no good, in the authenticator's words; it goes to the log, never to the
    client.
    """


def presigned_url(
    token: str, partition: str, machine_now: datetime, lab_endpoint: str | None = None
) -> str:
    """The URL inside the token. Raises :class:`TokenRefusedError` at the first check that fails.

    The checks are length, prefix, base64, host, path, action, signed header, expiry and age, in
    this order. ``machine_now`` is machine time, as signatures are. ``lab_endpoint``
    (``http://127.0.0.1:4566``) is accepted as an STS host of the partition, as it is the lab's own.
    """
    if len(token) > MAX_LENGTH:
        raise TokenRefusedError("token is too large")
    if not token.startswith(PREFIX):
        raise _format(f'token is missing expected "{PREFIX}" prefix')
    encoded = token.removeprefix(PREFIX)
    try:
        if not _RAW_BASE64URL.fullmatch(encoded):
            raise ValueError("illegal base64 data")
        url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        parsed = urlsplit(url)
    except (ValueError, binascii.Error):
        raise _format("illegal base64 data") from None
    _check_host(parsed.scheme, parsed.netloc, partition, lab_endpoint)
    if parsed.path != "/":
        raise _format("unexpected path in pre-signed URL")
    parameters = _parameters(parsed.query)
    if parameters.get("action") != "GetCallerIdentity":
        raise _format("unexpected action parameter in pre-signed URL")
    if CLUSTER_HEADER not in parameters.get("x-amz-signedheaders", "").lower().split(";"):
        raise _format(f"client did not sign the {CLUSTER_HEADER} header in the pre-signed URL")
    expires = parameters.get("x-amz-expires", "")
    if not re.fullmatch(r"\d{1,9}", expires) or int(expires) > _MAX_EXPIRES:
        raise _format(f"invalid X-Amz-Expires parameter in pre-signed URL: {expires}")
    _check_date(parameters.get("x-amz-date", ""), machine_now)
    return url


def _format(why: str) -> TokenRefusedError:
    """A refusal of a token's form, in the words of FormatError (``pkg/token/token.go``)."""
    return TokenRefusedError(f"input token was not properly formatted: {why}")


def _check_host(scheme: str, host: str, partition: str, lab_endpoint: str | None) -> None:
    """Whether the URL is one of STS, over TLS: regional, FIPS or dual-stack in the cluster's
    partition.
    """
    if lab_endpoint is not None:
        own = urlsplit(lab_endpoint)
        if scheme == own.scheme and host in (own.netloc, f"localhost:{own.port}"):
            return
    if scheme != "https":
        raise _format(f'unexpected scheme "{scheme}" in pre-signed URL')
    pattern = _HOSTS.get(partition)
    if pattern is None or not pattern.fullmatch(host):
        raise _format(f'unexpected hostname "{host}" in pre-signed URL')


def _parameters(query: str) -> dict[str, str]:
    """The query parameters by lower-cased name. One that is not known and one that repeats are
    refused: a signature covers them all, STS might read another one than the authenticator.
    """
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        lowered = name.lower()
        if lowered not in _PARAMETERS:
            raise _format(f'non-whitelisted query parameter "{name}"')
        if lowered in found:
            raise _format("query parameter with multiple values not supported")
        found[lowered] = value
    return found


def _check_date(text: str, machine_now: datetime) -> None:
    """A token is accepted for 15 minutes from when it was signed, whatever ``X-Amz-Expires``
    says.
    """
    if not text:
        raise _format("X-Amz-Date parameter must be present in pre-signed URL")
    try:
        signed_at = signing_moment(text)
    except ValueError:
        raise _format(
            f"error parsing X-Amz-Date parameter {text} into format 20060102T150405Z"
        ) from None
    if machine_now > signed_at + _LIFETIME:
        late = f"{machine_now:%Y-%m-%d %H:%M:%S}"
        raise _format(
            f"X-Amz-Date parameter is expired ({_LIFETIME.seconds // 60} minute expiration) {late}"
        )
