"""Every way to become a principal, on the lab, in a process with a home of its own: and what is
said where none is.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from migrator.lab.lab_client import control, enter_lab, lab_state
from migrator.lab.server import Lab
from migrator.lab.worlds.world_files import build_world

ACCOUNT, REGION = "111122223333", "eu-central-1"
OPERATOR, MIDDLE, INNER, WEB, CLOSED = (
    f"arn:aws:iam::{ACCOUNT}:role/{name}"
    for name in ("operator", "middle", "deep/inner", "web", "closed")
)
SSO = "AWSReservedSSO_Admin_0a1b2c3d4e5f6071"
PERSON = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{REGION}/{SSO}"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.example"
SAML = f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_0a1b_DO_NOT_DELETE"
MASTERS = "groups: ['system:masters']"
MAP_ROLES = f"""\
- {{rolearn: "{OPERATOR}", username: operator, {MASTERS}}}
- {{rolearn: "arn:aws:iam::{ACCOUNT}:role/inner", username: "inner:{{{{SessionName}}}}", groups: [a]}}
- {{rolearn: "{WEB}", username: "web:{{{{SessionName}}}}", groups: [b]}}
- {{rolearn: "arn:aws:iam::{ACCOUNT}:role/{SSO}", username: "sso:{{{{SessionName}}}}", groups: [c]}}
"""  # noqa: E501
WORLD: dict[str, Any] = {
    "format": "migrator/world/v1",
    "name": "ways",
    "operator": OPERATOR,
    "settings": {"region": REGION},
    "accounts": [
        {
            "id": ACCOUNT,
            "roles": [
                {"name": "operator"},
                {"name": "middle", "trust": {"aws": [OPERATOR]}},
                {"name": "inner", "path": "/deep/", "trust": {"aws": [MIDDLE]}},
                {"name": "web", "trust": {"federated": [PROVIDER]}},
                {"name": "closed", "trust": {"services": ["lambda.amazonaws.com"]}},
                {
                    "name": SSO,
                    "path": f"/aws-reserved/sso.amazonaws.com/{REGION}/",
                    "trust": {"federated": [SAML]},
                },
            ],
            "users": [{"name": "alice"}],
        }
    ],
    "clusters": [
        {
            "name": "prod",
            "account": ACCOUNT,
            "region": REGION,
            "creator": MIDDLE,
            "kubernetes": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "aws-auth", "namespace": "kube-system"},
                    "data": {
                        "mapRoles": MAP_ROLES,
                        "mapUsers": f"- {{userarn: {ALICE}, username: alice, groups: [d]}}\n",
                    },
                }
            ],
        }
    ],
}
SCRIPT = """\
import json, sys
from migrator.app.settings import Settings
from migrator.app.connect import connect, reviewers
from migrator.errors import MigratorError
from migrator.model.decision import AssumeAs

connection = connect(Settings(), "prod")
for arn, profile, role in json.loads(sys.argv[1]):
    ways = {arn: AssumeAs(profile=profile, assume_role=role)} if profile or role else {}
    try:
        found = reviewers(connection, ways).as_principal(arn).who_am_i()
        print(json.dumps({"username": found.username if found else None}))
    except MigratorError as error:
        told = {"code": error.code, "message": error.message}
        print(json.dumps({**told, "why": error.why, "remedy": error.remedy}))
"""


class Home:
    """A home with AWS profiles, and a lab."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AWS_", "MIGRATE_"))
        }
        enter_lab(lab.directory, self.environment)
        self.environment["HOME"] = str(folder)
        self.config = folder / "config"
        self.config.write_text(
            Path(self.environment["AWS_CONFIG_FILE"]).read_text(encoding="utf-8"), encoding="utf-8"
        )
        self.environment["AWS_CONFIG_FILE"] = str(self.config)

    def profile(self, name: str, **settings: str) -> None:
        """Add a profile, or an ``sso-session``."""
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        with self.config.open("a", encoding="utf-8") as file:
            file.write(f"\n[{name}]\n{lines}")

    def signed_in(self, key: str, *, token: str, ends: timedelta = timedelta(hours=8)) -> None:
        """What ``aws sso login`` leaves behind, for a session or a start URL."""
        cache = self.folder / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        at = (
            datetime.fromtimestamp(self.lab.world.clock.machine_now().timestamp(), tz=timezone.utc)
            + ends
        )
        document = {"accessToken": token, "expiresAt": f"{at:%Y-%m-%dT%H:%M:%SZ}", "region": REGION}
        name = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
        (cache / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")

    def become(self, *ways: tuple[str, str | None, str | None]) -> list[Mapping[str, Any]]:
        """Try each ``(principal, profile, role to arrive through)``."""
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(ways)],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.said = done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    lab = Lab(build_world(WORLD), tmp_path / "lab")
    lab.start()
    try:
        yield Home(lab, tmp_path)
    finally:
        lab.stop()


def names(found: list[Mapping[str, Any]]) -> list[str | None]:
    return [each.get("username", each.get("why")) for each in found]


def test_roles_are_assumed_directly_and_through_another_role(home: Home) -> None:
    found = home.become((OPERATOR, None, None), (INNER, None, MIDDLE), (INNER, None, None))
    assert names(found[:2]) == ["operator", "inner:migrate-run"]
    assert found[2]["code"] == "cannot-become"
    assert "trust policy admits" in found[2]["why"]
    assert MIDDLE in found[2]["why"]
    assert OPERATOR in found[2]["remedy"]


def test_a_profile_may_hold_keys_assume_a_role_or_run_a_program(home: Home) -> None:
    keys = control(
        home.lab.directory,
        "POST",
        "credentials",
        {"principalArn": INNER, "sessionName": "by-program"},
    )
    (home.folder / "keys.json").write_text(json.dumps({"Version": 1, **keys}), encoding="utf-8")
    home.profile(
        "profile program", credential_process=f"cat {home.folder / 'keys.json'}", region=REGION
    )
    operator = str(lab_state(home.lab.directory)["profiles"][OPERATOR])
    home.profile("profile via-middle", role_arn=MIDDLE, source_profile=operator, region=REGION)
    home.profile(
        "profile chained", role_arn=INNER, source_profile="via-middle", role_session_name="by-chain"
    )
    alice = str(lab_state(home.lab.directory)["profiles"][ALICE])
    found = home.become(
        (ALICE, alice, None),
        (INNER, "program", None),
        (INNER, "chained", None),
        (INNER, alice, None),
    )
    assert names(found[:3]) == ["alice", "inner:by-program", "inner:by-chain"]
    assert found[3]["why"] == f"Profile {alice} is {ALICE}."


def test_people_of_iam_identity_center_by_their_cached_sign_in(home: Home) -> None:
    token = home.lab.world.sign_in("jo@example.com")
    start = "https://example.awsapps.com/start"
    home.profile("sso-session company", sso_start_url=start, sso_region=REGION)
    person = {"sso_account_id": ACCOUNT, "sso_role_name": "Admin", "region": REGION}
    home.profile("profile new", sso_session="company", **person)
    home.profile("profile old", sso_start_url=start, sso_region=REGION, **person)
    (before,) = home.become((PERSON, "new", None))
    assert before["code"] == "cannot-become"
    assert "aws sso login" in before["remedy"]
    home.signed_in("company", token=token)
    home.signed_in(start, token=token)
    found = home.become((PERSON, "new", None), (PERSON, "old", None), (PERSON, None, None))
    assert names(found[:2]) == ["sso:jo-example.com", "sso:jo-example.com"]
    assert found[2]["code"] == "cannot-become"
    assert "identity provider" in found[2]["why"]
    assert token not in home.said
    home.signed_in("company", token=token, ends=timedelta(hours=-1))
    (late,) = home.become((PERSON, "new", None))
    assert late["code"] == "cannot-become"
    assert "aws sso login" in late["remedy"]


def test_pipelines_by_their_web_identity(home: Home) -> None:
    body = {
        "webIdentityToken": {
            "providerArn": PROVIDER,
            "subject": "repo:example/app:ref:refs/heads/main",
        }
    }
    token = control(home.lab.directory, "POST", "world", body)["webIdentityToken"]["token"]
    file = home.folder / "token"
    file.write_text(token, encoding="utf-8")
    home.profile(
        "profile pipeline",
        role_arn=WEB,
        web_identity_token_file=str(file),
        role_session_name="app",
        region=REGION,
    )
    found = home.become((WEB, "pipeline", None), (WEB, None, None))
    assert names(found[:1]) == ["web:app"]
    assert found[1]["code"] == "cannot-become"
    assert PROVIDER.rpartition("/")[2] in found[1]["why"]
    file.write_text("another", encoding="utf-8")
    (wrong,) = home.become((WEB, "pipeline", None))
    assert wrong["code"] == "cannot-become"
    assert token not in home.said


def test_whoever_only_a_service_may_be_says_which_and_what_would_do(home: Home) -> None:
    (found,) = home.become((CLOSED, None, None))
    assert "service lambda.amazonaws.com" in found["why"]
    assert f"--as {CLOSED}=PROFILE" in found["remedy"]
