"""Every format, of every example: the same bytes twice, and the entries of the plan when read
back.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan
from migrator.render.code_files import code_files
from tests.support.code_packages.typescript_programs import TypeScript
from tests.support.code_readers import carried, read_code
from tests.support.example_plans import example_plans
from tests.support.plans import HOSTILE, VIEW, company, generated, plan, principal, role

KINDS: tuple[CodeKind, ...] = get_args(CodeKind)
# Terraform's are read back in test_terraform.py.
READ_BACK = [kind for kind in KINDS if not kind.startswith("terraform")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScript]:
    found = TypeScript(tmp_path_factory.mktemp("typescript"))
    yield found
    found.close()


def _plans() -> dict[str, Plan]:
    """The examples, a plan with every action, and one with every hostile text at every place."""
    policies = (AssociatedPolicy(VIEW, AccessScope("namespace", ("shop", "web-*"))),)
    hostile = plan(
        *(
            principal(
                role(f"r{number}"),
                entry=EntrySpec("STANDARD", text, (text, "x"), policies),
                sources=(text,),
            )
            for number, text in enumerate(HOSTILE)
        )
    )
    return {"company": company(), "hostile": hostile, **example_plans()}


def test_the_list_of_hostile_texts_is_long() -> None:
    assert len(set(HOSTILE)) >= 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_is_the_same_code_twice(kind: CodeKind) -> None:
    for value in _plans().values():
        first = generated(kind, value)
        assert generated(kind, value) == first
        assert all(text.endswith("\n") for text in first.values())


@pytest.mark.parametrize("kind", READ_BACK)
def test_code_of_every_example_reads_back_to_its_plan(node: TypeScript, kind: CodeKind) -> None:
    for value in _plans().values():
        dead = {each.principal_arn for each in value.principals if each.action == "recreate"}
        assert read_code(kind, generated(kind, value), node, value.cluster) == {
            entry.principal_arn: entry.spec
            for entry in code_entries(value).entries
            if carried(kind, entry)
            # A script cannot see that an entry is dead.
            and not (kind == "aws-cli" and entry.principal_arn in dead)
        }


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_is_left_out_is_named_with_the_reason(kind: CodeKind) -> None:
    for value in _plans().values():
        text = "".join(generated(kind, value).values())
        for each in code_entries(value).left_out:
            assert f"{each.principal_arn}: {each.reason}" in text


@pytest.mark.parametrize("kind", READ_BACK)
def test_code_says_what_it_was_made_from(kind: CodeKind) -> None:
    entries = replace(code_entries(company()), made_from="the cluster as it was")
    assert "the cluster as it was" in "".join(code_files(kind, company(), entries).values())


def test_bash_parses_the_script_of_every_example(tmp_path: Path) -> None:
    for name, value in _plans().items():
        script = tmp_path / f"{name}.sh"
        script.write_text(generated("aws-cli", value)["access-entries.sh"], encoding="utf-8")
        ran = subprocess.run(["bash", "-n", str(script)], capture_output=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, b"")
