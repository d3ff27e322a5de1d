"""Mappings in the forms of eksctl become exactly the rows that eksctl writes, or are refused where
eksctl refuses them.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.decide.reading.config_map_file import ConfigMapFile, read_config_map_file
from migrator.decide.reading.read_aws_auth import effective_document, read_aws_auth
from migrator.errors import Failed, MigratorError
from migrator.model.principal import parse_cluster_arn

CLUSTER = parse_cluster_arn("arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod")
DEV = "arn:aws-cn:iam::111122223333:role/dev"
ANA = "arn:aws-cn:iam::111122223333:user/ana"
Json = dict[str, Any]


def config(*mappings: object, **changes: Any) -> str:  # noqa: ANN401 - plain JSON
    return json.dumps(
        {
            "apiVersion": "eksctl.io/v1alpha5",
            "kind": "ClusterConfig",
            "metadata": {"name": "prod", "region": "cn-north-1"},
            "iamIdentityMappings": list(mappings),
            **changes,
        }
    )


def read(text: str) -> ConfigMapFile:
    return read_config_map_file(text.encode(), CLUSTER)


def rows(found: ConfigMapFile) -> tuple[list[tuple[str, str, tuple[str, ...]]], list[str]]:
    """Rows as the authenticator reads them, in order, and accounts."""
    aws_auth = read_aws_auth(found.config_map["data"])
    assert not aws_auth.problems
    assert not aws_auth.dropped
    read_rows = [(row.arn, row.username, row.groups or ()) for row in aws_auth.rows]
    return read_rows, [row.account for row in aws_auth.accounts]


def refused(text: str, code: str = "manifest-eksctl") -> str:
    with pytest.raises(Failed) as caught:
        read(text)
    assert caught.value.code == code
    assert "kubectl -n kube-system get configmap aws-auth" in caught.value.remedy
    return f"{caught.value.message}: {caught.value.why}"


# The example of the eksctl user guide, "Manage IAM users and roles".
GUIDE = """
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata:
  name: prod
  region: cn-north-1
iamIdentityMappings:
  - arn: arn:aws-cn:iam::000000000000:role/myAdminRole
    groups:
      - system:masters
    username: admin
    noDuplicateARNs: true # prevents shadowing of ARNs
  - arn: arn:aws-cn:iam::000000000000:user/myUser
    username: myUser
    noDuplicateARNs: true # prevents shadowing of ARNs
  - serviceName: emr-containers
    namespace: emr # serviceName requires namespace
  - account: "000000000000" # account must be configured with no other options
nodeGroups:
  - name: ng-1
    desiredCapacity: 1
"""


def test_the_example_of_the_guide_gives_the_rows_that_eksctl_writes() -> None:
    found = read(GUIDE)
    assert found.origin == "eksctl-config"
    assert rows(found) == (
        [
            ("arn:aws-cn:iam::000000000000:role/myAdminRole", "admin", ("system:masters",)),
            (
                "arn:aws-cn:iam::111122223333:role/AWSServiceRoleForAmazonEMRContainers",
                "emr-containers",
                (),
            ),
            ("arn:aws-cn:iam::000000000000:user/myUser", "myUser", ()),
        ],
        ["000000000000"],
    )
    said = " ".join(found.said)
    assert "4 iamIdentityMappings give 2 rows of mapRoles, 1 of mapUsers and 1" in said
    assert "declared, and not what is in force" in said
    assert "ng-1" in said
    assert "numbers of rows and lines are those of aws-auth" in said


@pytest.mark.parametrize(
    ("access", "said"),
    [
        ({"authenticationMode": "API", "accessEntries": [{"principalARN": DEV}]}, "mode API, 1"),
        ({"bootstrapClusterCreatorAdminPermissions": False}, "no mode, 0"),
        ({"authenticationMode": ["API"], "accessEntries": "x"}, "mode ['API'], 0"),
    ],
)
def test_what_the_file_declares_of_mode_and_entries_is_said_not_to_be_used(
    access: Json, said: str
) -> None:
    found = read(config({"arn": DEV, "username": "dev"}, accessConfig=access))
    assert f"accessConfig was not used ({said} access entries)" in " ".join(found.said)


def test_a_role_with_a_path_is_written_as_it_is() -> None:
    # eksctl does not take the path out, and the authenticator then matches no login.
    arn = "arn:aws-cn:iam::111122223333:role/team/dev"
    assert rows(read(config({"arn": arn, "username": "x"})))[0] == [(arn, "x", ())]


def test_accounts_are_sorted_and_kept_once() -> None:
    numbers = ("222222222222", "111111111111", "222222222222")
    found = read(config(*({"account": number} for number in numbers)))
    assert rows(found) == ([], ["111111111111", "222222222222"])


def test_the_same_mapping_is_skipped_where_no_duplicates_are_wanted() -> None:
    first = {"arn": DEV, "username": "x", "groups": ["a", "b"]}
    again = {"arn": DEV, "username": "x", "groups": ["b", "a"], "noDuplicateARNs": True}
    found = read(config(first, again))
    assert len(rows(found)[0]) == 1
    assert "iamIdentityMappings[1]: eksctl skips it" in " ".join(found.said)
    # Without the field eksctl appends, and the last row wins.
    assert len(rows(read(config(first, first)))[0]) == 2


def test_a_service_is_added_once() -> None:
    service = {"serviceName": "emr-containers", "namespace": "emr"}
    assert len(rows(read(config(service, service)))[0]) == 1


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ([], "no iamIdentityMappings"),
        (["x"], "is no mapping"),
        ([{"arn": DEV, "username": "x", "rolearn": DEV}], "unknown field `rolearn`"),
        ([{"arn": DEV, "username": "x", "nodupes": True}], "unknown field `nodupes`"),
        ([{"username": "x"}], "has no arn"),
        ([{"arn": DEV}], "neither a username nor groups"),
        ([{"arn": "dev", "username": "x"}], "neither a role nor a user"),
        ([{"arn": DEV.replace("role/", "group/"), "username": "x"}], "neither a role nor a user"),
        ([{"arn": DEV, "username": "x", "groups": "devs"}], "$.groups"),
        ([{"arn": DEV, "username": "x", "groups": [1]}], "$.groups[0]"),
        ([{"arn": DEV, "username": 5}], "$.username"),
        ([{"account": 111122223333}], "$.account"),
        ([{"arn": DEV, "username": "x", "noDuplicateARNs": "yes"}], "$.noDuplicateARNs"),
        ([{"account": "111122223333", "arn": DEV}], "no other field"),
        ([{"serviceName": "emr-containers"}], "needs a namespace"),
        ([{"namespace": "emr", "arn": DEV, "username": "x"}], "needs a serviceName"),
        ([{"serviceName": "aws-batch", "namespace": "x"}], "the only service that eksctl knows"),
        (
            [
                {"serviceName": "emr-containers", "namespace": "x"}
                | {"arn": DEV, "username": "x", "groups": ["a"]}
            ],
            "do not go with serviceName",
        ),
        (
            [
                {"arn": DEV, "username": "x"},
                {"arn": DEV, "username": "y", "noDuplicateARNs": True},
            ],
            "the same arn",
        ),
    ],
)
def test_what_eksctl_refuses_is_refused(mappings: list[object], said: str) -> None:
    assert said in refused(config(*mappings))


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"name": "other", "region": "cn-north-1"}, "metadata.name"),
        ({"name": "prod", "region": "eu-west-1"}, "metadata.region"),
        ({"name": "prod"}, "metadata.region"),
        (None, "no metadata"),
    ],
)
def test_a_file_of_another_cluster_is_refused(metadata: object, said: str) -> None:
    assert said in refused(config({"arn": DEV, "username": "x"}, metadata=metadata))


@pytest.mark.parametrize(
    "text",
    [
        config({"arn": "arn:aws:iam::${ACCOUNT}:role/x", "username": "x"}),
        config({"arn": DEV, "username": "x", "groups": ["{{ team }}"]}),
        config({"arn": DEV, "username": "x"}, metadata={"name": "<name>", "region": "x"}),
        json.dumps([{"rolearn": "arn:aws:iam::<ACCOUNT>:role/x", "username": "x"}]),
    ],
)
def test_a_file_that_is_still_to_be_rendered_is_refused(text: str) -> None:
    assert "still holds" in refused(text, "manifest-template")


def test_several_configs_and_keys_twice_are_refused() -> None:
    one = config({"arn": DEV, "username": "x"})
    assert "several ClusterConfigs" in refused(f"{one}\n{one}")
    twice = GUIDE.replace("    username: admin\n", "    username: admin\n    username: x\n")
    assert "username twice" in refused(twice, "manifest-duplicate-key")


PRINTED = [
    {"rolearn": DEV, "username": "dev:{{SessionName}}", "groups": ["devs"]},
    {"rolearn": DEV, "username": "later"},
    {"userarn": ANA, "username": "ana", "groups": ["a", "b"]},
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([*PRINTED, {"account": "111122223333"}], indent=4),
        # Before account mappings had a type: a document of its own, without a line end between.
        json.dumps(PRINTED, indent=4) + json.dumps(["111122223333"], indent=4),
        "".join(f"- {json.dumps(item)}\n" for item in PRINTED) + '- "111122223333"\n',
        "".join(f"- {json.dumps(item)}\n" for item in PRINTED) + '- account: "111122223333"\n',
    ],
)
def test_what_eksctl_prints_gives_the_rows_in_its_order(text: str) -> None:
    found = read(text)
    assert found.origin == "eksctl-mappings"
    assert rows(found) == (
        [(DEV, "dev:{{SessionName}}", ("devs",)), (DEV, "later", ()), (ANA, "ana", ("a", "b"))],
        ["111122223333"],
    )
    assert "when it printed it" in " ".join(found.said)


def test_a_row_that_eksctl_prints_without_an_arn_is_one_that_matches_no_login() -> None:
    data = read(json.dumps([{"username": "x", "groups": ["a"]}])).config_map["data"]
    assert effective_document(data)["roles"] == {}
    assert len(read_aws_auth(data).dropped) == 1


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"rolearn": DEV, "userid": "x"}, "unknown field `userid`"),
        ({"rolearn": DEV, "userarn": ANA}, "two of rolearn"),
        ({"rolearn": 5, "username": "x"}, "$.rolearn"),
        ({"rolearn": DEV, "groups": "devs"}, "$.groups"),
    ],
)
def test_what_eksctl_does_not_print_is_refused(item: Json, said: str) -> None:
    assert said in refused(json.dumps([item]))


# Placeholders and templates are refused; everything else may be a name.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="${}<%\x00"), min_size=1)
ARNS = st.builds(
    "arn:aws:iam::{}:{}/{}".format,
    st.sampled_from(["111122223333", "444455556666"]),
    st.sampled_from(["role", "user"]),
    st.sampled_from(["a", "b", "team/a"]) | NAMES,
)
MAPPINGS = st.lists(
    st.fixed_dictionaries(
        {"arn": ARNS, "username": NAMES}, optional={"groups": st.lists(NAMES, max_size=3)}
    ),
    min_size=1,
    max_size=8,
)


def _expected(mappings: list[Json]) -> list[tuple[str, str, tuple[str, ...]]]:
    every = [(m["arn"], m["username"], tuple(m.get("groups", ()))) for m in mappings]
    is_user = [":user/" in arn.partition("/")[0] + "/" for arn, _, _ in every]
    roles = [row for row, user in zip(every, is_user, strict=True) if not user]
    return roles + [row for row, user in zip(every, is_user, strict=True) if user]


@given(MAPPINGS)
def test_every_mapping_becomes_a_row_with_its_text_unchanged(mappings: list[Json]) -> None:
    assert rows(read(config(*mappings)))[0] == _expected(mappings)


@given(MAPPINGS)
def test_what_is_printed_and_what_is_declared_give_the_same_rows(mappings: list[Json]) -> None:
    printed = []
    for mapping in mappings:
        kind = "userarn" if ":user/" in mapping["arn"].partition("/")[0] + "/" else "rolearn"
        printed.append({kind: mapping["arn"], **{k: v for k, v in mapping.items() if k != "arn"}})
    declared = read(config(*mappings))
    assert read(json.dumps(printed)).config_map == declared.config_map


@given(MAPPINGS)
def test_to_create_the_mappings_again_adds_nothing_where_no_duplicates_are_wanted(
    mappings: list[Json],
) -> None:
    only = list({m["arn"]: {**m, "noDuplicateARNs": True} for m in mappings}.values())
    assert read(config(*only, *only)).config_map == read(config(*only)).config_map


_VALUES = (
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", DEV, "x", "emr-containers"])
)
_FIELDS = ["arn", "username", "groups", "account", "serviceName", "namespace", "noDuplicateARNs"]


@given(
    st.lists(st.dictionaries(st.sampled_from([*_FIELDS, "x"]), _VALUES | st.just([])), max_size=4)
)
def test_any_mappings_give_rows_or_a_refusal(mappings: list[Json]) -> None:
    try:
        found = read(config(*mappings))
    except MigratorError as problem:
        assert problem.code == "manifest-eksctl"
        return
    rows(found)
