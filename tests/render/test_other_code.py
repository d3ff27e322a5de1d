"""CloudFormation, eksctl and AWS CLI: accepted by their own tools, and the same entries when read
back.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from ruamel.yaml import YAML

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan
from migrator.render.code_entries import DYNAMIC_REFERENCE
from tests.support.plans import VIEW, cluster, company, generated, plan, plans, principal, role

_FEW = settings(max_examples=60)


def _is_replaced(text: str) -> bool:
    """Whether CloudFormation could take a part of the text for a dynamic reference."""
    return "{{resolve" in "".join(text.lower().split())


def _wanted(value: Plan) -> dict[str, EntrySpec]:
    """The entries that CloudFormation reads as they are written."""
    code = {entry.principal_arn: entry.spec for entry in code_entries(value).entries}
    return {
        arn: spec
        for arn, spec in code.items()
        if not any(map(_is_replaced, (arn, spec.username or "", *spec.kubernetes_groups)))
    }


def _assert_the_rest_is_left_out(value: Plan, text: str) -> None:
    """Every other entry is named with the reason, and nothing in the file looks like a
    reference.
    """
    for arn in {entry.principal_arn for entry in code_entries(value).entries} - set(_wanted(value)):
        assert f"#   {arn}: {DYNAMIC_REFERENCE}\n" in text
    assert not _is_replaced(text)


def _policies(
    found: Any,  # noqa: ANN401 - JSON
    arn: str,
    scope: str,
    kind: str,
    names: str,
) -> tuple[AssociatedPolicy, ...]:
    return tuple(
        AssociatedPolicy(
            each[arn], AccessScope(each[scope][kind], tuple(each[scope].get(names, ())))
        )
        for each in found
    )


def _load(text: str) -> Any:  # noqa: ANN401 - any YAML value
    return YAML(typ="safe", pure=True).load(text)


@_FEW
@given(plans())
def test_cloudformation_reads_back_to_the_plan(value: Plan) -> None:
    files = generated("cloudformation", value)
    resources = _load(files["access-entries.yaml"])["Resources"]
    found = {}
    for resource in resources.values():
        properties = resource["Properties"]
        policies = properties.get("AccessPolicies", ())
        found[properties["PrincipalArn"]] = EntrySpec(
            properties["Type"],
            properties.get("Username"),
            tuple(properties.get("KubernetesGroups", ())),
            _policies(policies, "PolicyArn", "AccessScope", "Type", "Namespaces"),
        )
    assert found == _wanted(value)
    _assert_the_rest_is_left_out(value, files["access-entries.yaml"])
    imports = json.loads(files["resources-to-import.json"])
    assert {each["LogicalResourceId"] for each in imports} == set(resources)


@_FEW
@given(plans())
def test_eksctl_reads_back_to_the_plan(value: Plan) -> None:
    text = generated("eksctl", value)["access-entries.yaml"]
    config = _load(text)
    assert config["metadata"] == {"name": "prod", "region": "eu-west-1"}
    found = {
        each["principalARN"]: EntrySpec(
            each["type"],
            each.get("kubernetesUsername"),
            tuple(each.get("kubernetesGroups", ())),
            _policies(
                each.get("accessPolicies", ()), "policyARN", "accessScope", "type", "namespaces"
            ),
        )
        for each in config["accessConfig"]["accessEntries"]
    }
    assert found == _wanted(value)
    _assert_the_rest_is_left_out(value, text)


_REFERENCES = (
    "{{resolve:ssm:/prod/password}}",
    "{{resolve:ssm-secure:/prod/password:1}}",
    "{{resolve:secretsmanager:prod/db:SecretString:password}}",
    "team-{{resolve:ssm:a}}-x",
    "{{{resolve:ssm:a}}}",
    "{{Resolve:ssm:a}}",
    "{{ resolve:ssm:a}}",
    "{ {resolve:ssm:a}}",
    "{{resolve",
)


@pytest.mark.parametrize("text", _REFERENCES)
@pytest.mark.parametrize("kind", ["cloudformation", "eksctl"])
def test_an_entry_with_a_dynamic_reference_is_left_out_and_named(kind: CodeKind, text: str) -> None:
    namespaced = (AssociatedPolicy(VIEW, AccessScope("namespace", (text,))),)
    policy = (AssociatedPolicy(f"arn:aws:eks::aws:cluster-access-policy/{text}", AccessScope()),)
    specs = {
        role("username"): EntrySpec("STANDARD", text, ()),
        role("group"): EntrySpec("STANDARD", "dev", ("a", text)),
        role("namespace"): EntrySpec("STANDARD", "dev", (), namespaced),
        role("policy"): EntrySpec("STANDARD", "dev", (), policy),
        role("good"): EntrySpec("STANDARD", "{{SessionName}}${AWS::Region}", ("{{", "resolve:")),
    }
    value = plan(*(principal(arn, entry=spec, sources=(text,)) for arn, spec in specs.items()))
    written = "".join(generated(kind, value).values())
    assert not _is_replaced(written)
    for arn in specs:
        assert (f"#   {arn}: {DYNAMIC_REFERENCE}" in written) == (arn != role("good"))


@pytest.mark.parametrize("kind", ["cloudformation", "eksctl"])
def test_a_cluster_name_with_a_dynamic_reference_leaves_every_entry_out(
    kind: CodeKind,
) -> None:
    value = plan(principal(role("dev")), cluster=cluster(name="{{resolve:ssm:a}}"))
    written = generated(kind, value)["access-entries.yaml"]
    assert f"#   {role('dev')}: {DYNAMIC_REFERENCE}" in written


def test_a_template_has_no_functions_so_that_dollar_braces_are_literal() -> None:
    spec = EntrySpec("STANDARD", "${AWS::AccountId}", ("!Ref x", "${x}", "Fn::Sub"))
    found = _load(
        generated("cloudformation", plan(principal(role("dev"), entry=spec)))["access-entries.yaml"]
    )
    [resource] = found["Resources"].values()
    assert resource["Properties"]["Username"] == "${AWS::AccountId}"
    assert resource["Properties"]["KubernetesGroups"] == ["!Ref x", "${x}", "Fn::Sub"]


def test_cfn_lint_accepts_the_template(tmp_path: Path) -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    if not lint.exists():
        pytest.skip("cfn-lint is not installed: the template is not checked by it")
    namespaces = EntrySpec(
        "STANDARD", "dev", ("devs",), (AssociatedPolicy(VIEW, AccessScope("namespace", ("shop",))),)
    )
    value = plan(*company().principals, principal(role("scoped"), entry=namespaces))
    template = tmp_path / "access-entries.yaml"
    template.write_text(generated("cloudformation", value)["access-entries.yaml"])
    run = subprocess.run([str(lint), str(template)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_eks_owns_is_named_in_every_form() -> None:
    for files in (
        generated("cloudformation", company()),
        generated("eksctl", company()),
        generated("aws-cli", company()),
    ):
        assert any(
            "role/managed-nodes: EKS makes this entry itself" in text for text in files.values()
        )
