"""Errors of AWS services: one meaning, and the code and status that each protocol family gives
it.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Meaning: TypeAlias = Literal[
    "unknown-key",
    "bad-signature",
    "expired-token",
    "no-signature",
    "denied",
    "throttled",
    "unavailable",
    "internal",
]

UNKNOWN_KEY = "The security token included in the request is invalid."
BAD_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
EXPIRED = "The security token included in the request is expired"

# (code, HTTP status) by meaning, for each family of protocols.
_REST_JSON: dict[Meaning, tuple[str, int]] = {
    "unknown-key": ("UnrecognizedClientException", 403),
    "bad-signature": ("InvalidSignatureException", 403),
    "expired-token": ("ExpiredTokenException", 403),
    "no-signature": ("MissingAuthenticationTokenException", 403),
    "denied": ("AccessDeniedException", 403),
    "throttled": ("ThrottlingException", 429),
    "unavailable": ("ServiceUnavailableException", 503),
    "internal": ("ServerException", 500),
}
_JSON: dict[Meaning, tuple[str, int]] = {
    **{meaning: (code, 400) for meaning, (code, _) in _REST_JSON.items()},
    "unavailable": ("ServiceUnavailableException", 503),
    "internal": ("InternalFailure", 500),
}
_QUERY: dict[Meaning, tuple[str, int]] = {
    "unknown-key": ("InvalidClientTokenId", 403),
    "bad-signature": ("SignatureDoesNotMatch", 403),
    "expired-token": ("ExpiredToken", 403),
    "no-signature": ("MissingAuthenticationToken", 403),
    "denied": ("AccessDenied", 403),
    "throttled": ("Throttling", 400),
    "unavailable": ("ServiceUnavailable", 503),
    "internal": ("InternalFailure", 500),
}
_EC2: dict[Meaning, tuple[str, int]] = {
    "unknown-key": ("AuthFailure", 401),
    "bad-signature": ("SignatureDoesNotMatch", 403),
    "expired-token": ("RequestExpired", 400),
    "no-signature": ("MissingAuthenticationToken", 403),
    "denied": ("UnauthorizedOperation", 403),
    "throttled": ("RequestLimitExceeded", 503),
    "unavailable": ("Unavailable", 503),
    "internal": ("InternalError", 500),
}
_REST_XML: dict[Meaning, tuple[str, int]] = {  # Amazon S3 API Reference, "Error responses"
    "unknown-key": ("InvalidAccessKeyId", 403),
    "bad-signature": ("SignatureDoesNotMatch", 403),
    "expired-token": ("ExpiredToken", 400),
    "no-signature": ("AccessDenied", 403),
    "denied": ("AccessDenied", 403),
    "throttled": ("SlowDown", 503),
    "unavailable": ("ServiceUnavailable", 503),
    "internal": ("InternalError", 500),
}
_BY_PROTOCOL = {
    "rest-json": _REST_JSON,
    "json": _JSON,
    "query": _QUERY,
    "ec2": _EC2,
    "rest-xml": _REST_XML,
}


class AwsError(Exception):
    """An error with its own code: ``fields`` are further members of the error's shape
    (``clusterName``).
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})
        self.headers: dict[str, str] = {}


class CommonError(Exception):
    """An error that every service has, spelled by each protocol in its own way."""

    def __init__(
        self,
        meaning: Meaning,
        message: str,
        *,
        status: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.meaning = meaning
        self.message = message
        self.status = status
        self.retry_after = retry_after

    def for_protocol(self, protocol: str) -> AwsError:
        """The error as the service that speaks ``protocol`` says it."""
        code, status = _BY_PROTOCOL[protocol][self.meaning]
        error = AwsError(code, self.message, self.status or status)
        if self.retry_after is not None:
            error.headers["Retry-After"] = str(self.retry_after)
            error.headers["x-amz-retry-after"] = str(
                self.retry_after * 1000
            )  # milliseconds: what SDKs wait for
        return error
