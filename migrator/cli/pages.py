"""From the context of a group to that of a command in it, as ``migrate help`` goes."""

import click


def page_of(group: click.Context, name: str) -> click.Context:
    """The context of a command of the group. Raises a usage error, with what was probably meant,
    where the group has no such name.
    """
    if not isinstance(group.command, click.Group):
        raise click.UsageError(f"{group.command_path} has no commands.", group)
    _, found, _ = group.command.resolve_command(group, [name])
    # Only a group that completes a word returns None, and this one was not made for that.
    if found is None:
        raise click.UsageError(f"No such command '{name}'.", group)
    return found.context_class(found, info_name=name, parent=group)
