"""The generated Terraform: as ``terraform fmt`` writes it, and the same entries when read back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrator.decide.planning.code_entries import code_entries, stable_name
from migrator.model.access_entry import (
    AccessScope,
    AssociatedPolicy,
    EntrySpec,
    EntryType,
    Identity,
)
from migrator.model.code_entries import CodeKind, ModuleVersion
from migrator.model.files.terraform_plan import read_terraform_plan
from migrator.model.plan import Plan
from migrator.render.code_files import code_files, next_lines
from migrator.render.escape import survives_hcl
from migrator.render.facts import default_username
from migrator.render.terraform import removed_blocks
from tests.support.generate_terraform_schema import EXTRACT
from tests.support.plans import (
    HOSTILE,
    VIEW,
    cluster,
    company,
    generated,
    plan,
    plans,
    principal,
    role,
)
from tests.support.terraform_code import (
    STYLES,
    as_locals,
    assert_formatted,
    entries_of_locals,
    evaluated,
    module_entries,
    raw_entries,
    read,
    resources,
    run_terraform,
    terraform,
)


def made(
    kind: CodeKind, version: ModuleVersion | None, value: Plan, *, include_owned: bool = False
) -> dict[str, str]:
    code = code_entries(value, include_owned=include_owned)
    return code_files(kind, value, code, version)


def _wanted(value: Plan) -> dict[str, EntrySpec]:
    """The entries whose texts Terraform keeps as they are."""
    return {
        entry.principal_arn: entry.spec
        for entry in code_entries(value).entries
        if all(map(survives_hcl, entry.texts))
    }


def _carried(kind: CodeKind, version: ModuleVersion | None, value: Plan) -> dict[str, EntrySpec]:
    """Those of them that the style can say."""
    wanted = _wanted(value)
    if (kind, version) == ("terraform-cloudposse", "v4"):
        return {
            # The username is the one that EKS gives, so that the module need not say it.
            arn: EntrySpec(spec.type, None, spec.kubernetes_groups, spec.access_policies)
            for arn, spec in wanted.items()
            if spec.type in ("EC2_LINUX", "EC2_WINDOWS")
            or (spec.type == "STANDARD" and spec.username in (None, default_username(arn, spec)))
        }
    return wanted


def _read_back(files: dict[str, str]) -> dict[str, EntrySpec]:
    text = files["access_entries.tf"]
    return raw_entries(text) | module_entries(text)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=15)
@given(plans())
def test_every_style_parses_back_to_the_plan(value: Plan) -> None:
    for kind, version in STYLES:
        files = made(kind, version, value)
        assert _read_back(files) == _carried(kind, version, value)
        assert made(kind, version, value) == files


def _hostile_plan() -> Plan:
    """A principal for each hostile text, in its username, groups and a namespace."""
    texts = [*HOSTILE, *MORE_HOSTILE]
    entries = []
    for index, text in enumerate(texts):
        scope = AccessScope("namespace", (text, "shop"))
        policies = (AssociatedPolicy(VIEW, scope),)
        entry = EntrySpec("STANDARD", text, (text, "devs"), policies)
        entries.append(principal(role(f"p{index}"), entry=entry))
    return plan(*entries)


MORE_HOSTILE = (
    "<<EOT\nx\nEOT",
    "%{ for x in y }${x}%{ endfor ~}",
    "$$${x}%%%{y}",
    "\\u0041\\n\\${x}",
    "x" * 5000,
    "\u0000\u001f\u007f\u0085",
    "\u2028\u2029\u202e\u2066",
    '"}\n}\nresource "x" "y" {\n',
)


def test_forty_hostile_texts_are_what_terraform_reads(tmp_path: Path) -> None:
    value = _hostile_plan()
    assert len(value.principals) >= 40
    modules = made("terraform-aws-modules", "v21", value)["access_entries.tf"]
    assert entries_of_locals(evaluated(tmp_path, modules)) == _wanted(value)


def test_forty_hostile_texts_are_what_terraform_reads_of_raw_resources(tmp_path: Path) -> None:
    value = _hostile_plan()
    found = evaluated(tmp_path, as_locals(made("terraform", None, value)["access_entries.tf"]))
    policies = {
        each["principal_arn"]: (
            each["policy_arn"],
            each["access_scope"]["type"],
            each["access_scope"]["namespaces"],
        )
        for name, each in found.items()
        if name.startswith("aws_eks_access_policy_association__")
    }
    entries = {
        each["principal_arn"]: (each["user_name"], each["kubernetes_groups"])
        for name, each in found.items()
        if name.startswith("aws_eks_access_entry__")
    }
    wanted = _wanted(value)
    assert entries == {
        arn: (spec.username, list(spec.kubernetes_groups)) for arn, spec in wanted.items()
    }
    assert policies == {
        arn: (VIEW, "namespace", list(spec.access_policies[0].scope.namespaces))
        for arn, spec in wanted.items()
    }


def test_repeated_texts_are_written_once() -> None:
    value = plan(*(principal(role(f"p{each}"), entry=ADMIN) for each in range(5)))
    raw = made("terraform", None, value)["access_entries.tf"]
    assert raw.count('"prod"') == 1
    assert raw.count(f'"{VIEW}"') == 1
    assert made("terraform-aws-modules", "v20", value)["access_entries.tf"].count(f'"{VIEW}"') == 1


ADMIN = EntrySpec("STANDARD", None, (), (AssociatedPolicy(VIEW, AccessScope()),))


def test_two_policies_of_one_name_stay_two() -> None:
    other = VIEW.replace("arn:aws:", "arn:aws-cn:")
    both = tuple(AssociatedPolicy(arn, AccessScope()) for arn in (VIEW, other))
    value = plan(
        principal(role("a"), entry=EntrySpec("STANDARD", None, (), both[:1])),
        principal(role("b"), entry=EntrySpec("STANDARD", None, (), both[1:])),
    )
    for kind, version in STYLES:
        assert _read_back(made(kind, version, value)) == _wanted(value)


def test_policies_whose_names_differ_in_signs_alone_stay_apart() -> None:
    names = ("Amazon-EKS.View", "Amazon_EKS_View", "Amazon-EKS-View", "path/Amazon_EKS_View")
    of = VIEW.rpartition("/")[0]
    policies = tuple(AssociatedPolicy(f"{of}/{name}", AccessScope()) for name in names)
    value = plan(principal(role("a"), entry=EntrySpec("STANDARD", None, (), policies)))
    for kind, version in STYLES:
        assert _read_back(made(kind, version, value)) == _wanted(value)
    imports = made("terraform-aws-modules", "v21", value)["access_entries_import.tf"]
    addresses = re.findall(r"to = (.*)", imports)
    assert len(set(addresses)) == len(addresses) == 1 + len(names)


@pytest.mark.parametrize("kind", ["EC2", "HYBRID_LINUX", "HYPERPOD_LINUX", "FARGATE_LINUX"])
def test_types_that_cloudposse_cannot_carry_are_left_out_and_said(kind: EntryType) -> None:
    value = plan(principal(role("x"), entry=EntrySpec(kind)))
    text = made("terraform-cloudposse", "v4", value, include_owned=True)["access_entries.tf"]
    assert module_entries(text) == {}
    assert f"#   {role('x')}: the module sets groups, which EKS refuses for type {kind}" in text


def test_username_that_cloudposse_does_not_set_is_left_out_and_said() -> None:
    text = made("terraform-cloudposse", "v4", company())["access_entries.tf"]
    assert f"#   {role('ci/runner')}: the module sets no username" in text
    assert "user_name" not in text


def test_nodes_of_cloudposse_are_in_its_lists_with_their_places() -> None:
    nodes = (
        principal(role("n1"), entry=EntrySpec("EC2_LINUX")),
        principal(role("w1"), entry=EntrySpec("EC2_WINDOWS")),
        principal(role("n2"), entry=EntrySpec("EC2_LINUX")),
    )
    files = made("terraform-cloudposse", "v4", plan(*nodes))
    [found] = read(files["access_entries.tf"])["locals"]
    assert found["access_entries_for_nodes"] == {
        "EC2_LINUX": [role("n1"), role("n2")],
        "EC2_WINDOWS": [role("w1")],
    }
    imports = files["access_entries_import.tf"]
    assert imports.index("aws_eks_access_entry.linux[1]") < imports.index(f"prod:{role('n2')}")
    assert "aws_eks_access_entry.windows[0]" in imports


def test_v2_and_v3_of_cloudposse_have_resources_beside_them_and_no_removed_block() -> None:
    versions: tuple[ModuleVersion, ...] = ("v2", "v3")
    for version in versions:
        files = code_files("terraform-cloudposse", company(), code_entries(company()), version)
        assert set(files) == {"access_entries.tf", "access_entries_import.tf"}
        text = files["access_entries.tf"]
        state = text.index(
            "terraform state rm 'module.eks_cluster.kubernetes_config_map.aws_auth[0]'"
        )
        assert state < text.index("apply_config_map_aws_auth = false")


def test_hyperpod_is_left_out_of_v20_alone() -> None:
    value = plan(principal(role("x"), entry=EntrySpec("HYPERPOD_LINUX")))
    versions: dict[ModuleVersion, bool] = {"v20": False, "v21": True}
    for version, there in versions.items():
        text = code_files(
            "terraform-aws-modules", value, code_entries(value, include_owned=True), version
        )["access_entries.tf"]
        assert bool(module_entries(text)) is there
        assert ("has no type HYPERPOD_LINUX" in text) is not there


def test_wiring_names_the_version_and_switches_the_entry_of_the_caller_off() -> None:
    versions: dict[ModuleVersion, str] = {"v20": "~> 20.0", "v21": "~> 21.0"}
    for version, pinned in versions.items():
        text = code_files("terraform-aws-modules", company(), code_entries(company()), version)[
            "access_entries.tf"
        ]
        assert f'= "{pinned}"' in text
        assert re.search(r"#   enable_cluster_creator_admin_permissions += false\n", text)
        for made_by_flag in (
            'access_entry.this["cluster_creator"]',
            'access_policy_association.this["cluster_creator_admin"]',
        ):
            assert f"#   terraform state rm 'module.eks.aws_eks_{made_by_flag}'\n" in text


@pytest.mark.parametrize(
    ("before", "mode"),
    [
        ("CONFIG_MAP", "API_AND_CONFIG_MAP"),
        ("API_AND_CONFIG_MAP", "API_AND_CONFIG_MAP"),
        ("API", "API"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("terraform-aws-modules", r'  authentication_mode +\= "MODE"'),
        ("terraform-cloudposse", r'  access_config +\= \{ authentication_mode = "MODE" \}'),
    ],
)
def test_module_block_sets_the_mode_that_the_cluster_is_in(
    before: str, mode: str, kind: CodeKind, line: str
) -> None:
    """The module of cloudposse v4 sets API by itself: the cut-over. terraform-aws-modules sets
    API_AND_CONFIG_MAP, which EKS refuses after it.
    """
    value = plan(principal(role("dev")), cluster=cluster(authentication_mode=before))
    wanted = re.compile(f"^(# )?{line.replace('MODE', mode)}$", re.MULTILINE)
    said = "\n".join(next_lines(kind, value.cluster))
    for text in (generated(kind, value)["access_entries.tf"], said):
        assert wanted.search(text)
        assert ("After migrate cutover set it to API" in text) == (mode != "API")


@pytest.mark.parametrize(("kind", "version"), STYLES)
def test_every_style_fails_for_a_cluster_of_the_same_name_elsewhere(
    kind: CodeKind, version: ModuleVersion | None
) -> None:
    value = plan(principal(role("dev")))
    text = made(kind, version, value)["access_entries.tf"]
    [data] = read(text)["data"]
    guard = data["aws_eks_cluster"]["access_entries"]
    assert guard["name"] in ("prod", "${local.access_cluster_name}")
    [check] = guard["lifecycle"][0]["postcondition"]
    assert check["condition"] == f'${{self.arn == "{value.cluster.arn}"}}'


def test_commands_that_take_aws_auth_out_of_the_state_are_in_the_code() -> None:
    raw = made("terraform", None, company())["aws_auth_removed.tf"]
    assert "#   terraform state rm kubernetes_config_map_v1_data.aws_auth\n" in raw
    modules = made("terraform-aws-modules", "v21", company())["aws_auth_removed.tf"]
    assert "#   terraform state rm module.eks_aws_auth.kubernetes_config_map.aws_auth\n" in modules


def test_every_entry_and_association_has_an_import_with_its_id() -> None:
    files = generated("terraform", company())
    blocks = read(files["access_entries_import.tf"])["import"]
    imports = {re.sub(r"^\$\{|\}$", "", block["to"]): block["id"] for block in blocks}
    expected = {}
    for name, attributes in resources(files["access_entries.tf"], "aws_eks_access_entry").items():
        expected[f"aws_eks_access_entry.{name}"] = f"prod:{attributes['principal_arn']}"
    for name, attributes in resources(
        files["access_entries.tf"], "aws_eks_access_policy_association"
    ).items():
        owner = attributes["principal_arn"].split(".")[1]
        arn = resources(files["access_entries.tf"], "aws_eks_access_entry")[owner]["principal_arn"]
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
    assert resources(text, "aws_eks_access_entry") == {}
    for each in (automatic, fargate, linked, awaited):
        assert f"#   {each.principal_arn}: " in text


def test_owned_entries_are_there_when_asked_for_but_never_service_linked_ones() -> None:
    awaited = principal(role("managed"), "await", entry=EntrySpec("EC2_LINUX"))
    linked = principal(
        role("aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"), "keep"
    )
    text = generated("terraform", plan(awaited, linked), include_owned=True)["access_entries.tf"]
    assert list(raw_entries(text)) == [awaited.principal_arn]


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
    blocks = read(generated("terraform", company())["aws_auth_removed.tf"])["removed"]
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
    assert resources(text, "aws_eks_access_entry") == {}
    assert "normal form C" in text


def test_an_entry_with_a_namespace_that_terraform_would_change_is_left_out() -> None:
    policies = (AssociatedPolicy(VIEW, AccessScope("namespace", ("e\u0301",))),)
    value = plan(principal(role("dev"), entry=EntrySpec("STANDARD", "dev", (), policies)))
    for kind, version in STYLES:
        assert f"#   {role('dev')}: one of its texts is not in Unicode normal form C" in "".join(
            made(kind, version, value).values()
        )


def test_module_imports_name_the_resources_of_the_modules() -> None:
    sso = company().principals[0].principal_arn
    name = stable_name(sso)
    ours = generated("terraform-aws-modules", company())["access_entries_import.tf"]
    assert f'to = module.eks.aws_eks_access_entry.this["{name}"]' in ours
    assert (
        f'to = module.eks.aws_eks_access_policy_association.this["{name}_AmazonEKSClusterAdminPolicy"]'  # noqa: E501
        in ours
    )
    value = plan(principal(sso, entry=ADMIN))
    theirs = generated("terraform-cloudposse", value)["access_entries_import.tf"]
    assert f'to = module.eks_cluster.aws_eks_access_entry.map["{sso}"]' in theirs
    assert (
        f'to = module.eks_cluster.aws_eks_access_policy_association.map["{sso}-{VIEW}"]' in theirs
    )
    assert f'id = "prod#{sso}#{VIEW}"' in theirs


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
    alone = resources(
        generated("terraform", plan(one))["access_entries.tf"], "aws_eks_access_entry"
    )
    beside = resources(
        generated("terraform", plan(two, one))["access_entries.tf"], "aws_eks_access_entry"
    )
    assert set(alone) < set(beside)


def _check_format(directory: Path, value: Plan) -> None:
    files = {}
    for kind, version in STYLES:
        for name, text in made(kind, version, value).items():
            files[f"{kind}-{version}/{name}"] = text
    assert_formatted(directory, files)


def test_the_company_is_as_terraform_fmt_writes_it(tmp_path: Path) -> None:
    _check_format(tmp_path, company())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_hostile_plans_are_as_terraform_fmt_writes_them(
    tmp_path_factory: pytest.TempPathFactory, value: Plan
) -> None:
    terraform()
    _check_format(tmp_path_factory.mktemp("terraform"), value)


def test_long_lists_take_a_line_for_each_item(tmp_path: Path) -> None:
    groups = tuple(f"a-rather-long-group-name-{number}" for number in range(9))
    scope = AccessScope(
        "namespace", tuple(f"a-rather-long-namespace-name-{number}" for number in range(9))
    )
    entry = EntrySpec("STANDARD", "dev", groups, (AssociatedPolicy(VIEW, scope),))
    value = plan(principal(role("dev"), entry=entry))
    assert raw_entries(generated("terraform", value)["access_entries.tf"]) == _wanted(value)
    _check_format(tmp_path, value)


SCHEMA = json.loads(EXTRACT.read_text())["resources"]
KINDS: dict[str, type] = {"string": str, "list of strings": list}


def _fits(attributes: dict[str, Any], schema: dict[str, Any]) -> None:
    """Required attributes are there, all are known, and each has its type."""
    known = schema["required"] | schema["optional"]
    set_here = attributes.keys() - {"lifecycle", "provider"}
    assert schema["required"].keys() <= set_here <= known.keys()
    for name in set_here:
        value, kind = attributes[name], known[name]
        if isinstance(kind, dict):
            [block] = value
            _fits(block, kind)
        else:
            assert isinstance(value, KINDS[kind]), name
        if kind == "list of strings":
            assert all(isinstance(each, str) for each in value)


@pytest.mark.parametrize("value", [company(), _hostile_plan()], ids=["company", "hostile"])
def test_attributes_have_the_names_and_types_of_the_provider(value: Plan) -> None:
    text = made("terraform", None, value)["access_entries.tf"]
    for kind, schema in SCHEMA.items():
        found = resources(text, kind)
        assert found
        for attributes in found.values():
            _fits(attributes, schema)


def test_recorded_terraform_plans_have_attributes_of_the_provider() -> None:
    folder = EXTRACT.parents[1] / "terraform_plans"
    computed = {
        "access_entry_arn",
        "associated_at",
        "created_at",
        "id",
        "modified_at",
    }
    for path in folder.glob("*.json"):
        for change in json.loads(path.read_text())["resource_changes"]:
            schema = SCHEMA.get(change["type"])
            for side in ("before", "after") if schema else ():
                names = set(change["change"][side] or ())
                assert names <= {*schema["required"], *schema["optional"], *computed}, path.name


def test_removed_blocks_forget_what_is_in_the_state_and_ignore_the_rest(tmp_path: Path) -> None:
    """By terraform itself, with the resource that it has built in."""
    code, removed = tmp_path / "main.tf", tmp_path / "aws_auth_removed.tf"
    code.write_text('resource "terraform_data" "aws_auth" {}\n')
    run_terraform(tmp_path, "init", "-input=false")
    run_terraform(tmp_path, "apply", "-auto-approve", "-input=false")
    code.write_text("")
    removed.write_text(removed_blocks(["terraform_data.aws_auth", "terraform_data.in_no_state"]))
    run_terraform(tmp_path, "plan", "-out=tfplan", "-input=false")
    found = run_terraform(tmp_path, "show", "-json", "tfplan")
    # Its type is exchanged for one that is judged, so that it is read.
    read_as = found.replace(b'"type":"terraform_data"', b'"type":"kubernetes_config_map"')
    [change] = read_terraform_plan(read_as, "tfplan.json").changes
    assert (change.address, [*change.actions]) == ("terraform_data.aws_auth", ["forget"])
    assert not change.destroys
