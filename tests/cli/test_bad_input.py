"""What goes wrong at three in the morning: each has its own code, three lines, and nothing is
written.
"""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from migrator.cli.main import cli
from tests.support.cli_lab import CliLab, running

DEVELOPER = "arn:aws:iam::111122223333:role/developer"
NOBODY = "arn:aws:iam::111122223333:role/nobody"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliLab]:
    with running(tmp_path_factory.mktemp("bad-input")) as found:
        assert found.run("plan", "small", "--out", "plan.json").code == 0
        assert found.run("snapshot", "small", "--out", "snapshot.json").code == 0
        yield found


def _fails(
    lab: CliLab,
    code: str,
    *arguments: str,
    exit_code: int = 1,
    environment: dict[str, str] | None = None,
) -> str:
    """The command fails with this code, says so in at most three lines, and changes nothing."""
    before = sorted(path.name for path in lab.work.rglob("*"))
    ran = lab.run(*arguments, environment=environment)
    assert (ran.error_code, ran.code) == (code, exit_code), ran.err
    assert ran.out == ""
    said = [
        line for line in ran.err.splitlines() if line.startswith(("error: ", "why:   ", "do:    "))
    ]
    assert said[0].startswith("error: ")
    assert len(said) >= 2, "an error says why, or what to do"
    assert "Traceback" not in ran.err
    assert sorted(path.name for path in lab.work.rglob("*")) == before
    assert lab.effects() == []
    return ran.err


def test_no_such_cluster(lab: CliLab) -> None:
    assert "--region" in _fails(lab, "cluster-not-found", "plan", "prod")


def test_no_credentials(lab: CliLab) -> None:
    environment = lab.environment()
    for name in [
        name for name in environment if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))
    ]:
        del environment[name]
    environment["AWS_SHARED_CREDENTIALS_FILE"] = environment["AWS_CONFIG_FILE"] = "/nonexistent"
    assert "--profile" in _fails(lab, "no-credentials", "plan", "small", environment=environment)


def test_no_such_profile(lab: CliLab) -> None:
    _fails(lab, "profile-not-found", "plan", "small", "--profile", "nix")


def test_no_permission_names_the_action(lab: CliLab) -> None:
    said = _fails(lab, "iam-denied", "plan", "small", environment=lab.as_principal(NOBODY))
    assert "eks:DescribeCluster" in said


def test_a_reader_role_that_is_none(lab: CliLab) -> None:
    said = _fails(lab, "usage", "plan", "small", "--reader-role", "reader", exit_code=64)
    assert "--reader-role" in said


def test_a_dead_proxy_is_named_and_nothing_else_is_blamed(lab: CliLab) -> None:
    said = _fails(lab, "proxy-unreachable", "plan", "small", "--proxy-url", "http://127.0.0.1:1")
    assert "http://127.0.0.1:1 (--proxy-url)" in said
    assert "publicAccessCidrs" not in said


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://ann:s3cret@proxy:x", "port is no number"),
        ("http://ann:s3cret@proxy:99999", "port is no number"),
        ("http://ann:s3cret@proxy:0", "port is 0"),
        ("http://ann:s3cret@", "names no host"),
        ("http://ann:s3cret@[::1", "IPv6"),
        ("http://ann:s3cret@pro xy:1", "characters"),
        ("http://ann:s3cret@proxy:1/path", "no path"),
        ("ftp://ann:s3cret@proxy:1", "neither http nor https"),
    ],
)
def test_a_malformed_proxy_says_what_is_wrong_and_repeats_no_password(
    url: str, why: str, lab: CliLab
) -> None:
    said = _fails(lab, "proxy-malformed", "plan", "small", "--proxy-url", url, exit_code=64)
    assert why in said
    assert "s3cret" not in said


def test_a_socks_proxy_is_not_supported(lab: CliLab) -> None:
    url = "socks5h://127.0.0.1:1080"
    _fails(lab, "proxy-unsupported", "plan", "small", "--proxy-url", url, exit_code=64)


def test_a_malformed_proxy_of_the_environment_is_named(lab: CliLab) -> None:
    environment = {**lab.environment(), "ALL_PROXY": "http://[::1", "no_proxy": "", "NO_PROXY": ""}
    said = _fails(lab, "proxy-malformed", "plan", "small", environment=environment, exit_code=64)
    assert "ALL_PROXY" in said


def test_a_malformed_source_address(lab: CliLab) -> None:
    given = ("plan", "small", "--source-address", "10.0.0.0/8")
    _fails(lab, "source-address-malformed", *given, exit_code=64)


@pytest.mark.parametrize(
    "command", ["show", "apply", "verify", "cutover", "rollback", "retire", "status"]
)
def test_no_such_plan_file(lab: CliLab, command: str) -> None:
    _fails(lab, "file-not-found", command, "nix.json")


def test_a_folder_instead_of_a_file(lab: CliLab) -> None:
    _fails(lab, "file-unreadable", "show", "/")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": "migrator/snapshot/v1"}', "\x00", "[" * 5000]
)
def test_a_file_that_is_no_plan(lab: CliLab, tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    _fails(lab, "plan-unreadable", "show", str(file))


def test_a_plan_edited_by_hand(lab: CliLab, tmp_path: Path) -> None:
    document = lab.document("plan.json")
    document["principals"][0]["entry"]["kubernetesGroups"] = ["wheel"]
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(document))
    _fails(lab, "plan-edited", "apply", str(file), "--yes")


def test_a_plan_with_fields_that_nobody_knows(lab: CliLab, tmp_path: Path) -> None:
    document = lab.document("plan.json") | {"surprise": 1}
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(document))
    _fails(lab, "plan-malformed", "show", str(file))


ON_PLANS = (
    ("apply", "PLAN", "--yes"),
    ("verify", "PLAN"),
    ("rehearse", "PLAN", "--for", "30m", "--image", "x@sha256:" + "0" * 64),
    ("cutover", "PLAN", "--confirm", "small"),
    ("cutover", "PLAN", "--confirm", "small", "--gates"),
    ("rollback", "PLAN", "--yes"),
    ("retire", "PLAN", "--yes"),
    ("status", "PLAN"),
    ("report", "PLAN", "--markdown", "-"),
    ("drift", "PLAN"),
)


@pytest.mark.parametrize("command", ON_PLANS, ids=lambda words: " ".join(words)[:40])
def test_a_plan_for_another_cluster(lab: CliLab, tmp_path: Path, command: tuple[str, ...]) -> None:
    ran = lab.run("plan", "--snapshot", "snapshot.json", "--output", "json")
    snapshot = lab.document("snapshot.json")
    snapshot["cluster"]["arn"] = snapshot["cluster"]["arn"].replace("111122223333", "999988887777")
    other = tmp_path / "snapshot.json"
    other.write_text(json.dumps(snapshot))
    assert lab.run("plan", "--snapshot", str(other), "--out", str(tmp_path / "plan.json")).code in (
        0,
        3,
    )
    assert ran.code == 0
    words = [str(tmp_path / "plan.json") if word == "PLAN" else word for word in command]
    said = lab.run(*words)
    assert (said.code, said.error_code) == (4, "plan-for-other-cluster")


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[1]", '{"format": "migrator/plan/v1"}', '{"format": 1}']
)
def test_a_file_that_is_no_snapshot(lab: CliLab, tmp_path: Path, text: str) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text(text)
    ran = lab.run("plan", "--snapshot", str(file))
    assert (ran.code, ran.error_code) in [(1, "snapshot-unreadable"), (1, "snapshot-malformed")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "decisions-unreadable"),
        ("- a\n", "decisions-unreadable"),
        ("princpals: {}\n", "decisions-malformed"),
        ("principals: {arn: {action: delete}}\n", "decisions-malformed"),
        (
            'principals: {"arn:aws:iam::111122223333:role/nix": {action: skip, reason: r}}\n',
            "decision-unused",
        ),
    ],
)
def test_decisions_that_cannot_be_used(lab: CliLab, tmp_path: Path, text: str, code: str) -> None:
    file = tmp_path / "decisions.yaml"
    file.write_text(text)
    _fails(lab, code, "plan", "small", "--decisions", str(file))


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_world_with_an_unknown_key_is_refused_by_its_place(
    lab: CliLab, tmp_path: Path, detach: tuple[str, ...]
) -> None:
    (tmp_path / "world.yaml").write_text("format: migrator/world/v1\nacounts: []\n")
    up = ("lab", "up", *detach, "--lab-dir", str(tmp_path / "lab"), "--world")
    assert "acounts" in _fails(lab, "world-invalid", *up, str(tmp_path / "world.yaml"))


def test_name_of_a_role_for_a_login_is_refused_before_anything_is_asked(lab: CliLab) -> None:
    error = _fails(lab, "usage", "token", "small", "--as", "developer", exit_code=64)
    assert "no ARN of a role" in error


def test_file_to_write_without_a_name_is_refused(lab: CliLab) -> None:
    error = _fails(lab, "usage", "plan", "small", "--out", "", exit_code=64)
    assert "'--out': it is empty" in error


def test_code_in_the_place_of_a_principal_is_explained_by_its_own_command(lab: CliLab) -> None:
    error = _fails(lab, "principal-not-in-plan", "explain", "plan.json", "creator-unknown")
    assert "do:    migrate explain creator-unknown" in error


def test_log_ins_that_the_lab_prints_are_taken_for_each_of_its_clusters(
    lab: CliLab, tmp_path: Path
) -> None:
    other = "arn:aws:iam::111122223333:user/alice"
    file = tmp_path / "decisions.yaml"
    file.write_text(f'verify_as: {{"{other}": {{profile: alice}}}}\n')
    ran = lab.run("plan", "small", "--decisions", str(file))
    assert ran.code == 0, ran.err
    assert f"verify_as has principals that small does not have: {other}" in ran.err


@pytest.mark.parametrize("kind", ["aliases", "pipe", "device", "socket"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("plan", "small", "--decisions"), "decisions-unreadable"),
        (("verify", "plan.json", "--probes"), "probes-unreadable"),
        (("fleet", "plan"), "fleet-unreadable"),
        (("lab", "up", "--detach", "--lab-dir", "other-lab", "--world"), "world-unreadable"),
        (("lab", "up", "--detach", "--lab-dir", "other-lab", "--from"), "world-unreadable"),
        (("show",), "plan-unreadable"),
    ],
)
def test_a_file_that_never_ends_or_stands_for_too_much_is_refused(
    lab: CliLab, tmp_path: Path, arguments: tuple[str, ...], code: str, kind: str
) -> None:
    file = tmp_path / "input.yaml"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        match kind:
            case "aliases":
                file.write_text(BOMB)
            case "pipe":
                os.mkfifo(file)
            case "device":
                file = Path("/dev/zero")
            case _:
                listener.bind(str(file))
        code = code if kind == "aliases" else "file-unreadable"
        # A pipe used to wait for ever.
        ran = lab.run(*arguments, str(file))
    assert (ran.error_code, ran.code) == (code, 1), ran.err
    assert lab.effects() == []


def test_an_answer_of_as_without_a_profile_is_wrong_usage(lab: CliLab) -> None:
    ran = lab.run("verify", "plan.json", "--as", "somebody")
    assert ran.code == 64


def _commands_with_as() -> list[str]:
    """Every command on a plan that has ``--as``, by its parameters."""
    context = click.Context(cli)
    found: list[str] = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None and any(each.name == "become" for each in command.params):
            found.append(name)
    return found


@pytest.mark.parametrize("command", _commands_with_as())
@pytest.mark.parametrize(
    ("given", "code"),
    [
        (f"{NOBODY}=prod", "principal-not-in-plan"),
        ("nobody=prod", "principal-not-in-plan"),
        ("developer=no-such-profile", "profile-not-found"),
        (f"{DEVELOPER}=no-such-profile", "profile-not-found"),
    ],
)
def test_as_is_checked_alike_by_every_command(
    lab: CliLab, command: str, given: str, code: str
) -> None:
    """Before anything is asked of AWS: an answer that does nothing must not look like a proof."""
    needs = ("--image", "registry.example/migrate") if command == "rehearse" else ()
    said = _fails(lab, code, command, "plan.json", *needs, "--yes", "--as", given, exit_code=64)
    assert given.split("=", maxsplit=1)[0] in said


@pytest.mark.parametrize("command", [("rehearse",), ("fleet", "rehearse")])
@pytest.mark.parametrize("length", ["31h", "721m", "43201s"])
def test_no_rehearsal_is_longer_than_twelve_hours(
    lab: CliLab, command: tuple[str, ...], length: str
) -> None:
    said = _fails(lab, "usage", *command, "plan.json", "--for", length, exit_code=64)
    assert "12h" in said


def test_status_names_the_file_of_the_plan(lab: CliLab) -> None:
    said = lab.run("status", "plan.json").out
    assert "migrate apply plan.json" in said
    assert "PLAN" not in said


def test_a_cluster_by_its_arn_is_that_of_the_account(lab: CliLab) -> None:
    arn = json.loads((lab.work / "plan.json").read_bytes())["cluster"]["arn"]
    by_name, by_arn = lab.run("status", "small"), lab.run("status", arn)
    assert by_arn.out
    # What is printed to copy has the Region of the ARN, which the name leaves to the environment.
    as_named = by_arn.out.replace(" --region eu-central-1", "")
    assert (by_arn.code, as_named) == (by_name.code, by_name.out)
    other = arn.replace("111122223333", "444455556666")
    error = _fails(lab, "cluster-not-found", "status", other)
    assert f"{other} is not in account 111122223333" in error


def test_commands_with_as_are_those_that_log_in() -> None:
    assert sorted(_commands_with_as()) == ["apply", "cutover", "rehearse", "verify"]


def test_verifying_somebody_whom_the_plan_does_not_have(lab: CliLab, tmp_path: Path) -> None:
    """A misspelt ARN would be a question that is never asked, and a login that is never tried."""
    assert NOBODY in _fails(
        lab, "principal-not-in-plan", "verify", "plan.json", "--only", NOBODY, exit_code=64
    )
    probes = tmp_path / "probes.yaml"
    item = {"verb": "get", "resource": "secrets", "expected": "denied", "principal": NOBODY}
    probes.write_text(json.dumps([item]), encoding="utf-8")
    said = _fails(
        lab, "probe-not-in-plan", "verify", "plan.json", "--probes", str(probes), exit_code=64
    )
    assert "A probe names it." in said


def test_a_file_that_cannot_be_written(lab: CliLab) -> None:
    ran = lab.run("plan", "small", "--out", "/proc/plan.json")
    assert (ran.code, ran.error_code) == (1, "file-unwritable")


def test_a_state_directory_that_is_no_folder(lab: CliLab, tmp_path: Path) -> None:
    _fails(
        lab,
        "state-dir-malformed",
        "apply",
        "plan.json",
        "--yes",
        "--state-dir",
        "ftp://x/y",
        exit_code=64,
    )
    file = tmp_path / "file"
    file.write_text("")
    _fails(lab, "state-unwritable", "apply", "plan.json", "--yes", "--state-dir", str(file))


def test_generated_files_are_not_replaced_unasked(lab: CliLab, tmp_path: Path) -> None:
    out = str(tmp_path / "terraform")
    assert lab.run("generate", "terraform", "plan.json", "--out", out).code == 0
    again = lab.run("generate", "terraform", "plan.json", "--out", out)
    assert (again.code, again.error_code) == (4, "files-exist")
    assert lab.run("generate", "terraform", "plan.json", "--out", out, "--force").code == 0


def test_a_config_map_file_that_is_none(lab: CliLab, tmp_path: Path) -> None:
    file = tmp_path / "aws-auth.yaml"
    file.write_text("data: {}\ndata: {}\n")
    ran = lab.run(
        "plan",
        "--config-map",
        str(file),
        "--cluster-arn",
        "arn:aws:eks:eu-central-1:111122223333:cluster/x",
    )
    assert ran.code == 1
    assert ran.error_code.startswith("manifest-")
    file.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: "
        "kube-system}\ndata: {}\n"
    )
    wrong = lab.run("plan", "--config-map", str(file), "--cluster-arn", "x")
    assert (wrong.code, wrong.error_code) == (64, "cluster-arn-malformed")


ARN_OF_X = "arn:aws:eks:eu-central-1:111122223333:cluster/x"


def test_a_first_look_at_files_of_eksctl_says_what_was_read(lab: CliLab, tmp_path: Path) -> None:
    mapping = {"username": "dev", "groups": ["devs"]}
    declared = {
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "x", "region": "eu-central-1"},
        "iamIdentityMappings": [{"arn": DEVELOPER, **mapping}],
    }
    plans = []
    for name, document in (
        ("declared", declared),
        ("printed", [{"rolearn": DEVELOPER, **mapping}]),
    ):
        (tmp_path / name).write_text(json.dumps(document))
        out = str(tmp_path / f"{name}.json")
        given = ("--config-map", str(tmp_path / name), "--cluster-arn", ARN_OF_X, "--out", out)
        ran = lab.run("plan", *given)
        assert ran.code == 3, ran.err
        assert "read as " in ran.err
        assert "1 rows of mapRoles, 0 of mapUsers and 0 of mapAccounts" in ran.err
        shown = lab.run("show", out)
        assert "`configMap` was not read from the cluster" in shown.out
        plans.append(json.loads(Path(out).read_text())["principals"])
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'module "eks" {\n  aws_auth_roles = []\n}\n', "Terraform code"),
        (b"eks:\n  mapRoles: []\n", "rows at eks.mapRoles"),
        (b"", "is empty"),
        (b"\x1f\x8b\x00", "gzip archive"),
    ],
)
def test_a_file_of_something_else_is_named_with_the_command_that_gets_the_map(
    content: bytes, said: str, lab: CliLab, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    ran = lab.run("plan", "--config-map", str(file), "--cluster-arn", ARN_OF_X)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert "kubectl -n kube-system get configmap aws-auth -o yaml" in ran.err


def test_a_huge_file_is_not_read_to_its_end(lab: CliLab, tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    given = ("--config-map", str(tmp_path / "huge"), "--cluster-arn", ARN_OF_X)
    assert "larger than 4 MiB" in _fails(lab, "file-too-large", "plan", *given)


def test_a_first_look_says_that_all_else_is_unknown(lab: CliLab, tmp_path: Path) -> None:
    file = tmp_path / "aws-auth.yaml"
    row = (
        '[{"rolearn": "arn:aws:iam::111122223333:role/dev", "username": "dev", "groups": ["devs"]}]'
    )
    data = json.dumps({"mapRoles": row})
    file.write_text(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: "
        f"{{name: aws-auth, namespace: kube-system}}\ndata: {data}\n"
    )
    arn = "arn:aws:eks:eu-central-1:111122223333:cluster/x"
    ran = lab.run(
        "plan",
        "--config-map",
        str(file),
        "--cluster-arn",
        arn,
        "--write-decisions",
        str(tmp_path / "d.yaml"),
    )
    assert ran.code == 3, ran.err
    assert "role-unverified" in ran.out
    assert "arn:aws:iam::111122223333:role/dev" in (tmp_path / "d.yaml").read_text()
