"""snapshot.json: tolerant of what people build by hand, strict about what decisions hang on."""

from datetime import datetime, timezone
from typing import Any

import pytest

from migrator.errors import MigratorError
from migrator.model.files.snapshot import decode_snapshot, parse_time

BARE: dict[str, Any] = {
    "format": "migrator/snapshot/v1",
    "takenAt": "2026-11-22T00:00:00Z",
    "cluster": {"arn": "arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/demo_1"},
    "configMap": None,
}


def test_a_missing_list_is_unknown_and_named() -> None:
    snapshot = decode_snapshot(BARE)
    assert snapshot.nodegroups is None
    assert snapshot.rbac is None
    assert {"nodegroups", "rbac", "iam", "accessEntries"} <= set(snapshot.unknown)


def test_an_empty_list_is_known() -> None:
    snapshot = decode_snapshot(BARE | {"nodegroups": []})
    assert snapshot.nodegroups == ()
    assert "nodegroups" not in snapshot.unknown


def test_a_cluster_that_shows_no_access_config_is_in_config_map_mode() -> None:
    cluster = decode_snapshot(BARE).cluster
    assert cluster.authentication_mode == "CONFIG_MAP"
    assert (cluster.name, cluster.partition, cluster.account_id) == (
        "demo_1",
        "aws-us-gov",
        "111122223333",
    )


def test_where_the_config_map_of_a_file_comes_from_is_kept() -> None:
    snapshot = decode_snapshot({**BARE, "configMapFrom": "eksctl-config"})
    assert "configMap.eksctl-config" in snapshot.unknown
    assert "configMap" not in " ".join(decode_snapshot(BARE).unknown)
    with pytest.raises(MigratorError, match="configMapFrom"):
        decode_snapshot({**BARE, "configMapFrom": "a wiki"})


def test_an_absent_config_map_is_said_and_a_forgotten_one_is_refused() -> None:
    assert decode_snapshot(BARE).config_map is None
    assert decode_snapshot(BARE).aws_auth_data == {}
    with pytest.raises(MigratorError) as caught:
        decode_snapshot({key: value for key, value in BARE.items() if key != "configMap"})
    assert "configMap" in caught.value.message


def test_kubectl_lists_stand_for_their_items() -> None:
    role = {
        "metadata": {"name": "view"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }
    node = {
        "metadata": {"name": "n1", "labels": {"kubernetes.io/os": "linux"}},
        "spec": {"providerID": "aws:///a/i-1"},
    }
    snapshot = decode_snapshot(
        BARE
        | {
            "rbac": {"clusterRoles": {"kind": "List", "items": [role]}},
            "namespaces": {"items": [{"metadata": {"name": "default"}}]},
            "nodes": {"items": [node]},
        }
    )
    assert snapshot.rbac is not None
    assert [r.name for r in snapshot.rbac.roles] == ["view"]
    assert snapshot.namespaces == ("default",)
    assert snapshot.nodes is not None
    assert (snapshot.nodes[0].name, snapshot.nodes[0].provider_id) == ("n1", "aws:///a/i-1")
    assert "rbac.roleBindings" in snapshot.unknown


def test_an_access_entry_is_read_with_its_policies() -> None:
    raw = {
        "principalArn": "arn:aws:iam::111122223333:role/a",
        "type": "STANDARD",
        "username": "a",
        "kubernetesGroups": ["g"],
        "createdAt": 1700000000.5,
        "tags": {"team": "a"},
        "associatedAccessPolicies": [
            {"policyArn": "p", "accessScope": {"type": "namespace", "namespaces": ["b", "a"]}}
        ],
    }
    (entry,) = decode_snapshot(BARE | {"accessEntries": [raw]}).access_entries or ()
    assert entry.kubernetes_groups == ("g",)
    assert entry.access_policies[0].scope.namespaces == ("a", "b")
    assert entry.created_at == datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=timezone.utc)


def test_usage_is_read_with_its_window() -> None:
    login = {
        "arn": "x",
        "username": "u",
        "groups": ["g"],
        "first": "2026-11-01T00:00:00Z",
        "last": "2026-11-02",
        "count": 3,
    }
    usage = decode_snapshot(
        BARE
        | {
            "usage": {
                "from": "2026-10-22T00:00:00Z",
                "to": "2026-11-22T00:00:00Z",
                "complete": True,
                "logins": [login],
            }
        }
    ).usage
    assert usage is not None
    assert usage.complete
    assert usage.logins[0].count == 3
    assert usage.logins[0].last == datetime(2026, 11, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-22T01:00:00+01:00", datetime(2026, 11, 22, tzinfo=timezone.utc)),
        ("2026-11-22T00:00:00Z", datetime(2026, 11, 22, tzinfo=timezone.utc)),
        (0, datetime(1970, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_times_are_iso_text_or_seconds(value: object, moment: datetime) -> None:
    assert parse_time(value, "here") == moment


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"capabilities": [5]}, "capabilities[0]"),
        ({"identityProviderConfigs": [5]}, "identityProviderConfigs[0]"),
        (
            {"identityProviderConfigs": [{"oidc": {"groupsPrefix": 5}}]},
            "identityProviderConfigs[0].oidc.groupsPrefix",
        ),
        ({"takenAt": "never"}, "takenAt"),
        ({"takenAt": 5}, "takenAt"),
        ({"cluster": None}, "cluster"),
        ({"cluster": {"arn": "arn:aws:iam::111122223333:role/x"}}, "cluster.arn"),
        (
            {
                "cluster": {
                    "arn": BARE["cluster"]["arn"],
                    "accessConfig": {"authenticationMode": "MAYBE"},
                }
            },
            "accessConfig",
        ),
        ({"configMap": []}, "configMap"),
        ({"configMap": {"data": {"mapRoles": 5}}}, "configMap.data.mapRoles"),
        ({"nodegroups": {}}, "nodegroups"),
        ({"nodegroups": ["x"]}, "nodegroups[0]"),
        ({"accessEntries": [{"principalArn": "a", "type": "NEW"}]}, "accessEntries[0].type"),
        (
            {"accessEntries": [{"principalArn": "a", "createdAt": "soon"}]},
            "accessEntries[0].createdAt",
        ),
        (
            {"accessEntries": [{"principalArn": "a", "createdAt": True}]},
            "accessEntries[0].createdAt",
        ),
        ({"iam": {"principals": [{"id": "AROA"}]}}, "iam.principals[0].arn"),
        ({"namespaces": [5]}, "namespaces[0]"),
        ({"usage": {"from": "x"}}, "usage.from"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(MigratorError) as caught:
        decode_snapshot(BARE | change)
    assert caught.value.code == "snapshot-malformed"
    assert where in caught.value.message


@pytest.mark.parametrize("document", [None, [], {}, {"format": "migrator/plan/v1"}])
def test_another_document_is_no_snapshot(document: object) -> None:
    with pytest.raises(MigratorError) as caught:
        decode_snapshot(document)
    assert caught.value.code == "snapshot-unreadable"


@pytest.mark.parametrize("field", ["accessConfig", "computeConfig"])
def test_parts_of_the_cluster_that_decisions_look_into_are_objects(field: str) -> None:
    with pytest.raises(MigratorError) as caught:
        decode_snapshot(BARE | {"cluster": {**BARE["cluster"], field: 5}})
    assert caught.value.code == "snapshot-malformed"
    assert f"cluster.{field}" in caught.value.message
