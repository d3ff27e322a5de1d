"""What is wrong with a command line, on one line: click's words, without its layout and ranges."""

import re
from itertools import chain

import click

_RANGE = re.compile(r"(?P<value>-?[0-9.e+-]+) is not in the range [^ ]+?\.(?=$| )")


def usage_words(error: click.UsageError) -> str:
    """The message of a usage error. click writes choices one a line, and ranges as ``x>=1.0``."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        return _no_such_option(error.option_name, error.ctx)
    text = " ".join(error.format_message().split())
    param = error.param if isinstance(error, click.BadParameter) else None
    kind = None if param is None else param.type
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return text
    bounds = _bounds(kind)
    if param is not None and param.metavar == "SECONDS":
        bounds += " seconds"

    def in_words(found: re.Match[str]) -> str:
        return f"{_number(found['value'])} is not {bounds}."

    return _RANGE.sub(in_words, text)


def _no_such_option(name: str, ctx: click.Context) -> str:
    """The option that is not there, and what was probably meant: click offers all of the same
    letter.
    """
    from migrator.cli.suggestions import alike, did_you_mean

    if isinstance(ctx.command, click.Group) and name in _options_of(ctx.find_root()):
        group = ctx.info_name
        return f"'{name}' is given before '{group}', or behind the command of '{group}'."
    return f"No such option '{name}'.{did_you_mean(alike(name, _options_of(ctx)))}"


def _options_of(ctx: click.Context) -> list[str]:
    params = ctx.command.get_params(ctx)
    options = (param.opts for param in params if isinstance(param, click.Option))
    return [*chain.from_iterable(options)]


def _bounds(kind: "click.IntRange | click.FloatRange") -> str:
    """The range of a number in words."""
    words: list[str] = []
    if kind.min is not None:
        words.append(f"{'more than' if kind.min_open else 'at least'} {_number(kind.min)}")
    if kind.max is not None:
        words.append(f"{'less than' if kind.max_open else 'at most'} {_number(kind.max)}")
    return " and ".join(words)


def _number(value: "str | float") -> str:
    """``60`` and not ``60.0``."""
    return f"{float(value):g}"
