"""Commands to run next, as lines to copy: with the plan's file and the options that were given."""

from collections.abc import Iterable, Sequence

from migrator.app.settings import Settings

_OPTIONS = (
    "profile",
    "region",
    "state_dir",
    "kubeconfig",
    "context",
    "proxy_url",
    "via",
    "assume_role",
    "external_id",
    "reader_role",
)


def command_lines(
    settings: Settings, commands: Iterable[Sequence[str]], plan_file: str, *more: str
) -> list[str]:
    """Each command as one line for a POSIX shell. ``more``: options of the command that was run,
    which the next one takes, too.
    """
    from migrator.render.commands_to_settle import PLAN
    from migrator.render.escape import shell

    lines = []
    for command in commands:
        words = [plan_file if word == PLAN else word for word in command]
        extra = more if PLAN in command else ()
        lines.append(" ".join(map(shell, ("migrate", *words, *extra, *_given(settings)))))
    return lines


def below(text: str, lines: Iterable[str]) -> str:
    """A text with the commands under it: a line each, never folded, so that it can be copied."""
    return text + "".join(f"{'Do':<11}{line}\n" for line in lines)


def _given(settings: Settings) -> list[str]:
    """The global options that lead to the cluster and its state."""
    found: list[str] = []
    for name in _OPTIONS:
        value = getattr(settings, name)
        for each in (value,) if isinstance(value, str) else value or ():
            found += [f"--{name.replace('_', '-')}", each]
    return found
