"""reference/commands.md has each command with its variables, examples and exit codes."""

import re
from pathlib import Path

from migrator.cli.lazy import MigrateCommand
from migrator.cli.settings import GLOBAL_NAMES
from tests.support.commands_page import MORE_CODES, codes_of, commands_page, shown
from tests.support.end_states import COMMANDS, STATES

ROOT = Path(__file__).parents[2]
WRONG_CALLS = ROOT / "tests" / "cli" / "wrong_calls.md"
# An end state of a table is that of `cutover`, with and without --gates.
_OF_END_STATES = {"gates": "cutover"}


def _words(path: str) -> str:
    return path.partition(" ")[2]


def test_page_has_each_command_with_its_variables_and_examples() -> None:
    page = commands_page()
    for ctx in shown():
        assert isinstance(ctx.command, MigrateCommand)
        _, _, part = page.partition(f"\n## {ctx.command_path}\n")
        part = part.partition("\n## ")[0]
        for option in ctx.command.options():
            if option.name in GLOBAL_NAMES:
                continue
            named = [option.envvar] if isinstance(option.envvar, str) else option.envvar or ()
            assert [name for name in named if f"`{name}`" not in part] == [], ctx.command_path
        assert ctx.command.examples
        assert [each for each in ctx.command.examples if each not in part] == []


def test_further_exit_codes_are_of_commands_that_there_are() -> None:
    assert set(MORE_CODES) <= {_words(ctx.command_path) for ctx in shown()}


def test_every_exit_code_of_an_end_state_is_on_the_page() -> None:
    missing = [
        (command, state.name, code)
        for state in STATES
        for command, code in zip(COMMANDS, state.codes, strict=True)
        if int(code) not in codes_of(_OF_END_STATES.get(command, command))
    ]
    assert missing == []


def test_every_exit_code_of_a_wrong_call_is_on_the_page() -> None:
    text = WRONG_CALLS.read_text(encoding="utf-8")
    found = re.findall(r"^## migrate (.+)\n((?:(?!## ).*\n?)*)", text, re.M)
    assert len(found) > 40
    for words, rows in found:
        codes = {int(code) for code in re.findall(r"^\| [^|]+ \| (\d+) \|", rows, re.M)}
        assert codes <= set(codes_of(words)), words
