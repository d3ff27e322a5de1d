"""Lines of the control-plane logs as values, hostile ones too."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs

from migrator.decide.observing.log_lines import login_of, login_of_request, request_of
from migrator.model.files.audit_event import AuditEvent, odd_audit_event, read_audit_event

ARN = "arn:aws:iam::111122223333:role/sre"
GRANTED = (
    'time="2026-11-22T08:00:00Z" level=info msg="access granted" '
    f'arn="{ARN}" client="127.0.0.1:41236" groups="[sre-oncall team-a]" method=POST '
    f"path=/authenticate "
    'uid="aws-iam-authenticator:111122223333:AROAEXAMPLE" username="sre:jo"'
)


def test_a_granted_login() -> None:
    found = login_of(GRANTED, 1_763_800_000_123)
    assert found is not None
    assert (found.arn, found.username, found.groups, found.refused) == (
        ARN,
        "sre:jo",
        ("sre-oncall", "team-a"),
        "",
    )
    assert found.at.isoformat() == "2025-11-22T08:26:40.123000+00:00"


def test_a_refused_login_names_its_reason() -> None:
    line = (
        f'level=warning msg="access denied" arn="{ARN}" error="identity is not mapped" method=POST'
    )
    found = login_of(line, 0)
    assert found is not None
    assert (found.arn, found.refused, found.groups) == (ARN, "identity is not mapped", ())


@pytest.mark.parametrize(
    "line",
    [
        "",
        'msg="STS response" arn="arn:aws:sts::111122223333:assumed-role/sre/jo" session=jo',
        'level=warning msg="access denied" error="token is too large"',
        'msg="access granted" username=x',
        "{not json",
    ],
)
def test_other_lines_tell_no_login(line: str) -> None:
    assert login_of(line, 0) is None
    assert request_of(line, 0) is None


def test_a_login_without_groups_or_name() -> None:
    found = login_of(f'msg="access granted" arn="{ARN}" groups="[]" username=', 0)
    assert found is not None
    assert (found.username, found.groups) == ("", ())


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
def test_quoted_values_are_read_as_go_writes_them(name: str) -> None:
    escaped = "".join(_go_quoted(char) for char in name)
    found = login_of(f'msg="access granted" arn="{ARN}" groups="[]" username="{escaped}"', 0)
    assert found is not None
    assert found.username == name


def _go_quoted(char: str) -> str:
    plain = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    if char in plain:
        return plain[char]
    if char.isprintable():
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < 0x80
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def event(**changes: object) -> str:
    document: dict[str, object] = {
        "kind": "Event",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods?limit=500",
        "verb": "list",
        "user": {
            "username": "sre:jo",
            "groups": ["sre-oncall", "system:authenticated"],
            "extra": {"canonicalArn": [ARN], "sessionName": ["jo"]},
        },
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"},
        "annotations": {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": 'RBAC: allowed by RoleBinding "sre/shop"',
        },
        **changes,
    }
    return json.dumps({key: value for key, value in document.items() if value is not None})


def test_an_audit_event_tells_who_asked_what_and_what_decided() -> None:
    found = request_of(event(), 1000)
    assert found is not None
    assert (found.arn, found.username, found.by, found.allowed) == (ARN, "sre:jo", "rbac", True)
    assert (found.verb, found.target, found.namespace) == ("list", "pods", "shop")
    assert login_of_request(found).groups == ("sre-oncall", "system:authenticated")


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ('EKS Access Policy: allowed by ClusterRoleBinding "x"', "access-policy"),
        ('RBAC: allowed by ClusterRoleBinding "x"', "rbac"),
        ("", "other"),
    ],
)
def test_the_reason_tells_rbac_from_access_policies(reason: str, by: str) -> None:
    annotations = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}
    found = request_of(event(annotations=annotations), 0)
    assert found is not None
    assert found.by == by


def test_a_forbidden_request_and_an_impersonated_one() -> None:
    forbidden = request_of(event(annotations={"authorization.k8s.io/decision": "forbid"}), 0)
    assert forbidden is not None
    assert not forbidden.allowed
    spoken_for = request_of(event(impersonatedUser={"username": "x"}), 0)
    assert spoken_for is not None
    assert spoken_for.by == "impersonated"


def test_a_path_is_no_target() -> None:
    found = request_of(event(objectRef=None, requestURI="/metrics?x=1"), 0)
    assert found is not None
    assert found.target == ""
    nested = request_of(
        event(objectRef={"apiGroup": "apps", "resource": "deployments", "subresource": "scale"}), 0
    )
    assert nested is not None
    assert nested.target == "apps/deployments/scale"


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "ResponseStarted"},
        {"user": {"username": "system:serviceaccount:a:b"}},
        {"user": {"extra": {"canonicalArn": []}}},
        {"user": {"extra": {"canonicalArn": "text"}}},
        {"user": []},
    ],
)
def test_events_of_others_and_earlier_stages_are_left_out(changes: dict[str, Any]) -> None:
    assert request_of(event(**changes), 0) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["user", "extra", "canonicalArn", "stage", "annotations"]), x
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_breaks_the_reader(document: object) -> None:
    text = json.dumps({"canonicalArn": 1, "stage": "ResponseComplete", "user": document})
    request_of(text, 0)
    request_of(json.dumps(document), 0)


_ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_ANY = st.recursive(_ODD, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=4)


def _events(text: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Events whose texts are drawn from ``text``; ``other`` may stand for an object or a list."""
    texts = st.lists(text, max_size=3) | other
    user = {
        "username": text,
        "groups": texts,
        "extra": st.fixed_dictionaries({"canonicalArn": texts, "more": _ANY}) | other,
    }
    notes = [f"authorization.k8s.io/{name}" for name in ("decision", "reason")]
    reference = ["apiGroup", "resource", "subresource", "namespace"]
    optional = {
        "verb": text,
        "userAgent": text,
        "user": st.fixed_dictionaries({"uid": _ANY}, optional=user) | other,
        "annotations": st.dictionaries(st.sampled_from(notes), text) | other,
        "objectRef": st.dictionaries(st.sampled_from(reference), text) | other,
        "impersonatedUser": _ANY,
        "requestObject": _ANY,
    }
    return st.fixed_dictionaries({"stage": text}, optional=optional)


_OF_THE_API_SERVER = _events(st.text(max_size=5), st.nothing())
_EVENT = _OF_THE_API_SERVER | _events(_ODD, _ODD)


def as_read(found: AuditEvent | None) -> object:
    """All that is read, the impersonated user as whether there is one."""
    assert found is not None
    return found.impersonated, structs.replace(found, impersonated_user=UNSET)


@given(_EVENT, st.booleans())
def test_an_event_is_read_the_same_whether_or_not_its_types_are_the_api_servers(
    document: dict[str, Any], ascii_only: bool
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    assert as_read(read_audit_event(text)) == as_read(odd_audit_event(text))


@given(_EVENT, _EVENT)
def test_the_last_of_two_fields_with_one_name_counts(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    text = json.dumps(one)[:-1] + ", " + json.dumps(other)[1:]
    assert as_read(read_audit_event(text)) == as_read(odd_audit_event(text))


@pytest.mark.parametrize(
    "message",
    [
        '{"canonicalArn"',
        '["canonicalArn"]',
        '{"verb": "\ud800", "x": "canonicalArn"}',
        "[" * 100_000 + '"canonicalArn"',
    ],
)
def test_a_line_that_is_no_audit_event_tells_no_request(message: str) -> None:
    assert request_of(message, 0) is None
