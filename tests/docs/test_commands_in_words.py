"""Every `migrate …` command that the program tells people to run is one that its parser takes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from migrator.cli.main import cli
from migrator.model.error_catalogue import ERRORS

PACKAGE = Path(__file__).parents[2] / "migrator"
# Two literals next to each other are one text.
JOINED = re.compile(r'"\s*\n\s*f?"')
COMMAND = re.compile(r"(?<!`)`(migrate [^`{}\\]+)`(?!`)")


def _told() -> dict[str, str]:
    """The commands with their places. A name alone, as in "`migrate verify` does", is no line to
    run.
    """
    found = {
        kind.example: f"error {code}"
        for code, kind in ERRORS.items()
        if kind.example.startswith("migrate ")
    }
    for path in sorted(PACKAGE.rglob("*.py")):
        text = JOINED.sub("", path.read_text(encoding="utf-8"))
        for line in COMMAND.findall(text):
            if len(line.split()) > 2 and "…" not in line:
                found.setdefault(line, str(path.relative_to(PACKAGE)))
    return found


TOLD = _told()


def test_commands_are_found() -> None:
    assert len(TOLD) > 40


@pytest.mark.parametrize("line", sorted(TOLD))
def test_command_that_people_are_told_to_run_is_parsed(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An option that may come from the environment is not in every reader's environment.
    for name in ("MIGRATE_IMAGE", "MIGRATE_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    try:
        _parse(shlex.split(line)[1:])
    except click.exceptions.Exit:
        pass  # --help and --version
    except click.UsageError as error:
        pytest.fail(f"{TOLD[line]}: {error.format_message()}")


def _parse(words: list[str]) -> None:
    context = cli.make_context("migrate", list(words), resilient_parsing=False)
    command: click.Command = cli
    rest = [*getattr(context, "_protected_args", []), *context.args]
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        context = command.make_context(name, rest, parent=context)
        rest = [*getattr(context, "_protected_args", []), *context.args]
