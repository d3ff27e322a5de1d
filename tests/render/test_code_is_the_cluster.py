"""After apply, the generated code is the cluster: Terraform imports each entry and would change
nothing. Code of the live cluster is then the code of the plan.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings

from migrator.decide.planning.code_entries import code_entries, live_code_entries
from migrator.decide.planning.make_plan import make_plan
from migrator.decide.planning.proof.simulate import simulate
from migrator.decide.proving.terraform_plan import judge_terraform_plan
from migrator.decide.steps.entry_states import default_username
from migrator.model.access_entry import AccessEntry, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.decision import NO_DECISIONS
from migrator.model.files.snapshot import decode_snapshot
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.model.terraform_plan import (
    AssociationAttributes,
    EntryAttributes,
    ResourceChange,
    TerraformPlan,
)
from migrator.render.code_files import code_files
from tests.support.cli_lab import CliLab, running
from tests.support.code_packages.typescript_programs import TypeScript
from tests.support.code_readers import carried, read_code
from tests.support.example_plans import example_plans
from tests.support.plans import plans
from tests.support.terraform_code import STYLES, assert_formatted, raw_entries, read

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/snapshot.json"))
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


def made_plan(snapshot: Snapshot) -> Plan:
    return make_plan(
        snapshot, NO_DECISIONS, strategy="preserve", target="API", now=NOW, accept_gap=False
    )


def planned(name: str) -> tuple[Snapshot, Plan]:
    """The snapshot of an example and its plan."""
    snapshot = decode_snapshot(json.loads((EXAMPLES / name / "snapshot.json").read_bytes()))
    return snapshot, made_plan(snapshot)


def applied(name: str) -> tuple[Plan, tuple[AccessEntry, ...]]:
    """The plan of an example, and the cluster's entries when all of its steps are done."""
    snapshot, plan = planned(name)
    after = simulate(snapshot, plan.steps)
    return plan, after.access_entries or ()


def changes(spec: EntrySpec, entry: AccessEntry) -> dict[str, object]:
    """What Terraform would change: of what the code sets, the values that the entry does not
    have. The provider's sets have no order, and what is not set is left as it is.
    """
    found: dict[str, object] = {}
    if spec.type != entry.type:
        found["type"] = spec.type
    if spec.username is not None and spec.username != entry.username:
        found["user_name"] = spec.username
    if spec.kubernetes_groups and {*spec.kubernetes_groups} != {*entry.kubernetes_groups}:
        found["kubernetes_groups"] = spec.kubernetes_groups
    associated = {each.policy_arn: each.scope for each in entry.access_policies}
    for policy in spec.access_policies:
        scope = associated.get(policy.policy_arn)
        if scope is None or {*scope.namespaces} != {*policy.scope.namespaces}:
            found[policy.policy_arn] = policy.scope
    return found


def import_ids(text: str) -> set[str]:
    return {block["id"] for block in read(text).get("import", [])}


READ_BACK = [kind for kind in get_args(CodeKind) if not kind.startswith("terraform")]


def test_every_example_is_here_and_the_demo_is_beside_them() -> None:
    assert len(NAMES) >= 13
    assert sorted(example_plans()) == sorted([*NAMES, "demo"])


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScript]:
    found = TypeScript(tmp_path_factory.mktemp("typescript"))
    yield found
    found.close()


@pytest.mark.parametrize("name", NAMES)
def test_code_after_apply_changes_nothing_and_imports_every_entry(name: str) -> None:
    plan, entries = applied(name)
    code = code_entries(plan)
    files = code_files("terraform", plan, code)
    found = raw_entries(files["access_entries.tf"])
    live = {entry.principal_arn: entry for entry in entries}
    assert {arn: changes(spec, live[arn]) for arn, spec in found.items()} == {
        arn: {} for arn in found
    }
    owned = {item.principal_arn for item in code.left_out}
    wanted = {f"{plan.cluster.name}:{arn}" for arn in live if arn not in owned}
    wanted |= {
        f"{plan.cluster.name}#{arn}#{policy.policy_arn}"
        for arn, entry in live.items()
        if arn not in owned
        for policy in entry.access_policies
    }
    assert import_ids(files["access_entries_import.tf"]) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_code_of_a_plan_that_is_made_after_apply_has_the_same_entries(name: str) -> None:
    """What EKS owns is left out before and afterwards."""
    snapshot, plan = planned(name)
    again = made_plan(simulate(snapshot, plan.steps))
    assert {each.principal_arn for each in code_entries(again).entries} == {
        each.principal_arn for each in code_entries(plan).entries
    }


@pytest.mark.parametrize("name", NAMES)
def test_code_of_the_cluster_after_apply_is_code_of_the_plan(name: str) -> None:
    plan, entries = applied(name)
    live = live_code_entries(entries, plan)

    def written(arn: str, spec: EntrySpec) -> EntrySpec:
        """A username that is the one that EKS gives may be written or left to it."""
        given = None if spec.username == default_username(arn) else spec.username
        return EntrySpec(
            spec.type, given, tuple(sorted(spec.kubernetes_groups)), spec.access_policies
        )

    def texts(code: object) -> dict[str, EntrySpec]:
        assert isinstance(code, type(live))
        return {each.principal_arn: written(each.principal_arn, each.spec) for each in code.entries}

    assert texts(live) == texts(code_entries(plan))


@pytest.mark.parametrize("kind", READ_BACK)
def test_code_of_every_other_format_after_apply_changes_nothing(
    node: TypeScript, kind: CodeKind
) -> None:
    """What the format's reader takes the code for, against the entries that apply has made."""
    for name in NAMES:
        plan, entries = applied(name)
        live = {entry.principal_arn: entry for entry in entries}
        files = code_files(kind, plan, code_entries(plan))
        found = read_code(kind, files, node, plan.cluster)
        assert {arn: changes(spec, live[arn]) for arn, spec in found.items()} == {
            arn: {} for arn in found
        }
        # Whoever is in the cluster is in the code, owned by EKS, or cannot be carried.
        code = code_entries(plan)
        named = {entry.principal_arn for entry in code.entries if not carried(kind, entry)}
        named |= {each.principal_arn for each in code.left_out}
        assert set(live) <= set(found) | named


def test_every_example_in_every_style_is_as_terraform_fmt_writes_it_twice(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for name, plan in example_plans().items():
        code = code_entries(plan)
        for kind, version in STYLES:
            found = code_files(kind, plan, code, version)
            assert code_files(kind, plan, code, version) == found
            files |= {f"{name}/{kind}-{version}/{path}": text for path, text in found.items()}
    assert len(files) >= 14 * 16
    assert_formatted(tmp_path, files)


@settings(deadline=None, max_examples=20)
@given(plans())
def test_check_refuses_nothing_that_the_generated_code_makes(value: Plan) -> None:
    """What Terraform plans for the code where none of it is in the state."""
    changes_: list[ResourceChange] = []
    for arn, spec in raw_entries(
        code_files("terraform", value, code_entries(value))["access_entries.tf"]
    ).items():
        entry = EntryAttributes(
            "prod", arn, spec.type, spec.username or "", frozenset(spec.kubernetes_groups)
        )
        sides: list[EntryAttributes | AssociationAttributes] = [entry]
        sides += [
            AssociationAttributes("prod", arn, each.policy_arn, (each.scope,))
            for each in spec.access_policies
        ]
        changes_ += [ResourceChange(arn, frozenset({"create"}), None, side) for side in sides]
    verdict = judge_terraform_plan(TerraformPlan(tuple(changes_)), value)
    # An entry whose policy is to give what the row gives is made by a run, and imported.
    assert {each.fault for each in verdict.problems} <= {"entry-before-policy"}
    late = {each.address for each in verdict.problems}
    with_policies = {
        each.principal_arn
        for each in value.principals
        if each.entry and each.entry.access_policies and each.before.via == "config-map"
    }
    assert late <= with_policies


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("code-of-cluster")) as found:
        yield found


def test_code_of_a_live_cluster_is_its_entries(lab: CliLab) -> None:
    refused = lab.run("generate", "terraform", "small", "--out", "before")
    assert (refused.code, refused.error_code) == (4, "no-entries-yet")
    assert lab.run("plan", "small", "--out", "plan.json").code == 0
    assert lab.run("apply", "plan.json", "--yes").code in (0, 7)
    # The plan of an applied cluster, and the cluster itself.
    for of, folder in (("plan.json", "of-plan"), ("small", "of-cluster")):
        assert lab.run("generate", "terraform", of, "--out", folder).code == 0
    of_plan, of_cluster = (lab.work / each for each in ("of-plan", "of-cluster"))
    planned, found = (
        import_ids((each / "access_entries_import.tf").read_text())
        for each in (of_plan, of_cluster)
    )
    # Nothing shows that the creator's entry was made by EKS, so it is code of the cluster.
    creator = "arn:aws:iam::111122223333:role/creator"
    assert {each for each in found - planned if creator not in each} == set()
    assert planned < found
    entries = raw_entries((of_cluster / "access_entries.tf").read_text())
    assert raw_entries((of_plan / "access_entries.tf").read_text()).items() <= entries.items()
    assert entries[creator].access_policies[0].policy_name == "AmazonEKSClusterAdminPolicy"
