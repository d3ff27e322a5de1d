"""Files with people's own probes: read exactly, or refused with the item that is wrong."""

import json
from pathlib import Path

import pytest

from migrator.cli.own_probes import read_probes
from migrator.errors import Failed
from migrator.model.evidence import OwnProbe, Probe
from migrator.model.rbac import AccessRequest

ARN = "arn:aws:iam::111122223333:role/team/dev"


def read(tmp_path: Path, text: str) -> tuple[OwnProbe, ...]:
    file = tmp_path / "probes.yaml"
    file.write_text(text, encoding="utf-8")
    return read_probes(str(file))


def test_every_form_of_a_probe(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        f"""\
- {{verb: get, resource: secrets, namespace: payments, expected: denied}}
- {{verb: create, resource: pods/exec, namespace: shop, name: web-0, expected: allowed, principal: "{ARN}"}}
- {{verb: patch, resource: deployments.apps/scale, expected: denied}}
- {{verb: list, resource: ingresses, group: networking.k8s.io, expected: allowed}}
- {{verb: get, path: /metrics, expected: allowed}}
""",  # noqa: E501
    )
    assert found == (
        OwnProbe(Probe(AccessRequest("get", "", "secrets", "", "payments"), expected=False)),
        OwnProbe(
            Probe(AccessRequest("create", "", "pods", "exec", "shop", "web-0"), expected=True), ARN
        ),
        OwnProbe(Probe(AccessRequest("patch", "apps", "deployments", "scale"), expected=False)),
        OwnProbe(Probe(AccessRequest("list", "networking.k8s.io", "ingresses"), expected=True)),
        OwnProbe(Probe(AccessRequest("get", path="/metrics"), expected=True)),
    )


def test_json_is_read_too(tmp_path: Path) -> None:
    item = {"verb": "get", "resource": "pods", "expected": "allowed"}
    assert read(tmp_path, json.dumps([item]))[0].probe.expected is True


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b", "it holds no list"),
        ("[", "it is neither YAML nor JSON"),
        ("- get", "item 0 is no mapping"),
        ("- {verb: get, resource: pods, expected: true}", "item 0: expected is no text"),
        ("- {verb: get, resource: pods, expected: maybe}", "expected must be allowed or denied"),
        ("- {verb: get, resource: pods}", "expected must be allowed or denied"),
        ("- {verb: get, expected: denied}", "either a resource or a path"),
        ("- {resource: pods, expected: denied}", "needs a verb"),
        (
            "- {verb: get, resource: pods, path: /x, expected: denied}",
            "either a resource or a path",
        ),
        (
            "- {verb: get, resource: pods, namespaces: x, expected: denied}",
            "unknown keys: namespaces",
        ),
        ("- {verb: get, resource: pods, principal: jo, expected: denied}", "principal is no ARN"),
        ("- {verb: get, resource: a.b, group: c, expected: denied}", "names the API group twice"),
    ],
)
def test_whatever_is_not_clear_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Failed) as caught:
        read(tmp_path, text)
    assert caught.value.code == "probes-unreadable"
    assert why in caught.value.why
