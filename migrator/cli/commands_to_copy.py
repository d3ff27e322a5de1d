"""Commands to run next, as lines to copy: with the plan's file and the options that were given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from migrator.app.settings import Settings
from migrator.model.plan import Plan
from migrator.model.proxy import without_login

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
    settings: Settings,
    commands: Iterable[Sequence[str]],
    plan_file: str,
    more: Mapping[str, Sequence[str]],
) -> list[str]:
    """Each command as one line for a POSIX shell. ``more``: by the name of a command, options that
    were given to the one that was run and that this one takes, too.
    """
    from migrator.render.commands_to_settle import PLAN
    from migrator.render.escape import shell

    lines = []
    for command in commands:
        words = [plan_file if word == PLAN else word for word in command]
        # What removes leftovers is about the cluster: it takes no option of a plan.
        extra = () if "--leftovers" in command else more.get(command[0], ())
        lines.append(" ".join(map(shell, ("migrate", *words, *extra, *_given(settings)))))
    return lines


def in_its_region(settings: Settings, typed: str, cluster: str, region: str) -> Settings:
    """The settings with which a command that names the cluster alone finds the same one. ``typed``:
    what the operator gave. Only a bare name means the default Region: an ARN,
    a kubectl context and a plan have their own.
    """
    if settings.region or typed == cluster:
        return settings
    return replace(settings, region=region)


def where_planned(settings: Settings, plan: Plan, *answers: str) -> dict[str, tuple[str, ...]]:
    """What a command that names the cluster and no plan needs besides: the Region, and what the
    plan was made with. ``answers``: ``--decisions`` as it was given, with its file.
    """
    region = () if settings.region else ("--region", plan.cluster.region)
    made_with: tuple[str, ...] = ()
    # Those that `migrate plan` has by default are left out.
    if plan.strategy != "preserve":
        made_with += ("--strategy", plan.strategy)
    if plan.target != "API":
        made_with += ("--target", plan.target)
    return {"plan": (*answers, *made_with, *region), "doctor": region}


def below(text: str, lines: Iterable[str]) -> str:
    """A text with the commands under it: a line each, never folded, so that it can be copied."""
    lines = list(lines)
    rows = [f"{'Do':<11}{line}\n" for line in lines]
    # A plan does not record the file that its answers came from.
    if any(line.startswith("migrate plan ") and "decisions" not in line for line in lines):
        rows.append(f"{'Note':<11}{_ANSWERS}\n")
    return text + "".join(rows)


_ANSWERS = "add --decisions FILE to `migrate plan` where the plan was made with one"


def options_again(given: Mapping[str, Any], **options: str) -> tuple[str, ...]:
    """The options of a command line as they were given: parameter -> option. A command without
    them would do more than was asked for (``--only``), or less (``--as``).
    """
    found: list[str] = []
    for name, option in options.items():
        value = given.get(name)
        if value is True:
            found.append(option)
        elif isinstance(value, tuple):
            for each in value:
                found += [option, str(each)]
        elif value is not None and value is not False:
            found += [option, str(value)]
    return tuple(found)


def _given(settings: Settings) -> list[str]:
    """The global options that lead to the cluster and its state."""
    found: list[str] = []
    for name in _OPTIONS:
        value = getattr(settings, name)
        for each in (value,) if isinstance(value, str) else value or ():
            # A command that is shown ends up in tickets and logs: it holds no password.
            shown = without_login(each) if name == "proxy_url" else each
            found += [f"--{name.replace('_', '-')}", shown]
    return found
