"""The rehearsal: a pass is evidence, trouble puts the exact bytes back, and so does the timer."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from migrator.errors import Changed, Failed, Refused
from migrator.model.evidence import evidence_in
from migrator.model.outcome import RehearseOutcome
from migrator.model.plan import Plan
from migrator.ports import Raw
from migrator.render.rehearsal import rehearsal_text
from migrator.run.apply_plan import apply_plan
from migrator.run.begin_run import RunPorts
from migrator.run.cut_over import cut_over
from migrator.run.dead_man import TimerPorts, hold
from migrator.run.rehearse import RehearseOptions, rehearse
from migrator.run.roll_back import roll_back
from tests.support.memory_ports import (
    Cluster,
    Crash,
    MemoryClock,
    MemoryConfigMaps,
    MemoryEvents,
    MemoryNodes,
    MemoryObjects,
)
from tests.support.memory_runs import ALICE, BOB, DEVS, DIGEST, World, company

SHORT = RehearseOptions(length=timedelta(minutes=5))
LONG = RehearseOptions(length=timedelta(minutes=30))


@dataclass
class Eventful(MemoryClock):
    """A clock during whose pauses things happen, each once, at its time after the start."""

    events: list[tuple[timedelta, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start = self.cluster.now

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        for event in [e for e in self.events if self.cluster.now - self.start >= e[0]]:
            self.events.remove(event)
            event[1]()


@dataclass
class Stage:
    """A migrated cluster in API_AND_CONFIG_MAP mode, ready to rehearse."""

    world: World
    plan: Plan
    objects: MemoryObjects
    nodes: MemoryNodes
    before: dict[str, str]
    events: list[tuple[timedelta, Callable[[], None]]] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return self.world.cluster

    def ports(self) -> RunPorts:
        clock = Eventful(self.cluster, events=self.events)
        return replace(self.world.ports(), clock=clock, nodes=self.nodes)

    def rehearse(self, options: RehearseOptions = SHORT) -> RehearseOutcome:
        return rehearse(self.plan, DIGEST, self.ports(), self.objects, options)

    def timer(self) -> str:
        """The Job, from where the operator left it."""
        ports = TimerPorts(
            MemoryConfigMaps(self.cluster), self.objects, MemoryClock(self.cluster), MemoryEvents()
        )
        return hold(ports)


@pytest.fixture
def stage() -> Iterator[Stage]:
    cluster, plan = company()
    cluster.unassumable.clear()
    world = World(cluster)
    outcome = apply_plan(plan, DIGEST, world.ports())
    assert outcome.exit_code == 0
    assert cluster.data is not None
    yield Stage(world, plan, MemoryObjects(cluster), MemoryNodes(cluster), dict(cluster.data))


def clean(stage: Stage) -> None:
    """The exact bytes are there, and nothing of the rehearsal is."""
    assert stage.cluster.data == stage.before
    assert stage.objects.objects == {}


def test_a_short_rehearsal_passes_but_is_no_evidence(stage: Stage) -> None:
    outcome = stage.rehearse()
    assert (outcome.exit_code, outcome.passed, outcome.evidence) == (0, True, False), outcome
    assert outcome.seconds >= 300
    clean(stage)


def test_twenty_minutes_are_evidence_that_only_entries_can_explain(stage: Stage) -> None:
    outcome = stage.rehearse(LONG)
    assert (outcome.exit_code, outcome.evidence) == (0, True), outcome
    found = evidence_in(stage.world.store.files["evidence.jsonl"])
    rehearsed = [e for e in found if e.principal_arn == DEVS and e.proof_class == "live"][-1]
    assert rehearsed.attribution == "only-way"
    clean(stage)


def test_cluster_in_api_mode_needs_no_rehearsal(stage: Stage) -> None:
    stage.cluster.mode = "API"
    before = list(stage.cluster.effects)
    outcome = stage.rehearse()
    assert (outcome.exit_code, outcome.passed, outcome.evidence) == (0, False, False), outcome
    assert stage.cluster.effects == before
    assert ": not needed" in rehearsal_text(stage.plan, outcome)
    clean(stage)


def test_the_map_is_blanked_and_never_deleted(stage: Stage) -> None:
    seen = []
    stage.events.append((timedelta(minutes=2), lambda: seen.append(dict(stage.cluster.data or {}))))
    stage.rehearse()
    assert seen == [dict.fromkeys(stage.before, "")]
    assert "delete aws-auth" not in stage.cluster.effects


def test_the_timer_runs_before_the_map_is_blanked(stage: Stage) -> None:
    stage.cluster.effects.clear()
    stage.rehearse()
    effects = stage.cluster.effects
    assert effects.index("apply Job migrator-rehearsal") < effects.index("write aws-auth")


def test_a_timer_that_never_starts_leaves_the_map_alone(stage: Stage) -> None:
    stage.objects.arms = False
    outcome = stage.rehearse()
    assert outcome.exit_code == 6
    assert "write aws-auth" not in stage.cluster.effects
    clean(stage)


def test_a_principal_that_cannot_log_in_any_more_ends_it_at_once(stage: Stage) -> None:
    """The dead entry passed every probe until now: its row answered."""
    stage.cluster.dead.add(DEVS)
    outcome = stage.rehearse()
    assert outcome.exit_code == 6
    assert DEVS in outcome.why
    assert outcome.seconds <= 60
    clean(stage)


def test_a_node_that_renews_no_more_ends_it(stage: Stage) -> None:
    stage.nodes.dies_at = stage.cluster.now + timedelta(minutes=2)
    outcome = stage.rehearse()
    assert outcome.exit_code == 6
    assert "ip-10-0-0-1" in outcome.why
    clean(stage)


def test_somebody_elses_map_is_saved_and_ours_put_back(stage: Stage) -> None:
    theirs = {"mapRoles": "- rolearn: theirs\n"}
    stage.events.append(
        (timedelta(minutes=1), lambda: setattr(stage.cluster, "data", dict(theirs)))
    )
    outcome = stage.rehearse()
    assert outcome.exit_code == 4
    saved = [
        v for k, v in stage.world.store.files.items() if k.startswith("backup/foreign-aws-auth")
    ]
    assert len(saved) == 1
    assert b"theirs" in saved[0]
    clean(stage)


@dataclass
class Quicker(MemoryConfigMaps):
    """Somebody else writes between our look and our write, once: ``with_data`` None deletes."""

    with_data: dict[str, str] | None = None
    done: bool = False

    def write_data(self, data: Mapping[str, str], *, resource_version: str) -> Raw:
        if not self.done:
            self.done = True
            self.cluster.data = self.with_data
            self.cluster.resource_version += 1
        return super().write_data(data, resource_version=resource_version)


@pytest.mark.parametrize("theirs", [{"mapRoles": "- theirs"}, None])
def test_whoever_writes_before_the_blanking_keeps_what_they_wrote(
    stage: Stage, theirs: dict[str, str] | None
) -> None:
    """The blanking was refused, so there is nothing of ours to put back, and nothing of theirs to
    undo.
    """
    stage.cluster.effects.clear()
    ports = replace(stage.ports(), config_maps=Quicker(stage.cluster, theirs))
    outcome = rehearse(stage.plan, DIGEST, ports, stage.objects, SHORT)
    assert (outcome.exit_code, outcome.passed, outcome.seconds) == (4, False, 0), outcome
    assert "before the rehearsal began" in outcome.why
    assert outcome.aws_auth == "as another writer left it"
    assert stage.cluster.data == theirs
    assert "write aws-auth" not in stage.cluster.effects
    assert stage.objects.objects == {}


def test_a_blanking_that_was_refused_over_a_label_is_tried_again(stage: Stage) -> None:
    ports = replace(stage.ports(), config_maps=Quicker(stage.cluster, dict(stage.before)))
    outcome = rehearse(stage.plan, DIGEST, ports, stage.objects, SHORT)
    assert (outcome.exit_code, outcome.passed) == (0, True), outcome
    clean(stage)


def test_a_deleted_map_is_made_again(stage: Stage) -> None:
    stage.events.append((timedelta(minutes=1), lambda: setattr(stage.cluster, "data", None)))
    assert stage.rehearse().exit_code == 4
    clean(stage)


def test_a_killed_operator_is_made_up_for_by_the_timer(stage: Stage) -> None:
    stage.events.append((timedelta(minutes=2), crash))
    with pytest.raises(Crash):
        stage.rehearse()
    assert stage.cluster.data != stage.before
    began = stage.cluster.now
    assert stage.timer() == "fired"
    assert stage.cluster.data == stage.before
    assert timedelta(seconds=120) <= stage.cluster.now - began < timedelta(seconds=140)
    outcome = stage.rehearse()
    assert outcome.exit_code == 7
    clean(stage)


def test_the_time_without_rows_ends_when_the_timer_put_them_back_and_not_when_that_is_seen(
    stage: Stage,
) -> None:
    """A killed operator comes back after a night; aws-auth was blank for minutes of it."""
    stage.events.append((timedelta(minutes=2), crash))
    with pytest.raises(Crash):
        stage.rehearse()
    assert stage.timer() == "fired"
    stage.cluster.now += timedelta(hours=9)
    outcome = stage.rehearse()
    assert outcome.exit_code == 7
    assert 120 <= outcome.seconds <= 300, outcome


def test_the_time_without_rows_is_right_on_a_machine_that_slept(stage: Stage) -> None:
    """The process sleeps with its machine; the timer in the cluster does not."""

    def sleep() -> None:
        assert stage.timer() == "fired"
        stage.cluster.now += timedelta(hours=9)

    stage.events.append((timedelta(minutes=2), sleep))
    outcome = stage.rehearse(LONG)
    assert (outcome.exit_code, outcome.evidence) == (6, False), outcome
    assert 120 <= outcome.seconds <= 300, outcome
    clean(stage)


def revoke(cluster: Cluster) -> dict[str, str] | None:
    """An administrator takes a row out of aws-auth."""
    assert cluster.data is not None
    rows = json.loads(cluster.data["mapRoles"])
    cluster.data = {**cluster.data, "mapRoles": json.dumps(rows[:-1])}
    return dict(cluster.data)


def delete(cluster: Cluster) -> dict[str, str] | None:
    """An administrator deletes aws-auth."""
    cluster.data = None
    return None


@pytest.mark.parametrize("edit", [revoke, delete])
def test_row_revoked_after_the_timer_put_aws_auth_back_stays_revoked(
    stage: Stage, edit: Callable[[Cluster], dict[str, str] | None]
) -> None:
    """The process is killed, the timer puts the rows back, and an administrator revokes one before
    it is run again.
    """
    stage.events.append((timedelta(minutes=2), crash))
    with pytest.raises(Crash):
        stage.rehearse()
    assert stage.timer() == "fired"
    theirs = edit(stage.cluster)
    outcome = stage.rehearse()
    assert stage.cluster.data == theirs, outcome
    assert (outcome.exit_code, outcome.aws_auth) == (7, "as another writer left it"), outcome
    assert stage.objects.objects == {}


def test_row_revoked_while_the_machine_slept_stays_revoked(stage: Stage) -> None:
    theirs: list[dict[str, str] | None] = []

    def sleep() -> None:
        assert stage.timer() == "fired"
        theirs.append(revoke(stage.cluster))
        stage.cluster.now += timedelta(hours=9)

    stage.events.append((timedelta(minutes=2), sleep))
    outcome = stage.rehearse(LONG)
    assert [stage.cluster.data] == theirs, outcome
    assert (outcome.exit_code, outcome.aws_auth) == (4, "as another writer left it"), outcome
    assert 120 <= outcome.seconds <= 300, outcome
    assert stage.objects.objects == {}


@pytest.mark.parametrize("edit", [revoke, delete])
def test_timer_leaves_an_edit_alone_where_aws_auth_was_never_blanked(
    stage: Stage, edit: Callable[[Cluster], dict[str, str] | None]
) -> None:
    """Killed once the timer is armed, before aws-auth is touched: there is nothing to put back."""

    def kill(line: bytes) -> None:
        if b"rehearse-blank" in line:
            crash()

    stage.world.store.watch = kill
    with pytest.raises(Crash):
        stage.rehearse()
    stage.world.store.watch = None
    assert stage.cluster.data == stage.before
    theirs = edit(stage.cluster)
    assert stage.timer() == "fired"
    assert stage.cluster.data == theirs
    assert stage.rehearse().exit_code == 7
    assert stage.cluster.data == theirs
    assert stage.objects.objects == {}


@dataclass
class Dying(MemoryConfigMaps):
    """The process is killed when it is about to write."""

    def write_data(self, data: Mapping[str, str], *, resource_version: str) -> Raw:
        raise Crash("killed")


def test_a_map_that_was_never_blanked_was_blank_for_no_time(stage: Stage) -> None:
    """Killed between the note of the intention and the write: the next attempt finds the map as it
    was.
    """
    stage.cluster.written = stage.cluster.now - timedelta(days=30)
    with pytest.raises(Crash):
        rehearse(
            stage.plan,
            DIGEST,
            replace(stage.ports(), config_maps=Dying(stage.cluster)),
            stage.objects,
            SHORT,
        )
    stage.cluster.now += timedelta(hours=9)
    outcome = stage.rehearse()
    assert (outcome.exit_code, outcome.seconds) == (7, 0), outcome
    clean(stage)


def crash() -> None:
    raise Crash("killed")


def test_after_a_kill_the_same_command_puts_the_map_back_first(stage: Stage) -> None:
    stage.events.append((timedelta(minutes=2), crash))
    with pytest.raises(Crash):
        stage.rehearse()
    outcome = stage.rehearse()
    assert (outcome.exit_code, outcome.passed) == (7, False)
    clean(stage)
    assert stage.rehearse().exit_code == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 16))
def test_a_kill_at_any_effect_ends_with_the_exact_bytes(stage: Stage, k: int, when: str) -> None:
    stage.cluster.crash_at = (len(stage.cluster.effects) + k, when)
    try:
        assert stage.rehearse().exit_code == 0
    except Crash:
        stage.cluster.crash_at = None
        outcome = stage.rehearse()
        assert outcome.exit_code in (0, 7)
    clean(stage)


@pytest.mark.parametrize("minutes", [0, 3])
def test_a_disk_that_is_full_keeps_no_map_blank(stage: Stage, minutes: int) -> None:
    def full(_line: bytes) -> None:
        raise Failed(
            "state-unwritable", "The state cannot be written.", why="No space left on device"
        )

    def fill() -> None:
        stage.world.store.watch = full

    stage.events.append((timedelta(minutes=minutes), fill))
    outcome = stage.rehearse()
    assert (outcome.exit_code, outcome.passed, outcome.evidence) == (1, False, False)
    assert outcome.error is not None
    assert outcome.error.code == "state-unwritable"
    assert outcome.aws_auth == "as it was"
    clean(stage)
    stage.world.store.watch = None
    assert stage.rehearse().exit_code in (
        0,
        7,
    )  # anew, or what the journal does not know is brought to its end
    clean(stage)


def test_whatever_goes_wrong_the_map_goes_back_first(stage: Stage) -> None:
    def bug() -> None:
        raise ZeroDivisionError("a bug")

    stage.events.append((timedelta(minutes=3), bug))
    outcome = stage.rehearse()
    assert (outcome.exit_code, outcome.passed) == (1, False)
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.why) == ("unexpected", "ZeroDivisionError: a bug")
    clean(stage)


def test_an_interrupt_from_the_keyboard_puts_the_map_back(stage: Stage) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    stage.events.append((timedelta(minutes=2), stop))
    outcome = stage.rehearse()
    assert outcome.exit_code == 7
    assert outcome.error is not None
    # The timer was removed: no command is named for what is not there.
    assert "kubectl" not in outcome.error.remedy
    clean(stage)


def test_a_timer_that_fired_is_told_and_is_no_pass(stage: Stage) -> None:
    fired: list[str] = []
    stage.events.append((timedelta(minutes=2), lambda: fired.append(stage.timer())))
    outcome = stage.rehearse()
    assert outcome.exit_code == 6
    assert not outcome.passed
    clean(stage)


def test_a_lost_network_is_left_to_the_timer_and_said(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_args: object) -> None:
        raise Failed("api-server-unreachable", "no route")

    def cut() -> None:
        monkeypatch.setattr(MemoryConfigMaps, "read", gone)
        monkeypatch.setattr(stage.objects, "patch", gone)

    stage.events.append((timedelta(minutes=2), cut))
    outcome = stage.rehearse()
    assert outcome.exit_code == 1
    assert "timer" in outcome.aws_auth
    monkeypatch.undo()
    assert stage.timer() == "fired"
    assert stage.cluster.data == stage.before
    assert stage.rehearse().exit_code == 7
    clean(stage)


def test_the_timer_leaves_when_the_operator_says_that_it_is_over(stage: Stage) -> None:
    stage.rehearse()
    assert stage.cluster.data == stage.before
    with pytest.raises(Failed):
        stage.timer()  # its own ConfigMap is gone


def test_the_timer_saves_what_somebody_else_wrote(stage: Stage) -> None:
    stage.events.append((timedelta(minutes=2), crash))
    with pytest.raises(Crash):
        stage.rehearse()
    stage.cluster.data = {"mapRoles": "theirs"}
    assert stage.timer() == "fired"
    assert stage.cluster.data == stage.before
    lease = stage.objects.read("Lease", "migrator-rehearsal")
    assert lease is not None
    assert "theirs" in lease["metadata"]["annotations"]["eks-access-migrator/foreign-data"]


def test_it_is_refused_where_it_would_be_an_outage(stage: Stage) -> None:
    stage.cluster.mode = "CONFIG_MAP"
    with pytest.raises(Refused) as refused:
        stage.rehearse()
    assert "outage" in refused.value.why
    assert stage.objects.objects == {}


def test_it_is_refused_while_the_plan_is_not_applied() -> None:
    cluster, plan = company()
    cluster.invalid.add(ALICE)
    world = World(cluster)
    apply_plan(plan, DIGEST, world.ports())
    assert cluster.data is not None
    stage = Stage(world, plan, MemoryObjects(cluster), MemoryNodes(cluster), dict(cluster.data))
    with pytest.raises(Refused) as refused:
        stage.rehearse()
    assert "apply it first" in refused.value.why


def test_it_is_refused_while_the_operator_is_not_proven(stage: Stage) -> None:
    stage.world.store.files.pop("evidence.jsonl")
    with pytest.raises(Refused) as refused:
        stage.rehearse()
    assert "operator" in refused.value.why


def test_nothing_else_runs_while_an_interrupted_rehearsal_may_have_left_the_map_blank(
    stage: Stage,
) -> None:
    stage.events.append((timedelta(minutes=2), crash))
    with pytest.raises(Crash):
        stage.rehearse()
    for command in (apply_plan, roll_back, cut_over):
        with pytest.raises(Refused) as refused:
            command(stage.plan, DIGEST, stage.ports())
        assert refused.value.code == "rehearsal-unfinished"
    stage.rehearse()
    assert roll_back(stage.plan, DIGEST, stage.ports()).exit_code == 0


def add_row(cluster: Cluster) -> None:
    """An administrator adds a row for a principal that the plan does not know."""
    assert cluster.data is not None
    rows = json.loads(cluster.data["mapRoles"])
    rows.append({"rolearn": BOB, "username": "bob", "groups": ["devs"]})
    cluster.data = {"mapRoles": json.dumps(rows)}


def test_row_that_the_plan_does_not_know_keeps_the_map_from_being_blanked(stage: Stage) -> None:
    add_row(stage.cluster)
    with pytest.raises(Changed) as changed:
        stage.rehearse()
    assert (changed.value.code, BOB in changed.value.message) == ("row-added", True)
    assert "write aws-auth" not in stage.cluster.effects
    assert stage.objects.objects == {}


def test_entry_changed_while_the_timer_starts_keeps_the_map_from_being_blanked(
    stage: Stage,
) -> None:
    def thin(effect: str) -> None:
        if effect.startswith("apply Job"):
            stage.cluster.entries[DEVS] = replace(stage.cluster.entries[DEVS], kubernetes_groups=())

    stage.cluster.watch = thin
    outcome = stage.rehearse()
    assert outcome.exit_code == 5, outcome
    assert DEVS in outcome.why
    assert "write aws-auth" not in stage.cluster.effects
    clean(stage)
