"""The lab's own commands as people use them: every kind of fault by its line, profiles, and what a
copy lacks.
"""

import contextlib
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from botocore.exceptions import ConnectionClosedError

from migrator.cli.main import run
from migrator.lab.cli.fault import _DEFAULTS
from migrator.lab.lab_client import control
from migrator.lab.server import Lab
from migrator.lab.worlds.faults import Fault, FaultKind
from migrator.lab.worlds.world_files import demo_world_path, load_world
from tests.support.aws_lab import client

LINES: dict[str, str] = {
    "latency": "eks:* latency seconds=0.01",
    "throttle": '"eks:*" throttle probability=0.2 seed=7 retry_after=1',
    "error": "iam:GetRole error status=503 times=2",
    "reset": "eks:* reset",
    "lost-answer": "eks:CreateAccessEntry lost-answer skip=2 times=1",
    "stale-read": '"kubernetes:get configmaps" stale-read seconds=5',
    "partial-page": "*:List* partial-page page_size=2",
    "expired-credentials": "sts:* expired-credentials times=1",
    "update-fails": "eks:UpdateClusterConfig update-fails outcome=Cancelled",
    "second-writer": '"kubernetes:update configmaps" second-writer times=1 change=recreate '
    "cluster=demo",
    "ca-rotates": '"kubernetes:*" ca-rotates times=1 cluster=demo',
    "undecided": '"kubernetes:create selfsubjectaccessreviews" undecided times=1',
    "denied": "eks:UpdateClusterConfig denied by=permissions-boundary policy=arn:aws:iam::1:p",
    "node-stops": "eks:* node-stops node=ip-10-0-1-11.eu-central-1.compute.internal",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Path]]:
    """A lab of the demo's world, in this process, and its folder."""
    directory = tmp_path_factory.mktemp("lab")
    running = Lab(load_world(demo_world_path()), directory)
    running.start()
    yield running, directory
    running.stop()


@pytest.fixture
def lab(served: tuple[Lab, Path]) -> Path:
    return served[1]


def said(capsys: pytest.CaptureFixture[str], lab: Path, line: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a ``migrate lab`` line."""
    stderr = io.StringIO()
    code = run(["lab", *shlex.split(line), "--lab-dir", str(lab)], stderr=stderr)
    out, err = capsys.readouterr()
    return code, out, err + stderr.getvalue()


def test_every_kind_of_fault_has_a_line_here() -> None:
    assert set(LINES) == set(get_args(FaultKind))


@pytest.mark.parametrize("kind", LINES)
def test_every_kind_of_fault_is_injected_and_listed(
    lab: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    code, out, err = said(capsys, lab, f"fault --clear {LINES[kind]}")
    assert (code, err) == (0, "")
    operation, _, *settings = shlex.split(LINES[kind])
    assert out.startswith(f"{operation}  {kind}  ")
    assert out.endswith("struck 0 of 0 matching calls\n")
    assert set(settings) <= set(out.split())
    (found,) = control(lab, "GET", "fault")["faults"]
    assert {key: str(found[key]) for key in (pair.partition("=")[0] for pair in settings)} == dict(
        pair.split("=", 1) for pair in settings
    )


def test_what_is_shown_as_usual_is_what_a_fault_is_by_itself() -> None:
    fault = Fault("*", "reset")
    assert {key: getattr(fault, key) for key in _DEFAULTS} == _DEFAULTS


def test_the_help_names_every_kind_and_key(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, lab, "fault --help")
    assert all(f"\n  {kind} " in out for kind in get_args(FaultKind))
    assert all(f"{key}=" in out for key in _DEFAULTS)
    assert all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("fault eks:* explode", 64, "'explode' is not one of 'latency', 'throttle'"),
        ("fault eks:*", 64, "OPERATION and KIND belong together"),
        ("fault eks:* throttle soon", 64, "'soon' is no KEY=VALUE"),
        (
            "fault eks:* throttle probability=2",
            1,
            "probability must be a number from 0 to 1, not 2",
        ),
        ("fault eks:* throttle often=2", 1, "unknown members of a fault: often"),
        ("fault eks:* second-writer cluster=7", 1, "known are demo"),
        ("credentials alice --verify-as", 64, "leave PRINCIPAL out"),
        ("kill", 64, "Give PID, or --cancel"),
        ("kill 12 --cancel", 64, "Give PID, or --cancel"),
        ("kill 12 --after 0", 64, "goes with --before-next"),
    ],
)
def test_a_line_that_means_nothing_is_told_what_would(
    lab: Path, capsys: pytest.CaptureFixture[str], line: str, code: int, told: str
) -> None:
    ended, _, err = said(capsys, lab, line)
    assert (ended, told in err) == (code, True), err


def test_profiles_are_listed_and_written_as_decisions(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, listed, _ = said(capsys, lab, "credentials")
    assert "alice  " in listed
    assert "arn:aws:iam::111122223333:role/platform/sre" in listed
    _, ways, _ = said(capsys, lab, "credentials --verify-as --output json")
    people = json.loads(ways)["verify_as"]
    assert people["arn:aws:iam::111122223333:user/alice"] == {"profile": "alice"}
    assert not [arn for arn in people if ":role/platform/" in arn]
    _, text, _ = said(capsys, lab, "credentials --verify-as")
    assert text.startswith("verify_as:\n")
    assert '  "arn:aws:iam::111122223333:user/alice": {profile: "alice"}' in text


@pytest.mark.parametrize(("point", "users"), [("", 2), ("--before-next", 1)])
def test_a_client_is_killed_at_its_nth_effect_and_others_live_on(
    served: tuple[Lab, Path], capsys: pytest.CaptureFixture[str], point: str, users: int
) -> None:
    running, lab = served
    said(capsys, lab, "fault --clear")
    assert running.world.settings.operator is not None
    iam = client(running, "iam", running.world.settings.operator)
    with subprocess.Popen(["/bin/sleep", "60"]) as victim:
        after = 2 if not point else 1
        code, _, err = said(capsys, lab, f"kill {victim.pid} --after {after} {point}")
        assert (code, f"process {victim.pid} is killed" in err) == (0, True)
        for number in range(2):
            with contextlib.suppress(ConnectionClosedError):
                iam.create_user(UserName=f"user{len(point)}-{number}")
        made = sum(
            user["UserName"].startswith(f"user{len(point)}-") for user in iam.list_users()["Users"]
        )
        assert (made, victim.wait(10)) == (users, -9)
    assert said(capsys, lab, "kill --cancel")[2] == "+ no process is killed\n"


def test_a_copy_says_what_it_lacks_and_how_to_use_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = {"name": "c", "arn": "arn:aws:eks:eu-central-1:111122223333:cluster/c"}
    foreign = {
        "arn": "arn:aws:iam::444455556666:role/x",
        "id": "AROAX",
        "createDate": "2024-01-01T00:00:00Z",
    }
    known: dict[str, list[object]] = {
        name: [] for name in ("fargateProfiles", "capabilities", "identityProviderConfigs")
    }
    snapshot = {"cluster": cluster, "iam": {"principals": [foreign]}, "rbac": {}, **known}
    (tmp_path / "snapshot.json").write_text(
        json.dumps({"format": "migrator/snapshot/v1", **snapshot})
    )
    place = tmp_path / "a copy"
    up = [
        sys.executable,
        "-m",
        "migrator",
        "lab",
        "up",
        "--detach",
        "--from",
        str(tmp_path / "snapshot.json"),
    ]
    told = {}
    role = "arn:aws:iam::444455556666:role/reader"
    for reader in (False, True):
        words = [*up, "--lab-dir", str(place), *(["--reader-role", role] if reader else [])]
        told[reader] = subprocess.run(words, check=True, capture_output=True, text=True).stderr
        assert (role in control(place, "GET", "world")["principals"]) is reader
        assert said(capsys, place, "down")[0] == 0
    lines = [line for line in told[False].splitlines() if "not copied: " in line]
    assert [line.partition("not copied: ")[2].partition(":")[0] for line in lines] == [
        "nodegroups",
        "the role that reads account 444455556666",
        "the hidden creator",
    ]
    assert f"migrate lab env --lab-dir '{place}'" in told[False]
    assert "444455556666" not in told[True]
