"""AssumeRole: trust policies decide, by principal, account, external id; chains are short."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore
import pytest

from migrator.lab.aws.trust import trusted_services, trusts, trusts_web_identity
from migrator.lab.lab_client import control
from migrator.lab.server import Lab
from migrator.lab.worlds.world import Caller, WebIdentity
from tests.support.aws_lab import (
    ABROAD,
    ALICE,
    FOREIGN,
    HOME,
    OPERATOR,
    RUNNER,
    Client,
    client,
    client_with,
    error_of,
    serving,
    small_world,
)

CALLER = Caller(
    arn=f"arn:aws:sts::{HOME}:assumed-role/operator/me",
    account=HOME,
    user_id="AROAX:me",
    principal_arn=OPERATOR,
    principal_id="AROAX",
    session_name="me",
    access_key_id="ASIAX",
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


def keys(answer: Client) -> dict[str, str]:
    found = answer["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def trust(**statement: Any) -> dict[str, Any]:  # noqa: ANN401 - a policy is any JSON
    return {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **statement}]}


def test_an_assumed_role_is_its_session_without_the_path(lab: Lab) -> None:
    answer = client(lab, "sts").assume_role(RoleArn=RUNNER, RoleSessionName="ci@example.com")
    assert (
        answer["AssumedRoleUser"]["Arn"]
        == f"arn:aws:sts::{HOME}:assumed-role/runner/ci@example.com"
    )
    me = client_with(lab, "sts", keys(answer)).get_caller_identity()
    assert me["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert me["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_chains_reach_other_accounts(lab: Lab) -> None:
    first = client(lab, "sts").assume_role(RoleArn=RUNNER, RoleSessionName="one")
    second = client_with(lab, "sts", keys(first)).assume_role(
        RoleArn=FOREIGN, RoleSessionName="two"
    )
    assert client_with(lab, "sts", keys(second)).get_caller_identity()["Account"] == ABROAD


def test_a_chained_session_lasts_an_hour_at_most(lab: Lab) -> None:
    chained = error_of(
        client(lab, "sts").assume_role, RoleArn=RUNNER, RoleSessionName="one", DurationSeconds=7200
    )
    assert (chained[0], "1 hour session limit" in chained[1]) == ("ValidationError", True)
    alice = client(lab, "sts", ALICE)
    longer = error_of(
        alice.assume_role, RoleArn=RUNNER, RoleSessionName="one", DurationSeconds=7200
    )
    assert "MaxSessionDuration" in longer[1]
    assert alice.assume_role(RoleArn=RUNNER, RoleSessionName="one", DurationSeconds=900)[
        "Credentials"
    ]


def test_a_role_that_does_not_trust_and_one_that_is_not_there_look_alike(lab: Lab) -> None:
    sts = client(lab, "sts")
    for name in ("nodes", "nobody"):
        arn = f"arn:aws:iam::{HOME}:role/{name}"
        assert error_of(sts.assume_role, RoleArn=arn, RoleSessionName="xx") == (
            "AccessDenied",
            f"User: arn:aws:sts::{HOME}:assumed-role/operator/lab is not authorized to perform: "
            f"sts:AssumeRole "
            f"on resource: {arn}",
        )


def test_root_assumes_nothing(lab: Lab) -> None:
    sts = client(lab, "sts", f"arn:aws:iam::{HOME}:root")
    assert sts.get_caller_identity()["UserId"] == HOME
    assert error_of(sts.assume_role, RoleArn=RUNNER, RoleSessionName="xx") == (
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
    )


def test_sessions_end_on_machine_time(lab: Lab) -> None:
    role = lab.world.principal(RUNNER)
    assert role is not None
    past = lab.world.clock.machine_now() - timedelta(seconds=1)
    old = lab.world.issue(role, "old", past)
    eks = client_with(
        lab,
        "eks",
        {
            "aws_access_key_id": old.access_key_id,
            "aws_secret_access_key": old.secret_access_key,
            "aws_session_token": old.session_token,
        },
    )
    assert error_of(eks.list_clusters) == (
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )


def test_a_denied_caller_assumes_nothing(lab: Lab) -> None:
    lab.world.accounts[HOME].users["alice"].permissions.denied = ("sts:*",)
    sts = client(lab, "sts", ALICE)
    assert sts.get_caller_identity()["Arn"] == ALICE
    assert error_of(sts.assume_role, RoleArn=RUNNER, RoleSessionName="xx")[0] == "AccessDenied"


def test_an_external_id_is_asked_for_over_the_wire(lab: Lab) -> None:
    iam = client(lab, "iam")
    policy = trust(
        Principal={"AWS": HOME}, Condition={"StringEquals": {"sts:ExternalId": "secret-1"}}
    )
    iam.update_assume_role_policy(RoleName="runner", PolicyDocument=json.dumps(policy))
    sts = client(lab, "sts")
    assert error_of(sts.assume_role, RoleArn=RUNNER, RoleSessionName="xx")[0] == "AccessDenied"
    wrong = error_of(sts.assume_role, RoleArn=RUNNER, RoleSessionName="xx", ExternalId="secret-2")
    assert wrong[0] == "AccessDenied"
    assert sts.assume_role(RoleArn=RUNNER, RoleSessionName="xx", ExternalId="secret-1")[
        "Credentials"
    ]


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": HOME},
        {"AWS": f"arn:aws:iam::{HOME}:root"},
        {"AWS": OPERATOR},
        {"AWS": [FOREIGN, CALLER.arn]},
    ],
)
def test_a_caller_is_trusted_by_account_role_session_or_everybody(principal: object) -> None:
    assert trusts(trust(Principal=principal), CALLER, None)


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"AWS": FOREIGN}},
        {"Principal": {"AWS": "arn:aws:iam::*:root"}},
        {"Principal": {"Service": "ec2.amazonaws.com"}},
        {"Principal": {"AWS": HOME}, "Action": "sts:TagSession"},
        {"NotPrincipal": {"AWS": FOREIGN}},
        {"Principal": {"AWS": HOME}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Principal": {"AWS": HOME}, "Condition": {"Bool": {"aws:PrincipalArn": OPERATOR}}},
        {
            "Principal": {"AWS": HOME},
            "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other*"}},
        },
    ],
)
def test_what_does_not_match_or_is_not_understood_trusts_nobody(statement: dict[str, Any]) -> None:
    assert not trusts(trust(**statement), CALLER, None)


def test_a_condition_on_the_principal_is_evaluated() -> None:
    condition = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/oper*"}}
    assert trusts(trust(Principal={"AWS": "*"}, Condition=condition), CALLER, None)


@pytest.mark.parametrize(
    "deny", [{"Principal": {"AWS": OPERATOR}}, {"NotPrincipal": {"AWS": FOREIGN}}]
)
def test_a_deny_beats_every_allow(deny: dict[str, Any]) -> None:
    policy = trust(Principal={"AWS": HOME})
    policy["Statement"].append({"Effect": "Deny", "Action": "sts:*", **deny})
    assert not trusts(policy, CALLER, None)


PROVIDER = f"arn:aws:iam::{HOME}:oidc-provider/oidc.example"
WEB = f"arn:aws:iam::{HOME}:role/web"


def test_a_providers_token_assumes_a_role_without_any_keys(lab: Lab, tmp_path: Path) -> None:
    body = {"webIdentityToken": {"providerArn": PROVIDER, "subject": "system:serviceaccount:ns:sa"}}
    token = control(tmp_path, "POST", "world", body)["webIdentityToken"]["token"]
    sts = client_with(lab, "sts", {}, signature_version=botocore.UNSIGNED)
    answer = sts.assume_role_with_web_identity(
        RoleArn=WEB, RoleSessionName="web", WebIdentityToken=token
    )
    me = client_with(lab, "sts", keys(answer)).get_caller_identity()
    assert me["Arn"] == f"arn:aws:sts::{HOME}:assumed-role/web/web"
    asked = {"RoleSessionName": "web", "WebIdentityToken": token}
    assert error_of(sts.assume_role_with_web_identity, RoleArn=RUNNER, **asked)[0] == "AccessDenied"
    made_up = {"RoleSessionName": "web", "WebIdentityToken": "made-up"}
    assert (
        error_of(sts.assume_role_with_web_identity, RoleArn=WEB, **made_up)[0]
        == "InvalidIdentityToken"
    )


def test_nothing_else_is_answered_without_a_signature(lab: Lab) -> None:
    sts = client_with(lab, "sts", {}, signature_version=botocore.UNSIGNED)
    assert error_of(sts.get_caller_identity)[0] == "MissingAuthenticationToken"
    assert (
        error_of(sts.assume_role, RoleArn=RUNNER, RoleSessionName="xx")[0]
        == "MissingAuthenticationToken"
    )
    iam = client_with(lab, "iam", {}, signature_version=botocore.UNSIGNED)
    assert error_of(iam.list_roles)[0] in ("MissingAuthenticationToken", "InvalidAction")


@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({"StringEquals": {"oidc.example:sub": "me", "oidc.example:aud": "sts"}}, True),
        ({"StringLike": {"oidc.example:sub": "m*"}}, True),
        ({"StringEquals": {"oidc.example:sub": "other"}}, False),
        ({"StringEquals": {"other.example:sub": "me"}}, False),
    ],
)
def test_a_token_is_trusted_by_its_subject_and_audience(
    condition: dict[str, Any], trusted: bool
) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": PROVIDER},
    }
    policy = {"Statement": [{**statement, "Condition": condition}]}
    assert trusts_web_identity(policy, WebIdentity(PROVIDER, "me", "sts")) is trusted
    assert not trusts(policy, CALLER, None)


def test_trusted_services_are_those_of_allow_statements() -> None:
    policy = trust(Principal={"Service": ["ec2.amazonaws.com", "ssm.amazonaws.com"]})
    policy["Statement"].append(
        {"Effect": "Deny", "Action": "*", "Principal": {"Service": "eks.amazonaws.com"}}
    )
    assert trusted_services(policy) == ["ec2.amazonaws.com", "ssm.amazonaws.com"]
