"""CloudFormation, eksctl and AWS CLI: accepted by their own tools, and the same entries when read
back.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec, EntryType
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.render.cloudformation import IMPORTED_RESOURCES, INLINE_BYTES
from migrator.render.code_entries import DYNAMIC_REFERENCE
from tests.support.code_readers import cloudformation_entries, eksctl_entries, load, recorded
from tests.support.example_plans import example_plans
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
        assert f"  {arn}: {DYNAMIC_REFERENCE}\n" in text
    assert not _is_replaced(text)


@_FEW
@given(plans())
def test_cloudformation_reads_back_to_the_plan(value: Plan) -> None:
    files = generated("cloudformation", value)
    assert cloudformation_entries(files) == _wanted(value)
    _assert_the_rest_is_left_out(value, "".join(files.values()))


def _team(number: int, groups: int = 1) -> PlannedPrincipal:
    names = tuple(f"team-{number}-{group}-{'x' * 60}" for group in range(groups))
    return principal(role(f"team-{number}"), entry=EntrySpec("STANDARD", f"team-{number}", names))


@pytest.mark.parametrize(("entries", "groups"), [(1, 1), (200, 1), (201, 1), (900, 1), (40, 60)])
def test_each_template_and_each_import_is_below_the_limits(entries: int, groups: int) -> None:
    value = plan(*(_team(number, groups) for number in range(entries)))
    files = generated("cloudformation", value)
    for name, text in files.items():
        if name.endswith(".yaml"):
            assert len(text.encode()) <= INLINE_BYTES
        else:
            assert len(json.loads(text)) <= IMPORTED_RESOURCES
    assert cloudformation_entries(files) == _wanted(value)


def test_each_template_says_the_command_with_its_own_files() -> None:
    files = generated("cloudformation", plan(*map(_team, range(201))))
    templates = sorted(name for name in files if name.endswith(".yaml"))
    assert templates == ["access-entries-1-of-2.yaml", "access-entries-2-of-2.yaml"]
    for number, name in enumerate(templates, 1):
        assert f"--template-body file://{name} " in files[name]
        assert f"--resources-to-import file://resources-to-import-{number}-of-2.json" in files[name]


def test_head_of_a_template_has_every_command_of_the_import_with_the_region() -> None:
    files = generated("cloudformation", plan(_team(1)))
    head = files["access-entries.yaml"].partition("AWSTemplate")[0]
    where = "--region eu-west-1 --stack-name STACK"
    change = f"{where} --change-set-name take-over"
    said = [line[4:] for line in head.splitlines() if line.startswith("#   aws ")]
    assert said == [
        f"aws cloudformation create-change-set --change-set-type IMPORT {change} \\",
        f"aws cloudformation wait change-set-create-complete {change}",
        f"aws cloudformation execute-change-set {change}",
        f"aws cloudformation wait stack-import-complete {where}",
    ]
    assert "with credentials of the account 111122223333:" in head


def test_no_template_is_written_without_a_resource() -> None:
    files = generated("cloudformation", plan(principal(role("dev"), "skip")))
    assert set(files) == {"left-out.txt"}
    assert set(generated("cloudformation", plan())) == {"left-out.txt"}


def test_a_further_entry_moves_no_other_entry_to_another_stack() -> None:
    teams = [_team(number) for number in range(220)]
    before, after = (
        {
            resource: name
            for name, text in generated("cloudformation", plan(*some)).items()
            if name.endswith(".yaml")
            for resource in load(text)["Resources"]
        }
        for some in (teams[1:], teams)
    )
    assert before.items() < after.items()


def test_an_entry_above_the_limit_has_a_template_of_its_own_that_says_where_it_goes() -> None:
    value = plan(_team(1, 800), _team(2), _team(3))
    files = generated("cloudformation", value)
    assert cloudformation_entries(files) == _wanted(value)
    [large] = [text for text in files.values() if len(text.encode()) > INLINE_BYTES]
    assert len(load(large)["Resources"]) == 1
    assert "--template-url takes the place of --template-body" in large


@_FEW
@given(plans())
def test_eksctl_reads_back_to_the_plan(value: Plan) -> None:
    text = generated("eksctl", value)["access-entries.yaml"]
    assert load(text)["metadata"] == {"name": "prod", "region": "eu-west-1"}
    wanted = _wanted(value)
    assert eksctl_entries(text) == {
        arn: spec for arn, spec in wanted.items() if spec.type != "EC2" and spec.username != ""
    }
    for arn, spec in wanted.items():
        assert (f"#   {arn}: eksctl refuses the type EC2\n" in text) == (spec.type == "EC2")
    _assert_the_rest_is_left_out(value, text)


@pytest.mark.parametrize(
    ("before", "mode"),
    [
        ("CONFIG_MAP", "API_AND_CONFIG_MAP"),
        ("API_AND_CONFIG_MAP", "API_AND_CONFIG_MAP"),
        ("API", "API"),
    ],
)
def test_eksctl_has_the_mode_that_the_cluster_is_in_and_says_what_the_file_is_for(
    before: str, mode: str
) -> None:
    value = plan(principal(role("dev")), cluster=cluster(authentication_mode=before))
    text = generated("eksctl", value)["access-entries.yaml"]
    assert load(text)["accessConfig"]["authenticationMode"] == mode
    assert "#   eksctl create accessentry -f access-entries.yaml\n" in text
    assert "# eksctl takes no entry over: where one exists" in text
    assert ("After migrate cutover set it to API" in text) == (mode != "API")


@pytest.mark.parametrize("kind", sorted(set(get_args(EntryType)) - {"STANDARD"}))
def test_a_type_that_eksctl_refuses_is_left_out_and_named(kind: EntryType) -> None:
    value = plan(principal(role("nodes"), entry=EntrySpec(kind)))
    text = generated("eksctl", value, include_owned=True)["access-entries.yaml"]
    known = kind in recorded("eksctl")["types"]["values"]
    assert (set(eksctl_entries(text)) == {role("nodes")}) == known
    assert (f"#   {role('nodes')}: eksctl refuses the type {kind}\n" in text) != known


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            EntrySpec("EC2_LINUX", access_policies=(AssociatedPolicy(VIEW),)),
            "policies for the type",
        ),
        (EntrySpec("STANDARD", ""), "takes an empty username for none"),
        (
            EntrySpec("STANDARD", "a", (), (AssociatedPolicy(VIEW, AccessScope("namespace")),)),
            "without a namespace",
        ),
    ],
)
def test_an_entry_that_eksctl_makes_otherwise_is_left_out(entry: EntrySpec, reason: str) -> None:
    text = generated("eksctl", plan(principal(role("dev"), entry=entry)))["access-entries.yaml"]
    assert eksctl_entries(text) == {}
    assert reason in text


@pytest.mark.parametrize(("name", "fits"), [("a" * 76, True), ("a" * 77, False), ("a_b", False)])
def test_a_cluster_whose_name_fits_in_no_stack_gets_no_entry(name: str, fits: bool) -> None:
    value = plan(principal(role("dev")), cluster=cluster(name=name))
    text = generated("eksctl", value)["access-entries.yaml"]
    assert bool(eksctl_entries(text)) == fits
    assert ("the name of a stack, which it does not fit" in text) != fits


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
        assert (f"  {arn}: {DYNAMIC_REFERENCE}" in written) == (arn != role("good"))


@pytest.mark.parametrize("kind", ["cloudformation", "eksctl"])
def test_a_cluster_name_with_a_dynamic_reference_leaves_every_entry_out(
    kind: CodeKind,
) -> None:
    value = plan(principal(role("dev")), cluster=cluster(name="{{resolve:ssm:a}}"))
    written = "".join(generated(kind, value).values())
    assert f"  {role('dev')}: {DYNAMIC_REFERENCE}" in written


def test_a_template_has_no_functions_so_that_dollar_braces_are_literal() -> None:
    spec = EntrySpec("STANDARD", "${AWS::AccountId}", ("!Ref x", "${x}", "Fn::Sub"))
    found = load(
        generated("cloudformation", plan(principal(role("dev"), entry=spec)))["access-entries.yaml"]
    )
    [resource] = found["Resources"].values()
    assert resource["Properties"]["Username"] == "${AWS::AccountId}"
    assert resource["Properties"]["KubernetesGroups"] == ["!Ref x", "${x}", "Fn::Sub"]


def test_cfn_lint_accepts_the_templates_of_every_example(tmp_path: Path) -> None:
    namespaces = EntrySpec(
        "STANDARD", "dev", ("devs",), (AssociatedPolicy(VIEW, AccessScope("namespace", ("shop",))),)
    )
    made = plan(*company().principals, principal(role("scoped"), entry=namespaces))
    for name, value in (("company", made), ("nobody", plan()), *example_plans().items()):
        for file, text in generated("cloudformation", value).items():
            (tmp_path / f"{name}-{file}").write_text(text, encoding="utf-8")
    lint = [
        str(Path(sys.executable).with_name("cfn-lint")),
        *map(str, sorted(tmp_path.glob("*.yaml"))),
    ]
    run = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_what_eks_owns_is_named_in_every_form() -> None:
    for files in (
        generated("cloudformation", company()),
        generated("eksctl", company()),
        generated("aws-cli", company()),
    ):
        assert any(
            "role/managed-nodes: EKS makes this entry itself" in text for text in files.values()
        )


def test_template_refuses_another_account_and_another_region() -> None:
    for name, text in generated("cloudformation", company()).items():
        if name.endswith(".yaml"):
            [rule] = load(text)["Rules"].values()
            asserted = [each["Assert"]["Fn::Equals"] for each in rule["Assertions"]]
            assert asserted == [
                [{"Ref": "AWS::AccountId"}, "111122223333"],
                [{"Ref": "AWS::Region"}, "eu-west-1"],
            ]
