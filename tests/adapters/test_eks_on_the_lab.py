"""EKS and IAM adapters over the wire, against the lab's rules, pages and faults."""

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.adapters.aws_session import AwsSettings, RoleToAssume, open_session
from migrator.adapters.eks import EksCluster
from migrator.adapters.iam import IamPrincipals
from migrator.errors import MigratorError
from migrator.lab.worlds.faults import Fault
from migrator.model.access_entry import AccessScope, AssociatedPolicy, EntrySpec
from migrator.model.cluster_updates import ClusterUpdates
from migrator.model.files.snapshot import cluster_ref
from tests.support.small_lab import (
    ACCOUNT,
    ALICE,
    CLUSTER,
    FOREIGN,
    INSTANCE,
    NODES,
    OPERATOR,
    PARTNER,
    READER,
    RUNNER,
    SmallLab,
)

Start = Callable[..., SmallLab]
VIEW = AssociatedPolicy("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy")
SPEC = EntrySpec(username="ci", kubernetes_groups=("team-a", "team-b"))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(MigratorError) as caught:
        call()
    return caught.value.code


def dual(start_lab: Start) -> SmallLab:
    return start_lab(authenticationMode="API_AND_CONFIG_MAP")


def effects(lab: SmallLab, operation: str) -> int:
    return sum(effect.operation.endswith(operation) for effect in lab.lab.world.effects.all(0))


def test_the_cluster_is_described_with_times_as_text(lab: SmallLab) -> None:
    raw = lab.cluster.describe_cluster()
    assert cluster_ref(raw).authentication_mode == "CONFIG_MAP"
    assert raw["createdAt"].endswith("Z")


def test_an_unknown_cluster_is_told(lab: SmallLab) -> None:
    assert (
        code_of(EksCluster(lab.session, "nowhere", lab.tasks).describe_cluster)
        == "cluster-not-found"
    )


def test_the_caller_arrives_through_every_role_of_the_chain(lab: SmallLab) -> None:
    settings = AwsSettings(assume_roles=(RoleToAssume(RUNNER), RoleToAssume(OPERATOR)), run="r1")
    chain = open_session(settings).caller_chain()
    assert chain == (f"arn:aws:iam::{ACCOUNT}:role/operator", RUNNER, OPERATOR)
    identity = open_session(settings).caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/migrate-r1"


def test_config_map_mode_has_no_entries_to_list(lab: SmallLab) -> None:
    assert lab.cluster.list_access_entries() is None
    assert lab.entries.describe(RUNNER) is None
    assert (
        code_of(lambda: lab.entries.create(RUNNER, SPEC, tags={}, token="t1"))
        == "entries-not-enabled"
    )


def test_entries_are_created_changed_and_deleted(start_lab: Start) -> None:
    lab = dual(start_lab)
    lab.entries.create(RUNNER, SPEC, tags={"eks-access-migrator/plan": "sha256:x"}, token="t1")
    lab.entries.associate(RUNNER, VIEW)
    found = lab.entries.describe(RUNNER)
    assert found is not None
    assert (found.username, found.kubernetes_groups, found.access_policies) == (
        "ci",
        ("team-a", "team-b"),
        (VIEW,),
    )
    assert found.tags["eks-access-migrator/plan"] == "sha256:x"
    narrow = replace(VIEW, scope=AccessScope("namespace", ("dev-*", "test")))
    lab.entries.associate(RUNNER, narrow)
    lab.entries.update(RUNNER, EntrySpec(username="ci-2", kubernetes_groups=()), token="t2")
    found = lab.entries.describe(RUNNER)
    assert found is not None
    assert (found.username, found.kubernetes_groups, found.access_policies) == (
        "ci-2",
        (),
        (narrow,),
    )
    lab.entries.disassociate(RUNNER, VIEW.policy_arn)
    lab.entries.delete(RUNNER)
    assert lab.entries.describe(RUNNER) is None


def test_node_entries_are_sent_without_name_and_groups(start_lab: Start) -> None:
    lab = start_lab(authenticationMode="API_AND_CONFIG_MAP", nodegroups=[])
    spec = EntrySpec(
        type="EC2_LINUX", username="system:node:x", kubernetes_groups=("system:nodes",)
    )
    lab.entries.create(NODES, spec, tags={}, token="t1")
    found = lab.entries.describe(NODES)
    assert found is not None
    assert found.type == "EC2_LINUX"


def test_a_username_of_none_is_left_to_eks(start_lab: Start) -> None:
    lab = dual(start_lab)
    lab.entries.create(RUNNER, EntrySpec(), tags={}, token="t1")
    found = lab.entries.describe(RUNNER)
    assert found is not None
    assert found.username == f"arn:aws:sts::{ACCOUNT}:assumed-role/runner/{{{{SessionName}}}}"


def test_refusals_of_eks_have_codes_of_their_own(start_lab: Start) -> None:
    lab = dual(start_lab)
    create = lab.entries.create
    pathless = f"arn:aws:iam::{ACCOUNT}:role/runner"
    assert code_of(lambda: create(pathless, SPEC, tags={}, token="t1")) == "invalid-principal"
    masters = EntrySpec(kubernetes_groups=("system:masters",))
    assert code_of(lambda: create(RUNNER, masters, tags={}, token="t2")) == "invalid-entry"
    assert code_of(lambda: create(OPERATOR, SPEC, tags={}, token="t3")) == "entry-exists"
    assert code_of(lambda: lab.entries.update(RUNNER, SPEC, token="t4")) == "entry-not-found"
    assert code_of(lambda: lab.entries.delete(RUNNER)) == "entry-not-found"
    assert code_of(lambda: lab.entries.associate(RUNNER, VIEW)) == "entry-not-found"
    nonsense = AssociatedPolicy("arn:aws:eks::aws:cluster-access-policy/Nonsense")
    assert code_of(lambda: lab.entries.associate(OPERATOR, nonsense)) == "policy-not-found"
    assert code_of(lambda: lab.entries.associate(NODES, VIEW)) == "invalid-policy"


def test_entries_are_listed_to_the_last_page_with_their_policies(start_lab: Start) -> None:
    lab = start_lab(
        authenticationMode="API_AND_CONFIG_MAP",
        accessEntries=[
            {
                "principalArn": RUNNER,
                "username": "ci",
                "policies": [{"policyArn": VIEW.policy_arn}],
            },
            {"principalArn": ALICE, "username": "alice", "kubernetesGroups": ["g"]},
        ],
    )
    lab.lab.world.faults.add(Fault("eks:List*", "partial-page", page_size=1))
    entries = {entry["principalArn"]: entry for entry in lab.cluster.list_access_entries() or []}
    assert {RUNNER, ALICE, OPERATOR, NODES} <= set(entries)
    assert [p["policyArn"] for p in entries[RUNNER]["associatedAccessPolicies"]] == [
        VIEW.policy_arn
    ]
    assert entries[ALICE]["kubernetesGroups"] == ["g"]
    assert len(lab.cluster.list_access_policies()) > 30


def test_an_entry_that_goes_away_during_the_listing_is_left_out(start_lab: Start) -> None:
    lab = start_lab(
        authenticationMode="API_AND_CONFIG_MAP",
        accessEntries=[{"principalArn": RUNNER, "username": "ci"}],
    )
    assert lab.cluster._entry(ALICE) is None


def test_nodegroups_are_described(lab: SmallLab) -> None:
    assert [group["nodeRole"] for group in lab.cluster.list_nodegroups()] == [NODES]
    assert lab.cluster.list_fargate_profiles() == []
    assert lab.cluster.list_capabilities() == []
    assert lab.cluster.list_identity_provider_configs() == []


def test_a_throttled_call_is_waited_for(lab: SmallLab) -> None:
    lab.lab.world.faults.add(Fault("eks:DescribeCluster", "throttle", times=2))
    assert lab.cluster.describe_cluster()["name"] == CLUSTER


def test_a_creation_whose_answer_is_lost_happens_once(start_lab: Start) -> None:
    lab = dual(start_lab)
    before = effects(lab, "CreateAccessEntry")
    lab.lab.world.faults.add(Fault("eks:CreateAccessEntry", "lost-answer", times=1))
    lab.entries.create(RUNNER, SPEC, tags={}, token="t1")
    assert effects(lab, "CreateAccessEntry") == before + 1


def test_a_deletion_whose_answer_is_lost_is_done(start_lab: Start) -> None:
    lab = dual(start_lab)
    lab.entries.create(RUNNER, SPEC, tags={}, token="t1")
    lab.lab.world.faults.add(Fault("eks:DeleteAccessEntry", "lost-answer", times=1))
    lab.entries.delete(RUNNER)
    assert lab.entries.describe(RUNNER) is None


def test_the_mode_is_switched_and_the_update_followed(lab: SmallLab) -> None:
    assert lab.mode.read() == ("CONFIG_MAP", "ACTIVE")
    update = lab.mode.switch("API_AND_CONFIG_MAP", token="t1")
    assert lab.mode.update_status(update) == ("Successful", [])
    assert lab.mode.read() == ("API_AND_CONFIG_MAP", "ACTIVE")


def test_a_skipped_mode_is_refused(lab: SmallLab) -> None:
    assert code_of(lambda: lab.mode.switch("API", token="t1")) == "unsupported-change"


def test_a_second_update_is_told(start_lab: Start) -> None:
    lab = start_lab(updateSeconds=600)
    lab.mode.switch("API_AND_CONFIG_MAP", token="t1")
    assert lab.mode.read()[1] == "UPDATING"
    assert code_of(lambda: lab.mode.switch("API_AND_CONFIG_MAP", token="t2")) in (
        "update-in-progress",
    )


def test_a_switch_whose_answer_is_lost_is_not_sent_again(lab: SmallLab) -> None:
    fault = lab.lab.world.faults.add(Fault("eks:UpdateClusterConfig", "lost-answer"))
    assert code_of(lambda: lab.mode.switch("API_AND_CONFIG_MAP", token="t1")) == "aws-no-answer"
    assert fault.seen == 1
    assert lab.mode.read()[0] == "API_AND_CONFIG_MAP"


def test_a_failed_update_tells_why(lab: SmallLab) -> None:
    lab.lab.world.faults.add(Fault("eks:UpdateClusterConfig", "update-fails"))
    status, errors = lab.mode.update_status(lab.mode.switch("API_AND_CONFIG_MAP", token="t1"))
    assert status == "Failed"
    assert errors


def test_accounts_are_listed_to_the_last_page_and_once(lab: SmallLab) -> None:
    fault = lab.lab.world.faults.add(Fault("iam:ListRoles", "partial-page", page_size=2))
    items, roles, users = lab.principals.list_account(ACCOUNT)
    assert (roles, users) == (True, True)
    arns = {item["arn"]: item for item in items}
    assert {OPERATOR, RUNNER, NODES, ALICE} <= set(arns)
    assert arns[NODES]["trustedServices"] == ["ec2.amazonaws.com"]
    assert arns[RUNNER]["id"].startswith("AROA")
    asked = fault.seen
    lab.principals.list_account(ACCOUNT)
    assert fault.seen == asked


def test_single_reads_go_by_name_and_give_the_full_arn(lab: SmallLab) -> None:
    found = lab.principals.get(f"arn:aws:iam::{ACCOUNT}:role/runner")
    assert found is not None
    assert found["arn"] == RUNNER
    user = lab.principals.get(ALICE)
    assert user is not None
    assert user["id"].startswith("AIDA")
    assert lab.principals.get(f"arn:aws:iam::{ACCOUNT}:role/nobody") is None


@pytest.mark.parametrize(
    "arn", ["nonsense", f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:group/x"]
)
def test_what_is_no_role_or_user_cannot_be_read(arn: str, lab: SmallLab) -> None:
    assert code_of(lambda: lab.principals.get(arn)) == "not-a-principal"


def test_a_foreign_account_is_unread_without_a_reader_role(lab: SmallLab) -> None:
    assert lab.principals.list_account(FOREIGN) == ([], False, False)
    assert code_of(lambda: lab.principals.get(PARTNER)) == "account-unreadable"


def test_a_foreign_account_is_read_through_its_reader_role(lab: SmallLab) -> None:
    principals = IamPrincipals(lab.session, lab.tasks, {FOREIGN: RoleToAssume(READER, "x-17")})
    found = principals.get(f"arn:aws:iam::{FOREIGN}:role/deployer")
    assert found is not None
    assert found["arn"] == PARTNER
    assert principals.list_account(FOREIGN)[1:] == (True, True)


def test_a_reader_role_with_the_wrong_external_id_is_a_denial(lab: SmallLab) -> None:
    principals = IamPrincipals(lab.session, lab.tasks, {FOREIGN: RoleToAssume(READER, "wrong")})
    assert code_of(lambda: principals.get(PARTNER)) == "iam-denied"
    assert principals.list_account(FOREIGN) == ([], False, False)


def test_instances_lead_to_their_roles_and_what_is_gone_is_left_out(lab: SmallLab) -> None:
    asked = [INSTANCE, "i-0bbbbbbbbbbbbbbbb", "i-0ccccccccccccccccc", "fargate-ip-10-0-0-1"]
    assert lab.principals.roles_of_instances(asked) == {INSTANCE: NODES}


def test_a_missing_permission_names_the_action(lab: SmallLab) -> None:
    session = lab.session.assume(f"arn:aws:iam::{ACCOUNT}:role/reader-only")
    with pytest.raises(MigratorError) as caught:
        EksCluster(session, CLUSTER, lab.tasks).list_nodegroups()
    assert caught.value.code == "iam-denied"
    assert "eks:ListNodegroups" in caught.value.message
    principals = IamPrincipals(session, lab.tasks)
    assert principals.list_account(ACCOUNT) == ([], False, False)
    assert code_of(lambda: principals.roles_of_instances([INSTANCE])) == "iam-denied"


CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nbWFkZSB1cA==\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_certificate_authorities_of_the_bundle_are_counted(start_lab: Start, count: int) -> None:
    lab = dual(start_lab)
    cluster = next(iter(lab.lab.world.clusters.values()))
    data = base64.b64encode(CERTIFICATE * count).decode()
    cluster.raw = {"certificateAuthority": {"data": data}}
    assert lab.cluster.updates_now() == ClusterUpdates((), count)


def test_bundle_that_is_no_base64_counts_none(start_lab: Start) -> None:
    lab = dual(start_lab)
    cluster = next(iter(lab.lab.world.clusters.values()))
    cluster.raw = {"certificateAuthority": {"data": "x"}}
    assert lab.cluster.updates_now().certificate_authorities == 0
