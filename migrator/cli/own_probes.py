"""Questions that people want asked: a YAML or JSON list of ``{verb, resource, namespace, …,
expected}``.
"""

from collections.abc import Mapping
from typing import Any

from migrator.cli.files import read_bytes
from migrator.errors import Failed
from migrator.model.evidence import OwnProbe, Probe
from migrator.model.principal import parse_arn
from migrator.model.rbac import AccessRequest

_EXPECTED = {"allowed": True, "denied": False}
_TEXTS = (
    "verb",
    "group",
    "resource",
    "subresource",
    "namespace",
    "name",
    "path",
    "principal",
    "expected",
)


def read_probes(path: str) -> tuple[OwnProbe, ...]:
    """The probes of a file. Raises ``probes-unreadable``, naming the item that is wrong.

    An item has ``verb``; ``resource`` (``pods``, ``pods/exec``, ``deployments.apps``) with
    ``group``, ``namespace`` and ``name`` where wanted, or ``path``; ``expected`` (``allowed`` or
    ``denied``); and ``principal``, an ARN, when it is a question for one principal only.
    """
    from migrator.model.files.yaml_document import MOST_BYTES, YamlError, load_yaml

    content = read_bytes(path, "The probes file", limit=MOST_BYTES)
    try:
        document = load_yaml(content)
    except YamlError as error:
        raise _wrong(path, f"it is neither YAML nor JSON: {error}") from error
    if not isinstance(document, list):
        raise _wrong(path, "it holds no list")
    return tuple(_probe(path, number, item) for number, item in enumerate(document))


def _probe(path: str, number: int, item: object) -> OwnProbe:
    if not isinstance(item, Mapping):
        raise _wrong(path, f"item {number} is no mapping")
    unknown = sorted(map(str, set(item) - set(_TEXTS)))
    if unknown:
        raise _wrong(path, f"item {number} has unknown keys: {', '.join(unknown)}")
    bad = next((key for key, value in item.items() if not isinstance(value, str)), None)
    if bad is not None:
        raise _wrong(path, f"item {number}: {bad} is no text")
    if item.get("expected") not in _EXPECTED:
        raise _wrong(path, f"item {number}: expected must be allowed or denied")
    principal = item.get("principal")
    if principal is not None and parse_arn(principal) is None:
        raise _wrong(path, f"item {number}: principal is no ARN")
    return OwnProbe(
        Probe(_request(path, number, item), expected=_EXPECTED[item["expected"]]), principal
    )


def _request(path: str, number: int, item: Mapping[str, Any]) -> AccessRequest:
    if not item.get("verb") or bool(item.get("resource")) == bool(item.get("path")):
        raise _wrong(path, f"item {number} needs a verb, and either a resource or a path")
    if item.get("path"):
        return AccessRequest(item["verb"], path=item["path"])
    kind, _, subresource = item["resource"].partition("/")
    resource, _, group = kind.partition(".")
    if group and item.get("group"):
        raise _wrong(path, f"item {number} names the API group twice")
    return AccessRequest(
        item["verb"],
        item.get("group") or group,
        resource,
        item.get("subresource") or subresource,
        item.get("namespace") or None,
        item.get("name", ""),
    )


def _wrong(path: str, why: str) -> Failed:
    example = "{verb: get, resource: secrets, namespace: payments, expected: denied}"
    return Failed(
        "probes-unreadable",
        f"The probes file {path} cannot be used.",
        why=why,
        remedy=f"An item looks like {example}.",
    )
