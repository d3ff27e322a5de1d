"""Every ``$ migrate`` line of the playbooks is run, in order, against a lab; every AWS CLI line names real options."""

import re
import shlex
from pathlib import Path

import botocore.session
import pytest

from tests.support.cli_lab import WAIVERS, running

ROOT = Path(__file__).parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.md"))
CLUSTER = "my-cluster"


def commands(text: str, fence: str, prompt: str) -> list[list[str]]:
    """The commands in fenced blocks of one kind, continued lines joined."""
    blocks = re.findall(rf"^ *```{fence}\n(.*?)^ *```", text, re.S | re.M)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line.strip().removeprefix(prompt)) for line in lines if line.strip().startswith(prompt)]


def test_there_are_playbooks() -> None:
    assert {path.stem for path in PLAYBOOKS} >= {"single-cluster", "roll-back", "break-glass", "private-endpoint"}


@pytest.mark.parametrize(
    "path", [path for path in PLAYBOOKS if commands(path.read_text(), "console", "$ ")], ids=lambda path: path.stem
)
def test_every_command_of_a_playbook_works(path: Path, tmp_path: Path) -> None:
    with running(tmp_path) as lab:
        (lab.work / "decisions.yaml").write_text(WAIVERS, encoding="utf-8")
        for command in commands(path.read_text(), "console", "$ "):
            assert command[0] == "migrate", command
            ran = lab.run(*[word.replace(CLUSTER, "small") for word in command[1:]])
            assert ran.code == 0, f"{shlex.join(command)}: {ran.code}\n{ran.out}\n{ran.err}"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_aws_command_names_an_operation_and_options_that_exist(path: Path) -> None:
    session = botocore.session.Session()
    for service, operation, *options in commands(path.read_text(), "sh", "aws "):
        model = session.get_service_model(service)
        name = "".join(part.capitalize() for part in operation.split("-"))
        assert name in model.operation_names, operation
        shape = model.operation_model(name).input_shape
        known = {re.sub(r"(?<!^)([A-Z])", r"-\1", member).lower() for member in (shape.members if shape else {})}
        named = {option.removeprefix("--") for option in options if option.startswith("--")}
        assert named <= known


@pytest.mark.parametrize("path", [ROOT / "README.md", *PLAYBOOKS], ids=lambda path: path.stem)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target
