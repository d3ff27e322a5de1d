"""The command that an error's entry in the catalogue gives is carried out: the command that failed
succeeds after it.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from migrator.model.error_catalogue import ERRORS
from tests.support.cli_lab import CliLab, running

# Words of the catalogue that stand for what a person has.
WORDS = {
    "CLUSTER": "small",
    "PLAN": "plan.json",
    "DIR": "code",
    "FILE": "aws-auth.yaml",
    "eu-west-1": "eu-central-1",
}
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapUsers: |
    - {userarn: "arn:aws:iam::111122223333:user/dev", username: dev, groups: [devs]}
"""
CHECK = "generate terraform plan.json --check bad.json"


def _terraform(actions: str, name: str = "small", **more: object) -> str:
    """A Terraform plan with one entry of the cluster ``name``."""
    entry = {"cluster_name": name, "principal_arn": "arn:aws:iam::111122223333:role/x"}
    change = {"actions": [actions], "before": entry, "after": entry}
    resource = {"address": "aws_eks_access_entry.x", "type": "aws_eks_access_entry"}
    changes = [{**resource, "change": change}]
    return json.dumps({"format_version": "1.2", "resource_changes": changes, **more})


def _aws_auth() -> str:
    """A Terraform plan with nothing but aws-auth, of a cluster that it does not show."""
    named = {"metadata": [{"name": "aws-auth", "namespace": "kube-system"}], "data": {}}
    change = {"actions": ["no-op"], "before": named, "after": named}
    kind = "kubernetes_config_map"
    resource = {"address": f"{kind}.aws_auth", "type": kind, "change": change}
    return json.dumps({"format_version": "1.2", "resource_changes": [resource]})


def _bad(content: str) -> dict[str, str]:
    """A Terraform plan that is refused, beside one that is not."""
    return {"bad.json": content, "TFPLAN.json": _terraform("no-op")}


@dataclass(frozen=True)
class Case:
    """``files`` are in the folder when ``command`` fails with ``code``. ``then`` is the command
    that succeeds after the catalogue's; empty where that one is itself the command, put right.
    ``alone``: on a cluster of its own, because another case takes it out of CONFIG_MAP mode.
    """

    code: str
    command: str
    files: Mapping[str, str] = field(default_factory=dict)
    then: str = ""
    without_region: bool = False
    alone: bool = False


CASES = (
    Case("plan-edited", "show plan.json", {"plan.json": "EDITED"}, "show plan.json"),
    Case("plan-malformed", "show plan.json", {"plan.json": "CUT"}, "show plan.json"),
    Case("plan-unreadable", "show plan.json", {"plan.json": '{"format": "x"}'}, "show plan.json"),
    Case(
        "snapshot-unreadable",
        "plan --snapshot snapshot.json",
        {"snapshot.json": '{"format": "x"}'},
        "plan --snapshot snapshot.json",
    ),
    Case(
        "snapshot-malformed",
        "plan --snapshot snapshot.json",
        {"snapshot.json": '{"format": "migrator/snapshot/v1", "cluster": 1}'},
        "plan --snapshot snapshot.json",
    ),
    Case("files-exist", "generate terraform plan.json --out code", {"code/access_entries.tf": "x"}),
    Case(
        "principal-not-in-plan",
        "explain plan.json role/none",
        {},
        "explain plan.json role/developer",
    ),
    Case("no-region", "snapshot small --out snapshot.json", without_region=True),
    Case("code-unknown", "explain plan-blockd"),
    Case("command-unknown", "doctor small --policy aply"),
    Case(
        "cluster-arn-malformed",
        "plan --config-map aws-auth.yaml --cluster-arn prod",
        {"aws-auth.yaml": CONFIG_MAP},
    ),
    Case("no-terminal", "apply plan.json"),
    Case("output-is-format", "plan small -o plan.json"),
    Case(
        "no-entries-yet",
        "generate terraform small --out live-code",
        then="generate terraform plan.json --out live-code",
        alone=True,
    ),
    Case("terraform-plan-malformed", CHECK, _bad("[]")),
    Case("terraform-plan-incomplete", CHECK, _bad(_terraform("no-op", errored=True))),
    Case("terraform-plan-other-cluster", CHECK, _bad(_terraform("no-op", "stage"))),
    Case("terraform-plan-cluster-unknown", CHECK, _bad(_aws_auth())),
    Case("terraform-plan-unsafe", CHECK, _bad(_terraform("delete"))),
)
WITH_COMMAND = [kind.code for kind in ERRORS.values() if kind.example.startswith("migrate ")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("commands-of-errors")) as found:
        yield found


def _prepare(lab: CliLab, case: Case) -> None:
    assert lab.run("plan", "small", "--out", "plan.json").code == 0
    (lab.work / "decisions.yaml").write_text("")
    for name, text in case.files.items():
        path = lab.work / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_content(path, text))


def _content(path: Path, text: str) -> str:
    if text not in ("EDITED", "CUT"):
        return text
    plan = json.loads(path.read_text())
    if text == "EDITED":
        plan["createdAt"] = "2020-01-01T00:00:00Z"
    else:
        del plan["cluster"]
    return json.dumps(plan)


def _command(code: str) -> list[str]:
    words = shlex.split(ERRORS[code].example)[1:]
    return [WORDS.get(word, word) for word in words]


@pytest.mark.parametrize("case", CASES, ids=[case.code for case in CASES])
def test_command_of_the_catalogue_puts_the_error_right(
    lab: CliLab, case: Case, tmp_path: Path
) -> None:
    if not case.alone:
        _puts_right(lab, case)
        return
    with running(tmp_path) as own:
        _puts_right(own, case)


def _puts_right(lab: CliLab, case: Case) -> None:
    _prepare(lab, case)
    environment = lab.environment()
    if case.without_region:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            environment.pop(name, None)
    failed = lab.run(*shlex.split(case.command), environment=environment)
    assert failed.error_code == case.code, failed.err
    assert failed.code in ERRORS[case.code].exit_codes
    mended = lab.run(*_command(case.code), environment=environment)
    assert mended.code == 0, mended.err
    if case.then:
        after = lab.run(*shlex.split(case.then), environment=environment)
        assert after.code == 0, after.err


def test_share_of_commands_that_are_carried_out_does_not_fall() -> None:
    """The others need a second operator, a damaged state or another machine: their own tests cause
    them.
    """
    done = {case.code for case in CASES}
    assert done <= set(WITH_COMMAND)
    assert len(done) >= 12
