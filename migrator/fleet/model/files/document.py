"""What fleet.yaml and Cloud Custodian's accounts.yml look like on the wire; the schema is made of
these.

Keys of fleet.yaml are all checked. Of c7n-org's accounts (their schema is in
``tools/c7n_org/c7n_org/cli.py`` of Cloud Custodian) those that mean nothing here are left alone.
"""

import msgspec

from migrator.errors import Failed

FORMAT = "migrator/fleet/v1"
ALL_REGIONS = "all"


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Base: a misspelt key must not silently widen or narrow a fleet."""


class RoleItem(_Strict):
    """A link of a chain of roles, with its external id."""

    arn: str
    external_id: str | None = None


class AccountItem(_Strict):
    """An account, and the way into it; ``role`` may be a chain."""

    account_id: str
    name: str = ""
    role: str | list[str | RoleItem] | None = None
    profile: str | None = None
    external_id: str | None = None
    regions: list[str] = []
    tags: list[str] | dict[str, str] = []
    partition: str = "aws"
    placement: str | None = None


class DefaultsItem(_Strict):
    """What accounts get that do not say it themselves; ``role`` may hold ``{account_id}``,
    ``{name}``, ``{partition}``.
    """

    role: str | list[str | RoleItem] | None = None
    external_id: str | None = None
    regions: list[str] = []
    partition: str = "aws"


class OrganizationItem(_Strict):
    """An AWS organization whose accounts are the fleet, and which of them are not."""

    role: str = "OrganizationAccountAccessRole"
    external_id: str | None = None
    through: list[str | RoleItem] = []
    reader: list[str | RoleItem] = []
    units: list[str] = []
    not_units: list[str] = []
    not_accounts: list[str] = []
    tags: dict[str, str] = {}
    regions: list[str] = []
    partition: str = "aws"
    own_account: str | None = None


class SelectorItem(_Strict):
    """Which clusters: each key that is given must fit. Names are patterns with * and ?."""

    clusters: list[str] = []
    not_clusters: list[str] = []
    accounts: list[str] = []
    regions: list[str] = []
    units: list[str] = []
    versions: list[str] = []
    modes: list[str] = []
    tags: dict[str, str] = {}
    account_tags: dict[str, str] = {}


class WaveItem(_Strict):
    """A wave; one without ``select`` takes what no earlier wave took."""

    name: str
    select: SelectorItem = msgspec.field(default_factory=SelectorItem)
    size: int | str | None = None
    failure_tolerance: int | str | None = None
    concurrency: int | None = None
    strict: bool | None = None
    pause: str | int = 0
    approve: bool = False


class WeeklyItem(_Strict, rename={"begin": "from"}):
    """Times of the week, such as 'Fri 16:00'."""

    begin: str
    until: str


class FreezeItem(_Strict, rename={"begin": "from"}):
    """When no cluster is started: from and until, or weekly."""

    begin: str | None = None
    until: str | None = None
    weekly: WeeklyItem | None = None
    timezone: str = "UTC"
    reason: str = ""


class RateItem(_Strict):
    """How often an API such as eks:* is called in one account and Region."""

    api: str
    per_second: float
    burst: int | None = None


class ConcurrencyItem(_Strict):
    """Clusters worked on concurrently."""

    overall: int = 16
    per_account: int = 8


class HooksItem(_Strict):
    """Commands that may veto a wave: arguments, no shell."""

    before_wave: list[list[str]] = []
    after_wave: list[list[str]] = []


class OrderByItem(_Strict):
    """The values of a tag, those first that come first."""

    tag: str
    values: list[str] = []
    account: bool = False


class PlacementItem(_Strict):
    """Clusters that only workers with a resource reach."""

    resource: str
    select: SelectorItem = msgspec.field(default_factory=SelectorItem)


class FleetDocument(_Strict):
    """fleet.yaml as a whole. Only ``format`` and one source of clusters are needed."""

    format: str
    name: str = "fleet"
    defaults: DefaultsItem = msgspec.field(default_factory=DefaultsItem)
    accounts: list[AccountItem] = []
    organization: OrganizationItem | None = None
    clusters: list[str] = []
    select: SelectorItem = msgspec.field(default_factory=SelectorItem)
    placements: list[PlacementItem] = []
    order_by: list[OrderByItem] = []
    waves: list[WaveItem] = []
    concurrency: ConcurrencyItem = msgspec.field(default_factory=ConcurrencyItem)
    rates: list[RateItem] = []
    failure_tolerance: int | str | None = None
    freeze: list[FreezeItem] = []
    hooks: HooksItem = msgspec.field(default_factory=HooksItem)
    reader_roles: list[str | RoleItem] = []


class CustodianAccount(msgspec.Struct):
    """An account of c7n-org; further keys mean nothing here."""

    account_id: str
    name: str = ""
    role: str | list[str] | None = None
    profile: str | None = None
    external_id: str | None = None
    regions: list[str] = []
    tags: list[str] = []


class CustodianDocument(msgspec.Struct):
    """c7n-org's accounts.yml."""

    accounts: list[CustodianAccount]


def malformed(why: str) -> Failed:
    """The error for a fleet file that cannot be used."""
    remedy = "examples/schemas/fleet.schema.json describes fleet.yaml; examples/fleet.yaml is one."
    return Failed("fleet-malformed", "The fleet file is malformed.", why=why, remedy=remedy)
