"""reference/commands.md, from the tree of commands: what the help of each of them says, with the
environment variables and the exit codes.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from migrator.cli.exit_codes import MEANING
from migrator.cli.help_pages import GLOBAL_GROUPS
from migrator.cli.lazy import LazyGroup, MigrateCommand
from migrator.cli.main import HIDDEN
from migrator.cli.setting_names import ON_COMMAND_LINE_ONLY, long_name, variables_of
from migrator.cli.settings import GLOBAL_NAMES
from tests.support.command_tree import contexts

# Any command may fail, ask a question that gets no answer, be interrupted, or be called wrongly.
OF_EVERY_COMMAND = (0, 1, 4, 7, 64)
# What else a command may end with, by the words after `migrate`.
MORE_CODES: Mapping[str, tuple[int, ...]] = {
    "plan": (2, 3),
    "show": (3,),
    "apply": (3, 5, 6),
    "verify": (6,),
    "rehearse": (3, 5, 6),
    "cutover": (3, 5, 6),
    "retire": (5,),
    "rollback": (5,),
    "status": (3, 5),
    "drift": (2,),
    "fleet discover": (8,),
    "fleet plan": (8,),
    "fleet apply": (8,),
    "fleet verify": (8,),
    "fleet rehearse": (8,),
    "fleet cutover": (8,),
    "fleet retire": (8,),
    "fleet rollback": (8,),
    "fleet status": (8,),
    "fleet access": (8,),
    "fleet drift": (2, 8),
}
PAGE = Path(__file__).parents[2] / "playbooks" / "reference" / "commands.md"
_SAME_LINES = "\b"  # click's mark in front of a paragraph whose lines stay as they are
_INTRO = """\
# Commands

Every command with its options, as its help says. The page is generated from the commands;
`migrate help COMMAND` and `man migrate-COMMAND` say the same on a terminal.

An option may also come from an environment variable, which is named beside it, or from
`migrate.yaml`: [settings](settings.md). One without a variable is taken from the command line
alone. What a command needs in IAM and in the cluster is in [permissions](permissions.md), and the
files that it reads and writes are in [files](files.md).
"""


def shown() -> list[click.Context]:
    """What the page lists: each command that is listed and no group, in the order of the help."""
    return [
        ctx
        for ctx in contexts()
        if not isinstance(ctx.command, LazyGroup) and ctx.info_name not in HIDDEN
    ]


def codes_of(words: str) -> tuple[int, ...]:
    """Every exit code of the command with these words after `migrate`."""
    return tuple(sorted({*OF_EVERY_COMMAND, *MORE_CODES.get(words, ())}))


def commands_page() -> str:
    """The page, as Markdown."""
    pages = shown()
    lines = [
        _INTRO,
        "| command | does |",
        "|---|---|",
        *(f"| {_link(ctx)} | {_short(ctx)} |" for ctx in pages),
        "",
        *_exit_codes(),
        *_global_options(),
        *(line for ctx in pages for line in _command(ctx)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _link(ctx: click.Context) -> str:
    return f"[`{ctx.command_path}`](#{ctx.command_path.replace(' ', '-')})"


def _short(ctx: click.Context) -> str:
    return ctx.command.get_short_help_str(limit=200).rstrip(".")


def _words(ctx: click.Context) -> tuple[str, ...]:
    return tuple(ctx.command_path.split()[1:])


def _exit_codes() -> Iterator[str]:
    every = ", ".join(map(str, OF_EVERY_COMMAND))
    yield from ("## Exit codes", "", "| code | meaning |", "|---|---|")
    yield from (f"| {code} | {meaning} |" for code, meaning in MEANING.items())
    yield ""
    yield f"Every command may end with {every}; further ones are said with the command. How each"
    yield "ends in each state of a migration is in [exit codes](exit-codes.md)."
    yield ""


def _global_options() -> Iterator[str]:
    root = next(iter(contexts()))
    by_name = {param.name: param for param in root.command.get_params(root)}
    yield from (
        "## Global options",
        "",
        "They may stand before or after the name of a command.",
        "",
    )
    for title, names in GLOBAL_GROUPS.items():
        yield from (f"**{title[0].upper()}{title[1:]}**", "")
        yield from _options(root, [by_name[name] for name in names])
        yield ""


def _command(ctx: click.Context) -> Iterator[str]:
    command = ctx.command
    assert isinstance(command, MigrateCommand)
    yield from (f"## {ctx.command_path}", "")
    usage = " ".join((ctx.command_path, *command.collect_usage_pieces(ctx)))
    yield from ("```text", usage, "```", "")
    yield from _paragraphs(command.help or "")
    # The formats of --output differ from command to command.
    left_out = {*map(_option, GLOBAL_NAMES), "help"} - {"output"}
    own = [each for each in command.get_params(ctx) if long_name(each) not in left_out]
    yield from _options(ctx, own)
    yield ""
    yield from _own_codes(ctx)
    if command.examples:
        yield from ("```sh", *command.examples, "```", "")


def _option(name: str) -> str:
    return name.replace("_", "-")


def _own_codes(ctx: click.Context) -> Iterator[str]:
    more = MORE_CODES.get(" ".join(_words(ctx)), ())
    if more:
        said = "; ".join(f"{code}, {MEANING[code]}" for code in more)
        yield from (f"Further exit codes: {said}.", "")


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs as click means them."""
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.strip("\n").splitlines()
        if lines[0].startswith(_SAME_LINES):
            yield from ("```text", *lines[1:], "```", "")
        else:
            yield from (" ".join(line.strip() for line in lines), "")


def _options(ctx: click.Context, params: Iterable[click.Parameter]) -> Iterator[str]:
    for param in params:
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is None:
            continue
        term, meaning = record
        said = " ".join(meaning.split()).replace("<", "&lt;")  # in Markdown a tag begins with it
        yield f"- `{term}`: {said}{_variable(ctx, param)}"


def _variable(ctx: click.Context, param: click.Parameter) -> str:
    """The variables of an option, where the environment may give it."""
    name, words = long_name(param), _words(ctx)
    if name in ON_COMMAND_LINE_ONLY:
        return ""
    is_general = not words or name in map(_option, GLOBAL_NAMES)
    variables = variables_of(words, name, everywhere=is_general)
    return f" ({', '.join(f'`{each}`' for each in variables)})"
