"""Sessions: chains of roles, profiles, clients, and who the caller is."""

import gc
import logging
import pickle
import weakref
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.aws_session import (
    AwsSession,
    AwsSettings,
    RoleToAssume,
    _from_profile,
    jsonable,
    open_session,
    principal_of,
    session_name,
)
from migrator.errors import MigratorError
from tests.support.stubbed_aws import ACCOUNT, REGION, answering, assumed, identity, stubbed_session

ROLE = f"arn:aws:iam::{ACCOUNT}:role/ops/migrator"
NEXT = "arn:aws:iam::444455556666:role/reader"
USER = f"arn:aws:iam::{ACCOUNT}:user/people/alice"


def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))


_ODD_TIMES: list[object] = [
    "2026-01-02",
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05Z",
    "2026-01-02T03:04:05.123456789Z",
    "2026-01-02T03:04:05,5Z",
    "2026-01-02T03:04:05+0200",
    "2026-01-02T03:04:05-00:00",
    "2026-01-02T03:04:05+05:60",
    "2026-01-02T03:04:05+25:00",
    "2026-01-02T03:04:60Z",
    "2026-01-02T24:00:00Z",
    "2026-02-30T03:04:05Z",
    "0001-01-01T00:00:00Z",
    "20260102T030405Z",
    "\u0662026-01-02T03:04:05Z",
    "1767323045",
    "1767323045.5",
    "no time",
    "",
    None,
    True,
    -1,
    10**20,
]


def _spellings(moment: datetime) -> st.SearchStrategy[str]:
    """A time as the services of AWS write it."""
    return st.sampled_from(
        [
            f"{moment:%Y-%m-%dT%H:%M:%S}Z",
            f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z",
            f"{moment:%Y-%m-%dT%H:%M:%S}.123Z",
            f"{moment:%Y-%m-%dT%H:%M:%S}+02:00",
            f"{moment:%Y-%m-%dT%H:%M}Z",
            f"{moment:%a, %d %b %Y %H:%M:%S} GMT",
        ]
    )


def test_assuming_a_role_sends_external_id_and_a_session_name_with_the_run() -> None:
    session = stubbed_session()
    child = session.assume(ROLE, external_id="x-17")
    with answering(session, "sts") as sts:
        expected = {"RoleArn": ROLE, "RoleSessionName": "migrate-r1", "ExternalId": "x-17"}
        sts.add_response("assume_role", dict(assumed()), expected)
        keys = child.keys()
    assert keys.token == "token-of-ASIAONE"
    assert child.region == REGION


def test_a_chain_assumes_each_role_from_the_one_before() -> None:
    session = stubbed_session()
    first = session.assume(ROLE)
    second = first.assume(NEXT)
    with answering(session, "sts") as outer, answering(first, "sts") as inner:
        outer.add_response("assume_role", dict(assumed("ASIAONE")))
        inner.add_response("assume_role", dict(assumed("ASIATWO")))
        first.keys()
        assert second.keys().token == "token-of-ASIATWO"


def test_credentials_that_run_out_are_fetched_again() -> None:
    session = stubbed_session()
    child = session.assume(ROLE)
    with answering(session, "sts") as sts:
        sts.add_response("assume_role", dict(assumed("ASIAOLD", seconds=30)))
        sts.add_response("assume_role", dict(assumed("ASIANEW")))
        child.keys()
        assert child.keys().token == "token-of-ASIANEW"


def test_a_role_that_may_not_be_assumed_shows_at_the_first_use() -> None:
    session = stubbed_session()
    child = session.assume(ROLE)
    text = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    with answering(session, "sts") as sts:
        sts.add_client_error("assume_role", "AccessDenied", text, http_status_code=403)
        with pytest.raises(MigratorError) as caught:
            child.keys()
    assert caught.value.code == "iam-denied"
    assert "sts:AssumeRole" in caught.value.message


def test_without_credentials_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", REGION)
    session = open_session(AwsSettings())
    for attempt in (session.keys, session.caller_identity):
        with pytest.raises(MigratorError) as caught:
            attempt()
        assert caught.value.code == "no-credentials"


def test_without_a_region_the_error_says_so() -> None:
    with pytest.raises(MigratorError) as caught:
        open_session(AwsSettings()).client("eks")
    assert caught.value.code == "no-region"


def test_an_unknown_profile_is_told() -> None:
    with pytest.raises(MigratorError) as caught:
        open_session(AwsSettings(profile="nobody"))
    assert caught.value.code == "profile-not-found"


def test_an_endpoint_that_is_no_url_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "not a url")
    with pytest.raises(MigratorError) as caught:
        stubbed_session().client("eks")
    assert caught.value.code == "aws-config-invalid"


def test_endpoints_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:10")
    session = stubbed_session()
    assert session.client("eks").meta.endpoint_url == "http://127.0.0.1:9"
    assert session.client("sts").meta.endpoint_url == "http://127.0.0.1:10"
    assert session.assume(ROLE).client("sts").meta.endpoint_url == "http://127.0.0.1:10"


def test_clients_are_made_once() -> None:
    session = stubbed_session()
    assert session.client("eks") is session.client("eks")
    assert session.client("eks") is not session.client("eks", retries=False)


def test_a_client_of_ec2_has_what_reads_and_nothing_that_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    session = open_session(AwsSettings(region=REGION))
    methods = session.client("ec2").meta.method_to_api_mapping
    assert {"describe_instances", "get_managed_prefix_list_entries"} <= set(methods)
    assert {method.partition("_")[0] for method in methods} == {"describe", "get"}
    assert "create_access_entry" in session.client("eks").meta.method_to_api_mapping


def test_retries_are_adaptive_and_what_is_one_way_is_sent_once() -> None:
    session = stubbed_session()
    assert session.client("eks").meta.config.retries["mode"] == "adaptive"
    assert session.client("eks", retries=False).meta.config.retries["total_max_attempts"] == 1


def test_the_number_of_attempts_stays_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    assert stubbed_session().client("eks").meta.config.retries["total_max_attempts"] == 7


def test_the_caller_is_asked_once() -> None:
    session = stubbed_session()
    with answering(session, "sts") as sts:
        sts.add_response("get_caller_identity", identity(USER))
        assert session.caller_identity() == session.caller_identity()


def test_the_chain_names_everybody_the_caller_arrives_through_itself_last() -> None:
    session = stubbed_session()
    child = session.assume(ROLE).assume(NEXT)
    with answering(session, "sts") as sts:
        sts.add_response("get_caller_identity", identity(USER))
        assert child.caller_chain() == (USER, ROLE, NEXT)


def test_a_session_counts_as_its_role() -> None:
    session = stubbed_session()
    with answering(session, "sts") as sts:
        sts.add_response(
            "get_caller_identity",
            identity(f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/me@example.com"),
        )
        assert session.caller_chain() == (f"arn:aws:iam::{ACCOUNT}:role/admin",)


def test_the_role_of_a_profile_arrives_through_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(
        tmp_path,
        monkeypatch,
        f"""
[profile work]
region = {REGION}
role_arn = {NEXT}
source_profile = hub
[profile hub]
role_arn = {ROLE}
source_profile = base
[profile base]
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key = secret
""",
    )
    session = open_session(AwsSettings(profile="work"))
    session._identity = identity("arn:aws:sts::444455556666:assumed-role/reader/x")
    monkeypatch.setenv(
        "AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"
    )  # who is behind `base` cannot be read
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert session.caller_chain() == (ROLE, NEXT)


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b", f"arn:aws:iam::{ACCOUNT}:role/a"),
        ("arn:aws-cn:sts::1:assumed-role/a/b", "arn:aws-cn:iam::1:role/a"),
        (USER, USER),
        (f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:root"),
        ("nonsense", "nonsense"),
    ],
)
def test_principal_behind_an_arn(arn: str, expected: str) -> None:
    assert principal_of(arn) == expected


def test_session_names_hold_only_what_sts_takes() -> None:
    assert session_name("20261122/ü x") == "migrate-20261122---x"
    assert len(session_name("x" * 200)) == 64


def test_all_pages_are_read() -> None:
    session = stubbed_session()
    with answering(session, "eks") as eks:
        eks.add_response(
            "list_nodegroups", {"nodegroups": ["a"], "nextToken": "t"}, {"clusterName": "demo"}
        )
        eks.add_response(
            "list_nodegroups", {"nodegroups": ["b"]}, {"clusterName": "demo", "nextToken": "t"}
        )
        assert session.pages("eks", "list_nodegroups", "nodegroups", clusterName="demo") == [
            "a",
            "b",
        ]


def test_a_call_that_failed_keeps_nothing_alive() -> None:
    """An error that a frame of its own traceback holds is a cycle, and with it all that the callers
    read so far.
    """
    session = stubbed_session()
    with answering(session, "eks") as eks:
        eks.add_client_error("list_clusters", "AccessDeniedException", http_status_code=403)
        gc.disable()
        try:
            with pytest.raises(MigratorError) as caught:
                session.pages("eks", "list_clusters", "clusters")
            error = weakref.ref(caught.value)
            del caught
            assert error() is None
        finally:
            gc.enable()


def test_a_paginator_is_made_once() -> None:
    """Each is a class of its own, which nothing frees but the garbage collector."""
    session = stubbed_session()
    with answering(session, "eks") as eks:
        for _ in range(2):
            eks.add_response("list_clusters", {"clusters": ["prod"]}, {})
        assert session.pages("eks", "list_clusters", "clusters") == ["prod"]
        made = session._paginators["eks", "list_clusters"]
        assert session.pages("eks", "list_clusters", "clusters") == ["prod"]
    assert session._paginators["eks", "list_clusters"] is made


def test_no_session_looks_through_the_folders_of_all_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are more than 400, and each kind of file would be looked for in all of them."""
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))  # its reader has read nothing yet

    def listed(*_: object) -> list[str]:
        raise AssertionError("all services were listed")

    monkeypatch.setattr("botocore.loaders.Loader.list_available_services", listed)
    session = open_session(AwsSettings(region=REGION))
    for each in (session, session.assume(ROLE)):
        assert each.client("eks").get_paginator("list_clusters")
    with pytest.raises(MigratorError):
        session.client("made-up")


def test_keys_are_not_printed() -> None:
    keys = stubbed_session(token="very-secret").keys()
    assert "secret" not in repr(keys)
    assert "secret" not in f"{keys}"


def test_sdk_loggers_do_not_write_debug_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("botocore"), "level", logging.DEBUG)
    open_session(AwsSettings())
    assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)


def test_times_become_text() -> None:
    session = stubbed_session()
    answer = jsonable(dict(assumed()))["Credentials"]
    assert answer["Expiration"].endswith("Z")
    assert isinstance(session, AwsSession)
    assert pickle.dumps(answer)


def test_roles_of_the_settings_form_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", REGION)
    settings = AwsSettings(assume_roles=(RoleToAssume(ROLE), RoleToAssume(NEXT, "id")))
    session = open_session(settings)
    assert session.role_arn == NEXT
    assert session.via is not None
    assert session.via.role_arn == ROLE


def _read_or_refused(read: Callable[[object], datetime], value: object) -> datetime | type:
    try:
        return read(value)
    except Exception as error:  # which one it is is compared
        return type(error)


@given(
    st.one_of(
        st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).flatmap(_spellings),
        st.integers(0, 4_000_000_000),
        st.floats(),
        st.sampled_from(_ODD_TIMES),
    )
)
def test_times_in_answers_are_read_as_botocore_reads_them(value: object) -> None:
    session = _from_profile(None, REGION, "run").boto._session
    factory = session.get_component("response_parser_factory")
    ours = _read_or_refused(factory.create_parser("json")._timestamp_parser, value)
    theirs = _read_or_refused(parse_timestamp, value)
    assert ours == theirs
    if isinstance(ours, datetime) and isinstance(theirs, datetime):
        assert (ours.tzinfo is None) == (theirs.tzinfo is None)
