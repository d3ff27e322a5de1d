"""Snapshots of a lab cluster: complete, unknown where not allowed, and in as few calls as
possible.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

from migrator.adapters.eks import EksCluster
from migrator.adapters.iam import IamPrincipals
from migrator.errors import Failed, MigratorError
from migrator.lab.worlds.principals import Permissions
from migrator.model.files.snapshot import decode_snapshot
from migrator.ports import Raw
from migrator.run.take_snapshot import LIST_FROM, SnapshotPorts, take_snapshot
from tests.support.small_lab import (
    ACCOUNT,
    ALICE,
    CLUSTER,
    FOREIGN,
    NODES,
    OPERATOR,
    RUNNER,
    SmallLab,
    adapters,
    small_lab,
    world_document,
)

AT = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=timezone.utc)
Start = Callable[..., SmallLab]


@dataclass
class Said:
    """Events, remembered."""

    lines: list[str] = field(default_factory=list)

    def say(
        self,
        kind: Literal["info", "step", "done", "warn"],
        message: str,
        **_about: str,
    ) -> None:
        self.lines.append(f"{kind}: {message}")

    def doing(self, what: str) -> None:
        """Nothing."""

    def progress(self, label: str, done: int, total: int) -> None:
        """Nothing."""


@pytest.fixture
def start_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with ExitStack() as running:

        def start(**changes: Any) -> SmallLab:  # noqa: ANN401 - fields of a world file
            return running.enter_context(
                small_lab(tmp_path / "lab", monkeypatch, world_document(**changes))
            )

        yield start


def ports(lab: SmallLab, said: Said | None = None, principals: Any = None) -> SnapshotPorts:  # noqa: ANN401 - a fake
    return SnapshotPorts(
        lab.cluster,
        lab.config_maps,
        lab.rbac,
        principals or lab.principals,
        lab.tasks,
        said or Said(),
    )


@dataclass
class CountedPrincipals:
    """IAM as asked: which account was listed, who was read."""

    inner: IamPrincipals
    calls: Counter[str] = field(default_factory=Counter)
    denied: bool = False

    def list_account(self, account: str) -> tuple[list[Raw], bool, bool]:
        self.calls["list " + account] += 1
        return ([], False, False) if self.denied else self.inner.list_account(account)

    def why_not_listed(self, account: str) -> Sequence[MigratorError]:
        return () if self.denied else self.inner.why_not_listed(account)

    def get(self, arn: str) -> Raw | None:
        self.calls["get"] += 1
        if self.denied:
            raise Failed("iam-denied", "IAM does not allow iam:GetRole.")
        return self.inner.get(arn)

    def roles_of_instances(self, instance_ids: Any) -> Mapping[str, str]:  # noqa: ANN401
        self.calls["instances"] += 1
        return self.inner.roles_of_instances(instance_ids)


def test_a_snapshot_holds_everything_and_decodes(start_lab: Start) -> None:
    lab, said = start_lab(), Said()
    document = take_snapshot(ports(lab, said), now=AT)
    snapshot = decode_snapshot(document)
    assert document["takenAt"] == "2026-11-22T08:00:00Z"
    assert snapshot.cluster.name == CLUSTER
    assert set(snapshot.aws_auth_data) == {"mapRoles", "mapUsers"}
    assert document["accessEntries"] is None
    assert snapshot.nodegroups is not None
    assert snapshot.nodes is not None
    assert [node.role_arn for node in snapshot.nodes] == [NODES]
    assert snapshot.rbac is not None
    assert snapshot.namespaces is not None
    assert snapshot.group_references is not None
    assert snapshot.caller_chain == (f"arn:aws:iam::{ACCOUNT}:role/operator",)
    assert {principal.arn for principal in snapshot.iam_principals} == {NODES, RUNNER, ALICE}
    assert snapshot.unknown == ("accessEntries",)
    assert "unread" not in document
    assert said.lines == []


@dataclass
class Switching:
    """A cluster whose mode is switched before one of these calls, by the number of the call."""

    inner: EksCluster
    at: int
    calls: int = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - every other call as it is
        return getattr(self.inner, name)

    def _is_before(self) -> bool:
        self.calls += 1
        return self.calls <= self.at

    def describe_cluster(self) -> Raw:
        found = self.inner.describe_cluster()
        mode = "CONFIG_MAP" if self._is_before() else "API_AND_CONFIG_MAP"
        return {**found, "accessConfig": {"authenticationMode": mode}}

    def list_access_entries(self) -> list[Raw] | None:
        return None if self._is_before() else self.inner.list_access_entries()


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("at", range(6))
def test_mode_and_entries_are_of_one_moment_whenever_the_mode_is_switched(
    start_lab: Start, at: int, described: bool
) -> None:
    lab = start_lab(authenticationMode="API_AND_CONFIG_MAP")
    cluster = Switching(lab.cluster, at)
    asked = replace(ports(lab), cluster=cluster)
    before = cluster.describe_cluster() if described else None
    document = take_snapshot(asked, now=AT, described=before)
    mode = document["cluster"]["accessConfig"]["authenticationMode"]
    assert (document["accessEntries"] is None) == (mode == "CONFIG_MAP")
    assert decode_snapshot(document).cluster.authentication_mode == mode


def test_cluster_whose_mode_and_entries_never_agree_is_not_read(start_lab: Start) -> None:
    lab = start_lab(authenticationMode="API_AND_CONFIG_MAP")
    cluster = Switching(lab.cluster, 100)
    cluster.list_access_entries = lab.cluster.list_access_entries  # type: ignore[method-assign]
    with pytest.raises(Failed) as raised:
        take_snapshot(replace(ports(lab), cluster=cluster), now=AT)
    assert raised.value.code == "update-in-progress"
    document = take_snapshot(replace(ports(lab), cluster=cluster), now=AT, only=("nodegroups",))
    assert document["accessEntries"] is None
    assert [item["code"] for item in document["unread"]] == ["update-in-progress"]


def test_in_dual_mode_the_entries_and_their_principals_are_read(start_lab: Start) -> None:
    snapshot = decode_snapshot(
        take_snapshot(ports(start_lab(authenticationMode="API_AND_CONFIG_MAP")), now=AT)
    )
    assert snapshot.access_entries is not None
    assert {OPERATOR, NODES} <= {entry.principal_arn for entry in snapshot.access_entries}
    assert {OPERATOR, NODES} <= {principal.arn for principal in snapshot.iam_principals}
    assert snapshot.unknown == ()


def test_a_cluster_that_was_just_described_is_not_described_again(start_lab: Start) -> None:
    lab = start_lab()
    described = {**lab.cluster.describe_cluster(), "mark": "as given"}
    assert take_snapshot(ports(lab), now=AT, described=described)["cluster"]["mark"] == "as given"


def test_an_absent_aws_auth_is_null(start_lab: Start) -> None:
    lab = start_lab()
    raw = lab.config_maps.read()
    assert raw is not None
    lab.config_maps.delete(resource_version=raw["metadata"]["resourceVersion"])
    document = take_snapshot(ports(lab), now=AT)
    assert document["configMap"] is None
    assert decode_snapshot(document).aws_auth_data == {}


def test_lists_that_may_not_be_read_are_left_out_and_told(start_lab: Start) -> None:
    rows = f"- {{rolearn: arn:aws:iam::{ACCOUNT}:role/reader-only, username: r, groups: [system:masters]}}\n"  # noqa: E501
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": rows},
    }
    lab, said = start_lab(objects=(config_map,)), Said()
    limited = adapters(lab.lab, lab.session.assume(f"arn:aws:iam::{ACCOUNT}:role/reader-only"))
    document = take_snapshot(ports(limited, said), now=AT)
    assert "nodegroups" not in document
    unread = {item["what"]: item for item in document["unread"]}
    assert set(unread) == {"nodegroups", "nodes.roleArn", f"iam.principals of {ACCOUNT}"}
    assert "eks:ListNodegroups" in unread["nodegroups"]["message"]
    assert "eks:ListNodegroups" in unread["nodegroups"]["remedy"]
    assert all("roleArn" not in node for node in document["nodes"])
    assert document["iam"] == {
        "principals": [],
        "accountsRead": [{"account": ACCOUNT, "roles": False, "users": False}],
    }
    assert "nodegroups" in decode_snapshot(document).unknown
    assert len(said.lines) == 3


def test_without_the_entries_of_a_dual_cluster_there_is_no_snapshot(start_lab: Start) -> None:
    lab = start_lab(authenticationMode="API_AND_CONFIG_MAP")
    lab.lab.world.accounts[ACCOUNT].roles["operator"].permissions = Permissions(
        ("eks:ListAccessEntries",), None
    )
    with pytest.raises(MigratorError) as caught:
        take_snapshot(ports(lab), now=AT)
    assert caught.value.code == "iam-denied"
    assert "eks:ListAccessEntries" in caught.value.message


def test_few_principals_are_read_one_by_one(start_lab: Start) -> None:
    lab = start_lab()
    counted = CountedPrincipals(lab.principals)
    document = take_snapshot(ports(lab, principals=counted), now=AT)
    assert counted.calls == {"get": 3, "instances": 1}
    assert document["iam"]["accountsRead"] == [{"account": ACCOUNT, "roles": False, "users": False}]


def test_many_principals_are_read_by_listing_their_account(start_lab: Start) -> None:
    rows = "".join(
        f"- {{rolearn: 'arn:aws:iam::{ACCOUNT}:role/r{n}', username: r}}\n"
        for n in range(LIST_FROM)
    )
    lab = start_lab(objects=(_aws_auth(rows),))
    counted = CountedPrincipals(lab.principals)
    document = take_snapshot(ports(lab, principals=counted), now=AT)
    assert counted.calls == {f"list {ACCOUNT}": 1, "instances": 1}
    assert document["iam"]["accountsRead"] == [{"account": ACCOUNT, "roles": True, "users": True}]
    assert OPERATOR in {item["arn"] for item in document["iam"]["principals"]}


@pytest.mark.parametrize(
    "row",
    [
        f"rolearn: arn:aws:iam::{ACCOUNT}:role/nobody",
        f"userarn: arn:aws:iam::{ACCOUNT}:user/elsewhere/alice",
    ],
)
def test_a_principal_that_a_single_read_does_not_find_is_looked_for_in_the_whole_account(
    row: str, start_lab: Start
) -> None:
    section = "mapRoles" if row.startswith("role") else "mapUsers"
    config_map = _aws_auth("")
    config_map["data"] = {section: f"- {{{row}, username: x}}\n"}
    lab = start_lab(objects=(config_map,))
    document = take_snapshot(ports(lab), now=AT)
    assert document["iam"]["accountsRead"] == [{"account": ACCOUNT, "roles": True, "users": True}]
    assert NODES in {item["arn"] for item in document["iam"]["principals"]}


def test_a_foreign_account_without_a_reader_is_unread_and_named(start_lab: Start) -> None:
    lab = start_lab(
        objects=(
            _aws_auth(f"- {{rolearn: 'arn:aws:iam::{FOREIGN}:role/deployer', username: d}}\n"),
        )
    )
    document = take_snapshot(ports(lab), now=AT)
    assert {"account": FOREIGN, "roles": False, "users": False} in document["iam"]["accountsRead"]
    assert [item["code"] for item in document["unread"]] == ["account-unreadable"]


def test_rows_that_name_nobody_ask_iam_nothing(start_lab: Start) -> None:
    rows = "".join(
        f"- {{rolearn: '{arn}', username: x}}\n"
        for arn in (
            "nonsense",
            "arn:aws:iam::1:role/x",
            f"arn:aws:iam::{ACCOUNT}:root",
            f"arn:aws:sts::{ACCOUNT}:assumed-role/x/y",
            f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
        )
    )
    lab = start_lab(objects=(_aws_auth(rows),), nodegroups=[])
    counted = CountedPrincipals(lab.principals)
    take_snapshot(ports(lab, principals=counted), now=AT)
    assert counted.calls == {"instances": 1, "get": 1}  # the role under the live node


def test_a_denied_listing_keeps_what_single_reads_found(start_lab: Start) -> None:
    lab = start_lab()
    counted = CountedPrincipals(lab.principals, denied=True)
    document = take_snapshot(ports(lab, principals=counted), now=AT)
    assert document["iam"]["principals"] == []
    assert [item["what"] for item in document["unread"]] == [f"iam.principals of {ACCOUNT}"]


def test_the_same_cluster_gives_the_same_document(start_lab: Start) -> None:
    lab = start_lab()
    assert take_snapshot(ports(lab), now=AT) == take_snapshot(ports(lab), now=AT)


def _aws_auth(rows: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": rows},
    }


def test_an_api_server_that_does_not_answer_is_waited_for_once(start_lab: Start) -> None:
    lab = start_lab()
    waited: list[str] = []

    class Silent:
        def read(self) -> Raw | None:
            waited.append("aws-auth")
            raise Failed("api-server-no-answer", "It does not answer.")

    class Others:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a method that nobody may call
            waited.append(name)
            raise AssertionError(name)

    nobody: dict[str, Any] = {"config_maps": Silent(), "rbac": Others()}
    silent = replace(ports(lab), **nobody)
    with pytest.raises(MigratorError) as caught:
        take_snapshot(silent, now=datetime(2026, 11, 22, tzinfo=timezone.utc))
    assert (caught.value.code, waited) == ("api-server-no-answer", ["aws-auth"])
