"""The accounts of a fleet file, and the ways into them: roles with templates, chains, profiles, an
organization.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from migrator.fleet.model.files.document import (
    ALL_REGIONS,
    AccountItem,
    CustodianDocument,
    DefaultsItem,
    OrganizationItem,
    RoleItem,
    malformed,
)
from migrator.fleet.model.fleet import FleetAccount, FleetFile, OrganizationSource, RoleLink
from migrator.model.principal import parse_arn

_ACCOUNT = re.compile(r"\d{12}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,62}")


def default_account(account_id: str, defaults: DefaultsItem) -> FleetAccount:
    """An account that only its clusters tell of."""
    return account_of(AccountItem(account_id=account_id), defaults)


def account_of(item: AccountItem, defaults: DefaultsItem) -> FleetAccount:
    """An account with what the defaults say of it. Raises ``fleet-malformed``, as everything here.

    What the account says itself comes first. Without role and profile it is the caller's own.
    """
    if not _ACCOUNT.fullmatch(item.account_id):
        raise malformed(f"account_id {item.account_id[:24]!r} is not 12 digits.")
    if item.role and item.profile:
        raise malformed(
            f"Account {item.account_id} has a role and a profile; one way in is enough."
        )
    partition = _partition(item, defaults)
    roles = _roles(item, defaults, partition)
    placement = None
    if item.placement:
        placement = resource_of(item.placement, f"account {item.account_id}: placement")
    return FleetAccount(
        id=item.account_id,
        name=item.name,
        regions=tuple(item.regions or defaults.regions or (ALL_REGIONS,)),
        roles=roles,
        profile=item.profile,
        tags=_tags(item.tags),
        partition=partition,
        placement=placement,
    )


def _partition(item: AccountItem | OrganizationItem, defaults: DefaultsItem) -> str:
    """The partition of an account or organization: ``aws`` is also what is read where none is
    given, so the defaults may replace it.
    """
    if item.partition == "aws":
        return defaults.partition
    return item.partition


def _roles(item: AccountItem, defaults: DefaultsItem, partition: str) -> tuple[RoleLink, ...]:
    """The chain of roles into an account; empty where a profile is the way."""
    role = item.role
    if not role and not item.profile:
        role = defaults.role
    external_id = item.external_id
    if external_id is None:
        external_id = defaults.external_id
    names = {"account_id": item.account_id, "name": item.name, "partition": partition}
    links = links_of(_as_list(role), external_id)
    return tuple(RoleLink(role_arn(link.arn, names), link.external_id) for link in links)


def role_arn(template: str, names: Mapping[str, str]) -> str:
    """A role's ARN from a template: placeholders filled in; a bare name becomes a role of the
    account.

    ``names`` has ``account_id``, ``name`` and ``partition``. Raises ``fleet-malformed`` for an
    unknown placeholder, and for what then is no role.
    """
    filled = re.sub(r"\{(\w+)\}", lambda match: _known(names, match.group(1), template), template)
    if not filled.startswith("arn:"):
        filled = (
            f"arn:{names['partition']}:iam::{names['account_id']}:role/{filled.removeprefix('/')}"
        )
    arn = parse_arn(filled)
    if arn is None or arn.kind != "role" or not _ACCOUNT.fullmatch(arn.account):
        raise malformed(f"{filled[:120]!r} is not the ARN of a role.")
    return filled


def _known(names: Mapping[str, str], key: str, template: str) -> str:
    """The value of a placeholder; the error shows the template and what it may hold."""
    if key not in names:
        raise malformed(
            f"{template[:120]!r}: {{{key}}} is not known; {', '.join(sorted(names))} are."
        )
    return names[key]


def _as_list(role: "str | Sequence[str | RoleItem] | None") -> "Sequence[str | RoleItem]":
    """A role, a chain of roles or neither, as a chain."""
    if isinstance(role, str):
        return [role]
    return role or []


def links_of(items: "Iterable[str | RoleItem]", external_id: str | None) -> tuple[RoleLink, ...]:
    """A chain of roles; links without an external id of their own take ``external_id``."""
    return tuple(_link(item, external_id) for item in items)


def _link(item: "str | RoleItem", external_id: str | None) -> RoleLink:
    """One link of a chain. ``external_id`` is what its file says for all links."""
    if isinstance(item, str):
        return RoleLink(item, _external_id(external_id))
    return RoleLink(item.arn, _external_id(item.external_id or external_id))


def _external_id(text: str | None) -> str | None:
    """As AssumeRole takes it (AWS STS API reference)."""
    if text is not None and not _EXTERNAL_ID.fullmatch(text):
        raise malformed(
            f"external_id {text[:40]!r} is not 2 to 1224 letters, digits and _+=,.@:/-."
        )
    return text


def role_account(arn: str) -> str:
    """The account of a reader role."""
    parsed = parse_arn(arn)
    if parsed is None or parsed.kind != "role":
        raise malformed(f"reader_roles: {arn[:120]!r} is not the ARN of a role.")
    return parsed.account


def _tags(tags: list[str] | dict[str, str]) -> dict[str, str]:
    """``key:value`` texts, as c7n-org writes tags, or a mapping. A text without a colon is a tag
    without a value.
    """
    if isinstance(tags, dict):
        return dict(tags)
    found = {}
    for text in tags:
        key, _, value = text.partition(":")
        found[key] = value
    return found


def unique(accounts: list[FleetAccount]) -> tuple[FleetAccount, ...]:
    """The same accounts, where none is named twice."""
    seen: set[str] = set()
    for account in accounts:
        if account.id in seen:
            raise malformed(f"Account {account.id} is named twice.")
        seen.add(account.id)
    return tuple(accounts)


def fleet_of_custodian(found: CustodianDocument) -> FleetFile:
    """A fleet of c7n-org's accounts, with every role of a chain taking the external id as there.

    The partition is that of the role into an account (c7n-org has none). Raises ``fleet-malformed``
    for an account that nothing leads into.
    """
    if not found.accounts:
        raise malformed("It names no accounts.")
    accounts: list[FleetAccount] = []
    for item in found.accounts:
        if not item.role and not item.profile:
            raise malformed(f"Account {item.account_id[:24]} has neither role nor profile.")
        tags: list[str] | dict[str, str] = item.tags
        role: str | list[str | RoleItem] | None = (
            [*item.role] if isinstance(item.role, list) else item.role
        )
        # c7n-org takes the role where both are given.
        profile = None if role else item.profile
        as_ours = AccountItem(
            item.account_id,
            item.name,
            role,
            profile,
            item.external_id,
            _regions(item.regions),
            tags,
        )
        accounts.append(account_of(as_ours, DefaultsItem(partition=_partition_of(role))))
    return FleetFile(name="fleet", accounts=unique(accounts))


def _regions(texts: Iterable[str]) -> list[str]:
    """The Regions in texts that may each name several, with commas between them."""
    regions: list[str] = []
    for text in texts:
        parts = [part.strip() for part in text.split(",")]
        regions += [part for part in parts if part]
    if ALL_REGIONS in regions:
        return [ALL_REGIONS]
    return regions


def _partition_of(role: "str | list[str | RoleItem] | None") -> str:
    """The partition of the last role of a chain, which is the one in the account; ``aws`` where it
    is a bare name.
    """
    chain = _as_list(role)
    if not chain:
        return "aws"
    last = chain[-1]
    if not isinstance(last, str):
        return "aws"
    arn = parse_arn(last)
    if arn is None:
        return "aws"
    return arn.partition


def organization_of(item: OrganizationItem, defaults: DefaultsItem) -> OrganizationSource:
    """The organization that accounts are discovered in."""
    external_id = item.external_id
    if external_id is None:
        external_id = defaults.external_id
    return OrganizationSource(
        role=item.role,
        external_id=_external_id(external_id),
        through=links_of(item.through, None),
        reader=links_of(item.reader, None),
        units=tuple(item.units),
        not_units=tuple(item.not_units),
        not_accounts=tuple(item.not_accounts),
        tags=dict(item.tags),
        regions=tuple(item.regions or defaults.regions or (ALL_REGIONS,)),
        partition=_partition(item, defaults),
        own_account=item.own_account,
    )


def resource_of(text: str, where: str) -> str:
    """The name of a worker's resource, as it can be given to ``dask worker --resources``."""
    if not _RESOURCE.fullmatch(text):
        raise malformed(f"{where}: {text[:60]!r} is no name of a resource such as vpc:prod.")
    return text
