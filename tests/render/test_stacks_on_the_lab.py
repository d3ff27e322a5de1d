"""Templates of CloudFormation and of the CDK, carried out on the lab: the same end twice, nothing
to do the second time, and a right end after a call that fails, whichever it is.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault, FaultKind
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.render.cloudformation import INLINE_BYTES
from tests.support.aws_command import entries, run_script
from tests.support.aws_lab import (
    ALICE,
    FOREIGN,
    NODES,
    OPERATOR,
    RUNNER,
    VIEW,
    Client,
    client,
    serving,
    small_world,
)
from tests.support.cloudformation_stacks import CloudFormation, Refused, Stack
from tests.support.code_packages import FOLDER
from tests.support.forked_programs import folder_of
from tests.support.lab_plans import ADMIN, ENTRIES, ON_SHOP, lab_plan, made
from tests.support.plans import generated

NAME = "access-entries"
EVERYDAY: tuple[FaultKind, ...] = ("error", "lost-answer")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    world = small_world(authenticationMode="API_AND_CONFIG_MAP")
    with serving(world, tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def stacks(lab: Lab) -> CloudFormation:
    """No stack, and no entry but those that EKS makes."""
    lab.world.faults.clear()
    for arn in found(lab):
        eks(lab).delete_access_entry(clusterName="demo", principalArn=arn)
    return CloudFormation(eks(lab))


@cache
def eks(lab: Lab) -> Client:
    """A client of the operator, which is made once."""
    return client(lab, "eks")


def found(lab: Lab) -> dict[str, EntrySpec]:
    """The entries of the plan's principals: others are made by EKS."""
    return {arn: spec for arn, spec in entries(lab, eks=eks(lab)).items() if arn in ENTRIES}


def effects(lab: Lab) -> int:
    return len(lab.world.effects.all())


def template(wanted: dict[str, EntrySpec] | None = None) -> str:
    """The one template of ``migrate generate cloudformation``."""
    return generated("cloudformation", lab_plan(wanted))["access-entries.yaml"]


def imports(wanted: dict[str, EntrySpec] | None = None) -> Any:  # noqa: ANN401 - JSON
    return json.loads(generated("cloudformation", lab_plan(wanted))["resources-to-import.json"])


def of_the_cdk() -> str:
    """The template that ``aws-cdk-lib`` synthesised of the program, as it was recorded."""
    return json.dumps(json.loads((FOLDER / "cdk_template.json").read_bytes())["template"])


def cdk_imports() -> list[dict[str, Any]]:
    """What ``cdk import --resource-mapping`` makes of the mapping beside the program."""
    mapping = generated("cdk-python", lab_plan())["access-entries-resource-mapping.json"]
    return [
        {
            "ResourceType": "AWS::EKS::AccessEntry",
            "LogicalResourceId": key,
            "ResourceIdentifier": value,
        }
        for key, value in json.loads(mapping).items()
    ]


FORMS = pytest.mark.parametrize(
    ("body", "listed"), [(template, imports), (of_the_cdk, cdk_imports)], ids=["template", "cdk"]
)


def each_failing(lab: Lab, kind: FaultKind, attempt: Callable[[], bool]) -> Iterator[int]:
    """Let the first call fail, then the second, and so on, until an attempt ends without a fault.
    Yields the place after each attempt that was hit; ``attempt`` says whether it came to its end.
    """
    for place in range(100):
        fault = lab.world.faults.add(Fault("eks:*", kind, skip=place, times=1))
        complete = attempt()
        lab.world.faults.clear()
        if not fault.struck:
            assert complete
            return
        yield place
    raise AssertionError("the attempt never ends")


@FORMS
def test_a_stack_that_is_made_twice_has_the_plans_entries_and_nothing_to_do(
    lab: Lab, stacks: CloudFormation, body: Callable[[], str], listed: Callable[[], Any]
) -> None:
    assert stacks.create(NAME, body()) == "CREATE_COMPLETE"
    assert found(lab) == made()
    before = effects(lab)
    assert len(listed()) == len(ENTRIES)
    with pytest.raises(Refused, match="No updates"):
        stacks.update(NAME, body())
    assert (effects(lab), stacks.drift(NAME)) == (before, {})


@FORMS
def test_what_apply_made_is_imported_without_a_change(
    lab: Lab, stacks: CloudFormation, body: Callable[[], str], listed: Callable[[], Any]
) -> None:
    CloudFormation(eks(lab)).create("stands-for-apply", body())
    before = effects(lab)
    assert stacks.take_over(NAME, body(), listed()) == "IMPORT_COMPLETE"
    with pytest.raises(Refused, match="No updates"):
        stacks.update(NAME, body())
    assert (effects(lab), stacks.drift(NAME), found(lab)) == (before, {}, made())
    with pytest.raises(Refused, match="another stack"):
        stacks.take_over("second", body(), listed())


@FORMS
def test_a_deleted_stack_leaves_its_entries_and_they_are_imported_again(
    lab: Lab, stacks: CloudFormation, body: Callable[[], str], listed: Callable[[], Any]
) -> None:
    stacks.create(NAME, body())
    before = effects(lab)
    stacks.delete(NAME)
    assert (effects(lab), found(lab)) == (before, made())
    assert stacks.take_over(NAME, body(), listed()) == "IMPORT_COMPLETE"
    assert effects(lab) == before


@pytest.mark.parametrize("kind", EVERYDAY)
def test_an_import_that_fails_at_any_call_changes_nothing_and_is_made_again(
    lab: Lab, stacks: CloudFormation, kind: FaultKind
) -> None:
    body, listed = template(), imports()
    stacks.create("stands-for-apply", body)
    before = effects(lab)

    def attempt() -> bool:
        stacks.stacks.clear()
        return stacks.take_over(NAME, body, listed) == "IMPORT_COMPLETE"

    places = list(each_failing(lab, kind, attempt))
    assert len(places) == 2 * len(ENTRIES)
    assert (effects(lab), found(lab), stacks.drift(NAME)) == (before, made(), {})


def test_an_import_of_an_entry_that_is_not_there_changes_nothing(
    lab: Lab, stacks: CloudFormation
) -> None:
    some = {arn: spec for arn, spec in ENTRIES.items() if arn != ALICE}
    stacks.create("stands-for-apply", template(some))
    before = effects(lab)
    stacks.stacks.clear()
    assert stacks.take_over(NAME, template(), imports()) == "IMPORT_ROLLBACK_COMPLETE"
    assert (effects(lab), found(lab)) == (before, made(some))


def _created_at_last(lab: Lab, stacks: CloudFormation, body: str, kind: FaultKind) -> int:
    """Create with each call failing, as the head of the template says. Returns their number."""

    def attempt() -> bool:
        if stacks.stacks:
            stacks.delete(NAME)
        status = stacks.create(NAME, body, retain_except_on_create=True)
        return status == "CREATE_COMPLETE"

    places = []
    for place in each_failing(lab, kind, attempt):
        places.append(place)
        assert stacks.stacks[NAME] == Stack("ROLLBACK_COMPLETE")
        assert found(lab) == {}, place
    assert (found(lab), stacks.drift(NAME)) == (made(), {})
    return len(places)


def test_a_creation_that_fails_at_any_call_takes_back_what_it_made_and_is_made_again(
    lab: Lab, stacks: CloudFormation
) -> None:
    # Per entry one creation and two reads, and an association for each of three policies.
    assert _created_at_last(lab, stacks, of_the_cdk(), "error") == 3 * len(ENTRIES) + 3


@pytest.mark.long
@pytest.mark.parametrize(
    "kind", ["error", "lost-answer", "throttle", "reset", "expired-credentials"]
)
def test_every_failure_at_any_call_of_a_creation_is_made_good(
    lab: Lab, stacks: CloudFormation, kind: FaultKind
) -> None:
    _created_at_last(lab, stacks, template(), kind)


def test_without_the_option_retain_keeps_what_a_failed_creation_made(
    lab: Lab, stacks: CloudFormation
) -> None:
    """Why the head of the template names ``--retain-except-on-create``, and what helps then."""
    lab.world.faults.add(Fault("eks:AssociateAccessPolicy", "error", times=1))
    assert stacks.create(NAME, template()) == "ROLLBACK_COMPLETE"
    left = found(lab)
    assert [(arn, spec.access_policies) for arn, spec in left.items()] == [(RUNNER, ())]
    stacks.delete(NAME)
    assert stacks.create(NAME, template(), retain_except_on_create=True) == "ROLLBACK_COMPLETE"
    # What was there before is no part of what is taken back.
    assert found(lab) == left


@pytest.mark.long
def test_the_way_out_after_a_failed_creation_that_the_heads_name(
    lab: Lab, stacks: CloudFormation, tmp_path: Path
) -> None:
    """Delete the stack, have the entries made (here by the script of the same plan), import."""
    lab.world.faults.add(Fault("eks:AssociateAccessPolicy", "error", times=1))
    assert stacks.create(NAME, of_the_cdk()) == "ROLLBACK_COMPLETE"
    stacks.delete(NAME)
    text = generated("aws-cli", lab_plan())["access-entries.sh"]
    assert run_script(lab, tmp_path / "work", text).returncode == 0
    assert stacks.take_over(NAME, of_the_cdk(), cdk_imports()) == "IMPORT_COMPLETE"
    assert (found(lab), stacks.drift(NAME)) == (made(), {})


def test_the_aws_cli_takes_the_commands_of_the_templates_head(tmp_path: Path) -> None:
    """With ``--generate-cli-skeleton output`` it checks every option and sends nothing."""
    files = generated("cloudformation", lab_plan())
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    head = [line.removeprefix("# ") for line in template().splitlines() if line.startswith("#")]
    lines = "\n".join(line for line in head if line.startswith("  ")).replace("\\\n", "")
    commands = [shlex.split(line) for line in lines.splitlines()]
    assert [command[2] for command in commands] == [
        "create-change-set",
        "wait",
        "execute-change-set",
        "wait",
    ]
    create, _, execute, _ = commands
    # The other way of the head: a creation, which takes back what it made.
    place = create.index("--resources-to-import")
    made_again = [each.replace("IMPORT", "CREATE") for each in create[:place]]
    for command in (create, execute, made_again, [*execute, "--retain-except-on-create"]):
        ran = subprocess.run(
            [str(folder_of("aws") / "aws"), *command[1:], "--generate-cli-skeleton", "output"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, ""), command


@pytest.mark.parametrize("denied", ["eks:AssociateAccessPolicy", "eks:CreateAccessEntry"])
def test_a_caller_who_may_not_make_all_of_it_makes_none_of_it(
    lab: Lab, stacks: CloudFormation, denied: str
) -> None:
    operator = lab.world.principal(OPERATOR)
    assert operator is not None
    operator.permissions.denied = (denied,)
    try:
        status = stacks.create(NAME, template(), retain_except_on_create=True)
    finally:
        operator.permissions.denied = ()
    assert (status, found(lab)) == ("ROLLBACK_COMPLETE", {})
    stacks.delete(NAME)
    assert stacks.create(NAME, template()) == "CREATE_COMPLETE"
    assert found(lab) == made()


CHANGED = {
    # Another name, one policy less, another scope, a further entry.
    RUNNER: EntrySpec("STANDARD", "ci:x:{{SessionName}}", ("dev",), (ON_SHOP,)),
    ALICE: EntrySpec(
        "STANDARD", "alice", ("qa",), (AssociatedPolicy(VIEW, AccessScope("namespace", ("shop",))),)
    ),
    NODES: EntrySpec("EC2_LINUX"),
    FOREIGN: EntrySpec("STANDARD", "agent", ("metrics",), (ADMIN,)),
}
BEFORE = {arn: spec for arn, spec in ENTRIES.items() if arn != FOREIGN}


def test_an_update_that_fails_at_any_call_goes_back_and_is_made_again(
    lab: Lab, stacks: CloudFormation
) -> None:
    stacks.create(NAME, template(BEFORE))
    body = template(CHANGED)

    def attempt() -> bool:
        status = stacks.update(NAME, body, retain_except_on_create=True)
        return status == "UPDATE_COMPLETE"

    places = 0
    for place in each_failing(lab, "error", attempt):
        places += 1
        assert stacks.stacks[NAME].status == "UPDATE_ROLLBACK_COMPLETE", place
        assert found(lab) == made(BEFORE), place
    assert places > 10
    assert (found(lab), stacks.drift(NAME)) == (made(CHANGED), {})


def test_another_type_is_refused_by_eks_and_the_entry_stays_as_it_was(
    lab: Lab, stacks: CloudFormation
) -> None:
    """A type is set by creation alone, and CloudFormation makes the new one first."""
    stacks.create(NAME, template())
    other = ENTRIES | {NODES: EntrySpec("STANDARD", "nodes")}
    assert stacks.update(NAME, template(other)) == "UPDATE_ROLLBACK_COMPLETE"
    assert found(lab) == made()
    assert stacks.drift(NAME) == {}


def test_an_entry_that_leaves_the_template_stays_in_the_cluster(
    lab: Lab, stacks: CloudFormation
) -> None:
    stacks.create(NAME, template())
    assert stacks.update(NAME, template(BEFORE)) == "UPDATE_COMPLETE"
    assert found(lab) == made()


def test_templates_that_were_split_are_stacks_beside_each_other(
    lab: Lab, stacks: CloudFormation
) -> None:
    groups = tuple(f"{number:03d}-{'group-' * 14}" for number in range(300))
    large = {arn: replace(spec, kubernetes_groups=groups) for arn, spec in ENTRIES.items()}
    large[NODES] = ENTRIES[NODES]
    files = generated("cloudformation", lab_plan(large))
    bodies = {name: text for name, text in files.items() if name.endswith(".yaml")}
    assert len(bodies) > 1
    assert max(len(text.encode()) for text in bodies.values()) <= INLINE_BYTES
    for name, text in bodies.items():
        assert stacks.create(name, text) == "CREATE_COMPLETE"
    assert found(lab) == made(large)
    before = effects(lab)
    # Each stack of its own import file, and of no other.
    again = CloudFormation(eks(lab))
    for name, text in bodies.items():
        listed = files[name.replace("access-entries", "resources-to-import")[:-4] + "json"]
        assert again.take_over(name, text, json.loads(listed)) == "IMPORT_COMPLETE"
        assert again.drift(name) == {}
        stacks.delete(name)
    assert (effects(lab), found(lab)) == (before, made(large))


def test_the_recorded_template_is_of_this_program() -> None:
    """The long tests synthesise it again."""
    recorded = json.loads((FOLDER / "cdk_template.json").read_bytes())
    assert recorded["program"] == generated("cdk-python", lab_plan())["access_entries.py"]
