"""kubectl's protobuf bodies: recorded ones are read, damaged ones are refused as such."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.lab.kubernetes.protobuf import decode
from migrator.lab.kubernetes.status import ApiError
from tests.support.kubernetes_lab import kubernetes_lab
from tests.support.protobuf_bodies import envelope, message, number, text

META = text(1, "x") + text(3, "team")


def test_an_access_review_as_kubectl_posts_it() -> None:
    attributes = b"".join(
        text(n, v)
        for n, v in ((1, "team"), (2, "get"), (3, "apps"), (4, "*"), (5, "pods"), (6, "log"))
    )
    body = envelope(
        "authorization.k8s.io/v1",
        "SelfSubjectAccessReview",
        message(1, b"") + message(2, message(1, attributes)),
    )
    assert decode(body) == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {
            "resourceAttributes": {
                "namespace": "team",
                "verb": "get",
                "group": "apps",
                "version": "*",
                "resource": "pods",
                "subresource": "log",
            }
        },
    }


def test_a_review_of_a_url() -> None:
    body = envelope(
        "v1", "SelfSubjectAccessReview", message(2, message(2, text(1, "/readyz") + text(2, "get")))
    )
    assert decode(body)["spec"] == {"nonResourceAttributes": {"path": "/readyz", "verb": "get"}}


def test_a_review_of_somebody_with_groups_and_extra() -> None:
    extra = text(1, "key") + message(2, text(1, "v1") + text(1, "v2"))
    spec = text(3, "jane") + text(4, "a") + text(4, "b") + message(5, extra) + text(6, "uid")
    assert decode(envelope("v1", "SubjectAccessReview", message(2, spec)))["spec"] == {
        "user": "jane",
        "groups": ["a", "b"],
        "extra": {"key": ["v1", "v2"]},
        "uid": "uid",
    }


def test_maps_bytes_numbers_and_flags() -> None:
    entry = message(3, text(1, "bin") + message(2, b"\x00\xff"))
    body = envelope(
        "v1",
        "ConfigMap",
        message(1, META) + message(2, text(1, "k") + text(2, "v")) + entry + number(4, 1),
    )
    assert decode(body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "namespace": "team"},
        "data": {"k": "v"},
        "binaryData": {"bin": base64.b64encode(b"\x00\xff").decode()},
        "immutable": True,
    }
    request = envelope("v1", "TokenRequest", message(2, text(1, "aud") + number(4, 3600)))
    assert decode(request)["spec"] == {"audiences": ["aud"], "expirationSeconds": 3600}


def test_empty_texts_are_left_out_and_unknown_fields_are_skipped() -> None:
    unknown = b"\xa1\x06" + bytes(8) + b"\xa5\x06" + bytes(4) + number(90, 300) + text(91, "x")
    assert decode(
        envelope("v1", "Namespace", message(1, text(1, "n") + text(2, "")) + unknown)
    ) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "n"},
    }


def test_the_server_reads_protobuf_and_answers_json() -> None:
    lab = kubernetes_lab()
    body = envelope(
        "authorization.k8s.io/v1", "SelfSubjectAccessReview", message(2, message(1, text(2, "get")))
    )
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = lab.ask(lab.admin(), "POST", path, body, "application/vnd.kubernetes.protobuf")
    assert (answer.code, answer.body["status"]["allowed"]) == (201, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\x00",
        envelope("v1", "Deployment", b""),
        envelope("v1", "ConfigMap", b"\x0a\xff"),
        envelope("v1", "ConfigMap", b"\x0a\x7fshort"),
        envelope("v1", "ConfigMap", b"\x0b"),
        envelope("v1", "ConfigMap", number(1, 7)),
        b"k8s\x00\x0a" + b"\xff" * 12,
    ],
)
def test_damaged_bodies_are_400(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode(body)
    assert caught.value.code == 400


@given(st.binary(max_size=60), st.sampled_from(["ConfigMap", "SubjectAccessReview", "ClusterRole"]))
def test_any_bytes_are_read_or_refused(raw: bytes, kind: str) -> None:
    try:
        assert decode(envelope("v1", kind, raw))["kind"] == kind
    except ApiError as refused:
        assert refused.code == 400
