"""Bodies of writes, as Go's decoder would take them: typed, pruned, with their metadata in
place.
"""

from collections.abc import Callable

from migrator.lab.kubernetes import field_schema, validation
from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.status import bad_request
from migrator.lab.worlds.raw_parts import part_of

Strictness = str  # Ignore, Warn, Strict: what becomes of fields that a kind does not have


def prepared(
    kind: ResourceType,
    namespace: str,
    body: Value,
    strictness: Strictness,
    warn: Callable[[str], None],
) -> Json:
    """The body with its own metadata, in the namespace of the URL.

    Kind and API version may be absent, as in what kubectl sends for a patch. Raises a 400 ApiError
    for what cannot be decoded, for another kind or group than the URL's, and for another namespace.
    """
    problem = validation.check_shape(kind, body)
    if problem:
        raise bad_request(problem)
    body.setdefault("kind", kind.kind)
    body.setdefault("apiVersion", kind.api_version())
    if body["kind"] != kind.kind or body["apiVersion"].rpartition("/")[0] != kind.group:
        raise bad_request(
            f"{body['kind']} in version {body['apiVersion']!r} cannot be handled as a {kind.kind}: "
            f"the API version in the data ({body['apiVersion']}) does not match the expected API "
            f"version"
        )
    body = _pruned(kind, body, strictness, warn)
    metadata = {key: value for key, value in part_of(body, "metadata").items() if value is not None}
    if not kind.namespaced:
        metadata.pop("namespace", None)
        return {**body, "metadata": metadata}
    if (metadata.get("namespace") or namespace) != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = namespace
    return {**body, "metadata": metadata}


def _pruned(
    kind: ResourceType, body: Json, strictness: Strictness, warn: Callable[[str], None]
) -> Json:
    """The body without fields that its kind does not have, as Go's decoder drops them.

    ``Warn`` names each of them in a warning, ``Strict`` refuses them with a 400 ApiError
    (Kubernetes documentation, "API concepts", "Field validation").
    """
    kept, unknown = field_schema.pruned(kind, body)
    if not unknown:
        return body
    said = [f'unknown field "{name}"' for name in unknown]
    if strictness == "Strict":
        version = body["apiVersion"].rpartition("/")[2]
        raise bad_request(
            f'{kind.kind} in version "{version}" cannot be handled as a {kind.kind}: strict '
            f"decoding error: " + ", ".join(said)
        )
    if strictness == "Warn":
        for text in said:
            warn(text)
    return kept


def as_object(body: Value) -> Json:
    """The body, when it is an object; raises a 400 ApiError otherwise."""
    if not isinstance(body, dict):
        raise bad_request("the body is no object")
    return body
