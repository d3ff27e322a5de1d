"""Whether the command line takes the names of commands and options in a line to copy."""

import shlex

import click

from migrator.cli.main import cli


def refused_words(line: str) -> list[str]:
    """The options of a line that none of its commands takes; a line that ends in a group is refused
    itself.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="migrate")
    known = {option for param in cli.params for option in param.opts}
    refused = []
    for word in shlex.split(line)[1:]:
        if word.startswith("--"):
            known |= {option for param in command.get_params(context) for option in param.opts}
            refused += [] if word in known else [word]
        elif isinstance(command, click.Group) and word in command.list_commands(context):
            found = command.get_command(context, word)
            assert found is not None
            command, context = found, click.Context(found, info_name=word, parent=context)
    return [line] if isinstance(command, click.Group) else refused
