"""Manifests for ACK and Crossplane: valid by the controllers' schemas, the entries of the plan when
read back, and objects that take over what exists and leave it when they are deleted.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan
from migrator.render.escape import survives_hcl
from tests.support.example_plans import example_plans
from tests.support.plans import HOSTILE, VIEW, company, generated, plan, plans, principal, role

KINDS: tuple[CodeKind, ...] = ("ack", "crossplane")
SCHEMAS = {
    kind: json.loads(
        (Path(__file__).parents[1] / "data" / "generated_code" / f"{kind}.json").read_bytes()
    )
    for kind in KINDS
}
_FEW = settings(max_examples=40)


def _objects(kind: CodeKind, text: str) -> list[dict[str, Any]]:
    """Every object, valid by its schema, with a name that Kubernetes takes and no other has."""
    found = [each for each in YAML(typ="safe", pure=True).load_all(text) if each is not None]
    names = [(each["kind"], each["metadata"]["name"]) for each in found]
    assert len(set(names)) == len(names)
    for each in found:
        assert set(each) == {"apiVersion", "kind", "metadata", "spec"}
        assert each["apiVersion"] == SCHEMAS[kind]["apiVersion"]
        Draft7Validator(SCHEMAS[kind]["spec"][each["kind"]]).validate(each["spec"])
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", each["metadata"]["name"])
        annotations = each["metadata"]["annotations"]
        assert annotations["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"
    return found


def _policy(arn: str, scope: dict[str, Any]) -> AssociatedPolicy:
    return AssociatedPolicy(arn, AccessScope(scope["type"], tuple(scope.get("namespaces", ()))))


def _ack(text: str) -> dict[str, EntrySpec]:
    found = {}
    for each in _objects("ack", text):
        spec, annotations = each["spec"], each["metadata"]["annotations"]
        assert annotations["services.k8s.aws/deletion-policy"] == "retain"
        assert annotations["services.k8s.aws/adoption-policy"] == "adopt-or-create"
        assert annotations["services.k8s.aws/region"] == "eu-west-1"
        assert json.loads(annotations["services.k8s.aws/adoption-fields"]) == {
            name: spec[name] for name in SCHEMAS["ack"]["adoption-fields"]["values"]
        }
        found[spec["principalARN"]] = EntrySpec(
            spec["type"],
            spec.get("username"),
            tuple(spec.get("kubernetesGroups", ())),
            tuple(
                _policy(policy["policyARN"], policy["accessScope"])
                for policy in spec.get("accessPolicies", ())
            ),
        )
    return found


def _crossplane(text: str) -> dict[str, EntrySpec]:
    found: dict[str, EntrySpec] = {}
    for each in _objects("crossplane", text):
        assert each["spec"]["deletionPolicy"] == "Orphan"
        given = each["spec"]["forProvider"]
        assert (given["region"], given["clusterName"]) == ("eu-west-1", "prod")
        arn = given["principalArn"]
        external = each["metadata"]["annotations"]["crossplane.io/external-name"]
        if each["kind"] == "AccessEntry":
            assert external == f"prod:{arn}"
            groups = tuple(given.get("kubernetesGroups", ()))
            found[arn] = EntrySpec(given["type"], given.get("userName"), groups)
            continue
        assert external == f"prod#{arn}#{given['policyArn']}"
        [scope] = given["accessScope"]
        before = found[arn]
        found[arn] = EntrySpec(
            before.type,
            before.username,
            before.kubernetes_groups,
            (*before.access_policies, _policy(given["policyArn"], scope)),
        )
    return found


def _carried(kind: CodeKind, spec: EntrySpec, texts: tuple[str, ...]) -> bool:
    """Whether the controller takes the entry as it is."""
    if kind == "ack":
        return spec.type == "STANDARD"
    return all(map(survives_hcl, texts))


def _check(kind: CodeKind, value: Plan) -> None:
    text = generated(kind, value)["access-entries.yaml"]
    code = code_entries(value)
    wanted = {
        entry.principal_arn: entry.spec
        for entry in code.entries
        if _carried(kind, entry.spec, entry.texts)
    }
    assert (_ack if kind == "ack" else _crossplane)(text) == wanted
    everyone = [each.principal_arn for each in code.entries]
    everyone += [each.principal_arn for each in code.left_out]
    left_out = set(everyone) - set(wanted)
    for arn in left_out:
        assert f"#   {arn}: " in text


@pytest.mark.parametrize("kind", KINDS)
@_FEW
@given(value=plans())
def test_manifests_read_back_to_the_plan(kind: CodeKind, value: Plan) -> None:
    _check(kind, value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_hostile_text_stays_a_text(kind: CodeKind) -> None:
    scope = AccessScope("namespace", ("shop", "web-*"))
    entries = (
        EntrySpec("STANDARD", text, (text, "x"), (AssociatedPolicy(VIEW, scope),))
        for text in (*HOSTILE, "${NAME}", "---\nkind: Secret")
    )
    made = (
        principal(role(f"r{number}"), entry=entry, sources=(entry.username or "",))
        for number, entry in enumerate(entries)
    )
    _check(kind, plan(*made))


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_of_nodes_is_left_out_of_ack_alone(kind: CodeKind) -> None:
    value = plan(principal(role("nodes"), entry=EntrySpec("EC2_LINUX")))
    text = generated(kind, value)["access-entries.yaml"]
    assert ("ACK does not sync an entry of type EC2_LINUX" in text) == (kind == "ack")
    _check(kind, value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_company_reads_back(kind: CodeKind) -> None:
    _check(kind, company())


@pytest.mark.parametrize("kind", KINDS)
def test_the_objects_of_every_example_are_valid(kind: CodeKind) -> None:
    for value in example_plans().values():
        text = generated(kind, value)["access-entries.yaml"]
        made = {
            each["spec"].get(
                "principalARN", each["spec"].get("forProvider", {}).get("principalArn")
            )
            for each in _objects(kind, text)
        }
        code = code_entries(value).entries
        assert made == {
            entry.principal_arn for entry in code if _carried(kind, entry.spec, entry.texts)
        }
