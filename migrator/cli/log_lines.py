"""One JSON object a line, for ``--log-format json``: what a command says, does and ends with.

JSON escapes foreign text: whatever an ARN or a message of another program holds, a line stays one
line. This module is loaded for ``migrate --help``: the standard library only.
"""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["debug", "info", "warning", "error", "critical"]
VARIABLE = "MIGRATE_LOG_FORMAT"
# In the arguments with a NUL before each: no argument of a process has one (execve(2)).
_OPTION = re.compile(r"\0--log-format[=\0]([^\0]*)")
# The same in a settings file, at its top. It is no YAML reader: that is loaded with a command, and
# the error may be one of the file's YAML.
_FILE = "migrate.yaml"
_IN_FILE = re.compile(
    rb"""^(["']?)log-format\1[ \t]*:[ \t]*(["']?)json\2[ \t]*(?:#.*)?\r?$""", re.MULTILINE
)
_MOST_BYTES = 1_000_000
# In every line, null where it is about none.
_ABOUT = ("command", "cluster", "run", "step", "principal")


@dataclass(slots=True)
class Command:
    """The command that runs, as its lines name it. ``run``: the last one that it spoke of."""

    is_json: bool = False
    command: str | None = None
    cluster: str | None = None
    run: str | None = None

    def begin(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Before the arguments are parsed: an error of them has the format that they ask for."""
        asked = _asked(arguments, environment)
        self.is_json = asked == "json" if asked else _file_asks()
        self.command = self.cluster = self.run = None


THIS = Command()  # a process runs one command at a time


def _asked(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The format that the command line names, else the environment; empty where none does."""
    found = _OPTION.search("\0".join(("", *arguments)))
    return found[1] if found else environment.get(VARIABLE, "")


def _file_asks() -> bool:
    """Whether the settings file of the folder asks for JSON. Without a command no plan is known,
    whose folder may have another one.
    """
    # A pipe of that name would be waited for.
    if not os.path.isfile(_FILE):  # noqa: PTH113 - pathlib is not loaded for a help page
        return False
    with suppress(OSError), open(_FILE, "rb") as file:  # noqa: PTH123
        return _IN_FILE.search(file.read(_MOST_BYTES)) is not None
    return False


def json_line(
    level: Level,
    message: str,
    *,
    at: float | None = None,
    **fields: Any,  # noqa: ANN401 - JSON values
) -> str:
    """A line with its end. ``at``: seconds since 1970, else now; ``fields``: its event, what it is
    about, and whatever else that event has.
    """
    import json
    from datetime import datetime, timezone
    from time import time

    more = dict(fields)
    if more.get("run"):
        THIS.run = str(more["run"])
    moment = datetime.fromtimestamp(time() if at is None else at, timezone.utc)
    document: dict[str, Any] = {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": more.pop("event", "notice"),
    }
    for name in _ABOUT:
        document[name] = more.pop(name, None) or getattr(THIS, name, None)
    document |= {"message": message, **more}
    # A pipeline may read ## as a command; in JSON it is in strings only. DEL is the one
    # control character that JSON leaves as it is.
    text = json.dumps(document).replace("##", "#\\u0023").replace("\x7f", "\\u007f")
    return f"{text}\n"
