"""Rich renderables turned into text, without a look at the environment: the same input gives the
same text.
"""

from collections.abc import Iterable, Sequence
from io import StringIO

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from migrator.render.escape import terminal
from migrator.render.folding import folded
from migrator.render.widths import MAX_WIDTH, WIDEST

__all__ = ["MAX_WIDTH", "foreign", "rows_under", "stack", "text_of"]

_NARROW = 90  # below, a name of 64 characters beside the short columns would not fit
_SPACE = Text("  ")


def text_of(renderable: RenderableType, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """The renderable as text of at most ``width`` columns (never more than 160), lines without
    trailing blanks. Only a name that is longer than the line leaves it.
    """
    buffer = StringIO()
    console = _Console(
        file=buffer,
        width=min(width, WIDEST),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    console.print(renderable, soft_wrap=False)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().split("\n")[:-1])


class _Console(Console):
    """Folds texts so that names and commands can be copied."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich does it, with the breaks of :func:`migrator.render.folding.folded`."""
        if isinstance(renderable, Text):
            renderable = folded(renderable, (options or self.options).max_width)
        return super().render(renderable, options)


def rows_under(
    heads: Sequence[tuple[str, int]],
    title: RenderableType,
    rows: Iterable[tuple[Sequence[Text], RenderableType]],
    *,
    width: int,
) -> Table:
    """A table of short columns, each with its head and width, and one that takes the rest. On a
    narrow terminal the short ones are above the other, so that names have the whole line.
    """
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_edge=False,
        header_style="bold",
        expand=True,
    )
    if width < _NARROW:
        table.padding = (0, 0, 0, 0)
        table.add_column(Group(_SPACE.join(Text(head) for head, _ in heads), title))
        for short, rest in rows:
            table.add_row(Group(_SPACE.join(short), rest))
        return table
    for head, columns in heads:
        table.add_column(head, width=columns, no_wrap=True)
    table.add_column(title, ratio=1, overflow="fold")
    for short, rest in rows:
        table.add_row(*short, rest)
    return table


def foreign(text: str, style: str = "") -> Text:
    """Foreign text for a table: escaped, never read as markup, folded rather than cut."""
    return Text(terminal(text), style=style, overflow="fold")


def stack(parts: Iterable[Text]) -> Text:
    """Lines under each other, folded rather than cut."""
    joined = Text("\n").join(parts)
    joined.overflow = "fold"
    return joined
