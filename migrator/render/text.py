"""Rich renderables turned into text, without a look at the environment: the same input gives the
same text.
"""

from collections.abc import Iterable
from io import StringIO

from rich.console import Console, RenderableType
from rich.text import Text

from migrator.render.escape import terminal

MAX_WIDTH = 100


def text_of(renderable: RenderableType, *, width: int = MAX_WIDTH, color: bool = False) -> str:
    """The renderable as text of at most ``width`` columns (never more than 100), lines without
    trailing blanks.
    """
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=min(width, MAX_WIDTH),
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


def foreign(text: str, style: str = "") -> Text:
    """Foreign text for a table: escaped, never read as markup, folded rather than cut."""
    return Text(terminal(text), style=style, overflow="fold")


def stack(parts: Iterable[Text]) -> Text:
    """Lines under each other, folded rather than cut."""
    joined = Text("\n").join(parts)
    joined.overflow = "fold"
    return joined
