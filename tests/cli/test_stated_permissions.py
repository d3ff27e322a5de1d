"""What each command is said to need is what it needs: every command runs with exactly that.

One lab and one migration for all: each command gets its stated IAM actions and Kubernetes rules and
nothing else, and what it asks for is compared with the list both ways.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

import pytest

from migrator.decide.reach.required_permissions import (
    COMMANDS,
    LOCKING,
    ONLY_WHERE,
    OPEN_ENDPOINT,
    READER_ROLE,
    actions_of,
)
from migrator.decide.reach.required_requests import (
    LOCK_REQUESTS,
    conditional_requests_of,
    kubernetes_needs_of,
)
from migrator.decide.running.dead_man import timer_objects
from migrator.model.rbac import AccessRequest
from tests.support.stated_permissions import Asked, Operator, operator_without_rights, stated_as

_ANSWERS = ("--decisions", "decisions.yaml")
_REHEARSAL = ("--for", "30m", "--image", "example/migrate:1")
_CANARY = ("--canary-pods", "--canary-image", "example/pause:1")
# A migration with every command; the first plan is rolled back, the second one is finished.
_STORY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("snapshot", ("snapshot", "demo", "--out", "snapshot.json")),
    ("observe", ("observe", "demo")),
    ("observe", ("observe", "demo", "--scan", "filter", "--fresh")),
    ("doctor", ("doctor", "demo")),
    ("plan", ("plan", "demo", "--out", "first.json", *_ANSWERS)),
    ("verify", ("verify", "first.json", "--baseline", *_ANSWERS)),
    ("apply", ("apply", "first.json", "--yes", *_ANSWERS)),
    ("rollback", ("rollback", "first.json", "--yes")),
    ("snapshot", ("snapshot", "demo", "--out", "again.json")),
    ("observe", ("observe", "demo", "--fresh")),
    ("plan", ("plan", "demo", "--out", "plan.json", *_ANSWERS)),
    ("verify", ("verify", "plan.json", "--baseline", *_ANSWERS)),
    ("apply", ("apply", "plan.json", "--yes", *_ANSWERS)),
    ("doctor", ("doctor", "demo")),
    ("status", ("status", "plan.json")),
    ("report", ("report", "plan.json", "--markdown", "report.md", *_ANSWERS)),
    ("verify --canary-pods", ("verify", "plan.json", *_CANARY, *_ANSWERS)),
    ("rehearse", ("rehearse", "plan.json", *_REHEARSAL, *_ANSWERS)),
    ("cutover", ("cutover", "plan.json", "--confirm", "demo", *_ANSWERS)),
    ("retire", ("retire", "plan.json", "--yes")),
)
Story: TypeAlias = Mapping[str, Sequence[tuple[tuple[str, ...], Asked]]]


# What this migration of this world does not come to.
_NEVER_ASKED_HERE: Mapping[str, str] = {
    "ec2:GetManagedPrefixListEntries": "no security group of this world names a prefix list",
    "eks:TagResource": "the lab asks no action of its own for the tags of a new entry",
    "eks:UntagResource": "the lock is a Lease here: tests/adapters/test_cluster_lock_on_the_lab.py",
    "eks:DisassociateAccessPolicy": "no entry of this world has a policy that the plan takes away",
}
# The caller lacks what the other commands need, and is told.
_ENDS_WITH = {"doctor": 1}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    found: dict[str, list[tuple[tuple[str, ...], Asked]]] = defaultdict(list)
    with operator_without_rights(tmp_path_factory.mktemp("permissions")) as operator:
        for command, arguments in _STORY:
            operator.give(_actions(command), _requests(command))
            found[command].append((arguments, operator.run(*arguments)))
    return found


def _actions(command: str) -> set[str]:
    return {action for action, _ in actions_of(command)} | {READER_ROLE.action}


def _requests(command: str) -> set[AccessRequest]:
    lock = LOCK_REQUESTS if command in LOCKING else ()
    conditional = [each.request for each in conditional_requests_of(command)]
    return {*kubernetes_needs_of(command), *lock, *conditional}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_succeeds_with_exactly_what_is_stated(command: str, story: Story) -> None:
    assert story[command], "no run of the command"
    for arguments, asked in story[command]:
        assert asked.code == _ENDS_WITH.get(command, 0), f"{arguments}: {asked.said}"
        assert asked.refused == set(), f"{arguments}: used and not stated"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_stated_action_is_used_or_says_when(command: str, story: Story) -> None:
    used = set[str]().union(*(asked.actions for _, asked in story[command]))
    idle = {need for need in actions_of(command) if need[0] not in used}
    assert idle <= set(ONLY_WHERE)


def _used(story: Story, command: str, stated: set[AccessRequest]) -> set[AccessRequest]:
    asked = {request for _, run in story[command] for request in run.requests}
    return set[AccessRequest]().union(*(stated_as(request, stated) for request in asked))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_stated_request_is_used(command: str, story: Story) -> None:
    stated = {*kubernetes_needs_of(command)}
    idle = stated - _used(story, command, stated)
    # Who makes the timer's Role must hold its rules: no request asks for them.
    assert idle <= (_rules_of_the_timer() if command == "rehearse" else set())


def _rules_of_the_timer() -> set[AccessRequest]:
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    made = timer_objects({"data": {}}, run="r", image="i", length=timedelta(minutes=30), now=now)
    (role,) = (each for each in made if each["kind"] == "Role")
    return {
        AccessRequest(verb, group, resource, namespace="kube-system", name=name)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule["resourceNames"]
    }


def test_the_rules_of_the_timer_are_stated_for_the_rehearsal() -> None:
    assert _rules_of_the_timer() <= set(kubernetes_needs_of("rehearse"))


def test_every_request_of_the_lock_is_used(story: Story) -> None:
    # It is read where a Lease is there already, and renewed (update) by commands that run longer
    # than a renewal's interval: whether one does here is up to the machine.
    used = (_used(story, command, set(LOCK_REQUESTS)) for command in LOCKING)
    idle = set(LOCK_REQUESTS).difference(*used)
    assert {request.verb for request in idle} <= {"get", "update"}


def test_every_action_is_used_by_some_command(story: Story) -> None:
    used = set[str]().union(*(asked.actions for runs in story.values() for _, asked in runs))
    stated = {action for command in COMMANDS for action, _ in actions_of(command)}
    assert stated - used == set(_NEVER_ASKED_HERE)


def test_what_is_said_to_be_rare_is_stated_by_a_command() -> None:
    stated = {need for command in COMMANDS for need in actions_of(command)}
    assert set(ONLY_WHERE) <= stated


_ADDRESS = "203.0.113.10"  # where the lab sees its clients
_OPENING = ("--open-endpoint-for-me", "--source-address", _ADDRESS)
_DEBT = "cidr=192.0.2.7/32 until=2020-01-01T00:00:00Z state=open by=someone"


def test_opening_and_closing_the_endpoint_use_exactly_what_their_policy_has(
    tmp_path: Path,
) -> None:
    """An operator with the policy that doctor prints for plan with --open-endpoint-for-me plans,
    and one with that of --close-endpoint closes; both ask for each action that is stated.
    """
    with operator_without_rights(tmp_path) as operator:
        (cluster,) = operator.session.world.clusters.values()
        cluster.vpc_config["publicAccessCidrs"] = ["198.51.100.7/32", "192.0.2.7/32"]
        cluster.tags["eks-access-migrator/opened/0123456789abcdef"] = _DEBT
        closed = _with_policy(operator, "doctor", "--close-endpoint")
        _is_enough(closed, operator.run("doctor", "demo", "--close-endpoint", "--yes"))
        opened = _with_policy(operator, "plan", "--open-endpoint-for-me")
        _is_enough(opened, operator.run("plan", "demo", *_OPENING, "--yes", *_ANSWERS))


def _with_policy(operator: Operator, command: str, option: str) -> set[str]:
    """Give the operator the printed policy; its actions."""
    (cluster,) = operator.session.world.clusters.values()
    printed = operator.session.run("doctor", cluster.arn, "--policy", command, option)
    statements = json.loads(printed)["Statement"]
    actions = {action for statement in statements for action in statement["Action"]}
    operator.give({*actions, READER_ROLE.action}, _requests(command))
    return actions


def _is_enough(policy: set[str], asked: Asked) -> None:
    assert (asked.code, asked.refused) == (0, set()), asked.said
    assert {action for action, _ in OPEN_ENDPOINT} <= asked.actions & policy
