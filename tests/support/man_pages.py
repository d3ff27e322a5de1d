"""Manual pages from the help of the commands: ``python -m tests.support.man_pages`` writes them
to ``man/man1``, and the page of all commands. Their language is man(7) of groff, which mandoc
reads, too.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from migrator import __version__
from migrator.cli import exit_codes
from migrator.cli.help_pages import GLOBAL_GROUPS
from migrator.cli.lazy import LazyGroup, MigrateCommand
from migrator.cli.main import HIDDEN
from tests.support.command_tree import contexts
from tests.support.commands_page import PAGE as COMMANDS_PAGE
from tests.support.commands_page import commands_page

FOLDER = Path(__file__).parents[2] / "man" / "man1"
_SAME_LINES = "\b"  # click's mark in front of a paragraph whose lines stay as they are


def man_pages() -> dict[str, str]:
    """Each page by the name of its file."""
    shown = [ctx for ctx in contexts() if ctx.info_name not in HIDDEN]
    return {f"{_name(ctx)}.1": _page(ctx) for ctx in shown}


def _name(ctx: click.Context) -> str:
    return ctx.command_path.replace(" ", "-")


def _page(ctx: click.Context) -> str:
    command = ctx.command
    short = command.get_short_help_str(limit=200).rstrip(".")
    lines = [
        f'.TH "{_name(ctx).upper()}" 1 "" "migrate {__version__}" "EKS access migrator"',
        ".ad l",  # a long word in a line that is adjusted is a warning
        ".nh",  # a word of a command that is hyphenated cannot be copied
        ".SH NAME",
        f"{_text(_name(ctx))} \\- {_text(short)}",
        ".SH SYNOPSIS",
        f".B {_text(ctx.command_path)}",
        # Choices are one word, in which a line may end.
        _text(" ".join(command.collect_usage_pieces(ctx))).replace("|", "|\\:"),
        ".SH DESCRIPTION",
        *_paragraphs(command.help or ""),
        *_commands(ctx),
        *_options(ctx),
        *_examples(command),
        *_end(ctx),
    ]
    return "".join(f"{line}\n" for line in lines)


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs as click means them."""
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        lines = [line.strip() for line in paragraph.strip("\n").splitlines()]
        if number:
            yield ".PP"
        if paragraph.lstrip("\n").startswith(_SAME_LINES):
            kept = paragraph.strip("\n").splitlines()[1:]
            yield from (".nf", *map(_text, kept), ".fi")
        else:
            yield _text(" ".join(lines))


def _commands(ctx: click.Context) -> Iterator[str]:
    if isinstance(ctx.command, LazyGroup):
        yield ".SH COMMANDS"
        for name, short in ctx.command.listed.items():
            yield from _entry(f"{_name(ctx)}-{name}(1)", short)


def _options(ctx: click.Context) -> Iterator[str]:
    """The options of the command, or for ``migrate`` those of all commands."""
    command = ctx.command
    if ctx.parent is None:
        by_name = {param.name: param for param in command.get_params(ctx)}
        for title, names in GLOBAL_GROUPS.items():
            yield f".SH GLOBAL OPTIONS: {_text(title.upper())}"
            yield from _records(ctx, [by_name.pop(name) for name in names])
        yield ".SH OPTIONS"
        yield from _records(ctx, by_name.values())
        return
    shared = {param.name for param in ctx.find_root().command.params} - {"output"}
    yield ".SH OPTIONS"
    yield from _records(ctx, (each for each in command.get_params(ctx) if each.name not in shared))
    if isinstance(command, MigrateCommand):
        yield ".SH GLOBAL OPTIONS"
        yield "The options of migrate(1) may stand before or after the name of the command."


def _records(ctx: click.Context, params: Iterable[click.Parameter]) -> Iterator[str]:
    for param in params:
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is not None:
            yield from _entry(*record)


def _entry(term: str, meaning: str) -> Sequence[str]:
    return (".TP", f".B {_text(term)}", _text(" ".join(meaning.split())))


def _examples(command: click.Command) -> Iterator[str]:
    if isinstance(command, MigrateCommand):
        yield from (".SH EXAMPLES", ".nf", *map(_text, command.examples), ".fi")


def _end(ctx: click.Context) -> Iterator[str]:
    """Exit codes of ``migrate``, and the way back to its page."""
    if ctx.parent is None:
        yield ".SH EXIT STATUS"
        for code, meaning in exit_codes.MEANING.items():
            yield from _entry(str(code), meaning)
        return
    yield ".SH SEE ALSO"
    words = ctx.command_path.split()[:-1]
    for count in range(len(words), 0, -1):
        yield f".BR {_text('-'.join(words[:count]))} (1)"


def _text(text: str) -> str:
    """Text that groff prints as it is: a hyphen is one to copy, and no line is a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    escaped = escaped.replace('"', "\\(dq").replace("^", "\\(ha").replace("~", "\\(ti")
    escaped = escaped.replace("`", "\\(ga").replace("…", "...")
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.1"):
        old.unlink()
    for name, page in man_pages().items():
        (FOLDER / name).write_text(page, encoding="utf-8")
    COMMANDS_PAGE.write_text(commands_page(), encoding="utf-8")
    sys.stdout.write(f"{len(man_pages())} pages and {COMMANDS_PAGE.name}\n")
