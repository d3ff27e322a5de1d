"""Discovery: which accounts should answer, which did, and every cluster in them.

An account or Region that does not answer is in the inventory with the reason. Accounts of an
organization that are closed or suspended, or that the file leaves out, are listed as left out, with
the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import get_args

from migrator.errors import Failed, MigratorError
from migrator.fleet.decide.select import has_tags, in_unit, selects
from migrator.fleet.model.files.accounts import role_arn
from migrator.fleet.model.files.document import ALL_REGIONS
from migrator.fleet.model.files.records import decode_inventory
from migrator.fleet.model.fleet import (
    Answer,
    AnswerStatus,
    FleetAccount,
    FleetCluster,
    FleetFile,
    Inventory,
    LeftOutAccount,
    OrganizationSource,
    RoleLink,
)
from migrator.fleet.model.short_texts import utc_seconds
from migrator.fleet.ports import DiscoverPorts
from migrator.model.access_entry import AuthenticationMode
from migrator.model.principal import Arn, parse_arn
from migrator.ports import Raw

_STATUS: Mapping[str, AnswerStatus] = {
    "iam-denied": "denied",
    "credentials-invalid": "denied",
    "credentials-expired": "denied",
    "no-credentials": "denied",
    "wrong-account": "denied",
    "profile-not-found": "denied",
    "aws-unreachable": "unreachable",
    "aws-no-answer": "unreachable",
    "aws-server-error": "unreachable",
    "throttled": "unreachable",
    "region-disabled": "region-disabled",
}


@dataclass(frozen=True, slots=True)
class Found:
    """The inventory, and DescribeCluster of each selected cluster by ARN: fresh enough to plan from
    in one command.
    """

    inventory: Inventory
    described: Mapping[str, Raw]


@dataclass(frozen=True, slots=True)
class _Asked:
    answer: Answer
    clusters: tuple[Raw, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()


def discover(file: FleetFile, ports: DiscoverPorts, only: Sequence[str] = ()) -> Found:
    """The inventory of the fleet. ``only``: ARNs of clusters; nothing else is asked then.

    Accounts and Regions are asked concurrently. Raises ``no-organization`` and ``iam-denied`` where
    the organization itself cannot be read: without it the number of accounts to expect is unknown.
    """
    ports.events.doing("reading the accounts of the fleet")
    accounts, left_out = _accounts(file, ports)
    ports.events.doing(f"asking {len(accounts)} accounts for their clusters")
    wanted = tuple(only) or file.clusters
    asked = _ask_named(accounts, wanted, ports) if wanted else _ask_all(accounts, ports)
    by_id = {account.id: account for account in accounts}
    clusters: list[FleetCluster] = []
    described: dict[str, Raw] = {}
    missing: list[tuple[str, str]] = []
    not_selected = 0
    for each in asked:
        missing += each.missing
        for raw in each.clusters:
            cluster = _placed(cluster_of(raw, by_id[each.answer.account]), file)
            if not selects(file.select, cluster):
                not_selected += 1
                continue
            clusters.append(cluster)
            described[cluster.arn] = raw
    inventory = Inventory(
        taken_at=utc_seconds(ports.clock.now()),
        fleet=file.name,
        accounts=_in_use(accounts, asked),
        answers=tuple(each.answer for each in asked),
        clusters=tuple(clusters),
        left_out=left_out,
        not_selected=not_selected,
        missing=tuple(missing),
    )
    return Found(inventory, described)


def kept_inventory(found: Inventory, before: bytes | None, file: FleetFile) -> Inventory:
    """The inventory to keep for status and report: what was found, and of the one before (None: the
    first) the clusters whose account or Region did not answer now. They are not read, not gone.
    """
    if before is None:
        return found
    try:
        known = decode_inventory(before)
    except Failed:
        # A new discovery is the remedy for an inventory that cannot be read.
        return found
    silent = {(answer.account, answer.region) for answer in found.silent}
    read = {cluster.arn for cluster in found.clusters}
    unread: list[FleetCluster] = []
    for each in known.clusters:
        if each.arn in read or not _is_of(file, each):
            continue
        if silent.isdisjoint({(each.account, each.region), (each.account, "*")}):
            continue
        unread.append(replace(each, not_read_since=each.not_read_since or known.taken_at))
    return replace(found, clusters=(*found.clusters, *unread))


def _is_of(file: FleetFile, cluster: FleetCluster) -> bool:
    """Whether the file means a cluster that was read before."""
    if file.clusters and cluster.arn not in file.clusters:
        return False
    return selects(file.select, cluster)


def _placed(cluster: FleetCluster, file: FleetFile) -> FleetCluster:
    """The cluster with the placement that the file's first fitting rule gives it, else its
    account's.
    """
    for rule in file.placements:
        if selects(rule.select, cluster):
            return replace(cluster, placement=rule.resource)
    return cluster


def _in_use(accounts: Sequence[FleetAccount], asked: Iterable[_Asked]) -> tuple[FleetAccount, ...]:
    """Accounts that were asked: with named clusters, others are not expected to answer."""
    used = {each.answer.account for each in asked}
    return tuple(account for account in accounts if account.id in used)


def _accounts(
    file: FleetFile, ports: DiscoverPorts
) -> tuple[tuple[FleetAccount, ...], tuple[LeftOutAccount, ...]]:
    """The file's accounts and the organization's; where both have one, the file's way into it
    holds.
    """
    if file.organization is None:
        return file.accounts, ()
    named = {account.id: account for account in file.accounts}
    found: list[FleetAccount] = []
    left_out: list[LeftOutAccount] = []
    for raw in ports.accounts.organization():
        reason = _left_out(raw, file.organization)
        account = named.pop(str(raw["id"]), None)
        if reason:
            left_out.append(LeftOutAccount(str(raw["id"]), str(raw.get("name", "")), reason))
        else:
            found.append(_of_organization(raw, file.organization, account))
    return (*found, *named.values()), tuple(left_out)


def _left_out(raw: Raw, source: OrganizationSource) -> str:
    """Why an account of the organization is not asked; empty where it is."""
    status = str(raw.get("status", ""))
    # A suspended or closing account refuses calls (AWS Organizations, account status).
    if status not in ("ACTIVE", ""):
        return f"its status is {status}"
    if _named(raw, source.not_accounts):
        return "not_accounts leaves it out"
    return _left_out_by_unit(raw, source) or _left_out_by_tags(raw, source)


def _named(raw: Raw, patterns: Iterable[str]) -> bool:
    """Whether a pattern fits the account's id or its name."""
    account, name = str(raw["id"]), str(raw.get("name", ""))
    return any(fnmatchcase(account, each) or fnmatchcase(name, each) for each in patterns)


def _left_out_by_unit(raw: Raw, source: OrganizationSource) -> str:
    """Why the account's unit leaves it out; empty where it does not. ``not_units`` is the stronger
    one.
    """
    unit = str(raw.get("organizationalUnit", "/"))
    if any(in_unit(unit, pattern) for pattern in source.not_units):
        return f"not_units leaves {unit} out"
    if not source.units:
        return ""
    if not any(in_unit(unit, pattern) for pattern in source.units):
        return f"units does not name {unit}"
    return ""


def _left_out_by_tags(raw: Raw, source: OrganizationSource) -> str:
    """Why the account's tags leave it out; empty where they do not. An account with unreadable tags
    is asked: a cluster that is overlooked is the worse error.
    """
    if not source.tags:
        return ""
    if not isinstance(raw.get("tags"), Mapping):
        return ""
    if has_tags(raw["tags"], source.tags):
        return ""
    return "tags leaves it out"


def _of_organization(
    raw: Raw, source: OrganizationSource, named: FleetAccount | None
) -> FleetAccount:
    """An account of the organization with the way into it.

    ``named`` is the same account in the file, None where the file does not name it: the file's way
    in holds, and its tags are added. The caller's own account needs no role.
    """
    account, name = str(raw["id"]), str(raw.get("name", ""))
    about = {
        "name": name,
        "tags": dict(raw.get("tags") or {}),
        "unit": str(raw.get("organizationalUnit", "/")),
    }
    if named is not None:
        return replace(named, **{**about, "tags": {**about["tags"], **named.tags}})  # type: ignore[dict-item, arg-type]
    roles: tuple[RoleLink, ...] = ()
    if account != source.own_account:
        names = {"account_id": account, "name": name, "partition": source.partition}
        roles = (*source.through, RoleLink(role_arn(source.role, names), source.external_id))
    return FleetAccount(
        account,
        regions=source.regions,
        roles=roles,
        partition=source.partition,
        **about,  # type: ignore[arg-type]
    )


def _ask_all(accounts: Sequence[FleetAccount], ports: DiscoverPorts) -> list[_Asked]:
    """The answers of all Regions of all accounts; one that cannot tell its Regions is one answer
    for all.
    """
    resolved = ports.tasks.map(lambda account: _regions(account, ports), accounts)
    places = [
        (account, region)
        for account, found in zip(accounts, resolved, strict=True)
        if not isinstance(found, _Asked)
        for region in found
    ]
    asked = ports.tasks.map(lambda place: _ask(*place, ports), places)
    return [found for found in resolved if isinstance(found, _Asked)] + asked


def _regions(account: FleetAccount, ports: DiscoverPorts) -> Sequence[str] | _Asked:
    """The Regions that are on in an account, or why it did not say. A file that names Regions is
    believed.
    """
    if ALL_REGIONS not in account.regions:
        return account.regions
    try:
        return ports.accounts.regions(account)
    except MigratorError as error:
        return _Asked(_silent(account.id, "*", error))


def _ask(account: FleetAccount, region: str, ports: DiscoverPorts) -> _Asked:
    """The clusters of one account in one Region. An error is an answer, too, and is shown while it
    happens.
    """
    try:
        clusters = ports.accounts.clusters(account, region)
    except MigratorError as error:
        ports.events.say(
            "warn", f"account {account.id} in {region}: {error.message}", event="account-silent"
        )
        return _Asked(_silent(account.id, region, error))
    status: AnswerStatus = "answered" if clusters else "empty"
    return _Asked(Answer(account.id, region, status, len(clusters)), tuple(clusters))


def _silent(account: str, region: str, error: MigratorError) -> Answer:
    """The answer of an account or Region that gave an error; ``region`` is ``*`` where it is all of
    them.
    """
    status = _STATUS.get(error.code, "failed")
    reason = f"{error.message} {error.why}".strip()
    return Answer(
        account,
        region,
        status,
        0,
        error.code,
        reason,
        error.remedy,
    )


def _ask_named(
    accounts: Sequence[FleetAccount], arns: Sequence[str], ports: DiscoverPorts
) -> list[_Asked]:
    """Only the clusters that are named; one that is not there is missing, which is not the same as
    not selected.
    """
    by_id = {account.id: account for account in accounts}
    places: dict[tuple[str, str], list[Arn]] = {}
    unknown: list[_Asked] = []
    for text in dict.fromkeys(arns):
        arn = parse_arn(text)
        account, region = "", ""
        if arn is not None:
            account, region = arn.account, arn.region
        if arn is None or account not in by_id:
            answer = Answer(account, region, "failed", 0, "account-not-in-fleet")
            why = f"account {account} is not in the fleet file"
            unknown.append(_Asked(answer, missing=((text, why),)))
            continue
        places.setdefault((account, region), []).append(arn)
    asked = ports.tasks.map(
        lambda place: _ask_for(by_id[place[0][0]], place[1], ports), list(places.items())
    )
    return [*unknown, *asked]


def _ask_for(account: FleetAccount, arns: Sequence[Arn], ports: DiscoverPorts) -> _Asked:
    """Named clusters of one account and Region, asked one by one.

    A cluster that does not exist is missing; any other error ends the questions, and those that
    were not found yet are missing for that reason.
    """
    region = arns[0].region
    found: list[Raw] = []
    missing: list[tuple[str, str]] = []
    for arn in arns:
        name = arn.resource.partition("/")[2]
        try:
            found.append(ports.accounts.cluster(account, region, name))
        except MigratorError as error:
            if error.code == "cluster-not-found":
                missing.append((str(arn), error.message))
                continue
            known = {str(raw["arn"]) for raw in found}
            missing += [(str(each), error.message) for each in arns if str(each) not in known]
            return _Asked(_silent(account.id, region, error), tuple(found), tuple(missing))
    status: AnswerStatus = "answered" if found else "empty"
    return _Asked(Answer(account.id, region, status, len(found)), tuple(found), tuple(missing))


def cluster_of(raw: Raw, account: FleetAccount) -> FleetCluster:
    """A cluster of the fleet from DescribeCluster and its account.

    ``mode`` is None for an authentication mode that this version does not know; a cluster that
    names none is from before access entries.
    """
    arn = str(raw["arn"])
    partition, region = arn.split(":")[1], arn.split(":")[3]
    mode = (raw.get("accessConfig") or {}).get("authenticationMode") or "CONFIG_MAP"
    tags = raw.get("tags") or {}
    return FleetCluster(
        arn=arn,
        name=str(raw["name"]),
        account=account.id,
        region=region,
        partition=partition,
        version=str(raw.get("version", "")),
        mode=next((known for known in get_args(AuthenticationMode) if known == mode), None),
        status=str(raw.get("status", "")),
        tags={str(key): str(value) for key, value in tags.items()},
        account_name=account.name,
        account_tags=dict(account.tags),
        unit=account.unit,
        placement=account.placement,
    )
