"""The table of the built-in kinds' fields is the one of the Kubernetes client."""

import json
from typing import Any

import kubernetes
import pytest

from migrator.lab.kubernetes.field_schema import pruned
from migrator.lab.kubernetes.resources import BUILT_IN, ResourceType
from tests.support.generate_kubernetes_fields import TARGET, generate

# What the tool writes; the fields of other kinds may differ between two versions of the client.
WRITTEN = ("ConfigMap", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Namespace")


def table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TARGET.read_text(encoding="utf-8"))
    return found


def test_table_is_that_of_the_client() -> None:
    made, kept = generate(), table()
    assert kept["kinds"] == made["kinds"]
    for kind in WRITTEN:
        (name,) = (model for key, model in kept["kinds"].items() if key.endswith(f"/{kind}"))
        assert kept["types"][name] == made["types"][name]
    if kept["client"] == kubernetes.__version__:
        assert kept == made


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.plural)
def test_every_kind_keeps_what_it_has_and_drops_what_it_has_not(kind: ResourceType) -> None:
    meant: dict[str, Any] = {
        "apiVersion": kind.api_version(),
        "kind": kind.kind,
        "metadata": {"name": "x", "labels": {"not": "a field"}},
    }
    assert pruned(kind, meant) == (meant, [])
    typo = {**meant, "metadata": {**meant["metadata"], "lables": {}}, "speck": {}}
    assert pruned(kind, typo) == (meant, ["metadata.lables", "speck"])


def test_unknown_fields_are_found_in_lists_and_maps() -> None:
    (pods,) = (kind for kind in BUILT_IN if kind.kind == "Pod")
    container = {"name": "a", "imagePullPolice": "Never", "env": [{"name": "b", "valu": "c"}]}
    _, unknown = pruned(pods, {"spec": {"containers": [container], "nodeSelector": {"any": "key"}}})
    assert unknown == ["spec.containers[0].env[0].valu", "spec.containers[0].imagePullPolice"]
