"""The control API, the lab's files, and the environment that a shell needs."""

import base64
import http.client
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from migrator.adapters.clock import open_clock
from migrator.errors import Failed
from migrator.lab.lab_client import (
    UNSET_VARIABLES,
    control,
    credentials_of,
    enter_lab,
    lab_environment,
    lab_state,
)
from migrator.lab.server import Lab
from tests.support.aws_lab import (
    ALICE,
    HOME,
    OPERATOR,
    RUNNER,
    client,
    error_of,
    serving,
    small_world,
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


def ask(
    lab: Lab, method: str, name: str, headers: Mapping[str, str], body: object = None
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(urlsplit(lab.endpoint).netloc, timeout=5)
    try:
        connection.request(method, f"/_lab/v1/{name}", json.dumps(body), dict(headers))
        answer = connection.getresponse()
        document: dict[str, Any] = json.loads(answer.read())
        return answer.status, document
    finally:
        connection.close()


def test_everything_but_the_clock_wants_the_token(lab: Lab) -> None:
    assert ask(lab, "GET", "clock", {})[0] == 200
    for method, name in (
        ("GET", "effects"),
        ("GET", "world"),
        ("POST", "fault"),
        ("POST", "kill"),
        ("POST", "credentials"),
    ):
        assert ask(lab, method, name, {}, {})[0] == 403
        assert ask(lab, method, name, {"x-lab-token": "wrong"}, {})[0] == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example:80"}]
)
def test_what_a_browser_could_be_tricked_into_is_refused(
    lab: Lab, headers: Mapping[str, str]
) -> None:
    assert ask(lab, "POST", "clock", headers, {"advance": 1})[0] == 403


def test_the_clock_is_stepped_frozen_and_never_turned_back(lab: Lab, tmp_path: Path) -> None:
    def now(answer: Mapping[str, Any]) -> datetime:
        return datetime.fromisoformat(answer["now"])

    start = now(control(tmp_path, "POST", "clock", {"freeze": True}))
    assert now(control(tmp_path, "POST", "clock", {"advance": 90})) == start + timedelta(seconds=90)
    to = (start + timedelta(seconds=100)).isoformat()
    for _ in range(3):  # sleepers side by side do not add up
        assert now(control(tmp_path, "POST", "clock", {"advanceTo": to})) == start + timedelta(
            seconds=100
        )
    earlier = control(tmp_path, "POST", "clock", {"advanceTo": start.isoformat()})
    assert now(earlier) == start + timedelta(seconds=100)
    with pytest.raises(Failed, match="refused"):
        control(tmp_path, "POST", "clock", {"advance": -1})
    thawed = control(tmp_path, "POST", "clock", {"thaw": True})
    assert (thawed["frozen"], now(control(tmp_path, "GET", "clock")) > now(thawed)) == (False, True)


def test_the_tools_own_clock_follows_lab_time(lab: Lab, tmp_path: Path) -> None:
    # An hour of the machine is longer than this test may take.
    clock = open_clock(lab_environment(tmp_path))
    lab.world.clock.freeze()
    start = clock.now()
    clock.sleep(timedelta(hours=1))
    assert clock.now() == start + timedelta(hours=1)
    assert client(lab, "eks").list_clusters()["clusters"] == ["demo"]


def test_faults_are_injected_listed_and_cleared(lab: Lab, tmp_path: Path) -> None:
    control(
        tmp_path, "POST", "fault", {"operation": "eks:ListClusters", "kind": "throttle", "times": 1}
    )
    assert error_of(client(lab, "eks").list_clusters)[0] == "ThrottlingException"
    (fault,) = control(tmp_path, "GET", "fault")["faults"]
    assert (fault["operation"], fault["struck"]) == ("eks:ListClusters", 1)
    control(tmp_path, "POST", "fault", {"clear": True})
    assert control(tmp_path, "GET", "fault")["faults"] == []
    for wrong in (
        {"operation": "x", "kind": "nonsense"},
        {"operation": "x", "kind": "reset", "misspelt": 1},
    ):
        with pytest.raises(Failed) as refusal:
            control(tmp_path, "POST", "fault", wrong)
        assert refusal.value.code == "lab-refused"


def test_effects_are_read_over_the_wire(lab: Lab, tmp_path: Path) -> None:
    client(lab, "iam").create_user(UserName="x")
    client(lab, "iam").delete_user(UserName="x")
    answer = control(tmp_path, "GET", "effects")
    assert [item["operation"] for item in answer["effects"]] == ["iam:CreateUser", "iam:DeleteUser"]
    assert answer["count"] == 2
    assert [item["n"] for item in control(tmp_path, "GET", "effects?since=1")["effects"]] == [2]


def test_the_world_is_described_and_unknown_changes_are_refused(lab: Lab, tmp_path: Path) -> None:
    world = control(tmp_path, "GET", "world")
    assert world["operator"] == OPERATOR
    assert RUNNER in world["principals"]
    assert [item["name"] for item in world["clusters"]] == ["demo"]
    with pytest.raises(Failed):
        control(tmp_path, "POST", "world", {"nonsense": {}})
    lab.world.controls["double"] = lambda value: {"result": value["n"] * 2}
    assert control(tmp_path, "POST", "world", {"double": {"n": 21}}) == {"double": {"result": 42}}


def test_credentials_of_anybody_work(lab: Lab, tmp_path: Path) -> None:
    for arn, expected in ((ALICE, ALICE), (RUNNER, f"arn:aws:sts::{HOME}:assumed-role/runner/lab")):
        keys = credentials_of(tmp_path, arn)
        sts = boto3.client(
            "sts",
            endpoint_url=lab.endpoint,
            region_name="eu-central-1",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )
        assert sts.get_caller_identity()["Arn"] == expected
    with pytest.raises(Failed) as refusal:
        credentials_of(tmp_path, f"arn:aws:iam::{HOME}:role/nobody")
    assert "no principal" in refusal.value.why


def test_files_are_private_and_gone_after_the_end(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    with serving(small_world(), directory):
        files = list(directory.iterdir())
        assert {path.name for path in files} >= {
            "lab.json",
            "control-token",
            "credentials",
            "config",
        }
        assert {stat.S_IMODE(path.stat().st_mode) for path in files if path.is_file()} == {0o600}
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        keys = credentials_of(directory, OPERATOR)
        assert keys["SecretAccessKey"] not in (directory / "lab.json").read_text()
    assert not {path.name for path in directory.iterdir()} & {
        "lab.json",
        "control-token",
        "credentials",
        "config",
    }
    with pytest.raises(Failed) as refusal:
        lab_state(directory)
    assert refusal.value.code == "lab-not-running"


def test_a_shell_with_other_settings_uses_the_lab(lab: Lab, tmp_path: Path) -> None:
    environment = dict(os.environ)
    environment |= {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "real",
        "AWS_CA_BUNDLE": "/nowhere.pem",
    }
    environment |= {
        "AWS_ENDPOINT_URL_EKS": "https://eks.example",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    enter_lab(tmp_path, environment)
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_EKS"} & set(environment)
    assert {
        environment[name] for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    } == {str(tmp_path.resolve() / "ca.pem")}
    assert "AWS_PROFILE" in UNSET_VARIABLES
    script = (
        "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'],"
        " boto3.client('eks').list_clusters()['clusters'],"
        " boto3.Session(profile_name='alice').client('sts').get_caller_identity()['Arn'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [
        f"arn:aws:sts::{HOME}:assumed-role/operator/lab",
        "['demo']",
        ALICE,
    ], done.stderr


def test_a_lab_of_its_own_starts_within_a_second_and_ends_on_sigterm(tmp_path: Path) -> None:
    directory, world = tmp_path / "lab", tmp_path / "world.yaml"
    world.write_text(
        f"operator: arn:aws:iam::{HOME}:user/me\naccounts: "
        f'[{{id: "{HOME}", users: [{{name: me}}]}}]\n',
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "migrator.lab.server", "--world", world, "--directory", directory]
    )
    try:
        for _ in range(500):
            if (directory / "lab.json").exists():
                break
            time.sleep(0.02)
        assert control(directory, "GET", "world")["accounts"] == [HOME]
        assert lab_state(directory)["pid"] == process.pid
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert not (directory / "lab.json").exists()


def test_the_lab_imports_neither_boto3_nor_kubernetes() -> None:
    script = (
        "import sys, migrator.lab.server;"
        "import migrator.lab.aws.eks_api, migrator.lab.aws.iam_api, migrator.lab.aws.logs_api;"
        "print([name for name in ('boto3', 'kubernetes', 'rich', 'msgspec') if name in "
        "sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_labs_certificate_authority_lies_beside_its_state(tmp_path: Path) -> None:
    world = small_world()
    world.open_endpoint = None
    with serving(world, tmp_path) as lab:
        described = client(lab, "eks").describe_cluster(name="demo")["cluster"]
        written = (tmp_path / "ca.pem").read_text()
    assert base64.b64decode(described["certificateAuthority"]["data"]).decode() == written
    assert written.startswith("-----BEGIN CERTIFICATE-----")


def test_delays_and_permissions_are_changed_while_the_lab_runs(lab: Lab, tmp_path: Path) -> None:
    change = {
        "settings": {"propagationSeconds": 7},
        "permissions": {OPERATOR: {"deniedActions": ["eks:List*"]}},
    }
    control(tmp_path, "POST", "world", change)
    assert lab.world.cluster("demo").propagation == timedelta(seconds=7)
    assert error_of(client(lab, "eks").list_clusters)[0] == "AccessDeniedException"
    control(
        tmp_path,
        "POST",
        "world",
        {"permissions": {OPERATOR: {}}, "automatic": {"demo": ["creator"]}},
    )
    assert client(lab, "eks").list_clusters()["clusters"] == ["demo"]
    assert lab.world.cluster("demo").automatic == {"creator"}
    mistakes: list[dict[str, Any]] = [
        {"settings": {"misspelt": 1}},
        {"permissions": {"arn:none": {}}},
    ]
    for wrong in mistakes:
        with pytest.raises(Failed):
            control(tmp_path, "POST", "world", wrong)
