"""Rows and principals are read again directly before each write: what changed meanwhile ends that
principal alone.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from migrator.errors import MigratorError
from migrator.model.decision import Acceptance
from migrator.model.outcome import RunOutcome
from migrator.model.plan import Plan
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.roll_back import roll_back
from tests.support.memory_ports import OPERATOR, Cluster, Crash
from tests.support.memory_runs import ALICE, BOB, DEVS, DIGEST, NODES, World, company


def edit_row(cluster: Cluster, arn: str, groups: tuple[str, ...] | None) -> None:
    """An administrator gives a row other groups, or deletes it (None)."""
    assert cluster.data is not None
    rows = json.loads(cluster.data["mapRoles"])
    mine = [row for row in rows if row["rolearn"].rpartition("/")[2] == arn.rpartition("/")[2]]
    for row in mine:
        if groups is None:
            rows.remove(row)
        else:
            row["groups"] = list(groups)
    cluster.data = {"mapRoles": json.dumps(rows)}
    cluster.resource_version += 1
    before = cluster.rows.pop(arn)
    if groups is not None:
        cluster.rows[arn] = replace(before, groups=groups)


def meanwhile(cluster: Cluster, effect: str, act: Callable[[], None]) -> None:
    """Something happens right after an effect, once."""
    left = [act]

    def watch(done: str) -> None:
        if done == effect and left:
            left.pop()()

    cluster.watch = watch


def applied(plan: Plan, world: World) -> RunOutcome:
    return apply_plan(plan, DIGEST, world.ports())


@pytest.mark.parametrize("groups", [None, ("readers",)])
@pytest.mark.parametrize("arn", [ALICE, NODES])
def test_entry_is_not_made_for_a_row_that_was_deleted_or_thinned_meanwhile(
    arn: str, groups: tuple[str, ...] | None
) -> None:
    cluster, plan = company()
    meanwhile(cluster, f"create {DEVS}", lambda: edit_row(cluster, arn, groups))
    world = World(cluster)
    outcome = applied(plan, world)
    assert outcome.exit_code == 5
    assert arn not in cluster.entries
    assert f"create {arn}" not in cluster.effects
    assert {DEVS, OPERATOR} <= set(cluster.entries)  # the others go on
    assert not cluster.bindings
    assert outcome.error is not None
    assert (outcome.error.code, arn in outcome.error.message) == ("row-changed", True)
    assert "migrate plan prod --out plan.json" in outcome.error.remedy
    assert [who for who, _ in outcome.refused] == [arn]


@pytest.mark.parametrize("groups", [None, ("readers",)])
@pytest.mark.parametrize("after", ["create", "associate"])
def test_half_made_entry_is_deleted_when_its_row_was_deleted_or_thinned(
    after: str, groups: tuple[str, ...] | None
) -> None:
    cluster, plan = company()
    meanwhile(cluster, f"{after} {ALICE}", lambda: edit_row(cluster, ALICE, groups))
    outcome = applied(plan, World(cluster))
    assert outcome.exit_code == 5
    assert ALICE not in cluster.entries
    assert not cluster.admin(ALICE)[0]
    assert not cluster.bindings


def test_half_made_entry_stays_while_aws_auth_as_a_whole_is_blank() -> None:
    """A second operator's rehearsal blanks it: nothing says that this principal is to have less."""
    cluster, plan = company()

    def blank() -> None:
        cluster.data = {"mapRoles": ""}

    meanwhile(cluster, f"create {ALICE}", blank)
    outcome = applied(plan, World(cluster))
    assert (outcome.exit_code, cluster.admin(ALICE)[0]) == (5, True)
    assert outcome.error is not None
    assert outcome.error.code == "aws-auth-lost"
    assert cluster.bindings  # the entry is still on it


@pytest.mark.parametrize("text", ["- rolearn: [broken", "[]"])
def test_rows_that_no_longer_parse_or_are_all_gone_are_no_reason_to_make_entries(text: str) -> None:
    cluster, plan = company()

    def write() -> None:
        cluster.data = {"mapRoles": text}

    meanwhile(cluster, "switch API_AND_CONFIG_MAP", write)
    outcome = applied(plan, World(cluster))
    assert outcome.exit_code == 5
    assert not {ALICE, DEVS, OPERATOR, NODES} & set(cluster.entries)


def test_row_shadowed_by_a_later_duplicate_counts_as_changed() -> None:
    cluster, plan = company()

    def shadow() -> None:
        assert cluster.data is not None
        rows = json.loads(cluster.data["mapRoles"])
        rows.append(
            {"rolearn": ALICE.replace("alice", "Alice"), "username": "alice", "groups": ["readers"]}
        )
        cluster.data = {"mapRoles": json.dumps(rows)}

    meanwhile(cluster, f"create {DEVS}", shadow)
    outcome = applied(plan, World(cluster))
    assert outcome.exit_code == 5
    assert ALICE not in cluster.entries
    assert "readers" in dict(outcome.refused)[ALICE]


def with_ids(plan: Plan, cluster: Cluster) -> Plan:
    """The plan with unique ids of its principals, as IAM has them."""
    cluster.ids = {p.principal_arn: f"AROA{number}" for number, p in enumerate(plan.principals)}
    return replace(
        plan,
        principals=tuple(
            replace(p, principal_id=cluster.ids[p.principal_arn]) for p in plan.principals
        ),
    )


@pytest.mark.parametrize(
    ("now", "code"), [("AROANEW", "principal-recreated"), (None, "principal-deleted")]
)
def test_entry_is_not_made_for_a_principal_that_was_recreated_or_deleted(
    now: str | None, code: str
) -> None:
    cluster, plan = company()
    plan = with_ids(plan, cluster)

    def recreate() -> None:
        cluster.ids.pop(ALICE)
        cluster.ids |= {} if now is None else {ALICE: now}
        cluster.now += timedelta(seconds=61)  # ids count for a minute

    meanwhile(cluster, "switch API_AND_CONFIG_MAP", recreate)
    outcome = applied(plan, World(cluster))
    assert outcome.exit_code == 5
    assert ALICE not in cluster.entries
    assert OPERATOR in cluster.entries
    assert outcome.error is not None
    assert outcome.error.code == code


def error_of(plan: Plan, world: World) -> MigratorError:
    try:
        outcome = applied(plan, world)
    except MigratorError as error:
        return error
    assert outcome.exit_code == 5
    assert outcome.error is not None
    return outcome.error


def test_second_apply_names_rows_entries_and_principals_that_changed_since() -> None:
    options = ApplyOptions(waive_verification={NODES: Acceptance("Jo", "seen in the logs")})

    def settled() -> tuple[Cluster, Plan, World]:
        cluster, plan = company()
        plan = with_ids(plan, cluster)
        world = World(cluster)
        assert apply_plan(plan, DIGEST, world.ports(), options).done == len(plan.steps)
        assert applied(plan, world).exit_code == 0
        return cluster, plan, world

    cluster, plan, world = settled()
    edit_row(cluster, DEVS, None)
    error = error_of(plan, world)
    assert (error.code, DEVS in error.message) == ("row-changed", True)
    cluster, plan, world = settled()
    cluster.ids[ALICE] = "AROANEW"
    error = error_of(plan, world)
    assert (error.code, ALICE in error.message) == ("principal-recreated", True)
    cluster, plan, world = settled()
    cluster.entries[ALICE] = replace(cluster.entries[ALICE], kubernetes_groups=("others",))
    assert ALICE in error_of(plan, world).message


def test_last_look_names_an_entry_and_a_row_that_changed_after_their_own_steps() -> None:
    cluster, plan = company()

    def thin() -> None:
        cluster.entries[DEVS] = replace(cluster.entries[DEVS], kubernetes_groups=())

    meanwhile(cluster, "unbind migrator-bridge", thin)
    error = error_of(plan, World(cluster))
    assert (error.code, DEVS in error.message) == ("entry-changed", True)
    cluster, plan = company()
    meanwhile(cluster, "unbind migrator-bridge", lambda: edit_row(cluster, DEVS, ("readers",)))
    error = error_of(plan, World(cluster))
    assert error.code == "row-changed"
    assert 'groups "readers"' in error.message
    assert 'groups "devs"' in error.message


def test_last_look_names_a_row_of_a_principal_that_the_plan_does_not_know() -> None:
    cluster, plan = company()

    def add() -> None:
        assert cluster.data is not None
        rows = json.loads(cluster.data["mapRoles"])
        rows.append({"rolearn": BOB, "username": "bob", "groups": ["devs"]})
        cluster.data = {"mapRoles": json.dumps(rows)}

    meanwhile(cluster, "unbind migrator-bridge", add)
    error = error_of(plan, World(cluster))
    assert (error.code, BOB in error.message) == ("row-added", True)


def test_kill_after_the_row_changed_leaves_a_roll_back_that_deletes_the_half_made_entry() -> None:
    """The journal has why the sequence ended, so that a roll-back may delete what the row no longer
    gives.
    """
    cluster, plan = company()
    meanwhile(cluster, f"associate {ALICE}", lambda: edit_row(cluster, ALICE, None))
    world = World(cluster)

    def die(line: bytes) -> None:
        if b'"undoing"' in line:
            raise Crash("undoing")

    world.store.watch = die
    with pytest.raises(Crash):
        applied(plan, world)
    assert ALICE in cluster.entries
    world.store.watch = None
    outcome = roll_back(plan, DIGEST, world.ports())
    assert (outcome.exit_code, ALICE in cluster.entries, cluster.bindings) == (0, False, {})


def test_finished_roll_back_lets_apply_go_forward_again() -> None:
    cluster, plan = company()
    world = World(cluster)
    applied(plan, world)
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert applied(plan, world).exit_code == 7


@pytest.mark.parametrize("groups", [None, ("readers",)])
@pytest.mark.parametrize("arn", [ALICE, DEVS])
def test_roll_back_names_a_row_that_was_edited_while_its_entry_was_deleted(
    arn: str, groups: tuple[str, ...] | None
) -> None:
    """Between the look at the row and the deletion of the entry over it, an edit goes unseen."""
    cluster, plan = company()
    world = World(cluster)
    applied(plan, world)
    meanwhile(cluster, f"delete {arn}", lambda: edit_row(cluster, arn, groups))
    outcome = roll_back(plan, DIGEST, world.ports())
    assert (outcome.exit_code, set(cluster.entries) & {ALICE, DEVS}) == (5, set())
    assert outcome.error is not None
    assert (outcome.error.code, arn in outcome.error.message) == ("row-changed", True)
    assert "roll-back is done" in outcome.error.remedy
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0  # nothing is left to do


def test_roll_back_without_aws_auth_on_the_way_does_not_say_that_it_is_done() -> None:
    cluster, plan = company()
    world = World(cluster)
    applied(plan, world)
    saved = cluster.data

    def lose() -> None:
        cluster.data = None

    meanwhile(cluster, f"delete {DEVS}", lose)
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.error is not None
    assert (outcome.exit_code, outcome.error.code) == (5, "aws-auth-lost")
    assert ALICE in cluster.entries
    assert "done" not in outcome.error.remedy
    assert "run the same command again" in outcome.error.remedy
    cluster.data = saved  # the remedy
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert not cluster.bindings
