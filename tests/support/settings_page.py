"""reference/settings.md and the schema of migrate.yaml, from the options of all commands."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from migrator.cli.setting_names import (
    NOT_IN_FILE,
    ON_COMMAND_LINE_ONLY,
    SHARED,
    long_name,
    variables_of,
)
from migrator.cli.settings import GLOBAL_NAMES
from migrator.cli.settings_file import FORMAT
from tests.support.all_commands import all_commands, options_of

GENERAL = {name.replace("_", "-") for name in GLOBAL_NAMES}
_INTRO = f"""\
# Settings

Every option can come from four places. The first that has it wins:

1. the command line, before or after the command's name;
2. an environment variable: `MIGRATE_REGION` for a global option, `MIGRATE_APPLY_MAX_RATE` for
   `--max-rate` of `apply`. An option that may be repeated takes several values with spaces between
   them. An empty variable is none;
3. `migrate.yaml` in the folder of the plan or of the fleet file; where a command reads neither,
   in the folder of `--out`, else in the one in which the command runs;
4. for `--decisions` and `--reader-role`, what the plan was made with: `migrate plan` with
   `--out plan.json` writes `plan.made-with.json` beside it. `--decisions ''` uses no answers.

What a file gives is said in one line on stderr. A setting that leads credentials, the way to the
cluster, answers or images is said with `--quiet`, too.

```yaml
format: {FORMAT}
region: eu-west-1
reader-role: [arn:aws:iam::222233334444:role/migrate-reader]
decisions: decisions.yaml
apply: {{max-rate: 5}}
fleet:
  apply: {{concurrency: 10}}
```

A path in the file is relative to its folder. An unknown key is refused, with the one that is
nearest. A file that another user owns, or that any user may write, is refused.
`examples/schemas/settings.schema.json` is its schema.

## State

Without `--state-dir` the state is in `.migrate`: the nearest one upwards from the plan that has the
plan's cluster, else the one in which the command runs. A plan of another folder that has no state
gets it beside the plan. A state folder of another place is said in one line.
"""


def settings_page() -> str:
    """The page, as Markdown."""
    return "\n".join(
        (
            _INTRO,
            "## Only on the command line",
            "",
            "These answer a question of safety, or begin something that is asked about.",
            "",
            *_table(("option", "why"), _reasons(ON_COMMAND_LINE_ONLY.items())),
            "",
            "## Not in migrate.yaml",
            "",
            "The environment may give these.",
            "",
            *_table(("option", "why"), _reasons(NOT_IN_FILE.items())),
            "",
            "## Variables",
            "",
            *_table(("command", "option", "variables"), _variables()),
            "",
        )
    )


def _reasons(found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, why in sorted(found):
        yield f"`--{name}`", why


def _variables() -> Iterator[tuple[str, str, str]]:
    seen = set()
    for path, command in all_commands():
        for name in sorted(_names(command)):
            is_general = name in GENERAL
            place = "every command" if is_general else f"`{' '.join(path)}`"
            if (place, name) in seen:
                continue
            seen.add((place, name))
            variables = variables_of(path, name, everywhere=is_general)
            yield place, f"`--{name}`", ", ".join(f"`{each}`" for each in variables)


def _names(command: click.Command) -> set[str]:
    names = {long_name(each) for each in options_of(command)}
    return names - {*ON_COMMAND_LINE_ONLY, "help"}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def settings_schema() -> dict[str, Any]:
    """The schema of migrate.yaml."""
    top: dict[str, Any] = {"format": {"const": FORMAT}}
    for path, command in all_commands():
        place = top
        for word in path:
            inner = place.setdefault(word, {"type": "object", "additionalProperties": False})
            place = inner.setdefault("properties", {})
        for option in options_of(command):
            name = long_name(option)
            if name not in _names(command) - set(NOT_IN_FILE):
                continue
            if name in GENERAL or name in SHARED:
                top.setdefault(name, _schema_of(option))
            if name not in GENERAL:
                place[name] = _schema_of(option)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "migrate.yaml",
        "type": "object",
        "additionalProperties": False,
        "properties": top,
    }


def _schema_of(option: click.Option) -> dict[str, Any]:
    one = _schema_of_value(option)
    if not option.multiple:
        return one
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _schema_of_value(option: click.Option) -> dict[str, Any]:
    if option.is_flag:
        return {"type": "boolean"}
    if option.count or isinstance(option.type, click.types.IntParamType):
        return {"type": "integer"}
    if isinstance(option.type, click.types.FloatParamType):
        return {"type": "number"}
    if isinstance(option.type, click.Choice):
        return {"enum": [*option.type.choices]}
    return {"type": "string"}
