"""CloudFormation, eksctl and AWS CLI: accepted by their own tools, and the same entries when read back."""

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from ruamel.yaml import YAML

from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.plan import Plan
from migrator.render.aws_cli import aws_cli
from migrator.render.cloudformation import cloudformation
from migrator.render.code_entries import code_entries
from migrator.render.eksctl import eksctl
from tests.support.plans import HOSTILE, VIEW, company, plan, plans, principal, role

_FEW = settings(max_examples=60)


def _wanted(value: Plan) -> dict[str, EntrySpec]:
    return {entry.principal_arn: entry.spec for entry in code_entries(value).entries}


def _policies(found: Any, arn: str, scope: str, kind: str, names: str) -> tuple[AssociatedPolicy, ...]:  # noqa: ANN401
    return tuple(
        AssociatedPolicy(each[arn], AccessScope(each[scope][kind], tuple(each[scope].get(names, ())))) for each in found
    )


def _load(text: str) -> Any:  # noqa: ANN401 - any YAML value
    return YAML(typ="safe", pure=True).load(text)


@_FEW
@given(plans())
def test_cloudformation_reads_back_to_the_plan(value: Plan) -> None:
    files = cloudformation(value)
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
    imports = json.loads(files["resources-to-import.json"])
    assert {each["LogicalResourceId"] for each in imports} == set(resources)


@_FEW
@given(plans())
def test_eksctl_reads_back_to_the_plan(value: Plan) -> None:
    config = _load(eksctl(value)["access-entries.yaml"])
    assert config["metadata"] == {"name": "prod", "region": "eu-west-1"}
    found = {
        each["principalARN"]: EntrySpec(
            each["type"],
            each.get("kubernetesUsername"),
            tuple(each.get("kubernetesGroups", ())),
            _policies(each.get("accessPolicies", ()), "policyARN", "accessScope", "type", "namespaces"),
        )
        for each in config["accessConfig"]["accessEntries"]
    }
    assert found == _wanted(value)


def test_cfn_lint_accepts_the_template(tmp_path: Path) -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    if not lint.exists():
        pytest.skip("cfn-lint is not installed: the template is not checked by it")
    namespaces = EntrySpec("STANDARD", "dev", ("devs",), (AssociatedPolicy(VIEW, AccessScope("namespace", ("shop",))),))
    value = plan(*company().principals, principal(role("scoped"), entry=namespaces))
    template = tmp_path / "access-entries.yaml"
    template.write_text(cloudformation(value)["access-entries.yaml"])
    run = subprocess.run([str(lint), str(template)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def _run_with_fake_aws(folder: Path, script: str, *, there: bool) -> list[list[str]]:
    """The arguments of every call that the script makes. ``there``: whether entries exist already."""
    calls = folder / "calls"
    fake = folder / "aws"
    exists = "0" if there else "1"
    fake.write_text(
        "#!/usr/bin/env bash\n"
        'for each in "$@"; do printf "%s\\0" "$each"; done >> "$CALLS"; printf "\\n\\0" >> "$CALLS"\n'
        f'[ "$2" != describe-access-entry ] || exit {exists}\n'
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    (folder / "run.sh").write_text(script)
    bash = shutil.which("bash")
    assert bash is not None
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "CALLS": str(calls)}
    subprocess.run([bash, str(folder / "run.sh")], env=environment, capture_output=True, check=True)
    return [record.split("\0")[:-1] for record in calls.read_text().split("\n\0")[:-1]]


def test_the_script_makes_entries_with_exactly_the_words_of_the_plan(tmp_path: Path) -> None:
    groups = tuple(text for text in HOSTILE if text and "\n" not in text)
    policies = (AssociatedPolicy(VIEW, AccessScope("namespace", ("a", "b-*"))),)
    entry = EntrySpec("STANDARD", "$(reboot); 'x'", groups, policies)
    value = plan(principal(role("dev"), entry=entry), principal(role("nodes"), entry=EntrySpec("EC2_LINUX")))
    calls = _run_with_fake_aws(tmp_path, aws_cli(value)["access-entries.sh"], there=False)
    made = [call for call in calls if call[1] == "create-access-entry"]
    assert [call[7] for call in made] == [role("dev"), role("nodes")]
    first = made[0]
    assert first[first.index("--username") + 1] == "$(reboot); 'x'"
    assert tuple(first[first.index("--kubernetes-groups") + 1 :]) == groups
    assert "--username" not in made[1]
    [associated] = [call for call in calls if call[1] == "associate-access-policy"]
    assert associated[associated.index("--access-scope") + 1] == "type=namespace,namespaces=a,b-*"


def test_the_script_leaves_entries_alone_that_are_there(tmp_path: Path) -> None:
    calls = _run_with_fake_aws(tmp_path, aws_cli(company())["access-entries.sh"], there=True)
    assert {call[1] for call in calls} == {"describe-access-entry"}


def test_what_eks_owns_is_named_in_every_form() -> None:
    for files in (cloudformation(company()), eksctl(company()), aws_cli(company())):
        assert any("role/managed-nodes: EKS makes this entry itself" in text for text in files.values())
