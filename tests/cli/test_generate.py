"""``migrate generate``: what it takes, what it refuses, and how a check ends for a pipeline."""

import errno
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from migrator.cli.files import write_files
from migrator.cli.main import run
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.canonical import digest_of
from migrator.model.code_entries import CodeKind
from migrator.model.files.schemas import terraform_check_schema, terraform_fleet_check_schema
from tests.support.plans import generated, plan, principal

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
    Draft202012Validator(terraform_check_schema()).validate(found)
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
        (("terraform", "plan.json", "--out", ""), "it is empty, and must name one"),
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


def test_more_access_that_is_meant_is_accepted_by_the_command_that_the_error_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A team's group gets a role in one more namespace."""
    group = json.loads((folder / "plan.json").read_text())["principals"][0]["entry"]
    binding = {
        "metadata": [{"name": "x", "namespace": "team-a"}],
        "role_ref": [{"kind": "ClusterRole", "name": "view"}],
        "subject": [{"kind": "Group", "name": group["kubernetesGroups"][0]}],
    }
    document = json.loads(_of_two("prod"))
    change = {"actions": ["create"], "before": None, "after": binding}
    kind = "kubernetes_role_binding_v1"
    address = f'{kind}.x["team a"]'
    document["resource_changes"].append({"address": address, "type": kind, "change": change})
    (folder / "tfplan.json").write_text(json.dumps(document))
    check = ("terraform", "plan.json", "--check", "tfplan.json")
    code, said = _ended(*check)
    assert code == 4
    [option] = re.findall(r"meant: `(.*)`\.", said)
    capsys.readouterr()
    assert _ended(*check, *shlex.split(option))[0] == 0
    assert f"accepted: {address}: the group " in capsys.readouterr().out
    # An address without a problem is named, and accepts nothing.
    assert _ended(*check, "--accept", "y")[0] == 4
    assert "--accept names no problem that can be accepted: y." in capsys.readouterr().err
    code, said = _ended("terraform", "plan.json", "--out", "x", "--accept", "y")
    assert (code, "--accept is for --check" in said) == (64, True)


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


def test_blocked_plan_is_said_to_be_blocked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Principals behind mapAccounts have no code, and no name."""
    blocked = str(Path(__file__).parents[2] / "examples" / "map-accounts" / "plan.json")
    assert _ended("terraform", blocked, "--out", "code")[0] == 0
    assert "is blocked (map-accounts" in capsys.readouterr().err
    for each in (folder / "code").glob("access_entries.tf"):
        assert "not all principals are in it" in each.read_text()


def test_fleet_is_a_module_for_each_account_in_one_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = CLUSTER.replace("111122223333", "444455556666")
    arguments = ["--config-map", "aws-auth.yaml", "--cluster-arn", other, "--out", "other.json"]
    assert run(["plan", *arguments], stderr=io.StringIO()) in (0, 3)
    again = ("terraform", "plan.json", "other.json", "--for", "fleet", "--out", "fleet")
    assert _ended(*again)[0] == 0
    # What one cluster is told, a fleet is told, too.
    said = capsys.readouterr().err
    assert "ignore_changes = [access_config[0].bootstrap_cluster" in said
    assert "terraform state rm kubernetes_config_map.aws_auth\n" in said
    command = "migrate generate terraform --for fleet plan.json other.json --check tfplan.json\n"
    assert said.endswith(command)
    assert "terraform state rm" in (folder / "fleet" / "main.tf").read_text()
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


OTHER = CLUSTER.replace("/prod", "/stage")
DEV = "arn:aws:iam::111122223333:user/dev"


@pytest.fixture
def two_plans(folder: Path) -> Path:
    """The folder, with stage.json beside plan.json: the same principal of the cluster stage."""
    arguments = ["--config-map", "aws-auth.yaml", "--cluster-arn", OTHER, "--out", "stage.json"]
    assert run(["plan", *arguments], stderr=io.StringIO()) in (0, 3)
    return folder


def _of_two(*names: str, action: str = "no-op") -> str:
    """A Terraform plan with an entry of each cluster; ``action`` is that of the last."""
    resources = []
    for name in names:
        values = {"cluster_name": name, "principal_arn": DEV}
        change = {"actions": ["no-op"], "before": values, "after": values}
        kind = "aws_eks_access_entry"
        resources.append({"address": f"{kind}.{name}", "type": kind, "change": change})
    resources[-1]["change"] = {"actions": [action], "before": values, "after": None}
    if action == "no-op":
        resources[-1]["change"] = change
    helm: dict[str, Any] = {"actions": ["create"], "before": None, "after": {}}
    resources.append({"address": "helm_release.x", "type": "helm_release", "change": helm})
    return json.dumps({"format_version": "1.2", "resource_changes": resources})


CHECK_TWO = ("terraform", "plan.json", "stage.json", "--for", "fleet", "--check", "tfplan.json")


def test_fleet_check_judges_each_cluster_by_its_own_plan(
    two_plans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (two_plans / "tfplan.json").write_text(_of_two("other", "prod", "stage", action="delete"))
    code, said = _ended(*CHECK_TWO)
    assert (code, "[terraform-plan-unsafe]" in said) == (4, True)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == CLUSTER
    assert shown[2:] == [
        "  1 resources judged, 0 problems, 1 not judged.",
        OTHER,
        f"  aws_eks_access_entry.stage: the entry of {DEV} is destroyed",
        shown[1],
        "  1 resources judged, 1 problems, 1 not judged.",
        "Not judged: resources of other.",
    ]
    assert shown[1].startswith("  not judged: helm_release.x (helm_release: its objects")
    assert _ended(*CHECK_TWO, "--output", "json")[0] == 4
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(terraform_fleet_check_schema()).validate(found)
    assert [len(each["problems"]) for each in found["clusters"]] == [0, 1]
    assert [each["cluster"] for each in found["clusters"]] == [CLUSTER, OTHER]
    assert found["otherClusters"] == ["other"]
    assert found["clusters"][0]["notJudged"][0]["address"] == "helm_release.x"


def test_fleet_check_of_a_plan_without_one_of_the_clusters_is_no_0(
    two_plans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (two_plans / "tfplan.json").write_text(_of_two("prod"))
    code, said = _ended(*CHECK_TWO)
    assert (code, "[terraform-plan-other-cluster]" in said, "cluster stage" in said) == (
        1,
        True,
        True,
    )
    assert "No resource in it names this cluster." in capsys.readouterr().out
    (two_plans / "tfplan.json").write_text(_of_two("prod", "stage"))
    assert _ended(*CHECK_TWO)[0] == 0


def test_fleet_check_is_for_every_style_of_terraform(two_plans: Path) -> None:
    (two_plans / "tfplan.json").write_text(_of_two("prod", "stage"))
    for kind in ("terraform-aws-modules", "terraform-cloudposse"):
        assert _ended(kind, *CHECK_TWO[1:])[0] == 0


KINDS = get_args(CodeKind)
# As the playbook has it.
SPLIT = re.search(
    r"```sh\n(migrate generate .*\| awk .*?)\n```",
    (Path(__file__).parents[2] / "playbooks" / "how-to" / "single-cluster.md").read_text(),
    re.DOTALL,
)


def _read(folder: Path) -> dict[str, bytes]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def _arguments(kind: str) -> tuple[str, ...]:
    return (kind.removesuffix("-fleet"), "plan.json", *_FLEET[kind.endswith("-fleet")])


_FLEET = {True: ("stage.json", "--for", "fleet"), False: ()}


@pytest.mark.parametrize("kind", [*KINDS, "terraform-fleet"])
def test_printed_code_is_split_again_as_the_playbook_says(
    two_plans: Path, capfdbinary: pytest.CaptureFixture[bytes], kind: str
) -> None:
    assert _ended(*_arguments(kind), "--out", "code")[0] == 0
    files = _read(two_plans / "code")
    capfdbinary.readouterr()
    printed = []
    for _ in range(2):
        assert _ended(*_arguments(kind), "--out", "-")[0] == 0
        printed.append(capfdbinary.readouterr().out)
    assert printed[0] == printed[1]
    if len(files) == 1:
        assert [printed[0]] == [*files.values()]
        return
    assert all(f"==> {name} <==\n".encode() in printed[0] for name in files)
    assert SPLIT is not None
    split = two_plans / "split"
    split.mkdir()
    script = SPLIT[1].partition("|")[2]
    subprocess.run(["sh", "-c", script], cwd=split, input=printed[0], check=True)
    assert _read(split) == files


@pytest.mark.parametrize("kind", [*KINDS, "terraform-fleet"])
def test_file_that_cannot_be_written_leaves_all_as_they_are(
    two_plans: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A full disk at each file, and a folder in the place of each."""
    assert _ended(*_arguments(kind), "--out", "code")[0] == 0
    files = _read(two_plans / "code")
    synced = os.fsync
    for name in range(len(files)):
        count = iter(range(len(files)))

        def full(descriptor: int, at: int = name, count: Iterator[int] = count) -> None:
            if next(count) == at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            synced(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        code, said = _ended(*_arguments(kind), "--out", "new/code")
        assert (code, "[file-unwritable]" in said, "No space left" in said) == (1, True, True)
        assert not (two_plans / "new").exists()
        count = iter(range(len(files)))
        monkeypatch.setattr(os, "fsync", lambda d, f=full, c=count: f(d, count=c))
        assert _ended(*_arguments(kind), "--out", "code", "--force")[0] == 1
        assert _read(two_plans / "code") == files
    monkeypatch.setattr(os, "fsync", synced)
    for path in files:
        (two_plans / "taken" / path).mkdir(parents=True)
        code, said = _ended(*_arguments(kind), "--out", "taken", "--force")
        assert (code, "It is a folder." in said) == (1, True)
        assert _read(two_plans / "taken") == {}
        shutil.rmtree(two_plans / "taken")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("plan.json", "It is a file. Name a folder."),
        ("plan.json/code", "is not a folder"),
        ("/proc/code", "/proc/code cannot be written"),
        ("/dev/full", "It is a file. Name a folder."),
    ],
)
def test_folder_that_cannot_be_written_is_found_before_a_cluster_is_asked(
    folder: Path, place: str, words: str
) -> None:
    """A name of a cluster would be asked for in AWS, for which there are no credentials here."""
    code, said = _ended("terraform", "some-cluster", "--out", place)
    assert (code, "[file-unwritable]" in said) == (1, True), said
    assert all(each in said for each in words.split(". ")), said


def test_report_writes_both_forms_or_none(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(MigratorError):
        write_files({str(tmp_path / "a"): b"a", str(tmp_path / "taken"): b"b"})
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
    write_files({str(tmp_path / "a"): b"a", str(tmp_path / "b"): b"b"})
    assert {oct(each.stat().st_mode & 0o777) for each in tmp_path.glob("[ab]")} == {"0o600"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_of_a_cluster_begins_a_file_in_printed_code(kind: CodeKind) -> None:
    text = "\n==> main.tf <==\n"
    spec = EntrySpec("STANDARD", text, (text,), (AssociatedPolicy(text, AccessScope()),))
    value = plan(principal(f"arn:aws:iam::111122223333:role/a{text}", entry=spec, sources=(text,)))
    for name, written in generated(kind, value).items():
        assert not [line for line in written.splitlines() if line.startswith("==> ")], name
