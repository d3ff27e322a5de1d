"""Writes ``migrator/lab/data/kubernetes_fields.json``: the fields of the built-in kinds that the
lab serves, from the models of the Kubernetes client.

Run ``python -m tests.support.generate_kubernetes_fields`` after the client or the lab's kinds
change; a test compares. A type is named as its model. The value of a field is empty for a plain
value, ``NAME`` for an object of a type, ``[]NAME`` for a list and ``{}NAME`` for a map of them.
"""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes
from kubernetes.client import models

from migrator.lab.kubernetes.resources import BUILT_IN

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "migrator/lab/data/kubernetes_fields.json"
# A kind whose model has another name than the kind.
_MODELS = {"Event": "CoreV1Event"}
_CONTAINER = re.compile(r"(List|list|Dict|dict)[\[(](?:str, )?(.+)[\])]")


def generate() -> dict[str, Any]:
    """The document: the client's version, kind -> type, type -> field -> type of its value."""
    kinds: dict[str, str] = {}
    types: dict[str, dict[str, str]] = {}
    for resource in BUILT_IN:
        model = _MODELS.get(resource.kind, f"V1{resource.kind}")
        kinds[f"{resource.group}/{resource.kind}"] = model
        _add(model, types)
    return {
        "client": kubernetes.__version__,
        "kinds": dict(sorted(kinds.items())),
        "types": dict(sorted(types.items())),
    }


def _add(name: str, types: dict[str, dict[str, str]]) -> None:
    """Add a type and all that its fields are of."""
    if name in types:
        return
    model = getattr(models, name)
    fields = types[name] = {}
    for attribute, kind in sorted(model.openapi_types.items()):
        fields[model.attribute_map[attribute]] = shown = _shown(kind)
        inner = shown.removeprefix("[]").removeprefix("{}")
        if inner:
            _add(inner, types)


def _shown(kind: str) -> str:
    """A type of the client as the table has it."""
    container = _CONTAINER.fullmatch(kind)
    inner = container[2] if container else kind
    # A plain value, or an object without a schema (a raw extension, a quantity).
    if not hasattr(models, inner):
        return ""
    # A definition's schema of a custom kind holds itself, and whatever an author writes.
    if inner.startswith("V1JSONSchemaProps"):
        return ""
    if container is None:
        return inner
    return f"[]{inner}" if container[1].lower() == "list" else f"{{}}{inner}"


def main() -> None:
    """Write the table."""
    TARGET.write_text(json.dumps(generate(), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
