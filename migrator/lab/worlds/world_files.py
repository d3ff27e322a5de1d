"""Worlds in files: YAML to :class:`World`.

A world file names accounts with their principals, and clusters with what EKS and Kubernetes hold of
them. Everything is made up; what is left out gets a plausible value that is the same in every run
(unique ids come from the ARN). ``examples/schemas/world.schema.json`` has every key with its
meaning, ``playbooks/reference/lab-worlds.md`` the words to it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

from migrator.errors import Failed
from migrator.lab.worlds.automatic_entries import SERVICE_ROLE, automatic_entries
from migrator.lab.worlds.buckets import Bucket, ConditionalWrites
from migrator.lab.worlds.entry_shapes import entry_arn, names_of
from migrator.lab.worlds.lab_cluster import (
    AUTOMATIC,
    Certificates,
    LabCluster,
    LabEntry,
    LabPolicy,
    LabUpdate,
)
from migrator.lab.worlds.network import LAYOUTS, Network
from migrator.lab.worlds.principals import (
    Account,
    Instance,
    InstanceProfile,
    Limit,
    Permissions,
    make_id,
)
from migrator.lab.worlds.world import IamRole, IamUser, Settings, World
from migrator.model.access_entry import AccessScope
from migrator.model.files.yaml_document import YamlError, load_yaml
from migrator.model.moments import moment_of_text
from migrator.model.principal import parse_arn

FORMAT = "migrator/world/v1"
LONG_AGO = datetime(2024, 3, 1, 9, 0, tzinfo=timezone.utc)
# The end of an update that a world leaves running.
_NEVER = datetime(2999, 1, 1, tzinfo=timezone.utc)


def demo_world_path() -> Path:
    """The world that ``migrate lab up`` loads when no other is named."""
    return Path(__file__).with_name("demo.yaml")


def fleet_world_path() -> Path:
    """The world of ``migrate lab up --fleet``: an organization with 3 accounts and 12 clusters."""
    return Path(__file__).with_name("organization.yaml")


def fleet_file_path() -> Path:
    """The fleet file for that world."""
    return Path(__file__).with_name("organization-fleet.yaml")


def load_world(path: Path) -> World:
    """Read a world file. Raises ``world-unreadable`` and ``world-invalid``."""
    try:
        text = path.read_text(encoding="utf-8")
        raw = _as_json(text) or load_yaml(text, pure=False)
    except (OSError, UnicodeDecodeError, YamlError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise Failed("world-unreadable", f"cannot read the world {path}", why=why) from error
    return build_world(raw)


def _as_json(text: str) -> Any:  # noqa: ANN401 - what JSON gives
    """A world that is written as JSON, which is YAML, too: thousands of clusters are read in a
    moment then.
    """
    try:
        return json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return None


def build_world(raw: object) -> World:
    """A world from the content of a world file. Raises ``world-invalid``, naming the place."""
    top = _Part(raw, "world")
    if top.get("format", FORMAT) != FORMAT:
        raise top.wrong(f"format must be {FORMAT}")
    world = World(settings=_settings(top), name=str(top.get("name", "lab")))
    for part in top.parts("accounts"):
        account = _account(part)
        world.accounts[account.id] = account
        for item in part.parts("buckets"):
            bucket = _bucket(account, world.settings.region, item)
            world.buckets[bucket.name] = bucket
        part.done()
    for part in top.parts("clusters"):
        _cluster(world, part)
    top.done()
    management = world.settings.management_account
    if management is not None and management not in world.accounts:
        raise top.wrong(f"the managementAccount {management} is no account of this world")
    if world.settings.operator is not None and world.principal(world.settings.operator) is None:
        raise top.wrong(f"the operator {world.settings.operator} is no principal of this world")
    return world


@dataclass
class _Part:
    """A mapping of the file, and its position. Every key must be known: a misspelt key is an error,
    it is not ignored.
    """

    raw: Any
    where: str

    def __post_init__(self) -> None:
        if not isinstance(self.raw, Mapping):
            raise self.wrong("must be a mapping")
        self.left = set(self.raw)

    def wrong(self, why: str) -> Failed:
        return Failed("world-invalid", "the world file cannot be used", why=f"{self.where}: {why}")

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - a value of a YAML file
        self.left.discard(key)
        value = self.raw.get(key)
        return default if value is None else value

    def need(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{key} must be a text (numbers in quotes)")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(f"{key} must be a list")
        return tuple(map(str, value))

    def parts(self, key: str) -> Iterable["_Part"]:
        value = self.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(f"{key} must be a list")
        return [_Part(item, f"{self.where}.{key}[{index}]") for index, item in enumerate(value)]

    def moment(self, key: str, default: datetime) -> datetime:
        """A time, which YAML may have read already; one without an offset is UTC."""
        value = self.get(key, default)
        if isinstance(value, datetime):
            moment = value
        else:
            try:
                moment = moment_of_text(str(value))
            except ValueError:
                raise self.wrong(f"{key} must be a time such as 2024-03-01T09:00:00Z") from None
        if moment.tzinfo is None:
            return moment.replace(tzinfo=timezone.utc)
        return moment

    def labels(self, key: str) -> dict[str, str]:
        """Tags: a mapping of texts."""
        return {str(name): str(value) for name, value in self.get(key, {}).items()}

    def seconds(self, key: str, default: float) -> timedelta:
        return timedelta(seconds=float(self.get(key, default)))

    def done(self) -> None:
        if self.left:
            raise self.wrong(f"unknown keys {', '.join(sorted(map(str, self.left)))}")


def _settings(top: _Part) -> Settings:
    """The settings of a world, in seconds of lab time where they are delays; the defaults are those
    of a small cluster that is not busy.
    """
    part = _Part(top.get("settings", {}), "settings")
    settings = Settings(
        propagation=part.seconds("propagationSeconds", 2),
        update_duration=part.seconds("updateSeconds", 3),
        iam_propagation=part.seconds("iamPropagationSeconds", 0),
        token_cache=part.seconds("tokenCacheSeconds", 10),
        operator=top.get("operator"),
        region=str(part.get("region", "eu-central-1")),
        caller_address=str(part.get("callerAddress", "203.0.113.10")),
        most_entries=int(part.get("accessEntriesPerCluster", 3_000)),
        caller_in_vpc=bool(part.get("callerInVpc", False)),
        management_account=top.get("managementAccount"),
    )
    part.done()
    return settings


def _account(part: _Part) -> Account:
    account = Account(part.need("id"), str(part.get("partition", "aws")), str(part.get("name", "")))
    account.unit = part.get("unit")
    account.status = str(part.get("status", "ACTIVE"))
    account.tags = part.labels("tags")
    account.service_control = tuple(
        _limit("service control policy", item) for item in part.parts("serviceControlPolicies")
    )
    for item in part.parts("roles"):
        role = _role(account, item)
        account.roles[role.name.lower()] = role
    for item in part.parts("users"):
        user = _user(account, item)
        account.users[user.name.lower()] = user
    for item in part.parts("instanceProfiles"):
        profile = _profile(account, item)
        account.instance_profiles[profile.name.lower()] = profile
    for item in part.parts("instances"):
        instance = _instance(item)
        account.instances[instance.id] = instance
    for item in part.parts("networks"):
        account.networks[item.need("region")] = _network(item)
    return account


def _bucket(account: Account, region: str, part: _Part) -> Bucket:
    conditional = part.get("conditionalWrites", "obeyed")
    if conditional not in get_args(ConditionalWrites):
        known = ", ".join(get_args(ConditionalWrites))
        raise part.wrong(f"conditionalWrites knows {known}, not {conditional}")
    bucket = Bucket(
        part.need("name"),
        account.id,
        str(part.get("region", region)),
        account.partition,
        str(part.get("kmsKey", "")),
        Limit("resource-based policy", denied=part.texts("deniedActions")),
        conditional,
    )
    part.done()
    return bucket


def _permissions(part: _Part) -> Permissions:
    """What a principal may do: everything but ``deniedActions``, or ``allowedActions`` alone, and
    within its boundary.
    """
    limits: tuple[Limit, ...] = ()
    boundary = part.get("permissionsBoundary")
    if boundary is not None:
        place = f"{part.where}.permissionsBoundary"
        limits = (_limit("permissions boundary", _Part(boundary, place)),)
    return Permissions(part.texts("deniedActions"), _allowed(part), limits=limits)


def _allowed(part: _Part) -> tuple[str, ...] | None:
    return part.texts("allowedActions") if "allowedActions" in part.raw else None


def _limit(kind: str, part: _Part) -> Limit:
    limit = Limit(kind, str(part.get("arn", "")), part.texts("deniedActions"), _allowed(part))
    part.done()
    return limit


def _role(account: Account, part: _Part) -> IamRole:
    """A role; its id follows from its ARN where the file gives none. A whole ``trustPolicy``
    replaces the short form ``trust``.
    """
    name, path = part.need("name"), str(part.get("path", "/"))
    arn = account.arn_of(f"role{path}{name}")
    trust = part.get("trustPolicy")
    if not trust:
        trust = trust_policy(account, _Part(part.get("trust", {}), part.where))
    role = IamRole(
        arn=arn,
        name=name,
        path=path,
        id=str(part.get("id", make_id("AROA", arn))),
        create_date=part.moment("createDate", LONG_AGO),
        trust_policy=trust,
        permissions=_permissions(part),
        tags=part.labels("tags"),
        description=str(part.get("description", "")),
        max_session=int(part.get("maxSessionSeconds", 3600)),
    )
    part.done()
    return role


def trust_policy(account: Account, part: _Part) -> dict[str, Any]:
    """A trust policy from its short form; without one, the account trusts itself.

    The short form names ``aws`` principals (with ``externalId``), ``services`` and ``federated``
    providers, of SAML or OpenID Connect by their ARN.
    """
    aws, services, federated = part.texts("aws"), part.texts("services"), part.texts("federated")
    external_id = part.get("externalId")
    part.done()
    if not any((aws, services, federated)):
        aws = (account.root.arn,)
    statements: list[dict[str, Any]] = []
    if services:
        statements.append(_statement({"Service": list(services)}, "sts:AssumeRole"))
    if aws:
        statements.append(_statement({"AWS": list(aws)}, "sts:AssumeRole"))
        if external_id is not None:
            statements[-1]["Condition"] = {"StringEquals": {"sts:ExternalId": str(external_id)}}
    for provider in federated:
        saml = ":saml-provider/" in provider
        action = "sts:AssumeRoleWithSAML" if saml else "sts:AssumeRoleWithWebIdentity"
        statements.append(_statement({"Federated": provider}, action))
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(principal: Mapping[str, Any], action: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": dict(principal), "Action": action}


def _user(account: Account, part: _Part) -> IamUser:
    name, path = part.need("name"), str(part.get("path", "/"))
    arn = account.arn_of(f"user{path}{name}")
    user = IamUser(
        arn=arn,
        name=name,
        path=path,
        id=str(part.get("id", make_id("AIDA", arn))),
        create_date=part.moment("createDate", LONG_AGO),
        permissions=_permissions(part),
        tags=part.labels("tags"),
    )
    part.done()
    return user


def _profile(account: Account, part: _Part) -> InstanceProfile:
    name, path = part.need("name"), str(part.get("path", "/"))
    arn = account.arn_of(f"instance-profile{path}{name}")
    profile = InstanceProfile(arn, name, path, make_id("AIPA", arn), LONG_AGO, part.get("role"))
    part.done()
    return profile


def _instance(part: _Part) -> Instance:
    instance = Instance(
        id=part.need("id"),
        region=part.need("region"),
        private_dns_name=part.need("privateDnsName"),
        instance_profile=part.get("instanceProfile"),
        launch_time=part.moment("launchTime", LONG_AGO),
        state=str(part.get("state", "running")),
        platform=part.get("platform"),
        tags=part.labels("tags"),
        ssm_ping_status=part.get("ssmPingStatus"),
        ssm_agent_version=str(part.get("ssmAgentVersion", "3.3.2746.0")),
    )
    part.done()
    return instance


def _network(part: _Part) -> Network:
    """What EC2 shows in a Region: raw objects by the names of the API's answers."""

    def objects(key: str, name: str) -> dict[str, dict[str, Any]]:
        return {item.need(name): dict(item.raw) for item in part.parts(key)}

    network = Network(
        groups={
            name: {"IpPermissions": [], "IpPermissionsEgress": [], "GroupName": name, **raw}
            for name, raw in objects("securityGroups", "GroupId").items()
        },
        interfaces=objects("networkInterfaces", "NetworkInterfaceId"),
        subnets=objects("subnets", "SubnetId"),
        route_tables=objects("routeTables", "RouteTableId"),
        nat_gateways=objects("natGateways", "NatGatewayId"),
        endpoints=objects("vpcEndpoints", "VpcEndpointId"),
        prefix_lists={
            item.need("id"): list(item.texts("cidrs")) for item in part.parts("prefixLists")
        },
    )
    part.get("region")
    part.done()
    return network


def _cluster(world: World, part: _Part) -> None:
    """Put a cluster into the world, with its updates and entries. Raises ``world-invalid`` for an
    account that the world does not have, and for unknown modes and kinds.
    """
    account = world.accounts.get(part.need("account"))
    if account is None:
        raise part.wrong(f"account {part.raw['account']} is not in this world")
    mode = part.get("authenticationMode", "CONFIG_MAP")
    if mode not in ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API"):
        raise part.wrong("authenticationMode must be CONFIG_MAP, API_AND_CONFIG_MAP or API")
    settings = world.settings
    cluster = LabCluster(
        name=part.need("name"),
        account=account.id,
        region=str(part.get("region", settings.region)),
        partition=account.partition,
        initial_mode=mode,
        creator_arn=part.get("creator"),
        created_at=part.moment("createdAt", LONG_AGO),
        version=str(part.get("version", "1.34")),
        platform_version=str(part.get("platformVersion", "eks.9")),
        nodegroups=_named(part, "nodegroups", "nodegroupName"),
        addons=part.texts("addons"),
        fargate_profiles=_named(part, "fargateProfiles", "fargateProfileName"),
        capabilities=_named(part, "capabilities", "capabilityName"),
        identity_provider_configs=_named(
            part, "identityProviderConfigs", "identityProviderConfigName"
        ),
        vpc_config=dict(part.get("resourcesVpcConfig", {})),
        log_types=tuple(part.get("logTypes", ("api", "audit", "authenticator"))),
        tags=part.labels("tags"),
        raw=dict(part.get("describe", {})),
        kubernetes_objects=[_recorded(each) for each in part.get("kubernetes", [])],
        propagation=part.seconds("propagationSeconds", settings.propagation.total_seconds()),
        update_duration=part.seconds("updateSeconds", settings.update_duration.total_seconds()),
        status_override=part.get("status"),
        network=str(part.get("network", "eksctl")),
        certificates=part.get("certificates", "new"),
    )
    if cluster.certificates not in get_args(Certificates):
        known = ", ".join(get_args(Certificates))
        raise part.wrong(f"certificates knows {known}, not {cluster.certificates}")
    if cluster.network not in LAYOUTS:
        raise part.wrong(f"network knows {', '.join(LAYOUTS)}, not {cluster.network}")
    if "automatic" in part.raw:
        cluster.automatic = frozenset(part.texts("automatic"))
        unknown = cluster.automatic - AUTOMATIC
        if unknown:
            known = ", ".join(sorted(AUTOMATIC))
            raise part.wrong(f"automatic knows {known}, not {', '.join(sorted(unknown))}")
    cluster.updates += [_update(item, cluster) for item in part.parts("updates")]
    ensure_service_role(account)
    world.add_cluster(cluster)
    _entries(world, cluster, part)
    part.done()


def _recorded(found: dict[str, Any]) -> dict[str, Any]:
    """A ConfigMap of the file as a person made it with kubectl: the API server records who wrote
    (Kubernetes documentation, "Server-Side Apply", managers). An object that names its managers, or
    an empty list of them, keeps what it says.
    """
    metadata = found.get("metadata")
    if found.get("kind") != "ConfigMap" or not isinstance(metadata, dict):
        return found
    if "managedFields" in metadata:
        return found
    data = found.get("data")
    keys = data if isinstance(data, Mapping) else {}
    entry = {
        "manager": "kubectl-create",
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {".": {}, **{f"f:{key}": {} for key in keys}}},
    }
    return {**found, "metadata": {**metadata, "managedFields": [entry]}}


def _update(part: _Part, cluster: LabCluster) -> LabUpdate:
    """An update that runs from the start until ``doneAt``, of the cluster, or of a ``nodegroup`` or
    an ``addon`` by name.
    """
    of: tuple[str, str] | None = None
    if "nodegroup" in part.raw:
        of = ("nodegroupName", part.need("nodegroup"))
    elif "addon" in part.raw:
        of = ("addonName", part.need("addon"))
    update = LabUpdate(
        id=str(part.get("id", f"{cluster.name}-update")),
        type=part.need("type"),
        params=(),
        created_at=part.moment("createdAt", cluster.created_at),
        done_at=part.moment("doneAt", _NEVER),
        of=of,
        # The roll-back of a version leaves the cluster ACTIVE (EKS user guide).
        quiet=part.raw.get("type") == "VersionRollback",
    )
    part.done()
    return update


def _named(part: _Part, key: str, name_key: str) -> dict[str, dict[str, Any]]:
    return {str(item.need(name_key)): dict(item.raw) for item in part.parts(key)}


def ensure_service_role(account: Account) -> None:
    """Every account with a cluster has EKS's service-linked role."""
    arn = account.arn_of(SERVICE_ROLE)
    name = "AWSServiceRoleForAmazonEKS"
    if name.lower() not in account.roles:
        account.roles[name.lower()] = IamRole(
            arn=arn,
            name=name,
            path="/aws-service-role/eks.amazonaws.com/",
            id=make_id("AROA", arn),
            create_date=LONG_AGO,
            trust_policy={
                "Version": "2012-10-17",
                "Statement": [_statement({"Service": "eks.amazonaws.com"}, "sts:AssumeRole")],
            },
        )


def _entries(world: World, cluster: LabCluster, part: _Part) -> None:
    """Entries that exist from the start: those of the file, and EKS's own where the mode has
    entries.
    """
    at = cluster.created_at
    if cluster.initial_mode != "CONFIG_MAP":
        for automatic in automatic_entries(world, cluster, at):
            cluster.write_entry(automatic.principal_arn, automatic, at, delay=timedelta(0))
    for item in part.parts("accessEntries"):
        entry = read_entry(world, cluster, item, at)
        cluster.write_entry(entry.principal_arn, entry, at, delay=timedelta(0))


def read_entry(world: World, cluster: LabCluster, part: _Part, at: datetime) -> LabEntry:
    """An entry of the file. ``principalId`` may name an id that no longer exists: a dead
    entry.
    """
    text = part.need("principalArn")
    arn, principal = parse_arn(text), world.principal(text)
    if arn is None:
        raise part.wrong("principalArn is no ARN")
    entry_type = part.get("type", "STANDARD")
    params = {
        "username": part.get("username"),
        "kubernetesGroups": list(part.texts("kubernetesGroups")),
    }
    username, groups = names_of(entry_type, arn, params)
    created = part.moment("createdAt", at)
    entry = LabEntry(
        principal_arn=text,
        principal_id=str(
            part.get("principalId", principal.id if principal else make_id("AROA", f"gone {text}"))
        ),
        type=entry_type,
        username=username,
        kubernetes_groups=groups,
        entry_arn=str(part.get("accessEntryArn", entry_arn(cluster, arn))),
        created_at=created,
        modified_at=part.moment("modifiedAt", created),
        policies=tuple(_policy(cluster, item, created) for item in part.parts("policies")),
        tags=part.labels("tags"),
        automatic=bool(part.get("automatic", False)),
    )
    part.done()
    return entry


def _policy(cluster: LabCluster, part: _Part, at: datetime) -> LabPolicy:
    arn = part.need("policyArn")
    if not arn.startswith("arn:"):
        arn = f"arn:{cluster.partition}:eks::aws:cluster-access-policy/{arn}"
    namespaces = part.texts("namespaces")
    part.done()
    return LabPolicy(arn, AccessScope("namespace" if namespaces else "cluster", namespaces), at, at)
