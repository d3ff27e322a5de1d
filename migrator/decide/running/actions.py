"""What can happen next, as values, and what an answer to that depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from migrator.decide.running.progress import Progress, sequences_of
from migrator.decide.running.source_differences import Difference
from migrator.errors import MigratorError
from migrator.model.access_entry import AccessEntry, AuthenticationMode
from migrator.model.plan import Plan
from migrator.model.step import CreateBinding, Sequence
from migrator.model.step import Step as PlanStep


@dataclass(frozen=True, slots=True)
class ReadFirst:
    """Something must be read first: ``name`` says of what (a principal's ARN, an update id,
    ``namespace/name``).

    ``source``: whether aws-auth and IAM still give a principal what the plan was made for;
    ``carriers``: whose entries carry the group ``name``.
    """

    subject: Literal["cluster", "update", "entry", "binding", "row", "source", "carriers"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Do:
    """Journal the intention, have the effect, read back, journal it as done.

    ``first`` is read directly before; only if the answer is then still this action, the effect is
    sent. What was read earlier may be minutes old: proofs and the rate limit take time, and other
    people write meanwhile.
    """

    step: PlanStep
    first: tuple[ReadFirst, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopt:
    """The effect is there already: journal it, do nothing."""

    step: PlanStep
    why: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Undo the step by its stored undo. ``gone``: its effect is no longer there, only journal it.

    ``first`` is read directly before, as for :class:`Do`. ``why``: shown beside it where the run
    goes forward.
    """

    step: PlanStep
    gone: bool = False
    first: tuple[ReadFirst, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class LeaveInPlace:
    """Undoing the step would take access away from its principal: leave it, and say so."""

    step: PlanStep
    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the principal's sequence before this step: what the plan was made for has changed. Other
    principals continue.
    """

    step: PlanStep
    difference: Difference


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do but look again, until ``until``; with no ``look``, only time has to pass."""

    step: PlanStep
    why: str
    until: datetime
    look: ReadFirst | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Stop: what is seen is not what the plan was made for. ``step``: the attempt that is over and
    may be repeated. ``alone``: it is about one principal, and the others continue first.
    """

    error: MigratorError
    step: PlanStep | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class TakeOver:
    """EKS made the entry that ``step`` would create: journal it, and continue from it."""

    step: PlanStep
    entry: AccessEntry


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more can be done now. ``left``: steps that are not done, each with the reason."""

    left: tuple[tuple[PlanStep, str], ...] = ()


Action: TypeAlias = (
    ReadFirst | Do | Adopt | Undo | LeaveInPlace | GiveUp | TakeOver | Wait | Refuse | Finished
)


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of the cluster now. A key that is missing has not been looked at.

    ``rows``: whether the live aws-auth gives a principal its identity from before. ``sources``: how
    the live aws-auth or IAM differs from what the plan has of a principal, None where it does not.
    ``carriers``: by group, the principals whose entries carry it. ``callers``: principals of the
    plan that the operator is, or arrives through. ``second_admin``: who else was shown to
    administer the cluster, and how; empty where no one was. ``shown``: principals of whose entry as
    it is this state has a proof. ``waits``: by step, until when a proof that needs time is not
    asked for again, and why.
    """

    now: datetime
    mode: AuthenticationMode | None = None
    cluster_status: str = ""
    updates: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    entries: Mapping[str, AccessEntry | None] = field(default_factory=dict)
    bindings: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    rows: Mapping[str, bool] = field(default_factory=dict)
    shown: frozenset[str] = frozenset()
    sources: Mapping[str, Difference | None] = field(default_factory=dict)
    carriers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    callers: frozenset[str] = frozenset()
    second_admin: str = ""
    waits: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What the operator asked for. ``only``: these principals (None: all). ``back``: undo
    everything.
    """

    plan_digest: str
    only: frozenset[str] | None = None
    keep_going: bool = False
    back: bool = False


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything that an answer depends on, gathered."""

    plan: Plan
    progress: Progress
    observed: Observed
    run_request: RunRequest
    sequences: Mapping[str, Sequence]
    sequence_of: Mapping[str, str]
    binders: Mapping[
        str, tuple[PlanStep, ...]
    ]  # by group: the steps that make its parallel bindings

    @property
    def run(self) -> str:
        """The run's id, in the names of groups and bindings."""
        return self.progress.run or ""


def run_state(
    plan: Plan,
    progress: Progress,
    observed: Observed,
    run_request: RunRequest,
) -> RunState:
    """Gather; the sequences are made once."""
    sequences = sequences_of(plan, progress)
    binders: dict[str, tuple[PlanStep, ...]] = {}
    for step in plan.steps:
        if not isinstance(step.effect, CreateBinding):
            continue
        # One group may be bound in several namespaces.
        group = step.effect.group
        binders[group] = (*binders.get(group, ()), step)
    sequence_of: dict[str, str] = {}
    for key, sequence in sequences.items():
        sequence_of.update((step.id, key) for step in sequence)
    return RunState(
        plan,
        progress,
        observed,
        run_request,
        sequences,
        sequence_of,
        binders,
    )
