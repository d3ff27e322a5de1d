"""The commands that a drift prints settle it: a world is changed by every kind of change and every
pair of them, the lines are carried out as EKS carries them out, and the next drift says nothing.

EKS here is a few lines of its own rules: it takes no entry of a principal that IAM does not have,
none twice, and ties an entry to the principal that has the name when it is made.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import combinations, product
from typing import Any, TypeAlias

import msgspec
import pytest

from migrator.decide.auditing.access_now import access_now
from migrator.decide.auditing.expected_access import expected_access
from migrator.decide.auditing.find_drift import find_drift
from migrator.decide.planning.make_plan import make_plan
from migrator.decide.running.progress import Progress
from migrator.decide.steps.entry_states import default_username, final_spec
from migrator.model.access_document import AccessDocument
from migrator.model.access_entry import AssociatedPolicy, EntrySpec
from migrator.model.decision import NO_DECISIONS
from migrator.model.drift import DRIFT_KINDS, DriftFinding, DriftOutcome
from migrator.model.files.snapshot import decode_snapshot
from migrator.render.drift_commands import own_commands, settling_commands

ACCOUNT, MAPPED = "111122223333", "222233334444"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
SSO = f"{ROLE}/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops"
OLD, NEXT, THIRD = (f"{SSO}_{letter * 16}" for letter in "abc")
ROW_SSO = f"{ROLE}/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev"
ROW_OLD, ROW_NEXT = (f"{ROW_SSO}_{letter * 16}" for letter in "ab")
ADMIN = f"{ROLE}/admin"
DEV, CI, STRANGER, ROWED, NODES = (f"{ROLE}/{name}" for name in ("dev", "ci", "x", "rowed", "n"))
FAR = f"{ROLE}/team-a/far"
USER = f"arn:aws:iam::{ACCOUNT}:user/people/ana"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS{}Policy"
VIEW, EDIT = POLICY.format("View"), POLICY.format("Edit")
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")


def _row(arn: str, *groups: str, username: str = "u") -> dict[str, Any]:
    """One item of mapRoles: rows leave the path of a role out."""
    name = arn.rpartition("/")[2]
    return {"rolearn": f"{ROLE}/{name}", "username": username, "groups": [*groups]}


@dataclass
class World:
    """A cluster and the IAM of its account."""

    mode: str
    iam: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    text: str = ""
    nodegroups: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = START

    def tick(self) -> datetime:
        """A later moment."""
        self.now += timedelta(minutes=1)
        return self.now

    def born(self, arn: str) -> None:
        """IAM has the principal from now on, with an id of its own."""
        self.iam[arn] = (f"ID{self.tick():%H%M%S}{len(self.iam)}", self.now)

    def create(self, arn: str, **more: Any) -> None:  # noqa: ANN401 - parameters
        """``CreateAccessEntry``."""
        assert arn in self.iam, f"EKS refuses an entry of {arn}: IAM does not have it"
        assert arn not in self.entries, f"EKS refuses a second entry of {arn}"
        kind = more.get("type", "STANDARD")
        standard = kind == "STANDARD"
        assert standard or not {"username", "kubernetesGroups"} & more.keys()
        username = default_username(arn) if standard else "system:node:{{EC2PrivateDNSName}}"
        self.entries[arn] = {
            "principalArn": arn,
            "type": kind,
            "username": more.get("username", username),
            "kubernetesGroups": more.get("kubernetesGroups", [] if standard else ["system:nodes"]),
            "createdAt": self.tick().isoformat(),
            "associatedAccessPolicies": [],
        }

    def associate(self, arn: str, policy: str, scope: Mapping[str, Any]) -> None:
        """``AssociateAccessPolicy``."""
        self.disassociate(arn, policy)
        item = {"policyArn": policy, "accessScope": scope}
        self.entries[arn]["associatedAccessPolicies"].append(item)

    def make(self, arn: str, spec: EntrySpec) -> None:
        """The entry that a plan makes, as it is in the end."""
        more = {} if spec.username is None else {"username": spec.username}
        self.create(arn, kubernetesGroups=[*spec.kubernetes_groups], **more)
        for policy in spec.access_policies:
            self.associate(arn, policy.policy_arn, {"type": policy.scope.type})

    def disassociate(self, arn: str, policy: str) -> None:
        """``DisassociateAccessPolicy``."""
        held = self.entries[arn]["associatedAccessPolicies"]
        held[:] = [each for each in held if each["policyArn"] != policy]

    def snapshot(self) -> dict[str, Any]:
        """What is read of it."""
        data = {"mapRoles": json.dumps(self.rows), "mapAccounts": json.dumps(self.accounts)}
        if self.text:
            data["mapUsers"] = self.text
        principals = [
            {"arn": arn, "id": each, "createDate": at.isoformat()}
            for arn, (each, at) in self.iam.items()
        ]
        read = [{"account": ACCOUNT, "roles": True, "users": True}]
        return {
            "format": "migrator/snapshot/v1",
            "takenAt": self.now.isoformat(),
            "cluster": {
                "name": "prod",
                "arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/prod",
                "createdAt": START.isoformat(),
                "accessConfig": {
                    "authenticationMode": self.mode,
                    "bootstrapClusterCreatorAdminPermissions": False,
                },
            },
            "configMap": {"data": data},
            "nodegroups": self.nodegroups,
            "accessEntries": None if self.mode == "CONFIG_MAP" else [*self.entries.values()],
            "iam": {"principals": principals, "accountsRead": read},
        }

    def access(self, before: AccessDocument | None = None) -> AccessDocument:
        """Who can log in, and what IAM says of those who could before."""
        also = [each.principal_arn for each in before.principals] if before else []
        return access_now(
            decode_snapshot(msgspec.json.decode(msgspec.json.encode(self.snapshot()))), also=also
        )


def _world(mode: str) -> World:
    world = World(mode)
    for arn in (OLD, ROW_OLD, ADMIN, DEV, CI, STRANGER, ROWED, NODES, FAR, USER):
        world.born(arn)
    world.rows = [
        _row(ROWED, "rows"),
        _row(FAR, "far"),
        _row(ROW_OLD, "devs"),
        _row(ADMIN, "system:masters", username="admin"),
        _row(CI, "ci"),
        _row(DEV, "devs"),
    ]
    world.accounts = [MAPPED]
    if mode != "CONFIG_MAP":
        _add_entries(world)
    return world


def _add_entries(world: World) -> None:
    """The entries that a migration makes."""
    world.create(OLD, kubernetesGroups=["ops"])
    world.associate(OLD, VIEW, {"type": "cluster"})
    world.create(DEV, username="dev", kubernetesGroups=["devs"])
    world.create(CI, username="ci:{{SessionName}}")
    world.associate(CI, EDIT, {"type": "namespace", "namespaces": ["shop"]})
    world.create(ADMIN, username="admin")
    world.associate(ADMIN, POLICY.format("ClusterAdmin"), {"type": "cluster"})
    world.create(USER)
    world.create(FAR, kubernetesGroups=["far"])


def _delete_principal(arn: str, successor: str = "") -> Callable[[World], None]:
    def change(world: World) -> None:
        world.iam.pop(arn, None)
        if successor and successor not in world.iam:
            world.born(successor)

    return change


def _make_principal_again(arn: str, new: str = "") -> Callable[[World], None]:
    def change(world: World) -> None:
        world.iam.pop(arn, None)
        world.born(new or arn)

    return change


def _with_entry(
    arn: str,
    policy: str = "",
    **more: Any,  # noqa: ANN401 - parameters
) -> Callable[[World], None]:
    """An administrator makes an entry, or makes it again."""

    def change(world: World) -> None:
        if arn in world.iam and world.mode != "CONFIG_MAP":
            world.entries.pop(arn, None)
            world.create(arn, **more)
            if policy:
                world.associate(arn, policy, {"type": "cluster"})

    return change


def _without_entry(arn: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.entries.pop(arn, None)

    return change


def _rows(*rows: Mapping[str, Any], less: str = "") -> Callable[[World], None]:
    def change(world: World) -> None:
        name = less.rpartition("/")[2]
        world.rows = [each for each in world.rows if not each["rolearn"].endswith(f"/{name}")]
        world.rows += map(dict, rows)

    return change


def _edit(arn: str) -> Callable[[World], None]:
    """Name, groups, and a policy instead of another."""

    def change(world: World) -> None:
        if arn in world.entries:
            world.entries[arn].update(username="other", kubernetesGroups=["o'hara; $(id)"])
            world.disassociate(arn, EDIT)
            world.associate(arn, VIEW, {"type": "namespace", "namespaces": ["a", "b"]})

    return change


def _accounts(*accounts: str) -> Callable[[World], None]:
    return lambda world: setattr(world, "accounts", [*accounts])


def _switch(mode: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        if MODES.index(mode) > MODES.index(world.mode):
            world.mode = mode

    return change


def _add_nodegroup(world: World) -> None:
    world.nodegroups = [{"nodegroupName": "ng", "nodeRole": NODES, "status": "ACTIVE"}]
    _with_entry(NODES, type="EC2_LINUX")(world)


def _in_turn(*changes: Callable[[World], None]) -> Callable[[World], None]:
    def change(world: World) -> None:
        for each in changes:
            each(world)

    return change


REPLACED = _delete_principal(OLD, NEXT)
RIGHT = _with_entry(NEXT, VIEW, kubernetesGroups=["ops"])
CHANGES: Mapping[str, Callable[[World], None]] = {
    "entry added": _with_entry(STRANGER, VIEW),
    "entry added to a row": _with_entry(ROWED, VIEW),
    "row moved to an entry": _in_turn(
        _with_entry(ROWED, kubernetesGroups=["rows"]), _rows(less=ROWED)
    ),
    "entry deleted": _without_entry(DEV),
    "entry of an administrator deleted": _without_entry(ADMIN),
    "administrator made again": _make_principal_again(ADMIN),
    "administrator with a row alone made again": _in_turn(
        _make_principal_again(ADMIN), _without_entry(ADMIN)
    ),
    "entry changed": _edit(CI),
    "entry of another type": _with_entry(CI, type="EC2_LINUX"),
    "entry changed, principal deleted": _in_turn(_edit(CI), _delete_principal(CI)),
    "entry added, principal deleted": _in_turn(_with_entry(STRANGER), _delete_principal(STRANGER)),
    "role deleted": _delete_principal(DEV),
    "user deleted": _delete_principal(USER),
    "role and entry deleted": _in_turn(_delete_principal(DEV), _without_entry(DEV)),
    "role with a path deleted": _delete_principal(FAR),
    "role made again": _make_principal_again(CI),
    "role made again, entry deleted": _in_turn(_make_principal_again(CI), _without_entry(CI)),
    "role made again, entry changed": _in_turn(_edit(CI), _make_principal_again(CI)),
    "role made again under another path": _make_principal_again(FAR, f"{ROLE}/team-b/far"),
    "user made again": _make_principal_again(USER),
    "set replaced": REPLACED,
    "set replaced twice": _in_turn(REPLACED, _delete_principal(NEXT, THIRD)),
    "set replaced, entry changed": _in_turn(_edit(OLD), REPLACED),
    "set replaced, entry deleted": _in_turn(REPLACED, _without_entry(OLD)),
    "set replaced, successor wrong": _in_turn(REPLACED, _with_entry(NEXT, EDIT)),
    "set replaced, successor of another type": _in_turn(
        REPLACED, _with_entry(NEXT, type="EC2_LINUX")
    ),
    "set replaced, successor right": _in_turn(REPLACED, RIGHT),
    "set handed over": _in_turn(REPLACED, RIGHT, _without_entry(OLD)),
    "set handed over, then made again": _in_turn(
        REPLACED, RIGHT, _without_entry(OLD), _make_principal_again(NEXT)
    ),
    "set handed over, wrong": _in_turn(REPLACED, _with_entry(NEXT, EDIT), _without_entry(OLD)),
    "set with a row replaced": _delete_principal(ROW_OLD, ROW_NEXT),
    "set with a row handed over": _in_turn(
        _delete_principal(ROW_OLD, ROW_NEXT), _with_entry(ROW_NEXT, kubernetesGroups=["devs"])
    ),
    "role with a row deleted": _delete_principal(ROWED),
    "role with a row made again": _make_principal_again(ROWED),
    "row added": _rows(_row(STRANGER, "system:masters"), less=STRANGER),
    "row deleted": _rows(less=ROWED),
    "row beside an entry deleted": _rows(less=DEV),
    "row changed": _rows(_row(ROWED, "others"), less=ROWED),
    "account added": _accounts(MAPPED, "333344445555"),
    "account deleted": _accounts(),
    "text added": lambda world: setattr(world, "text", "- {username: nobody}\n"),
    "switched to both": _switch("API_AND_CONFIG_MAP"),
    "switched to API": _switch("API"),
    "node group added": _add_nodegroup,
}


@dataclass
class Case:
    """A world that is compared with what it was: with its saved access, or with a plan."""

    world: World
    before: Callable[[AccessDocument], AccessDocument]
    named: AccessDocument
    watch: Callable[[str], None] = lambda _line: None

    def drift(self) -> tuple[DriftOutcome, AccessDocument]:
        """What changed, and the access of now."""
        now = self.world.access(self.named)
        return find_drift(self.before(now), now, against="before"), now

    def follow(self, found: DriftOutcome) -> None:
        """Run what is printed, in order."""
        printed = settling_commands(found, own_commands("prod"))
        for finding in found.findings:
            for line in printed[finding.code, finding.subject]:
                if isinstance(line, str):
                    self._call(shlex.split(line))
                    self.watch(line)
                elif line[0] == "apply":
                    self._apply(line[-1])
                elif line[0] == "retire":
                    self.world.rows, self.world.accounts, self.world.text = [], [], ""
                elif line[0] == "access":
                    self.accept()

    def _apply(self, arn: str) -> None:
        """``apply --only`` of a new plan: an administrator keeps its access by a bridge."""
        world = self.world
        plan = make_plan(decode_snapshot(world.snapshot()), NO_DECISIONS, now=world.now)
        spec = final_spec(plan, arn)
        (planned,) = (each for each in plan.principals if each.principal_arn == arn)
        assert spec is not None and planned.action in ("create", "recreate"), planned
        world.entries.pop(arn, None)
        world.make(arn, spec)

    def accept(self) -> None:
        """``access --save``, and from then on that is what is compared with."""
        self.named = self.world.access()
        self.before = lambda _now: self.named

    def _call(self, words: Sequence[str]) -> None:
        given = json.loads(words[words.index("--cli-input-json") + 1])
        arn, world = given.pop("principalArn"), self.world
        assert given.pop("clusterName") == "prod"
        operation = words[2]
        if operation == "create-access-entry":
            world.create(arn, **given)
            return
        assert arn in world.entries, f"EKS has no entry of {arn}: {operation}"
        match operation:
            case "delete-access-entry":
                del world.entries[arn]
            case "update-access-entry":
                world.entries[arn].update(given)
            case "associate-access-policy":
                world.associate(arn, given["policyArn"], given["accessScope"])
            case "disassociate-access-policy":
                world.disassociate(arn, given["policyArn"])
            case _:
                pytest.fail(operation)


def _by_saved_access(mode: str) -> Case:
    world = _world(mode)
    saved = world.access()
    return Case(world, lambda _now: saved, saved)


def _by_plan(mode: str) -> Case:
    """The plan of a cluster in CONFIG_MAP mode, whose entries were made as it says."""
    world = _world("CONFIG_MAP")
    world.rows.append({**_row(OLD, "ops"), "username": default_username(OLD)})
    plan = make_plan(decode_snapshot(world.snapshot()), NO_DECISIONS, now=world.now)
    world.mode = mode
    for principal in plan.principals if mode != "CONFIG_MAP" else ():
        spec = final_spec(plan, principal.principal_arn)
        if spec is None or principal.action != "create":
            continue
        world.make(principal.principal_arn, spec)
    if mode == "API":
        world.rows, world.accounts = [], []

    def before(now: AccessDocument) -> AccessDocument:
        return expected_access(plan, Progress(), now, tagged=mode != "CONFIG_MAP").document

    return Case(world, before, before(world.access()))


PARTS = 3  # so that no test takes long
BASES = {"saved": _by_saved_access, "plan": _by_plan}


Identity: TypeAlias = tuple[str, tuple[str, ...], tuple[AssociatedPolicy, ...]]


def _admitted(access: AccessDocument) -> dict[str, Sequence[Identity]]:
    """What each principal that can log in is."""
    return {
        each.principal_arn: [(one.username, one.groups, one.policies) for one in each.identities]
        for each in access.principals
        if each.logs_in == "yes"
    }


def _as_entry(identities: Sequence[Identity]) -> Sequence[Identity]:
    """What an entry can give instead of system:masters."""
    admin = AssociatedPolicy(POLICY.format("ClusterAdmin"))
    return [
        (name, (), (admin,)) if "system:masters" in groups else (name, groups, policies)
        for name, groups, policies in identities
    ]


def _is_of_entry(finding: DriftFinding) -> bool:
    return finding.settled_by not in ("plan", "accept")


def _cases() -> list[tuple[str, str]]:
    return [*product(BASES, MODES)]


@pytest.mark.parametrize(("base", "mode"), _cases())
def test_nothing_drifts_before_anything_changes(base: str, mode: str) -> None:
    assert _codes(BASES[base](mode).drift()[0]) == []


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("base", "mode"), _cases())
def test_printed_commands_settle_every_pair_of_changes(base: str, mode: str, part: int) -> None:
    start = BASES[base](mode)
    had = _admitted(start.world.access())
    # In CONFIG_MAP mode there are no entries: one change at a time is enough there.
    pairs = combinations(CHANGES, 2) if mode != "CONFIG_MAP" else ()
    found = [*((each,) for each in CHANGES), *pairs]
    for changes in found[part::PARTS]:
        case = replace(start, world=deepcopy(start.world))
        for change in changes:
            CHANGES[change](case.world)
        _check(case, had, " + ".join(changes))


def _check(case: Case, had: Mapping[str, Sequence[Identity]], said: str) -> None:
    found, now = case.drift()
    case.follow(found)
    # What apply made of a row is corrected to what the entry was.
    if any(each.settled_by == "apply" for each in found.findings):
        case.follow(case.drift()[0])
    again, then = case.drift()
    admitted, after = _admitted(now), _admitted(then)
    lost = {arn for arn in had if arn in admitted and arn not in after}
    assert not lost, f"{said}: the commands of {_codes(found)} deny {lost}"
    # Whoever was admitted by an entry has what it gave, as itself or as the successor.
    for finding in found.findings:
        if finding.wanted is not None:
            arn = finding.successor or finding.subject
            assert arn in after, f"{said}: {finding.code} of {arn}"
            assert finding.subject != arn or _as_entry(after[arn]) == _as_entry(had[arn]), said
    left = {(each.code, each.subject) for each in again.findings if _is_of_entry(each)}
    assert not left, f"{said}: after the commands of {_codes(found)}"
    new = {*_keys(again)} - {*_keys(found)}
    assert not new, f"{said}: after the commands of {_codes(found)}"


def _codes(found: DriftOutcome) -> list[str]:
    return [each.code for each in found.findings]


def _keys(found: DriftOutcome) -> Iterator[tuple[str, str]]:
    yield from ((each.code, each.subject) for each in found.findings)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("change", CHANGES)
def test_no_printed_command_leaves_a_row_that_admits_without_effect(base: str, change: str) -> None:
    """An entry takes the place of its principal's row at once, and its policies come later."""
    case = BASES[base]("API_AND_CONFIG_MAP")
    had = _admitted(case.world.access())
    CHANGES[change](case.world)
    found, now = case.drift()
    by_row = {
        each.principal_arn
        for each in now.principals
        if each.principal_arn in had and any(one.by == "config-map" for one in each.identities)
    }

    def watch(line: str) -> None:
        for each in case.world.access().principals:
            if each.principal_arn in by_row:
                gives = [one for one in each.identities if one.groups or one.policies]
                assert gives, f"{each.principal_arn} has nothing after {line}"

    case.watch = watch
    case.follow(found)


def test_changes_are_of_every_kind() -> None:
    found = {"cluster-made-again"}  # there is nothing to be settled in another cluster
    for base, mode in _cases():
        for change in CHANGES.values():
            case = BASES[base](mode)
            change(case.world)
            found |= {*_codes(case.drift()[0])}
    assert found == set(DRIFT_KINDS)


def test_a_deleted_principal_is_never_given_an_entry_and_a_successor_never_loses_it() -> None:
    """The commands themselves: what EKS refuses, and what denies the only role that is left."""
    case = _by_saved_access("API")
    for name in ("set handed over", "role and entry deleted", "user deleted"):
        CHANGES[name](case.world)
    found, _ = case.drift()
    assert _codes(found) == ["entry-orphaned"]
    assert {each.subject for each in found.settled} >= {OLD, DEV}
