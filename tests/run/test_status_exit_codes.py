"""The exit code of a status for each state of a run: 0 only where nothing is left to do or to
prove.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from migrator.decide.planning.stubs import stubs_for, what_lifts
from migrator.decide.steps.entry_states import RUN_TAG
from migrator.errors import MigratorError
from migrator.fleet.decide.stages import left_of
from migrator.fleet.model.outcome import ClusterFacts
from migrator.model.finding import Finding
from migrator.model.outcome import StatusOutcome
from migrator.model.plan import Plan
from migrator.model.step import MARKER_PREFIX
from migrator.render.commands_to_settle import (
    command_of_the_rest,
    commands_of_run,
    commands_of_status,
)
from migrator.render.junit import junit
from migrator.render.verdicts import verdict_table
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.cut_over import cut_over
from migrator.run.rehearse import RehearseOptions, rehearse
from migrator.run.retire import retire
from migrator.run.roll_back import RollBackOptions, roll_back
from migrator.run.show_status import StatusPorts, show_status
from migrator.run.verify_access import VerifyOptions, verify_access
from tests.decide.remedies.remedy_worlds import REMEDIED
from tests.decide.remedies.test_remedies import before
from tests.run.test_cut_over import OPTIONS
from tests.support.memory_ports import (
    OPERATOR,
    Crash,
    InTurn,
    MemoryClock,
    MemoryConfigMaps,
    MemoryMode,
    MemoryNodes,
    MemoryObjects,
    MemoryPrincipals,
    MemoryRbac,
    MemoryReader,
)
from tests.support.memory_runs import ALICE, BOB, CREATOR, DEVS, DIGEST, NODES, World, company

PLAN = company()[1]
IMAGE = "registry.example/timer:1"


def _world() -> World:
    world = World(company()[0])
    world.cluster.unassumable.clear()
    world.approver.typed = "prod"
    return world


def _status(world: World, plan: Plan) -> StatusOutcome:
    return show_status("prod", _status_ports(world), plan, DIGEST)


def _status_ports(world: World) -> StatusPorts:
    cluster = world.cluster
    return StatusPorts(
        world.store,
        MemoryClock(cluster),
        MemoryMode(cluster),
        MemoryReader(cluster),
        MemoryRbac(cluster),
        principals=MemoryPrincipals(cluster),
        tasks=InTurn(),
        config_maps=MemoryConfigMaps(cluster),
    )


def _apply(world: World, *only: str) -> None:
    apply_plan(PLAN, DIGEST, world.ports(), ApplyOptions(only=only))


def _roll_back(world: World, *only: str) -> None:
    roll_back(PLAN, DIGEST, world.ports(), RollBackOptions(only=only))


def _never_applied(_world: World) -> None:
    """Nothing was begun."""


def _applied(world: World) -> None:
    _apply(world)


def _applied_in_part(world: World) -> None:
    _apply(world, DEVS)


def _proof_open(world: World) -> None:
    world.cluster.unassumable.add(DEVS)
    _apply(world)


def _rolled_back(world: World) -> None:
    _apply(world)
    _roll_back(world)


def _rolled_back_in_part(world: World) -> None:
    _apply(world)
    _roll_back(world, DEVS)


def _rolled_back_beside_an_open_proof(world: World) -> None:
    world.cluster.unassumable.add(ALICE)
    _apply(world)
    _roll_back(world, DEVS)


def _roll_back_of_some_killed(world: World) -> None:
    _apply(world)
    world.cluster.crash_at = (len(world.cluster.effects) + 1, "after")
    with pytest.raises(Crash):
        _roll_back(world, DEVS)


def _roll_back_killed(world: World) -> None:
    _apply(world)
    world.cluster.crash_at = (len(world.cluster.effects) + 3, "after")
    with pytest.raises(Crash):
        _roll_back(world)


def _roll_back_left_an_entry(world: World) -> None:
    _apply(world)
    before = world.cluster.data or {}
    rows = json.loads(before["mapRoles"])
    kept = [row for row in rows if not str(row["rolearn"]).endswith("/devs")]
    world.cluster.data = {"mapRoles": json.dumps(kept)}
    assert roll_back(PLAN, DIGEST, world.ports()).exit_code == 4
    world.cluster.data = before


def _marker_of_a_killed_run(world: World) -> None:
    _apply(world)
    entries = world.cluster.entries
    entries[BOB] = replace(
        entries[DEVS], principal_arn=BOB, tags={}, kubernetes_groups=(f"{MARKER_PREFIX}00aa",)
    )


def _cut_over_done(world: World) -> None:
    _apply(world)
    assert cut_over(PLAN, DIGEST, world.ports(), OPTIONS).exit_code == 0


def _cut_over_killed(world: World) -> None:
    _apply(world)
    world.cluster.crash_at = (len(world.cluster.effects) + 1, "after")
    with pytest.raises(Crash):
        cut_over(PLAN, DIGEST, world.ports(), OPTIONS)


def _switched_and_not_verified(world: World) -> None:
    """The cut-over was killed after its switch was recorded."""
    _cut_over_done(world)
    files = world.store.files
    files["journal.jsonl"] = b"".join(files["journal.jsonl"].splitlines(keepends=True)[:-1])
    del files["evidence.jsonl"]


def _retired_and_not_verified(world: World) -> None:
    _switched_and_not_verified(world)
    assert retire(PLAN, DIGEST, world.ports()).exit_code == 7


def _verified_later(world: World) -> None:
    _switched_and_not_verified(world)
    assert verify_access(PLAN, world.ports()).exit_code == 0


def _rehearsal_failed(world: World) -> None:
    """Its timer did not start."""
    _apply(world)
    objects = MemoryObjects(world.cluster)
    objects.arms = False
    ports = replace(world.ports(), nodes=MemoryNodes(world.cluster))
    options = RehearseOptions(image=IMAGE)
    assert rehearse(PLAN, DIGEST, ports, objects, options).exit_code == 6


def _applied_again_after_a_failed_rehearsal(world: World) -> None:
    _rehearsal_failed(world)
    _roll_back(world)
    _apply(world)


BLOCKED = replace(PLAN, findings=(Finding("row-shadowed", "block", "m", "r", ""),))


def _lacking(commands: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Commands that are refused as they are copied: a rehearsal needs the image that it had."""
    rehearsals = [command for command in commands if command[0] == "rehearse"]
    return [command for command in rehearsals if command[2:] != ("--image", IMAGE)]


@dataclass(frozen=True)
class Case:
    """A state, and what the status of it ends with and names."""

    prepare: Callable[[World], None]
    exit_code: int
    next: str = ""
    plan: Plan = PLAN


CASES = (
    Case(_never_applied, 7, "`migrate apply PLAN`"),
    Case(_never_applied, 0, "cut over", replace(PLAN, steps=())),
    Case(_never_applied, 3, "do what the open findings say, then plan again", BLOCKED),
    Case(_applied, 0, "cut over"),
    Case(_applied_in_part, 7, "`migrate apply PLAN`"),
    Case(_proof_open, 7, "prove who is outstanding, then apply again"),
    Case(_rolled_back, 0, "nothing: the plan is rolled back"),
    Case(_rolled_back_in_part, 0, "nothing: what was asked for is rolled back"),
    Case(_rolled_back_beside_an_open_proof, 7, "apply: `migrate apply PLAN` continues"),
    Case(_roll_back_of_some_killed, 1, "rollback: `migrate rollback PLAN` continues"),
    Case(_roll_back_killed, 1, "rollback: `migrate rollback PLAN` continues"),
    Case(_roll_back_left_an_entry, 7, "rollback: `migrate rollback PLAN`"),
    Case(_marker_of_a_killed_run, 7, "settle what is left over"),
    Case(_rehearsal_failed, 7, "rehearse: the last rehearsal did not pass"),
    Case(_applied_again_after_a_failed_rehearsal, 0, "cut over"),
    Case(_cut_over_done, 0, "verify, then retire aws-auth"),
    Case(_cut_over_killed, 7, "cutover: `migrate cutover PLAN` continues"),
    Case(_switched_and_not_verified, 7, "verify"),
    Case(_retired_and_not_verified, 7, "verify: the switch is not verified"),
    Case(_verified_later, 0, "verify, then retire aws-auth"),
)


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.prepare.__name__}-{case.exit_code}"
)
def test_status_ends_with_0_only_where_nothing_is_left(case: Case) -> None:
    world = _world()
    case.prepare(world)
    found = _status(world, case.plan)
    assert (found.exit_code, found.next[: len(case.next)]) == (case.exit_code, case.next)
    assert bool(commands_of_status(found)) == (found.exit_code != 0)
    assert _lacking(commands_of_status(found)) == []
    if found.exit_code == 0:
        assert (found.left, found.leftovers) == ((), ())
    # An opened endpoint that is overdue is named in every state.
    owed = replace(found, overdue=("203.0.113.9/32",), exit_code=found.exit_code or 7)
    assert commands_of_status(owed)[0] == ("doctor", found.cluster, "--close-endpoint")


# An apply reads no entry again at its end, and so does not see the marker of another run on one.
_OF_STATUS_ALONE = (_cut_over_killed, _marker_of_a_killed_run)


@pytest.mark.parametrize(
    "case",
    [each for each in CASES if each.plan is PLAN and each.prepare not in _OF_STATUS_ALONE],
    ids=lambda case: f"{case.prepare.__name__}-{case.exit_code}",
)
def test_apply_ends_with_0_only_where_the_status_after_it_does(case: Case) -> None:
    """Apply, status and retire agree: an unverified switch, and what ``--only`` left out, are left
    in all of them.
    """
    world = _world()
    case.prepare(world)
    for only in ((DEVS,), ()):
        with suppress(MigratorError):
            outcome = apply_plan(PLAN, DIGEST, world.ports(), ApplyOptions(only=only))
            after = _status(world, PLAN)
            assert (outcome.exit_code == 0) == (after.exit_code == 0), (outcome, after)
            said = (*commands_of_run(outcome, "prod"), *command_of_the_rest(outcome))
            assert _lacking(said) == []
            assert bool(said) == (outcome.exit_code != 0), outcome


def _writes_of_apply() -> int:
    """How many writes a whole apply of the plan makes."""
    world = _world()
    _apply(world)
    return len(world.cluster.effects)


@pytest.mark.parametrize("write", range(1, _writes_of_apply() + 1))
def test_nobody_is_proven_by_what_was_shown_before_the_last_write(write: int) -> None:
    """An apply is killed after one of its writes, and then no administrator can be logged in as:
    what was shown until then is of an entry with the bridge. Verification and the gates are not
    better than apply and status.
    """
    world = _world()
    world.cluster.crash_at = (write, "after")
    with pytest.raises(Crash):
        _apply(world)
    world.cluster.crash_at = None
    world.cluster.unassumable |= {ALICE, CREATOR}
    _apply(world)
    status = _status(world, PLAN)
    verified = verify_access(PLAN, world.ports())
    assert (verified.exit_code == 0) <= (status.exit_code == 0), verified.verdicts
    open_ones = {arn for arn, _ in status.outstanding}
    ok = {each.principal_arn for each in verified.verdicts if each.verdict == "ok"}
    assert not open_ones & ok
    options = replace(OPTIONS, gates_only=True)
    gates = cut_over(PLAN, DIGEST, world.ports(), options).gates
    assert any(gate.name == "proofs" and gate.passes for gate in gates) <= (status.exit_code == 0)


def test_verification_of_what_is_only_planned_is_unknown_and_not_0() -> None:
    world = _world()
    found = verify_access(PLAN, world.ports())
    assert (found.phase, found.verdict, found.exit_code) == ("after", "unknown", 6)
    assert {each.verdict for each in found.verdicts} == {"unknown"}


@pytest.mark.parametrize("baseline", [True, False])
@pytest.mark.parametrize("prepare", [_never_applied, _applied, _applied_in_part, _proof_open])
def test_outputs_of_a_verification_agree_with_its_exit_code(
    prepare: Callable[[World], None], baseline: bool
) -> None:
    """JUnit has no failure where the exit code is 0, and a table of verdicts is one of verdicts."""
    world = _world()
    prepare(world)
    found = verify_access(PLAN, world.ports(), VerifyOptions(baseline=baseline))
    text = junit(PLAN, found)
    if found.exit_code == 0:
        assert 'failures="0"' in text
    if not baseline:
        assert ("<failure" in text) == (found.exit_code != 0) == (found.verdict != "ok")
        assert verdict_table(PLAN, found).startswith("VERDICT")


def test_status_without_a_way_to_the_api_server_says_what_it_did_not_look_for() -> None:
    world = _world()
    _apply(world)
    seen = _status_ports(world)
    ports = StatusPorts(
        seen.store, seen.clock, seen.mode, seen.reader, unreached="no instance is online"
    )
    found = show_status("prod", ports, PLAN, DIGEST)
    assert found.exit_code == 1
    assert any("lock" in each and "no instance is online" in each for each in found.unknown)


def test_status_by_name_from_another_folder_names_the_run_that_entries_carry() -> None:
    world = _world()
    _apply(world)
    ports = replace(_status_ports(world), store=World(world.cluster).store)
    found = show_status("prod", ports)
    run = world.cluster.entries[DEVS].tags[RUN_TAG]
    assert found.exit_code == 1
    assert any(f"another state folder has this run ({run}" in each for each in found.unknown)
    assert "--state-dir" in found.next
    # A plan made here would not know what that run has done.
    assert commands_of_status(found) == ()


@pytest.mark.parametrize("asked", [DEVS, ALICE])
@pytest.mark.parametrize("at", range(1, 7))
def test_roll_back_of_one_principal_never_leads_to_that_of_all(asked: str, at: int) -> None:
    """Killed at any effect: the commands to copy end the roll-back of that principal, and no
    other.
    """
    world = _world()
    _apply(world)
    world.cluster.crash_at = (len(world.cluster.effects) + at, "after")
    # A later effect than the last one kills nothing.
    with suppress(Crash):
        _roll_back(world, asked)
    world.cluster.crash_at = None
    for _ in range(3):
        commands = commands_of_status(_status(world, PLAN))
        if not commands:
            break
        assert commands == (("rollback", "PLAN", "--only", asked),)
        _roll_back(world, asked)
    assert commands_of_status(_status(world, PLAN)) == ()
    assert world.cluster.entries.keys() == {ALICE, CREATOR, DEVS, NODES, OPERATOR} - {asked}


def test_roll_back_of_one_principal_does_not_end_an_unfinished_one_of_all() -> None:
    world = _world()
    _roll_back_killed(world)
    world.cluster.crash_at = (len(world.cluster.effects) + 1, "after")
    with pytest.raises(Crash):
        _roll_back(world, DEVS)
    world.cluster.crash_at = None
    assert commands_of_status(_status(world, PLAN)) == (("rollback", "PLAN"),)


def test_abandoned_roll_back_that_undid_nothing_is_over_after_one_apply() -> None:
    world = _world()
    _apply(world)

    def killed(line: bytes) -> None:
        if b'"undoing"' in line:
            raise Crash

    world.store.watch = killed
    with pytest.raises(Crash):
        _roll_back(world)
    world.store.watch = None
    assert _status(world, PLAN).next.startswith("rollback: ")
    options = ApplyOptions(abandon_rollback=True)
    assert apply_plan(PLAN, DIGEST, world.ports(), options).exit_code == 0
    assert (_status(world, PLAN).exit_code, _status(world, PLAN).next) == (0, "cut over")


def test_status_of_a_blocked_plan_offers_questions_only_where_the_plan_does() -> None:
    """In every world that blocks: what status and the fleet say agrees with the plan's own last
    line.
    """
    seen: set[bool] = set()
    for each in REMEDIED:
        blocked = before(each)
        if not blocked.blocked:
            continue
        helps = not what_lifts(blocked).startswith("No answer")
        # By its files alone, as a fleet reads it.
        ports = StatusPorts(World(company()[0]).store, MemoryClock(company()[0]), None)
        found = replace(show_status("prod", ports, blocked, DIGEST), exit_code=3)
        ((name, *words),) = commands_of_status(found)
        assert (name, "--write-decisions" in words) == ("plan", helps), each.name
        facts = ClusterFacts("x", blocked=True, stubs={"": stubs_for(blocked)} if helps else {})
        assert left_of(facts, "blocked") == found.next, each.name
        seen.add(helps)
    assert seen == {False, True}
