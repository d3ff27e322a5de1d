"""AWS sessions whose clients answer from a script (botocore's Stubber): nothing leaves the
process.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from botocore.stub import Stubber

from migrator.adapters.aws_session import AwsSession

ACCOUNT = "111122223333"
REGION = "eu-central-1"


def stubbed_session(*, access_key: str = "AKIDEXAMPLE", token: str | None = None) -> AwsSession:
    """A session with made-up static keys."""
    boto = boto3.Session(
        aws_access_key_id=access_key,
        aws_secret_access_key="secret",
        aws_session_token=token,
        region_name=REGION,
    )
    return AwsSession(boto, run="r1")


@contextmanager
def answering(session: AwsSession, service: str, *, retries: bool = True) -> Iterator[Stubber]:
    """The stubber of the session's client; all its answers must have been asked for at the end."""
    stubber = Stubber(session.client(service, retries=retries))
    with stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def identity(arn: str) -> dict[str, str]:
    """GetCallerIdentity's answer."""
    return {"Account": arn.split(":")[4], "Arn": arn, "UserId": "AIDAEXAMPLE"}


def assumed(key: str = "ASIAONE", *, seconds: int = 3600) -> Mapping[str, Any]:
    """AssumeRole's answer."""
    expires = datetime.now(timezone.utc) + timedelta(seconds=seconds)  # noqa: TID251 - botocore compares with it
    return {
        "Credentials": {
            "AccessKeyId": key.ljust(16, "X"),
            "SecretAccessKey": "assumed-secret",
            "SessionToken": f"token-of-{key}",
            "Expiration": expires,
        }
    }
