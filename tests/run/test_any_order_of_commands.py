"""Apply, roll-back, either of them for one principal, kills at each effect: in any order, access is
as it was.

The judge shares nothing with the product: after every effect it asks the cluster in memory who each
principal is and whether it administers the cluster, and compares that with the rows from before.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product

import pytest

from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.plan import Plan, PlannedPrincipal
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    MARKER_GROUP,
    CreateBridge,
    DeleteEntry,
    Prove,
    RemoveBridge,
    UpdateEntry,
)
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.roll_back import RollBackOptions, roll_back
from tests.support.memory_ports import ACCOUNT, OPERATOR, Cluster, Crash
from tests.support.memory_runs import ALICE, BOB, DEVS, DIGEST, PlanBuilder, World

MASTERS = ("system:masters",)
READERS = f"arn:aws:iam::{ACCOUNT}:role/readers"


def recreated() -> tuple[Cluster, Plan]:
    """Two administrators and the operator; one of them, and an ordinary principal, have dead
    entries.
    """
    dead = {
        BOB: AccessEntry(BOB, "STANDARD", "old-bob", ("old",)),
        DEVS: AccessEntry(DEVS, "STANDARD", "old-dev", ("old",)),
    }
    cluster = Cluster(
        rows={
            ALICE: Identity("alice", MASTERS, "config-map"),
            BOB: Identity("bob", MASTERS, "config-map"),
            DEVS: Identity("dev", ("devs",), "config-map"),
            OPERATOR: Identity("operator", MASTERS, "config-map"),
        },
        mode="API_AND_CONFIG_MAP",
        entries=dict(dead),
        dead=set(dead),
    )
    build = PlanBuilder()
    bridge = build.add(
        CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP), undo=RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP)
    )
    devs = build.standard(DEVS, "dev", ("devs",), build.add(DeleteEntry(DEVS, dead[DEVS])))
    bob = build.admin(BOB, "bob", build.add(DeleteEntry(BOB, dead[BOB]), bridge, devs))
    alice = build.admin(ALICE, "alice", bridge, bob)
    operator = build.admin(OPERATOR, "operator", bridge, alice, bob, devs)
    build.add(RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP), bob, alice, operator)
    return cluster, build.plan(cluster)


def updated() -> tuple[Cluster, Plan]:
    """An administrator without an entry, an ordinary principal whose entry is changed in place, and
    the operator.
    """
    thin = EntrySpec("STANDARD", "reader", ("readers",))
    cluster = Cluster(
        rows={
            ALICE: Identity("alice", MASTERS, "config-map"),
            READERS: Identity("reader", ("readers",), "config-map"),
            OPERATOR: Identity("operator", MASTERS, "config-map"),
        },
        mode="API_AND_CONFIG_MAP",
        entries={READERS: AccessEntry(READERS, "STANDARD", "reader", ("readers",))},
    )
    build = PlanBuilder()
    bridge = build.add(
        CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP), undo=RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP)
    )
    wide = EntrySpec("STANDARD", "reader", ("readers", "auditors"))
    marked = EntrySpec("STANDARD", "reader", ("readers", "auditors", MARKER_GROUP))
    before = Identity("reader", ("readers",), "access-entry")
    build.principals.append(PlannedPrincipal(READERS, "update", before, entry=wide))
    changed = build.add(UpdateEntry(READERS, marked, thin), undo=UpdateEntry(READERS, thin, marked))
    shown = build.add(Prove(READERS, "reader", marked.kubernetes_groups, "live", "marker"), changed)
    readers = build.add(
        UpdateEntry(READERS, wide, marked), shown, undo=UpdateEntry(READERS, marked, wide)
    )
    alice = build.admin(ALICE, "alice", bridge)
    operator = build.admin(OPERATOR, "operator", bridge, alice, readers)
    build.add(RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP), alice, operator)
    return cluster, build.plan(cluster)


WORLDS = {"recreate": recreated, "update": updated}
COMMANDS = ("apply", "rollback", "apply-admin", "rollback-admin", "apply-operator")
ADMIN = {"recreate": BOB, "update": ALICE}


def judged(cluster: Cluster) -> list[str]:
    """Wrong answers so far, looked for after every effect."""
    wrong: list[str] = []

    def look(effect: str) -> None:
        for arn, before in cluster.rows.items():
            admin, login = cluster.admin(arn)[0], cluster.login(arn)
            if admin != (before.groups == MASTERS):
                wrong.append(f"after {effect}: {arn} is {'an' if admin else 'no'} administrator")
            if login is None or login.username != before.username:
                wrong.append(f"after {effect}: {arn} logs in as {login}")

    cluster.watch = look
    return wrong


def one_command(name: str, world: World, plan: Plan, admin: str) -> None:
    """Run a command as a new process; a refusal is an answer too."""
    verb, _, who = name.partition("-")
    only = {"": (), "admin": (admin,), "operator": (OPERATOR,)}[who]
    with suppress(MigratorError):
        if verb == "apply":
            apply_plan(plan, DIGEST, world.ports(), ApplyOptions(only=only, abandon_rollback=True))
        else:
            roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=only))


def run_sequence(
    kind: str, commands: Sequence[str], kill: tuple[int, int, str] | None = None
) -> tuple[list[str], int]:
    """``(wrong answers, effects of the command that may be killed)``; ``kill``: which command,
    which effect, when.
    """
    cluster, plan = WORLDS[kind]()
    world, wrong, reached = World(cluster), judged(cluster), 0
    for place, name in enumerate(commands):
        began = len(cluster.effects)
        if kill is not None and kill[0] == place:
            cluster.crash_at = (began + kill[1], kill[2])
        with suppress(Crash):
            one_command(name, world, plan, ADMIN[kind])
        cluster.crash_at = None
        reached = max(reached, len(cluster.effects) - began)
    return wrong, reached


def sequences(length: int) -> Iterator[tuple[str, ...]]:
    return product(COMMANDS, repeat=length)


@pytest.mark.parametrize("kind", WORLDS)
def test_apply_again_after_a_roll_back_builds_the_bridge_before_any_entry_names_it(
    kind: str,
) -> None:
    wrong, _ = run_sequence(kind, ("apply", "rollback", "apply"))
    assert wrong == []


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("length", [3, pytest.param(4, marks=pytest.mark.crash)])
def test_no_order_of_commands_opens_a_gap(kind: str, length: int) -> None:
    found = {
        commands: wrong
        for commands in sequences(length)
        if (wrong := run_sequence(kind, commands)[0])
    }
    assert not found, next(iter(found.items()))


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_no_kill_before_a_roll_back_and_another_apply_opens_a_gap(kind: str, when: str) -> None:
    for k in range(1, run_sequence(kind, ("apply",))[1] + 1):
        wrong, _ = run_sequence(kind, ("apply", "rollback", "apply"), (0, k, when))
        assert not wrong, (k, wrong)


@pytest.mark.crash
@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_no_kill_in_an_order_of_three_commands_opens_a_gap(kind: str, when: str) -> None:
    for commands in sequences(2):
        for killed in commands[:1], commands:
            place = len(killed) - 1
            effects = run_sequence(kind, killed)[1]
            for k in range(1, effects + 1):
                for last in ("apply", "rollback"):
                    wrong, _ = run_sequence(kind, (*killed, last, "apply"), (place, k, when))
                    assert not wrong, (killed, last, k, wrong)


@pytest.mark.parametrize("kind", WORLDS)
def test_a_bridge_that_another_operator_deleted_is_built_again(kind: str) -> None:
    """Between any two effects of a killed run, and while the run goes on: no entry is put on a
    bridge that is gone.
    """
    effects = run_sequence(kind, ("apply",))[1]
    for k in range(1, effects):
        cluster, plan = WORLDS[kind]()
        world = World(cluster)
        cluster.crash_at = (k, "after")
        with suppress(Crash):
            one_command("apply", world, plan, ADMIN[kind])
        cluster.crash_at = None
        cluster.bindings.clear()
        wrong = judged(cluster)
        one_command("apply", world, plan, ADMIN[kind])
        put_on = [
            w
            for w in wrong
            if "create" in w and any(arn in w.split(":")[0] for arn in cluster.rows)
        ]
        assert not put_on, (k, put_on)
        assert cluster.bindings == {}
        assert all(
            cluster.admin(arn)[0] for arn, row in cluster.rows.items() if row.groups == MASTERS
        )
