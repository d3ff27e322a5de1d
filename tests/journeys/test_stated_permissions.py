"""What each command is said to need is what it needs: every command runs with exactly that.

One lab and one migration for all: each command gets its stated IAM actions and Kubernetes rules and
nothing else, and what it asks for is compared with the list both ways.
"""

import json
import re
from collections import Counter, defaultdict
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
from migrator.decide.reach.security_note import COMMANDS as SOC_COMMANDS
from migrator.decide.reach.security_note import security_note
from migrator.decide.running.dead_man import timer_objects
from migrator.model.rbac import AccessRequest
from migrator.model.security_note import SecurityNote
from migrator.run.read_plan import read_plan
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
    ("access", ("access", "demo", "--out", "access.json")),
    ("drift", ("drift", "demo", "--against", "access.json", "--detailed-exitcode")),
    ("drift", ("drift", "plan.json", "--detailed-exitcode")),
    ("report", ("report", "plan.json", "--markdown", "report.md", *_ANSWERS)),
    ("verify --canary-pods", ("verify", "plan.json", *_CANARY, *_ANSWERS)),
    ("rehearse", ("rehearse", "plan.json", *_REHEARSAL, *_ANSWERS)),
    ("cutover", ("cutover", "plan.json", "--confirm", "demo", *_ANSWERS)),
    ("retire", ("retire", "plan.json", "--yes")),
)
# Asked about a role while it is made or bound: no requests.
_OR_HELD = frozenset({"bind", "escalate"})
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("permissions")


@pytest.fixture(scope="module")
def story(folder: Path) -> Story:
    found: dict[str, list[tuple[tuple[str, ...], Asked]]] = defaultdict(list)
    with operator_without_rights(folder) as operator:
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


def _note(folder: Path, name: str) -> SecurityNote:
    plan, digest = read_plan((folder / name).read_bytes())
    return security_note(plan, digest)


def _calls(asked: Asked) -> Counter[str]:
    """What a run changed, as the note for the SOC spells it: without API groups."""
    return Counter(each.operation.removeprefix("kubernetes:") for each in asked.effects)


def _noted(note: SecurityNote, command: str, *, sure: bool = False) -> Counter[str]:
    found: Counter[str] = Counter()
    for call in note.calls:
        if call.command == command and call.effect == "write" and not (sure and call.when):
            found[call.call.partition(".")[0]] += call.count or 0
    return found


def test_the_note_for_the_soc_has_exactly_the_calls_that_an_apply_makes(
    story: Story, folder: Path
) -> None:
    for name, (_, asked) in zip(("first.json", "plan.json"), story["apply"], strict=True):
        note = _note(folder, name)
        assert _calls(asked) == _noted(note, "apply", sure=True)
        on = {str(each.detail.get("principalArn")) for each in asked.effects} - {"None"}
        noted = {arn for each in note.calls if each.command == "apply" for arn in each.on}
        assert on == {arn for arn in noted if arn.startswith("arn:aws:iam:")}


def test_a_rollback_undoes_nothing_that_the_note_for_the_soc_does_not_have(
    story: Story, folder: Path
) -> None:
    ((_, asked),) = story["rollback"]
    assert asked.effects
    assert _calls(asked) <= _noted(_note(folder, "first.json"), "rollback")


@pytest.mark.parametrize("command", SOC_COMMANDS)
def test_the_note_for_the_soc_has_every_call_of_a_command(
    command: str, story: Story, folder: Path
) -> None:
    for (_, name, *_), asked in story[command]:
        calls = [each for each in _note(folder, name).calls if each.command == command]
        noted = {each.call for each in calls}
        spelled = {each.partition(".")[0] for each in noted}
        # Actions that EKS asks within another call are no calls.
        assert asked.actions - {"iam:PassRole"} <= noted
        assert set(_calls(asked)) <= spelled
        assert {_call(each) for each in asked.requests if each.verb not in _OR_HELD} <= noted


def _call(request: AccessRequest) -> str:
    """A request as the note spells it: a server-side apply is one patch."""
    verb, resource = request.verb, ".".join(filter(None, (request.resource, request.api_group)))
    applied = request.api_group or request.resource in ("serviceaccounts", "configmaps")
    if verb == "create" and applied and request.api_group != "coordination.k8s.io":
        verb = "patch"
    return f"{verb} {resource}"


def test_the_note_for_the_soc_lists_no_write_that_no_command_makes(
    story: Story, folder: Path
) -> None:
    for command in set(SOC_COMMANDS) - {"apply", "rollback"}:
        made = set[str]().union(*(_calls(asked) for _, asked in story[command]))
        noted = {
            each.call.partition(".")[0]
            for each in _note(folder, "plan.json").calls
            if each.command == command and each.effect == "write" and not each.when
        }
        assert noted <= made


def test_the_report_has_the_note_for_the_soc_with_its_runs(story: Story, folder: Path) -> None:
    assert story["report"]
    report = (folder / "report.md").read_text(encoding="utf-8")
    note = report.partition("## Note for the SOC")[2]
    assert "migrate-run" in note
    assert "apply by arn:aws:sts::111122223333:assumed-role/migration-operator/lab, 20" in note
    assert re.search(r"`(\d+) x eks:CreateAccessEntry, made: \1`", note)


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
