"""Options from the environment and from ``migrate.yaml``: a table over all commands."""

import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.core import ParameterSource

from migrator.app.settings import Settings
from migrator.cli.lazy import MigrateCommand, OutputFile
from migrator.cli.main import cli, run
from migrator.cli.setting_names import NOT_IN_FILE, ON_COMMAND_LINE_ONLY, long_name, variables_of
from migrator.cli.settings import GLOBAL_NAMES
from migrator.cli.settings_file import NAME
from migrator.cli.unknown_variables import misspelt_variables
from tests.support.all_commands import all_commands, options_of

ROOT = Path(__file__).parents[2]
COMMANDS = {path: command for path, command in all_commands()}
GENERAL = {name.replace("_", "-") for name in GLOBAL_NAMES}
OPTIONS = [
    (path, long_name(option), option)
    for path, command in COMMANDS.items()
    for option in options_of(command)
    if long_name(option) != "help"
]
IDS = [f"{' '.join(path)} --{name}" for path, name, _ in OPTIONS]
SETTABLE = [each for each in OPTIONS if each[1] not in ON_COMMAND_LINE_ONLY]


def a_value(option: click.Option) -> tuple[str, Any]:
    """A value that the option takes: as text, and as YAML."""
    if option.is_flag:
        return "1", True
    if isinstance(option.type, click.Choice):
        return option.type.choices[0], option.type.choices[0]
    if option.count or isinstance(option.type, click.types.IntParamType):
        return "7", 7
    if isinstance(option.type, click.types.FloatParamType):
        return "7", 7
    return "30m", "30m"


def consumed(path: tuple[str, ...], option: click.Option) -> tuple[Any, ParameterSource]:
    ctx = click.Context(COMMANDS[path])
    return option.consume_value(ctx, {})


@pytest.mark.parametrize(("path", "name", "option"), OPTIONS, ids=IDS)
def test_every_option_has_its_variable_or_a_reason_why_not(
    path: tuple[str, ...], name: str, option: click.Option, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = a_value(option)
    variables = variables_of(path, name, everywhere=name in GENERAL)
    for variable in variables:
        with monkeypatch.context() as patch:
            patch.setenv(variable, text)
            value, source = consumed(path, option)
        if name in ON_COMMAND_LINE_ONLY:
            assert source is not ParameterSource.ENVIRONMENT, variable
        else:
            assert source is ParameterSource.ENVIRONMENT, variable
            assert value


def test_options_of_safety_are_options_that_exist() -> None:
    names = {name for _, name, _ in OPTIONS}
    assert set(ON_COMMAND_LINE_ONLY) <= names
    assert set(NOT_IN_FILE) <= names
    assert {"yes", "confirm", "break-lock"} <= set(ON_COMMAND_LINE_ONLY)


def test_every_option_that_accepts_or_forces_is_of_one_run() -> None:
    words = {"accept", "approve", "force", "break", "abandon", "yes", "confirm", "insecure"}
    names = {name for _, name, _ in OPTIONS if name.partition("-")[0] in words}
    assert names <= set(ON_COMMAND_LINE_ONLY)


def test_every_option_that_names_an_output_is_none_of_a_file() -> None:
    writes = {name for _, name, option in OPTIONS if type(option.type).__name__ == "OutputFile"}
    assert writes <= set(NOT_IN_FILE)


def section(path: tuple[str, ...], name: str, value: object) -> dict[str, Any]:
    """The document of a file with one setting."""
    if name in GENERAL:
        return {name: value}
    document: Any = {name: value}
    for word in reversed(path):
        document = {word: document}
    return dict(document)


def written(folder: Path, document: Mapping[str, Any]) -> Path:
    from migrator.model.files.yaml_text import yaml_text

    place = folder / NAME
    place.write_text(yaml_text(document))
    return place


def settings_context(path: tuple[str, ...], folder: Path) -> click.Context:
    """The command's context, as far as its arguments are read."""
    from migrator.cli.given_elsewhere import defaults_beside_plan

    command = COMMANDS[path]
    assert isinstance(command, MigrateCommand)
    root = click.Context(cli)
    ctx = click.Context(command, parent=root, info_name=path[-1])
    before = Path.cwd()
    os.chdir(folder)
    try:
        ctx.default_map = defaults_beside_plan(command.call(), ctx, [])
    finally:
        os.chdir(before)
    return ctx


@pytest.mark.parametrize(("path", "name", "option"), OPTIONS, ids=IDS)
def test_every_option_is_a_setting_of_the_file_or_is_refused(
    path: tuple[str, ...], name: str, option: click.Option, tmp_path: Path
) -> None:
    _, value = a_value(option)
    written(tmp_path, section(path, name, value))
    if name in ON_COMMAND_LINE_ONLY or name in NOT_IN_FILE:
        with pytest.raises(Exception, match="may not set"):
            settings_context(path, tmp_path)
        return
    ctx = settings_context(path, tmp_path)
    _, source = option.consume_value(ctx, {})
    assert source is ParameterSource.DEFAULT_MAP


def said(*arguments: str, code: int = 64) -> str:
    stderr = io.StringIO()
    assert run(list(arguments), stderr=stderr) == code, stderr.getvalue()
    return stderr.getvalue()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("regoin: x", "Did you mean region"),
        ("apply: {max_rate: 1}", "Did you mean max-rate"),
        ("aply: {max-rate: 1}", "Did you mean apply"),
        ("fleet: {aply: {}}", "Did you mean apply"),
        ("apply: 1", "apply holds no mapping"),
        ("region: 1", "region takes text"),
        ("quiet: 'yes'", "quiet takes true or false"),
        ("apply: {max-rate: quick}", "max-rate takes a number"),
        ("apply: {max-rate: -1}", "-1 is not more than 0"),
        ("output: xml", "'xml' is not one of"),
        ("format: migrator/settings/v9", "not 'migrator/settings/v1'"),
        ("- a", "no mapping at its top"),
        ('"\\e[31m": 1', "There is no setting"),
    ],
)
def test_wrong_file_is_refused_with_its_name_and_what_was_meant(
    here: Path, text: str, words: str
) -> None:
    (here / NAME).write_text(text)
    error = said("apply", "plan.json")
    assert "[settings-malformed]" in error
    assert NAME in error
    assert words in error
    assert "\x1b" not in error


def test_file_that_is_no_yaml_is_refused(here: Path) -> None:
    (here / NAME).write_text("a: [")
    assert "[settings-unreadable]" in said("apply", "plan.json")


def test_place_of_the_file_that_has_no_file_is_refused(here: Path) -> None:
    place = here / NAME
    place.mkdir()
    assert "[settings-unreadable]" in said("apply", "plan.json")
    place.rmdir()
    place.symlink_to("nowhere")
    assert "[settings-unreadable]" in said("apply", "plan.json")


def test_file_that_everybody_may_write_is_refused(here: Path) -> None:
    place = written(here, {"region": "eu-west-1"})
    place.chmod(0o666)
    assert "[settings-unreadable]" in said("apply", "plan.json")


@pytest.mark.parametrize("text", ["yes: true", "apply: {yes: true}", "cutover: {confirm: prod}"])
def test_file_answers_no_question(here: Path, text: str) -> None:
    (here / NAME).write_text(text)
    error = said("apply", "plan.json")
    assert "[setting-refused]" in error
    assert "may not set" in error


def test_wrong_variable_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_APPLY_MAX_RATE", "quick")
    error = said("apply", "plan.json")
    assert "The variable MIGRATE_APPLY_MAX_RATE" in error
    assert "[settings-malformed]" in error


@pytest.mark.parametrize(
    ("words", "option", "variable"),
    [
        (("drift", "plan.json"), "--against", "MIGRATE_DRIFT_AGAINST"),
        (("plan", "orders"), "--snapshot", "MIGRATE_PLAN_SNAPSHOT"),
        (("plan", "orders"), "--config-map", "MIGRATE_PLAN_CONFIG_MAP"),
    ],
)
def test_option_of_a_wrong_call_is_traced_to_its_variable(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    option: str,
    variable: str,
) -> None:
    shutil.copy(ROOT / "tests/data/demo_plan.json", here / "plan.json")
    monkeypatch.setenv(variable, "a.json")
    assert f"why:   {option} comes from {variable}." in said(*words)


def test_option_of_a_wrong_call_is_traced_to_the_file(here: Path) -> None:
    place = written(here, {"plan": {"snapshot": "a.json"}})
    assert f"--snapshot comes from {place.name}." in said("plan", "orders")


def test_option_of_a_wrong_call_on_the_command_line_is_not_traced(here: Path) -> None:
    assert "comes from" not in said("plan", "orders", "--snapshot", "a.json")


def _of_kind(*kinds: str) -> list[tuple[tuple[str, ...], str]]:
    """The options of all commands whose text is of one of the kinds."""
    return [
        (path, name)
        for path, name, option in OPTIONS
        if getattr(option.type, "kind", "out" if isinstance(option.type, OutputFile) else "")
        in kinds
    ]


@pytest.mark.parametrize(("path", "name"), _of_kind("file", "folder", "out"))
def test_file_without_a_name_is_refused(path: tuple[str, ...], name: str) -> None:
    command = COMMANDS[path]
    (option,) = (each for each in options_of(command) if long_name(each) == name)
    with pytest.raises(click.BadParameter, match="empty"):
        option.type_cast_value(click.Context(command), ("",) if option.multiple else "")


@pytest.mark.parametrize(("path", "name"), _of_kind("role"))
def test_name_of_a_role_is_no_arn(path: tuple[str, ...], name: str) -> None:
    command = COMMANDS[path]
    (option,) = (each for each in options_of(command) if long_name(each) == name)
    ctx = click.Context(command)
    for text in ("on-call", "role/on-call", "arn:aws:iam::111122223333:user/on-call", ""):
        with pytest.raises(click.BadParameter, match="no ARN of a role"):
            option.type_cast_value(ctx, (text,) if option.multiple else text)
    role = "arn:aws-cn:iam::111122223333:role/team/on-call"
    assert role in option.type_cast_value(ctx, (role,) if option.multiple else role)


def test_help_needs_no_good_file(here: Path) -> None:
    (here / NAME).write_text("a: [")
    assert said("apply", "--help", code=0) == ""


PROBE = "apply"


def settings_of_call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Settings:
    """The settings that a command gets, without running it."""
    found: list[Settings] = []
    command = COMMANDS[(PROBE,)]

    def keep(**_given: object) -> int:
        found.append(click.get_current_context().obj)
        return 0

    monkeypatch.setattr(command, "callback", keep)
    assert run(list(arguments), stderr=io.StringIO()) == 0
    return found[0]


# Each place with the value it gives; the first of those that are there wins.
PLACES = ("after", "before", "environment", "file")


@pytest.mark.parametrize("there", range(1, 2 ** len(PLACES)))
def test_command_line_comes_before_environment_before_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, there: int
) -> None:
    present = [place for number, place in enumerate(PLACES) if there >> number & 1]
    if "environment" in present:
        monkeypatch.setenv("MIGRATE_REGION", "environment")
    if "file" in present:
        written(here, {"region": "file"})
    before = ["--region", "before"] if "before" in present else []
    after = ["--region", "after"] if "after" in present else []
    settings = settings_of_call(monkeypatch, *before, PROBE, "plan.json", *after)
    assert settings.region == present[0]


def test_file_is_the_one_beside_the_plan_and_its_paths_are_relative_to_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "plans").mkdir()
    (here / "plans" / "plan.json").write_text("{}")
    written(here, {"region": "here"})
    written(here / "plans", {"region": "there", "state-dir": "state"})
    settings = settings_of_call(monkeypatch, PROBE, "plans/plan.json")
    assert (settings.region, settings.state_dir) == ("there", "plans/state")


def test_what_leads_credentials_is_said_even_quietly_and_without_a_password(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(here, {"profile": "other", "proxy-url": "http://me:secret@proxy:3128"})
    settings_of_call(monkeypatch, PROBE, "plan.json", "--quiet")
    error = capsys.readouterr().err
    assert "profile=other" in error
    assert "proxy:3128" in error
    assert "secret" not in error
    assert len(error.splitlines()) == 1


def test_setting_that_the_command_line_replaces_is_not_said(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(here, {"profile": "other"})
    settings_of_call(monkeypatch, PROBE, "plan.json", "--profile", "mine")
    assert capsys.readouterr().err == ""


def test_variable_that_looks_like_an_answer_is_said_to_be_none(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIGRATE_YES", "1")
    settings_of_call(monkeypatch, PROBE, "plan.json")
    assert "MIGRATE_YES is not read" in capsys.readouterr().err


MISSPELT = {
    "MIGRATE_REGOIN": "MIGRATE_REGION",
    "MIGRATE_STATEDIR": "MIGRATE_STATE_DIR",
    "MIGRATE_PLAN_STRATEGIE": "MIGRATE_PLAN_STRATEGY",
    "MIGRATE_FLEET_APPLY_CONCURENCY": "MIGRATE_FLEET_APPLY_CONCURRENCY",
}


@pytest.mark.parametrize(("name", "meant"), MISSPELT.items())
def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    (line,) = misspelt_variables(cli)
    assert name in line
    assert meant in line


def test_a_variable_of_an_option_or_of_somebody_else_is_not_called_misspelt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for path, name, option in OPTIONS:
        text, _ = a_value(option)
        for variable in variables_of(path, name, everywhere=name in GENERAL):
            monkeypatch.setenv(variable, text)
    for variable in ("MIGRATE_CLOCK_URL", "MIGRATE_HOOK", "MIGRATE_REPOSITORY", "MIGRATE_X"):
        monkeypatch.setenv(variable, "x")
    assert list(misspelt_variables(cli)) == []


def test_a_misspelt_variable_is_said_and_the_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIGRATE_REGOIN", "eu-west-1")
    assert run(["explain", "row-shadowed"], stderr=io.StringIO()) == 0
    assert "MIGRATE_REGOIN is not read" in " ".join(capsys.readouterr().err.split())
