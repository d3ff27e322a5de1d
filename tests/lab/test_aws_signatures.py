"""Signatures: who signed is found out, not believed."""

import base64
import http.client
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from migrator.adapters.aws_session import Keys
from migrator.adapters.clock import machine_time
from migrator.adapters.eks_token import PREFIX, presigned_token
from migrator.lab.aws.errors import CommonError
from migrator.lab.aws.sigv4 import canonical_path, verify_presigned_url
from migrator.lab.server import Lab
from tests.support.aws_lab import (
    ALICE,
    HOME,
    OPERATOR,
    REGION,
    RUNNER,
    client,
    client_with,
    error_of,
    serving,
    small_world,
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


def keys_of(lab: Lab, principal: str = OPERATOR) -> dict[str, str | None]:
    found = lab.world.credentials_of(principal)
    return {
        "aws_access_key_id": found.access_key_id,
        "aws_secret_access_key": found.secret_access_key,
        "aws_session_token": found.session_token,
    }


def token_of(lab: Lab, cluster: str = "demo", *, age: timedelta = timedelta(0)) -> str:
    keys = lab.world.credentials_of(OPERATOR)
    found = Keys(keys.access_key_id, keys.secret_access_key, keys.session_token)
    at = machine_time() - age
    token = presigned_token(
        found, endpoint=lab.endpoint, region=REGION, cluster_name=cluster, at=at
    )
    text = token.removeprefix(PREFIX)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def get(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}", headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("service", "call", "unknown", "wrong"),
    [
        ("eks", "list_clusters", "UnrecognizedClientException", "InvalidSignatureException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("iam", "list_roles", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("ec2", "describe_regions", "AuthFailure", "SignatureDoesNotMatch"),
        ("logs", "describe_log_groups", "UnrecognizedClientException", "InvalidSignatureException"),
    ],
)
def test_each_service_has_its_own_words_for_bad_credentials(
    lab: Lab, service: str, call: str, unknown: str, wrong: str
) -> None:
    keys = keys_of(lab)
    getattr(client_with(lab, service, keys), call)()
    for changed, expected in (
        ({"aws_access_key_id": "AKIAAAAAAAAAAAAAAAAA"}, unknown),
        ({"aws_session_token": "wrong"}, unknown),
        ({"aws_session_token": None}, unknown),
        ({"aws_secret_access_key": "wrong"}, wrong),
    ):
        assert (
            error_of(getattr(client_with(lab, service, {**keys, **changed}), call))[0] == expected
        )


def test_a_request_without_a_signature_is_refused(lab: Lab) -> None:
    status, body = get(f"{lab.endpoint}/clusters?", {})
    assert (status, json.loads(body)["message"]) == (403, "Missing Authentication Token")


def test_a_changed_body_breaks_the_signature(lab: Lab) -> None:
    keys = lab.world.credentials_of(OPERATOR)
    request = botocore.awsrequest.AWSRequest(
        "POST", f"{lab.endpoint}/clusters/demo/update-config", data=b'{"a": 1}'
    )
    credentials = botocore.credentials.Credentials(
        keys.access_key_id, keys.secret_access_key, keys.session_token
    )
    botocore.auth.SigV4Auth(credentials, "eks", REGION).add_auth(request)
    connection = http.client.HTTPConnection(urlsplit(lab.endpoint).netloc, timeout=5)
    connection.request("POST", "/clusters/demo/update-config", b'{"a": 2}', dict(request.headers))
    answer = connection.getresponse()
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")
    connection.close()


def test_old_signatures_expire_on_machine_time_whatever_lab_time_says(lab: Lab) -> None:
    lab.world.clock.advance(timedelta(days=3))
    assert client(lab, "eks").list_clusters()["clusters"] == ["demo"]
    verify_presigned_url(
        lab.world, token_of(lab, age=timedelta(minutes=14)), {"x-k8s-aws-id": "demo"}
    )
    with pytest.raises(CommonError, match="Signature expired"):
        verify_presigned_url(
            lab.world, token_of(lab, age=timedelta(minutes=15, seconds=1)), {"x-k8s-aws-id": "demo"}
        )


def test_a_token_names_its_principal_with_id_and_session(lab: Lab) -> None:
    caller = verify_presigned_url(lab.world, token_of(lab), {"x-k8s-aws-id": "demo"})
    assert caller.arn == f"arn:aws:sts::{HOME}:assumed-role/operator/lab"
    assert (caller.principal_arn, caller.session_name) == (OPERATOR, "lab")
    assert caller.user_id == f"{caller.principal_id}:lab"


@pytest.mark.parametrize("headers", [{"x-k8s-aws-id": "other"}, {}])
def test_a_token_for_another_cluster_has_a_wrong_signature(
    lab: Lab, headers: Mapping[str, str]
) -> None:
    with pytest.raises(CommonError) as refusal:
        verify_presigned_url(lab.world, token_of(lab), headers)
    assert refusal.value.meaning == "bad-signature"


def test_presigned_identity_answers_json_to_whoever_accepts_it(lab: Lab) -> None:
    headers = {"x-k8s-aws-id": "demo", "accept": "application/json"}
    status, body = get(token_of(lab), headers)
    result = json.loads(body)["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
    assert (status, result["Arn"]) == (200, f"arn:aws:sts::{HOME}:assumed-role/operator/lab")
    assert set(result) == {"Account", "Arn", "UserId"}
    status, body = get(token_of(lab), {"x-k8s-aws-id": "demo"})
    assert (status, body.startswith("<GetCallerIdentityResponse")) == (200, True)
    assert get(token_of(lab), {"x-k8s-aws-id": "other", "accept": "application/json"})[0] == 403


def test_keys_of_a_deleted_principal_are_worthless(lab: Lab) -> None:
    eks = client(lab, "eks", RUNNER)
    assert eks.list_clusters()["clusters"] == ["demo"]
    iam = client(lab, "iam")
    iam.delete_role(RoleName="runner")
    assert error_of(eks.list_clusters)[0] == "UnrecognizedClientException"
    iam.create_role(RoleName="runner", Path="/ci/", AssumeRolePolicyDocument='{"Statement": []}')
    assert error_of(eks.list_clusters)[0] == "UnrecognizedClientException"


def test_a_users_keys_need_no_session_token(lab: Lab) -> None:
    assert client(lab, "sts", ALICE).get_caller_identity()["Arn"] == ALICE


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/clusters/demo",
        "/clusters/demo/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%2Fb",
        "/a//b/./c/../d",
        "/x/",
    ],
)
def test_the_canonical_path_is_botocores(path: str) -> None:
    theirs = botocore.auth.SigV4Auth(None, "eks", REGION)
    assert canonical_path(path) == theirs._normalize_url_path(path)
