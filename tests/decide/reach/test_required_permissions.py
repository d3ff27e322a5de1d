"""The permissions that commands need, and the policy that gives them."""

from datetime import datetime, timedelta, timezone

import boto3
import pytest

from migrator.decide.reach.required_permissions import (
    COMMANDS,
    ESSENTIAL,
    LOCKING,
    actions_of,
    lock_tag_needs,
    needs_of,
    policy_document,
)
from migrator.decide.reach.required_requests import kubernetes_needs_of
from migrator.decide.running.dead_man import timer_objects
from migrator.model.plan import ClusterRef
from migrator.model.rbac import AccessRequest

ARN = "arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod"
CLUSTER = ClusterRef("prod", ARN, "111122223333", "cn-north-1", "aws-cn", "CONFIG_MAP")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_action_is_an_operation_of_its_service(command: str) -> None:
    without_operation = {"iam:PassRole"}
    for action, _ in needs_of(command, CLUSTER):
        service, _, name = action.partition(":")
        client = boto3.client(
            service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        assert name in client.meta.service_model.operation_names or action in without_operation


def test_reads_change_nothing_and_apply_holds_every_write() -> None:
    reads = {action for action, _ in needs_of("plan", CLUSTER)}
    assert all(
        action.partition(":")[2].startswith(("Describe", "List", "Get", "Lookup"))
        for action in reads
    )
    assert reads >= ESSENTIAL
    assert {"eks:CreateAccessEntry", "eks:AssociateAccessPolicy", "iam:PassRole"} <= {
        action for action, _ in needs_of("apply", CLUSTER)
    }


def test_what_belongs_to_the_cluster_is_named_in_its_own_partition() -> None:
    resources = {need.action: need.resource for need in reversed(needs_of("apply", CLUSTER))}
    assert resources["eks:CreateAccessEntry"] == ARN
    assert (
        resources["eks:DeleteAccessEntry"]
        == "arn:aws-cn:eks:cn-north-1:111122223333:access-entry/prod/*"
    )
    assert resources["eks:ListAccessPolicies"] == "*"


def test_the_policy_holds_every_need_once() -> None:
    document = policy_document(("plan", "apply"), CLUSTER)
    held = [(action, one["Resource"]) for one in document["Statement"] for action in one["Action"]]
    assert sorted(held) == sorted({tuple(need) for need in needs_of("apply", CLUSTER)})
    assert len(held) == len(set(held))


def test_rehearsing_asks_for_every_object_of_its_timer() -> None:
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    made = timer_objects({"data": {}}, run="r", image="i", length=timedelta(minutes=30), now=now)
    asked = kubernetes_needs_of("rehearse")
    for manifest in made:
        group = manifest["apiVersion"].rpartition("/")[0]
        for verb in ("create", "patch", "delete"):
            resource, name = manifest["kind"].lower() + "s", manifest["metadata"]["name"]
            assert AccessRequest(verb, group, resource, namespace="kube-system", name=name) in asked


def test_only_commands_that_write_aws_auth_ask_to_write_it() -> None:
    def writes(command: str) -> set[str]:
        return {need.verb for need in kubernetes_needs_of(command) if need.name == "aws-auth"} - {
            "get"
        }

    assert writes("plan") == writes("apply") == writes("cutover") == set()
    # The timer's Role holds update and create, so that who makes it must hold them too.
    assert writes("rehearse") == {"patch", "update", "create"}
    assert writes("retire") == {"delete"}
    assert writes("observe") == set()


def test_every_command_that_writes_may_lock_by_a_tag() -> None:
    for command in COMMANDS:
        held = set(lock_tag_needs(CLUSTER)) <= set(needs_of(command, CLUSTER))
        assert held == (command in LOCKING), command


@pytest.mark.parametrize("command", COMMANDS)
def test_actions_of_a_command_are_those_of_its_needs(command: str) -> None:
    stated = [action for action, _ in actions_of(command)]
    assert stated == [need.action for need in needs_of(command, CLUSTER)]
