"""One run of one plan: the journal it writes and what it has seen, shared by the sequences that run
in parallel.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from migrator.decide.running.actions import Observed, ReadFirst, RunRequest, run_state
from migrator.decide.running.bridge import users_of
from migrator.decide.running.progress import Progress, advance
from migrator.decide.running.rate import full_bucket, take
from migrator.decide.running.source_differences import Difference
from migrator.errors import Interrupted
from migrator.model.access_entry import AccessEntry
from migrator.model.canonical import canonical_bytes
from migrator.model.decision import Acceptance
from migrator.model.evidence import Evidence, evidence_to_document
from migrator.model.journal import Event
from migrator.model.plan import Plan
from migrator.ports import (
    AccessEntries,
    Approver,
    AuditLogs,
    AuthMode,
    Clock,
    ConfigMaps,
    Events,
    NodeHealth,
    Rbac,
    Reviewers,
    StateStore,
    TaskRunner,
)
from migrator.run.journaled_run import JournaledRun
from migrator.run.run_events import RunEvents

EVIDENCE_FILE = "evidence.jsonl"
_FIELDS = {"update": "updates", "entry": "entries", "binding": "bindings", "row": "rows"}


@dataclass(frozen=True, slots=True)
class StepPorts:
    """What executing steps needs of the world. ``nodes`` and ``logs`` are None where they are not
    looked at.
    """

    entries: AccessEntries
    mode: AuthMode
    config_maps: ConfigMaps
    rbac: Rbac
    reviewers: Reviewers
    store: StateStore
    clock: Clock
    approver: Approver
    events: Events
    tasks: TaskRunner
    nodes: NodeHealth | None = field(default=None, kw_only=True)
    logs: AuditLogs | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """``waived_proofs`` by principal, from decisions.yaml. ``max_rate``: writes per second.
    ``row_gives_before`` answers whether aws-auth still gives a principal what it had,
    ``difference_of`` how aws-auth or IAM differs from what the plan has of it, None where they do
    not; both read again. ``list_entries`` reads all entries of the cluster. ``after_mode_step`` is
    called once the mode changed.
    """

    waived_proofs: Mapping[str, Acceptance] = field(default_factory=dict)
    max_rate: float | None = None
    row_gives_before: Callable[[str], bool] = lambda _arn: False
    difference_of: Callable[[str], Difference | None] = lambda _arn: None
    list_entries: Callable[[], Iterable[AccessEntry]] = tuple
    after_mode_step: Callable[["OneRun"], None] = lambda _run: None


DEFAULTS = RunSettings()


class OneRun:
    """Progress and observations of a run. Everything that changes here changes under one lock.

    ``state`` is everything known. It is replaced as a whole, so that reading it needs no lock.
    """

    def __init__(
        self,
        plan: Plan,
        ports: StepPorts,
        run_request: RunRequest,
        progress: Progress,
        observed: Observed,
        settings: RunSettings = DEFAULTS,
    ) -> None:
        self.plan = plan
        self.ports = replace(ports, events=RunEvents(ports.events, self._about))
        self.settings = settings
        self.journal = JournaledRun(self.record)
        self._lock = threading.RLock()
        self.state = run_state(plan, progress, observed, run_request)
        self._sequences = 0
        self._stopping = False
        self._refused_since: datetime | None = None
        self._idle = threading.Condition(self._lock)
        self._bucket = full_bucket(settings.max_rate, observed.now) if settings.max_rate else None

    @property
    def progress(self) -> Progress:
        """What the journal says."""
        return self.state.progress

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.state.run

    def _about(self) -> Mapping[str, str]:
        """What everything that is said in this run is about."""
        return {"cluster": self.plan.cluster.name, "run": self.run_id}

    @property
    def digest(self) -> str:
        """The plan's digest."""
        return self.state.run_request.plan_digest

    @property
    def stopping(self) -> bool:
        """Whether it was interrupted: what has started is finished, and nothing more starts."""
        return self._stopping

    @contextmanager
    def sequence_under_way(self) -> Iterator[None]:
        """A sequence that runs in any thread."""
        with self._idle:
            self._sequences += 1
        try:
            yield
        finally:
            with self._idle:
                self._sequences -= 1
                self._idle.notify_all()

    def stop_sequences(self) -> None:
        """Let no sequence begin another step; returns when all have stopped."""
        with self._idle:
            self._stopping = True
            self._idle.wait_for(lambda: self._sequences == 0)

    def pause(self, duration: timedelta) -> None:
        """Wait between two looks. Raises ``Interrupted`` where the run is to stop."""
        self.ports.clock.sleep(duration)
        if self._stopping:
            raise Interrupted(
                "interrupted", "Stopped on the way.", remedy="The same command continues from here."
            )

    def waited_for_mode(self) -> timedelta:
        """For how long EKS has refused to change the mode by answers after which it is looked
        again, from the first call on. A run changes the mode once.
        """
        now = self.ports.clock.now()
        if self._refused_since is None:
            self._refused_since = now
        return now - self._refused_since

    def see_time(self) -> None:
        """Read the clock: what is decided next depends on it."""
        with self._lock:
            self.see(now=self.ports.clock.now())

    def record(
        self,
        step: str | None,
        event: Event,
        effect: Mapping[str, Any],
    ) -> None:
        """Write to the journal, on disk before this returns, and fold it into the progress."""
        with self._lock:
            record = self.ports.store.append_record(step, event, effect, self.ports.clock.now())
            at = self.state
            progress = advance(at.progress, at.sequences, record)
            # Other steps lead from the entry that EKS made.
            if progress.automatic != at.progress.automatic:
                self.state = run_state(at.plan, progress, at.observed, at.run_request)
            else:
                self.state = replace(at, progress=progress)

    def see(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Observed
        """Replace fields of the observation."""
        with self._lock:
            self.state = replace(self.state, observed=replace(self.state.observed, **changes))

    def see_entry(self, arn: str, entry: AccessEntry | None) -> None:
        """An entry as it is now."""
        self._keep("entries", arn, entry)

    def wait_for(
        self,
        step_id: str,
        until: datetime,
        why: str,
    ) -> None:
        """A proof needs time: do not ask for it again before ``until``."""
        self._keep("waits", step_id, (until, why))

    def forget(self, what: ReadFirst) -> None:
        """What was known is no longer valid: look again before the next decision."""
        with self._lock:
            name = _FIELDS[what.subject]
            known = getattr(self.state.observed, name)
            self.see(**{name: {key: value for key, value in known.items() if key != what.name}})

    def _keep(
        self,
        name: str,
        key: str,
        value: object,
    ) -> None:
        with self._lock:
            self.see(**{name: {**getattr(self.state.observed, name), key: value}})

    def look(self, what: ReadFirst) -> None:
        """Read what a decision asks for."""
        ports = self.ports
        match what.subject:
            case "cluster":
                mode, status = ports.mode.read()
                self.see(mode=mode, cluster_status=status)
            case "update":
                status, errors = ports.mode.update_status(what.name)
                self._keep("updates", what.name, (status, tuple(errors)))
            case "entry":
                self.see_entry(what.name, ports.entries.describe(what.name))
            case "binding":
                namespace, _, name = what.name.partition("/")
                self._keep("bindings", what.name, ports.rbac.read_binding(name, namespace or None))
            case "row":
                self._keep("rows", what.name, self.settings.row_gives_before(what.name))
            case "source":
                self._keep("sources", what.name, self.settings.difference_of(what.name))
            case "carriers":
                self._keep("carriers", what.name, self._carriers_of(what.name))

    def _carriers_of(self, group: str) -> frozenset[str]:
        """Principals whose entries, read now, carry a group of a run's own.

        This run's group is random and only entries of its plan can carry it; for another run's, all
        are read.
        """
        users = users_of(self.state, group)
        if not users:
            return frozenset(
                e.principal_arn
                for e in self.settings.list_entries()
                if group in e.kubernetes_groups
            )
        for arn in users:
            self.look(ReadFirst("entry", arn))
        entries = self.state.observed.entries
        return frozenset(
            arn for arn in users if (e := entries[arn]) is not None and group in e.kubernetes_groups
        )

    def mode_step_done(self) -> None:
        """Check what the workflow wants checked after the mode change. Raises what it finds."""
        self.settings.after_mode_step(self)

    def take_turn(self) -> None:
        """Wait until the rate permits one more write."""
        if self._bucket is None:
            return
        with self._lock:
            self._bucket, wait = take(self._bucket, self.ports.clock.now())
        if wait > timedelta(0):
            self.ports.clock.sleep(wait)

    def keep_evidence(self, evidence: Evidence) -> None:
        """Append to the evidence, on disk before this returns."""
        with self._lock:
            self.ports.store.append_line(
                EVIDENCE_FILE, canonical_bytes(evidence_to_document(evidence))
            )

    def now(self) -> datetime:
        """The clock, read now."""
        return self.ports.clock.now()
