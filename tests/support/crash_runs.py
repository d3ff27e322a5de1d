"""Runs of ``migrate apply`` that are killed and resumed, on small worlds, with the oracle
watching.
"""

import atexit
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from migrator.lab.judge.oracle_cluster import Kind, WrongDecision
from migrator.lab.lab_client import lab_state
from migrator.lab.worlds.effects import Effect, KillPoint
from migrator.lab.worlds.world_files import build_world
from tests.support.crash_worlds import BY_NAME, OPERATOR, CrashWorld
from tests.support.forked_cli import ForkedCli
from tests.support.judged.oracle import JudgedOracle
from tests.support.lab_session import KILLED, LabSession, lab_session

POINTS: tuple[KillPoint, ...] = ("answer-lost", "before-next")
APPLY = ("apply", "plan.json", "--yes", "--decisions", "decisions.yaml")
# How much later a person runs the second command: at once, before entries are in force for all
# logins, when all of them are, after locks and remembered logins ended, after a weekend.
PAUSES = (
    timedelta(0),
    timedelta(seconds=8),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=2),
)
# sequences go side by side: requests of others may have been on their way when the process died
_IN_FLIGHT = 4
_TICK = 0.5  # seconds between a change and its place in the log of effects, on a busy machine


@cache
def forked() -> ForkedCli:
    """One for the whole test process."""
    one = ForkedCli()
    atexit.register(one.close)
    return one


@dataclass(frozen=True)
class Prepared:
    """A world's files, and what a run that nobody disturbs does to it."""

    world: CrashWorld
    files: Mapping[str, str]
    stated: Mapping[str, tuple[Kind, ...]]
    before: object
    after: object
    effects: tuple[Effect, ...]
    wrong: tuple[WrongDecision, ...]
    report: Mapping[str, Any]


@contextmanager
def session_of(
    world: CrashWorld, folder: Path, files: Mapping[str, str] | None = None
) -> Iterator[LabSession]:
    """A fresh lab with this world, and a folder with these files."""
    with lab_session(folder, build_world(world.document), forked()) as session:
        for name, text in (files or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        yield session


@cache
def prepared(name: str) -> Prepared:
    """Plan one of the worlds, and apply it undisturbed."""
    world = BY_NAME[name]
    with TemporaryDirectory(prefix=f"{name}-") as place, session_of(world, Path(place)) as session:
        files = planned(session, world)
        stated = differences_in(files["plan.json"])
        before = lasting(session)
        oracle = JudgedOracle(session.world, stated=stated)
        out = session.run(*APPLY)
        steps = len(json.loads(files["plan.json"])["steps"])
        assert f"{steps} of {steps} steps done" in out, out
        oracle.stop()
        report = oracle.report()
        wrong = tuple(oracle.wrong())
        return Prepared(
            world,
            files,
            stated,
            before,
            session.end_state(),
            tuple(session.effects()),
            wrong,
            report,
        )


def planned(session: LabSession, world: CrashWorld) -> Mapping[str, str]:
    """Plan with the world's answers, and with credentials to log in as everybody in the plan."""
    folder = session.folder
    options = (
        "--out",
        "plan.json",
        "--decisions",
        "decisions.yaml",
        "--quiet",
        *world.plan_options,
    )
    source: tuple[str, ...] = (world.cluster,)
    if world.creator is not None:
        session.run("snapshot", world.cluster, "--out", "snapshot.json", "--quiet")
        snapshot = json.loads((folder / "snapshot.json").read_text())
        snapshot["creator"] = {"arn": world.creator, "source": "tests"}
        (folder / "snapshot.json").write_text(json.dumps(snapshot))
        source = ("--snapshot", "snapshot.json")
    answers = dict(world.answers)
    for _ in range(2):  # answers may only name principals that the plan knows
        (folder / "decisions.yaml").write_text(json.dumps(answers))
        done = session.migrate("plan", *source, *options)
        plan = (
            json.loads((folder / "plan.json").read_text())
            if (folder / "plan.json").exists()
            else {}
        )
        known = {each["principalArn"] for each in plan.get("principals", ())}
        profiles = lab_state(folder / "lab")["profiles"]
        answers["verify_as"] = {
            arn: {"profile": profiles[arn]} for arn in sorted(known & set(profiles))
        }
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (folder / name).read_text() for name in ("plan.json", "decisions.yaml")}


def differences_in(plan: str) -> dict[str, tuple[Kind, ...]]:
    """What a plan says of access gained and lost, by principal."""
    stated: dict[str, tuple[Kind, ...]] = {}
    for each in json.loads(plan)["principals"]:
        lost: tuple[Kind, ...] = ("denied",) if each["access"]["lost"] else ()
        gained: tuple[Kind, ...] = ("allowed",) if each["access"]["gained"] else ()
        if lost or gained:
            stated[each["principalArn"]] = (*lost, *gained)
    return stated


def made(effects: Iterable[Effect]) -> "Counter[tuple[str, str, str]]":
    """How often each effect was made, whatever the run's random id and the caller's session. A tag
    of the cluster is a lock, for a caller who may not write a Lease.
    """
    return Counter(
        (
            effect.operation,
            str(effect.detail.get("principalArn", "")),
            str(effect.detail.get("policyArn", "")),
        )
        for effect in effects
        if effect.operation not in ("eks:TagResource", "eks:UntagResource")
    )


def made_for_good(effects: Iterable[Effect], prepared: Prepared) -> "Counter[tuple[str, str, str]]":
    """How often each effect was made. Where a plan states a gap, the operator's own entry that was
    left without its policy is deleted once and made again: neither counts.
    """
    found = made(effects)
    deletion = ("eks:DeleteAccessEntry", OPERATOR, "")
    if prepared.world.gap and deletion not in made(prepared.effects):
        again = found.pop(deletion, 0)
        assert again <= 1, found
        found[("eks:CreateAccessEntry", OPERATOR, "")] -= again
    return found


def kill_points(effects: int) -> list[tuple[int, KillPoint]]:
    """Both ways to die at every effect: done and not answered; arrived and not done."""
    return [(n, POINTS[0]) for n in range(1, effects + 1)] + [
        (n, POINTS[1]) for n in range(effects)
    ]


def pause_after(after: int, point: KillPoint) -> timedelta:
    """How long after this kill the second command is run: always the same for one point, another
    one for its neighbours.
    """
    return PAUSES[(2 * after + POINTS.index(point)) % len(PAUSES)]


def one_of_each_kind(prepared: Prepared) -> list[tuple[int, KillPoint]]:
    """The last effect of each kind, alternating the two ways to die."""
    last = {effect.operation: effect.n for effect in prepared.effects}
    every = set(kill_points(len(prepared.effects)))
    return [
        (n, POINTS[i % 2] if (n, POINTS[i % 2]) in every else POINTS[0])
        for i, n in enumerate(sorted(last.values()))
    ]


def tried_everywhere(
    prepared: Prepared,
    ends_well: Callable[[Prepared, Path, int, KillPoint], None],
    points: Sequence[tuple[int, KillPoint]],
    place: Path,
) -> None:
    """Try each point in a lab of its own; those that did not end well are named, each with its
    reason.
    """
    failed = []
    for after, point in points:
        folder = place / f"{after}-{point}"
        try:
            ends_well(prepared, folder, after, point)
        except AssertionError as error:
            failed.append(
                f"{prepared.world.name}, killed at effect {after} ({point}), "
                f"next command {pause_after(after, point)} later: {error}"
            )
        rmtree(folder, ignore_errors=True)
    assert not failed, "\n\n".join(failed)


def survives(prepared: Prepared, folder: Path, after: int, point: KillPoint) -> None:
    """Kill at one effect, run the same command again: same end, every effect once, nobody ever
    wrongly answered.
    """
    with session_of(prepared.world, folder, prepared.files) as session:
        oracle = JudgedOracle(session.world, stated=prepared.stated)
        killed = session.migrate(*APPLY, kill=(after, point))
        assert killed.returncode == KILLED, (killed.returncode, killed.stdout + killed.stderr)
        assert after <= len(session.effects()) <= after + _IN_FLIGHT
        session.world.clock.advance(pause_after(after, point))
        session.run(*APPLY)
        assert session.end_state() == prepared.after
        assert made_for_good(session.effects(), prepared) == made(prepared.effects)
        oracle.stop()
        nothing_wrong(prepared, oracle, session.effects())


def goes_back(prepared: Prepared, folder: Path, after: int, point: KillPoint) -> None:
    """Kill at one effect, then roll back: what was there before, and nobody ever wrongly
    answered.
    """
    with session_of(prepared.world, folder, prepared.files) as session:
        oracle = JudgedOracle(session.world, stated=prepared.stated)
        killed = session.migrate(*APPLY, kill=(after, point))
        assert killed.returncode == KILLED, (killed.returncode, killed.stdout + killed.stderr)
        session.world.clock.advance(pause_after(after, point))
        ended = session.migrate("rollback", "plan.json", "--yes", "--output", "json")
        oracle.stop()
        nothing_wrong(prepared, oracle, session.effects())
        assert lasting(session) == prepared.before, ended.stdout + ended.stderr
        wanted = _exit_of_roll_back(session, ended.stdout)
        assert ended.returncode == wanted, (ended.returncode, ended.stdout + ended.stderr)


def _exit_of_roll_back(session: LabSession, out: str) -> int:
    """0, or 4 where all that is left is an entry that EKS made and that still is in force."""
    left = json.loads(out)["left"]
    if not left:
        return 0
    now = session.world.now()
    made_by_eks = {
        arn
        for cluster in session.world.clusters.values()
        for arn, entry in cluster.entries(now).items()
        if entry.automatic
    }
    assert {each["principalArn"] for each in left} <= made_by_eks, left
    return 4


def lasting(session: LabSession) -> object:
    """What a roll-back gives back exactly: not the mode, entries that EKS made itself, and dead
    entries.
    """
    now, state = session.world.now(), session.end_state()
    for cluster in session.world.clusters.values():
        for arn, entry in cluster.entries(now).items():
            principal = session.world.principal(arn)
            if entry.automatic or principal is None or principal.id != entry.principal_id:
                del state[cluster.name]["entries"][arn]
        del state[cluster.name]["mode"]
    return state


def nothing_wrong(prepared: Prepared, oracle: JudgedOracle, effects: Iterable[Effect]) -> None:
    """No wrong answer but, without a bridge, those of administrators between their entry and its
    policy.
    """
    nothing_wrong_in(prepared, oracle.wrong(), effects)


def nothing_wrong_in(
    prepared: Prepared, found: Iterable[WrongDecision], effects: Iterable[Effect]
) -> None:
    """The same of answers already collected."""
    wrong = list(found)
    if prepared.world.gap:
        wrong = [each for each in wrong if not in_the_stated_gap(each, prepared, effects)]
    shown = [
        (each.login, each.kind, each.request, each.token, each.effect, each.reason)
        for each in wrong[:6]
    ]
    assert not wrong, (len(wrong), shown)


def in_the_stated_gap(wrong: WrongDecision, prepared: Prepared, effects: Iterable[Effect]) -> bool:
    """Whether a denial is one that a plan without a bridge announces for this very principal.

    On the way there it lasts from the entry's being in force until its policy is. On the way back
    it begins, at the latest, when the entry is gone, for logins by it that are still remembered,
    and is over when they are not: that may be after the oracle's last look.
    """
    plan = json.loads(prepared.files["plan.json"])
    announced = " ".join(f["message"] for f in plan["findings"] if f["code"] == "gap-accepted")
    settings = prepared.world.document["settings"]
    spread, remembered = settings["propagationSeconds"], settings.get("tokenCacheSeconds", 10)
    own = [e for e in effects if e.detail.get("principalArn") == wrong.principal_arn]

    def since(moment: datetime, *operations: str) -> list[float]:
        """Seconds from what each effect brought into force until the moment."""
        found = [e.at for e in own if e.operation.removeprefix("eks:") in operations]
        return [(moment - at).total_seconds() - spread for at in found]

    if wrong.kind != "denied" or f"`{wrong.principal_arn}`" not in announced:
        return False
    begun = any(
        abs(late) <= _TICK for late in since(wrong.since, "CreateAccessEntry", "DeleteAccessEntry")
    )
    if wrong.token == "remembered":
        until = wrong.until or wrong.since
        gone = since(until, "DeleteAccessEntry")
        # Nothing may be looked at between their end and the next entry's being in force.
        next_entry = any(abs(late) <= _TICK for late in since(until, "CreateAccessEntry"))
        longest = remembered + (spread if next_entry else 0) + _TICK
        return begun and any(-_TICK <= late <= longest for late in gone)
    ends = (
        since(wrong.until, "AssociateAccessPolicy", "DeleteAccessEntry")
        if wrong.until is not None
        else []
    )
    return begun and any(abs(late) <= _TICK for late in ends)
