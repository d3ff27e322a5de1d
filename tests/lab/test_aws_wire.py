"""HTTP as it comes: split, chunked, absolute, damaged; and the protocols read back what botocore
writes.
"""

import contextlib
import http.client
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from migrator.lab.aws.api import AwsApi
from migrator.lab.aws.errors import AwsError
from migrator.lab.aws.protocol import (
    operation_model,
    parse_request,
    service_model,
    write_error,
    write_response,
)
from migrator.lab.http_wire import (
    BadRequestError,
    Request,
    Response,
    WireRules,
    encode_head,
    read_request,
)
from migrator.lab.server import Lab
from tests.support.aws_lab import HOME, serving, small_world


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with serving(small_world(), tmp_path) as running:
        yield running


def read(data: bytes) -> Request | None:
    return read_request(io.BufferedReader(io.BytesIO(data)), WireRules(), lambda: None)


def test_a_request_is_read_as_it_was_sent() -> None:
    request = read(
        b"POST /a%2Fb?x=%20y HTTP/1.1\r\nHost: h\r\nX-A:  b \r\nx-a: c\r\nContent-Length: "
        b"3\r\n\r\nabcGET"
    )
    assert request == Request(
        "POST",
        "/a%2Fb",
        "x=%20y",
        {"host": ["h"], "x-a": ["b", "c"], "content-length": ["3"]},
        b"abc",
    )
    assert request.joined("x-a") == "b,c"


def test_chunks_are_put_together() -> None:
    request = read(
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    )
    assert request is not None
    assert request.body == b"abcde"


def test_the_absolute_form_of_proxies_is_read() -> None:
    request = read(
        b"GET http://sts.amazonaws.com/path?Action=x HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n"
    )
    assert request is not None
    assert (request.raw_path, request.raw_query) == ("/path", "Action=x")


@pytest.mark.parametrize("target", ["/a://b/c", "/a?url=http://b/c"])
def test_a_target_that_begins_with_a_slash_stays_as_it_is(target: str) -> None:
    request = read(f"GET {target} HTTP/1.1\r\n\r\n".encode())
    assert request is not None
    path, _, query = target.partition("?")
    assert (request.raw_path, request.raw_query) == (path, query)


def test_the_end_of_a_connection_is_no_request() -> None:
    assert read(b"") is None


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 300_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_ends_the_connection(lab: Lab, data: bytes) -> None:
    with pytest.raises(BadRequestError):
        read(data)
    address = urlsplit(lab.endpoint)
    with socket.create_connection(
        (address.hostname or "", address.port or 0), timeout=5
    ) as connection:
        received = b""
        with contextlib.suppress(ConnectionError):  # closed with something still unread
            connection.sendall(data)
            with contextlib.suppress(OSError):  # not connected any more
                connection.shutdown(socket.SHUT_WR)
            received = connection.recv(1024)
    assert received == b""


@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadRequestError):
        read(data)


def test_a_line_break_in_a_header_is_no_header_of_its_own() -> None:
    sent = encode_head(Response(200, headers={"x-a": "b\r\nSet-Cookie: c"}), WireRules(), keep=True)
    assert b"\r\nSet-Cookie" not in sent


def test_one_connection_serves_many_requests_and_closes_when_asked(lab: Lab) -> None:
    connection = http.client.HTTPConnection(urlsplit(lab.endpoint).netloc, timeout=5)
    for _ in range(3):
        connection.request("GET", "/_lab/v1/clock")
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:1]) == (200, b"{")
    connection.request("GET", "/_lab/v1/clock", headers={"Connection": "close"})
    answer = connection.getresponse()
    assert answer.headers["Connection"] == "close"
    connection.close()


def test_every_port_is_free_again_after_the_end(tmp_path: Path) -> None:
    with serving(small_world(), tmp_path) as lab:
        port = urlsplit(lab.endpoint).port or 0
    with socket.socket() as connection:
        assert connection.connect_ex(("127.0.0.1", port)) != 0


@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=60
    ),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60),
    body=st.binary(max_size=80),
    service=st.sampled_from(["eks", "sts", "iam", "ec2", "logs"]),
)
def test_any_request_is_answered_and_never_by_a_defect(
    method: str, path: str, query: str, body: bytes, service: str
) -> None:
    scope = f"AKIAX/20261122/eu-central-1/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"
    headers = {
        "authorization": [authorization],
        "host": ["h"],
        "x-amz-target": ["Logs_20140328.FilterLogEvents"],
    }
    answer = AwsApi(small_world())(Request(method, "/" + path, query, headers, body))
    assert 400 <= answer.status < 500


# The protocols, against botocore's own writing and reading.

ROUND_TRIPS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "eks",
        "CreateAccessEntry",
        {
            "clusterName": "c",
            "principalArn": f"arn:aws:iam::{HOME}:role/a/b",
            "kubernetesGroups": ["x"],
            "tags": {"k": "v"},
        },
    ),
    ("eks", "ListAccessEntries", {"clusterName": "a b/c", "maxResults": 7, "nextToken": "t=&?"}),
    ("eks", "UntagResource", {"resourceArn": "arn:aws:eks:r:1:cluster/c", "tagKeys": ["a", "b"]}),
    (
        "eks",
        "UpdateClusterConfig",
        {"name": "c", "resourcesVpcConfig": {"publicAccessCidrs": ["1.2.3.4/32"]}},
    ),
    (
        "sts",
        "AssumeRole",
        {"RoleArn": "r" * 20, "RoleSessionName": "s&s", "DurationSeconds": 900, "ExternalId": "ü"},
    ),
    (
        "iam",
        "CreateRole",
        {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "Tags": [{"Key": "a", "Value": "b"}]},
    ),
    (
        "iam",
        "SimulatePrincipalPolicy",
        {"PolicySourceArn": "a" * 20, "ActionNames": ["x:y", "x:z"], "ResourceArns": ["*"]},
    ),
    (
        "ec2",
        "DescribeInstances",
        {"InstanceIds": ["i-1", "i-2"], "Filters": [{"Name": "n", "Values": ["a", "b"]}]},
    ),
    (
        "logs",
        "FilterLogEvents",
        {"logGroupName": "g", "startTime": 5, "logStreamNames": ["a"], "limit": 3},
    ),
]


@pytest.mark.parametrize(("service", "operation", "params"), ROUND_TRIPS)
def test_requests_are_read_as_botocore_writes_them(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    serializer = create_serializer(service_model(service).protocol, include_validation=False)
    sent = serializer.serialize_to_request(params, operation_model(service, operation))
    body, query = sent["body"], sent["query_string"]
    if isinstance(body, dict):
        body = "&".join(f"{key}={_quoted(value)}" for key, value in body.items()).encode()
    if isinstance(query, dict):
        pairs = [
            (key, item)
            for key, value in query.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        query = "&".join(f"{key}={_quoted(value)}" for key, value in pairs)
    headers = {name.lower(): [value] for name, value in sent["headers"].items()}
    request = Request(
        sent["method"],
        sent["url_path"],
        query,
        headers,
        body if isinstance(body, bytes) else body.encode(),
    )
    assert parse_request(service, request) == (operation, params)


def _quoted(value: object) -> str:
    from urllib.parse import quote

    return quote(str(value), safe="")


def test_an_operation_that_no_service_has_is_refused() -> None:
    for service, request in (
        ("eks", Request("GET", "/nothing/here", "", {})),
        ("iam", Request("POST", "/", "", {}, b"Action=Nothing&Version=2010-05-08")),
        ("logs", Request("POST", "/", "", {"x-amz-target": ["Logs_20140328.Nothing"]})),
    ):
        with pytest.raises(AwsError):
            parse_request(service, request)


def test_hostile_text_stays_text_in_xml() -> None:
    hostile = "</Arn><Account>1</Account>&\x00\x1b"
    response = write_response(
        "sts", "GetCallerIdentity", {"Arn": hostile, "Account": "2", "UserId": "3"}, "id"
    )
    assert b"</Arn><Account>1" not in response.body
    assert b"\x00" not in response.body
    error = write_error("query", AwsError("Code", hostile), "id")
    assert b"<Account>" not in error.body


def test_members_that_a_shape_does_not_have_are_not_sent() -> None:
    response = write_response(
        "eks", "ListClusters", {"clusters": ["a"], "secret": "x", "nextToken": None}, "id"
    )
    assert response.body == b'{"clusters": ["a"]}'
