"""The report for a change ticket as one HTML file: no network, light and dark, keyboard, paper.

Verdict first, then what needs an operator, the access difference as a matrix, every principal with
its proof, the gates, and the timeline of the runs. What is written here is values; how it looks is
``templates/``.
"""

from dataclasses import dataclass

from migrator.model.evidence import PROOF_CLASSES
from migrator.model.journal import Record
from migrator.model.report import Report
from migrator.model.security_note import SecurityNote
from migrator.render.access_matrix import access_matrix
from migrator.render.attention import NOTHING, Spell, anchors_of, attention_of, spelled
from migrator.render.can_i import ASK_AS
from migrator.render.cards import PROOF_MEANS, cards, cluster_notes
from migrator.render.facts import short_arn, step_counts
from migrator.render.headline import WORST_FIRST, figures, sentence
from migrator.render.page import page
from migrator.render.run_chart import run_charts
from migrator.render.security_note import (
    NOT_RUN,
    calls_values,
    run_words,
    source_words,
)

# What the table of events shows of a record's effect.
_SAID = ("command", "gate", "by", "code", "message", "why", "exit")


@dataclass(frozen=True, slots=True)
class Event:
    """A record of the journal as a row of a table."""

    n: int
    at: str
    event: str
    step: str
    who: str
    said: str


def report_html(report: Report, spell: Spell = spelled) -> str:
    """The whole document as text; the same report gives the same bytes. ``spell`` writes a command
    as a line to copy.
    """
    told = cards(report)
    places = {card.arn: card for card in told}
    links = {card.arn: (card.anchor, f"{card.name.path}{card.name.name}") for card in told}
    # The filters offer what the report has, and nothing else.
    judged = {card.judged for card in told}
    verdicts = [name for name in (*WORST_FIRST, "skipped") if name in judged]
    actions = [action for action, count in report.plan.summary.items() if count]
    return page(
        "report.html.jinja",
        scripts=("filters.js",),
        report=report,
        plan=report.plan,
        sentence=sentence(report),
        figures=figures(report),
        attention=[
            (each, anchors_of(each, links), spell(each.command)) for each in attention_of(report)
        ],
        nothing=NOTHING,
        cards=told,
        ask_as=ASK_AS,
        places=places,
        matrix=access_matrix(report),
        notes=cluster_notes(report),
        gates=report.gates,
        soc=_soc(report.security_note),
        runs=run_charts(report.plan, report.journal),
        events=tuple(_event(report, record) for record in report.journal),
        steps=step_counts(report.plan),
        verdicts=verdicts,
        actions=actions,
        classes=[(name, PROOF_MEANS[name]) for name in PROOF_CLASSES],
    )


def _soc(note: SecurityNote | None) -> dict[str, object] | None:
    """The note for the SOC in words, None where there is none."""
    if note is None:
        return None
    return {
        "source": source_words(note),
        "runs": [run_words(run) for run in note.runs] or [NOT_RUN],
        **calls_values(note.calls, note.detections),
    }


def _event(report: Report, record: Record) -> Event:
    """A record of the journal. A step that the plan does not have is shown by its id alone."""
    what, who = record.step or "", ""
    step = next((each for each in report.plan.steps if each.id == record.step), None)
    if step is not None:
        what = f"{what} {step.effect.kind}"
        # A step about the cluster has no principal.
        if step.principal_arn:
            who = short_arn(step.principal_arn, report.plan)
    said: list[str] = []
    for key in _SAID:
        if key in record.effect:
            said.append(f"{key} {record.effect[key]}")
    return Event(
        record.n,
        record.at,
        record.event,
        what,
        who,
        "; ".join(said),
    )
