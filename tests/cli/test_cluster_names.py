"""A cluster is named by name, ARN or kubectl context in every command that takes CLUSTER."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from migrator.adapters.kube_contexts import kube_contexts
from tests.support.all_commands import all_commands
from tests.support.cli_lab import ACCOUNT, CliLab, Ran, running

REGION = "eu-central-1"
ARN = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/small"
NO_REGION = {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
COMMANDS: Sequence[Sequence[str]] = (
    ("plan",),
    ("snapshot", "--out", "-"),
    ("doctor",),
    ("doctor", "--policy", "apply"),
    ("observe",),
    ("token",),
    ("access",),
    ("drift",),
    ("status",),
    ("rollback", "--leftovers"),
    ("generate", "terraform", "--out", "-"),
)
CONTEXTS = ("small", ARN, "alias.of-arn", "me@small.eu-central-1.eksctl.io", "other-name")


def login(*args: str, region: str = "") -> dict[str, object]:
    env = [{"name": "AWS_REGION", "value": region}] if region else None
    return {"exec": {"command": "aws", "args": [*args], "env": env}}


def kubeconfig() -> dict[str, object]:
    """As update-kubeconfig writes it with and without --alias, and as eksctl does."""
    users = {
        ARN: login("--region", REGION, "eks", "get-token", "--cluster-name", "small"),
        "eksctl": login("eks", "get-token", "--cluster-name=small", region=REGION),
        "iam": login("token", "-i", "small", "--region", REGION),
        "plain": {"token": "x"},
        "empty": login("--region", REGION, "eks", "get-token", "--cluster-name", "empty"),
        "evil": login("eks", "get-token", "--cluster-name", "../../x"),
    }
    contexts = {
        ARN: (ARN, ARN),
        "alias.of-arn": (ARN, ARN),
        "me@small.eu-central-1.eksctl.io": ("small.eu-central-1.eksctl.io", "eksctl"),
        "other-name": ("c", "iam"),
        "plain.one": ("kind", "plain"),
        "evil.one": ("kind", "evil"),
        "empty": (ARN, ARN),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [
            {"name": name, "context": {"cluster": cluster, "user": user}}
            for name, (cluster, user) in contexts.items()
        ],
    }


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("contexts")) as found:
        (found.work / "kube").write_text(json.dumps(kubeconfig()))
        yield found


def run(lab: CliLab, words: Sequence[str], cluster: str, **variables: str) -> Ran:
    environment = lab.environment(KUBECONFIG=str(lab.work / "kube"), **variables)
    at = 2 if words[0] == "generate" else len(words)
    return lab.run(*words[:at], cluster, *words[at:], environment=environment)


def test_every_command_that_takes_a_cluster_is_in_the_table() -> None:
    takes = {
        path[0]
        for path, command in all_commands()
        for each in command.params
        if each.param_type_name == "argument"
        and "CLUSTER" in (each.metavar or each.name or "").upper()
        and path[0] != "lab"
    }
    assert takes == {words[0] for words in COMMANDS}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_context_is_the_cluster_that_it_means(lab: CliLab, words: Sequence[str]) -> None:
    by_name = run(lab, words, "small")
    for context in CONTEXTS[1:]:
        variables = NO_REGION if words[0] != "doctor" else {}
        ran = run(lab, words, context, **variables)
        assert (ran.code, ran.error_code) == (by_name.code, by_name.error_code), ran.err
        assert ran.error_code != "cluster-not-found"


@pytest.mark.parametrize("context", ["plain.one", "evil.one", "none.such"])
def test_context_without_an_eks_cluster_names_none(lab: CliLab, context: str) -> None:
    ran = run(lab, ("plan",), context)
    assert (ran.code, ran.error_code) == (1, "cluster-not-found")


def test_misspelt_context_is_answered_with_the_nearest(lab: CliLab) -> None:
    assert "Did you mean alias.of-arn?" in run(lab, ("plan",), "alias.of-arm").err


def test_context_of_another_region_than_asked_for_is_refused(lab: CliLab) -> None:
    ran = run(lab, ("--region", "us-east-1", "plan"), "other-name")
    assert ran.error_code == "cluster-not-found"
    assert "context has the Region eu-central-1" in ran.err


def test_name_that_is_a_cluster_and_the_context_of_another_is_refused(lab: CliLab) -> None:
    ran = run(lab, ("plan",), "empty")
    assert (ran.code, ran.error_code) == (64, "cluster-ambiguous")
    assert ARN in ran.err
    # A plan names the cluster that it was made for, whatever contexts there are.
    own = {"KUBECONFIG": str(lab.work / "none")}
    assert lab.run("plan", "empty", "--out", "e.json", environment=lab.environment(**own)).code == 0
    assert run(lab, ("status",), "e.json").error_code == ""


@pytest.mark.parametrize("command", ["status", "drift"])
@pytest.mark.parametrize("cluster", [ARN, "alias.of-arn"])
def test_command_to_copy_means_the_same_cluster_from_a_shell_of_another_region(
    lab: CliLab, tmp_path: Path, command: str, cluster: str
) -> None:
    environment = lab.environment(KUBECONFIG=str(lab.work / "kube"), AWS_REGION="us-east-1")
    state = ("--state-dir", str(tmp_path))
    ran = lab.run(command, cluster, *state, environment=environment)
    said = re.sub(r"\n +", " ", ran.out + ran.err)
    copied = re.findall(r"migrate ((?:plan|access) .*?)(?:;|$)", said, re.M)
    assert copied, said
    for line in copied:
        words = shlex.split(line)
        again = lab.run(*words, *state[: 0 if state[0] in words else 2], environment=environment)
        assert again.error_code == "", (line, again.err)


OTHER_REGION, OTHER_ACCOUNT = (
    ARN.replace(REGION, "us-east-1"),
    ARN.replace(ACCOUNT, "999988887777"),
)


@pytest.mark.parametrize(
    ("options", "context", "code"),
    [
        ((), {"cluster": ARN}, ""),
        ((), {"cluster": OTHER_REGION}, "cluster-ambiguous"),
        ((), {"cluster": OTHER_ACCOUNT}, "cluster-ambiguous"),
        ((), {"cluster": "c", "user": "there"}, "cluster-ambiguous"),
        ((), {"cluster": "c", "user": "nowhere"}, ""),
        # The Region was asked for: a context of another one is not meant.
        (("--region", REGION), {"cluster": OTHER_REGION}, ""),
        (("--region", REGION), {"cluster": OTHER_ACCOUNT}, "cluster-ambiguous"),
    ],
)
def test_name_of_a_cluster_that_is_the_context_of_its_namesake_elsewhere_is_refused(
    lab: CliLab, options: Sequence[str], context: dict[str, str], code: str
) -> None:
    words = ("eks", "get-token", "--cluster-name", "small")
    users = {"there": login("--region", "us-east-1", *words), "nowhere": login(*words)}
    document = {
        "contexts": [{"name": "small", "context": context}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
    }
    (lab.work / "namesake").write_text(json.dumps(document))
    environment = lab.environment(KUBECONFIG=str(lab.work / "namesake"))
    ran = lab.run(*options, "status", "small", environment=environment)
    assert ran.error_code == code, ran.err


@pytest.mark.parametrize(
    "text",
    ["", "[]", "a: [", "contexts: {}", "contexts: [1, {}]", "users: [{name: x, user: 1}]", "\0"],
)
def test_damaged_kubeconfig_has_no_contexts(tmp_path: Path, text: str) -> None:
    (tmp_path / "kube").write_text(text)
    assert kube_contexts(str(tmp_path / "kube")) == {}


def test_first_file_that_has_a_context_decides(tmp_path: Path) -> None:
    for name in ("a", "b"):
        user = {"name": "u", "user": login("--cluster-name", name)}
        context = {"name": "c", "context": {"cluster": "x", "user": "u"}}
        document = {"users": [user], "contexts": [context]}
        (tmp_path / name).write_text(json.dumps(document))
    found = kube_contexts(None, {"KUBECONFIG": f"{tmp_path / 'a'}:{tmp_path / 'b'}"})
    assert found["c"].name == "a"
