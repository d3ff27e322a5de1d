"""OpenAPI v3, as far as kubectl reads it: what parameters a patch takes, the fields of ConfigMap
and RBAC kinds.
"""

import hashlib
import json

from migrator.lab.kubernetes.discovery import group_versions
from migrator.lab.kubernetes.json_types import Json
from migrator.lab.kubernetes.resources import ResourceType, ResourceTypes

_STRING: Json = {"type": "string"}
_STRINGS: Json = {"type": "array", "items": _STRING, "x-kubernetes-list-type": "atomic"}
_STRING_MAP: Json = {"type": "object", "additionalProperties": _STRING}
_RULE: Json = {
    "type": "object",
    "required": ["verbs"],
    "properties": {
        name: _STRINGS
        for name in ("apiGroups", "nonResourceURLs", "resourceNames", "resources", "verbs")
    },
}
_RULES: Json = {"type": "array", "items": _RULE, "x-kubernetes-list-type": "atomic"}
_SUBJECTS: Json = {
    "type": "array",
    "x-kubernetes-list-type": "atomic",
    "items": {
        "type": "object",
        "required": ["kind", "name"],
        "properties": {name: _STRING for name in ("apiGroup", "kind", "name", "namespace")},
        "x-kubernetes-map-type": "atomic",
    },
}
_ROLE_REF: Json = {
    "type": "object",
    "required": ["apiGroup", "kind", "name"],
    "properties": {name: _STRING for name in ("apiGroup", "kind", "name")},
    "x-kubernetes-map-type": "atomic",
}
_SELECTOR: Json = {
    "type": "object",
    "properties": {
        "matchLabels": _STRING_MAP,
        "matchExpressions": {
            "type": "array",
            "items": {"type": "object"},
            "x-kubernetes-list-type": "atomic",
        },
    },
    "x-kubernetes-map-type": "atomic",
}
_AGGREGATION: Json = {
    "type": "object",
    "properties": {
        "clusterRoleSelectors": {
            "type": "array",
            "items": _SELECTOR,
            "x-kubernetes-list-type": "atomic",
        }
    },
}
_FIELDS: dict[str, Json] = {
    "ConfigMap": {
        "data": _STRING_MAP,
        "binaryData": {
            "type": "object",
            "additionalProperties": {"type": "string", "format": "byte"},
        },
        "immutable": {"type": "boolean"},
    },
    "Role": {"rules": _RULES},
    "ClusterRole": {"rules": _RULES, "aggregationRule": _AGGREGATION},
    "RoleBinding": {"roleRef": _ROLE_REF, "subjects": _SUBJECTS},
    "ClusterRoleBinding": {"roleRef": _ROLE_REF, "subjects": _SUBJECTS},
}
_METADATA: Json = {
    "type": "object",
    "properties": {
        "name": _STRING,
        "generateName": _STRING,
        "namespace": _STRING,
        "labels": _STRING_MAP,
        "annotations": _STRING_MAP,
        "finalizers": {"type": "array", "items": _STRING, "x-kubernetes-list-type": "set"},
    },
    "x-kubernetes-preserve-unknown-fields": True,
}
_QUERY = ("dryRun", "fieldManager", "fieldValidation", "force", "pretty")


def openapi_document(types: ResourceTypes, path: str) -> Json | None:
    """``/openapi/v3`` or the document of one group version; None for another path.

    The root lists each document with a hash of its content in the URL, by which kubectl caches it
    (Kubernetes documentation, "OpenAPI V3").
    """
    places = {}
    for group, versions in group_versions(types).items():
        for version in versions:
            places[_place(group, version)] = (group, version)
    if path == "/openapi/v3":
        paths = {}
        for place in places:
            url = f"/openapi/v3/{place}?hash={_hash(types, place)}"
            paths[place] = {"serverRelativeURL": url}
        return {"paths": paths}
    if not path.startswith("/openapi/v3/"):
        return None
    found = places.get(path.removeprefix("/openapi/v3/"))
    if found is None:
        return None
    return _document(types, *found)


def _place(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _hash(types: ResourceTypes, place: str) -> str:
    """A hash that changes with the resources that the server knows, so that a new definition is
    seen.
    """
    names = sorted(f"{kind.group}/{kind.plural}" for kind in types.all())
    return hashlib.sha256(json.dumps([place, names]).encode()).hexdigest()[:32].upper()


def _document(types: ResourceTypes, group: str, version: str) -> Json:
    """The document of one group version: the operations on one object, which say that dry run and
    apply are supported, and the schemas.
    """
    paths: Json = {}
    schemas: Json = {}
    for kind in types.all():
        if kind.group != group or version not in kind.versions:
            continue
        middle = "namespaces/{namespace}/" if kind.namespaced else ""
        path = f"/{_place(group, version)}/{middle}{kind.plural}/{{name}}"
        paths[path] = _operations(kind, version)
        schemas[_schema_name(kind, version)] = _schema(kind, version)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operations(kind: ResourceType, version: str) -> Json:
    """The operations on one object of a kind, by HTTP method. kubectl looks for the kind and for
    the parameters of ``patch`` (kubectl ``pkg/util/openapi``).
    """
    gvk = {"group": kind.group, "version": version, "kind": kind.kind}
    parameters = [
        {
            "name": name,
            "in": "query",
            "schema": {"type": "boolean" if name == "force" else "string", "uniqueItems": True},
        }
        for name in _QUERY
    ]
    schema = {"$ref": f"#/components/schemas/{_schema_name(kind, version)}"}
    answer = {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}
    return {
        verb: {
            "operationId": f"{verb}{kind.kind}",
            "parameters": parameters,
            "responses": answer,
            "x-kubernetes-action": verb,
            "x-kubernetes-group-version-kind": gvk,
        }
        for verb in ("get", "put", "patch", "delete")
    }


def _schema_name(kind: ResourceType, version: str) -> str:
    """``io.k8s.api.rbac.v1.Role``; the kinds of a definition have their whole group in the name."""
    group = kind.group or "core"
    if not kind.custom:
        group = group.partition(".")[0]
    return f"io.k8s.api.{group}.{version}.{kind.kind}"


def _schema(kind: ResourceType, version: str) -> Json:
    """The schema of a kind. Fields of kinds that are not written out here are not checked."""
    fields = _FIELDS.get(kind.kind)
    schema: Json = {
        "type": "object",
        "properties": {
            "apiVersion": _STRING,
            "kind": _STRING,
            "metadata": _METADATA,
            **(fields or {}),
        },
        "x-kubernetes-group-version-kind": [
            {"group": kind.group, "version": version, "kind": kind.kind}
        ],
    }
    if fields is None:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    return schema
