"""What kubectl posts as protobuf, decoded by hand into its JSON form; answers are JSON, which it
accepts.

kubectl's typed commands speak protobuf: ``auth can-i``, ``auth whoami``, ``create configmap``,
``create role`` and the like. Field numbers: ``generated.proto`` of k8s.io/api (authorization,
authentication, core, rbac) and apimachinery; the envelope is apimachinery's ``runtime.Unknown``
behind four magic bytes.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.status import bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
Form: TypeAlias = Literal["text", "bytes", "number", "flag", "message"]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: its JSON name, how its value is encoded, and whether it repeats or is a
    map.
    """

    name: str
    form: Form = "text"
    message: "Schema | None" = None
    many: Literal["", "list", "map"] = ""


Schema: TypeAlias = dict[int, _Field]


def _texts(**names: int) -> Schema:
    return {number: _Field(name) for name, number in names.items()}


def _message(name: str, schema: Schema, many: Literal["", "list", "map"] = "") -> _Field:
    return _Field(name, "message", schema, many)


def _list(name: str) -> _Field:
    return _Field(name, many="list")


def _map(name: str, form: Form = "text") -> _Field:
    return _Field(name, form, many="map")


_META: Schema = {
    **_texts(name=1, generateName=2, namespace=3, uid=5, resourceVersion=6),
    11: _map("labels"),
    12: _map("annotations"),
    14: _list("finalizers"),
}
_METADATA: Schema = {1: _message("metadata", _META)}
_RESOURCE = _texts(namespace=1, verb=2, group=3, version=4, resource=5, subresource=6, name=7)
_ASKED: Schema = {
    1: _message("resourceAttributes", _RESOURCE),
    2: _message("nonResourceAttributes", _texts(path=1, verb=2)),
}
_EXTRA_VALUES: Schema = {1: _list("items")}
_ASKED_OF: Schema = {
    **_ASKED,
    3: _Field("user"),
    4: _list("groups"),
    5: _message("extra", _EXTRA_VALUES, "map"),
    6: _Field("uid"),
}
_RULE: Schema = {
    1: _list("verbs"),
    2: _list("apiGroups"),
    3: _list("resources"),
    4: _list("resourceNames"),
    5: _list("nonResourceURLs"),
}
_EXPRESSION: Schema = {1: _Field("key"), 2: _Field("operator"), 3: _list("values")}
_SELECTOR: Schema = {1: _map("matchLabels"), 2: _message("matchExpressions", _EXPRESSION, "list")}
_ROLE: Schema = {**_METADATA, 2: _message("rules", _RULE, "list")}
_BINDING: Schema = {
    **_METADATA,
    2: _message("subjects", _texts(kind=1, apiGroup=2, name=3, namespace=4), "list"),
    3: _message("roleRef", _texts(apiGroup=1, kind=2, name=3)),
}
_KINDS: dict[str, Schema] = {
    "SelfSubjectReview": _METADATA,
    "SelfSubjectAccessReview": {**_METADATA, 2: _message("spec", _ASKED)},
    "SelfSubjectRulesReview": {**_METADATA, 2: _message("spec", _texts(namespace=1))},
    "SubjectAccessReview": {**_METADATA, 2: _message("spec", _ASKED_OF)},
    "LocalSubjectAccessReview": {**_METADATA, 2: _message("spec", _ASKED_OF)},
    "TokenReview": {**_METADATA, 2: _message("spec", {1: _Field("token"), 2: _list("audiences")})},
    "TokenRequest": {
        **_METADATA,
        2: _message("spec", {1: _list("audiences"), 4: _Field("expirationSeconds", "number")}),
    },
    "ConfigMap": {
        **_METADATA,
        2: _map("data"),
        3: _map("binaryData", "bytes"),
        4: _Field("immutable", "flag"),
    },
    "Secret": {
        **_METADATA,
        2: _map("data", "bytes"),
        3: _Field("type"),
        4: _map("stringData"),
        5: _Field("immutable", "flag"),
    },
    "Namespace": {**_METADATA, 2: _message("spec", {1: _list("finalizers")})},
    "ServiceAccount": {**_METADATA, 4: _Field("automountServiceAccountToken", "flag")},
    "Role": _ROLE,
    "ClusterRole": {
        **_ROLE,
        3: _message("aggregationRule", {1: _message("clusterRoleSelectors", _SELECTOR, "list")}),
    },
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "DeleteOptions": {
        1: _Field("gracePeriodSeconds", "number"),
        2: _message("preconditions", _texts(uid=1, resourceVersion=2)),
        4: _Field("propagationPolicy"),
        5: _list("dryRun"),
    },
}


def decode(body: bytes) -> Json:
    """The JSON form of a message.

    The envelope holds ``apiVersion`` and ``kind`` in field 1 and the message in field 2
    (apimachinery ``pkg/runtime/generated.proto``, Unknown). Raises a 400 ApiError for damaged bytes
    and for kinds that are not read this way.
    """
    if not body.startswith(_MAGIC):
        raise bad_request(
            "provided data does not appear to be a protobuf message, expected prefix 'k8s\\x00'"
        )
    envelope = dict(_fields(body[len(_MAGIC) :]))
    type_meta = _decode(_as_bytes(envelope.get(1, b"")), _texts(apiVersion=1, kind=2))
    kind = type_meta.get("kind")
    schema = _KINDS.get(kind or "")
    if schema is None:
        raise bad_request(f"no protobuf decoding for kind {kind!r}: send application/json")
    return {**type_meta, **_decode(_as_bytes(envelope.get(2, b"")), schema)}


def _decode(body: bytes, schema: Schema) -> Json:
    """The fields of a message that the schema knows, by their JSON names; others are skipped, as a
    server of an older version skips them.

    A map is a list of entries with the key in field 1 and the value in field 2 (protobuf,
    "Encoding", "Maps"). The values of ``extra`` are messages around a list, which JSON shows as the
    list.
    """
    found: Json = {}
    for number, raw in _fields(body):
        field = schema.get(number)
        if field is None:
            continue
        if field.many == "list":
            found.setdefault(field.name, []).append(_value(field, raw))
        elif field.many == "map":
            entry = dict(_fields(_as_bytes(raw)))
            key = _as_bytes(entry.get(1, b"")).decode("utf-8", "replace")
            value = _value(field, entry.get(2, b""))
            if field.message is _EXTRA_VALUES:
                value = value["items"]
            found.setdefault(field.name, {})[key] = value
        # Go writes empty strings, and leaves them out of JSON.
        elif raw != b"" or field.form == "message":
            found[field.name] = _value(field, raw)
    return found


def _value(field: _Field, raw: bytes | int) -> Value:
    """A field's value in JSON: bytes become base64, damaged UTF-8 becomes replacement
    characters.
    """
    match field.form:
        case "number":
            # An empty message is what a missing value of a map entry looks like.
            if isinstance(raw, bytes):
                return 0
            return raw
        case "flag":
            return bool(raw)
        case "bytes":
            return base64.b64encode(_as_bytes(raw)).decode()
        case "message":
            return _decode(_as_bytes(raw), field.message or {})
        case "text":
            return _as_bytes(raw).decode("utf-8", "replace")


def _as_bytes(raw: bytes | int) -> bytes:
    """The bytes of a field that has a length; raises a 400 ApiError where a number was sent."""
    if isinstance(raw, int):
        raise bad_request("proto: wrong wireType for a field")
    return raw


def _fields(body: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(number, value) of every field, in order.

    A tag holds the number and, in its lowest three bits, the wire type: 0 is a varint, 2 has a
    length; 1 and 5 are fixed numbers of 8 and 4 bytes, which no field here is, so they are skipped
    (protobuf, "Encoding"). Raises a 400 ApiError for other types and a message that is cut off.
    """
    at = 0
    while at < len(body):
        tag, at = _varint(body, at)
        match tag & 7:
            case 0:
                value, at = _varint(body, at)
                yield tag >> 3, value
            case 1:
                at += 8
            case 2:
                length, at = _varint(body, at)
                if at + length > len(body):
                    raise bad_request("unexpected EOF in a protobuf message")
                yield tag >> 3, body[at : at + length]
                at += length
            case 5:
                at += 4
            case other:
                raise bad_request(f"proto: illegal wireType {other}")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number and the place behind it: seven bits a byte, the lowest first, the high bit set on
    all but the last (protobuf, "Encoding", "Base 128 Varints"). Raises a 400 ApiError beyond 64
    bits.
    """
    value = shift = 0
    while at < len(body) and shift < 64:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise bad_request("unexpected EOF in a protobuf message")
