"""fleet.yaml, and the accounts file of Cloud Custodian's c7n-org, to :class:`~migrator.model.fleet.FleetFile`.

A document with ``format: migrator/fleet/v1`` is a fleet.yaml, whose keys are all checked. One with ``accounts`` and
no format is c7n-org's own (its schema is in ``tools/c7n_org/c7n_org/cli.py`` of Cloud Custodian): read as it is,
keys that mean nothing here left alone, ``external_id`` given with every role of a chain as c7n-org does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from migrator.errors import Failed
from migrator.model.fleet import (
    Amount,
    Concurrency,
    FleetAccount,
    FleetFile,
    FreezeWindow,
    Hooks,
    OrderBy,
    OrganizationSource,
    PlacementRule,
    RateRule,
    RoleLink,
    Selector,
    WaveRule,
)
from migrator.model.principal import parse_arn

FORMAT = "migrator/fleet/v1"
ALL_REGIONS = "all"
_ACCOUNT = re.compile(r"\d{12}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,62}")
_DURATION = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT_OF_WEEK = re.compile(r"([A-Za-z]{3})[a-z]* (\d{1,2}):(\d{2})")


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Base: a misspelt key must not silently widen or narrow a fleet."""


class _Role(_Strict):
    arn: str
    external_id: str | None = None


class _Account(_Strict):
    account_id: str
    name: str = ""
    role: str | list[str | _Role] | None = None
    profile: str | None = None
    external_id: str | None = None
    regions: list[str] = []
    tags: list[str] | dict[str, str] = []
    partition: str = "aws"
    placement: str | None = None


class _Defaults(_Strict):
    """What accounts get that do not say it themselves; ``role`` may hold ``{account_id}``, ``{name}``,
    ``{partition}``.
    """

    role: str | list[str | _Role] | None = None
    external_id: str | None = None
    regions: list[str] = []
    partition: str = "aws"


class _Organization(_Strict):
    role: str = "OrganizationAccountAccessRole"
    external_id: str | None = None
    through: list[str | _Role] = []
    reader: list[str | _Role] = []
    units: list[str] = []
    not_units: list[str] = []
    not_accounts: list[str] = []
    tags: dict[str, str] = {}
    regions: list[str] = []
    partition: str = "aws"
    own_account: str | None = None


class _Selector(_Strict):
    clusters: list[str] = []
    not_clusters: list[str] = []
    accounts: list[str] = []
    regions: list[str] = []
    units: list[str] = []
    versions: list[str] = []
    modes: list[str] = []
    tags: dict[str, str] = {}
    account_tags: dict[str, str] = {}


class _Wave(_Strict):
    name: str
    select: _Selector = msgspec.field(default_factory=_Selector)
    size: int | str | None = None
    failure_tolerance: int | str | None = None
    concurrency: int | None = None
    strict: bool | None = None
    pause: str | int = 0
    approve: bool = False


class _Weekly(_Strict, rename={"begin": "from"}):
    begin: str
    until: str


class _Freeze(_Strict, rename={"begin": "from"}):
    begin: str | None = None
    until: str | None = None
    weekly: _Weekly | None = None
    timezone: str = "UTC"
    reason: str = ""


class _Rate(_Strict):
    api: str
    per_second: float
    burst: int | None = None


class _Concurrency(_Strict):
    overall: int = 16
    per_account: int = 8


class _Hooks(_Strict):
    before_wave: list[list[str]] = []
    after_wave: list[list[str]] = []


class _OrderBy(_Strict):
    tag: str
    values: list[str] = []
    account: bool = False


class _Placement(_Strict):
    resource: str
    select: _Selector = msgspec.field(default_factory=_Selector)


class FleetDocument(_Strict):
    """fleet.yaml as a whole. Only ``format`` and one source of clusters are needed."""

    format: str
    name: str = "fleet"
    defaults: _Defaults = msgspec.field(default_factory=_Defaults)
    accounts: list[_Account] = []
    organization: _Organization | None = None
    clusters: list[str] = []
    select: _Selector = msgspec.field(default_factory=_Selector)
    placements: list[_Placement] = []
    order_by: list[_OrderBy] = []
    waves: list[_Wave] = []
    concurrency: _Concurrency = msgspec.field(default_factory=_Concurrency)
    rates: list[_Rate] = []
    failure_tolerance: int | str | None = None
    freeze: list[_Freeze] = []
    hooks: _Hooks = msgspec.field(default_factory=_Hooks)
    reader_roles: list[str | _Role] = []


class _CustodianAccount(msgspec.Struct):
    """An account of c7n-org; further keys mean nothing here."""

    account_id: str
    name: str = ""
    role: str | list[str] | None = None
    profile: str | None = None
    external_id: str | None = None
    regions: list[str] = []
    tags: list[str] = []


class _CustodianDocument(msgspec.Struct):
    accounts: list[_CustodianAccount]


def decode_fleet(document: object) -> FleetFile:
    """The fleet in a loaded YAML document. Raises ``Failed`` ``fleet-malformed``, naming the field."""
    if not isinstance(document, Mapping):
        raise malformed("It holds no mapping at its top.")
    plain = _plain(document)
    try:
        if "format" not in plain and isinstance(plain.get("accounts"), list):
            return _from_custodian(msgspec.convert(plain, _CustodianDocument))
        found = msgspec.convert(plain, FleetDocument)
    except msgspec.ValidationError as error:
        raise malformed(str(error)) from error
    if found.format != FORMAT:
        raise malformed(f"Its format is {found.format[:60]!r}, not {FORMAT!r}.")
    return _fleet(found)


def malformed(why: str) -> Failed:
    """The error for a fleet file that cannot be used."""
    remedy = "examples/schemas/fleet.schema.json describes fleet.yaml; examples/fleet.yaml is one."
    return Failed("fleet-malformed", "The fleet file is malformed.", why=why, remedy=remedy)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """YAML's values as JSON's. An account number without quotes is a number to YAML: its digits are put back."""
    if isinstance(value, Mapping):
        return {str(key): _field(str(key), item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value if isinstance(value, bool | int | float) else str(value)


def _field(key: str, value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if key in ("account_id", "own_account") and isinstance(value, int):
        return f"{value:012}"
    if key in ("accounts", "not_accounts", "versions") and isinstance(value, list):
        return [_plain(item) if isinstance(item, Mapping) else _text(key, item) for item in value]
    if key in ("tags", "account_tags") and isinstance(value, Mapping):
        return {str(name): _text(key, item) for name, item in value.items()}
    return _plain(value)


def _text(key: str, value: Any) -> str:  # noqa: ANN401 - any YAML scalar
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:012}" if key.endswith("accounts") and isinstance(value, int) else str(value)


def _fleet(found: FleetDocument) -> FleetFile:
    if not _NAME.fullmatch(found.name):
        raise malformed("name must be letters, digits, '_', '.' and '-': it is the name of a folder.")
    if not (found.accounts or found.organization or found.clusters):
        raise malformed("It names no accounts, no organization and no clusters.")
    file = FleetFile(
        name=found.name,
        accounts=_unique([_account(item, found.defaults) for item in found.accounts]),
        organization=_organization(found.organization, found.defaults) if found.organization else None,
        clusters=tuple(_cluster_arn(text) for text in found.clusters),
        select=_selector(found.select),
        placements=tuple(
            PlacementRule(_resource(item.resource, "placements"), _selector(item.select)) for item in found.placements
        ),
        order_by=tuple(OrderBy(item.tag, tuple(item.values), item.account) for item in found.order_by),
        waves=_waves(found.waves),
        concurrency=_concurrency(found.concurrency),
        rates=tuple(_rate(item) for item in found.rates),
        failure_tolerance=_amount(found.failure_tolerance, "failure_tolerance"),
        freeze=tuple(_freeze(item, index) for index, item in enumerate(found.freeze)),
        hooks=Hooks(_commands(found.hooks.before_wave), _commands(found.hooks.after_wave)),
        reader_roles={_role_account(link.arn): link for link in _links(found.reader_roles, None)},
    )
    known = {account.id for account in file.accounts}
    missing = {arn.split(":")[4] for arn in file.clusters} - known
    if missing and file.organization is None:
        further = tuple(_default_account(account, found.defaults) for account in sorted(missing))
        file = replace(file, accounts=(*file.accounts, *further))
    return file


def _default_account(account_id: str, defaults: _Defaults) -> FleetAccount:
    return _account(_Account(account_id=account_id), defaults)


def _account(item: _Account, defaults: _Defaults) -> FleetAccount:
    if not _ACCOUNT.fullmatch(item.account_id):
        raise malformed(f"account_id {item.account_id[:24]!r} is not 12 digits.")
    if item.role and item.profile:
        raise malformed(f"Account {item.account_id} has a role and a profile; one way in is enough.")
    partition = item.partition if item.partition != "aws" else defaults.partition
    external_id = item.external_id if item.external_id is not None else defaults.external_id
    role = item.role if item.role or item.profile else defaults.role
    names = {"account_id": item.account_id, "name": item.name, "partition": partition}
    return FleetAccount(
        id=item.account_id,
        name=item.name,
        regions=tuple(item.regions or defaults.regions or (ALL_REGIONS,)),
        roles=tuple(
            RoleLink(role_arn(link.arn, names), link.external_id) for link in _links(_as_list(role), external_id)
        ),
        profile=item.profile,
        tags=_tags(item.tags),
        partition=partition,
        placement=_resource(item.placement, f"account {item.account_id}: placement") if item.placement else None,
    )


def _resource(text: str, where: str) -> str:
    """The name of a worker's resource, as it can be given to ``dask worker --resources``."""
    if not _RESOURCE.fullmatch(text):
        raise malformed(f"{where}: {text[:60]!r} is no name of a resource such as vpc:prod.")
    return text


def role_arn(template: str, names: Mapping[str, str]) -> str:
    """A role's ARN from a template: placeholders filled in; a bare name becomes a role of the account.

    Raises ``fleet-malformed`` for a placeholder that nobody knows, and for what then is no role.
    """
    filled = re.sub(r"\{(\w+)\}", lambda match: _known(names, match.group(1), template), template)
    if not filled.startswith("arn:"):
        filled = f"arn:{names['partition']}:iam::{names['account_id']}:role/{filled.removeprefix('/')}"
    arn = parse_arn(filled)
    if arn is None or arn.kind != "role" or not _ACCOUNT.fullmatch(arn.account):
        raise malformed(f"{filled[:120]!r} is not the ARN of a role.")
    return filled


def _known(names: Mapping[str, str], key: str, template: str) -> str:
    if key not in names:
        raise malformed(f"{template[:120]!r}: {{{key}}} is not known; {', '.join(sorted(names))} are.")
    return names[key]


def _as_list(role: "str | Sequence[str | _Role] | None") -> "Sequence[str | _Role]":
    return [role] if isinstance(role, str) else role or []


def _links(items: "Iterable[str | _Role]", external_id: str | None) -> tuple[RoleLink, ...]:
    return tuple(
        RoleLink(item, _external_id(external_id))
        if isinstance(item, str)
        else RoleLink(item.arn, _external_id(item.external_id or external_id))
        for item in items
    )


def _external_id(text: str | None) -> str | None:
    """As AssumeRole takes it (AWS STS API reference)."""
    if text is not None and not _EXTERNAL_ID.fullmatch(text):
        raise malformed(f"external_id {text[:40]!r} is not 2 to 1224 letters, digits and _+=,.@:/-.")
    return text


def _role_account(arn: str) -> str:
    parsed = parse_arn(arn)
    if parsed is None or parsed.kind != "role":
        raise malformed(f"reader_roles: {arn[:120]!r} is not the ARN of a role.")
    return parsed.account


def _tags(tags: list[str] | dict[str, str]) -> dict[str, str]:
    """``key:value`` texts, as c7n-org writes tags, or a mapping."""
    if isinstance(tags, dict):
        return dict(tags)
    return {key: value for key, _, value in (text.partition(":") for text in tags)}


def _unique(accounts: list[FleetAccount]) -> tuple[FleetAccount, ...]:
    seen: set[str] = set()
    for account in accounts:
        if account.id in seen:
            raise malformed(f"Account {account.id} is named twice.")
        seen.add(account.id)
    return tuple(accounts)


def _from_custodian(found: _CustodianDocument) -> FleetFile:
    accounts = []
    if not found.accounts:
        raise malformed("It names no accounts.")
    for item in found.accounts:
        if not item.role and not item.profile:
            raise malformed(f"Account {item.account_id[:24]} has neither role nor profile.")
        tags: list[str] | dict[str, str] = item.tags
        role: str | list[str | _Role] | None = [*item.role] if isinstance(item.role, list) else item.role
        profile = None if role else item.profile  # c7n-org takes the role where both are given
        regions = [part.strip() for text in item.regions for part in text.split(",") if part.strip()]
        if ALL_REGIONS in regions:
            regions = [ALL_REGIONS]
        as_ours = _Account(item.account_id, item.name, role, profile, item.external_id, regions, tags)
        accounts.append(_account(as_ours, _Defaults(partition=_partition_of(role))))
    return FleetFile(name="fleet", accounts=_unique(accounts))


def _partition_of(role: "str | list[str | _Role] | None") -> str:
    last = _as_list(role)[-1] if role else ""
    arn = parse_arn(last) if isinstance(last, str) else None
    return arn.partition if arn else "aws"


def _organization(item: _Organization, defaults: _Defaults) -> OrganizationSource:
    return OrganizationSource(
        role=item.role,
        external_id=_external_id(item.external_id if item.external_id is not None else defaults.external_id),
        through=_links(item.through, None),
        reader=_links(item.reader, None),
        units=tuple(item.units),
        not_units=tuple(item.not_units),
        not_accounts=tuple(item.not_accounts),
        tags=dict(item.tags),
        regions=tuple(item.regions or defaults.regions or (ALL_REGIONS,)),
        partition=item.partition if item.partition != "aws" else defaults.partition,
        own_account=item.own_account,
    )


def _cluster_arn(text: str) -> str:
    arn = parse_arn(text)
    if arn is None or arn.service != "eks" or not arn.resource.startswith("cluster/"):
        raise malformed(f"clusters: {text[:120]!r} is not the ARN of an EKS cluster.")
    return text


def _selector(item: _Selector) -> Selector:
    return Selector(
        clusters=tuple(item.clusters),
        not_clusters=tuple(item.not_clusters),
        accounts=tuple(item.accounts),
        regions=tuple(item.regions),
        units=tuple(item.units),
        versions=tuple(item.versions),
        modes=tuple(item.modes),
        tags=dict(item.tags),
        account_tags=dict(item.account_tags),
    )


def selector_from(document: object) -> Selector:
    """A selector of another file (decisions with ``where``). Raises ``fleet-malformed``."""
    try:
        return _selector(msgspec.convert(_plain(document), _Selector))
    except msgspec.ValidationError as error:
        raise malformed(str(error)) from error


def _waves(items: list[_Wave]) -> tuple[WaveRule, ...]:
    names = [item.name for item in items]
    if len(set(names)) != len(names):
        raise malformed("Two waves have one name.")
    return tuple(
        WaveRule(
            name=item.name,
            select=_selector(item.select),
            size=_amount(item.size, f"waves.{item.name}.size"),
            failure_tolerance=_amount(item.failure_tolerance, f"waves.{item.name}.failure_tolerance"),
            concurrency=_positive(item.concurrency, f"waves.{item.name}.concurrency"),
            strict=item.strict,
            pause=_duration(item.pause, f"waves.{item.name}.pause"),
            approve=item.approve,
        )
        for item in items
    )


def _positive(value: int | None, where: str) -> int | None:
    if value is not None and value < 1:
        raise malformed(f"{where} must be 1 or more.")
    return value


def _amount(value: int | str | None, where: str) -> Amount | None:
    if value is None:
        return None
    if isinstance(value, int):
        if value < 0:
            raise malformed(f"{where} must not be negative.")
        return Amount(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip())
    if match is None or float(match.group(1)) > 100:
        raise malformed(f"{where} must be a number or a share such as 10%.")
    return Amount(percent=float(match.group(1)))


def _duration(value: str | int, where: str) -> timedelta:
    """``90`` (seconds), ``30m``, ``2h``, ``1d``."""
    if isinstance(value, int):
        return timedelta(seconds=value)
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise malformed(f"{where} must be a duration such as 30m, 2h or 1d.")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def _concurrency(item: _Concurrency) -> Concurrency:
    if item.overall < 1 or item.per_account < 1:
        raise malformed("concurrency must be 1 or more.")
    return Concurrency(item.overall, item.per_account)


def _rate(item: _Rate) -> RateRule:
    if item.per_second <= 0 or not re.fullmatch(r"[a-z0-9-]+:[A-Za-z*?]+|\*", item.api):
        raise malformed(f"rates: {item.api[:60]!r} wants an API such as eks:* and more than 0 calls per second.")
    burst = item.burst if item.burst is not None else max(1, round(item.per_second))
    if burst < 1:
        raise malformed("rates: burst must be 1 or more.")
    return RateRule(item.api, item.per_second, burst)


def _commands(items: list[list[str]]) -> tuple[tuple[str, ...], ...]:
    if not all(items):
        raise malformed("hooks: a command is a list of at least one argument.")
    return tuple(tuple(item) for item in items)


def _freeze(item: _Freeze, index: int) -> FreezeWindow:
    where = f"freeze[{index}]"
    try:
        zone = timezone.utc if item.timezone == "UTC" else ZoneInfo(item.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise malformed(f"{where}: there is no time zone {item.timezone[:60]!r}.") from error
    if item.weekly is not None and item.begin is None and item.until is None:
        return FreezeWindow(
            item.reason,
            weekly_from=_moment_of_week(item.weekly.begin, where),
            weekly_until=_moment_of_week(item.weekly.until, where),
            zone=zone,
        )
    if item.weekly is not None or item.begin is None or item.until is None:
        raise malformed(f"{where} wants from and until, or weekly.")
    begins, ends = (_moment(text, where) for text in (item.begin, item.until))
    begins, ends = (moment if moment.tzinfo else moment.replace(tzinfo=zone) for moment in (begins, ends))
    if ends <= begins:
        raise malformed(f"{where} ends before it begins.")
    return FreezeWindow(item.reason, begins, ends)


def _moment(text: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise malformed(f"{where}: {text[:40]!r} is no time such as 2026-12-20T18:00.") from error


def _moment_of_week(text: str, where: str) -> tuple[int, int]:
    match = _MOMENT_OF_WEEK.fullmatch(text.strip())
    if match is None or match.group(1).lower() not in _DAYS:
        raise malformed(f"{where}: {text[:40]!r} is no time of the week such as 'Fri 16:00'.")
    hour, minute = int(match.group(2)), int(match.group(3))
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise malformed(f"{where}: {text[:40]!r} is no time of the day.")
    return _DAYS.index(match.group(1).lower()), hour * 60 + minute
