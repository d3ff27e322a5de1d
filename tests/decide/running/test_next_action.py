"""The one brain: total for any journal and any observation, and convergent however often a run
dies.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.decide.running.actions import (
    Adopt,
    Do,
    Finished,
    Observed,
    ReadFirst,
    Refuse,
    RunRequest,
    Undo,
    Wait,
)
from migrator.decide.running.next_action import next_action
from migrator.decide.running.progress import progress_of
from migrator.model.access_entry import AccessEntry, Identity
from migrator.model.journal import EVENTS, Journal, next_record
from migrator.model.plan import Plan
from migrator.model.step import (
    BRIDGE_BINDING,
    BRIDGE_GROUP,
    CreateBridge,
    DeleteEntry,
    RemoveBridge,
    Step,
)
from migrator.run.apply_plan import ApplyOptions, apply_plan
from migrator.run.roll_back import roll_back
from tests.support.memory_ports import OPERATOR, Cluster, Crash
from tests.support.memory_runs import (
    DEVS,
    DIGEST,
    PlanBuilder,
    World,
    company,
)

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
WISH = RunRequest(DIGEST)
FEWER = settings(max_examples=settings().max_examples // 5)  # each example is some ten runs
PLAN = company()[1]
ENTRIES = [
    None,
    AccessEntry(DEVS, "STANDARD", "dev", ("devs",)),
    AccessEntry(
        DEVS,
        "STANDARD",
        "dev",
        ("devs", "migrator-probe:0000000000000001"),
        tags={"eks-access-migrator/plan": DIGEST},
    ),
    AccessEntry(DEVS, "STANDARD", "dev", ("devs",), tags={"eks-access-migrator/plan": DIGEST}),
    AccessEntry(DEVS, "EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", ("system:nodes",)),
]


EFFECTS: list[Mapping[str, object]] = [
    {},
    {"run": "0000000000000001", "planDigest": DIGEST, "command": "apply"},
    {"run": "0000000000000001", "planDigest": DIGEST, "command": "rollback"},
    {"updateId": "u"},
    {"undo": True},
    {"code": "proof-failed", "message": "x"},
    {"code": "invalid-principal", "message": "x"},
    {"class": "live"},
]


@st.composite
def journals(draw: st.DrawFn) -> Journal:
    """Any records in any order: what a damaged mind may have written, never what a run writes."""
    journal: Journal = ()
    ids = [None, *(step.id for step in PLAN.steps), "s99"]
    for _ in range(draw(st.integers(0, 30))):
        event = draw(st.sampled_from(EVENTS))
        effect = draw(st.sampled_from(EFFECTS))
        at = (NOW - timedelta(seconds=draw(st.integers(0, 7200)))).isoformat()
        at = draw(st.sampled_from([at, at, "", "no time"]))
        record = next_record(
            journal, at=at, step=draw(st.sampled_from(ids)), event=event, effect=effect
        )
        journal = (*journal, record)
    return journal


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    arns = [p.principal_arn for p in PLAN.principals]
    known = draw(st.lists(st.sampled_from(arns), unique=True))
    return Observed(
        now=NOW,
        mode=draw(st.sampled_from([None, "CONFIG_MAP", "API_AND_CONFIG_MAP", "API"])),
        cluster_status=draw(st.sampled_from(["ACTIVE", "UPDATING", "FAILED", ""])),
        updates=draw(
            st.sampled_from(
                [{}, *({"u": (s, ())} for s in ("InProgress", "Failed", "Cancelled", "Successful"))]
            )
        ),
        entries={arn: draw(st.sampled_from(ENTRIES)) for arn in known},
        bindings=draw(
            st.sampled_from(
                [{}, {"/migrator-bridge-0000000000000001": None}, {"/migrator-bridge-": {"x": 1}}]
            )
        ),
        rows={arn: draw(st.booleans()) for arn in known},
        callers=draw(st.sampled_from([frozenset(), frozenset({OPERATOR})])),
        second_admin=draw(st.sampled_from(["", "somebody"])),
    )


def _is_missing_bridge(step: Step, observed: Observed) -> bool:
    seen = [found for name, found in observed.bindings.items() if "migrator-bridge" in name]
    return step.effect.kind == "create-bridge" and not any(seen)


@given(journals(), observations(), st.booleans(), st.booleans())
def test_there_is_an_answer_for_every_journal_and_observation(
    journal: Journal, observed: Observed, back: bool, keep_going: bool
) -> None:
    action = next_action(PLAN, journal, observed, replace(WISH, back=back, keep_going=keep_going))
    assert repr(action) == repr(
        next_action(PLAN, journal, observed, replace(WISH, back=back, keep_going=keep_going))
    )
    if isinstance(action, Do):
        done = progress_of(PLAN, journal)
        step = action.step
        # Steps are done once. A bridge that another writer deleted is built again before a
        # roll-back writes an entry that needs it.
        if not (back and _is_missing_bridge(step, observed)):
            assert done.of(step.id).status not in ("done", "adopted")
        same_sequence = [s for s in PLAN.steps if s.principal_arn == step.principal_arn is not None]
        before = same_sequence[: same_sequence.index(step)] if step in same_sequence else []
        assert all(done.of(s.id).status in ("done", "adopted") for s in before)
    if isinstance(action, Wait) and action.look is not None:
        assert observed.now < action.until


@given(journals(), observations())
def test_an_entry_that_was_not_seen_is_never_written(journal: Journal, observed: Observed) -> None:
    action = next_action(PLAN, journal, replace(observed, entries={}), WISH)
    assert not (isinstance(action, Do | Adopt | Undo) and action.step.principal_arn is not None)


@given(journals(), observations())
def test_nothing_is_deleted_where_no_row_answers(journal: Journal, observed: Observed) -> None:
    rows = dict.fromkeys(observed.rows, False)
    action = next_action(PLAN, journal, replace(observed, rows=rows), replace(WISH, back=True))
    if isinstance(action, Undo) and not action.gone:
        assert action.step.effect.kind != "create-entry"


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, Plan]:
    """A cluster and its plan: any mix of sequences, any of the principals out of reach, dead or
    invalid.
    """
    masters, build, cluster = ("system:masters",), PlanBuilder(), Cluster(mode="API_AND_CONFIG_MAP")
    kinds = draw(
        st.lists(st.sampled_from(["standard", "admin", "node", "dead"]), min_size=1, max_size=5)
    )
    rows = {OPERATOR: Identity("operator", masters, "config-map")}
    last: list[str] = []
    needs_bridge = "admin" in kinds
    bridge = ""
    if needs_bridge:
        bridge = build.add(
            CreateBridge(BRIDGE_BINDING, BRIDGE_GROUP),
            undo=RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP),
        )
    for number, kind in enumerate(kinds):
        arn = f"arn:aws:iam::111122223333:role/p{number}"
        after_canary: bool = draw(st.booleans())
        canary = last[0] if last and after_canary else ""
        match kind:
            case "standard":
                rows[arn] = Identity(f"u{number}", ("devs",), "config-map")
                last.append(build.standard(arn, f"u{number}", ("devs",), canary))
            case "admin":
                rows[arn] = Identity(f"u{number}", masters, "config-map")
                last.append(build.admin(arn, f"u{number}", bridge, canary))
            case "node":
                name = "system:node:{{EC2PrivateDNSName}}"
                rows[arn] = Identity(name, ("system:bootstrappers", "system:nodes"), "config-map")
                cluster.unassumable.add(arn)
                last.append(build.node(arn, canary))
            case _:
                rows[arn] = Identity(f"u{number}", ("devs",), "config-map")
                dead = AccessEntry(arn, "STANDARD", "old", ("old",))
                cluster.entries[arn] = dead
                cluster.dead.add(arn)
                gone = build.add(DeleteEntry(arn, dead), canary)
                last.append(build.standard(arn, f"u{number}", ("devs",), gone))
        if draw(st.integers(0, 4)) == 0:
            cluster.unassumable.add(arn)
        if draw(st.integers(0, 6)) == 0:
            cluster.invalid.add(arn)
    if needs_bridge:
        build.add(RemoveBridge(BRIDGE_BINDING, BRIDGE_GROUP), *last)
    cluster.rows = rows
    cluster.data = None
    cluster.__post_init__()
    return World(cluster), build.plan(cluster)


def again(world: World) -> World:
    """The same cluster, untouched."""
    return World(
        Cluster(
            rows=world.cluster.rows,
            mode=world.cluster.mode,
            entries=dict(world.cluster.entries),
            dead=set(world.cluster.dead),
            unassumable=world.cluster.unassumable,
            invalid=world.cluster.invalid,
        )
    )


OPTIONS = ApplyOptions(keep_going=True)


def watch(world: World) -> None:
    """Nobody who was an administrator is none after any effect, and the other way round; everybody
    keeps a name.
    """
    cluster = world.cluster
    admins = {arn for arn, row in cluster.rows.items() if "system:masters" in row.groups}

    def look(effect: str) -> None:
        for arn, row in cluster.rows.items():
            assert cluster.admin(arn)[0] == (arn in admins), (effect, arn)
            login = cluster.login(arn)
            assert login is not None and login.username == row.username, (effect, arn)

    cluster.watch = look


def finish(world: World, plan: Plan) -> int:
    """Apply as new processes until one lives to its end."""
    for _ in range(30):
        try:
            return apply_plan(plan, DIGEST, world.ports(), OPTIONS).exit_code
        except Crash:
            continue
    raise AssertionError("no end")


CRASHES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["before", "after"])), max_size=4)


@FEWER
@given(worlds(), CRASHES, st.data())
def test_a_run_that_dies_again_and_again_ends_where_an_undisturbed_one_does(
    made: tuple[World, Plan], crashes: list[tuple[int, str]], data: st.DataObject
) -> None:
    world, plan = made
    quiet = again(world)
    code = finish(quiet, plan)
    watch(world)
    for steps, when in crashes:
        world.cluster.crash_at = (len(world.cluster.effects) + steps, when)
        with suppress(Crash):
            apply_plan(plan, DIGEST, world.ports(), OPTIONS)
        world.cluster.crash_at = None
        journal = world.store.files.get("journal.jsonl", b"")
        if data.draw(st.integers(0, 2)) == 0:
            world.store.files["journal.jsonl"] = journal[: data.draw(st.integers(0, len(journal)))]
    assert finish(world, plan) == code
    assert world.cluster.describe().replace(runs(world), "") == quiet.cluster.describe().replace(
        runs(quiet), ""
    )
    if (
        not world.cluster.invalid
    ):  # each run tries a refused principal again, and may need a bridge for it again
        assert sorted(world.cluster.effects) == sorted(quiet.cluster.effects)


def runs(world: World) -> str:
    """The run's id, which differs from run to run."""
    started = [r for r in world.store.journal() if r.event == "run-started"]
    return str(started[-1].effect["run"]) if started else "-"


@FEWER
@given(worlds(), CRASHES)
def test_roll_back_after_any_number_of_deaths_gives_back_what_was_there(
    made: tuple[World, Plan], crashes: list[tuple[int, str]]
) -> None:
    world, plan = made
    before = again(world).cluster.describe()
    dead = set(world.cluster.dead)
    watch(world)
    for steps, when in crashes:
        world.cluster.crash_at = (len(world.cluster.effects) + steps, when)
        with suppress(Crash):
            apply_plan(plan, DIGEST, world.ports(), OPTIONS)
        world.cluster.crash_at = None
    assert roll_back(plan, DIGEST, world.ports()).exit_code == 0
    gone = dead - world.cluster.entries.keys()
    expected = again(World(Cluster(rows=world.cluster.rows, mode="API_AND_CONFIG_MAP"))).cluster
    expected.entries = {arn: AccessEntry(arn, "STANDARD", "old", ("old",)) for arn in dead - gone}
    assert world.cluster.describe() == expected.describe()
    assert gone or world.cluster.describe() == before


def test_look_comes_before_anything_else() -> None:
    assert next_action(PLAN, (), Observed(now=NOW), WISH) == ReadFirst("cluster")


def test_a_finished_plan_is_finished() -> None:
    cluster, plan = company()
    world = World(cluster)
    cluster.unassumable.clear()
    apply_plan(plan, DIGEST, world.ports())
    action = next_action(plan, world.store.journal(), Observed(now=NOW), WISH)
    assert isinstance(action, Finished)


def test_an_update_in_progress_is_waited_for_not_fought() -> None:
    action = next_action(
        PLAN, (), Observed(now=NOW, mode="CONFIG_MAP", cluster_status="UPDATING"), WISH
    )
    assert isinstance(action, Wait)


def test_a_wait_without_end_is_refused() -> None:
    record = next_record(
        (), at=(NOW - timedelta(hours=2)).isoformat(), step="s01", event="intended", effect={}
    )
    action = next_action(
        PLAN, (record,), Observed(now=NOW, mode="CONFIG_MAP", cluster_status="UPDATING"), WISH
    )
    assert isinstance(action, Refuse)
    assert action.error.code == "timed-out"
