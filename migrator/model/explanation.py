"""One principal of a plan, explained in full, as a value: the source of texts and of JSON."""

from dataclasses import dataclass

from migrator.model.access_entry import EntrySpec, Identity
from migrator.model.finding import Finding
from migrator.model.finding_kind import Evidence, FindingKind
from migrator.model.log_ins import LogInPopulation
from migrator.model.plan import AccessChange, Action
from migrator.model.step import ProofClass, Step


@dataclass(frozen=True, slots=True)
class ExplainedRow:
    """A row of the principal, with its line inside the section where that is known."""

    source: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Reason:
    """A finding with what its code means in general, and how the rule behind it is known."""

    finding: Finding
    kind: FindingKind
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the principal is today, what it will be, why, and by which steps.

    ``after`` is None where a person must decide first and no best answer is known. ``means`` says
    what the action is, in a sentence. ``log_ins_before`` and ``log_ins_after`` are the log-ins that
    the cluster admits.
    """

    principal_arn: str
    action: Action
    means: str
    rows: tuple[ExplainedRow, ...]
    before: Identity
    after: Identity | None
    entry: EntrySpec | None
    access: AccessChange
    reasons: tuple[Reason, ...]
    steps: tuple[Step, ...]
    required_proof: ProofClass
    log_ins_before: LogInPopulation
    log_ins_after: LogInPopulation | None
