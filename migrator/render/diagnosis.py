"""What ``doctor`` found, as text and as a document."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migrator.model.diagnosis import CheckState, Diagnosis, RequiredRule
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of

_STYLE: Mapping[CheckState, str] = {
    "ok": "green",
    "warn": "yellow",
    "fail": "bold red",
    "unknown": "yellow",
}


def diagnosis_text(diagnosis: Diagnosis, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """One row per check, in the order in which things depend on each other."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, expand=True)
    table.add_column(width=7, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for check in diagnosis.checks:
        lines = [Text.assemble((check.name, "bold"), ": ", foreign(check.said))]
        if check.remedy:
            lines.append(Text.assemble(("do: ", "bold"), foreign(check.remedy)))
        table.add_row(Text(check.state, style=_STYLE[check.state]), stack(lines))
    verdict = "not ready"
    if diagnosis.healthy:
        verdict = "ready"
    parts: list[RenderableType] = [table, Text("")]
    if diagnosis.required_rules:
        parts += [Text("security groups", style="bold"), _rules_table(diagnosis.required_rules)]
        parts.append(Text(""))
    parts.append(foreign(f"{diagnosis.cluster}: {verdict}"))
    return text_of(Group(*parts), width=width, color=color)


def _rules_table(rules: Sequence[RequiredRule]) -> Table:
    """One row per rule of security groups; its columns are under each other, because ids and
    commands are wider than a sixth of a line.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, expand=True)
    table.add_column(width=7, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for row in rules:
        parts = {
            "minimum": row.minimum,
            "recommended": row.recommended,
            "found": row.found,
            "missing": row.missing,
            "command": row.command,
            "steps": row.steps,
        }
        lines = [Text(row.rule, style="bold")]
        lines += [
            Text.assemble((f"{name}: ", "bold"), foreign(text))
            for name, text in parts.items()
            if text
        ]
        table.add_row(Text(row.state, style=_STYLE[row.state]), stack(lines))
    return table


def diagnosis_document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as a JSON document."""
    return {
        "cluster": diagnosis.cluster,
        "healthy": diagnosis.healthy,
        "checks": [
            {"name": check.name, "state": check.state, "said": check.said, "remedy": check.remedy}
            for check in diagnosis.checks
        ],
        "securityGroups": [
            {
                "name": row.name,
                "state": row.state,
                "rule": row.rule,
                "minimum": row.minimum,
                "recommended": row.recommended,
                "found": row.found,
                "missing": row.missing,
                "command": row.command,
                "steps": row.steps,
            }
            for row in diagnosis.required_rules
        ],
    }
