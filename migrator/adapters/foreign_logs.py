"""Loggers of the SDKs, kept quiet: at DEBUG botocore writes out answers of AssumeRole, secret keys included."""

import logging

_TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3", "kubernetes", "client", "filelock")


def mute_sdk_debug() -> None:
    """SDK loggers write warnings and errors only from here on, whatever the root logger is set to."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)
