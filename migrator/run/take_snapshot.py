"""Reads everything that a plan depends on, in parallel, into one document of raw API shapes.

Without the cluster, aws-auth and the access entries there is nothing to plan from: a missing
permission there is an error that names it. Any other list that may not be read is left out, which
says "unknown" and never "empty", and ``unread`` says why. IAM is listed per account when many
principals are asked for, and asked one by one for few.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from migrator.decide.access.group_references import references_in
from migrator.decide.findings.platform import mode_of
from migrator.decide.planning.principals.creator_evidence import HIDDEN_NAME
from migrator.decide.reading.effective_identity import canonical_arn
from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.decide.reading.row_keys import principal_key, row_key
from migrator.errors import Failed, MigratorError
from migrator.model.evidence import SelfSubject
from migrator.model.files.snapshot import FORMAT
from migrator.model.moments import moment_of_text
from migrator.model.principal import Arn, parse_arn
from migrator.model.snapshot import GroupReference
from migrator.ports import (
    ClusterCreation,
    ClusterReader,
    ConfigMaps,
    Events,
    NodeNetworks,
    Principals,
    Raw,
    Rbac,
    TaskRunner,
)
from migrator.run.denied_caller import explained
from migrator.run.read_node_join import node_network_of

_EVENTS_KEPT = timedelta(days=90)  # CloudTrail user guide, "Working with CloudTrail event history"
# principals of one account: from here on listing the account costs fewer calls than asking one by
# one
LIST_FROM = 8
_LOOKS = 3  # at mode and entries, until both are of one moment
_NOT_ALLOWED = frozenset(
    {"iam-denied", "kubernetes-denied", "sdk-too-old", "region-disabled", "account-unreadable"}
)


@dataclass(frozen=True, slots=True)
class SnapshotPorts:
    """What taking a snapshot needs from outside. ``creation`` and ``who_am_i``, the operator's own
    login to the cluster, show the creator; None where they are not asked. ``ways_out``: None where
    the ways of nodes out of their VPC are not read.
    """

    cluster: ClusterReader
    config_maps: ConfigMaps
    rbac: Rbac
    principals: Principals
    tasks: TaskRunner
    events: Events
    creation: ClusterCreation | None = None
    who_am_i: Callable[[], SelfSubject | None] | None = None
    ways_out: NodeNetworks | None = None


@dataclass(frozen=True, slots=True)
class _Denied:
    """Why a list may not be read. Not the error itself: its traceback would keep every list of the
    cluster.
    """

    code: str
    message: str
    remedy: str


def take_snapshot(
    ports: SnapshotPorts,
    *,
    now: datetime,
    described: Raw | None = None,
    only: Collection[str] | None = None,
    also: Iterable[str] = (),
    entries: Callable[[], list[Raw] | None] | None = None,
) -> dict[str, Any]:
    """The snapshot document (``migrator/snapshot/v1``).

    ``described`` is DescribeCluster's answer where the caller has just read it. ``unread`` in the
    document is a list of ``{what, code, message, remedy}``. Raises :class:`MigratorError` when
    something essential cannot be read: ``cluster-not-found``, ``iam-denied``,
    ``api-server-unreachable``, ``kubernetes-denied``.

    ``only``: the lists that are read besides aws-auth, the access entries and IAM; None: all. With
    ``only``, nothing but the cluster is essential: aws-auth or entries that cannot be read, for
    whatever reason, are in ``unread``, and ``configMap`` or ``accessEntries`` is null.
    ``also``: principals that IAM is asked for besides those that the cluster names. ``entries``
    reads the access entries; None: the cluster's reader does.
    """
    ports.events.doing("reading aws-auth, access entries, RBAC and nodes")
    read_entries = entries or ports.cluster.list_access_entries
    found = _read_cluster(ports, described, only, read_entries)
    unread = _pop_unread(found)
    document: dict[str, Any] = {
        "format": FORMAT,
        "takenAt": now.astimezone(timezone.utc)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z"),
        "creator": None,
        "usage": None,
        **found,
    }
    ports.events.doing("reading the roles and the network of the nodes")
    _add_node_roles(ports, document, unread)
    network = node_network_of(ports.ways_out, document["cluster"])
    if network is not None:
        document["nodeNetwork"] = network
    ports.events.doing("reading who created the cluster")
    document["creator"] = _creator(ports, document, now)
    ports.events.doing("reading the principals in IAM")
    document["iam"] = _read_iam(ports, document, unread, also)
    for item in unread:
        ports.events.say(
            "warn", f"{item['what']} is not known: {item['message']}", event="not-read"
        )
    if unread:
        document["unread"] = unread
    return document


def _read_cluster(
    ports: SnapshotPorts,
    described: Raw | None,
    only: Collection[str] | None,
    read_entries: Callable[[], list[Raw] | None],
) -> dict[str, Any]:
    """Everything that depends on nothing else, at the same time. Values are :class:`_Denied` where
    not allowed.

    aws-auth is read before all: an API server that does not answer is waited for once, and not for
    every list.
    """
    cluster, rbac = ports.cluster, ports.rbac
    at_least: Callable[[Callable[[], Any]], Callable[[], Any]] = _as_it_is
    if only is not None:
        at_least = _if_possible
    config_map = at_least(lambda: _aws_auth(ports))()
    essential: dict[str, Callable[[], Any]] = {
        "callerIdentity": cluster.caller_identity,
        "accessEntries": at_least(read_entries),
    }
    if described is None:
        essential["cluster"] = cluster.describe_cluster
    optional: dict[str, Callable[[], Any]] = {
        "callerChain": lambda: list(cluster.caller_chain()),
        "accessPolicies": cluster.list_access_policies,
        "nodegroups": cluster.list_nodegroups,
        "fargateProfiles": cluster.list_fargate_profiles,
        "capabilities": cluster.list_capabilities,
        "identityProviderConfigs": cluster.list_identity_provider_configs,
        "nodes": rbac.list_nodes,
        "rbac": rbac.read_rbac,
        "namespaces": rbac.list_namespaces,
        "groupReferences": lambda: [
            _reference(one) for one in references_in(rbac.list_group_reference_objects())
        ],
    }
    reads = dict(essential)
    for name, read in optional.items():
        if only is None or name in only:
            reads[name] = _if_allowed(read)
    answers = ports.tasks.map(lambda named: named[1](), list(reads.items()))
    found: dict[str, Any] = {"configMap": config_map}
    found.update(zip(reads, answers, strict=True))
    if described is not None:
        found["cluster"] = described
    if only is None:
        _agree_on_mode(ports, found, read_entries)
        return found
    try:
        _agree_on_mode(ports, found, at_least(read_entries))
    except MigratorError as error:
        found["accessEntries"] = _Denied(error.code, error.message, error.remedy)
    return found


def _agree_on_mode(
    ports: SnapshotPorts,
    found: dict[str, Any],
    read_entries: Callable[[], Any],
) -> None:
    """Read the mode and the access entries again where the mode was switched between the two.

    In CONFIG_MAP mode EKS refuses to list entries, which is None here (EKS API, ListAccessEntries).
    A mode of before with entries of after would look like entries that somebody else made.
    """
    for _ in range(_LOOKS):
        entries = found["accessEntries"]
        if isinstance(entries, _Denied):
            return
        if (entries is None) == (mode_of(found["cluster"]) == "CONFIG_MAP"):
            return
        found["accessEntries"] = read_entries()
        found["cluster"] = ports.cluster.describe_cluster()
    raise Failed(
        "update-in-progress",
        f"The authentication mode of {found['cluster']['name']} is being changed.",
        why="EKS names one mode, and lists access entries as in another one.",
        remedy="Wait until it has ended and run the same command again.",
    )


def _aws_auth(ports: SnapshotPorts) -> Raw | None:
    """The ConfigMap. Raises why it cannot be read, with the cause where a run left it."""
    try:
        return ports.config_maps.read()
    except MigratorError as error:
        found = explained(error, ports.cluster)
        if found is error:
            raise
        raise found from error


def _if_allowed(read: Callable[[], Any]) -> Callable[[], Any]:
    """The read, with :class:`_Denied` as its answer where a permission is missing. Every other
    error is raised.
    """

    def attempt() -> Any:  # noqa: ANN401 - whatever the read gives
        try:
            return read()
        except MigratorError as error:
            if error.code in _NOT_ALLOWED:
                return _Denied(error.code, error.message, error.remedy)
            raise

    return attempt


def _as_it_is(read: Callable[[], Any]) -> Callable[[], Any]:
    """The read, whose errors are raised."""
    return read


def _if_possible(read: Callable[[], Any]) -> Callable[[], Any]:
    """The read, with :class:`_Denied` as its answer for every error: what was not read is unknown,
    whatever kept it from being read.
    """

    def attempt() -> Any:  # noqa: ANN401 - whatever the read gives
        try:
            return read()
        except MigratorError as error:
            return _Denied(error.code, error.message, error.remedy)

    return attempt


def _reference(reference: GroupReference) -> dict[str, Any]:
    """A reference as the file spells it."""
    return {
        "apiVersion": reference.api_version,
        "kind": reference.kind,
        "name": reference.name,
        "namespace": reference.namespace,
        "path": reference.path,
        "text": reference.text,
    }


def _pop_unread(found: dict[str, Any]) -> list[dict[str, str]]:
    """Take what was not allowed out of ``found``, lists inside ``rbac`` too, and say why."""
    unread: list[dict[str, str]] = []
    for name, value in list(found.items()):
        if isinstance(value, _Denied):
            unread.append(_why(name, found.pop(name)))
    for name in ("configMap", "accessEntries"):
        found.setdefault(name, None)
    if "rbac" not in found:
        return unread
    # Some kinds of RBAC objects may be listed and others not.
    partly = found["rbac"].pop("unread", {})
    for name, reason in partly.items():
        unread.append({"what": f"rbac.{name}", "remedy": "", **reason})
    return unread


def _why(
    what: str,
    denied: _Denied | MigratorError,
) -> dict[str, str]:
    """An item of ``unread``."""
    return {"what": what, "code": denied.code, "message": denied.message, "remedy": denied.remedy}


def _add_node_roles(
    ports: SnapshotPorts,
    document: dict[str, Any],
    unread: list[dict[str, str]],
) -> None:
    """``roleArn`` for nodes on EC2: provider id (``aws:///zone/i-…``) -> instance -> instance
    profile -> role.
    """
    nodes = document.get("nodes") or []
    instances = {node["name"]: node["providerID"].rpartition("/")[2] for node in nodes}
    wanted = sorted({instance for instance in instances.values() if instance.startswith("i-")})
    if not wanted:
        return
    try:
        roles = ports.principals.roles_of_instances(wanted)
    except MigratorError as error:
        if error.code not in _NOT_ALLOWED:
            raise
        unread.append(_why("nodes.roleArn", error))
        return
    with_roles: list[dict[str, Any]] = []
    for node in nodes:
        role = roles.get(instances[node["name"]])
        # The node is not on EC2, or its role could not be resolved.
        if role is None:
            with_roles.append(dict(node))
        else:
            with_roles.append({**node, "roleArn": role})
    document["nodes"] = with_roles


def _creator(
    ports: SnapshotPorts,
    document: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any] | None:
    """``{arn, source}`` of the cluster's creator, by evidence; None where there is no evidence.

    A permission that is missing leaves the creator unknown, which the plan says.
    """
    access = document["cluster"].get("accessConfig") or {}
    mode = access.get("authenticationMode") or "CONFIG_MAP"
    # In API mode the creator has an access entry, or no access (EKS user guide).
    if mode == "API":
        return None
    found = _creator_by_event(ports, document["cluster"], now)
    if found is not None:
        return found
    # In API_AND_CONFIG_MAP mode the creator logs in by its entry, under its own name.
    if mode != "CONFIG_MAP":
        return None
    return _creator_by_own_login(ports, document)


def _creator_by_event(
    ports: SnapshotPorts,
    cluster: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any] | None:
    """The principal that called CreateCluster, by CloudTrail."""
    creation = ports.creation
    if creation is None:
        return None
    created = _moment(cluster.get("createdAt"))
    if created is None:
        return None
    # CloudTrail keeps events for 90 days (its user guide, "Event history").
    if now - created > _EVENTS_KEPT:
        return None
    name, arn = str(cluster.get("name") or ""), str(cluster["arn"])
    found = _if_allowed(lambda: creation.creator_of(name, arn, created))()
    if isinstance(found, _Denied):
        ports.events.say(
            "info", f"the creator is not looked up in CloudTrail: {found.message}", event="not-read"
        )
        return None
    if found is None:
        return None
    return dict(found)


def _creator_by_own_login(
    ports: SnapshotPorts,
    document: Mapping[str, Any],
) -> dict[str, Any] | None:
    """The operator, where it logs in as ``kubernetes-admin`` and no row gives it that name."""
    subject = _own_login(ports)
    if subject is None:
        return None
    if subject.username != HIDDEN_NAME:
        return None
    arn = _arn_in(subject.extra) or _caller_arn(document)
    if parse_arn(arn) is None:
        return None
    # A row can give the name too: then the login says nothing about who made the cluster.
    if principal_key(arn) in {row_key(row_arn) for row_arn in _arns_of_rows(document)}:
        return None
    return {"arn": arn, "source": f"the operator's own login as {HIDDEN_NAME} without a row"}


def _own_login(ports: SnapshotPorts) -> SelfSubject | None:
    """Whom the API server sees in the operator; None where it is not asked, or not possible."""
    if ports.who_am_i is None:
        return None
    try:
        return ports.who_am_i()
    except MigratorError:
        # The other reads say why a login is not possible.
        return None


def _caller_arn(document: Mapping[str, Any]) -> str:
    """The ARN of the caller as STS gives it; empty where it was not asked."""
    caller = document.get("callerIdentity") or {}
    return str(caller.get("Arn") or "")


def _arns_of_rows(document: Mapping[str, Any]) -> list[str]:
    """The ARNs of aws-auth's rows, as they are written there."""
    config_map = document["configMap"] or {}
    return [row.arn for row in read_aws_auth(config_map.get("data") or {}).rows]


def _arn_in(extra: Mapping[str, Sequence[str]]) -> str:
    """The ARN that the authenticator adds to a login; empty where it added none."""
    for key, values in extra.items():
        if key.lower() == "arn" and values:
            return values[0]
    return ""


def _moment(value: object) -> datetime | None:
    """A time with its zone; None for one that is not known or has none."""
    if isinstance(value, datetime):
        return value
    try:
        moment = moment_of_text(str(value))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return moment


def _read_iam(
    ports: SnapshotPorts,
    document: Mapping[str, Any],
    unread: list[dict[str, str]],
    also: Iterable[str],
) -> dict[str, Any]:
    """What IAM says of every principal of the document, account by account, and which accounts were
    listed completely. What was not allowed is added to ``unread``. ``also``: further principals.
    """
    accounts: dict[str, set[str]] = {}
    for text in (*_principals_of(document), *also):
        arn = _readable(text)
        if arn is None:
            continue
        # A role is asked for by its name: rows have its ARN without the path.
        if arn.kind == "role":
            arn = arn.pathless
        accounts.setdefault(arn.account, set()).add(str(arn))
    order = sorted(accounts)
    read = ports.tasks.map(
        lambda account: _read_account(ports, account, sorted(accounts[account])), order
    )
    principals: dict[str, Raw] = {}
    accounts_read = []
    for account, (items, roles, users, denied) in zip(order, read, strict=True):
        principals.update((item["arn"], item) for item in items)
        accounts_read.append({"account": account, "roles": roles, "users": users})
        if denied is not None:
            unread.append(_why(f"iam.principals of {account}", denied))
    return {
        "principals": [principals[arn] for arn in sorted(principals)],
        "accountsRead": accounts_read,
    }


def _principals_of(document: Mapping[str, Any]) -> Iterator[str]:
    """Every principal that a decision may be about: of rows, entries, node groups, Fargate
    profiles and live nodes, and the creator.
    """
    yield from _arns_of_rows(document)
    yield from _arns_of_mapped_accounts(document)
    for entry in document["accessEntries"] or ():
        yield entry["principalArn"]
    yield from _arns_in(document, "nodegroups", "nodeRole")
    yield from _arns_in(document, "fargateProfiles", "podExecutionRoleArn")
    yield from _arns_in(document, "nodes", "roleArn")
    creator = (document.get("creator") or {}).get("arn")
    if not creator:
        return
    # CloudTrail names the session; rows and entries name its role.
    if ":assumed-role/" in creator:
        yield canonical_arn(creator) or creator
    else:
        yield creator


def _arns_of_mapped_accounts(document: Mapping[str, Any]) -> Iterator[str]:
    """The ARNs that bindings name as users, of accounts whose principals log in through
    mapAccounts: the path of a role is not in its username.

    A name of another account, and one that is no ARN, is the name of another kind of user.
    """
    config_map = document["configMap"] or {}
    rows = read_aws_auth(config_map.get("data") or {}).accounts
    mapped = {row.account for row in rows}
    # Without mapAccounts no principal logs in under its ARN.
    if not mapped:
        return
    for name in _users_of_bindings(document):
        arn = parse_arn(name)
        if arn is not None and arn.account in mapped:
            yield name


def _users_of_bindings(document: Mapping[str, Any]) -> Iterator[str]:
    """The names of all subjects of kind User, as the API server shows them."""
    rbac = document.get("rbac") or {}
    for section in ("roleBindings", "clusterRoleBindings"):
        for binding in rbac.get(section) or ():
            for subject in binding.get("subjects") or ():
                if subject.get("kind") == "User":
                    yield str(subject.get("name", ""))


def _arns_in(
    document: Mapping[str, Any],
    section: str,
    field: str,
) -> Iterator[str]:
    """The ARNs in a field of a section's items, where the section was read."""
    for item in document.get(section) or ():
        if item.get(field):
            yield item[field]


def _readable(text: str) -> Arn | None:
    """The ARN of a role or user in an account; EKS manages service-linked roles itself."""
    arn = parse_arn(text) or parse_arn(text.lower())
    if arn is None:
        return None
    if arn.kind not in ("role", "user"):
        return None
    if len(arn.account) != 12 or not arn.account.isdigit():
        return None
    return arn


def _read_account(
    ports: SnapshotPorts,
    account: str,
    arns: list[str],
) -> tuple[list[Raw], bool, bool, _Denied | None]:
    """``(items, roles complete, users complete, what was not allowed)`` of one account.

    A principal that a single read does not find is looked for in a listing: only a listing shows
    absence for certain, because names are compared without case where principals are made, and with
    case where they are read.
    """
    single: list[_Denied] = []
    found: list[Raw] = []
    if len(arns) < LIST_FROM:
        answers = ports.tasks.map(
            lambda arn: _if_allowed(lambda: ports.principals.get(arn))(), arns
        )
        found = [item for arn, item in zip(arns, answers, strict=True) if _is_meant(arn, item)]
        single = [answer for answer in answers if isinstance(answer, _Denied)]
        if len(found) == len(arns):
            return found, False, False, None
    items, roles, users = ports.principals.list_account(account)
    if roles and users:
        return [*found, *items], roles, users, None
    denied = _joined((*single[:1], *ports.principals.why_not_listed(account)))
    return [*found, *items], roles, users, denied


def _joined(denials: Sequence[_Denied | MigratorError]) -> _Denied | None:
    """Every action that is missing, as one reason; None where none is known to be."""
    if not denials:
        return None
    messages = dict.fromkeys(denied.message for denied in denials)
    remedies = dict.fromkeys(denied.remedy for denied in denials)
    return _Denied(denials[0].code, " ".join(messages), " ".join(remedies))


def _is_meant(
    arn: str,
    item: Any,  # noqa: ANN401 - what a single read gave
) -> bool:
    """Whether IAM's answer is the principal that was asked for: a user's path is part of who it
    is.
    """
    if not isinstance(item, Mapping):
        return False
    given = parse_arn(item["arn"])
    if given is None:
        return False
    # A role's path is not known where it is asked for by its row's ARN.
    if given.kind != "user":
        return True
    return bool(item["arn"].lower() == arn.lower())
