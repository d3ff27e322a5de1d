"""One cluster's part of a fleet command, in a form that any process can do: a function by its
import path, and JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrator.fleet.model.fleet import FleetAccount, RateRule, RoleLink


@dataclass(frozen=True, slots=True)
class Job:
    """``task`` is ``package.module:function``; it takes ``arguments`` and returns a JSON object.
    ``placement`` is the resource that a worker must have (``vpc:prod``). ``first`` is done before
    it, by the coordinator: what is one-way.
    """

    arn: str
    account: str
    task: str
    arguments: Mapping[str, Any]
    placement: str | None = None
    first: "Job | None" = None


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a command is to do on one cluster, in JSON values.

    ``options``: fields of the request that the same command on one cluster makes; for a plan,
    strategy and target. ``answers``: decisions.yaml that came with the command; None: the one that
    the plan was made with. ``reversible``: the one-way mode step is refused. ``described``:
    DescribeCluster, None where it is to be asked.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] | None = None
    reversible: bool = False
    described: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What a job gave; ``lost`` says why it gave nothing: its worker has ended, or it broke.
    ``unplaced``: it was not started, as no worker was available.
    """

    arn: str
    answer: Mapping[str, Any] | None = None
    lost: str = ""
    unplaced: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a worker comes to the accounts of the fleet. ``settings`` are the global options;
    ``share`` is the worker's part of each rate. Credentials are no part of it: a worker has its
    own.
    """

    settings: Mapping[str, Any]
    accounts: tuple[FleetAccount, ...]
    readers: Mapping[str, RoleLink]
    rates: tuple[RateRule, ...]
    share: float = 1.0
