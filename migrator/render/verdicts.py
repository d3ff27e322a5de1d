"""The verdicts of ``verify``: one row per principal with its proof and how it is known, and one line for all."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migrator.model.evidence import Evidence, Verdict
from migrator.model.plan import Plan
from migrator.model.step import ProofClass
from migrator.render.escape import markdown, markdown_code
from migrator.render.facts import short_arn
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of

VERDICT_STYLE: Mapping[Verdict, str] = {
    "ok": "green",
    "partial": "yellow",
    "failed": "bold red",
    "unknown": "yellow",
}
_WORST_FIRST: tuple[Verdict, ...] = ("failed", "unknown", "partial", "ok")


class VerdictLike(Protocol):
    """What is shown of a verdict on one principal."""

    @property
    def principal_arn(self) -> str:
        """Whom it is about."""

    @property
    def verdict(self) -> Verdict:
        """ok, partial, failed, unknown."""

    @property
    def proof_class(self) -> ProofClass:
        """The class of the proof there is."""

    @property
    def required(self) -> ProofClass:
        """The class that is demanded."""

    @property
    def why(self) -> str:
        """How it is known, in one line."""

    @property
    def evidence(self) -> Evidence | None:
        """The evidence that decided."""


def verdict_table(
    plan: Plan,
    verdicts: Sequence[VerdictLike],
    cluster: Verdict,
    *,
    width: int = MAX_WIDTH,
    color: bool = False,
) -> str:
    """All verdicts as text, the worst first, and the cluster's at the end."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, header_style="bold", expand=True)
    table.add_column("VERDICT", width=8, no_wrap=True)
    table.add_column("PROOF", width=10, no_wrap=True)
    table.add_column("PRINCIPAL, LOGGED IN AS, HOW IT IS KNOWN", ratio=1, overflow="fold")
    before = {each.principal_arn: each.before for each in plan.principals}
    for each in sorted(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.verdict)):
        lines = [foreign(short_arn(each.principal_arn, plan), "bold")]
        identity = before.get(each.principal_arn)
        if identity is not None and identity.via != "none":
            lines.append(_who("before", identity.username, identity.groups))
        if each.evidence is not None and each.evidence.subject is not None:
            lines.append(_who("now", each.evidence.subject.username, each.evidence.subject.groups))
        lines.append(foreign(each.why))
        table.add_row(Text(each.verdict, style=VERDICT_STYLE[each.verdict]), Text(each.proof_class), stack(lines))
    parts: list[RenderableType] = [table, Text(""), _cluster_line(plan, verdicts, cluster)]
    return text_of(Group(*parts), width=width, color=color)


def _who(label: str, username: str, groups: Sequence[str]) -> Text:
    return Text.assemble(
        (f"{label:<6} ", "dim"), foreign(f"{username or '(no name)'}; {', '.join(groups) or 'no groups'}")
    )


def _cluster_line(plan: Plan, verdicts: Sequence[VerdictLike], cluster: Verdict) -> Text:
    counts = ", ".join(
        f"{count} {name}" for name in reversed(_WORST_FIRST) if (count := sum(v.verdict == name for v in verdicts))
    )
    return Text.assemble(
        "Cluster ",
        foreign(plan.cluster.name, "bold"),
        ": ",
        (cluster, VERDICT_STYLE[cluster]),
        f" ({counts or 'no principals'})",
    )


def verdict_markdown(plan: Plan, verdicts: Sequence[VerdictLike], cluster: Verdict) -> str:
    """The verdicts as a Markdown table for a change ticket."""
    rows = [
        f"| **{each.verdict}** | {each.proof_class} | {markdown_code(short_arn(each.principal_arn, plan), cell=True)} "
        f"| {markdown(each.why)} |\n"
        for each in sorted(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict.verdict))
    ]
    head = "| Verdict | Proof | Principal | How it is known |\n|---|---|---|---|\n"
    return f"## Verification of {markdown(plan.cluster.name)}: {cluster}\n\n{head}{''.join(rows)}"


def verdict_document(plan: Plan, verdicts: Sequence[VerdictLike], cluster: Verdict) -> dict[str, Any]:
    """The verdicts as a JSON document."""
    return {
        "cluster": plan.cluster.arn,
        "verdict": cluster,
        "principals": [_principal_document(each) for each in verdicts],
    }


def _principal_document(verdict: VerdictLike) -> dict[str, Any]:
    subject = verdict.evidence.subject if verdict.evidence is not None else None
    return {
        "principalArn": verdict.principal_arn,
        "verdict": verdict.verdict,
        "proof": verdict.proof_class,
        "required": verdict.required,
        "why": verdict.why,
        "username": None if subject is None else subject.username,
        "groups": None if subject is None else list(subject.groups),
    }
