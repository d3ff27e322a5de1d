"""The parts of a help page: a command's own options, the global ones by their groups, examples.

This module is loaded for ``migrate --help``: click and the standard library only.
"""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

import click

from migrator.cli.program_name import renamed

# The global options on the page of `migrate --help`, by what they are about.
GLOBAL_GROUPS: Mapping[str, Sequence[str]] = {
    "AWS": ("profile", "region", "assume_role", "external_id", "reader_role"),
    "way to the API server": (
        "kubeconfig",
        "context",
        "proxy_url",
        "via",
        "open_endpoint_for_me",
        "source_address",
    ),
    "state": ("state_dir",),
    "what is shown": ("output", "no_color", "quiet", "verbose"),
    "log and errors": ("log_file", "log_format", "traceback"),
}

# Its choices differ from command to command, so that it is shown with each.
_SHOWN_WITH_THE_COMMAND = "output"


# Looks like a hyphen and takes as much room, but no line ends behind it.
_WHOLE = "\N{NON-BREAKING HYPHEN}"
# Between two choices, with a blank at which a line may end.
_OR = "\N{BROKEN BAR}"


class WholeNames(click.HelpFormatter):
    """Ends no line behind a hyphen: codes, options and formats have some, and are copied."""

    def write(self, string: str) -> None:
        """The text with the characters that were meant."""
        super().write(string.replace(_WHOLE, "-").replace(f"{_OR} ", "|").replace(_OR, "|"))

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """As click does it, with whole names: choices are one word, which is cut anywhere."""
        super().write_usage(prog, _whole(args).replace("|", f"{_OR} "), prefix)

    def write_text(self, text: str) -> None:
        """As click does it, with whole names."""
        super().write_text(_whole(text))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """As click does it, with whole names."""
        whole = [(_whole(name), _whole(text)) for name, text in rows]
        super().write_dl(whole, col_max, col_spacing)


class Context(click.Context):
    """A context whose help pages have whole names."""

    formatter_class = WholeNames


def _whole(text: str) -> str:
    return text.replace("-", _WHOLE)


def write_options(
    ctx: click.Context,
    formatter: click.HelpFormatter,
    own: Iterable[click.Parameter],
    shared: Sequence[click.Parameter],
) -> None:
    """The options of a command, and the names of the global ones."""
    by_name = {each.name: each for each in shared}
    format_of = by_name.pop(_SHOWN_WITH_THE_COMMAND, None)
    others = [each.opts[-1] for each in by_name.values()]
    *options, help_option = own
    _section(ctx, formatter, "Options", [*options, *filter(None, [format_of]), help_option])
    title = renamed("Global options (migrate --help says what each is for)", ctx)
    with formatter.section(title):
        width = formatter.width - formatter.current_indent
        for line in wrap(" ".join(others), width, break_on_hyphens=False):
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def write_global_options(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """The options of ``migrate`` itself, a section for each group, and those of no group last."""
    by_name = {param.name: param for param in ctx.command.get_params(ctx)}
    for title, names in GLOBAL_GROUPS.items():
        shown = [by_name.pop(name) for name in names if name in by_name]
        _section(ctx, formatter, f"Global options, {title}", shown)
    _section(ctx, formatter, "Options", by_name.values())


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """A line each, never folded, so that it can be copied."""
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def _section(
    ctx: click.Context,
    formatter: click.HelpFormatter,
    title: str,
    params: Iterable[click.Parameter],
) -> None:
    """The help of options under a title; arguments have none."""
    options = (each for each in params if isinstance(each, click.Option))
    found = [*filter(None, (each.get_help_record(ctx) for each in options))]
    if found:
        with formatter.section(title):
            formatter.write_dl(found)
