"""Requests on stored objects: get, list, watch, create, update, patch, delete, deletecollection."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace

from migrator.lab.http_wire import Request, Response
from migrator.lab.kubernetes import protobuf
from migrator.lab.kubernetes.by_identity import ByIdentity
from migrator.lab.kubernetes.json_types import Json, Value, compact_json, json_response
from migrator.lab.kubernetes.registry import Registry, Write
from migrator.lab.kubernetes.request_info import RequestInfo
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.selectors import Matcher, field_matcher, label_matcher
from migrator.lab.kubernetes.status import (
    ApiError,
    bad_request,
    expired,
    method_not_allowed,
    unsupported_media_type,
)
from migrator.lab.kubernetes.watch import Watched, watch
from migrator.model.files.yaml_document import load_yaml

APPLY = "application/apply-patch+yaml"
# Objects that change without a request: before each read the cluster catches up.
FOLLOWED = frozenset(
    (("", "nodes"), ("coordination.k8s.io", "leases"), ("", "pods"), ("batch", "jobs"))
)
_WATCH_SECONDS = 1800.0
_MANAGER_LIMIT = 128
_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You must "
    "start a new list "
    "without the continue parameter."
)


class Objects:
    """Serves the objects of one registry. Callers were authenticated and authorised before."""

    def __init__(self, registry: Registry, beat: Callable[[], None] = lambda: None) -> None:
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
        reads stale, ``page_size`` lists partial.
        """
        match info.verb:
            case "get":
                return Response(
                    200, _encoded(self._get(kind, info, at_revision), kind, info.version)
                )
            case "list":
                return self._list(request, kind, info, at_revision, page_size)
            case "watch":
                return self._watch(request, kind, info)
            case "deletecollection":
                write = _write(request, info, write, {})
                namespace = info.namespace if kind.namespaced and info.namespace else None
                removed = self._registry.delete_collection(kind, namespace, _chosen(request), write)
                return _list_response(
                    kind, info, removed, {"resourceVersion": str(self._registry.store.revision)}
                )
            case _:
                return self._on_one(request, info, kind, write)

    def _on_one(
        self, request: Request, info: RequestInfo, kind: ResourceType, write: Write
    ) -> Response:
        """A write to one object."""
        if info.verb == "delete":
            return self._delete(request, kind, info, write)
        body = read_body(request)
        write = _write(request, info, write, {})
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
        warnings = (
            {"Warning": ", ".join(f"299 - {json.dumps(text)}" for text in write.warnings)}
            if write.warnings
            else {}
        )
        return json_response(code, _served(found, kind, info.version), warnings)

    # reads

    def _get(self, kind: ResourceType, info: RequestInfo, at_revision: int | None) -> Json:
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
        namespace = info.namespace if kind.namespaced and info.namespace else None
        chosen, limit = _chosen(request), _number(request.parameter("limit"))
        if page_size is not None:
            limit = min(limit or page_size, page_size)
        token = request.parameter("continue")
        store = self._registry.store
        after: tuple[str, str] | None = None
        if token:
            revision, after = _read_token(token)
            items = store.items_at(kind.key, namespace, revision)
            if items is None:
                raise expired(_CONTINUE_EXPIRED)
        elif at_revision is not None:
            items, revision = store.items_at(kind.key, namespace, at_revision) or [], at_revision
        else:
            items, revision = store.items(kind.key, namespace)
        found = [item for item in items if chosen(item)]
        if after is not None:
            found = [item for item in found if _key(item) > after]
        page = found[:limit] if limit else found
        metadata: Json = {"resourceVersion": str(revision)}
        if len(page) < len(found):
            metadata["continue"] = _token(revision, _key(page[-1]))
            if not request.parameter("labelSelector") and not request.parameter("fieldSelector"):
                metadata["remainingItemCount"] = len(found) - len(page)
        return _list_response(kind, info, page, metadata)

    def _watch(self, request: Request, kind: ResourceType, info: RequestInfo) -> Response:
        since = request.parameter("resourceVersion")
        if since and not since.isdecimal():
            raise bad_request(f"invalid resource version: {since!r}")
        seconds = _number(request.parameter("timeoutSeconds")) or _WATCH_SECONDS
        namespace = info.namespace if kind.namespaced and info.namespace else None
        chunks = watch(
            self._registry.store,
            Watched(kind, info.version, namespace, _chosen(request)),
            since,
            seconds=float(seconds),
            bookmarks=request.parameter("allowWatchBookmarks") in ("1", "true"),
            beat=self._beat if kind.key in FOLLOWED else lambda: None,
        )
        return Response(200, chunks=chunks)

    # writes

    def _patch(
        self, request: Request, kind: ResourceType, info: RequestInfo, body: Value, write: Write
    ) -> tuple[Json, int]:
        media_type, namespace = _media_type(request), _place(kind, info)
        if media_type != APPLY:
            return self._registry.patch(kind, namespace, info.name, body, media_type, write), 200
        if not request.parameter("fieldManager"):
            raise ApiError(
                422,
                "Invalid",
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required '
                "for apply patch",
                {
                    "group": "meta.k8s.io",
                    "kind": "PatchOptions",
                    "causes": [
                        {
                            "reason": "FieldValueRequired",
                            "message": "Required value: is required for apply patch",
                            "field": "fieldManager",
                        }
                    ],
                },
            )
        force = request.parameter("force") in ("1", "true")
        found, made = self._registry.apply(kind, namespace, info.name, body, write, force=force)
        return found, 201 if made else 200

    def _delete(
        self, request: Request, kind: ResourceType, info: RequestInfo, write: Write
    ) -> Response:
        options = read_body(request) if request.body else {}
        if not isinstance(options, dict):
            raise bad_request("the body is no DeleteOptions")
        write = _write(request, info, write, options)
        found = self._registry.delete(kind, _place(kind, info), info.name, options, write)
        waits = bool(found["metadata"].get("finalizers"))
        if waits or kind.custom or kind.key == ("", "pods"):
            return json_response(200, _served(found, kind, info.version))
        details: Json = {"name": info.name, "kind": kind.plural, "uid": found["metadata"]["uid"]}
        if kind.group:
            details["group"] = kind.group
        return json_response(
            200,
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details,
            },
        )


def _write(request: Request, info: RequestInfo, write: Write, options: Json) -> Write:
    """How the request wants to write."""
    dry = request.query.get("dryRun") or options.get("dryRun") or []
    if any(value not in ("All", "") for value in dry):
        raise bad_request(f'dryRun: Unsupported value: {json.dumps(dry)}: supported values: "All"')
    # Without a name the program of the user agent is the manager (apiserver
    # ``pkg/endpoints/handlers/create.go``, managerOrUserAgent).
    program = request.header("user-agent").partition("/")[0]
    manager = request.parameter("fieldManager") or program or "unknown"
    strictness = request.parameter("fieldValidation", "Warn")
    if strictness not in ("Ignore", "Warn", "Strict"):
        text = (
            f'fieldValidation: Unsupported value: "{strictness}": supported values: "Ignore", '
            f'"Strict", "Warn"'
        )
        raise bad_request(text)
    return replace(
        write,
        manager=manager[:_MANAGER_LIMIT],
        dry_run="All" in dry,
        version=info.version,
        strictness=strictness,
        warnings=[],
    )


def read_body(request: Request) -> Value:
    """The body from JSON, YAML or, for some kinds, protobuf; raises a 400 or 415 ApiError."""
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
    try:
        return json.loads(body)  # kubectl sends JSON, which is YAML
    except (ValueError, RecursionError):
        pass
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
    return info.namespace if kind.namespaced else ""


def _served(found: Json, kind: ResourceType, version: str) -> Json:
    """The object in the version asked for; the stored object itself where that is its own."""
    api_version = kind.api_version(version)
    return found if found.get("apiVersion") == api_version else {**found, "apiVersion": api_version}


def _chosen(request: Request) -> Matcher:
    labels, fields = request.parameter("labelSelector"), request.parameter("fieldSelector")
    by_label, by_field = label_matcher(labels), field_matcher(fields)
    return lambda found: by_label(found) and by_field(found)


def _number(text: str) -> int:
    if text and not text.isdecimal():
        raise bad_request(f"strconv.ParseInt: parsing {text!r}: invalid syntax")
    return int(text or 0)


def _key(found: Json) -> tuple[str, str]:
    return (found["metadata"].get("namespace", ""), found["metadata"]["name"])


def _token(revision: int, after: tuple[str, str]) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps({"v": 1, "rv": revision, "after": after}).encode())
        .decode()
        .rstrip("=")
    )


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(found["rv"]), (str(found["after"][0]), str(found["after"][1]))
    except (ValueError, KeyError, TypeError, IndexError):
        raise bad_request("continue key is not valid: invalid continue token") from None
