"""``migrate generate`` on a lab: after apply the code of every format is what the cluster has."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from migrator.lab.worlds.world_files import demo_world_path
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.files.plan import decode_plan
from tests.support.cli_lab import CliLab, running
from tests.support.code_packages.typescript_programs import TypeScript
from tests.support.code_readers import read_code

# Terraform's are compared with a cluster in test_terraform.py.
KINDS = [kind for kind in get_args(CodeKind) if not kind.startswith("terraform")]
OWNED = (
    "arn:aws:iam::111122223333:role/creator",
    "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScript]:
    found = TypeScript(tmp_path_factory.mktemp("typescript"))
    yield found
    found.close()


def _generated(lab: CliLab, kind: CodeKind, out: str) -> dict[str, str]:
    ran = lab.run("generate", kind, "plan.json", "--out", out)
    assert ran.code == 0, ran.err
    return {path.name: path.read_text("utf-8") for path in sorted((lab.work / out).iterdir())}


def _read(lab: CliLab, node: TypeScript) -> dict[CodeKind, dict[str, EntrySpec]]:
    """The entries of each format; every format is written twice, and is the same."""
    found: dict[CodeKind, dict[str, EntrySpec]] = {}
    cluster = decode_plan((lab.work / "plan.json").read_bytes()).cluster
    for kind in KINDS:
        files = _generated(lab, kind, f"first-{kind}")
        assert _generated(lab, kind, f"second-{kind}") == files
        found[kind] = read_code(kind, files, node, cluster)
    return found


def _there(entry: dict[str, Any]) -> EntrySpec:
    """An entry as a plan has read it."""
    policies = (
        AssociatedPolicy(arn, AccessScope(scope, tuple(names)))
        for arn, scope, names in entry["policies"]
    )
    return EntrySpec(entry["type"], entry["username"], tuple(entry["groups"]), tuple(policies))


def test_after_apply_the_code_of_every_format_is_the_cluster(
    tmp_path: Path, node: TypeScript
) -> None:
    with running(tmp_path) as lab:
        assert lab.run("plan", "small", "--out", "plan.json").code == 0
        assert lab.run("apply", "plan.json", "--yes").code == 0
        again = json.loads(lab.run("plan", "small", "--output", "json").out)
        code = _read(lab, node)
    there = {arn: _there(entry) for arn, entry in again["basis"]["accessEntries"].items()}
    for arn in OWNED:
        del there[arn]
    assert len(there) == 3
    assert code == dict.fromkeys(KINDS, there)


def test_code_of_the_demo_is_its_plan_in_every_format(tmp_path: Path, node: TypeScript) -> None:
    reader = "arn:aws:iam::444455556666:role/iam-reader"
    with running(tmp_path, demo_world_path().read_text("utf-8")) as lab:
        planned = lab.run("plan", "demo", "--out", "plan.json", "--reader-role", reader)
        assert planned.code == 0, planned.err
        code = _read(lab, node)
        created = [
            each["principalArn"]
            for each in lab.document("plan.json")["principals"]
            if each["action"] == "create"
        ]
    wanted = code["cloudformation"]
    assert list(wanted) == created
    nodes = {arn: spec for arn, spec in wanted.items() if spec.type != "STANDARD"}
    assert list(nodes.values()) == [EntrySpec("EC2_LINUX")]
    for kind, entries in code.items():
        # ACK does not sync entries of nodes.
        left_out = set(nodes) if kind == "ack" else set()
        assert entries == {arn: spec for arn, spec in wanted.items() if arn not in left_out}
