"""The log: with ``-v`` on stderr, with ``--log-file`` in a file of mode 0600.

Only this package's own records are written. Those of botocore and urllib3 can hold signed requests,
which are credentials.
"""

import logging
import os
import sys

from migrator.app.settings import Settings
from migrator.errors import Failed

TALK = "migrator.talk"  # what the terminal shows; on a terminal it is there already


class _OneLine(logging.Formatter):
    """Foreign text in a record cannot begin a new line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as lines in which every character shows itself."""
        from migrator.render.escape import terminal

        return "\n".join(terminal(line) for line in super().format(record).split("\n"))


def set_up_logging(settings: Settings) -> None:
    """Attach the handlers that the options ask for. Raises ``log-file-unwritable``."""
    logger = logging.getLogger("migrator")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    layout = _OneLine("%(asctime)s %(levelname)s %(name)s %(message)s")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    logger.addHandler(logging.NullHandler())
    if settings.verbose:
        screen = logging.StreamHandler(sys.stderr)
        screen.setLevel(logging.DEBUG if settings.verbose > 1 else logging.INFO)
        screen.addFilter(lambda record: record.name != TALK)
        screen.setFormatter(layout)
        logger.addHandler(screen)
    if settings.log_file is not None:
        file = _log_file(settings.log_file)
        file.setLevel(logging.DEBUG if settings.verbose > 1 else logging.INFO)
        file.setFormatter(layout)
        logger.addHandler(file)


def _log_file(path: str) -> logging.Handler:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Failed(
            "log-file-unwritable", f"The log file {path} cannot be written.", why=why
        ) from error
    return logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8"))
