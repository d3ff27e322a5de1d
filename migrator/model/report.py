"""Everything that a report on one cluster says, gathered once: Markdown and HTML are two forms of
this value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrator.model.evidence import Evidence
from migrator.model.gate import Gate
from migrator.model.journal import Journal
from migrator.model.outcome import StatusOutcome, VerifyOutcome
from migrator.model.plan import Plan
from migrator.model.security_note import SecurityNote


@dataclass(frozen=True, slots=True)
class Report:
    """The plan, the proof there is, how far the runs came, and what the gates say.

    ``made_at`` is the clock reading of the report (ISO 8601). ``journal`` are the records of this
    plan's runs. ``gates_at`` is when a cut-over that went through judged the gates, None where they
    were judged for this report. ``baseline`` is the newest evidence from before, by principal.
    ``lines`` are the rows' lines in aws-auth as the plan read it; rows may be missing where that
    text was not kept. ``security_note``: the note for a SOC, None where it was not made.
    """

    plan: Plan
    plan_digest: str
    made_at: str
    verification: VerifyOutcome
    status: StatusOutcome
    journal: Journal = ()
    gates: tuple[Gate, ...] = ()
    gates_at: str | None = None
    baseline: Mapping[str, Evidence] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    security_note: SecurityNote | None = None
