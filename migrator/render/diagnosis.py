"""What ``doctor`` found, as text and as a document."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from migrator.model.diagnosis import CheckState, Diagnosis
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
    return text_of(
        Group(table, Text(""), foreign(f"{diagnosis.cluster}: {verdict}")), width=width, color=color
    )


def diagnosis_document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as a JSON document."""
    return {
        "cluster": diagnosis.cluster,
        "healthy": diagnosis.healthy,
        "checks": [
            {"name": check.name, "state": check.state, "said": check.said, "remedy": check.remedy}
            for check in diagnosis.checks
        ],
    }
