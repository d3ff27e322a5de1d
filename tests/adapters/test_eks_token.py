"""Tokens: what the authenticator checks (aws-iam-authenticator ``pkg/token/token.go``), and that
nothing shows them.
"""

import base64
import copy
import json
import pickle
from datetime import datetime, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from migrator.adapters.aws_session import Keys
from migrator.adapters.eks_token import Token, TokenMint, exec_credential, presigned_token
from migrator.errors import MigratorError
from tests.support.stubbed_aws import REGION, stubbed_session

AT = datetime(2026, 11, 22, 8, 30, 15, tzinfo=timezone.utc)
ENDPOINT = f"https://sts.{REGION}.amazonaws.com"


def url_in(token: str) -> str:
    body = token.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


@pytest.mark.parametrize("session_token", [None, "FwoGZXIvYXdzEB+/=="])
@pytest.mark.parametrize("endpoint", [ENDPOINT, "http://127.0.0.1:4566"])
def test_the_signature_is_the_one_botocore_makes(session_token: str | None, endpoint: str) -> None:
    request = AWSRequest(
        method="GET",
        url=f"{endpoint}/?Action=GetCallerIdentity&Version=2011-06-15",
        headers={"x-k8s-aws-id": "demo-1"},
    )
    SigV4QueryAuth(
        Credentials("AKID", "secret/+=", session_token), "sts", REGION, expires=60
    ).add_auth(request)
    theirs = dict(parse_qsl(urlsplit(request.url).query))
    at = datetime.strptime(theirs["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    keys = Keys("AKID", "secret/+=", session_token)
    ours = presigned_token(keys, endpoint=endpoint, region=REGION, cluster_name="demo-1", at=at)
    assert dict(parse_qsl(urlsplit(url_in(ours)).query)) == theirs


def test_a_token_is_what_the_authenticator_accepts() -> None:
    token = TokenMint(stubbed_session(token="session"), "demo").mint().reveal()
    assert token.startswith("k8s-aws-v1.")
    assert "=" not in token
    url = urlsplit(url_in(token))
    query = parse_qsl(url.query)
    names = [name.lower() for name, _ in query]
    assert (url.scheme, url.netloc, url.path) == ("https", f"sts.{REGION}.amazonaws.com", "/")
    assert len(names) == len(set(names))
    assert set(names) <= {
        "action",
        "version",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
    values = dict(query)
    assert values["Action"] == "GetCallerIdentity"
    assert values["X-Amz-Expires"] == "60"
    assert "x-k8s-aws-id" in values["X-Amz-SignedHeaders"].split(";")


def test_the_endpoint_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4566")
    token = TokenMint(stubbed_session(), "demo").mint().reveal()
    assert url_in(token).startswith("http://127.0.0.1:4566/?")


def test_the_global_endpoint_signs_for_us_east_1() -> None:
    token = presigned_token(
        Keys("A", "b", None),
        endpoint="https://sts.amazonaws.com",
        region=REGION,
        cluster_name="c",
        at=AT,
    )
    assert "%2Fus-east-1%2Fsts%2F" in url_in(token)


def test_every_token_is_another_one() -> None:
    mint = TokenMint(stubbed_session(token="session"), "demo")
    assert len({mint.mint().reveal() for _ in range(300)}) == 300


@pytest.mark.parametrize("variant", [0, 1, 2, 719, 5039])
def test_variants_are_the_same_request(variant: int) -> None:
    def at_variant(number: int) -> list[tuple[str, str]]:
        keys = Keys("AKID", "secret", None)
        token = presigned_token(
            keys, endpoint=ENDPOINT, region=REGION, cluster_name="c", at=AT, variant=number
        )
        return parse_qsl(urlsplit(url_in(token)).query)

    assert sorted(at_variant(variant)) == sorted(at_variant(0))
    assert (at_variant(variant) == at_variant(0)) is (variant == 0)


def test_a_token_over_4096_bytes_is_refused() -> None:
    with pytest.raises(MigratorError) as caught:
        TokenMint(stubbed_session(token="x" * 4000), "demo").mint()
    assert caught.value.code == "token-too-large"
    assert "xxx" not in caught.value.message + caught.value.why


def test_a_token_shows_nothing_and_cannot_be_stored() -> None:
    token = Token("k8s-aws-v1.abc")
    assert "abc" not in f"{token} {token!r} {[token]}"
    with pytest.raises(TypeError, match="not stored"):
        pickle.dumps(token)
    with pytest.raises(TypeError, match="not stored"):
        copy.deepcopy(token)
    with pytest.raises(TypeError):
        json.dumps(token)


def test_exec_credential_counts_on_fourteen_minutes() -> None:
    document = exec_credential(Token("k8s-aws-v1.abc"), AT)
    assert document["kind"] == "ExecCredential"
    assert document["status"] == {
        "expirationTimestamp": "2026-11-22T08:44:15Z",
        "token": "k8s-aws-v1.abc",
    }
