"""CDK and Pulumi programs: run against recorded constructors, they make the entries of the plan,
and the files beside them import exactly what they make.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan
from migrator.render.cloudformation import IMPORTED_RESOURCES
from migrator.render.escape import javascript, python
from tests.support.code_packages import AnotherPlaceError, Made, entries_of, record
from tests.support.code_packages.python_programs import run_python
from tests.support.code_packages.typescript_programs import TypeScript
from tests.support.code_readers import carried, made_by
from tests.support.example_plans import example_plans
from tests.support.plans import (
    HOSTILE,
    VIEW,
    cluster,
    company,
    generated,
    hostile_text,
    plan,
    plans,
    principal,
    role,
)

CDK: tuple[CodeKind, ...] = ("cdk-python", "cdk-typescript")
PULUMI: tuple[CodeKind, ...] = ("pulumi-python", "pulumi-typescript")
KINDS = (*CDK, *PULUMI)
TOKENS = ("${Token[TOKEN.3]}", "a #{Token[x.1]} b", "${Token[")
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScript]:
    found = TypeScript(tmp_path_factory.mktemp("typescript"))
    yield found
    found.close()


def _wanted(kind: CodeKind, value: Plan) -> dict[str, EntrySpec]:
    """The entries whose texts the tool keeps as they are."""
    return {
        entry.principal_arn: entry.spec
        for entry in code_entries(value).entries
        if carried(kind, entry)
    }


def _identities(kind: CodeKind, made: list[Made]) -> dict[str, object]:
    """Id or name -> what the tool's import takes for it, from what the program made."""
    if kind in CDK:
        return {
            each.name: {
                "PrincipalArn": each.arguments["principal_arn"],
                "ClusterName": each.arguments["cluster_name"],
            }
            for each in made
        }
    found: dict[str, object] = {}
    for each in made:
        given = each.arguments
        parts = [given["cluster_name"], given["principal_arn"]]
        identity = ":".join(parts)
        if each.kind == "AccessPolicyAssociation":
            identity = "#".join([*parts, given["policy_arn"]])
        found[each.name] = (record("pulumi")["tokens"][each.kind], identity)
    return found


def _imports(kind: CodeKind, files: dict[str, str]) -> dict[str, object]:
    """Id or name -> what is imported, from the files for it."""
    documents = [json.loads(text) for name, text in files.items() if name.endswith(".json")]
    if kind in CDK:
        return {key: each for document in documents for key, each in document.items()}
    [document] = documents
    return {each["name"]: (each["type"], each["id"]) for each in document["resources"]}


def _check(node: TypeScript, kind: CodeKind, value: Plan) -> None:
    """The program makes the plan's entries, imports all that it makes, and names the others."""
    files = generated(kind, value)
    made = made_by(files, node, value.cluster)
    wanted = _wanted(kind, value)
    assert entries_of(made) == wanted
    assert _identities(kind, made) == _imports(kind, files)
    assert len(made) == len(_imports(kind, files))
    code = code_entries(value)
    left_out = {each.principal_arn for each in code.left_out}
    left_out |= {each.principal_arn for each in code.entries} - set(wanted)
    mark = "#" if kind.endswith("python") else "//"
    text = "".join(files.values())
    for arn in left_out:
        assert f"{mark}   {arn}: " in text


@pytest.mark.parametrize("kind", KINDS)
@_FEW
@given(value=plans())
def test_a_program_makes_the_entries_of_a_hostile_plan(
    node: TypeScript, kind: CodeKind, value: Plan
) -> None:
    _check(node, kind, value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_makes_the_entries_of_every_example_and_is_the_same_twice(
    node: TypeScript, kind: CodeKind
) -> None:
    for value in (company(), plan(), *example_plans().values()):
        _check(node, kind, value)
        assert generated(kind, value) == generated(kind, value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_hostile_text_stays_a_text(node: TypeScript, kind: CodeKind) -> None:
    texts = dict.fromkeys((*HOSTILE, *TOKENS, "coding: utf-7", "*/", "'''", "\\N{DASH}"))
    scope = AccessScope("namespace", ("shop",))
    value = plan(
        *(
            principal(
                role(f"r{number}"),
                entry=EntrySpec("STANDARD", text, (text, "x"), (AssociatedPolicy(VIEW, scope),)),
                sources=(text,),
            )
            for number, text in enumerate(texts)
        )
    )
    _check(node, kind, value)
    # The two sets of refused texts are small: most texts are carried.
    assert len(_wanted(kind, value)) >= len(texts) - 9


@given(hostile_text | st.text())
def test_a_literal_of_python_is_the_text(text: str) -> None:
    literal = python(text)
    assert ast.literal_eval(literal) == text
    assert "##" not in literal


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=hostile_text | st.text())
def test_a_literal_of_javascript_is_the_text(node: TypeScript, text: str) -> None:
    literal = javascript(text)
    assert node.evaluate(literal) == text
    assert "##" not in literal


@pytest.mark.parametrize("text", TOKENS)
@pytest.mark.parametrize("kind", CDK)
def test_a_token_of_the_cdk_is_left_out_and_named(kind: CodeKind, text: str) -> None:
    value = plan(principal(role("dev"), entry=EntrySpec("STANDARD", text)))
    written = "".join(generated(kind, value).values())
    assert f"{role('dev')}: one of its texts holds a token of the CDK" in written


@pytest.mark.parametrize("kind", PULUMI)
def test_a_text_that_pulumi_takes_for_unknown_is_left_out_and_named(kind: CodeKind) -> None:
    value = plan(principal(role("dev"), entry=EntrySpec("STANDARD", UNKNOWN)))
    written = "".join(generated(kind, value).values())
    assert f"{role('dev')}: one of its texts is not in Unicode normal form C" in written


@pytest.mark.parametrize("kind", CDK)
def test_a_stack_of_the_cdk_has_no_more_entries_than_one_import(
    node: TypeScript, kind: CodeKind
) -> None:
    value = plan(*(principal(role(f"team-{number}")) for number in range(IMPORTED_RESOURCES + 1)))
    _check(node, kind, value)
    imports = [
        json.loads(text) for name, text in generated(kind, value).items() if name.endswith(".json")
    ]
    assert len(imports) == 2
    assert max(map(len, imports)) <= IMPORTED_RESOURCES


@pytest.mark.parametrize(("account", "region"), [("4" * 12, "eu-west-1"), ("1" * 12, "eu-west-2")])
@pytest.mark.parametrize("kind", KINDS)
def test_a_program_makes_nothing_in_another_account_or_region(
    node: TypeScript, kind: CodeKind, account: str, region: str
) -> None:
    """A cluster of the same name is there, and entries take principals of any account."""
    value = plan(principal(role("dev")))
    arn = f"arn:aws:eks:{region}:{account}:cluster/prod"
    reached = replace(value.cluster, account_id=account, region=region, arn=arn)
    with pytest.raises((AnotherPlaceError, ValueError), match=r"another account|account"):
        made_by(generated(kind, value), node, reached)


def test_a_cluster_that_is_named_like_an_encoding_changes_no_program() -> None:
    value = plan(principal(role("dev")), cluster=cluster(name="coding: utf-7", arn="-*- coding: x"))
    for kind in ("cdk-python", "pulumi-python"):
        for name, text in generated(kind, value).items():
            if name.endswith(".py"):
                assert entries_of(run_python(text, value.cluster)) == _wanted(kind, value)


def test_python_is_as_ruff_formats_it_and_imports_what_it_uses(tmp_path: Path) -> None:
    for name, value in (("company", company()), ("nobody", plan()), *example_plans().items()):
        for kind in ("cdk-python", "pulumi-python"):
            for file, text in generated(kind, value).items():
                if file.endswith(".py"):
                    (tmp_path / f"{name}-{kind}-{file}").write_text(text, encoding="utf-8")
    for command in (["format", "--diff"], ["check", "--select", "E4,E7,E9,F"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", str(tmp_path)]
        ran = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
