"""S3 of the lab, as boto3 sees it: conditions, pages, and what is missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrator.lab.server import Lab
from migrator.lab.worlds.buckets import Bucket
from migrator.lab.worlds.faults import Fault
from tests.support.aws_lab import HOME, OPERATOR, REGION, Client, client, error_of, serving
from tests.support.aws_lab import small_world as small

BUCKET = "team-state"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    world = small()
    world.buckets[BUCKET] = Bucket(BUCKET, HOME, REGION)
    with serving(world, tmp_path) as running:
        yield running


@pytest.fixture
def s3(lab: Lab) -> Client:
    return client(lab, "s3")


def test_writes_obey_their_conditions(s3: Client) -> None:
    at = {"Bucket": BUCKET, "Key": "a folder/lock"}
    assert error_of(s3.put_object, **at, Body=b"0", IfMatch='"x"')[0] == "NoSuchKey"
    tag = s3.put_object(**at, Body=b"1", IfNoneMatch="*")["ETag"]
    assert error_of(s3.put_object, **at, Body=b"2", IfNoneMatch="*")[0] == "PreconditionFailed"
    assert error_of(s3.delete_object, **at, IfMatch='"x"')[0] == "PreconditionFailed"
    found = s3.get_object(**at)
    assert (found["Body"].read(), found["ETag"]) == (b"1", tag)
    assert s3.put_object(**at, Body=b"3", IfMatch=tag)["ETag"] != tag
    s3.delete_object(**at)
    assert error_of(s3.get_object, **at)[0] == "NoSuchKey"
    s3.delete_object(**at)


def test_listing_is_by_prefix_and_in_pages(lab: Lab, s3: Client) -> None:
    for key in ("a/1", "a/2", "a/<3>&", "b/1"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    lab.world.faults.add(Fault("s3:ListObjectsV2", "partial-page", page_size=2))
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="a/"))
    keys = [[each["Key"] for each in page["Contents"]] for page in pages]
    assert keys == [["a/1", "a/2"], ["a/<3>&"]]


def test_whether_a_key_exists_is_told_to_those_who_may_list(lab: Lab, s3: Client) -> None:
    lab.world.accounts[HOME].roles["operator"].permissions.denied = ("s3:ListBucket",)
    code, message = error_of(s3.get_object, Bucket=BUCKET, Key="none")
    assert (code, "s3:ListBucket" in message) == ("AccessDenied", True)
    s3.put_object(Bucket=BUCKET, Key="there", Body=b"x")
    assert s3.get_object(Bucket=BUCKET, Key="there")["Body"].read() == b"x"
    assert OPERATOR.rpartition("/")[2] in message


def test_what_the_lab_does_not_have_is_refused(s3: Client) -> None:
    assert error_of(s3.get_object, Bucket="other", Key="k")[0] == "NoSuchBucket"
    assert error_of(s3.list_buckets)[0] == "NoSuchBucket"
