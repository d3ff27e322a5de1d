"""fleet.yaml, and the accounts file of Cloud Custodian's c7n-org, to
:class:`~migrator.fleet.model.fleet.FleetFile`.

A document with ``format: migrator/fleet/v1`` is a fleet.yaml, whose keys are all checked. One with
``accounts`` and no format is c7n-org's own (its schema is in ``tools/c7n_org/c7n_org/cli.py`` of
Cloud Custodian): read as it is, keys that mean nothing here left alone, ``external_id`` given with
every role of a chain as c7n-org does.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from migrator.fleet.model.files.accounts import (
    account_of,
    default_account,
    fleet_of_custodian,
    links_of,
    organization_of,
    resource_of,
    role_account,
    unique,
)
from migrator.fleet.model.files.document import (
    FORMAT,
    ConcurrencyItem,
    CustodianDocument,
    DefaultsItem,
    FleetDocument,
    OrderByItem,
    PlacementItem,
    RateItem,
    SelectorItem,
    WaveItem,
    malformed,
)
from migrator.fleet.model.files.times import amount_of, duration_of, freeze_of, positive
from migrator.fleet.model.fleet import (
    Concurrency,
    FleetFile,
    Hooks,
    OrderBy,
    PlacementRule,
    RateRule,
    Selector,
    WaveRule,
)
from migrator.model.principal import parse_arn

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_API = re.compile(r"[a-z0-9-]+:[A-Za-z*?]+|\*")
# Fields in which YAML reads a text without quotes as a number or a truth value.
_ACCOUNT_NUMBERS = frozenset({"account_id", "own_account"})
_LISTS_OF_TEXTS = frozenset({"accounts", "not_accounts", "versions"})
_TAGS = frozenset({"tags", "account_tags"})


def decode_fleet(document: object) -> FleetFile:
    """The fleet in a loaded YAML document. Raises ``Failed`` ``fleet-malformed``, naming the field.

    Without ``format``, a list of ``accounts`` at the top makes it a file of c7n-org.
    """
    if not isinstance(document, Mapping):
        raise malformed("It holds no mapping at its top.")
    plain = _plain(document)
    try:
        if "format" not in plain and isinstance(plain.get("accounts"), list):
            return fleet_of_custodian(msgspec.convert(plain, CustodianDocument))
        found = msgspec.convert(plain, FleetDocument)
    except msgspec.ValidationError as error:
        raise malformed(str(error)) from error
    if found.format != FORMAT:
        raise malformed(f"Its format is {found.format[:60]!r}, not {FORMAT!r}.")
    return _fleet(found)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """YAML's values as JSON's. An account number without quotes is a number to YAML: its digits are
    put back.
    """
    if isinstance(value, Mapping):
        return _fields(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | float):
        return value
    return str(value)


def _fields(value: Mapping[Any, Any]) -> dict[str, Any]:
    """A key without a value is as if it were not there."""
    fields: dict[str, Any] = {}
    for key, item in value.items():
        if item is not None:
            fields[str(key)] = _field(str(key), item)
    return fields


def _field(key: str, value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """The value of a key as JSON has it, with texts put back where YAML read something else."""
    if key in _ACCOUNT_NUMBERS and isinstance(value, int):
        return f"{value:012}"
    if key in _LISTS_OF_TEXTS and isinstance(value, list):
        return [_item(key, item) for item in value]
    if key in _TAGS and isinstance(value, Mapping):
        return {str(name): _text(key, item) for name, item in value.items()}
    return _plain(value)


def _item(key: str, value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """An item of a list of texts. The accounts of a fleet.yaml are mappings, those of a selector
    numbers.
    """
    if isinstance(value, Mapping):
        return _plain(value)
    return _text(key, value)


def _text(key: str, value: Any) -> str:  # noqa: ANN401 - any YAML scalar
    """A scalar as the text that was written: a truth value is lower case, and an account number has
    its leading zeros again.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and key.endswith("accounts"):
        return f"{value:012}"
    return str(value)


def _fleet(found: FleetDocument) -> FleetFile:
    """The fleet of a checked document: what no type can say is checked here. Raises
    ``fleet-malformed``.
    """
    if not _NAME.fullmatch(found.name):
        raise malformed(
            "name must be letters, digits, '_', '.' and '-': it is the name of a folder."
        )
    if not any((found.accounts, found.organization, found.clusters)):
        raise malformed("It names no accounts, no organization and no clusters.")
    organization = None
    if found.organization:
        organization = organization_of(found.organization, found.defaults)
    file = FleetFile(
        name=found.name,
        accounts=unique([account_of(item, found.defaults) for item in found.accounts]),
        organization=organization,
        clusters=tuple(map(_cluster_arn, found.clusters)),
        select=_selector(found.select),
        placements=tuple(map(_placement, found.placements)),
        order_by=tuple(map(_order_by, found.order_by)),
        waves=_waves(found.waves),
        concurrency=_concurrency(found.concurrency),
        rates=tuple(map(_rate, found.rates)),
        failure_tolerance=amount_of(found.failure_tolerance, "failure_tolerance"),
        freeze=tuple(freeze_of(item, index) for index, item in enumerate(found.freeze)),
        hooks=Hooks(_commands(found.hooks.before_wave), _commands(found.hooks.after_wave)),
        reader_roles={role_account(link.arn): link for link in links_of(found.reader_roles, None)},
    )
    return _with_accounts_of_clusters(file, found.defaults)


def _with_accounts_of_clusters(file: FleetFile, defaults: DefaultsItem) -> FleetFile:
    """The fleet with the accounts that only its clusters name."""
    # An organization has its own list of accounts.
    if file.organization is not None:
        return file
    known = {account.id for account in file.accounts}
    missing = {arn.split(":")[4] for arn in file.clusters} - known
    further = tuple(default_account(account, defaults) for account in sorted(missing))
    return replace(file, accounts=file.accounts + further)


def _placement(item: PlacementItem) -> PlacementRule:
    return PlacementRule(resource_of(item.resource, "placements"), _selector(item.select))


def _order_by(item: OrderByItem) -> OrderBy:
    return OrderBy(item.tag, tuple(item.values), item.account)


def _cluster_arn(text: str) -> str:
    """The same text, if it is the ARN of an EKS cluster."""
    problem = malformed(f"clusters: {text[:120]!r} is not the ARN of an EKS cluster.")
    arn = parse_arn(text)
    if arn is None or arn.service != "eks":
        raise problem
    if not arn.resource.startswith("cluster/"):
        raise problem
    return text


def _selector(item: SelectorItem) -> Selector:
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
        return _selector(msgspec.convert(_plain(document), SelectorItem))
    except msgspec.ValidationError as error:
        raise malformed(str(error)) from error


def _waves(items: list[WaveItem]) -> tuple[WaveRule, ...]:
    """The rules of waves in their order. A name is in the records of runs, so each is used once."""
    names = [item.name for item in items]
    if len(set(names)) != len(names):
        raise malformed("Two waves have one name.")
    return tuple(
        WaveRule(
            name=item.name,
            select=_selector(item.select),
            size=amount_of(item.size, f"waves.{item.name}.size"),
            failure_tolerance=amount_of(
                item.failure_tolerance, f"waves.{item.name}.failure_tolerance"
            ),
            concurrency=positive(item.concurrency, f"waves.{item.name}.concurrency"),
            strict=item.strict,
            pause=duration_of(item.pause, f"waves.{item.name}.pause"),
            approve=item.approve,
        )
        for item in items
    )


def _concurrency(item: ConcurrencyItem) -> Concurrency:
    """How many clusters are worked on concurrently, at least one."""
    if item.overall < 1 or item.per_account < 1:
        raise malformed("concurrency must be 1 or more.")
    return Concurrency(item.overall, item.per_account)


def _rate(item: RateItem) -> RateRule:
    """How often an API is called: ``service:Operation`` with ``*`` and ``?``, or ``*``.

    Without a burst as many calls are allowed at first as in one second, at least one.
    """
    if item.per_second <= 0 or not _API.fullmatch(item.api):
        raise malformed(
            f"rates: {item.api[:60]!r} wants an API such as eks:* and more than 0 calls per second."
        )
    burst = item.burst
    if burst is None:
        burst = max(1, round(item.per_second))
    if burst < 1:
        raise malformed("rates: burst must be 1 or more.")
    return RateRule(item.api, item.per_second, burst)


def _commands(items: list[list[str]]) -> tuple[tuple[str, ...], ...]:
    """Commands of hooks as argument lists; an empty one is an error."""
    if not all(items):
        raise malformed("hooks: a command is a list of at least one argument.")
    return tuple(map(tuple, items))
