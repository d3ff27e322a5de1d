"""Requests on stored objects: get, list, watch, create, update, patch, delete, deletecollection."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress

from migrator.lab.http_wire import Request, Response
from migrator.lab.kubernetes import protobuf
from migrator.lab.kubernetes.by_identity import ByIdentity
from migrator.lab.kubernetes.json_types import Json, Value, compact_json, json_response
from migrator.lab.kubernetes.registry import Registry, Write
from migrator.lab.kubernetes.request_info import RequestInfo
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.selectors import Matcher, field_matcher, label_matcher
from migrator.lab.kubernetes.status import (
    bad_request,
    expired,
    method_not_allowed,
    unsupported_media_type,
)
from migrator.lab.kubernetes.watch import Watched, watch
from migrator.lab.kubernetes.write_options import is_forced, write_of
from migrator.model.files.yaml_document import load_yaml

APPLY = "application/apply-patch+yaml"
# Objects that change without a request: before each read the cluster catches up.
FOLLOWED = frozenset(
    (("", "nodes"), ("coordination.k8s.io", "leases"), ("", "pods"), ("batch", "jobs"))
)
_WATCH_SECONDS = 1800.0
_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You must "
    "start a new list "
    "without the continue parameter."
)


def _no_beat() -> None:
    return None


class Objects:
    """Serves the objects of one registry. Callers were authenticated and authorised before."""

    def __init__(self, registry: Registry, beat: Callable[[], None] = _no_beat) -> None:
        self._registry, self._beat = registry, beat

    def answer(
        self,
        request: Request,
        info: RequestInfo,
        kind: ResourceType,
        *,
        write: Write,
        at_revision: int | None = None,
        page_size: int | None = None,
    ) -> Response:
        """The answer to a request on ``kind``.

        ``write`` holds what the writer may do; the request adds the rest. ``at_revision`` makes
        reads stale, ``page_size`` lists partial; both are faults of the lab, None for none. Raises
        ApiError.
        """
        match info.verb:
            case "get":
                found = self._get(kind, info, at_revision)
                return Response(200, _encoded(found, kind, info.version))
            case "list":
                return self._list(request, kind, info, at_revision, page_size)
            case "watch":
                return self._watch(request, kind, info)
            case "deletecollection":
                write = write_of(request, info, write, {})
                removed = self._registry.delete_collection(
                    kind, _namespace_of_list(kind, info), _chosen(request), write
                )
                revision = str(self._registry.store.revision)
                return _list_response(kind, info, removed, {"resourceVersion": revision})
            case _:
                return self._on_one(request, info, kind, write)

    def _on_one(
        self,
        request: Request,
        info: RequestInfo,
        kind: ResourceType,
        write: Write,
    ) -> Response:
        """A write to one object: 201 where it made the object, else 200.

        A name belongs into the URL of every write but a creation, and not there: anything else is a
        405. Warnings are a header (RFC 7234, ``299 - "text"``), which kubectl prints.
        """
        if info.verb == "delete":
            return self._delete(request, kind, info, write)
        body = read_body(request)
        applies = info.verb == "patch" and _media_type(request) == APPLY
        write = write_of(request, info, write, {}, applies=applies)
        namespace = _place(kind, info)
        match info.verb:
            case "create" if not info.name:
                found, code = self._registry.create(kind, namespace, body, write), 201
            case "update" if info.name:
                known = self._registry.store.get(kind.key, namespace, info.name) is not None
                found = self._registry.update(kind, namespace, info.name, body, write)
                code = 200 if known else 201
            case "patch" if info.name:
                found, code = self._patch(request, kind, info, body, write)
            case _:
                raise method_not_allowed()
        headers = {}
        if write.warnings:
            headers["Warning"] = ", ".join(f"299 - {json.dumps(text)}" for text in write.warnings)
        return json_response(code, _served(found, kind, info.version), headers)

    # reads

    def _get(self, kind: ResourceType, info: RequestInfo, at_revision: int | None) -> Json:
        """The object, now or at an earlier revision. What did not exist then is read as it is now:
        a stale cache that misses an object asks etcd.
        """
        namespace = _place(kind, info)
        if at_revision is not None:
            for found in self._registry.store.items_at(kind.key, namespace, at_revision) or ():
                if found["metadata"]["name"] == info.name:
                    return found
        return self._registry.get(kind, namespace, info.name)

    def _list(
        self,
        request: Request,
        kind: ResourceType,
        info: RequestInfo,
        at_revision: int | None,
        page_size: int | None,
    ) -> Response:
        """A page of the objects that match (Kubernetes documentation, "API concepts", "Retrieving
        large results sets in chunks").

        The continue token has the revision of the first page and the place of the last object, so
        all pages are of one revision. Raises a 410 ApiError when that revision is no longer
        remembered. How many objects remain is only said where no selector was given.
        """
        chosen, limit = _chosen(request), _number(request.parameter("limit"))
        if page_size is not None:
            limit = min(limit or page_size, page_size)
        items, revision = self._items_of_page(request, kind, info, at_revision)
        found = [item for item in items if chosen(item)]
        page = found
        # No limit, or one of 0, is everything.
        if limit:
            page = found[:limit]
        metadata: Json = {"resourceVersion": str(revision)}
        if len(page) < len(found):
            metadata["continue"] = _token(revision, _key(page[-1]))
            has_selector = request.parameter("labelSelector") or request.parameter("fieldSelector")
            if not has_selector:
                metadata["remainingItemCount"] = len(found) - len(page)
        return _list_response(kind, info, page, metadata)

    def _items_of_page(
        self,
        request: Request,
        kind: ResourceType,
        info: RequestInfo,
        at_revision: int | None,
    ) -> tuple[list[Json], int]:
        """What a page is taken from, sorted, and its revision."""
        store, namespace = self._registry.store, _namespace_of_list(kind, info)
        token = request.parameter("continue")
        if token:
            revision, after = _read_token(token)
            items = store.items_at(kind.key, namespace, revision)
            if items is None:
                raise expired(_CONTINUE_EXPIRED)
            return [item for item in items if _key(item) > after], revision
        if at_revision is not None:
            return store.items_at(kind.key, namespace, at_revision) or [], at_revision
        return store.items(kind.key, namespace)

    def _watch(self, request: Request, kind: ResourceType, info: RequestInfo) -> Response:
        """The stream of a watch. ``timeoutSeconds`` is machine time, half an hour by default.

        Raises a 400 ApiError for a resourceVersion that is no number.
        """
        since = request.parameter("resourceVersion")
        if since and not since.isdecimal():
            raise bad_request(f"invalid resource version: {since!r}")
        seconds = _number(request.parameter("timeoutSeconds")) or _WATCH_SECONDS
        beat = self._beat
        if kind.key not in FOLLOWED:
            beat = _no_beat
        chunks = watch(
            self._registry.store,
            Watched(kind, info.version, _namespace_of_list(kind, info), _chosen(request)),
            since,
            seconds=float(seconds),
            bookmarks=request.parameter("allowWatchBookmarks") in ("1", "true"),
            beat=beat,
        )
        return Response(200, chunks=chunks)

    # writes

    def _patch(
        self,
        request: Request,
        kind: ResourceType,
        info: RequestInfo,
        body: Value,
        write: Write,
    ) -> tuple[Json, int]:
        """The object after a patch, and 201 where an apply made it.

        Only an apply can make an object (Kubernetes documentation, "Server-Side Apply").
        """
        media_type, namespace = _media_type(request), _place(kind, info)
        if media_type != APPLY:
            return self._registry.patch(kind, namespace, info.name, body, media_type, write), 200
        force = is_forced(request)
        found, made = self._registry.apply(kind, namespace, info.name, body, write, force=force)
        return found, 201 if made else 200

    def _delete(
        self,
        request: Request,
        kind: ResourceType,
        info: RequestInfo,
        write: Write,
    ) -> Response:
        """Remove an object. The answer is the object where it stays for its finalizers, and for
        pods and custom kinds; for all others a Status (kubernetes
        ``registry/generic/registry/store.go``, ReturnDeletedObject).
        """
        options = read_body(request) if request.body else {}
        if not isinstance(options, dict):
            raise bad_request("the body is no DeleteOptions")
        write = write_of(request, info, write, options)
        found = self._registry.delete(kind, _place(kind, info), info.name, options, write)
        waits = bool(found["metadata"].get("finalizers"))
        if waits or kind.custom or kind.key == ("", "pods"):
            return json_response(200, _served(found, kind, info.version))
        details: Json = {"name": info.name, "kind": kind.plural, "uid": found["metadata"]["uid"]}
        if kind.group:
            details["group"] = kind.group
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return json_response(200, status)


def read_body(request: Request) -> Value:
    """The body from JSON, YAML or, for some kinds, protobuf.

    Raises a 400 ApiError for a body that does not parse, 415 for another media type. Without a
    media type a body is JSON (apiserver ``pkg/endpoints/handlers/negotiation/negotiate.go``).
    """
    media_type = _media_type(request)
    if media_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(request.body)
    if media_type in ("", "application/json") or media_type.endswith("+json"):
        try:
            return json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise bad_request(
                f"the object provided is unrecognized (must be of type JSON): {error}"
            ) from None
    if media_type in (APPLY, "application/yaml"):
        return _read_yaml(request.body)
    raise unsupported_media_type()


def _read_yaml(body: bytes) -> Value:
    """A body of media type YAML: JSON is tried first, which is what kubectl sends and which is
    YAML. Values that JSON does not have, such as dates, become texts.
    """
    with suppress(ValueError, RecursionError):
        return json.loads(body)
    try:
        return json.loads(json.dumps(load_yaml(body), default=str))
    except (ValueError, RecursionError) as error:
        raise bad_request(f"error decoding YAML: {type(error).__name__}") from None


def _dump(found: Json) -> bytes:
    return compact_json(found).encode()


_encodings = ByIdentity(_dump)


def _encoded(found: Json, kind: ResourceType, version: str) -> bytes:
    """A stored object as JSON; remembered, because most objects are read far more often than
    written.
    """
    served = _served(found, kind, version)
    return _encodings.of(found) if served is found else _dump(served)


def _list_response(
    kind: ResourceType, info: RequestInfo, items: list[Json], metadata: Json
) -> Response:
    """A list. The items are joined as bytes: each was encoded when it was written or first read."""
    head = {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version(info.version),
        "metadata": metadata,
    }
    body = b",".join(_encoded(item, kind, info.version) for item in items)
    return Response(200, compact_json(head).encode()[:-1] + b',"items":[' + body + b"]}")


def _media_type(request: Request) -> str:
    return request.header("content-type").partition(";")[0].strip().lower()


def _place(kind: ResourceType, info: RequestInfo) -> str:
    """The namespace that the store files an object under: empty for a kind without namespaces."""
    return info.namespace if kind.namespaced else ""


def _namespace_of_list(kind: ResourceType, info: RequestInfo) -> str | None:
    """The namespace of a list, watch or deletecollection; None for all namespaces."""
    if not kind.namespaced:
        return None
    return info.namespace or None


def _served(found: Json, kind: ResourceType, version: str) -> Json:
    """The object in the version asked for; the stored object itself where that is its own."""
    api_version = kind.api_version(version)
    if found.get("apiVersion") == api_version:
        return found
    return {**found, "apiVersion": api_version}


def _chosen(request: Request) -> Matcher:
    """A test for what a request selects by labels and by fields; raises a 400 ApiError."""
    labels, fields = request.parameter("labelSelector"), request.parameter("fieldSelector")
    by_label, by_field = label_matcher(labels), field_matcher(fields)
    return lambda found: by_label(found) and by_field(found)


def _number(text: str) -> int:
    """A number of a query, 0 where it is absent; raises a 400 ApiError in Go's words."""
    if text and not text.isdecimal():
        raise bad_request(f"strconv.ParseInt: parsing {text!r}: invalid syntax")
    return int(text or 0)


def _key(found: Json) -> tuple[str, str]:
    return (found["metadata"].get("namespace", ""), found["metadata"]["name"])


def _token(revision: int, after: tuple[str, str]) -> str:
    """A continue token: version, revision and last place as JSON in base64url (apiserver
    ``pkg/storage/continue.go``).
    """
    text = json.dumps({"v": 1, "rv": revision, "after": after})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    """Revision and last place (namespace, name) of a continue token; raises a 400 ApiError."""
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(found["rv"]), (str(found["after"][0]), str(found["after"][1]))
    except (ValueError, KeyError, TypeError, IndexError):
        raise bad_request("continue key is not valid: invalid continue token") from None
