"""Every code a finding can have: severity, what, why, what to do, and where that is written down.

No finding is made with a code that is not here, and the page of findings is generated from this
list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from migrator.decide.findings.draft_finding import DraftFinding
from migrator.decide.findings.finding_kinds import (
    cluster_kinds,
    decision_kinds,
    entry_kinds,
    node_kinds,
    principal_kinds,
    reading_kinds,
    standard_kinds,
)
from migrator.decide.findings.rule_evidence import EVIDENCE_MEANS, evidence_of
from migrator.model.finding import Finding, Severity
from migrator.model.finding_kind import FindingKind

CATALOGUE: Mapping[str, FindingKind] = {
    kind.code: kind
    for kinds in (
        reading_kinds.KINDS,
        principal_kinds.KINDS,
        node_kinds.KINDS,
        standard_kinds.KINDS,
        entry_kinds.KINDS,
        decision_kinds.KINDS,
        cluster_kinds.KINDS,
    )
    for kind in kinds
}


def make_finding(
    code: str,
    message: str,
    *,
    source: str | None = None,
    line: int | None = None,
    principal_arn: str | None = None,
    remedy: str | None = None,
    severity: Severity | None = None,
) -> Finding:
    """A finding of a known code.

    Its severity, remedy and reference come from the catalogue unless given. ``source`` is a row,
    ``mapRoles[3]``, and ``line`` its line inside the section's text.

    Raises ``KeyError`` for an unknown code: that is a defect of ours, never of the input.
    """
    kind = CATALOGUE[code]
    return Finding(
        code=code,
        severity=severity or kind.severity,
        message=message,
        remedy=kind.remedy if remedy is None else remedy,
        reference=kind.reference,
        source=source,
        line=line,
        principal_arn=principal_arn,
    )


def is_blocking(note: DraftFinding) -> bool:
    """Whether the finding made from a note blocks."""
    severity = note.severity or CATALOGUE[note.code].severity
    return severity == "block"


def softened(notes: Iterable[DraftFinding]) -> tuple[DraftFinding, ...]:
    """Notes that blocked and are answered now: they stay as warnings."""
    found: list[DraftFinding] = []
    for note in notes:
        if is_blocking(note):
            found.append(replace(note, severity="warn"))
        else:
            found.append(note)
    return tuple(found)


def accounts_for(codes: Iterable[str], difference: str) -> bool:
    """Whether one of the codes can account for a ``gain`` or ``loss`` of access, or a ``log-in
    gain``.
    """
    return any(difference in CATALOGUE[code].names for code in codes)


def catalogue_markdown() -> str:
    """The page of all findings, sorted by code, as Markdown with LF."""
    lines = [
        "# Findings",
        "",
        "Every finding of a plan has one of these codes. `block` must be answered before `apply` "
        "and `cutover`;",
        "`warn` should be read; `info` explains. The source of each says how its rule is known:",
        "",
        *(f"- *{evidence}*: {means}" for evidence, means in EVIDENCE_MEANS.items()),
        "",
    ]
    for code in sorted(CATALOGUE):
        kind = CATALOGUE[code]
        lines += [
            f"## `{code}`",
            "",
            f"**{kind.severity}**: {kind.what}",
            "",
            f"Why: {kind.why}",
            "",
            f"What to do: {kind.remedy}",
            "",
            f"Source ({evidence_of(kind)}): <{kind.reference}>",
            "",
        ]
    return "\n".join(lines)
