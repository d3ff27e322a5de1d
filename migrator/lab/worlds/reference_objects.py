"""Objects that name groups and usernames, made again from a snapshot's list of such places.

A snapshot keeps no FlowSchemas and no admission policies, only which of their fields name whom. For
a copy that a plan reads alike, objects with just these names in just these fields are enough.
"""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

Raw: TypeAlias = Mapping[str, Any]
Json: TypeAlias = Any  # any JSON value
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_SERVICE_ACCOUNT = "system:serviceaccount:"
_SUBJECT_KINDS = {"user": "User", "group": "Group", "serviceAccount": "ServiceAccount"}


def objects_for(references: Iterable[Raw]) -> tuple[list[dict[str, Any]], list[str]]:
    """Objects that hold the references, and in words which could not be made.

    A reference has ``apiVersion``, ``kind``, ``namespace`` (or None), ``name``, the ``path`` of a
    field and its ``text``.
    """
    by_object: dict[tuple[str, str, str | None, str], list[tuple[str, str]]] = {}
    for item in references:
        key = (str(item["apiVersion"]), str(item["kind"]), item.get("namespace"), str(item["name"]))
        by_object.setdefault(key, []).append((str(item["path"]), str(item["text"])))
    objects: list[dict[str, Any]] = []
    left_out: list[str] = []
    for (version, kind, namespace, name), places in by_object.items():
        group = version.partition("/")[0]
        # The snapshot has these themselves.
        if group == "rbac.authorization.k8s.io":
            continue
        body: dict[str, Any] | None = None
        if group == "flowcontrol.apiserver.k8s.io":
            body = _flow_schema(places)
        elif group == "admissionregistration.k8s.io":
            body = _expressions(places)
        elif kind == "ConfigMap":
            body = _argo_cd(places)
        if body is None:
            left_out.append(f"{kind} {name}: a snapshot has not enough of it to make it again")
            continue
        metadata = {"name": name}
        if namespace:
            metadata["namespace"] = namespace
        objects.append({"apiVersion": version, "kind": kind, "metadata": metadata, **body})
    return objects, left_out


def _flow_schema(places: list[tuple[str, str]]) -> dict[str, Any]:
    """The body of a FlowSchema whose subjects have the names; a path is
    ``spec.rules[0].subjects[1].group.name``.

    A subject's kind follows from its field. A service account is one text in a snapshot, and two
    fields here.
    """
    body: dict[str, Any] = {
        "spec": {
            "matchingPrecedence": 1000,
            "priorityLevelConfiguration": {"name": "workload-low"},
            "rules": [],
        }
    }
    for path, text in places:
        subject, _, rest = path.rpartition("].")
        key = rest.partition(".")[0]
        put(body, f"{subject}].kind", _SUBJECT_KINDS.get(key, "User"))
        if text.startswith(_SERVICE_ACCOUNT) and key == "serviceAccount":
            namespace, _, name = text.removeprefix(_SERVICE_ACCOUNT).partition(":")
            put(body, f"{subject}].serviceAccount.namespace", namespace)
            put(body, f"{subject}].serviceAccount.name", name)
        else:
            put(body, path, text)
    return body


def _expressions(places: list[tuple[str, str]]) -> dict[str, Any] | None:
    """CEL expressions that compare the caller with the names. None for a parameter kind: the
    snapshot does not have its objects.
    """
    by_path: dict[str, list[str]] = {}
    for path, text in places:
        if not path.endswith("xpression"):
            return None
        by_path.setdefault(path, []).append(f"request.userInfo.username == {json.dumps(text)}")
    body: dict[str, Any] = {}
    for path, comparisons in by_path.items():
        put(body, path, " || ".join(comparisons))
    return body


def _argo_cd(places: list[tuple[str, str]]) -> dict[str, Any] | None:
    """The policy of Argo CD's RBAC ConfigMap with each name in its line (Argo CD, "RBAC
    Configuration"). A path is ``data[policy.csv] line 3``; None for a place of another form.
    """
    lines: dict[str, dict[int, str]] = {}
    for path, text in places:
        match = re.fullmatch(r"data\[(.+)\] line (\d+)", path)
        if match is None:
            return None
        lines.setdefault(match[1], {})[int(match[2])] = f'g, "{text}", role:readonly'
    return {
        "data": {
            key: "\n".join(found.get(number, "") for number in range(1, max(found) + 1))
            for key, found in lines.items()
        }
    }


def put(into: dict[str, Any], path: str, value: Json) -> None:
    """Set ``spec.rules[0].name`` in a JSON object; what is missing on the way is made, list items
    as ``{}``.
    """
    steps: list[str | int] = [name or int(index) for name, index in _STEP.findall(path)]
    at: Any = into
    for step, following in pairwise(steps):
        _lengthen(at, step)
        # An index follows: what is made here is a list. A list item was made as ``{}``.
        if isinstance(following, int) and not _present(at, step):
            at[step] = []
        elif isinstance(step, str):
            at.setdefault(step, {})
        at = at[step]
    _lengthen(at, steps[-1])
    at[steps[-1]] = value


def _lengthen(at: Json, step: str | int) -> None:
    """Add items to a list, until it has the index."""
    if isinstance(step, int):
        while len(at) <= step:
            at.append({})


def _present(at: Json, step: str | int) -> bool:
    """Whether something is at the step; an empty item of a list was only made to have its index."""
    return bool(at[step]) if isinstance(step, int) else step in at
