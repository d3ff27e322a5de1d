"""Rolling back: what was there is there again, after any prefix of apply, and nobody is locked out
on the way.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from migrator.decide.running.unfinished import still_to_undo
from migrator.decide.running.waiting import REMEMBERED
from migrator.decide.steps.bindings import binding_object
from migrator.errors import Failed, Refused
from migrator.model.access_entry import AccessEntry, AuthenticationMode, EntrySpec, Identity
from migrator.model.plan import PlannedPrincipal
from migrator.model.step import AssociatePolicy, CreateBridge, DisassociatePolicy, UpdateEntry
from migrator.render.outcome import outcome_document, outcome_text
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.begin_run import progress_in, row_check
from migrator.run.roll_back import RollBackOptions, roll_back
from tests.run.test_apply_plan import EFFECTS, oracle
from tests.support.memory_ports import OPERATOR, Cluster, Crash, MemoryEntries, MemoryMode
from tests.support.memory_runs import (
    ADMIN_POLICY,
    ALICE,
    CREATOR,
    DEVS,
    DIGEST,
    PlanBuilder,
    World,
    company,
)


def left(world: World) -> dict[str, object]:
    """Entries, bindings and aws-auth: what a roll-back gives back. The mode step is one-way."""
    described = json.loads(world.cluster.describe())
    described.pop("mode")
    described["entries"].pop(CREATOR, None)  # EKS's own entries stay
    return dict(described)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, EFFECTS + 1))
def test_roll_back_after_any_prefix_of_apply_equals_the_cluster_before(k: int, when: str) -> None:
    cluster, plan = company()
    world = World(cluster)
    before = left(world)
    cluster.crash_at = (k, when)
    oracle(cluster)
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = None
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.exit_code == 0, outcome
    assert left(world) == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 11))
def test_roll_back_goes_on_after_a_crash(k: int, when: str) -> None:
    cluster, plan = company()
    world = World(cluster)
    before = left(world)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = (len(cluster.effects) + k, when)
    try:
        roll_back(plan, DIGEST, world.ports())
    except Crash:
        cluster.crash_at = None
        assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert left(world) == before
    deleted = [effect for effect in cluster.effects if effect.startswith("delete")]
    assert len(deleted) == len(set(deleted)) == 4


def test_an_administrator_goes_back_over_the_bridge() -> None:
    """The policy goes with the entry at once, and kube-apiserver remembers logins by the entry for
    a while.
    """
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    applied = len(cluster.effects)
    seen: list[tuple[str, datetime]] = []
    cluster.watch = lambda effect: seen.append((effect, cluster.now))
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert [effect for effect, _ in seen] == cluster.effects[applied:]
    when = dict(seen)
    delete, update = when[f"delete {ALICE}"], when[f"update {ALICE}"]
    assert when["bind migrator-bridge"] <= update
    assert delete - update >= REMEMBERED
    assert when["unbind migrator-bridge"] - delete >= REMEMBERED


def test_whoever_has_power_by_groups_alone_goes_back_at_once() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    applied = len(cluster.effects)
    roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=(DEVS,)))
    assert cluster.effects[applied:] == [f"delete {DEVS}"]


@pytest.mark.parametrize("revoked", [DEVS, ALICE])
def test_entry_that_has_to_stay_keeps_no_bridge_to_cluster_admin(revoked: str) -> None:
    """An administrator took a row out after apply: its entry stays, and the others go back."""
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    assert cluster.data is not None
    name = revoked.rpartition("/")[2]
    rows = [
        row
        for row in json.loads(cluster.data["mapRoles"])
        if not row["rolearn"].endswith(f"/{name}")
    ]
    cluster.data = {"mapRoles": json.dumps(rows)}
    for _ in range(2):
        outcome = roll_back(plan, DIGEST, world.ports())
        assert outcome.exit_code == 4
        assert {step.principal_arn for step in outcome.left} == {revoked}, outcome
        assert set(cluster.entries) == {revoked, CREATOR}
        assert not [name for name in cluster.bindings if "bridge" in str(name)]


def test_a_bridge_built_for_the_way_back_goes_when_apply_goes_on_instead() -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = (len(cluster.effects) + 4, "after")
    with pytest.raises(Crash):
        roll_back(plan, DIGEST, world.ports())
    cluster.crash_at = None
    assert cluster.bindings
    with pytest.raises(Refused) as refused:  # nothing goes forward unless the operator says so
        apply_plan(plan, DIGEST, world.ports())
    assert refused.value.code == "rollback-unfinished"
    assert "migrate rollback PLAN" in refused.value.remedy
    assert (
        apply_plan(plan, DIGEST, world.ports(), ApplyOptions(abandon_rollback=True)).exit_code == 7
    )
    assert cluster.bindings == {}


@pytest.mark.parametrize("k", range(2, EFFECTS + 1))
def test_roll_back_without_a_journal_finds_what_is_ours(k: int) -> None:
    cluster, plan = company()
    world = World(cluster)
    before = left(world)
    cluster.crash_at = (k, "after")
    with pytest.raises(Crash):
        apply_plan(plan, DIGEST, world.ports())
    cluster.crash_at = None
    world.store.files.clear()  # another machine, another folder
    oracle(cluster)
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert left(world) == before


def test_apply_after_a_roll_back_starts_anew_with_another_run_id() -> None:
    cluster, plan = company()
    world = World(cluster)
    first = apply_plan(plan, DIGEST, world.ports())
    roll_back(plan, DIGEST, world.ports())
    again = apply_plan(plan, DIGEST, world.ports())
    assert again.exit_code == 7, again
    assert again.run != first.run
    assert {ALICE, OPERATOR, DEVS} <= set(cluster.entries)
    assert cluster.bindings == {}


def test_whoever_is_applied_again_alone_crosses_a_bridge_again() -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=(ALICE,)))
    cluster.effects.clear()
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 7
    assert [e.split()[0] for e in cluster.effects] == [
        "bind",
        "create",
        "associate",
        "update",
        "update",
        "unbind",
    ]


def test_an_entry_stays_where_the_row_no_longer_answers() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.data = {"mapRoles": "[]"}
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.exit_code == 4
    assert {ALICE, OPERATOR, DEVS} <= set(cluster.entries)
    assert all("lock" in step.why or "still there" in step.why for step in outcome.left)


def test_somebody_elses_row_may_change_meanwhile() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    assert cluster.data is not None
    rows = json.loads(cluster.data["mapRoles"])
    rows.append({"rolearn": "arn:aws:iam::111122223333:role/new", "username": "new", "groups": []})
    cluster.data = {"mapRoles": json.dumps(rows)}
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0


def test_roll_back_that_has_nothing_of_a_principal_to_undo_does_not_begin() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    before = world.store.journal()
    for _ in range(2):
        nobody = RollBackOptions(only=("arn:aws:iam::111122223333:role/nobody",))
        assert roll_back(plan, DIGEST, world.ports(), nobody).exit_code == 0
    assert world.store.journal() == before
    # What was asked for is undone, and stays so.
    assert roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=(DEVS,))).exit_code == 0
    assert roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=(DEVS,))).exit_code == 0


def test_only_takes_back_the_principals_that_were_asked_for() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    assert roll_back(plan, DIGEST, world.ports(), RollBackOptions(only=(DEVS,))).exit_code == 0
    assert DEVS not in cluster.entries
    assert ALICE in cluster.entries


def test_somebody_elses_change_of_an_entry_is_not_overwritten() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.entries[DEVS] = replace(cluster.entries[DEVS], kubernetes_groups=("others",))
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.exit_code == 5
    assert cluster.entries[DEVS].kubernetes_groups == ("others",)


@pytest.mark.parametrize("changed", [DEVS, ALICE])
def test_entry_that_another_writer_changed_keeps_no_other_principal_from_its_row(
    changed: str,
) -> None:
    cluster, plan = company()
    world = World(cluster)
    oracle(cluster)
    apply_plan(plan, DIGEST, world.ports())
    made = {arn for arn in cluster.entries if arn != CREATOR}
    theirs = replace(cluster.entries[changed], kubernetes_groups=("others",))
    cluster.entries[changed] = theirs
    outcome = roll_back(plan, DIGEST, world.ports())
    assert (outcome.exit_code, outcome.error is not None) == (5, True)
    assert changed in str(outcome.error)
    assert made & cluster.entries.keys() == {changed}
    assert cluster.entries[changed] == theirs
    again = roll_back(plan, DIGEST, world.ports())
    assert again.exit_code == 5
    assert cluster.entries[changed] == theirs
    del cluster.entries[changed]
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    assert cluster.bindings == {}


def test_there_is_no_way_back_from_api_mode() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.mode = "API"
    with pytest.raises(Refused) as refused:
        roll_back(plan, DIGEST, world.ports())
    assert refused.value.code == "no-way-back"


def test_nothing_to_take_back_is_done() -> None:
    cluster, plan = company()
    outcome = roll_back(plan, DIGEST, World(cluster).ports())
    assert (outcome.exit_code, outcome.done) == (0, 0)


@dataclass
class StoppedEntries(MemoryEntries):
    """Entries of which only so many may be deleted; then comes ``stopped_by``."""

    allowed: int
    stopped_by: BaseException

    def delete(self, principal_arn: str) -> None:
        if self.allowed == 0:
            raise self.stopped_by
        self.allowed -= 1
        super().delete(principal_arn)


_DENIED = Failed("iam-denied", "IAM does not allow eks:DeleteAccessEntry")
_STOPS = ((_DENIED, 1), (KeyboardInterrupt(), 7))


@pytest.mark.parametrize(("stopped_by", "exit_code"), _STOPS, ids=("denied", "interrupted"))
@pytest.mark.parametrize("allowed", [0, 1])
def test_roll_back_that_an_error_stops_says_what_it_did_not_reach(
    allowed: int, stopped_by: BaseException, exit_code: int
) -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    total = len(still_to_undo(plan, progress_in(world.store.journal(), plan, DIGEST)))
    entries = StoppedEntries(cluster, allowed, stopped_by)
    outcome = roll_back(plan, DIGEST, replace(world.ports(), entries=entries))
    assert outcome.exit_code == exit_code
    still = still_to_undo(plan, progress_in(world.store.journal(), plan, DIGEST))
    assert {step.step_id for step in outcome.left} == {step.id for step in still}
    assert (outcome.done, outcome.total) == (total - len(still), total)
    assert (outcome.done > 0, outcome.complete) == (allowed > 0, False)
    text = outcome_text(plan, outcome)
    assert text.startswith(f"rollback: {outcome.done} of {total} steps done")
    assert "to be undone:" in text
    assert outcome_document(outcome)["steps"] == {"done": outcome.done, "total": total}


def test_roll_back_of_some_that_an_error_stops_names_no_others() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    ports = replace(world.ports(), entries=StoppedEntries(cluster, 0, _DENIED))
    stopped = roll_back(plan, DIGEST, ports, RollBackOptions(only=(DEVS,)))
    assert (stopped.exit_code, stopped.done) == (1, 0)
    assert stopped.total == len(stopped.left)
    assert {step.principal_arn for step in stopped.left} == {DEVS}


def test_bridge_that_another_folder_left_goes_only_when_older_log_ins_are_forgotten() -> None:
    """The other folder's journal has when the last entry went; this one has nothing."""
    cluster, plan = company()
    first = World(cluster)
    apply_plan(plan, DIGEST, first.ports())
    deleted = f"delete {OPERATOR}"
    cluster.watch = lambda name: (
        setattr(cluster, "crash_at", (len(cluster.effects) + 1, "before"))
        if name == deleted
        else None
    )
    with pytest.raises(Crash):
        roll_back(plan, DIGEST, first.ports())
    cluster.watch, cluster.crash_at = None, None
    assert cluster.bindings
    began = cluster.now
    assert roll_back(plan, DIGEST, World(cluster).ports()).exit_code == 0
    assert not cluster.bindings
    assert cluster.now - began >= REMEMBERED


def test_entry_that_another_run_left_half_made_is_not_restored_to_its_bridge() -> None:
    """That run's bridge is gone: an administrator would be left with a group that nothing binds."""
    half = EntrySpec("STANDARD", "alice", ("migrator-bridge:00000000000000ff",))
    final = EntrySpec("STANDARD", "alice", (), (ADMIN_POLICY,))
    held = replace(half, access_policies=(ADMIN_POLICY,))
    cluster = Cluster(
        mode="API_AND_CONFIG_MAP",
        rows={ALICE: Identity("alice", ("system:masters",), "config-map")},
    )
    cluster.entries[ALICE] = AccessEntry(ALICE, "STANDARD", "alice", half.kubernetes_groups)
    build = PlanBuilder()
    before = Identity("alice", half.kubernetes_groups, "access-entry")
    build.principals.append(PlannedPrincipal(ALICE, "update", before, entry=final))
    step = build.add(
        AssociatePolicy(ALICE, ADMIN_POLICY), undo=DisassociatePolicy(ALICE, ADMIN_POLICY)
    )
    build.add(UpdateEntry(ALICE, final, held), step, undo=UpdateEntry(ALICE, held, final))
    plan = build.plan(cluster)
    world = World(cluster)
    assert apply_plan(plan, DIGEST, world.ports()).exit_code == 0
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.exit_code == 4
    assert "half-made" in outcome.left[0].why
    assert cluster.entries[ALICE].access_policies == (ADMIN_POLICY,)
    assert cluster.entries[ALICE].kubernetes_groups == ()


def test_rollback_does_not_say_0_while_a_bridge_of_another_run_stands() -> None:
    cluster, plan = company()
    world = World(cluster)
    cluster.bindings[None, "migrator-bridge-00000000000000ff"] = binding_object(
        CreateBridge("migrator-bridge-00000000000000ff", "migrator-bridge:00000000000000ff"),
        plan_digest="sha256:" + "cd" * 32,
        run="00000000000000ff",
    )
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.exit_code == 7
    assert "migrator-bridge-00000000000000ff" in outcome.leftovers[0]


def test_bridge_of_another_run_is_named_beside_an_entry_that_has_to_stay() -> None:
    cluster, plan = company()
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    cluster.data = {"mapRoles": "[]"}
    cluster.bindings[None, "migrator-bridge-00000000000000ff"] = binding_object(
        CreateBridge("migrator-bridge-00000000000000ff", "migrator-bridge:00000000000000ff"),
        plan_digest="sha256:" + "cd" * 32,
        run="00000000000000ff",
    )
    outcome = roll_back(plan, DIGEST, world.ports())
    assert outcome.exit_code == 4
    assert "migrator-bridge-00000000000000ff" in outcome.leftovers[0]


def test_no_row_is_looked_at_while_the_mode_may_become_api() -> None:
    cluster, plan = company()

    @dataclass
    class Mode(MemoryMode):
        status: str = "ACTIVE"

        def read(self) -> tuple[AuthenticationMode, str]:
            return super().read()[0], self.status

    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    ports = world.ports()
    mode = Mode(cluster)
    gives = row_check(plan, ports.config_maps, mode)
    assert gives(ALICE)
    mode.status = "UPDATING"
    with pytest.raises(Failed) as raised:
        gives(ALICE)
    assert raised.value.code == "update-in-progress"
    mode.status = "ACTIVE"
    cluster.mode = "API"
    assert not gives(ALICE)
