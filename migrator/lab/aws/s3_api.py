"""S3, as far as state is kept in it: objects are put, got, listed and deleted, on conditions where
the caller states some (Amazon S3 user guide, "Add preconditions to S3 operations with conditional
requests").

Requests are addressed by path. Texts of denials: Amazon S3 user guide, "Troubleshoot access denied
(403 Forbidden) errors".
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from migrator.lab.aws.call import Call, Handler, make_token, read_token
from migrator.lab.aws.errors import AwsError, CommonError
from migrator.lab.http_wire import Request, Response
from migrator.lab.worlds.buckets import Bucket

# IAM's action of an operation that has another name (service authorization reference, Amazon S3).
_ACTIONS = {"ListObjectsV2": "s3:ListBucket"}
_ROUTES = {
    ("GET", True): "GetObject",
    ("PUT", True): "PutObject",
    ("DELETE", True): "DeleteObject",
    ("GET", False): "ListObjectsV2",
}
_CONDITIONS = {"if-match": "IfMatch", "if-none-match": "IfNoneMatch"}
_QUERY = {
    "prefix": "Prefix",
    "continuation-token": "ContinuationToken",
    "max-keys": "MaxKeys",
    "encoding-type": "EncodingType",
}
_NOT_IN_REGION = (
    "because the resource does not exist in this Region, no resource-based policies allow access, "
    "or a resource-based policy explicitly denies access"
)


def parse(request: Request) -> tuple[str, dict[str, Any]]:
    """The operation of a request and its parameters. Raises a 405 AwsError for what the lab does
    not have.
    """
    bucket, _, key = unquote(request.raw_path).lstrip("/").partition("/")
    operation = _ROUTES.get((request.method, bool(key)))
    if operation is None:
        text = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", text, 405)
    params: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": request.body}
    for header, name in _CONDITIONS.items():
        if header in request.headers:
            params[name] = request.joined(header)
    for wire, name in _QUERY.items():
        if wire in request.query:
            params[name] = request.parameter(wire)
    return operation, params


def write(operation: str, result: Mapping[str, Any], request_id: str) -> Response:
    """The answer of an operation."""
    headers = {"x-amz-request-id": request_id}
    if "ETag" in result:
        headers["ETag"] = result["ETag"]
    if operation == "GetObject":
        return Response(200, result["Body"], "application/octet-stream", headers)
    if operation == "ListObjectsV2":
        return Response(200, _listing(result).encode(), "application/xml", headers)
    return Response(204 if operation == "DeleteObject" else 200, b"", "application/xml", headers)


def _listing(result: Mapping[str, Any]) -> str:
    items = "".join(
        f"<Contents><Key>{escape(key)}</Key><ETag>{escape(tag)}</ETag><Size>{size}</Size></Contents>"
        for key, tag, size in result["Contents"]
    )
    token = result["NextContinuationToken"]
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    truncated = str(bool(token)).lower()
    inner = f"<IsTruncated>{truncated}</IsTruncated>{more}{items}"
    return f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inner}</ListBucketResult>'


def _bucket(call: Call) -> Bucket:
    """The bucket of a call, which the caller may use. Raises NoSuchBucket, PermanentRedirect for
    one of another Region, AccessDenied by the caller's policies and by the bucket's.
    """
    found = call.world.buckets.get(call.params["Bucket"])
    if found is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    if found.region != call.region:
        error = AwsError(
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified "
            "endpoint. Please send all future requests to this endpoint.",
            301,
        )
        error.headers["x-amz-bucket-region"] = found.region
        raise error
    action = _ACTIONS.get(call.operation, f"s3:{call.operation}")
    _allow(call, found, action, call.params["Key"])
    return found


def _allow(call: Call, bucket: Bucket, action: str, key: str) -> None:
    call.require(action, bucket.arn(key))
    if refusal := bucket.policy.refusal(action):
        raise CommonError(
            "denied",
            f"User: {call.caller.arn} is not authorized to perform: {action} on resource: "
            f"{bucket.arn(key)}{refusal}",
        )


def _use_key(call: Call, bucket: Bucket, action: str) -> None:
    """Raise AccessDenied unless the caller may use the bucket's key, which is in its Region."""
    if not bucket.kms_key:
        return
    call.require(action, bucket.kms_key)
    if bucket.kms_key.split(":")[3] != bucket.region:
        raise CommonError(
            "denied",
            f"User: {call.caller.arn} is not authorized to perform: {action} on this resource "
            f"{_NOT_IN_REGION}",
        )


def _tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _check_conditions(call: Call, bucket: Bucket) -> None:
    """Raise PreconditionFailed where the object is not as the caller demands, and NotImplemented
    where the store has no conditions.
    """
    params = call.params
    if bucket.conditional_writes == "ignored" or not {"IfMatch", "IfNoneMatch"} & params.keys():
        return
    if bucket.conditional_writes == "refused":
        text = "A header you provided implies functionality that is not implemented"
        raise AwsError("NotImplemented", text, 501)
    content = bucket.objects.get(params["Key"])
    if content is None and "IfMatch" in params:
        raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
    # The one condition of IfNoneMatch is "*": that there is no object.
    holds = content is None
    if content is not None:
        holds = _tag(content) == params.get("IfMatch")
    if not holds:
        text = "At least one of the pre-conditions you specified did not hold"
        raise AwsError("PreconditionFailed", text, 412)


def get_object(call: Call) -> Mapping[str, Any]:
    """GetObject. Whether a key exists is told to those alone who may list the bucket."""
    bucket = _bucket(call)
    content = bucket.objects.get(call.params["Key"])
    if content is None:
        _allow(call, bucket, "s3:ListBucket", "")
        raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
    _use_key(call, bucket, "kms:Decrypt")
    return {"Body": content, "ETag": _tag(content)}


def put_object(call: Call) -> Mapping[str, Any]:
    """PutObject."""
    bucket = _bucket(call)
    _use_key(call, bucket, "kms:GenerateDataKey")
    _check_conditions(call, bucket)
    content: bytes = call.params["Body"]
    with call.effect(bucket=bucket.name, key=call.params["Key"]):
        bucket.objects[call.params["Key"]] = content
    return {"ETag": _tag(content)}


def delete_object(call: Call) -> Mapping[str, Any]:
    """DeleteObject; of a key that is not there, too, unless a condition demands it."""
    bucket = _bucket(call)
    _check_conditions(call, bucket)
    with call.effect(bucket=bucket.name, key=call.params["Key"]):
        bucket.objects.pop(call.params["Key"], None)
    return {}


def list_objects(call: Call) -> Mapping[str, Any]:
    """ListObjectsV2, by prefix."""
    bucket, prefix = _bucket(call), call.params.get("Prefix") or ""
    size = min(int(call.params.get("MaxKeys") or 1000), 1000)
    if partial := call.faults.get("partial-page"):
        size = min(size, max(1, partial.page_size))
    keys = sorted(key for key in bucket.objects if key.startswith(prefix))
    if token := call.params.get("ContinuationToken"):
        after = read_token(token)
        keys = [key for key in keys if key > after]
    page = keys[:size]
    return {
        "Contents": [(key, _tag(bucket.objects[key]), len(bucket.objects[key])) for key in page],
        "NextContinuationToken": make_token(page[-1]) if len(keys) > size else None,
    }


OPERATIONS: Mapping[str, Handler] = {
    "GetObject": get_object,
    "PutObject": put_object,
    "DeleteObject": delete_object,
    "ListObjectsV2": list_objects,
}
