"""A world from a snapshot: a copy of a real cluster, to rehearse a migration on.

Everything that a plan depends on is there again: cluster, entries, principals with their unique ids
and creation dates, node groups, instances behind nodes, RBAC, aws-auth. Keys are made up. What a
snapshot does not hold cannot be copied: :attr:`Copy.left_out` says what that is. Principals of an
account that was not read completely are made as aws-auth names them, since they may exist; in an
account that was read, who is absent stays absent.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrator.decide.reading.read_aws_auth import read_aws_auth
from migrator.errors import Failed
from migrator.lab.worlds.copied_cluster import (
    Raw,
    add_nodes,
    moment,
    objects_of,
    with_moments,
    write_entries,
)
from migrator.lab.worlds.lab_cluster import LabCluster
from migrator.lab.worlds.principals import IAM_NAME, Account, make_id
from migrator.lab.worlds.raw_parts import items_of, part_of
from migrator.lab.worlds.world import IamRole, IamUser, World
from migrator.lab.worlds.world_files import ensure_service_role
from migrator.model.aws_auth import AwsAuth
from migrator.model.principal import Arn, parse_arn

FORMAT = "migrator/snapshot/v1"
# Where a snapshot names principals by the full ARNs of EKS.
_PRINCIPALS_OF = (
    ("accessEntries", "principalArn"),
    ("nodegroups", "nodeRole"),
    ("fargateProfiles", "podExecutionRoleArn"),
    ("nodes", "roleArn"),
)
# Where an account holds principals of a kind.
_LISTS = {"role": "roles", "user": "users"}
_LABEL = re.compile(r"[a-z0-9-]+")
# Fields that the lab answers from its own state.
_OWN_FIELDS = {
    "name",
    "arn",
    "createdAt",
    "version",
    "endpoint",
    "resourcesVpcConfig",
    "logging",
    "status",
    "certificateAuthority",
    "platformVersion",
    "tags",
    "accessConfig",
    "health",
}


@dataclass(slots=True)
class Copy:
    """A world, and in words what of the snapshot could not be copied into it."""

    world: World
    left_out: list[str] = field(default_factory=list)


def load_snapshot(path: Path, reader_roles: Iterable[str] = ()) -> Copy:
    """Read a snapshot file. Raises ``world-unreadable`` for a file that is missing or no JSON, and
    ``world-invalid`` for a document that is no snapshot.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Failed(
            "world-unreadable", f"cannot read the snapshot {path}", why=type(error).__name__
        ) from error
    return world_from_snapshot(raw, reader_roles)


def world_from_snapshot(raw: object, reader_roles: Iterable[str] = ()) -> Copy:
    """A copy of the cluster in a snapshot document. Raises ``world-invalid``.

    ``reader_roles`` are ARNs of roles through which foreign accounts are read: a snapshot does not
    name them.
    """
    if not isinstance(raw, Mapping) or raw.get("format") != FORMAT:
        raise Failed("world-invalid", "this is no snapshot", why=f"its format is not {FORMAT}")
    try:
        return _Copier(raw).copy(reader_roles)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise Failed(
            "world-invalid", "the snapshot cannot be copied into a world", why=why
        ) from error


def _other_fields(raw: Raw) -> dict[str, Any]:
    """What DescribeCluster showed beside the fields that the lab answers itself; null is left
    out.
    """
    return {
        key: value for key, value in raw.items() if value is not None and key not in _OWN_FIELDS
    }


def _enabled_log_types(logging: Iterable[Raw]) -> tuple[str, ...]:
    """The log types of ``clusterLogging`` that are on."""
    found: list[str] = []
    for setup in logging:
        if setup.get("enabled"):
            found += items_of(setup, "types")
    return tuple(found)


class _Copier:
    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._cluster_raw: Raw = raw["cluster"]
        arn = parse_arn(str(self._cluster_raw["arn"]))
        if arn is None:
            raise ValueError("the cluster's ARN is none")
        # Both become parts of file names and URLs.
        if not (_LABEL.fullmatch(arn.region) and _LABEL.fullmatch(arn.partition)):
            raise ValueError("the cluster's ARN is none")
        self._arn = arn
        self._world = World(name=f"copy of {self._cluster_raw['name']}")
        self._world.settings.region = arn.region
        self._copy = Copy(self._world)
        iam = part_of(raw, "iam")
        self._iam: list[Raw] = items_of(iam, "principals")
        # (account, kind) of which the snapshot has every principal.
        self._complete: set[tuple[str, str]] = set()
        for item in items_of(iam, "accountsRead"):
            for kind in ("roles", "users"):
                if item[kind]:
                    self._complete.add((item["account"], kind))

    def copy(self, reader_roles: Iterable[str]) -> Copy:
        """The whole copy. Principals come first: entries are pinned to their ids, and nodes have
        their roles.

        Raises KeyError, TypeError, ValueError and AttributeError for a document of another shape.
        """
        cluster = self._cluster()
        for item in self._iam:
            self._make(str(item["arn"]), item)
        for arn in self._mentioned():
            self._make_if_unknown(arn)
        self._operator()
        self._readers(reader_roles)
        ensure_service_role(self._account(self._arn))
        add_nodes(self._raw, self._account(self._arn), cluster)
        write_entries(self._raw, self._world, cluster)
        cluster.kubernetes_objects = list(objects_of(self._raw, self._copy.left_out))
        self._world.add_cluster(cluster)
        self._access_of_the_operator(cluster)
        return self._copy

    def _access_of_the_operator(self, cluster: LabCluster) -> None:
        """The operator who read the cluster had access: without a row or entry, only as hidden
        creator.

        Where the copy gives the operator no access, ``left_out`` says so.
        """
        operator, has_row = self._world.settings.operator, self._operator_has_a_row()
        if cluster.initial_mode != "CONFIG_MAP":
            holders = {entry["principalArn"] for entry in items_of(self._raw, "accessEntries")}
            if has_row or operator in holders:
                return
            text = "no row and no entry admits it; use another principal (migrate lab credentials)"
            self._copy.left_out.append(f"access of {operator}: {text}")
            return
        if self._raw.get("creator") is not None:
            return
        text = "the hidden creator: the snapshot does not know who made the cluster"
        if not has_row:
            cluster.creator_arn = operator
            text += f"; the copy takes {operator} for it, which no row admits"
        self._copy.left_out.append(text)

    def _operator_has_a_row(self) -> bool:
        """Whether aws-auth admits the operator: by a row for it, or by its account
        (``mapAccounts``).
        """
        arn = parse_arn(self._world.settings.operator or "")
        if arn is None:
            return False
        read = self._aws_auth()
        if arn.account in {row.account for row in read.accounts}:
            return True
        # The ConfigMap names a role without its path.
        key = str(arn)
        if arn.kind == "role":
            key = f"arn:{arn.partition}:iam::{arn.account}:role/{arn.name}"
        return key.lower() in {row.arn.lower() for row in read.rows}

    def _aws_auth(self) -> AwsAuth:
        """The rows of aws-auth; a snapshot without the ConfigMap has none."""
        return read_aws_auth(part_of(self._raw, "configMap", "data"))

    # The cluster.

    def _cluster(self) -> LabCluster:
        """The cluster without entries and objects. Where the snapshot has no version, it gets the
        lab's usual one.
        """
        raw = self._cluster_raw
        creator = part_of(self._raw, "creator")
        logging = items_of(raw, "logging", "clusterLogging")
        return LabCluster(
            name=str(raw["name"]),
            account=self._arn.account,
            region=self._arn.region,
            partition=self._arn.partition,
            initial_mode=part_of(raw, "accessConfig").get("authenticationMode") or "CONFIG_MAP",
            creator_arn=creator.get("arn"),
            created_at=moment(raw.get("createdAt")),
            version=str(raw.get("version") or "1.34"),
            platform_version=str(raw.get("platformVersion") or "eks.9"),
            nodegroups=self._named("nodegroups", "nodegroupName"),
            fargate_profiles=self._named("fargateProfiles", "fargateProfileName"),
            capabilities=self._named("capabilities", "capabilityName"),
            identity_provider_configs=self._named(
                "identityProviderConfigs", "identityProviderConfigName"
            ),
            vpc_config=dict(part_of(raw, "resourcesVpcConfig")),
            log_types=_enabled_log_types(logging),
            tags=dict(part_of(raw, "tags")),
            raw=_other_fields(raw),
        )

    def _named(self, key: str, name_key: str) -> dict[str, dict[str, Any]]:
        """Raw descriptions by name, with their times as moments. A list that the snapshot does not
        have at all is named in ``left_out``; an empty one was read and is empty.
        """
        found = self._raw.get(key)
        if found is None:
            self._copy.left_out.append(f"{key}: not in the snapshot")
        return {str(item[name_key]): with_moments(item) for item in found or []}

    # Principals.

    def _account(self, arn: Arn) -> Account:
        """The account of an ARN, made when it is first named."""
        if arn.account not in self._world.accounts:
            self._world.accounts[arn.account] = Account(arn.account, arn.partition)
        return self._world.accounts[arn.account]

    def _make(self, text: str, item: Raw) -> None:
        """Make a principal with its unique id and creation date; both are made up where ``item``
        has none.

        Other ARNs than those of roles and users name nothing that IAM could hold.
        """
        arn = parse_arn(text)
        if arn is None:
            return
        if arn.kind not in ("role", "service-linked-role", "user"):
            return
        # A row can name what IAM cannot have, with line breaks if it likes.
        if not (IAM_NAME.fullmatch(arn.name) and arn.account.isdecimal()):
            self._copy.left_out.append("a principal: IAM allows no such name")
            return
        account, born = self._account(arn), moment(item.get("createDate"))
        known_id = item.get("id") or self._id_of_the_caller(arn)
        if arn.kind == "user":
            user_id = str(known_id or make_id("AIDA", text))
            account.users[arn.name.lower()] = IamUser(text, arn.name, arn.path, user_id, born)
            return
        account.roles[arn.name.lower()] = IamRole(
            arn=text,
            name=arn.name,
            path=arn.path,
            id=str(known_id or make_id("AROA", text)),
            create_date=born,
            trust_policy=self._trust(arn, items_of(item, "trustedServices")),
        )

    def _id_of_the_caller(self, arn: Arn) -> str | None:
        """The unique id from STS of the principal that took the snapshot, if ``arn`` is its ARN.

        STS calls a session ``assumed-role/NAME/SESSION`` and its id ``AROA…:SESSION``.
        """
        caller = part_of(self._raw, "callerIdentity")
        known = parse_arn(str(caller.get("Arn") or ""))
        if known is None or known.account != arn.account:
            return None
        is_session = known.resource.startswith(f"assumed-role/{arn.name}/")
        if known.resource != arn.resource and not is_session:
            return None
        return str(caller.get("UserId") or "").partition(":")[0] or None

    def _trust(self, arn: Arn, services: Iterable[str]) -> dict[str, Any]:
        """A trust policy for the same services, and for the accounts of the role and of the
        cluster, so that an operator can rehearse.
        """
        accounts = sorted({arn.account, self._arn.account})
        roots = [f"arn:{arn.partition}:iam::{account}:root" for account in accounts]
        principals: list[dict[str, list[str]]] = [{"AWS": roots}]
        if names := list(services):
            principals.append({"Service": names})
        statements = [
            {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            for principal in principals
        ]
        return {"Version": "2012-10-17", "Statement": statements}

    def _mentioned(self) -> Iterable[str]:
        """Principals by the full ARNs of EKS first, then as aws-auth spells them: a name is made
        once, so the ARN with the path counts.
        """
        for key, name in _PRINCIPALS_OF:
            for item in items_of(self._raw, key):
                if item.get(name):
                    yield item[name]
        creator = part_of(self._raw, "creator")
        if creator.get("arn"):
            yield creator["arn"]
        for row in self._aws_auth().rows:
            yield row.arn

    def _make_if_unknown(self, text: str) -> None:
        """Make a principal that is only mentioned, unless its account was read: who was not there
        then, is not there in the copy.
        """
        arn = parse_arn(text)
        if arn is None or not arn.account.isdecimal():
            return
        kind = _LISTS.get(arn.kind)
        if kind is None:
            return
        there = getattr(self._account(arn), kind)
        if (arn.account, kind) in self._complete:
            return
        if arn.name.lower() not in there:
            self._make(text, {})

    def _operator(self) -> None:
        """The principal that took the snapshot is the operator of the copy; a user ``lab-operator``
        where the snapshot does not say. Of a session it is the role.
        """
        arn = parse_arn(str(part_of(self._raw, "callerIdentity").get("Arn") or ""))
        if arn is None:
            arn = Arn(self._arn.partition, "iam", "", self._arn.account, "user/lab-operator")
        account = self._account(arn)
        if arn.kind == "assumed-role":
            name = arn.resource.split("/")[1]
            if name.lower() not in account.roles:
                self._make(account.arn_of(f"role/{name}"), {})
            self._world.settings.operator = account.roles[name.lower()].arn
            return
        if arn.kind == "user" and account.find(arn) is None:
            self._make(str(arn), {})
        self._world.settings.operator = str(arn) if account.find(arn) else None

    def _readers(self, arns: Iterable[str]) -> None:
        """Make the roles that read IAM of foreign accounts; who may be assumed is the trust of
        every role of the copy.

        An account that the snapshot read, and that no given role is in, is named in ``left_out``.
        """
        parsed = [parse_arn(text) for text in arns]
        readers = [arn for arn in parsed if arn is not None and arn.kind == "role"]
        for arn in readers:
            if arn.name.lower() not in self._account(arn).roles:
                self._make(str(arn), {})
        found = [parse_arn(str(item["arn"])) for item in self._iam]
        read = {arn.account for arn in found if arn is not None}
        for account in sorted(read - {self._arn.account} - {arn.account for arn in readers}):
            self._copy.left_out.append(
                f"the role that reads account {account}: name it with --reader-role"
            )
