"""``reference/files.md`` has every schema, every format, and commands and options that exist."""

import re
from pathlib import Path

from tests.support.all_commands import all_commands, options_of
from tests.support.readability import modules_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "playbooks" / "reference" / "files.md").read_text(encoding="utf-8")
_FORMAT = re.compile(r"migrator/[a-z-]+/v\d+")
_COMMAND = re.compile(r"`migrate ([a-z][a-z ]*[a-z])([^`]*)`")


def test_every_schema_is_linked() -> None:
    published = {path.name for path in (ROOT / "examples" / "schemas").glob("*.json")}
    assert len(published) > 10
    assert set(re.findall(r"\.\./\.\./examples/schemas/([\w.-]+)\)", PAGE)) == published


def test_every_format_of_the_program_is_named_and_no_other_one() -> None:
    written = set()
    for path in modules_of(ROOT / "migrator"):
        written |= set(_FORMAT.findall(path.read_text(encoding="utf-8")))
    assert set(_FORMAT.findall(PAGE)) == written


def test_commands_and_their_options_exist() -> None:
    known = {" ".join(words): command for words, command in all_commands()}
    wrong = []
    for name, rest in _COMMAND.findall(PAGE):
        words = " ".join(name.split())
        if words == "fleet":  # the group
            continue
        while words not in known and " " in words:  # a value follows the command's name
            words = words.rpartition(" ")[0]
        if words not in known:
            wrong.append(name)
            continue
        options = {each for option in options_of(known[words]) for each in option.opts}
        wrong += [each for each in re.findall(r"--[a-z-]+", rest) if each not in options]
    assert wrong == []
