"""Where a text is broken into lines, so that the names and commands in it can still be copied.

Rich breaks at every blank, and a long word where the line ends. A command in two lines is two
commands where it is pasted.
"""

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

_WORD = re.compile(r"\S+")
_PART = re.compile(r"[^/:]*[/:]+|[^/:]+")  # an ARN is taken apart behind its slashes and colons
_COMMAND = r"`(?:aws|cdk|eksctl|export|kubectl|migrate|nslookup|pulumi|terraform|tofu) [^`\n]+`"
# A command with what touches it, a word, or the end of a line.
_PIECE = re.compile(rf"(?P<command>[^\s`]*{_COMMAND}[^\s`]*)|\n|\S+")
# A word of a command; blanks in quotes, and behind a backslash, are part of it. In single quotes a
# backslash is only that (POSIX, Shell Command Language, 2.2).
_ARGUMENT = re.compile(r"(?:\\.|[^\s'\"\\]|'[^']*'|\"(?:\\.|[^\"\\])*\"|['\"\\])+")
# The shell reads on in the next line, whatever blanks that begins with.
_CONTINUED = " \\"


def folded(text: Text, width: int) -> Text:
    """The text with line breaks that leave its commands whole, then in the words that are longer
    than a line; the text itself where it has neither.
    """
    if text.no_wrap:
        return text
    return _words_broken(_commands_whole(text, width), width)


def _commands_whole(text: Text, width: int) -> Text:
    """A command begins a line where it does not fit into the rest of one. Where it is longer than a
    line, each of its lines but the last ends with the backslash by which the shell joins lines.
    """
    cuts = list(_command_cuts(text.plain, width))
    if not cuts:
        return text
    pieces = text.divide(offset for offset, _ in cuts)
    broken = text.blank_copy()
    for piece, (_, inside) in zip(pieces, cuts, strict=False):
        broken.append_text(piece)
        broken.append("\\\n" if inside else "\n")
    broken.append_text(pieces[-1])
    return broken


def _command_cuts(plain: str, width: int) -> Iterator[tuple[int, bool]]:
    """Offsets at which a line begins, and whether that is inside a command."""
    column = end = 0
    for piece in _PIECE.finditer(plain):
        blanks, length = piece.start() - end, cell_len(piece[0])
        end = piece.end()
        if piece[0] == "\n":
            column = 0
            continue
        if column and column + blanks + length > width:
            if piece["command"]:
                yield piece.start(), False
            column = blanks = 0
        column += blanks
        if column + length > width and piece["command"]:
            yield from _inside(piece["command"], piece.start(), width, column)
        column = min(column + length, width)


def _inside(command: str, start: int, width: int, column: int) -> Iterator[tuple[int, bool]]:
    """Cuts between the words of a command that begins in a column of its line."""
    end = 0
    for word in _ARGUMENT.finditer(command):
        length = cell_len(word[0])
        if end and column + 1 + length + len(_CONTINUED) > width:
            # Where the word before leaves one column, a blank and a backslash do not fit.
            is_full = column + len(_CONTINUED) > width
            yield start + (end if is_full else word.start()), True
            column = length + is_full
        else:
            column += length + bool(end)
        end = word.end()


def _words_broken(text: Text, width: int) -> Text:
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
