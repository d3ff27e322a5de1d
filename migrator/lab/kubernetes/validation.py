"""What the server refuses to store. Source: kubernetes
``pkg/apis/{core,rbac,coordination}/validation``.
"""

import re
from collections.abc import Callable

from migrator.lab.kubernetes import field_schema
from migrator.lab.kubernetes.json_types import Json, Value
from migrator.lab.kubernetes.resources import ResourceType
from migrator.lab.kubernetes.status import invalid
from migrator.lab.worlds.raw_parts import items_of, part_of

Cause = tuple[str, str, str]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_DATA_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
    "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
    "'[-._a-zA-Z0-9]+')"
)
_DATA_LIMIT = 1024 * 1024
_RBAC = "rbac.authorization.k8s.io"
_NAME_LABEL = "kubernetes.io/metadata.name"
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def validate(kind: ResourceType, found: Json, before: Json | None) -> None:
    """Raise a 422 ApiError with every cause if ``found`` may not be stored (in the place of
    ``before``).

    ``before`` None is a creation: then the name's form is checked, later it cannot change. A cause
    is (reason, path of the field, message), as ``details.causes`` of a Status has them.
    """
    causes = _metadata(kind, found, before)
    check = _CHECKS.get(kind.key)
    if check is not None:
        causes += check(found, before)
    if causes:
        raise invalid(kind.kind, kind.group, found["metadata"].get("name", ""), causes)


def _metadata(kind: ResourceType, found: Json, before: Json | None) -> list[Cause]:
    """Causes in the metadata that all kinds have (apimachinery
    ``pkg/api/validation/objectmeta.go``).
    """
    metadata, causes = found["metadata"], []
    name = metadata.get("name", "")
    if not name:
        text = "Required value: name or generateName is required"
        causes.append(("FieldValueRequired", "metadata.name", text))
    elif before is None:
        causes += _name(kind, name)
    for field in ("labels", "annotations"):
        for key, value in part_of(metadata, field).items():
            if isinstance(value, str):
                continue
            text = f"Invalid value: {key!r}: must be a string"
            causes.append(("FieldValueInvalid", f"metadata.{field}", text))
    if before is None:
        return causes
    for field in ("uid", "name", "namespace"):
        if metadata.get(field) == before["metadata"].get(field):
            continue
        text = f'Invalid value: "{metadata.get(field)}": field is immutable'
        causes.append(("FieldValueInvalid", f"metadata.{field}", text))
    return causes


def _name(kind: ResourceType, name: str) -> list[Cause]:
    """What is wrong with the name of a new object.

    RBAC's names are path segments (``system:node``), those of namespaces and services are labels of
    at most 63 characters, all others are subdomains of at most 253 (apimachinery
    ``pkg/util/validation/validation.go``).
    """
    pattern, text, limit = _SUBDOMAIN, _SUBDOMAIN_TEXT, 253
    if kind.key in (("", "namespaces"), ("", "services")):
        pattern, text, limit = _LABEL, _LABEL_TEXT, 63
    if kind.group == _RBAC:
        is_segment = name not in (".", "..") and {"/", "%"}.isdisjoint(name)
        why = "" if is_segment else "may not contain '/' or '%'"
    elif not pattern.fullmatch(name):
        why = text
    elif len(name) > limit:
        why = f"must be no more than {limit} characters"
    else:
        why = ""
    if not why:
        return []
    return [("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": {why}')]


def _config_map(found: Json, before: Json | None) -> list[Cause]:
    """Causes in a ConfigMap: keys, the size of all values together in bytes of UTF-8, and changes
    of one that is immutable (kubernetes ``pkg/apis/core/validation/validation.go``,
    ValidateConfigMap and ValidateConfigMapUpdate).
    """
    causes, size = [], 0
    for field in ("data", "binaryData"):
        values = part_of(found, field)
        for key, value in values.items():
            size += len(value.encode("utf-8", "surrogatepass"))
            if not _is_data_key(key):
                text = f'Invalid value: "{key}": {_DATA_KEY_TEXT}'
                causes.append(("FieldValueInvalid", f"{field}[{key}]", text))
    if size > _DATA_LIMIT:
        text = f"Too long: may not be more than {_DATA_LIMIT} bytes"
        causes.append(("FieldValueTooLong", "", text))
    if before is None or not before.get("immutable"):
        return causes
    for field in ("immutable", "data", "binaryData"):
        # An empty map and an absent one are the same to Go.
        is_same = (found.get(field) or None) == (before.get(field) or None)
        if not is_same:
            text = "Forbidden: field is immutable when `immutable` is set"
            causes.append(("FieldValueForbidden", field, text))
    return causes


def _is_data_key(key: str) -> bool:
    """Apimachinery ``pkg/util/validation``, IsConfigMapKey."""
    if len(key) > 253 or key in (".", ".."):
        return False
    return _DATA_KEY.fullmatch(key) is not None


def _rules(found: Json, before: Json | None) -> list[Cause]:
    """Causes in the rules of a role (kubernetes ``pkg/apis/rbac/validation/validation.go``,
    ValidatePolicyRule).

    A rule is about URLs or about resources, never about both.
    """
    causes = []
    cluster = found["kind"] == "ClusterRole"
    for index, rule in enumerate(items_of(found, "rules")):
        place = f"rules[{index}]"
        if not rule.get("verbs"):
            text = "Required value: verbs must contain at least one value"
            causes.append(("FieldValueRequired", f"{place}.verbs", text))
        if rule.get("nonResourceURLs"):
            causes += _non_resource_rule(f"{place}.nonResourceURLs", rule, cluster=cluster)
            continue
        if not rule.get("apiGroups"):
            text = "Required value: resource rules must supply at least one api group"
            causes.append(("FieldValueRequired", f"{place}.apiGroups", text))
        if not rule.get("resources"):
            text = "Required value: resource rules must supply at least one resource"
            causes.append(("FieldValueRequired", f"{place}.resources", text))
    return causes


def _non_resource_rule(place: str, rule: Json, *, cluster: bool) -> list[Cause]:
    """Causes in a rule about URLs. URLs have no namespace, so only a ClusterRole has such rules."""
    if not cluster:
        text = "Invalid value: namespaced rules cannot apply to non-resource URLs"
        return [("FieldValueInvalid", place, text)]
    if any(map(rule.get, ("apiGroups", "resources", "resourceNames"))):
        text = "Invalid value: rules cannot apply to both regular resources and non-resource URLs"
        return [("FieldValueInvalid", place, text)]
    return []


def _binding(found: Json, before: Json | None) -> list[Cause]:
    """Causes in a RoleBinding or ClusterRoleBinding.

    A binding never changes its role: that is the only cause then (kubernetes
    ``pkg/apis/rbac/validation/validation.go``, ValidateRoleBindingUpdate).
    """
    causes = []
    reference = part_of(found, "roleRef")
    allowed: tuple[str, ...] = ("ClusterRole", "Role")
    cluster = found["kind"] == "ClusterRoleBinding"
    # A cluster-wide binding has no namespace in which a Role could be.
    if cluster:
        allowed = ("ClusterRole",)
    if before is not None and reference != before.get("roleRef"):
        shown = _shown_reference(reference)
        text = f"Invalid value: {shown}: cannot change roleRef"
        return [("FieldValueInvalid", "roleRef", text)]
    if reference.get("apiGroup") != _RBAC:
        text = f'Unsupported value: "{reference.get("apiGroup", "")}": supported values: "{_RBAC}"'
        causes.append(("FieldValueNotSupported", "roleRef.apiGroup", text))
    if reference.get("kind") not in allowed:
        known = ", ".join(f'"{name}"' for name in allowed)
        text = f'Unsupported value: "{reference.get("kind", "")}": supported values: {known}'
        causes.append(("FieldValueNotSupported", "roleRef.kind", text))
    if not reference.get("name"):
        causes.append(("FieldValueRequired", "roleRef.name", "Required value"))
    for index, subject in enumerate(items_of(found, "subjects")):
        causes += _subject(f"subjects[{index}]", subject, cluster=cluster)
    return causes


def _shown_reference(reference: Json) -> str:
    """A roleRef as Go prints the struct: ``rbac.RoleRef{APIGroup:"…", Kind:"Role", Name:"…"}``."""
    fields = {"APIGroup": "apiGroup", "Kind": "kind", "Name": "name"}
    shown = (f'{field}:"{reference.get(key, "")}"' for field, key in fields.items())
    return "rbac.RoleRef{" + ", ".join(shown) + "}"


def _subject(place: str, subject: Json, *, cluster: bool) -> list[Cause]:
    """Causes in one subject of a binding; ``place`` is its path, ``subjects[0]`` (kubernetes
    ``pkg/apis/rbac/validation/validation.go``, ValidateRoleBindingSubject).
    """
    causes = []
    if not subject.get("name"):
        causes.append(("FieldValueRequired", f"{place}.name", "Required value"))
    group = subject.get("apiGroup", "")
    match subject.get("kind"):
        case "ServiceAccount":
            if group:
                text = f'Unsupported value: "{group}": supported values: ""'
                causes.append(("FieldValueNotSupported", f"{place}.apiGroup", text))
            # In a namespace, a service account without one is of that namespace.
            if cluster and not subject.get("namespace"):
                causes.append(("FieldValueRequired", f"{place}.namespace", "Required value"))
        case "User" | "Group":
            if group != _RBAC:
                text = f'Unsupported value: "{group}": supported values: "{_RBAC}"'
                causes.append(("FieldValueNotSupported", f"{place}.apiGroup", text))
        case other:
            text = (
                f'Unsupported value: "{other}": supported values: "ServiceAccount", "User", "Group"'
            )
            causes.append(("FieldValueNotSupported", f"{place}.kind", text))
    return causes


def _lease(found: Json, before: Json | None) -> list[Cause]:
    """Causes in a Lease; an absent duration is allowed (kubernetes
    ``pkg/apis/coordination/validation/validation.go``, ValidateLeaseSpec).
    """
    seconds = part_of(found, "spec").get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        text = f"Invalid value: {seconds}: must be greater than 0"
        return [("FieldValueInvalid", "spec.leaseDurationSeconds", text)]
    return []


_CHECKS: dict[tuple[str, str], Callable[[Json, Json | None], list[Cause]]] = {
    ("", "configmaps"): _config_map,
    (_RBAC, "roles"): _rules,
    (_RBAC, "clusterroles"): _rules,
    (_RBAC, "rolebindings"): _binding,
    (_RBAC, "clusterrolebindings"): _binding,
    ("coordination.k8s.io", "leases"): _lease,
}


def default(kind: ResourceType, found: Json) -> Json:
    """Fill in what the API fills in, and leave out what is empty.

    RBAC's kinds get the API group of ``roleRef``, and of subjects that are users or groups; service
    accounts keep an empty group (kubernetes ``pkg/apis/rbac/v1/defaults.go``). A namespace gets its
    label, finalizer and phase (``pkg/apis/core/v1/defaults.go``, ``pkg/registry/core/namespace``).
    """
    if kind.key == ("", "namespaces"):
        return field_schema.without_empty(kind, _default_namespace(found))
    return field_schema.without_empty(kind, _default_binding(kind, found))


def _default_namespace(found: Json) -> Json:
    """A namespace as the server completes it."""
    metadata = found["metadata"]
    labels = {**part_of(metadata, "labels"), _NAME_LABEL: metadata.get("name", "")}
    return {
        **found,
        "metadata": {**metadata, "labels": labels},
        "spec": found.get("spec") or {"finalizers": ["kubernetes"]},
        "status": found.get("status") or {"phase": "Active"},
    }


def _default_binding(kind: ResourceType, found: Json) -> Json:
    """A binding with its API groups; every other object as it is."""
    if kind.group != _RBAC or not kind.plural.endswith("bindings"):
        return found
    reference = dict(part_of(found, "roleRef"))
    reference["apiGroup"] = reference.get("apiGroup") or _RBAC
    filled = {**found, "roleRef": reference}
    if not found.get("subjects"):
        return filled
    subjects = []
    for subject in found["subjects"]:
        is_name = subject.get("kind") in ("User", "Group")
        group = subject.get("apiGroup") or _RBAC
        subjects.append({**subject, "apiGroup": group} if is_name else subject)
    filled["subjects"] = subjects
    return filled


def check_shape(kind: ResourceType, found: Value) -> str | None:
    """Why ``found`` does not decode into the kind (a 400 in the API), or None.

    Only what Go's decoder would refuse, and only for the kinds that access depends on: ConfigMaps
    and RBAC's. All others are stored as they come.
    """
    if not isinstance(found, dict):
        return f"json: cannot unmarshal {_go_type(found)} into Go value of type {kind.kind}"
    if not isinstance(found.get("metadata", {}), dict):
        return (
            f"{kind.kind} in version {kind.versions[0]!r} cannot be handled as a {kind.kind}: "
            f"metadata is no object"
        )
    if kind.key == ("", "configmaps"):
        return _check_texts(kind, found)
    if kind.group == _RBAC:
        return _check_lists(kind, found)
    return None


def _check_texts(kind: ResourceType, found: Json) -> str | None:
    """``data`` and ``binaryData`` of a ConfigMap are maps of texts."""
    for field in ("data", "binaryData"):
        values = found.get(field)
        if values is None:
            continue
        if not isinstance(values, dict):
            return _unreadable(kind, values, f"{field} of type map[string]string")
        for value in values.values():
            if not isinstance(value, str):
                return _unreadable(kind, value, f"{field} of type string")
    return None


def _check_lists(kind: ResourceType, found: Json) -> str | None:
    """``rules`` and ``subjects`` of RBAC's kinds are lists of objects; null and absent are
    empty.
    """
    for field in ("rules", "subjects"):
        values = found.get(field) or []
        if not isinstance(values, list) or not all(isinstance(item, dict) for item in values):
            return _unreadable(kind, found.get(field), f"{field} of type []struct")
    return None


def _unreadable(kind: ResourceType, value: Value, target: str) -> str:
    """A value that Go's decoder refuses, in its words; ``target`` is the field and its Go type."""
    version = kind.versions[0]
    return (
        f'{kind.kind} in version "{version}" cannot be handled as a {kind.kind}: json: cannot '
        f"unmarshal "
        f"{_go_type(value)} into Go struct field {kind.kind}.{target}"
    )


def _go_type(value: Value) -> str:
    """A JSON value as ``encoding/json`` names it in an UnmarshalTypeError."""
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"
