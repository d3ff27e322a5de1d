"""Applying a plan to a cluster in memory: order, adoption, refusals, proofs, and every way to
die.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

import pytest

from migrator.decide.running.waiting import UPDATE_TIMEOUT
from migrator.errors import Blocked, Changed, Failed, MigratorError, Refused, WrongUse
from migrator.model.access_entry import AccessEntry, EntrySpec, Identity
from migrator.model.decision import Acceptance
from migrator.model.evidence import SelfSubject
from migrator.model.finding import Finding
from migrator.model.plan import Plan
from migrator.model.step import DeleteEntry
from migrator.ports import Raw
from migrator.run.apply_plan import ApplyOptions, apply_plan
from tests.support.memory_ports import OPERATOR, Cluster, Crash, MemoryClock, MemoryPrincipals
from tests.support.memory_runs import (
    ADMIN_POLICY,
    ALICE,
    BOB,
    CREATOR,
    DEVS,
    DIGEST,
    NODES,
    PlanBuilder,
    World,
    company,
)

DEFAULTS = ApplyOptions()
EFFECTS = 14  # of the company's plan; a test holds the number to the plan


def run_to_the_end(world: World, plan: Plan, options: ApplyOptions = DEFAULTS) -> None:
    """Apply until nothing crashes any more, each time as a new process."""
    for _ in range(10):
        try:
            outcome = apply_plan(plan, DIGEST, world.ports(), options)
        except Crash:
            world.cluster.crash_at = None
            continue
        assert outcome.exit_code == (7 if outcome.outstanding else 0), outcome
        return
    raise AssertionError("it never came to an end")


def oracle(cluster: Cluster) -> None:
    """After every effect: whoever was an administrator still is one, and whoever was not is
    none.
    """
    admins = {arn for arn in cluster.rows if "system:masters" in cluster.rows[arn].groups}
    wrong: list[str] = []

    def watch(effect: str) -> None:
        for arn, before in cluster.rows.items():
            if cluster.admin(arn)[0] != (arn in admins):
                wrong.append(f"after {effect}: {arn} is {'no' if arn in admins else 'an'} admin")
            login = cluster.login(arn)
            if login is None or login.username != before.username:
                wrong.append(f"after {effect}: {arn} is {login}")
        assert not wrong, wrong

    cluster.watch = watch


def reference() -> tuple[str, list[str]]:
    cluster, plan = company()
    oracle(cluster)
    run_to_the_end(World(cluster), plan)
    return cluster.describe(), cluster.effects


def test_a_plan_is_applied_to_its_end() -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert (outcome.exit_code, outcome.error, outcome.refused) == (7, None, ())
    assert [arn for arn, _ in outcome.outstanding] == [NODES]
    assert outcome.done == outcome.total - 1
    assert (
        len(cluster.effects) == EFFECTS == len(set(cluster.effects)) + 2
    )  # two admins are updated twice each
    assert cluster.bindings == {}
    assert cluster.entries[ALICE].access_policies == (ADMIN_POLICY,)
    assert cluster.entries[ALICE].kubernetes_groups == ()


def test_a_second_apply_makes_no_change() -> None:
    cluster, plan = company()
    world = World(cluster)
    run_to_the_end(world, plan)
    effects = list(cluster.effects)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7
    assert cluster.effects == effects


@pytest.mark.parametrize("settled", ["everything", "one sequence"])
def test_an_entry_that_somebody_deleted_or_changed_after_its_sequence_ended_is_exit_5(
    settled: str,
) -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(
        plan,
        DIGEST,
        world.ports(),
        DEFAULTS if settled == "everything" else ApplyOptions(only=(DEVS,)),
    )
    cluster.now += timedelta(hours=1)
    entry = cluster.entries.pop(DEVS)
    effects = list(cluster.effects)
    for changed in (None, replace(entry, kubernetes_groups=("others",))):
        if changed is not None:
            cluster.entries[DEVS] = changed
        found = exit_of(plan, world)
        assert (found.exit_code, found.code) == (5, "entry-changed")
        assert DEVS in found.message
        # The other principals get their entries, and nothing is written on this one.
        more = cluster.effects[len(effects) :]
        assert not any(DEVS in effect for effect in more)
        assert bool(more) == (settled == "one sequence" and changed is None)
        effects = list(cluster.effects)


def test_an_entry_that_was_taken_over_as_it_is_has_not_changed() -> None:
    """Infrastructure code that adopts an entry puts tags of its own on it."""
    cluster, plan = company()
    world = World(cluster)
    options = ApplyOptions(waive_verification={NODES: Acceptance("Jo", "seen in the logs")})
    assert apply_plan(plan, DIGEST, world.ports(), options).done == len(plan.steps)
    cluster.entries[DEVS] = replace(cluster.entries[DEVS], tags={"owner": "terraform"})
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0


def exit_of(plan: Plan, world: World) -> MigratorError:
    """The error that a run raises, or ends with."""
    try:
        outcome = apply_plan(plan, DIGEST, world.ports())
    except MigratorError as error:
        return error
    assert outcome.error is not None, outcome
    return outcome.error


def test_an_entry_that_is_not_shown_at_once_is_waited_for() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports(), ApplyOptions(only=(DEVS,)))
    entry, ports = cluster.entries.pop(DEVS), world.ports()
    began = cluster.now

    def shown() -> None:
        if cluster.now > began:
            cluster.entries[DEVS] = entry

    ports = replace(ports, clock=Ticking(cluster, happens=shown))
    assert apply_plan(plan, DIGEST, ports, ApplyOptions(only=(DEVS,))).error is None
    assert cluster.now > began


@dataclass
class Ticking(MemoryClock):
    """Something happens while time passes."""

    happens: Callable[[], None] = lambda: None

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        self.happens()


def test_the_operator_goes_last() -> None:
    _, effects = reference()
    assert effects.index(f"create {OPERATOR}") > max(
        effects.index(f"create {arn}") for arn in (ALICE, DEVS, NODES)
    )


def test_the_operator_waits_until_a_second_admin_is_proven() -> None:
    cluster, plan = company()
    cluster.unassumable |= {ALICE}
    world = World(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert outcome.exit_code == 7  # alice, who is not proven, keeps the bridge
    assert OPERATOR in cluster.entries  # the creator, another admin, could be logged in as
    cluster, plan = company()
    cluster.unassumable |= {ALICE, CREATOR}
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 6
    assert OPERATOR not in cluster.entries
    assert any("second" in step.why for step in outcome.left)


def test_a_person_may_waive_the_second_admin_by_name() -> None:
    cluster, plan = company()
    cluster.unassumable |= {ALICE, CREATOR}
    options = ApplyOptions(waive_gates={"second-admin": Acceptance("Jo", "one-admin cluster")})
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports(), options).exit_code == 7  # alice keeps the bridge
    assert OPERATOR in cluster.entries
    waived = [record.effect for record in world.store.journal() if record.event == "waived"]
    assert waived == [{"gate": "second-admin", "by": "Jo: one-admin cluster"}]


def test_whoever_cannot_be_proven_keeps_the_bridge() -> None:
    cluster, plan = company()
    cluster.unassumable |= {ALICE}
    world = World(cluster)
    oracle(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert ALICE in dict(outcome.outstanding)
    assert [name for _, name in cluster.bindings] == [f"migrator-bridge-{outcome.run}"]
    assert f"migrator-bridge:{outcome.run}" in cluster.entries[ALICE].kubernetes_groups
    cluster.unassumable.clear()  # later somebody can log in as her: the same command finishes
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    assert cluster.bindings == {}
    assert cluster.entries[ALICE].kubernetes_groups == ()


def test_an_attested_proof_is_recorded_with_its_name() -> None:
    cluster, plan = company()
    cluster.unassumable |= {ALICE}
    world = World(cluster)
    options = ApplyOptions(waive_verification={ALICE: Acceptance("Jo", "she is on leave")})
    outcome = apply_plan(plan, DIGEST, world.ports(), options)
    assert ALICE not in dict(outcome.outstanding)
    assert b"attested by Jo: she is on leave" in world.store.files["evidence.jsonl"]
    assert cluster.bindings == {}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, EFFECTS + 1))
def test_a_crash_at_any_effect_ends_in_the_same_state_with_every_effect_once(
    k: int, when: str
) -> None:
    state, effects = reference()
    cluster, plan = company()
    cluster.crash_at = (k, when)
    oracle(cluster)
    run_to_the_end(World(cluster), plan)
    assert cluster.describe() == state
    assert sorted(cluster.effects) == sorted(effects)


@pytest.mark.parametrize("k", range(1, EFFECTS + 1))
def test_a_lost_journal_is_made_up_for_by_looking(k: int) -> None:
    state, effects = reference()
    cluster, plan = company()
    cluster.crash_at = (k, "after")
    oracle(cluster)
    world = World(cluster)
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = None
    world.store.files.pop("journal.jsonl")
    run_to_the_end(world, plan)
    assert cluster.describe() == state
    assert sorted(cluster.effects) == sorted(effects)


def test_a_journal_cut_anywhere_ends_in_the_same_state() -> None:
    state, effects = reference()
    cluster, plan = company()
    full = World(cluster)
    run_to_the_end(full, plan)
    journal = full.store.files["journal.jsonl"]
    ends = [i + 1 for i, byte in enumerate(journal) if byte == 0x0A]
    for end in [0, *ends]:
        for cut in (end, min(len(journal), end + 7)):
            again, plan = company()
            oracle(again)
            world = World(again)
            run_to_the_end(world, plan)
            world.store.files["journal.jsonl"] = journal[:cut]
            run_to_the_end(world, plan)
            assert again.describe() == state, cut
            assert sorted(again.effects) == sorted(effects), cut


def test_an_invalid_principal_is_given_up_and_the_others_go_on() -> None:
    cluster, plan = company()
    cluster.invalid |= {DEVS}
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 1
    assert [arn for arn, _ in outcome.refused] == [DEVS]
    assert {ALICE, NODES, OPERATOR} <= set(cluster.entries)
    assert DEVS not in cluster.entries


def test_a_principal_given_up_is_tried_again_by_the_next_run() -> None:
    cluster, plan = company()
    cluster.invalid |= {DEVS}
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.invalid.clear()
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7
    assert DEVS in cluster.entries


class DeadEntries(Cluster):
    """EKS takes the entries of some principals but its authenticator never matches them."""

    def __init__(self, like: Cluster, dead: set[str]) -> None:
        super().__init__(rows=like.rows, automatic=like.automatic, unassumable=like.unassumable)
        self.always_dead = dead

    def login(self, arn: str) -> SelfSubject | None:
        self.dead |= self.always_dead
        return super().login(arn)


def test_what_is_not_proven_after_two_minutes_is_taken_back() -> None:
    like, plan = company()
    cluster = DeadEntries(like, {DEVS})
    began = cluster.now
    world = World(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert outcome.exit_code == 6
    assert DEVS not in cluster.entries
    assert 120 <= (cluster.now - began).total_seconds() < 300
    assert cluster.effects.count(f"delete {DEVS}") == 1
    assert OPERATOR not in cluster.entries  # whoever requires it does not begin


def test_keep_going_lets_the_others_begin_after_a_failed_proof() -> None:
    like, plan = company()
    cluster = DeadEntries(like, {DEVS})
    outcome = apply_plan(plan, DIGEST, World(cluster).ports(), ApplyOptions(keep_going=True))
    assert outcome.exit_code == 6
    assert OPERATOR in cluster.entries


def test_nothing_is_taken_back_where_the_row_would_not_answer() -> None:
    like, plan = company()
    cluster = DeadEntries(like, {DEVS})

    def edit(effect: str) -> None:
        if effect == f"create {DEVS}" and cluster.data is not None:
            rows = [row for row in json.loads(cluster.data["mapRoles"]) if row["username"] != "dev"]
            cluster.data = {"mapRoles": json.dumps(rows)}

    cluster.watch = edit
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 5
    assert outcome.error is not None
    assert DEVS in outcome.error.message
    assert DEVS in cluster.entries
    assert any("lock it out" in step.why for step in outcome.left) or outcome.refused


def test_only_touches_the_principals_that_were_asked_for() -> None:
    cluster, plan = company()
    outcome = apply_plan(plan, DIGEST, World(cluster).ports(), ApplyOptions(only=(DEVS,)))
    assert (outcome.exit_code, {each.why for each in outcome.left}) == (7, {"not asked for"})
    assert set(cluster.entries) == {DEVS, CREATOR}
    with pytest.raises(WrongUse):
        apply_plan(plan, DIGEST, World(cluster).ports(), ApplyOptions(only=(BOB,)))


def test_apply_of_some_principals_leaves_no_bridge_to_cluster_admin() -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    for arn in (DEVS, ALICE):
        outcome = apply_plan(plan, DIGEST, world.ports(), ApplyOptions(only=(arn,)))
        assert (outcome.exit_code, outcome.error, outcome.leftovers) == (7, None, ()), outcome
        assert not [name for name in cluster.bindings if "bridge" in str(name)]
        assert any("bridge" in effect for effect in cluster.effects) == (arn == ALICE)
    done = apply_plan(plan, DIGEST, world.ports())
    assert done.exit_code == 7
    assert OPERATOR in cluster.entries
    assert not [name for name in cluster.bindings if "bridge" in str(name)]


def test_bridge_that_an_unproven_principal_keeps_is_not_0() -> None:
    cluster, plan = company()
    cluster.unassumable |= {ALICE}
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert (outcome.exit_code, outcome.error) == (7, None)
    assert outcome.leftovers[0].startswith(
        f"cluster-admin binding migrator-bridge-{outcome.run} of group"
    )
    assert "finish it with `migrate apply PLAN`" in outcome.leftovers[0]


def test_a_blocked_plan_is_not_begun() -> None:
    cluster, plan = company()
    blocked = replace(plan, findings=(Finding("x", "block", "m", "r", "https://x"),))
    world = World(cluster)
    with pytest.raises(Blocked):
        apply_plan(blocked, DIGEST, world.ports())
    assert world.store.files == {}


def test_a_plan_for_another_cluster_is_refused() -> None:
    cluster, plan = company()
    other = replace(plan, cluster=replace(plan.cluster, arn=plan.cluster.arn + "-2"))
    world = World(cluster)
    with pytest.raises(Refused) as refused:
        apply_plan(other, DIGEST, world.ports())
    assert refused.value.code == "plan-for-other-cluster"
    assert world.store.files == {}


def test_a_cluster_that_changed_since_the_plan_is_exit_5_and_says_what() -> None:
    cluster, plan = company()
    cluster.data = {"mapRoles": "- rolearn: y\n"}
    world = World(cluster)
    with pytest.raises(Changed) as changed:
        apply_plan(plan, DIGEST, world.ports())
    assert "rolearn: y" in changed.value.why
    assert world.store.files == {}
    assert cluster.effects == []


def test_a_no_to_the_one_way_step_leaves_everything_as_it_was() -> None:
    cluster, plan = company()
    world = World(cluster)
    world.approver.yes = False
    with pytest.raises(Refused):
        apply_plan(plan, DIGEST, world.ports())
    assert "one-way" in world.approver.shown[-1].one_way
    assert (cluster.mode, cluster.effects) == ("CONFIG_MAP", [])


def test_an_entry_that_is_not_ours_stops_the_run() -> None:
    cluster, plan = company()
    cluster.automatic[DEVS] = EntrySpec("STANDARD", "dev", ())
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 5
    assert cluster.entries[DEVS].kubernetes_groups == ()


def test_an_automatic_entry_that_differs_stops_the_run() -> None:
    cluster, plan = company()
    cluster.automatic[CREATOR] = EntrySpec("STANDARD", "creator", (), ())
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.exit_code == 5
    assert outcome.error is not None
    assert outcome.error.code == "automatic-entry-differs"


def test_an_automatic_entry_that_never_comes_stops_the_run_after_its_time() -> None:
    cluster, plan = company()
    cluster.automatic.clear()
    outcome = apply_plan(plan, DIGEST, World(cluster).ports())
    assert outcome.error is not None
    assert (outcome.exit_code, outcome.error.code) == (5, "automatic-entry-missing")


def test_a_failed_mode_update_is_told_and_tried_again_by_the_next_run() -> None:
    cluster, plan = company()
    cluster.update_ends = "Failed"
    world = World(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert outcome.error is not None
    assert (outcome.exit_code, outcome.error.code) == (1, "update-failed")
    cluster.update_ends = "Successful"
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7


def test_mode_step_that_eks_keeps_refusing_ends_and_says_what_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, plan = company()
    world = World(cluster)
    ports = world.ports()
    why = "Cannot AccessConfigUpdate because cluster c currently has update u-1 in progress"

    def refuse(*_: object, **__: object) -> str:
        raise Failed("update-in-progress", "Another update of the cluster is running.", why=why)

    monkeypatch.setattr(type(ports.mode), "switch", refuse)
    began = ports.clock.now()
    outcome = apply_plan(plan, DIGEST, ports)
    assert outcome.error is not None
    assert (outcome.exit_code, outcome.error.code) == (1, "update-in-progress")
    assert outcome.error.why == why
    assert UPDATE_TIMEOUT <= ports.clock.now() - began < 2 * UPDATE_TIMEOUT
    assert cluster.effects == []
    monkeypatch.undo()
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7  # the nodes are not proven yet


def test_two_runs_at_once_one_refuses_with_the_owners_name() -> None:
    cluster, plan = company()
    world = World(cluster)
    ports = world.ports()
    world.store.owner = "somebody else"
    with pytest.raises(Refused) as refused:
        apply_plan(plan, DIGEST, ports)
    assert "somebody else" in refused.value.message


def test_the_backup_holds_the_exact_config_map_and_is_never_written_over() -> None:
    cluster, plan = company()
    world = World(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports())
    name = f"backup/{outcome.run}/aws-auth.json"
    saved = world.store.files[name]
    assert b'"resourceVersion": "1"' in saved
    cluster.resource_version = 9
    apply_plan(plan, DIGEST, world.ports())
    assert world.store.files[name] == saved


def test_a_dead_entry_is_deleted_and_made_again() -> None:
    cluster = Cluster(
        rows={BOB: Identity("bob", ("devs",), "config-map")}, mode="API_AND_CONFIG_MAP"
    )
    dead = AccessEntry(BOB, "STANDARD", "bob", ("devs",))
    cluster.entries[BOB] = dead
    cluster.dead.add(BOB)
    build = PlanBuilder()
    gone = build.add(DeleteEntry(BOB, dead))
    build.standard(BOB, "bob", ("devs",), gone)
    plan = build.plan(cluster)
    for crash in [None, *((k, w) for k in (1, 2, 3) for w in ("before", "after"))]:
        cluster.entries = {BOB: dead}
        cluster.dead = {BOB}
        cluster.effects.clear()
        cluster.crash_at = crash
        run_to_the_end(World(cluster), plan)
        assert cluster.effects == [f"delete {BOB}", f"create {BOB}", f"update {BOB}"]
        assert cluster.login(BOB) is not None


def test_where_the_journal_cannot_be_written_nothing_is_done_and_a_later_run_goes_on() -> None:
    """A full disk, or a folder that became read-only, at any record: no effect is sent that was not
    journaled.
    """
    state, effects = reference()
    cluster, plan = company()
    whole = World(cluster)
    run_to_the_end(whole, plan)
    for refused_from in range(1, len(whole.store.journal()) + 1):
        cluster, plan = company()
        oracle(cluster)
        world, lines = World(cluster), list[bytes]()

        def full(line: bytes, lines: list[bytes] = lines, most: int = refused_from) -> None:
            lines.append(line)
            if len(lines) >= most:
                raise Failed(
                    "state-unwritable",
                    "The state cannot be written.",
                    why="No space left on device",
                )

        world.store.watch = full
        with pytest.raises(Failed, match="cannot be written"):
            apply_plan(plan, DIGEST, world.ports())
        done = list(cluster.effects)
        intended = sum(record.event == "intended" for record in world.store.journal())
        assert len(done) <= intended
        with pytest.raises(Failed, match="cannot be written"):
            apply_plan(plan, DIGEST, world.ports())
        assert cluster.effects == done
        world.store.watch = None
        run_to_the_end(world, plan)
        assert cluster.describe() == state
        assert sorted(cluster.effects) == sorted(effects)


def test_a_plan_made_anew_half_way_goes_on_from_what_stands() -> None:
    """The old plan's entries are kept as they are found; going on with the new plan against them is
    exit 5.
    """
    cluster, plan = company()
    world = World(cluster)
    cluster.crash_at = (4, "after")
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = None
    effects = list(cluster.effects)
    other = "sha256:" + "cd" * 32  # the same steps, edited: another digest
    with pytest.raises(Changed) as changed:
        apply_plan(plan, other, world.ports())
    assert changed.value.code == "cluster-changed"
    assert cluster.effects == effects
    run_to_the_end(world, plan)  # the plan that was begun still goes on


@pytest.mark.parametrize("keep", ["", "intended"])
def test_an_entry_of_ours_is_never_taken_for_the_dead_one_that_it_replaced(keep: str) -> None:
    """They may be alike in everything but the tag; with the journal's end lost, only that tells."""
    dead = AccessEntry(BOB, "STANDARD", "bob", ("devs",))
    cluster = Cluster(
        rows={BOB: Identity("bob", ("devs",), "config-map")},
        mode="API_AND_CONFIG_MAP",
        entries={BOB: dead},
        dead={BOB},
    )
    build = PlanBuilder()
    build.standard(BOB, "bob", ("devs",), build.add(DeleteEntry(BOB, dead)))
    plan = build.plan(cluster)
    world = World(cluster)
    run_to_the_end(world, plan)
    effects = list(cluster.effects)
    lines = world.store.files["journal.jsonl"].splitlines(keepends=True)
    kept = (
        next(n for n, record in enumerate(world.store.journal()) if record.event == "intended") + 1
        if keep
        else 0
    )
    world.store.files["journal.jsonl"] = b"".join(lines[:kept])
    run_to_the_end(world, plan)
    assert cluster.effects == effects


def test_writes_keep_to_the_rate() -> None:
    cluster, plan = company()
    world = World(cluster)
    times = []
    cluster.watch = lambda effect: (
        times.append(cluster.now) if effect.startswith(("create", "update")) else None
    )
    apply_plan(plan, DIGEST, world.ports(), ApplyOptions(max_rate=0.5))
    assert all((b - a).total_seconds() >= 2 for a, b in pairwise(times))


def test_ids_that_may_not_be_read_stop_apply_before_its_first_effect() -> None:
    class Unreadable(MemoryPrincipals):
        def get(self, arn: str) -> Raw | None:
            raise Failed("account-unreadable", f"IAM of the account of {arn} is not read.")

    cluster, plan = company()
    world = World(cluster)
    plan = replace(
        plan,
        principals=tuple(
            replace(p, principal_id=f"AROA{at}") for at, p in enumerate(plan.principals)
        ),
    )
    ports = replace(world.ports(), fresh_principals=lambda: Unreadable(cluster))
    with pytest.raises(Failed) as raised:
        apply_plan(plan, DIGEST, ports)
    assert raised.value.code == "account-unreadable"
    assert (cluster.mode, cluster.effects) == ("CONFIG_MAP", [])
