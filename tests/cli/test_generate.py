"""``migrate generate``: what it takes, what it refuses, and how a check ends for a pipeline."""

import io
import json
from pathlib import Path

import pytest

from migrator.cli.main import run
from migrator.model.canonical import digest_of

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapUsers: |
    - {userarn: "arn:aws:iam::111122223333:user/dev", username: dev, groups: [devs]}
"""
CLUSTER = "arn:aws:eks:eu-west-1:111122223333:cluster/prod"
DOCUMENTS = Path(__file__).parents[1] / "data" / "terraform_plans"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with plan.json: the principal user/dev of the cluster prod."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aws-auth.yaml").write_text(CONFIG_MAP)
    arguments = ["--config-map", "aws-auth.yaml", "--cluster-arn", CLUSTER, "--out", "plan.json"]
    assert run(["plan", *arguments], stderr=io.StringIO()) in (0, 3)
    return tmp_path


def _ended(*arguments: str) -> tuple[int, str]:
    stderr = io.StringIO()
    return run(["generate", *arguments], stderr=stderr), stderr.getvalue()


def _check(name: str, *more: str) -> tuple[int, str]:
    return _ended("terraform", "plan.json", "--check", str(DOCUMENTS / f"{name}.json"), *more)


def test_check_of_a_plan_that_destroys_an_entry_is_4_with_the_address(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _check("entry-destroyed")
    assert code == 4
    assert "[terraform-plan-unsafe]" in said
    shown = capsys.readouterr().out
    assert shown.startswith("aws_eks_access_entry.role_dev: the entry of arn:aws:iam::")
    assert "4 resources judged, 1 problems.\n" in shown


def test_check_of_a_plan_that_changes_nothing_is_0(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check("clean-no-change")[0] == 0
    assert capsys.readouterr().out == "4 resources judged, 0 problems.\n"


def test_check_as_json_is_one_document_also_where_it_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check("cluster-replaced", "--output", "json")[0] == 4
    found = json.loads(capsys.readouterr().out)
    [problem] = found["problems"]
    assert problem["address"] == "module.eks.aws_eks_cluster.this[0]"
    assert problem["fault"] == "cluster-replaced"
    assert "access_config[0].bootstrap_cluster_creator_admin_permissions" in problem["what"]


def test_hostile_address_stays_on_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads((DOCUMENTS / "entry-destroyed.json").read_text())
    found["resource_changes"][1]["address"] = 'x["\x1b[2J\n::error::y"]'
    (folder / "tfplan.json").write_text(json.dumps(found))
    code, said = _ended("terraform", "plan.json", "--check", "tfplan.json")
    assert code == 4
    for text in (said, capsys.readouterr().out):
        assert "\x1b" not in text
        assert "\n::error" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("terraform", "plan.json"), "Give --out FOLDER or --check"),
        (("terraform", "plan.json", "--out", "x", "--check", "y"), "and not both"),
        (("eksctl", "plan.json", "--check", "tfplan.json"), "--check is for terraform"),
        (("terraform", "plan.json", "--out", "x", "--output", "json"), "--output is for --check"),
        (("terraform", "plan.json", "plan.json", "--out", "x"), "or --for fleet"),
        (("eksctl", "plan.json", "--out", "x", "--for", "fleet"), "--for fleet is for terraform"),
        (
            ("terraform", "plan.json", "plan.json", "--out", "x", "--for", "fleet"),
            "is named 2 times",
        ),
        (
            ("terraform-aws-modules", "plan.json", "--out", "x", "--module-version", "v4"),
            "terraform-aws-modules has v20, v21",
        ),
        (
            ("eksctl", "plan.json", "--out", "x", "--module-version", "v4"),
            "eksctl is no Terraform module",
        ),
    ],
)
def test_wrong_use_is_64_and_said(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    code, said = _ended(*arguments)
    assert (code, words in said) == (64, True), said
    assert not (folder / "x").exists()


def test_missing_file_of_a_check_is_said(folder: Path) -> None:
    code, said = _ended("terraform", "plan.json", "--check", "none.json")
    assert (code, "[file-not-found]" in said) == (1, True)


def test_edited_plan_is_refused_before_the_check(folder: Path) -> None:
    document = json.loads((folder / "plan.json").read_text())
    document["cluster"]["name"] = "stage"
    del document["planDigest"]
    document["planDigest"] = digest_of(document)
    (folder / "plan.json").write_text(json.dumps(document))
    assert _check("clean-no-change")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("terraform",), "terraform state rm kubernetes_config_map.aws_auth\n"),
        (("terraform-aws-modules",), 'version                                  = "~> 21.0"\n'),
        (
            ("terraform-aws-modules", "--module-version", "v20"),
            'version                                  = "~> 20.0"\n',
        ),
        (("terraform-cloudposse",), "access_entries_for_nodes = local.access_entries_for_nodes\n"),
        (("terraform-cloudposse", "--module-version", "v3"), "apply_config_map_aws_auth = false\n"),
    ],
)
def test_what_to_do_with_terraform_code_is_printed(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    kind, *more = arguments
    assert _ended(kind, "plan.json", "--out", "code", *more)[0] == 0
    said = capsys.readouterr().err
    assert words in said
    assert said.endswith(f"  migrate generate {kind} plan.json --check tfplan.json\n")
    assert (folder / "code" / "access_entries.tf").exists()


def test_files_of_an_earlier_call_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terraform, and a person with stacks, go on with them."""
    made = ("cloudformation", "plan.json", "--out", "code", "--force")
    assert [_ended(*made)[0], _ended(*made)[0]] == [0, 0]
    assert "not written this time" not in capsys.readouterr().err
    (folder / "code" / "access-entries-1-of-2.yaml").write_text("")
    assert _ended(*made)[0] == 0
    assert "not written this time: access-entries-1-of-2.yaml. Their" in capsys.readouterr().err


def test_how_many_are_left_out_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    linked = "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForX"
    with (folder / "aws-auth.yaml").open("a") as file:
        file.write(f'    - {{userarn: "{linked}", username: x, groups: [devs]}}\n')
    arguments = ["--config-map", "aws-auth.yaml", "--cluster-arn", CLUSTER, "--out", "two.json"]
    assert run(["plan", *arguments], stderr=io.StringIO()) in (0, 3)
    assert _ended("terraform", "two.json", "--out", "two")[0] == 0
    assert "Principals without code: 1." in capsys.readouterr().err
    assert _ended("terraform", "plan.json", "--out", "one")[0] == 0
    assert "Principals without" not in capsys.readouterr().err


def test_fleet_is_a_module_for_each_account_in_one_folder(folder: Path) -> None:
    other = CLUSTER.replace("111122223333", "444455556666")
    arguments = ["--config-map", "aws-auth.yaml", "--cluster-arn", other, "--out", "other.json"]
    assert run(["plan", *arguments], stderr=io.StringIO()) in (0, 3)
    again = ("terraform", "plan.json", "other.json", "--for", "fleet", "--out", "fleet")
    assert _ended(*again)[0] == 0
    assert sorted(
        str(each.relative_to(folder / "fleet")) for each in (folder / "fleet").rglob("*.tf")
    ) == [
        "access_entries_import.tf",
        "account_111122223333/prod_eu_west_1.tf",
        "account_111122223333/versions.tf",
        "account_444455556666/prod_eu_west_1.tf",
        "account_444455556666/versions.tf",
        "main.tf",
    ]
    code, said = _ended(*again)
    assert (code, "[files-exist]" in said) == (4, True)
