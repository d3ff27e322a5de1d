"""The generated Terraform: as ``terraform fmt`` writes it, and the same entries when read back."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrator.decide.planning.code_entries import code_entries, stable_name
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec, Identity
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan
from tests.support.plans import VIEW, company, generated, plan, plans, principal, role

FORMS: tuple[CodeKind, ...] = ("terraform", "terraform-aws-modules", "terraform-cloudposse")

# python-hcl2 keeps escapes and templates as written, so what it reads back is compared with plain
# texts; that terraform itself evaluates escaped texts right is tested beside the escape function.
plain_text = st.from_regex(r"[A-Za-z0-9:@/.+=,_-]{0,30}", fullmatch=True)


def _unquote(value: Any) -> Any:  # noqa: ANN401 - any HCL value
    if isinstance(value, str):
        return value[1:-1] if value.startswith('"') else value
    if isinstance(value, list):
        return [_unquote(item) for item in value]
    if isinstance(value, dict):
        return {
            _unquote(key): _unquote(item) for key, item in value.items() if key != "__is_block__"
        }
    return value


def _read(text: str) -> dict[str, Any]:
    document = _unquote(hcl2.loads(text))
    assert isinstance(document, dict)
    return document


def _resources(text: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for block in _read(text).get("resource", []):
        for name, attributes in block.get(kind, {}).items():
            assert name not in found
            found[name] = attributes
    return found


def _entries_of(text: str) -> dict[str, EntrySpec]:
    """The entries that the code describes, by principal."""
    policies: dict[str, list[AssociatedPolicy]] = {}
    for attributes in _resources(text, "aws_eks_access_policy_association").values():
        owner = attributes["principal_arn"].split(".")[1]
        scope = attributes["access_scope"][0]
        associated = AssociatedPolicy(
            attributes["policy_arn"], AccessScope(scope["type"], tuple(scope.get("namespaces", ())))
        )
        policies.setdefault(owner, []).append(associated)
    return {
        attributes["principal_arn"]: EntrySpec(
            attributes["type"],
            attributes.get("user_name"),
            tuple(attributes.get("kubernetes_groups", ())),
            tuple(policies.get(name, ())),
        )
        for name, attributes in _resources(text, "aws_eks_access_entry").items()
    }


def _wanted(value: Plan) -> dict[str, EntrySpec]:
    return {entry.principal_arn: entry.spec for entry in code_entries(value).entries}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(plans(plain_text))
def test_parses_back_to_the_plan(value: Plan) -> None:
    assert _entries_of(generated("terraform", value)["access_entries.tf"]) == _wanted(value)


def test_every_entry_and_association_has_an_import_with_its_id() -> None:
    files = generated("terraform", company())
    blocks = _read(files["access_entries_import.tf"])["import"]
    imports = {re.sub(r"^\$\{|\}$", "", block["to"]): block["id"] for block in blocks}
    expected = {}
    for name, attributes in _resources(files["access_entries.tf"], "aws_eks_access_entry").items():
        expected[f"aws_eks_access_entry.{name}"] = f"prod:{attributes['principal_arn']}"
    for name, attributes in _resources(
        files["access_entries.tf"], "aws_eks_access_policy_association"
    ).items():
        owner = attributes["principal_arn"].split(".")[1]
        arn = _resources(files["access_entries.tf"], "aws_eks_access_entry")[owner]["principal_arn"]
        expected[f"aws_eks_access_policy_association.{name}"] = (
            f"prod#{arn}#{attributes['policy_arn']}"
        )
    assert imports == expected
    assert len(imports) == 6


def test_entries_that_eks_owns_are_left_out_and_named() -> None:
    automatic = principal(role("creator"), "keep", before=Identity("creator", (), "automatic"))
    fargate = principal(role("fargate"), "keep", entry=EntrySpec("FARGATE_LINUX"))
    linked = principal(
        role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"), "keep"
    )
    awaited = principal(role("managed"), "await", entry=EntrySpec("EC2_LINUX"))
    text = generated("terraform", plan(automatic, fargate, linked, awaited))["access_entries.tf"]
    assert _resources(text, "aws_eks_access_entry") == {}
    for each in (automatic, fargate, linked, awaited):
        assert f"#   {each.principal_arn}: " in text


def test_owned_entries_are_there_when_asked_for_but_never_service_linked_ones() -> None:
    awaited = principal(role("managed"), "await", entry=EntrySpec("EC2_LINUX"))
    linked = principal(
        role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"), "keep"
    )
    text = generated("terraform", plan(awaited, linked), include_owned=True)["access_entries.tf"]
    assert list(_entries_of(text)) == [awaited.principal_arn]


def test_node_types_have_neither_username_nor_groups() -> None:
    odd = EntrySpec("EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", ("system:nodes",))
    text = generated("terraform", plan(principal(role("nodes"), entry=odd)))["access_entries.tf"]
    assert "user_name" not in text
    assert "kubernetes_groups" not in text


def test_a_username_left_to_eks_is_not_written() -> None:
    text = generated(
        "terraform", plan(principal(role("dev"), entry=EntrySpec("STANDARD", None, ("devs",))))
    )["access_entries.tf"]
    assert "user_name" not in text


def test_removed_blocks_forget_the_config_map_and_never_destroy_it() -> None:
    blocks = _read(generated("terraform", company())["aws_auth_removed.tf"])["removed"]
    assert [re.sub(r"^\$\{|\}$", "", block["from"]) for block in blocks] == [
        "kubernetes_config_map.aws_auth",
        "kubernetes_config_map_v1.aws_auth",
        "kubernetes_config_map_v1_data.aws_auth",
    ]
    assert all(block["lifecycle"][0]["destroy"] in (False, "false") for block in blocks)


def test_an_entry_that_terraform_would_change_is_left_out() -> None:
    text = generated(
        "terraform", plan(principal(role("dev"), entry=EntrySpec("STANDARD", "e\u0301", ())))
    )["access_entries.tf"]
    assert _resources(text, "aws_eks_access_entry") == {}
    assert "normal form C" in text


def test_an_entry_with_a_namespace_that_terraform_would_change_is_left_out() -> None:
    policies = (AssociatedPolicy(VIEW, AccessScope("namespace", ("e\u0301",))),)
    value = plan(principal(role("dev"), entry=EntrySpec("STANDARD", "dev", (), policies)))
    for kind in FORMS:
        assert f"#   {role('dev')}: one of its texts is not in Unicode normal form C" in "".join(
            generated(kind, value).values()
        )


def _policies_of(entry: dict[str, Any], key: str) -> tuple[AssociatedPolicy, ...]:
    return tuple(
        AssociatedPolicy(
            each.get("policy_arn", name),
            AccessScope(
                each["access_scope"]["type"], tuple(each["access_scope"].get("namespaces", ()))
            ),
        )
        for name, each in entry.get(key, {}).items()
    )


@settings(max_examples=60)
@given(plans(plain_text))
def test_module_maps_parse_back_to_the_plan(value: Plan) -> None:
    ours = _read(generated("terraform-aws-modules", value)["access_entries.auto.tfvars"])[
        "access_entries"
    ]
    theirs = _read(generated("terraform-cloudposse", value)["access_entry_map.auto.tfvars"])[
        "access_entry_map"
    ]
    for found, policies in (
        ({entry["principal_arn"]: entry for entry in ours.values()}, "policy_associations"),
        (theirs, "access_policy_associations"),
    ):
        assert {
            arn: EntrySpec(
                entry["type"],
                entry.get("user_name"),
                tuple(entry.get("kubernetes_groups", ())),
                _policies_of(entry, policies),
            )
            for arn, entry in found.items()
        } == _wanted(value)


def test_module_imports_name_the_resources_of_the_modules() -> None:
    sso = company().principals[0].principal_arn
    name = stable_name(sso)
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    ours = generated("terraform-aws-modules", company())["access_entries_import.tf"]
    assert f'to = module.eks.aws_eks_access_entry.this["{name}"]' in ours
    assert (
        f'to = module.eks.aws_eks_access_policy_association.this["{name}_AmazonEKSClusterAdminPolicy"]'  # noqa: E501
        in ours
    )
    theirs = generated("terraform-cloudposse", company())["access_entry_map_import.tf"]
    assert f'to = module.eks_cluster.aws_eks_access_entry.map["{sso}"]' in theirs
    assert (
        f'to = module.eks_cluster.aws_eks_access_policy_association.map["{sso}-{policy}"]' in theirs
    )
    assert f'id = "prod#{sso}#{policy}"' in theirs


@given(
    st.lists(
        st.from_regex(r"arn:aws:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]{1,30}", fullmatch=True),
        unique=True,
    )
)
def test_names_are_identifiers_and_differ(arns: list[str]) -> None:
    made = [stable_name(arn) for arn in arns]
    assert len(set(made)) == len(arns)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in made)


def test_a_name_does_not_depend_on_other_principals() -> None:
    one, two = principal(role("ci/runner")), principal(role("team/runner"))
    alone = _resources(
        generated("terraform", plan(one))["access_entries.tf"], "aws_eks_access_entry"
    )
    beside = _resources(
        generated("terraform", plan(two, one))["access_entries.tf"], "aws_eks_access_entry"
    )
    assert set(alone) < set(beside)


def _terraform() -> str:
    found = shutil.which("terraform")
    if found is None:
        pytest.skip(
            "terraform is not on this machine: the formatting of the generated code is not checked"
        )
    return found


def _check_format(directory: Path, value: Plan) -> None:
    for kind in FORMS:
        (directory / kind).mkdir()
        _check_form(directory / kind, generated(kind, value))


def _check_form(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    run = subprocess.run(
        [_terraform(), "fmt", "-check", "-diff"], cwd=directory, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stdout.decode()


def test_the_company_is_as_terraform_fmt_writes_it(tmp_path: Path) -> None:
    _check_format(tmp_path, company())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_hostile_plans_are_as_terraform_fmt_writes_them(
    tmp_path_factory: pytest.TempPathFactory, value: Plan
) -> None:
    _terraform()
    _check_format(tmp_path_factory.mktemp("terraform"), value)


def test_long_lists_take_a_line_for_each_item(tmp_path: Path) -> None:
    groups = tuple(f"a-rather-long-group-name-{number}" for number in range(9))
    scope = AccessScope(
        "namespace", tuple(f"a-rather-long-namespace-name-{number}" for number in range(9))
    )
    entry = EntrySpec("STANDARD", "dev", groups, (AssociatedPolicy(VIEW, scope),))
    value = plan(principal(role("dev"), entry=entry))
    assert _entries_of(generated("terraform", value)["access_entries.tf"]) == _wanted(value)
    _check_format(tmp_path, value)
