"""A fleet: accounts, their clusters, who answered, and the waves. Values only.

A cluster is named by its ARN everywhere. What could not be read is a status with a reason, never an
absence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, tzinfo
from typing import Literal, TypeAlias

from migrator.model.access_entry import AuthenticationMode

Command: TypeAlias = Literal[
    "plan",
    "apply",
    "verify",
    "rehearse",
    "gates",
    "cutover",
    "rollback",
    "retire",
    "access",
    "drift",
]
AnswerStatus: TypeAlias = Literal[
    "answered", "empty", "denied", "unreachable", "region-disabled", "failed"
]
WRITING: frozenset[Command] = frozenset({"apply", "rehearse", "cutover", "rollback", "retire"})


@dataclass(frozen=True, slots=True)
class RoleLink:
    """One role of a chain, with the external id that its trust policy may ask for."""

    arn: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class FleetAccount:
    """An account and the way into it: a profile, or roles assumed one from the other; neither: the
    caller's own.

    ``regions``: where clusters are looked for; ``("all",)`` means every Region that is on. ``unit``
    is the path of its organizational unit. ``placement`` names the worker resource that its
    clusters need (``vpc:prod``).
    """

    id: str
    name: str = ""
    regions: tuple[str, ...] = ()
    roles: tuple[RoleLink, ...] = ()
    profile: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    partition: str = "aws"
    placement: str | None = None


def way_into(account: FleetAccount, region: str) -> list[str]:
    """The global options that lead into an account and Region: ``["--region", …, "--assume-role",
    …]``.

    A single cluster's commands take these; their values are not yet quoted for a shell.
    """
    options = ["--region", region]
    if account.profile:
        options += ["--profile", account.profile]
    for link in account.roles:
        options += ["--assume-role", link.arn]
    external_ids = [link.external_id or "" for link in account.roles]
    # The options are matched by place: where one role has an id, each has one, which may be empty.
    if any(external_ids):
        for external_id in external_ids:
            options += ["--external-id", external_id]
    return options


@dataclass(frozen=True, slots=True)
class LeftOutAccount:
    """An account that is known and not asked, and why (suspended, ignored by the file)."""

    id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class FleetCluster:
    """One cluster as discovery saw it. ``account_name``, ``account_tags`` and ``unit`` are its
    account's. ``not_read_since``: when it was last read, where its account or Region did not answer
    since; empty where it was read.
    """

    arn: str
    name: str
    account: str
    region: str
    partition: str = "aws"
    version: str = ""
    mode: AuthenticationMode | None = None
    status: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    account_name: str = ""
    account_tags: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    placement: str | None = None
    not_read_since: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one account answered in one Region (``*`` where it failed before any was asked)."""

    account: str
    region: str
    status: AnswerStatus
    clusters: int = 0
    code: str = ""
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What discovery found. ``selected`` of all clusters are in the fleet; the rest was left out by
    selectors.
    """

    taken_at: str
    fleet: str
    accounts: tuple[FleetAccount, ...]
    answers: tuple[Answer, ...]
    clusters: tuple[FleetCluster, ...]
    left_out: tuple[LeftOutAccount, ...] = ()
    not_selected: int = 0
    missing: tuple[
        tuple[str, str], ...
    ] = ()  # clusters that the file names and discovery did not find: (ARN, why)

    @property
    def expected(self) -> int:
        """How many accounts should answer."""
        return len(self.accounts)

    @property
    def answered(self) -> int:
        """How many accounts did, completely: in every Region that was asked."""
        silent = {answer.account for answer in self.silent}
        return sum(account.id not in silent for account in self.accounts)

    @property
    def silent(self) -> tuple[Answer, ...]:
        """Accounts and Regions that did not answer, with the reasons."""
        return tuple(
            answer for answer in self.answers if answer.status not in ("answered", "empty")
        )

    @property
    def complete(self) -> bool:
        """Whether every account answered and every named cluster was found."""
        return not self.silent and not self.missing


@dataclass(frozen=True, slots=True)
class Selector:
    """Which clusters are meant: all that meet every condition given. Texts may hold ``*`` and
    ``?``.

    ``tags`` are the cluster's own, ``account_tags`` its account's. ``clusters`` are ARNs or names.
    """

    clusters: tuple[str, ...] = ()
    not_clusters: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    account_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def conditions(self) -> dict[str, list[str] | dict[str, str]]:
        """Those that are given, as fleet.yaml and decisions.yaml write them: lists of patterns, and
        tags as mappings.
        """
        given: dict[str, list[str] | dict[str, str]] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if not value:
                continue
            given[each.name] = dict(value) if isinstance(value, Mapping) else list(value)
        return given


@dataclass(frozen=True, slots=True)
class OrganizationSource:
    """Accounts from AWS Organizations. ``role`` is a template with ``{account_id}``, ``{name}`` and
    ``{partition}``, or a role's name; ``through`` are roles assumed before it. ``reader`` is
    assumed to read the organization.
    """

    role: str = "OrganizationAccountAccessRole"
    external_id: str | None = None
    through: tuple[RoleLink, ...] = ()
    reader: tuple[RoleLink, ...] = ()
    units: tuple[str, ...] = ()
    not_units: tuple[str, ...] = ()
    not_accounts: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    partition: str = "aws"
    own_account: str | None = None  # the account that needs no role


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of clusters, or a share of them: ``5`` or ``10%``."""

    count: int = 0
    percent: float | None = None

    def of(self, total: int) -> int:
        """The number out of ``total``; a share is rounded down, so that a tolerance is never more
        than asked.
        """
        if self.percent is None:
            return self.count
        return int(total * self.percent / 100)


@dataclass(frozen=True, slots=True)
class WaveRule:
    """How a wave is made: of the clusters that ``select`` means and no earlier wave has, at most
    ``size``.

    ``failure_tolerance``: so many clusters may fail and the wave still continues. ``strict``: never
    more clusters concurrently than may still fail. None: the command's default.
    """

    name: str
    select: Selector = Selector()
    size: Amount | None = None
    failure_tolerance: Amount | None = None
    concurrency: int | None = None
    strict: bool | None = None
    pause: timedelta = timedelta(0)
    approve: bool = False


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave with its clusters. ``pause`` is kept and approval asked before it begins."""

    name: str
    clusters: tuple[FleetCluster, ...]
    tolerance: int
    concurrency: int | None = None
    strict: bool = False
    pause: timedelta = timedelta(0)
    approve: bool = False


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """A time in which nothing is started that writes: from one moment to another, or every week.

    ``weekly_from`` and ``weekly_until`` are (weekday, minute of the day) in ``zone``; Monday is 0.
    """

    reason: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    weekly_from: tuple[int, int] | None = None
    weekly_until: tuple[int, int] | None = None
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class RateRule:
    """At most ``per_second`` calls of ``api`` (``eks:*``, ``iam:ListRoles``) in each account and
    Region, after a burst of ``burst``.
    """

    api: str
    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many clusters are worked on concurrently: in all, and in one account."""

    overall: int = 16
    per_account: int = 8


@dataclass(frozen=True, slots=True)
class Hooks:
    """Commands as argument lists, without a shell. One that ends with another code than 0 forbids
    the wave.
    """

    before_wave: tuple[tuple[str, ...], ...] = ()
    after_wave: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class OrderBy:
    """Clusters in the order of a tag's values; those without the tag come last. ``account``: the
    account's tag.
    """

    tag: str
    values: tuple[str, ...] = ()
    account: bool = False


@dataclass(frozen=True, slots=True)
class PlacementRule:
    """Clusters that ``select`` means need a worker with ``resource`` (``vpc:prod``)."""

    resource: str
    select: Selector = Selector()


@dataclass(frozen=True, slots=True)
class FleetFile:
    """fleet.yaml, or a c7n-org accounts file, as it was read."""

    name: str
    accounts: tuple[FleetAccount, ...] = ()
    organization: OrganizationSource | None = None
    clusters: tuple[str, ...] = ()
    select: Selector = Selector()
    placements: tuple[PlacementRule, ...] = ()
    order_by: tuple[OrderBy, ...] = ()
    waves: tuple[WaveRule, ...] = ()
    concurrency: Concurrency = Concurrency()
    rates: tuple[RateRule, ...] = ()
    failure_tolerance: Amount | None = None
    freeze: tuple[FreezeWindow, ...] = ()
    hooks: Hooks = Hooks()
    reader_roles: Mapping[str, RoleLink] = field(
        default_factory=dict
    )  # which role reads IAM of which account
