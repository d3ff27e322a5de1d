"""The log: with ``-v`` on stderr, with ``--log-file`` in a file of mode 0600.

Only this package's own records are written. Those of botocore and urllib3 can hold signed requests,
which are credentials.
"""

import logging
import os
import stat
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

from migrator.app.preflight import why_unwritable
from migrator.app.settings import Settings
from migrator.cli.log_lines import Level, json_line
from migrator.cli.streams import erase_status, let_go_of
from migrator.cli.terminal import warn
from migrator.errors import Failed

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
TALK = "migrator.talk"  # what the terminal shows; on a terminal it is there already


class _OneLine(logging.Formatter):
    """Foreign text in a record cannot begin a new line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as lines in which every character shows itself."""
        from migrator.render.escape import terminal

        return "\n".join(map(terminal, super().format(record).split("\n")))


class _JsonLine(logging.Formatter):
    """A record as a line of ``--log-format json``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with what it is about; a traceback is a list of lines."""
        more: dict[str, Any] = {"event": "log", **getattr(record, "about", {})}
        if record.name != TALK:
            more["logger"] = record.name
        if record.exc_info:
            more["traceback"] = self.formatException(record.exc_info).splitlines()
        level = cast("Level", record.levelname.lower())
        return json_line(level, record.getMessage(), at=record.created, **more).rstrip("\n")


def set_up_logging(settings: Settings) -> None:
    """Attach the handlers that the options ask for. Raises ``log-file-unwritable``."""
    logger = logging.getLogger("migrator")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    layout: logging.Formatter = _OneLine("%(asctime)s %(levelname)s %(name)s %(message)s")
    if settings.log_format == "json":
        layout = _JsonLine()
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.addHandler(logging.NullHandler())
    if settings.verbose:
        screen = logging.StreamHandler(sys.stderr)
        screen.setLevel(logging.DEBUG if settings.verbose > 1 else logging.INFO)
        screen.addFilter(lambda record: record.name != TALK)
        screen.addFilter(_on_own_line)
        screen.setFormatter(layout)
        logger.addHandler(screen)
    if settings.log_file is not None:
        file = _log_file(settings.log_file)
        file.setLevel(logging.DEBUG if settings.verbose > 1 else logging.INFO)
        file.setFormatter(layout)
        logger.addHandler(file)


def _on_own_line(_record: logging.LogRecord) -> bool:
    """Every record is shown, in the place of the line that says what is being done."""
    erase_status()
    return True


# Python 3.10: the class takes no type in brackets when it is run.
if TYPE_CHECKING:
    _ToStream = logging.StreamHandler[TextIO]
else:
    _ToStream = logging.StreamHandler


class _LogFile(_ToStream):
    """A log that ends with a warning where the file takes no more: the command continues."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say it once, and write no more."""
        error = sys.exc_info()[1]
        logging.getLogger("migrator").removeHandler(self)
        let_go_of(self.stream)
        warn(f"The log file ends here: {error}", event="log-file")


def _log_file(path: str) -> logging.Handler:
    # O_NONBLOCK: to open a pipe that has no reader would wait for one (open(2)).
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, how, 0o600)
    except OSError as error:
        raise _unwritable(path, error.strerror or type(error).__name__) from error
    why = why_unwritable(descriptor)
    if why:
        os.close(descriptor)
        raise _unwritable(path, why)
    _keep_to_owner(path, descriptor)
    return _LogFile(os.fdopen(descriptor, "a", encoding="utf-8"))


def _keep_to_owner(path: str, descriptor: int) -> None:
    """A log of before keeps its lines, and is 0600 from now on as every file of this program. A
    pipe or a terminal is no file that others find later. Raises ``log-file-unwritable`` where the
    mode of a file cannot be changed: it is another user's.
    """
    found = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(found) or not found & _OF_OTHERS:
        return
    try:
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        os.close(descriptor)
        why = f"Others may read it, and its mode cannot be changed: {error.strerror}"
        raise _unwritable(path, why) from error
    warn(f"{path} could be read by others; its mode is 0600 now.", event="log-file")


def _unwritable(path: str, why: str) -> Failed:
    return Failed(
        "log-file-unwritable",
        f"The log file {path} cannot be written.",
        why=why,
        remedy="Name a file in a folder that is there and may be written.",
    )
