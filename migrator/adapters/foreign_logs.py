"""What is logged of calls to the outside: that they happened, never what they carried.

Loggers of the SDKs are kept quiet: at DEBUG botocore writes out answers of AssumeRole, secret keys
included.
"""

import logging

from migrator.adapters.foreign_text import foreign

_TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3", "kubernetes", "client", "filelock")
_CALLS = logging.getLogger("migrator.calls")


def log_call(
    what: str,
    subject: str,
    outcome: str,
    seconds: float,
) -> None:
    """One line at DEBUG for a call: its name, what it was about, how it ended, how long it took."""
    if _CALLS.isEnabledFor(logging.DEBUG):
        about = f" ({foreign(subject)})" if subject else ""
        _CALLS.debug("%s%s: %s, %.0f ms", what, about, outcome, seconds * 1000)


def mute_sdk_debug() -> None:
    """SDK loggers write warnings and errors only from here on, whatever the root logger is set
    to.
    """
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)
    # A role that may not be assumed is reported by our error; botocore would add a traceback to it.
    reported = logging.getLogger("botocore.credentials")
    # Setting a level makes all loggers of the process forget theirs: not for each cluster.
    if reported.level != logging.ERROR:
        reported.setLevel(logging.ERROR)
