"""Options that are not on the command line: those of the environment, of ``migrate.yaml`` beside
the plan, and what is remembered of how the plan was made. What is used is said.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from migrator.app.settings import Settings
from migrator.app.state_place import state_near
from migrator.cli.plan_folder import Memory, recall
from migrator.cli.setting_names import (
    LEADS_ELSEWHERE,
    ON_COMMAND_LINE_ONLY,
    Called,
    long_name,
    variables_of,
)
from migrator.cli.settings_file import NAME, defaults_for, read_settings, said
from migrator.cli.unknown_variables import misspelt_variables
from migrator.errors import WrongUse

_PLANS = ("plan_file", "plan_or_cluster", "plan_or_code", "plans_or_clusters", "fleet_file")
_ON_A_PLAN = ("plan_file", "plan_or_cluster")
_FROM = "migrator.settings"  # of the context's `meta`


class _From:
    """Where the defaults of one call come from: the file's, and the plan's memory."""

    def __init__(
        self, plan: str | None, folder: Path, file: Mapping[str, Any], memory: Memory
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.file = file
        self.memory = memory


def defaults_beside_plan(called: Called, ctx: click.Context, args: list[str]) -> dict[str, Any]:
    """Defaults by the name of the parameter. Raises what :func:`read_settings` raises."""
    raw = _raw_values(called, ctx, args)
    if raw is None:
        return {}
    plan = _plan_in(raw)
    folder = _folder_of(plan, raw)
    document = read_settings(folder, ctx.find_root().command)
    file = defaults_for(called.options, called.words, document, folder) if document else {}
    memory = recall(plan) if raw.keys() & {*_ON_A_PLAN} and plan else Memory()
    ctx.meta[_FROM] = _From(plan, folder, file, memory)
    found = {**memory.options(), **file}
    names = {long_name(each): each.name or "" for each in called.options}
    return {names[key]: value for key, value in found.items() if key in names}


def _raw_values(called: Called, ctx: click.Context, args: list[str]) -> Mapping[str, Any] | None:
    """What the command line has, before anything of it is judged; None where it cannot be read, or
    only asks for help.
    """
    try:
        values, _, _ = called.command.make_parser(ctx).parse_args(list(args))
    except click.UsageError:
        return None
    asks_for_help = (
        values.get(each.name) for each in called.command.get_params(ctx) if each.is_eager
    )
    return None if True in asks_for_help else values


def _plan_in(raw: Mapping[str, Any]) -> str | None:
    """The plan's or the fleet's file that the command line names, where it is a file."""
    for name in _PLANS:
        value = raw.get(name)
        first = value[0] if isinstance(value, list | tuple) and value else value
        # A path may be too long to be one, for which `Path.is_file` raises.
        if isinstance(first, str) and os.path.isfile(first):  # noqa: PTH113
            return first
    return None


def _folder_of(plan: str | None, raw: Mapping[str, Any]) -> Path:
    """The folder of the plan: of the one that is read, or of the one that is written."""
    out = raw.get("out")
    if plan is None and isinstance(out, str):
        plan = out
    return Path(plan or "").parent


def wrong_setting(error: click.BadParameter, ctx: click.Context) -> WrongUse | None:
    """The error for a value that the environment or ``migrate.yaml`` gave, None for others."""
    from migrator.cli.usage_words import usage_words

    name = (error.param and error.param.name) or ""
    source = ctx.get_parameter_source(name)
    if error.param is None or source not in (
        ParameterSource.ENVIRONMENT,
        ParameterSource.DEFAULT_MAP,
    ):
        return None
    if source is ParameterSource.ENVIRONMENT:
        variables = error.param.envvar or ()
        set_ones = [each for each in _each(variables) if os.environ.get(each)]
        where, remedy = f"The variable {set_ones[0]}", f"Correct it, or unset {set_ones[0]}."
    else:
        came: _From = ctx.meta[_FROM]
        where, remedy = f"The settings file {came.folder / NAME}", "Correct it."
    return WrongUse(
        "settings-malformed", f"{where} cannot be used.", why=usage_words(error), remedy=remedy
    )


def set_elsewhere(error: click.UsageError) -> str:
    """Where the options come from that the message names and the command line does not have; empty
    where there are none.
    """
    ctx = error.ctx
    if ctx is None:
        return ""
    named = set(re.findall("--([a-z-]+)", error.message))
    said = []
    for option in ctx.command.get_params(ctx):
        place = _place_of(option, ctx) if long_name(option) in named else ""
        if place:
            said.append(f"--{long_name(option)} comes from {place}.")
    return " ".join(said)


def _place_of(option: click.Parameter, ctx: click.Context) -> str:
    """The variable or the file that gave an option; empty for the command line."""
    source = ctx.get_parameter_source(option.name or "")
    if source is ParameterSource.ENVIRONMENT:
        return next((each for each in _each(option.envvar or ()) if os.environ.get(each)), "")
    if source is ParameterSource.DEFAULT_MAP:
        came: _From = ctx.meta[_FROM]
        return str(came.folder / NAME)
    return ""


def _each(variables: str | Iterable[str]) -> list[str]:
    return [variables] if isinstance(variables, str) else [*variables]


def say_settings(called: Called, ctx: click.Context, settings: Settings) -> Settings:
    """Say what was not given on the command line and is used, each place in one line. Returns the
    settings with the state folder that belongs to the plan.
    """
    from migrator.cli.terminal import events_of

    came = ctx.meta.get(_FROM)
    if not isinstance(came, _From):
        return settings
    events = events_of(settings)
    for line in (*_not_read(called), *misspelt_variables(ctx.find_root().command)):
        events.say("warn", line, event="setting-ignored")
    used = {
        name: value
        for name, value in {**came.memory.options(), **came.file}.items()
        if _is_default(called, ctx, name)
    }
    file = {name: value for name, value in used.items() if name in came.file}
    if file:
        leads = not LEADS_ELSEWHERE.isdisjoint(file)
        texts = ", ".join(said(file))
        events.say(
            "warn" if leads else "info",
            f"settings of {came.folder / NAME}: {texts}",
            event="setting-used",
        )
    for kind, line in came.memory.lines({*used} - {*file}):
        events.say(kind, line, event="setting-used")
    if came.plan is None or not ctx.params.keys() & {*_ON_A_PLAN} or settings.state_dir:
        return settings
    place = state_near(came.plan)
    if place is None or called.words == ("show",):
        return settings
    events.say("info", f"state: {place}, found from the plan", event="state-found")
    return replace(settings, state_dir=place)


def _is_default(called: Called, ctx: click.Context, name: str) -> bool:
    """Whether an option has the value that a file gave."""
    option = next((each for each in called.options if long_name(each) == name), None)
    if option is None or option.name is None:
        return False
    before = ctx.find_root().get_parameter_source(option.name)
    source = ctx.get_parameter_source(option.name)
    return source is ParameterSource.DEFAULT_MAP and before is not ParameterSource.COMMANDLINE


def _not_read(called: Called) -> Iterable[str]:
    """Variables that look as if they answered a question of safety: they do not."""
    for option in called.options:
        name = long_name(option)
        if name not in ON_COMMAND_LINE_ONLY:
            continue
        own = variables_of(called.words, name, everywhere=False)
        general = variables_of((), name, everywhere=True)
        for variable in (*own, *general):
            if os.environ.get(variable):
                why = ON_COMMAND_LINE_ONLY[name]
                yield f"{variable} is not read: {why}; give --{name} on the command line"
