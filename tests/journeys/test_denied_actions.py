"""Every action of a command's list is denied alone: the command does without it, or names it.

The list is that of ``playbooks/reference/permissions.md``. ``make test`` denies each action and
request to one command, and to more where a fault was found; ``make test-crash`` denies each to each
command that has it.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from migrator.model.rbac import AccessRequest
from tests.support.crash_part import part_of
from tests.support.denied_actions import (
    COMMANDS,
    Denied,
    DenyingLab,
    denying_lab,
    is_asked,
    needs,
    spelled,
)
from tests.support.stated_permissions import Asked

# Which command is denied an action that several have. A rehearsal takes a minute each.
_FIRST = (
    *("plan after apply", "status", "observe", "doctor", "apply", "cutover", "rollback", "retire"),
    *("access", "drift", "verify", "report"),
)
_VERBS = ("create", "delete")
_RBAC = "rbac.authorization.k8s.io"
_LEASES = AccessRequest("list", "coordination.k8s.io", "leases", namespace="kube-node-lease")
# Where more than one command answers in a way of its own.
_MORE: tuple[tuple[str, Denied], ...] = (
    ("apply", "eks:ListAccessPolicies"),
    ("apply", "eks:DescribeAccessEntry"),
    ("apply", AccessRequest("list", _RBAC, "roles")),
    ("cutover", "eks:ListAccessPolicies"),
    ("rollback", "eks:DeleteAccessEntry"),
    *(("rollback", AccessRequest(verb, _RBAC, "clusterrolebindings")) for verb in _VERBS),
    ("doctor", "eks:DescribeAccessEntry"),
    ("doctor", "iam:GetRole"),
    *((command, "iam:ListRoles") for command in ("snapshot", "access", "drift")),
    ("verify", "logs:FilterLogEvents"),
    ("report", _LEASES),
)
_WRITES = frozenset({"apply", "rehearse", "rollback", "cutover", "retire"})
# 5 says that the cluster changed, and 2 that it would: no denial shows that.
_HONEST = frozenset({0, 1, 3, 4, 6, 7})

# Lines that only say how far a run is.
_PROGRESS = re.compile(r"- |waiting: |verified |! taking back ")


def _cases() -> list[tuple[str, Denied]]:
    found: dict[Denied, str] = {}
    for command in _FIRST:
        for denied in needs(command):
            if is_asked(denied):
                found.setdefault(denied, command)
    once = [(command, denied) for denied, command in found.items()]
    return [*dict.fromkeys((*once, *_MORE))]


def _id(case: tuple[str, Denied]) -> str:
    return f"{case[0]}, {spelled(case[1])}"


_SHORT = _cases()
_LONG = part_of(
    [
        case
        for command in COMMANDS
        for denied in needs(command)
        if (case := (command, denied)) not in _SHORT
    ]
)


@pytest.fixture(scope="module")
def lab_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], DenyingLab]]:
    """A lab for each command: hundreds of cases of the others move its time by days, in which
    proofs and nodes grow old.
    """
    with ExitStack() as labs:

        @cache
        def lab_of(command: str) -> DenyingLab:
            folder = tmp_path_factory.mktemp(command.replace(" ", "-")) / "work"
            return labs.enter_context(denying_lab(folder))

        yield lab_of


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DenyingLab]:
    with denying_lab(tmp_path_factory.mktemp("denied") / "work") as found:
        yield found


@pytest.mark.parametrize("case", _SHORT, ids=_id)
def test_a_command_names_the_action_that_it_is_denied(
    lab: DenyingLab, case: tuple[str, Denied]
) -> None:
    _deny(lab, *case)


@pytest.mark.crash
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.xdist_group(case[0]), id=_id(case)) for case in _LONG],
)
def test_every_command_names_every_action_that_it_is_denied(
    lab_of: Callable[[str], DenyingLab], case: tuple[str, Denied]
) -> None:
    _deny(lab_of(case[0]), *case)


def _deny(lab: DenyingLab, command: str, denied: Denied) -> None:
    allowed, end = lab.answer(command)
    assert allowed.code == 0, allowed.said
    lab.go_to(command)
    before = lab.end_state()
    lab.deny(denied)
    asked = lab.run(command)
    assert asked.code in _HONEST, asked.said
    assert "Traceback" not in asked.said
    _nothing_half_written(lab, command, asked, before)
    if asked.code != allowed.code or (asked.refused and _plain(asked) != _plain(allowed)):
        assert _names(denied, asked.said), asked.said
    assert _blamed(asked.said) <= {_in_words(denied)}, asked.said
    if command not in _WRITES:
        return
    if asked.code != 0:
        lab.deny(None)
        again = lab.run(command)
        # A rehearsal that was interrupted is ended first, and is none that passed.
        if command == "rehearse" and again.code == 7:
            again = lab.run(command)
        assert again.code == 0, again.said
    assert lab.end_state() == end


def _nothing_half_written(lab: DenyingLab, command: str, asked: Asked, before: object) -> None:
    # A command that only reads, and one that is blocked or refused, has changed nothing.
    if command not in _WRITES or asked.code in (3, 4):
        assert lab.end_state() == before
    written = lab.written("again.json")
    if asked.code == 1:
        assert written is None
    if written is not None:
        json.loads(written)


def _plain(asked: Asked) -> list[str]:
    """The lines of an answer without its times, ids and progress; parallel work has no order."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?", "T", asked.said)
    text = re.sub(r"\b\d\d:\d\d:\d\dZ?", "T", text)
    # By logs or by leases, as long ago as they logged in: either is a proof.
    text = re.sub(r"\d+ of \d+ nodes .*", "NODES", text)
    lines = re.sub(r"\b[0-9a-f]{16}\b", "ID", text).splitlines()
    return sorted(line for line in lines if not _PROGRESS.match(line))


def _names(denied: Denied, said: str) -> bool:
    text = " ".join(said.replace("\\", "").split())
    if isinstance(denied, str):
        return denied in text
    resource = denied.resource if denied.resource != "*" else denied.api_group
    return re.search(rf"\b{denied.verb}\b[^:;]*\b{re.escape(resource)}", text) is not None


def _blamed(said: str) -> set[str]:
    """The service, or the API server, whose permissions an answer says to be missing."""
    text = " ".join(said.replace("\\", "").split())
    # The trust policy of a role of nodes admits nodes alone, whatever else is denied.
    text = re.sub(r"Cannot log in as \S+ IAM does not allow sts:AssumeRole", "", text)
    actions = set(re.findall(r"IAM does not allow ([a-z0-9]+:[A-Za-z]+)", text))
    requests = re.findall(r"API server of \S+ does not allow (\w+) ", text)
    return actions | {f"to {verb}" for verb in requests}


def _in_words(denied: Denied) -> str:
    return denied if isinstance(denied, str) else f"to {denied.verb}"
