"""AWS's wire protocols, the server's half: requests are parsed and responses written by botocore's
own models.

EKS speaks rest-json, STS and IAM query (XML back), EC2 its own dialect of query, CloudWatch Logs
json. Only members of the operation's output shape are ever written, in the types that the shape
says.
"""

import base64
import functools
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from migrator.lab.aws.errors import AwsError
from migrator.lab.http_wire import Request, Response

Value: TypeAlias = Any  # shaped by a botocore shape
SERVICES = ("eks", "sts", "iam", "ec2", "logs", "sso", "cloudtrail", "ssm", "organizations")
# Characters that XML 1.0 cannot carry, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Botocore's model of a service, read once. The service is one of :data:`SERVICES`."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@functools.cache
def operation_model(service: str, operation: str) -> OperationModel:
    """Botocore's model of an operation."""
    return service_model(service).operation_model(operation)


# Requests.


def parse_request(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    """``(operation name, parameters)``, the parameters by the members of the operation's input
    shape.

    Raises :class:`AwsError` for an operation that the service does not have, and for a body that
    its protocol cannot read.
    """
    protocol = service_model(service).protocol
    if protocol == "rest-json":
        return _parse_rest_json(service, request)
    if protocol == "json":
        return _parse_json(service, request)
    return _parse_query(service, request)


def _parse_rest_json(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    """The operation by method and path; parameters come from the path, the query string, headers
    and the JSON body, each where the shape locates it (Smithy, "HTTP protocol bindings").
    """
    operation, labels = _route(service, request.method, request.raw_path)
    model = operation_model(service, operation)
    params: dict[str, Any] = dict(labels)
    shape = model.input_shape
    if shape is None:
        return operation, params
    if request.raw_query:
        _read_query_string(_query_members(service, operation), request.raw_query, params)
    for name, key in _header_members(service, operation):
        if name in request.headers:
            params[key] = request.joined(name)
    if request.body:
        params.update(_json_body(request, shape, "InvalidRequestException"))
    return operation, params


def _read_query_string(
    by_name: Mapping[str, tuple[str, Shape]], query: str, params: dict[str, Any]
) -> None:
    """Add the members of a query string to ``params``; a list is a name that repeats, and names
    that the operation does not have are ignored.
    """
    for name, text in parse_qsl(query, keep_blank_values=True):
        member = by_name.get(name)
        if member is None:
            continue
        key, member_shape = member
        if isinstance(member_shape, ListShape):
            params.setdefault(key, []).append(text)
        else:
            params[key] = _scalar(member_shape, text)


@functools.cache
def _query_members(service: str, operation: str) -> dict[str, tuple[str, Shape]]:
    """Members of an operation's input that are located in the query string: wire name to (name,
    shape).
    """
    shape = operation_model(service, operation).input_shape
    return {
        member.serialization.get("name", key): (key, member)
        for key, member in shape.members.items()
        if member.serialization.get("location") == "querystring"
    }


@functools.cache
def _header_members(service: str, operation: str) -> tuple[tuple[str, str], ...]:
    """Members of an operation's input that are located in headers: (header in lower case, name)."""
    shape = operation_model(service, operation).input_shape
    return tuple(
        (str(member.serialization.get("name", key)).lower(), key)
        for key, member in shape.members.items()
        if member.serialization.get("location") == "header"
    )


@functools.cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, pattern and operation of a service.

    Patterns with fewer labels come first, so that a fixed word beats a label. A label takes one
    part of a path, still percent-encoded.
    """
    routes = []
    for name in service_model(service).operation_names:
        http = operation_model(service, name).http
        pattern = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", http["requestUri"].partition("?")[0])
        routes.append((http["method"], re.compile(pattern + "/?"), name))
    return sorted(routes, key=lambda route: route[1].pattern.count("(?P<"))


@functools.lru_cache(maxsize=8192)
def _route(service: str, method: str, path: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The operation at a method and path, and its labels as (member name, text). Raises a 404
    AwsError for none.
    """
    for wanted, pattern, name in _routes(service):
        if wanted != method:
            continue
        match = pattern.fullmatch(path)
        if match is None:
            continue
        names = _wire_names(operation_model(service, name).input_shape)
        labels = match.groupdict().items()
        return name, tuple((names[label], unquote(text)) for label, text in labels)
    raise AwsError("UnknownOperationException", f"no operation at {method} {path}", 404)


def _wire_names(shape: StructureShape) -> dict[str, str]:
    """What the members of a shape are called on the wire, each with its name in the model."""
    return {member.serialization.get("name", key): key for key, member in shape.members.items()}


def _parse_json(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    """The operation by header ``X-Amz-Target`` (``Logs_20140328.FilterLogEvents``), the parameters
    from the body (Smithy, "AWS JSON 1.1 protocol").
    """
    operation = request.joined("x-amz-target").rpartition(".")[2]
    if operation not in service_model(service).operation_names:
        raise AwsError("UnknownOperationException", "", 400)
    shape = operation_model(service, operation).input_shape
    return operation, _json_body(request, shape, "SerializationException") if shape else {}


def _json_body(request: Request, shape: StructureShape, code: str) -> dict[str, Any]:
    """The members of a shape that a JSON body holds. What is null or no member is ignored, as AWS
    ignores it; ``code`` is the error of a body that is no object.
    """
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise AwsError(code, "The request body is not JSON.") from None
    if not isinstance(body, dict):
        raise AwsError(code, "The request body is not an object.")
    names = _wire_names(shape)
    params = {}
    for name, value in body.items():
        if name in names and value is not None:
            params[names[name]] = value
    return params


def _parse_query(service: str, request: Request) -> tuple[str, dict[str, Any]]:
    """The operation by parameter ``Action`` of the form or, without a body, of the URL (Smithy,
    "AWS query protocol"). EC2 numbers and names its lists in another way.
    """
    text = request.body.decode("utf-8", "replace") if request.body else request.raw_query
    form = dict(parse_qsl(text, keep_blank_values=True))
    operation = form.get("Action", "")
    if operation not in service_model(service).operation_names:
        raise AwsError(
            "InvalidAction",
            f"Could not find operation {operation} for version {form.get('Version')}",
        )
    shape = operation_model(service, operation).input_shape
    if shape is None:
        return operation, {}
    return operation, _read_form(shape, form, "", service_model(service).protocol == "ec2") or {}


def _read_form(shape: Shape, form: Mapping[str, str], prefix: str, ec2: bool) -> Value:
    """The value under ``prefix`` in a form, None when it is not there (botocore ``serialize.py``,
    QuerySerializer and EC2Serializer).

    ``ec2`` says which of the two dialects is read.
    """
    if isinstance(shape, StructureShape):
        return _read_form_structure(shape, form, prefix, ec2)
    if isinstance(shape, ListShape):
        return _read_form_list(shape, form, prefix, ec2)
    return _scalar(shape, form[prefix]) if prefix in form else None


def _read_form_structure(
    shape: StructureShape, form: Mapping[str, str], prefix: str, ec2: bool
) -> Value:
    """A structure: its members are at ``prefix.Name``. None when nothing of it is there."""
    if prefix and not any(key.startswith(prefix) for key in form):
        return None
    value = {}
    for key, member in shape.members.items():
        place = f"{prefix}.{_form_name(key, member, ec2)}".lstrip(".")
        found = _read_form(member, form, place, ec2)
        if found is not None:
            value[key] = found
    return value or None


def _read_form_list(shape: ListShape, form: Mapping[str, str], prefix: str, ec2: bool) -> Value:
    """A list: its items are at ``prefix.member.N``, or at ``prefix.N`` in EC2 and where the shape
    is flattened. N counts from one; a gap ends the list.
    """
    stem = prefix
    if not ec2 and not shape.serialization.get("flattened"):
        stem = f"{prefix}.{shape.member.serialization.get('name', 'member')}"
    items: list[Value] = []
    while (item := _read_form(shape.member, form, f"{stem}.{len(items) + 1}", ec2)) is not None:
        items.append(item)
    return items or None


def _form_name(key: str, member: Shape, ec2: bool) -> str:
    """What a member is called in a form. EC2 capitalises the first letter; the items of a flattened
    list have the name of its member (botocore ``serialize.py``).
    """
    name = str(member.serialization.get("name", key))
    if ec2:
        name = str(member.serialization.get("queryName") or name)
        return name[0].upper() + name[1:]
    is_flat = isinstance(member, ListShape) and member.serialization.get("flattened")
    if is_flat:
        return str(member.member.serialization.get("name", name))
    return name


def _scalar(shape: Shape, text: str) -> Value:
    """A text of a URL or form as the shape's type; raises ValidationError for a number that is
    none. A timestamp stays a text.
    """
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name in ("float", "double"):
            return float(text)
    except ValueError:
        raise AwsError("ValidationError", f"{text!r} is not a number") from None
    return text.lower() == "true" if shape.type_name == "boolean" else text


# Responses.


def write_response(
    service: str, operation: str, result: Mapping[str, Any], request_id: str
) -> Response:
    """The response of an operation in its service's protocol.

    ``result`` has members of the operation's output shape; members that are None are left out. EC2
    has the request id in its root element, STS and IAM have it in ResponseMetadata.
    """
    model = operation_model(service, operation)
    protocol = service_model(service).protocol
    headers = {"x-amzn-RequestId": request_id}
    if protocol in ("rest-json", "json"):
        value = _to_json(model.output_shape, result) if model.output_shape else {}
        kind = "application/json" if protocol == "rest-json" else "application/x-amz-json-1.1"
        return Response(200, json.dumps(value).encode(), kind, headers)
    namespace = model.metadata.get("xmlNamespace")
    if not namespace:
        namespace = service_model(service).metadata.get("xmlNamespace", "")
    inner, wrapper = "", None
    if model.output_shape:
        inner = "".join(_to_xml_members(model.output_shape, result, protocol == "ec2"))
        wrapper = model.output_shape.serialization.get("resultWrapper")
    if wrapper:
        inner = f"<{wrapper}>{inner}</{wrapper}>"
    if protocol == "ec2":
        inner = f"<requestId>{request_id}</requestId>{inner}"
    else:
        inner += f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    text = f'<{operation}Response xmlns="{namespace}">{inner}</{operation}Response>'
    return Response(200, text.encode(), "text/xml", headers)


def write_error(protocol: str, error: AwsError, request_id: str) -> Response:
    """An error in a protocol: code, message and further fields where botocore looks for them
    (``parsers.py``).

    Only query says whose fault it was: the receiver's from status 500 on, else the sender's.
    """
    headers = {"x-amzn-RequestId": request_id, **error.headers}
    if protocol == "rest-json":
        headers["x-amzn-ErrorType"] = error.code
        body = json.dumps({"message": error.message, **error.fields}).encode()
        return Response(error.status, body, "application/json", headers)
    if protocol == "json":
        body = json.dumps({"__type": error.code, "message": error.message, **error.fields}).encode()
        return Response(error.status, body, "application/x-amz-json-1.1", headers)
    code, message = _xml(error.code), _xml(error.message)
    if protocol == "rest-xml":
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    elif protocol == "ec2":
        inner = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        text = f"<Response>{inner}<RequestID>{request_id}</RequestID></Response>"
    else:
        fault = "Receiver" if error.status >= 500 else "Sender"
        inner = (
            f"<Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        )
        text = f"<ErrorResponse>{inner}<RequestId>{request_id}</RequestId></ErrorResponse>"
    return Response(error.status, text.encode(), "text/xml", headers)


def _to_json(shape: Shape, value: Value) -> Value:
    """A value as JSON has it in a shape: timestamps are seconds since 1970 with milliseconds (the
    default of rest-json and json, botocore ``parsers.py``), bytes are base64.
    """
    if isinstance(shape, StructureShape):
        return _to_json_members(shape, value)
    if isinstance(shape, ListShape):
        return [_to_json(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {str(key): _to_json(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if shape.type_name == "blob":
        raw = value if isinstance(value, bytes) else str(value).encode()
        return base64.b64encode(raw).decode()
    return value


def _to_json_members(shape: StructureShape, value: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a structure by their wire names. What the shape does not have is left out: no
    client could read it.
    """
    found = {}
    for key, item in value.items():
        member = shape.members.get(key)
        if member is not None and item is not None:
            found[member.serialization.get("name", key)] = _to_json(member, item)
    return found


def _to_xml_members(shape: StructureShape, value: Mapping[str, Any], ec2: bool) -> Iterable[str]:
    """The elements of a structure in the order of its shape; members that are None have none."""
    for key, member in shape.members.items():
        item = value.get(key)
        if item is not None:
            yield _to_xml(member, member.serialization.get("name", key), item, ec2)


def _to_xml(shape: Shape, name: str, value: Value, ec2: bool) -> str:
    """An element and all below it."""
    if isinstance(shape, StructureShape):
        return f"<{name}>{''.join(_to_xml_members(shape, value, ec2))}</{name}>"
    if isinstance(shape, ListShape):
        return _to_xml_list(shape, name, value, ec2)
    if isinstance(shape, MapShape):
        entries = "".join(_to_xml_entry(shape, key, item, ec2) for key, item in value.items())
        return f"<{name}>{entries}</{name}>"
    return f"<{name}>{_xml(_xml_text(shape, value))}</{name}>"


def _to_xml_list(shape: ListShape, name: str, value: Iterable[Value], ec2: bool) -> str:
    """A list: one element around its items, or in a flattened list the items alone (botocore
    ``parsers.py``, _handle_list).
    """
    if shape.serialization.get("flattened"):
        return "".join(_to_xml(shape.member, name, item, ec2) for item in value)
    inner_name = shape.member.serialization.get("name", "item" if ec2 else "member")
    items = "".join(_to_xml(shape.member, inner_name, item, ec2) for item in value)
    return f"<{name}>{items}</{name}>"


def _xml_text(shape: Shape, value: Value) -> str:
    """A scalar as text: timestamps are ISO 8601 in UTC (Smithy, "AWS query protocol")."""
    if shape.type_name == "timestamp" and isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if shape.type_name == "boolean":
        return "true" if value else "false"
    return str(value)


def _to_xml_entry(shape: MapShape, key: str, item: Value, ec2: bool) -> str:
    """One entry of a map, its key and value as elements of their own (botocore ``parsers.py``,
    _handle_map).
    """
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    value = _to_xml(shape.value, value_name, item, ec2)
    return f"<entry><{key_name}>{_xml(str(key))}</{key_name}>{value}</entry>"


def _xml(text: str) -> str:
    """A text that may be between tags; what XML 1.0 cannot carry becomes U+FFFD."""
    return escape(_NOT_XML.sub("\ufffd", text))
