"""The generated programs with the real packages: ``aws-cdk-lib`` synthesises the template,
``pulumi-aws`` registers the resources with Pulumi's mocks, ``tsc`` checks the TypeScript.

The packages take 1.1 GB, so that these are long tests: they make environments of their own with the
versions of the record (``MIGRATE_CODE_PACKAGES=PYTHON`` and ``MIGRATE_CODE_NODE_MODULES=FOLDER``
name what is there already). Everyday tests use the record, and these find a record that is not what
the packages have.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrator.decide.planning.code_entries import code_entries
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.code_entries import CodeKind
from migrator.model.plan import Plan
from migrator.render.escape import survives_cdk, survives_pulumi
from tests.support.code_packages import FOLDER, Made, entries_of, record
from tests.support.example_plans import example_plans
from tests.support.golden import assert_golden
from tests.support.lab_plans import lab_plan
from tests.support.plans import HOSTILE, VIEW, company, generated, plan, principal, role

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
# Each program is a file; the answers are one JSON document.
_CDK = """\
import importlib.util, json, sys
from aws_cdk import App, Stack
answers = {}
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("generated", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    [kind] = [each for name, each in vars(module).items() if name.startswith("AccessEntries")]
    app = App(analytics_reporting=False)
    made = kind(app, "stack")
    assert not made.environment.startswith("aws://unknown"), made.environment
    answers[path] = app.synth().get_stack_by_name("stack").template
print(json.dumps(answers))
"""
_PULUMI = """\
import json, sys
import pulumi
made = []
class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        made.append([args.typ, args.name, args.inputs])
        return [args.name, args.inputs]
    def call(self, args):
        assert args.token == "aws:eks/getCluster:getCluster"
        return {"name": args.args["name"], "arn": reached}
pulumi.runtime.set_mocks(Mocks())
answers = {}
places = json.loads(sys.argv[1])
for path in sys.argv[2:]:
    reached = places[path]
    made.clear()
    @pulumi.runtime.test
    def program():
        exec(compile(open(path, "rb").read(), path, "exec"), {"__name__": "generated"})
    program()
    answers[path] = list(made)
print(json.dumps(answers))
"""


def _values() -> dict[str, Plan]:
    """The examples, and a plan with every hostile text."""
    scope = AccessScope("namespace", ("shop", "web-*"))
    hostile = plan(
        *(
            principal(
                role(f"r{number}"),
                entry=EntrySpec("STANDARD", text, (text, "x"), (AssociatedPolicy(VIEW, scope),)),
            )
            for number, text in enumerate(HOSTILE)
        )
    )
    return {"company": company(), "nobody": plan(), "hostile": hostile, **example_plans()}


def _sources() -> str:
    """The packages of the record, with their versions."""
    return f"{record('cdk')['source']} {record('pulumi')['source']}"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with the packages of the record."""
    given = os.environ.get("MIGRATE_CODE_PACKAGES")
    if given:
        return given
    place = tmp_path_factory.mktemp("packages") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    found = str(place / "bin" / "python")
    versions = [f"{name}=={at}" for name, at in re.findall(r"([a-z-]+) (\d[\d.]+)", _sources())]
    install = [found, "-m", "pip", "install", "--quiet", "--no-compile", *versions]
    subprocess.run(install, check=True)
    return found


def _run(python: str, program: str, folder: Path, kind: CodeKind) -> dict[str, Any]:
    """Name of the plan -> what the packages make of its program."""
    paths, places = {}, {}
    for name, value in _values().items():
        [text] = [text for file, text in generated(kind, value).items() if file.endswith(".py")]
        path = folder / f"{name.replace('-', '_')}.py"
        path.write_text(text, encoding="utf-8")
        paths[str(path)] = name
        places[str(path)] = value.cluster.arn
    reached = [json.dumps(places)] if kind.startswith("pulumi") else []
    answers = _answers(python, program, [*reached, *paths])
    return {paths[path]: answer for path, answer in answers.items()}


def _answers(python: str, program: str, arguments: list[str]) -> dict[str, Any]:
    """Path -> what the packages make of the program there. ``arguments``: the paths, for Pulumi
    after a document of the ARN of the cluster that each program reaches.
    """
    command = [python, "-c", program, *arguments]
    environment = {**os.environ, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_record_is_what_the_packages_have(python: str) -> None:
    script = str(ROOT / "tests" / "support" / "record_code_packages.py")
    ran = subprocess.run([python, script, "--print"], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == {name: record(name) for name in ("cdk", "pulumi")}


def test_the_cdk_synthesises_the_entries_of_each_plan(python: str, tmp_path: Path) -> None:
    answers = _run(python, _CDK, tmp_path, "cdk-python")
    for name, value in _values().items():
        mapping = json.loads(generated("cdk-python", value)["access-entries-resource-mapping.json"])
        resources = answers[name].get("Resources", {})
        # The ids of the file for the import are the logical ids of the template.
        assert set(mapping) == set(resources)
        found = {}
        for resource in resources.values():
            assert resource["Type"] == "AWS::EKS::AccessEntry"
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
            properties = resource["Properties"]
            found[properties["PrincipalArn"]] = EntrySpec(
                properties["Type"],
                properties.get("Username"),
                tuple(properties.get("KubernetesGroups", ())),
                tuple(
                    AssociatedPolicy(
                        each["PolicyArn"],
                        AccessScope(
                            each["AccessScope"]["Type"],
                            tuple(each["AccessScope"].get("Namespaces", ())),
                        ),
                    )
                    for each in properties.get("AccessPolicies", ())
                ),
            )
        assert found == {
            entry.principal_arn: entry.spec
            for entry in code_entries(value).entries
            if all(map(survives_cdk, entry.texts))
        }


def test_the_recorded_template_is_what_the_cdk_synthesises(python: str, tmp_path: Path) -> None:
    """Stacks are carried out on the lab with this record; ``UPDATE_GOLDEN=1`` writes it again."""
    program = generated("cdk-python", lab_plan())["access_entries.py"]
    path = tmp_path / "access_entries.py"
    path.write_text(program, encoding="utf-8")
    found = {
        "source": f"{record('cdk')['source']}: the template of the program",
        "program": program,
        "template": _answers(python, _CDK, [str(path)])[str(path)],
    }
    content = json.dumps(found, indent=2, sort_keys=True) + "\n"
    assert_golden(FOLDER / "cdk_template.json", content.encode())


def test_pulumi_registers_the_entries_of_each_plan(python: str, tmp_path: Path) -> None:
    kinds = {token: kind for kind, token in record("pulumi")["tokens"].items()}
    here = {there: name for name, there in record("pulumi")["typescript"].items()}
    answers = _run(python, _PULUMI, tmp_path, "pulumi-python")
    for name, value in _values().items():
        made = [
            Made(kinds[token], resource, _renamed(here, inputs), True)
            for token, resource, inputs in answers[name]
        ]
        assert entries_of(made) == {
            entry.principal_arn: entry.spec
            for entry in code_entries(value).entries
            if all(map(survives_pulumi, entry.texts))
        }


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of npm, and the compiler of TypeScript."""
    given = os.environ.get("MIGRATE_CODE_NODE_MODULES")
    if given:
        return Path(given)
    place = tmp_path_factory.mktemp("npm")
    (place / "package.json").write_text("{}")
    versions = dict(re.findall(r"([a-z-]+) (\d[\d.]+)", _sources()))
    packages = [
        f"aws-cdk-lib@{versions['aws-cdk-lib']}",
        f"@pulumi/aws@{versions['pulumi-aws']}",
        *("constructs@10", "@pulumi/pulumi@3", "typescript@6", "@types/node@24"),
    ]
    subprocess.run(["npm", "install", "--silent", *packages], cwd=place, check=True)
    return place / "node_modules"


def test_the_compiler_takes_the_typescript_of_each_plan(node_modules: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    (tmp_path / "package.json").write_text("{}")
    options = {
        **{"strict": True, "noUnusedLocals": True, "noEmit": True, "skipLibCheck": True},
        **{"module": "nodenext", "target": "es2022", "types": ["node"]},
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}))
    for name, value in _values().items():
        kinds: tuple[CodeKind, ...] = ("cdk-typescript", "pulumi-typescript")
        for kind in kinds:
            for file, text in generated(kind, value).items():
                if file.endswith(".ts"):
                    (tmp_path / f"{name}-{kind}-{file}").write_text(text, encoding="utf-8")
    command = ["node", str(node_modules / "typescript" / "bin" / "tsc"), "-p", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.splitlines()) == (0, [])


def _renamed(names: dict[str, str], value: Any) -> Any:  # noqa: ANN401 - JSON
    """With the names of Python."""
    if isinstance(value, list):
        return [_renamed(names, each) for each in value]
    if isinstance(value, dict):
        return {names[key]: _renamed(names, each) for key, each in value.items()}
    return value
