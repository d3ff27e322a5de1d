"""A copy of a cluster from its snapshot: planned from, it cannot be told from the original."""

import io
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import migrator
from migrator.cli.main import run
from migrator.decide.access.group_references import references_in
from migrator.errors import Failed
from migrator.lab.lab_client import enter_lab
from migrator.lab.server import CONFIG_FILE, CREDENTIALS_FILE, write_profiles
from migrator.lab.worlds.reference_objects import objects_for
from migrator.lab.worlds.world import IamRole, IamUser, World
from migrator.lab.worlds.world_copies import load_snapshot, world_from_snapshot
from migrator.lab.worlds.world_files import LONG_AGO, build_world, demo_world_path, load_world
from tests.support.aws_lab import ABROAD, ALICE, HOME, NODES, RUNNER, serving
from tests.support.small_lab import world_document

EXAMPLES = Path(__file__).parents[2] / "examples"
READER = f"arn:aws:iam::{ABROAD}:role/iam-reader"
# What differs between two labs that are alike: ports, certificates, versions of objects, times.
_PASSING = {
    "takenAt",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "endpoint",
    "certificateAuthority",
    "time",
}


def lasting(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if key not in _PASSING}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def snapshot_of(
    world: World, directory: Path, monkeypatch: pytest.MonkeyPatch, *readers: str
) -> tuple[Path, dict[str, Any]]:
    """Take a snapshot of a world's only cluster with the command line, in this process; its file
    and what it holds.
    """
    (cluster,) = world.clusters.values()
    out, stderr = directory / "snapshot.json", io.StringIO()
    with serving(world, directory), monkeypatch.context() as changed:
        environment = dict(os.environ)
        enter_lab(directory, environment)
        for name in set(os.environ) - set(environment):
            changed.delenv(name)
        for name, value in environment.items():
            changed.setenv(name, value)
        roles = [word for reader in readers for word in ("--reader-role", reader)]
        assert run(["snapshot", cluster.name, "--out", str(out), *roles], stderr=stderr) == 0, (
            stderr.getvalue()
        )
    return out, json.loads(out.read_text())


def plan_of(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The plan that a snapshot gives, without the time and the digests."""
    plan = migrator.plan(snapshot, now=datetime(2026, 11, 26, tzinfo=timezone.utc))
    return {
        key: value
        for key, value in plan.items()
        if key not in ("createdAt", "planDigest", "snapshotDigest", "basis")
    }


def minimal(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a document
    cluster = {
        "name": "c",
        "arn": f"arn:aws:eks:eu-central-1:{HOME}:cluster/c",
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
    }
    return {"format": "migrator/snapshot/v1", "cluster": cluster, **changes}


def test_a_snapshot_of_the_copy_equals_that_of_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, first = snapshot_of(load_world(demo_world_path()), tmp_path / "one", monkeypatch, READER)
    copy = load_snapshot(file, [READER])
    _, second = snapshot_of(copy.world, tmp_path / "two", monkeypatch, READER)
    assert lasting(second) == lasting(first)
    assert [text.partition(":")[0] for text in copy.left_out] == ["the hidden creator"]


def test_a_copy_of_a_cluster_with_entries_equals_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_schema = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "team"},
        "spec": {"rules": [{"subjects": [{"kind": "Group", "group": {"name": "team-a"}}]}]},
    }
    entries = [
        {
            "principalArn": RUNNER,
            "kubernetesGroups": ["a"],
            "policies": [{"policyArn": "AmazonEKSViewPolicy", "namespaces": ["x-*"]}],
        },
        {"principalArn": ALICE, "username": "alice", "tags": {"k": "v"}},
    ]
    document = world_document(
        objects=(flow_schema,), authenticationMode="API_AND_CONFIG_MAP", accessEntries=entries
    )
    file, first = snapshot_of(build_world(document), tmp_path / "one", monkeypatch, READER)
    _, second = snapshot_of(
        load_snapshot(file, [READER]).world, tmp_path / "two", monkeypatch, READER
    )
    original = lasting(first)
    assert lasting(second) == original
    assert any(item["text"] == "team-a" for item in original["groupReferences"])


@pytest.mark.parametrize(
    "example", ["cdk-one-line-json", "china-partition", "hundred-fifty-entries", "lost-section"]
)
def test_a_copy_of_an_example_is_planned_like_it_and_copied_again_it_stays_as_it_is(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = EXAMPLES / example / "snapshot.json"
    _, first = snapshot_of(load_snapshot(source).world, tmp_path / "one", monkeypatch)
    # In the copy the operator logs in without a row, which shows that it is the creator; the
    # example does not.
    assert plan_of(first) == plan_of(json.loads(source.read_text()) | {"creator": first["creator"]})
    _, second = snapshot_of(world_from_snapshot(first).world, tmp_path / "two", monkeypatch)
    assert lasting(second) == lasting(first)


def test_whoever_read_the_cluster_without_a_row_is_its_hidden_creator() -> None:
    rows = f"- {{rolearn: 'arn:aws:iam::{HOME}:role/operator', username: x}}\n"
    session = {
        "Arn": f"arn:aws:sts::{HOME}:assumed-role/operator/me",
        "Account": HOME,
        "UserId": "AROAOPS:me",
    }
    config_map = {
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": rows},
    }
    cluster = {"name": "c", "arn": f"arn:aws:eks:eu-central-1:{HOME}:cluster/c"}
    creators, told = [], []
    for found in (None, config_map):
        copy = world_from_snapshot(
            minimal(cluster=cluster, callerIdentity=session, configMap=found)
        )
        creators.append(copy.world.cluster("c").creator_arn)
        told.append([text for text in copy.left_out if text.startswith("the hidden creator")])
        operator = copy.world.principal(copy.world.settings.operator or "")
        assert operator is not None
        assert operator.id == "AROAOPS"
    assert creators == [f"arn:aws:iam::{HOME}:role/operator", None]
    assert ["the copy takes" in text for (text,) in told] == [True, False]
    with_entries = world_from_snapshot(minimal(callerIdentity=session))
    assert with_entries.world.cluster("c").creator_arn is None
    assert any(text.startswith("access of ") for text in with_entries.left_out)


def test_an_entry_older_than_its_principal_is_dead_in_the_copy() -> None:
    principals = [{"arn": RUNNER, "id": "AROANEW", "createDate": "2026-01-01T00:00:00Z"}]
    entry = {
        "principalArn": RUNNER,
        "type": "STANDARD",
        "username": "x",
        "createdAt": "2025-01-01T00:00:00Z",
    }
    alive = {**entry, "createdAt": "2026-02-01T00:00:00+00:00"}
    for raw, expected in ((entry, False), (alive, True)):
        world = world_from_snapshot(
            minimal(iam={"principals": principals}, accessEntries=[raw])
        ).world
        found = world.cluster("c").entry(RUNNER, datetime(2026, 11, 22, tzinfo=timezone.utc))
        assert found is not None
        assert (found.principal_id == "AROANEW") is expected


@pytest.mark.parametrize(("complete", "there"), [(True, False), (False, True)])
def test_who_is_absent_stays_absent_where_the_account_was_read(complete: bool, there: bool) -> None:
    rows = f"- {{rolearn: 'arn:aws:iam::{HOME}:role/gone', username: x}}\n"
    iam = {
        "principals": [],
        "accountsRead": [{"account": HOME, "roles": complete, "users": complete}],
    }
    config_map = {
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": rows},
    }
    world = world_from_snapshot(minimal(iam=iam, configMap=config_map)).world
    assert (world.principal(f"arn:aws:iam::{HOME}:role/gone") is not None) is there


def test_whoever_took_the_snapshot_operates_the_copy() -> None:
    session = {
        "Arn": f"arn:aws:sts::{HOME}:assumed-role/operator/me",
        "Account": HOME,
        "UserId": "x",
    }
    principals = [{"arn": f"arn:aws:iam::{HOME}:role/ops/operator", "id": "AROAX"}]
    world = world_from_snapshot(
        minimal(callerIdentity=session, iam={"principals": principals})
    ).world
    assert world.settings.operator == f"arn:aws:iam::{HOME}:role/ops/operator"
    assert (
        world_from_snapshot(minimal(callerIdentity={"Arn": ALICE})).world.settings.operator == ALICE
    )
    unknown = world_from_snapshot(minimal()).world
    assert unknown.settings.operator is not None
    assert unknown.principal(unknown.settings.operator) is not None


@pytest.mark.parametrize("read", [True, False])
def test_a_row_that_names_what_iam_cannot_have_writes_no_line_into_the_credentials_files(
    tmp_path: Path, read: bool
) -> None:
    hostile = f"arn:aws:iam::{HOME}:role/x]\ncredential_process = evil\n[default"
    row = json.dumps([{"rolearn": hostile, "username": "x"}])
    config_map = {
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": row},
    }
    iam = {"principals": [{"arn": hostile, "id": "AROAX"}] if read else []}
    copy = world_from_snapshot(minimal(configMap=config_map, iam=iam))
    assert copy.world.principal(hostile) is None
    assert "a principal: IAM allows no such name" in copy.left_out
    name = "x]\nevil = 1\n[default"
    user = IamUser(f"arn:aws:iam::{HOME}:user/{name}", name, "/", "AIDAX", LONG_AGO)
    copy.world.accounts[HOME].users[name] = user
    write_profiles(copy.world, tmp_path)
    for file in (CREDENTIALS_FILE, CONFIG_FILE):
        lines = (tmp_path / file).read_text().splitlines()
        assert not [line for line in lines if "evil" in line or "default" in line]
    assert "[unnamed]" in (tmp_path / CREDENTIALS_FILE).read_text()


def test_nodes_lead_to_their_role_again() -> None:
    node = {
        "name": "n1",
        "labels": {},
        "providerID": "aws:///eu-central-1a/i-0aaaaaaaaaaaaaaaa",
        "roleArn": NODES,
    }
    world = world_from_snapshot(minimal(nodes=[node])).world
    account = world.accounts[HOME]
    profile = account.instance_profiles[
        account.instances["i-0aaaaaaaaaaaaaaaa"].instance_profile or ""
    ]
    assert profile.role_name == "nodes"
    assert isinstance(world.principal(NODES), IamRole)


def test_what_cannot_be_copied_is_said() -> None:
    reference = {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "namespace": None,
        "name": "p",
        "path": "x",
        "text": "y",
    }
    left_out = world_from_snapshot(minimal(groupReferences=[reference])).left_out
    assert any(text.startswith("ClusterPolicy p") for text in left_out)
    assert any(text.startswith("rbac") for text in left_out)
    assert any(text.startswith("nodegroups") for text in left_out)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        {"format": "x"},
        minimal(cluster={}),
        minimal(cluster={"arn": "x", "name": "y"}),
        minimal(cluster={"arn": f"arn:aws:eks:x\n[default]:{HOME}:cluster/c", "name": "c"}),
        minimal(nodes=[1]),
    ],
)
def test_what_is_no_snapshot_is_refused(raw: object) -> None:
    with pytest.raises(Failed) as refusal:
        world_from_snapshot(raw)
    assert refusal.value.code == "world-invalid"


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    for name in ("x.json", "none.json"):
        with pytest.raises(Failed) as refusal:
            load_snapshot(tmp_path / name)
        assert refusal.value.code == "world-unreadable"


def test_objects_made_again_hold_the_same_references() -> None:
    objects = [
        {
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
            "kind": "FlowSchema",
            "metadata": {"name": "f"},
            "spec": {
                "rules": [
                    {"subjects": [{"kind": "User", "user": {"name": "alice"}}]},
                    {
                        "subjects": [
                            {"kind": "Group", "group": {"name": "team"}},
                            {
                                "kind": "ServiceAccount",
                                "serviceAccount": {"namespace": "ns", "name": "sa"},
                            },
                        ]
                    },
                ]
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "v"},
            "spec": {
                "validations": [
                    {"expression": "'system:masters' in request.userInfo.groups"},
                    {"expression": "request.userInfo.username in ['a', 'b']"},
                ]
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "argocd-rbac-cm", "namespace": "argocd"},
            "data": {
                "policy.csv": "# comment\ng, example:admins, role:admin\n\np, bob, applications, "
                "*, */*, allow\n"
            },
        },
    ]
    before = references_in(objects)
    raw = [
        {
            "apiVersion": r.api_version,
            "kind": r.kind,
            "namespace": r.namespace,
            "name": r.name,
            "path": r.path,
            "text": r.text,
        }
        for r in before
    ]
    made, left_out = objects_for(raw)
    assert left_out == []
    assert references_in(made) == before
    assert len(before) >= 7
