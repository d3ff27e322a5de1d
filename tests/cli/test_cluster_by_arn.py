"""A cluster is named by its ARN wherever it is named by its name, and an ARN of another account or
Region than the caller's is refused before its namesake is read.
"""

import json
from collections.abc import Iterator, Sequence

import pytest

from tests.support.cli_lab import ACCOUNT, CliLab, Ran, running

REGION = "eu-central-1"
ARN = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/small"
ELSEWHERE = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
COMMANDS: Sequence[Sequence[str]] = (
    ("plan",),
    ("snapshot", "--out", "-"),
    ("doctor",),
    ("doctor", "--close-endpoint"),
    ("observe",),
    ("token",),
    ("status",),
    ("access",),
    ("drift",),
    ("rollback", "--leftovers"),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("by-arn")) as found:
        yield found


def run(lab: CliLab, words: Sequence[str], cluster: str, *options: str, **variables: str) -> Ran:
    environment = lab.environment(**variables)
    return lab.run(*options, *words, cluster, environment=environment)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_takes_the_arn_of_a_cluster_whatever_the_region_of_the_shell(
    lab: CliLab, words: Sequence[str]
) -> None:
    by_name, by_arn = run(lab, words, "small"), run(lab, words, ARN, **ELSEWHERE)
    assert (by_arn.code, by_arn.error_code) == (by_name.code, by_name.error_code), by_arn.err
    assert "cluster-not-found" not in by_name.err
    if words != ("token",):
        assert (
            by_arn.out.replace(ARN, "small").splitlines()[:1]
            == (by_name.out.replace(ARN, "small").splitlines()[:1])
        )


def test_the_token_of_an_arn_is_one_for_the_name(lab: CliLab) -> None:
    token = json.loads(run(lab, ("token",), ARN, **ELSEWHERE).out)["status"]["token"]
    assert token.startswith("k8s-aws-v1.")
    assert run(lab, ("plan",), ARN, **ELSEWHERE).code == 0


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("cluster", "options", "said", "remedy"),
    [
        (
            ARN.replace(ACCOUNT, "444455556666"),
            (),
            f"is not in account {ACCOUNT}, whose credentials these are",
            "Use credentials of account 444455556666",
        ),
        (
            ARN.replace(REGION, "eu-west-1"),
            ("--region", REGION),
            f"is not in {REGION}, the Region that was asked for",
            "Leave out --region",
        ),
    ],
    ids=["account", "Region"],
)
def test_an_arn_of_another_place_is_refused(
    lab: CliLab,
    words: Sequence[str],
    cluster: str,
    options: Sequence[str],
    said: str,
    remedy: str,
) -> None:
    before = lab.effects()
    ran = run(lab, words, cluster, *options)
    assert (ran.code, ran.error_code) == (1, "cluster-not-found"), ran.err
    assert said in " ".join(ran.err.split())
    assert remedy in ran.err
    assert ran.out == ""
    assert lab.effects() == before


@pytest.mark.parametrize("words", [("plan",), ("doctor",), ("token",)], ids=" ".join)
def test_an_arn_of_something_else_is_wrong_use(lab: CliLab, words: Sequence[str]) -> None:
    ran = run(lab, words, f"arn:aws:iam::{ACCOUNT}:role/small")
    assert (ran.code, ran.error_code) == (64, "cluster-arn-malformed")
