"""No token, key or session secret is in anything that a whole run writes or says, logs at ``-vv``
included.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from migrator.lab.lab_client import control, lab_state
from migrator.model.files.log_line import log_line_schema
from tests.support.lab_session import LabSession, lab_session

ALICE = "arn:aws:iam::111122223333:user/alice"
CLOSED_TO_OPERATOR = "arn:aws:iam::111122223333:role/batch-nodes"
_BEARER = re.compile(
    rb"k8s-aws-v1\.|Bearer "
    rb"|X-Amz-Signature|X-Amz-Security-Token|aws_secret_access_key|SecretAccessKey"
)
_KEY_ID = re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[LabSession]:
    with lab_session(tmp_path, alone=True) as found:
        yield found


def run_everything(session: LabSession) -> list[tuple[str, bytes]]:
    """A whole migration with the most talkative logs; what each command said on both streams."""
    state = lab_state(session.folder / "lab")
    answers = "verify_as:\n" + "".join(
        f'  "{arn}": {{profile: "{name}"}}\n'
        for arn, name in state["profiles"].items()
        if ":user/" in arn or "/aws-reserved/" in arn
    )
    answers += (
        "waive_gates:\n  rehearsal: {by: test, reason: a lab}\n  code: {by: test, reason: a lab}\n"
    )
    (session.folder / "decisions.yaml").write_text(answers, encoding="utf-8")
    probes = (
        "- {verb: get, resource: secrets, namespace: payments, expected: denied, principal: '"
        + ALICE
        + "'}\n"
    )
    (session.folder / "probes.yaml").write_text(probes, encoding="utf-8")
    decided = ["--decisions", "decisions.yaml"]
    said = []
    for number, arguments in enumerate(
        (
            ["snapshot", "demo", "--out", "snapshot.json"],
            ["plan", "demo", "--out", "plan.json", *decided],
            ["verify", "plan.json", "--baseline", *decided],
            ["apply", "plan.json", "--yes", *decided],
            [
                "verify",
                "plan.json",
                "--probes",
                "probes.yaml",
                "--junit",
                "junit.xml",
                "--canary-pods",
                *decided,
            ],
            [
                "verify",
                "plan.json",
                "--only",
                ALICE,
                "--as",
                f"{ALICE}=no-such-profile",
                "--traceback",
            ],
            ["verify", "plan.json", "--output", "json", *decided],
            ["observe", "demo", "--since", "2h", "--out", "usage.json", "--yes"],
            ["plan", "demo", "--usage", "usage.json", "--detailed-exitcode"],
            ["status", "plan.json"],
            ["access", "demo", "--save", "--out", "access.json"],
            ["drift", "demo"],
            ["drift", "plan.json", "--output", "json"],
            ["doctor", "demo"],
            ["cutover", "plan.json", "--confirm", "demo", *decided],
            ["retire", "plan.json", "--yes"],
            ["report", "plan.json", "--markdown", "report.md", "--html", "report.html", *decided],
            ["generate", "terraform", "plan.json", "--out", "terraform"],
            ["snapshot", "no-such-cluster", "--out", "none.json", "--traceback"],
        )
    ):
        # Every other command in each format of the log.
        form = ("text", "json")[number % 2]
        talk = ("--log-format", form, "--log-file", f"log-{number}.txt")
        done = session.migrate(*arguments, "-vv", *talk)
        if form == "json":
            check_lines(done.stderr)
            check_lines((session.folder / f"log-{number}.txt").read_text("utf-8"))
        said.append((" ".join(arguments), (done.stdout + done.stderr).encode()))
        if "no-such" not in " ".join(arguments) and arguments[0] not in ("doctor", "plan"):
            assert done.returncode == 0, done.stdout + done.stderr
    return said


def check_lines(text: str) -> None:
    """Every line is an object of the published schema, and a step says which run it is of."""
    schema = Draft202012Validator(log_line_schema())
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines
    for line in lines:
        schema.validate(line)
        if line["event"] == "step":
            assert line["cluster"] == "demo"
            assert line["run"]
            assert line["step"]


def secrets_of(session: LabSession) -> dict[bytes, str]:
    """Every secret that the lab ever gave out."""
    found: dict[bytes, str] = {}
    for credential in session.world.credentials.values():
        found[credential.secret_access_key.encode()] = "a secret access key"
        found[credential.access_key_id.encode()] = "an access key id"
        if credential.session_token is not None:
            found[credential.session_token.encode()] = "a session token"
    return found


def written(session: LabSession) -> dict[str, bytes]:
    """Everything below the folder but the lab's own files."""
    lab = session.folder / "lab"
    files = (
        path for path in session.folder.rglob("*") if path.is_file() and lab not in path.parents
    )
    return {str(path.relative_to(session.folder)): path.read_bytes() for path in files}


def leaks(where: str, content: bytes, secrets: dict[bytes, str]) -> list[str]:
    found = [f"{where}: {what}" for secret, what in secrets.items() if secret in content]
    found += [f"{where}: {match[0][:40]!r}" for match in _BEARER.finditer(content)]
    return found + [f"{where}: {match[0]!r}" for match in _KEY_ID.finditer(content)]


def test_nothing_that_a_whole_run_writes_or_says_holds_a_secret(session: LabSession) -> None:
    said = run_everything(session)
    secrets = secrets_of(session)
    files = written(session)
    assert len(secrets) > 30
    assert {"plan.json", "usage.json", "report.md", "report.html", "junit.xml", "log-3.txt"} <= set(
        files
    )
    assert any(name.endswith("journal.jsonl") for name in files)
    assert any(name.endswith("evidence.jsonl") for name in files)
    assert all(files[f"log-{number}.txt"] for number in (1, 3, 4))
    found = [
        leak for name, content in (*files.items(), *said) for leak in leaks(name, content, secrets)
    ]
    assert found == []
    assert not [
        name
        for name in files
        if (session.folder / name).stat().st_mode & 0o077
        and name not in ("decisions.yaml", "probes.yaml")
    ]


@pytest.mark.parametrize("port", ["9", "x"])
def test_nothing_that_a_command_says_or_writes_holds_the_password_of_its_proxy(
    port: str, session: LabSession
) -> None:
    """Also what it says to run next: that is copied into tickets."""
    session.run("plan", "demo", "--out", "plan.json")
    proxy = ("--proxy-url", f"http://jane:S3cr%40tPw@127.0.0.1:{port}")
    said = {}
    for arguments in (
        ("status", "demo"),
        ("status", "plan.json", "--output", "json"),
        ("doctor", "demo"),
        ("plan", "demo", "--out", "again.json"),
        ("verify", "plan.json"),
        ("apply", "plan.json", "--yes"),
        ("rollback", "plan.json", "--yes"),
        ("cutover", "plan.json", "--confirm", "demo"),
        ("report", "plan.json", "--markdown", "report.md"),
    ):
        done = session.migrate(*arguments, *proxy, "-vv", "--log-file", f"log-{arguments[0]}.txt")
        said[" ".join(arguments)] = (done.stdout + done.stderr).encode()
    assert b"--proxy-url" in b"".join(said.values())
    found = [
        name
        for name, content in (*written(session).items(), *said.items())
        if b"S3cr" in content or b"amFuZTpT" in content
    ]
    assert found == []


def test_the_search_would_find_them(session: LabSession) -> None:
    """A search that cannot fail shows nothing: what the lab gives out is found where it is."""
    control(session.lab.directory, "POST", "credentials", {"principalArn": ALICE})
    secrets = secrets_of(session)
    content = b"x".join(secrets)
    assert len(leaks("here", content, secrets)) >= len(secrets)
    token = session.run("token", "demo")
    assert leaks("token", token.encode(), secrets)
