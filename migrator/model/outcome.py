"""How a step, a run, or a cluster of a fleet ended: a value, so that one failure cannot lose
another's result.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from migrator.errors import MigratorError
from migrator.model.cluster_lock import LockSeen
from migrator.model.evidence import Evidence, Phase, PrincipalVerdict, Verdict
from migrator.model.gate import Gate
from migrator.model.leftover import Leftover
from migrator.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done. ``detail`` is one line for people."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Not done. ``retryable``: the same call may work later."""

    error: MigratorError
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not tried, for a reason."""

    reason: str


Outcome: TypeAlias = Succeeded | Failed | Skipped


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """A plan, made now or read again. ``content`` is plan.json on one line, ``digest`` its digest.
    ``lines`` gives the line of a row (``mapRoles[3]``) inside its section, where the ConfigMap is
    at hand. ``said``: what a person has to know of the file that the rows are from, a line each.
    """

    plan: Plan
    digest: str
    content: bytes
    lines: Mapping[str, int]
    said: tuple[str, ...] = ()

    @property
    def document(self) -> Mapping[str, Any]:
        """plan.json as data."""
        found: Mapping[str, Any] = json.loads(self.content)
        return found

    @property
    def exit_code(self) -> int:
        """3 where a person must decide first, else 0."""
        if self.plan.blocked:
            return 3
        return 0


MAKE_A_PLAN = "make a plan"  # what is next where no plan is known of a cluster
DECIDE_FINDINGS = "decide the open findings"
# Of a blocked plan where no answer in decisions.yaml lifts anything.
DO_WHAT_FINDINGS_SAY = "do what the open findings say, then plan again"
NOT_ASKED_FOR = "not asked for"  # why a step is left that ``--only`` leaves out
TO_BE_UNDONE = "to be undone"  # why a step is left that a roll-back did not reach


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """A step that a run left undone, and why."""

    step_id: str
    kind: str
    principal_arn: str | None
    why: str


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: what is done, what is not and why, and the exit code that says so.

    ``refused``: principals given up, with the reason; their rows answer as before, unless the
    reason says otherwise. ``outstanding``: principals whose demanded proof cannot be had by this
    run.
    """

    command: str
    run: str
    exit_code: int
    done: int
    total: int
    left: tuple[StepOutcome, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    outstanding: tuple[tuple[str, str], ...] = ()
    error: MigratorError | None = None
    state: str = ""  # where journal and backup are
    leftovers: tuple[
        str, ...
    ] = ()  # what runs left in the cluster that gives cluster-admin, a line each
    next: str = ""  # another command of the plan that was begun and did not end, as a status has it
    going_back: tuple[str, ...] = ()  # as of a status, for what is next
    image: str = ""

    @property
    def complete(self) -> bool:
        """True when every step is done."""
        if self.error is not None:
            return False
        return self.done == self.total


@dataclass(frozen=True, slots=True)
class VerifyOutcome:
    """What verification showed. ``evidence``: what was taken now; ``verdicts`` count valid earlier
    evidence too.
    """

    phase: Phase
    mode: str
    verdicts: tuple[PrincipalVerdict, ...]
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    exit_code: int
    state: str = ""


@dataclass(frozen=True, slots=True)
class CutOverOutcome:
    """The gates, and what came of the switch. ``verification`` is None unless the cluster was
    switched. ``verdicts``: what the gates were judged by, where nothing was switched.
    ``may_arrive``: the switch was sent, and the cluster may be in API mode soon.
    """

    gates: tuple[Gate, ...]
    mode: str
    exit_code: int
    verification: VerifyOutcome | None = None
    error: MigratorError | None = None
    state: str = ""
    verdicts: tuple[PrincipalVerdict, ...] = ()
    may_arrive: bool = False


@dataclass(frozen=True, slots=True)
class RehearseOutcome:
    """How a rehearsal ended. ``evidence``: it was long enough to count. ``aws_auth`` says how the
    map is now; ``why`` is empty when it passed. Not passed with exit code 0: there was nothing to
    rehearse.
    """

    passed: bool
    evidence: bool
    seconds: int
    aws_auth: str
    why: str
    exit_code: int
    verification: VerifyOutcome | None = None
    error: MigratorError | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class StatusOutcome:
    """Where a migration stands. None and ``unknown`` say that something is not known, never that it
    is nothing.

    ``refused``, ``outstanding``, ``changed`` and ``dead`` are pairs of principal and reason.
    ``dead``: the entry is pinned to a principal that was deleted or created again since the plan
    was made. ``unfinished``: by the journal a step, a command or a rehearsal is not at its end.
    """

    cluster: str
    mode: str | None
    cluster_status: str | None
    plan_digest: str | None
    run: str | None
    command: str | None
    done: int
    total: int
    next: str
    left: tuple[StepOutcome, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    outstanding: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    exit_code: int = 0
    state: str = ""
    locks: tuple[LockSeen, ...] = ()  # of the cluster
    state_lock: str | None = None  # who holds the lock of the state
    leftovers: tuple[Leftover, ...] = ()
    dead: tuple[tuple[str, str], ...] = ()
    opened: tuple[str, ...] = ()  # addresses that commands added to publicAccessCidrs, in words
    overdue: tuple[str, ...] = ()  # those of them whose command was killed, or is overdue
    unfinished: bool = False
    region: str = ""  # of the cluster
    going_back: tuple[str, ...] = ()  # principals of a roll-back that continues; empty: all
    image: str = ""  # of the timer of the last rehearsal
