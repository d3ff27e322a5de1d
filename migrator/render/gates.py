"""The gates of the cut-over, numbered, each with its answer and what would open it."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from migrator.model.gate import Gate, GateState, all_pass
from migrator.render.text import MAX_WIDTH, foreign, stack, text_of

_STYLE: Mapping[GateState, str] = {"pass": "green", "fail": "bold red", "unknown": "yellow"}


def gate_table(gates: Sequence[Gate], *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """All gates in their order; unknown counts as a fail."""
    return text_of(gate_rows(gates), width=width, color=color)


def gate_rows(gates: Sequence[Gate]) -> RenderableType:
    """All gates in their order, as part of another text."""
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_edge=False,
        header_style="bold",
        expand=True,
    )
    table.add_column("GATE", width=4, no_wrap=True)
    table.add_column("STATE", width=8, no_wrap=True)
    table.add_column("QUESTION, ANSWER", ratio=1, overflow="fold")
    for gate in gates:
        lines = [Text.assemble((gate.name, "bold"), ": ", foreign(gate.question))]
        if gate.detail:
            lines.append(foreign(gate.detail))
        if gate.waived_by is not None:
            lines.append(foreign(f"waived by {gate.waived_by}", "yellow"))
        elif not gate.passes and gate.remedy:
            lines.append(Text.assemble(("do: ", "bold"), foreign(gate.remedy)))
        state = "waived" if gate.waived_by is not None and gate.state != "pass" else gate.state
        table.add_row(Text(str(gate.number)), Text(state, style=_STYLE[gate.state]), stack(lines))
    return Group(table, Text(""), Text(_sum(gates)))


def _sum(gates: Sequence[Gate]) -> str:
    """Which gates are closed, in one line."""
    if not gates:
        return "No gate was looked at: refused."
    closed = [str(gate.number) for gate in gates if not gate.passes]
    if all_pass(tuple(gates)):
        return f"All {len(gates)} gates are open."
    return f"Closed: {', '.join(closed)}."
