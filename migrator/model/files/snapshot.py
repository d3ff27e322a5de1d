"""snapshot.json: a document of raw API shapes to :class:`~migrator.model.snapshot.Snapshot`.

A person can build one from ``aws … --output json`` and ``kubectl … -o json``, so it is read
tolerantly: unknown fields are ignored, lists may be missing (unknown, and the plan says what that
weakened), ``kubectl``'s ``List`` objects count as their items, and times may be ISO text or the
AWS CLI's numbers.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, TypeVar, cast, get_args

from migrator.errors import Failed
from migrator.model.access_entry import (
    AccessEntry,
    AccessScope,
    AssociatedPolicy,
    AuthenticationMode,
    EntryType,
)
from migrator.model.files.node_network import node_network
from migrator.model.moments import moment_of_text
from migrator.model.plan import ClusterRef
from migrator.model.principal import AccountRead, IamPrincipal, parse_arn
from migrator.model.rbac import RbacState
from migrator.model.snapshot import (
    BeforeModeStep,
    ConfigMapOrigin,
    Creator,
    FargateProfile,
    FargateSelector,
    GroupReference,
    Login,
    Node,
    Nodegroup,
    Snapshot,
    UnreadPart,
    Usage,
)

FORMAT = "migrator/snapshot/v1"
_RBAC_LISTS = ("roles", "roleBindings", "clusterRoles", "clusterRoleBindings")
T = TypeVar("T")


def decode_snapshot(document: object) -> Snapshot:
    """The snapshot in a document.

    Raises ``Failed``: ``snapshot-unreadable`` (another format), ``snapshot-malformed`` (a field of
    the wrong type; the message names it).
    """
    found: object = type(document).__name__
    if isinstance(document, Mapping):
        found = document.get("format")
        if found == FORMAT:
            return _Reader(document).snapshot()
    raise Failed(
        "snapshot-unreadable",
        "This is not a snapshot of this version.",
        why=f"Its format is {str(found)[:60]!r}, not {FORMAT!r}.",
        remedy="Make one with `migrate snapshot CLUSTER --out FILE`.",
    )


def parse_time(value: object, where: str) -> datetime:
    """A moment as ISO 8601 text or as seconds since 1970, in UTC.

    Raises ``snapshot-malformed`` naming ``where``.
    """
    try:
        # A bool is an int to isinstance.
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, timezone.utc)
        if isinstance(value, datetime):
            return value.astimezone(timezone.utc)
        if isinstance(value, str):
            moment = moment_of_text(value)
            # AWS and Kubernetes write UTC: a time without its zone is one.
            if moment.tzinfo is None:
                return moment.replace(tzinfo=timezone.utc)
            return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError, OSError, TypeError):
        pass
    raise _malformed(where, "an ISO 8601 time", value)


def _malformed(where: str, wanted: str, found: object) -> Failed:
    """The error for a field: ``where`` is its path, ``wanted`` what it must be."""
    return Failed(
        "snapshot-malformed",
        f"The snapshot's `{where}` is not {wanted}.",
        why=f"Found {type(found).__name__}: {str(found)[:80]!r}.",
        remedy="Make the snapshot again with `migrate snapshot CLUSTER --out FILE`, or mend that "
        "field.",
    )


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    """The value as an object. Raises ``snapshot-malformed`` naming ``where``, as all readers here
    do.
    """
    if not isinstance(value, Mapping):
        raise _malformed(where, "an object", value)
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _malformed(where, "text", value)
    return value


def _items(value: object, where: str) -> list[Any]:
    """A list, or the items of a Kubernetes ``List``.

    ``kubectl get … -o json`` gives the second, the API shapes of AWS the first.
    """
    if isinstance(value, Mapping) and isinstance(value.get("items"), list):
        value = value["items"]
    if not isinstance(value, list):
        raise _malformed(where, "a list", value)
    return value


def _texts(value: object, where: str) -> tuple[str, ...]:
    return tuple(_text(item, where) for item in _items(value, where))


def _unread(value: object) -> tuple[UnreadPart, ...]:
    """Why parts are missing; a reason that is no reason is left out."""
    found: list[UnreadPart] = []
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, Mapping):
            continue
        texts = [item.get(key, "") for key in ("what", "code", "message", "remedy")]
        if all(isinstance(text, str) for text in texts):
            found.append(UnreadPart(*texts))
    return tuple(found)


def _text_in(raw: Mapping[str, Any], key: str, where: str) -> str:
    """A text that may be left out, or be null: it is empty then."""
    return _text(raw.get(key) or "", f"{where}.{key}")


def _object_in(raw: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """An object that may be left out, or be null: it is empty then."""
    return _mapping(raw.get(key) or {}, f"{where}.{key}")


def _items_in(raw: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """A list that may be left out, or be null: it is empty then."""
    return _items(raw.get(key) or [], f"{where}.{key}")


def _texts_in(raw: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """A list of texts that may be left out, or be null: it is empty then."""
    return tuple(_text(item, f"{where}.{key}") for item in _items_in(raw, key, where))


class _Reader:
    """Reads one document; remembers which lists were missing."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.unknown: list[str] = []

    def optional(self, key: str, read: Callable[[Any], T]) -> T | None:
        """A field that may be missing; then it is None, and named as unknown."""
        value = self.document.get(key)
        if value is None:
            self.unknown.append(key)
            return None
        return read(value)

    def listed(self, key: str, read: Callable[[Mapping[str, Any], str], T]) -> tuple[T, ...] | None:
        """A list of objects that may be missing; ``read`` gets each object and its place,
        ``nodes[3]``.
        """

        def each(value: object) -> tuple[T, ...]:
            found: list[T] = []
            for index, item in enumerate(_items(value, key)):
                where = f"{key}[{index}]"
                found.append(read(_mapping(item, where), where))
            return tuple(found)

        return self.optional(key, each)

    def snapshot(self) -> Snapshot:
        """The whole document. Raises ``snapshot-malformed`` for the first field of a wrong type."""
        document = self.document
        cluster = _mapping(document.get("cluster"), "cluster")
        _object_in(cluster, "computeConfig", "cluster")
        parse_time(document.get("takenAt"), "takenAt")
        _check_config_map(document)
        self.unknown += _origin(document.get("configMapFrom"))
        return Snapshot(
            taken_at=_text(document.get("takenAt"), "takenAt"),
            cluster=cluster_ref(cluster),
            cluster_raw=cluster,
            config_map=document["configMap"],
            caller_arn=self.optional("callerIdentity", _caller),
            caller_chain=self.optional("callerChain", lambda v: _texts(v, "callerChain")),
            access_entries=self.listed("accessEntries", access_entry),
            access_policies=self.optional("accessPolicies", lambda v: _texts(v, "accessPolicies")),
            nodegroups=self.listed("nodegroups", nodegroup),
            fargate_profiles=self.listed("fargateProfiles", fargate_profile),
            nodes=self.listed("nodes", _node),
            rbac=self.optional("rbac", self.rbac),
            namespaces=self.optional("namespaces", _namespaces),
            group_references=self.listed("groupReferences", _group_reference),
            **self.iam(),
            creator=_creator(document.get("creator")),
            before_mode_step=_before_mode_step(document.get("beforeModeStep")),
            capabilities=self.listed("capabilities", _raw),
            identity_provider_configs=self.listed("identityProviderConfigs", _identity_provider),
            usage=_usage(document.get("usage")),
            node_network=node_network(document.get("nodeNetwork")),
            unknown=tuple(self.unknown),
            unread=_unread(document.get("unread")),
        )

    def rbac(self, value: object) -> RbacState:
        """RBAC of the cluster; each of its four lists that is missing is named as unknown.

        Shape: ``{roles, roleBindings, clusterRoles, clusterRoleBindings}``, of raw objects.
        """
        raw = _mapping(value, "rbac")
        lists: dict[str, list[Any]] = {}
        for name in _RBAC_LISTS:
            if raw.get(name) is None:
                self.unknown.append(f"rbac.{name}")
                continue
            lists[name] = _items(raw[name], f"rbac.{name}")
        return RbacState.from_raw(lists)

    def iam(self) -> dict[str, Any]:
        """What IAM says of principals, and of which accounts it was read.

        Shape: ``{principals: [{arn, id, createDate, trustedServices}], accountsRead: [{account,
        roles, users}]}``.
        """
        iam = self.optional("iam", lambda v: _mapping(v, "iam")) or {}
        principals = _items_in(iam, "principals", "iam")
        accounts = _items_in(iam, "accountsRead", "iam")
        known: list[IamPrincipal] = []
        for index, principal in enumerate(principals):
            known.append(iam_principal(principal, f"iam.principals[{index}]"))
        read: list[AccountRead] = []
        for index, account in enumerate(accounts):
            read.append(_account_read(account, f"iam.accountsRead[{index}]"))
        return {"iam_principals": tuple(known), "accounts_read": tuple(read)}


def _caller(value: object) -> str | None:
    """The ARN of who made the snapshot, as GetCallerIdentity gives it."""
    caller = _mapping(value, "callerIdentity")
    # An object without fields says nothing.
    if not caller:
        return None
    return _text(caller.get("Arn"), "callerIdentity.Arn")


def _origin(value: object) -> list[str]:
    """``configMap.eksctl-config`` where aws-auth is that of a file: the cluster was not asked."""
    if value is None:
        return []
    if value not in get_args(ConfigMapOrigin):
        raise _malformed("configMapFrom", " or ".join(get_args(ConfigMapOrigin)), value)
    return [f"configMap.{value}"]


def _check_config_map(document: Mapping[str, Any]) -> None:
    """Whether ``configMap`` is there and its data are texts.

    What the texts hold is judged by the reading of aws-auth, which raises nothing.
    """
    if "configMap" not in document:
        raise Failed(
            "snapshot-malformed",
            "The snapshot has no `configMap`.",
            why="null says that there is no aws-auth; a missing field says nothing.",
            remedy="Put the ConfigMap object, or null, into `configMap`.",
        )
    config_map = document["configMap"]
    if config_map is None:
        return
    if not isinstance(config_map, Mapping):
        raise _malformed("configMap", "an object", config_map)
    data = config_map.get("data")
    # Kubernetes leaves `data` out of a ConfigMap that has none.
    if data is None:
        return
    if not isinstance(data, Mapping):
        raise _malformed("configMap.data", "an object", data)
    for key, text in data.items():
        if not isinstance(text, str):
            raise _malformed(f"configMap.data.{key}", "text", text)


def cluster_ref(cluster: Mapping[str, Any]) -> ClusterRef:
    """Name, ARN and mode out of DescribeCluster ``.cluster``.

    A cluster without accessConfig is in CONFIG_MAP mode: it is older than access entries.
    """
    text = _text(cluster.get("arn"), "cluster.arn")
    wanted = "the ARN of an EKS cluster"
    arn = parse_arn(text)
    if arn is None or arn.service != "eks":
        raise _malformed("cluster.arn", wanted, text)
    if not arn.resource.startswith("cluster/"):
        raise _malformed("cluster.arn", wanted, text)
    access = _object_in(cluster, "accessConfig", "cluster")
    mode = access.get("authenticationMode") or "CONFIG_MAP"
    if mode not in get_args(AuthenticationMode):
        raise _malformed("cluster.accessConfig.authenticationMode", "an authentication mode", mode)
    return ClusterRef(
        name=arn.resource.removeprefix("cluster/"),
        arn=text,
        account_id=arn.account,
        region=arn.region,
        partition=arn.partition,
        authentication_mode=cast("AuthenticationMode", mode),
    )


def access_entry(raw: Mapping[str, Any], where: str) -> AccessEntry:
    """DescribeAccessEntry ``.accessEntry`` with ``associatedAccessPolicies`` beside its own fields.

    ``where`` is the place of the entry in the document, for errors.
    """
    kind = raw.get("type") or "STANDARD"
    if kind not in get_args(EntryType):
        raise _malformed(f"{where}.type", "a type of access entry that is known", kind)
    tags = _object_in(raw, "tags", where)
    return AccessEntry(
        principal_arn=_text(raw.get("principalArn"), f"{where}.principalArn"),
        type=cast("EntryType", kind),
        username=_text_in(raw, "username", where),
        kubernetes_groups=_texts_in(raw, "kubernetesGroups", where),
        access_policies=tuple(_policies(raw, where)),
        created_at=_time(raw.get("createdAt"), f"{where}.createdAt"),
        modified_at=_time(raw.get("modifiedAt"), f"{where}.modifiedAt"),
        entry_arn=_text_in(raw, "accessEntryArn", where),
        tags={key: _text(value, f"{where}.tags") for key, value in tags.items()},
    )


def _time(value: object, where: str) -> datetime | None:
    if value is None:
        return None
    return parse_time(value, where)


def _policies(entry: Mapping[str, Any], where: str) -> Iterable[AssociatedPolicy]:
    """ListAssociatedAccessPolicies ``.associatedAccessPolicies``, beside the entry's fields."""
    for index, item in enumerate(_items_in(entry, "associatedAccessPolicies", where)):
        place = f"{where}.associatedAccessPolicies[{index}]"
        raw = _mapping(item, place)
        scope = _scope(_object_in(raw, "accessScope", place), f"{place}.accessScope")
        yield AssociatedPolicy(_text(raw.get("policyArn"), f"{place}.policyArn"), scope)


def _scope(raw: Mapping[str, Any], where: str) -> AccessScope:
    """An access scope; without a type it is the whole cluster."""
    kind = raw.get("type") or "cluster"
    if kind not in ("cluster", "namespace"):
        raise _malformed(f"{where}.type", "`cluster` or `namespace`", kind)
    namespaces = tuple(sorted(_texts_in(raw, "namespaces", where)))
    if kind == "cluster":
        return AccessScope("cluster", namespaces)
    return AccessScope("namespace", namespaces)


def _raw(raw: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """An object that stays as the API gave it."""
    del where
    return raw


def _identity_provider(raw: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """DescribeIdentityProviderConfig ``.identityProviderConfig``, checked and as it was given.

    The prefix of groups is compared with names, so that it must be text.
    """
    oidc = _object_in(raw, "oidc", where)
    for found, at in ((raw, where), (oidc, f"{where}.oidc")):
        _text_in(found, "groupsPrefix", at)
    return raw


def nodegroup(raw: Mapping[str, Any], where: str) -> Nodegroup:
    """DescribeNodegroup ``.nodegroup``. Raises ``snapshot-malformed`` naming ``where``."""
    return Nodegroup(
        name=_text(raw.get("nodegroupName"), f"{where}.nodegroupName"),
        node_role=_text_or_none(raw.get("nodeRole"), f"{where}.nodeRole"),
        status=_text_in(raw, "status", where),
        ami_type=_text_in(raw, "amiType", where),
        subnets=_texts_in(raw, "subnets", where),
        fails_to_join=_fails_to_join(_object_in(raw, "health", where), f"{where}.health"),
    )


def _fails_to_join(health: Mapping[str, Any], where: str) -> bool:
    """Whether EKS says that instances do not register with the cluster (EKS API reference, Issue:
    ``NodeCreationFailure``; user guide, "Instances failed to join the kubernetes cluster").
    """
    for issue in _items_in(health, "issues", where):
        found = _mapping(issue, f"{where}.issues")
        if found.get("code") == "NodeCreationFailure":
            return True
        if "failed to join" in str(found.get("message") or "").lower():
            return True
    return False


def fargate_profile(raw: Mapping[str, Any], where: str) -> FargateProfile:
    """DescribeFargateProfile ``.fargateProfile``. Raises as the others do."""
    selectors: list[FargateSelector] = []
    for index, each in enumerate(_items_in(raw, "selectors", where)):
        selectors.append(_fargate_selector(each, f"{where}.selectors[{index}]"))
    return FargateProfile(
        name=_text(raw.get("fargateProfileName"), f"{where}.fargateProfileName"),
        pod_execution_role=_text(raw.get("podExecutionRoleArn"), f"{where}.podExecutionRoleArn"),
        status=_text_in(raw, "status", where),
        selectors=tuple(selectors),
        subnets=_texts_in(raw, "subnets", where),
    )


def _fargate_selector(raw: Any, where: str) -> FargateSelector:  # noqa: ANN401 - JSON
    """Which pods a profile takes: ``{namespace, labels}``.

    Both may hold ``*`` and ``?`` as wildcards.
    """
    selector = _mapping(raw, where)
    labels = _object_in(selector, "labels", where)
    return FargateSelector(
        namespace=_text_in(selector, "namespace", where),
        labels={str(key): _text(value, f"{where}.labels") for key, value in labels.items()},
    )


def _node(raw: Mapping[str, Any], where: str) -> Node:
    """A node cut to four fields, or a whole Node object as kubectl gives it.

    Shapes: ``{name, labels, providerID, roleArn}``, or ``{metadata: {name, labels}, spec:
    {providerID}}``. The role of a whole object is not known.
    """
    metadata = _object_in(raw, "metadata", where)
    spec = _object_in(raw, "spec", where)
    # The whole object has the same fields one level deeper.
    cut = {
        "name": raw.get("name") or metadata.get("name"),
        "labels": raw.get("labels") or metadata.get("labels"),
        "providerID": raw.get("providerID") or spec.get("providerID"),
    }
    labels = _object_in(cut, "labels", where)
    return Node(
        name=_text(cut["name"], f"{where}.name"),
        labels={key: _text(value, f"{where}.labels") for key, value in labels.items()},
        provider_id=_text_in(cut, "providerID", where),
        role_arn=_text_or_none(raw.get("roleArn"), f"{where}.roleArn"),
    )


def _text_or_none(value: object, where: str) -> str | None:
    if value is None:
        return None
    return _text(value, where)


def _namespaces(value: object) -> tuple[str, ...]:
    """Names of namespaces: texts, or Namespace objects."""
    names = []
    for index, item in enumerate(_items(value, "namespaces")):
        name = item
        # A whole Namespace object, as kubectl gives it.
        if isinstance(item, Mapping):
            name = item.get("metadata", {}).get("name")
        names.append(_text(name, f"namespaces[{index}]"))
    return tuple(names)


def _group_reference(raw: Mapping[str, Any], where: str) -> GroupReference:
    return GroupReference(
        api_version=_text_in(raw, "apiVersion", where),
        kind=_text_in(raw, "kind", where),
        namespace=_text_or_none(raw.get("namespace"), f"{where}.namespace"),
        name=_text_in(raw, "name", where),
        path=_text_in(raw, "path", where),
        text=_text_in(raw, "text", where),
    )


def iam_principal(value: object, where: str) -> IamPrincipal:
    """One item of ``iam.principals``. Raises ``Failed``, naming ``where``."""
    raw = _mapping(value, where)
    services = None
    if raw.get("trustedServices") is not None:
        services = _texts(raw["trustedServices"], f"{where}.trustedServices")
    return IamPrincipal(
        arn=_text(raw.get("arn"), f"{where}.arn"),
        id=_text_or_none(raw.get("id"), f"{where}.id"),
        create_date=_time(raw.get("createDate"), f"{where}.createDate"),
        trusted_services=services,
    )


def _account_read(value: object, where: str) -> AccountRead:
    raw = _mapping(value, where)
    return AccountRead(
        account=_text(raw.get("account"), f"{where}.account"),
        roles=raw.get("roles") is True,
        users=raw.get("users") is True,
    )


def _creator(value: object) -> Creator | None:
    if value is None:
        return None
    raw = _mapping(value, "creator")
    return Creator(
        arn=_text(raw.get("arn"), "creator.arn"),
        source=_text_in(raw, "source", "creator"),
    )


def _before_mode_step(value: object) -> BeforeModeStep | None:
    """What the state folder says of the cluster before the mode was switched; None without that."""
    if value is None:
        return None
    where = "beforeModeStep"
    raw = _mapping(value, where)
    config_map = _object_in(raw, "configMap", where)
    data = _object_in(config_map, "data", f"{where}.configMap")
    return BeforeModeStep(
        run=_text(raw.get("run"), f"{where}.run"),
        at=parse_time(raw.get("at"), f"{where}.at"),
        data={str(key): _text(text, f"{where}.configMap.data") for key, text in data.items()},
        automatic=frozenset(_texts_in(raw, "automaticEntries", where)),
    )


def _usage(value: object) -> Usage | None:
    # Not named as unknown where it is missing: the cluster was never observed.
    if value is None:
        return None
    return decode_usage(value)


def decode_usage(value: object) -> Usage:
    """What ``observe`` wrote: ``{from, to, complete, logins: […]}``.

    Each login is ``{arn, username, groups, first, last, count}``. Raises ``snapshot-malformed``.
    """
    raw = _mapping(value, "usage")
    logins = []
    for index, item in enumerate(_items_in(raw, "logins", "usage")):
        where = f"usage.logins[{index}]"
        login = _mapping(item, where)
        count = login.get("count", 1)
        if not isinstance(count, int) or isinstance(count, bool):
            raise _malformed(f"{where}.count", "a number", count)
        logins.append(
            Login(
                arn=_text(login.get("arn"), f"{where}.arn"),
                username=_text_in(login, "username", where),
                groups=_texts_in(login, "groups", where),
                first=parse_time(login.get("first"), f"{where}.first"),
                last=parse_time(login.get("last"), f"{where}.last"),
                count=count,
            )
        )
    return Usage(
        start=parse_time(raw.get("from"), "usage.from"),
        end=parse_time(raw.get("to"), "usage.to"),
        complete=raw.get("complete") is True,
        logins=tuple(logins),
    )
