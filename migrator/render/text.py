"""Rich renderables turned into text, without a look at the environment: the same input gives the
same text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from migrator.render.escape import terminal
from migrator.render.widths import MAX_WIDTH, WIDEST

__all__ = ["MAX_WIDTH", "foreign", "rows_under", "stack", "text_of"]

_NARROW = 90  # below, a name of 64 characters beside the short columns would not fit
_SPACE = Text("  ")
_WORD = re.compile(r"\S+")
_PART = re.compile(r"[^/:]*[/:]+|[^/:]+")  # an ARN is taken apart behind its slashes and colons


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
    """Folds long words, ARNs mostly, behind a slash or a colon: a name in two parts could not be
    copied. Rich folds where the line ends.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich does it, with breaks in the words that are longer than a line."""
        if isinstance(renderable, Text):
            renderable = _with_breaks(renderable, (options or self.options).max_width)
        return super().render(renderable, options)


def _with_breaks(text: Text, width: int) -> Text:
    """The text with line breaks in its long words; the text itself where it has none."""
    cuts: list[int] = []
    for word in _WORD.finditer(text.plain):
        if cell_len(word[0]) > width:
            cuts += _cuts(word[0], word.start(), width)
    if not cuts:
        return text
    broken = Text("\n").join(text.divide(cuts))
    broken.overflow, broken.no_wrap = text.overflow, text.no_wrap
    return broken


def _cuts(word: str, start: int, width: int) -> Iterator[int]:
    """Where a word is broken so that its parts fill lines of ``width`` columns: offsets in the
    text in which the word is at ``start``. A part that is longer than a line is left to rich,
    which folds it where the line ends.
    """
    column = 0
    for part in _PART.finditer(word):
        length = cell_len(part[0])
        if column and column + length > width:
            yield start + part.start()
            column = 0
        column += length


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
