"""What the API server says when it says no: ``Status`` objects with kube-apiserver's reasons and
texts.

Source of the shapes and texts: apimachinery ``pkg/api/errors`` (clients read ``code``, ``reason``,
``details``).
"""

from migrator.lab.kubernetes.json_types import Json

_MEDIA_TYPES = "application/json, application/yaml, application/vnd.kubernetes.protobuf"


class ApiError(Exception):
    """An answer that is a ``Status`` object. ``code`` is the HTTP status; ``retry_after`` is in
    seconds.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Json | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def body(self) -> Json:
        """The ``Status`` object."""
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        # An error that the server did not expect has none (apiserver
        # ``pkg/endpoints/handlers/responsewriters/status.go``).
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def qualified(resource: str, group: str) -> str:
    """``roles.rbac.authorization.k8s.io``; the core group has no suffix. Kinds are qualified
    alike.
    """
    return f"{resource}.{group}" if group else resource


def _details(name: str, resource: str, group: str) -> Json:
    """``details`` of a Status: ``kind`` is the plural where a request failed, and the kind itself
    where a body is invalid (apimachinery ``pkg/api/errors/errors.go``).
    """
    details: Json = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    details["kind"] = resource
    return details


def unauthorized() -> ApiError:
    """No valid credentials; the server never says which check failed."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def not_found(resource: str, group: str, name: str) -> ApiError:
    """The object is not there."""
    return ApiError(
        404,
        "NotFound",
        f'{qualified(resource, group)} "{name}" not found',
        _details(name, resource, group),
    )


def no_such_resource() -> ApiError:
    """The path names no resource that this server knows."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    """The resource knows no such verb."""
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        {},
    )


def already_exists(resource: str, group: str, name: str) -> ApiError:
    """Create met an object of that name."""
    text = f'{qualified(resource, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, _details(name, resource, group))


def conflict(resource: str, group: str, name: str, why: str) -> ApiError:
    """The object is not the one that the caller read."""
    text = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", text, _details(name, resource, group))


def modified(resource: str, group: str, name: str) -> ApiError:
    """``resourceVersion`` is not the newest."""
    why = (
        "the object has been modified; please apply your changes to the latest version and try "
        "again"
    )
    return conflict(resource, group, name, why)


def forbidden(resource: str, group: str, name: str, why: str) -> ApiError:
    """Authorisation or admission refused; ``name`` is empty for a list and a creation."""
    named = qualified(resource, group)
    if name:
        named += f' "{name}"'
    text = f"{named} is forbidden: {why}"
    return ApiError(403, "Forbidden", text, _details(name, resource, group))


def invalid(kind: str, group: str, name: str, causes: list[tuple[str, str, str]]) -> ApiError:
    """Validation failed. ``causes`` are (reason, field, message), reasons as
    ``FieldValueInvalid``.
    """
    details = _details(name, kind, group)
    details["causes"] = []
    lines = []
    for reason, field, message in causes:
        details["causes"].append({"reason": reason, "message": message, "field": field})
        lines.append(f"{field}: {message}")
    text = lines[0]
    # Go prints several errors as a list (apimachinery ``pkg/util/errors``, Aggregate).
    if len(lines) > 1:
        text = "[" + ", ".join(lines) + "]"
    text = f'{qualified(kind, group)} "{name}" is invalid: {text}'
    return ApiError(422, "Invalid", text, details)


def bad_request(message: str) -> ApiError:
    """The body or a parameter cannot be read."""
    return ApiError(400, "BadRequest", message)


def unexpected(message: str) -> ApiError:
    """An error that the server passes on as it is: HTTP 500 without a reason."""
    return ApiError(500, "", message)


def unsupported_media_type() -> ApiError:
    """The body is in no format that this resource is read in."""
    text = (
        f"the body of the request was in an unknown format - accepted media types include: "
        f"{_MEDIA_TYPES}"
    )
    return ApiError(415, "UnsupportedMediaType", text)


def expired(message: str) -> ApiError:
    """A resourceVersion or continue token from before what the server still remembers."""
    return ApiError(410, "Expired", message)


def unprocessable(message: str) -> ApiError:
    """A patch that is well-formed and cannot be applied."""
    details = {"causes": [{"reason": "UnexpectedServerResponse", "message": message}]}
    return ApiError(
        422, "Invalid", "the server rejected our request due to an error in our request", details
    )


def apply_conflict(message: str, causes: list[Json]) -> ApiError:
    """Server-side apply met fields of other managers."""
    return ApiError(409, "Conflict", message, {"causes": causes})
