"""What ``verify`` showed: one row per principal with its proof and how it is known, and one line
for all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from migrator.model.evidence import Evidence, PrincipalVerdict, Verdict
from migrator.model.outcome import VerifyOutcome
from migrator.model.plan import Plan
from migrator.render.escape import markdown, markdown_code
from migrator.render.facts import short_arn
from migrator.render.text import MAX_WIDTH, foreign, rows_under, stack, text_of

VERDICT_STYLE: Mapping[Verdict, str] = {
    "ok": "green",
    "partial": "yellow",
    "failed": "bold red",
    "unknown": "yellow",
}
_WORST_FIRST: tuple[Verdict, ...] = ("failed", "unknown", "partial", "ok")


def verdict_table(
    plan: Plan,
    outcome: VerifyOutcome,
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """All verdicts as text, the worst first, and the cluster's at the end; for a baseline what was
    taken.
    """
    state = "TAKEN"
    rows = [_baseline(plan, each) for each in sorted(outcome.evidence, key=lambda each: each.holds)]
    if outcome.phase == "after":
        state = "VERDICT"
        rows = [_verdict(plan, each) for each in _sorted(outcome.verdicts)]
    title = Text("PRINCIPAL, LOGGED IN AS, HOW IT IS KNOWN")
    table = rows_under([(state, 8), ("PROOF", 10)], title, rows, width=width)
    parts: list[RenderableType] = [table, Text(""), _last_line(plan, outcome)]
    return text_of(Group(*parts), width=width, color=color)


def _sorted(verdicts: Sequence[PrincipalVerdict]) -> list[PrincipalVerdict]:
    """The verdicts, the worst first."""
    return sorted(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.verdict))


def _verdict(plan: Plan, verdict: PrincipalVerdict) -> tuple[list[Text], Text]:
    """A row of the table: who it is, what was seen, and why the verdict is what it is."""
    lines = [foreign(short_arn(verdict.principal_arn, plan), "bold")]
    before = next(
        (each.before for each in plan.principals if each.principal_arn == verdict.principal_arn),
        None,
    )
    if before is not None and before.via != "none":
        lines.append(_who("before", before.username, before.groups))
    lines += _evidence_lines(verdict.evidence, "now")
    lines.append(foreign(verdict.why))
    if verdict.verdict != "ok":
        lines.append(Text(f"demanded: {verdict.required}", style="yellow"))
    state = Text(verdict.verdict, style=VERDICT_STYLE[verdict.verdict])
    return [state, Text(verdict.proof_class)], stack(lines)


def _baseline(plan: Plan, evidence: Evidence) -> tuple[list[Text], Text]:
    """A row of the table of a baseline: what was seen before the change."""
    lines = [
        foreign(short_arn(evidence.principal_arn, plan), "bold"),
        *_evidence_lines(evidence, "is"),
    ]
    lines += [foreign(difference, "red") for difference in evidence.differences]
    lines.append(foreign(evidence.how))
    state = Text("as read", style="green") if evidence.holds else Text("differs", style="bold red")
    return [state, Text(evidence.proof_class)], stack(lines)


def _evidence_lines(evidence: Evidence | None, label: str) -> list[Text]:
    """The login that was seen, as a line of a cell; none where it was no login."""
    if evidence is None or evidence.subject is None:
        return []
    return [_who(label, evidence.subject.username, evidence.subject.groups)]


def _who(label: str, username: str, groups: Sequence[str]) -> Text:
    """Username and groups behind a label."""
    who = f"{username or '(no name)'}; {', '.join(groups) or 'no groups'}"
    return Text.assemble((f"{label:<6} ", "dim"), foreign(who))


def _last_line(plan: Plan, outcome: VerifyOutcome) -> Text:
    """The sum of all verdicts in one line."""
    cluster = foreign(plan.cluster.name, "bold")
    if outcome.phase == "before":
        differ = sum(not evidence.holds for evidence in outcome.evidence)
        text = (
            f": baseline of {len(outcome.evidence)} principals taken, {differ} not as the plan "
            f"reads them"
        )
        return Text.assemble("Cluster ", cluster, text)
    counts = ", ".join(
        f"{count} {name}"
        for name in reversed(_WORST_FIRST)
        if (count := sum(each.verdict == name for each in outcome.verdicts))
    )
    verdict = (outcome.verdict, VERDICT_STYLE[outcome.verdict])
    return Text.assemble(
        "Cluster ",
        cluster,
        f" in mode {outcome.mode}: ",
        verdict,
        f" ({counts or 'no principals'})",
    )


def verdict_markdown(plan: Plan, outcome: VerifyOutcome) -> str:
    """The verdicts as a Markdown table for a change ticket."""
    rows = [
        f"| **{each.verdict}** | {each.proof_class} | "
        f"{markdown_code(short_arn(each.principal_arn, plan), cell=True)} "
        f"| {markdown(each.why)} |\n"
        for each in _sorted(outcome.verdicts)
    ]
    head = "| Verdict | Proof | Principal | How it is known |\n|---|---|---|---|\n"
    title = (
        f"## Verification of {markdown(plan.cluster.name)} in mode {outcome.mode}: "
        f"{outcome.verdict}"
    )
    return f"{title}\n\n{head}{''.join(rows)}"


def verdict_document(plan: Plan, outcome: VerifyOutcome) -> dict[str, Any]:
    """The outcome as a JSON document."""
    return {
        "cluster": plan.cluster.arn,
        "phase": outcome.phase,
        "mode": outcome.mode,
        "verdict": outcome.verdict,
        "exitCode": outcome.exit_code,
        "principals": [_principal_document(each) for each in outcome.verdicts],
        "state": outcome.state,
    }


def _principal_document(verdict: PrincipalVerdict) -> dict[str, Any]:
    """One verdict as a JSON document."""
    subject = None
    if verdict.evidence is not None:
        subject = verdict.evidence.subject
    return {
        "principalArn": verdict.principal_arn,
        "verdict": verdict.verdict,
        "proof": verdict.proof_class,
        "required": verdict.required,
        "why": verdict.why,
        "username": None if subject is None else subject.username,
        "groups": None if subject is None else list(subject.groups),
    }
