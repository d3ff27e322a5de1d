"""Writes ``reference/permissions.md``: what each command needs, from the program's own lists.

A test compares; ``UPDATE_GOLDEN=1 python -m pytest tests/docs/test_permissions_page.py`` writes it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from migrator.decide.reach.required_permissions import (
    COMMANDS,
    FLEET_CALLER,
    FLEET_ROLE,
    LOCKING,
    ONLY_WHERE,
    OPEN_ENDPOINT,
    TUNNEL,
    actions_of,
)
from migrator.decide.reach.required_requests import (
    LOCK_REQUESTS,
    conditional_requests_of,
    kubernetes_needs_of,
)
from migrator.model.rbac import AccessRequest

_HEAD = """\
# Permissions

What the caller of each command needs. The page is generated from the lists that `migrate doctor`
checks, and a test runs every command with exactly these permissions.

`migrate doctor CLUSTER --policy` prints an IAM policy for all commands on one cluster, with
`--policy COMMAND` for one command, and
`migrate doctor CLUSTER` says what the caller lacks. A read that is not allowed makes an answer
weaker: what was not read is said to be unknown.

Commands that read files alone (`show`, `explain`, `generate` of a plan) need nothing; "all" leaves
them out. `generate` of a cluster needs what `snapshot` needs.

## IAM

Each command that gets `--reader-role ROLE` needs `sts:AssumeRole` on that role, and the role
`iam:GetRole`, `iam:GetUser`, `iam:ListRoles` and `iam:ListUsers` in its account.
Each command that gets `--open-endpoint-for-me`, and `migrate doctor CLUSTER --close-endpoint`,
needs besides: {endpoint}. `migrate --open-endpoint-for-me doctor CLUSTER --policy` has these, too.
State in a bucket (`--state-dir s3://…`) needs more. So does a tunnel (`--via ssm:…`): {tunnel};
the last one where no instance is named by its id. Sessions are started with the condition
`ssm:SessionDocumentAccessCheck`, without which they may also be shells.
`migrate --via ssm:auto doctor CLUSTER --policy` has these, too.
A command of a fleet needs of its caller: {caller} (the organization's where fleet.yaml has
`organization`). The role in each account needs what the command needs on one cluster, on all of its
clusters, and {role} (the second one where its Regions are all).
`migrate doctor --policy 'fleet plan'` prints both;
`fleet status` and `fleet report` read files alone.
`iam:PassRole` and `sts:AssumeRole` can be limited to the roles of the plan.

"""
_KUBERNETES = """
## Kubernetes

Requests to the API server as the caller. Every login may ask its own reviews (`can-i`). An
administrator of the cluster has all of these.

"""


def permissions_page() -> str:
    """The page."""
    return "".join(
        (
            _HEAD.format(
                tunnel=_listed(TUNNEL),
                endpoint=_listed(OPEN_ENDPOINT),
                caller=_listed(FLEET_CALLER),
                role=_listed(FLEET_ROLE),
            ),
            _table(("action", "on", "commands", "when"), _action_rows()),
            _KUBERNETES,
            _table(("request", "commands", "when"), _request_rows()),
        )
    )


def _listed(needs: Iterable[tuple[str, str]]) -> str:
    found = [f"`{action}` on `{kind}`".replace("on `*`", "on all") for action, kind in needs]
    return ", ".join(found)


def _action_rows() -> Iterator[Sequence[str]]:
    commands: dict[tuple[str, str], list[str]] = defaultdict(list)
    for command in COMMANDS:
        for need in actions_of(command):
            commands[need].append(command)
    for (action, kind), users in sorted(commands.items()):
        when = ONLY_WHERE.get((action, kind), "")
        yield f"`{action}`", kind.replace("*", "`*`"), _names(users), when


def _request_rows() -> Iterator[Sequence[str]]:
    commands: dict[tuple[AccessRequest, str], list[str]] = defaultdict(list)
    for command in COMMANDS:
        lock = LOCK_REQUESTS if command in LOCKING else ()
        # A request may be a need of the command and of its lock.
        for request in dict.fromkeys((*kubernetes_needs_of(command), *lock)):
            commands[request, ""].append(command)
        for each in conditional_requests_of(command):
            commands[each.request, each.when].append(command)
    grouped = _by_verbs(commands)
    for thing, verbs, users, when in sorted(grouped):
        yield f"{', '.join(verbs)} {thing}", users, when


def _by_verbs(
    commands: Mapping[tuple[AccessRequest, str], list[str]],
) -> list[tuple[str, tuple[str, ...], str, str]]:
    """Requests that differ in their verb alone, as one."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for (request, when), users in commands.items():
        found[_thing(request), _names(users), when].add(request.verb)
    return [
        (thing, tuple(sorted(verbs)), users, when) for (thing, users, when), verbs in found.items()
    ]


def _thing(request: AccessRequest) -> str:
    resource = request.resource
    if request.api_group:
        resource = f"{resource}.{request.api_group}"
    name = f" `{request.name}`" if request.name else ""
    where = f" in `{request.namespace}`" if request.namespace else ""
    return f"`{resource}`{name}{where}"


def _names(commands: Sequence[str]) -> str:
    others = [command for command in COMMANDS if command not in commands]
    if not others:
        return "all"
    if len(others) < len(commands):
        return f"all but {', '.join(others)}"
    return ", ".join(commands)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
