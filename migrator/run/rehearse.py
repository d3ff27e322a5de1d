"""A rehearsal of API mode that can be undone in seconds: aws-auth's values are blanked, and put
back.

On any trouble the exact bytes are put back first; a Job in the cluster puts them back if this
process dies or cannot reach the cluster. Under 20 minutes it is no evidence: tokens live for 14,
with caches on top. :mod:`migrator.decide.running.rehearsal` decides the next action.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from migrator.decide.running import rehearsal as brain
from migrator.decide.running.dead_man import (
    BLANKED,
    KINDS,
    NAME,
    OVER,
    REMOVE,
    RENEW_WITHIN,
    blanked,
    lease_time,
    original_of,
    recreated,
    timer_objects,
)
from migrator.decide.running.progress import REHEARSE, SETTLED, Progress, advance
from migrator.decide.running.waiting import moment
from migrator.errors import Failed, Interrupted, MigratorError, WrongUse, assert_never
from migrator.model.canonical import pretty_bytes
from migrator.model.decision import Acceptance
from migrator.model.journal import Event, Record
from migrator.model.outcome import RehearseOutcome, VerifyOutcome
from migrator.model.plan import Plan
from migrator.model.snapshot import Snapshot
from migrator.model.step import ProofClass
from migrator.ports import Clock, ClusterObjects, ConfigMaps, StateStore
from migrator.run.begin_run import (
    RunPorts,
    progress_in,
    refuse_blank,
    refuse_blocked,
    refuse_other_cluster,
)
from migrator.run.hold_cluster import HeldCluster, hold_cluster
from migrator.run.journaled_run import JournaledRun
from migrator.run.look_again import refuse_differences
from migrator.run.rehearsal_conditions import refuse_conditions
from migrator.run.rehearsal_evidence import BEAT, BeatingClock, HeldStore
from migrator.run.rehearsal_watch import Trouble, Watcher
from migrator.run.run_events import RunEvents
from migrator.run.timer_reach import refuse_timer_cut_off
from migrator.run.verify_access import VerifyOptions, verify_access

EVIDENCE_AFTER = timedelta(minutes=20)
POLL = timedelta(seconds=2)
PATIENCE = (
    2 * RENEW_WITHIN
)  # with an API server that does not answer; by then the timer has put the map back
BACKUP = "backup/rehearsal-aws-auth.json"


@dataclass(frozen=True, slots=True)
class RehearseOptions:
    """``length``: how long the map stays blank. ``image``: what the timer's Job runs.
    ``accept_timer_reach``: also where it is not known whether policies let the timer reach the API
    server. The rest is decisions.yaml's.
    """

    length: timedelta = timedelta(minutes=30)
    image: str = ""
    waive_verification: Mapping[str, Acceptance] = field(default_factory=dict)
    proof_policy: Mapping[str, ProofClass] = field(default_factory=dict)
    accept_timer_reach: bool = False


DEFAULTS = RehearseOptions()


def rehearse(
    plan: Plan,
    plan_digest: str,
    ports: RunPorts,
    objects: ClusterObjects,
    options: RehearseOptions = DEFAULTS,
    *,
    waiting: Clock | None = None,
) -> RehearseOutcome:
    """Rehearse API mode, or put back what an interrupted rehearsal left. ``waiting`` only waits,
    and never steps time: it is for the start of the timer's Job, which takes real time.

    Exit code 0 passed, or the cluster is in API mode and there is nothing to rehearse, 4 another
    writer changed the map, 6 a principal or a node would have lost access, 7 interrupted (now, or
    by an earlier process), else the error's. In all of them aws-auth is as it was, or the timer in
    the cluster is about to restore it; the outcome says which. Raises
    ``Refused`` where a condition is not met, before anything is written.
    """
    refuse_blocked(plan)
    with hold_cluster(ports, REHEARSE, plan_digest) as held:
        snapshot = held.ports.read_snapshot()
        refuse_other_cluster(plan, snapshot)
        show = _RehearsalRun(
            plan,
            plan_digest,
            held,
            ports.config_maps,
            objects,
            options,
            waiting or ports.clock,
        )
        if not show.interrupted:
            if snapshot.cluster.authentication_mode == "API":
                # As every command that is run again: what it is for is over, and nothing is sent.
                return _nothing_to_rehearse(held.ports)
            refuse_blank(snapshot)
            refuse_conditions(plan, plan_digest, held.ports, snapshot, held.chain)
            refuse_timer_cut_off(
                held.ports.network_policies,
                held.ports.events,
                accepted=options.accept_timer_reach,
            )
            show.look_again(snapshot)
        show.begin(held.caller, snapshot.config_map)
        return show.run()


def refuse_without_image(
    plan: Plan,
    plan_digest: str,
    store: StateStore,
    image: str,
) -> None:
    """Raises ``rehearsal-image`` for a rehearsal that would start a timer and has no image for it.
    One that was interrupted is only ended, which needs no Job.
    """
    if image or _is_interrupted(progress_in(store.journal(), plan, plan_digest)):
        return
    raise WrongUse(
        "rehearsal-image",
        "A rehearsal needs the image of its timer.",
        why="A Job in the cluster puts aws-auth back if this process dies.",
        remedy="Name an image with this package that the cluster can pull: --image IMAGE.",
    )


def _nothing_to_rehearse(ports: RunPorts) -> RehearseOutcome:
    return RehearseOutcome(
        passed=False,
        evidence=False,
        seconds=0,
        aws_auth="not asked any more: API mode",
        why="the cluster is in API mode, and there is nothing to rehearse",
        exit_code=0,
        state=ports.store.location,
    )


def _unexpected(raised: Exception) -> Failed:
    """The error for an exception of another kind: the map is restored before it is reported."""
    return Failed(
        "unexpected",
        "Something went wrong that should not, and the rehearsal was ended.",
        why=f"{type(raised).__name__}: {raised}",
        remedy="Report it with the journal of the run.",
    )


class _RehearsalRun:
    """One rehearsal: what it knows, and the effect of each action."""

    def __init__(
        self,
        plan: Plan,
        plan_digest: str,
        held: HeldCluster,
        maps: ConfigMaps,
        objects: ClusterObjects,
        options: RehearseOptions,
        waiting: Clock,
    ) -> None:
        self._plan, self._digest, self._objects, self._options = plan, plan_digest, objects, options
        ports = replace(held.ports, events=RunEvents(held.ports.events, self._about))
        self.ports, self._waiting = ports, waiting
        self._held = held.lock
        # Putting the map back needs no lock: a run that lost it must not leave aws-auth blank, and
        # the write is guarded by the resourceVersion.
        self._maps_back = maps
        self._watcher = Watcher(plan, ports)
        self._journal = JournaledRun(self._record)
        self._progress = progress_in(ports.store.journal(), plan, plan_digest)
        self.interrupted = _is_interrupted(self._progress)
        self._original: dict[str, Any] = {"data": {}}
        self._end: tuple[str, int] | None = (
            None  # why it ends, and the exit code; the first reason counts
        )
        self._error: MigratorError | None = None
        self._renewed = ports.clock.now()
        self._verification: VerifyOutcome | None = None

    def _about(self) -> Mapping[str, str]:
        """What everything that is said in this rehearsal is about."""
        return {"cluster": self._plan.cluster.name, "run": self._progress.run or ""}

    def begin(self, caller: str, config_map: Mapping[str, Any] | None) -> None:
        """Back up and journal the start; after an interruption the backup of then is what
        counts.
        """
        if self.interrupted:
            self._original = _saved(self.ports)
            self._end = ("the rehearsal was interrupted", 7)
        else:
            self.ports.store.write(BACKUP, pretty_bytes(config_map))
            self._original = original_of(config_map or {})
        run = self._progress.run or ""
        self._journal.start(
            REHEARSE,
            run=run,
            plan_digest=self._digest,
            caller=caller,
            accepted=("timer-reach",) if self._options.accept_timer_reach else (),
            image=self._options.image,
        )
        self._journal.backed_up([BACKUP])

    def run(self) -> RehearseOutcome:
        """Do what ``next_rehearsal`` answers until nothing is left in the cluster, or until it
        cannot be reached for too long.
        """
        since: datetime | None = None
        while True:
            try:
                if since is not None:
                    self.ports.clock.sleep(POLL)
                action = brain.next_rehearsal(self._progress, self._see(), self._options.length)
                if isinstance(action, brain.Over):
                    return self._over(action.why)
                self._do(action)
                since = None
            except Trouble as trouble:
                self._stop(f"{trouble.message} {trouble.why}".strip(), 6)
            except Exception as raised:  # whatever it is, the map is restored first
                error = raised if isinstance(raised, MigratorError) else _unexpected(raised)
                # The first error is the one that a person has to know.
                self._error = self._error or error
                self._stop(error.message, error.exit_code)
                since = since or self.ports.clock.now()
                if self.ports.clock.now() - since >= PATIENCE:
                    return self._unreachable(error)
            except KeyboardInterrupt:
                self._error = _stopped(f"By hand: {REMOVE}")
                self._stop("it was stopped by hand", 7)

    def _over(self, why: str) -> RehearseOutcome:
        """The outcome of a rehearsal that has ended, with what aws-auth is now."""
        # The timer is removed and aws-auth read again: nothing is left to do by hand.
        if isinstance(self._error, Interrupted):
            self._error = _stopped()
        # A map that another writer changed stays as they wrote it.
        if why in (brain.CHANGED_BEFORE, brain.CHANGED_AFTER):
            return self._outcome(why, "as another writer left it")
        return self._outcome(why, "as it was")

    def _see(self) -> brain.SeenRehearsal:
        """Look at the map and the timer, and gather what the state machine depends on."""
        return brain.SeenRehearsal(
            now=self.ports.clock.now(),
            map=self._map(),
            timer=brain.timer_state(self._objects.read("Lease", NAME)),
            trouble=self._end[0] if self._end else "",
            resumed=self.interrupted,
        )

    def _map(self) -> brain.MapState:
        return brain.map_state(self.ports.config_maps.read(), self._original["data"])

    def _do(self, action: brain.Rehearsing) -> None:
        """Carry one action of the state machine out, and nothing else."""
        match action:
            case brain.StartTimer():
                self._start_timer()
            case brain.AwaitTimer():
                self.ports.events.say("info", "waiting: the timer's Job starts", event="timer")
                self._waiting.sleep(POLL)
                self._renew()
            case brain.Blank():
                self._blank()
            case brain.Watch():
                self.beat()
                self.ports.clock.sleep(BEAT)
            case brain.Conclude():
                self._conclude()
            case brain.Restore():
                self._restore(action)
            case brain.AdoptRestored(why):
                self._adopt_restored(why)
            case brain.RemoveTimer(why):
                self._end_without_blank(why)
                self._remove_timer()
            case brain.Over():
                raise AssertionError("the end is not an effect")
            case _:
                assert_never(action)

    def _adopt_restored(self, why: str) -> None:
        """Journal a restore that this process did not make."""
        # A difference that was written later stays: exit 4, a person looks at it.
        self._stop(why, 4 if why == brain.CHANGED_AFTER else 6)
        written = self._put_back_at(why)
        outcome = {"why": why}
        if written is not None:
            outcome["writtenAt"] = written.isoformat()
        self._record(brain.RESTORE, "adopted", outcome)

    def _end_without_blank(self, why: str) -> None:
        """Remember why the rehearsal ends before it blanked the map; no reason after a restore."""
        if not why:
            return
        self._stop(why, 4 if why == brain.CHANGED_BEFORE else 6)

    def _put_back_at(self, why: str) -> datetime | None:
        """When the map was restored, None where that cannot be read. Where it was written later,
        the Lease shows by when the timer had fired.
        """
        if why != brain.CHANGED_AFTER:
            return brain.last_written(self.ports.config_maps.read())
        spec = (self._objects.read("Lease", NAME) or {}).get("spec") or {}
        renewed = moment(str(spec.get("renewTime", "")))
        if renewed is None:
            return None
        return renewed + RENEW_WITHIN

    # effects

    def _start_timer(self) -> None:
        """Create the timer's objects, journaled before and after."""
        self._held.check()
        self._journal.carry_out(
            brain.TIMER_STEP,
            intended={"remove": REMOVE},
            effect=self._create_timer,
            done=lambda kinds: {"objects": kinds},
        )

    def _create_timer(self) -> list[str]:
        manifests = timer_objects(
            self._original,
            run=self._progress.run or "none",
            image=self._options.image,
            length=self._options.length,
            now=self.ports.clock.now(),
        )
        for manifest in manifests:
            self._objects.apply(manifest)
        return [manifest["kind"] for manifest in manifests]

    def look_again(self, snapshot: Snapshot) -> None:
        """Raises ``Changed`` where rows, ids or entries are no longer as the plan has them: a
        principal whose row was added since would be refused while aws-auth is blank.
        """
        refuse_differences(self._plan, self._digest, self._progress, self.ports, snapshot)

    def _blank(self) -> None:
        """Note which nodes and principals are well; with a Lease just renewed and the timer armed,
        blank the values.
        """
        self.look_again(self.ports.read_snapshot())
        self._watcher.note_start()
        self._renew()
        if brain.timer_state(self._objects.read("Lease", NAME)) != "armed":
            raise Trouble("rehearsal-timer", "The timer is not armed any more.")
        live = self.ports.config_maps.read()
        if live is None or brain.map_state(live, self._original["data"]) != "original":
            return  # the next decision reads the map again
        version = _version(live)
        refused = self._journal.carry_out(
            brain.BLANK,
            intended={"resourceVersion": version, "keys": sorted(self._original["data"])},
            effect=lambda: self._write_blank(version),
            done=lambda _: {},
            # Another writer wrote aws-auth first: nothing of this run is in it, and theirs stays.
            over=lambda error: error.code == "aws-auth-changed",
        )
        if refused is None:
            self.ports.events.say(
                "step", "aws-auth is blank: only access entries admit logins", event="rehearsal"
            )

    def _write_blank(self, version: str) -> None:
        """Blank the values, unless another writer was faster. The Lease says so first: a timer that
        sees no announcement does not restore what it finds.
        """
        self._objects.patch("Lease", NAME, {"metadata": {"annotations": {BLANKED: "true"}}})
        try:
            self.ports.config_maps.write_data(
                blanked(self._original["data"]), resource_version=version
            )
        except MigratorError as error:
            # A write whose answer was lost and that was sent again is refused: the map then is
            # blank, and it is this run that blanked it.
            if error.code != "aws-auth-changed" or self._map() != "blank":
                raise

    def beat(self) -> None:
        """Renew the Lease, unless it is too late, and look at everything. Raises ``Trouble``."""
        if self.ports.clock.now() - self._renewed > RENEW_WITHIN:
            raise Trouble("rehearsal-late", "The Lease was not renewed in time.")
        if self._map() != "blank":
            return  # the next decision sees it, too
        # a rehearsal that lost the lock of the cluster ends, and the map is restored
        self._held.check()
        self._renew()
        self._watcher.look(self._began())
        length = int(self._options.length.total_seconds())
        self.ports.events.progress("rehearsed", min(self._seconds(), length), length)

    def still_blank(self) -> None:
        """Raises ``Trouble`` where a row may be in force again: then what is seen now is not due to
        an entry alone.
        """
        if self._map() != "blank":
            raise Trouble("rehearsal-written", "Another writer changed aws-auth.")

    def _watch(self) -> None:
        self.still_blank()
        self.beat()

    def _renew(self) -> None:
        """Renew the Lease: until it is not renewed, the timer waits."""
        now = self.ports.clock.now()
        self._objects.patch("Lease", NAME, {"spec": {"renewTime": lease_time(now)}})
        self._renewed = now

    def _conclude(self) -> None:
        """Evidence while no row is asked; each pause of it continues the watch. Then the map is put
        back.
        """
        self.beat()
        long_enough = timedelta(seconds=self._seconds()) >= EVIDENCE_AFTER
        if long_enough:
            options = self._options
            how = VerifyOptions(
                waive_verification=options.waive_verification, proof_policy=options.proof_policy
            )
            held = HeldStore(self.ports.store)
            ports = replace(
                self.ports, clock=BeatingClock(self.ports.clock, self._watch), store=held
            )
            self._verification = verify_access(self._plan, ports, how)
            self.still_blank()
            held.let_go()
            for verdict in self._verification.verdicts:
                if verdict.verdict == "failed":
                    raise Trouble("rehearsal-failed", f"{verdict.principal_arn}: {verdict.why}")
        seconds = self._seconds()
        while self._progress.of(brain.RESTORE).status not in SETTLED and self._map() == "blank":
            self._restore(brain.Restore(""))
        is_restored = self._progress.of(brain.RESTORE).status in SETTLED
        # A rehearsal that ended for a reason, or before every token was renewed, shows nothing.
        if long_enough and is_restored and self._end is None:
            self._record(brain.PASSED, "done", {"seconds": seconds})

    def _restore(self, action: brain.Restore) -> None:
        """The exact bytes, whatever is there now; what another writer put there is saved first."""
        live = self.ports.config_maps.read()
        written_by_others = live is None or action.save
        if action.why:
            self._stop(action.why, 4 if written_by_others else 6)
        saved = None
        if action.save and live is not None:
            saved = f"backup/foreign-aws-auth-{self.ports.clock.now():%Y%m%dT%H%M%SZ}.json"
            self.ports.store.write(saved, pretty_bytes(dict(live)))
        self._journal.carry_out(
            brain.RESTORE,
            intended={"why": action.why, "saved": saved},
            effect=lambda: self._write_back(live),
            done=lambda shown: {"why": action.why} if shown else None,
        )
        if self._progress.of(brain.RESTORE).status in SETTLED:
            self.ports.events.say("done", "aws-auth is as it was", event="rehearsal")

    def _write_back(self, live: Mapping[str, Any] | None) -> bool:
        """Whether aws-auth, read again, is as it was."""
        if live is None:
            self._objects.apply(recreated(self._original))
            return self._map() == "original"
        try:
            self._maps_back.write_data(self._original["data"], resource_version=_version(live))
        except MigratorError as error:
            if error.code != "aws-auth-changed":
                raise
            # Another writer was faster: the next decision reads the map again.
            return False
        return self._map() == "original"

    def _remove_timer(self) -> None:
        self._journal.carry_out(
            brain.CLEAN,
            intended={"kinds": list(KINDS)},
            effect=self._delete_timer,
            done=lambda _: {"kinds": list(KINDS)},
        )

    def _delete_timer(self) -> None:
        """Delete the timer's objects; the annotation stops a pod that still runs."""
        if self._objects.read("Lease", NAME) is not None:
            self._objects.patch("Lease", NAME, {"metadata": {"annotations": {OVER: "true"}}})
        for kind in KINDS:
            self._objects.delete(kind, NAME)

    # the journal and the end

    def _record(
        self,
        step: str | None,
        event: Event,
        effect: Mapping[str, Any],
    ) -> None:
        """Journal it. Once it is ending, putting back does not wait for a journal that cannot be
        written.
        """
        now = self.ports.clock.now()
        try:
            record = self.ports.store.append_record(step, event, effect, now)
        except MigratorError as error:
            if self._end is None:
                raise
            self._error = self._error or error
            record = Record(0, "", now.isoformat(), step, event, effect)
        self._progress = advance(self._progress, {}, record)

    def _stop(self, why: str, code: int) -> None:
        """Note why the rehearsal must end; the first reason counts."""
        if self._end is None:
            self._end = (why, code)
            self.ports.events.say("warn", why, event="rehearsal")

    def _began(self) -> datetime:
        return moment(self._progress.of(brain.BLANK).at) or self.ports.clock.now()

    def _seconds(self) -> int:
        """How long the map has been, or was, blank."""
        return int(brain.time_blank(self._progress, self.ports.clock.now()).total_seconds())

    def _unreachable(self, error: MigratorError) -> RehearseOutcome:
        """Nothing more can be done from here; the timer in the cluster can restore the map."""
        inside = self._progress.of(brain.BLANK).status not in brain.NEVER_BLANKED
        blank = inside and self._progress.of(brain.RESTORE).status not in SETTLED
        where = "as it was"
        if blank:
            where = "not to be seen from here; the timer in the cluster puts it back"
        return self._outcome(error.message, where)

    def _outcome(self, why: str, aws_auth: str) -> RehearseOutcome:
        """The outcome, after the end of the run is journaled. ``why`` is empty when the rehearsal
        passed.
        """
        reason, code = self._end or (why, 6 if why else 0)
        self._journal.end(code)
        return RehearseOutcome(
            passed=code == 0,
            evidence=self._progress.of(brain.PASSED).status in SETTLED,
            seconds=self._seconds(),
            aws_auth=aws_auth,
            why=reason,
            exit_code=code,
            verification=self._verification,
            error=self._error,
            state=self.ports.store.location,
        )


def _stopped(remedy: str = "") -> Interrupted:
    """``remedy``: what is left to do in the cluster; empty where nothing is."""
    return Interrupted(
        "interrupted",
        "The rehearsal was stopped.",
        why="It was stopped by hand or by a signal.",
        remedy=remedy or "Nothing is left of it in the cluster: rehearse again.",
    )


def _is_interrupted(progress: Progress) -> bool:
    """Whether a rehearsal of this plan was begun from here, and what it left is still there."""
    begun = progress.of(brain.TIMER_STEP).status != "pending"
    return begun and progress.of(brain.CLEAN).status not in SETTLED


def _version(config_map: Mapping[str, Any]) -> str:
    return str((config_map.get("metadata") or {}).get("resourceVersion", ""))


def _saved(ports: RunPorts) -> dict[str, Any]:
    """The aws-auth of before, from the state folder. Raises ``Failed`` ``backup-missing``."""
    content = ports.store.read(BACKUP)
    if content is None:
        raise Failed(
            "backup-missing", f"{BACKUP} is not there.", why="It holds the aws-auth to put back."
        )
    return original_of(json.loads(content) or {})
