"""``migrate lab kubeconfig``: which of the lab's clusters is meant, and who logs in."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.cli_lab import ACCOUNT, WORLD, CliLab, running

HERE, THERE = (
    f"arn:aws:eks:{each}:{ACCOUNT}:cluster/small" for each in ("eu-central-1", "us-east-1")
)
SECOND = f'  - {{name: small, account: "{ACCOUNT}", region: us-east-1, creator: "arn:aws:iam::{ACCOUNT}:role/operator"}}\n'  # noqa: E501


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("namesakes"), WORLD + SECOND) as started:
        yield started


def printed(lab: CliLab, *words: str) -> Any:  # noqa: ANN401 - YAML
    ran = lab.run("lab", "kubeconfig", *words, "--lab-dir", str(lab.directory))
    assert ran.code == 0, ran.err
    return YAML(typ="safe").load(ran.out)


@pytest.mark.parametrize(
    ("words", "region"),
    [
        (("small",), "eu-central-1"),
        (("small", "--region", "us-east-1"), "us-east-1"),
        ((HERE,), "eu-central-1"),
        ((THERE,), "us-east-1"),
    ],
)
def test_kubeconfig_is_of_the_cluster_that_was_named(
    lab: CliLab, words: Sequence[str], region: str
) -> None:
    found = printed(lab, *words)
    (cluster,) = found["clusters"]
    server = cluster["cluster"]
    assert base64.b64decode(server["certificate-authority-data"]).startswith(b"-----BEGIN")
    (user,) = found["users"]
    login = {each["name"]: each["value"] for each in user["user"]["exec"]["env"]}
    assert login["AWS_REGION"] == region
    other = printed(lab, *((THERE,) if region == "eu-central-1" else (HERE,)))
    assert other["clusters"][0]["cluster"]["server"] != server["server"]


def test_without_a_name_the_clusters_are_told_by_arn(lab: CliLab) -> None:
    ran = lab.run("lab", "kubeconfig", "--lab-dir", str(lab.directory))
    assert ran.error_code == "cluster-not-found"
    said = " ".join(ran.err.split())
    assert HERE in said
    assert THERE in said
