"""One cluster's part of a fleet command, in a form that can be done in any process: a function by its import path,
and arguments that are JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """``task`` is ``package.module:function``; it takes ``arguments`` and returns a JSON object. ``placement`` is the
    resource that a worker must have (``vpc:prod``).
    """

    arn: str
    account: str
    task: str
    arguments: Mapping[str, Any]
    placement: str | None = None


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What a job gave; ``lost`` says why it gave nothing: its worker is gone, or it broke."""

    arn: str
    answer: Mapping[str, Any] | None = None
    lost: str = ""
