"""A line of ``--log-format json``, as the published schema has it."""

from typing import Any, Literal

import msgspec

from migrator.model.files import wire
from migrator.model.log_events import LOG_EVENTS

LOG_FORMAT = "migrator/log/v1"


class LogLine(msgspec.Struct, forbid_unknown_fields=True):
    """What a command says. ``command`` to ``principal`` are null where a line is about none;
    ``code`` to ``traceback`` are in errors, ``label`` to ``total`` in progress, ``logger`` in lines
    of ``-v``.
    """

    time: str
    level: Literal["debug", "info", "warning", "error", "critical"]
    event: str
    command: str | None
    cluster: str | None
    run: str | None
    step: str | None
    principal: str | None
    message: str
    code: str | msgspec.UnsetType = msgspec.UNSET
    why: str | msgspec.UnsetType = msgspec.UNSET
    remedy: str | msgspec.UnsetType = msgspec.UNSET
    exitCode: int | msgspec.UnsetType = msgspec.UNSET
    traceback: list[str] | msgspec.UnsetType = msgspec.UNSET
    label: str | msgspec.UnsetType = msgspec.UNSET
    done: int | msgspec.UnsetType = msgspec.UNSET
    total: int | msgspec.UnsetType = msgspec.UNSET
    logger: str | msgspec.UnsetType = msgspec.UNSET


def log_line_schema() -> dict[str, Any]:
    """The schema of one line; unknown fields are refused."""
    (root,), components = wire.schema_components(LogLine)
    components["LogLine"]["properties"]["event"] = {"enum": sorted(LOG_EVENTS)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": LOG_FORMAT,
        **root,
        "$defs": components,
    }
