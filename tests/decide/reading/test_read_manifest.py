"""A manifest from a file is read strictly, in any encoding people have."""

import codecs
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.read_manifest import read_manifest
from migrator.errors import Failed, MigratorError

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\n"
ROWS = "- rolearn: arn:aws:iam::111122223333:role/dév\n  username: dev:{{SessionName}}\n"
TEXT = HEAD + "data:\n  mapRoles: |\n" + "".join(f"    {line}\n" for line in ROWS.splitlines())


def manifest(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - plain JSON
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "aws-auth",
            "namespace": "kube-system",
            "generation": 1,
            "annotations": None,
        },
        "data": {"mapRoles": ROWS},
        **changes,
    }


def refused(content: str | bytes, code: str) -> str:
    with pytest.raises(MigratorError) as caught:
        read_manifest(content.encode() if isinstance(content, str) else content)
    assert caught.value.code == code
    assert caught.value.why
    assert caught.value.remedy.startswith("read the cluster instead")
    assert caught.value.exit_code == 1
    return caught.value.message


def test_an_object_is_given_as_it_is() -> None:
    assert read_manifest(TEXT.encode()) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": ROWS},
    }


@pytest.mark.parametrize(
    "content",
    [
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF16_BE + TEXT.replace("\n", "\r\n").encode("utf-16-be"),
    ],
)
def test_every_encoding_and_line_end_gives_the_same(content: bytes) -> None:
    assert read_manifest(content)["data"] == {"mapRoles": ROWS}


def test_json_is_read_as_json() -> None:
    content = json.dumps(manifest(), indent="\t").replace("/", "\\/")
    assert read_manifest(content.encode()) == manifest()


def test_yaml_in_flow_style_is_no_json() -> None:
    content = (
        "{kind: ConfigMap, metadata: {name: aws-auth, namespace: kube-system}, data: "
        "{mapRoles: '[]'}}"
    )
    assert read_manifest(content.encode())["data"] == {"mapRoles": "[]"}


def test_the_right_object_is_taken_from_a_list() -> None:
    other = {"kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"}}
    content = {"kind": "List", "items": [other, manifest(), "odd"]}
    assert read_manifest(json.dumps(content).encode()) == manifest()


def test_the_right_object_is_taken_from_several_documents() -> None:
    text = (
        f"---\n# nothing\n---\nkind: ClusterRole\nmetadata: {{name: x}}\n---\njust "
        f"text\n---\n{TEXT}"
    )
    assert read_manifest(text.encode())["data"] == {"mapRoles": ROWS}


def test_anchors_are_resolved() -> None:
    text = HEAD + "one: &x [a, a]\ntwo: *x\nthree: [*x, 1, yes]\ndata: {mapRoles: '[]'}\n"
    read = read_manifest(text.encode())
    assert (read["one"], read["two"], read["three"]) == (
        ["a", "a"],
        ["a", "a"],
        [["a", "a"], 1, True],
    )


@pytest.mark.parametrize("data", ["", "data:\n", "data: {}\n"])
def test_a_map_without_data_is_an_empty_map(data: str) -> None:
    assert read_manifest((HEAD + data).encode())["data"] == {}


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "data:\n  mapUsers: ''\n",
        HEAD + "data:\n  mapRoles: ''\n  mapRoles: '[]'\n",
        HEAD.replace("  name: aws-auth\n", "  name: other\n  name: aws-auth\n") + "data: {}\n",
        '{"kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"}, '
        '"data": {}, "data": {}}',
        HEAD + "one: &x {a: b}\ntwo:\n  <<: *x\n  <<: *x\n",
    ],
)
def test_a_key_twice_is_refused(text: str) -> None:
    assert "twice" in refused(text, "manifest-duplicate-key")


@pytest.mark.parametrize(
    "data",
    [
        "mapRoles:\n  - rolearn: a\n",
        "mapAccounts: 111122223333",
        "mapUsers:",
        "mapUsers: {a: b}",
        "other: yes",
    ],
)
def test_data_that_is_no_text_is_refused(data: str) -> None:
    indented = "".join(f"  {line}\n" for line in data.splitlines())
    assert "is not text" in refused(HEAD + "data:\n" + indented, "manifest-data")


@pytest.mark.parametrize("data", ["data: text\n", "data: [a]\n", "data: 5\n"])
def test_data_that_is_no_mapping_is_refused(data: str) -> None:
    assert refused(HEAD + data, "manifest-data") == "data is no mapping"


def test_sections_that_are_not_under_data_are_refused() -> None:
    assert refused(HEAD + "mapRoles: '[]'\n", "manifest-data") == "mapRoles is not under data"


def test_a_wrong_name_is_refused() -> None:
    assert "coredns" in refused(TEXT.replace("aws-auth", "coredns"), "manifest-not-aws-auth")
    refused("kind: ConfigMap\nmetadata: text\n", "manifest-not-aws-auth")


def test_a_wrong_namespace_is_refused() -> None:
    assert "default" in refused(TEXT.replace("kube-system", "default"), "manifest-not-aws-auth")
    assert "no namespace" in refused(
        TEXT.replace("  namespace: kube-system\n", ""), "manifest-not-aws-auth"
    )


def test_two_objects_of_the_name_are_refused() -> None:
    assert "several" in refused(f"{TEXT}---\n{TEXT}", "manifest-not-aws-auth")


@pytest.mark.parametrize("text", ["text", "- a\n", "{}", "5", "# a comment\n"])
def test_a_file_without_a_config_map_is_refused(text: str) -> None:
    assert refused(text, "manifest-not-aws-auth") == "the file holds no ConfigMap"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("[]", "the file is an empty list"),
        ("kind: Secret\n", "the file holds no ConfigMap, but Secret"),
        ("kind: Secret\n---\nkind: Pod\n", "the file holds no ConfigMap, but Pod, Secret"),
    ],
)
def test_a_file_of_something_else_is_refused_by_its_name(text: str, said: str) -> None:
    assert refused(text, "manifest-not-aws-auth") == said


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("arn:aws:iam::<ACCOUNT_ID>:role/x", "<ACCOUNT_ID>"),
        ("arn:aws:iam::${account_id}:role/x", "${account_id}"),
        ("arn:aws:iam::$ACCOUNT_ID:role/x", "$ACCOUNT_ID"),
        ("%{ for role in roles }", "%{ for role in roles }"),
        ("arn:aws:iam::{{ account_id }}:role/x", "{{ account_id }}"),
        ("{% for role in roles %}", "{% for role in roles %"),
        ("{# a note #}", "{# a note"),
        ("dev:{{ SessionName }}", "{{ SessionName }}"),
        ("dev:{{Session}}", "{{Session}}"),
    ],
)
def test_templates_that_are_still_to_be_rendered_are_refused(value: str, named: str) -> None:
    content = json.dumps(manifest(data={"mapRoles": f"- rolearn: {value}\n"}))
    assert named in refused(content, "manifest-template")


def test_json_knows_no_nan() -> None:
    content = json.dumps(manifest(x=float("nan")))
    assert read_manifest(content.encode())["x"] == "NaN"


@pytest.mark.parametrize(
    "value",
    [
        "{{EC2PrivateDNSName}} {{AccountID}} {{SessionName}} {{SessionNameRaw}} {{AccessKeyID}}",
        "- rolearn: a # <see the wiki>, ${x}",
        "# {{ generated }}\n- rolearn: a\n",
        "- {<<: *x, a: >-\n  b}",
        "Alice <alice@example.com>",
        "costs $5",
    ],
)
def test_what_is_no_template_is_fine(value: str) -> None:
    assert read_manifest(json.dumps(manifest(data={"mapRoles": value})).encode())["data"] == {
        "mapRoles": value
    }


def test_a_template_is_named_as_the_reason_why_a_file_does_not_parse() -> None:
    refused(
        HEAD + "data:\n  mapRoles: |\n{% for r in roles %}\n    - rolearn: {{ r }}\n",
        "manifest-template",
    )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "a: b: c",
        HEAD + "\tdata: {}\n",
        "a: " + "[" * 2_000 + "]" * 2_000,
        '{"a":' * 100_000,
        HEAD + "? 5\n: x\n",
        '{"kind": "ConfigMap", "a": "\\ud800"}',
        "a: .nan",
        "a: \x01",
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    refused(text, "manifest-unparseable")


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert "excessive" not in refused("\n".join(lines), "manifest-unparseable")


@pytest.mark.parametrize(
    "content", [b"a" * (1 << 20) + b"a", b"a" * (5 << 20), ("é" * (1 << 20)).encode("utf-16")]
)
def test_more_than_a_config_map_can_hold_is_refused(content: bytes) -> None:
    refused(content, "manifest-too-large")


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"\xff\xff\xff", b"a: \xe9", b"\xff\xfe\x00\xdc"]
)
def test_what_is_text_in_no_encoding_is_refused(content: bytes) -> None:
    refused(content, "manifest-encoding")


PIECES = st.sampled_from(
    [
        *(
            HEAD.encode(),
            TEXT.encode(),
            b"data:\n",
            b"  mapRoles: |\n",
            b"---\n",
            b"{",
            b"}",
            b'"',
            b": ",
            b"\n",
            b"- ",
        ),
        *(
            b"kind: List\n",
            b"items:\n",
            b"${x}",
            b"&a ",
            b"*a ",
            b"<<: ",
            b"? ",
            b"\xff\xfe",
            b"\x00",
            b"\xe9",
        ),
        b"\xef\xbb\xbf",
    ]
)


@given(st.binary(max_size=200) | st.lists(PIECES, max_size=12).map(b"".join))
def test_any_bytes_give_a_manifest_or_a_refusal(content: bytes) -> None:
    try:
        found = read_manifest(content)
    except MigratorError as problem:
        assert problem.code.startswith("manifest-")
        return
    assert found["metadata"]["name"] == "aws-auth"
    assert all(isinstance(value, str) for value in found["data"].values())
    read_aws_auth(found["data"])


@given(
    st.dictionaries(
        st.sampled_from(["mapRoles", "mapUsers"]),
        st.text(st.characters(codec="utf-8"), max_size=40),
    )
)
def test_what_kubectl_prints_as_json_comes_back(data: dict[str, str]) -> None:
    content = json.dumps(manifest(data=data), ensure_ascii=False).encode()
    try:
        assert read_manifest(content)["data"] == data
    except MigratorError as problem:
        assert problem.code == "manifest-template"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_output_of_kubectl_describe_is_named_with_the_command_that_gets_the_map(end: str) -> None:
    text = """Name:         aws-auth
Namespace:    kube-system
Labels:       <none>
Annotations:  <none>

Data
====
mapRoles:
----
- rolearn: arn:aws:iam::111122223333:role/dev
  username: dev


BinaryData
====

Events:  <none>
"""
    with pytest.raises(Failed) as caught:
        read_manifest(text.replace("\n", end).encode())
    assert caught.value.code == "manifest-not-aws-auth"
    assert "`kubectl describe configmap`" in caught.value.message
    assert "kubectl -n kube-system get configmap aws-auth -o yaml" in caught.value.remedy
